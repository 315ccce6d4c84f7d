/* Base64 (RFC 4648): the standard alphabet with padding, and base64url. */
#ifndef SLUICE_BASE64_H
#define SLUICE_BASE64_H

#include <stddef.h>
#include <stdint.h>

/* Decodes the standard alphabet with padding (section 4) to `*n` bytes, at most
 * `max`. -EINVAL for any other byte, and when they do not fit. */
int base64_decode(const char *text, size_t len, void *out, size_t max,
		  size_t *n);

/* Decodes base64url without padding (section 5; RFC 7515, section 2). Unused
 * bits of the last letter must be 0, so that the same bytes have one text. */
int base64url_decode(const char *text, size_t len, void *out, size_t max,
		     size_t *n);

static inline size_t base64_encoded_len(size_t len)
{
	return (len + 2) / 3 * 4;
}

/* Writes base64_encoded_len() bytes; returns the end. */
static inline uint8_t *base64_encode(uint8_t *out, const uint8_t *p, size_t len)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "abcdefghijklmnopqrstuvwxyz0123456789+/";
	uint32_t word;

	for (; len >= 3; len -= 3, p += 3) {
		word = (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
		*out++ = (uint8_t)digits[word >> 18];
		*out++ = (uint8_t)digits[word >> 12 & 63];
		*out++ = (uint8_t)digits[word >> 6 & 63];
		*out++ = (uint8_t)digits[word & 63];
	}
	if (len == 0)
		return out;
	word = (uint32_t)p[0] << 16 | (len == 2 ? (uint32_t)p[1] << 8 : 0);
	*out++ = (uint8_t)digits[word >> 18];
	*out++ = (uint8_t)digits[word >> 12 & 63];
	*out++ = len == 2 ? (uint8_t)digits[word >> 6 & 63] : '=';
	*out++ = '=';
	return out;
}

#endif
