/* When keys are fetched. The clock is the test's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/check.h"
#include "gateway/key_schedule.h"

enum { START = 1000000, WAIT = 3000 };

static struct key_schedule s;
static uint64_t now;

static int setup(void **state)
{
	(void)state;
	now = START;
	key_schedule_init(&s, now);
	return 0;
}

static bool wants(bool again)
{
	return key_schedule_want_kid(&s, again, now, WAIT);
}

static void begins(void)
{
	assert_true(key_schedule_next_ms(&s) <= now);
	assert_true(key_schedule_begin(&s, now));
	assert_true(key_schedule_next_ms(&s) == UINT64_MAX);
	assert_false(key_schedule_begin(&s, now));
}

/* ... and ends at once, with keys for an hour. */
static void fetches(void)
{
	begins();
	key_schedule_fetched(&s, now, UINT64_MAX);
}

static void next_is_in(uint64_t ms)
{
	assert_int_equal(key_schedule_next_ms(&s), now + ms);
	assert_false(key_schedule_begin(&s, now + ms - 1));
}

static void before_they_get_old(void **state)
{
	static const struct {
		uint64_t lifetime_s, delay_ms;
	} cases[] = {
		{UINT64_MAX, 3240000},
		{86400, 3240000},
		{3600, 3240000},
		{300, 270000},
		{15, 13500},
		{12, 10800},
		{5, 10000},
		{1, 10000},
		{0, 60000},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		begins();
		key_schedule_fetched(&s, now, cases[i].lifetime_s);
		next_is_in(cases[i].delay_ms);
		now += cases[i].delay_ms;
	}
}

static void failures_are_retried_at_least_each_minute(void **state)
{
	static const uint64_t delays_s[] = {1, 2, 4, 8, 16, 32, 60, 60, 60};

	(void)state;
	for (int round = 0; round < 2; round++) {
		for (size_t i = 0; i < ARRAY_LEN(delays_s); i++) {
			begins();
			key_schedule_failed(&s, now);
			next_is_in(delays_s[i] * 1000);
			now += delays_s[i] * 1000;
		}
		fetches();
		next_is_in(3240000);
		now += 3240000;
	}
}

static void an_unknown_kid_begins_a_fetch(void **state)
{
	(void)state;
	fetches();
	now += 10;
	assert_true(wants(false));
	fetches();
	/* Still unknown: the next one comes too late for this request, and is
	 * not for it. */
	assert_false(wants(true));
	next_is_in(3240000);
}

static void once_in_ten_seconds(void **state)
{
	(void)state;
	fetches();
	assert_true(wants(false));
	fetches();
	for (int i = 0; i < 7; i++) {
		assert_int_equal(wants(false), i == 6);
		assert_int_equal(wants(true), i == 6);
		assert_false(key_schedule_begin(&s, now));
		now += i == 5 ? 2000 : 1000;
	}
	next_is_in(2000);
	now += 2000;
	fetches();
	next_is_in(3240000);
}

/* A fetch that is in progress, or due soon, is for any request. */
static void requests_join_a_fetch(void **state)
{
	(void)state;
	begins();
	assert_true(wants(false));
	key_schedule_failed(&s, now);
	/* The one for an unknown kid is still allowed. */
	assert_true(wants(true));
	begins();
	assert_true(wants(true));
	key_schedule_failed(&s, now);
	/* The retry. */
	assert_true(wants(true));
	next_is_in(2000);
	now += 2000;
	begins();
	key_schedule_failed(&s, now);
	assert_false(wants(true));
}

static void a_scheduled_fetch_answers_unknown_kids(void **state)
{
	(void)state;
	fetches();
	assert_true(wants(false));
	begins();
	key_schedule_fetched(&s, now, 5);
	now += 9500;
	assert_true(wants(false));
	now += 500;
	fetches();
	next_is_in(3240000);
}

static void a_request_during_a_fetch_stays_due(void **state)
{
	(void)state;
	begins();
	key_schedule_request(&s, now);
	assert_false(key_schedule_begin(&s, now));
	key_schedule_fetched(&s, now, UINT64_MAX);
	fetches();
	next_is_in(3240000);
	key_schedule_request(&s, now);
	fetches();
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup(fn, setup)
	const struct CMUnitTest tests[] = {
		TEST(before_they_get_old),
		TEST(failures_are_retried_at_least_each_minute),
		TEST(an_unknown_kid_begins_a_fetch),
		TEST(once_in_ten_seconds),
		TEST(requests_join_a_fetch),
		TEST(a_scheduled_fetch_answers_unknown_kids),
		TEST(a_request_during_a_fetch_stays_due),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
