#include "nats/nkey.h"

#include <errno.h>
#include <string.h>

#include <sodium.h>

/* A seed is base32 without padding of
 *
 *	"S" and the key's type (2 bytes) | 32 bytes of seed | CRC-16
 *
 * and a public key is base32 of its type (1 byte), the key and the CRC: that of
 * XMODEM, low byte first. */

enum {
	SEED_TEXT = 58,
	SEED_RAW = 36,
	PUBLIC_RAW = 35,
	PREFIX_SEED = 18 << 3, /* 'S' */
	PREFIX_USER = 20 << 3, /* 'U' */
};

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

static uint16_t crc16_xmodem(const uint8_t *bytes, size_t len)
{
	unsigned crc = 0;

	for (size_t i = 0; i < len; i++) {
		crc ^= (unsigned)bytes[i] << 8;
		for (int bit = 0; bit < 8; bit++)
			crc = crc & 0x8000 ? crc << 1 ^ 0x1021 : crc << 1;
		crc &= 0xffff;
	}
	return (uint16_t)crc;
}

/* Decodes SEED_TEXT characters to SEED_RAW bytes. */
static int decode_base32(uint8_t *out, const char *text)
{
	unsigned bits = 0, n_bits = 0;

	for (size_t i = 0; i < SEED_TEXT; i++) {
		const char *at = memchr(alphabet, text[i], 32);

		if (at == NULL)
			return -EINVAL;
		bits = (bits << 5 | (unsigned)(at - alphabet)) & 0xffff;
		n_bits += 5;
		if (n_bits >= 8) {
			n_bits -= 8;
			*out++ = (uint8_t)(bits >> n_bits);
		}
	}
	return 0;
}

static void encode_base32(char *out, const uint8_t *bytes, size_t len)
{
	unsigned bits = 0, n_bits = 0;

	for (size_t i = 0; i < len; i++) {
		bits = (bits << 8 | bytes[i]) & 0xffff;
		n_bits += 8;
		while (n_bits >= 5) {
			n_bits -= 5;
			*out++ = alphabet[bits >> n_bits & 31];
		}
	}
	*out = '\0';
}

static int key_from_seed(struct nkey *ret, const char *text)
{
	uint8_t raw[SEED_RAW];
	int rc = decode_base32(raw, text);

	if (rc == 0 &&
	    ((raw[0] & 0xf8) != PREFIX_SEED ||
	     ((raw[0] & 7) << 5 | raw[1] >> 3) != PREFIX_USER ||
	     crc16_xmodem(raw, SEED_RAW - 2) != (raw[34] | raw[35] << 8)))
		rc = -EINVAL;
	if (rc == 0)
		crypto_sign_seed_keypair(ret->public_key, ret->secret_key,
					 raw + 2);
	sodium_memzero(raw, sizeof(raw));
	return rc;
}

int nkey_find(struct nkey *ret, const char *text, size_t len)
{
	static const char blanks[] = " \t\r\n";
	size_t at = 0;

	while (at < len) {
		size_t end = at;

		while (end < len && memchr(blanks, text[end], 4) == NULL)
			end++;
		if (end - at == SEED_TEXT && key_from_seed(ret, text + at) == 0)
			return 0;
		at = end + 1;
	}
	return -EINVAL;
}

void nkey_public(const struct nkey *k, char *out)
{
	uint8_t raw[PUBLIC_RAW];
	uint16_t crc;

	raw[0] = PREFIX_USER;
	memcpy(raw + 1, k->public_key, sizeof(k->public_key));
	crc = crc16_xmodem(raw, PUBLIC_RAW - 2);
	raw[33] = (uint8_t)(crc & 0xff);
	raw[34] = (uint8_t)(crc >> 8);
	encode_base32(out, raw, sizeof(raw));
}

void nkey_sign(const struct nkey *k, const void *msg, size_t len, uint8_t *out)
{
	crypto_sign_detached(out, NULL, msg, len, k->secret_key);
}

void nkey_wipe(struct nkey *k)
{
	sodium_memzero(k, sizeof(*k));
}
