#include "auth/rights.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "auth/rights_patterns.h"
#include "base/check.h"

struct rights {
	size_t n_default; /* rendered --subject; the first of the allowed */
	struct rights_patterns *patterns;
	struct span own[RIGHTS_OWN_MAX]; /* of the gateway; without hidden ones
					  */
	size_t n_own;
};

/* ---- building ------------------------------------------------------------ */

static int read_claim(struct rights_patterns **ret, struct http_error *why,
		      const struct rights_source *src)
{
	const struct rights_templates templates[] = {
		{"--subject", src->subjects, src->n_subjects},
		{"--allow-sub", src->allow_sub, src->n_allow_sub},
	};
	struct rights_claim claim;
	int rc;

	if (rights_claim_init(&claim, why, src->claim, src->claim_name) < 0)
		return -EINVAL;
	rc = rights_patterns_new(ret, why, templates, ARRAY_LEN(templates),
				 src->id, &claim.sub);
	rights_claim_finish(&claim);
	return rc;
}

static void add_own_subjects(struct rights *r, const struct rights_source *src)
{
	r->n_own = 0;
	for (size_t i = 0; i < RIGHTS_OWN_MAX; i++) {
		struct span own =
			span_of(src->own[i] == NULL ? "" : src->own[i]);

		if (own.len > 0 && !pattern_is_hidden(own))
			r->own[r->n_own++] = own;
	}
}

int rights_new(struct rights **ret, struct http_error *why,
	       const struct rights_source *src)
{
	struct rights *r = malloc(sizeof(*r));
	int rc;

	if (r == NULL)
		return -ENOMEM;
	rc = read_claim(&r->patterns, why, src);
	if (rc < 0) {
		free(r);
		return rc;
	}
	r->n_default = src->n_subjects;
	add_own_subjects(r, src);
	*ret = r;
	return 0;
}

void rights_free(struct rights *r)
{
	if (r == NULL)
		return;
	free(r->patterns);
	free(r);
}

const struct rights_patterns *rights_of_kv(const struct rights *r)
{
	return r->patterns;
}

/* ---- questions ----------------------------------------------------------- */

enum { SHOWN_MAX = RIGHTS_SHOWN_MAX };

static int reject_form(struct http_error *why, struct span text,
		       const char *fault)
{
	char shown[SHOWN_MAX];

	return http_error_set(why, 400, REJECT_BAD_SUBJECT,
			      "subject \"%s\" is not a NATS pattern: %s",
			      http_error_quote(shown, sizeof(shown), text.at,
					       text.len),
			      fault);
}

static bool is_own_subject(const struct rights *r, struct span pattern)
{
	for (size_t i = 0; i < r->n_own; i++)
		if (pattern_inside(pattern, r->own[i]))
			return true;
	return false;
}

int rights_check(const struct rights *r, struct span pattern,
		 struct http_error *why)
{
	const char *fault = pattern_fault(pattern);
	const struct span *denied;

	if (fault != NULL)
		return reject_form(why, pattern, fault);
	if (pattern_is_hidden(pattern))
		return rights_reject(why, "", pattern,
				     "its first token begins with $ or is "
				     "_INBOX");
	if (is_own_subject(r, pattern))
		return rights_reject(why, "", pattern,
				     "it is a subject of the gateway itself");
	if (rights_find_allowed(r->patterns, pattern) == NULL)
		return rights_reject(why, "", pattern,
				     "it is not inside a pattern that this "
				     "identity may read");
	denied = rights_find_denied(r->patterns, pattern);
	return denied == NULL ? 0
			      : rights_reject_denied(why, "", pattern, *denied);
}

bool rights_denies(const struct rights *r, struct span subject)
{
	const struct rights_patterns *p = r->patterns;

	if (pattern_is_hidden(subject) || is_own_subject(r, subject))
		return true;
	for (size_t i = 0; i < p->n_denied; i++)
		if (pattern_matches(rights_denied(p)[i], subject))
			return true;
	return false;
}

/* ---- selections ---------------------------------------------------------- */

static int select_asked(struct rights_selection *ret, struct http_error *why,
			const struct rights *r, const struct span *asked,
			size_t n)
{
	if (n > RIGHTS_REQUEST_MAX)
		return http_error_set(why, 400, REJECT_BAD_SUBJECT,
				      "subject is given %zu times, allowed are "
				      "%d",
				      n, RIGHTS_REQUEST_MAX);
	for (size_t i = 0; i < n; i++) {
		int rc = rights_check(r, asked[i], why);

		if (rc < 0)
			return rc;
		ret->patterns[i] = asked[i];
	}
	ret->n_patterns = n;
	return 0;
}

static int select_default(struct rights_selection *ret, struct http_error *why,
			  const struct rights *r)
{
	const struct rights_patterns *p = r->patterns;

	for (size_t i = 0; i < r->n_default; i++)
		if (rights_find_denied(p, p->list[i]) == NULL)
			ret->patterns[ret->n_patterns++] = p->list[i];
	if (ret->n_patterns > 0)
		return 0;
	return http_error_set(why, 403, REJECT_SUBJECT_NOT_ALLOWED,
			      "all subjects that are followed by default are "
			      "denied, name others with subject=");
}

static bool overlaps_any(struct span pattern, const struct span *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (pattern_overlaps(pattern, list[i]))
			return true;
	return false;
}

/* A hidden pattern denies nothing that a selection has. */
static void add_denied(struct rights_selection *s, const struct rights *r)
{
	const struct rights_patterns *p = r->patterns;
	const struct span *denied = rights_denied(p);

	for (size_t i = 0; i < p->n_denied; i++)
		if (!pattern_is_hidden(denied[i]) &&
		    overlaps_any(denied[i], s->patterns, s->n_patterns))
			s->denied[s->n_denied++] = denied[i];
	for (size_t i = 0; i < r->n_own; i++)
		if (overlaps_any(r->own[i], s->patterns, s->n_patterns))
			s->denied[s->n_denied++] = r->own[i];
}

int rights_select(struct rights_selection *ret, struct http_error *why,
		  const struct rights *r, const struct span *asked, size_t n)
{
	int rc;

	ret->n_patterns = 0;
	ret->n_denied = 0;
	rc = n > 0 ? select_asked(ret, why, r, asked, n)
		   : select_default(ret, why, r);
	if (rc < 0)
		return rc;
	ret->n_patterns = pattern_normalise(ret->patterns, ret->n_patterns);
	add_denied(ret, r);
	return 0;
}
