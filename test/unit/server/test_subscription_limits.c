/* Limits of subscriptions: counts by identity and address; deadlines, of which
 * the soonest counts; the warning before a token expires; a wall clock that
 * moves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "server/subscription_limits.h"

enum { START_MS = 1000000, WARNING_MS = 10000, TOKEN_MS = 60000 };

#define WALL_MS UINT64_C(1700000000000)

static const struct clocks at_start = {START_MS, WALL_MS};

static struct address client(const char *text)
{
	struct address a;

	assert_int_equal(address_parse(&a, text, strlen(text)), 0);
	return a;
}

static void begin(struct subscription_limits *l,
		  struct subscription_deadline *d, const struct address *from)
{
	assert_int_equal(subscription_limits_reserve(l), 0);
	subscription_limits_begin(l, d, from, START_MS);
}

static void expect_due(struct subscription_limits *l, uint64_t ms,
		       enum subscription_due due,
		       const struct subscription_deadline *d)
{
	struct subscription_deadline *found = NULL;

	assert_true(subscription_limits_next_ms(l) == ms);
	assert_int_equal(subscription_limits_next(l, ms - 1, &found),
			 SUBSCRIPTION_DUE_NONE);
	assert_int_equal(subscription_limits_next(l, ms, &found), due);
	assert_ptr_equal(found, d);
}

static void test_counts(void **state)
{
	struct subscription_limits l = {.max_per_id = 2, .max_per_address = 1};
	struct subscription_deadline d = {0};
	struct address a = client("192.0.2.1"), b = client("192.0.2.2");
	struct address v6 = client("2001:db8::1"), same = client("2001:db8::2");

	(void)state;
	assert_int_equal(subscription_limits_init(&l), 0);
	assert_int_equal(subscription_limits_reject(&l, 1, &a), REJECT_NONE);
	assert_int_equal(subscription_limits_reject(&l, 2, &a),
			 REJECT_MAX_SUBSCRIPTIONS_PER_ID);
	begin(&l, &d, &a);
	assert_int_equal(subscription_limits_reject(&l, 0, &a),
			 REJECT_MAX_SUBSCRIPTIONS_PER_ADDRESS);
	assert_int_equal(subscription_limits_reject(&l, 0, &b), REJECT_NONE);
	assert_true(subscription_limits_end(&l, &d, &a));
	assert_int_equal(subscription_limits_reject(&l, 0, &a), REJECT_NONE);
	/* A host of IPv6 has 64 bits of addresses; a Unix socket has none. */
	begin(&l, &d, &v6);
	assert_int_equal(subscription_limits_reject(&l, 0, &same),
			 REJECT_MAX_SUBSCRIPTIONS_PER_ADDRESS);
	assert_int_equal(subscription_limits_reject(&l, 0,
						    &(struct address){0}),
			 REJECT_NONE);
	/* an address that was not counted */
	assert_false(subscription_limits_end(&l, &d, &b));
	subscription_limits_finish(&l);
}

static void test_the_soonest_deadline_counts(void **state)
{
	struct subscription_limits l = {0};
	struct subscription_deadline d = {0};
	struct address a = {0};

	(void)state;
	assert_int_equal(subscription_limits_init(&l), 0);
	begin(&l, &d, &a);
	assert_true(subscription_limits_next_ms(&l) == UINT64_MAX);
	subscription_limits_set(&l, &d, START_MS + 5000, CLOSE_TIMEOUT);
	subscription_limits_set(&l, &d, START_MS + 9000, CLOSE_MAX_AGE);
	expect_due(&l, START_MS + 5000, SUBSCRIPTION_DUE_END, &d);
	assert_int_equal(d.reason, CLOSE_TIMEOUT);
	subscription_limits_set(&l, &d, START_MS + 1000, CLOSE_LIMIT);
	expect_due(&l, START_MS + 1000, SUBSCRIPTION_DUE_END, &d);
	assert_int_equal(d.reason, CLOSE_LIMIT);
	assert_true(subscription_limits_end(&l, &d, &a));
	assert_true(subscription_limits_next_ms(&l) == UINT64_MAX);
	subscription_limits_finish(&l);
}

static void test_ages_are_spread(void **state)
{
	struct subscription_limits l = {.max_age_ms = 100000};
	struct address a = {0};
	uint64_t least = UINT64_MAX, most = 0;

	(void)state;
	assert_int_equal(subscription_limits_init(&l), 0);
	for (int i = 0; i < 1000; i++) {
		struct subscription_deadline d = {0};

		begin(&l, &d, &a);
		if (d.timer.ms < least)
			least = d.timer.ms;
		if (d.timer.ms > most)
			most = d.timer.ms;
		assert_int_equal(d.reason, CLOSE_MAX_AGE);
		subscription_limits_end(&l, &d, &a);
	}
	assert_in_range(least, START_MS + 80000, START_MS + 82000);
	assert_in_range(most, START_MS + 98000, START_MS + 100000);
	subscription_limits_finish(&l);
}

static void begin_with_token(struct subscription_limits *l,
			     struct subscription_deadline *d)
{
	assert_int_equal(subscription_limits_init(l), 0);
	begin(l, d, &(struct address){0});
	/* the first look at the clocks is no move of theirs */
	subscription_limits_clock_moved(l, &at_start);
	subscription_limits_set_token(l, d, WALL_MS + TOKEN_MS, &at_start);
}

static void test_a_token_is_warned_of_once(void **state)
{
	struct subscription_limits l = {.tokens = true};
	struct subscription_deadline d = {0};
	uint64_t end_ms = START_MS + TOKEN_MS;

	(void)state;
	begin_with_token(&l, &d);
	expect_due(&l, end_ms - WARNING_MS, SUBSCRIPTION_DUE_WARNING, &d);
	expect_due(&l, end_ms, SUBSCRIPTION_DUE_END, &d);
	assert_int_equal(d.reason, CLOSE_TOKEN_EXPIRED);
	/* Another deadline in between needs no warning. */
	subscription_limits_set(&l, &d, end_ms - 1, CLOSE_TIMEOUT);
	expect_due(&l, end_ms - 1, SUBSCRIPTION_DUE_END, &d);
	assert_int_equal(d.reason, CLOSE_TIMEOUT);
	subscription_limits_finish(&l);
}

static void test_the_wall_clock_moves(void **state)
{
	struct subscription_limits l = {.tokens = true};
	struct subscription_deadline d = {0}, no_token = {0};
	struct clocks now = {START_MS + 1000, WALL_MS + 1000};

	(void)state;
	begin_with_token(&l, &d);
	assert_true(subscription_limits_next_clock_ms(&l) == START_MS + 1000);
	now.wall_ms += 400; /* drift */
	assert_false(subscription_limits_clock_moved(&l, &now));
	now.wall_ms += 29600; /* forward: the token ends sooner */
	assert_true(subscription_limits_clock_moved(&l, &now));
	assert_false(subscription_limits_clock_moved(&l, &now));
	subscription_limits_recompute(&l, &d, &now);
	subscription_limits_recompute(&l, &no_token, &now);
	expect_due(&l, START_MS + TOKEN_MS - 30000 - WARNING_MS,
		   SUBSCRIPTION_DUE_WARNING, &d);
	now.wall_ms -= 40000; /* back: the monotonic clock counts */
	assert_true(subscription_limits_clock_moved(&l, &now));
	subscription_limits_recompute(&l, &d, &now);
	expect_due(&l, START_MS + TOKEN_MS - 30000, SUBSCRIPTION_DUE_END, &d);
	subscription_limits_finish(&l);
}

static void test_no_clock_without_tokens(void **state)
{
	struct subscription_limits l = {0};

	(void)state;
	assert_true(subscription_limits_next_clock_ms(&l) == UINT64_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_counts),
		cmocka_unit_test(test_the_soonest_deadline_counts),
		cmocka_unit_test(test_ages_are_spread),
		cmocka_unit_test(test_a_token_is_warned_of_once),
		cmocka_unit_test(test_the_wall_clock_moves),
		cmocka_unit_test(test_no_clock_without_tokens),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
