/* Bytes that every form of a message is made of. Each put_*() writes behind
 * `out`, where there is room, and returns what follows. */
#ifndef SLUICE_ENCODE_H
#define SLUICE_ENCODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline uint8_t *put_bytes(uint8_t *out, const void *bytes, size_t len)
{
	memcpy(out, bytes, len);
	return out + len;
}

static inline size_t put_decimal_len(uint64_t n)
{
	size_t len = 1;

	for (; n >= 10; n /= 10)
		len++;
	return len;
}

static inline uint8_t *put_decimal(uint8_t *out, uint64_t n)
{
	uint8_t *end = out + put_decimal_len(n);
	uint8_t *p = end;

	do {
		*--p = (uint8_t)('0' + n % 10);
		n /= 10;
	} while (n > 0);
	return end;
}

static inline size_t put_hex_len(size_t n)
{
	size_t len = 1;

	for (; n >= 16; n /= 16)
		len++;
	return len;
}

/* A chunk's head (RFC 9112, 7.1): put_hex_len() and two bytes. */
static inline uint8_t *put_chunk_head(uint8_t *out, size_t body_len)
{
	uint8_t *end = out + put_hex_len(body_len);

	for (uint8_t *p = end; p > out; body_len /= 16)
		*--p = (uint8_t) "0123456789abcdef"[body_len % 16];
	return put_bytes(end, "\r\n", 2);
}

/* A short body as a chunk, or bare. */
static inline uint8_t *put_chunk(uint8_t *out, bool chunked, const void *body,
				 size_t len)
{
	if (!chunked)
		return put_bytes(out, body, len);
	out = put_chunk_head(out, len);
	out = put_bytes(out, body, len);
	return put_bytes(out, "\r\n", 2);
}

static inline size_t put_base64_len(size_t len)
{
	return (len + 2) / 3 * 4;
}

/* Standard alphabet, padded (RFC 4648, section 4). */
static inline uint8_t *put_base64(uint8_t *out, const uint8_t *p, size_t len)
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
