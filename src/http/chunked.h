/* The chunked transfer coding (RFC 9112, section 7.1). */
#ifndef SLUICE_CHUNKED_H
#define SLUICE_CHUNKED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/encode.h"

static inline size_t chunk_size_len(size_t n)
{
	size_t len = 1;

	for (; n >= 16; n /= 16)
		len++;
	return len;
}

/* The size line of a chunk: chunk_size_len() and two bytes. */
static inline uint8_t *encode_chunk_size_line(uint8_t *out, size_t body_len)
{
	uint8_t *end = out + chunk_size_len(body_len);

	for (uint8_t *p = end; p > out; body_len /= 16)
		*--p = (uint8_t) "0123456789abcdef"[body_len % 16];
	return encode_bytes(end, "\r\n", 2);
}

/* A short body, as a chunk or as it is. */
static inline uint8_t *encode_chunk(uint8_t *out, bool chunked,
				    const void *body, size_t len)
{
	if (!chunked)
		return encode_bytes(out, body, len);
	out = encode_chunk_size_line(out, len);
	out = encode_bytes(out, body, len);
	return encode_bytes(out, "\r\n", 2);
}

#endif
