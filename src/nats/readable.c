#include "nats/readable.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "nats/pattern.h"
#include "nats/pattern_template.h"

/* The bytes of the patterns follow the list. */
struct readable {
	unsigned refs;
	bool matches_hidden; /* some pattern does */
	size_t lead; /* of the only pattern: its bytes before a wildcard */
	char filter[PATTERN_MAX + 1];
	size_t n;
	struct span patterns[]; /* normalised */
};

/* ---- one filter for several patterns ------------------------------------- */

static bool is_rest_token(struct span token)
{
	return token.len == 1 && *token.at == '>';
}

static size_t put_filter_token(char *out, size_t len, struct span token)
{
	if (len > 0)
		out[len++] = '.';
	memcpy(out + len, token.at, token.len);
	return len + token.len;
}

/* The token of a filter for both. */
static struct span common_token(struct span a, struct span b)
{
	if (is_rest_token(a) || is_rest_token(b))
		return span_of(">");
	if (a.len == b.len && memcmp(a.at, b.at, a.len) == 0)
		return a;
	return span_of("*");
}

/* Makes the filter wider, so that it has the subjects of `pattern`, too. It is
 * never longer than the longer one of the two. */
static void widen_filter(char *filter, struct span pattern)
{
	char was[PATTERN_MAX + 1];
	struct span x, y, both, rest = {was, strlen(filter)};
	size_t len = 0, last = 0; /* `last`: without the last token */

	memcpy(was, filter, rest.len);
	for (;;) {
		bool has_x = pattern_next_token(&rest, &x);
		bool has_y = pattern_next_token(&pattern, &y);

		if (!has_x && !has_y)
			break;
		/* `>` needs a token: the last common one, if one has ended. */
		if (!has_x || !has_y)
			len = last;
		both = has_x && has_y ? common_token(x, y) : span_of(">");
		last = len;
		len = put_filter_token(filter, len, both);
		if (is_rest_token(both))
			break;
	}
	filter[len] = '\0';
}

static void make_readable_filter(struct readable *r)
{
	memcpy(r->filter, r->patterns[0].at, r->patterns[0].len);
	r->filter[r->patterns[0].len] = '\0';
	for (size_t i = 1; i < r->n; i++)
		widen_filter(r->filter, r->patterns[i]);
}

/* ---- from begin to end --------------------------------------------------- */

/* Adds the patterns of the templates; those that are hidden with `hidden`
 * alone. */
static char *add_readable_templates(struct readable *r, char *bytes,
				    char *const *list, size_t n, bool hidden)
{
	for (size_t i = 0; i < n; i++) {
		struct span text = span_of(list[i]);
		size_t len = 0;

		if (pattern_is_hidden(text) && !hidden)
			continue;
		MUST(pattern_template_render(text, span_of("*"), bytes, &len) ==
		     NULL);
		r->patterns[r->n++] = (struct span){bytes, len};
		bytes += len;
	}
	return bytes;
}

static size_t measure_readable(char *const *list, size_t n)
{
	size_t bytes = 0;

	for (size_t i = 0; i < n; i++)
		bytes += strlen(list[i]);
	return bytes;
}

/* Length of the tokens before the first wildcard, with their dots. */
static size_t lead_of(struct span pattern)
{
	struct span rest = pattern, token;
	size_t len = 0;

	while (pattern_next_token(&rest, &token) && *token.at != '*' &&
	       *token.at != '>' && rest.at != NULL)
		len = (size_t)(rest.at - pattern.at);
	return len;
}

static void finish_readable(struct readable *r)
{
	r->n = pattern_normalise(r->patterns, r->n);
	MUST(r->n > 0);
	for (size_t i = 0; i < r->n; i++)
		if (*r->patterns[i].at == '*' || *r->patterns[i].at == '>')
			r->matches_hidden = true;
	make_readable_filter(r);
	if (r->n == 1)
		r->lead = lead_of(r->patterns[0]);
}

int readable_new(struct readable **ret, const struct readable_source *src)
{
	static char any[] = ">";
	static char *const all[] = {any};
	char *const *subjects = src->all ? all : src->subjects;
	size_t n_subjects = src->all ? 1 : src->n_subjects;
	size_t n_allow_sub = src->all ? 0 : src->n_allow_sub;
	size_t n = n_subjects + n_allow_sub;
	struct readable *r =
		calloc(1,
		       sizeof(*r) + n * sizeof(r->patterns[0]) +
			       measure_readable(subjects, n_subjects) +
			       measure_readable(src->allow_sub, n_allow_sub));
	char *bytes;

	if (r == NULL)
		return -ENOMEM;
	r->refs = 1;
	bytes = (char *)(r->patterns + n);
	bytes = add_readable_templates(r, bytes, subjects, n_subjects,
				       src->is_bucket);
	add_readable_templates(r, bytes, src->allow_sub, n_allow_sub, false);
	finish_readable(r);
	*ret = r;
	return 0;
}

struct readable *readable_ref(struct readable *r)
{
	__atomic_add_fetch(&r->refs, 1, __ATOMIC_RELAXED);
	return r;
}

struct readable *readable_unref(struct readable *r)
{
	if (r != NULL && __atomic_sub_fetch(&r->refs, 1, __ATOMIC_ACQ_REL) == 0)
		free(r);
	return NULL;
}

/* ---- questions ----------------------------------------------------------- */

bool readable_has(const struct readable *r, struct span subject)
{
	if (r->matches_hidden && pattern_is_hidden(subject))
		return false;
	if (r->n == 1) /* the common case: most of it by one comparison */
		return subject.len > r->lead &&
		       memcmp(subject.at, r->patterns[0].at, r->lead) == 0 &&
		       pattern_matches(
			       (struct span){r->patterns[0].at + r->lead,
					     r->patterns[0].len - r->lead},
			       (struct span){subject.at + r->lead,
					     subject.len - r->lead});
	for (size_t i = 0; i < r->n; i++)
		if (pattern_matches(r->patterns[i], subject))
			return true;
	return false;
}

bool readable_overlaps(const struct readable *r, struct span pattern)
{
	for (size_t i = 0; i < r->n; i++)
		if (pattern_overlaps(r->patterns[i], pattern))
			return true;
	return false;
}

const char *readable_filter(const struct readable *r)
{
	return r->filter;
}
