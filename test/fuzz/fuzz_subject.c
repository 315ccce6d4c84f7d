/* Subjects: what a template makes of an identity it knows again, and no other;
 * and which filter covers what.
 *
 * Input: a template, an identity, a subject, and two filters, with NULs between
 * them. */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "fuzz.h"
#include "nats/subject.h"

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

static void must_render(const struct subject_template *t, const char *id)
{
	size_t id_len = strlen(id), found_len;
	char subject[SUBJECT_MAX], filter[SUBJECT_MAX];
	const char *found;
	size_t len;

	if (!subject_id_ok(id, id_len))
		return;
	len = subject_render(t, id, id_len, subject);
	MUST(len < SUBJECT_MAX && strlen(subject) == len);
	MUST(subject_matches(t, subject, len, &found, &found_len));
	MUST(found_len == id_len && memcmp(found, id, id_len) == 0);
	subject_filter(t, filter);
	MUST(subject_covers(filter, subject) && matches(filter, subject));
	MUST(subject_prefix_ok(subject) || len > SUBJECT_NAME_MAX);
}

static void must_match(const struct subject_template *t, const char *subject)
{
	const char *id;
	size_t len = strlen(subject), id_len;
	char again[SUBJECT_MAX];

	if (!subject_matches(t, subject, len, &id, &id_len))
		return;
	MUST(subject_id_ok(id, id_len));
	MUST(subject_render(t, id, id_len, again) == len);
	MUST(strcmp(again, subject) == 0);
}

/* Covers is reflexive and transitive, and over a plain subject it is a match.
 */
static void must_cover(const char *a, const char *b, const char *subject)
{
	MUST(subject_covers(a, a) && subject_covers(b, b));
	if (subject_covers(a, b) && subject_covers(b, subject))
		MUST(subject_covers(a, subject));
	if (subject_prefix_ok(subject))
		MUST(subject_covers(a, subject) == matches(a, subject));
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
		must_render(&t, id);
		must_match(&t, subject);
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
