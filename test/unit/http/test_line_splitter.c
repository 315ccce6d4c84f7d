/* Each body is fed whole, byte by byte, and in two pieces cut at every place:
 * the lines are the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/check.h"
#include "http/line_splitter.h"

enum { LINE_MAX_BYTES = 10, OUT_MAX = 512 };

struct sink {
	char text[OUT_MAX]; /* "line|line|" with "!" for one that is too long */
	size_t n;
};

static void add_line(struct sink *out, enum line_verdict verdict,
		     struct span line)
{
	if (verdict == LINE_MORE)
		return;
	if (verdict == LINE_TOO_LONG)
		line = span_of("!");
	else
		assert_int_equal(verdict, LINE_READY);
	memcpy(out->text + out->n, line.at, line.len);
	out->n += line.len;
	out->text[out->n++] = '|';
}

static void feed(struct line_splitter *s, struct sink *out, const char *bytes,
		 size_t len)
{
	char *piece = malloc(len > 0 ? len : 1), *at = piece;

	MUST(piece != NULL);
	memcpy(piece, bytes, len);
	while (len > 0) {
		struct span line = {NULL, 0};
		size_t used = 0;
		enum line_verdict verdict =
			line_splitter_feed(s, at, len, &used, &line);

		assert_true(used <= len && (used > 0 || len == 0));
		assert_true(verdict != LINE_MORE || used == len);
		add_line(out, verdict, line);
		at += used;
		len -= used;
	}
	free(piece);
	assert_true(s->kept.cap <= LINE_MAX_BYTES);
}

static void split(struct sink *out, const char *body, size_t cut)
{
	struct line_splitter s;
	struct span line = {NULL, 0};
	size_t len = strlen(body);

	out->n = 0;
	line_splitter_init(&s, LINE_MAX_BYTES);
	if (cut == len + 1)
		for (size_t i = 0; i < len; i++)
			feed(&s, out, body + i, 1);
	else {
		feed(&s, out, body, cut);
		feed(&s, out, body + cut, len - cut);
	}
	add_line(out, line_splitter_end(&s, &line), line);
	out->text[out->n] = '\0';
	line_splitter_finish(&s);
}

static void expect_lines(const char *body, const char *want)
{
	static struct sink out;

	for (size_t cut = 0; cut <= strlen(body) + 1; cut++) {
		split(&out, body, cut);
		if (strcmp(out.text, want) != 0)
			fail_msg("cut at %zu: %s, expected %s", cut, out.text,
				 want);
	}
}

static void lines(void **state)
{
	(void)state;
	expect_lines("", "");
	expect_lines("a", "a|");
	expect_lines("a\n", "a|");
	expect_lines("a\nbc\n", "a|bc|");
	expect_lines("a\r\nb", "a\r|b|");
	expect_lines("a\rb\n", "a\rb|");
	expect_lines("0123456789\n0123456789", "0123456789|0123456789|");
}

static void blank_lines_are_skipped(void **state)
{
	(void)state;
	expect_lines("\n\n \t\r\na\n\n\r\n", "a|");
	expect_lines("\n", "");
	expect_lines("  ", "");
}

static void long_lines_are_reported_and_skipped(void **state)
{
	(void)state;
	expect_lines("01234567890\na\n", "!|a|");
	expect_lines("a\n01234567890", "a|!|");
	expect_lines("01234567890123456789012345678901234567890\n"
		     "01234567890\nb",
		     "!|!|b|");
}

/* Also of a line that has begun, and of one that has not. */
static void a_line_is_skipped_on_request(void **state)
{
	struct line_splitter s;
	struct sink out = {.n = 0};

	(void)state;
	line_splitter_init(&s, LINE_MAX_BYTES);
	feed(&s, &out, "begun", 5);
	line_splitter_skip(&s);
	feed(&s, &out, "more of it\na\n", 13);
	line_splitter_skip(&s);
	feed(&s, &out, "next\nb\n", 7);
	assert_int_equal(out.n, 4);
	assert_memory_equal(out.text, "a|b|", 4);
	line_splitter_finish(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines),
		cmocka_unit_test(blank_lines_are_skipped),
		cmocka_unit_test(long_lines_are_reported_and_skipped),
		cmocka_unit_test(a_line_is_skipped_on_request),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
