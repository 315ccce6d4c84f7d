/* Subjects: what a template makes of an identity is readable; and which pattern
 * is inside another.
 *
 * Input: a template, an identity, a subject, and two filters, with NULs between
 * them. */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "fuzz.h"
#include "nats/pattern.h"
#include "nats/pattern_template.h"
#include "nats/subject.h"
#include "readable_of.h"

/* Does the filter match a subject without wildcards? Token by token, as the
 * server's documentation says it. */
static bool matches(const char *filter, const char *subject)
{
	size_t f = strcspn(filter, "."), s = strcspn(subject, ".");

	if (f == 1 && *filter == '>')
		return true;
	if (!(f == 1 && *filter == '*') &&
	    !(f == s && memcmp(filter, subject, f) == 0))
		return false;
	if (filter[f] == '\0' || subject[s] == '\0')
		return filter[f] == subject[s];
	return matches(filter + f + 1, subject + s + 1);
}

/* What the template makes is readable, unless it is hidden. */
static void must_be_readable(const char *template, const char *subject)
{
	struct readable *r;
	bool hidden = pattern_is_hidden(span_of(subject));

	if (pattern_is_hidden(span_of(template)))
		return;
	r = readable_of(template);
	MUST(readable_has(r, span_of(subject)) == !hidden);
	MUST(readable_overlaps(r, span_of(subject)));
	MUST(matches(readable_filter(r), subject));
	readable_unref(r);
}

static void must_render(const struct subject_template *t, const char *template,
			const char *id)
{
	size_t id_len = strlen(id), len;
	char subject[SUBJECT_MAX];

	if (!subject_id_ok(id, id_len))
		return;
	len = subject_render(t, id, id_len, subject);
	MUST(len < SUBJECT_MAX && strlen(subject) == len);
	MUST(memcmp(subject + t->prefix_len, id, id_len) == 0);
	MUST(subject_prefix_ok(subject) || len > SUBJECT_NAME_MAX);
	if (pattern_template_fault(span_of(template)) == NULL)
		must_be_readable(template, subject);
}

/* Inside is reflexive and transitive, and for a plain subject it is a match. */
static void must_cover(const char *a_text, const char *b_text, const char *text)
{
	struct span a = span_of(a_text), b = span_of(b_text);
	struct span subject = span_of(text);

	MUST(pattern_inside(a, a) && pattern_inside(b, b));
	if (pattern_inside(b, a) && pattern_inside(subject, b))
		MUST(pattern_inside(subject, a));
	if (subject_prefix_ok(text)) {
		MUST(pattern_matches(a, subject) == matches(a_text, text));
		MUST(pattern_inside(subject, a) == matches(a_text, text));
	}
}

static void must_be_name(const char *name)
{
	if (!subject_stream_name_ok(name))
		return;
	MUST(strlen(name) <= SUBJECT_NAME_MAX);
	MUST(strpbrk(name, " \t\r\n.*>\\/") == NULL);
	MUST(subject_prefix_ok(name));
}

static char *take(struct fuzz_input *in)
{
	char *text = fuzz_take_text(in);

	return text == NULL ? strdup("") : text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = {data, size};
	char *template = take(&in), *id = take(&in), *subject = take(&in);
	char *a = take(&in), *b = take(&in);
	struct subject_template t;
	const char *why = NULL;

	if (subject_template_parse(&t, template, &why) == 0) {
		MUST(why == NULL);
		MUST(t.prefix_len + strlen("{id}") + t.suffix_len ==
		     strlen(template));
		must_render(&t, template, id);
	} else {
		fuzz_must_be_line(why, 256);
	}
	must_cover(a, b, subject);
	must_be_name(id);
	free(template);
	free(id);
	free(subject);
	free(a);
	free(b);
	return 0;
}
