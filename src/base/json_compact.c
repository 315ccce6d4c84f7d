/* Without recursion: one bit for each level tells arrays from objects. */
#include "base/json_compact.h"

#include <stdbool.h>
#include <string.h>

#include "base/ascii.h"

struct reader {
	const uint8_t *p;
	const uint8_t *end;
	size_t blanks; /* bytes to drop */
	unsigned depth;
	uint8_t is_object[JSON_COMPACT_DEPTH];
};

static bool is_json_blank(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* 0 at the end; outside of a string JSON has no NUL. */
static uint8_t peek_byte(const struct reader *r)
{
	return r->p < r->end ? *r->p : 0;
}

static bool take_value(struct reader *r, uint8_t c)
{
	if (peek_byte(r) != c)
		return false;
	r->p++;
	return true;
}

static void skip_json_blanks(struct reader *r)
{
	while (r->p < r->end && is_json_blank(*r->p)) {
		r->p++;
		r->blanks++;
	}
}

/* ---- strings ------------------------------------------------------------- */

static bool take_hex_quad(struct reader *r, unsigned *ret)
{
	unsigned n = 0;

	if (r->end - r->p < 4)
		return false;
	for (int i = 0; i < 4; i++) {
		int digit = ascii_hex_value((char)*r->p++);

		if (digit < 0)
			return false;
		n = n * 16 + (unsigned)digit;
	}
	*ret = n;
	return true;
}

/* After "\u". */
static bool take_unicode(struct reader *r)
{
	unsigned unit, second;

	if (!take_hex_quad(r, &unit) || (unit >= 0xdc00 && unit <= 0xdfff))
		return false;
	if (unit < 0xd800 || unit > 0xdbff)
		return true;
	return take_value(r, '\\') && take_value(r, 'u') &&
	       take_hex_quad(r, &second) && second >= 0xdc00 &&
	       second <= 0xdfff;
}

static bool take_string_escape(struct reader *r)
{
	uint8_t c = peek_byte(r);

	if (c == 0 || strchr("\"\\/bfnrtu", c) == NULL)
		return false;
	r->p++;
	return c != 'u' || take_unicode(r);
}

static bool take_json_string(struct reader *r)
{
	if (!take_value(r, '"'))
		return false;
	while (r->p < r->end) {
		uint8_t c = *r->p++;

		if (c == '"')
			return true;
		if (c < 0x20 || (c == '\\' && !take_string_escape(r)))
			return false;
	}
	return false;
}

/* ---- numbers and words --------------------------------------------------- */

static bool take_json_digits(struct reader *r)
{
	const uint8_t *begin = r->p;

	while (ascii_is_digit((char)peek_byte(r)))
		r->p++;
	return r->p > begin;
}

static bool take_json_number(struct reader *r)
{
	take_value(r, '-');
	if (!take_value(r, '0') && !take_json_digits(r))
		return false;
	if (take_value(r, '.') && !take_json_digits(r))
		return false;
	if (!take_value(r, 'e') && !take_value(r, 'E'))
		return true;
	if (!take_value(r, '+'))
		take_value(r, '-');
	return take_json_digits(r);
}

static bool take_literal(struct reader *r, const char *word)
{
	size_t len = strlen(word);

	if ((size_t)(r->end - r->p) < len || memcmp(r->p, word, len) != 0)
		return false;
	r->p += len;
	return true;
}

static bool take_scalar_value(struct reader *r)
{
	switch (peek_byte(r)) {
	case '"':
		return take_json_string(r);
	case 't':
		return take_literal(r, "true");
	case 'f':
		return take_literal(r, "false");
	case 'n':
		return take_literal(r, "null");
	default:
		return take_json_number(r);
	}
}

/* ---- arrays and objects -------------------------------------------------- */

static bool take_member_name(struct reader *r)
{
	skip_json_blanks(r);
	if (!take_json_string(r))
		return false;
	skip_json_blanks(r);
	return take_value(r, ':');
}

/* After "{" or "[". *done: the array or object is empty. */
static bool enter_level(struct reader *r, bool is_object, bool *done)
{
	if (r->depth == JSON_COMPACT_DEPTH)
		return false;
	skip_json_blanks(r);
	*done = take_value(r, is_object ? '}' : ']');
	if (*done)
		return true;
	r->is_object[r->depth++] = is_object;
	return !is_object || take_member_name(r);
}

/* After a value: leaves every level that ends here. *more: a value follows. */
static bool continue_value(struct reader *r, bool *more)
{
	*more = false;
	for (;;) {
		bool is_object;

		skip_json_blanks(r);
		if (r->depth == 0)
			return r->p == r->end;
		is_object = r->is_object[r->depth - 1];
		if (take_value(r, ',')) {
			*more = true;
			return !is_object || take_member_name(r);
		}
		if (!take_value(r, is_object ? '}' : ']'))
			return false;
		r->depth--;
	}
}

static bool take_json_text(struct reader *r)
{
	bool more = true;

	while (more) {
		bool done = true;

		skip_json_blanks(r);
		if (peek_byte(r) == '{' || peek_byte(r) == '[') {
			bool is_object = *r->p++ == '{';

			if (!enter_level(r, is_object, &done))
				return false;
		} else if (!take_scalar_value(r)) {
			return false;
		}
		if (done && !continue_value(r, &more))
			return false;
	}
	return true;
}

size_t json_compact_len(const void *text, size_t len)
{
	struct reader r = {.p = text};

	r.end = r.p + len;
	return take_json_text(&r) ? len - r.blanks : 0;
}

uint8_t *json_compact_put(uint8_t *out, const void *text, size_t len)
{
	const uint8_t *p = text, *end = p + len;
	bool in_string = false;

	for (; p < end; p++) {
		if (!in_string && is_json_blank(*p))
			continue;
		if (in_string && *p == '\\')
			*out++ = *p++; /* an escaped quote ends no string */
		else if (*p == '"')
			in_string = !in_string;
		*out++ = *p;
	}
	return out;
}
