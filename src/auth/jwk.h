/* One key that signatures of JSON Web Tokens are checked with, and the
 * algorithms that it is for. A token only ever chooses among these: so a public
 * key is never taken for a secret, whatever the token says (RFC 8725, 3.1). */
#ifndef SLUICE_JWK_H
#define SLUICE_JWK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct evp_pkey_st;

/* RFC 7518, 3.1; RFC 8037, 3.1. */
#define JWT_ALGS(X) \
	X(HS256)    \
	X(HS384)    \
	X(HS512)    \
	X(RS256)    \
	X(PS256)    \
	X(ES256)    \
	X(EdDSA)

enum jwt_alg {
#define X(name) JWT_##name,
	JWT_ALGS(X)
#undef X
		JWT_ALG_COUNT
};

#define JWT_ALG_BIT(alg) (1u << (alg))

enum {
	JWT_SECRET_MIN = 32, /* RFC 7518, 3.2, for HS256 */
	JWT_SECRET_MAX = 4096,
	JWT_RSA_MIN_BITS = 2048, /* RFC 7518, 3.3 */
	JWT_RSA_MAX_BITS = 8192, /* what a check may cost has an end */
};

struct jwk {
	unsigned algs;		  /* JWT_ALG_BIT()s */
	char *kid;		  /* owned; NULL: it has none */
	struct evp_pkey_st *pkey; /* a public key, or ... */
	uint8_t *secret;
	size_t secret_len;
};

/* -EINVAL for a name that is none of the above, nor "Ed25519" (RFC 9864), which
 * is EdDSA. */
int jwt_alg_parse(const char *name, enum jwt_alg *ret);

/* Each makes a key without kid of what it is given, for all algorithms that fit
 * it. 0, -ENOMEM, or -EINVAL with *why (static text). */

/* HS256, and HS384 and HS512 if it is as long as their hash. */
int jwk_init_secret(struct jwk *k, const void *bytes, size_t len,
		    const char **why);
/* RS256 and PS256. Big-endian numbers. */
int jwk_init_rsa(struct jwk *k, const uint8_t *n, size_t n_len,
		 const uint8_t *e, size_t e_len, const char **why);
/* ES256. Coordinates of 32 bytes. */
int jwk_init_p256(struct jwk *k, const uint8_t *x, size_t x_len,
		  const uint8_t *y, size_t y_len, const char **why);
/* EdDSA. 32 bytes. */
int jwk_init_ed25519(struct jwk *k, const uint8_t *x, size_t x_len,
		     const char **why);
/* One public key or certificate (its dates and its issuer do not matter). */
int jwk_init_pem(struct jwk *k, const void *bytes, size_t len,
		 const char **why);
/* Accepts NULL and a zeroed key. A secret is wiped. */
void jwk_finish(struct jwk *k);

/* For this algorithm alone. -EINVAL: it does not fit the key. */
int jwk_pin(struct jwk *k, enum jwt_alg alg);

/* Is `sig` a signature by this key of these bytes? False, too, for an algorithm
 * that the key is not for. */
bool jwk_verify(const struct jwk *k, enum jwt_alg alg, const void *bytes,
		size_t len, const uint8_t *sig, size_t sig_len);

/* Are the bytes a key or a certificate in DER? As a secret these would be one
 * that everybody knows. */
bool jwk_is_der(const void *bytes, size_t len);

#endif
