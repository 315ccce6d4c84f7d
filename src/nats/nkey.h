/* NATS user keys: Ed25519 keys that sign a server's nonce. The seed is a text
 * ("SU...", base32 with a checksum). */
#ifndef SLUICE_NKEY_H
#define SLUICE_NKEY_H

#include <stddef.h>
#include <stdint.h>

enum {
	NKEY_PUBLIC_MAX = 57, /* "U..." with its NUL */
	NKEY_SIGNATURE_LEN = 64,
};

struct nkey {
	uint8_t public_key[32];
	uint8_t secret_key[64];
};

/* Finds the first user seed between blanks in `text`, a seed file or a
 * decorated one. -EINVAL when there is none. The caller calls nkey_wipe(). */
int nkey_find(struct nkey *ret, const char *text, size_t len);
/* `out` has NKEY_PUBLIC_MAX bytes. */
void nkey_public(const struct nkey *k, char *out);
/* `out` has NKEY_SIGNATURE_LEN bytes. */
void nkey_sign(const struct nkey *k, const void *msg, size_t len, uint8_t *out);
void nkey_wipe(struct nkey *k);

#endif
