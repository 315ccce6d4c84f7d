/* All sources of options together, as a program is started. */
#include <errno.h>
#include <pwd.h>
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
#include "config/config.h"
#include "config/option_help.h"
#include "config/option_sources.h"
#include "temp_folder.h"

#define ONE  ".config/nats/context/one.json"
#define TEXT ".config/nats/context.txt"

/* Each test has its own home. No error may quote HUNTER. */
static struct temp_folder home;

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

/* How a program is started. "^" in a text is the home. */
struct start {
	const char *flags[5];
	const char *env[6];
	const char *context; /* JSON of the selected one, with ' for " */
};

/* A copy with the home filled in; the caller frees it. */
static char *filled(const char *text)
{
	char *ret = calloc(1, 1024), *p = ret;

	assert_non_null(ret);
	for (; *text != '\0'; text++) {
		if (*text == '^')
			p = stpcpy(p, home.path);
		else
			*p++ = *text;
	}
	return ret;
}

static size_t fill(char **to, const char *const *from, size_t max)
{
	size_t n = 0;

	for (; n < max && from[n] != NULL; n++)
		to[n] = filled(from[n]);
	to[n] = NULL;
	return n;
}

static int begin(struct options *o, const struct start *s, char *err)
{
	char *argv[7] = {(char *)"sluice"}, *env[7];
	size_t n = fill(argv + 1, s->flags, ARRAY_LEN(s->flags));
	int rc;

	fill(env, s->env, ARRAY_LEN(s->env));
	if (s->context != NULL) {
		char *json = filled(s->context);

		for (char *p = json; (p = strchr(p, '\'')) != NULL;)
			*p = '"';
		put(ONE, json);
		put(TEXT, "one\n");
		free(json);
	}
	assert_int_equal(options_init(o), 0);
	rc = option_sources_parse_args(o, (int)n + 1, argv, err);
	if (rc == 0)
		rc = config_load(o, env, home.path, err);
	for (char **p = argv + 1; *p != NULL; p++)
		free(*p);
	for (char **p = env; *p != NULL; p++)
		free(*p);
	return rc;
}

/* It succeeds, and --check-config prints these lines (each ends with '\n'). */
static void holds(const struct start *s, const char *lines)
{
	char err[OPTIONS_ERROR_MAX], *want = filled(lines), *save = NULL;
	struct options o;
	struct buf b;

	if (begin(&o, s, err) != 0)
		fail_msg("%s", err);
	buf_init(&b, 1 << 16);
	assert_int_equal(option_help_print_config(&o, &b), 0);
	assert_int_equal(buf_putc(&b, '\0'), 0);
	assert_null(strstr((const char *)buf_data(&b), "HUNTER"));
	for (char *l = strtok_r(want, "\n", &save); l != NULL;
	     l = strtok_r(NULL, "\n", &save))
		assert_contains((const char *)buf_data(&b), l);
	buf_finish(&b);
	options_finish(&o);
	free(want);
}

/* It fails, and the error is one line with `part`. */
static void fails(const struct start *s, int rc, const char *part)
{
	char err[OPTIONS_ERROR_MAX], *want = filled(part);
	struct options o;

	memset(err, '\n', sizeof(err));
	if (begin(&o, s, err) != rc)
		fail_msg("not %d: %.500s", rc, err);
	assert_non_null(memchr(err, '\0', sizeof(err)));
	assert_contains(err, want);
	assert_null(strchr(err, '\n'));
	assert_null(strstr(err, "HUNTER"));
	options_finish(&o);
	free(want);
}

#define holds(lines, ...) (holds)(&(const struct start){__VA_ARGS__}, (lines))
#define fails(rc, part, ...) \
	(fails)(&(const struct start){__VA_ARGS__}, (rc), (part))

/* ---- layers ----------------------------------------------------------- */

static void nothing_said_is_the_default(void **state)
{
	(void)state;
	holds("server = nats://127.0.0.1:4222  (default)\n"
	      "context = the selected one, if any  (default)\n"
	      "creds = none  (default)\n",
	      .context = NULL);
}

/* Every subset of the four sources that can name a server. */
static void the_highest_layer_wins(void **state)
{
	static const char *const from[] = {
		"server = d:4  (context one)\n",
		"server = c:3  (environment NATS_URL)\n",
		"server = b:2  (environment SLUICE_SERVER)\n",
		"server = a:1  (flag)\n",
	};

	(void)state;
	for (unsigned set = 1; set < 16; set++) {
		struct start s = {.context = set & 1 ? "{'url':'d:4'}" : "{}"};
		unsigned top = 3;
		size_t n = 0;

		if (set & 2)
			s.env[n++] = "NATS_URL=c:3";
		if (set & 4)
			s.env[n++] = "SLUICE_SERVER=b:2";
		if (set & 8)
			s.flags[0] = "--server=a:1";
		while (!(set & 1u << top))
			top--;
		(holds)(&s, from[top]);
		(holds)(&s, "context = one  (selected)\n");
	}
}

static void a_context_is_named_at_every_layer(void **state)
{
	(void)state;
	put(".config/nats/context/two.json", "{\"url\": \"two\"}");
	put(".config/nats/context/three.json", "{\"url\": \"three\"}");
	put(".config/nats/context/four.json", "{\"url\": \"four\"}");
	holds("server = one  (context one)\ncontext = one  (selected)\n",
	      .context = "{'url':'one'}");
	holds("server = two  (context two)\n"
	      "context = two  (environment NATS_CONTEXT)\n",
	      .env = {"NATS_CONTEXT=two"});
	holds("server = three  (context three)\n"
	      "context = three  (environment SLUICE_CONTEXT)\n",
	      .env = {"NATS_CONTEXT=two", "SLUICE_CONTEXT=three"});
	holds("server = four  (context four)\ncontext = four  (flag)\n",
	      .flags = {"--context=four"},
	      .env = {"NATS_CONTEXT=two", "SLUICE_CONTEXT=three"});
	holds("server = two  (context ^/.config/nats/context/two.json)\n",
	      .flags = {"--context", "^/.config/nats/context/two.json"});
	/* its fields are below the variables of the nats command */
	holds("server = x:1  (environment NATS_URL)\n",
	      .flags = {"--context=four"}, .env = {"NATS_URL=x:1"});
}

static void empty_variables_are_not_set(void **state)
{
	(void)state;
	holds("server = one  (context one)\ncontext = one  (selected)\n"
	      "creds = none  (default)\n",
	      .env = {"NATS_CONTEXT=", "SLUICE_CONTEXT=", "NATS_CREDS=",
		      "XDG_CONFIG_HOME=", "HOME=", "NATS_URL="},
	      .context = "{'url':'one'}");
}

static void every_field_reaches_its_option(void **state)
{
	(void)state;
	put("file", "x");
	holds("server = a:1,tls://(hidden)@b  (context one)\n"
	      "user = alice  (context one)\n"
	      "password = (hidden)  (context one)\n"
	      "token = (hidden)  (context one)\n"
	      "tlsca = ^/file  (context one)\n"
	      "tlscert = ^/file  (context one)\n"
	      "tlskey = ^/file  (context one)\n"
	      "tlsfirst = 1  (context one)\n"
	      "inbox-prefix = _I  (context one)\n"
	      "js-domain = hub  (context one)\n",
	      .context = "{'url':'a:1, tls://u:HUNTER2@b','user':'alice',"
			 "'password':'HUNTER2','token':'HUNTER2','ca':'~/file',"
			 "'cert':'~/file','key':'^/file','tls_first':true,"
			 "'inbox_prefix':'_I','jetstream_domain':'hub'}");
	holds("creds = ^/file  (context one)\n"
	      "js-api-prefix = $JS.x.API  (context one)\n",
	      .env = {"WHERE=^"},
	      .context = "{'creds':'$WHERE/file',"
			 "'jetstream_api_prefix':'$JS.x.API.'}");
	holds("nkey = ^/file  (context one)\n",
	      .context = "{'nkey':'file://~/file'}");
	holds("user-jwt = (hidden)  (context one)\n"
	      "user-seed = (hidden)  (context one)\n",
	      .env = {"JWT=HUNTER2"},
	      .context = "{'user_jwt':'env://JWT','user_seed':'HUNTER2'}");
}

/* ---- credentials ------------------------------------------------------ */

static void higher_credentials_drop_lower_ones(void **state)
{
	(void)state;
	put("file", "x");
	holds("nkey = ^/file  (flag)\ncreds = none  (default)\n",
	      .flags = {"--nkey=^/file"}, .env = {"NATS_CREDS=/gone"},
	      .context = "{'user':'u','password':'HUNTER2'}");
	holds("creds = ^/file  (environment NATS_CREDS)\n"
	      "user = none  (default)\npassword = none  (default)\n",
	      .env = {"NATS_CREDS=^/file"},
	      .context = "{'user':'u','password':'HUNTER2'}");
	/* the file of a dropped option need not exist */
	holds("nkey = ^/file  (environment SLUICE_NKEY)\n"
	      "creds = none  (default)\n",
	      .env = {"SLUICE_NKEY=^/file"}, .context = "{'creds':'/gone'}");
	holds("user = alice  (flag)\npassword = (hidden)  (flag)\n",
	      .flags = {"--user=alice", "--password=HUNTER2"},
	      .context = "{'user_jwt':'HUNTER2','user_seed':'HUNTER2'}");
	holds("token = (hidden)  (flag)\n", .flags = {"--token=HUNTER2"},
	      .context = "{'token':'HUNTER3'}");
	holds("js-api-prefix = X  (flag)\njs-domain = none  (default)\n",
	      .flags = {"--js-api-prefix=X"},
	      .context = "{'jetstream_domain':'hub'}");
}

static void a_password_goes_with_its_own_user(void **state)
{
	(void)state;
	/* a user without a password is a token, and hidden */
	holds("user = (hidden)  (flag)\npassword = none  (default)\n",
	      .flags = {"--user=alice"},
	      .context = "{'user':'bob','password':'HUNTER2'}");
	holds("password = none  (default)\n",
	      .context = "{'password':'HUNTER2'}");
	fails(-EINVAL, "--password: needs --user too",
	      .flags = {"--password=HUNTER2"});
}

static void credentials_that_exclude_each_other(void **state)
{
	(void)state;
	fails(-EINVAL, "--creds: excludes SLUICE_NKEY; takes one of them",
	      .flags = {"--creds=/c"}, .env = {"SLUICE_NKEY=/n"});
	fails(-EINVAL, "NATS_CREDS: excludes NATS_NKEY; takes one of them",
	      .env = {"NATS_CREDS=/c", "NATS_NKEY=/n"});
	fails(-EINVAL, "context \"one\" (^/" ONE "): only one of user, creds",
	      .context = "{'creds':'/c','user':'HUNTER2'}");
	fails(-EINVAL, "field \"user\": excludes field \"token\"",
	      .context = "{'user':'HUNTER2','token':'HUNTER2'}");
	fails(-EINVAL,
	      "field \"jetstream_domain\": excludes field "
	      "\"jetstream_api_prefix\"",
	      .context = "{'jetstream_domain':'a','jetstream_api_prefix':'b'}");
	fails(-EINVAL, "field \"cert\": needs --tlskey too",
	      .context = "{'cert':'/c'}");
}

/* ---- files ------------------------------------------------------------ */

/* At every layer. */
static void files_that_are_not_there_are_named(void **state)
{
	static const struct {
		struct start start;
		const char *name;
	} cases[] = {
		{{.flags = {"--creds=^/gone"}}, "--creds"},
		{{.flags = {"--nkey=^/gone"}}, "--nkey"},
		{{.flags = {"--tlsca=^/gone"}}, "--tlsca"},
		{{.flags = {"--tlscert=^/gone", "--tlskey=^/file"}},
		 "--tlscert"},
		{{.flags = {"--tlskey=^/gone", "--tlscert=^/file"}},
		 "--tlskey"},
		{{.env = {"SLUICE_CREDS=^/gone"}}, "SLUICE_CREDS"},
		{{.env = {"SLUICE_NKEY=^/gone"}}, "SLUICE_NKEY"},
		{{.env = {"SLUICE_TLSCA=^/gone"}}, "SLUICE_TLSCA"},
		{{.env = {"SLUICE_TLSCERT=^/gone", "SLUICE_TLSKEY=^/file"}},
		 "SLUICE_TLSCERT"},
		{{.env = {"SLUICE_TLSKEY=^/gone", "SLUICE_TLSCERT=^/file"}},
		 "SLUICE_TLSKEY"},
		{{.env = {"NATS_CREDS=^/gone"}}, "NATS_CREDS"},
		{{.env = {"NATS_NKEY=^/gone"}}, "NATS_NKEY"},
		{{.env = {"NATS_CA=^/gone"}}, "NATS_CA"},
		{{.env = {"NATS_CERT=^/gone", "NATS_KEY=^/file"}}, "NATS_CERT"},
		{{.env = {"NATS_KEY=^/gone", "NATS_CERT=^/file"}}, "NATS_KEY"},
		{{.context = "{'creds':'~/gone'}"}, "field \"creds\""},
		{{.context = "{'nkey':'~/gone'}"}, "field \"nkey\""},
		{{.context = "{'ca':'~/gone'}"}, "field \"ca\""},
		{{.context = "{'cert':'~/gone','key':'~/file'}"},
		 "field \"cert\""},
		{{.context = "{'key':'~/gone','cert':'~/file'}"},
		 "field \"key\""},
	};

	(void)state;
	put("file", "x");
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char want[160];

		snprintf(want, sizeof(want),
			 "%s: wrong value \"^/gone\" (No such file or "
			 "directory); takes the path of a file with ",
			 cases[i].name);
		(fails)(&cases[i].start, -ENOENT, want);
	}
}

static void files_that_are_none_are_rejected(void **state)
{
	(void)state;
	fails(-EISDIR, "--tlsca: wrong value \"^\" (Is a directory); takes",
	      .flags = {"--tlsca=^"});
	/* a data: URI by mistake may be a key */
	fails(-ENOENT, "--nkey: wrong value \"data:(hidden)\" (No such file",
	      .flags = {"--nkey=data:;base64,HUNTER2"});
	fails(-ENOENT, "NATS_CREDS: wrong value \"a\\x0ab\" (No such file",
	      .env = {"NATS_CREDS=a\nb"});
}

/* ---- errors ----------------------------------------------------------- */

static void wrong_values_are_named_by_their_place(void **state)
{
	(void)state;
	fails(-EINVAL, "SLUICE_RETRY: wrong value \"3\"; takes a duration",
	      .env = {"SLUICE_RETRY=3"});
	fails(-EINVAL, "NATS_URL: wrong value \"ws://(hidden)@a\"",
	      .env = {"NATS_URL=ws://bob:HUNTER2@a"});
	fails(-EINVAL, "unknown variable SLUICE_STREEM; did you mean",
	      .env = {"SLUICE_STREEM=HUNTER2"});
	fails(-EINVAL,
	      "context \"one\" (^/" ONE "), field \"url\": wrong value "
	      "\"ws://(hidden)@a\" (NATS over WebSocket",
	      .context = "{'url':'ws://bob:HUNTER2@a'}");
	/* also where a higher layer wins */
	fails(-EINVAL, "field \"inbox_prefix\": wrong value \"a.>\"",
	      .flags = {"--inbox-prefix=x"},
	      .context = "{'inbox_prefix':'a.>'}");
	fails(-EINVAL, "field \"jetstream_domain\": wrong value \"a.b\"",
	      .context = "{'jetstream_domain':'a.b'}");
	fails(-EINVAL, "field \"socks_proxy\": SOCKS proxies are not",
	      .context = "{'socks_proxy':'a:1'}");
}

/* The default server is never used instead of a missing context. */
static void contexts_that_are_not_there_are_named(void **state)
{
	static const char gone[] =
		"context \"gone\" (^/.config/nats/context/gone.json): it does "
		"not exist";
	char want[128];

	(void)state;
	snprintf(want, sizeof(want), "--context: %s", gone);
	fails(-ENOENT, want, .flags = {"--context", "gone"},
	      .env = {"NATS_URL=a:1"}, .context = "{}");
	snprintf(want, sizeof(want), "SLUICE_CONTEXT: %s", gone);
	fails(-ENOENT, want, .env = {"SLUICE_CONTEXT=gone"});
	snprintf(want, sizeof(want), "NATS_CONTEXT: %s", gone);
	fails(-ENOENT, want, .env = {"NATS_CONTEXT=gone"});
	put(TEXT, "gone");
	snprintf(want, sizeof(want), "the selected %s", gone);
	fails(-ENOENT, want, .flags = {"--server=a:1"});
	fails(-EINVAL, "--context: context \"a/b\" (no file): a context name",
	      .flags = {"--context=a/b"});
	put(".config/nats/context/four.json/x", "");
	fails(-EISDIR, "--context: context \"four\"",
	      .flags = {"--context=four"});
	put(".config/nats/context/two.json", "{'password': HUNTER2");
	fails(-EINVAL, "two.json): it is not JSON (line 1",
	      .flags = {"--context=two"});
}

/* ---- the home --------------------------------------------------------- */

static void the_home_is_found(void **state)
{
	(void)state;
	put("file", "x");
	put("b/file", "x");
	put("b/.config/nats/context.txt", "two");
	put("b/.config/nats/context/two.json", "{\"ca\": \"~/file\"}");
	put("c/nats/context.txt", "three");
	put("c/nats/context/three.json", "{\"ca\": \"~/file\"}");
	holds("tlsca = ^/file  (context one)\n", .context = "{'ca':'~/file'}");
	holds("tlsca = ^/b/file  (context two)\n", .env = {"HOME=^/b"});
	holds("tlsca = ^/file  (context three)\n",
	      .env = {"XDG_CONFIG_HOME=^/c"});
	holds("tlsca = ^/b/file  (context three)\n",
	      .env = {"HOME=^/b", "XDG_CONFIG_HOME=^/c"});
	holds("context = the selected one, if any  (default)\n",
	      .env = {"HOME=^/none"});
}

static void a_home_that_is_not_given_is_the_passwd_entry(void **state)
{
	static const char *const vars[] = {
		"SLUICE_CONTEXT=no-context-has-this-name", NULL};
	const struct passwd *pw = getpwuid(geteuid());
	char want[256], err[OPTIONS_ERROR_MAX];
	struct options o;

	(void)state;
	snprintf(want, sizeof(want), "(%s/.config/nats/context/no-",
		 pw == NULL ? "" : pw->pw_dir);
	assert_int_equal(options_init(&o), 0);
	assert_int_equal(config_load(&o, (char *const *)vars, NULL, err),
			 -ENOENT);
	assert_contains(err, pw == NULL ? "HOME is set" : want);
	options_finish(&o);
}

#define WITH_KEY    .flags = {"--auth", "jwt", "--jwt-key", "^/key"}
#define WITH_SECRET .flags = {"--auth", "jwt", "--jwt-secret", "^/key"}

/* The content of the file is checked and never quoted. */
static void the_file_of_keys_is_read(void **state)
{
	(void)state;
	fails(-ENOENT, "--jwt-key: wrong value \"^/key\" (No such file",
	      WITH_KEY);
	put("key", "HUNTER\n");
	fails(-EINVAL, "--jwt-key: ^/key: it is neither PEM nor JWKS",
	      WITH_KEY);
	fails(-EINVAL, "--jwt-secret: ^/key: its secret has less than 32 bytes",
	      WITH_SECRET);
	put("key", "{\"keys\": [{\"kty\": \"HUNTER\"}]}");
	fails(-EINVAL, "--jwt-key: ^/key: its key set has no usable key",
	      WITH_KEY);
	put("key", "HUNTER and so on, for two and thirty bytes\n");
	holds("auth = jwt  (flag)\njwt-key = none  (default)\n"
	      "jwt-secret = ^/key  (flag)\njwt-claim = sub  (default)\n",
	      WITH_SECRET);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(nothing_said_is_the_default),
		test(the_highest_layer_wins),
		test(a_context_is_named_at_every_layer),
		test(empty_variables_are_not_set),
		test(every_field_reaches_its_option),
		test(higher_credentials_drop_lower_ones),
		test(a_password_goes_with_its_own_user),
		test(credentials_that_exclude_each_other),
		test(files_that_are_not_there_are_named),
		test(files_that_are_none_are_rejected),
		test(wrong_values_are_named_by_their_place),
		test(contexts_that_are_not_there_are_named),
		test(the_home_is_found),
		test(the_file_of_keys_is_read),
		cmocka_unit_test(a_home_that_is_not_given_is_the_passwd_entry),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
