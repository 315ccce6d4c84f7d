/* Rights to read: the patterns that an identity may read as events, and those
 * it is denied.
 *
 *	allowed = rendered --subject and --allow-sub + the token's sub.allow
 *	denied  = the token's sub.deny + the gateway's own subjects
 *
 * Unlike in nats-server, an empty or missing sub.allow allows nothing: the
 * templates alone give rights then. A denied pattern wins over all allowed
 * ones, as in canSubscribeInternal() of server/client.go.
 *
 * Rights live as long as their request: a selection carries the denied patterns
 * that matter for it, so a subscription does not need them. */
#ifndef SLUICE_RIGHTS_H
#define SLUICE_RIGHTS_H

#include <stdbool.h>
#include <stddef.h>

#include "auth/rights_claim.h"
#include "base/span.h"
#include "http/http_error.h"
#include "nats/pattern.h"

/* Patterns in a request, repeats included. */
enum { RIGHTS_REQUEST_MAX = 32 };

/* Patterns of subjects of the gateway itself. */
enum { RIGHTS_OWN_MAX = 2 };

struct rights;
struct rights_patterns;

/* All borrowed, for the call. */
struct rights_source {
	/* Templates, at most RIGHTS_LIST_MAX in each list. Those of --subject
	 * are not hidden. Both are checked at the start. */
	char *const *subjects; /* --subject */
	size_t n_subjects;
	char *const *allow_sub; /* --allow-sub */
	size_t n_allow_sub;
	/* Patterns of the gateway's own subjects: replies of NATS, and its API.
	 * Denied whatever a rule allows. Borrowed as long as the rights, and
	 * the selections. Empty ones count for nothing. */
	const char *own[RIGHTS_OWN_MAX];
	/* subject_id_ok(), or empty: then no template has {id}. */
	struct span id;
	/* The value of the claim as JSON, `at` NULL without one. The size is
	 * bounded by that of a token. */
	struct span claim;
	const char *claim_name; /* for the error's text; with a claim */
};

/* At most 70 KB of memory. 0, -ENOMEM, or -EINVAL with *why (403): a
 * template makes no pattern of this identity (pattern_template_render()), or
 * the claim cannot be used (rights_claim_init()). */
int rights_new(struct rights **ret, struct http_error *why,
	       const struct rights_source *src);
void rights_free(struct rights *r);
/* The patterns as they are, for key-value (kv_rights.h); as long as `r`. */
const struct rights_patterns *rights_of_kv(const struct rights *r);

/* Checks a pattern of a request, any bytes. 0 when it may be read, or -EINVAL
 * with *why, which names it: 400 when it is no pattern; 403 when it is hidden,
 * is not inside one allowed pattern, or is inside a denied one. */
int rights_check(const struct rights *r, struct span pattern,
		 struct http_error *why);

/* True when a message with this subject must not be delivered, whatever pattern
 * matches it: it is hidden or denied. */
bool rights_denies(const struct rights *r, struct span subject);

/* The selection of a subscription: messages with a subject that matches one of
 * `patterns` and none of `denied`, and is not hidden. The texts are borrowed
 * from the rights and the request. Both lists are normalised, and `denied` has
 * no pattern that cannot matter, so equal selections have equal texts. */
struct rights_selection {
	struct span patterns[RIGHTS_LIST_MAX];
	size_t n_patterns; /* at least 1 */
	struct span denied[RIGHTS_LIST_MAX + RIGHTS_OWN_MAX];
	size_t n_denied;
};

/* The selection of a request that names `n` patterns; none: the rendered
 * --subject templates without those inside a denied pattern. 0, or -EINVAL with
 * *why: 400 when there are too many, 403 when nothing is left, and those of
 * rights_check(). */
int rights_select(struct rights_selection *ret, struct http_error *why,
		  const struct rights *r, const struct span *asked, size_t n);

#endif
