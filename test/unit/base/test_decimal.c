/* Decimal numbers of a given length, up to 64 bits. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/check.h"
#include "base/decimal.h"

static void test_decimal(void **state)
{
	static const char *const bad[] = {
		"",
		"-1",
		"+1",
		" 1",
		"1 ",
		"1.0",
		"0x1",
		"18446744073709551616",
		"000000000000000000001",
	};
	uint64_t n = 7;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(decimal_parse(&n, bad[i], strlen(bad[i])),
				 -EINVAL);
	assert_int_equal(n, 7);
	assert_int_equal(decimal_parse(&n, "0", 1), 0);
	assert_int_equal(n, 0);
	assert_int_equal(decimal_parse(&n, "00012x", 5), 0);
	assert_int_equal(n, 12);
	assert_int_equal(decimal_parse(&n, "18446744073709551615", 20), 0);
	assert_true(n == UINT64_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_decimal)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
