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
	JWT_KEYS_MAX = 16,
	JWT_KEYS_TRIES = 4, /* with one token */
	JWT_KEYS_ERROR_MAX = 160,
};

enum jwt_keys_kind {
	JWT_KEYS_PUBLIC, /* --jwt-key: PEM or JWKS */
	JWT_KEYS_SECRET, /* --jwt-secret: the bytes themselves */
};

struct jwt_keys;

/* Of a secret that is text (printable ASCII) the line's end behind it is not a
 * part; PEM, JSON, markup and text in UTF-16 are no secrets. Of a JWKS, keys
 * that are not for signatures, or of a kind or algorithm that is not known
 * here, are passed over, and so are those that are faulty; private members are
 * not looked at. 0, -ENOMEM, or -EINVAL with `err` (JWT_KEYS_ERROR_MAX bytes),
 * which never quotes the bytes. */
int jwt_keys_new(struct jwt_keys **ret, enum jwt_keys_kind kind,
		 const void *bytes, size_t len, char *err);
void jwt_keys_free(struct jwt_keys *s);

size_t jwt_keys_count(const struct jwt_keys *s);
size_t jwt_keys_passed_over(const struct jwt_keys *s);
/* Keys of a JWKS that are for signatures and can't be used; *why says what is
 * wrong with the first of them, without a byte of it. */
size_t jwt_keys_faulty(const struct jwt_keys *s, const char **why);

/* Is `sig` a signature of the bytes by a key of this set that is for the
 * algorithm `alg` (a name)? `kid` may be NULL; else only keys with this one
 * count, and those that have none. 0; -ENOKEY: no key is for it; -E2BIG: more
 * than JWT_KEYS_TRIES are; -EBADMSG: it is by none of them. */
int jwt_keys_verify(const struct jwt_keys *s, const char *alg, const char *kid,
		    const void *bytes, size_t len, const uint8_t *sig,
		    size_t sig_len);

#endif
