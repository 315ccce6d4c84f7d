/* Foreign bytes become one printable line, cut to the room there is. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/check.h"
#include "base/printable.h"

static void test_printable(void **state)
{
	static const struct {
		const char *text;
		size_t size;
		const char *shown;
	} cases[] = {
		{"", 8, ""},
		{"plain ~!", 32, "plain ~!"},
		{"a\r\nb\t\x1b[0m", 32, "a\\x0d\\x0ab\\x09\\x1b[0m"},
		{"\x7f\x80\xff", 32, "\\x7f\\x80\\xff"},
		{"back\\slash \"", 32, "back\\slash \""},
		/* the last size that fits, and one less */
		{"1234567", 8, "1234567"},
		{"12345678", 8, "1234..."},
		{"123\n", 8, "123\\x0a"},
		{"1234\n", 8, "1234..."},
		{"\n\n", 9, "\\x0a\\x0a"},
		{"\n\n", 8, "\\x0a..."},
		{"\n\n\n", 12, "\\x0a\\x0a..."},
		{"12\n34", 8, "12..."},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char out[40];

		memset(out, '#', sizeof(out));
		printable_text(out, cases[i].size, cases[i].text);
		assert_string_equal(out, cases[i].shown);
		assert_int_equal(out[cases[i].size], '#');
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_printable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
