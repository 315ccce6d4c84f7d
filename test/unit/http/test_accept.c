/* Content negotiation: quality values, specificity, quoted parameters, and what
 * old clients send. */
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
#include "http/accept.h"

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
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(accepts); i++) {
		const char *accept = accepts[i].accept;
		int want = accepts[i].want;

		if (accept_allows(accept, "text", "event-stream") !=
			    (want != NO) ||
		    accept_names(accept, "text", "event-stream") !=
			    (want == EXACT))
			fail_msg("%s: expected %d", accept, want);
	}
}

static void test_accept_of_another_type(void **state)
{
	static const char both[] = "application/x-ndjson, text/*;q=0.1";

	(void)state;
	assert_true(accept_names(both, "application", "x-ndjson"));
	assert_true(accept_allows(both, "text", "event-stream"));
	assert_false(accept_names(both, "text", "event-stream"));
	assert_false(accept_allows(both, "image", "png"));
}

static void test_ndjson_is_preferred(void **state)
{
	static const struct {
		const char *accept;
		bool preferred;
	} list[] = {
		{"application/x-ndjson", true},
		{"APPLICATION/X-NDJSON;q=0.1", true},
		{"application/x-ndjson;q=0.5, text/event-stream;q=0.4", true},
		{"application/x-ndjson, text/*", true},
		{"application/x-ndjson;q=0.5, */*;q=0.5", true},
		{"text/html, application/x-ndjson", true},
		{"application/x-ndjson, text/event-stream", false},
		{"application/x-ndjson;q=0.4, text/event-stream;q=0.5", false},
		{"application/x-ndjson;q=0.4, text/*;q=0.5", false},
		{"application/x-ndjson;q=0.1, */*", false},
		{"application/x-ndjson;q=0", false},
		{"application/x-ndjson;q=0, text/html", false},
		{"application/*", false},
		{"*/*", false},
		{"application/json", false},
		{"", false},
		{NULL, false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(list); i++)
		if (accept_prefers_ndjson(list[i].accept) != list[i].preferred)
			fail_msg("%s: expected %d", list[i].accept,
				 list[i].preferred);
}

static void test_best_offer(void **state)
{
	static const struct accept_offer offers[] = {
		{"application", "octet-stream"},
		{"application", "json"},
		{"text", "event-stream"},
	};
	static const struct {
		const char *accept;
		int best;
	} list[] = {
		{NULL, 0},
		{"", 0},
		{"garbage", 0},
		{"*/*", 0},
		{"application/*", 0},
		{"text/*", 2},
		{"text/event-stream", 2},
		{"text/event-stream, */*", 2},
		{"text/event-stream;q=0.9, */*", 0},
		{"application/json, text/plain, */*", 1},
		{"application/json;q=0.5, */*;q=0.5", 1},
		{"application/json, text/event-stream", 1},
		{"text/event-stream, application/json;q=0.9", 2},
		{"application/octet-stream;q=0, */*;q=0.1", 1},
		{"text/html, image/png", -1},
		{"*/*;q=0", -1},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(list); i++)
		if (accept_best(list[i].accept, offers, ARRAY_LEN(offers)) !=
		    list[i].best)
			fail_msg("%s: expected %d", list[i].accept,
				 list[i].best);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_accept),
		cmocka_unit_test(test_accept_of_another_type),
		cmocka_unit_test(test_ndjson_is_preferred),
		cmocka_unit_test(test_best_offer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
