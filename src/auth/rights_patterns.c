#include "auth/rights_patterns.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/printable.h"
#include "nats/pattern_template.h"

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
			     const struct rights_templates *t, struct span id)
{
	char pattern[PATTERN_MAX];
	size_t len = 0;

	MUST(t->n <= RIGHTS_LIST_MAX);
	for (size_t i = 0; i < t->n; i++) {
		struct span text = span_of(t->list[i]);
		const char *fault;

		MUST(id.len > 0 || !pattern_template_has_id(text));
		fault = pattern_template_render(text, id, pattern, &len);
		if (fault != NULL)
			return reject_template(why, t->option, t->list[i],
					       fault);
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

static void add_templates(struct rights_writer *w,
			  const struct rights_templates *t, struct span id)
{
	for (size_t i = 0; i < t->n; i++) {
		size_t len = 0;

		MUST(pattern_template_render(span_of(t->list[i]), id, w->bytes,
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

int rights_patterns_new(struct rights_patterns **ret, struct http_error *why,
			const struct rights_templates *templates, size_t n,
			struct span id, const struct rights_claim_part *claim)
{
	size_t bytes = measure_patterns(claim->allow, claim->n_allow) +
		       measure_patterns(claim->deny, claim->n_deny);
	size_t n_allowed = claim->n_allow, n_list;
	struct rights_patterns *p;
	struct rights_writer w;

	for (size_t i = 0; i < n; i++) {
		if (measure_templates(&bytes, why, &templates[i], id) < 0)
			return -EINVAL;
		n_allowed += templates[i].n;
	}
	n_list = n_allowed + claim->n_deny;
	p = malloc(sizeof(*p) + n_list * sizeof(p->list[0]) + bytes);
	if (p == NULL)
		return -ENOMEM;
	w = (struct rights_writer){p->list, (char *)(p->list + n_list)};
	for (size_t i = 0; i < n; i++)
		add_templates(&w, &templates[i], id);
	add_patterns(&w, claim->allow, claim->n_allow);
	add_patterns(&w, claim->deny, claim->n_deny);
	MUST(w.pattern == p->list + n_list);
	MUST(w.bytes == (char *)(p->list + n_list) + bytes);
	p->n_allowed = n_allowed;
	p->n_denied = pattern_normalise(p->list + n_allowed, claim->n_deny);
	*ret = p;
	return 0;
}

static const struct span *find_around(const struct span *list, size_t n,
				      struct span pattern)
{
	for (size_t i = 0; i < n; i++)
		if (pattern_inside(pattern, list[i]))
			return &list[i];
	return NULL;
}

const struct span *rights_find_allowed(const struct rights_patterns *p,
				       struct span pattern)
{
	return find_around(p->list, p->n_allowed, pattern);
}

const struct span *rights_find_denied(const struct rights_patterns *p,
				      struct span pattern)
{
	return find_around(rights_denied(p), p->n_denied, pattern);
}

const char *rights_show(char *out, struct span pattern)
{
	return printable(out, RIGHTS_SHOWN_MAX, pattern.at, pattern.len);
}

int rights_reject(struct http_error *why, const char *what, struct span pattern,
		  const char *fault)
{
	char shown[RIGHTS_SHOWN_MAX];

	return http_error_set(why, 403, REJECT_SUBJECT_NOT_ALLOWED,
			      "%ssubject \"%s\" is not allowed: %s", what,
			      rights_show(shown, pattern), fault);
}

int rights_reject_denied(struct http_error *why, const char *what,
			 struct span pattern, struct span denied)
{
	char shown[RIGHTS_SHOWN_MAX], by[RIGHTS_SHOWN_MAX];

	return http_error_set(why, 403, REJECT_SUBJECT_NOT_ALLOWED,
			      "%ssubject \"%s\" is denied: it is inside \"%s\"",
			      what, rights_show(shown, pattern),
			      rights_show(by, denied));
}
