/* The bytes of a stream: heads, chunks, payloads of every kind, pings. */
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

static void retry_is_an_option(void **state)
{
	struct e2e *f = *state;
	struct sse_client *c;

	e2e_gateway(f, "--retry", "1500ms", NULL);
	c = e2e_open(f, "alice", NULL);
	assert_true(c->decoder.has_retry);
	assert_int_equal(c->decoder.retry_ms, 1500);
}

static void http_1_0_ends_with_the_connection(void **state)
{
	struct e2e *f = *state;
	struct sse_client *c = e2e_client(f);

	e2e_gateway(f, NULL);
	sse_client_connect(c, f->gw.address);
	sse_client_send_text(c, "GET /api/v1/events HTTP/1.0\r\n"
				"user_id: alice\r\n\r\n");
	sse_client_wait_head(c);
	assert_stream_head(c);
	assert_false(c->chunked);
	e2e_expect_marker(f, c, "alice", 1);
	gateway_proc_stop(&f->gw);
	sse_client_wait_reply(c);
	assert_true(c->eof);
}

static void client_that_asks_for_close(void **state)
{
	struct e2e *f = *state;
	struct sse_client *c = e2e_client(f);

	e2e_gateway(f, NULL);
	sse_client_get(c, f->gw.address, "/api/v1/events",
		       "user_id: alice\r\nConnection: close\r\n");
	sse_client_wait_head(c);
	assert_stream_head(c);
	assert_true(c->chunked);
	e2e_expect_marker(f, c, "alice", 1);
}

/* The same head, no body; the connection goes on. */
static void head_request(void **state)
{
	struct e2e *f = *state;
	struct sse_client *c = e2e_client(f);

	e2e_gateway(f, NULL);
	c->head_only = true;
	sse_client_connect(c, f->gw.address);
	sse_client_send_text(c, "HEAD /api/v1/events HTTP/1.1\r\nHost: a\r\n"
				"user_id: alice\r\n\r\n");
	sse_client_wait_reply(c);
	assert_int_equal(c->status, 200);
	sse_client_assert_header(c, "Content-Type", "text/event-stream");
	sse_client_assert_header(c, "Cache-Control", "no-cache, no-transform");
	sse_client_assert_header(c, "X-Accel-Buffering", "no");
	e2e_publish(f, "alice", "not for HEAD");
	gateway_proc_wait_metric(&f->gw, "sluice_tail_messages_total", 1);
	sse_client_linger(c, 100);
	assert_int_equal(c->rest.len, 0);
}

static void kept_alive_until_the_stream(void **state)
{
	struct e2e *f = *state;
	struct sse_client *c = e2e_client(f);

	e2e_gateway(f, NULL);
	sse_client_connect(c, f->gw.address);
	for (int i = 0; i < 3; i++) {
		sse_client_send_text(c, "GET /livez HTTP/1.1\r\nHost: a\r\n"
					"\r\n");
		sse_client_wait_reply(c);
		assert_int_equal(c->status, 200);
		sse_client_next_reply(c);
	}
	sse_client_send_text(c, "GET /api/v1/events HTTP/1.1\r\nHost: a\r\n"
				"user_id: alice\r\n\r\n");
	sse_client_wait_any_id(c);
	e2e_expect_marker(f, c, "alice", 1);
}

/* A request in pieces of one byte, and two at once. */
static void requests_cut_anywhere(void **state)
{
	static const char request[] =
		"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n"
		"GET /api/v1/events?deliver=all HTTP/1.1\r\nHost: a\r\n"
		"user_id: alice\r\n\r\n";
	struct e2e *f = *state;
	struct sse_client *slow = e2e_client(f), *both = e2e_client(f);

	e2e_publish(f, "alice", "first");
	e2e_gateway(f, NULL);
	sse_client_connect(slow, f->gw.address);
	for (size_t i = 0; i < sizeof(request) - 1; i++) {
		sse_client_send(slow, request + i, 1);
		sse_client_step(slow, 1);
	}
	sse_client_connect(both, f->gw.address);
	sse_client_send_text(both, request);
	for (int i = 0; i < 2; i++) {
		struct sse_client *c = i == 0 ? slow : both;

		sse_client_wait_reply(c);
		assert_int_equal(c->status, 200);
		sse_client_next_reply(c);
		e2e_expect(c, 1, "first");
	}
}

/* ---- payloads ------------------------------------------------------------ */

/* The payload as an EventSource gives it: every line end is "\n". To free(). */
static char *normal(const char *data, size_t len, size_t *ret_len)
{
	char *out = malloc(len + 1);
	size_t n = 0;

	assert_non_null(out);
	for (size_t i = 0; i < len; i++) {
		if (data[i] == '\r') {
			out[n++] = '\n';
			i += i + 1 < len && data[i + 1] == '\n';
		} else {
			out[n++] = data[i];
		}
	}
	out[n] = '\0';
	*ret_len = n;
	return out;
}

#define PAYLOAD(text)                  \
	{                              \
		text, sizeof(text) - 1 \
	}

static const struct payload {
	const char *data;
	size_t len;
} texts[] = {
	PAYLOAD("plain"),
	PAYLOAD(""),
	PAYLOAD(" leading"),
	PAYLOAD("  two"),
	PAYLOAD(" "),
	PAYLOAD("\n"),
	PAYLOAD("\r"),
	PAYLOAD("\r\n"),
	PAYLOAD("\n\n\n"),
	PAYLOAD("\n\r"),
	PAYLOAD("\r\r\n\n"),
	PAYLOAD("a\nb"),
	PAYLOAD("a\rb"),
	PAYLOAD("a\r\nb"),
	PAYLOAD("a\n b"),
	PAYLOAD("ends\n"),
	PAYLOAD("ends\r"),
	PAYLOAD(":"),
	PAYLOAD(": comment"),
	PAYLOAD("data: x\n\nid: 99\nevent: gap\nretry: 1"),
	PAYLOAD("x\rid: 99\r\revent: gap\rdata: forged\r\r"),
	PAYLOAD("0\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"),
	PAYLOAD("nul \0 within"),
	PAYLOAD("\xEF\xBB\xBF first a byte order mark"),
	PAYLOAD("gr\xC3\xBC\xC3\x9F \xE2\x82\xAC \xF0\x9F\x92\xA7"),
	PAYLOAD("\xE2\x80\xA8 line separator \xC2\x85 next line"),
	PAYLOAD("{\"system\": \"pin\"}"),
};

static void texts_come_as_they_are(void **state)
{
	struct e2e *f = *state;
	struct sse_client *live, *replayed;
	size_t n = sizeof(texts) / sizeof(texts[0]);

	e2e_gateway(f, NULL);
	live = e2e_open(f, "alice", NULL);
	for (size_t i = 0; i < n; i++)
		publish(f, texts[i].data, texts[i].len);
	sse_client_wait_message(live, n);
	gateway_proc_stop(&f->gw);
	e2e_gateway(f, NULL);
	replayed = e2e_open(f, "alice", "deliver=all");
	sse_client_wait_message(replayed, n);
	for (size_t i = 0; i < n; i++) {
		size_t len;
		char *want = normal(texts[i].data, texts[i].len, &len);
		const struct sse_event *a = sse_client_message(live, i);
		const struct sse_event *b = sse_client_message(replayed, i);

		assert_string_equal(a->type, "message");
		assert_int_equal(a->len, len);
		assert_memory_equal(a->data, want, len);
		assert_int_equal(sse_id_seq(a->id), i + 1);
		assert_string_equal(b->type, "message");
		assert_int_equal(b->len, len);
		assert_memory_equal(b->data, want, len);
		assert_string_equal(b->id, a->id);
		free(want);
	}
	/* Nothing forged a retry. */
	assert_int_equal(live->decoder.retry_ms, 3000);
}

static const struct binary {
	const char *data;
	size_t len;
	const char *base64;
} binaries[] = {
	{"\xFF", 1, "/w=="},
	{"\xFF\xFE", 2, "//4="},
	{"\xFF\xFE\xFD", 3, "//79"},
	{"\x80"
	 "a\nb",
	 4, "gGEKYg=="},
	{"\xC0\xAF", 2, "wK8="},	     /* overlong */
	{"\xED\xA0\x80", 3, "7aCA"},	     /* a surrogate */
	{"\xF4\x90\x80\x80", 4, "9JCAgA=="}, /* beyond U+10FFFF */
	{"cut \xE2\x82", 6, "Y3V0IOKC"},
};

static void binaries_come_as_base64(void **state)
{
	struct e2e *f = *state;
	struct sse_client *c;
	size_t n = sizeof(binaries) / sizeof(binaries[0]);

	e2e_gateway(f, NULL);
	c = e2e_open(f, "alice", NULL);
	for (size_t i = 0; i < n; i++)
		publish(f, binaries[i].data, binaries[i].len);
	for (size_t i = 0; i < n; i++) {
		const struct sse_event *ev = sse_client_wait_message(c, i + 1);

		assert_string_equal(ev->type, "base64");
		assert_string_equal(ev->data, binaries[i].base64);
	}
	publish(f, "text again", 10);
	assert_string_equal(sse_client_wait_message(c, n + 1)->type, "message");
}

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
		E2E_TEST(retry_is_an_option),
		E2E_TEST(http_1_0_ends_with_the_connection),
		E2E_TEST(client_that_asks_for_close),
		E2E_TEST(head_request),
		E2E_TEST(kept_alive_until_the_stream),
		E2E_TEST(requests_cut_anywhere),
		E2E_TEST(texts_come_as_they_are),
		E2E_TEST(binaries_come_as_base64),
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
