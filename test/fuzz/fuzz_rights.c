/* Rights from templates, an identity and a claim; patterns of a request. What
 * is allowed is a pattern, is not hidden, is inside an allowed one and not
 * denied as a whole; a selection delivers nothing that the rights deny. With
 * --allow-pub in the place of --allow-sub: what may be published to is one
 * subject.
 *
 * Input, with NULs between: a --subject template, an --allow-sub template, an
 * identity, a claim, a subject, and the patterns of a request. */
#include <stdlib.h>
#include <string.h>

#include "auth/publish_rights.h"
#include "auth/rights.h"
#include "base/check.h"
#include "fuzz.h"
#include "nats/pattern_template.h"
#include "nats/subject.h"

enum { ASKED_MAX = RIGHTS_REQUEST_MAX + 2 };

/* Bytes of a block that ends with them: ASan finds reads beyond. */
static struct span take(struct fuzz_input *in)
{
	char *text = fuzz_take_text(in);
	size_t len = text == NULL ? 0 : strlen(text);
	char *exact = malloc(len > 0 ? len : 1);

	MUST(exact != NULL);
	if (len > 0)
		memcpy(exact, text, len);
	free(text);
	return (struct span){exact, len};
}

static void must_be_normalised(const struct span *list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		MUST(pattern_fault(list[i]) == NULL);
		for (size_t j = 0; j < n; j++)
			MUST(i == j || !pattern_inside(list[i], list[j]));
		if (i > 0)
			MUST(memcmp(list[i - 1].at, list[i].at,
				    list[i].len < list[i - 1].len
					    ? list[i].len
					    : list[i - 1].len) <= 0);
	}
}

static bool any_matches(const struct span *list, size_t n, struct span subject)
{
	for (size_t i = 0; i < n; i++)
		if (pattern_matches(list[i], subject))
			return true;
	return false;
}

/* The subject stands for a message: delivered by the selection means not denied
 * by the rights, and the other way round for those that match. */
static void must_select(const struct rights *r,
			const struct rights_selection *s, struct span subject)
{
	struct http_error why;

	MUST(s->n_patterns > 0 && s->n_patterns <= RIGHTS_LIST_MAX);
	MUST(s->n_denied <= RIGHTS_LIST_MAX);
	must_be_normalised(s->patterns, s->n_patterns);
	must_be_normalised(s->denied, s->n_denied);
	for (size_t i = 0; i < s->n_patterns; i++)
		MUST(rights_check(r, s->patterns[i], &why) == 0);
	if (any_matches(s->patterns, s->n_patterns, subject))
		MUST(rights_denies(r, subject) ==
		     (pattern_is_hidden(subject) ||
		      any_matches(s->denied, s->n_denied, subject)));
}

static void must_check(const struct rights *r, struct span pattern)
{
	struct http_error why = {0};

	if (rights_check(r, pattern, &why) == 0) {
		MUST(pattern_fault(pattern) == NULL);
		MUST(!pattern_is_hidden(pattern));
		MUST(!pattern_is_literal(pattern) ||
		     !rights_denies(r, pattern));
		return;
	}
	MUST(why.status == (pattern_fault(pattern) == NULL ? 403 : 400));
	fuzz_must_be_line(why.text, sizeof(why.text));
}

static void ask(const struct rights *r, const struct span *asked, size_t n,
		struct span subject)
{
	struct rights_selection s;
	struct http_error why;

	for (size_t i = 0; i < n; i++)
		must_check(r, asked[i]);
	if (rights_select(&s, &why, r, NULL, 0) == 0)
		must_select(r, &s, subject);
	else
		MUST(why.status == 403);
	if (rights_select(&s, &why, r, asked, n) == 0) {
		MUST(n <= RIGHTS_REQUEST_MAX);
		must_select(r, &s, subject);
		return;
	}
	MUST(why.status == 400 || why.status == 403);
	fuzz_must_be_line(why.text, sizeof(why.text));
}

/* The rendered template itself is allowed, where nothing is denied. */
static void must_allow_rendered(const struct rights *r,
				const struct rights_source *src)
{
	char out[PATTERN_MAX];
	struct span pattern = {out, 0};
	struct http_error why;

	MUST(pattern_template_render(span_of(src->subjects[0]), src->id, out,
				     &pattern.len) == NULL);
	MUST(pattern_fault(pattern) == NULL && !pattern_is_hidden(pattern));
	if (src->claim.at == NULL)
		MUST(rights_check(r, pattern, &why) == 0);
}

static void build_and_ask(const struct rights_source *src,
			  const struct span *asked, size_t n,
			  struct span subject)
{
	struct http_error why = {0};
	struct rights *r;

	if (rights_new(&r, &why, src) == 0) {
		must_allow_rendered(r, src);
		ask(r, asked, n, subject);
		rights_free(r);
		return;
	}
	MUST(why.status == 403 && why.reason == REJECT_BAD_RIGHTS);
	fuzz_must_be_line(why.text, sizeof(why.text));
	fuzz_must_hide_secret(why.text);
}

static void must_check_publish(const struct publish_rights *r,
			       struct span subject)
{
	struct http_error why = {0};

	if (publish_rights_check(r, subject, &why) == 0) {
		MUST(pattern_fault(subject) == NULL);
		MUST(pattern_is_literal(subject) &&
		     !pattern_is_hidden(subject));
		return;
	}
	MUST(why.status ==
	     (pattern_fault(subject) != NULL || !pattern_is_literal(subject)
		      ? 400
		      : 403));
	fuzz_must_be_line(why.text, sizeof(why.text));
}

static void build_and_publish(const struct rights_source *src,
			      const struct span *asked, size_t n,
			      struct span subject)
{
	const struct publish_rights_source pub = {
		.allow_pub = src->allow_sub,
		.n_allow_pub = src->n_allow_sub,
		.id = src->id,
		.claim = src->claim,
		.claim_name = src->claim_name,
	};
	struct http_error why = {0};
	struct publish_rights *r;

	if (publish_rights_new(&r, &why, &pub) == 0) {
		must_check_publish(r, subject);
		for (size_t i = 0; i < n; i++)
			must_check_publish(r, asked[i]);
		publish_rights_free(r);
		return;
	}
	MUST(why.status == 403 && why.reason == REJECT_BAD_RIGHTS);
	fuzz_must_be_line(why.text, sizeof(why.text));
	fuzz_must_hide_secret(why.text);
}

/* The checks of the options; the default where they fail. */
static char *usable_template(struct span text, bool hidden, bool has_id)
{
	char *usable;

	if (pattern_template_fault(text) != NULL ||
	    (!hidden && pattern_is_hidden(text)) ||
	    (!has_id && pattern_template_has_id(text)))
		return strdup("events.x");
	usable = calloc(1, text.len + 1);
	MUST(usable != NULL);
	memcpy(usable, text.at, text.len);
	return usable;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = {data, size};
	struct span parts[5], asked[ASKED_MAX];
	struct rights_source src = {.n_subjects = 1, .n_allow_sub = 1};
	char *subject, *allow;
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		parts[i] = take(&in);
	while (in.left > 0 && n < ASKED_MAX)
		asked[n++] = take(&in);
	if (subject_id_ok(parts[2].at, parts[2].len))
		src.id = parts[2];
	subject = usable_template(parts[0], false, src.id.len > 0);
	allow = usable_template(parts[1], true, src.id.len > 0);
	src.subjects = &subject;
	src.allow_sub = &allow;
	src.claim_name = "nats";
	if (parts[3].len > 0)
		src.claim = parts[3];
	build_and_ask(&src, asked, n, parts[4]);
	build_and_publish(&src, asked, n, parts[4]);
	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		free((void *)(uintptr_t)parts[i].at);
	for (size_t i = 0; i < n; i++)
		free((void *)(uintptr_t)asked[i].at);
	free(subject);
	free(allow);
	return 0;
}
