#include "auth/rights.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/printable.h"
#include "nats/pattern_template.h"
#include "nats/subject.h"

/* The bytes of the patterns follow the list. */
struct rights {
	size_t n_default; /* rendered --subject; the first of the allowed */
	size_t n_allowed;
	size_t n_denied; /* behind the allowed */
	struct span patterns[];
};

static const struct span *denied_patterns(const struct rights *r)
{
	return r->patterns + r->n_allowed;
}

/* ---- building ------------------------------------------------------------ */

static int reject_template(struct http_error *why, const char *option,
			   const char *text, const char *fault)
{
	char shown[PRINTABLE_MAX];

	return http_error_set(why, 403, REJECT_BAD_RIGHTS,
			      "%s %s makes no pattern of this identity: %s",
			      option,
			      printable_text(shown, sizeof(shown), text),
			      fault);
}

/* Adds the length of the rendered templates to *bytes. */
static int measure_templates(size_t *bytes, struct http_error *why,
			     char *const *list, size_t n, struct span id,
			     const char *option)
{
	char pattern[PATTERN_MAX];
	size_t len = 0;

	MUST(n <= RIGHTS_LIST_MAX);
	for (size_t i = 0; i < n; i++) {
		struct span text = span_of(list[i]);
		const char *fault;

		MUST(id.len > 0 || !pattern_template_has_id(text));
		fault = pattern_template_render(text, id, pattern, &len);
		if (fault != NULL)
			return reject_template(why, option, list[i], fault);
		*bytes += len;
	}
	return 0;
}

static size_t measure_patterns(const struct span *list, size_t n)
{
	size_t bytes = 0;

	for (size_t i = 0; i < n; i++)
		bytes += list[i].len;
	return bytes;
}

/* Where the next pattern and its bytes go. */
struct rights_writer {
	struct span *pattern;
	char *bytes;
};

static void add_templates(struct rights_writer *w, char *const *list, size_t n,
			  struct span id)
{
	for (size_t i = 0; i < n; i++) {
		size_t len = 0;

		MUST(pattern_template_render(span_of(list[i]), id, w->bytes,
					     &len) == NULL);
		*w->pattern++ = (struct span){w->bytes, len};
		w->bytes += len;
	}
}

static void add_patterns(struct rights_writer *w, const struct span *list,
			 size_t n)
{
	for (size_t i = 0; i < n; i++) {
		memcpy(w->bytes, list[i].at, list[i].len);
		*w->pattern++ = (struct span){w->bytes, list[i].len};
		w->bytes += list[i].len;
	}
}

/* `bytes`: of the rendered templates. */
static struct rights *build_rights(const struct rights_source *src,
				   const struct rights_claim *c, size_t bytes)
{
	size_t n_allowed = src->n_subjects + src->n_allow_sub + c->n_allow;
	size_t n = n_allowed + c->n_deny;
	struct rights_writer w;
	struct rights *r;

	bytes += measure_patterns(c->allow, c->n_allow) +
		 measure_patterns(c->deny, c->n_deny);
	r = malloc(sizeof(*r) + n * sizeof(r->patterns[0]) + bytes);
	if (r == NULL)
		return NULL;
	w = (struct rights_writer){r->patterns, (char *)(r->patterns + n)};
	r->n_default = src->n_subjects;
	r->n_allowed = n_allowed;
	add_templates(&w, src->subjects, src->n_subjects, src->id);
	add_templates(&w, src->allow_sub, src->n_allow_sub, src->id);
	add_patterns(&w, c->allow, c->n_allow);
	add_patterns(&w, c->deny, c->n_deny);
	MUST(w.pattern == r->patterns + n);
	MUST(w.bytes == (char *)(r->patterns + n) + bytes);
	r->n_denied = pattern_normalise(r->patterns + n_allowed, c->n_deny);
	return r;
}

int rights_new(struct rights **ret, struct http_error *why,
	       const struct rights_source *src)
{
	struct rights_claim claim;
	struct rights *r;
	size_t bytes = 0;

	if (measure_templates(&bytes, why, src->subjects, src->n_subjects,
			      src->id, "--subject") < 0 ||
	    measure_templates(&bytes, why, src->allow_sub, src->n_allow_sub,
			      src->id, "--allow-sub") < 0 ||
	    rights_claim_init(&claim, why, src->claim, src->claim_name) < 0)
		return -EINVAL;
	r = build_rights(src, &claim, bytes);
	rights_claim_finish(&claim);
	if (r == NULL)
		return -ENOMEM;
	*ret = r;
	return 0;
}

void rights_free(struct rights *r)
{
	free(r);
}

/* ---- questions ----------------------------------------------------------- */

/* Room for two patterns in the text of an error. */
enum { SHOWN_MAX = 88 };

static const char *show_pattern(char *out, struct span pattern)
{
	return printable(out, SHOWN_MAX, pattern.at, pattern.len);
}

/* The first pattern of the list that `pattern` is inside, or NULL. */
static const struct span *find_around(const struct span *list, size_t n,
				      struct span pattern)
{
	for (size_t i = 0; i < n; i++)
		if (pattern_inside(pattern, list[i]))
			return &list[i];
	return NULL;
}

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

static int reject_pattern(struct http_error *why, struct span pattern,
			  const char *fault)
{
	char shown[SHOWN_MAX];

	return http_error_set(why, 403, REJECT_SUBJECT_NOT_ALLOWED,
			      "subject \"%s\" is not allowed: %s",
			      show_pattern(shown, pattern), fault);
}

static int reject_denied(struct http_error *why, struct span pattern,
			 struct span denied)
{
	char shown[SHOWN_MAX], by[SHOWN_MAX];

	return http_error_set(why, 403, REJECT_SUBJECT_NOT_ALLOWED,
			      "subject \"%s\" is denied: it is inside \"%s\"",
			      show_pattern(shown, pattern),
			      show_pattern(by, denied));
}

int rights_check(const struct rights *r, struct span pattern,
		 struct http_error *why)
{
	const char *fault = pattern_fault(pattern);
	const struct span *denied;

	if (fault != NULL)
		return reject_form(why, pattern, fault);
	if (pattern_is_hidden(pattern))
		return reject_pattern(why, pattern,
				      "its first token begins with $ or is "
				      "_INBOX");
	if (find_around(r->patterns, r->n_allowed, pattern) == NULL)
		return reject_pattern(why, pattern,
				      "it is not inside a pattern that this "
				      "identity may read");
	denied = find_around(denied_patterns(r), r->n_denied, pattern);
	return denied == NULL ? 0 : reject_denied(why, pattern, *denied);
}

bool rights_denies(const struct rights *r, struct span subject)
{
	const struct span *denied = denied_patterns(r);

	if (pattern_is_hidden(subject))
		return true;
	for (size_t i = 0; i < r->n_denied; i++)
		if (pattern_matches(denied[i], subject))
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
	for (size_t i = 0; i < r->n_default; i++)
		if (find_around(denied_patterns(r), r->n_denied,
				r->patterns[i]) == NULL)
			ret->patterns[ret->n_patterns++] = r->patterns[i];
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
	const struct span *denied = denied_patterns(r);

	for (size_t i = 0; i < r->n_denied; i++)
		if (!pattern_is_hidden(denied[i]) &&
		    overlaps_any(denied[i], s->patterns, s->n_patterns))
			s->denied[s->n_denied++] = denied[i];
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
