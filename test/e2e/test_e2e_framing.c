/* The bytes of a subscription that need the program itself: its head and
 * opening block, payloads as large as a server takes, pings in real time.
 * Payloads of every kind and requests cut anywhere are in
 * test/wire/framing.wire, which e2e_wire_framing plays with a real server. */
#include "e2e.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t publish(struct e2e *f, const void *data, size_t len)
{
	return nats_admin_publish(f->admin, "events.alice", data, len);
}

/* ---- heads --------------------------------------------------------------- */

static void assert_stream_head(const struct sse_client *c)
{
	assert_int_equal(c->status, 200);
	sse_client_assert_header(c, "Content-Type", "text/event-stream");
	sse_client_assert_header(c, "Cache-Control", "no-cache, no-transform");
	sse_client_assert_header(c, "Connection", "close");
	sse_client_assert_header(c, "X-Accel-Buffering", "no");
	sse_client_assert_header(c, "X-Content-Type-Options", "nosniff");
	assert_false(c->has_length);
}

/* The head and the opening block come before any event is there. */
static void head_and_opening_block(void **state)
{
	struct e2e *f = *state;
	struct sse_client *c = e2e_client(f);
	char want[128];

	publish(f, "x", 1);
	e2e_gateway(f, NULL);
	sse_client_stream(c, f->gw.address, "alice", NULL);
	assert_stream_head(c);
	assert_true(c->chunked);
	sse_client_wait_any_id(c);
	snprintf(want, sizeof(want),
		 "retry: 3000\nevent: system\ndata: {\"system\": \"open\"}\n"
		 "id: %s\n\n",
		 sse_client_last_id(c));
	assert_string_equal(bytes_text(&c->body), want);
	assert_int_equal(sse_id_seq(sse_client_last_id(c)), 1);
	assert_int_equal(strlen(strchr(sse_client_last_id(c), '-')), 7);
	assert_int_equal(strspn(sse_client_last_id(c) + 2, "0123456789abcdef"),
			 6);
}

/* ---- payloads ------------------------------------------------------------ */

/* The largest that NATS takes by default, live and from the store: text, then
 * nothing but line ends, then what is no text. */
static void a_mebibyte(void **state)
{
	enum { LEN = 1 << 20 };
	struct e2e *f = *state;
	char *data = malloc(LEN);

	assert_non_null(data);
	memset(data, 'x', LEN);
	publish(f, data, LEN);
	e2e_gateway(f, NULL);
	struct sse_client *live = e2e_open(f, "alice", "deliver=all");

	assert_int_equal(sse_client_wait_message(live, 1)->len, LEN);
	memset(data, '\n', LEN);
	publish(f, data, LEN);
	memset(data, 0xFF, LEN);
	publish(f, data, LEN);
	memset(data, 'x', LEN);
	publish(f, data, LEN);
	assert_int_equal(sse_client_wait_message(live, 2)->len, LEN);
	assert_string_equal(sse_client_wait_message(live, 3)->type, "base64");
	assert_int_equal(sse_client_message(live, 2)->len, (LEN + 2) / 3 * 4);
	assert_int_equal(sse_client_wait_message(live, 4)->len, LEN);
	assert_memory_equal(sse_client_message(live, 3)->data, data, LEN);
	free(data);
}

/* A payload whose frame no log of this size can hold is delivered too. */
static void larger_than_the_memory_for_recent_messages(void **state)
{
	enum { LEN = 300 << 10 };
	struct e2e *f = *state;
	struct sse_client *c;
	char *data = calloc(1, LEN);

	assert_non_null(data);
	memset(data, '\n', LEN);
	e2e_gateway(f, "--buffer-size", "1MiB", NULL);
	c = e2e_open(f, "alice", NULL);
	e2e_publish(f, "alice", "before");
	publish(f, data, LEN);
	e2e_publish(f, "alice", "after");
	e2e_expect(c, 1, "before");
	assert_int_equal(sse_client_wait_message(c, 2)->len, LEN);
	e2e_expect(c, 3, "after");
	free(data);
}

/* A frame cut in two moves no careless client's cursor: the id stands last. */
static void the_id_stands_last(void **state)
{
	struct e2e *f = *state;
	struct sse_client *c;
	char want[128];

	e2e_gateway(f, NULL);
	c = e2e_open(f, "alice", NULL);
	publish(f, "one\ntwo", 7);
	sse_client_wait_message(c, 1);
	snprintf(want, sizeof(want), "\n\ndata: one\ndata: two\nid: %s\n\n",
		 sse_client_last_id(c));
	assert_non_null(strstr(bytes_text(&c->body), want));
	publish(f, "\xFF", 1);
	sse_client_wait_message(c, 2);
	snprintf(want, sizeof(want),
		 "\n\nevent: base64\ndata: /w==\nid: %s\n\n",
		 sse_client_last_id(c));
	assert_non_null(strstr(bytes_text(&c->body), want));
}

/* ---- pings --------------------------------------------------------------- */

/* Others' messages move a quiet client's cursor on. */
static void pings_carry_a_fresh_cursor(void **state)
{
	struct e2e *f = *state;
	struct sse_client *c;
	char want[128];

	e2e_gateway(f, "--ping-interval", "200ms", NULL);
	c = e2e_open(f, "alice", NULL);
	assert_string_equal(sse_client_wait_ping(c, 1)->id,
			    e2e_id(0, sse_client_last_id(c)));
	e2e_publish_many(f, "bob", "other", 7);
	sse_client_wait_id(c, e2e_id(7, sse_client_last_id(c)));
	snprintf(want, sizeof(want),
		 "\n\ndata: {\"system\": \"ping\"}\nid: %s\n\n",
		 sse_client_last_id(c));
	assert_non_null(strstr(bytes_text(&c->body), want));
	assert_int_equal(c->n_messages, 0);
}

static void pings_as_comments(void **state)
{
	struct e2e *f = *state;
	struct sse_client *c;
	char want[128];

	e2e_gateway(f, "--ping-interval", "200ms", "--ping-style", "comment",
		    NULL);
	c = e2e_open(f, "alice", NULL);
	e2e_publish_many(f, "bob", "other", 7);
	sse_client_wait_id(c, e2e_id(7, sse_client_last_id(c)));
	snprintf(want, sizeof(want), "\n\n: ping\nid: %s\n\n",
		 sse_client_last_id(c));
	assert_non_null(strstr(bytes_text(&c->body), want));
	assert_int_equal(c->n_events, 0);
	assert_true(c->decoder.n_comments >= 1);
}

static void pings_keep_their_interval(void **state)
{
	struct e2e *f = *state;
	struct sse_client *c;
	const struct sse_event *first, *last;

	e2e_gateway(f, "--ping-interval", "250ms", NULL);
	c = e2e_open(f, "alice", NULL);
	last = sse_client_wait_ping(c, 5);
	first = sse_client_wait_ping(c, 1);
	assert_in_range(last->at_ms - first->at_ms, 900, 3000);
}

static void no_pings(void **state)
{
	struct e2e *f = *state;
	struct sse_client *c;

	e2e_gateway(f, "--ping-interval", "0", NULL);
	c = e2e_open(f, "alice", NULL);
	sse_client_linger(c, 500);
	e2e_expect_marker(f, c, "alice", 1);
	assert_int_equal(c->n_pings, 0);
	assert_int_equal(c->decoder.n_comments, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		E2E_TEST(head_and_opening_block),
		E2E_TEST(a_mebibyte),
		E2E_TEST(larger_than_the_memory_for_recent_messages),
		E2E_TEST(the_id_stands_last),
		E2E_TEST(pings_carry_a_fresh_cursor),
		E2E_TEST(pings_as_comments),
		E2E_TEST(pings_keep_their_interval),
		E2E_TEST(no_pings),
	};

	return cmocka_run_group_tests(tests, e2e_group_setup,
				      e2e_group_teardown);
}
