/* What a request for events asks for: each parameter, Last-Event-ID and Accept,
 * and that no error quotes a secret. */
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
#include "http/events_query.h"

static struct events_subjects subjects;
static const struct events_request plain = {.query = "", .subjects = &subjects};

/* What an error must not touch. */
static const struct events_query untouched = {.event_seq = 0x5a5a};

static struct events_query expect_good(const struct events_request *req)
{
	struct http_error why = {0};
	struct events_query r;

	memset(&r, 0x5a, sizeof(r));
	if (events_query_parse(&r, &why, req) != 0)
		fail_msg("%s: %d %s", req->query, why.status, why.text);
	return r;
}

/* `words`: up to two that the text must have, or NULL. */
static void expect_rejected(const struct events_request *req, int status,
			    enum reject_reason reason, const char *word,
			    const char *other)
{
	struct events_query r = untouched;
	struct http_error why;

	memset(&why, 0x5a, sizeof(why));
	if (events_query_parse(&r, &why, req) != -EINVAL)
		fail_msg("%s: not rejected", req->query);
	if (why.status != status || why.reason != reason)
		fail_msg("%s: %d %s: %s", req->query, why.status,
			 reject_reason_label(why.reason), why.text);
	assert_string_equal(why.allow, "");
	if ((word != NULL && strstr(why.text, word) == NULL) ||
	    (other != NULL && strstr(why.text, other) == NULL))
		fail_msg("%s: \"%s\" or \"%s\" is not in: %s", req->query, word,
			 other, why.text);
	/* One line, not cut. */
	assert_in_range(strlen(why.text), 1, sizeof(why.text) - 2);
	for (const char *at = why.text; *at != '\0'; at++)
		assert_in_range(*at, 0x20, 0x7e);
	assert_memory_equal(&r, &untouched, sizeof(r));
}

static void test_limits(void **state)
{
	static const struct {
		const char *query;
		uint32_t limit;
		uint64_t timeout_ms;
	} list[] = {
		{"x=y", 0, 0},
		{"limit=1", 1, 0},
		{"limit=1000000000", 1000000000, 0},
		{"limit=007", 7, 0},
		{"%6cimit=%31%30", 10, 0},
		{"timeout=1ms", 0, 1},
		{"timeout=5s&limit=2", 2, 5000},
		{"timeout=24h", 0, 86400000},
		{"timeout=2m", 0, 120000},
		{"Limit=x&TIMEOUT=x", 0, 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(list); i++) {
		struct events_request req = plain;
		struct events_query r;

		req.query = list[i].query;
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
		{"limit", "limit \"\" is not", "from 1 to 1000000000"},
		{"limit=", "limit \"\" is not", "from 1 to 1000000000"},
		{"limit=0", "\"0\"", "from 1 to"},
		{"limit=+1", "\"+1\"", "from 1 to"},
		{"limit=1.0", "\"1.0\"", "from 1 to"},
		{"limit=1000000001", "\"1000000001\"", "from 1 to"},
		{"limit=4294967297", "\"4294967297\"", "from 1 to"},
		{"limit=18446744073709551617", "\"18446", "from 1 to"},
		{"limit=1&limit=2", "limit is given twice", "once"},
		{"timeout=5", "timeout \"5\" is not a duration", "500ms"},
		{"timeout=0", "\"0\"", "1ms to 24h"},
		{"timeout=0s", "\"0s\"", "1ms to 24h"},
		{"timeout=1d", "\"1d\"", "1ms to 24h"},
		{"timeout=86400001ms", "\"86400001ms\"", "1ms to 24h"},
		{"timeout=5s&timeout=5s", "timeout is given twice", "once"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(list); i++) {
		struct events_request req = plain;

		req.query = list[i].query;
		expect_rejected(&req, 400, REJECT_BAD_QUERY, list[i].says,
				list[i].also);
	}
}

/* ---- where a subscription starts ----------------------------------------- */

static void test_deliver(void **state)
{
	static const struct {
		const char *query;
		int deliver; /* -1: rejected */
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
	struct events_request req = plain;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(list); i++) {
		req.query = list[i].query;
		if (list[i].deliver >= 0)
			assert_int_equal(expect_good(&req).deliver,
					 list[i].deliver);
		else
			expect_rejected(&req, 400, REJECT_BAD_DELIVER,
					"deliver", NULL);
	}
}

static void test_what_deliver_texts_say(void **state)
{
	struct events_request req = plain;
	char query[1200];

	(void)state;
	req.query = "deliver=so%0Ame";
	expect_rejected(&req, 400, REJECT_BAD_DELIVER, "\"so\\x0ame\"",
			"new, all, last");
	req.query = "deliver=all&deliver=all";
	expect_rejected(&req, 400, REJECT_BAD_DELIVER, "twice", "once");
	snprintf(query, sizeof(query), "deliver=%01100d", 0);
	req.query = query;
	expect_rejected(&req, 400, REJECT_BAD_DELIVER, "(hidden)",
			"new, all, last");
}

/* In names, in values, and in unknown parameters. */
static void test_a_broken_percent_is_rejected_anywhere(void **state)
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
	struct events_request req = plain;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(list); i++) {
		req.query = list[i];
		expect_rejected(&req, 400, REJECT_BAD_QUERY, "%", "allowed");
	}
}

/* Beyond what is kept of a name or value too. */
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
	struct events_request req = plain;
	char query[700];

	(void)state;
	req.query = query;
	for (size_t i = 0; i < ARRAY_LEN(list); i++) {
		snprintf(query, sizeof(query), "%s%0600d%s", list[i].before, 0,
			 list[i].behind);
		if (list[i].good)
			expect_good(&req);
		else
			expect_rejected(&req, 400, REJECT_BAD_QUERY, "%", NULL);
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
	struct events_request req = plain;
	struct events_query r;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(list); i++) {
		req.query = list[i].query;
		req.id_name = NULL;
		assert_false(expect_good(&req).credentials.id.given);
		req.id_name = "id";
		r = expect_good(&req);
		assert_int_equal(r.credentials.id.given, list[i].id != NULL);
		if (list[i].id == NULL)
			continue;
		assert_string_equal(r.credentials.id.text, list[i].id);
		assert_int_equal(r.credentials.id.len, strlen(list[i].id));
	}
}

static void test_identity_parameter_twice_or_too_long(void **state)
{
	static const char *const twice[] = {"id=a&id=a", "id=a&id=b", "id&id",
					    "id=&x&%69d=a"};
	struct events_request req = plain;
	char query[700];
	struct events_query r;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(twice); i++) {
		req.query = twice[i];
		req.id_name = "id";
		expect_rejected(&req, 400, REJECT_BAD_IDENTITY, "id", "once");
		req.id_name = NULL;
		expect_good(&req);
	}
	req.id_name = "id";
	req.query = query;
	snprintf(query, sizeof(query), "id=%0511d", 0);
	r = expect_good(&req);
	assert_int_equal(r.credentials.id.len, 511);
	assert_int_equal(strlen(r.credentials.id.text), 511);
	snprintf(query, sizeof(query), "id=%0512d", 0);
	expect_rejected(&req, 400, REJECT_BAD_IDENTITY, "id has 512", "128");
	snprintf(query, sizeof(query), "id=%0600d", 0);
	expect_rejected(&req, 400, REJECT_BAD_IDENTITY, "id has 600", "128");
}

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

static void expect_cursor(const struct events_request *req,
			  const struct cursor_case *want)
{
	struct events_query r = expect_good(req);

	assert_true(r.has_event_id);
	assert_true(r.event_seq == want->seq);
	assert_int_equal(r.event_has_tag, want->has_tag);
	assert_string_equal(r.event_id, want->text);
}

static void test_cursors(void **state)
{
	struct events_request req = plain;
	char query[256];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good_cursors); i++) {
		req.query = "deliver=all";
		req.last_event_id = good_cursors[i].text;
		expect_cursor(&req, &good_cursors[i]);
		snprintf(query, sizeof(query), "deliver=last&lastEventId=%s",
			 good_cursors[i].text);
		req.query = query;
		req.last_event_id = NULL;
		expect_cursor(&req, &good_cursors[i]);
	}
	req.query = "%6castEvent%49d=47%31%31%2D9f31c2";
	expect_cursor(&req, &good_cursors[2]);
}

static void test_bad_cursors(void **state)
{
	struct events_request req = plain;
	char query[1200];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad_cursors); i++) {
		req.query = "";
		req.last_event_id = bad_cursors[i];
		expect_rejected(&req, 400, REJECT_BAD_CURSOR, "Last-Event-ID",
				bad_cursors[i]);
		req.query = "lastEventId=1"; /* does not help */
		expect_rejected(&req, 400, REJECT_BAD_CURSOR, "Last-Event-ID",
				bad_cursors[i]);
		snprintf(query, sizeof(query), "lastEventId=%s",
			 bad_cursors[i]);
		req.query = query;
		req.last_event_id = NULL;
		expect_rejected(&req, 400, REJECT_BAD_CURSOR, "lastEventId",
				bad_cursors[i]);
		req.last_event_id = "1"; /* even where the header wins */
		expect_rejected(&req, 400, REJECT_BAD_CURSOR, "lastEventId",
				bad_cursors[i]);
	}
	req.last_event_id = NULL;
	snprintf(query, sizeof(query), "lastEventId=%01100d", 0);
	expect_rejected(&req, 400, REJECT_BAD_CURSOR, "lastEventId",
			"(hidden)");
	req.query = "lastEventId=1%0A";
	expect_rejected(&req, 400, REJECT_BAD_CURSOR, "1\\x0a", NULL);
	req.query = "lastEventId=%201";
	expect_rejected(&req, 400, REJECT_BAD_CURSOR, "\" 1\"", NULL);
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
	struct events_request req = plain;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(queries); i++) {
		for (size_t h = 0; h < ARRAY_LEN(headers); h++) {
			req.query = queries[i];
			req.last_event_id = headers[h];
			expect_rejected(&req, 400, REJECT_BAD_CURSOR,
					"lastEventId", "twice");
		}
	}
}

static void test_which_cursor_wins(void **state)
{
	static const struct {
		const char *query, *header;
		const char *text; /* NULL: no cursor */
		enum deliver deliver;
	} list[] = {
		{"", NULL, NULL, DELIVER_NEW},
		{"deliver=all", NULL, NULL, DELIVER_ALL},
		{"deliver=all", "5", "5", DELIVER_ALL},
		{"lastEventId=7", NULL, "7", DELIVER_NEW},
		{"lastEventID=7", NULL, "7", DELIVER_NEW},
		{"last-event-id=7", NULL, "7", DELIVER_NEW},
		{"Last_Event-ID=7", NULL, "7", DELIVER_NEW},
		{"last%2Devent%2did=7", NULL, "7", DELIVER_NEW},
		{"lastEventIds=7&xlastEventId=7", NULL, NULL, DELIVER_NEW},
		{"lastEventId=7-abcdef", "5", "5", DELIVER_NEW},
		{"lastEventId=7", "5-abcdef", "5-abcdef", DELIVER_NEW},
		/* an empty one counts as none */
		{"lastEventId=", NULL, NULL, DELIVER_NEW},
		{"lastEventId", NULL, NULL, DELIVER_NEW},
		{"lastEventId=&deliver=last", "", NULL, DELIVER_LAST},
		{"", "", NULL, DELIVER_NEW},
		{"lastEventId=7", "", "7", DELIVER_NEW},
		{"lastEventId=", "5", "5", DELIVER_NEW},
	};
	struct events_request req = plain;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(list); i++) {
		struct events_query r;

		req.query = list[i].query;
		req.last_event_id = list[i].header;
		r = expect_good(&req);
		assert_int_equal(r.deliver, list[i].deliver);
		assert_int_equal(r.has_event_id, list[i].text != NULL);
		if (list[i].text == NULL) {
			assert_string_equal(r.event_id, "");
			continue;
		}
		assert_string_equal(r.event_id, list[i].text);
		assert_true(r.event_seq == strtoull(list[i].text, NULL, 10));
		assert_int_equal(r.event_has_tag,
				 strchr(list[i].text, '-') != NULL);
	}
}

static void test_accept_is_checked_first(void **state)
{
	struct events_request req = plain;

	(void)state;
	req.accept = "text/html";
	req.query = "%zz";
	req.last_event_id = "x";
	expect_rejected(&req, 406, REJECT_NOT_ACCEPTABLE, "text/html",
			"text/event-stream");
	req.accept = "application/x-ndjson;q=0, text/html";
	expect_rejected(&req, 406, REJECT_NOT_ACCEPTABLE, "(hidden)", NULL);
	req.accept = "application/x-ndjson";
	expect_rejected(&req, 400, REJECT_BAD_QUERY, NULL, NULL);
	req.query = "json=1&system=1";
	expect_rejected(&req, 400, REJECT_BAD_CURSOR, "Last-Event-ID", "x");
	req.last_event_id = NULL;
	assert_true(expect_good(&req).ndjson);
	assert_true(expect_good(&req).json);
	assert_true(expect_good(&req).system);
	req.accept = NULL;
	assert_false(expect_good(&req).ndjson);
}

static void test_flags(void **state)
{
	struct events_request req = plain;

	(void)state;
	req.query = "json=0&system=1";
	assert_false(expect_good(&req).json);
	assert_true(expect_good(&req).system);
	req.query = "format=json&json=1";
	assert_true(expect_good(&req).json_events);
	req.query = "format=raw";
	assert_false(expect_good(&req).json_events);
	req.query = "format=JSON";
	expect_rejected(&req, 400, REJECT_BAD_QUERY, "format \"JSON\"",
			"raw or json");
	req.query = "format=";
	expect_rejected(&req, 400, REJECT_BAD_QUERY, "format \"\"",
			"raw or json");
	req.query = "format=json&format=json";
	expect_rejected(&req, 400, REJECT_BAD_QUERY, "format", "once");
	req.query = "json=yesno";
	expect_rejected(&req, 400, REJECT_BAD_QUERY, "json \"yesno\"",
			"1 or 0");
	req.query = "system=1&system=1";
	expect_rejected(&req, 400, REJECT_BAD_QUERY, "system", "once");
}

/* A secret in the wrong place is not shown, in the response or the log. */
static void test_hidden(void **state)
{
	static const char *const secrets[] = {
		"text/html;token=hunter2",
		"text/html, user:hunter2@host",
		"text/eyJhbGciOiJIUzI1NiJ9eyJzdWIiOiJhbGljZSJ9",
	};
	struct events_request req = plain;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(secrets); i++) {
		req.accept = secrets[i];
		expect_rejected(&req, 406, REJECT_NOT_ACCEPTABLE,
				"Accept \"(hidden)\"", NULL);
	}
}

static void test_tokens(void **state)
{
	struct events_request req = plain;
	struct events_query r;

	(void)state;
	req.token_name = "t";
	req.query = "deliver=all&t=a.b%2Ec&x=%20";
	r = expect_good(&req);
	assert_int_equal(r.credentials.token.len, 7);
	assert_ptr_equal(r.credentials.token.at, strstr(req.query, "a.b"));
	assert_int_equal(r.deliver, DELIVER_ALL);
	req.query = "%74=&T=x";
	r = expect_good(&req);
	assert_non_null(r.credentials.token.at);
	assert_int_equal(r.credentials.token.len, 0);
	req.query = "tt=a";
	assert_null(expect_good(&req).credentials.token.at);
	req.query = "t=a&t=a";
	expect_rejected(&req, 400, REJECT_BAD_TOKEN, "t is given twice", NULL);
	/* Without a name for it, it is an unknown parameter. */
	req.token_name = NULL;
	assert_null(expect_good(&req).credentials.token.at);
}

/* ---- subjects ------------------------------------------------------------ */

static void expect_subjects(const char *query, const char *const *want)
{
	struct events_request req = plain;
	size_t n = 0;

	req.query = query;
	memset(&subjects, 0x5a, sizeof(subjects));
	expect_good(&req);
	for (; want[n] != NULL; n++) {
		assert_true(n < subjects.n);
		assert_int_equal(subjects.list[n].len, strlen(want[n]));
		assert_memory_equal(subjects.list[n].at, want[n],
				    strlen(want[n]));
	}
	assert_int_equal(subjects.n, n);
}

/* Whether a text is a pattern is decided with the rights. */
static void test_subjects(void **state)
{
	(void)state;
	expect_subjects("", (const char *[]){NULL});
	expect_subjects("Subject=a", (const char *[]){NULL});
	expect_subjects("subject=a.*&deliver=all&subject=b.%3e&subject=a.*",
			(const char *[]){"a.*", "b.>", "a.*", NULL});
	expect_subjects("%73ubject=%24JS.%2a", (const char *[]){"$JS.*", NULL});
	expect_subjects("subject=a,b+c;d=e",
			(const char *[]){"a,b+c;d=e", NULL});
	expect_subjects("subject=&subject&subject=%252e",
			(const char *[]){"", "", "%2e", NULL});
	expect_subjects("subject=%ff%0d%20", (const char *[]){"\xff\r ", NULL});
}

/* All of them may be as long as a pattern can be. */
static void test_many_subjects(void **state)
{
	static char query[EVENTS_SUBJECTS_MAX * 800], one[800];
	struct events_request req = plain;
	size_t len = 0;

	(void)state;
	strcpy(one, "subject=");
	for (int i = 0; i < PATTERN_MAX; i++)
		strcat(one, "%61");
	strcat(one, "&");
	for (int i = 0; i < EVENTS_SUBJECTS_MAX; i++)
		len += (size_t)sprintf(query + len, "%s", one);
	req.query = query;
	expect_good(&req);
	assert_int_equal(subjects.n, EVENTS_SUBJECTS_MAX);
	for (int i = 0; i < EVENTS_SUBJECTS_MAX; i++)
		assert_int_equal(subjects.list[i].len, PATTERN_MAX);
	assert_int_equal(subjects.len, sizeof(subjects.text));
	strcpy(query + len, "subject=");
	expect_rejected(&req, 400, REJECT_BAD_SUBJECT,
			"subject is given more than 32 times", NULL);
	strcpy(strchr(one, '&'), "a");
	req.query = one;
	expect_rejected(&req, 400, REJECT_BAD_SUBJECT, "not a NATS pattern",
			"more than 255 bytes");
	req.query = "subject=a%00b";
	expect_rejected(&req, 400, REJECT_BAD_QUERY, "%01 to %FF", NULL);
}

/* No error quotes a byte of a token. */
static void test_tokens_are_not_quoted(void **state)
{
	static const char *const queries[] = {"t=HUNTER%", "t=HUNTER%zzHUNTER",
					      "t=HUNTER%00HUNTER",
					      "%74=%xHUNTER",
					      "t=HUNTER&t=HUNTER"};
	struct events_request req = plain;

	(void)state;
	req.token_name = "t";
	for (size_t i = 0; i < ARRAY_LEN(queries); i++) {
		struct http_error why;
		struct events_query r;

		req.query = queries[i];
		assert_int_equal(events_query_parse(&r, &why, &req), -EINVAL);
		assert_null(strstr(why.text, "HUNTER"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_bad_limits),
		cmocka_unit_test(test_deliver),
		cmocka_unit_test(test_what_deliver_texts_say),
		cmocka_unit_test(test_a_broken_percent_is_rejected_anywhere),
		cmocka_unit_test(test_long_parameters_are_checked),
		cmocka_unit_test(test_identity_parameter),
		cmocka_unit_test(test_identity_parameter_twice_or_too_long),
		cmocka_unit_test(test_cursors),
		cmocka_unit_test(test_bad_cursors),
		cmocka_unit_test(test_cursor_twice),
		cmocka_unit_test(test_which_cursor_wins),
		cmocka_unit_test(test_accept_is_checked_first),
		cmocka_unit_test(test_flags),
		cmocka_unit_test(test_hidden),
		cmocka_unit_test(test_subjects),
		cmocka_unit_test(test_many_subjects),
		cmocka_unit_test(test_tokens),
		cmocka_unit_test(test_tokens_are_not_quoted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
