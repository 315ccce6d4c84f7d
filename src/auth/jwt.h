/* JSON Web Tokens (RFC 7519) in the compact form of a signature (RFC 7515): who
 * a good one names, and how long it is good. Time is an argument. */
#ifndef SLUICE_JWT_H
#define SLUICE_JWT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "auth/identity.h"
#include "auth/jwks.h"
#include "http/http_error.h"

enum { JWT_MAX = 8 * 1024 }; /* bytes of a token */

/* What a token has to say beside its signature. All borrowed. */
struct jwt_rules {
	const char *claim; /* whose value is the identity */
	char *const *audiences;
	size_t n_audiences;
	char *const *issuers; /* none: any */
	size_t n_issuers;
	uint64_t leeway_ms; /* how wrong the clocks may be */
	bool no_exp;	    /* tokens without exp are taken */
};

struct jwt {
	struct identity id;
	bool expires;
	uint64_t end_ms; /* since 1970: `exp` */
};

/* Verifies a token at a time (ms since 1970). 0, or -EINVAL with *why, whose
 * text says what is wrong and quotes nothing of the token:
 *
 * - 401: not of the form, or nested deeper than JSON_DEPTH_MAX; an
 *   algorithm, key or signature that is not ours; too old (exp), too young
 * (nbf); an audience that is none of ours, also when we have none (RFC
 * 7519, 4.1.3), or none where we have one; another issuer.
 * - 403: a good one, whose claim is no identity.
 *
 * Nothing of the claims is read before the signature is good. A token without
 * exp, where the rules take it, does not expire; else it is a 401. */
int jwt_verify(struct jwt *ret, struct http_error *why, const struct jwks *keys,
	       const struct jwt_rules *rules, const char *token, size_t len,
	       uint64_t now_ms);

#endif
