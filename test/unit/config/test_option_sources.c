/* The environment, which layer wins, and what only holds between options. */
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
		/* Similar to variables of Kubernetes. */
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

/* Variables of Kubernetes for services "sluice" and "sluice-admin". */
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

/* The highest layer wins in any order. */
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
	assert_int_equal(option_sources_finish(o, err), -EINVAL);
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
	assert_int_equal(option_sources_finish(o, err), 0);
	assert_string_equal(o->creds, "/c");
	assert_null(o->nkey);
	assert_null(o->user);
	assert_null(o->password);
	assert_printed(o, "nkey = none  (default)");
	/* It may be called again. */
	assert_int_equal(option_sources_finish(o, err), 0);
}

static void two_of_one_lower_layer_are_rejected(void **state)
{
	struct options *o = *state;
	char err[OPTIONS_ERROR_MAX];

	assert_int_equal(environment(o, err, "NATS_NKEY=/n", "NATS_CREDS=/c"),
			 0);
	assert_int_equal(option_sources_finish(o, err), -EINVAL);
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
	assert_int_equal(option_sources_finish(o, err), 0);
	assert_string_equal(o->user, "alice");
	assert_null(o->password);
}

static void a_password_may_come_from_elsewhere(void **state)
{
	struct options *o = *state;
	char err[OPTIONS_ERROR_MAX];

	assert_int_equal(args(o, err, "--user", "alice"), 0);
	assert_int_equal(environment(o, err, "SLUICE_PASSWORD=p"), 0);
	assert_int_equal(option_sources_finish(o, err), 0);
	assert_string_equal(o->password, "p");
}

static void a_password_needs_its_user(void **state)
{
	struct options *o = *state;
	char err[OPTIONS_ERROR_MAX];

	assert_int_equal(environment(o, err, "NATS_PASSWORD=p"), 0);
	assert_int_equal(option_sources_finish(o, err), 0);
	assert_null(o->password);
	assert_int_equal(environment(o, err, "SLUICE_PASSWORD=p"), 0);
	assert_int_equal(option_sources_finish(o, err), -EINVAL);
	assert_string_equal(err, "SLUICE_PASSWORD: needs --user too");
}

static void a_token_goes_with_a_user_that_has_a_password(void **state)
{
	struct options *o = *state;
	char err[OPTIONS_ERROR_MAX];

	assert_int_equal(args(o, err, "--user", "a", "--token", "t"), 0);
	assert_int_equal(option_sources_finish(o, err), -EINVAL);
	assert_contains(err, "--user: excludes --token");
	assert_int_equal(args(o, err, "--password", "p"), 0);
	assert_int_equal(option_sources_finish(o, err), 0);
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
	assert_int_equal(option_sources_finish(o, err), 0);
	assert_null(o->js_domain);
	assert_int_equal(args(o, err, "--js-domain", "d"), 0);
	assert_int_equal(option_sources_finish(o, err), -EINVAL);
	assert_contains(err, "--js-domain: excludes --js-api-prefix");
}

static void certificate_and_key_come_together(void **state)
{
	struct options *o = *state;
	char err[OPTIONS_ERROR_MAX];

	assert_int_equal(args(o, err, "--tlskey", "/k"), 0);
	assert_int_equal(option_sources_finish(o, err), -EINVAL);
	assert_string_equal(err, "--tlskey: needs --tlscert too");
	assert_int_equal(args(o, err, "--tlscert", "/c"), 0);
	assert_int_equal(option_sources_finish(o, err), 0);
	assert_string_equal(o->tlskey, "/k");
}

static void a_context_s_certificate_needs_its_key(void **state)
{
	struct options *o = *state;
	char err[OPTIONS_ERROR_MAX];

	assert_int_equal(options_set(o, OPTIONS_CONTEXT, "tlscert", "/c", err),
			 0);
	assert_int_equal(option_sources_finish(o, err), -EINVAL);
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
	assert_int_equal(option_sources_finish(o, err), -EINVAL);
	assert_string_equal(err,
			    "--auth: jwt needs --jwt-key or --jwt-secret too");
	assert_int_equal(args(o, err, "--jwt-key", "/k", "--jwt-audience", "a",
			      "--jwt-audience", "b"),
			 0);
	assert_int_equal(option_sources_finish(o, err), 0);
	assert_int_equal(o->auth, AUTH_JWT);
	assert_int_equal(o->jwt_audience.n, 2);
	assert_int_equal(args(o, err, "--jwt-secret", "/s"), 0);
	assert_int_equal(option_sources_finish(o, err), -EINVAL);
	assert_string_equal(err, "--jwt-key: excludes --jwt-secret; takes one "
				 "of them, not both");
	assert_int_equal(options_reset(o, options_find("jwt-secret")), 0);
	assert_int_equal(args(o, err, "--id-query", "id"), 0);
	assert_int_equal(option_sources_finish(o, err), -EINVAL);
	assert_non_null(strstr(err, "--id-query: is for --auth header"));
}

/* Options of tokens without --auth jwt are an error. */
static void a_key_needs_tokens(void **state)
{
	static const char *const names[] = {
		"jwt-key",   "jwt-secret", "jwt-audience", "jwt-issuer",
		"jwt-claim", "jwt-cookie", "jwt-query",	   "jwt-rights",
	};
	char err[OPTIONS_ERROR_MAX], want[OPTIONS_ERROR_MAX];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct options o;

		assert_int_equal(options_init(&o), 0);
		assert_int_equal(options_set(&o, OPTIONS_FLAG, names[i], "x",
					     err),
				 0);
		assert_int_equal(option_sources_finish(&o, err), -EINVAL);
		snprintf(want, sizeof(want), "--%s: needs --auth jwt too",
			 names[i]);
		assert_string_equal(err, want);
		options_finish(&o);
	}
}

static void must_fail_without_identities(struct options *o, const char *text)
{
	char err[OPTIONS_ERROR_MAX];

	assert_int_equal(option_sources_finish(o, err), -EINVAL);
	assert_string_equal(err, text);
}

/* Nothing that depends on an identity. */
static void no_identity_has_no_template(void **state)
{
	struct options *o = *state;
	char err[OPTIONS_ERROR_MAX];

	assert_int_equal(args(o, err, "--auth", "none"), 0);
	must_fail_without_identities(
		o, "--auth: none needs --subject too, without {id}");
	assert_int_equal(args(o, err, "--subject", "a,b.{id}.>"), 0);
	must_fail_without_identities(o,
				     "--subject: {id} needs an identity, which "
				     "--auth none does not have");
	assert_int_equal(options_reset(o, options_find("subject")), 0);
	assert_int_equal(args(o, err, "--subject", "a,b.>", "--allow-sub",
			      "c.{id}"),
			 0);
	must_fail_without_identities(o, "--allow-sub: {id} needs an identity, "
					"which --auth none does not have");
	o->allow_sub.items[0][2] = 'c';
	o->allow_sub.items[0][3] = '\0';
	assert_int_equal(args(o, err, "--allow-pub", "c.>,d.{id}"), 0);
	must_fail_without_identities(o, "--allow-pub: {id} needs an identity, "
					"which --auth none does not have");
	o->allow_pub.items[1][2] = 'd';
	o->allow_pub.items[1][3] = '\0';
	assert_int_equal(option_sources_finish(o, err), 0);
	assert_false(options_token_rights(o));
	assert_int_equal(args(o, err, "--max-subscriptions-per-id", "1"), 0);
	must_fail_without_identities(
		o, "--max-subscriptions-per-id: needs --auth header or jwt: "
		   "with none clients have no identity");
	o->max_subscriptions_per_id = 0;
	assert_int_equal(args(o, err, "--id-query", "id"), 0);
	must_fail_without_identities(o,
				     "--id-query: is for --auth header; with "
				     "none no identity is taken");
}

static void tokens_may_carry_rights(void **state)
{
	struct options *o = *state;
	char err[OPTIONS_ERROR_MAX];

	assert_false(options_token_rights(o));
	assert_int_equal(args(o, err, "--auth", "jwt", "--jwt-key", "/k"), 0);
	assert_true(options_token_rights(o));
	assert_int_equal(args(o, err, "--jwt-rights", "https://a/rights"), 0);
	assert_int_equal(option_sources_finish(o, err), 0);
	assert_true(options_token_rights(o));
	assert_int_equal(args(o, err, "--jwt-rights", "off"), 0);
	assert_false(options_token_rights(o));
}

static void rules_switch_writing_on(void **state)
{
	struct options *o = *state;
	char err[OPTIONS_ERROR_MAX];

	assert_false(options_writing(o));
	assert_int_equal(args(o, err, "--auth", "jwt", "--jwt-key", "/k"), 0);
	assert_true(options_writing(o));
	assert_int_equal(args(o, err, "--jwt-rights", "off"), 0);
	assert_false(options_writing(o));
	assert_int_equal(args(o, err, "--allow-pub", "orders.{id}"), 0);
	assert_true(options_writing(o));
}

static void all_bodies_have_room_for_one(void **state)
{
	struct options *o = *state;
	char err[OPTIONS_ERROR_MAX];

	assert_int_equal(args(o, err, "--max-body-memory", "512KiB"), 0);
	assert_int_equal(option_sources_finish(o, err), -EINVAL);
	assert_string_equal(err, "--max-body-memory: is below --max-body");
	assert_int_equal(args(o, err, "--max-body", "512KiB"), 0);
	assert_int_equal(option_sources_finish(o, err), 0);
	assert_int_equal(options_reset(o, options_find("max-body-memory")), 0);
	o->max_body = o->max_body_memory + 1;
	assert_int_equal(option_sources_finish(o, err), -EINVAL);
	assert_string_equal(err, "--max-body: is above --max-body-memory");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(every_option_has_its_variable),
		test(wrong_variables_are_named),
		test(the_variables_of_kubernetes_are_left_alone),
		test(the_variables_of_the_nats_command),
		cmocka_unit_test(the_highest_layer_wins),
		test(a_lower_layer_is_checked_all_the_same),
		test(only_nats_sets_what_is_hidden),
		test(two_ways_to_log_in_are_one_too_many),
		test(own_credentials_win_over_those_of_nats),
		test(two_of_one_lower_layer_are_rejected),
		test(a_context_s_password_is_not_for_another_user),
		test(a_password_may_come_from_elsewhere),
		test(a_password_needs_its_user),
		test(a_token_goes_with_a_user_that_has_a_password),
		test(domain_and_prefix_exclude_each_other),
		test(certificate_and_key_come_together),
		test(a_context_s_certificate_needs_its_key),
		test(tokens_need_a_key),
		test(no_identity_has_no_template),
		test(tokens_may_carry_rights),
		test(rules_switch_writing_on),
		test(all_bodies_have_room_for_one),
		cmocka_unit_test(a_key_needs_tokens),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
