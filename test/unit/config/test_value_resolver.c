/* Variables and ~ in paths, and the values of URIs. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/check.h"
#include "config/value_resolver.h"
#include "temp_folder.h"

enum { PATH_BYTES = 4096 };

static struct temp_folder folder;

static int setup(void **state)
{
	(void)state;
	return temp_folder_make(&folder);
}

static int teardown(void **state)
{
	(void)state;
	return temp_folder_remove(&folder);
}

static const char *const variables[] = {"A=1",	    "AB=two",  "EMPTY=",
					"NO_VALUE", "TILDE=~", "DOLLAR=$A",
					"_x9=u",    "A=later", NULL};
#define VARS(list) ((char *const *)(list))
static const struct value_resolver_env env = {.home = "/my-home",
					      .vars = VARS(variables)};

/* ---- variables -------------------------------------------------------- */

static void variables_are_found_by_their_whole_name(void **state)
{
	static const struct {
		const char *name, *value;
	} cases[] = {
		{"A", "1"},	  {"AB", "two"},      {"EMPTY", ""},
		{"B", NULL},	  {"NO_VALUE", NULL}, {"ABC", NULL},
		{"DOLLAR", "$A"}, {"a", NULL},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const char *name = cases[i].name;
		const char *value = value_resolver_variable(VARS(variables),
							    name, strlen(name));

		if (cases[i].value == NULL)
			assert_null(value);
		else
			assert_string_equal(value, cases[i].value);
	}
	assert_string_equal(value_resolver_variable(VARS(variables), "AB", 1),
			    "1");
	assert_null(value_resolver_variable(NULL, "A", 1));
}

static void texts_are_expanded(void **state)
{
	static const struct {
		const char *text, *expanded;
	} cases[] = {
		{"", ""},
		{"/plain/path", "/plain/path"},
		{"$A", "1"},
		{"${A}", "1"},
		{"/x/$AB/y", "/x/two/y"},
		{"$A.creds", "1.creds"},
		{"${A}B", "1B"},
		{"$A$A${AB}", "11two"},
		{"$_x9", "u"},
		{"[$EMPTY]", "[]"},
		{"[$NOT_SET]", "[]"},
		{"[${NOT_SET}]", "[]"},
		/* not expanded again */
		{"$DOLLAR", "$A"},
		/* dollar signs without a name */
		{"$", "$"},
		{"a$", "a$"},
		{"$$A", "$1"},
		{"$-", "$-"},
		{"${}", "${}"},
		{"${A", "${A"},
		{"${A-B}", "${A-B}"},
		/* ~ counts only at the start */
		{"~", "/my-home"},
		{"~/x", "/my-home/x"},
		{"$TILDE/x", "/my-home/x"},
		{"/x/~", "/x/~"},
		{" ~", " ~"},
		{"~~", "/my-home~"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char *text = NULL;

		assert_int_equal(value_resolver_expand(&env, cases[i].text,
						       &text),
				 0);
		assert_string_equal(text, cases[i].expanded);
		free(text);
	}
}

static void what_is_not_known_is_empty(void **state)
{
	static const struct value_resolver_env nothing = {.home = NULL};
	char *text = NULL;

	(void)state;
	assert_int_equal(value_resolver_expand(&nothing, "~/$A/x", &text), 0);
	assert_string_equal(text, "//x");
	free(text);
}

/* For each part that may make it too long. */
static void a_path_has_an_end(void **state)
{
	static const struct {
		size_t home, var;
		const char *text;
		int rc;
	} cases[] = {
		{0, PATH_BYTES - 1, "$V", 0},
		{0, PATH_BYTES - 1, "$V/", -ENAMETOOLONG},
		{0, PATH_BYTES / 2, "$V$V", -ENAMETOOLONG},
		{0, PATH_BYTES / 2, "$V/$A", 0},
		{PATH_BYTES - 3, 0, "~/x", 0},
		{PATH_BYTES - 2, 0, "~/x", -ENAMETOOLONG},
		{PATH_BYTES, 0, "/x", 0},
	};
	char home[PATH_BYTES + 1], var[PATH_BYTES + 2] = "V=";
	const char *const list[] = {var, NULL};
	const struct value_resolver_env wide = {.home = home,
						.vars = VARS(list)};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char *text = NULL;

		memset(home, 'h', cases[i].home);
		home[cases[i].home] = '\0';
		memset(var + 2, 'v', cases[i].var);
		var[2 + cases[i].var] = '\0';
		assert_int_equal(value_resolver_expand(&wide, cases[i].text,
						       &text),
				 cases[i].rc);
		assert_int_equal(text != NULL, cases[i].rc == 0);
		free(text);
	}
}

/* ---- URIs ------------------------------------------------------------- */

static void values_that_are_no_uri_stand_for_themselves(void **state)
{
	static const char *const cases[] = {
		"",	      "secret", "$A",	    "~/x",
		"/etc/creds", "data",	"file:/x",  "env:/A",
		"http://a/b", "op:/x",	" env://A", "xfile://y",
		"nscs://x/y", "env:A",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const char *why = NULL;
		char other, *text = &other;

		assert_int_equal(value_resolver_follow(&env, cases[i], &text,
						       &why),
				 0);
		assert_null(text);
	}
}

static void uris_lead_to_a_text(void **state)
{
	static const struct {
		const char *uri, *text;
	} cases[] = {
		{"env://AB", "two"},
		{"ENV://AB", "two"},
		{"env://DOLLAR", "$A"},
		{"env://LINES", "one\ntwo"},
		{"data:;base64,aHVudGVyMg==", "hunter2"},
		{"data:text/plain;base64,aHVudGVyMg==", "hunter2"},
		{"DATA:;base64,aHVudGVyMg==", "hunter2"},
		/* "a\nb\r\n": line ends only count at the end */
		{"data:;base64,YQpiDQo=", "a\nb"},
		{"data:;base64,+/+/", "\xfb\xff\xbf"},
		{"file://$FOLDER/secret", "hunter2"},
		{"file://${FOLDER}/secret", "hunter2"},
		{"FILE://~/secret", "hunter2"},
	};
	char named[80];
	const char *const list[] = {named, "AB=two", "DOLLAR=$A",
				    "LINES=one\ntwo\n\n", NULL};
	const struct value_resolver_env here = {.home = folder.path,
						.vars = VARS(list)};

	(void)state;
	temp_folder_write(&folder, "secret", "hunter2\r\n\n", 10);
	snprintf(named, sizeof(named), "FOLDER=%s", folder.path);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const char *why = NULL;
		char *text = NULL;
		int rc =
			value_resolver_follow(&here, cases[i].uri, &text, &why);

		if (rc != 0)
			fail_msg("%s: %s", cases[i].uri, why);
		assert_non_null(text);
		assert_string_equal(text, cases[i].text);
		free(text);
	}
}

static void uris_that_lead_nowhere_have_a_reason(void **state)
{
	static const struct {
		const char *uri;
		int rc;
		const char *why;
	} cases[] = {
		{"op://vault/item", -EINVAL, "op:// and nsc:// are not"},
		{"OP://vault/item", -EINVAL, "op:// and nsc:// are not"},
		{"nsc://o/a/u", -EINVAL, "op:// and nsc:// are not"},
		{"env://NOT_SET", -EINVAL, "the variable that its env://"},
		{"env://", -EINVAL, "the variable that its env://"},
		{"env://A B", -EINVAL, "the variable that its env://"},
		{"env://EMPTY", -EINVAL, "the value of its URI is empty"},
		{"env://ONLY_LINES", -EINVAL, "the value of its URI is empty"},
		{"data:", -EINVAL, "a data: URI must be of the form"},
		{"data:,plain", -EINVAL, "a data: URI must be of the form"},
		{"data:x,y", -EINVAL, "a data: URI must be of the form"},
		{"data:;base64", -EINVAL, "a data: URI must be of the form"},
		{"data:base64,YQ==", -EINVAL, "a data: URI must be of the"},
		{"data:;base64,", -EINVAL, "the value of its URI is empty"},
		{"data:;base64,Cg==", -EINVAL, "the value of its URI is empty"},
		{"data:;base64,YQ", -EINVAL, "its data: URI is not base64"},
		{"data:;base64,\xc1\xc1\xc1\xc1", -EINVAL,
		 "its data: URI is not base64"},
		{"data:;base64,YQ==x", -EINVAL, "its data: URI is not base64"},
		{"data:;base64,Y Q==", -EINVAL, "its data: URI is not base64"},
		{"data:;base64,-_-_", -EINVAL, "its data: URI is not base64"},
		{"data:;base64,YQBi", -EINVAL, "the value of its URI has"},
		{"file://$FOLDER/none", -ENOENT, "No such file"},
		{"file://", -ENOENT, "No such file"},
		{"file://$FOLDER", -EISDIR, "Is a directory"},
		{"file:///dev/zero", -EFBIG, "File too large"},
		{"file:///dev/null", -EINVAL, "the value of its URI is empty"},
		{"file://$LONG$LONG", -ENAMETOOLONG, "File name too long"},
	};
	char named[80], lengthy[3000] = "LONG=";
	const char *const list[] = {
		named, lengthy, "EMPTY=", "A=1", "ONLY_LINES=\r\n\n", NULL};
	const struct value_resolver_env here = {.home = folder.path,
						.vars = VARS(list)};

	(void)state;
	snprintf(named, sizeof(named), "FOLDER=%s", folder.path);
	memset(lengthy + 5, 'l', sizeof(lengthy) - 6);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const char *why = NULL;
		char *text = NULL;
		int rc =
			value_resolver_follow(&here, cases[i].uri, &text, &why);

		assert_null(text);
		if (rc != cases[i].rc || why == NULL ||
		    strncmp(why, cases[i].why, strlen(cases[i].why)) != 0)
			fail_msg("%s: %d, %s", cases[i].uri, rc,
				 why == NULL ? "no reason" : why);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(variables_are_found_by_their_whole_name),
		cmocka_unit_test(texts_are_expanded),
		cmocka_unit_test(what_is_not_known_is_empty),
		cmocka_unit_test(a_path_has_an_end),
		cmocka_unit_test(values_that_are_no_uri_stand_for_themselves),
		cmocka_unit_test(uris_lead_to_a_text),
		cmocka_unit_test(uris_that_lead_nowhere_have_a_reason),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
