/* Times of JetStream: what is read, what is not, and the round trip of each
 * day. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/check.h"
#include "base/rfc3339.h"

static void times_are_nanoseconds_since_1970(void **state)
{
	static const struct {
		const char *text;
		uint64_t ns;
	} good[] = {
		{"1970-01-01T00:00:00Z", 0},
		{"1970-01-01T00:00:00.000000001Z", 1},
		{"1970-01-01T01:00:00+01:00", 0},
		{"1970-01-01T00:00:00-00:30", 1800000000000},
		{"2026-11-24T04:51:53.468126784Z", 1795495913468126784},
		{"2026-11-24T04:51:53.46854244Z", 1795495913468542440},
		{"2026-11-24T04:51:53.5Z", 1795495913500000000},
		{"2000-02-29T00:00:00Z", 951782400000000000},
		{"2024-12-31T23:59:60Z", 1735689600000000000},
		{"2101-03-01T00:00:00Z", 4139078400000000000},
		{"2554-07-21T23:34:33.709551615Z", UINT64_MAX},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		uint64_t ns = 7;

		assert_int_equal(rfc3339_parse(&ns, good[i].text,
					       strlen(good[i].text)),
				 0);
		assert_true(ns == good[i].ns);
	}
}

static void other_times_are_rejected(void **state)
{
	static const char *const bad[] = {
		"",
		"0001-01-01T00:00:00Z",
		"1969-12-31T23:59:59Z",
		"1970-01-01T00:00:00+00:01",
		"2554-07-21T23:34:33.709551616Z",
		"2555-01-01T00:00:00Z",
		"2026-13-01T00:00:00Z",
		"2026-00-01T00:00:00Z",
		"2026-02-29T00:00:00Z",
		"2100-02-29T00:00:00Z",
		"2026-04-31T00:00:00Z",
		"2026-01-00T00:00:00Z",
		"2026-01-01T24:00:00Z",
		"2026-01-01T00:60:00Z",
		"2026-01-01T00:00:61Z",
		"2026-01-01T00:00:00",
		"2026-01-01T00:00:00.Z",
		"2026-01-01T00:00:00.1234567890Z",
		"2026-01-01T00:00:00ZZ",
		"2026-01-01T00:00:00z",
		"2026-01-01 00:00:00Z",
		"2026-01-01T00:00:00+24:00",
		"2026-01-01T00:00:00+00:60",
		"2026-01-01T00:00:00+0000",
		"2026-1-01T00:00:00Z",
		"+026-01-01T00:00:00Z",
	};
	uint64_t ns = 7;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(rfc3339_parse(&ns, bad[i], strlen(bad[i])),
				 -EINVAL);
	assert_int_equal(ns, 7);
}

/* Each in its own allocation, so that ASan sees a read beyond the end. */
static void every_cut_is_survived(void **state)
{
	static const char *const good[] = {"2026-11-24T04:51:53.468126784Z",
					   "2026-11-24T04:51:53+01:00"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		for (size_t cut = 0; cut < strlen(good[i]); cut++) {
			char *copy = malloc(cut == 0 ? 1 : cut);
			uint64_t ns;

			assert_non_null(copy);
			memcpy(copy, good[i], cut);
			assert_int_equal(rfc3339_parse(&ns, copy, cut),
					 -EINVAL);
			free(copy);
		}
}

/* The round trip of each day of more than four centuries. */
static void what_is_written_is_read(void **state)
{
	char text[RFC3339_MAX];

	(void)state;
	rfc3339_format(text, 0);
	assert_string_equal(text, "1970-01-01T00:00:00.000000000Z");
	rfc3339_format(text, UINT64_C(951782399999999999));
	assert_string_equal(text, "2000-02-28T23:59:59.999999999Z");
	rfc3339_format(text, UINT64_C(951782400000000001));
	assert_string_equal(text, "2000-02-29T00:00:00.000000001Z");
	rfc3339_format(text, UINT64_MAX);
	assert_string_equal(text, "2554-07-21T23:34:33.709551615Z");
	for (uint64_t day = 0; day < 213500; day++) {
		uint64_t ns = day * 86400 * 1000000000 + day * 7919, back;

		rfc3339_format(text, ns);
		assert_int_equal(rfc3339_parse(&back, text, strlen(text)), 0);
		assert_int_equal(back, ns);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(times_are_nanoseconds_since_1970),
		cmocka_unit_test(other_times_are_rejected),
		cmocka_unit_test(every_cut_is_survived),
		cmocka_unit_test(what_is_written_is_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
