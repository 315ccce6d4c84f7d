/* JSON Web Tokens (RFC 7519), signed, in compact form (RFC 7515): verification,
 * and the identity of a valid one. Time is an argument. */
#ifndef SLUICE_JWT_H
#define SLUICE_JWT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "auth/identity.h"
#include "auth/jwks.h"
#include "http/http_error.h"

enum { JWT_MAX = 8 * 1024 }; /* bytes of a token */

/* Requirements on the claims. All borrowed. */
struct jwt_rules {
	const char *claim; /* name of the claim with the identity */
	char *const *audiences;
	size_t n_audiences;
	char *const *issuers; /* none: any issuer */
	size_t n_issuers;
	uint64_t leeway_ms; /* tolerance for clocks */
	bool no_exp;	    /* accept tokens without exp */
	const char *rights; /* name of the claim with the rights, or NULL */
};

struct jwt {
	struct identity id;
	bool expires;
	uint64_t end_ms; /* `exp`, since 1970 */
	/* Value of the claim rules.rights as JSON, not checked; NULL when
	 * absent. Owned: jwt_finish() */
	char *rights;
};

/* Verifies a token at a time, in ms since 1970. 0, -ENOMEM, or -EINVAL with
 * *why, which quotes nothing of the token:
 *
 * - 401: malformed, or nested deeper than JSON_DEPTH_MAX; algorithm, key or
 *   signature
 *   wrong; expired (exp), not yet valid (nbf); an audience, but not a
 * configured one (RFC 7519, section 4.1.3), or none where one is configured;
 * another issuer.
 * - 403: valid, but the claim is not an identity.
 *
 * -ENOKEY with *why: newer keys may verify it, since no key has its kid (401),
 * or `keys` is NULL (503).
 *
 * Claims are read only after the signature is verified. A token without exp is
 * 401, or does not expire where the rules accept it. */
int jwt_verify(struct jwt *ret, struct http_error *why, const struct jwks *keys,
	       const struct jwt_rules *rules, const char *token, size_t len,
	       uint64_t now_ms);
void jwt_finish(struct jwt *t);

#endif
