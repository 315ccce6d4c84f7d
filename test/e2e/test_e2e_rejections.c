/* What is refused, with which status and which words; that the connection ends
 * where it must; and that nothing of it reaches NATS. */
#include "e2e.h"

#include <stdio.h>
#include <string.h>

/* What follows the request line of most. */
#define HOST   "Host: a\r\n"
#define ALICE  HOST "user_id: alice\r\n"
#define EVENTS "GET /api/v1/events HTTP/1.1\r\n"

struct refused {
	const char *request;
	int status;
	const char *word; /* that the text must have */
};

/* Every refusal is one line of plain text. */
static void expect_refusal(struct e2e *f, const struct refused *r)
{
	struct sse_client *c = e2e_client(f);
	const char *body;

	c->head_only = strncmp(r->request, "HEAD", 4) == 0;
	sse_client_connect(c, f->gw.address);
	sse_client_send_text(c, r->request);
	while (c->state != SSE_CLIENT_DONE && c->state != SSE_CLIENT_GONE &&
	       sse_client_step(c, SSE_CLIENT_WAIT_MS))
		;
	if (c->status != r->status)
		fail_msg("%.60s...: %d, expected %d: %s", r->request, c->status,
			 r->status, sse_client_describe(c));
	sse_client_assert_header(c, "Content-Type",
				 "text/plain; charset=utf-8");
	if (c->head_only)
		return;
	body = bytes_text(&c->body);
	if (body[0] == '\0' || strchr(body, '\n') != body + c->body.len - 1)
		fail_msg("%.60s...: not one line: %s", r->request, body);
	if (strstr(body, r->word) == NULL)
		fail_msg("%.60s...: \"%s\" is not in: %s", r->request, r->word,
			 body);
	for (const char *at = body; *at != '\n'; at++)
		assert_in_range(*at, 0x20, 0x7E);
}

static void expect_refusals(struct e2e *f, const struct refused *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		expect_refusal(f, &list[i]);
	/* The tail is all that JetStream has of this gateway. */
	assert_int_equal(e2e_stream_number(f, "state.consumer_count"), 1);
	assert_true(gateway_proc_metric(&f->gw, "sluice_replays_total") == 0);
}

#define EXPECT_REFUSALS(f, list) \
	expect_refusals((f), (list), sizeof(list) / sizeof((list)[0]))

/* ---- what the query and the headers say ---------------------------------- */

static void wrong_parameters(void **state)
{
	static const struct refused list[] = {
		{"GET /api/v1/events?deliver=some HTTP/1.1\r\n" ALICE "\r\n",
		 400, "deliver"},
		{"GET /api/v1/events?deliver= HTTP/1.1\r\n" ALICE "\r\n", 400,
		 "deliver"},
		{"GET /api/v1/events?deliver=ALL HTTP/1.1\r\n" ALICE "\r\n",
		 400, "last"},
		{"GET /api/v1/events?deliver=all&deliver=all HTTP/1.1\r\n" ALICE
		 "\r\n",
		 400, "deliver"},
		{"GET /api/v1/events?deliver=%zz HTTP/1.1\r\n" ALICE "\r\n",
		 400, "%"},
		{"GET /api/v1/events?x=%4 HTTP/1.1\r\n" ALICE "\r\n", 400, "%"},
		{"GET /api/v1/events?lastEventId=abc HTTP/1.1\r\n" ALICE "\r\n",
		 400, "abc"},
		{"GET /api/v1/events?lastEventId=-1 HTTP/1.1\r\n" ALICE "\r\n",
		 400, "lastEventId"},
		{"GET /api/v1/events?lastEventId=1-ABCDEF HTTP/1.1\r\n" ALICE
		 "\r\n",
		 400, "lastEventId"},
		{"GET /api/v1/events?lastEventId=1-12345 HTTP/1.1\r\n" ALICE
		 "\r\n",
		 400, "lastEventId"},
		{"GET /api/v1/events?lastEventId=1+2 HTTP/1.1\r\n" ALICE "\r\n",
		 400, "1+2"},
		{"GET /api/v1/events?lastEventId=18446744073709551616 "
		 "HTTP/1.1\r\n" ALICE "\r\n",
		 400, "18446744073709551616"},
		{"GET /api/v1/events?lastEventId=000000000000000000001 "
		 "HTTP/1.1\r\n" ALICE "\r\n",
		 400, "lastEventId"},
		{"GET /api/v1/events?lastEventId=1&lastEventId=1 "
		 "HTTP/1.1\r\n" ALICE "\r\n",
		 400, "lastEventId"},
		/* even where the header wins */
		{"GET /api/v1/events?lastEventId=x HTTP/1.1\r\n" ALICE
		 "Last-Event-ID: 1\r\n\r\n",
		 400, "lastEventId"},
		{EVENTS ALICE "Last-Event-ID: x\r\n\r\n", 400, "Last-Event-ID"},
		{EVENTS ALICE "Last-Event-ID: 1\r\nLast-Event-ID: 1\r\n\r\n",
		 400, "Last-Event-ID"},
	};
	struct e2e *f = *state;

	e2e_gateway(f, NULL);
	EXPECT_REFUSALS(f, list);
	assert_true(gateway_proc_metric(&f->gw,
					"sluice_requests_rejected_total{"
					"reason=\"bad_cursor\"}") > 5);
}

static void wrong_identities(void **state)
{
	static const struct refused list[] = {
		{EVENTS HOST "\r\n", 400, "user_id"},
		{EVENTS HOST "user_id:\r\n\r\n", 400, "user_id"},
		{EVENTS HOST "user_id: alice.bob\r\n\r\n", 400, "user_id"},
		{EVENTS HOST "user_id: *\r\n\r\n", 400, "user_id"},
		{EVENTS HOST "user_id: >\r\n\r\n", 400, "user_id"},
		{EVENTS HOST "user_id: ali*ce\r\n\r\n", 400, "user_id"},
		{EVENTS HOST "user_id: alice bob\r\n\r\n", 400, "user_id"},
		{EVENTS HOST "user_id: alice\tbob\r\n\r\n", 400, "user_id"},
		{EVENTS HOST "user_id: .\r\n\r\n", 400, "user_id"},
		{EVENTS HOST "user_id: al\xC3\xAD"
			     "ce\r\n\r\n",
		 400, "user_id"},
		{EVENTS HOST "user_id: alice\r\nuser_id: alice\r\n\r\n", 400,
		 "user_id"},
		{EVENTS HOST "user_id: alice\r\nUSER_ID: bob\r\n\r\n", 400,
		 "user_id"},
		/* the query is no identity without --id-query */
		{"GET /api/v1/events?user_id=alice HTTP/1.1\r\n" HOST "\r\n",
		 400, "user_id"},
		/* '_' and '-' differ */
		{EVENTS HOST "user-id: alice\r\n\r\n", 400, "user_id"},
	};
	struct e2e *f = *state;
	char longer[256];

	e2e_gateway(f, NULL);
	EXPECT_REFUSALS(f, list);
	snprintf(longer, sizeof(longer), EVENTS HOST "user_id: %0129d\r\n\r\n",
		 7);
	expect_refusal(f, &(struct refused){longer, 400, "128"});
}

static void an_identity_in_the_query(void **state)
{
	static const struct refused list[] = {
		{"GET /api/v1/events?id=a HTTP/1.1\r\n" ALICE "\r\n", 400,
		 "id"},
		{"GET /api/v1/events?id=alice HTTP/1.1\r\n" ALICE "\r\n", 400,
		 "id"},
		{"GET /api/v1/events?id=a&id=a HTTP/1.1\r\n" HOST "\r\n", 400,
		 "id"},
		{"GET /api/v1/events?id= HTTP/1.1\r\n" HOST "\r\n", 400, "id"},
		{"GET /api/v1/events?id=a%2Eb HTTP/1.1\r\n" HOST "\r\n", 400,
		 "id"},
		{"GET /api/v1/events?id=%3E HTTP/1.1\r\n" HOST "\r\n", 400,
		 "id"},
		{"GET /api/v1/events?id=%2A HTTP/1.1\r\n" HOST "\r\n", 400,
		 "id"},
		{"GET /api/v1/events?id=a%00b HTTP/1.1\r\n" HOST "\r\n", 400,
		 "id"},
		{"GET /api/v1/events?id=a%0D%0APUB%20x%200 HTTP/1.1\r\n" HOST
		 "\r\n",
		 400, "id"},
	};
	struct e2e *f = *state;

	e2e_gateway(f, "--id-query", "id", NULL);
	EXPECT_REFUSALS(f, list);
}

/* ---- paths, methods, Accept ---------------------------------------------- */

static void paths_and_methods(void **state)
{
	static const struct refused list[] = {
		{"GET / HTTP/1.1\r\n" HOST "\r\n", 404, "/"},
		{"GET /api/v1/events/ HTTP/1.1\r\n" ALICE "\r\n", 404, "/"},
		{"GET /api/v1/event HTTP/1.1\r\n" ALICE "\r\n", 404, "/"},
		{"GET /API/V1/events HTTP/1.1\r\n" ALICE "\r\n", 404, "/"},
		{"GET /api/v1/../v1/events HTTP/1.1\r\n" ALICE "\r\n", 404,
		 "/"},
		{"GET /metrics HTTP/1.1\r\n" HOST "\r\n", 404, "/"},
		{"HEAD /nothing HTTP/1.1\r\n" HOST "\r\n", 404, ""},
		{"POST /nothing HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n",
		 404, "/"},
		{"PATCH /api/v1/events HTTP/1.1\r\n" ALICE
		 "Content-Length: 0\r\n\r\n",
		 501, "PATCH"},
	};
	static const char *const methods[] = {"POST", "PUT", "DELETE",
					      "OPTIONS"};
	struct e2e *f = *state;

	e2e_gateway(f, NULL);
	EXPECT_REFUSALS(f, list);
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		char request[256], allow[64];
		struct sse_client *c;

		snprintf(request, sizeof(request),
			 "%s /api/v1/events HTTP/1.1\r\n" ALICE
			 "Content-Length: 0\r\n\r\n",
			 methods[i]);
		c = e2e_ask(f, request);
		assert_int_equal(c->status, 405);
		assert_true(
			sse_client_header(c, "Allow", allow, sizeof(allow)));
		assert_non_null(strstr(allow, "GET"));
		assert_non_null(strstr(allow, "HEAD"));
	}
}

static int status_for_accept(struct e2e *f, const char *accept)
{
	struct sse_client *c = e2e_client(f);
	char headers[256];

	snprintf(headers, sizeof(headers), "user_id: alice\r\n%s", accept);
	sse_client_get(c, f->gw.address, "/api/v1/events", headers);
	sse_client_wait_head(c);
	return c->status;
}

static void accept_decides(void **state)
{
	static const struct {
		const char *accept;
		int status;
	} list[] = {
		{"", 200},
		{"Accept: */*\r\n", 200},
		{"Accept: text/event-stream\r\n", 200},
		{"Accept: TEXT/Event-Stream;q=0.1\r\n", 200},
		{"Accept: text/*\r\n", 200},
		{"Accept: text/html, text/event-stream;q=0.5\r\n", 200},
		{"Accept: text/html\r\nAccept: text/event-stream\r\n", 200},
		{"Accept: text/html\r\n", 406},
		{"Accept: application/json, text/plain\r\n", 406},
		{"Accept: text/event-stream;q=0\r\n", 406},
		{"Accept: */*, text/event-stream;q=0\r\n", 406},
		{"Accept: text/*;q=0, */*\r\n", 406},
	};
	struct e2e *f = *state;

	e2e_gateway(f, NULL);
	for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
		int status = status_for_accept(f, list[i].accept);

		if (status != list[i].status)
			fail_msg("%s: %d, expected %d", list[i].accept, status,
				 list[i].status);
	}
}

/* ---- malformed ----------------------------------------------------------- */

/* One answer, "Connection: close", the end; the next request on the same
 * connection is never read. */
static void expect_end(struct e2e *f, const struct refused *r)
{
	struct sse_client *c = e2e_client(f);

	sse_client_connect(c, f->gw.address);
	sse_client_send_text(c, r->request);
	sse_client_send_text(c, "GET /livez HTTP/1.1\r\nHost: a\r\n\r\n");
	while (!c->eof && sse_client_step(c, SSE_CLIENT_WAIT_MS))
		;
	if (c->status != r->status || !c->eof)
		fail_msg("%.60s...: expected %d and the end: %s", r->request,
			 r->status, sse_client_describe(c));
	sse_client_assert_header(c, "Connection", "close");
	assert_int_equal(c->rest.len, 0);
}

static void malformed_requests(void **state)
{
	static const struct refused list[] = {
		{"nonsense\r\n\r\n", 400, ""},
		{"GET\r\n\r\n", 400, ""},
		{"get /livez HTTP/1.1\r\n" HOST "\r\n", 400, ""},
		{"GET /livez HTTP/1.1\n" HOST "\r\n", 400, ""},
		{"GET /livez HTTP/1.1\r\n\r\n", 400, ""}, /* no Host */
		{"GET /livez HTTP/1.1\r\n" HOST HOST "\r\n", 400, ""}, /* two */
		{"GET /livez HTTP/1.1\r\n" HOST "A: b\r\n c\r\n\r\n", 400, ""},
		{"GET /livez HTTP/1.1\r\n" HOST "A: b\r\n\tc\r\n\r\n", 400, ""},
		{"GET /livez HTTP/1.1\r\n" HOST ": b\r\n\r\n", 400, ""},
		{"GET /livez HTTP/1.1\r\n" HOST "A : b\r\n\r\n", 400, ""},
		{"GET /livez HTTP/1.1\r\n" HOST "A: b\rc\r\n\r\n", 400, ""},
		{"GET /livez\xE9 HTTP/1.1\r\n" HOST "\r\n", 400, ""},
		{"GET /livez\x7F HTTP/1.1\r\n" HOST "\r\n", 400, ""},
		{"GET /livez\r\n\r\n", 505, ""}, /* HTTP/0.9 */
		{"GET /livez HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
		 400, ""},
		{"GET /livez HTTP/1.1\r\n" HOST
		 "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
		 400, ""},
		{"GET /livez HTTP/1.1\r\n" HOST
		 "Content-Length: 1\r\nContent-Length: 2\r\n\r\n",
		 400, ""},
		{"GET /livez HTTP/1.1\r\n" HOST "Content-Length: +1\r\n\r\n",
		 400, ""},
		{"GET /livez HTTP/1.1\r\n" HOST
		 "Transfer-Encoding: identity\r\n\r\n",
		 501, ""},
		{"GET /livez HTTP/1.1\r\n" HOST
		 "Content-Length: 5\r\n\r\nhello",
		 413, ""},
		{EVENTS ALICE "Transfer-Encoding: chunked\r\n\r\n"
			      "1\r\na\r\n0\r\n\r\n",
		 413, ""},
		{"GET /livez HTTP/2.0\r\n" HOST "\r\n", 505, ""},
		{"GET /livez HTTP/1.2\r\n" HOST "\r\n", 505, ""},
		{"\x16\x03\x01\x02\x01\x01\x01\xFC\x03\x03", 400, ""}, /* TLS */
		{"PROXY TCP4 1.1.1.1 2.2.2.2 1 2\r\n", 501, "PROXY"},
	};
	struct e2e *f = *state;

	e2e_gateway(f, NULL);
	for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++)
		expect_end(f, &list[i]);
	assert_int_equal(gateway_proc_status_of(&f->gw, false, "/livez"), 200);
}

/* Neither is followed: the connection stays HTTP/1.1. */
static void no_upgrade_no_connect(void **state)
{
	struct e2e *f = *state;
	struct sse_client *c;

	e2e_gateway(f, NULL);
	c = e2e_ask(f, "GET /livez HTTP/1.1\r\n" HOST
		       "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
	assert_int_equal(c->status, 200);
	c = e2e_ask(f, "CONNECT a:443 HTTP/1.1\r\n" HOST "\r\n");
	assert_in_range(c->status, 400, 405);
	c = e2e_ask(f, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
	assert_true(c->status == 505 || c->status == 400);
}

/* ---- limits of a head ---------------------------------------------------- */

static void too_much(void **state)
{
	struct e2e *f = *state;
	static char request[8 << 10];

	e2e_gateway(f, "--max-header-bytes", "4KiB", NULL);
	sprintf(request, "GET /livez?%05000d HTTP/1.1\r\n" HOST "\r\n", 0);
	expect_end(f, &(struct refused){request, 414, ""});
	sprintf(request, "GET /livez HTTP/1.1\r\n" HOST "A: %05000d\r\n\r\n",
		0);
	expect_end(f, &(struct refused){request, 431, ""});
	/* Just below is fine. */
	sprintf(request, "GET /livez HTTP/1.1\r\n" HOST "A: %03900d\r\n\r\n",
		0);
	assert_int_equal(e2e_ask(f, request)->status, 200);
}

/* Slowly dripping bytes win no time: the whole head has one limit. */
static void a_head_that_takes_too_long(void **state)
{
	struct e2e *f = *state;
	struct sse_client *silent = e2e_client(f), *drip = e2e_client(f);

	e2e_gateway(f, "--header-timeout", "400ms", NULL);
	sse_client_connect(silent, f->gw.address);
	sse_client_connect(drip, f->gw.address);
	sse_client_send_text(drip, "GET /livez HTTP/1.1\r\nA: ");
	for (int i = 0; i < 200 && drip->state == SSE_CLIENT_HEAD; i++) {
		sse_client_send_text(drip, "x");
		sse_client_step(drip, 50);
	}
	sse_client_wait_reply(drip);
	assert_int_equal(drip->status, 408);
	sse_client_assert_header(drip, "Connection", "close");
	while (!silent->eof && sse_client_step(silent, SSE_CLIENT_WAIT_MS))
		;
	assert_true(silent->eof);
}

/* Between requests it ends without a word. */
static void an_idle_connection_ends(void **state)
{
	struct e2e *f = *state;
	struct sse_client *c = e2e_client(f);

	e2e_gateway(f, "--idle-timeout", "300ms", NULL);
	sse_client_get(c, f->gw.address, "/livez", NULL);
	sse_client_wait_reply(c);
	while (!c->eof && sse_client_step(c, SSE_CLIENT_WAIT_MS))
		;
	assert_true(c->eof);
	assert_int_equal(c->error, 0);
	assert_int_equal(c->rest.len, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		E2E_TEST(wrong_parameters),
		E2E_TEST(wrong_identities),
		E2E_TEST(an_identity_in_the_query),
		E2E_TEST(paths_and_methods),
		E2E_TEST(accept_decides),
		E2E_TEST(malformed_requests),
		E2E_TEST(no_upgrade_no_connect),
		E2E_TEST(too_much),
		E2E_TEST(a_head_that_takes_too_long),
		E2E_TEST(an_idle_connection_ends),
	};

	return cmocka_run_group_tests(tests, e2e_group_setup,
				      e2e_group_teardown);
}
