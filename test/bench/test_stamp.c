#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "stamp.h"

static void comes_back_as_it_was_put(void **state)
{
	static const struct stamp stamps[] = {{0, 0},
					      {1, 1},
					      {63, 64},
					      {123456789, 987654321012345},
					      {(1ULL << 36) - 1,
					       (1ULL << 54) - 1}};

	(void)state;
	for (size_t i = 0; i < sizeof(stamps) / sizeof(stamps[0]); i++) {
		char bytes[STAMP_LEN];
		struct stamp got;

		stamp_put(bytes, &stamps[i]);
		assert_true(stamp_get(bytes, &got));
		assert_true(got.number == stamps[i].number);
		assert_true(got.ns == stamps[i].ns);
	}
}

static void is_text_in_the_order_of_its_value(void **state)
{
	char bytes[STAMP_LEN];
	struct stamp s = {1, 64};

	(void)state;
	stamp_put(bytes, &s);
	assert_memory_equal(bytes, "@000001000000010", STAMP_LEN);
}

/* Tries each byte that is not a digit, at each position. */
static void other_bytes_are_no_stamp(void **state)
{
	static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyz-_"
				     "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
	struct stamp s = {5, 6};

	(void)state;
	for (int at = 0; at < STAMP_LEN; at++) {
		for (int c = 0; c < 256; c++) {
			char bytes[STAMP_LEN];
			bool good =
				at == 0 ? c == '@'
					: c != 0 && strchr(digits, c) != NULL;

			stamp_put(bytes, &s);
			bytes[at] = (char)c;
			assert_int_equal(stamp_get(bytes, &s), good);
			s = (struct stamp){5, 6};
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(comes_back_as_it_was_put),
		cmocka_unit_test(is_text_in_the_order_of_its_value),
		cmocka_unit_test(other_bytes_are_no_stamp),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
