/* Messages while NATS is away, does not answer, or has no room: what is surely
 * not stored differs from what may be. And limits that belong to a server
 * or an account: each test with servers of its own. */
#include "e2e.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http_writer.h"
#include "test_clock.h"

enum { IN_TIME_MS = 1500, TIMEOUT_MS = 2000 };

static void start(struct e2e *f)
{
	e2e_gateway(f, "--allow-pub", ">", "--publish-timeout", "2s", NULL);
}

/* ---- outages ------------------------------------------------------------- */

static void nats_is_away(void **state)
{
	struct e2e *f = *state;
	uint64_t start_ms;

	start(f);
	nats_server_kill(&f->nats, SIGKILL);
	gateway_proc_wait_unready(&f->gw);
	start_ms = test_now_ms();
	http_post(f, 503, "NATS is not connected", "", NULL, "a");
	assert_true(test_now_ms() - start_ms < IN_TIME_MS);
	sse_client_assert_header(http_write(f, "POST", "/api/v1/events",
					    "user_id: alice\r\n", "a", 1),
				 "Retry-After", "5");
	nats_server_again(&f->nats);
	gateway_proc_wait_ready(&f->gw);
	http_post(f, 201, "\"seq\":1", "", NULL, "a");
}

/* The message lies in the server's socket: it is stored when the server goes
 * on, and a retry with the key finds it. */
static void nats_does_not_answer(void **state)
{
	static const char key[] = "Idempotency-Key: k\r\n";
	struct e2e *f = *state;
	uint64_t start_ms;

	start(f);
	http_post(f, 201, "\"seq\":1", "", NULL, "a");
	nats_server_kill(&f->nats, SIGSTOP);
	start_ms = test_now_ms();
	http_post(f, 504, "\"outcome\":\"unknown\"", "", key, "b");
	assert_true(test_now_ms() - start_ms < TIMEOUT_MS + IN_TIME_MS);
	nats_server_kill(&f->nats, SIGCONT);
	gateway_proc_wait_ready(&f->gw);
	http_post(f, 200, "\"seq\":2,", "", key, "b");
	assert_int_equal(e2e_stream_number(f, "state.messages"), 2);
}

/* ---- limits of a server, of an account ----------------------------------- */

/* A gateway before a server of its own. `user`: "name:password@", or "". */
struct own_server {
	struct nats_server nats;
	struct nats_admin *admin;
};

static void start_own(struct e2e *f, struct own_server *o, const char *config,
		      const char *user)
{
	const char *const args[] = {"--allow-pub", ">", NULL};
	char url[128];

	nats_server_start(&o->nats, config);
	snprintf(url, sizeof(url), "nats://%s127.0.0.1:%d", user, o->nats.port);
	o->admin = nats_admin_open(url);
	nats_admin_stream(o->admin, "{\"name\": \"Events\", \"subjects\": "
				    "[\"events.*\"], \"storage\": \"file\"}");
	gateway_proc_start(&f->gw, url, args);
	gateway_proc_wait_ready(&f->gw);
}

static void stop_own(struct own_server *o)
{
	nats_admin_close(o->admin);
	nats_server_stop(&o->nats);
}

/* Until a message is rejected. */
static void fill_up(struct e2e *f, unsigned max)
{
	static char text[2000];
	const struct sse_client *c;

	memset(text, 'x', sizeof(text));
	do {
		c = http_write(f, "POST", "/api/v1/events",
			       "user_id: alice\r\n", text, sizeof(text));
	} while (c->status == 201 && max-- > 0);
}

static void a_message_over_max_payload_is_413(void **state)
{
	struct e2e *f = *state;
	struct own_server o = {0};
	char text[2001];

	memset(text, 'x', sizeof(text) - 1);
	text[2000] = '\0';
	start_own(f, &o, "max_payload: 2048", "");
	http_post(f, 201, "\"seq\":1", "", NULL, text);
	http_post(f, 413, "", "", "NatsH-x: 0123456789\r\n", text);
	http_post(f, 201, "\"seq\":2", "", NULL, text);
	stop_own(&o);
}

static void a_full_account_is_507(void **state)
{
	struct e2e *f = *state;
	struct own_server o = {0};

	start_own(f, &o,
		  "jetstream: enabled\n"
		  "accounts { A { jetstream { max_file: 65536 }, "
		  "users [{user: a, password: a}] } }",
		  "a:a@");
	fill_up(f, 100);
	http_expect(507, "\"err_code\":10002");
	stop_own(&o);
}

static void a_full_server_is_503(void **state)
{
	struct e2e *f = *state;
	struct own_server o = {0};

	start_own(f, &o, "jetstream { max_file_store: 65536 }", "");
	fill_up(f, 100);
	http_expect(503, "\"err_code\":10023");
	stop_own(&o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		E2E_TEST(nats_is_away),
		E2E_TEST(nats_does_not_answer),
		E2E_TEST(a_message_over_max_payload_is_413),
		E2E_TEST(a_full_account_is_507),
		E2E_TEST(a_full_server_is_503),
	};

	return cmocka_run_group_tests(tests, e2e_group_setup,
				      e2e_group_teardown);
}
