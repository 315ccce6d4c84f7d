/* The keys of tokens, as a file has them: a JWKS (RFC 7517), a public key or a
 * certificate in PEM; or, in a file of its own, a secret. Which of the two it
 * is the option says, and never the file: an error page in place of a JWKS, or
 * a public key as a secret, would be a secret that everybody knows. */
#ifndef SLUICE_JWKS_H
#define SLUICE_JWKS_H

#include <stddef.h>
#include <stdint.h>

#include "auth/jwk.h"

enum {
	JWKS_MAX = 16,
	JWKS_TRIES = 4, /* with one token */
	JWKS_ERROR_MAX = 160,
};

enum jwks_kind {
	JWKS_PUBLIC, /* --jwt-key: PEM or JWKS */
	JWKS_SECRET, /* --jwt-secret: the bytes themselves */
};

struct jwks;

/* Of a secret that is text (printable ASCII) the line's end behind it is not a
 * part; PEM, JSON, markup and text in UTF-16 are no secrets. Of a JWKS, keys
 * that are not for signatures, or of a kind or algorithm that is not known
 * here, are passed over, and so are those that are faulty; private members are
 * not looked at. 0, -ENOMEM, or -EINVAL with `err` (JWKS_ERROR_MAX bytes),
 * which never quotes the bytes. */
int jwks_new(struct jwks **ret, enum jwks_kind kind, const void *bytes,
	     size_t len, char *err);
void jwks_free(struct jwks *s);

size_t jwks_count(const struct jwks *s);
size_t jwks_passed_over(const struct jwks *s);
/* Keys of a JWKS that are for signatures and can't be used; *why says what is
 * wrong with the first of them, without a byte of it. */
size_t jwks_faulty(const struct jwks *s, const char **why);

/* Is `sig` a signature of the bytes by a key of this set that is for the
 * algorithm `alg` (a name)? `kid` may be NULL; else only keys with this one
 * count, and those that have none. 0; -ENOKEY: no key is for it; -E2BIG: more
 * than JWKS_TRIES are; -EBADMSG: it is by none of them. */
int jwks_verify(const struct jwks *s, const char *alg, const char *kid,
		const void *bytes, size_t len, const uint8_t *sig,
		size_t sig_len);

#endif
