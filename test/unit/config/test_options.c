/* Defaults and the command line: every type of value, what an error says, and
 * that no secret is ever shown. */
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
#include "options_rig.h"

/* ---- defaults --------------------------------------------------------- */

static void defaults_are_those_of_the_manual(void **state)
{
	struct options *o = *state;
	char err[OPTIONS_ERROR_MAX];

	assert_int_equal(option_sources_finish(o, err), 0);
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
	assert_int_equal(o->subject.n, 1);
	assert_string_equal(o->subject.items[0], "events.{id}");
	assert_int_equal(o->allow_sub.n, 0);
	assert_string_equal(o->jwt_rights, "nats");
	assert_string_equal(o->id_header, "user_id");
	assert_null(o->id_query);
	assert_null(o->event_header);
	assert_false(o->ui);
	assert_int_equal(o->ping_interval_ms, 30000);
	assert_int_equal(o->ping_style, PING_MESSAGE);
	assert_int_equal(o->retry_ms, 3000);
	assert_int_equal(o->allow_pub.n, 0);
	assert_int_equal(o->publish_timeout_ms, 5000);
	assert_int_equal(o->max_body, 1 << 20);
	assert_int_equal(o->body_timeout_ms, 10000);
	assert_int_equal(o->max_body_memory, 64 << 20);
	assert_int_equal(o->max_requests, 1024);
	assert_int_equal(o->max_requests_per_id, 64);
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
	assert_int_equal(o->subject.n, 1);
	assert_string_equal(o->subject.items[0], "{id}.inbox");
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
	assert_contains(err, "off must be the only value");
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
		{"subject", "events.x{id}", "must be a whole token"},
		{"subject", "events..{id}", "an empty token"},
		{"subject", "events.>.{id}", "> must be the last token"},
		{"subject", "$KV.b.{id}", "begins with $"},
		{"subject", "_INBOX.>", "is _INBOX"},
		{"allow-sub", "rooms.{room}", "{id} is the only placeholder"},
		{"allow-sub", "a b", "a blank"},
		{"allow-pub", "orders.{user}", "{id} is the only placeholder"},
		{"allow-pub", "a..b", "an empty token"},
		{"allow-pub", "$JS.API.>", "begins with $, other than $KV"},
		{"allow-pub", "$KVS.b", "begins with $, other than $KV"},
		{"allow-pub", "$KV{id}", "must be a whole token"},
		{"allow-pub", "_INBOX.{id}", "is _INBOX"},
		{"publish-timeout", "0", "duration from 10ms to 5m "},
		{"publish-timeout", "6m", "duration from 10ms to 5m "},
		{"max-body", "0", "size from 1 to 64MiB"},
		{"max-body", "65MiB", "size from 1 to 64MiB"},
		{"body-timeout", "2h", "duration from 10ms to 1h "},
		{"max-body-memory", "1KiB", "size from 64KiB to"},
		{"max-requests", "0", "number from 1 to 65535"},
		{"max-requests", "65536", "number from 1 to 65535"},
		{"max-requests-per-id", "65536", "or 0 for no limit"},
		{"id-header", "user id", "no header name"},
		{"id-header", "Last-Event-ID", "is reserved"},
		{"id-query", "a&b", "letters, digits"},
		{"id-query", "deliver", "is reserved"},
		{"id-query", "format", "is reserved"},
		{"event-header", "Event:", "no header name"},
		{"event-header", "", "is empty"},
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

static void templates_are_lists(void **state)
{
	char many[64 * 3 + 1] = "", err[OPTIONS_ERROR_MAX];
	struct options *o = *state;

	assert_int_equal(args(o, err, "--subject", "a.{id}.{id}", "--subject",
			      "b.>,{id}.*", "--allow-sub", "$KV.b.{id}.>",
			      "--allow-pub", "orders.{id},$KV.b.{id}",
			      "--allow-pub", ">,$KV"),
			 0);
	assert_int_equal(o->subject.n, 3);
	assert_string_equal(o->subject.items[2], "{id}.*");
	assert_int_equal(o->allow_sub.n, 1);
	assert_int_equal(o->allow_pub.n, 4);
	assert_string_equal(o->allow_pub.items[2], ">");
	assert_printed(o, "subject = a.{id}.{id},b.>,{id}.*  (flag)");
	for (int i = 0; i < 63; i++)
		strcat(many, "a,");
	assert_int_equal(args(o, err, "--allow-sub", many), 0);
	assert_int_equal(args(o, err, "--allow-sub", "b"), -EINVAL);
	assert_contains(err, "more than 64 values");
}

/* A wrong value does not change the present one. */
static void a_wrong_value_changes_nothing(void **state)
{
	struct options *o = *state;
	char err[OPTIONS_ERROR_MAX];

	assert_int_equal(args(o, err, "--subject", "a.{id}"), 0);
	assert_int_equal(args(o, err, "--subject", "b,a*"), -EINVAL);
	assert_int_equal(o->subject.n, 1);
	assert_string_equal(o->subject.items[0], "a.{id}");
	assert_int_equal(args(o, err, "--listen", "a:1,b"), -EINVAL);
	assert_string_equal(o->listen.items[0], "127.0.0.1:8080");
	assert_printed(o, "subject = a.{id}  (flag)");
}

static void unknown_flags_are_named_with_the_nearest(void **state)
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
	/* A value may look like a flag. */
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
	assert_string_equal(copy.subject.items[0], "events.{id}");
	assert_null(copy.creds);
	assert_printed(&copy, "retry = 7s  (flag)");
	assert_int_equal(args(&copy, err, "--listen", "c:3"), 0);
	assert_int_equal(copy.listen.n, 3);
	options_finish(&copy);
	options_finish(&copy);
	options_finish(NULL);
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
		test(templates_are_lists),
		test(a_wrong_value_changes_nothing),
		test(unknown_flags_are_named_with_the_nearest),
		test(a_missing_value_is_not_taken_from_the_next_flag),
		test(secrets_are_never_shown),
		test(a_user_that_is_a_token_is_hidden),
		test(errors_hold_no_secret),
		test(a_copy_stands_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
