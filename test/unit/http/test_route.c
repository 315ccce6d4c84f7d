#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "http/route.h"

#define LEN(list) (sizeof(list) / sizeof((list)[0]))
#define EVENTS	  "/api/v1/events"

static const struct route_request plain = {.method = "GET", .target = EVENTS};

/* What a refusal must not touch. */
static const struct route untouched = {.kind = ROUTE_METRICS,
				       .cursor_seq = 0x5a5a};

static struct route expect_good(const struct route_request *req)
{
	struct http_error why = {0};
	struct route r;

	memset(&r, 0x5a, sizeof(r));
	if (route_parse(&r, &why, req) != 0)
		fail_msg("%s: %d %s", req->target, why.status, why.text);
	return r;
}

/* `words`: up to two that the text must have, or NULL. */
static void expect_refused(const struct route_request *req, int status,
			   enum reject_reason reason, const char *word,
			   const char *other)
{
	struct route r = untouched;
	struct http_error why;

	memset(&why, 0x5a, sizeof(why));
	if (route_parse(&r, &why, req) != -EINVAL)
		fail_msg("%s: not refused", req->target);
	if (why.status != status || why.reason != reason)
		fail_msg("%s: %d %s: %s", req->target, why.status,
			 reject_reason_label(why.reason), why.text);
	if (status != 405)
		assert_null(why.allow);
	if ((word != NULL && strstr(why.text, word) == NULL) ||
	    (other != NULL && strstr(why.text, other) == NULL))
		fail_msg("%s: \"%s\" or \"%s\" is not in: %s", req->target,
			 word, other, why.text);
	/* One line, and nothing cut. */
	assert_in_range(strlen(why.text), 1, sizeof(why.text) - 2);
	for (const char *at = why.text; *at != '\0'; at++)
		assert_in_range(*at, 0x20, 0x7e);
	assert_memory_equal(&r, &untouched, sizeof(r));
}

/* ---- paths and methods --------------------------------------------------- */

static void test_paths(void **state)
{
	static const struct {
		const char *target;
		int kind, admin_kind; /* -1: 404 */
	} list[] = {
		{EVENTS, ROUTE_EVENTS, -1},
		{EVENTS "?", ROUTE_EVENTS, -1},
		{EVENTS "?/livez", ROUTE_EVENTS, -1},
		{"/livez", ROUTE_LIVEZ, ROUTE_LIVEZ},
		{"/healthz", ROUTE_LIVEZ, ROUTE_LIVEZ},
		{"/readyz", ROUTE_READYZ, ROUTE_READYZ},
		{"/metrics", -1, ROUTE_METRICS},
		/* their query is nobody's matter */
		{"/livez?%zz", ROUTE_LIVEZ, ROUTE_LIVEZ},
		{"/readyz?deliver=x", ROUTE_READYZ, ROUTE_READYZ},
		{"/metrics?lastEventId=x", -1, ROUTE_METRICS},
		{"/", -1, -1},
		{"/?" EVENTS, -1, -1},
		{EVENTS "/", -1, -1},
		{"/api/v1/event", -1, -1},
		{"/api/v1/eventss", -1, -1},
		{"/API/V1/events", -1, -1},
		{"/api/v1/../v1/events", -1, -1},
		{"//api/v1/events", -1, -1},
		{"/api/v1/event%73", -1, -1},
		{"/livez%20", -1, -1},
		{"/livez;a", -1, -1},
		{"/livez&", -1, -1},
		{"*", -1, -1},
		{"livez", -1, -1},
		{"", -1, -1},
	};

	(void)state;
	for (size_t i = 0; i < LEN(list); i++) {
		for (int admin = 0; admin < 2; admin++) {
			struct route_request req = plain;
			int kind = admin ? list[i].admin_kind : list[i].kind;

			req.target = list[i].target;
			req.admin = admin;
			if (kind >= 0)
				assert_int_equal(expect_good(&req).kind, kind);
			else
				expect_refused(&req, 404, REJECT_NOT_FOUND,
					       "/livez",
					       admin ? "/metrics" : EVENTS);
		}
	}
}

static void test_a_path_is_quoted(void **state)
{
	struct route_request req = plain;
	char target[600];

	(void)state;
	req.target = "/no\x01"
		     "\xff?query";
	expect_refused(&req, 404, REJECT_NOT_FOUND, "\"/no\\x01\\xff\"", NULL);
	snprintf(target, sizeof(target), "/%0500d", 0);
	req.target = target;
	expect_refused(&req, 404, REJECT_NOT_FOUND, "(hidden)", NULL);
}

static void test_methods(void **state)
{
	static const char *const others[] = {
		"POST", "PUT", "DELETE", "OPTIONS", "CONNECT",
	};
	static const char *const unknown[] = {
		"PATCH", "get", "TRACE", "GET ", "PROPFIND", "",
	};
	static const char *const paths[] = {EVENTS, EVENTS "?deliver=x",
					    "/livez", "/healthz", "/readyz"};
	struct route_request req = plain;

	(void)state;
	for (size_t p = 0; p < LEN(paths); p++) {
		for (size_t i = 0; i < LEN(others); i++) {
			struct http_error why;
			struct route r;

			req.method = others[i];
			req.target = paths[p];
			expect_refused(&req, 405, REJECT_BAD_METHOD, others[i],
				       "GET, HEAD");
			route_parse(&r, &why, &req);
			assert_string_equal(why.allow, "GET, HEAD");
		}
		for (size_t i = 0; i < LEN(unknown); i++) {
			req.method = unknown[i];
			req.target = paths[p];
			expect_refused(&req, 501, REJECT_BAD_METHOD, unknown[i],
				       "GET, HEAD");
		}
	}
	req.target = EVENTS;
	req.method = "HEAD";
	assert_int_equal(expect_good(&req).kind, ROUTE_EVENTS);
}

/* By which a browser asks before a cross-origin request. */
static void test_options(void **state)
{
	struct route_request req = plain;
	struct http_error why;
	struct route r;

	(void)state;
	req.method = "OPTIONS";
	req.cors = true;
	req.target = EVENTS "?deliver=x&%zz";
	req.accept = "image/png";
	assert_int_equal(expect_good(&req).kind, ROUTE_OPTIONS);
	req.target = "*";
	assert_int_equal(expect_good(&req).kind, ROUTE_OPTIONS);
	req.target = "/livez";
	expect_refused(&req, 405, REJECT_BAD_METHOD, "OPTIONS", "GET, HEAD");
	req.target = EVENTS;
	req.method = "PUT";
	expect_refused(&req, 405, REJECT_BAD_METHOD, "PUT", "OPTIONS");
	route_parse(&r, &why, &req);
	assert_string_equal(why.allow, "GET, HEAD, OPTIONS");
}

/* ---- what scripts want ----------------------------------------------------
 */

static void test_limits(void **state)
{
	static const struct {
		const char *query;
		uint32_t limit;
		uint64_t timeout_ms;
	} list[] = {
		{"?x=y", 0, 0},
		{"?limit=1", 1, 0},
		{"?limit=1000000000", 1000000000, 0},
		{"?limit=007", 7, 0},
		{"?%6cimit=%31%30", 10, 0},
		{"?timeout=1ms", 0, 1},
		{"?timeout=5s&limit=2", 2, 5000},
		{"?timeout=24h", 0, 86400000},
		{"?timeout=2m", 0, 120000},
		{"?Limit=x&TIMEOUT=x", 0, 0},
	};

	(void)state;
	for (size_t i = 0; i < LEN(list); i++) {
		struct route_request req = plain;
		char target[100];
		struct route r;

		snprintf(target, sizeof(target), EVENTS "%s", list[i].query);
		req.target = target;
		r = expect_good(&req);
		assert_int_equal(r.limit, list[i].limit);
		assert_int_equal(r.timeout_ms, list[i].timeout_ms);
	}
}

static void test_bad_limits(void **state)
{
	static const struct {
		const char *query, *says, *also;
	} list[] = {
		{"?limit", "limit \"\" is not", "from 1 to 1000000000"},
		{"?limit=", "limit \"\" is not", "from 1 to 1000000000"},
		{"?limit=0", "\"0\"", "from 1 to"},
		{"?limit=+1", "\"+1\"", "from 1 to"},
		{"?limit=1.0", "\"1.0\"", "from 1 to"},
		{"?limit=1000000001", "\"1000000001\"", "from 1 to"},
		{"?limit=4294967297", "\"4294967297\"", "from 1 to"},
		{"?limit=18446744073709551617", "\"18446", "from 1 to"},
		{"?limit=1&limit=2", "limit is given twice", "once"},
		{"?timeout=5", "timeout \"5\" is not a duration", "500ms"},
		{"?timeout=0", "\"0\"", "1ms to 24h"},
		{"?timeout=0s", "\"0s\"", "1ms to 24h"},
		{"?timeout=1d", "\"1d\"", "1ms to 24h"},
		{"?timeout=86400001ms", "\"86400001ms\"", "1ms to 24h"},
		{"?timeout=5s&timeout=5s", "timeout is given twice", "once"},
	};

	(void)state;
	for (size_t i = 0; i < LEN(list); i++) {
		struct route_request req = plain;
		char target[100];

		snprintf(target, sizeof(target), EVENTS "%s", list[i].query);
		req.target = target;
		expect_refused(&req, 400, REJECT_BAD_QUERY, list[i].says,
			       list[i].also);
	}
}

static void test_order_of_checks(void **state)
{
	struct route_request req = {
		.method = "POST",
		.target = "/nothing?%zz",
		.accept = "text/html",
		.last_event_id = "x",
	};

	(void)state;
	expect_refused(&req, 404, REJECT_NOT_FOUND, NULL, NULL);
	req.target = EVENTS "?%zz";
	expect_refused(&req, 405, REJECT_BAD_METHOD, NULL, NULL);
	req.method = "GET";
	expect_refused(&req, 406, REJECT_NOT_ACCEPTABLE, NULL, NULL);
	req.accept = NULL;
	expect_refused(&req, 400, REJECT_BAD_QUERY, NULL, NULL);
	req.target = EVENTS;
	expect_refused(&req, 400, REJECT_BAD_CURSOR, "Last-Event-ID", "x");
	req.last_event_id = NULL;
	expect_good(&req);
	/* Health answers whatever is accepted. */
	req.target = "/livez";
	req.accept = "image/png";
	req.last_event_id = "x";
	expect_good(&req);
}

static void test_page_is_switched_on(void **state)
{
	struct route_request req = plain;

	(void)state;
	req.target = "/";
	expect_refused(&req, 404, REJECT_NOT_FOUND, "\"/\"",
		       "here are " EVENTS);
	req.ui = true;
	assert_int_equal(expect_good(&req).kind, ROUTE_UI);
	req.method = "HEAD";
	req.target = "/?deliver=x&%zz";
	assert_int_equal(expect_good(&req).kind, ROUTE_UI);
	req.method = "DELETE";
	expect_refused(&req, 405, REJECT_BAD_METHOD, "DELETE", "GET, HEAD");
	req.method = "GET";
	req.target = "/x";
	expect_refused(&req, 404, REJECT_NOT_FOUND, "here are /, " EVENTS,
		       NULL);
	req.target = "/";
	req.admin = true;
	expect_refused(&req, 404, REJECT_NOT_FOUND, "here are /metrics", NULL);
}

/* ---- the query ----------------------------------------------------------- */

static void test_deliver(void **state)
{
	static const struct {
		const char *query;
		int deliver; /* -1: refused */
	} list[] = {
		{"", DELIVER_NEW},
		{"deliver=new", DELIVER_NEW},
		{"deliver=all", DELIVER_ALL},
		{"deliver=last", DELIVER_LAST},
		{"%64eliver=%61l%6C", DELIVER_ALL},
		{"%64%65%6c%69%76%65%72=%6c%61%73%74", DELIVER_LAST},
		{"a=b&deliver=all&c=d", DELIVER_ALL},
		{"&&deliver=all&", DELIVER_ALL},
		{"deliverx=bad&xdeliver=bad&Deliver=bad", DELIVER_NEW},
		{"=deliver&deliver%3Dall", DELIVER_NEW},
		{"x=1%26deliver=bad", DELIVER_NEW},
		{"?deliver=bad", DELIVER_NEW},
		{"x=1;deliver=bad", DELIVER_NEW},
		{"deliver", -1},
		{"deliver=", -1},
		{"deliver=some", -1},
		{"deliver=ALL", -1},
		{"deliver=all+", -1},
		{"deliver=+all", -1},
		{"deliver=all%20", -1},
		{"deliver=al%256C", -1}, /* decoded once */
		{"deliver==all", -1},
		{"deliver=all=", -1},
		{"deliver=al", -1},
		{"deliver=alll", -1},
		{"deliver=%0A", -1},
		{"deliver=all&deliver=all", -1},
		{"deliver=all&%64eliver=new", -1},
		{"deliver=new&x&deliver", -1},
	};
	struct route_request req = plain;
	char target[256];

	(void)state;
	req.target = target;
	for (size_t i = 0; i < LEN(list); i++) {
		snprintf(target, sizeof(target), EVENTS "?%s", list[i].query);
		if (list[i].deliver >= 0)
			assert_int_equal(expect_good(&req).deliver,
					 list[i].deliver);
		else
			expect_refused(&req, 400, REJECT_BAD_DELIVER, "deliver",
				       NULL);
	}
}

static void test_what_deliver_texts_say(void **state)
{
	struct route_request req = plain;
	char target[1200];

	(void)state;
	req.target = EVENTS "?deliver=so%0Ame";
	expect_refused(&req, 400, REJECT_BAD_DELIVER, "\"so\\x0ame\"",
		       "new, all, last");
	req.target = EVENTS "?deliver=all&deliver=all";
	expect_refused(&req, 400, REJECT_BAD_DELIVER, "twice", "once");
	snprintf(target, sizeof(target), EVENTS "?deliver=%01100d", 0);
	req.target = target;
	expect_refused(&req, 400, REJECT_BAD_DELIVER, "(hidden)",
		       "new, all, last");
}

static void test_every_percent_form(void **state)
{
	struct route_request req = plain;
	char target[64];

	(void)state;
	req.target = target;
	req.id_query = "id";
	for (int a = 0x21; a < 0x7f; a++) {
		for (int b = 0x21; b < 0x7f; b++) {
			char hex[3] = {(char)a, (char)b, '\0'};
			const char *digits = "0123456789abcdefABCDEF";
			struct route r;

			snprintf(target, sizeof(target), EVENTS "?id=<%%%s>",
				 hex);
			if (strchr(digits, a) == NULL ||
			    strchr(digits, b) == NULL || b == '&' || a == '&') {
				expect_refused(&req, 400, REJECT_BAD_QUERY,
					       "\"id\"", "%");
				continue;
			}
			if (strtol(hex, NULL, 16) == 0) {
				expect_refused(&req, 400, REJECT_BAD_QUERY,
					       "\"id\"", "\"%00\"");
				continue;
			}
			r = expect_good(&req);
			assert_true(r.has_query_id);
			assert_int_equal(r.query_id_len, 3);
			assert_int_equal((unsigned char)r.query_id[1],
					 strtol(hex, NULL, 16));
			assert_int_equal(r.query_id[0], '<');
			assert_int_equal(r.query_id[2], '>');
			assert_int_equal(r.query_id[3], '\0');
		}
	}
}

/* Wherever it is: in names, in values, in parameters that are not ours. */
static void test_a_broken_percent_is_refused_anywhere(void **state)
{
	static const char *const list[] = {
		"%",
		"x=%",
		"x=%4",
		"%4",
		"x=%zz",
		"x=%4z",
		"x=%z4",
		"x%=1",
		"x%4=1",
		"%zz=1",
		"x=%%41",
		"x=%-1",
		"x=%+1",
		"x=% 1",
		"x=%0x",
		"x=%u0041",
		"a=b&x=%&c=d",
		"deliver=%zz",
		"x=%4&1=a",
		"lastEventId=1%",
		"id=%",
		"x=%00",
		"%00=x",
		"a%00b",
		"deliver=all%00",
		"lastEventId=1%00",
		"%00",
		"deliver%00=all",
	};
	struct route_request req = plain;
	char target[256];

	(void)state;
	req.target = target;
	for (size_t i = 0; i < LEN(list); i++) {
		snprintf(target, sizeof(target), EVENTS "?%s", list[i]);
		expect_refused(&req, 400, REJECT_BAD_QUERY, "%", "allowed");
	}
}

/* Also behind what is kept of a name or value. */
static void test_long_parameters_are_checked(void **state)
{
	static const struct {
		const char *before, *behind;
		bool good;
	} list[] = {
		{"", "%", false},	 {"", "%zz=1", false},
		{"x=", "%4", false},	 {"x=", "%00", false},
		{"", "=1", true},	 {"x=", "%41", true},
		{"deliver", "=x", true}, {"", "&deliver=all", true},
	};
	struct route_request req = plain;
	char target[700];

	(void)state;
	req.target = target;
	for (size_t i = 0; i < LEN(list); i++) {
		snprintf(target, sizeof(target), EVENTS "?%s%0600d%s",
			 list[i].before, 0, list[i].behind);
		if (list[i].good)
			expect_good(&req);
		else
			expect_refused(&req, 400, REJECT_BAD_QUERY, "%", NULL);
	}
}

static void test_identity_parameter(void **state)
{
	static const struct {
		const char *query;
		const char *id; /* NULL: not there */
	} list[] = {
		{"", NULL},
		{"ID=a&i=a&idd=a", NULL},
		{"id=alice", "alice"},
		{"id", ""},
		{"id=", ""},
		{"id=a=b", "a=b"},
		{"id=a+b", "a+b"},
		{"id=a%2Bb", "a+b"},
		{"id=a%20b", "a b"},
		{"id=a%26b%3dc", "a&b=c"},
		{"id=%2541", "%41"},
		{"%69d=a%2Eb", "a.b"},
		{"id=%c3%ad", "\xc3\xad"},
		{"id=a%0D%0APUB", "a\r\nPUB"},
		{"deliver=all&id=x&lastEventId=1", "x"},
	};
	struct route_request req = plain;
	char target[256];
	struct route r;

	(void)state;
	req.target = target;
	for (size_t i = 0; i < LEN(list); i++) {
		snprintf(target, sizeof(target), EVENTS "?%s", list[i].query);
		req.id_query = NULL;
		assert_false(expect_good(&req).has_query_id);
		req.id_query = "id";
		r = expect_good(&req);
		assert_int_equal(r.has_query_id, list[i].id != NULL);
		if (list[i].id == NULL)
			continue;
		assert_string_equal(r.query_id, list[i].id);
		assert_int_equal(r.query_id_len, strlen(list[i].id));
	}
}

static void test_identity_parameter_twice_or_too_long(void **state)
{
	static const char *const twice[] = {"id=a&id=a", "id=a&id=b", "id&id",
					    "id=&x&%69d=a"};
	struct route_request req = plain;
	char target[700];
	struct route r;

	(void)state;
	req.target = target;
	for (size_t i = 0; i < LEN(twice); i++) {
		snprintf(target, sizeof(target), EVENTS "?%s", twice[i]);
		req.id_query = "id";
		expect_refused(&req, 400, REJECT_BAD_IDENTITY, "id", "once");
		req.id_query = NULL;
		expect_good(&req);
	}
	req.id_query = "id";
	snprintf(target, sizeof(target), EVENTS "?id=%0511d", 0);
	r = expect_good(&req);
	assert_int_equal(r.query_id_len, 511);
	assert_int_equal(strlen(r.query_id), 511);
	snprintf(target, sizeof(target), EVENTS "?id=%0512d", 0);
	expect_refused(&req, 400, REJECT_BAD_IDENTITY, "id has 512", "128");
	snprintf(target, sizeof(target), EVENTS "?id=%0600d", 0);
	expect_refused(&req, 400, REJECT_BAD_IDENTITY, "id has 600", "128");
}

/* ---- cursors ------------------------------------------------------------- */

struct cursor_case {
	const char *text;
	uint64_t seq;
	bool has_tag;
};

static const struct cursor_case good_cursors[] = {
	{"0", 0, false},
	{"4711", 4711, false},
	{"4711-9f31c2", 4711, true},
	{"00000000000000000001", 1, false},
	{"18446744073709551615-000000", UINT64_MAX, true},
};

static const char *const bad_cursors[] = {
	"abc",
	"-1",
	"1-",
	"1-ABCDEF",
	"1-12345",
	"1-1234567",
	"1-9f31c2x",
	"1+2",
	"+1",
	"1.",
	"0x1",
	"18446744073709551616",
	"000000000000000000001",
	"4711_9f31c2",
};

static void expect_cursor(const struct route_request *req,
			  const struct cursor_case *want)
{
	struct route r = expect_good(req);

	assert_true(r.has_cursor);
	assert_true(r.cursor_seq == want->seq);
	assert_int_equal(r.cursor_has_tag, want->has_tag);
	assert_string_equal(r.cursor_text, want->text);
}

static void test_cursors(void **state)
{
	struct route_request req = plain;
	char target[256];

	(void)state;
	for (size_t i = 0; i < LEN(good_cursors); i++) {
		req.target = EVENTS "?deliver=all";
		req.last_event_id = good_cursors[i].text;
		expect_cursor(&req, &good_cursors[i]);
		snprintf(target, sizeof(target),
			 EVENTS "?deliver=last&lastEventId=%s",
			 good_cursors[i].text);
		req.target = target;
		req.last_event_id = NULL;
		expect_cursor(&req, &good_cursors[i]);
	}
	req.target = EVENTS "?%6castEvent%49d=47%31%31%2D9f31c2";
	expect_cursor(&req, &good_cursors[2]);
}

static void test_bad_cursors(void **state)
{
	struct route_request req = plain;
	char target[1200];

	(void)state;
	for (size_t i = 0; i < LEN(bad_cursors); i++) {
		req.target = EVENTS;
		req.last_event_id = bad_cursors[i];
		expect_refused(&req, 400, REJECT_BAD_CURSOR, "Last-Event-ID",
			       bad_cursors[i]);
		req.target = EVENTS "?lastEventId=1"; /* no help */
		expect_refused(&req, 400, REJECT_BAD_CURSOR, "Last-Event-ID",
			       bad_cursors[i]);
		snprintf(target, sizeof(target), EVENTS "?lastEventId=%s",
			 bad_cursors[i]);
		req.target = target;
		req.last_event_id = NULL;
		expect_refused(&req, 400, REJECT_BAD_CURSOR, "lastEventId",
			       bad_cursors[i]);
		req.last_event_id = "1"; /* even where the header wins */
		expect_refused(&req, 400, REJECT_BAD_CURSOR, "lastEventId",
			       bad_cursors[i]);
	}
	req.last_event_id = NULL;
	snprintf(target, sizeof(target), EVENTS "?lastEventId=%01100d", 0);
	expect_refused(&req, 400, REJECT_BAD_CURSOR, "lastEventId", "(hidden)");
	req.target = EVENTS "?lastEventId=1%0A";
	expect_refused(&req, 400, REJECT_BAD_CURSOR, "1\\x0a", NULL);
	req.target = EVENTS "?lastEventId=%201";
	expect_refused(&req, 400, REJECT_BAD_CURSOR, "\" 1\"", NULL);
}

static void test_cursor_twice(void **state)
{
	static const char *const queries[] = {
		"lastEventId=1&lastEventId=1",
		"lastEventId=1&lastEventId=",
		"lastEventId=&lastEventId=1",
		"lastEventId&lastEventId",
		"lastEventId=1&a&%6castEventId=2",
		"lastEventId=1&Last-Event-ID=1",
	};
	static const char *const headers[] = {NULL, "", "7"};
	struct route_request req = plain;
	char target[256];

	(void)state;
	req.target = target;
	for (size_t i = 0; i < LEN(queries); i++) {
		for (size_t h = 0; h < LEN(headers); h++) {
			snprintf(target, sizeof(target), EVENTS "?%s",
				 queries[i]);
			req.last_event_id = headers[h];
			expect_refused(&req, 400, REJECT_BAD_CURSOR,
				       "lastEventId", "twice");
		}
	}
}

static void test_which_cursor_wins(void **state)
{
	static const struct {
		const char *query, *header;
		const char *text; /* NULL: no cursor */
		enum route_deliver deliver;
	} list[] = {
		{"", NULL, NULL, DELIVER_NEW},
		{"?deliver=all", NULL, NULL, DELIVER_ALL},
		{"?deliver=all", "5", "5", DELIVER_ALL},
		{"?lastEventId=7", NULL, "7", DELIVER_NEW},
		{"?lastEventID=7", NULL, "7", DELIVER_NEW},
		{"?last-event-id=7", NULL, "7", DELIVER_NEW},
		{"?Last_Event-ID=7", NULL, "7", DELIVER_NEW},
		{"?last%2Devent%2did=7", NULL, "7", DELIVER_NEW},
		{"?lastEventIds=7&xlastEventId=7", NULL, NULL, DELIVER_NEW},
		{"?lastEventId=7-abcdef", "5", "5", DELIVER_NEW},
		{"?lastEventId=7", "5-abcdef", "5-abcdef", DELIVER_NEW},
		/* an empty one is none */
		{"?lastEventId=", NULL, NULL, DELIVER_NEW},
		{"?lastEventId", NULL, NULL, DELIVER_NEW},
		{"?lastEventId=&deliver=last", "", NULL, DELIVER_LAST},
		{"", "", NULL, DELIVER_NEW},
		{"?lastEventId=7", "", "7", DELIVER_NEW},
		{"?lastEventId=", "5", "5", DELIVER_NEW},
	};
	struct route_request req = plain;
	char target[256];

	(void)state;
	req.target = target;
	for (size_t i = 0; i < LEN(list); i++) {
		struct route r;

		snprintf(target, sizeof(target), EVENTS "%s", list[i].query);
		req.last_event_id = list[i].header;
		r = expect_good(&req);
		assert_int_equal(r.deliver, list[i].deliver);
		assert_int_equal(r.has_cursor, list[i].text != NULL);
		if (list[i].text == NULL) {
			assert_string_equal(r.cursor_text, "");
			continue;
		}
		assert_string_equal(r.cursor_text, list[i].text);
		assert_true(r.cursor_seq == strtoull(list[i].text, NULL, 10));
		assert_int_equal(r.cursor_has_tag,
				 strchr(list[i].text, '-') != NULL);
	}
}

/* ---- Accept -------------------------------------------------------------- */

enum { NO, YES, EXACT };

static const struct {
	const char *accept;
	int want;
} accepts[] = {
	{NULL, YES},
	{"", YES},
	{" \t", YES},
	{",", YES},
	{" , ,,", YES},
	{"*/*", YES},
	{"text/*", YES},
	{"TEXT/*;Q=0.001", YES},
	{"text/event-stream", EXACT},
	{"TEXT/Event-Stream;q=0.1", EXACT},
	{"text/html, text/event-stream;q=0.5", EXACT},
	{"text/html,text/event-stream", EXACT},
	{"text/html\t ,\ttext/event-stream\t", EXACT},
	{",,text/event-stream,,", EXACT},
	{"text/html", NO},
	{"application/json, text/plain", NO},
	{"text/event-streams", NO},
	{"text/event-strea", NO},
	{"xtext/event-stream", NO},
	{"event-stream/text", NO},
	{"application/*", NO},
	/* q */
	{"text/event-stream;q=0", NO},
	{"text/event-stream;q=0.", NO},
	{"text/event-stream;q=0.0", NO},
	{"text/event-stream; q=0.000", NO},
	{"text/event-stream ; Q=0", NO},
	{"text/event-stream;q=0.001", EXACT},
	{"text/event-stream;q=1", EXACT},
	{"text/event-stream;q=1.000", EXACT},
	{"text/html, */*;q=0", NO},
	{"*/*;q=0", NO},
	{"text/*;q=0", NO},
	/* the most specific wins, wherever it stands */
	{"*/*, text/event-stream;q=0", NO},
	{"text/event-stream;q=0, */*", NO},
	{"text/*;q=0, */*", NO},
	{"*/*, text/*;q=0", NO},
	{"text/*, text/event-stream;q=0, */*", NO},
	{"*/*;q=0, text/*", YES},
	{"text/*;q=0, text/event-stream", EXACT},
	{"text/event-stream, text/*;q=0, */*;q=0", EXACT},
	{"text/html;q=0, */*;q=0.1", YES},
	{"application/*;q=0, text/*", YES},
	/* equals */
	{"text/event-stream;q=0, text/event-stream", EXACT},
	{"text/event-stream, text/event-stream;q=0", EXACT},
	{"text/event-stream;v=2;q=0, text/event-stream", EXACT},
	/* parameters */
	{"text/event-stream;charset=utf-8", EXACT},
	{"text/event-stream;charset=\"utf-8\"; q=0.5;ext=1", EXACT},
	{"text/event-stream;", EXACT},
	{"text/event-stream;;q=0", NO},
	{"text/event-stream;a=\"x;q=0\"", EXACT},
	{"text/html;a=\"text/event-stream, text/event-stream\"", NO},
	{"text/html;a=\"x,\\\"y,\", text/event-stream", EXACT},
	{"text/event-stream;q=0;a=b", NO},
	{"text/event-stream;qq=0", EXACT},
	/* malformed ones are as if not there */
	{"text/event-stream;q=2, text/html", NO},
	{"text/event-stream;q=1.001, text/html", NO},
	{"text/event-stream;q=-1, text/html", NO},
	{"text/event-stream;q=, text/html", NO},
	{"text/event-stream;q=., text/html", NO},
	{"text/event-stream;q=\"1\", text/html", NO},
	{"text/event-stream;q=0x, text/html", NO},
	{"text/event-stream;q=10, text/html", NO},
	{"text/event-stream;q, text/html", NO},
	{"text/event-stream;q =1, text/html", NO},
	{"text/event-stream;=1, text/html", NO},
	{"text/event-stream;a=, text/html", NO},
	{"text/event-stream x, text/html", NO},
	{"text /event-stream, text/html", NO},
	{"text/ event-stream, text/html", NO},
	{"text/event-stream/x, text/html", NO},
	{"/event-stream, text/, text, text/html", NO},
	{"text/event-stream;a=\"x, text/html", YES},
	{"text/html, text/event-stream;a=\"", NO},
	{"text/html, text/event-stream;a=\"\\\"", NO},
	{"text/html, text/event-stream;a=\"\\", NO},
	{"text/html, \xff, text/event-stream", EXACT},
	{"*/event-stream, text/html", NO},
	{"text/event-stream;q=x, */*", YES},
	{"text/event-stream;q=x", YES},
	{"text", YES},
	{"text/event-stream;x", YES},
	{"/event-stream", YES},
	{"text/", YES},
	{"text/;q=0", YES},
	{"*/*, text/event-stream;q=", YES},
	{"*/*, text/event-stream;q=.", YES},
	{"text/html;a= \"x, text/event-stream, y\"", YES},
	{"\"", YES},
	/* what a client of some age sends */
	{"text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2", YES},
	{"text/html, text/event-stream;q=.0", NO},
	{"text/html, text/event-stream;q=0.33333333", EXACT},
};

static void test_accept(void **state)
{
	struct route_request req = plain;

	(void)state;
	for (size_t i = 0; i < LEN(accepts); i++) {
		const char *accept = accepts[i].accept;
		int want = accepts[i].want;

		if (route_accepts(accept, "text", "event-stream") !=
			    (want != NO) ||
		    route_accepts_exactly(accept, "text", "event-stream") !=
			    (want == EXACT))
			fail_msg("%s: expected %d", accept, want);
		req.accept = accept;
		if (want != NO)
			expect_good(&req);
		else
			expect_refused(&req, 406, REJECT_NOT_ACCEPTABLE,
				       "Accept", "text/event-stream");
	}
}

/* A secret in the wrong place is not shown, in the answer or the log. */
static void test_hidden(void **state)
{
	static const char *const secrets[] = {
		"text/html;token=hunter2",
		"text/html, user:hunter2@host",
		"text/eyJhbGciOiJIUzI1NiJ9eyJzdWIiOiJhbGljZSJ9",
	};
	struct route_request req = plain;

	(void)state;
	for (size_t i = 0; i < LEN(secrets); i++) {
		req.accept = secrets[i];
		expect_refused(&req, 406, REJECT_NOT_ACCEPTABLE,
			       "Accept \"(hidden)\"", NULL);
	}
	req = plain;
	req.method = "EYJHBGCIOIJIUZI1NIJ9EYJZDWIIOIJHBGLJZSJ9";
	expect_refused(&req, 501, REJECT_BAD_METHOD, "method \"(hidden)\"",
		       NULL);
}

static void test_accept_of_another_type(void **state)
{
	static const char both[] = "application/x-ndjson, text/*;q=0.1";

	(void)state;
	assert_true(route_accepts_exactly(both, "application", "x-ndjson"));
	assert_true(route_accepts(both, "text", "event-stream"));
	assert_false(route_accepts_exactly(both, "text", "event-stream"));
	assert_false(route_accepts(both, "image", "png"));
}

static void test_tokens(void **state)
{
	struct route_request req = plain;
	struct route r;

	(void)state;
	req.token_query = "t";
	req.target = EVENTS "?deliver=all&t=a.b%2Ec&x=%20";
	r = expect_good(&req);
	assert_int_equal(r.token_len, 7);
	assert_ptr_equal(r.token, strstr(req.target, "a.b"));
	assert_int_equal(r.deliver, DELIVER_ALL);
	req.target = EVENTS "?%74=&T=x";
	r = expect_good(&req);
	assert_non_null(r.token);
	assert_int_equal(r.token_len, 0);
	req.target = EVENTS "?tt=a";
	assert_null(expect_good(&req).token);
	req.target = EVENTS "?t=a&t=a";
	expect_refused(&req, 400, REJECT_BAD_TOKEN, "t is given twice", NULL);
	/* Where it is nobody's, it is passed over as any other. */
	req.token_query = NULL;
	assert_null(expect_good(&req).token);
}

/* No text has a byte of it, whatever is wrong with it. */
static void test_tokens_are_not_quoted(void **state)
{
	static const char *const targets[] = {EVENTS "?t=HUNTER%",
					      EVENTS "?t=HUNTER%zzHUNTER",
					      EVENTS "?t=HUNTER%00HUNTER",
					      EVENTS "?%74=%xHUNTER",
					      EVENTS "?t=HUNTER&t=HUNTER",
					      "/HUNT?t=HUNTER"};
	struct route_request req = plain;

	(void)state;
	req.token_query = "t";
	for (size_t i = 0; i < LEN(targets); i++) {
		struct http_error why;
		struct route r;

		req.target = targets[i];
		assert_int_equal(route_parse(&r, &why, &req), -EINVAL);
		assert_null(strstr(why.text, "HUNTER"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tokens),
		cmocka_unit_test(test_tokens_are_not_quoted),
		cmocka_unit_test(test_paths),
		cmocka_unit_test(test_page_is_switched_on),
		cmocka_unit_test(test_a_path_is_quoted),
		cmocka_unit_test(test_methods),
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_bad_limits),
		cmocka_unit_test(test_order_of_checks),
		cmocka_unit_test(test_deliver),
		cmocka_unit_test(test_what_deliver_texts_say),
		cmocka_unit_test(test_every_percent_form),
		cmocka_unit_test(test_a_broken_percent_is_refused_anywhere),
		cmocka_unit_test(test_long_parameters_are_checked),
		cmocka_unit_test(test_identity_parameter),
		cmocka_unit_test(test_identity_parameter_twice_or_too_long),
		cmocka_unit_test(test_cursors),
		cmocka_unit_test(test_bad_cursors),
		cmocka_unit_test(test_cursor_twice),
		cmocka_unit_test(test_which_cursor_wins),
		cmocka_unit_test(test_accept),
		cmocka_unit_test(test_hidden),
		cmocka_unit_test(test_accept_of_another_type),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
