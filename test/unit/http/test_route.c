/* Which endpoint a path and a method name, on which listener, and in which
 * order a request is checked. */
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

static const struct route_request plain = {.method = "GET", .target = EVENTS};

/* What an error must not touch. */
static const struct route untouched = {.kind = ROUTE_METRICS, .number = 0x5a5a};

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
static void expect_rejected(const struct route_request *req, int status,
			    enum reject_reason reason, const char *word,
			    const char *other)
{
	struct route r = untouched;
	struct http_error why;

	memset(&why, 0x5a, sizeof(why));
	if (route_parse(&r, &why, req) != -EINVAL)
		fail_msg("%s: not rejected", req->target);
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
		/* their query is ignored */
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
	for (size_t i = 0; i < ARRAY_LEN(list); i++) {
		for (int admin = 0; admin < 2; admin++) {
			struct route_request req = plain;
			int kind = admin ? list[i].admin_kind : list[i].kind;

			req.target = list[i].target;
			req.admin = admin;
			if (kind >= 0)
				assert_int_equal(expect_good(&req).kind, kind);
			else
				expect_rejected(&req, 404, REJECT_NOT_FOUND,
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
					    "/livez", "/healthz", "/readyz"};
	struct route_request req = plain;

	(void)state;
	for (size_t p = 0; p < ARRAY_LEN(paths); p++) {
		for (size_t i = 0; i < ARRAY_LEN(others); i++) {
			struct http_error why;
			struct route r;

			req.method = others[i];
			req.target = paths[p];
			expect_rejected(&req, 405, REJECT_BAD_METHOD, others[i],
					"GET, HEAD");
			route_parse(&r, &why, &req);
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
	expect_rejected(&req, 405, REJECT_BAD_METHOD, "OPTIONS", "GET, HEAD");
	req.target = EVENTS;
	req.method = "PUT";
	expect_rejected(&req, 405, REJECT_BAD_METHOD, "PUT", "OPTIONS");
	route_parse(&r, &why, &req);
	assert_string_equal(why.allow, "GET, HEAD, OPTIONS");
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
	expect_rejected(&req, 404, REJECT_NOT_FOUND, NULL, NULL);
	req.target = EVENTS "?%zz";
	expect_rejected(&req, 405, REJECT_BAD_METHOD, NULL, NULL);
	req.method = "GET";
	expect_rejected(&req, 406, REJECT_NOT_ACCEPTABLE, NULL, NULL);
	req.accept = NULL;
	expect_rejected(&req, 400, REJECT_BAD_QUERY, NULL, NULL);
	req.target = EVENTS;
	expect_rejected(&req, 400, REJECT_BAD_CURSOR, "Last-Event-ID", "x");
	req.last_event_id = NULL;
	expect_good(&req);
	/* Health answers whatever is accepted. */
	req.target = "/livez";
	req.accept = "image/png";
	req.last_event_id = "x";
	expect_good(&req);
}

static void test_subscription_numbers(void **state)
{
	struct route_request req = plain;

	(void)state;
	req.admin = true;
	req.target = "/subscriptions/18446744073709551615?x";
	assert_int_equal(expect_good(&req).kind, ROUTE_SUBSCRIPTION);
	assert_true(expect_good(&req).number == UINT64_MAX);
	req.target = "/subscriptions/017";
	expect_rejected(&req, 404, REJECT_NOT_FOUND, "/subscriptions/017",
			NULL);
	req.target = "/subscriptions/";
	expect_rejected(&req, 404, REJECT_NOT_FOUND, NULL, NULL);
	req.target = "/subscriptions/1";
	req.method = "DELETE";
	expect_rejected(&req, 405, REJECT_BAD_METHOD, NULL, NULL);
	req.target = "/subscriptions?id=alice";
	assert_true(expect_good(&req).subscriptions.is_delete);
	req.method = "GET";
	assert_string_equal(expect_good(&req).subscriptions.id.text, "alice");
	req.admin = false;
	expect_rejected(&req, 404, REJECT_NOT_FOUND, "/subscriptions", NULL);
}

static void test_page_is_switched_on(void **state)
{
	struct route_request req = plain;

	(void)state;
	req.target = "/";
	expect_rejected(&req, 404, REJECT_NOT_FOUND, "\"/\"",
			"here are " EVENTS);
	req.ui = true;
	assert_int_equal(expect_good(&req).kind, ROUTE_UI);
	req.method = "HEAD";
	req.target = "/?deliver=x&%zz";
	assert_int_equal(expect_good(&req).kind, ROUTE_UI);
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
		cmocka_unit_test(test_subscription_numbers),
		cmocka_unit_test(test_page_is_switched_on),
		cmocka_unit_test(test_a_path_is_quoted),
		cmocka_unit_test(test_methods),
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_order_of_checks),
		cmocka_unit_test(test_hidden),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
