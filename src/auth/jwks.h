/* The keys of a file: a JWKS (RFC 7517), or a public key or certificate in PEM;
 * in a file of its own, a secret. The option decides which of both a file is,
 * never its bytes: an error page instead of a JWKS, or a public key, would be a
 * secret that everybody knows. */
#ifndef SLUICE_JWKS_H
#define SLUICE_JWKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "auth/jwk.h"

enum {
	JWKS_MAX = 64,
	JWKS_TRIES = 4, /* keys tried for one token */
	JWKS_ERROR_MAX = 160,
};

enum jwks_kind {
	JWKS_PUBLIC, /* --jwt-key: PEM or JWKS */
	JWKS_SECRET, /* --jwt-secret: the bytes themselves */
};

struct jwks;

/* A secret of printable ASCII loses a line end at its end; PEM, JSON, markup
 * and UTF-16 are not accepted as secrets. In a JWKS, keys that are not for
 * signatures, of an unknown kind or algorithm, or faulty are skipped; private
 * members are ignored. 0, -ENOMEM, or -EINVAL with `err` (JWKS_ERROR_MAX
 * bytes), which never quotes the bytes. */
int jwks_new(struct jwks **ret, enum jwks_kind kind, const void *bytes,
	     size_t len, char *err);
void jwks_free(struct jwks *s);

size_t jwks_count(const struct jwks *s);
/* True when a key has this kid. */
bool jwks_has_kid(const struct jwks *s, const char *kid);
size_t jwks_ignored(const struct jwks *s);
/* Number of keys of a JWKS that are for signatures and faulty; *why says what
 * is wrong with the first one, without quoting it. */
size_t jwks_faulty(const struct jwks *s, const char **why);

/* Verifies the signature `sig` of the bytes by the keys for algorithm `alg` (a
 * name); with a `kid`, only by keys with the same kid or without one. 0;
 * -ENOKEY: no key fits; -E2BIG: more than JWKS_TRIES fit; -EBADMSG: not by any
 * of them. */
int jwks_verify(const struct jwks *s, const char *alg, const char *kid,
		const void *bytes, size_t len, const uint8_t *sig,
		size_t sig_len);

#endif
