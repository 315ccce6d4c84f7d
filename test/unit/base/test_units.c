/* Durations, sizes, counts, bools and file modes: what is read, what is not,
 * and that what is printed is read as the same number. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/check.h"
#include "base/units.h"

/* Value of an out-parameter before a call that must not write it. */
enum { UNTOUCHED = 77 };

struct number {
	const char *text;
	uint64_t n;
};

static void take_numbers(int (*take)(const char *, uint64_t *),
			 const struct number *cases, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		uint64_t n = UNTOUCHED;

		if (take(cases[i].text, &n) != 0 || n != cases[i].n)
			fail_msg("\"%s\"", cases[i].text);
	}
}

static void reject_numbers(int (*take)(const char *, uint64_t *),
			   const char *const *texts, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		uint64_t n = UNTOUCHED;

		if (take(texts[i], &n) != -EINVAL || n != UNTOUCHED)
			fail_msg("\"%s\"", texts[i]);
	}
}

static void test_durations(void **state)
{
	static const struct number good[] = {
		{"0", 0},
		{"0s", 0},
		{"0h", 0},
		{"1ms", 1},
		{"250ms", 250},
		{"30s", 30000},
		{"5m", 300000},
		{"1h", 3600000},
		{"90m", 5400000},
		{"007s", 7000},
		{"18446744073709551615ms", UINT64_MAX},
		{"18446744073709551s", 18446744073709551000u},
		{"307445734561825m", 18446744073709500000u},
		{"5124095576030h", 18446744073708000000u},
	};
	static const char *const bad[] = {
		/* no unit, an unknown one, a part of one */
		"30", "00", "1d", "1S", "1H", "1us", "1mss", "s", "ms",
		/* not a plain number */
		"", " ", "-1s", "+1s", "1.5s", "1e3s", "0x10s", "1,5s", "\xb2s",
		/* two units, blanks */
		"1h30m", "1s ", " 1s", "1 s", "1s\n",
		/* above 64 bits, by the digits or by the unit */
		"18446744073709551616ms", "18446744073709551620ms",
		"99999999999999999999999ms", "18446744073709552s",
		"307445734561826m", "5124095576031h"};

	(void)state;
	take_numbers(units_duration, good, ARRAY_LEN(good));
	reject_numbers(units_duration, bad, ARRAY_LEN(bad));
}

static void test_sizes(void **state)
{
	static const struct number good[] = {
		{"0", 0},
		{"0GiB", 0},
		{"1", 1},
		{"100000", 100000},
		{"64KiB", 65536},
		{"8MiB", 8 << 20},
		{"1GiB", 1 << 30},
		{"18446744073709551615", UINT64_MAX},
		{"18014398509481983KiB", UINT64_MAX - 1023},
		{"17592186044415MiB", UINT64_MAX - 1048575},
		{"17179869183GiB", UINT64_MAX - 1073741823},
	};
	static const char *const bad[] = {"",
					  "KiB",
					  "64KB",
					  "64K",
					  "64kib",
					  "64Kib",
					  "1TiB",
					  "1B",
					  "-1",
					  "+1",
					  "1.5MiB",
					  "1 KiB",
					  " 1",
					  "1 ",
					  "0x10",
					  "18446744073709551616",
					  "18014398509481984KiB",
					  "17592186044416MiB",
					  "17179869184GiB"};

	(void)state;
	take_numbers(units_size, good, ARRAY_LEN(good));
	reject_numbers(units_size, bad, ARRAY_LEN(bad));
}

static void test_counts(void **state)
{
	static const struct number good[] = {
		{"0", 0},
		{"00012", 12},
		{"18446744073709551615", UINT64_MAX},
	};
	static const char *const bad[] = {"",	"-1",  "+1",
					  "1 ", " 1",  "1s",
					  "0x", "1.0", "18446744073709551616"};

	(void)state;
	take_numbers(units_count, good, ARRAY_LEN(good));
	reject_numbers(units_count, bad, ARRAY_LEN(bad));
}

static void test_bools(void **state)
{
	static const char *const bad[] = {"",	 "2",  "true", "yes", "on",
					  "off", "01", "1 ",   "-1"};
	bool on = false;

	(void)state;
	assert_int_equal(units_bool("1", &on), 0);
	assert_true(on);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (units_bool(bad[i], &on) != -EINVAL || !on)
			fail_msg("\"%s\"", bad[i]);
	assert_int_equal(units_bool("0", &on), 0);
	assert_false(on);
}

/* The shortest form, which is read as the same number. */
static void test_printed_numbers_are_read_again(void **state)
{
	static const struct number durations_of[] = {
		{"0", 0},
		{"1ms", 1},
		{"999ms", 999},
		{"1s", 1000},
		{"1500ms", 1500},
		{"59s", 59000},
		{"1m", 60000},
		{"90s", 90000},
		{"90m", 5400000},
		{"24h", 86400000},
		{"18446744073709551615ms", UINT64_MAX},
	};
	static const struct number sizes_of[] = {
		{"0", 0},
		{"1", 1},
		{"1023", 1023},
		{"1KiB", 1024},
		{"1025", 1025},
		{"1536KiB", 1572864},
		{"64MiB", 64 << 20},
		{"1024GiB", (uint64_t)1 << 40},
		{"18446744073709551615", UINT64_MAX},
	};
	char text[UNITS_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(durations_of); i++) {
		units_duration_text(durations_of[i].n, text);
		assert_string_equal(text, durations_of[i].text);
	}
	take_numbers(units_duration, durations_of, ARRAY_LEN(durations_of));
	for (size_t i = 0; i < ARRAY_LEN(sizes_of); i++) {
		units_size_text(sizes_of[i].n, text);
		assert_string_equal(text, sizes_of[i].text);
	}
	take_numbers(units_size, sizes_of, ARRAY_LEN(sizes_of));
}

static void test_modes(void **state)
{
	static const char *const bad[] = {"",	  "6",	  "60",	   "8",
					  "668",  "1777", "0x1ff", "00660",
					  "-660", " 660", "660 ",  "rw-"};
	int mode = -1;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(units_mode(bad[i], &mode), -EINVAL);
	assert_int_equal(mode, -1);
	assert_int_equal(units_mode("660", &mode), 0);
	assert_int_equal(mode, 0660);
	assert_int_equal(units_mode("0777", &mode), 0);
	assert_int_equal(mode, 0777);
	assert_int_equal(units_mode("000", &mode), 0);
	assert_int_equal(mode, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_durations),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_counts),
		cmocka_unit_test(test_bools),
		cmocka_unit_test(test_printed_numbers_are_read_again),
		cmocka_unit_test(test_modes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
