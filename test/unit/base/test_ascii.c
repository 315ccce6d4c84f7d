/* Each class of characters, for all 256 bytes, against a list of its members;
 * words without regard to case. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/ascii.h"

#define DIGITS "0123456789"
#define LOWER  "abcdefghijklmnopqrstuvwxyz"
#define UPPER  "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

static void expect_class(bool (*is)(char c), const char *members)
{
	for (int byte = 0; byte < 256; byte++) {
		char c = (char)byte;
		bool want = c != '\0' && strchr(members, c) != NULL;

		if (is(c) != want)
			fail_msg("0x%02x: expected %d", byte, want);
	}
}

static void test_classes(void **state)
{
	(void)state;
	expect_class(ascii_is_digit, DIGITS);
	expect_class(ascii_is_alnum, DIGITS LOWER UPPER);
	expect_class(ascii_is_blank, " \t");
	/* RFC 9110, section 5.6.2 */
	expect_class(ascii_is_token_char, "!#$%&'*+-.^_`|~" DIGITS LOWER UPPER);
}

static void test_lower(void **state)
{
	(void)state;
	for (int byte = 0; byte < 256; byte++) {
		const char *at = byte == 0 ? NULL : strchr(UPPER, byte);
		char want = at == NULL ? (char)byte : LOWER[at - UPPER];

		assert_int_equal(ascii_lower((char)byte), want);
	}
}

static void test_hex(void **state)
{
	static const char digits[] = "0123456789abcdef";

	(void)state;
	for (int byte = 0; byte < 256; byte++) {
		const char *upper = "0123456789ABCDEF";
		const char *at = byte == 0 ? NULL : strchr(digits, byte);
		int want = at == NULL ? -1 : (int)(at - digits);

		if (byte != 0 && strchr(upper, byte) != NULL)
			want = (int)(strchr(upper, byte) - upper);
		assert_int_equal(ascii_hex_value((char)byte), want);
	}
}

static void test_words(void **state)
{
	(void)state;
	assert_true(ascii_is_word("Bearer x", 6, "bEARER"));
	assert_true(ascii_is_word("", 0, ""));
	assert_false(ascii_is_word("bearer", 5, "bearer"));
	assert_false(ascii_is_word("bearer", 6, "beare"));
	assert_false(ascii_is_word("bearer", 6, "bearex"));
	assert_false(ascii_is_word("a\0", 2, "a"));
	/* '[' and '{', '@' and '`' differ by the bit of a letter's case. */
	assert_false(ascii_is_word("[", 1, "{"));
	assert_false(ascii_is_word("@", 1, "`"));
}

static void test_prefixes(void **state)
{
	(void)state;
	assert_true(ascii_has_prefix("OP://vault", "op://"));
	assert_true(ascii_has_prefix("x", ""));
	assert_true(ascii_has_prefix("op:", "OP:"));
	assert_false(ascii_has_prefix("op", "op:"));
	assert_false(ascii_has_prefix("", "op:"));
	assert_false(ascii_has_prefix("ox://", "op://"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_classes),	 cmocka_unit_test(test_lower),
		cmocka_unit_test(test_hex),	 cmocka_unit_test(test_words),
		cmocka_unit_test(test_prefixes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
