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
#include "config/options.h"

static int setup(void **state)
{
	struct options *o = malloc(sizeof(*o));

	*state = o;
	return o == NULL ? -1 : options_init(o);
}

static int teardown(void **state)
{
	options_finish(*state);
	free(*state);
	return 0;
}

#define test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})

static int take_args(struct options *o, const char *const *words, char *err)
{
	int n = 0;

	while (words[n] != NULL)
		n++;
	return options_parse_args(o, n, (char *const *)words, err);
}

/* The command line behind the program's name. */
#define args(o, err, ...) take_args((o), WORDS("sluice", __VA_ARGS__), (err))
#define environment(o, err, ...) \
	options_parse_env((o), (char *const *)WORDS(__VA_ARGS__), (err))

#define assert_contains(text, part)                                       \
	do {                                                              \
		if (strstr((text), (part)) == NULL)                       \
			fail_msg("\"%s\" is not in: %s", (part), (text)); \
	} while (0)

static char *printed(const struct options *o)
{
	struct buf b;

	buf_init(&b, 1 << 16);
	assert_int_equal(options_print(o, &b), 0);
	assert_int_equal(buf_putc(&b, '\0'), 0);
	return (char *)b.data;
}

#define assert_printed(o, line)                                        \
	do {                                                           \
		char *text_ = printed(o);                              \
		if (strstr(text_, "\n" line "\n") == NULL)             \
			fail_msg("\"%s\" is not in: %s", line, text_); \
		free(text_);                                           \
	} while (0)

#define assert_not_printed(o, part)                                  \
	do {                                                         \
		char *text_ = printed(o);                            \
		if (strstr(text_, (part)) != NULL)                   \
			fail_msg("\"%s\" is in: %s", (part), text_); \
		free(text_);                                         \
	} while (0)

/* ---- defaults --------------------------------------------------------- */

static void defaults_are_those_of_the_manual(void **state)
{
	struct options *o = *state;
	char err[OPTIONS_ERROR_MAX];

	assert_int_equal(options_finish_parsing(o, err), 0);
	assert_int_equal(o->listen.n, 1);
	assert_string_equal(o->listen.items[0], "127.0.0.1:8080");
	assert_int_equal(o->admin_listen.n, 1);
	assert_string_equal(o->admin_listen.items[0], "127.0.0.1:8081");
	assert_int_equal(o->server.n, 1);
	assert_string_equal(o->server.items[0], "nats://127.0.0.1:4222");
	assert_null(o->context);
	assert_null(o->user);
	assert_null(o->password);
	assert_null(o->token);
	assert_null(o->creds);
	assert_null(o->nkey);
	assert_null(o->user_jwt);
	assert_null(o->user_seed);
	assert_null(o->tlsca);
	assert_null(o->tlscert);
	assert_null(o->tlskey);
	assert_false(o->tlsfirst);
	assert_null(o->inbox_prefix);
	assert_null(o->js_domain);
	assert_null(o->js_api_prefix);
	assert_string_equal(o->stream, "Events");
	assert_string_equal(o->subject, "events.{id}");
	assert_string_equal(o->subject_template.prefix, "events.");
	assert_string_equal(o->id_header, "user_id");
	assert_null(o->id_query);
	assert_false(o->ui);
	assert_int_equal(o->ping_interval_ms, 30000);
	assert_int_equal(o->ping_style, PING_MESSAGE);
	assert_int_equal(o->retry_ms, 3000);
	assert_int_equal(o->buffer_size, 64 << 20);
	assert_int_equal(o->max_replays, 256);
	assert_int_equal(o->max_connections, 0);
	assert_int_equal(o->max_header_bytes, 16384);
	assert_int_equal(o->header_timeout_ms, 10000);
	assert_int_equal(o->idle_timeout_ms, 75000);
	assert_int_equal(o->drain_delay_ms, 5000);
	assert_int_equal(o->drain_timeout_ms, 20000);
	assert_int_equal(o->log_format, LOG_TEXT);
	assert_int_equal(o->log_level, LOG_INFO);
	assert_false(o->check || o->help || o->version);
	assert_int_equal(o->healthcheck, HEALTHCHECK_OFF);
}

/* ---- the command line ------------------------------------------------- */

static void flags_of_every_type(void **state)
{
	struct options *o = *state;
	char err[OPTIONS_ERROR_MAX];

	assert_int_equal(args(o, err, "--listen", "127.0.0.1:0",
			      "--listen=[::1]:80", "--admin-listen",
			      "unix:/run/a.sock,localhost:1",
			      "--ping-interval=250ms", "--ping-style",
			      "comment", "--buffer-size", "1GiB",
			      "--max-replays", "7", "--tlsfirst",
			      "--subject={id}.inbox", "--log-level=debug",
			      "--log-format", "json", "--password=", "--help"),
			 -EINVAL);
	assert_contains(err, "--password");
	assert_int_equal(o->listen.n, 2);
	assert_string_equal(o->listen.items[0], "127.0.0.1:0");
	assert_string_equal(o->listen.items[1], "[::1]:80");
	assert_int_equal(o->admin_listen.n, 2);
	assert_string_equal(o->admin_listen.items[0], "unix:/run/a.sock");
	assert_string_equal(o->admin_listen.items[1], "localhost:1");
	assert_int_equal(o->ping_interval_ms, 250);
	assert_int_equal(o->ping_style, PING_COMMENT);
	assert_int_equal(o->buffer_size, 1 << 30);
	assert_int_equal(o->max_replays, 7);
	assert_true(o->tlsfirst);
	assert_string_equal(o->subject_template.suffix, ".inbox");
	assert_int_equal(o->log_level, LOG_DEBUG);
	assert_int_equal(o->log_format, LOG_JSON);
	assert_false(o->help);
}

static void two_options_have_a_letter(void **state)
{
	struct options *o = *state;
	char err[OPTIONS_ERROR_MAX];

	assert_int_equal(args(o, err, "-h", "-V"), 0);
	assert_true(o->help && o->version);
}

static void the_last_flag_of_a_kind_wins(void **state)
{
	struct options *o = *state;
	char err[OPTIONS_ERROR_MAX];

	assert_int_equal(args(o, err, "--stream", "A", "--stream", "B",
			      "--tlsfirst", "--tlsfirst=0"),
			 0);
	assert_string_equal(o->stream, "B");
	assert_false(o->tlsfirst);
}

static void lists_skip_blanks_and_empty_items(void **state)
{
	struct options *o = *state;
	char err[OPTIONS_ERROR_MAX];

	assert_int_equal(args(o, err, "--server",
			      " nats://a:1 ,\tb:2,, tls://c, "),
			 0);
	assert_int_equal(o->server.n, 3);
	assert_string_equal(o->server.items[0], "nats://a:1");
	assert_string_equal(o->server.items[1], "b:2");
	assert_string_equal(o->server.items[2], "tls://c");
	assert_int_equal(args(o, err, "--server", " , ,"), -EINVAL);
	assert_contains(err, "it is empty");
	assert_int_equal(o->server.n, 3);
}

static void lists_have_an_end(void **state)
{
	struct options *o = *state;
	char err[OPTIONS_ERROR_MAX];

	for (int i = 0; i < 64; i++)
		assert_int_equal(args(o, err, "--server", "a:1"), 0);
	assert_int_equal(args(o, err, "--server", "a:1"), -EINVAL);
	assert_contains(err, "64");
	assert_int_equal(o->server.n, 64);
}

static void off_makes_the_admin_list_empty(void **state)
{
	struct options *o = *state;
	char err[OPTIONS_ERROR_MAX];

	assert_int_equal(args(o, err, "--admin-listen", "off"), 0);
	assert_int_equal(o->admin_listen.n, 0);
	assert_printed(o, "admin-listen = off  (flag)");
	assert_int_equal(args(o, err, "--admin-listen", "a:1"), -EINVAL);
	assert_contains(err, "off stands alone");
	assert_int_equal(args(o, err, "--listen", "off"), -EINVAL);
}

static void wrong_values_are_named_with_what_is_right(void **state)
{
	static const struct {
		const char *option, *value, *why;
	} cases[] = {
		{"listen", "8080", "HOST:PORT"},
		{"listen", "a:65536", "0 to 65535"},
		{"listen", "::1:80", "HOST:PORT"},
		{"admin-listen", "on", "HOST:PORT"},
		{"server", "ws://a", "WebSocket"},
		{"server", "wss://a", "WebSocket"},
		{"server", "http://a", "nats:// nor tls://"},
		{"inbox-prefix", "a.>", "without wildcards"},
		{"inbox-prefix", "a.", "without wildcards"},
		{"js-domain", "a.b", "one token"},
		{"js-api-prefix", "a b", "without wildcards"},
		{"stream", "a.b", "a stream's name"},
		{"subject", "events", "must hold {id} once"},
		{"id-header", "user id", "no header's name"},
		{"id-header", "Last-Event-ID", "meaning of its own"},
		{"id-query", "a&b", "letters, digits"},
		{"id-query", "deliver", "meaning of its own"},
		{"ping-interval", "30", "duration from 10ms to 24h, or 0"},
		{"ping-interval", "9ms", "duration from 10ms to 24h, or 0"},
		{"ping-interval", "25h", "duration from 10ms to 24h, or 0"},
		{"ping-interval", "-1s", "such as 250ms, 30s, 5m, 1h"},
		{"ping-style", "loud", "takes message, comment or event"},
		{"retry", "0", "duration from 1ms to 1h "},
		{"buffer-size", "1KiB", "size from 64KiB to"},
		{"buffer-size", "64MB", "such as 64KiB, 8MiB, 1GiB, or"},
		{"max-replays", "0", "number from 1 to 65535"},
		{"max-replays", "65536", "number from 1 to 65535"},
		{"max-connections", "many", "number from 1 to 10000000"},
		{"max-header-bytes", "2MiB", "size from 256 to 1MiB"},
		{"header-timeout", "0", "duration from 10ms to 1h "},
		{"idle-timeout", "1d", "duration from 10ms to 24h "},
		{"drain-delay", "2h", "duration from 1ms to 1h, or 0"},
		{"drain-timeout", "x", "duration from 1ms to 24h, or 0"},
		{"log-format", "xml", "takes text or json"},
		{"log-level", "loud", "error, warn, info or debug"},
		{"tlsfirst", "yes", "takes 1 or 0"},
		{"context", "", "it is empty"},
	};
	struct options *o = *state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char arg[128], want[160], err[OPTIONS_ERROR_MAX] = "";

		snprintf(arg, sizeof(arg), "--%s=%s", cases[i].option,
			 cases[i].value);
		assert_int_equal(args(o, err, arg), -EINVAL);
		snprintf(want, sizeof(want), "--%s: wrong value \"%s\"",
			 cases[i].option, cases[i].value);
		assert_contains(err, want);
		assert_contains(err, cases[i].why);
		assert_contains(err, "; takes ");
		assert_null(strchr(err, '\n'));
	}
}

/* A refused value leaves the one before it. */
static void a_wrong_value_changes_nothing(void **state)
{
	struct options *o = *state;
	char err[OPTIONS_ERROR_MAX];

	assert_int_equal(args(o, err, "--subject", "a.{id}"), 0);
	assert_int_equal(args(o, err, "--subject", "a.*"), -EINVAL);
	assert_string_equal(o->subject, "a.{id}");
	assert_string_equal(o->subject_template.prefix, "a.");
	assert_int_equal(args(o, err, "--listen", "a:1,b"), -EINVAL);
	assert_string_equal(o->listen.items[0], "127.0.0.1:8080");
	assert_printed(o, "subject = a.{id}  (flag)");
}

static void unknown_flags_are_named_and_the_nearest_told(void **state)
{
	static const struct {
		const char *arg, *err;
	} cases[] = {
		{"--steam=E", "unknown option --steam; did you mean --stream?"},
		{"--ping", "unknown option --ping; did you mean "
			   "--ping-interval?"},
		{"--tls-ca", "unknown option --tls-ca; did you mean --tlsca?"},
		{"--id_header", "unknown option --id_header; did you mean "
				"--id-header?"},
		{"--frobnicate=1", "unknown option --frobnicate; --help lists "
				   "them all"},
		{"--user-jwt=x", "unknown option --user-jwt; --help lists "
				 "them all"},
		{"-x", "unexpected argument \"-x\"; options begin with two "
		       "dashes, --help lists them"},
		{"--", "unexpected argument \"--\"; options begin with two "
		       "dashes, --help lists them"},
		{"x\ny", "unexpected argument \"x\\x0ay\"; options begin with "
			 "two dashes, --help lists them"},
	};
	struct options *o = *state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char arg[64], err[OPTIONS_ERROR_MAX];

		snprintf(arg, sizeof(arg), "%s", cases[i].arg);
		assert_int_equal(args(o, err, arg), -EINVAL);
		assert_string_equal(err, cases[i].err);
	}
}

static void a_missing_value_is_not_taken_from_the_next_flag(void **state)
{
	struct options *o = *state;
	char err[OPTIONS_ERROR_MAX];

	assert_int_equal(args(o, err, "--stream"), -EINVAL);
	assert_contains(err, "--stream: needs a value; takes a stream's name");
	assert_int_equal(args(o, err, "--stream", "--check-config"), -EINVAL);
	assert_contains(err, "--stream: needs a value");
	assert_int_equal(args(o, err, "--stream", "--retry=1s"), -EINVAL);
	/* What only looks like a flag may be a value. */
	assert_int_equal(args(o, err, "--token", "--odd"), 0);
	assert_string_equal(o->token, "--odd");
}

/* ---- secrets ---------------------------------------------------------- */

static void secrets_are_never_shown(void **state)
{
	struct options *o = *state;
	char err[OPTIONS_ERROR_MAX];

	assert_int_equal(args(o, err, "--user", "alice", "--password",
			      "hunter2", "--token", "hunter3", "--server",
			      "nats://bob:hunter4@a:1,hunter5@b"),
			 0);
	assert_int_equal(environment(o, err, "NATS_JWT=hunter6",
				     "NATS_SEED=hunter7"),
			 0);
	assert_not_printed(o, "hunter");
	assert_printed(o, "user = alice  (flag)");
	assert_printed(o, "password = (hidden)  (flag)");
	assert_printed(o, "token = (hidden)  (flag)");
	assert_printed(o, "server = nats://(hidden)@a:1,(hidden)@b  (flag)");
	assert_printed(o, "user-jwt = (hidden)  (environment NATS_JWT)");
	assert_printed(o, "user-seed = (hidden)  (environment NATS_SEED)");
}

static void a_user_that_is_a_token_is_hidden(void **state)
{
	struct options *o = *state;
	char err[OPTIONS_ERROR_MAX];

	assert_int_equal(args(o, err, "--user", "hunter2"), 0);
	assert_printed(o, "user = (hidden)  (flag)");
}

static void errors_hold_no_secret(void **state)
{
	struct options *o = *state;
	char err[OPTIONS_ERROR_MAX];

	assert_int_equal(args(o, err, "--server", "ws://bob:hunter2@a"),
			 -EINVAL);
	assert_null(strstr(err, "hunter"));
	assert_contains(err, "ws://(hidden)@a");
	assert_int_equal(args(o, err, "--password", "hunt", "er2"), -EINVAL);
	assert_null(strstr(err, "er2"));
	assert_contains(err, "--password");
	assert_int_equal(args(o, err, "--tokn=hunter2"), -EINVAL);
	assert_null(strstr(err, "hunter"));
	assert_int_equal(environment(o, err, "SLUICE_PASWORD=hunter2"),
			 -EINVAL);
	assert_null(strstr(err, "hunter"));
}

/* ---- the environment -------------------------------------------------- */

static void every_option_has_its_variable(void **state)
{
	struct options *o = *state;
	char err[OPTIONS_ERROR_MAX];

	assert_int_equal(environment(o, err, "PATH=/bin",
				     "SLUICE_LISTEN=a:1,b:2",
				     "SLUICE_TLSFIRST=1",
				     "SLUICE_MAX_REPLAYS=9",
				     "SLUICE_CHECK_CONFIG=1", "SLUICE_STREAM=",
				     "SLUICE_NONSENSE=", "SLUICE_TEST_X=1",
				     "SLUICE", "SLUICE_"),
			 0);
	assert_int_equal(o->listen.n, 2);
	assert_true(o->tlsfirst);
	assert_true(o->check);
	assert_int_equal(o->max_replays, 9);
	assert_string_equal(o->stream, "Events");
	assert_printed(o, "stream = Events  (default)");
	assert_printed(o, "max-replays = 9  (environment SLUICE_MAX_REPLAYS)");
}

static void wrong_variables_are_named(void **state)
{
	static const struct {
		const char *entry, *err;
	} cases[] = {
		{"SLUICE_RETRY=3", "SLUICE_RETRY: wrong value \"3\"; takes a "
				   "duration from 1ms to 1h"},
		{"SLUICE_TLSFIRST=true", "SLUICE_TLSFIRST: wrong value "
					 "\"true\"; takes 1 or 0"},
		{"SLUICE_STREEM=E", "unknown variable SLUICE_STREEM; did you "
				    "mean SLUICE_STREAM?"},
		{"SLUICE_FROBNICATE=E", "unknown variable SLUICE_FROBNICATE; "
					"--help lists the options"},
		{"SLUICE_USER_JWT=E", "unknown variable SLUICE_USER_JWT"},
		{"SLUICE_stream=E", "unknown variable SLUICE_stream; did you "
				    "mean SLUICE_STREAM?"},
		/* Almost what Kubernetes sets. */
		{"SLUICE_SERVICE_HOSTS=h", "unknown variable SLUICE_SERVICE_"},
		{"SLUICE_SERVICE_PORT_=1", "unknown variable SLUICE_SERVICE_"},
		{"SLUICE_PORT_X_TCP=1", "unknown variable SLUICE_PORT_X_TCP"},
		{"SLUICE_PORT_80=1", "unknown variable SLUICE_PORT_80"},
		{"SLUICE_PORT_80_TCP_A=1", "unknown variable SLUICE_PORT_80_"},
		{"SLUICE_RESUE_PORT=1", "unknown variable SLUICE_RESUE_PORT; "
					"did you mean SLUICE_REUSE_PORT?"},
		{"NATS_URL=ws://a", "NATS_URL: wrong value \"ws://a\""},
		{"NATS_SOCKS_PROXY=a:1", "NATS_SOCKS_PROXY: SOCKS proxies"},
	};
	struct options *o = *state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char entry[64], err[OPTIONS_ERROR_MAX] = "";

		snprintf(entry, sizeof(entry), "%s", cases[i].entry);
		assert_int_equal(environment(o, err, entry), -EINVAL);
		assert_int_equal(strncmp(err, cases[i].err,
					 strlen(cases[i].err)),
				 0);
	}
}

/* What it sets in every container for services "sluice" and "sluice-admin". */
static void the_variables_of_kubernetes_are_left_alone(void **state)
{
	struct options *o = *state;
	char err[OPTIONS_ERROR_MAX] = "";

	assert_int_equal(
		environment(o, err, "SLUICE_SERVICE_HOST=10.0.0.7",
			    "SLUICE_SERVICE_PORT=8080",
			    "SLUICE_SERVICE_PORT_HTTP=8080",
			    "SLUICE_PORT=tcp://10.0.0.7:8080",
			    "SLUICE_PORT_8080_TCP=tcp://10.0.0.7:8080"),
		0);
	assert_int_equal(environment(o, err,
				     "SLUICE_PORT_8080_TCP_ADDR=10.0.0.7",
				     "SLUICE_PORT_8080_TCP_PORT=8080",
				     "SLUICE_PORT_8080_TCP_PROTO=tcp",
				     "SLUICE_ADMIN_PORT_8081_TCP_ADDR=10.0.0.8",
				     "SLUICE_ADMIN_PORT_53_UDP_PROTO=udp",
				     "SLUICE_ADMIN_SERVICE_HOST=10.0.0.8",
				     "SLUICE_ADMIN_SERVICE_PORT_METRICS=8081"),
			 0);
	assert_string_equal(err, "");
}

static void the_variables_of_the_nats_command(void **state)
{
	struct options *o = *state;
	char err[OPTIONS_ERROR_MAX];

	assert_int_equal(environment(o, err, "NATS_URL=a:1,b:2",
				     "NATS_CONTEXT=prod", "NATS_USER=alice",
				     "NATS_PASSWORD=p", "NATS_TOKEN=t",
				     "NATS_CREDS=/c", "NATS_NKEY=/n",
				     "NATS_JWT=j", "NATS_SEED=s",
				     "NATS_CERT=/cert", "NATS_KEY=/key",
				     "NATS_CA=/ca", "NATS_TIMEOUT=1s",
				     "NATS_COLOR=x"),
			 0);
	assert_int_equal(o->server.n, 2);
	assert_string_equal(o->context, "prod");
	assert_string_equal(o->user, "alice");
	assert_string_equal(o->password, "p");
	assert_string_equal(o->token, "t");
	assert_string_equal(o->creds, "/c");
	assert_string_equal(o->nkey, "/n");
	assert_string_equal(o->user_jwt, "j");
	assert_string_equal(o->user_seed, "s");
	assert_string_equal(o->tlscert, "/cert");
	assert_string_equal(o->tlskey, "/key");
	assert_string_equal(o->tlsca, "/ca");
	assert_printed(o, "tlsca = /ca  (environment NATS_CA)");
}

/* ---- layers ----------------------------------------------------------- */

/* Whatever the order in which they come, the highest layer wins. */
static void the_highest_layer_wins(void **state)
{
	static const struct {
		enum options_layer layer;
		const char *server, *from;
	} layers[] = {
		{OPTIONS_CONTEXT, "a:1", "a:1  (context prod)"},
		{OPTIONS_NATS_ENV, "b:2", "b:2  (environment NATS_URL)"},
		{OPTIONS_ENV, "c:3", "c:3  (environment SLUICE_SERVER)"},
		{OPTIONS_FLAG, "d:4", "d:4  (flag)"},
	};
	char err[OPTIONS_ERROR_MAX];

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		for (unsigned k = 0; k < 4; k++) {
			struct options o;
			unsigned top = i > k ? i : k;
			char line[80], *text;

			assert_int_equal(options_init(&o), 0);
			assert_int_equal(options_set(&o, OPTIONS_CONTEXT,
						     "context", "prod", err),
					 0);
			assert_int_equal(options_set(&o, layers[i].layer,
						     "server", layers[i].server,
						     err),
					 0);
			assert_int_equal(options_set(&o, layers[k].layer,
						     "server", layers[k].server,
						     err),
					 0);
			assert_int_equal(o.server.n, i == k ? 2 : 1);
			assert_string_equal(o.server.items[0],
					    layers[top].server);
			text = printed(&o);
			snprintf(line, sizeof(line), "%s\n", layers[top].from);
			assert_contains(text, line);
			assert_contains(text, "context = prod  (selected)\n");
			free(text);
			options_finish(&o);
		}
	}
}

static void a_lower_layer_is_checked_all_the_same(void **state)
{
	struct options *o = *state;
	char err[OPTIONS_ERROR_MAX];

	assert_int_equal(args(o, err, "--retry", "1s"), 0);
	assert_int_equal(environment(o, err, "SLUICE_RETRY=2s"), 0);
	assert_int_equal(o->retry_ms, 1000);
	assert_int_equal(environment(o, err, "SLUICE_RETRY=2"), -EINVAL);
	assert_int_equal(options_set(o, OPTIONS_CONTEXT, "server", "ws://a",
				     err),
			 -EINVAL);
	assert_contains(err, "field \"url\": wrong value \"ws://a\"");
}

static void only_nats_sets_what_is_hidden(void **state)
{
	struct options *o = *state;
	char err[OPTIONS_ERROR_MAX];

	assert_int_equal(options_set(o, OPTIONS_FLAG, "user-seed", "S", err),
			 -EINVAL);
	assert_int_equal(options_set(o, OPTIONS_FLAG, "listn", "S", err),
			 -EINVAL);
	assert_contains(err, "--listen");
	assert_int_equal(options_set(o, OPTIONS_CONTEXT, "user-seed", "S", err),
			 0);
	assert_string_equal(o->user_seed, "S");
}

/* ---- between options -------------------------------------------------- */

static void two_ways_to_log_in_are_one_too_many(void **state)
{
	struct options *o = *state;
	char err[OPTIONS_ERROR_MAX];

	assert_int_equal(args(o, err, "--creds", "/c"), 0);
	assert_int_equal(environment(o, err, "SLUICE_NKEY=/n"), 0);
	assert_int_equal(options_finish_parsing(o, err), -EINVAL);
	assert_string_equal(err, "--creds: excludes SLUICE_NKEY; takes one of "
				 "them, not both");
}

static void own_credentials_win_over_those_of_nats(void **state)
{
	struct options *o = *state;
	char err[OPTIONS_ERROR_MAX];

	assert_int_equal(args(o, err, "--creds", "/c"), 0);
	assert_int_equal(environment(o, err, "NATS_NKEY=/n"), 0);
	assert_int_equal(options_set(o, OPTIONS_CONTEXT, "user", "u", err), 0);
	assert_int_equal(options_set(o, OPTIONS_CONTEXT, "password", "p", err),
			 0);
	assert_int_equal(options_finish_parsing(o, err), 0);
	assert_string_equal(o->creds, "/c");
	assert_null(o->nkey);
	assert_null(o->user);
	assert_null(o->password);
	assert_printed(o, "nkey = none  (default)");
	/* It may be called again. */
	assert_int_equal(options_finish_parsing(o, err), 0);
}

static void two_of_one_lower_layer_are_refused(void **state)
{
	struct options *o = *state;
	char err[OPTIONS_ERROR_MAX];

	assert_int_equal(environment(o, err, "NATS_NKEY=/n", "NATS_CREDS=/c"),
			 0);
	assert_int_equal(options_finish_parsing(o, err), -EINVAL);
	assert_contains(err, "NATS_NKEY");
	assert_contains(err, "NATS_CREDS");
}

static void a_context_s_password_is_not_for_another_user(void **state)
{
	struct options *o = *state;
	char err[OPTIONS_ERROR_MAX];

	assert_int_equal(args(o, err, "--user", "alice"), 0);
	assert_int_equal(options_set(o, OPTIONS_CONTEXT, "user", "bob", err),
			 0);
	assert_int_equal(options_set(o, OPTIONS_CONTEXT, "password", "b", err),
			 0);
	assert_int_equal(options_finish_parsing(o, err), 0);
	assert_string_equal(o->user, "alice");
	assert_null(o->password);
}

static void a_password_may_come_from_elsewhere(void **state)
{
	struct options *o = *state;
	char err[OPTIONS_ERROR_MAX];

	assert_int_equal(args(o, err, "--user", "alice"), 0);
	assert_int_equal(environment(o, err, "SLUICE_PASSWORD=p"), 0);
	assert_int_equal(options_finish_parsing(o, err), 0);
	assert_string_equal(o->password, "p");
}

static void a_password_needs_its_user(void **state)
{
	struct options *o = *state;
	char err[OPTIONS_ERROR_MAX];

	assert_int_equal(environment(o, err, "NATS_PASSWORD=p"), 0);
	assert_int_equal(options_finish_parsing(o, err), 0);
	assert_null(o->password);
	assert_int_equal(environment(o, err, "SLUICE_PASSWORD=p"), 0);
	assert_int_equal(options_finish_parsing(o, err), -EINVAL);
	assert_string_equal(err, "SLUICE_PASSWORD: needs --user too");
}

static void a_token_goes_with_a_user_that_has_a_password(void **state)
{
	struct options *o = *state;
	char err[OPTIONS_ERROR_MAX];

	assert_int_equal(args(o, err, "--user", "a", "--token", "t"), 0);
	assert_int_equal(options_finish_parsing(o, err), -EINVAL);
	assert_contains(err, "--user: excludes --token");
	assert_int_equal(args(o, err, "--password", "p"), 0);
	assert_int_equal(options_finish_parsing(o, err), 0);
	assert_string_equal(o->user, "a");
	assert_string_equal(o->token, "t");
}

static void domain_and_prefix_exclude_each_other(void **state)
{
	struct options *o = *state;
	char err[OPTIONS_ERROR_MAX];

	assert_int_equal(args(o, err, "--js-api-prefix", "$JS.x.API."), 0);
	assert_string_equal(o->js_api_prefix, "$JS.x.API");
	assert_int_equal(options_set(o, OPTIONS_CONTEXT, "js-domain", "d", err),
			 0);
	assert_int_equal(options_finish_parsing(o, err), 0);
	assert_null(o->js_domain);
	assert_int_equal(args(o, err, "--js-domain", "d"), 0);
	assert_int_equal(options_finish_parsing(o, err), -EINVAL);
	assert_contains(err, "--js-domain: excludes --js-api-prefix");
}

static void certificate_and_key_come_together(void **state)
{
	struct options *o = *state;
	char err[OPTIONS_ERROR_MAX];

	assert_int_equal(args(o, err, "--tlskey", "/k"), 0);
	assert_int_equal(options_finish_parsing(o, err), -EINVAL);
	assert_string_equal(err, "--tlskey: needs --tlscert too");
	assert_int_equal(args(o, err, "--tlscert", "/c"), 0);
	assert_int_equal(options_finish_parsing(o, err), 0);
	assert_string_equal(o->tlskey, "/k");
}

static void a_context_s_certificate_needs_its_key(void **state)
{
	struct options *o = *state;
	char err[OPTIONS_ERROR_MAX];

	assert_int_equal(options_set(o, OPTIONS_CONTEXT, "tlscert", "/c", err),
			 0);
	assert_int_equal(options_finish_parsing(o, err), -EINVAL);
	assert_string_equal(err, "field \"cert\": needs --tlskey too");
}

static void tokens_need_a_key(void **state)
{
	struct options *o = *state;
	char err[OPTIONS_ERROR_MAX];

	assert_int_equal(o->auth, AUTH_HEADER);
	assert_int_equal(o->jwt_leeway_ms, 30000);
	assert_string_equal(o->jwt_claim, "sub");
	assert_int_equal(args(o, err, "--auth", "jwt"), 0);
	assert_int_equal(options_finish_parsing(o, err), -EINVAL);
	assert_string_equal(err,
			    "--auth: jwt needs --jwt-key or --jwt-secret too");
	assert_int_equal(args(o, err, "--jwt-key", "/k", "--jwt-audience", "a",
			      "--jwt-audience", "b"),
			 0);
	assert_int_equal(options_finish_parsing(o, err), 0);
	assert_int_equal(o->auth, AUTH_JWT);
	assert_int_equal(o->jwt_audience.n, 2);
	assert_int_equal(args(o, err, "--jwt-secret", "/s"), 0);
	assert_int_equal(options_finish_parsing(o, err), -EINVAL);
	assert_string_equal(err, "--jwt-key: excludes --jwt-secret; takes one "
				 "of them, not both");
	assert_int_equal(options_reset(o, options_find("jwt-secret")), 0);
	assert_int_equal(args(o, err, "--id-query", "id"), 0);
	assert_int_equal(options_finish_parsing(o, err), -EINVAL);
	assert_non_null(strstr(err, "--id-query: is for --auth header"));
}

/* Whoever says it thinks that tokens are asked for. */
static void a_key_needs_tokens(void **state)
{
	static const char *const names[] = {
		"jwt-key",   "jwt-secret", "jwt-audience", "jwt-issuer",
		"jwt-claim", "jwt-cookie", "jwt-query",
	};
	char err[OPTIONS_ERROR_MAX], want[OPTIONS_ERROR_MAX];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct options o;

		assert_int_equal(options_init(&o), 0);
		assert_int_equal(options_set(&o, OPTIONS_FLAG, names[i], "x",
					     err),
				 0);
		assert_int_equal(options_finish_parsing(&o, err), -EINVAL);
		snprintf(want, sizeof(want), "--%s: needs --auth jwt too",
			 names[i]);
		assert_string_equal(err, want);
		options_finish(&o);
	}
}

/* ---- copies and texts ------------------------------------------------- */

static void a_copy_stands_alone(void **state)
{
	struct options *o = *state, copy;
	char err[OPTIONS_ERROR_MAX];

	assert_int_equal(args(o, err, "--stream", "S", "--listen", "a:1,b:2",
			      "--retry", "7s", "--token", "t"),
			 0);
	assert_int_equal(options_copy(&copy, o), 0);
	options_finish(o);
	assert_int_equal(options_init(o), 0);
	assert_string_equal(copy.stream, "S");
	assert_int_equal(copy.listen.n, 2);
	assert_string_equal(copy.listen.items[1], "b:2");
	assert_int_equal(copy.retry_ms, 7000);
	assert_string_equal(copy.subject_template.prefix, "events.");
	assert_null(copy.creds);
	assert_printed(&copy, "retry = 7s  (flag)");
	assert_int_equal(args(&copy, err, "--listen", "c:3"), 0);
	assert_int_equal(copy.listen.n, 3);
	options_finish(&copy);
	options_finish(&copy);
	options_finish(NULL);
}

/* What --check-config prints can be given back, and means the same. */
static void printed_values_can_be_read_again(void **state)
{
	struct options *o = *state, again;
	char err[OPTIONS_ERROR_MAX], *text, *save = NULL;

	assert_int_equal(args(o, err, "--ping-interval", "0", "--retry",
			      "1500ms", "--buffer-size", "100000",
			      "--max-header-bytes", "20KiB", "--log-level",
			      "warn"),
			 0);
	assert_int_equal(options_init(&again), 0);
	text = printed(o);
	assert_contains(text, "retry = 1500ms  (flag)\n");
	assert_contains(text, "buffer-size = 100000  (flag)\n");
	assert_contains(text, "max-connections = what RLIMIT_NOFILE allows, "
			      "less a reserve  (default)\n");
	for (char *line = strtok_r(text, "\n", &save); line != NULL;
	     line = strtok_r(NULL, "\n", &save)) {
		char *value = strstr(line, " = ");
		char *from = strstr(line, "  (");

		assert_non_null(value);
		assert_non_null(from);
		*value = '\0';
		*from = '\0';
		if (strcmp(from + 3, "flag)") == 0)
			assert_int_equal(options_set(&again, OPTIONS_FLAG, line,
						     value + 3, err),
					 0);
	}
	free(text);
	assert_int_equal(again.ping_interval_ms, 0);
	assert_int_equal(again.retry_ms, 1500);
	assert_int_equal(again.buffer_size, 100000);
	assert_int_equal(again.max_header_bytes, 20480);
	assert_int_equal(again.log_level, LOG_WARN);
	options_finish(&again);
}

static void printed_text_stays_on_its_line(void **state)
{
	struct options *o = *state;
	char err[OPTIONS_ERROR_MAX];

	assert_int_equal(args(o, err, "--creds", "/a\nb = c\x1b"), 0);
	assert_printed(o, "creds = /a\\x0ab = c\\x1b  (flag)");
}

/* As the manual and --help show it. */
static void option_form(const struct options_row *row, char *out, size_t size)
{
	if (row->alone != NULL)
		snprintf(out, size, "--%s[=%s]", row->name, row->metavar);
	else if (row->metavar != NULL)
		snprintf(out, size, "--%s %s", row->name, row->metavar);
	else
		snprintf(out, size, "--%s", row->name);
}

static void help_has_every_option(void **state)
{
	struct buf b;
	const char *text;

	(void)state;
	buf_init(&b, 1 << 16);
	assert_int_equal(options_help(&b), 0);
	assert_int_equal(buf_putc(&b, '\0'), 0);
	text = (const char *)buf_head(&b);
	for (size_t i = 0; i < options_rows; i++) {
		char want[64], form[56];
		const char *at;

		option_form(&options_table[i], form, sizeof(form));
		snprintf(want, sizeof(want), "\n  %s\n", form);
		at = strstr(text, want);
		if (options_table[i].flags & OPTIONS_HIDDEN)
			assert_null(at);
		else
			assert_non_null(at);
	}
	assert_contains(text, "takes a duration from 10ms to 24h, or 0 for "
			      "none");
	assert_contains(text, "default: 30s");
	buf_finish(&b);
	buf_init(&b, 100);
	assert_int_equal(options_help(&b), -ENOBUFS);
	buf_finish(&b);
}

/* Help and errors fit the buffers that they are made in. */
static void the_table_is_sane(void **state)
{
	(void)state;
	for (size_t i = 0; i < options_rows; i++) {
		const struct options_row *row = &options_table[i];
		char takes[OPTION_VALUE_TAKES_MAX];

		option_value_takes(row, takes);
		assert_true(strlen(takes) < OPTION_VALUE_TAKES_MAX - 1);
		assert_true(strlen(row->name) < 32);
		assert_ptr_equal(options_find(row->name), row);
		assert_true(row->help != NULL || (row->flags & OPTIONS_HIDDEN));
		assert_true(row->metavar != NULL || row->type == OPTIONS_BOOL ||
			    (row->flags & OPTIONS_HIDDEN));
		if (row->type == OPTIONS_STRING || row->type == OPTIONS_LIST)
			assert_non_null(row->takes);
		if (row->type == OPTIONS_COUNT ||
		    row->type == OPTIONS_DURATION || row->type == OPTIONS_SIZE)
			assert_true(row->min < row->max);
	}
}

/* docs/cli.md is written by hand; this keeps it whole. Where it can't be read
 * the test fails. */
static void the_manual_has_every_option_and_default(void **state)
{
	const char *root = getenv("SLUICE_TEST_ROOT");
	char path[4096], *text;
	size_t len;
	FILE *f;

	(void)state;
	snprintf(path, sizeof(path), "%s/docs/cli.md",
		 root == NULL ? "." : root);
	f = fopen(path, "r");
	if (f == NULL)
		fail_msg("%s: %s (SLUICE_TEST_ROOT is where the source is)",
			 path, strerror(errno));
	text = calloc(1, 1 << 16);
	assert_non_null(text);
	len = fread(text, 1, (1 << 16) - 1, f);
	fclose(f);
	assert_true(len > 0);
	for (size_t i = 0; i < options_rows; i++) {
		const struct options_row *row = &options_table[i];
		char want[128], form[56], takes[OPTION_VALUE_TAKES_MAX], *line,
			*end;

		if (row->flags & OPTIONS_HIDDEN) {
			assert_contains(text, row->nats_env);
			continue;
		}
		option_form(row, form, sizeof(form));
		snprintf(want, sizeof(want), "\n| `%s` |", form);
		line = strstr(text, want);
		if (line == NULL)
			fail_msg("docs/cli.md lacks%s", want);
		end = strchr(++line, '\n');
		assert_non_null(end);
		*end = '\0';
		if (row->value != NULL && row->type != OPTIONS_BOOL) {
			snprintf(want, sizeof(want), "| `%s` |", row->value);
			assert_contains(line, want);
		}
		option_value_takes(row, takes);
		if (row->type == OPTIONS_COUNT || row->type == OPTIONS_SIZE ||
		    row->type == OPTIONS_DURATION) {
			char *range = strchr(takes, ' ');

			range = strstr(range, "from");
			range[strcspn(range, ",(")] = '\0';
			while (range[strlen(range) - 1] == ' ')
				range[strlen(range) - 1] = '\0';
			assert_contains(line, range + strlen("from "));
		}
		if (row->nats_env != NULL)
			assert_contains(line, row->nats_env);
		*end = '\n';
	}
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(defaults_are_those_of_the_manual),
		test(flags_of_every_type),
		test(two_options_have_a_letter),
		test(the_last_flag_of_a_kind_wins),
		test(lists_skip_blanks_and_empty_items),
		test(lists_have_an_end),
		test(off_makes_the_admin_list_empty),
		test(wrong_values_are_named_with_what_is_right),
		test(a_wrong_value_changes_nothing),
		test(unknown_flags_are_named_and_the_nearest_told),
		test(a_missing_value_is_not_taken_from_the_next_flag),
		test(secrets_are_never_shown),
		test(a_user_that_is_a_token_is_hidden),
		test(errors_hold_no_secret),
		test(every_option_has_its_variable),
		test(wrong_variables_are_named),
		test(the_variables_of_kubernetes_are_left_alone),
		test(the_variables_of_the_nats_command),
		cmocka_unit_test(the_highest_layer_wins),
		test(a_lower_layer_is_checked_all_the_same),
		test(only_nats_sets_what_is_hidden),
		test(two_ways_to_log_in_are_one_too_many),
		test(own_credentials_win_over_those_of_nats),
		test(two_of_one_lower_layer_are_refused),
		test(a_context_s_password_is_not_for_another_user),
		test(a_password_may_come_from_elsewhere),
		test(a_password_needs_its_user),
		test(a_token_goes_with_a_user_that_has_a_password),
		test(domain_and_prefix_exclude_each_other),
		test(certificate_and_key_come_together),
		test(a_context_s_certificate_needs_its_key),
		test(tokens_need_a_key),
		cmocka_unit_test(a_key_needs_tokens),
		test(a_copy_stands_alone),
		test(printed_values_can_be_read_again),
		test(printed_text_stays_on_its_line),
		cmocka_unit_test(help_has_every_option),
		cmocka_unit_test(the_table_is_sane),
		cmocka_unit_test(the_manual_has_every_option_and_default),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
