/* Every request is fed whole, byte by byte, and in two pieces cut at every
 * place: verdict, head, error and bytes used must be the same. Whole requests
 * get a new parser; pieces reuse one. Texts of llhttp differ between versions
 * and are only compared with each other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "http/request_parser.h"

enum { MAX_BYTES = 4096, OUTCOME_MAX = 16384 };

struct outcome {
	enum http_verdict verdict;
	int status;
	enum reject_reason reason;
	size_t used;
	char text[OUTCOME_MAX]; /* the head or the error */
};

/* "GET /a?b host=h minor=1 head=0 keep=1\nName=value\n" */
static void print_head(const struct request *h, char *out)
{
	size_t n =
		(size_t)sprintf(out, "%s %s host=%s minor=%d head=%d keep=%d\n",
				h->method, h->target, h->host, h->minor,
				h->is_head, h->keep_alive);

	assert_int_equal(strlen(h->target), h->target_len);
	for (size_t i = 0; i < h->n_headers; i++) {
		const struct http_header *f = &h->headers[i];

		assert_int_equal(strlen(f->name), f->name_len);
		assert_int_equal(strlen(f->value), f->value_len);
		n += (size_t)sprintf(out + n, "%s=%s\n", f->name, f->value);
		assert_true(n < OUTCOME_MAX / 2);
	}
}

static void take_outcome(struct outcome *o, const struct request_parser *p)
{
	o->status = 0;
	o->reason = REJECT_NONE;
	o->text[0] = '\0';
	if (o->verdict == VERDICT_READY) {
		print_head(request_parser_head(p), o->text);
	} else if (o->verdict == VERDICT_REJECT) {
		const struct http_error *r = request_parser_error(p);

		o->status = r->status;
		o->reason = r->reason;
		assert_null(strchr(r->text, '\n'));
		strcpy(o->text, r->text);
	}
}

/* Each piece has its own allocation, so that ASan sees a read beyond it. */
static void feed_piece(struct outcome *o, struct request_parser *p,
		       const char *bytes, size_t len)
{
	char *piece = malloc(len);
	size_t used;

	assert_true(piece != NULL || len == 0);
	if (len > 0)
		memcpy(piece, bytes, len);
	o->verdict = request_parser_feed(p, piece, len, &used);
	assert_true(used <= len);
	if (o->verdict != VERDICT_READY)
		assert_int_equal(used, len);
	o->used += used;
	free(piece);
}

static struct request_parser *used_parser;
static size_t used_max;

static struct request_parser *parser_for(bool is_new, size_t max_bytes)
{
	struct request_parser *p = used_parser;

	if (is_new || p == NULL || used_max != max_bytes) {
		assert_int_equal(request_parser_new(&p, max_bytes, "user_id"),
				 0);
		return p;
	}
	used_parser = NULL;
	request_parser_again(p);
	return p;
}

static void leave_parser(struct request_parser *p, size_t max_bytes)
{
	request_parser_free(used_parser);
	used_parser = p;
	used_max = max_bytes;
}

/* Pieces end at `cut`; 0: at every byte. */
static void run(struct outcome *o, const char *bytes, size_t len, size_t cut,
		size_t max_bytes)
{
	struct request_parser *p;
	size_t at = 0;

	o->used = 0;
	o->verdict = VERDICT_MORE;
	p = parser_for(cut == len, max_bytes);
	while (at < len && o->verdict == VERDICT_MORE) {
		size_t n = cut == 0 ? 1 : at < cut ? cut - at : len - at;

		feed_piece(o, p, bytes + at, n);
		at += n;
	}
	take_outcome(o, p);
	leave_parser(p, max_bytes);
}

static void must_be_same(const struct outcome *a, const struct outcome *b,
			 const char *bytes, size_t cut)
{
	if (a->verdict != b->verdict || a->status != b->status ||
	    a->reason != b->reason || strcmp(a->text, b->text) != 0 ||
	    (a->verdict == VERDICT_READY && a->used != b->used))
		fail_msg("cut at %zu: verdict %d, %d, %zu used, \"%s\"; whole: "
			 "%d, %d, %zu used, \"%s\"\n%s",
			 cut, b->verdict, b->status, b->used, b->text,
			 a->verdict, a->status, a->used, a->text, bytes);
}

static void run_all_cuts(struct outcome *whole, const char *bytes, size_t len,
			 size_t max_bytes)
{
	static struct outcome cut;

	run(whole, bytes, len, len, max_bytes);
	for (size_t at = 0; at < len; at++) {
		run(&cut, bytes, len, at, max_bytes);
		must_be_same(whole, &cut, bytes, at);
	}
}

/* ---- accepted requests --------------------------------------------------- */

static const struct {
	const char *request; /* all of it is used */
	const char *head;
} good[] = {
	{"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
	 "GET / host=a minor=1 head=0 keep=1\nHost=a\n"},
	{"GET /a?b=%20&c HTTP/1.1\r\nHost: a:80\r\nuser_id: 42\r\n"
	 "Accept:text/event-stream\r\n\r\n",
	 "GET /a?b=%20&c host=a:80 minor=1 head=0 keep=1\nHost=a:80\n"
	 "user_id=42\nAccept=text/event-stream\n"},
	{"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n",
	 "HEAD / host=a minor=1 head=1 keep=1\nHost=a\n"},
	{"GET / HTTP/1.0\r\n\r\n", "GET / host= minor=0 head=0 keep=0\n"},
	{"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n",
	 "GET / host= minor=0 head=0 keep=1\nConnection=Keep-Alive\n"},
	{"GET / HTTP/1.1\r\nHost: a\r\nConnection: TE, close\r\n\r\n",
	 "GET / host=a minor=1 head=0 keep=0\nHost=a\n"
	 "Connection=TE, close\n"},
	/* Blanks around a value, an empty value. */
	{"GET / HTTP/1.1\r\nHost: \t a \t \r\nX:\r\nY:  \t\r\nZ:  b  c "
	 "\r\n\r\n",
	 "GET / host=a minor=1 head=0 keep=1\nHost=a\nX=\nY=\nZ=b  c\n"},
	{"GET / HTTP/1.1\r\nHost:\r\n\r\n",
	 "GET / host= minor=1 head=0 keep=1\nHost=\n"},
	/* Bytes above ASCII are opaque in a value (RFC 9110, 5.5). */
	{"GET / HTTP/1.1\r\nHost: a\r\nuser_id: \xc3\xa9\xff\r\n\r\n",
	 "GET / host=a minor=1 head=0 keep=1\nHost=a\nuser_id=\xc3\xa9\xff\n"},
	/* Absolute form: its authority wins. */
	{"GET http://b:1/x?y HTTP/1.1\r\nHost: a\r\n\r\n",
	 "GET /x?y host=b:1 minor=1 head=0 keep=1\nHost=a\n"},
	{"GET HTTPS://b HTTP/1.1\r\nHost: a\r\n\r\n",
	 "GET / host=b minor=1 head=0 keep=1\nHost=a\n"},
	{"GET http://b?y HTTP/1.1\r\nHost: a\r\n\r\n",
	 "GET /?y host=b minor=1 head=0 keep=1\nHost=a\n"},
	/* Leading empty lines. */
	{"\r\n\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
	 "GET / host=a minor=1 head=0 keep=1\nHost=a\n"},
	/* An empty body counts as none. */
	{"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
	 "GET / host=a minor=1 head=0 keep=1\nHost=a\nContent-Length=0\n"},
	{"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
	 "0\r\n\r\n",
	 "GET / host=a minor=1 head=0 keep=1\nHost=a\n"
	 "Transfer-Encoding=chunked\n"},
	{"GET / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n",
	 "GET / host=a minor=1 head=0 keep=1\nHost=a\nExpect=100-continue\n"},
	{"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0 \r\n\r\n",
	 "GET / host=a minor=1 head=0 keep=1\nHost=a\nContent-Length=0\n"},
	/* An upgrade is not followed. */
	{"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\n"
	 "Upgrade: websocket\r\n\r\n",
	 "GET / host=a minor=1 head=0 keep=1\nHost=a\nConnection=Upgrade\n"
	 "Upgrade=websocket\n"},
	{"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\n"
	 "Upgrade: h2c\r\nHTTP2-Settings: AAM\r\n\r\n",
	 "GET / host=a minor=1 head=0 keep=1\nHost=a\n"
	 "Connection=Upgrade, HTTP2-Settings\nUpgrade=h2c\n"
	 "HTTP2-Settings=AAM\n"},
	/* route.c rejects other methods. */
	{"DELETE /x HTTP/1.1\r\nHost: a\r\n\r\n",
	 "DELETE /x host=a minor=1 head=0 keep=1\nHost=a\n"},
	{"M-SEARCH /x HTTP/1.1\r\nHost: a\r\n\r\n",
	 "M-SEARCH /x host=a minor=1 head=0 keep=1\nHost=a\n"},
	{"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
	 "OPTIONS * host=a minor=1 head=0 keep=1\nHost=a\n"},
	{"CONNECT b:443 HTTP/1.1\r\nHost: b:443\r\n\r\n",
	 "CONNECT b:443 host=b:443 minor=1 head=0 keep=1\nHost=b:443\n"},
	/* '_' and '-' make different names. */
	{"GET / HTTP/1.1\r\nHost: a\r\nuser_id: 1\r\nuser-id: 2\r\n\r\n",
	 "GET / host=a minor=1 head=0 keep=1\nHost=a\nuser_id=1\n"
	 "user-id=2\n"},
	/* Expect is not part of HTTP/1.0. */
	{"GET / HTTP/1.0\r\nExpect: 100-continue\r\n\r\n",
	 "GET / host= minor=0 head=0 keep=0\nExpect=100-continue\n"},
};

static void test_good_requests(void **state)
{
	static struct outcome o;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		size_t len = strlen(good[i].request);

		run_all_cuts(&o, good[i].request, len, MAX_BYTES);
		if (o.verdict != VERDICT_READY)
			fail_msg("%d \"%s\" for %s", o.status, o.text,
				 good[i].request);
		assert_string_equal(o.text, good[i].head);
		assert_int_equal(o.used, len);
	}
}

static void test_what_follows_is_left(void **state)
{
	static const char *const tails[] = {
		"GET /2 HTTP/1.1\r\n\r\n",
		"\r\n",
		"body",
		"\0\0",
		" x\r\n :\r\n",
	};
	static const size_t lens[] = {19, 2, 4, 2, 8};
	static struct outcome o;
	char bytes[256];

	(void)state;
	for (size_t g = 0; g < sizeof(good) / sizeof(good[0]); g++) {
		size_t len = strlen(good[g].request);

		memcpy(bytes, good[g].request, len);
		for (size_t i = 0; i < 5; i++) {
			memcpy(bytes + len, tails[i], lens[i]);
			/* The rest may exceed the limit. */
			run_all_cuts(&o, bytes, len + lens[i],
				     len + (i == 0 ? 4 : MAX_BYTES));
			assert_int_equal(o.verdict, VERDICT_READY);
			assert_int_equal(o.used, len);
			assert_string_equal(o.text, good[g].head);
		}
	}
}

static void test_every_beginning_wants_more(void **state)
{
	static struct outcome o;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		for (size_t n = 0; n < strlen(good[i].request); n++) {
			run(&o, good[i].request, n, n, MAX_BYTES);
			assert_int_equal(o.verdict, VERDICT_MORE);
			assert_int_equal(o.used, n);
		}
	}
}

/* Methods other than GET and HEAD may have a body: it is not read, and the
 * connection is not reused. */
static void test_the_body_of_other_methods_is_left(void **state)
{
	static const char *const posts[] = {
		"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked"
		"\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
		"Content-Length: 4\r\n\r\n",
	};
	static struct outcome o;
	char bytes[256];

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		size_t len = (size_t)sprintf(bytes, "%sbody", posts[i]);

		run_all_cuts(&o, bytes, len, MAX_BYTES);
		assert_int_equal(o.verdict, VERDICT_READY);
		assert_int_equal(o.used, len - 4);
		assert_non_null(strstr(o.text, "POST / host=a minor=1 head=0 "
					       "keep=0\n"));
	}
}

/* ---- rejected requests --------------------------------------------------- */

#define ROW(status, reason, text, bytes)                                \
	{                                                               \
		bytes, sizeof(bytes) - 1, status, REJECT_##reason, text \
	}

struct row {
	const char *bytes;
	size_t len;
	int status;
	enum reject_reason reason;
	const char *text; /* NULL: of llhttp */
};

static void expect_errors(const struct row *rows, size_t n)
{
	static struct outcome o;

	for (size_t i = 0; i < n; i++) {
		const struct row *r = &rows[i];

		run_all_cuts(&o, r->bytes, r->len, MAX_BYTES);
		if (o.verdict != VERDICT_REJECT || o.status != r->status ||
		    o.reason != r->reason)
			fail_msg("verdict %d, %d %s: \"%s\" for %s", o.verdict,
				 o.status, reject_reason_label(o.reason),
				 o.text, r->bytes);
		if (r->text != NULL)
			assert_string_equal(o.text, r->text);
		else if (strncmp(o.text, "malformed request: ", 19) != 0)
			fail_msg("\"%s\" for %s", o.text, r->bytes);
	}
}

#define EXPECT_REFUSALS(rows) \
	expect_errors(rows, sizeof(rows) / sizeof((rows)[0]))

#define GET "GET / HTTP/1.1\r\nHost: a\r\n"

static void test_request_lines(void **state)
{
	static const struct row rows[] = {
		ROW(400, MALFORMED, NULL, "get / HTTP/1.1\r\nHost: a\r\n\r\n"),
		ROW(501, BAD_METHOD,
		    "the method is not known here, allowed are GET, HEAD, "
		    "OPTIONS and DELETE, each where its resource has it",
		    "BREW / HTTP/1.1\r\nHost: a\r\n\r\n"),
		ROW(400, MALFORMED, NULL, " GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
		ROW(400, MALFORMED, NULL, "GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n"),
		ROW(400, MALFORMED, NULL, "GET\r\n\r\n"),
		ROW(400, MALFORMED, NULL, "\x16\x03\x01\x02\x00\x01\x00"),
		ROW(501, BAD_METHOD,
		    "the method is not known here, allowed are GET, HEAD, "
		    "OPTIONS and DELETE, each where its resource has it",
		    "PROXY TCP4 10.0.0.1 10.0.0.2 1 2\r\n"),
		ROW(400, MALFORMED,
		    "malformed request: no target after the method and one "
		    "blank",
		    "GET  / HTTP/1.1\r\nHost: a\r\n\r\n"),
		ROW(400, MALFORMED,
		    "malformed request: no target after the method and one "
		    "blank",
		    "GET \r\n\r\n"),
		ROW(400, MALFORMED,
		    "malformed request: two blanks after the target",
		    "GET /  HTTP/1.1\r\nHost: a\r\n\r\n"),
		ROW(400, MALFORMED, NULL, "GET / HTTP/1.1 \r\nHost: a\r\n\r\n"),
		ROW(400, MALFORMED, NULL, "GET / HTTP/1.1\nHost: a\r\n\r\n"),
		ROW(400, MALFORMED, NULL, "GET / HTTP/1.1\rHost: a\r\n\r\n"),
		ROW(400, MALFORMED, NULL,
		    "GET / HTTP/1.1\r\r\nHost: a\r\n\r\n"),
	};

	(void)state;
	EXPECT_REFUSALS(rows);
}

static void test_targets(void **state)
{
	static const char bad_byte[] =
		"malformed request: the target has the byte \\xe9, allowed are "
		"printable ASCII and %XX";
	static const struct row rows[] = {
		ROW(400, MALFORMED, bad_byte, "GET /\xe9 HTTP/1.1\r\n"),
		ROW(400, MALFORMED, NULL, "GET /\x7f HTTP/1.1\r\n"),
		ROW(400, MALFORMED, NULL, "GET /\x01 HTTP/1.1\r\n"),
		ROW(400, MALFORMED, NULL, "GET /a\tb HTTP/1.1\r\n"),
		ROW(400, MALFORMED, NULL, "GET /a\0b HTTP/1.1\r\n"),
		ROW(400, MALFORMED,
		    "malformed request: the target has a fragment (#)",
		    "GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n"),
		ROW(400, MALFORMED, NULL, "GET a HTTP/1.1\r\nHost: a\r\n\r\n"),
		ROW(400, MALFORMED,
		    "target \"*\" is neither a path that begins with / nor an "
		    "http URL",
		    "GET * HTTP/1.1\r\nHost: a\r\n\r\n"),
		ROW(400, MALFORMED,
		    "target \"ftp://a/b\" is neither a path that begins with / "
		    "nor an http URL",
		    "GET ftp://a/b HTTP/1.1\r\nHost: a\r\n\r\n"),
		ROW(400, MALFORMED,
		    "host \"(hidden)\" is not a name or address with an "
		    "optional "
		    "port",
		    "GET http://u@b/ HTTP/1.1\r\nHost: a\r\n\r\n"),
	};

	(void)state;
	assert_true(rows[0].text == bad_byte);
	expect_errors(rows, 1);
	for (size_t i = 1; i < sizeof(rows) / sizeof(rows[0]); i++)
		expect_errors(&rows[i], 1);
}

static void test_versions(void **state)
{
	static const struct row rows[] = {
		ROW(505, MALFORMED,
		    "no HTTP version after the target, allowed are HTTP/1.1 "
		    "and HTTP/1.0",
		    "GET /a\r\n"),
		ROW(505, MALFORMED,
		    "no HTTP version after the target, allowed are HTTP/1.1 "
		    "and HTTP/1.0",
		    "GET /a\n"),
		ROW(505, MALFORMED,
		    "HTTP version HTTP/0.9 is not one of HTTP/1.1, HTTP/1.0",
		    "GET / HTTP/0.9\r\n\r\n"),
		ROW(505, MALFORMED,
		    "HTTP version HTTP/1.2 is not one of HTTP/1.1, HTTP/1.0",
		    "GET / HTTP/1.2\r\nHost: a\r\n\r\n"),
		ROW(505, MALFORMED,
		    "HTTP version HTTP/2.0 is not one of HTTP/1.1, HTTP/1.0",
		    "GET / HTTP/2.0\r\nHost: a\r\n\r\n"),
		ROW(505, MALFORMED,
		    "HTTP version HTTP/2.0 is not one of HTTP/1.1, HTTP/1.0",
		    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
		ROW(505, MALFORMED,
		    "HTTP version HTTP/9.1 is not one of HTTP/1.1, HTTP/1.0",
		    "GET / HTTP/9.1\r\nHost: a\r\n\r\n"),
		ROW(400, MALFORMED, NULL, "GET / \r\n\r\n"),
		ROW(400, MALFORMED, NULL, "GET / HTTP/1\r\n\r\n"),
		ROW(400, MALFORMED, NULL, "GET / HTTP/11\r\n\r\n"),
		ROW(400, MALFORMED, NULL, "GET / HTTP/1,1\r\n\r\n"),
		ROW(400, MALFORMED, NULL, "GET / HTTP/1.x\r\n\r\n"),
		ROW(400, MALFORMED, NULL, "GET / HTTP/1.10\r\n\r\n"),
		ROW(400, MALFORMED, NULL, "GET / http/1.1\r\n\r\n"),
		ROW(400, MALFORMED, NULL, "GET / HTTPS/1.1\r\n\r\n"),
		ROW(400, MALFORMED, NULL, "DESCRIBE /a RTSP/1.0\r\n\r\n"),
		ROW(400, MALFORMED, NULL, "SOURCE /a ICE/1.0\r\n\r\n"),
	};

	(void)state;
	EXPECT_REFUSALS(rows);
}

static void test_leading_lines(void **state)
{
	static const struct row rows[] = {
		ROW(400, MALFORMED,
		    "malformed request: too many empty lines before it",
		    "\r\n\r\n\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
		ROW(400, MALFORMED,
		    "malformed request: a lone CR or LF before it", "\n" GET),
		ROW(400, MALFORMED,
		    "malformed request: a lone CR or LF before it", "\r" GET),
		ROW(400, MALFORMED,
		    "malformed request: a lone CR or LF before it",
		    "\r\n\r\r\n" GET),
	};

	(void)state;
	EXPECT_REFUSALS(rows);
}

static void test_header_lines(void **state)
{
	static const char folded[] =
		"malformed request: a header line begins with a blank, "
		"continuation lines are not allowed";
	const struct row own[] = {
		ROW(400, MALFORMED, folded, GET "X: a\r\n b\r\n\r\n"),
		ROW(400, MALFORMED, folded, GET "X: a\r\n\tb\r\n\r\n"),
		ROW(400, MALFORMED, folded, GET "X: a\r\n \r\n\r\n"),
		ROW(400, MALFORMED, folded,
		    GET "Transfer-Encoding:\r\n chunked\r\n\r\n"),
		ROW(400, MALFORMED, folded,
		    "GET / HTTP/1.1\r\n Host: a\r\n\r\n"),
		ROW(400, MALFORMED, "malformed request: a header has no name",
		    GET ": v\r\n\r\n"),
		ROW(400, MALFORMED, "malformed request: a header has no name",
		    GET "X: a\r\n:\r\n\r\n"),
	};
	static const struct row rows[] = {
		ROW(400, MALFORMED, NULL, GET "X : a\r\n\r\n"),
		ROW(400, MALFORMED, NULL, GET "X y: a\r\n\r\n"),
		ROW(400, MALFORMED, NULL, GET "X\r\n\r\n"),
		ROW(400, MALFORMED, NULL, GET "X\0: a\r\n\r\n"),
		ROW(400, MALFORMED, NULL, GET "X\xe9: a\r\n\r\n"),
		ROW(400, MALFORMED, NULL, GET "X(: a\r\n\r\n"),
		ROW(400, MALFORMED, NULL, GET "X: a\0b\r\n\r\n"),
		ROW(400, MALFORMED, NULL, GET "X: a\x01\r\n\r\n"),
		ROW(400, MALFORMED, NULL, GET "X: a\x7f\r\n\r\n"),
		ROW(400, MALFORMED, NULL, GET "X: a\nY: b\r\n\r\n"),
		ROW(400, MALFORMED, NULL, GET "X: a\rY: b\r\n\r\n"),
		ROW(400, MALFORMED, NULL, GET "X: a\r\r\nY: b\r\n\r\n"),
		ROW(400, MALFORMED, NULL, GET "X:\rY: b\r\n\r\n"),
		ROW(400, MALFORMED, NULL, GET "X:\nY: b\r\n\r\n"),
		ROW(400, MALFORMED, NULL, GET "\n"),
		ROW(400, MALFORMED, NULL, GET "\rX"),
		ROW(400, MALFORMED, NULL, GET "X: a\r\n\rX"),
		ROW(400, MALFORMED, NULL, GET "X: a\n\n"),
	};

	(void)state;
	EXPECT_REFUSALS(own);
	EXPECT_REFUSALS(rows);
}

static void test_framing(void **state)
{
	static const struct row rows[] = {
#define TE "Transfer-Encoding: chunked\r\n"
#define CL "Content-Length: "
		ROW(400, MALFORMED, NULL, GET CL "3\r\n" TE "\r\n"),
		ROW(400, MALFORMED, NULL, GET TE CL "3\r\n\r\n"),
		ROW(400, MALFORMED, NULL, GET CL "3\r\n" CL "3\r\n\r\n"),
		ROW(400, MALFORMED, NULL, GET CL "3\r\n" CL "4\r\n\r\n"),
		ROW(400, MALFORMED, NULL, GET CL "3, 3\r\n\r\n"),
		ROW(400, MALFORMED, NULL, GET CL "+3\r\n\r\n"),
		ROW(400, MALFORMED, NULL, GET CL "-1\r\n\r\n"),
		ROW(400, MALFORMED, NULL, GET CL "0x3\r\n\r\n"),
		ROW(400, MALFORMED, NULL, GET CL "1 2\r\n\r\n"),
		ROW(400, MALFORMED, NULL, GET CL "1a\r\n\r\n"),
		ROW(400, MALFORMED, NULL,
		    GET CL "99999999999999999999999\r\n\r\n"),
	};
	static const struct row own[] = {
		ROW(413, HAS_BODY,
		    "the request has a body, GET is taken without one, "
		    "or with an empty one",
		    GET CL "3\r\n\r\nabc"),
		ROW(413, HAS_BODY,
		    "the request has a body, HEAD is taken without one, "
		    "or with an empty one",
		    "HEAD / HTTP/1.1\r\nHost: a\r\n" CL "3\r\n\r\nabc"),
		ROW(413, HAS_BODY,
		    "the request has a body, GET is taken without one, "
		    "or with an empty one",
		    GET CL "0003\r\n\r\nabc"),
		ROW(413, HAS_BODY,
		    "the request has a body, GET is taken without one, "
		    "or with an empty one",
		    GET TE "\r\n1\r\na\r\n0\r\n\r\n"),
		ROW(413, HAS_BODY,
		    "the request has a body, GET is taken without one, "
		    "or with an empty one",
		    GET TE "\r\n0;a\r\n\r\n"),
		ROW(413, HAS_BODY,
		    "the request has a body, GET is taken without one, "
		    "or with an empty one",
		    GET TE "\r\n0\r\nX: y\r\n\r\n"),
		ROW(413, HAS_BODY,
		    "the request has a body, GET is taken without one, "
		    "or with an empty one",
		    GET "Expect: 100-continue\r\n" CL "3\r\n\r\n"),
		ROW(417, MALFORMED,
		    "Expect: \"200-ok\" cannot be met, known is 100-continue",
		    GET "Expect: 200-ok\r\n\r\n"),
		ROW(400, MALFORMED,
		    "Transfer-Encoding is not allowed with HTTP/1.0",
		    "GET / HTTP/1.0\r\n" TE "\r\n0\r\n\r\n"),
		ROW(501, MALFORMED,
		    "Transfer-Encoding is not \"chunked\", the only one "
		    "that is known here",
		    GET "Transfer-Encoding: identity, chunked\r\n\r\n"),
		ROW(501, MALFORMED,
		    "Transfer-Encoding is not \"chunked\", the only one "
		    "that is known here",
		    GET "Transfer-Encoding: gzip, chunked\r\n\r\n"),
	};
	/* Rejected by llhttp or by the scan, depending on the version. */
	static const char *const either[] = {
		GET CL "\r\n\r\n",
		GET TE TE "\r\n",
		GET "Transfer-Encoding: \vchunked\r\n\r\n",
		GET "Transfer-Encoding: xchunked\r\n\r\n",
		GET "Transfer-Encoding: identity\r\n\r\n",
		GET "Transfer-Encoding: chunked, identity\r\n\r\n",
		GET "Transfer-Encoding: chunked, chunked\r\n\r\n",
		GET "Transfer-Encoding: chunked;a=b\r\n\r\n",
		GET "Transfer-Encoding:\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: a\r\n" CL "3\r\n" TE "\r\n",
		"POST / HTTP/1.1\r\nHost: a\r\n"
		"Transfer-Encoding: gzip\r\n\r\n",
		"POST / HTTP/1.0\r\nHost: a\r\n" TE "\r\n",
	};
	static struct outcome o;

	(void)state;
	EXPECT_REFUSALS(rows);
	EXPECT_REFUSALS(own);
	for (size_t i = 0; i < sizeof(either) / sizeof(either[0]); i++) {
		run_all_cuts(&o, either[i], strlen(either[i]), MAX_BYTES);
		if (o.verdict != VERDICT_REJECT ||
		    (o.status != 400 && o.status != 501))
			fail_msg("verdict %d, %d for %s", o.verdict, o.status,
				 either[i]);
		assert_int_equal(o.reason, REJECT_MALFORMED);
	}
}

static void test_headers_that_come_once(void **state)
{
	static const struct row rows[] = {
		ROW(400, MALFORMED,
		    "header Host is missing, an HTTP/1.1 request has one",
		    "GET / HTTP/1.1\r\nX: a\r\n\r\n"),
		ROW(400, MALFORMED,
		    "header Host is given 2 times, allowed is once",
		    GET "host: a\r\n\r\n"),
		ROW(400, MALFORMED,
		    "header Host is given 2 times, allowed is once",
		    "GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n"),
		ROW(400, MALFORMED,
		    "host \"a, b\" is not a name or address with an optional "
		    "port",
		    "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n"),
		ROW(400, BAD_CURSOR,
		    "header Last-Event-ID is given 2 times, allowed is once",
		    GET "Last-Event-ID: 1\r\nlast-event-id: 1\r\n\r\n"),
		ROW(400, MALFORMED,
		    "header Authorization is given 3 times, allowed is once",
		    GET "Authorization: a\r\nAuthorization: b\r\n"
			"AUTHORIZATION: c\r\n\r\n"),
		ROW(400, BAD_IDENTITY,
		    "header user_id is given 2 times, allowed is once",
		    GET "user_id: 1\r\nUser_ID: 1\r\n\r\n"),
	};

	(void)state;
	EXPECT_REFUSALS(rows);
}

/* The first fault counts, found by either reader. */
static void test_the_first_fault_counts(void **state)
{
	static const struct row rows[] = {
		ROW(400, MALFORMED, "malformed request: a header has no name",
		    GET ": v\r\nX : y\r\n\r\n"),
		ROW(400, MALFORMED,
		    "malformed request: the target has a fragment (#)",
		    "GET /# HTTP/2.0\r\n : v\r\n"),
	};
	static struct outcome a, b;

	(void)state;
	EXPECT_REFUSALS(rows);
	run_all_cuts(&a, GET "X : y\r\n: v\r\n", strlen(GET) + 12, MAX_BYTES);
	run(&b, GET "X : y\r\n\r\n", strlen(GET) + 9, 0, MAX_BYTES);
	assert_string_equal(a.text, b.text);
}

/* ---- limits -------------------------------------------------------------- */

/* A head of exactly `len` bytes: GET, with a long target or a long header. */
static char *head_of(size_t len, bool target)
{
	static const char tail[] = " HTTP/1.1\r\nHost: a\r\nX: ";
	char *bytes = malloc(len + 1);
	size_t fill = len - 5 - strlen(tail) - 4;

	assert_non_null(bytes);
	memcpy(bytes, "GET /", 5);
	if (target) {
		memset(bytes + 5, 'x', fill);
		memcpy(bytes + 5 + fill, tail, strlen(tail));
	} else {
		memcpy(bytes + 5, tail, strlen(tail));
		memset(bytes + 5 + strlen(tail), 'x', fill);
	}
	memcpy(bytes + len - 4, "\r\n\r\n", 5);
	return bytes;
}

static void expect_limit(size_t len, bool target, size_t max, int status,
			 const char *text)
{
	static struct outcome o;
	char *bytes = head_of(len, target);

	run_all_cuts(&o, bytes, len, max);
	assert_int_equal(o.status, status);
	if (status == 0) {
		assert_int_equal(o.verdict, VERDICT_READY);
	} else {
		assert_int_equal(o.verdict, VERDICT_REJECT);
		assert_int_equal(o.reason, REJECT_TOO_LARGE);
		assert_string_equal(o.text, text);
	}
	free(bytes);
}

static void test_head_limit(void **state)
{
	static const char head[] = "the head of the request is over 512 bytes";
	static const char target[] =
		"the target of the request is over 512 bytes";

	(void)state;
	expect_limit(512, false, 512, 0, "");
	expect_limit(513, false, 512, 431, head);
	expect_limit(2000, false, 512, 431, head);
	expect_limit(512, true, 512, 0, "");
	expect_limit(513, true, 512, 431, head);
	expect_limit(2000, true, 512, 414, target);
}

/* Empty lines before the request do not count. */
static void test_leading_lines_are_free(void **state)
{
	static struct outcome o;
	char *bytes = head_of(512, false), more[512 + 5];

	(void)state;
	snprintf(more, sizeof(more), "\r\n\r\n%s", bytes);
	run_all_cuts(&o, more, strlen(more), 512);
	assert_int_equal(o.verdict, VERDICT_READY);
	free(bytes);
}

static size_t many_headers(char *out, unsigned n)
{
	size_t len = (size_t)sprintf(out, GET);

	for (unsigned i = 1; i < n; i++)
		len += (size_t)sprintf(out + len, "X-%u: %u\r\n", i, i);
	return len + (size_t)sprintf(out + len, "\r\n");
}

static void test_number_of_headers(void **state)
{
	static struct outcome o;
	char bytes[2048], want[32];
	size_t len = many_headers(bytes, 100);

	(void)state;
	run_all_cuts(&o, bytes, len, MAX_BYTES);
	assert_int_equal(o.verdict, VERDICT_READY);
	for (unsigned i = 1; i < 100; i++) {
		sprintf(want, "\nX-%u=%u\n", i, i);
		assert_non_null(strstr(o.text, want));
	}
	len = many_headers(bytes, 101);
	run_all_cuts(&o, bytes, len, MAX_BYTES);
	assert_int_equal(o.verdict, VERDICT_REJECT);
	assert_int_equal(o.status, 431);
	assert_int_equal(o.reason, REJECT_TOO_LARGE);
	assert_string_equal(o.text, "the request has more than 100 headers");

	/* A fault in the 101st name comes before its count. */
	len -= strlen("X-100: 100\r\n\r\n");
	len += (size_t)sprintf(bytes + len, "X y: 1\r\n\r\n");
	run_all_cuts(&o, bytes, len, MAX_BYTES);
	assert_int_equal(o.status, 400);
}

/* ---- pipelining and reuse ------------------------------------------------ */

static void test_started(void **state)
{
	struct request_parser *p;
	size_t used;

	(void)state;
	assert_int_equal(request_parser_new(&p, MAX_BYTES, "user_id"), 0);
	assert_false(request_parser_started(p));
	assert_int_equal(request_parser_feed(p, "", 0, &used), VERDICT_MORE);
	assert_int_equal(used, 0);
	request_parser_feed(p, "\r\n\r", 3, &used);
	assert_false(request_parser_started(p));
	request_parser_feed(p, "\nG", 2, &used);
	assert_true(request_parser_started(p));
	request_parser_free(p);
	request_parser_free(NULL);
}

static void test_verdicts_stay(void **state)
{
	struct request_parser *p;
	const char *target;
	size_t used;

	(void)state;
	assert_int_equal(request_parser_new(&p, MAX_BYTES, "user_id"), 0);
	assert_int_equal(request_parser_feed(p, GET ":", strlen(GET) + 1,
					     &used),
			 VERDICT_REJECT);
	assert_int_equal(request_parser_feed(p, GET "\r\n", 8, &used),
			 VERDICT_REJECT);
	assert_int_equal(used, 8);
	assert_string_equal(request_parser_error(p)->text,
			    "malformed request: a header has no name");
	request_parser_free(p);

	assert_int_equal(request_parser_new(&p, MAX_BYTES, "user_id"), 0);
	assert_int_equal(request_parser_feed(p, GET "\r\n", strlen(GET) + 2,
					     &used),
			 VERDICT_READY);
	target = request_parser_head(p)->target;
	assert_int_equal(request_parser_feed(p, ": x", 3, &used),
			 VERDICT_READY);
	assert_int_equal(used, 0);
	assert_ptr_equal(request_parser_head(p)->target, target);
	request_parser_free(p);
}

/* Mutations of good requests have the same verdict and text in all cuts. */
static void test_mutations(void **state)
{
	static const char letters[] = "\r\n :\t#/\0\x7f\xe9,;10GHx";
	static struct outcome o;
	uint64_t seed = 1;

	(void)state;
	for (int round = 0; round < 600; round++) {
		size_t g = (size_t)round % (sizeof(good) / sizeof(good[0]));
		size_t len = strlen(good[g].request), at;
		char bytes[256];

		memcpy(bytes, good[g].request, len);
		for (int i = 0; i <= round % 3; i++) {
			seed = seed * UINT64_C(6364136223846793005) + 1442695;
			at = (size_t)(seed >> 33) % len;
			bytes[at] = letters[(seed >> 59) % 18];
		}
		run_all_cuts(&o, bytes, len, MAX_BYTES);
	}
}

static int forget_parser(void **state)
{
	(void)state;
	leave_parser(NULL, 0);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good_requests),
		cmocka_unit_test(test_what_follows_is_left),
		cmocka_unit_test(test_every_beginning_wants_more),
		cmocka_unit_test(test_the_body_of_other_methods_is_left),
		cmocka_unit_test(test_request_lines),
		cmocka_unit_test(test_targets),
		cmocka_unit_test(test_versions),
		cmocka_unit_test(test_leading_lines),
		cmocka_unit_test(test_header_lines),
		cmocka_unit_test(test_framing),
		cmocka_unit_test(test_headers_that_come_once),
		cmocka_unit_test(test_the_first_fault_counts),
		cmocka_unit_test(test_head_limit),
		cmocka_unit_test(test_leading_lines_are_free),
		cmocka_unit_test(test_number_of_headers),
		cmocka_unit_test(test_started),
		cmocka_unit_test(test_verdicts_stay),
		cmocka_unit_test(test_mutations),
	};

	return cmocka_run_group_tests(tests, NULL, forget_parser);
}
