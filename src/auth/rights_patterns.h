/* Allowed and denied patterns of an identity: what the rights to read
 * (rights.h) and the rights to publish (publish_rights.h) are made of.
 *
 *	allowed = rendered templates of the options + `allow` of the token
 *	denied  = `deny` of the token, which wins over all allowed patterns
 *
 * One allocation, for free(). */
#ifndef SLUICE_RIGHTS_PATTERNS_H
#define SLUICE_RIGHTS_PATTERNS_H

#include <stddef.h>

#include "auth/rights_claim.h"
#include "base/span.h"
#include "http/http_error.h"

struct rights_patterns {
	size_t n_allowed;
	size_t n_denied;
	/* The allowed ones in the order of their sources, then the denied ones,
	 * normalised; their bytes follow. */
	struct span list[];
};

/* The templates of one option, at most RIGHTS_LIST_MAX. */
struct rights_templates {
	const char *option; /* "--subject", for the text of errors */
	char *const *list;
	size_t n;
};

/* `id`: subject_id_ok(), or empty: then no template has {id}. 0, -ENOMEM, or
 * -EINVAL with *why (403): a template makes no pattern of this identity
 * (pattern_template_render()). */
int rights_patterns_new(struct rights_patterns **ret, struct http_error *why,
			const struct rights_templates *templates, size_t n,
			struct span id, const struct rights_claim_part *claim);

static inline const struct span *rights_denied(const struct rights_patterns *p)
{
	return p->list + p->n_allowed;
}

/* The first allowed, or denied, pattern that `pattern` is inside, or NULL. */
const struct span *rights_find_allowed(const struct rights_patterns *p,
				       struct span pattern);
const struct span *rights_find_denied(const struct rights_patterns *p,
				      struct span pattern);

/* Room for one of two patterns in the text of an error. */
enum { RIGHTS_SHOWN_MAX = 88 };

/* printable(), to `out` (RIGHTS_SHOWN_MAX bytes); returns it. */
const char *rights_show(char *out, struct span pattern);

/* 403 with the pattern. `what`: "publishing to ", or "". Return -EINVAL. */
int rights_reject(struct http_error *why, const char *what, struct span pattern,
		  const char *fault);
int rights_reject_denied(struct http_error *why, const char *what,
			 struct span pattern, struct span denied);

#endif
