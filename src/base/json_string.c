#include "base/json_string.h"

#include <string.h>

#include "base/encode.h"

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

size_t json_string_len(const void *text, size_t len)
{
	const uint8_t *p = text;
	size_t total = len;

	for (size_t i = 0; i < len; i++) {
		uint8_t escape = escape_of(p[i]);

		if (escape != 0)
			total += escape == 'u' ? JSON_STRING_GROWTH - 1 : 1;
	}
	return total;
}

uint8_t *json_string_put(uint8_t *out, const void *text, size_t len)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *p = text;

	for (size_t i = 0; i < len; i++) {
		uint8_t escape = escape_of(p[i]);

		if (escape == 0) {
			*out++ = p[i];
			continue;
		}
		*out++ = '\\';
		*out++ = escape;
		if (escape != 'u')
			continue;
		out = encode_bytes(out, "00", 2);
		*out++ = (uint8_t)digits[p[i] >> 4];
		*out++ = (uint8_t)digits[p[i] & 15];
	}
	return out;
}
