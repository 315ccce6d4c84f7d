/* One key that verifies JSON Web Tokens, with the algorithms that it is for. A
 * token only chooses among these: a public key is never used as a secret,
 * whatever the token says (RFC 8725, section 3.1). */
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
	JWT_RSA_MAX_BITS = 8192, /* bounds the cost of a check */
};

struct jwk {
	unsigned algs;		  /* JWT_ALG_BIT()s */
	char *kid;		  /* owned; NULL: none */
	struct evp_pkey_st *pkey; /* a public key, or ... */
	uint8_t *secret;
	size_t secret_len;
};

/* Accepts the names above and "Ed25519" (RFC 9864), which is EdDSA. -EINVAL. */
int jwt_alg_parse(const char *name, enum jwt_alg *ret);

/* Each creates a key without kid, for all algorithms that fit it. 0, -ENOMEM,
 * or -EINVAL with *why (static). */

/* HS256; HS384 and HS512 when it is as long as their hash. */
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
/* One public key or certificate. A certificate's dates and issuer are ignored.
 */
int jwk_init_pem(struct jwk *k, const void *bytes, size_t len,
		 const char **why);
/* NULL and a zeroed key are fine. Wipes a secret. */
void jwk_finish(struct jwk *k);

/* Restricts the key to one algorithm. -EINVAL: it does not fit the key. */
int jwk_pin(struct jwk *k, enum jwt_alg alg);

/* True when `sig` is a signature of the bytes by this key. False for an
 * algorithm that the key is not for. */
bool jwk_verify(const struct jwk *k, enum jwt_alg alg, const void *bytes,
		size_t len, const uint8_t *sig, size_t sig_len);

/* True for a key or certificate in DER, which is public and must not be a
 * secret. */
bool jwk_is_der(const void *bytes, size_t len);

#endif
