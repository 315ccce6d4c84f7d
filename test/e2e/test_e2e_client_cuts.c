/* The connection between a client and the gateway is cut, throttled, frozen,
 * half-closed and taken to pieces: a client that resumes with its last id has
 * lost nothing and gets nothing twice, and other clients notice nothing. */
#include "e2e.h"

#include <stdio.h>
#include <string.h>

#include "fault_proxy.h"
#include "test_clock.h"

static struct fault_proxy proxy; /* before the gateway's public address */

static int teardown(void **state)
{
	fault_proxy_stop(&proxy);
	return e2e_teardown(state);
}

#define PROXY_TEST(fn) cmocka_unit_test_setup_teardown(fn, e2e_setup, teardown)

/* ---- messages ------------------------------------------------------------ */

/* Frames of all forms: of several lines, without data, base64, with lines that
 * would pass for fields. */
static const struct {
	const char *data;
	const char *type;
	const char *text; /* as the client gets it */
} messages[] = {
	{"plain", "message", "plain"},
	{"", "message", ""},
	{"two\nlines", "message", "two\nlines"},
	{"\xff\xfe", "base64", "//4="},
	{" with a space", "message", " with a space"},
	{"x\nid: 999999-aaaaaa\ndata: y\n\n", "message",
	 "x\nid: 999999-aaaaaa\ndata: y\n\n"},
	{"gr\xc3\xbc\xc3\x9f", "message", "gr\xc3\xbc\xc3\x9f"},
	{"0123456789012345678901234567890123456789012345678901234567890123",
	 "message",
	 "0123456789012345678901234567890123456789012345678901234567890123"},
};

enum { N_MESSAGES = sizeof(messages) / sizeof(messages[0]) };

static void publish_messages(struct e2e *f)
{
	for (size_t i = 0; i < N_MESSAGES; i++) {
		e2e_publish(f, "alice", messages[i].data);
		/* In between, so that sequences have holes. */
		e2e_publish(f, "bob", "for bob alone");
	}
}

/* The client's messages are those from number `first` on; the next number. */
static size_t expect_messages(const struct sse_client *c, size_t first)
{
	for (size_t i = 0; i < c->n_messages; i++) {
		const struct sse_event *ev = sse_client_message(c, i);

		assert_true(first + i < N_MESSAGES);
		assert_string_equal(ev->data, messages[first + i].text);
		assert_string_equal(ev->type, messages[first + i].type);
	}
	assert_int_equal(c->n_events, c->n_messages + c->n_pings);
	return first + c->n_messages;
}

/* ---- every byte ---------------------------------------------------------- */

static bool is_over(const struct sse_client *c, void *arg)
{
	(void)arg;
	return c->eof;
}

static void ask(struct sse_client *c, const char *address, const char *last_id)
{
	char headers[256];

	snprintf(headers, sizeof(headers), "user_id: alice\r\n%s%s%s",
		 last_id[0] == '\0' ? "" : "Last-Event-ID: ", last_id,
		 last_id[0] == '\0' ? "" : "\r\n");
	sse_client_get(c, address,
		       last_id[0] == '\0' ? "/api/v1/events?deliver=all"
					  : "/api/v1/events",
		       headers);
}

/* All of it through the proxy; the bytes that it was. */
static uint64_t uncut_length(struct e2e *f)
{
	struct sse_client *c = e2e_client(f);

	sse_client_stream(c, proxy.address, "alice", "deliver=all");
	sse_client_wait_message(c, N_MESSAGES);
	assert_int_equal(expect_messages(c, 0), N_MESSAGES);
	return fault_proxy_counts(&proxy).to_client;
}

/* What came until the cut and what came after the resume are the whole. */
static void cut_and_resume(struct e2e *f, uint64_t k, enum fault_end end)
{
	struct sse_client c = {0}, rest = {0};
	char last_id[64];
	size_t n;

	fault_proxy_cut(&proxy, FAULT_TO_CLIENT, FAULT_NEXT, k, end);
	ask(&c, proxy.address, "");
	if (!sse_client_until(&c, is_over, NULL, SSE_CLIENT_WAIT_MS))
		fail_msg("not cut: %s", sse_client_describe(&c));
	assert_int_equal(c.bad[0], '\0');
	n = expect_messages(&c, 0);
	snprintf(last_id, sizeof(last_id), "%s", sse_client_last_id(&c));
	ask(&rest, f->gw.address, last_id);
	sse_client_wait_message(&rest, N_MESSAGES - n);
	assert_int_equal(expect_messages(&rest, n), N_MESSAGES);
	sse_client_close(&c);
	sse_client_close(&rest);
}

static void cut_everywhere(struct e2e *f)
{
	uint64_t len;

	fault_proxy_start(&proxy, f->gw.address);
	len = uncut_length(f);
	for (uint64_t k = 0; k <= len; k++)
		cut_and_resume(f, k, k % 3 == 0 ? FAULT_FIN : FAULT_RST);
	assert_int_equal(fault_proxy_counts(&proxy).cuts, len + 1);
	fault_proxy_end(&proxy, FAULT_RST);
	gateway_proc_wait_metric(&f->gw, "sluice_subscriptions{state=\"live\"}",
				 0);
	gateway_proc_wait_metric(&f->gw,
				 "sluice_subscriptions{state=\"replay\"}", 0);
}

static void cut_in_what_memory_has(void **state)
{
	struct e2e *f = *state;

	e2e_gateway(f, NULL);
	publish_messages(f);
	cut_everywhere(f);
}

/* Published before there was a gateway: each stream is a replay. */
static void cut_in_a_replay(void **state)
{
	struct e2e *f = *state;

	publish_messages(f);
	e2e_gateway(f, NULL);
	cut_everywhere(f);
	e2e_wait_consumers(f, 1);
}

/* A client that is cut again and again in the course of one long stream. */
static void cut_again_and_again(void **state)
{
	enum { N = 2000, STEP = 1237 };
	struct e2e *f = *state;
	char last_id[64] = "", want[32];
	size_t n = 0, connections = 0;

	e2e_publish_many(f, "alice", "m", N / 2);
	e2e_gateway(f, NULL);
	e2e_publish_many(f, "alice", "n", N / 2);
	fault_proxy_start(&proxy, f->gw.address);
	while (n < N) {
		struct sse_client c = {0};

		fault_proxy_cut(&proxy, FAULT_TO_CLIENT, FAULT_NEXT, STEP,
				FAULT_RST);
		ask(&c, proxy.address, last_id);
		while (n + c.n_messages < N && !c.eof &&
		       sse_client_step(&c, SSE_CLIENT_WAIT_MS))
			;
		for (size_t i = 0; i < c.n_messages; i++, n++) {
			snprintf(want, sizeof(want), "%c-%zu",
				 n < N / 2 ? 'm' : 'n', n % (N / 2));
			assert_string_equal(sse_client_message(&c, i)->data,
					    want);
		}
		snprintf(last_id, sizeof(last_id), "%s",
			 sse_client_last_id(&c));
		sse_client_close(&c);
		assert_true(connections++ < N);
	}
	assert_true(connections > N * 20 / STEP);
	e2e_expect_marker(f, e2e_resume(f, "alice", last_id), "alice", 1);
}

/* ---- slow ---------------------------------------------------------------- */

/* Slower than the log moves on: it falls behind, goes on by a replay, and has
 * everything. A fast client gets it at once. */
static void throttled(void **state)
{
	enum { N = 6000, RATE = 200 * 1024 };
	struct e2e *f = *state;
	struct sse_client *slow = e2e_client(f), *quick;
	uint64_t start;

	e2e_gateway(f, "--buffer-size", "64KiB", "--ping-interval", "1h", NULL);
	proxy.rcvbuf = slow->rcvbuf = 4096;
	fault_proxy_start(&proxy, f->gw.address);
	fault_proxy_rule(&proxy, FAULT_TO_CLIENT,
			 &(struct fault_rule){.bytes_per_s = RATE});
	sse_client_stream(slow, proxy.address, "alice", NULL);
	sse_client_wait_any_id(slow);
	quick = e2e_open(f, "alice", NULL);
	start = test_now_ms();
	e2e_publish_many(f, "alice", "a message of some length", N);
	e2e_expect_many(quick, 0, "a message of some length", N);
	e2e_expect_many(slow, 0, "a message of some length", N);
	assert_true(test_now_ms() - start >=
		    fault_proxy_counts(&proxy).to_client * 1000 / RATE / 2);
	assert_true(gateway_proc_metric(&f->gw, "sluice_replays_total") >= 1);
	e2e_expect_marker(f, slow, "alice", N + 1);
	proxy.rcvbuf = 0;
}

static void frozen(void **state)
{
	enum { N = 5000 };
	struct e2e *f = *state;
	struct sse_client *ice = e2e_client(f), *other;

	e2e_gateway(f, "--buffer-size", "64KiB", "--ping-interval", "100ms",
		    NULL);
	fault_proxy_start(&proxy, f->gw.address);
	sse_client_stream(ice, proxy.address, "alice", NULL);
	sse_client_wait_any_id(ice);
	other = e2e_open(f, "alice", NULL);
	fault_proxy_rule(&proxy, FAULT_TO_CLIENT,
			 &(struct fault_rule){.frozen = true});
	e2e_publish_many(f, "alice", "m", N);
	e2e_expect_many(other, 0, "m", N);
	assert_int_equal(ice->n_messages, 0);
	assert_int_equal(gateway_proc_status_of(&f->gw, false, "/livez"), 200);
	fault_proxy_heal(&proxy);
	e2e_expect_many(ice, 0, "m", N);
	e2e_expect_marker(f, ice, "alice", N + 1);
	assert_int_equal(other->n_messages, N);
}

/* ---- in pieces ----------------------------------------------------------- */

static void in_pieces_of_one_byte(void **state)
{
	static const struct fault_rule one = {.piece = 1};
	struct e2e *f = *state;
	struct sse_client *c = e2e_client(f), *bad = e2e_client(f);
	struct sse_client *health = e2e_client(f);

	e2e_gateway(f, NULL);
	fault_proxy_start(&proxy, f->gw.address);
	fault_proxy_rule(&proxy, FAULT_BOTH, &one);
	sse_client_stream(c, proxy.address, "alice", "deliver=all");
	publish_messages(f);
	sse_client_wait_message(c, N_MESSAGES);
	assert_int_equal(expect_messages(c, 0), N_MESSAGES);
	sse_client_get(bad, proxy.address, "/api/v1/events?deliver=never",
		       "user_id: alice\r\n");
	sse_client_wait_reply(bad);
	assert_int_equal(bad->status, 400);
	/* Two on one connection. */
	sse_client_get(health, proxy.address, "/livez", NULL);
	sse_client_wait_reply(health);
	assert_int_equal(health->status, 200);
	sse_client_next_reply(health);
	sse_client_send_text(health,
			     "GET /readyz HTTP/1.1\r\nHost: test\r\n\r\n");
	sse_client_wait_reply(health);
	assert_int_equal(health->status, 200);
}

/* A delay is no pause between the bytes: what comes late comes whole. */
static void far_away(void **state)
{
	enum { N = 1000 };
	struct e2e *f = *state;
	struct sse_client *c = e2e_client(f);

	e2e_gateway(f, NULL);
	fault_proxy_start(&proxy, f->gw.address);
	fault_proxy_rule(&proxy, FAULT_BOTH,
			 &(struct fault_rule){.delay_ms = 150});
	sse_client_stream(c, proxy.address, "alice", NULL);
	sse_client_wait_any_id(c);
	e2e_publish_many(f, "alice", "m", N);
	e2e_expect_many(c, 0, "m", N);
	e2e_expect_marker(f, c, "alice", N + 1);
}

/* ---- half-closed --------------------------------------------------------- */

/* The client's end of its side is the end of its stream: to a stream there is
 * nothing more to say, and no other sign that it has gone. */
static void the_clients_side_is_closed(void **state)
{
	struct e2e *f = *state;
	struct sse_client *c = e2e_client(f), *rest;
	char last_id[64];

	e2e_gateway(f, NULL);
	fault_proxy_start(&proxy, f->gw.address);
	sse_client_stream(c, proxy.address, "alice", NULL);
	e2e_publish_many(f, "alice", "m", 3);
	e2e_expect_many(c, 0, "m", 3);
	fault_proxy_half_close(&proxy, FAULT_TO_SERVER);
	assert_true(sse_client_until(c, is_over, NULL, SSE_CLIENT_WAIT_MS));
	gateway_proc_wait_metric(&f->gw, "sluice_subscriptions{state=\"live\"}",
				 0);
	e2e_publish_many(f, "alice", "n", 3);
	snprintf(last_id, sizeof(last_id), "%s", sse_client_last_id(c));
	rest = e2e_resume(f, "alice", last_id);
	e2e_expect_many(rest, 0, "n", 3);
	e2e_expect_marker(f, rest, "alice", 4);
}

/* The gateway does not know, and goes on until the client has gone. */
static void the_gateways_side_is_closed(void **state)
{
	struct e2e *f = *state;
	struct sse_client *c = e2e_client(f), *rest;
	char last_id[64];

	e2e_gateway(f, NULL);
	fault_proxy_start(&proxy, f->gw.address);
	sse_client_stream(c, proxy.address, "alice", NULL);
	e2e_publish_many(f, "alice", "m", 3);
	e2e_expect_many(c, 0, "m", 3);
	fault_proxy_half_close(&proxy, FAULT_TO_CLIENT);
	assert_true(sse_client_until(c, is_over, NULL, SSE_CLIENT_WAIT_MS));
	e2e_publish_many(f, "alice", "n", 3);
	snprintf(last_id, sizeof(last_id), "%s", sse_client_last_id(c));
	rest = e2e_resume(f, "alice", last_id);
	e2e_expect_many(rest, 0, "n", 3);
	gateway_proc_wait_metric(&f->gw, "sluice_subscriptions{state=\"live\"}",
				 2);
	sse_client_close(c);
	gateway_proc_wait_metric(&f->gw, "sluice_subscriptions{state=\"live\"}",
				 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PROXY_TEST(cut_in_what_memory_has),
		PROXY_TEST(cut_in_a_replay),
		PROXY_TEST(cut_again_and_again),
		PROXY_TEST(throttled),
		PROXY_TEST(frozen),
		PROXY_TEST(in_pieces_of_one_byte),
		PROXY_TEST(far_away),
		PROXY_TEST(the_clients_side_is_closed),
		PROXY_TEST(the_gateways_side_is_closed),
	};

	return cmocka_run_group_tests(tests, e2e_group_setup,
				      e2e_group_teardown);
}
