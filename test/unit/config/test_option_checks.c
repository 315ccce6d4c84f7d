/* Names of headers, parameters and cookies that an option may have, file modes,
 * and how near two names are. */
#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/check.h"
#include "config/option_checks.h"
#include "fault_cases.h"

static void test_modes(void **state)
{
	(void)state;
	assert_null(option_checks_mode_fault("600"));
	assert_non_null(option_checks_mode_fault("1777"));
	assert_non_null(option_checks_mode_fault("rw-"));
}

static void test_header_names(void **state)
{
	static const char token[] = "!#$%&'*+-.^_`|~0123456789"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "abcdefghijklmnopqrstuvwxyz";
	char most[80], over[80];
	const struct fault_case cases[] = {
		{"user_id", NULL},
		{"X-User-Id", NULL},
		{"a", NULL},
		{"hosts", NULL},
		{"accept-language", NULL},
		{stretch_text(most, "", 64, ""), NULL},
		{stretch_text(over, "", 65, ""), "it must have 1 to 64 bytes"},
		{"", "it must have 1 to 64 bytes"},
		{"Accept", "that header is reserved"},
		{"authorization", "that header is reserved"},
		{"Origin", "that header is reserved"},
		{"Connection", "that header is reserved"},
		{"CONTENT-LENGTH", "that header is reserved"},
		{"expect", "that header is reserved"},
		{"Host", "that header is reserved"},
		{"Last-Event-ID", "that header is reserved"},
		{"transfer-Encoding", "that header is reserved"},
		{"Upgrade", "that header is reserved"},
	};

	(void)state;
	expect_faults(option_checks_header_fault, cases, ARRAY_LEN(cases));
	for (int c = 1; c < 256; c++) {
		char name[] = {'x', (char)c, 'y', '\0'};
		const struct fault_case one = {
			name,
			strchr(token, c) != NULL
				? NULL
				: "it has a character that no header name may"};

		expect_faults(option_checks_header_fault, &one, 1);
	}
}

static void test_query_names(void **state)
{
	static const char plain[] = "-._~0123456789"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "abcdefghijklmnopqrstuvwxyz";
	char most[80], over[80];
	const struct fault_case cases[] = {
		{"user", NULL},
		{"u", NULL},
		{"delivery", NULL},
		{stretch_text(most, "", 64, ""), NULL},
		{stretch_text(over, "", 65, ""), "it must have 1 to 64 bytes"},
		{"", "it must have 1 to 64 bytes"},
		{"deliver", "that parameter is reserved"},
		{"lastEventId", "that parameter is reserved"},
		{"LASTEVENTID", "that parameter is reserved"},
	};

	(void)state;
	expect_faults(option_checks_query_fault, cases, ARRAY_LEN(cases));
	for (int c = 1; c < 256; c++) {
		char name[] = {'x', (char)c, 'y', '\0'};
		const struct fault_case one = {
			name, strchr(plain, c) != NULL
				      ? NULL
				      : "it has other characters than letters"};

		expect_faults(option_checks_query_fault, &one, 1);
	}
}

static void test_cookie_names(void **state)
{
	(void)state;
	assert_null(option_checks_cookie_fault("__Host-token"));
	assert_null(option_checks_cookie_fault("host")); /* no header's */
	assert_non_null(option_checks_cookie_fault(""));
	assert_non_null(option_checks_cookie_fault("a=b"));
	assert_non_null(option_checks_cookie_fault("a;b"));
	assert_non_null(option_checks_cookie_fault("a b"));
}

static void test_distances(void **state)
{
	static const struct {
		const char *a, *b;
		unsigned n;
	} cases[] = {
		{"", "", 0},
		{"abc", "", 3},
		{"stream", "stream", 0},
		{"steam", "stream", 1},
		{"streaam", "stream", 1},
		{"strean", "stream", 1},
		{"id_header", "id-header", 1},
		{"ab", "ba", 2},
		{"kitten", "sitting", 3},
		{"flaw", "lawn", 2},
		{"Stream", "stream", 1},
		{"abc", "xyz", 3},
	};
	char most[80], over[80];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_int_equal(option_checks_distance(cases[i].a, cases[i].b),
				 cases[i].n);
		assert_int_equal(option_checks_distance(cases[i].b, cases[i].a),
				 cases[i].n);
	}
	stretch_text(most, "", 64, "");
	stretch_text(over, "", 65, "");
	assert_int_equal(option_checks_distance(most, most), 0);
	assert_int_equal(option_checks_distance(most, ""), 64);
	assert_int_equal(option_checks_distance("", most), 64);
	assert_int_equal(option_checks_distance(over, ""), UINT_MAX);
	assert_int_equal(option_checks_distance("", over), UINT_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_modes),
		cmocka_unit_test(test_header_names),
		cmocka_unit_test(test_query_names),
		cmocka_unit_test(test_cookie_names),
		cmocka_unit_test(test_distances),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
