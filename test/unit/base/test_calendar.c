/* Every day of more than four centuries, against a calendar that counts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdbool.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/calendar.h"

static void test_days(void **state)
{
	struct calendar_time want = {.year = 1970, .month = 1, .day = 1};

	(void)state;
	for (uint64_t day = 0; want.year < 2402; day++) {
		struct calendar_time got = calendar_time_at(day * 86400);

		assert_int_equal(got.year, want.year);
		assert_int_equal(got.month, want.month);
		assert_int_equal(got.day, want.day);
		assert_int_equal(calendar_days(want.year, want.month, want.day),
				 day);
		if (want.day++ < calendar_days_in_month(want.year, want.month))
			continue;
		want.day = 1;
		if (want.month++ < 12)
			continue;
		want.month = 1;
		want.year++;
	}
}

static void test_leap_years(void **state)
{
	(void)state;
	assert_int_equal(calendar_days_in_month(2024, 2), 29);
	assert_int_equal(calendar_days_in_month(2025, 2), 28);
	assert_int_equal(calendar_days_in_month(2000, 2), 29);
	assert_int_equal(calendar_days_in_month(2100, 2), 28);
	for (unsigned month = 1; month <= 12; month++)
		if (month != 2)
			assert_int_equal(calendar_days_in_month(2026, month),
					 month == 4 || month == 6 ||
							 month == 9 ||
							 month == 11
						 ? 30
						 : 31);
}

static void test_times_of_a_day(void **state)
{
	uint64_t midnight = calendar_days(2026, 11, 28) * 86400;

	(void)state;
	for (unsigned s = 0; s < 86400; s++) {
		struct calendar_time t = calendar_time_at(midnight + s);

		assert_int_equal(t.hour * 3600 + t.minute * 60 + t.second, s);
		assert_in_range(t.minute, 0, 59);
		assert_in_range(t.second, 0, 59);
		assert_int_equal(t.day, 28);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_days),
		cmocka_unit_test(test_leap_years),
		cmocka_unit_test(test_times_of_a_day),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
