#include "base/base64.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include <sodium.h>

/* libsodium 1.0.18 accepts bytes above ASCII as digits. */
static bool is_ascii_text(const char *text, size_t len)
{
	unsigned char all = 0;

	for (size_t i = 0; i < len; i++)
		all |= (unsigned char)text[i];
	return all < 0x80;
}

static int decode_base64(const char *text, size_t len, void *out, size_t max,
			 size_t *n, int variant)
{
	if (!is_ascii_text(text, len) ||
	    sodium_base642bin(out, max, text, len, NULL, n, NULL, variant) != 0)
		return -EINVAL;
	return 0;
}

int base64_decode(const char *text, size_t len, void *out, size_t max,
		  size_t *n)
{
	return decode_base64(text, len, out, max, n,
			     sodium_base64_VARIANT_ORIGINAL);
}

int base64url_decode(const char *text, size_t len, void *out, size_t max,
		     size_t *n)
{
	return decode_base64(text, len, out, max, n,
			     sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}
