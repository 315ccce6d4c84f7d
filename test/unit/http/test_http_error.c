/* Texts of errors: quoted bytes are printable, and secrets are hidden. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/printable.h"
#include "http/http_error.h"

static void test_set_fills_in_all(void **state)
{
	struct http_error r;

	(void)state;
	memset(&r, 0x5a, sizeof(r));
	assert_int_equal(http_error_set(&r, 414, REJECT_TOO_LARGE, "over %d",
					7),
			 -EINVAL);
	assert_int_equal(r.status, 414);
	assert_int_equal(r.reason, REJECT_TOO_LARGE);
	assert_string_equal(r.allow, "");
	assert_string_equal(r.text, "over 7");
}

static void test_a_long_text_is_cut(void **state)
{
	struct http_error r;

	(void)state;
	http_error_set(&r, 400, REJECT_MALFORMED, "%0300d", 7);
	assert_int_equal(strlen(r.text), sizeof(r.text) - 1);
}

static void test_labels(void **state)
{
	(void)state;
	assert_string_equal(reject_reason_label(REJECT_NONE), "none");
	assert_string_equal(reject_reason_label(REJECT_BAD_CURSOR),
			    "bad_cursor");
	assert_string_equal(reject_reason_label(REJECT_DRAINING), "draining");
	for (int i = 0; i < REJECT_COUNT; i++)
		assert_non_null(reject_reason_label((enum reject_reason)i));
}

static void expect_quote(size_t size, const char *bytes, size_t len,
			 const char *want)
{
	char out[64];

	memset(out, '#', sizeof(out));
	assert_ptr_equal(printable(out, size, bytes, len), out);
	assert_string_equal(out, want);
	assert_true(strlen(out) < size);
	for (size_t i = size; i < sizeof(out); i++)
		assert_int_equal(out[i], '#');
}

static void test_quotes(void **state)
{
	(void)state;
	expect_quote(64, "", 0, "");
	expect_quote(64, "plain ~!", 8, "plain ~!");
	expect_quote(64, "a\nb\0\x7f\xff", 6, "a\\x0ab\\x00\\x7f\\xff");
}

static void test_long_quotes_are_cut(void **state)
{
	(void)state;
	expect_quote(8, "1234567", 7, "1234567");
	expect_quote(8, "12345678", 8, "1234...");
	expect_quote(8, "\n\n", 2, "\\x0a...");
	expect_quote(8, "123\n", 4, "123\\x0a");
	expect_quote(8, "1234\n", 5, "1234...");
	expect_quote(8, "12\n34", 5, "12...");
	expect_quote(4, "12345", 5, "...");
}

static void what_may_be_a_secret_is_not_quoted(void **state)
{
	static const struct {
		const char *text, *shown;
	} cases[] = {
		{"/nowhere/at-all", "/nowhere/at-all"},
		{"ftp://host:21/x", "ftp://host:21/x"},
		{"4711-9f31c2", "4711-9f31c2"},
		{"a\xff", "a\\xff"},
		{"", ""},
		{"user:secret@host", "(hidden)"},
		{"/events;access_token=x", "(hidden)"},
		{"secret%zz", "(hidden)"},
		{"a=b", "(hidden)"},
		{"/eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.e30.x", "(hidden)"},
	};
	char shown[PRINTABLE_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(http_error_quote(shown, sizeof(shown),
						     cases[i].text,
						     strlen(cases[i].text)),
				    cases[i].shown);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_may_be_a_secret_is_not_quoted),
		cmocka_unit_test(test_set_fills_in_all),
		cmocka_unit_test(test_a_long_text_is_cut),
		cmocka_unit_test(test_labels),
		cmocka_unit_test(test_quotes),
		cmocka_unit_test(test_long_quotes_are_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
