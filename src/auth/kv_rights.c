#include "auth/kv_rights.h"

#include <errno.h>

#include "auth/rights_patterns.h"
#include "base/check.h"

static const struct access_words {
	const char *what;
	const char *may;
} access_words[] = {
	[KV_ACCESS_READ] = {"reading ", "read"},
	[KV_ACCESS_WRITE] = {"publishing to ", "publish to"},
};

/* Also true for a pattern that is $KV alone, which matches no entry. */
static bool is_kv_pattern(struct span pattern)
{
	struct span first;

	return pattern_next_token(&pattern, &first) && first.len == 3 &&
	       memcmp(first.at, "$KV", 3) == 0;
}

static bool is_kv_allowed(const struct rights_patterns *p, struct span subject)
{
	for (size_t i = 0; i < p->n_allowed; i++)
		if (is_kv_pattern(p->list[i]) &&
		    pattern_inside(subject, p->list[i]))
			return true;
	return false;
}

int kv_rights_check(const struct rights_patterns *p, struct span subject,
		    enum kv_access access, struct http_error *why)
{
	const struct access_words *words = &access_words[access];
	const struct span *denied = rights_find_denied(p, subject);
	char fault[96];

	if (denied != NULL)
		return rights_reject_denied(why, words->what, subject, *denied);
	if (is_kv_allowed(p, subject))
		return 0;
	snprintf(fault, sizeof(fault),
		 "it is not inside a $KV pattern that this identity may %s",
		 words->may);
	return rights_reject(why, words->what, subject, fault);
}

/* What `allowed` and `pattern` have in common, to `out` (2 * PATTERN_MAX
 * bytes); returns its length. 0: nothing, or all of it is denied. */
static size_t find_common(char *out, const struct rights_patterns *p,
			  struct span allowed, struct span pattern)
{
	size_t len = 0;

	if (is_kv_pattern(allowed))
		len = pattern_intersect(out, allowed, pattern);
	if (len > 0 && rights_find_denied(p, (struct span){out, len}) != NULL)
		return 0;
	return len;
}

bool kv_rights_overlap(const struct rights_patterns *p, struct span pattern)
{
	char common[2 * PATTERN_MAX];

	MUST(pattern.len <= PATTERN_MAX);
	for (size_t i = 0; i < p->n_allowed; i++)
		if (find_common(common, p, p->list[i], pattern) > 0)
			return true;
	return false;
}

/* ---- selections ---------------------------------------------------------- */

static bool is_selected(const struct rights_selection *s, struct span pattern)
{
	for (size_t i = 0; i < s->n_patterns; i++)
		if (pattern_inside(pattern, s->patterns[i]))
			return true;
	return false;
}

static int reject_selection(struct http_error *why)
{
	return http_error_set(why, 403, REJECT_SUBJECT_NOT_ALLOWED,
			      "the rights of this identity cut the filter into "
			      "more than %d patterns, or one over %d bytes: "
			      "name a narrower filter",
			      RIGHTS_LIST_MAX, PATTERN_MAX);
}

static int add_common(struct rights_selection *s, struct buf *text,
		      struct http_error *why, struct span common)
{
	if (common.len == 0 || is_selected(s, common))
		return 0;
	if (common.len > PATTERN_MAX || s->n_patterns == RIGHTS_LIST_MAX)
		return reject_selection(why);
	MUST(common.len <= buf_room(text)); /* a span must not move */
	s->patterns[s->n_patterns++] =
		(struct span){(const char *)buf_tail(text), common.len};
	return buf_put(text, common.at, common.len);
}

static void add_kv_denied(struct rights_selection *s,
			  const struct rights_patterns *p)
{
	for (size_t i = 0; i < p->n_denied; i++) {
		struct span denied = rights_denied(p)[i];
		bool matters = false;

		for (size_t j = 0; j < s->n_patterns; j++)
			matters |= pattern_overlaps(denied, s->patterns[j]);
		if (matters)
			s->denied[s->n_denied++] = denied;
	}
}

int kv_rights_select(struct rights_selection *ret, struct buf *text,
		     struct http_error *why, const struct rights_patterns *p,
		     struct span pattern)
{
	char common[2 * PATTERN_MAX];
	int rc;

	MUST(pattern.len <= PATTERN_MAX);
	ret->n_patterns = ret->n_denied = 0;
	buf_clear(text);
	rc = buf_reserve(text, RIGHTS_LIST_MAX * PATTERN_MAX);
	for (size_t i = 0; rc == 0 && i < p->n_allowed; i++) {
		size_t len = find_common(common, p, p->list[i], pattern);

		rc = add_common(ret, text, why, (struct span){common, len});
	}
	if (rc < 0)
		return rc;
	ret->n_patterns = pattern_normalise(ret->patterns, ret->n_patterns);
	add_kv_denied(ret, p);
	return 0;
}
