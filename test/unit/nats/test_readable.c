/* What some right can name, and one filter for all of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/check.h"
#include "nats/pattern.h"
#include "readable_of.h"
#include "slow_pattern.h"

#define T(text) ((char *)(text))

static struct readable *make_readable(char **subjects, size_t n,
				      char **allow_sub, size_t n_allow_sub)
{
	const struct readable_source src = {.subjects = subjects,
					    .n_subjects = n,
					    .allow_sub = allow_sub,
					    .n_allow_sub = n_allow_sub};
	struct readable *ret = NULL;

	assert_int_equal(readable_new(&ret, &src), 0);
	return ret;
}

static void one_filter_covers_all_patterns(void **state)
{
	static const struct {
		char *subjects[3];
		const char *filter;
	} cases[] = {
		{{T("events.{id}")}, "events.*"},
		{{T("news.all")}, "news.all"},
		{{T("events.{id}"), T("events.*.>")}, "events.>"},
		{{T("events.{id}"), T("events.all")}, "events.*"},
		{{T("events.{id}"), T("events.{id}.x")}, "events.>"},
		{{T("events.a"), T("news.a")}, "*.a"},
		{{T("a.b.c"), T("a.x.c")}, "a.*.c"},
		{{T("a.b.c"), T("a.b")}, "a.>"},
		{{T("a.b"), T("a.b.c"), T("a.x.c")}, "a.>"},
		{{T("a"), T("a.b")}, ">"},
		{{T("a.>"), T("b")}, ">"},
		{{T("a.>"), T("b.c.d")}, "*.>"},
		{{T("{id}.a"), T("b.{id}")}, "*.*"},
		{{T(">"), T("a")}, ">"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		size_t n = 0;
		struct readable *r;

		while (n < 3 && cases[i].subjects[n] != NULL)
			n++;
		r = make_readable((char **)(uintptr_t)cases[i].subjects, n,
				  NULL, 0);
		assert_string_equal(readable_filter(r), cases[i].filter);
		readable_unref(r);
	}
}

static void must_cover(const char *a, const char *b, const char *c)
{
	char *list[] = {T(a), T(b), T(c)};
	struct readable *r = make_readable(list, 2, list + 2, 1);
	const char *filter = readable_filter(r);

	assert_null(pattern_fault(span_of(filter)));
	for (size_t i = 0; i < SLOW_SUBJECTS; i++) {
		const char *s = slow_subject(i);
		bool want = slow_matches(a, s) || slow_matches(b, s) ||
			    slow_matches(c, s);

		if (readable_has(r, span_of(s)) != want)
			fail_msg("%s of %s %s %s", s, a, b, c);
		if (want && !slow_matches(filter, s))
			fail_msg("%s of %s %s %s is not in %s", s, a, b, c,
				 filter);
	}
	for (size_t i = 0; i < SLOW_PATTERNS; i++) {
		const char *p = slow_pattern(i);

		if (readable_overlaps(r, span_of(p)) !=
		    (slow_overlaps(a, p) || slow_overlaps(b, p) ||
		     slow_overlaps(c, p)))
			fail_msg("%s and %s %s %s", p, a, b, c);
	}
	readable_unref(r);
}

static void all_patterns_are_covered(void **state)
{
	(void)state;
	for (size_t a = 0; a < SLOW_PATTERNS; a++)
		for (size_t b = a % 7; b < SLOW_PATTERNS; b += 7)
			must_cover(slow_pattern(a), slow_pattern(b),
				   slow_pattern((a * 7 + b * 5) %
						SLOW_PATTERNS));
}

/* Hidden subjects are no events, whatever a template says. */
static void hidden_subjects_are_not_readable(void **state)
{
	char *subjects[] = {T("{id}.>"), T("{id}")};
	char *allow[] = {T("$KV.prefs.{id}.>"), T("_INBOX.>")};
	struct readable *r = make_readable(subjects, 2, allow, 2);

	(void)state;
	assert_string_equal(readable_filter(r), ">");
	assert_true(readable_has(r, span_of("a")));
	assert_true(readable_has(r, span_of("a.$b._INBOX")));
	assert_true(readable_has(r, span_of("_INBOXES.a")));
	assert_false(readable_has(r, span_of("$KV.prefs.a.b")));
	assert_false(readable_has(r, span_of("$")));
	assert_false(readable_has(r, span_of("_INBOX.a")));
	readable_unref(r);
	r = make_readable(subjects + 1, 1, allow, 2);
	assert_string_equal(readable_filter(r), "*");
	assert_false(readable_has(r, span_of("a.b")));
	readable_unref(r);
}

/* A claim may name any subject. */
static void subjects_of_a_bucket_are_readable(void **state)
{
	char *subjects[] = {T("$KV.cfg.>")};
	struct readable_source src = {.subjects = subjects,
				      .n_subjects = 1,
				      .is_bucket = true};
	struct readable *r = NULL;

	(void)state;
	assert_int_equal(readable_new(&r, &src), 0);
	assert_string_equal(readable_filter(r), "$KV.cfg.>");
	assert_true(readable_has(r, span_of("$KV.cfg.a")));
	assert_true(readable_has(r, span_of("$KV.cfg.a.b")));
	assert_false(readable_has(r, span_of("$KV.cfg")));
	assert_false(readable_has(r, span_of("$KV.other.a")));
	assert_false(readable_has(r, span_of("events.a")));
	assert_true(readable_overlaps(r, span_of("$KV.cfg.a.*")));
	assert_true(readable_overlaps(r, span_of("$KV.*.>")));
	assert_false(readable_overlaps(r, span_of("$KV.other.>")));
	readable_unref(r);
}

static void tokens_make_all_readable(void **state)
{
	char *subjects[] = {T("events.{id}")};
	const struct readable_source src = {.subjects = subjects,
					    .n_subjects = 1,
					    .all = true};
	struct readable *r = NULL;

	(void)state;
	assert_int_equal(readable_new(&r, &src), 0);
	assert_string_equal(readable_filter(r), ">");
	assert_true(readable_has(r, span_of("x.y.z")));
	assert_false(readable_has(r, span_of("$KV.b.k")));
	assert_ptr_equal(readable_ref(r), r);
	assert_null(readable_unref(r));
	assert_true(readable_has(r, span_of("x")));
	readable_unref(r);
	assert_null(readable_unref(NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_filter_covers_all_patterns),
		cmocka_unit_test(all_patterns_are_covered),
		cmocka_unit_test(hidden_subjects_are_not_readable),
		cmocka_unit_test(subjects_of_a_bucket_are_readable),
		cmocka_unit_test(tokens_make_all_readable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
