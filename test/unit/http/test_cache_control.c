/* How long a response may be used: forms of the header, and what is no number.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/check.h"
#include "http/cache_control.h"

static const struct {
	const char *value;
	uint64_t want;
} values[] = {
	{"", UINT64_MAX},
	{"public", UINT64_MAX},
	{"max-age=15", 15},
	{"public, max-age=15, stale-while-revalidate=15", 15},
	{"MAX-AGE=7", 7},
	{"  ,, max-age=300 ,", 300},
	{"max-age=\"60\"", 60},
	{"max-age=0", 0},
	{"max-age", 0},
	{"max-age=", 0},
	{"max-age=-1", 0},
	{"max-age=x", 0},
	{"max-age=20, max-age=10", 10},
	{"max-age=99999999999999999999999", (uint64_t)1 << 31},
	{"no-cache", 0},
	{"no-store, max-age=100", 0},
	{"max-age=100, No-Cache", 0},
	{"no-cache=\"set-cookie, max-age=1\", max-age=100", 100},
	{"x=\"a\\\", max-age=1\", max-age=100", 100},
	{"x=\"max-age=1", UINT64_MAX},
	{"s-maxage=1, max-age=50", 50},
	{"xmax-age=1", UINT64_MAX},
	{"max-age-x=1", UINT64_MAX},
	{"\"", UINT64_MAX},
	{"\\", UINT64_MAX},
};

static void lifetimes(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(values); i++) {
		uint64_t is = cache_control_lifetime_s(values[i].value);

		if (is != values[i].want)
			fail_msg("%s: %llu", values[i].value,
				 (unsigned long long)is);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lifetimes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
