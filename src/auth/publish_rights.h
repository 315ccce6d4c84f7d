/* Rights to publish: the subjects that a request may publish to.
 *
 *	allowed = rendered --allow-pub + the token's pub.allow
 *	denied  = the token's pub.deny, which wins over both
 *
 * As with the rights to read (rights.h), an empty or missing pub.allow allows
 * nothing. The gateway's own NATS user can do more than any client may: a
 * subject is checked here before NATS sees it. Rights live as long as their
 * request. */
#ifndef SLUICE_PUBLISH_RIGHTS_H
#define SLUICE_PUBLISH_RIGHTS_H

#include <stddef.h>

#include "auth/rights_claim.h"
#include "base/span.h"
#include "http/http_error.h"
#include "nats/pattern.h"

struct publish_rights;
struct rights_patterns;

/* All borrowed, for the call. */
struct publish_rights_source {
	/* Templates of --allow-pub, at most RIGHTS_LIST_MAX, checked at the
	 * start. */
	char *const *allow_pub;
	size_t n_allow_pub;
	/* As in struct rights_source. */
	struct span id;
	struct span claim;
	const char *claim_name;
	/* Subjects of the gateway itself, which are no client's whatever a rule
	 * says: prefixes of its inbox and of the JetStream API, without a dot
	 * at their end; NULL for none. They outlive the rights. */
	const char *inbox_prefix;
	const char *api_prefix;
};

/* At most 50 KB of memory. 0, -ENOMEM, or -EINVAL with *why (403): a template
 * makes no pattern of this identity, or the claim cannot be used. */
int publish_rights_new(struct publish_rights **ret, struct http_error *why,
		       const struct publish_rights_source *src);
void publish_rights_free(struct publish_rights *r);
/* The patterns as they are, for key-value (kv_rights.h); as long as `r`. */
const struct rights_patterns *publish_rights_of_kv(
	const struct publish_rights *r);

/* Checks a subject of a request, any bytes. 0 when it may be published to, or
 * -EINVAL with *why, which names it: 400 when it is no subject or has a
 * wildcard; 403 when it is hidden (pattern_is_hidden()) or the gateway's own,
 * is inside no allowed pattern, or is denied. */
int publish_rights_check(const struct publish_rights *r, struct span subject,
			 struct http_error *why);

/* The subject of a request that names none: the first --subject template,
 * rendered to `out` (PATTERN_MAX bytes). 0, or -EINVAL with *why (400): it has
 * a wildcard, or makes no pattern of this identity. The right to publish is not
 * checked. */
int publish_subject_default(struct span *ret, char *out, struct http_error *why,
			    const char *template, struct span id);

#endif
