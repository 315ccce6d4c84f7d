/* Requests with bodies. Each connection is fed whole, byte by byte, and in two
 * pieces cut at every place; requests, bodies and errors must be the same, and
 * llhttp must see the same requests with the same bodies. */
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
#include "http/response.h"
#include "request_reader.h"

enum { HEAD_MAX = 4096, BODY_MAX = 20 };

static void feed_piece(struct request_reader *r, const char *bytes, size_t len)
{
	char *piece = malloc(len > 0 ? len : 1);

	MUST(piece != NULL);
	memcpy(piece, bytes, len);
	request_reader_feed(r, piece, len);
	memset(piece, 0xa5, len);
	free(piece);
}

/* Cut at `cut`; len + 1: at every byte. */
static void read_connection(struct request_reader *r, const char *bytes,
			    size_t len, size_t cut)
{
	request_reader_init(r, HEAD_MAX, BODY_MAX);
	if (cut <= len) {
		feed_piece(r, bytes, cut);
		feed_piece(r, bytes + cut, len - cut);
		return;
	}
	for (size_t i = 0; i < len; i++)
		feed_piece(r, bytes + i, 1);
}

static void compare_with_llhttp(const struct request_reader *r,
				const char *bytes, size_t len)
{
	struct bytes other = {0};

	llhttp_requests(&other, bytes, len);
	if (other.len < r->complete.len ||
	    memcmp(bytes_text(&other), bytes_text(&r->complete),
		   r->complete.len) != 0)
		fail_msg("llhttp: %s, here: %s", bytes_text(&other),
			 bytes_text(&r->complete));
	bytes_free(&other);
}

static void expect_log(const char *bytes, size_t len, const char *want)
{
	for (size_t cut = 0; cut <= len + 1; cut++) {
		struct request_reader r;

		read_connection(&r, bytes, len, cut);
		if (strcmp(bytes_text(&r.log), want) != 0)
			fail_msg("cut at %zu of %s: %s, %s; expected %s", cut,
				 bytes, bytes_text(&r.log), r.error, want);
		compare_with_llhttp(&r, bytes, len);
		request_reader_finish(&r);
	}
}

#define EXPECT_LOG(bytes, want) expect_log(bytes, sizeof(bytes) - 1, want)

#define POST  "POST /a HTTP/1.1\r\nHost: a\r\n"
#define TE    "Transfer-Encoding: chunked\r\n"
#define CL(n) "Content-Length: " #n "\r\n"
#define GET   "GET /b HTTP/1.1\r\nHost: a\r\n\r\n"

/* ---- bodies -------------------------------------------------------------- */

static void bodies_with_a_length(void **state)
{
	(void)state;
	EXPECT_LOG(POST CL(4) "\r\nbody", "POST /a [body]\n");
	EXPECT_LOG(POST CL(20) "\r\n01234567890123456789",
		   "POST /a [01234567890123456789]\n");
	EXPECT_LOG("PUT /a HTTP/1.1\r\nHost: a\r\n" CL(0004) "\r\nbody",
		   "PUT /a [body]\n");
	EXPECT_LOG(POST CL(0) "\r\n", "POST /a []\n");
	EXPECT_LOG(POST "\r\n", "POST /a []\n");
	EXPECT_LOG(POST CL(4) "\r\nbod", "POST /a [bod");
	EXPECT_LOG(POST CL(4) "\r\n\r\n\r\n", "POST /a [\r\n\r\n]\n");
}

static void chunked_bodies(void **state)
{
	(void)state;
	EXPECT_LOG(POST TE "\r\n4\r\nbody\r\n0\r\n\r\n", "POST /a [body]\n");
	EXPECT_LOG(POST TE "\r\n2\r\nbo\r\n2\r\ndy\r\n0\r\n\r\n",
		   "POST /a [body]\n");
	EXPECT_LOG(POST TE "\r\n0000000000000004\r\nbody\r\n00\r\n\r\n",
		   "POST /a [body]\n");
	EXPECT_LOG(POST TE "\r\na\r\n0123456789\r\nA\r\n0123456789\r\n"
			   "0\r\n\r\n",
		   "POST /a [01234567890123456789]\n");
	EXPECT_LOG(POST TE "\r\n0\r\n\r\n", "POST /a []\n");
	EXPECT_LOG("POST /a HTTP/1.1\r\nHost: a\r\ntransfer-encoding: "
		   "CHUNKED\r\n\r\n1\r\n\r\r\n0\r\n\r\n",
		   "POST /a [\r]\n");
	EXPECT_LOG(POST TE "\r\n4\r\nbody\r\n0\r\n\r", "POST /a [body");
}

static void requests_behind_bodies(void **state)
{
	(void)state;
	EXPECT_LOG(POST CL(4) "\r\nbody" GET POST CL(1) "\r\nx" GET,
		   "POST /a [body]\nGET /b []\nPOST /a [x]\nGET /b []\n");
	EXPECT_LOG(POST TE "\r\n4\r\nbody\r\n0\r\n\r\n" GET,
		   "POST /a [body]\nGET /b []\n");
	EXPECT_LOG(POST TE "\r\n0\r\n\r\n" POST "\r\n" GET,
		   "POST /a []\nPOST /a []\nGET /b []\n");
	/* A request inside of a body is a body. */
	EXPECT_LOG(POST CL(18) "\r\nGET /x HTTP/1.1\r\n\r" GET,
		   "POST /a [GET /x HTTP/1.1\r\n\r]\nGET /b []\n");
	EXPECT_LOG("POST /a HTTP/1.0\r\nConnection: keep-alive\r\n" CL(
			   1) "\r\nx" GET,
		   "POST /a [x]\nGET /b []\n");
}

static void connections_that_end(void **state)
{
	(void)state;
	EXPECT_LOG("POST /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n" CL(
			   1) "\r\nx" GET,
		   "POST /a [x]\n");
	EXPECT_LOG("POST /a HTTP/1.0\r\n" CL(1) "\r\nx" GET, "POST /a [x]\n");
	/* Bodies of other methods are never read. */
	EXPECT_LOG("DELETE /a HTTP/1.1\r\nHost: a\r\n" CL(3) "\r\nabc" GET,
		   "DELETE /a []\n");
	EXPECT_LOG("OPTIONS /a HTTP/1.1\r\nHost: a\r\n" TE "\r\n0\r\n\r\n" GET,
		   "OPTIONS /a []\n");
	EXPECT_LOG("CONNECT b:1 HTTP/1.1\r\nHost: b:1\r\n" CL(3) "\r\n"
								 "abc" GET,
		   "CONNECT b:1 []\n");
}

/* GET and HEAD are as without bodies. */
static void methods_without_bodies(void **state)
{
	(void)state;
	EXPECT_LOG("GET /a HTTP/1.1\r\nHost: a\r\n" CL(0) "\r\n" GET,
		   "GET /a []\nGET /b []\n");
	EXPECT_LOG("GET /a HTTP/1.1\r\nHost: a\r\n" TE "\r\n0\r\n\r\n" GET,
		   "GET /a []\nGET /b []\n");
	EXPECT_LOG("GET /a HTTP/1.1\r\nHost: a\r\n" CL(1) "\r\nx" GET,
		   "!413\n");
	EXPECT_LOG("HEAD /a HTTP/1.1\r\nHost: a\r\n" TE
		   "\r\n1\r\nx\r\n0\r\n\r\n" GET,
		   "!413\n");
}

/* ---- limits -------------------------------------------------------------- */

static void bodies_over_the_limit(void **state)
{
	(void)state;
	EXPECT_LOG(POST CL(21) "\r\n012345678901234567890" GET,
		   "POST /a [!413\n");
	EXPECT_LOG(POST CL(18446744073709551615) "\r\n" GET, "POST /a [!413\n");
	EXPECT_LOG(POST TE "\r\n15\r\n" GET, "POST /a [!413\n");
	EXPECT_LOG(POST TE "\r\n14\r\n01234567890123456789\r\n1\r\nx" GET,
		   "POST /a [01234567890123456789!413\n");
	EXPECT_LOG(POST TE "\r\nffffffffffffffff\r\n" GET, "POST /a [!413\n");
	EXPECT_LOG(POST TE "\r\n1\r\nx\r\nffffffffffffffff\r\n" GET,
		   "POST /a [x!413\n");
}

static void errors_of_limits(void **state)
{
	struct request_reader r;

	(void)state;
	read_connection(&r, POST CL(21) "\r\n", strlen(POST CL(21) "\r\n"), 0);
	assert_string_equal(r.error, "the body is over 20 bytes");
	request_reader_finish(&r);
	read_connection(&r, POST TE "\r\n1;", strlen(POST TE "\r\n1;"), 0);
	assert_string_equal(r.error, "malformed chunked body: chunk extensions "
				     "are not allowed");
	request_reader_finish(&r);
}

/* ---- smuggling ----------------------------------------------------------- */

/* Where a proxy may see another end of the body than the gateway, or none: one
 * error, and nothing behind it is a request. */
static void framing_in_doubt(void **state)
{
	static const char *const heads[] = {
		/* CL.TE, TE.CL, doubled. */
		CL(6) TE,
		TE CL(6),
		CL(6) CL(6),
		CL(6) CL(7),
		TE TE,
		"Content-Length: 6, 6\r\n",
		/* No numbers. */
		"Content-Length: +6\r\n",
		"Content-Length: -6\r\n",
		"Content-Length: 0x6\r\n",
		"Content-Length: 6 6\r\n",
		"Content-Length: 6a\r\n",
		"Content-Length: \r\n",
		"Content-Length: 6.0\r\n",
		"Content-Length: 18446744073709551616\r\n",
		"Content-Length: 000000000000000000006\r\n",
		/* TE.TE. */
		"Transfer-Encoding: xchunked\r\n",
		"Transfer-Encoding: \vchunked\r\n",
		"Transfer-Encoding: chunked, identity\r\n",
		"Transfer-Encoding: identity, chunked\r\n",
		"Transfer-Encoding: chunked, chunked\r\n",
		"Transfer-Encoding: gzip, chunked\r\n",
		"Transfer-Encoding: chunked;a=b\r\n",
		"Transfer-Encoding: \"chunked\"\r\n",
		"Transfer-Encoding: identity\r\n",
		"Transfer-Encoding:\r\n",
		"Transfer-Encoding:\r\n chunked\r\n",
		"Transfer-Encoding : chunked\r\n",
		" Transfer-Encoding: chunked\r\n",
		"X: y\r\n Transfer-Encoding: chunked\r\n",
		"X: y\nTransfer-Encoding: chunked\r\n",
		"X: y\rTransfer-Encoding: chunked\r\n",
		"Transfer-Encoding: chunked\r\r\n",
		"Transfer-Encoding\x0b: chunked\r\n",
		"Content-Length : 6\r\n",
		CL(6) " Content-Length: 7\r\n",
		CL(6) "Transfer-Encoding: identity\r\n",
	};
	struct request_reader r;
	char bytes[512];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(heads); i++) {
		size_t len = (size_t)sprintf(bytes, POST "%s\r\n0\r\n\r\nX%s",
					     heads[i], GET);

		for (size_t cut = 0; cut <= len + 1; cut++) {
			read_connection(&r, bytes, len, cut);
			if (r.n_complete > 0 || !r.is_closed ||
			    (strcmp(bytes_text(&r.log), "!400\n") != 0 &&
			     strcmp(bytes_text(&r.log), "!501\n") != 0))
				fail_msg("%s: %s", heads[i],
					 bytes_text(&r.log));
			request_reader_finish(&r);
		}
	}
}

/* Other headers than they look like: the body ends where it does. */
static void names_that_are_no_framing(void **state)
{
	(void)state;
	EXPECT_LOG(POST "Transfer_Encoding: chunked\r\n" CL(3) "\r\nabc" GET,
		   "POST /a [abc]\nGET /b []\n");
	EXPECT_LOG(POST "Content_Length: 9\r\n" CL(3) "\r\nabc" GET,
		   "POST /a [abc]\nGET /b []\n");
	EXPECT_LOG(POST "Connection: Content-Length\r\n" CL(3) "\r\nabc" GET,
		   "POST /a [abc]\nGET /b []\n");
	EXPECT_LOG(POST "X-Http-Method-Override: GET\r\n" CL(3) "\r\nabc" GET,
		   "POST /a [abc]\nGET /b []\n");
	/* No upgrade is followed: the body stays a body. */
	EXPECT_LOG(POST "Connection: Upgrade\r\nUpgrade: websocket\r\n" CL(
			   3) "\r\nabc" GET,
		   "POST /a [abc]\nGET /b []\n");
	EXPECT_LOG(POST "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c"
			"\r\nHTTP2-Settings: AAM\r\n" CL(3) "\r\nabc" GET,
		   "POST /a [abc]\nGET /b []\n");
}

static void chunks_in_doubt(void **state)
{
	static const struct {
		const char *body;
		size_t len;
	} rows[] = {
#define ROW(text) {text, sizeof(text) - 1}
		/* Ends of lines. */
		ROW("4\nbody\r\n0\r\n\r\n"),
		ROW("4\rbody\r\n0\r\n\r\n"),
		ROW("4\r\rbody\r\n0\r\n\r\n"),
		ROW("4\n\nbody\r\n0\r\n\r\n"),
		ROW("4\r\nbody\n0\r\n\r\n"),
		ROW("4\r\nbody\r0\r\n\r\n"),
		ROW("4\r\nbody0\r\n\r\n"),
		ROW("4\r\nbodyX\r\n0\r\n\r\n"),
		ROW("4\r\nbody\r\r\n0\r\n\r\n"),
		ROW("0\n\n"),
		ROW("0\r\n\n"),
		ROW("0\r\n\rX"),
		ROW("0\n\r\n"),
		/* Sizes. */
		ROW("\r\n"),
		ROW("\r\n4\r\nbody\r\n0\r\n\r\n"),
		ROW(" 4\r\nbody\r\n0\r\n\r\n"),
		ROW("4 \r\nbody\r\n0\r\n\r\n"),
		ROW("4\t\r\nbody\r\n0\r\n\r\n"),
		ROW("+4\r\nbody\r\n0\r\n\r\n"),
		ROW("-4\r\nbody\r\n0\r\n\r\n"),
		ROW("0x4\r\nbody\r\n0\r\n\r\n"),
		ROW("4_0\r\nbody\r\n0\r\n\r\n"),
		ROW("4g\r\nbody\r\n0\r\n\r\n"),
		ROW("4\0\r\nbody\r\n0\r\n\r\n"),
		ROW("\xb4\r\nbody\r\n0\r\n\r\n"),
		ROW("00000000000000004\r\nbody\r\n0\r\n\r\n"),
		ROW("x"),
		/* Extensions: where they end is in doubt. */
		ROW("4;\r\nbody\r\n0\r\n\r\n"),
		ROW("4;a=b\r\nbody\r\n0\r\n\r\n"),
		ROW("4;a=\"\r\n\"\r\nbody\r\n0\r\n\r\n"),
		ROW("4;a\nbody\r\n0\r\n\r\n"),
		ROW("4;a\rX\r\nbody\r\n0\r\n\r\n"),
		ROW("4 ;a\r\nbody\r\n0\r\n\r\n"),
		ROW("0;a\r\n\r\n"),
		/* Trailers. */
		ROW("0\r\nX: y\r\n\r\n"),
		ROW("0\r\nContent-Length: 4\r\n\r\n"),
		ROW("0\r\nGET /x HTTP/1.1\r\nHost: a\r\n\r\n"),
		ROW("0\r\n \r\n\r\n"),
#undef ROW
	};
	struct request_reader r;
	char bytes[512];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		size_t head = (size_t)sprintf(bytes, POST TE "\r\n");
		size_t len = head + rows[i].len + strlen(GET);

		memcpy(bytes + head, rows[i].body, rows[i].len);
		memcpy(bytes + head + rows[i].len, GET, strlen(GET) + 1);
		for (size_t cut = 0; cut <= len + 1; cut++) {
			read_connection(&r, bytes, len, cut);
			if (r.n_complete > 0 || !r.is_closed ||
			    strcmp(bytes_text(&r.log) + r.log.len - 5,
				   "!400\n") != 0)
				fail_msg("row %zu, %s: %s", i, rows[i].body,
					 bytes_text(&r.log));
			request_reader_finish(&r);
		}
	}
}

static void coding_of_old_versions(void **state)
{
	(void)state;
	EXPECT_LOG("POST /a HTTP/1.0\r\nHost: a\r\n" TE "\r\n0\r\n\r\n" GET,
		   "!400\n");
	EXPECT_LOG("POST /a HTTP/1.0\r\nConnection: keep-alive\r\n" CL(3) TE
		   "\r\n0\r\n\r\n" GET,
		   "!400\n");
}

/* ---- 100 (Continue) ------------------------------------------------------ */

static void expect_continue(const char *head, size_t n)
{
	struct request_reader r;

	read_connection(&r, head, strlen(head), 0);
	assert_string_equal(r.error, "");
	assert_int_equal(r.n_continue, n);
	request_reader_finish(&r);
}

static void clients_that_wait(void **state)
{
	(void)state;
	expect_continue(POST CL(4) "Expect: 100-continue\r\n\r\n", 1);
	expect_continue(POST TE "expect: 100-Continue\r\n\r\n", 1);
	expect_continue(POST CL(0) "Expect: 100-continue\r\n\r\n", 0);
	expect_continue(POST "Expect: 100-continue\r\n\r\n", 0);
	expect_continue(POST CL(4) "\r\n", 0);
	expect_continue("POST /a HTTP/1.0\r\nExpect: 100-continue\r\n" CL(
				4) "\r\n",
			0);
	EXPECT_LOG(POST CL(4) "Expect: 100-continue\r\n\r\nbody" GET,
		   "POST /a [body]\nGET /b []\n");
}

static void expectations_that_cannot_be_met(void **state)
{
	(void)state;
	EXPECT_LOG(POST CL(4) "Expect: 200-ok\r\n\r\nbody" GET, "!417\n");
	EXPECT_LOG(POST CL(4) "Expect: \r\n\r\nbody" GET, "!417\n");
	EXPECT_LOG(POST CL(4) "Expect: 100-continue, x\r\n\r\nbody" GET,
		   "!417\n");
	EXPECT_LOG(POST CL(4) "Expect: 100-continue\r\nExpect: 100-continue"
			      "\r\n\r\nbody" GET,
		   "!417\n");
}

static void the_interim_response(void **state)
{
	static const char want[] = "HTTP/1.1 100 Continue\r\n\r\n";
	struct buf b;

	(void)state;
	buf_init(&b, 64);
	assert_int_equal(response_continue(&b), 0);
	assert_int_equal(buf_unread(&b), sizeof(want) - 1);
	assert_memory_equal(buf_data(&b), want, sizeof(want) - 1);
	buf_finish(&b);
}

/* A body that has begun, or a final verdict, ends the wait. */
static void the_wait_ends_with_the_first_byte(void **state)
{
	const struct request req = {.takes_body = true,
				    .framing = FRAMING_LENGTH,
				    .content_length = 2,
				    .expects_continue = true};
	struct request_body b;
	struct http_error why;
	struct span data;
	size_t used;

	(void)state;
	assert_int_equal(request_body_init(&b, &why, &req, 2), 0);
	assert_int_equal(request_body_feed(&b, "", 0, &used, &data),
			 VERDICT_MORE);
	assert_true(request_body_wants_continue(&b));
	assert_int_equal(request_body_feed(&b, "x", 1, &used, &data),
			 VERDICT_MORE);
	assert_false(request_body_wants_continue(&b));
	assert_int_equal(request_body_feed(&b, "yz", 2, &used, &data),
			 VERDICT_READY);
	assert_int_equal(used, 1);
	assert_int_equal(data.len, 1);
	assert_int_equal(request_body_feed(&b, "z", 1, &used, &data),
			 VERDICT_READY);
	assert_int_equal(used, 0);
	assert_int_equal(request_body_init(&b, &why, &req, 1), -EINVAL);
	assert_int_equal(why.status, 413);
	assert_int_equal(why.reason, REJECT_BODY_TOO_LARGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bodies_with_a_length),
		cmocka_unit_test(chunked_bodies),
		cmocka_unit_test(requests_behind_bodies),
		cmocka_unit_test(connections_that_end),
		cmocka_unit_test(methods_without_bodies),
		cmocka_unit_test(bodies_over_the_limit),
		cmocka_unit_test(errors_of_limits),
		cmocka_unit_test(framing_in_doubt),
		cmocka_unit_test(names_that_are_no_framing),
		cmocka_unit_test(chunks_in_doubt),
		cmocka_unit_test(coding_of_old_versions),
		cmocka_unit_test(clients_that_wait),
		cmocka_unit_test(expectations_that_cannot_be_met),
		cmocka_unit_test(the_interim_response),
		cmocka_unit_test(the_wait_ends_with_the_first_byte),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
