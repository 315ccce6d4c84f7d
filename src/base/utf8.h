/* UTF-8 by the table of RFC 3629, section 4: no surrogates, no overlong forms,
 * nothing above U+10FFFF. */
#ifndef SLUICE_UTF8_H
#define SLUICE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Length of the multi-byte character at `p` (below `end`); 0: none. */
static inline size_t utf8_sequence_len(const uint8_t *p, const uint8_t *end)
{
	uint8_t lead = *p, low = 0x80, high = 0xbf;
	size_t len;

	if (lead >= 0xc2 && lead <= 0xdf) {
		len = 2;
	} else if (lead >= 0xe0 && lead <= 0xef) {
		len = 3;
		if (lead == 0xe0)
			low = 0xa0; /* overlong */
		else if (lead == 0xed)
			high = 0x9f; /* surrogates */
	} else if (lead >= 0xf0 && lead <= 0xf4) {
		len = 4;
		if (lead == 0xf0)
			low = 0x90; /* overlong */
		else if (lead == 0xf4)
			high = 0x8f; /* above U+10FFFF */
	} else {
		return 0;
	}
	if ((size_t)(end - p) < len || p[1] < low || p[1] > high)
		return 0;
	for (size_t i = 2; i < len; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	return len;
}

/* Number of bytes before the first one that is not UTF-8. */
static inline size_t utf8_prefix_len(const char *text, size_t len)
{
	const uint8_t *p = (const uint8_t *)text, *end = p + len;

	while (p < end) {
		size_t n = *p < 0x80 ? 1 : utf8_sequence_len(p, end);

		if (n == 0)
			break;
		p += n;
	}
	return len - (size_t)(end - p);
}

static inline bool utf8_is_valid(const char *text, size_t len)
{
	return utf8_prefix_len(text, len) == len;
}

#endif
