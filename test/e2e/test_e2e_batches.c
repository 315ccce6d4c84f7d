/* Batches: many messages by one POST with lines of JSON, on a real server. */
#include "e2e.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "test_clock.h"

#define HEAD                               \
	"POST /api/v1/events HTTP/1.1\r\n" \
	"Host: h\r\n"                      \
	"user_id: alice\r\n"               \
	"Content-Type: application/x-ndjson\r\n"

enum { TEXT_MAX = 1024 };

/* ---- requests ------------------------------------------------------------ */

static void start_gateway(struct e2e *f)
{
	e2e_gateway(f, "--allow-pub", "events.*", NULL);
}

/* Opens a batch with a body of this length; `more`: headers. */
static struct sse_client *open_batch(struct e2e *f, size_t len,
				     const char *more)
{
	struct sse_client *c = e2e_client(f);
	char head[TEXT_MAX];

	snprintf(head, sizeof(head), HEAD "Content-Length: %zu\r\n%s\r\n", len,
		 more);
	sse_client_connect(c, f->gw.address);
	sse_client_send_text(c, head);
	return c;
}

static void send_chunk(struct sse_client *c, const char *text)
{
	char size[32];

	snprintf(size, sizeof(size), "%zx\r\n", strlen(text));
	sse_client_send_text(c, size);
	sse_client_send_text(c, text);
	sse_client_send_text(c, "\r\n");
}

static struct sse_client *open_chunked_batch(struct e2e *f)
{
	struct sse_client *c = e2e_client(f);

	sse_client_connect(c, f->gw.address);
	sse_client_send_text(c, HEAD "Transfer-Encoding: chunked\r\n\r\n");
	return c;
}

static struct sse_client *send_batch(struct e2e *f, const char *body,
				     const char *more)
{
	struct sse_client *c = open_batch(f, strlen(body), more);

	sse_client_send_text(c, body);
	sse_client_wait_reply(c);
	return c;
}

/* ---- results ------------------------------------------------------------- */

static size_t count_lines(const struct sse_client *c)
{
	const char *at = bytes_text(&c->body);
	size_t n = 0;

	for (; (at = strchr(at, '\n')) != NULL; at++)
		n++;
	return n;
}

static bool has_lines(const struct sse_client *c, void *arg)
{
	return count_lines(c) >= *(size_t *)arg;
}

static void wait_lines(struct sse_client *c, size_t n)
{
	if (!sse_client_until(c, has_lines, &n, SSE_CLIENT_WAIT_MS))
		fail_msg("%zu results: %s", count_lines(c),
			 sse_client_describe(c));
}

/* The n-th result, from 1; static. */
static const char *result(const struct sse_client *c, size_t n)
{
	static char line[TEXT_MAX];
	const char *at = bytes_text(&c->body);

	for (; n > 1 && at != NULL; n--) {
		at = strchr(at, '\n');
		at = at == NULL ? NULL : at + 1;
	}
	if (at == NULL)
		fail_msg("no such result: %s", sse_client_describe(c));
	snprintf(line, sizeof(line), "%.*s", (int)strcspn(at, "\n"), at);
	return line;
}

static void expect_result(const struct sse_client *c, size_t n,
			  const char *text)
{
	if (strncmp(result(c, n), text, strlen(text)) != 0)
		fail_msg("result %zu: %s, not %s", n, result(c, n), text);
}

static void expect_status(const struct sse_client *c, int status)
{
	if (c->status != status)
		fail_msg("not %d: %s", status, sse_client_describe(c));
}

/* ---- what the stream holds ----------------------------------------------- */

struct stored {
	struct bytes text; /* "SUBJECT=DATA " ... */
};

static void add_stored(void *arg, unsigned long long seq, const char *subject,
		       const char *data, size_t len)
{
	struct stored *s = arg;

	(void)seq;
	bytes_add(&s->text, subject, strlen(subject));
	bytes_add_char(&s->text, '=');
	bytes_add(&s->text, data, len);
	bytes_add_char(&s->text, ' ');
}

static void expect_stored(struct e2e *f, const char *want)
{
	struct stored s = {{0}};

	nats_admin_read(f->admin, "Events", "events.*", add_stored, &s);
	assert_string_equal(bytes_text(&s.text), want);
	bytes_free(&s.text);
}

/* ---- results and their order --------------------------------------------- */

static void each_line_is_a_message(void **state)
{
	struct e2e *f = *state;
	struct sse_client *c;

	start_gateway(f);
	c = send_batch(f,
		       "{\"data\":\"a\"}\n"
		       "{\"data\":{\"b\": 1},\"subject\":\"events.b\"}\r\n\n"
		       "{\"data\":\"Yw==\",\"encoding\":\"base64\"}\n"
		       "{\"data\":\"d\",\"key\":\"k\",\"expect\":null}\n"
		       "{\"data\":\"e\",\"key\":\"k\"}\n"
		       "{\"data\":\"f\",\"key\":\"k\"}\n"
		       "{\"data\":\"no line end\"}",
		       "");
	expect_status(c, 207);
	sse_client_assert_header(c, "Content-Type", "application/x-ndjson");
	assert_int_equal(count_lines(c), 7);
	expect_result(c, 1, "{\"seq\":1,\"id\":\"1-");
	expect_result(c, 2, "{\"seq\":2,");
	expect_result(c, 3, "{\"seq\":3,");
	expect_result(c, 4, "{\"status\":400,\"detail\":\"bad line: expect");
	expect_result(c, 5, "{\"seq\":4,");
	expect_result(c, 6, "{\"seq\":4,");
	assert_non_null(strstr(result(c, 6), "\"duplicate\":true}"));
	expect_result(c, 7, "{\"seq\":5,");
	expect_stored(f, "events.alice=a events.b={\"b\":1} events.alice=c "
			 "events.alice=e events.alice=no line end ");
	assert_true(gateway_proc_metric(
			    &f->gw,
			    "sluice_publishes_total{result=\"stored\"}") == 5);
	assert_true(gateway_proc_metric(&f->gw, "sluice_publishes_total{result="
						"\"duplicate\"}") == 1);
	assert_true(gateway_proc_metric(
			    &f->gw,
			    "sluice_publishes_total{result=\"rejected\"}") ==
		    1);
}

static void a_failed_line_stops_no_other(void **state)
{
	struct e2e *f = *state;
	struct sse_client *c;

	e2e_gateway(f, "--allow-pub", "events.*", "--max-body", "100", NULL);
	c = send_batch(
		f,
		"{\"data\":\"a\",\"key\":\"k\"}\n"
		"not JSON\n"
		"{\"data\":\"\",\"subject\":\"other\"}\n"
		"{\"data\":\"b\",\"subject\":\"events.b\",\"key\":\"k\"}"
		"\n"
		"{\"data\":\"c\",\"expect\":7}\n"
		"{\"data\":\"12345678901234567890123456789012345678901234"
		"5678901234567890123456789012345678901234567890123456789"
		"01\"}\n"
		"{\"data\":\"d\"}\n",
		"");
	expect_status(c, 207);
	assert_int_equal(count_lines(c), 7);
	expect_result(c, 1, "{\"seq\":1,");
	expect_result(c, 2, "{\"status\":400,");
	expect_result(c, 3, "{\"status\":403,");
	expect_result(c, 4, "{\"status\":422,");
	expect_result(c, 5, "{\"status\":409,");
	assert_non_null(strstr(result(c, 5), "\"err_code\":10071,"));
	expect_result(c, 6, "{\"status\":413,");
	expect_result(c, 7, "{\"seq\":2,");
	expect_stored(f, "events.alice=a events.alice=d ");
}

static void a_batch_is_rejected_as_a_whole(void **state)
{
	static const char line[] = "{\"data\":\"a\"}\n";
	struct e2e *f = *state;
	struct sse_client *c;

	start_gateway(f);
	expect_status(send_batch(f, line, "Idempotency-Key: k\r\n"), 400);
	expect_status(send_batch(f, line, "NatsH-Trace: 1\r\n"), 400);
	expect_status(send_batch(f, line, "If-Match: \"1\"\r\n"), 400);
	c = e2e_ask(f, "POST /api/v1/events?subject=other HTTP/1.1\r\n"
		       "Host: h\r\nuser_id: alice\r\nContent-Length: 13\r\n"
		       "Content-Type: Application/x-NDJSON; charset=utf-8\r\n"
		       "\r\n{\"data\":\"a\"}\n");
	expect_status(c, 403);
	c = send_batch(f, "", "");
	expect_status(c, 200);
	assert_int_equal(c->body.len, 0);
	assert_int_equal(e2e_stream_number(f, "state.messages"), 0);
	/* It is not about lines: no JSON, one message. */
	c = e2e_ask(f, "POST /api/v1/events HTTP/1.1\r\n"
		       "Host: h\r\nuser_id: alice\r\nContent-Length: 13\r\n"
		       "Content-Type: application/x-ndjson2\r\n"
		       "\r\n{\"data\":\"a\"}\n");
	expect_status(c, 201);
}

/* "{"data":"m0"}" and so on; to free(). */
static char *numbered_lines(size_t n)
{
	struct bytes body = {0};
	char line[64];

	for (size_t i = 0; i < n; i++) {
		snprintf(line, sizeof(line), "{\"data\":\"m%zu\"}\n", i);
		bytes_add(&body, line, strlen(line));
	}
	return body.at;
}

static void many_lines(struct e2e *f, size_t n, int status)
{
	char *body = numbered_lines(n);
	uint64_t first = (uint64_t)e2e_stream_number(f, "state.last_seq") + 1;
	struct sse_client *c = send_batch(f, body, "");
	const char *at = bytes_text(&c->body);
	char want[64];

	expect_status(c, status);
	assert_int_equal(count_lines(c), n);
	for (size_t i = 0; i < n; i++) {
		snprintf(want, sizeof(want), "{\"seq\":%llu,",
			 (unsigned long long)(first + i));
		assert_memory_equal(at, want, strlen(want));
		at = strchr(at, '\n') + 1;
	}
	free(body);
}

/* The status of a long batch does not wait for its end. */
static void the_status_waits_for_10000_lines(void **state)
{
	struct e2e *f = *state;

	start_gateway(f);
	many_lines(f, 10000, 200);
	many_lines(f, 10001, 207);
	assert_int_equal(e2e_stream_number(f, "state.messages"), 20001);
}

/* ---- atomic batches ------------------------------------------------------ */

static struct sse_client *send_atomic(struct e2e *f, const char *body)
{
	struct sse_client *c = e2e_client(f);
	char head[TEXT_MAX];

	snprintf(head, sizeof(head),
		 "POST /api/v1/events?atomic=1 HTTP/1.1\r\nHost: h\r\n"
		 "user_id: alice\r\nContent-Type: application/x-ndjson\r\n"
		 "Content-Length: %zu\r\n\r\n",
		 strlen(body));
	sse_client_connect(c, f->gw.address);
	sse_client_send_text(c, head);
	sse_client_send_text(c, body);
	sse_client_wait_reply(c);
	return c;
}

static void expect_atomic(struct e2e *f, const char *body, int status,
			  const char *text)
{
	struct sse_client *c = send_atomic(f, body);

	expect_status(c, status);
	if (strstr(bytes_text(&c->body), text) == NULL)
		fail_msg("%s: %s", text, bytes_text(&c->body));
}

static void all_messages_or_none(struct e2e *f)
{
	char *most = numbered_lines(1000), *more = numbered_lines(1001);

	expect_atomic(f,
		      "{\"data\":\"a\",\"key\":\"k\"}\n"
		      "{\"data\":\"b\",\"expect\":0,\"subject\":\"events.b\"}",
		      201, "\"seq\":2,");
	expect_atomic(f, "{\"data\":\"c\"}\nx\n", 400, "line 2: bad line");
	expect_atomic(f, "{\"data\":\"c\"}\n{\"data\":\"d\",\"expect\":7}\n",
		      409, "last sequence is another");
	expect_atomic(f,
		      "{\"data\":\"c\"}\n{\"data\":\"d\",\"key\":\"k\"}\n"
		      "{\"data\":\"e\"}\n",
		      409, "A key of the batch");
	expect_stored(f, "events.alice=a events.b=b ");
	expect_atomic(f, most, 201, "\"seq\":1002,");
	expect_atomic(f, more, 413, "more than 1000");
	assert_int_equal(e2e_stream_number(f, "state.messages"), 1002);
	free(most);
	free(more);
}

/* Servers before 2.12 would store the messages one by one. */
static void an_atomic_batch(void **state)
{
	struct e2e *f = *state;

	if (f->nats.version < 21200) {
		start_gateway(f);
		expect_atomic(f, "{\"data\":\"a\"}\n", 501,
			      "The NATS server has no atomic batches");
		assert_int_equal(e2e_stream_number(f, "state.messages"), 0);
		return;
	}
	start_gateway(f);
	expect_atomic(f, "{\"data\":\"a\"}\n", 501, "\"err_code\":10174");
	gateway_proc_stop(&f->gw);
	e2e_make_stream(f, "\"allow_atomic\": true");
	start_gateway(f);
	all_messages_or_none(f);
}

/* ---- bodies that come slowly, or not whole ------------------------------- */

static void results_come_while_the_body_does(void **state)
{
	struct e2e *f = *state;
	struct sse_client *c;

	e2e_gateway(f, "--allow-pub", "events.*", "--body-timeout", "400ms",
		    NULL);
	c = open_chunked_batch(f);
	send_chunk(c, "bad\n{\"data\":");
	wait_lines(c, 1);
	expect_status(c, 207);
	/* Longer than the time-out in all, not from line to line. */
	for (size_t i = 0; i < 6; i++) {
		poll(NULL, 0, 100);
		send_chunk(c, "\"a\"}\n{\"data\":");
		wait_lines(c, 2 + i);
	}
	/* No line any more: the batch ends with its error. */
	sse_client_wait_reply(c);
	assert_int_equal(count_lines(c), 8);
	expect_result(c, 7, "{\"seq\":6,");
	expect_result(c, 8, "{\"status\":408,");
	assert_int_equal(e2e_stream_number(f, "state.messages"), 6);
}

/* Bad framing in the middle: the results before are not lost. */
static void a_broken_body_has_results(void **state)
{
	struct e2e *f = *state;
	struct sse_client *c;

	start_gateway(f);
	c = open_chunked_batch(f);
	send_chunk(c, "{\"data\":\"a\"}\n{\"data\":\"b\"}\n{\"data\":\"c\"}");
	sse_client_send_text(c, "x\r\n");
	sse_client_wait_reply(c);
	expect_status(c, 207);
	assert_int_equal(count_lines(c), 3);
	expect_result(c, 2, "{\"seq\":2,");
	expect_result(c, 3, "{\"status\":400,");
	expect_stored(f, "events.alice=a events.alice=b ");

	c = open_chunked_batch(f);
	sse_client_send_text(c, "x\r\n");
	sse_client_wait_reply(c);
	expect_status(c, 400);
}

/* In two pieces, cut at each byte: the same results. */
static void a_body_in_any_two_pieces(void **state)
{
	static const char body[] =
		"{\"data\":\"a\"}\r\n\n{\"data\":\"\\u0062\"}\n{}\n"
		"{\"data\":\"c\"}";
	struct e2e *f = *state;

	start_gateway(f);
	for (size_t cut = 1; cut < sizeof(body) - 1; cut++) {
		struct sse_client *c = open_batch(f, sizeof(body) - 1, "");
		char want[32];

		sse_client_send(c, body, cut);
		if (cut % 4 == 0)
			poll(NULL, 0, 1);
		sse_client_send(c, body + cut, sizeof(body) - 1 - cut);
		sse_client_wait_reply(c);
		expect_status(c, 207);
		assert_int_equal(count_lines(c), 4);
		for (size_t i = 0; i < 4; i++) {
			size_t seq = 3 * (cut - 1) + 1 + (i == 3 ? 2 : i);

			snprintf(want, sizeof(want), "{\"seq\":%zu,", seq);
			expect_result(c, i + 1,
				      i == 2 ? "{\"status\":400," : want);
		}
		sse_client_close(c);
	}
}

/* A client that is gone in the middle of a line: that line is no message. */
static void a_body_that_ends_anywhere(void **state)
{
	static const char body[] = "{\"data\":\"a\"}\n{\"data\":\"b\"}\n";
	enum { LINE = 13 };
	struct e2e *f = *state;
	double want = 0;

	start_gateway(f);
	for (size_t cut = 0; cut <= sizeof(body) - 1; cut++) {
		struct sse_client *c = open_batch(f, sizeof(body), "");

		sse_client_send(c, body, cut);
		want += (double)(cut / LINE);
		/* Its whole lines are read. */
		if (cut / LINE > 0)
			gateway_proc_wait_metric(&f->gw,
						 "sluice_publishes_total",
						 want);
		sse_client_close(c);
	}
	gateway_proc_wait_metric(&f->gw, "sluice_connections{state=\"body\"}",
				 0);
	assert_true(gateway_proc_metric(&f->gw, "sluice_publishes_total") ==
		    want);
	assert_int_equal(e2e_stream_number(f, "state.messages"), want);
}

static void a_client_waits_for_100(void **state)
{
	struct e2e *f = *state;
	struct sse_client *c;

	start_gateway(f);
	c = open_batch(f, 13, "Expect: 100-continue\r\n");
	sse_client_wait_head(c);
	expect_status(c, 100);
	sse_client_close(c);
}

/* ---- slow clients, big batches ------------------------------------------- */

/* Sends lines and reads no result until the gateway stops reading. Returns the
 * bytes that it took. */
static size_t send_until_full(struct sse_client *c, const char *line,
			      size_t max)
{
	uint64_t taken_ms = test_now_ms();
	size_t len = strlen(line), at = 0;

	while (at < max && test_now_ms() < taken_ms + 1000) {
		ssize_t n = send(c->fd, line + at % len, len - at % len,
				 MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n > 0) {
			at += (size_t)n;
			taken_ms = test_now_ms();
		} else {
			poll(NULL, 0, 10);
		}
	}
	return at;
}

/* No JSON, so that nothing but the results fills the sockets. */
enum { BAD_LINE = 256, MOST = 64 * 1024 * 1024 };

static void make_bad_line(char *line)
{
	memset(line, 'x', BAD_LINE - 1);
	line[BAD_LINE - 1] = '\n';
	line[BAD_LINE] = '\0';
}

static struct sse_client *open_slow_batch(struct e2e *f)
{
	struct sse_client *c = e2e_client(f);

	c->rcvbuf = 4096;
	sse_client_connect(c, f->gw.address);
	sse_client_send_text(c, HEAD "Content-Length: 67108864\r\n\r\n");
	return c;
}

static bool has_body(const struct sse_client *c, void *arg)
{
	return c->body.len >= *(size_t *)arg;
}

/* Its results wait in the client's socket, then in the gateway's; then the body
 * waits. Nothing is lost. */
static void a_client_that_reads_late(void **state)
{
	static const char want[] =
		"{\"status\":400,\"detail\":\"bad line: it is not JSON in "
		"UTF-8\"}\n";
	struct e2e *f = *state;
	char line[BAD_LINE + 1];
	struct sse_client *c;
	size_t sent, len;

	start_gateway(f);
	make_bad_line(line);
	c = open_slow_batch(f);
	sent = send_until_full(c, line, MOST);
	assert_true(sent < MOST);
	assert_true(gateway_proc_metric(&f->gw, "sluice_request_body_bytes") <
		    1024 * 1024);
	len = sent / BAD_LINE * (sizeof(want) - 1);
	if (!sse_client_until(c, has_body, &len, 2 * SSE_CLIENT_WAIT_MS))
		fail_msg("%zu of %zu bytes", c->body.len, len);
	expect_status(c, 207);
	for (size_t at = 0; at < len; at += sizeof(want) - 1)
		assert_memory_equal(bytes_text(&c->body) + at, want,
				    sizeof(want) - 1);
}

static void a_client_that_never_reads(void **state)
{
	struct e2e *f = *state;
	char line[BAD_LINE + 1];

	e2e_gateway(f, "--allow-pub", "events.*", "--body-timeout", "1s", NULL);
	make_bad_line(line);
	assert_true(send_until_full(open_slow_batch(f), line, MOST) < MOST);
	gateway_proc_wait_metric(&f->gw, "sluice_connections{state=\"body\"}",
				 0);
	assert_true(gateway_proc_metric(&f->gw, "sluice_request_body_bytes") ==
		    0);
}

/* 64 MiB by a gateway that may keep 2 MiB of bodies. */
static void a_big_batch_is_not_kept(void **state)
{
	enum { LINES = 1024, PAYLOAD = 64 * 1024 };
	struct e2e *f = *state;
	struct sse_client *c;
	double most = 0;
	char *line;

	e2e_gateway(f, "--allow-pub", "events.*", "--max-body-memory", "2MiB",
		    NULL);
	line = malloc(PAYLOAD + 16);
	assert_non_null(line);
	snprintf(line, 16, "{\"data\":\"");
	memset(line + 9, 'x', PAYLOAD);
	snprintf(line + 9 + PAYLOAD, 7, "\"}\n");
	c = open_batch(f, LINES * strlen(line), "");
	for (size_t i = 0; i < LINES; i++) {
		sse_client_send_text(c, line);
		if (i % 64 == 0) {
			double now = gateway_proc_metric(
				&f->gw, "sluice_request_body_bytes");

			most = now > most ? now : most;
		}
	}
	sse_client_wait_reply(c);
	expect_status(c, 200);
	assert_int_equal(count_lines(c), LINES);
	assert_true(most > 0 && most <= 2 * 1024 * 1024);
	assert_int_equal(e2e_stream_number(f, "state.messages"), LINES);
	free(line);
}

/* ---- the server's faults ------------------------------------------------- */

static void lines_fail_while_nats_is_away(void **state)
{
	struct e2e *f = *state;
	struct sse_client *c;

	start_gateway(f);
	c = open_chunked_batch(f);
	send_chunk(c, "{\"data\":\"a\"}\nbad\n");
	wait_lines(c, 2);
	nats_server_kill(&f->nats, SIGKILL);
	gateway_proc_wait_unready(&f->gw);
	send_chunk(c, "{\"data\":\"b\"}\n{\"data\":\"c\"}\n");
	wait_lines(c, 4);
	expect_result(c, 3, "{\"status\":503,");
	expect_result(c, 4, "{\"status\":503,");
	nats_server_again(&f->nats);
	gateway_proc_wait_ready(&f->gw);
	send_chunk(c, "{\"data\":\"d\"}\n");
	wait_lines(c, 5);
	expect_result(c, 5, "{\"seq\":2,");
	sse_client_send_text(c, "0\r\n\r\n");
	sse_client_wait_reply(c);
	assert_int_equal(count_lines(c), 5);
	expect_stored(f, "events.alice=a events.alice=d ");
}

struct counts {
	unsigned char *of;
	size_t n;
};

static void count_stored(void *arg, unsigned long long seq, const char *subject,
			 const char *data, size_t len)
{
	struct counts *counts = arg;
	char text[32];
	size_t i;

	(void)seq;
	(void)subject;
	snprintf(text, sizeof(text), "%.*s", (int)len, data);
	i = strtoul(text + 1, NULL, 10);
	assert_true(i < counts->n);
	counts->of[i]++;
}

/* Lines with keys, of those that are not done yet; the results of each. */
static void try_lines(struct e2e *f, unsigned char *done, size_t n, bool kill)
{
	struct sse_client *c = open_chunked_batch(f);
	size_t *sent = calloc(n, sizeof(*sent)), n_sent = 0;
	const char *at;
	char line[128];

	assert_non_null(sent);
	for (size_t i = 0; i < n; i++) {
		if (done[i])
			continue;
		sent[n_sent++] = i;
		snprintf(line, sizeof(line),
			 "{\"data\":\"m%zu\",\"key\":\"k%zu\"}\n", i, i);
		send_chunk(c, line);
		if (kill && i == n / 2)
			nats_server_kill(&f->nats, SIGKILL);
		if (i % 100 == 0)
			sse_client_step(c, 0);
	}
	sse_client_send_text(c, "0\r\n\r\n");
	sse_client_wait_reply(c);
	assert_int_equal(count_lines(c), n_sent);
	at = bytes_text(&c->body);
	for (size_t i = 0; i < n_sent; i++) {
		done[sent[i]] = strncmp(at, "{\"seq\":", 7) == 0;
		if (!done[sent[i]] &&
		    strncmp(at, "{\"status\":503,", 14) != 0 &&
		    strncmp(at, "{\"status\":504,", 14) != 0)
			fail_msg("%.200s", at);
		at = strchr(at, '\n') + 1;
	}
	free(sent);
}

/* The server is killed in the middle; what was not acknowledged is sent again
 * with the same keys: nothing is lost, and nothing is there twice. */
static void a_second_try_with_keys(void **state)
{
	enum { LINES = 4000 };
	static unsigned char done[LINES], stored[LINES];
	struct counts counts = {stored, LINES};
	struct e2e *f = *state;
	size_t failed = 0;

	start_gateway(f);
	memset(done, 0, sizeof(done));
	memset(stored, 0, sizeof(stored));
	try_lines(f, done, LINES, true);
	for (size_t i = 0; i < LINES; i++)
		failed += !done[i];
	assert_true(failed > 0 && failed < LINES);
	nats_server_again(&f->nats);
	gateway_proc_wait_ready(&f->gw);
	try_lines(f, done, LINES, false);
	for (size_t i = 0; i < LINES; i++)
		assert_true(done[i]);
	nats_admin_read(f->admin, "Events", "events.*", count_stored, &counts);
	for (size_t i = 0; i < LINES; i++)
		assert_int_equal(stored[i], 1);
}

/* ---- the drain ----------------------------------------------------------- */

static void a_batch_in_flight_finishes(void **state)
{
	struct e2e *f = *state;
	struct sse_client *c;

	e2e_gateway(f, "--allow-pub", "events.*", "--drain-timeout", "30s",
		    NULL);
	c = open_chunked_batch(f);
	send_chunk(c, "bad\n{\"data\":\"a\"}\n");
	wait_lines(c, 2);
	gateway_proc_signal(&f->gw, SIGTERM);
	gateway_proc_wait_log(&f->gw, "draining");
	send_chunk(c, "{\"data\":\"b\"}\n");
	wait_lines(c, 3);
	sse_client_send_text(c, "0\r\n\r\n");
	sse_client_wait_reply(c);
	expect_result(c, 3, "{\"seq\":2,");
	assert_int_equal(gateway_proc_wait_exit(&f->gw, 10000), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		E2E_TEST(each_line_is_a_message),
		E2E_TEST(a_failed_line_stops_no_other),
		E2E_TEST(a_batch_is_rejected_as_a_whole),
		E2E_TEST(the_status_waits_for_10000_lines),
		E2E_TEST(an_atomic_batch),
		E2E_TEST(results_come_while_the_body_does),
		E2E_TEST(a_broken_body_has_results),
		E2E_TEST(a_body_in_any_two_pieces),
		E2E_TEST(a_body_that_ends_anywhere),
		E2E_TEST(a_client_waits_for_100),
		E2E_TEST(a_client_that_reads_late),
		E2E_TEST(a_client_that_never_reads),
		E2E_TEST(a_big_batch_is_not_kept),
		E2E_TEST(lines_fail_while_nats_is_away),
		E2E_TEST(a_second_try_with_keys),
		E2E_TEST(a_batch_in_flight_finishes),
	};

	return cmocka_run_group_tests(tests, e2e_group_setup,
				      e2e_group_teardown);
}
