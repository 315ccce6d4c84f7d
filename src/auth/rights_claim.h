/* The claim with the rights of a token, in the form of NATS user JWTs
 * (Permissions and Permission of nats-io/jwt v2, types.go):
 *
 *	{"sub": {"allow": [...], "deny": [...]}, "pub": {...}}
 *
 * The claim is checked as a whole before any of it is used: a part that cannot
 * be read could hold a `deny`. */
#ifndef SLUICE_RIGHTS_CLAIM_H
#define SLUICE_RIGHTS_CLAIM_H

#include <stddef.h>

#include "base/span.h"
#include "http/http_error.h"
#include "nats/pattern.h"

struct json_t;

enum { RIGHTS_LIST_MAX = 64 }; /* patterns in a list */

/* The patterns of one part, as written. */
struct rights_claim_part {
	struct span allow[RIGHTS_LIST_MAX];
	size_t n_allow;
	struct span deny[RIGHTS_LIST_MAX];
	size_t n_deny;
};

struct rights_claim {
	struct rights_claim_part sub, pub;
	struct json_t *json; /* has their bytes */
};

/* Reads the value of the claim `name`. 0, or -EINVAL with *why (403), which
 * never quotes it, when it cannot be used:
 *
 * - It is no JSON, is nested deeper than JSON_DEPTH_MAX, or has doubled
 *   members.
 * - It has another type than in the form above, a text that is no pattern, a
 *   queue group ("orders q1"), or more than RIGHTS_LIST_MAX patterns in a list.
 *   Both parts are checked, whichever the caller needs.
 * - A member differs from `sub`, `pub`, `allow` or `deny` only in case: Go's
 *   JSON takes it for that member, so ignoring it could ignore a `deny`.
 *
 * Absent, null and empty objects and lists are fine; other members are ignored.
 * An absent claim (`at` is NULL) has empty lists. */
int rights_claim_init(struct rights_claim *ret, struct http_error *why,
		      struct span json, const char *name);
void rights_claim_finish(struct rights_claim *c);

#endif
