/* The filters of /subscriptions: a misspelt one is an error, and DELETE ends no
 * more than was meant. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/check.h"
#include "http/subscriptions_query.h"

static struct subscriptions_query expect_good(const char *method,
					      const char *query)
{
	struct http_error why = {0};
	struct subscriptions_query q;

	memset(&q, 0x5a, sizeof(q));
	if (subscriptions_query_parse(&q, &why, method, query) != 0)
		fail_msg("%s: %s", query, why.text);
	return q;
}

static void test_filters(void **state)
{
	static const char *const states[] = {
		[STATE_LIVE] = "live",	   [STATE_EVICTED] = "evicted",
		[STATE_REPLAY] = "replay", [STATE_WAITING] = "waiting",
		[STATE_SLOW] = "slow",
	};
	struct subscriptions_query q = expect_good("GET", "");
	char query[64];

	(void)state;
	assert_false(q.is_delete || q.id.given || q.has_after);
	assert_int_equal(q.state, STATE_ANY);
	expect_good("GET", "&&");
	for (size_t i = STATE_LIVE; i < ARRAY_LEN(states); i++) {
		snprintf(query, sizeof(query), "state=%s", states[i]);
		assert_int_equal(expect_good("GET", query).state, i);
	}
	q = expect_good("HEAD", "%69d=al%69ce&after=0&state=slow");
	assert_string_equal(q.id.text, "alice");
	assert_true(q.has_after && q.after == 0);
	q = expect_good("DELETE", "id=alice");
	assert_true(q.is_delete && q.id.given);
}

static void test_errors(void **state)
{
	static const struct {
		const char *method, *query, *says;
		enum reject_reason reason;
	} list[] = {
		{"GET", "ID=a", "\"ID\" is not one of", REJECT_BAD_QUERY},
		{"GET", "x", "\"x\" is not one of", REJECT_BAD_QUERY},
		{"GET", "=x", "\"\" is not one of", REJECT_BAD_QUERY},
		{"GET", "id=%zz", "%zz", REJECT_BAD_QUERY},
		{"GET", "id", "is not an identity", REJECT_BAD_IDENTITY},
		{"GET", "id=a.b", "is not an identity", REJECT_BAD_IDENTITY},
		{"GET", "id=*", "is not an identity", REJECT_BAD_IDENTITY},
		{"GET", "id=a&id=a", "twice", REJECT_BAD_IDENTITY},
		{"GET", "state=LIVE", "is not one of live", REJECT_BAD_QUERY},
		{"GET", "state=", "is not one of live", REJECT_BAD_QUERY},
		{"GET", "state=live&state=live", "twice", REJECT_BAD_QUERY},
		{"GET", "after=", "after \"\" is not", REJECT_BAD_QUERY},
		{"GET", "after=-1", "after \"-1\" is not", REJECT_BAD_QUERY},
		{"GET", "after=1&after=2", "twice", REJECT_BAD_QUERY},
		{"DELETE", "", "DELETE requires", REJECT_BAD_QUERY},
		{"DELETE", "state=slow", "DELETE requires", REJECT_BAD_QUERY},
		{"DELETE", "id=a&state=slow", "alone", REJECT_BAD_QUERY},
		{"DELETE", "id=a&after=0", "alone", REJECT_BAD_QUERY},
		{"DELETE", "id=a&stat=slow", "\"stat\"", REJECT_BAD_QUERY},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(list); i++) {
		struct subscriptions_query q = {.after = 0x5a5a};
		struct http_error why;

		if (subscriptions_query_parse(&q, &why, list[i].method,
					      list[i].query) != -EINVAL)
			fail_msg("%s: not rejected", list[i].query);
		if (why.status != 400 || why.reason != list[i].reason ||
		    strstr(why.text, list[i].says) == NULL)
			fail_msg("%s: %d %s: %s", list[i].query, why.status,
				 reject_reason_label(why.reason), why.text);
		assert_true(q.after == 0x5a5a && !q.is_delete);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_filters),
		cmocka_unit_test(test_errors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
