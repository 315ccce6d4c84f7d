/* Parts of frames. Each encode_*() writes at `out`, where the caller has made
 * room, and returns the end. */
#ifndef SLUICE_ENCODE_H
#define SLUICE_ENCODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline uint8_t *encode_bytes(uint8_t *out, const void *bytes, size_t len)
{
	memcpy(out, bytes, len);
	return out + len;
}

static inline size_t encode_decimal_len(uint64_t n)
{
	size_t len = 1;

	for (; n >= 10; n /= 10)
		len++;
	return len;
}

static inline uint8_t *encode_decimal(uint8_t *out, uint64_t n)
{
	uint8_t *end = out + encode_decimal_len(n);
	uint8_t *p = end;

	do {
		*--p = (uint8_t)('0' + n % 10);
		n /= 10;
	} while (n > 0);
	return end;
}

#endif
