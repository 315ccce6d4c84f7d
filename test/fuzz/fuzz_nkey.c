/* Seeds of NATS users: one that is made here is found in any text, gives its
 * own key and no other, and a text in which a letter is another is none.
 *
 * Input: a byte that says which letter to change, a seed's 32 bytes, and a text
 * to put it into, where it is NUL. */
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/check.h"
#include "fuzz.h"
#include "nats/nkey.h"

enum { RAW = 36, TEXT = 58, SEED = 32 };

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/* XMODEM's, by its polynomial, bit by bit. */
static unsigned checksum(const uint8_t *bytes, size_t len)
{
	unsigned crc = 0;

	for (size_t i = 0; i < len * 8; i++) {
		unsigned bit = bytes[i / 8] >> (7 - i % 8) & 1;

		crc = (crc << 1 & 0xffff) ^
		      ((crc >> 15 ^ bit) & 1 ? 0x1021 : 0);
	}
	return crc;
}

/* TEXT letters and a NUL. */
static void write_seed(char *out, const uint8_t *seed)
{
	/* "S", then "U" in the next five bits: 10010 10100, padded. */
	uint8_t raw[RAW + 1] = {0x95, 0x00};
	unsigned crc;

	memcpy(raw + 2, seed, SEED);
	crc = checksum(raw, SEED + 2);
	raw[34] = (uint8_t)(crc & 0xff);
	raw[35] = (uint8_t)(crc >> 8);
	for (size_t i = 0; i < TEXT; i++) {
		unsigned value = 0;

		for (size_t bit = i * 5; bit < i * 5 + 5; bit++)
			value = value << 1 |
				(raw[bit / 8] >> (7 - bit % 8) & 1);
		out[i] = letters[value];
	}
	out[TEXT] = '\0';
}

static void must_be_key(const struct nkey *k)
{
	char text[NKEY_PUBLIC_MAX];
	uint8_t sig[NKEY_SIGNATURE_LEN];

	nkey_public(k, text);
	MUST(strlen(text) == NKEY_PUBLIC_MAX - 1 && text[0] == 'U');
	MUST(strspn(text, letters) == NKEY_PUBLIC_MAX - 1);
	nkey_sign(k, text, sizeof(text), sig);
	MUST(crypto_sign_verify_detached(sig, (const uint8_t *)text,
					 sizeof(text), k->public_key) == 0);
}

static void must_find(const char *text, size_t len, const uint8_t *public_key)
{
	struct nkey k;

	MUST(nkey_find(&k, text, len) == 0);
	MUST(memcmp(k.public_key, public_key, sizeof(k.public_key)) == 0);
	must_be_key(&k);
	nkey_wipe(&k);
}

/* The last letter's lower bits are padding, so it may differ. */
static void must_notice(const char *seed, uint8_t which)
{
	char changed[TEXT + 1];
	size_t at = which % (TEXT - 1);
	struct nkey k;

	memcpy(changed, seed, sizeof(changed));
	changed[at] = changed[at] == 'A' ? 'B' : 'A';
	MUST(nkey_find(&k, changed, TEXT) < 0);
}

/* The text, with the seed between blanks where its first NUL is, or behind it.
 * Another seed in it may come first. */
static void must_be_found_in(const char *text, size_t len, const char *seed,
			     const uint8_t *public_key)
{
	const char *gap = len == 0 ? NULL : memchr(text, '\0', len);
	size_t before = gap == NULL ? len : (size_t)(gap - text);
	char *all = malloc(len + TEXT + 2);
	struct nkey other;

	MUST(all != NULL);
	if (len > 0 && nkey_find(&other, text, len) == 0) {
		must_be_key(&other);
		nkey_wipe(&other);
		free(all);
		return;
	}
	if (before > 0)
		memcpy(all, text, before);
	all[before] = '\n';
	memcpy(all + before + 1, seed, TEXT);
	all[before + 1 + TEXT] = ' ';
	if (len > before)
		memcpy(all + before + TEXT + 2, text + before, len - before);
	must_find(all, len + TEXT + 2, public_key);
	free(all);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = {data, size};
	uint8_t which = fuzz_take_byte(&in), seed[SEED], public_key[32];
	uint8_t secret_key[64];
	char text[TEXT + 1], *rest;
	size_t len = 0;

	for (size_t i = 0; i < SEED; i++)
		seed[i] = fuzz_take_byte(&in);
	crypto_sign_seed_keypair(public_key, secret_key, seed);
	write_seed(text, seed);
	must_find(text, TEXT, public_key);
	must_notice(text, which);
	rest = fuzz_take_rest(&in, &len);
	must_be_found_in(rest == NULL ? "" : rest, rest == NULL ? 0 : len, text,
			 public_key);
	free(rest);
	return 0;
}
