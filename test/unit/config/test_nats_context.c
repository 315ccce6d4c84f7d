/* NATS CLI contexts: where they are, each field, and unsupported ones. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/check.h"
#include "config/nats_context.h"
#include "temp_folder.h"

#define ONE  ".config/nats/context/one.json"
#define TEXT ".config/nats/context.txt"

/* Each test has its own home. No error may quote HUNTER. */
static struct temp_folder home;

#define JWT  "eyJ0eXAi.eyJqdGk.c2ln"
#define SEED "SUAHUNTER2"
#define CREDS                                            \
	"-----BEGIN NATS USER JWT-----\n" JWT            \
	"\n------END NATS USER JWT------\n\nkeep it\n\n" \
	"-----BEGIN USER NKEY SEED-----\n" SEED          \
	"\n------END USER NKEY SEED------\n"

static const char *const variables[] = {
	"DIR=/run/secrets",
	"SECRET=HUNTER2\n",
	"EMPTY=",
	"CREDS=" CREDS,
	"NO_CREDS=HUNTER2",
	"BARE=" JWT "\n" SEED,
	"CRLF=-----BEGIN A-----\r\n" JWT "\r\n-----BEGIN B-----\r\n" SEED
	" \r\n",
	"NO_SEED=-----BEGIN NATS USER JWT-----\n" JWT,
	"NO_JWT=-----BEGIN USER NKEY SEED-----\n" SEED,
	NULL,
};

static struct nats_context_env env = {.home = home.path,
				      .env = (char *const *)variables};

static int setup(void **state)
{
	(void)state;
	return temp_folder_make(&home);
}

static int teardown(void **state)
{
	(void)state;
	return temp_folder_remove(&home);
}

#define test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

#define assert_contains(text, part)                                       \
	do {                                                              \
		if (strstr((text), (part)) == NULL)                       \
			fail_msg("\"%s\" is not in: %s", (part), (text)); \
	} while (0)

static void put(const char *name, const char *text)
{
	temp_folder_write(&home, name, text, strlen(text));
}

/* JSON with ' for " as the context "one". */
static void put_json(const char *text)
{
	char json[512];

	snprintf(json, sizeof(json), "%s", text);
	for (char *p = json; (p = strchr(p, '\'')) != NULL;)
		*p = '"';
	put(ONE, json);
}

/* "option=value\n" of each field. */
static void fields_text(const struct nats_context *c, char *out, size_t size)
{
	size_t len = 0;

	*out = '\0';
	for (size_t i = 0; i < c->n_fields && len < size; i++)
		len += (size_t)snprintf(out + len, size - len, "%s=%s\n",
					c->fields[i].option,
					c->fields[i].value);
}

static void loads(const char *name, const struct nats_context_env *where,
		  const char *fields)
{
	char err[CONTEXT_ERROR_MAX] = "no reason", text[2048];
	struct nats_context c;

	if (nats_context_load(&c, name, where, err) != 0)
		fail_msg("%s", err);
	fields_text(&c, text, sizeof(text));
	assert_string_equal(text, fields);
	nats_context_finish(&c);
}

/* The error is one line with `why`, and *ret is not set. */
static void fails(const char *name, const struct nats_context_env *where,
		  int rc, const char *why)
{
	char err[CONTEXT_ERROR_MAX];
	struct nats_context c = {.n_fields = 77};

	memset(err, '\n', sizeof(err));
	if (nats_context_load(&c, name, where, err) != rc)
		fail_msg("not %d: %.500s", rc, err);
	assert_int_equal(c.n_fields, 77);
	assert_null(c.name);
	assert_non_null(memchr(err, '\0', sizeof(err)));
	assert_contains(err, why);
	assert_null(strchr(err, '\n'));
	assert_null(strstr(err, "HUNTER"));
}

/* ---- where and which -------------------------------------------------- */

static void contexts_are_below_the_config_home(void **state)
{
	static const struct {
		const char *xdg, *home, *fields;
	} cases[] = {
		{"xdg", "me", "server=by-xdg\n"},
		{"xdg", NULL, "server=by-xdg\n"},
		{NULL, "me", "server=by-home\n"},
		{"", "me", "server=by-home\n"},
		/* no fallback to the home */
		{"none", "me", NULL},
		{NULL, "none", NULL},
	};

	(void)state;
	put("me/.config/nats/context/one.json", "{\"url\":\"by-home\"}");
	put("xdg/nats/context/one.json", "{\"url\":\"by-xdg\"}");
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char xdg[64], me[64];
		struct nats_context_env where = {0};

		snprintf(xdg, sizeof(xdg), "%s/%s", home.path, cases[i].xdg);
		snprintf(me, sizeof(me), "%s/%s", home.path, cases[i].home);
		if (cases[i].xdg != NULL)
			where.xdg_config_home = *cases[i].xdg ? xdg : "";
		if (cases[i].home != NULL)
			where.home = me;
		if (cases[i].fields != NULL)
			loads("one", &where, cases[i].fields);
		else
			fails("one", &where, -ENOENT, "none/");
	}
}

static void without_a_home_nothing_is_selected(void **state)
{
	static const struct nats_context_env nowhere[] = {
		{.home = NULL},
		{.home = "", .xdg_config_home = ""},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(nowhere); i++) {
		loads(NULL, &nowhere[i], "");
		fails("one", &nowhere[i], -ENOENT,
		      "context \"one\" (no file): neither XDG_CONFIG_HOME nor "
		      "HOME is set");
	}
}

static void nothing_selected_is_no_error(void **state)
{
	static const char *const texts[] = {"", " \t\r\n\v\f\n"};

	(void)state;
	nats_context_finish(NULL);
	loads(NULL, &env, "");
	put(ONE, "{\"url\":\"one\"}");
	loads(NULL, &env, "");
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		char err[CONTEXT_ERROR_MAX];
		struct nats_context c;

		put(TEXT, texts[i]);
		assert_int_equal(nats_context_load(&c, "", &env, err), 0);
		assert_null(c.name);
		assert_null(c.path);
		assert_int_equal(c.n_fields, 0);
		nats_context_finish(&c);
	}
	assert_int_equal(unlink(temp_folder_path(&home, TEXT)), 0);
	/* unreadable counts as none, as for the nats command */
	put(TEXT "/x", "");
	loads(NULL, &env, "");
}

static void the_selected_one_is_taken(void **state)
{
	static const char *const texts[] = {"one", "one\n", " \tone\r\n\n",
					    "\n\v\fone \f\v"};

	(void)state;
	put(ONE, "{\"url\":\"one\"}");
	put(".config/nats/context/two.json", "{\"url\":\"two\"}");
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		char err[CONTEXT_ERROR_MAX];
		struct nats_context c;

		put(TEXT, texts[i]);
		assert_int_equal(nats_context_load(&c, i % 2 ? "" : NULL, &env,
						   err),
				 0);
		assert_string_equal(c.name, "one");
		assert_string_equal(c.path, temp_folder_path(&home, ONE));
		assert_int_equal(c.n_fields, 1);
		nats_context_finish(&c);
		assert_null(c.name);
		assert_int_equal(c.n_fields, 0);
		nats_context_finish(&c);
		loads("two", &env, "server=two\n");
	}
}

/* The default server is never used instead. */
static void a_selection_that_is_wrong_is_an_error(void **state)
{
	static const struct {
		const char *text;
		int rc;
		const char *why;
	} cases[] = {
		{"gone", -ENOENT, "context/gone.json): it does not exist"},
		{"gone", -ENOENT, "context \"gone\" (/tmp/"},
		{"one two", -ENOENT, "context \"one two\""},
		{"../context/one", -EINVAL, "a context name must not contain"},
		{"a\nb", -ENOENT, "context \"a\\x0ab\""},
		/* a selection is a name, even one that ends in .json */
		{"/etc/x.json", -EINVAL, "a context name must not contain"},
		{"here.json", -ENOENT, "context/here.json.json): it does not"},
	};
	int before = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	(void)state;
	put(ONE, "{}");
	put("here.json", "{}");
	assert_true(before >= 0);
	assert_int_equal(chdir(home.path), 0);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		put(TEXT, cases[i].text);
		fails(NULL, &env, cases[i].rc, cases[i].why);
	}
	assert_int_equal(fchdir(before), 0);
	close(before);
}

static void names_lead_to_no_other_folder(void **state)
{
	static const char *const names[] = {
		"..",	 "../one", "a..b",	   "one/",	"/one", "/",
		"\\one", "on\\e",  "../../x.jsom", "a/.json/b", "\n/",
	};

	(void)state;
	put(ONE, "{}");
	put("one.json", "{}");
	put(".config/nats/context/..json", "{\"url\":\"dot\"}");
	loads(".", &env, "server=dot\n");
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		fails(names[i], &env, -EINVAL,
		      "a context name must not contain");
	fails("gone", &env, -ENOENT, "context/gone.json): it does not exist");
}

static void a_path_that_ends_in_json_is_a_file(void **state)
{
	int before = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char path[128], err[CONTEXT_ERROR_MAX];
	struct nats_context c;

	(void)state;
	assert_true(before >= 0);
	put("x/mine.json", "{\"url\":\"mine\"}");
	snprintf(path, sizeof(path), "%s",
		 temp_folder_path(&home, "x/mine.json"));
	assert_int_equal(nats_context_load(&c, path, &env, err), 0);
	assert_string_equal(c.name, "mine");
	assert_string_equal(c.path, path);
	nats_context_finish(&c);
	fails(temp_folder_path(&home, "x/gone.json"), &env, -ENOENT,
	      "/x/gone.json): it does not exist");
	/* without a slash a path only when the file exists, otherwise a name */
	put(".config/nats/context/mine.json.json", "{\"url\":\"named\"}");
	loads("mine.json", &env, "server=named\n");
	assert_int_equal(chdir(temp_folder_path(&home, "x")), 0);
	loads("mine.json", &env, "server=mine\n");
	loads("./mine.json", &env, "server=mine\n");
	loads("../x/mine.json", &env, "server=mine\n");
	assert_int_equal(fchdir(before), 0);
	close(before);
	fails(".json", &env, -ENOENT, "context/.json.json): it does not exist");
}

static void files_that_are_none_are_errors(void **state)
{
	static char big[(1 << 20) + 1];

	(void)state;
	put(ONE "/x", "");
	fails("one", &env, -EISDIR, "one.json): Is a directory");
	memset(big, ' ', sizeof(big));
	temp_folder_write(&home, ".config/nats/context/big.json", big,
			  sizeof(big));
	fails("big", &env, -EFBIG, "big.json): File too large");
	fails("one.json/x", &env, -EINVAL, "a context name");
	put("plain", "");
	fails(temp_folder_path(&home, "plain/x.json"), &env, -ENOENT,
	      "it does not exist");
}

/* ---- fields ----------------------------------------------------------- */

static void fields_become_options(void **state)
{
	static const struct {
		const char *json, *fields;
	} cases[] = {
		{"{}", ""},
		{"{'url':'nats://a:1,tls://b'}", "server=nats://a:1,tls://b\n"},
		{"{'user':'alice','password':'p','token':'t','cert':'/c',"
		 "'key':'/k','ca':'/ca','tls_first':true,'inbox_prefix':'_I',"
		 "'jetstream_domain':'d','jetstream_api_prefix':'$JS.x.API'}",
		 "user=alice\npassword=p\ntoken=t\ntlscert=/c\ntlskey=/k\n"
		 "tlsca=/ca\ntlsfirst=1\ninbox-prefix=_I\njs-domain=d\n"
		 "js-api-prefix=$JS.x.API\n"},
		{"{'creds':'/a.creds'}", "creds=/a.creds\n"},
		{"{'nkey':'/a.nk'}", "nkey=/a.nk\n"},
		{"{'user_jwt':'ey','user_seed':'SU'}",
		 "user-jwt=ey\nuser-seed=SU\n"},
		/* fields without a meaning here, of any type */
		{"{'name':'x','description':'x','color_scheme':'x',"
		 "'jetstream_event_prefix':'x','windows_cert_match_by':'x',"
		 "'windows_cert_match':'x','windows_ca_certs_match':['x'],"
		 "'later':{'url':1},'u\\u0072ls':'x'}",
		 ""},
		{"{'url':'','user':'','password':'','token':'','creds':'',"
		 "'nkey':'','cert':'','key':'','ca':'','nsc':'','user_jwt':'',"
		 "'user_seed':'','socks_proxy':'','windows_cert_store':'',"
		 "'tls_first':false}",
		 ""},
		{"{'url':null,'creds':null,'nsc':null,'tls_first':null}", ""},
		/* names as in encoding/json of Go; the last one wins */
		{"{'URL':'a','Creds':'/c'}", "server=a\ncreds=/c\n"},
		{"{'URL':'a','url':'b'}", "server=b\n"},
		{"{'url':'a','Url':'b'}", "server=b\n"},
		{"{'url':'a','url':'b'}", "server=b\n"},
		{"{'nsc':'nsc://o/a/u','nsc':''}", ""},
		{"{'u\\u0072l':'a'}", "server=a\n"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		put_json(cases[i].json);
		loads("one", &env, cases[i].fields);
	}
}

/* One field with a JSON string. */
static void put_field(const char *key, const char *value)
{
	char json[256];

	snprintf(json, sizeof(json), "{'%s':'%s'}", key, value);
	put_json(json);
}

static void variables_and_home_are_put_into_paths(void **state)
{
	static const char *const fields[][2] = {
		{"creds", "creds"}, {"nkey", "nkey"}, {"cert", "tlscert"},
		{"key", "tlskey"},  {"ca", "tlsca"},
	};
	static const char *const plain[][2] = {
		{"url", "server"},
		{"user", "user"},
		{"password", "password"},
		{"token", "token"},
		{"user_jwt", "user-jwt"},
		{"user_seed", "user-seed"},
		{"inbox_prefix", "inbox-prefix"},
	};
	char want[128];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
		snprintf(want, sizeof(want), "%s=/run/secrets/f\n",
			 fields[i][1]);
		put_field(fields[i][0], "$DIR/f");
		loads("one", &env, want);
		put_field(fields[i][0], "${DIR}/${EMPTY}f$NOT_SET");
		loads("one", &env, want);
		put_field(fields[i][0], "file://$DIR/f");
		loads("one", &env, want);
		snprintf(want, sizeof(want), "%s=%s/f\n", fields[i][1],
			 home.path);
		put_field(fields[i][0], "~/f");
		loads("one", &env, want);
	}
	for (size_t i = 0; i < ARRAY_LEN(plain); i++) {
		snprintf(want, sizeof(want), "%s=~/$DIR\n", plain[i][1]);
		put_field(plain[i][0], "~/$DIR");
		loads("one", &env, want);
	}
}

static void secrets_may_stand_elsewhere(void **state)
{
	static const char *const fields[][2] = {{"password", "password"},
						{"token", "token"},
						{"user_jwt", "user-jwt"},
						{"user_seed", "user-seed"}};
	static const char *const uris[] = {"env://SECRET", "file://~/secret",
					   "data:;base64,SFVOVEVSMg=="};

	(void)state;
	put("secret", "HUNTER2\n");
	for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
		for (size_t k = 0; k < ARRAY_LEN(uris); k++) {
			char want[64];

			snprintf(want, sizeof(want), "%s=HUNTER2\n",
				 fields[i][1]);
			put_field(fields[i][0], uris[k]);
			loads("one", &env, want);
		}
	}
}

static void credentials_may_be_in_no_file(void **state)
{
	static const char both[] = "user-jwt=" JWT "\nuser-seed=" SEED "\n";

	(void)state;
	put_field("creds", "env://CREDS");
	loads("one", &env, both);
	put_field("creds", "env://CRLF");
	loads("one", &env, both);
	/* "-----BEGIN A\neyA\n-----BEGIN B\nSUB" */
	put_field("creds", "data:;base64,LS0tLS1CRUdJTiBBCmV5QQotLS0tLUJFR0lO"
			   "IEIKU1VC");
	loads("one", &env, "user-jwt=eyA\nuser-seed=SUB\n");
}

/* ---- what can't be honoured ------------------------------------------- */

static void fields_that_cannot_be_honoured(void **state)
{
	static const struct {
		const char *key, *value;
		int rc;
		const char *why;
	} cases[] = {
		{"nsc", "nsc://o/a/u", -EINVAL, "credentials from nsc are not"},
		{"socks_proxy", "a:1", -EINVAL, "SOCKS proxies are not"},
		{"windows_cert_store", "user", -EINVAL,
		 "certificate stores are not supported"},
		{"creds", "op://HUNTER2", -EINVAL, "op:// and nsc:// are not"},
		{"creds", "nsc://o/a/u", -EINVAL, "op:// and nsc:// are not"},
		{"password", "op://HUNTER2", -EINVAL, "op:// and nsc:// are"},
		{"token", "op://HUNTER2", -EINVAL, "op:// and nsc:// are"},
		{"user_jwt", "op://HUNTER2", -EINVAL, "op:// and nsc:// are"},
		{"user_seed", "op://HUNTER2", -EINVAL, "op:// and nsc:// are"},
		{"nkey", "op://HUNTER2", -EINVAL, "only a file is supported"},
		{"nkey", "nsc://o/a/u", -EINVAL, "only a file is supported"},
		{"nkey", "env://SECRET", -EINVAL, "only a file is supported"},
		{"nkey", "data:;base64,SFVOVEVSMg==", -EINVAL,
		 "only a file is supported"},
		{"password", "env://HUNTER", -EINVAL, "is not set"},
		{"token", "env://EMPTY", -EINVAL, "is empty"},
		{"token", "file://~/HUNTER", -ENOENT, "No such file"},
		{"token", "data:HUNTER", -EINVAL, "must be of the form"},
		{"token", "data:;base64,HUNTER", -EINVAL, "is not base64"},
		{"creds", "env://NOT_SET", -EINVAL, "is not set"},
		{"creds", "env://NO_CREDS", -EINVAL,
		 "not lead to a credentials file"},
		{"creds", "env://BARE", -EINVAL,
		 "not lead to a credentials file"},
		{"creds", "env://NO_SEED", -EINVAL,
		 "not lead to a credentials file"},
		{"creds", "env://NO_JWT", -EINVAL,
		 "not lead to a credentials file"},
		{"creds", "$EMPTY", -EINVAL, "its path is empty"},
		{"ca", "${NOT_SET}", -EINVAL, "its path is empty"},
		{"nkey", "file://", -EINVAL, "its path is empty"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char want[64];

		put_field(cases[i].key, cases[i].value);
		snprintf(want, sizeof(want),
			 "one.json): field \"%s\": ", cases[i].key);
		fails("one", &env, cases[i].rc, want);
		fails("one", &env, cases[i].rc, cases[i].why);
	}
}

static void fields_of_a_wrong_type(void **state)
{
	static const char *const texts[] = {
		"url",
		"user",
		"password",
		"token",
		"creds",
		"nkey",
		"cert",
		"key",
		"ca",
		"user_jwt",
		"user_seed",
		"inbox_prefix",
		"nsc",
		"socks_proxy",
		"windows_cert_store",
		"jetstream_domain",
		"jetstream_api_prefix",
	};
	static const char *const values[] = {"7", "true", "['HUNTER2']",
					     "{'x':'HUNTER2'}"};
	static const char *const no_bools[] = {"'true'", "1", "[]"};
	char json[64], want[64];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		snprintf(want, sizeof(want), "field \"%s\" must be a string",
			 texts[i]);
		for (size_t k = 0; k < ARRAY_LEN(values); k++) {
			snprintf(json, sizeof(json), "{'%s':%s}", texts[i],
				 values[k]);
			put_json(json);
			fails("one", &env, -EINVAL, want);
		}
	}
	for (size_t i = 0; i < ARRAY_LEN(no_bools); i++) {
		snprintf(json, sizeof(json), "{'tls_first':%s}", no_bools[i]);
		put_json(json);
		fails("one", &env, -EINVAL,
		      "field \"tls_first\" must be true or false");
	}
}

static void a_path_that_is_too_long(void **state)
{
	static char json[8192];
	size_t len = strlen(strcpy(json, "{\"ca\": \""));

	(void)state;
	memset(json + len, 'p', 4096);
	strcpy(json + len + 4096, "\"}");
	put(ONE, json);
	fails("one", &env, -ENAMETOOLONG, "field \"ca\": File name too long");
}

static void only_one_way_to_log_in(void **state)
{
	static const char *const cases[] = {
		"{'user':'HUNTER2','creds':'/c'}",
		"{'user':'HUNTER2','nkey':'/n'}",
		"{'user':'HUNTER2','user_jwt':'HUNTER2'}",
		"{'creds':'/c','nkey':'/n'}",
		"{'creds':'/c','user_jwt':'HUNTER2'}",
		"{'nkey':'/n','user_jwt':'HUNTER2'}",
		/* nor beside what creds contains */
		"{'creds':'env://CREDS','user':'HUNTER2'}",
		"{'creds':'env://CREDS','nkey':'/n'}",
		"{'creds':'env://CREDS','user_jwt':'HUNTER2'}",
		"{'creds':'env://CREDS','user_seed':'HUNTER2'}",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		put_json(cases[i]);
		fails("one", &env, -EINVAL,
		      "only one of user, creds, nkey and user_jwt");
	}
}

static void what_is_no_json_object(void **state)
{
	static const struct {
		const char *text, *why;
	} cases[] = {
		{"", "it is not JSON (line 1"},
		{" \n\n", "it is not JSON (line 3"},
		{"{", "it is not JSON (line 1"},
		{"{}x", "it is not JSON"},
		{"{}{}", "it is not JSON"},
		{"{'url': 'HUNTER2'}", "it is not JSON"},
		{"{\"password\": \"HUNTER2\",}", "it is not JSON"},
		{"{\n\"password\": HUNTER2}", "it is not JSON (line 2"},
		{"{\"password\": \"HUNTER2\n\"}", "it is not JSON"},
		{"{\"url\": \"HUNTER\xff\"}", "it is not JSON"},
		{"{\"url\": \"HUNTER\\u0000\"}", "it is not JSON"},
		{"\xef\xbb\xbf{}", "it is not JSON"},
		{"null", "it is not JSON"},
		{"\"HUNTER2\"", "it is not JSON"},
		{"[]", "it is not a JSON object"},
		{"[{\"password\": \"HUNTER2\"}]", "it is not a JSON object"},
	};
	static char deep[100000];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		put(ONE, cases[i].text);
		fails("one", &env, -EINVAL, cases[i].why);
	}
	temp_folder_write(&home, ONE, "{}\0", 3);
	fails("one", &env, -EINVAL, "it is not JSON");
	memset(deep, '[', sizeof(deep));
	temp_folder_write(&home, ONE, deep, sizeof(deep));
	fails("one", &env, -EINVAL, "its JSON is nested too deeply");
}

/* A long name does not cut the reason. */
static void errors_fit_their_line(void **state)
{
	static char path[4096] = "/";
	char name[1024] = "";

	(void)state;
	put(ONE, "{}");
	memset(name, 'n', sizeof(name) - 1);
	fails(name, &env, -ENAMETOOLONG, "nnn...\" (");
	fails(name, &env, -ENAMETOOLONG, "...): File name too long");
	memset(path + 1, '\n', sizeof(path) - 7);
	strcpy(path + sizeof(path) - 6, ".json");
	fails(path, &env, -ENAMETOOLONG, "\\x0a...): File name too long");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(contexts_are_below_the_config_home),
		test(without_a_home_nothing_is_selected),
		test(nothing_selected_is_no_error),
		test(the_selected_one_is_taken),
		test(a_selection_that_is_wrong_is_an_error),
		test(names_lead_to_no_other_folder),
		test(a_path_that_ends_in_json_is_a_file),
		test(files_that_are_none_are_errors),
		test(fields_become_options),
		test(variables_and_home_are_put_into_paths),
		test(secrets_may_stand_elsewhere),
		test(credentials_may_be_in_no_file),
		test(fields_that_cannot_be_honoured),
		test(fields_of_a_wrong_type),
		test(a_path_that_is_too_long),
		test(only_one_way_to_log_in),
		test(what_is_no_json_object),
		test(errors_fit_their_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
