#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "check.h"
#include "reference.h"

enum { FILE_MAX = 1 << 20, PATH_BYTES = 4096 };

/* A folder of our own; the tests' files are below it. */
static char folder[64];

static int make_folder(void **state)
{
	(void)state;
	strcpy(folder, "/tmp/sluice-reference-XXXXXX");
	return mkdtemp(folder) == NULL ? -1 : 0;
}

static int remove_folder(void **state)
{
	(void)state;
	return rmdir(folder);
}

/* A path in the folder; good until the next call. */
static const char *path_of(const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

static const char *write_file(const char *name, const void *bytes, size_t len)
{
	const char *path = path_of(name);
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(bytes, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
	return path;
}

static char *vars[] = {"A=1",	   "AB=two",   "EMPTY=", "NO_VALUE",
		       "TILDE=~", "DOLLAR=$A", "_x9=u",  "A=later",
		       NULL};
static const struct reference_env env = {.home = "/home/me", .vars = vars};

/* ---- variables -------------------------------------------------------- */

static void variables_are_found_by_their_whole_name(void **state)
{
	static const struct {
		const char *name, *value;
	} cases[] = {
		{"A", "1"},	 {"AB", "two"},	    {"EMPTY", ""},
		{"B", NULL},	 {"NO_VALUE", NULL}, {"ABC", NULL},
		{"DOLLAR", "$A"}, {"a", NULL},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const char *name = cases[i].name;
		const char *value =
			reference_variable(vars, name, strlen(name));

		if (cases[i].value == NULL)
			assert_null(value);
		else
			assert_string_equal(value, cases[i].value);
	}
	assert_string_equal(reference_variable(vars, "AB", 1), "1");
	assert_null(reference_variable(NULL, "A", 1));
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
		/* only once */
		{"$DOLLAR", "$A"},
		/* dollars that name nothing */
		{"$", "$"},
		{"a$", "a$"},
		{"$$A", "$1"},
		{"$-", "$-"},
		{"${}", "${}"},
		{"${A", "${A"},
		{"${A-B}", "${A-B}"},
		/* a home stands in front only */
		{"~", "/home/me"},
		{"~/x", "/home/me/x"},
		{"$TILDE/x", "/home/me/x"},
		{"/x/~", "/x/~"},
		{" ~", " ~"},
		{"~~", "/home/me~"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char *text = NULL;

		assert_int_equal(reference_expand(&env, cases[i].text, &text),
				 0);
		assert_string_equal(text, cases[i].expanded);
		free(text);
	}
}

static void what_is_not_known_is_empty(void **state)
{
	static const struct reference_env nothing = {.home = NULL};
	char *text = NULL;

	(void)state;
	assert_int_equal(reference_expand(&nothing, "~/$A/x", &text), 0);
	assert_string_equal(text, "//x");
	free(text);
}

/* Whichever part it is that makes it too long. */
static void a_path_has_an_end(void **state)
{
	char home[PATH_BYTES + 1] = "", big[PATH_BYTES + 1] = "V=";
	char text[PATH_BYTES + 2] = "", *list[] = {big, NULL};
	const struct reference_env wide = {.home = home, .vars = list};
	static const struct {
		size_t home, var;
		const char *text;
		int rc;
	} cases[] = {
		{0, PATH_BYTES - 1, "$V", 0},
		{0, PATH_BYTES - 2, "$V/x", -ENAMETOOLONG},
		{0, PATH_BYTES / 2, "$V$V", -ENAMETOOLONG},
		{PATH_BYTES - 3, 0, "~/x", 0},
		{PATH_BYTES - 2, 0, "~/x", -ENAMETOOLONG},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char *ret = NULL;

		memset(home, 'h', cases[i].home);
		home[cases[i].home] = '\0';
		/* "V=" takes two bytes of the room. */
		memset(big + 2, 'v', PATH_BYTES - 2);
		big[cases[i].var < PATH_BYTES - 1 ? cases[i].var + 2
						  : PATH_BYTES] = '\0';
		assert_int_equal(reference_expand(&wide, cases[i].text, &ret),
				 cases[i].rc);
		assert_int_equal(ret != NULL, cases[i].rc == 0);
		free(ret);
	}
	memset(text, 't', PATH_BYTES - 1);
	{
		char *ret = NULL;

		assert_int_equal(reference_expand(&env, text, &ret), 0);
		assert_string_equal(ret, text);
		free(ret);
		ret = NULL;
		text[PATH_BYTES - 1] = 't';
		assert_int_equal(reference_expand(&env, text, &ret),
				 -ENAMETOOLONG);
		assert_null(ret);
	}
}
