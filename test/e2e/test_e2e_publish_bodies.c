/* Bodies that are cut, slow, many, or behind a rejection: half a message is
 * never published, no body becomes a request, and the other clients publish
 * meanwhile.
 *
 * SLUICE_TEST_BODIES: slow bodies at once (2,000). */
#include "e2e.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "http_writer.h"
#include "test_clock.h"

#define HEAD                               \
	"POST /api/v1/events HTTP/1.1\r\n" \
	"Host: h\r\n"                      \
	"user_id: alice\r\n"

#define BY_LENGTH HEAD "Content-Length: 11\r\n\r\nhello world"
#define BY_CHUNKS                             \
	HEAD "Transfer-Encoding: chunked\r\n" \
	     "\r\n"                           \
	     "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"

enum { BODIES = 2000, IN_TIME_MS = 1000, BIG = 200000 };

/* ASan keeps freed memory back; here the point is what is not freed. */
static const char asan[] = "quarantine_size_mb=1:malloc_context_size=2";

static void start(struct e2e *f)
{
	e2e_gateway(f, "--allow-pub", "events.{id}", NULL);
}

static long long last_seq(struct e2e *f)
{
	return e2e_stream_number(f, "state.last_seq");
}

/* Everything before has been read by the gateway. */
static void publish_in_time(struct e2e *f)
{
	uint64_t start_ms = test_now_ms();

	http_post(f, 201, "\"seq\":", "", NULL, "whole");
	if (test_now_ms() - start_ms > test_deadline_ms(IN_TIME_MS) - start_ms)
		fail_msg("a publish took %d ms",
			 (int)(test_now_ms() - start_ms));
}

/* ---- cut ----------------------------------------------------------------- */

enum end { CLOSED, RESET, HALF_CLOSED };

static void send_part(struct sse_client *c, struct e2e *f, const char *text,
		      size_t len)
{
	c->fd = -1;
	sse_client_connect(c, f->gw.address);
	sse_client_send(c, text, len);
}

static bool is_over(const struct sse_client *c, void *arg)
{
	(void)arg;
	return c->eof;
}

static void cut_at(struct e2e *f, const char *text, size_t at, enum end end)
{
	struct sse_client c = {0};

	send_part(&c, f, text, at);
	if (end == HALF_CLOSED) {
		shutdown(c.fd, SHUT_WR);
		if (!sse_client_until(&c, is_over, NULL, SSE_CLIENT_WAIT_MS) ||
		    (c.status != 0 && c.status != 400))
			fail_msg("cut at %zu: %s", at, sse_client_describe(&c));
	}
	if (end == RESET)
		sse_client_reset(&c);
	else
		sse_client_close(&c);
}

static void cut_everywhere(struct e2e *f, const char *text)
{
	for (size_t at = 0; at < strlen(text); at++)
		for (enum end end = CLOSED; end <= HALF_CLOSED; end++)
			cut_at(f, text, at, end);
	publish_in_time(f);
}

static void half_a_message_is_none(void **state)
{
	struct e2e *f = *state;

	start(f);
	cut_everywhere(f, BY_LENGTH);
	cut_everywhere(f, BY_CHUNKS);
	assert_int_equal(last_seq(f), 2);
	gateway_proc_wait_metric(&f->gw, "sluice_request_body_bytes", 0);
}

/* The two parts come in one packet each. */
static void a_message_in_two_parts_is_whole(void **state)
{
	static const char *const texts[] = {BY_LENGTH, BY_CHUNKS};
	struct e2e *f = *state;
	struct sse_client *reader;
	size_t n = 0;

	start(f);
	reader = e2e_open(f, "alice", NULL);
	for (size_t i = 0; i < 2; i++) {
		for (size_t at = 1; at < strlen(texts[i]); at++) {
			struct sse_client c = {0};

			send_part(&c, f, texts[i], at);
			poll(NULL, 0, 1);
			sse_client_send_text(&c, texts[i] + at);
			sse_client_wait_reply(&c);
			if (c.status != 201)
				fail_msg("%zu: %s", at,
					 sse_client_describe(&c));
			sse_client_close(&c);
			e2e_expect(reader, ++n, "hello world");
		}
	}
}

/* ---- one connection ------------------------------------------------------ */

static void bodies_on_one_connection(void **state)
{
	enum { PAIRS = 50 };
	struct e2e *f = *state;
	struct sse_client *c;
	struct bytes all = {0};

	start(f);
	c = e2e_client(f);
	for (int i = 0; i < PAIRS; i++) {
		bytes_add(&all, BY_LENGTH, strlen(BY_LENGTH));
		bytes_add(&all, BY_CHUNKS, strlen(BY_CHUNKS));
	}
	sse_client_connect(c, f->gw.address);
	sse_client_send(c, all.at, all.len);
	for (int i = 1; i <= 2 * PAIRS; i++) {
		char want[32];

		snprintf(want, sizeof(want), "\"seq\":%d,", i);
		sse_client_wait_reply(c);
		if (c->status != 201 ||
		    strstr(bytes_text(&c->body), want) == NULL)
			fail_msg("%d: %s", i, sse_client_describe(c));
		sse_client_next_reply(c);
	}
	assert_false(c->eof);
	bytes_free(&all);
}

/* ---- behind a rejection -------------------------------------------------- */

/* The body is a request that would be answered, and comes with the head, or
 * behind the response. */
static void a_rejected_body_is_no_request(void **state)
{
	static const char hidden[] = HEAD "Content-Length: 6\r\n\r\nhidden";
	static const struct {
		const char *head;
		int status;
	} cases[] = {
		{"POST /api/v1/events?subject=events.bob HTTP/1.1\r\nHost: "
		 "h\r\nuser_id: alice\r\n",
		 403},
		{"POST /api/v1/events?subject=a.* HTTP/1.1\r\nHost: h\r\n"
		 "user_id: alice\r\n",
		 400},
		{"POST /api/v1/events HTTP/1.1\r\nHost: h\r\n", 400},
		{HEAD "Nats-Rollup: all\r\n", 400},
		{HEAD "Idempotency-Key:\r\n", 400},
		{"POST /nothing HTTP/1.1\r\nHost: h\r\n", 404},
		{"PUT /api/v1/events HTTP/1.1\r\nHost: h\r\n", 405},
		{"POST /livez HTTP/1.1\r\nHost: h\r\n", 405},
		{"PUT /api/v1/subjects/$JS.API.INFO HTTP/1.1\r\nHost: h\r\n"
		 "user_id: alice\r\n",
		 403},
		{"POST /api/v1/subjects/events.alice?timeout=x "
		 "HTTP/1.1\r\nHost: h\r\nuser_id: alice\r\n",
		 400},
	};
	struct e2e *f = *state;

	start(f);
	for (size_t i = 0; i < 4 * sizeof(cases) / sizeof(cases[0]); i++) {
		bool chunked = i % 2 == 1, late = i / 2 % 2 == 1;
		struct sse_client c = {.fd = -1};
		char head[512], body[512];

		snprintf(head, sizeof(head),
			 chunked ? "%sTransfer-Encoding: chunked\r\n\r\n"
				 : "%sContent-Length: 500\r\n\r\n",
			 cases[i / 4].head);
		snprintf(body, sizeof(body), chunked ? "1f4\r\n%s%s" : "%s%s",
			 hidden, hidden);
		sse_client_connect(&c, f->gw.address);
		sse_client_send_text(&c, head);
		if (late)
			sse_client_wait_reply(&c);
		sse_client_send_text(&c, body);
		if (!sse_client_until(&c, is_over, NULL, SSE_CLIENT_WAIT_MS) ||
		    c.status != cases[i / 4].status || c.rest.len > 0)
			fail_msg("%s: %s", head, sse_client_describe(&c));
		sse_client_close(&c);
	}
	assert_int_equal(last_seq(f), 0);
}

/* ---- slow ---------------------------------------------------------------- */

static size_t n_bodies(void)
{
	const char *text = getenv("SLUICE_TEST_BODIES");

	return text == NULL ? BODIES : strtoul(text, NULL, 10);
}

static bool has_reply(const struct sse_client *c, void *arg)
{
	(void)arg;
	return c->state == SSE_CLIENT_DONE || c->eof;
}

static struct sse_client *open_slow(struct e2e *f, size_t n, const char *head,
				    const void *body, size_t len)
{
	struct sse_client *cs = calloc(n, sizeof(*cs));

	assert_non_null(cs);
	for (size_t i = 0; i < n; i++) {
		cs[i].fd = -1;
		sse_client_connect(&cs[i], f->gw.address);
		sse_client_send_text(&cs[i], head);
		sse_client_send(&cs[i], body, len);
	}
	return cs;
}

/* How many got this status; the others got `other`. */
static size_t count_replies(struct sse_client *cs, size_t n, int status,
			    int other)
{
	size_t found = 0;

	if (!sse_clients_until(cs, n, has_reply, NULL, 2 * SSE_CLIENT_WAIT_MS))
		fail_msg("a slow body is not rejected");
	for (size_t i = 0; i < n; i++) {
		if (cs[i].status != status && cs[i].status != other)
			fail_msg("%zu: %s", i, sse_client_describe(&cs[i]));
		found += cs[i].status == status;
		sse_client_close(&cs[i]);
	}
	free(cs);
	return found;
}

static void slow_bodies_delay_no_client(void **state)
{
	struct e2e *f = *state;
	size_t n = n_bodies();
	struct sse_client *cs;
	long long before;

	e2e_gateway(f, "--allow-pub", "events.{id}", "--body-timeout", "10s",
		    "--max-connections", "15000", NULL);
	cs = open_slow(f, n, HEAD "Content-Length: 100\r\n\r\n", "half", 4);
	publish_in_time(f);
	before = last_seq(f);
	assert_true(gateway_proc_metric(&f->gw, "sluice_connections{state="
						"\"body\"}") == (double)n);
	assert_int_equal(count_replies(cs, n, 408, 0), n);
	assert_int_equal(last_seq(f), before);
	publish_in_time(f);
	gateway_proc_wait_metric(&f->gw, "sluice_request_body_bytes", 0);
}

/* Large ones wait in the sockets, or are rejected. */
static void bodies_have_a_bound_together(void **state)
{
	enum { CLIENTS = 300, MEMORY_KIB = 8 * 1024 };
	struct e2e *f = *state;
	char *body = calloc(1, BIG);
	struct sse_client *cs;
	size_t rss, slow;

	assert_non_null(body);
	f->gw.asan = asan;
	e2e_gateway(f, "--allow-pub", "events.{id}", "--body-timeout", "3s",
		    "--max-body-memory", "8MiB", NULL);
	rss = gateway_proc_rss_kib(&f->gw);
	cs = open_slow(f, CLIENTS, HEAD "Content-Length: 1000000\r\n\r\n", body,
		       BIG);
	slow = gateway_proc_rss_kib(&f->gw);
	fprintf(stderr, "%zu KiB resident before, %zu KiB with slow bodies\n",
		rss, slow);
	assert_true(slow < rss + 3 * MEMORY_KIB);
	slow = count_replies(cs, CLIENTS, 408, 503);
	fprintf(stderr, "%zu slow bodies of %d were held\n", slow, CLIENTS);
	assert_true(slow > 0 && slow < CLIENTS);
	publish_in_time(f);
	gateway_proc_wait_metric(&f->gw, "sluice_request_body_bytes", 0);
	f->gw.asan = NULL;
	free(body);
}

/* The headers of messages that wait for their bodies are memory, too. */
static void headers_have_a_bound_with_them(void **state)
{
	enum { CLIENTS = 2000, LEN = 12000, MEMORY_KIB = 4 * 1024 };
	struct e2e *f = *state;
	struct bytes head = {0};
	struct sse_client *cs;
	size_t rss, slow;

	bytes_add(&head, HEAD, strlen(HEAD));
	bytes_add(&head, "Content-Length: 5\r\nNatsH-X: ", 28);
	for (int i = 0; i < LEN; i++)
		bytes_add_char(&head, 'x');
	bytes_add(&head, "\r\n\r\n", 4);
	f->gw.asan = asan;
	e2e_gateway(f, "--allow-pub", "events.{id}", "--body-timeout", "5s",
		    "--max-body-memory", "4MiB", NULL);
	publish_in_time(f);
	rss = gateway_proc_rss_kib(&f->gw);
	cs = open_slow(f, CLIENTS, head.at, "", 0);
	slow = gateway_proc_rss_kib(&f->gw);
	fprintf(stderr, "%zu KiB resident before, %zu KiB with headers\n", rss,
		slow);
	assert_true(slow < rss + 3 * MEMORY_KIB);
	count_replies(cs, CLIENTS, 408, 503);
	f->gw.asan = NULL;
	bytes_free(&head);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		E2E_TEST(half_a_message_is_none),
		E2E_TEST(a_message_in_two_parts_is_whole),
		E2E_TEST(bodies_on_one_connection),
		E2E_TEST(a_rejected_body_is_no_request),
		E2E_TEST(slow_bodies_delay_no_client),
		E2E_TEST(bodies_have_a_bound_together),
		E2E_TEST(headers_have_a_bound_with_them),
	};

	return cmocka_run_group_tests(tests, e2e_group_setup,
				      e2e_group_teardown);
}
