/* No recursion: what stands around a value is a bit for each level. */
#include "base/json_compact.h"

#include <stdbool.h>
#include <string.h>

struct reader {
	const uint8_t *p;
	const uint8_t *end;
	size_t blanks; /* that go */
	unsigned depth;
	uint8_t is_object[JSON_LINE_DEPTH];
};

static bool is_blank(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

/* 0 at the end: no byte of JSON outside of a string is a NUL. */
static uint8_t peek(const struct reader *r)
{
	return r->p < r->end ? *r->p : 0;
}

static bool take(struct reader *r, uint8_t c)
{
	if (peek(r) != c)
		return false;
	r->p++;
	return true;
}

static void skip_blanks(struct reader *r)
{
	while (r->p < r->end && is_blank(*r->p)) {
		r->p++;
		r->blanks++;
	}
}

/* ---- strings ------------------------------------------------------------- */

static bool take_hex4(struct reader *r, unsigned *ret)
{
	unsigned n = 0;

	if (r->end - r->p < 4)
		return false;
	for (int i = 0; i < 4; i++) {
		uint8_t c = *r->p++;
		uint8_t low = c | 0x20;

		if (is_digit(c))
			n = n * 16 + c - '0';
		else if (low >= 'a' && low <= 'f')
			n = n * 16 + low - 'a' + 10;
		else
			return false;
	}
	*ret = n;
	return true;
}

/* Behind "\u". */
static bool take_unicode(struct reader *r)
{
	unsigned unit, second;

	if (!take_hex4(r, &unit) || (unit >= 0xdc00 && unit <= 0xdfff))
		return false;
	if (unit < 0xd800 || unit > 0xdbff)
		return true;
	return take(r, '\\') && take(r, 'u') && take_hex4(r, &second) &&
	       second >= 0xdc00 && second <= 0xdfff;
}

static bool take_escape(struct reader *r)
{
	uint8_t c = peek(r);

	if (c == 0 || strchr("\"\\/bfnrtu", c) == NULL)
		return false;
	r->p++;
	return c != 'u' || take_unicode(r);
}

static bool take_string(struct reader *r)
{
	if (!take(r, '"'))
		return false;
	while (r->p < r->end) {
		uint8_t c = *r->p++;

		if (c == '"')
			return true;
		if (c < 0x20 || (c == '\\' && !take_escape(r)))
			return false;
	}
	return false;
}

/* ---- numbers and words --------------------------------------------------- */

static bool take_digits(struct reader *r)
{
	const uint8_t *begin = r->p;

	while (is_digit(peek(r)))
		r->p++;
	return r->p > begin;
}

static bool take_number(struct reader *r)
{
	take(r, '-');
	if (!take(r, '0') && !take_digits(r))
		return false;
	if (take(r, '.') && !take_digits(r))
		return false;
	if (!take(r, 'e') && !take(r, 'E'))
		return true;
	if (!take(r, '+'))
		take(r, '-');
	return take_digits(r);
}

static bool take_word(struct reader *r, const char *word)
{
	size_t len = strlen(word);

	if ((size_t)(r->end - r->p) < len || memcmp(r->p, word, len) != 0)
		return false;
	r->p += len;
	return true;
}

static bool take_scalar(struct reader *r)
{
	switch (peek(r)) {
	case '"':
		return take_string(r);
	case 't':
		return take_word(r, "true");
	case 'f':
		return take_word(r, "false");
	case 'n':
		return take_word(r, "null");
	default:
		return take_number(r);
	}
}

/* ---- arrays and objects -------------------------------------------------- */

static bool take_name(struct reader *r)
{
	skip_blanks(r);
	if (!take_string(r))
		return false;
	skip_blanks(r);
	return take(r, ':');
}

/* Behind "{" or "[". *done: it is empty, and so over. */
static bool go_in(struct reader *r, bool is_object, bool *done)
{
	if (r->depth == JSON_LINE_DEPTH)
		return false;
	skip_blanks(r);
	*done = take(r, is_object ? '}' : ']');
	if (*done)
		return true;
	r->is_object[r->depth++] = is_object;
	return !is_object || take_name(r);
}

/* Behind a value: out of all that ends here. *more: another value follows. */
static bool go_on(struct reader *r, bool *more)
{
	*more = false;
	for (;;) {
		bool is_object;

		skip_blanks(r);
		if (r->depth == 0)
			return r->p == r->end;
		is_object = r->is_object[r->depth - 1];
		if (take(r, ',')) {
			*more = true;
			return !is_object || take_name(r);
		}
		if (!take(r, is_object ? '}' : ']'))
			return false;
		r->depth--;
	}
}

static bool take_text(struct reader *r)
{
	bool more = true;

	while (more) {
		bool done = true;

		skip_blanks(r);
		if (peek(r) == '{' || peek(r) == '[') {
			bool is_object = *r->p++ == '{';

			if (!go_in(r, is_object, &done))
				return false;
		} else if (!take_scalar(r)) {
			return false;
		}
		if (done && !go_on(r, &more))
			return false;
	}
	return true;
}

size_t json_line_len(const void *text, size_t len)
{
	struct reader r = {.p = text};

	r.end = r.p + len;
	return take_text(&r) ? len - r.blanks : 0;
}

uint8_t *json_line_put(uint8_t *out, const void *text, size_t len)
{
	const uint8_t *p = text, *end = p + len;
	bool in_string = false;

	for (; p < end; p++) {
		if (!in_string && is_blank(*p))
			continue;
		if (in_string && *p == '\\')
			*out++ = *p++; /* what it escapes ends no string */
		else if (*p == '"')
			in_string = !in_string;
		*out++ = *p;
	}
	return out;
}
