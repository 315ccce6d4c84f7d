/* Responses byte for byte, as clients see them. */
#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "http/http_status.h"
#include "http/response.h"

#define LEN(list) (sizeof(list) / sizeof((list)[0]))

static const struct response_to keep = {.minor = 1, .keep_alive = true};
static const struct response_to end = {.minor = 1};
static const struct response_to head_of = {.minor = 1,
					   .keep_alive = true,
					   .is_head = true};
static const struct response_to old = {.minor = 0};
static const struct response_to old_keep = {.minor = 0, .keep_alive = true};

static void expect_bytes(struct buf *b, const char *want)
{
	size_t len = strlen(want);

	if (buf_unread(b) != len || memcmp(buf_data(b), want, len) != 0)
		fail_msg("expected:\n%s\ngot:\n%.*s", want, (int)buf_unread(b),
			 (const char *)buf_data(b));
	buf_finish(b);
}

static struct buf room(void)
{
	struct buf b;

	buf_init(&b, 4096);
	return b;
}

/* ---- statuses ------------------------------------------------------------ */

static void test_reasons(void **state)
{
	static const char *const list[] = {
		"200 OK",
		"201 Created",
		"207 Multi-Status",
		"304 Not Modified",
		"400 Bad Request",
		"401 Unauthorized",
		"403 Forbidden",
		"404 Not Found",
		"405 Method Not Allowed",
		"406 Not Acceptable",
		"408 Request Timeout",
		"409 Conflict",
		"412 Precondition Failed",
		"413 Content Too Large",
		"414 URI Too Long",
		"417 Expectation Failed",
		"421 Misdirected Request",
		"422 Unprocessable Content",
		"429 Too Many Requests",
		"431 Request Header Fields Too Large",
		"502 Bad Gateway",
		"503 Service Unavailable",
		"504 Gateway Timeout",
		"505 HTTP Version Not Supported",
		"507 Insufficient Storage",
	};

	(void)state;
	for (size_t i = 0; i < LEN(list); i++) {
		int status = 0;

		assert_int_equal(sscanf(list[i], "%d", &status), 1);
		assert_string_equal(http_status_line(status), list[i]);
	}
	assert_null(http_status_line(299));
}

/* A broken contract is an error, not an abort. */
static void broken_contracts(void **state)
{
	struct response_to to = {.minor = 1};
	struct http_error why;
	struct buf b;

	(void)state;
	buf_init(&b, 4096);
	assert_int_equal(response_short(&b, &to, 299, "a/b", NULL, "x", 1),
			 -EINVAL);
	assert_int_equal(response_short(&b, &to, 204, "a/b", NULL, NULL, 0),
			 -EINVAL);
	assert_int_equal(response_short(&b, &to, 200, NULL, NULL, "x", 1),
			 -EINVAL);
	http_error_set(&why, 405, REJECT_BAD_METHOD, "without Allow");
	assert_int_equal(response_error(&b, &to, &why, 1), -EINVAL);
	http_error_set(&why, 401, REJECT_BAD_TOKEN, "with \"quotes\"");
	assert_int_equal(response_error(&b, &to, &why, 1), -EINVAL);
	assert_int_equal(buf_unread(&b), 0);
	buf_finish(&b);
}

/* ---- streams ------------------------------------------------------------- */

#define STREAM(connection, more)                    \
	"HTTP/1.1 200 OK\r\n"                       \
	"Content-Type: text/event-stream\r\n"       \
	"Cache-Control: no-cache, no-transform\r\n" \
	"Connection: " connection "\r\n"            \
	"Vary: Accept\r\n"                          \
	"X-Accel-Buffering: no\r\n"                 \
	"X-Content-Type-Options: nosniff\r\n" more "\r\n"
#define CHUNKED "Transfer-Encoding: chunked\r\n"

static void test_stream_heads(void **state)
{
	static const struct {
		const struct response_to *to;
		const char *want;
	} list[] = {
		{&keep, STREAM("close", CHUNKED)},
		{&end, STREAM("close", CHUNKED)},
		{&head_of, STREAM("keep-alive", CHUNKED)},
		{&old, STREAM("close", "")},
		{&old_keep, STREAM("close", "")},
	};

	(void)state;
	for (size_t i = 0; i < LEN(list); i++) {
		struct buf b = room();

		assert_int_equal(response_subscription(&b, list[i].to), 0);
		expect_bytes(&b, list[i].want);
	}
}

static void test_values(void **state)
{
	static const struct response_to to = {
		.minor = 1,
		.date = "Sun, 06 Nov 1994 08:49:37 GMT",
		.lines = "Vary: Origin\r\n",
	};
	struct buf b = room();

	(void)state;
	assert_int_equal(response_value(&b, &keep, "application/octet-stream",
					"ETag: \"17\"\r\n", "a\0b", 3),
			 0);
	assert_int_equal(buf_unread(&b) - 1, strlen((char *)buf_data(&b)) + 1);
	buf_truncate(&b, buf_unread(&b) - 2);
	expect_bytes(&b, "HTTP/1.1 200 OK\r\n"
			 "Content-Type: application/octet-stream\r\n"
			 "Content-Length: 3\r\n"
			 "Cache-Control: private, no-cache\r\n"
			 "Connection: keep-alive\r\n"
			 "Vary: Accept\r\n"
			 "X-Content-Type-Options: nosniff\r\n"
			 "ETag: \"17\"\r\n\r\na");
	assert_int_equal(response_value_unchanged(&b, &to, "ETag: \"17\"\r\n"),
			 0);
	expect_bytes(&b, "HTTP/1.1 304 Not Modified\r\n"
			 "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
			 "Cache-Control: private, no-cache\r\n"
			 "Connection: close\r\n"
			 "Vary: Accept\r\n"
			 "X-Content-Type-Options: nosniff\r\n"
			 "ETag: \"17\"\r\n"
			 "Vary: Origin\r\n\r\n");
	assert_int_equal(response_value(&b, &head_of, "a/b", "", "abc", 3), 0);
	expect_bytes(&b, "HTTP/1.1 200 OK\r\n"
			 "Content-Type: a/b\r\n"
			 "Content-Length: 3\r\n"
			 "Cache-Control: private, no-cache\r\n"
			 "Connection: keep-alive\r\n"
			 "Vary: Accept\r\n"
			 "X-Content-Type-Options: nosniff\r\n\r\n");
}

static void a_value_is_whole_or_not_there(void **state)
{
	struct buf b = room();
	size_t whole;

	(void)state;
	assert_int_equal(response_value(&b, &keep, "a/b", "", "abc", 3), 0);
	whole = buf_unread(&b);
	buf_finish(&b);
	for (size_t max = 0; max <= whole; max++) {
		buf_init(&b, max);
		assert_int_equal(response_value(&b, &keep, "a/b", "", "abc", 3),
				 max < whole ? -ENOBUFS : 0);
		assert_int_equal(buf_unread(&b), max < whole ? 0 : whole);
		buf_finish(&b);
	}
}

/* In every kind of response, after the status line. */
static void test_date(void **state)
{
	static const struct response_to to = {
		.minor = 1,
		.date = "Sun, 06 Nov 1994 08:49:37 GMT",
	};
	static const struct response_page page = {"a/b", "none", "\"1\""};
	static const char *const statuses[] = {
		"200 OK",	    "204 No Content",  "200 OK",
		"304 Not Modified", "400 Bad Request", "200 OK"};
	struct buf b[LEN(statuses)];
	struct http_error why;

	(void)state;
	for (size_t i = 0; i < LEN(b); i++)
		b[i] = room();
	http_error_set(&why, 400, REJECT_MALFORMED, "wrong");
	assert_int_equal(response_subscription(&b[0], &to), 0);
	assert_int_equal(response_short(&b[1], &to, 204, NULL, NULL, "", 0), 0);
	assert_int_equal(response_page(&b[2], &to, &page, "x", 1), 0);
	assert_int_equal(response_unchanged(&b[3], &to, &page), 0);
	assert_int_equal(response_error(&b[4], &to, &why, 1), 0);
	assert_int_equal(response_come_back(&b[5], &to, 1), 0);
	for (size_t i = 0; i < LEN(b); i++) {
		char want[128];
		int len = snprintf(want, sizeof(want),
				   "HTTP/1.1 %s\r\nDate: %s\r\nC", statuses[i],
				   to.date);

		assert_true(buf_unread(&b[i]) > (size_t)len);
		assert_memory_equal(buf_data(&b[i]), want, (size_t)len);
		buf_finish(&b[i]);
	}
}

/* As for a request of another origin. */
static void test_lines_of_a_request(void **state)
{
	static const struct response_to to = {
		.minor = 1,
		.keep_alive = true,
		.lines = "Vary: Origin\r\nA: b\r\n",
	};
	struct http_error why;
	struct buf b = room();

	(void)state;
	assert_int_equal(response_subscription(&b, &to), 0);
	expect_bytes(&b, STREAM("close", CHUNKED "Vary: Origin\r\nA: b\r\n"));
	b = room();
	http_error_set(&why, 503, REJECT_MAX_CONNECTIONS, "wrong");
	assert_int_equal(response_error(&b, &to, &why, 7), 0);
	expect_bytes(&b,
		     "HTTP/1.1 503 Service Unavailable\r\n"
		     "Content-Type: text/plain; charset=utf-8\r\n"
		     "Content-Length: 6\r\n"
		     "Cache-Control: no-store\r\n"
		     "Connection: keep-alive\r\n"
		     "X-Content-Type-Options: nosniff\r\n"
		     "Retry-After: 7\r\nVary: Origin\r\nA: b\r\n\r\nwrong\n");
}

/* Neither a type nor a length (RFC 9110, 8.6). */
static void test_no_content(void **state)
{
	struct buf b = room();

	(void)state;
	assert_int_equal(response_short(&b, &keep, 204, NULL, "Allow: GET\r\n",
					NULL, 0),
			 0);
	expect_bytes(&b, "HTTP/1.1 204 No Content\r\n"
			 "Cache-Control: no-store\r\n"
			 "Connection: keep-alive\r\n"
			 "X-Content-Type-Options: nosniff\r\n"
			 "Allow: GET\r\n\r\n");
}

static void test_come_back(void **state)
{
	static const struct response_to old_head = {.is_head = true};
	static const struct {
		const struct response_to *to;
		uint64_t retry_ms;
		const char *want;
	} list[] = {
		{&keep, 1234,
		 STREAM("keep-alive", CHUNKED) "d\r\nretry: 1234\n\n\r\n"
					       "0\r\n\r\n"},
		{&end, 0,
		 STREAM("close", CHUNKED) "a\r\nretry: 0\n\n\r\n"
					  "0\r\n\r\n"},
		{&end, UINT64_MAX,
		 STREAM("close",
			CHUNKED) "1d\r\nretry: 18446744073709551615\n\n\r\n"
				 "0\r\n\r\n"},
		{&old, 1234, STREAM("close", "") "retry: 1234\n\n"},
		{&old_keep, 1234, STREAM("close", "") "retry: 1234\n\n"},
		{&head_of, 1234, STREAM("keep-alive", CHUNKED)},
		{&old_head, 1234, STREAM("close", "")},
	};

	(void)state;
	for (size_t i = 0; i < LEN(list); i++) {
		struct buf b = room();

		assert_int_equal(response_come_back(&b, list[i].to,
						    list[i].retry_ms),
				 0);
		expect_bytes(&b, list[i].want);
	}
}

/* ---- short answers ------------------------------------------------------- */

#define SHORT(status, type, length, connection, more) \
	"HTTP/1.1 " status "\r\n"                     \
	"Content-Type: " type "\r\n"                  \
	"Content-Length: " length "\r\n"              \
	"Cache-Control: no-store\r\n"                 \
	"Connection: " connection "\r\n"              \
	"X-Content-Type-Options: nosniff\r\n" more "\r\n"
#define TEXT "text/plain; charset=utf-8"

static void test_short(void **state)
{
	static const struct {
		const struct response_to *to;
		const char *extra, *body, *want;
	} list[] = {
		{&keep, NULL, "ok\n",
		 SHORT("200 OK", "a/b", "3", "keep-alive", "") "ok\n"},
		{&end, NULL, "ok\n",
		 SHORT("200 OK", "a/b", "3", "close", "") "ok\n"},
		{&head_of, NULL, "ok\n",
		 SHORT("200 OK", "a/b", "3", "keep-alive", "")},
		{&old, NULL, "ok\n",
		 SHORT("200 OK", "a/b", "3", "close", "") "ok\n"},
		{&old_keep, NULL, "ok\n",
		 SHORT("200 OK", "a/b", "3", "keep-alive", "") "ok\n"},
		{&keep, "", "", SHORT("200 OK", "a/b", "0", "keep-alive", "")},
		{&keep, "A: b\r\nC: d\r\n", "0123456789",
		 SHORT("200 OK", "a/b", "10", "keep-alive",
		       "A: b\r\nC: d\r\n") "0123456789"},
	};

	(void)state;
	for (size_t i = 0; i < LEN(list); i++) {
		struct buf b = room();

		assert_int_equal(response_short(&b, list[i].to, 200, "a/b",
						list[i].extra, list[i].body,
						strlen(list[i].body)),
				 0);
		expect_bytes(&b, list[i].want);
	}
}

static void test_a_body_is_bytes(void **state)
{
	static const char body[] = "a\0b%s\n";
	struct buf b = room();
	size_t len = sizeof(body) - 1;

	(void)state;
	assert_int_equal(response_short(&b, &keep, 200, "a/b", NULL, body, len),
			 0);
	assert_non_null(memmem(buf_data(&b), buf_unread(&b),
			       "Content-Length: 6\r\n", 19));
	assert_memory_equal(buf_tail(&b) - len, body, len);
	buf_finish(&b);
}

/* ---- refusals ------------------------------------------------------------ */

static struct http_error error_of(int status, const char *text)
{
	struct http_error r;

	http_error_set(&r, status, REJECT_MALFORMED, "%s", text);
	return r;
}

static void test_errors(void **state)
{
	static const struct {
		int status;
		const char *allow;
		const struct response_to *to;
		const char *want;
	} list[] = {
		{400, NULL, &keep,
		 SHORT("400 Bad Request", TEXT, "6", "keep-alive",
		       "") "wrong\n"},
		{400, NULL, &end,
		 SHORT("400 Bad Request", TEXT, "6", "close", "") "wrong\n"},
		{404, NULL, &head_of,
		 SHORT("404 Not Found", TEXT, "6", "keep-alive", "")},
		{401, NULL, &keep,
		 SHORT("401 Unauthorized", TEXT, "6", "keep-alive",
		       "WWW-Authenticate: Bearer error=\"invalid_token\", "
		       "error_description=\"wrong\"\r\n") "wrong\n"},
		{403, NULL, &keep,
		 SHORT("403 Forbidden", TEXT, "6", "keep-alive", "") "wrong\n"},
		{405, "GET, HEAD", &keep,
		 SHORT("405 Method Not Allowed", TEXT, "6", "keep-alive",
		       "Allow: GET, HEAD\r\n") "wrong\n"},
		{408, NULL, &end,
		 SHORT("408 Request Timeout", TEXT, "6", "close",
		       "") "wrong\n"},
		{429, NULL, &keep,
		 SHORT("429 Too Many Requests", TEXT, "6", "keep-alive",
		       "Retry-After: 17\r\n") "wrong\n"},
		{503, NULL, &old,
		 SHORT("503 Service Unavailable", TEXT, "6", "close",
		       "Retry-After: 17\r\n") "wrong\n"},
		{505, NULL, &end,
		 SHORT("505 HTTP Version Not Supported", TEXT, "6", "close",
		       "") "wrong\n"},
	};

	(void)state;
	for (size_t i = 0; i < LEN(list); i++) {
		struct http_error r = error_of(list[i].status, "wrong");
		struct buf b = room();

		if (list[i].allow != NULL)
			strcpy(r.allow, list[i].allow);

		assert_int_equal(response_error(&b, list[i].to, &r, 17), 0);
		expect_bytes(&b, list[i].want);
	}
}

#define PROBLEM "application/problem+json"

static void test_problems(void **state)
{
	struct http_error r = error_of(412, "not 9");
	struct problem p = {.error = &r, .err_code = 10071};
	struct buf b = room();

	(void)state;
	assert_int_equal(response_problem(&b, &keep, &p, 17), 0);
	expect_bytes(
		&b,
		SHORT("412 Precondition Failed", PROBLEM, "100", "keep-alive",
		      "") "{\"type\":\"about:blank\",\"title\":\"Precondition "
			  "Failed\",\"status\":412,\"detail\":\"not 9\","
			  "\"err_code\":10071}\n");
	r = error_of(503, "away");
	b = room();
	assert_int_equal(response_problem(&b, &head_of, &p, 17), 0);
	expect_bytes(&b, SHORT("503 Service Unavailable", PROBLEM, "99",
			       "keep-alive", "Retry-After: 17\r\n"));
	r = error_of(405, "no");
	b = room();
	assert_int_equal(response_problem(&b, &keep, &p, 17), -EINVAL);
}

/* A service has the status that it reports, with lines of no other. */
static void test_problems_of_services(void **state)
{
	static const int statuses[] = {401, 405, 418, 599};
	char want[32];

	(void)state;
	for (size_t i = 0; i < LEN(statuses); i++) {
		struct http_error r = error_of(statuses[i], "\"quoted\"");
		struct problem p = {.error = &r};
		struct buf b = room();

		r.reason = REJECT_NOT_PUBLISHED;
		assert_int_equal(response_problem(&b, &keep, &p, 17), 0);
		sprintf(want, "HTTP/1.1 %d ", statuses[i]);
		assert_memory_equal(buf_data(&b), want, strlen(want));
		assert_null(memmem(buf_data(&b), buf_unread(&b), "WWW", 3));
		buf_finish(&b);
	}
}

/* RFC 6750, 3.1: no error code for a request without a token. */
static void test_no_token(void **state)
{
	struct http_error r = error_of(401, "no token");
	struct buf b = room();

	(void)state;
	r.reason = REJECT_NO_TOKEN;
	assert_int_equal(response_error(&b, &keep, &r, 1), 0);
	expect_bytes(&b, SHORT("401 Unauthorized", TEXT, "9", "keep-alive",
			       "WWW-Authenticate: Bearer\r\n") "no token\n");
	memset(r.text, 'x', sizeof(r.text) - 1);
	r.text[sizeof(r.text) - 1] = '\0';
	r.reason = REJECT_BAD_TOKEN;
	b = room();
	assert_int_equal(response_error(&b, &keep, &r, 1), 0);
	buf_finish(&b);
}

static void test_retry_after_of_any_size(void **state)
{
	struct http_error r = error_of(503, "full");
	struct buf b = room();

	(void)state;
	assert_int_equal(response_error(&b, &keep, &r, UINT_MAX), 0);
	expect_bytes(&b,
		     SHORT("503 Service Unavailable", TEXT, "5", "keep-alive",
			   "Retry-After: 4294967295\r\n") "full\n");
}

/* The longest text is not cut, and never used as a format. */
static void test_texts_go_whole(void **state)
{
	struct http_error r = error_of(400, "%s %n %5000d");
	struct buf b = room();

	(void)state;
	assert_int_equal(response_error(&b, &keep, &r, 1), 0);
	expect_bytes(&b, SHORT("400 Bad Request", TEXT, "13", "keep-alive",
			       "") "%s %n %5000d\n");
	memset(r.text, 'x', sizeof(r.text) - 1);
	r.text[sizeof(r.text) - 1] = '\0';
	b = room();
	assert_int_equal(response_error(&b, &keep, &r, 1), 0);
	assert_non_null(memmem(buf_data(&b), buf_unread(&b),
			       "Content-Length: 256\r\n", 21));
	assert_memory_equal(buf_tail(&b) - 256, r.text, 255);
	assert_int_equal(buf_tail(&b)[-1], '\n');
	buf_finish(&b);
}

/* ---- no room ------------------------------------------------------------- */

static int put_stream(struct buf *b)
{
	return response_subscription(b, &keep);
}

static int put_short(struct buf *b)
{
	return response_short(b, &keep, 200, "a/b", "C: d\r\n", "body", 4);
}

static int put_error(struct buf *b)
{
	struct http_error r = error_of(503, "full");

	return response_error(b, &keep, &r, 1);
}

static int put_come_back(struct buf *b)
{
	return response_come_back(b, &keep, 3000);
}

/* With each cap that is too small nothing is put, and earlier bytes stay. */
static void test_whole_or_nothing(void **state)
{
	int (*const puts[])(struct buf *) = {put_stream, put_short, put_error,
					     put_come_back};

	(void)state;
	for (size_t i = 0; i < LEN(puts); i++) {
		struct buf b = room();
		size_t whole;

		assert_int_equal(puts[i](&b), 0);
		whole = buf_unread(&b);
		buf_finish(&b);
		for (size_t cap = 3; cap <= 3 + whole; cap++) {
			buf_init(&b, cap);
			assert_int_equal(buf_puts(&b, "old"), 0);
			assert_int_equal(puts[i](&b),
					 cap < 3 + whole ? -ENOBUFS : 0);
			assert_int_equal(buf_unread(&b),
					 cap < 3 + whole ? 3 : cap);
			assert_memory_equal(buf_data(&b), "old", 3);
			buf_finish(&b);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reasons),
		cmocka_unit_test(broken_contracts),
		cmocka_unit_test(test_stream_heads),
		cmocka_unit_test(test_values),
		cmocka_unit_test(a_value_is_whole_or_not_there),
		cmocka_unit_test(test_date),
		cmocka_unit_test(test_lines_of_a_request),
		cmocka_unit_test(test_no_content),
		cmocka_unit_test(test_come_back),
		cmocka_unit_test(test_short),
		cmocka_unit_test(test_a_body_is_bytes),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_problems),
		cmocka_unit_test(test_problems_of_services),
		cmocka_unit_test(test_no_token),
		cmocka_unit_test(test_retry_after_of_any_size),
		cmocka_unit_test(test_texts_go_whole),
		cmocka_unit_test(test_whole_or_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
