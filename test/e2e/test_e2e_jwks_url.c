/* --jwt-key https://...: keys that rotate, requests that wait for them, and
 * servers that hang, lie and go away. */
#include "e2e.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "key_server.h"
#include "openssl_tokens.h"
#include "test_clock.h"

enum {
	TOKEN_BYTES = OPENSSL_TOKEN_MAX,
	WAIT_MS = 20000,
	POLL_MS = 10,
	PROMPT_MS = 2500, /* less than a request waits for keys */
};

static const char claims[] = "\"sub\": \"alice\"";
static struct key_server keys;
static struct temp_folder folder;
/* Of keys with the kids "a", "b" and "c"; the server has those of a set. */
static char set_a[TOKEN_BYTES], set_ab[TOKEN_BYTES], set_b[TOKEN_BYTES];
static char token_a[TOKEN_BYTES], token_b[TOKEN_BYTES], token_c[TOKEN_BYTES];
static char authority[96];
static const char *environment[] = {authority, NULL};

static int group_setup(void **state)
{
	if (e2e_group_setup(state) != 0 || temp_folder_make(&folder) != 0)
		return -1;
	openssl_tokens_make_key(&folder, "ES256-a");
	openssl_tokens_make_key(&folder, "EdDSA-b");
	openssl_tokens_set(&folder, set_a, "a", "ES256-a", NULL);
	openssl_tokens_set(&folder, set_b, "b", "EdDSA-b", NULL);
	openssl_tokens_set(&folder, set_ab, "a", "ES256-a", "b", "EdDSA-b",
			   NULL);
	openssl_tokens_sign(&folder, token_a, "ES256-a", "a", claims);
	openssl_tokens_sign(&folder, token_b, "EdDSA-b", "b", claims);
	openssl_tokens_sign(&folder, token_c, "EdDSA-b", "c", claims);
	return 0;
}

static int group_teardown(void **state)
{
	temp_folder_remove(&folder);
	return e2e_group_teardown(state);
}

static int setup(void **state)
{
	struct e2e *f;

	if (e2e_setup(state) != 0)
		return -1;
	f = *state;
	key_server_start(&keys);
	key_server_set_keys(&keys, set_a);
	snprintf(authority, sizeof(authority), "SSL_CERT_FILE=%s",
		 keys.authority);
	f->gw.env = environment;
	return 0;
}

static int teardown(void **state)
{
	int rc = e2e_teardown(state);

	key_server_finish(&keys);
	return rc;
}

#define KEYS_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

static void start_unready(struct e2e *f, const char *url)
{
	e2e_gateway_unready(f, "--auth", "jwt", "--jwt-allow-no-exp",
			    "--jwt-key", url, NULL);
}

static void start(struct e2e *f)
{
	start_unready(f, keys.url);
	gateway_proc_wait_ready(&f->gw);
}

/* ---- asking ---------------------------------------------------------------
 */

static struct sse_client *send_request(struct e2e *f, const char *method,
				       const char *token)
{
	struct sse_client *c = e2e_client(f);
	char request[TOKEN_BYTES + 256];

	snprintf(request, sizeof(request),
		 "%s /api/v1/events HTTP/1.1\r\nHost: h\r\n"
		 "Accept: text/event-stream\r\n"
		 "Authorization: Bearer %s\r\n\r\n",
		 method, token);
	c->head_only = strcmp(method, "HEAD") == 0;
	sse_client_connect(c, f->gw.address);
	sse_client_send_text(c, request);
	return c;
}

static struct sse_client *opens(struct e2e *f, const char *token)
{
	struct sse_client *c = send_request(f, "GET", token);

	sse_client_wait_head(c);
	assert_int_equal(c->status, 200);
	sse_client_wait_any_id(c);
	return c;
}

static void is_unauthorized(struct sse_client *c)
{
	sse_client_wait_reply(c);
	assert_int_equal(c->status, 401);
	assert_non_null(strstr(bytes_text(&c->body), "fit no key"));
}

static void wait_failures(struct e2e *f, double n)
{
	gateway_proc_wait_metric(&f->gw, "sluice_jwt_key_failures_total", n);
}

static void wait_waiting(struct e2e *f, double n)
{
	gateway_proc_wait_metric(&f->gw,
				 "sluice_connections{state=\"waiting\"}", n);
}

/* ---- keys that rotate ------------------------------------------------------
 */

static void an_unknown_kid_waits_for_the_new_keys(void **state)
{
	struct e2e *f = *state;
	struct sse_client *old, *c;

	start(f);
	old = opens(f, token_a);
	assert_int_equal(key_server_count(&keys), 1);
	key_server_set_keys(&keys, set_ab);
	key_server_set_mode(&keys, "slow-start");
	c = opens(f, token_b);
	assert_int_equal(key_server_count(&keys), 2);
	opens(f, token_b);
	opens(f, token_a);
	assert_int_equal(key_server_count(&keys), 2);
	e2e_publish(f, "alice", "on");
	e2e_expect(old, 1, "on");
	e2e_expect(c, 1, "on");
	gateway_proc_wait_metric(&f->gw, "sluice_jwt_keys", 2);
	gateway_proc_wait_metric(&f->gw, "sluice_jwt_key_fetches_total", 2);
}

static void an_unknown_kid_that_stays_so_costs_one_fetch(void **state)
{
	struct e2e *f = *state;
	uint64_t begin_ms;

	start(f);
	begin_ms = test_now_ms();
	for (int i = 0; i < 10; i++)
		is_unauthorized(send_request(f, "GET", token_c));
	assert_true(test_now_ms() - begin_ms < 7000);
	assert_int_equal(key_server_count(&keys), 2);
	/* One more, for those that came meanwhile. */
	key_server_set_keys(&keys, set_b);
	key_server_wait_count(&keys, 3);
	assert_true(test_now_ms() - begin_ms >= 9900);
	gateway_proc_wait_log(&f->gw, "keys=1");
	opens(f, token_b);
	is_unauthorized(send_request(f, "GET", token_a));
}

static void keys_are_fetched_before_they_get_old(void **state)
{
	struct e2e *f = *state;

	key_server_set_cache(&keys, "public, max-age=11");
	start(f);
	opens(f, token_a);
	key_server_set_keys(&keys, set_b);
	key_server_wait_count(&keys, 2);
	gateway_proc_wait_metric(&f->gw, "sluice_jwt_key_fetches_total", 2);
	opens(f, token_b);
	is_unauthorized(send_request(f, "GET", token_a));
	assert_int_equal(key_server_count(&keys), 3);
}

/* ---- requests that wait ----------------------------------------------------
 */

static void a_request_waits_three_seconds_at_most(void **state)
{
	struct e2e *f = *state;
	uint64_t begin_ms, prompt, deadline;
	struct sse_client *c, *head;

	start(f);
	key_server_set_mode(&keys, "no-head");
	begin_ms = test_now_ms();
	prompt = test_deadline_ms(PROMPT_MS);
	deadline = test_deadline_ms(5000);
	c = send_request(f, "GET", token_b);
	head = send_request(f, "HEAD", token_b);
	wait_waiting(f, 2);
	/* The loop does not wait. */
	opens(f, token_a);
	assert_true(test_now_ms() < prompt);
	is_unauthorized(c);
	assert_true(test_now_ms() - begin_ms >= 2900);
	sse_client_wait_reply(head);
	assert_int_equal(head->status, 401);
	assert_true(test_now_ms() < deadline);
	wait_waiting(f, 0);
	gateway_proc_wait_metric(
		&f->gw,
		"sluice_requests_rejected_total{reason=\"bad_signature\"}", 2);
}

static void head_and_pipelined_requests_wait(void **state)
{
	struct e2e *f = *state;
	struct sse_client *c, *more, *stray;

	start(f);
	key_server_set_keys(&keys, set_ab);
	key_server_set_mode(&keys, "slow-start");
	c = send_request(f, "HEAD", token_b);
	sse_client_send_text(c, "HEAD /livez HTTP/1.1\r\nHost: h\r\n\r\n");
	more = e2e_client(f);
	sse_client_connect(more, f->gw.address);
	{
		char both[2 * TOKEN_BYTES + 512];

		snprintf(both, sizeof(both),
			 "HEAD /api/v1/events HTTP/1.1\r\nHost: h\r\n"
			 "Authorization: Bearer %s\r\n\r\n"
			 "GET /api/v1/events HTTP/1.1\r\nHost: h\r\n"
			 "Authorization: Bearer %s\r\n\r\n",
			 token_b, token_b);
		more->head_only = true;
		sse_client_send_text(more, both);
		snprintf(both, sizeof(both),
			 "GET /api/v1/events HTTP/1.1\r\nHost: h\r\n"
			 "Authorization: Bearer %s\r\n\r\nstray",
			 token_b);
		stray = e2e_client(f);
		sse_client_connect(stray, f->gw.address);
		sse_client_send_text(stray, both);
	}
	wait_waiting(f, 3);
	sse_client_wait_reply(c);
	assert_int_equal(c->status, 200);
	sse_client_wait_reply(more);
	assert_int_equal(more->status, 200);
	gateway_proc_wait_metric(&f->gw,
				 "sluice_subscriptions_closed_total{reason="
				 "\"unexpected_data\"}",
				 1);
	gateway_proc_wait_metric(&f->gw,
				 "sluice_connections{state=\"subscription\"}",
				 1);
	gateway_proc_wait_metric(&f->gw, "sluice_connections{state=\"idle\"}",
				 1);
	assert_int_equal(key_server_count(&keys), 2);
}

static void clients_close_while_they_wait(void **state)
{
	struct e2e *f = *state;
	struct sse_client *cs[3];

	start(f);
	key_server_set_keys(&keys, set_ab);
	key_server_set_mode(&keys, "slow-start");
	for (int i = 0; i < 3; i++)
		cs[i] = send_request(f, "GET", token_b);
	wait_waiting(f, 3);
	sse_client_reset(cs[0]);
	wait_waiting(f, 2);
	sse_client_close(cs[1]);
	sse_client_wait_head(cs[2]);
	assert_int_equal(cs[2]->status, 200);
	gateway_proc_wait_metric(&f->gw,
				 "sluice_connections{state=\"subscription\"}",
				 1);
}

/* More than are served in one iteration of the loop. */
static void many_wait_and_some_close(void **state)
{
	enum { N = 300 };
	struct e2e *f = *state;
	struct sse_client *cs[N];

	start(f);
	key_server_set_keys(&keys, set_ab);
	key_server_set_mode(&keys, "slow-start");
	for (int i = 0; i < N; i++)
		cs[i] = send_request(f, "GET", token_b);
	for (int i = 0; i < N; i++) {
		/* At the moment when the keys come. */
		if (i == 0)
			sse_client_wait_head(cs[0]);
		else if (i % 3 == 1)
			sse_client_reset(cs[i]);
	}
	for (int i = 0; i < N; i++) {
		if (i % 3 == 1)
			continue;
		sse_client_wait_head(cs[i]);
		assert_int_equal(cs[i]->status, 200);
	}
	gateway_proc_wait_metric(&f->gw,
				 "sluice_connections{state=\"subscription\"}",
				 N - N / 3);
	wait_waiting(f, 0);
	assert_int_equal(key_server_count(&keys), 2);
}

static void a_drain_answers_those_that_wait(void **state)
{
	struct e2e *f = *state;
	struct sse_client *c, *plain;
	uint64_t deadline;

	start(f);
	key_server_set_mode(&keys, "no-body");
	c = send_request(f, "GET", token_b);
	plain = send_request(f, "HEAD", token_b);
	wait_waiting(f, 2);
	deadline = test_deadline_ms(PROMPT_MS);
	gateway_proc_signal(&f->gw, SIGTERM);
	sse_client_wait_reply(c);
	assert_int_equal(c->status, 200);
	assert_non_null(strstr(bytes_text(&c->body), "retry: "));
	assert_null(strstr(bytes_text(&c->body), "id: "));
	sse_client_wait_reply(plain);
	sse_client_close(c);
	sse_client_close(plain);
	assert_int_equal(gateway_proc_wait_exit(&f->gw, 30000), 0);
	assert_true(test_now_ms() < deadline);
}

/* ---- servers that hang, lie and go away ------------------------------------
 */

static void not_ready_before_the_first_keys(void **state)
{
	struct e2e *f = *state;
	struct sse_client *c;

	key_server_kill(&keys);
	start_unready(f, keys.url);
	wait_failures(f, 1);
	assert_int_equal(gateway_proc_status_of(&f->gw, false, "/readyz"), 503);
	assert_int_equal(gateway_proc_status_of(&f->gw, false, "/livez"), 200);
	gateway_proc_wait_log(&f->gw,
			      "cannot fetch the keys, not ready without them");
	c = send_request(f, "GET", token_a);
	sse_client_wait_reply(c);
	assert_int_equal(c->status, 200);
	assert_non_null(strstr(bytes_text(&c->body), "retry: "));
	gateway_proc_wait_metric(
		&f->gw, "sluice_requests_rejected_total{reason=\"no_keys\"}",
		1);
	key_server_start(&keys);
	c = send_request(f, "GET", token_a);
	gateway_proc_wait_ready(&f->gw);
	opens(f, token_a);
}

static void bad_responses_leave_the_old_keys(void **state)
{
	static const struct {
		const char *mode, *reason;
	} cases[] = {
		{"html", "it is neither PEM nor JWKS"},
		{"empty", "it is empty"},
		{"half", "error="},
		{"500", "the response has the status 500"},
		{"404", "the response has the status 404"},
		{"204", "the response has the status 204"},
		{"huge", "the response has more than 1 MiB"},
		{"endless", "the response has more than 1 MiB"},
		{"endless-head", "the header of the response has more than"},
		{"to-http", "redirected to a URL that is not https://"},
		{"to-file", "redirected to a URL that is not https://"},
		{"around", "Maximum (3) redirects followed"},
		{"not-tls", "error="},
		{"no-body", "timed out"},
	};
	struct e2e *f = *state;
	size_t n = sizeof(cases) / sizeof(cases[0]);

	start(f);
	for (size_t i = 0; i < n; i++) {
		key_server_set_mode(&keys, cases[i].mode);
		gateway_proc_signal(&f->gw, SIGHUP);
		wait_failures(f, (double)i + 1);
		gateway_proc_wait_log(&f->gw, cases[i].reason);
		opens(f, token_a);
		/* No retry of this one may count as the next. */
		key_server_set_mode(&keys, "once");
		gateway_proc_signal(&f->gw, SIGHUP);
		gateway_proc_wait_metric(&f->gw, "sluice_jwt_key_fetches_total",
					 2 * (double)i + 3);
	}
	assert_int_equal(
		e2e_count_in_log(
			f, "cannot fetch the keys, keeping the previous ones"),
		(int)n);
	assert_int_equal(gateway_proc_status_of(&f->gw, false, "/readyz"), 200);
	/* And when it is gone. */
	key_server_kill(&keys);
	gateway_proc_signal(&f->gw, SIGHUP);
	wait_failures(f, (double)n + 1);
	opens(f, token_a);
}

static void failures_are_logged_at_a_bounded_rate(void **state)
{
	struct e2e *f = *state;

	key_server_set_mode(&keys, "500");
	start_unready(f, keys.url);
	/* After 0, 1 and 3 seconds. */
	wait_failures(f, 3);
	assert_int_equal(e2e_count_in_log(f, "cannot fetch the keys"), 1);
	key_server_set_mode(&keys, "keys");
	gateway_proc_wait_ready(&f->gw);
}

static void a_stop_does_not_wait_for_the_server(void **state)
{
	static const char *const modes[] = {"silent", "no-head", "no-body",
					    "endless"};
	struct e2e *f = *state;

	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		uint64_t deadline;

		key_server_set_mode(&keys, modes[i]);
		start_unready(f, keys.url);
		key_server_wait_count(&keys, i + 1);
		deadline = test_deadline_ms(PROMPT_MS);
		gateway_proc_signal(&f->gw, SIGTERM);
		assert_int_equal(gateway_proc_wait_exit(&f->gw, 30000), 0);
		assert_true(test_now_ms() < deadline);
	}
}

static void only_a_trusted_server_counts(void **state)
{
	static const char *const none[] = {NULL};
	struct e2e *f = *state;
	struct sse_client *c;

	f->gw.env = none;
	start_unready(f, keys.url);
	wait_failures(f, 1);
	gateway_proc_wait_log(&f->gw, "SSL certificate problem");
	assert_int_equal(gateway_proc_status_of(&f->gw, false, "/readyz"), 503);
	c = send_request(f, "GET", token_a);
	sse_client_wait_reply(c);
	assert_null(strstr(bytes_text(&c->body), "id: "));
}

/* A proxy of the environment would not answer. */
static void the_environment_has_no_proxy_for_it(void **state)
{
	const char *proxies[] = {authority, "https_proxy=http://127.0.0.1:1",
				 "ALL_PROXY=http://127.0.0.1:1", NULL};
	struct e2e *f = *state;

	f->gw.env = proxies;
	start(f);
	opens(f, token_a);
}

static void secrets_of_the_url_are_in_no_log(void **state)
{
	struct e2e *f = *state;
	char url[192], *log;

	snprintf(url, sizeof(url), "https://me:hush@%s?key=hush",
		 keys.url + strlen("https://"));
	start_unready(f, url);
	gateway_proc_wait_ready(&f->gw);
	opens(f, token_a);
	key_server_set_mode(&keys, "500");
	gateway_proc_signal(&f->gw, SIGHUP);
	wait_failures(f, 1);
	gateway_proc_wait_log(&f->gw, "status 500");
	log = gateway_proc_log(&f->gw);
	assert_null(strstr(log, "hush"));
	assert_non_null(strstr(log, "https://(hidden)@127.0.0.1"));
	assert_non_null(strstr(log, "/first?(hidden)"));
	free(log);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		KEYS_TEST(an_unknown_kid_waits_for_the_new_keys),
		KEYS_TEST(an_unknown_kid_that_stays_so_costs_one_fetch),
		KEYS_TEST(keys_are_fetched_before_they_get_old),
		KEYS_TEST(a_request_waits_three_seconds_at_most),
		KEYS_TEST(head_and_pipelined_requests_wait),
		KEYS_TEST(clients_close_while_they_wait),
		KEYS_TEST(many_wait_and_some_close),
		KEYS_TEST(a_drain_answers_those_that_wait),
		KEYS_TEST(not_ready_before_the_first_keys),
		KEYS_TEST(bad_responses_leave_the_old_keys),
		KEYS_TEST(failures_are_logged_at_a_bounded_rate),
		KEYS_TEST(a_stop_does_not_wait_for_the_server),
		KEYS_TEST(only_a_trusted_server_counts),
		KEYS_TEST(the_environment_has_no_proxy_for_it),
		KEYS_TEST(secrets_of_the_url_are_in_no_log),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
