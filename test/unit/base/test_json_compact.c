/* JSON on one line: what is valid, what is kept, and that no byte beyond the
 * end is read. */
#include "base/json_compact.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The one-line form, or NULL; valid until the next call. */
static const char *line_of(const char *text, size_t len)
{
	static char out[4096];
	size_t n = json_compact_len(text, len);
	uint8_t *end;

	if (n == 0)
		return NULL;
	assert_true(n < sizeof(out));
	end = json_compact_put((uint8_t *)out, text, len);
	assert_int_equal(end - (uint8_t *)out, n);
	*end = '\0';
	return out;
}

static void blanks_go_and_all_else_stays(void **state)
{
	static const struct {
		const char *text, *line;
	} list[] = {
		{"1", "1"},
		{" 1\r\n", "1"},
		{"-0.50e+07", "-0.50e+07"},
		{"0", "0"},
		{"1E400", "1E400"},
		{"123456789012345678901234567890",
		 "123456789012345678901234567890"},
		{"true", "true"},
		{"\tfalse ", "false"},
		{"null", "null"},
		{"\"\"", "\"\""},
		{"\" a \\n\\\"\\\\ b \"", "\" a \\n\\\"\\\\ b \""},
		{"\"\\\\\" ", "\"\\\\\""},
		{"\"\\u0000\\ud83d\\uDE00\\/\"",
		 "\"\\u0000\\ud83d\\uDE00\\/\""},
		{"\"\x7f\xe2\x80\xa8\"", "\"\x7f\xe2\x80\xa8\""},
		{"[]", "[]"},
		{"{ }", "{}"},
		{"[ [ ] , { } ]", "[[],{}]"},
		{"{\r\n  \"a b\" : [1,\t2],\n\"a b\":\" \"\n}\n",
		 "{\"a b\":[1,2],\"a b\":\" \"}"},
		{"[\"a\" , [\"]\", {\"}\": \"{\"}] , -1]",
		 "[\"a\",[\"]\",{\"}\":\"{\"}],-1]"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(list) / sizeof(*list); i++) {
		const char *line = line_of(list[i].text, strlen(list[i].text));

		if (line == NULL)
			fail_msg("%s is not taken", list[i].text);
		assert_string_equal(line, list[i].line);
	}
}

static void what_is_no_json(void **state)
{
	static const char *const list[] = {
		"",
		" ",
		"hello",
		"'a'",
		"nul",
		"nulls",
		"True",
		"NaN",
		"Infinity",
		"-",
		"+1",
		"01",
		"-01",
		"1.",
		".5",
		"1e",
		"1e+",
		"0x10",
		"1 2",
		"1,",
		"\"",
		"\"a",
		"\"\\\"",
		"\"\\x\"",
		"\"\\u12\"",
		"\"\\u12g4\"",
		"\"\\ud83d\"",
		"\"\\ud83d\\n\"",
		"\"\\ud83d\\u0041\"",
		"\"\\ude00\"",
		"\"a\nb\"",
		"\"a\tb\"",
		"\"\x01\"",
		"[",
		"]",
		"[1",
		"[1,]",
		"[,1]",
		"[1 2]",
		"[1}",
		"{",
		"}",
		"{\"a\"}",
		"{\"a\":}",
		"{\"a\":1,}",
		"{a:1}",
		"{1:1}",
		"{\"a\":1]",
		"{\"a\" 1}",
		"[] []",
		"// x\n1",
		"\xef\xbb\xbf"
		"1",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(list) / sizeof(*list); i++)
		if (json_compact_len(list[i], strlen(list[i])) != 0)
			fail_msg("%s is taken", list[i]);
	assert_int_equal(json_compact_len("1\0", 2), 0);
	assert_int_equal(json_compact_len("\"\0\"", 3), 0);
	assert_int_equal(json_compact_len("[1]x", 3), 3);
}

static size_t nested(char open, char close, size_t depth)
{
	char text[4 * JSON_COMPACT_DEPTH + 16];
	size_t len = 0;

	for (size_t i = 0; i < depth; i++) {
		text[len++] = open;
		if (open == '{') {
			memcpy(text + len, "\"\":", 3);
			len += 3;
		}
	}
	text[len++] = '1';
	memset(text + len, close, depth);
	return json_compact_len(text, len + depth);
}

static void the_depth_has_an_end(void **state)
{
	(void)state;
	assert_true(nested('[', ']', JSON_COMPACT_DEPTH) > 0);
	assert_true(nested('{', '}', JSON_COMPACT_DEPTH / 2) > 0);
	assert_int_equal(nested('[', ']', JSON_COMPACT_DEPTH + 1), 0);
}

/* At the end of an allocation, so that ASan sees a read beyond it. */
static void no_byte_is_read_behind_the_end(void **state)
{
	static const char text[] = "{\"a\":[true,\"\\ud83d\\ude00\",-1.5e-7]}";

	(void)state;
	for (size_t len = 0; len < sizeof(text); len++) {
		char *copy = malloc(len + (len == 0));

		memcpy(copy, text, len);
		assert_int_equal(json_compact_len(copy, len),
				 len == sizeof(text) - 1 ? len : 0);
		free(copy);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(blanks_go_and_all_else_stays),
		cmocka_unit_test(what_is_no_json),
		cmocka_unit_test(the_depth_has_an_end),
		cmocka_unit_test(no_byte_is_read_behind_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
