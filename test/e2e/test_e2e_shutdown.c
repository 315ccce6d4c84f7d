/* The end: drain, clean ends of streams, exit status, the second signal. */
#include "e2e.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "test_clock.h"

/* Unready at once, open for new clients a while, then every stream ends with a
 * reconnection time and its last chunk; status 0. */
static void drains(void **state)
{
	struct e2e *f = *state;
	struct sse_client *c, *late;

	e2e_gateway(f, "--drain-delay", "700ms", "--drain-timeout", "1s", NULL);
	c = e2e_open(f, "alice", NULL);
	e2e_publish(f, "alice", "before");
	gateway_proc_signal(&f->gw, SIGTERM);
	gateway_proc_wait_unready(&f->gw);
	assert_int_equal(gateway_proc_status_of(&f->gw, false, "/livez"), 200);
	/* New clients are sent elsewhere; connected ones are served. */
	late = e2e_ask(f, "GET /api/v1/events HTTP/1.1\r\nHost: a\r\n"
			  "user_id: alice\r\n\r\n");
	assert_int_equal(late->status, 503);
	e2e_publish(f, "alice", "meanwhile");
	e2e_expect(c, 2, "meanwhile");
	sse_client_wait_reply(c);
	assert_true(c->last_chunk);
	assert_non_null(strstr(bytes_text(&c->body), "\n\nretry: "));
	assert_int_equal(gateway_proc_wait_exit(&f->gw, GATEWAY_PROC_WAIT_MS),
			 0);
}

static void browsers_are_sent_elsewhere_gently(void **state)
{
	struct e2e *f = *state;
	struct sse_client *c;

	e2e_gateway(f, "--drain-delay", "1s", NULL);
	gateway_proc_signal(&f->gw, SIGINT);
	gateway_proc_wait_unready(&f->gw);
	c = e2e_ask(f, "GET /api/v1/events HTTP/1.1\r\nHost: a\r\n"
		       "user_id: alice\r\nAccept: text/event-stream\r\n\r\n");
	assert_int_equal(c->status, 200);
	assert_true(c->decoder.has_retry);
	assert_true(c->last_chunk);
	assert_int_equal(gateway_proc_wait_exit(&f->gw, GATEWAY_PROC_WAIT_MS),
			 0);
}

static bool is_over(const struct sse_client *c, void *arg)
{
	(void)arg;
	return c->state == SSE_CLIENT_DONE;
}

/* Many streams end one after the other, each told another time to come back. */
static void ends_are_spread(void **state)
{
	enum { N = 60 };
	struct e2e *f = *state;
	static struct sse_client cs[N];
	uint64_t first_retry = 0, begun;
	bool differ = false;

	e2e_gateway(f, "--drain-timeout", "2s", NULL);
	for (size_t i = 0; i < N; i++) {
		cs[i] = (struct sse_client){0};
		sse_client_stream(&cs[i], f->gw.address, "alice", NULL);
	}
	begun = test_now_ms();
	gateway_proc_signal(&f->gw, SIGTERM);
	assert_true(
		sse_clients_until(cs, N, is_over, NULL, SSE_CLIENT_WAIT_MS));
	/* Spread over the time, and no longer than it. */
	assert_in_range(test_now_ms() - begun, 1000, 6000);
	for (size_t i = 0; i < N; i++) {
		assert_true(cs[i].last_chunk);
		assert_true(cs[i].decoder.has_retry);
		if (i == 0)
			first_retry = cs[i].decoder.retry_ms;
		differ = differ || cs[i].decoder.retry_ms != first_retry;
		sse_client_close(&cs[i]);
	}
	assert_true(differ);
	assert_int_equal(gateway_proc_wait_exit(&f->gw, GATEWAY_PROC_WAIT_MS),
			 0);
}

/* Without a subscription there is nothing to wait for. */
static void nobody_there(void **state)
{
	struct e2e *f = *state;
	uint64_t begun;

	e2e_gateway(f, "--drain-timeout", "60s", NULL);
	begun = test_now_ms();
	gateway_proc_stop(&f->gw);
	assert_in_range(test_now_ms() - begun, 0, 5000);
}

/* The time is for many not to come back together. */
static void a_lone_stream_has_no_time_to_wait(void **state)
{
	struct e2e *f = *state;
	uint64_t begun;

	e2e_gateway(f, "--drain-timeout", "60s", NULL);
	e2e_open(f, "alice", NULL);
	begun = test_now_ms();
	gateway_proc_signal(&f->gw, SIGTERM);
	assert_int_equal(gateway_proc_wait_exit(&f->gw, GATEWAY_PROC_WAIT_MS),
			 0);
	assert_in_range(test_now_ms() - begun, 0, 10000);
}

static void second_signal_ends_at_once(void **state)
{
	struct e2e *f = *state;
	uint64_t begun;

	e2e_gateway(f, "--drain-delay", "60s", NULL);
	e2e_open(f, "alice", NULL);
	gateway_proc_signal(&f->gw, SIGTERM);
	gateway_proc_wait_unready(&f->gw);
	begun = test_now_ms();
	gateway_proc_signal(&f->gw, SIGTERM);
	assert_int_equal(gateway_proc_wait_exit(&f->gw, GATEWAY_PROC_WAIT_MS),
			 1);
	assert_in_range(test_now_ms() - begun, 0, 5000);
}

/* One that reads nothing holds up no drain. */
static void a_stalled_client_holds_up_nothing(void **state)
{
	enum { BIG = 1 << 20 };
	static char data[BIG];
	struct e2e *f = *state;
	struct sse_client *c = e2e_client(f);

	memset(data, 'x', BIG);
	e2e_gateway(f, "--drain-timeout", "1s", NULL);
	c->rcvbuf = 4096;
	sse_client_stream(c, f->gw.address, "alice", NULL);
	for (int i = 0; i < 20; i++)
		nats_admin_publish(f->admin, "events.alice", data, BIG);
	gateway_proc_wait_metric(&f->gw, "sluice_tail_messages_total", 20);
	gateway_proc_signal(&f->gw, SIGTERM);
	assert_int_equal(gateway_proc_wait_exit(&f->gw, 15000), 0);
}

static void without_nats(void **state)
{
	struct e2e *f = *state;
	struct sse_client *c;

	e2e_gateway(f, NULL);
	c = e2e_open(f, "alice", NULL);
	nats_server_kill(&f->nats, SIGKILL);
	gateway_proc_wait_unready(&f->gw);
	gateway_proc_signal(&f->gw, SIGTERM);
	sse_client_wait_reply(c);
	assert_true(c->last_chunk);
	assert_int_equal(gateway_proc_wait_exit(&f->gw, 15000), 0);
}

static void nats_frozen(void **state)
{
	struct e2e *f = *state;

	e2e_gateway(f, NULL);
	e2e_open(f, "alice", NULL);
	nats_server_kill(&f->nats, SIGSTOP);
	gateway_proc_signal(&f->gw, SIGTERM);
	assert_int_equal(gateway_proc_wait_exit(&f->gw, 20000), 0);
	nats_server_kill(&f->nats, SIGCONT);
}

/* It leaves nothing of its own on the server. */
static void no_consumer_stays(void **state)
{
	struct e2e *f = *state;

	e2e_publish_many(f, "alice", "m", 100);
	e2e_gateway(f, NULL);
	e2e_expect_many(e2e_open(f, "alice", "deliver=all"), 0, "m", 100);
	gateway_proc_stop(&f->gw);
	e2e_wait_consumers(f, 0);
}

/* The port is free for the next one at once. */
static void the_port_can_be_taken_again(void **state)
{
	struct e2e *f = *state;
	char address[128];

	e2e_gateway(f, NULL);
	snprintf(address, sizeof(address), "%s", f->gw.address);
	e2e_open(f, "alice", NULL);
	gateway_proc_stop(&f->gw);
	gateway_proc_finish(&f->gw);
	e2e_gateway(f, "--listen", address, NULL);
	assert_int_equal(gateway_proc_status_of(&f->gw, false, "/readyz"), 200);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		E2E_TEST(drains),
		E2E_TEST(browsers_are_sent_elsewhere_gently),
		E2E_TEST(ends_are_spread),
		E2E_TEST(nobody_there),
		E2E_TEST(a_lone_stream_has_no_time_to_wait),
		E2E_TEST(second_signal_ends_at_once),
		E2E_TEST(a_stalled_client_holds_up_nothing),
		E2E_TEST(without_nats),
		E2E_TEST(nats_frozen),
		E2E_TEST(no_consumer_stays),
		E2E_TEST(the_port_can_be_taken_again),
	};

	return cmocka_run_group_tests(tests, e2e_group_setup,
				      e2e_group_teardown);
}
