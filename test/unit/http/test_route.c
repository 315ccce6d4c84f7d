/* Which row of a table a path and a method name, on which listener, and what a
 * rejection says. */
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
#include "http/route.h"

#define EVENTS "/api/v1/events"

#define SUBJECTS "/api/v1/subjects/"

#define KV "/kv"

enum {
	PAGE,
	EVENTS_ROW,
	PUBLISH,
	LIVE,
	PUT,
	BUCKETS,
	BUCKET,
	KEY,
	METRICS,
	LIST,
	NUMBERED,
	LIVEZ
};

#define WRITES (ROUTE_PUBLIC | ROUTE_CROSS_ORIGIN | ROUTE_WITH_WRITING)

static const struct route rows[] = {
	[PAGE] = {"/", "GET, HEAD", ROUTE_PUBLIC | ROUTE_WITH_PAGE},
	[EVENTS_ROW] = {EVENTS, "GET, HEAD", ROUTE_PUBLIC | ROUTE_CROSS_ORIGIN},
	[PUBLISH] = {EVENTS, "POST", WRITES | ROUTE_PROBLEMS},
	[LIVE] = {SUBJECTS "{subject}", "GET, HEAD", WRITES | ROUTE_PROBLEMS},
	[PUT] = {SUBJECTS "{subject}", "PUT, POST", WRITES | ROUTE_PROBLEMS},
	[BUCKETS] = {KV, "GET", ROUTE_PUBLIC | ROUTE_WITH_KV},
	[BUCKET] = {KV "/{bucket}", "GET", ROUTE_PUBLIC | ROUTE_WITH_KV},
	[KEY] = {KV "/{bucket}/{key}", "GET", ROUTE_PUBLIC | ROUTE_WITH_KV},
	[METRICS] = {"/metrics", "GET, HEAD", ROUTE_ADMIN},
	[LIST] = {"/list", "GET, HEAD, DELETE", ROUTE_ADMIN},
	[NUMBERED] = {"/list/{number}", "GET, HEAD", ROUTE_ADMIN},
	[LIVEZ] = {"/livez", "GET, HEAD", ROUTE_PUBLIC | ROUTE_ADMIN},
};

static const struct route_request plain = {.method = "GET", .target = EVENTS};

/* What an error must not touch. */
static const struct route_match untouched = {.row = 77, .number = 0x5a5a};

static int find(struct route_match *ret, struct http_error *why,
		const struct route_request *req)
{
	return route_find(ret, why, rows, ARRAY_LEN(rows), req);
}

static struct route_match expect_good(const struct route_request *req)
{
	struct http_error why = {0};
	struct route_match m;

	memset(&m, 0x5a, sizeof(m));
	if (find(&m, &why, req) != 0)
		fail_msg("%s: %d %s", req->target, why.status, why.text);
	return m;
}

static size_t expect_row(const struct route_request *req)
{
	struct route_match m = expect_good(req);

	assert_false(m.options);
	return m.row;
}

/* `words`: up to two that the text must have, or NULL. */
static void expect_rejected(const struct route_request *req, int status,
			    enum reject_reason reason, const char *word,
			    const char *other)
{
	struct route_match m = untouched;
	struct http_error why;

	memset(&why, 0x5a, sizeof(why));
	if (find(&m, &why, req) != -EINVAL)
		fail_msg("%s: not rejected", req->target);
	if (why.status != status || why.reason != reason)
		fail_msg("%s: %d %s: %s", req->target, why.status,
			 reject_reason_label(why.reason), why.text);
	if (status != 405)
		assert_string_equal(why.allow, "");
	if ((word != NULL && strstr(why.text, word) == NULL) ||
	    (other != NULL && strstr(why.text, other) == NULL))
		fail_msg("%s: \"%s\" or \"%s\" is not in: %s", req->target,
			 word, other, why.text);
	/* One line, not cut. */
	assert_in_range(strlen(why.text), 1, sizeof(why.text) - 2);
	for (const char *at = why.text; *at != '\0'; at++)
		assert_in_range(*at, 0x20, 0x7e);
	m.problems = untouched.problems;
	assert_memory_equal(&m, &untouched, sizeof(m));
}

/* ---- paths and methods --------------------------------------------------- */

static void test_paths(void **state)
{
	static const struct {
		const char *target;
		int row, admin_row; /* -1: 404 */
	} list[] = {
		{EVENTS, EVENTS_ROW, -1},
		{EVENTS "?", EVENTS_ROW, -1},
		{EVENTS "?/livez", EVENTS_ROW, -1},
		{"/livez", LIVEZ, LIVEZ},
		{"/metrics", -1, METRICS},
		{"/list", -1, LIST},
		{"/livez?%zz", LIVEZ, LIVEZ},
		{"/metrics?lastEventId=x", -1, METRICS},
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
	for (size_t i = 0; i < ARRAY_LEN(list); i++) {
		for (int admin = 0; admin < 2; admin++) {
			struct route_request req = plain;
			int row = admin ? list[i].admin_row : list[i].row;

			req.target = list[i].target;
			req.admin = admin;
			if (row >= 0)
				assert_int_equal(expect_row(&req), row);
			else
				expect_rejected(
					&req, 404, REJECT_NOT_FOUND,
					admin ? "here are /metrics, /list, "
						"/list/{number}, /livez"
					      : "here are " EVENTS ", /livez",
					NULL);
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
	expect_rejected(&req, 404, REJECT_NOT_FOUND, "\"/no\\x01\\xff\"", NULL);
	snprintf(target, sizeof(target), "/%0500d", 0);
	req.target = target;
	expect_rejected(&req, 404, REJECT_NOT_FOUND, "(hidden)", NULL);
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
					    "/livez"};
	struct route_request req = plain;

	(void)state;
	for (size_t p = 0; p < ARRAY_LEN(paths); p++) {
		for (size_t i = 0; i < ARRAY_LEN(others); i++) {
			struct http_error why;
			struct route_match m;

			req.method = others[i];
			req.target = paths[p];
			expect_rejected(&req, 405, REJECT_BAD_METHOD, others[i],
					"GET, HEAD");
			find(&m, &why, &req);
			assert_string_equal(why.allow, "GET, HEAD");
		}
		for (size_t i = 0; i < ARRAY_LEN(unknown); i++) {
			req.method = unknown[i];
			req.target = paths[p];
			expect_rejected(&req, 501, REJECT_BAD_METHOD,
					unknown[i], "GET, HEAD");
		}
	}
	req.target = EVENTS;
	req.method = "HEAD";
	assert_int_equal(expect_row(&req), EVENTS_ROW);
	req.method = "DELETE";
	req.target = "/list";
	req.admin = true;
	assert_int_equal(expect_row(&req), LIST);
}

static void test_the_query(void **state)
{
	struct route_request req = plain;

	(void)state;
	assert_string_equal(expect_good(&req).query, "");
	req.target = EVENTS "?";
	assert_string_equal(expect_good(&req).query, "");
	req.target = EVENTS "?a=%zz?b";
	assert_string_equal(expect_good(&req).query, "a=%zz?b");
}

/* Browsers send it before a cross-origin request. */
static void test_options(void **state)
{
	struct route_request req = plain;
	struct http_error why;
	struct route_match m;

	(void)state;
	req.method = "OPTIONS";
	req.cors = true;
	req.target = EVENTS "?deliver=x&%zz";
	assert_true(expect_good(&req).options);
	req.target = "*";
	assert_true(expect_good(&req).options);
	req.target = "/livez";
	expect_rejected(&req, 405, REJECT_BAD_METHOD, "OPTIONS", "GET, HEAD");
	req.target = EVENTS;
	req.method = "PUT";
	expect_rejected(&req, 405, REJECT_BAD_METHOD, "PUT", "OPTIONS");
	find(&m, &why, &req);
	assert_string_equal(why.allow, "GET, HEAD, OPTIONS");
}

static void test_numbers(void **state)
{
	struct route_request req = plain;

	(void)state;
	req.admin = true;
	req.target = "/list/18446744073709551615?x";
	assert_int_equal(expect_row(&req), NUMBERED);
	assert_true(expect_good(&req).number == UINT64_MAX);
	req.target = "/list/017";
	expect_rejected(&req, 404, REJECT_NOT_FOUND, "/list/017", NULL);
	req.target = "/list/";
	expect_rejected(&req, 404, REJECT_NOT_FOUND, NULL, NULL);
	req.target = "/list/{number}";
	expect_rejected(&req, 404, REJECT_NOT_FOUND, NULL, NULL);
	req.target = "/list/1";
	req.method = "DELETE";
	expect_rejected(&req, 405, REJECT_BAD_METHOD, NULL, NULL);
	req.admin = false;
	expect_rejected(&req, 404, REJECT_NOT_FOUND, "/list/1", NULL);
}

static void test_page_is_switched_on(void **state)
{
	struct route_request req = plain;

	(void)state;
	req.target = "/";
	expect_rejected(&req, 404, REJECT_NOT_FOUND, "\"/\"",
			"here are " EVENTS);
	req.page = true;
	assert_int_equal(expect_row(&req), PAGE);
	req.method = "HEAD";
	req.target = "/?deliver=x&%zz";
	assert_int_equal(expect_row(&req), PAGE);
	req.method = "DELETE";
	expect_rejected(&req, 405, REJECT_BAD_METHOD, "DELETE", "GET, HEAD");
	req.method = "GET";
	req.target = "/x";
	expect_rejected(&req, 404, REJECT_NOT_FOUND, "here are /, " EVENTS,
			NULL);
	req.target = "/";
	req.admin = true;
	expect_rejected(&req, 404, REJECT_NOT_FOUND, "here are /metrics", NULL);
}

/* ---- writing ------------------------------------------------------------- */

static void expect_problems(const struct route_request *req, bool problems)
{
	struct route_match m = {.problems = !problems};
	struct http_error why;

	find(&m, &why, req);
	assert_int_equal(m.problems, problems);
}

/* Without it nothing has changed. */
static void test_writing_is_switched_on(void **state)
{
	struct route_request req = plain;
	struct http_error why;
	struct route_match m;

	(void)state;
	req.method = "POST";
	expect_rejected(&req, 405, REJECT_BAD_METHOD, "POST", "GET, HEAD");
	find(&m, &why, &req);
	assert_string_equal(why.allow, "GET, HEAD");
	expect_problems(&req, false);
	req.target = SUBJECTS "a";
	expect_rejected(&req, 404, REJECT_NOT_FOUND, "here are " EVENTS ", /li",
			NULL);
	expect_problems(&req, false);
	req.writing = true;
	assert_int_equal(expect_row(&req), PUT);
	req.method = "GET";
	assert_int_equal(expect_row(&req), LIVE);
	req.target = EVENTS;
	assert_int_equal(expect_row(&req), EVENTS_ROW);
	expect_problems(&req, false);
	req.method = "POST";
	assert_int_equal(expect_row(&req), PUBLISH);
	expect_problems(&req, true);
	req.target = "/x";
	expect_rejected(&req, 404, REJECT_NOT_FOUND,
			"here are " EVENTS ", " SUBJECTS "{subject}, /livez",
			NULL);
	req.admin = true;
	req.target = EVENTS;
	expect_rejected(&req, 404, REJECT_NOT_FOUND, "here are /metrics", NULL);
}

static void test_methods_of_all_rows(void **state)
{
	struct route_request req = plain;
	struct http_error why;
	struct route_match m;

	(void)state;
	req.writing = true;
	req.method = "DELETE";
	expect_rejected(&req, 405, REJECT_BAD_METHOD, "DELETE",
			"GET, HEAD, POST");
	find(&m, &why, &req);
	assert_string_equal(why.allow, "GET, HEAD, POST");
	expect_problems(&req, false);
	req.target = SUBJECTS "a";
	req.cors = true;
	find(&m, &why, &req);
	assert_string_equal(why.allow, "GET, HEAD, PUT, POST, OPTIONS");
	expect_problems(&req, true);
	req.method = "PATCH";
	expect_rejected(&req, 501, REJECT_BAD_METHOD, "PATCH",
			"GET, HEAD, PUT, POST, OPTIONS");
	expect_problems(&req, true);
	req.method = "OPTIONS";
	m = expect_good(&req);
	assert_true(m.options);
	assert_string_equal(m.allow, "GET, HEAD, PUT, POST, OPTIONS");
	req.target = "*";
	assert_string_equal(expect_good(&req).allow, "GET, HEAD, OPTIONS");
	req.target = EVENTS;
	assert_string_equal(expect_good(&req).allow,
			    "GET, HEAD, POST, OPTIONS");
	req.writing = false;
	assert_string_equal(expect_good(&req).allow, "GET, HEAD, OPTIONS");
}

static void test_subjects(void **state)
{
	static const char *const good[] = {"a",	     "orders.7",  "%2F",
					   "%zz%00", "{subject}", ".",
					   "a;b&c=d"};
	static const char *const bad[] = {"", "/", "a/", "a/b", "/a"};
	struct route_request req = plain;
	char target[64];

	(void)state;
	req.writing = true;
	req.target = target;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		struct route_match m;

		snprintf(target, sizeof(target), SUBJECTS "%s?x/y", good[i]);
		assert_int_equal(expect_row(&req), LIVE);
		m = expect_good(&req);
		assert_int_equal(m.subject.len, strlen(good[i]));
		assert_memory_equal(m.subject.at, good[i], m.subject.len);
		assert_string_equal(m.query, "x/y");
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		snprintf(target, sizeof(target), SUBJECTS "%s", bad[i]);
		expect_rejected(&req, 404, REJECT_NOT_FOUND, NULL, NULL);
		expect_problems(&req, false);
	}
}

/* A key is the rest of the path. */
static void test_keys(void **state)
{
	static const struct {
		const char *path;
		size_t row;
		const char *bucket, *key;
	} good[] = {
		{"", BUCKETS, "", ""},
		{"/cfg", BUCKET, "cfg", ""},
		{"/%2F", BUCKET, "%2F", ""},
		{"/cfg/a", KEY, "cfg", "a"},
		{"/cfg/a/b", KEY, "cfg", "a/b"},
		{"/cfg//", KEY, "cfg", "/"},
		{"/cfg/a%2Fb/", KEY, "cfg", "a%2Fb/"},
		{"/cfg/../x", KEY, "cfg", "../x"},
	};
	static const char *const bad[] = {"/", "//", "//a", "/cfg/"};
	struct route_request req = plain;
	char target[64];

	(void)state;
	req.target = target;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		struct route_match m;

		snprintf(target, sizeof(target), KV "%s?a/b", good[i].path);
		req.kv = false;
		expect_rejected(&req, 404, REJECT_NOT_FOUND, NULL, NULL);
		req.kv = true;
		assert_int_equal(expect_row(&req), good[i].row);
		m = expect_good(&req);
		if (m.row != BUCKETS) {
			assert_int_equal(m.bucket.len, strlen(good[i].bucket));
			assert_memory_equal(m.bucket.at, good[i].bucket,
					    m.bucket.len);
		}
		if (m.row == KEY) {
			assert_int_equal(m.key.len, strlen(good[i].key));
			assert_memory_equal(m.key.at, good[i].key, m.key.len);
		}
		assert_string_equal(m.query, "a/b");
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		snprintf(target, sizeof(target), KV "%s", bad[i]);
		expect_rejected(&req, 404, REJECT_NOT_FOUND, NULL, NULL);
	}
}

/* A secret in the wrong place is not shown, in the response or the log. */
static void test_hidden(void **state)
{
	struct route_request req = plain;

	(void)state;
	req.target = "/HUNTER2?t=eyJhbGciOiJIUzI1NiJ9eyJzdWIiOiJhbGljZSJ9";
	expect_rejected(&req, 404, REJECT_NOT_FOUND, "\"/HUNTER2\"", NULL);
	req = plain;
	req.method = "EYJHBGCIOIJIUZI1NIJ9EYJZDWIIOIJHBGLJZSJ9";
	expect_rejected(&req, 501, REJECT_BAD_METHOD, "method \"(hidden)\"",
			NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_paths),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_page_is_switched_on),
		cmocka_unit_test(test_a_path_is_quoted),
		cmocka_unit_test(test_methods),
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_the_query),
		cmocka_unit_test(test_writing_is_switched_on),
		cmocka_unit_test(test_methods_of_all_rows),
		cmocka_unit_test(test_subjects),
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_hidden),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
