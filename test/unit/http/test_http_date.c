/* Dates of HTTP against the C library. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#include "http/http_date.h"

static void test_dates(void **state)
{
	static const struct {
		uint64_t seconds;
		const char *want;
	} list[] = {
		{0, "Thu, 01 Jan 1970 00:00:00 GMT"},
		{784111777, "Sun, 06 Nov 1994 08:49:37 GMT"},
		{951782400, "Tue, 29 Feb 2000 00:00:00 GMT"},
		{1700000000, "Tue, 14 Nov 2023 22:13:20 GMT"},
		{4107542399, "Sun, 28 Feb 2100 23:59:59 GMT"},
		{4107542400, "Mon, 01 Mar 2100 00:00:00 GMT"},
		{253402300799, "Fri, 31 Dec 9999 23:59:59 GMT"},
	};
	char out[HTTP_DATE_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
		assert_int_equal(http_date_format(out, list[i].seconds), 0);
		assert_string_equal(out, list[i].want);
	}
}

/* Every day of four centuries, against the C library. */
static void test_days(void **state)
{
	char out[HTTP_DATE_MAX], want[HTTP_DATE_MAX];

	(void)state;
	for (uint64_t day = 0; day < 146097; day++) {
		time_t t = (time_t)(day * 86400 + day * 7919 % 86400);
		struct tm tm;

		assert_non_null(gmtime_r(&t, &tm));
		strftime(want, sizeof(want), "%a, %d %b %Y %H:%M:%S GMT", &tm);
		assert_int_equal(http_date_format(out, (uint64_t)t), 0);
		assert_string_equal(out, want);
	}
}

/* A failed clock gives no date. */
static void test_out_of_range(void **state)
{
	char out[HTTP_DATE_MAX] = "as it was";

	(void)state;
	assert_int_equal(http_date_format(out, UINT64_C(253402300800)),
			 -ERANGE);
	assert_int_equal(http_date_format(out, UINT64_MAX), -ERANGE);
	assert_string_equal(out, "as it was");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_dates),
		cmocka_unit_test(test_days),
		cmocka_unit_test(test_out_of_range),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
