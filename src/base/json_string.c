#include "base/json_string.h"

#include <string.h>

#include "base/encode.h"
#include "base/utf8.h"

/* The letter after the backslash, 'u' for a control character without its own,
 * 0 for no escape. */
static inline uint8_t escape_of(uint8_t c)
{
	if (c >= 0x20)
		return c == '"' || c == '\\' ? c : 0;
	switch (c) {
	case '\n':
		return 'n';
	case '\r':
		return 'r';
	case '\t':
		return 't';
	case '\b':
		return 'b';
	case '\f':
		return 'f';
	default:
		return 'u';
	}
}

#define ONES  UINT64_C(0x0101010101010101)
#define HIGHS UINT64_C(0x8080808080808080)

/* Not 0 when a byte of the word is 0. */
static inline uint64_t has_zero_byte(uint64_t word)
{
	return (word - ONES) & ~word & HIGHS;
}

/* Not 0 when a byte of the word needs an escape. */
static inline uint64_t has_escape(uint64_t word)
{
	return ((word - ONES * 0x20) & ~word & HIGHS) |
	       has_zero_byte(word ^ (ONES * '"')) |
	       has_zero_byte(word ^ (ONES * '\\'));
}

/* The first byte that needs an escape; `end` for none. */
static const uint8_t *skip_unescaped(const uint8_t *p, const uint8_t *end)
{
	while (end - p >= (ptrdiff_t)sizeof(uint64_t)) {
		uint64_t word;

		memcpy(&word, p, sizeof(word));
		if (has_escape(word) != 0)
			break;
		p += sizeof(word);
	}
	while (p < end && escape_of(*p) == 0)
		p++;
	return p;
}

size_t json_string_len(const void *text, size_t len)
{
	const uint8_t *p = text, *end = p + len;
	size_t total = len;

	for (p = skip_unescaped(p, end); p < end; p = skip_unescaped(p, end))
		total += escape_of(*p++) == 'u' ? JSON_STRING_GROWTH - 1 : 1;
	return total;
}

static uint8_t *put_escape(uint8_t *out, uint8_t c)
{
	static const char digits[] = "0123456789abcdef";

	*out++ = '\\';
	*out++ = escape_of(c);
	if (escape_of(c) != 'u')
		return out;
	out = encode_bytes(out, "00", 2);
	*out++ = (uint8_t)digits[c >> 4];
	*out++ = (uint8_t)digits[c & 15];
	return out;
}

uint8_t *json_string_put(uint8_t *out, const void *text, size_t len)
{
	const uint8_t *p = text, *end = p + len;

	for (;;) {
		const uint8_t *stop = skip_unescaped(p, end);

		out = encode_bytes(out, p, (size_t)(stop - p));
		if (stop == end)
			return out;
		out = put_escape(out, *stop);
		p = stop + 1;
	}
}

/* ---- any bytes ----------------------------------------------------------- */

#define REPLACEMENT	"\xef\xbf\xbd" /* U+FFFD */
#define REPLACEMENT_LEN (sizeof(REPLACEMENT) - 1)

size_t json_text_len(const char *at, size_t left)
{
	size_t total = 0, n;

	while ((n = utf8_prefix_len(at, left)) < left) {
		total += json_string_len(at, n) + REPLACEMENT_LEN;
		at += n + 1;
		left -= n + 1;
	}
	return total + json_string_len(at, n);
}

uint8_t *json_text_put(uint8_t *out, const char *at, size_t left)
{
	size_t n;

	while ((n = utf8_prefix_len(at, left)) < left) {
		out = json_string_put(out, at, n);
		out = encode_bytes(out, REPLACEMENT, REPLACEMENT_LEN);
		at += n + 1;
		left -= n + 1;
	}
	return json_string_put(out, at, n);
}
