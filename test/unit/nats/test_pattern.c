#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/check.h"
#include "nats/pattern.h"
#include "slow_pattern.h"

static void patterns_are_tokens_and_wildcards(void **state)
{
	static const char *const good[] = {
		"a",	     "*",   ">",	"a.b",		 "a.*.b",
		"*.*",	     "*.>", "a.>",	"$KV.b.>",	 "_INBOX.x",
		"a,b",	     "!.~", "a.{id}.b", "orders.*.eu.>", "\"\\\"",
		"a/b?c=d&e",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		const char *fault = pattern_fault(span_of(good[i]));

		if (fault != NULL)
			fail_msg("%s: %s", good[i], fault);
	}
}

static void faults_have_a_reason(void **state)
{
	static const struct {
		const char *text, *why;
	} cases[] = {
		{"", "it is empty"},
		{".", "it has an empty token"},
		{".a", "it has an empty token"},
		{"a.", "it has an empty token"},
		{"a..b", "it has an empty token"},
		{">.", "> must be the last token"},
		{"a.>.b", "> must be the last token"},
		{">.>", "> must be the last token"},
		{"a.>>", "* and > must be whole tokens"},
		{"a>", "* and > must be whole tokens"},
		{"a.*b", "* and > must be whole tokens"},
		{"a*.b", "* and > must be whole tokens"},
		{"**", "* and > must be whole tokens"},
		{"*>", "* and > must be whole tokens"},
		{"a b", "it has a byte that is not printable ASCII"},
		{"orders q1", "it has a byte that is not printable ASCII"},
		{" a", "it has a byte that is not printable ASCII"},
		{"a\t", "it has a byte that is not printable ASCII"},
		{"a\r\nb", "it has a byte that is not printable ASCII"},
		{"a\x7f", "it has a byte that is not printable ASCII"},
		{"\xc3\xa4", "it has a byte that is not printable ASCII"},
		{"a.\x80", "it has a byte that is not printable ASCII"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const char *fault = pattern_fault(span_of(cases[i].text));

		if (fault == NULL ||
		    strncmp(fault, cases[i].why, strlen(cases[i].why)) != 0)
			fail_msg("\"%s\": %s", cases[i].text,
				 fault == NULL ? "none" : fault);
	}
	assert_non_null(pattern_fault((struct span){"a\0b", 3}));
	assert_non_null(pattern_fault((struct span){NULL, 0}));
}

static void length_is_limited(void **state)
{
	char text[PATTERN_MAX + 1];

	(void)state;
	memset(text, 'a', sizeof(text));
	assert_null(pattern_fault((struct span){text, PATTERN_MAX}));
	assert_string_equal(pattern_fault((struct span){text, sizeof(text)}),
			    "it has more than 255 bytes");
	for (size_t i = 1; i < PATTERN_MAX; i += 2)
		text[i] = '.';
	assert_null(pattern_fault((struct span){text, PATTERN_MAX}));
}

static void literal_and_hidden(void **state)
{
	static const struct {
		const char *text;
		bool literal, hidden;
	} cases[] = {
		{"a", true, false},	   {"a.b", true, false},
		{"*", false, false},	   {">", false, false},
		{"a.*.b", false, false},   {"a.>", false, false},
		{"$", true, true},	   {"$JS.API.INFO", true, true},
		{"$KV.>", false, true},	   {"_INBOX", true, true},
		{"_INBOX.*", false, true}, {"_INBOX_gw.a", true, false},
		{"_inbox.a", true, false}, {"a.$KV", true, false},
		{"a._INBOX", true, false}, {"*._INBOX", false, false},
		{"_INBO.X", true, false},  {"", true, false},
		{".$KV", true, false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct span text = span_of(cases[i].text);

		if (pattern_is_literal(text) != cases[i].literal ||
		    pattern_is_hidden(text) != cases[i].hidden)
			fail_msg("%s", cases[i].text);
	}
	assert_false(pattern_is_hidden((struct span){NULL, 0}));
}

/* All small patterns, against enumeration. */
static void matches_like_the_slow_one(void **state)
{
	size_t found = 0;

	(void)state;
	for (size_t p = 0; p < SLOW_PATTERNS; p++)
		for (size_t s = 0; s < SLOW_SUBJECTS; s++) {
			const char *pattern = slow_pattern(p);
			const char *subject = slow_subject(s);
			bool want = slow_matches(pattern, subject);

			if (pattern_matches(span_of(pattern),
					    span_of(subject)) != want)
				fail_msg("%s, %s", pattern, subject);
			found += want;
		}
	assert_true(found > SLOW_SUBJECTS);
}

static void compares_like_the_slow_one(void **state)
{
	size_t inside = 0, overlaps = 0;

	(void)state;
	for (size_t i = 0; i < SLOW_PATTERNS; i++)
		for (size_t j = 0; j < SLOW_PATTERNS; j++) {
			const char *a = slow_pattern(i), *b = slow_pattern(j);
			struct span x = span_of(a), y = span_of(b);

			if (pattern_inside(x, y) != slow_inside(a, b))
				fail_msg("%s inside %s", a, b);
			if (pattern_overlaps(x, y) != slow_overlaps(a, b))
				fail_msg("%s overlaps %s", a, b);
			inside += pattern_inside(x, y);
			overlaps += pattern_overlaps(x, y);
		}
	assert_true(inside > SLOW_PATTERNS && overlaps > inside);
}

/* A server that is not pedantic stores "a.*" and "a.>". */
/* What both match is what the common pattern matches. */
static void intersects_like_the_slow_one(void **state)
{
	(void)state;
	for (size_t i = 0; i < SLOW_PATTERNS * SLOW_PATTERNS; i++) {
		const char *a = slow_pattern(i / SLOW_PATTERNS);
		const char *b = slow_pattern(i % SLOW_PATTERNS);
		char out[32];
		struct span both = {out, pattern_intersect(out, span_of(a),
							   span_of(b))};

		assert_true(both.len <= strlen(a) + strlen(b));
		if (both.len == 0) {
			assert_false(slow_overlaps(a, b));
			continue;
		}
		assert_null(pattern_fault(both));
		for (size_t k = 0; k < SLOW_SUBJECTS; k++) {
			const char *subject = slow_subject(k);

			if (pattern_matches(both, span_of(subject)) !=
			    (slow_matches(a, subject) &&
			     slow_matches(b, subject)))
				fail_msg("%s, %s, %s", a, b, subject);
		}
	}
}

static void wildcards_of_a_subject_are_literal(void **state)
{
	(void)state;
	assert_true(pattern_matches(span_of("a.*"), span_of("a.>")));
	assert_true(pattern_matches(span_of("a.>"), span_of("a.*")));
	assert_false(pattern_matches(span_of("a.b"), span_of("a.*")));
	assert_false(pattern_matches(span_of("a.b"), span_of(">")));
	assert_false(pattern_matches(span_of("*.*"), span_of(">")));
	assert_true(pattern_matches(span_of("*"), span_of(">")));
}

/* A stream may have such subjects: they are no patterns, and literal. */
static void wildcards_inside_tokens_are_literal(void **state)
{
	(void)state;
	assert_false(pattern_inside(span_of("ab"), span_of("a*")));
	assert_false(pattern_inside(span_of("ab"), span_of("*b")));
	assert_false(pattern_inside(span_of("ab"), span_of("a>")));
	assert_true(pattern_inside(span_of("a*"), span_of("a*")));
	assert_false(pattern_overlaps(span_of("ab"), span_of("*b")));
}

/* Tokens are compared as a whole, and by length. */
static void tokens_are_not_prefixes(void **state)
{
	static const char *const others[] = {"orders.4", "orders.422",
					     "Orders.42", "order.42",
					     "orders.42.x"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(others); i++) {
		struct span a = span_of("orders.42"), b = span_of(others[i]);

		assert_false(pattern_matches(a, b));
		assert_false(pattern_matches(b, a));
		assert_false(pattern_inside(a, b));
		assert_false(pattern_inside(b, a));
		assert_false(pattern_overlaps(a, b));
	}
}

/* Bytes of a heap block that ends with the text: ASan finds reads beyond. */
static struct span exact_copy(const char *bytes, size_t len)
{
	char *copy = malloc(len);

	if (len > 0)
		memcpy(copy, bytes, len);
	return (struct span){copy, len};
}

static void any_bytes_are_harmless(void **state)
{
	static const char *const texts[] = {
		"", ".", "..", "a.", ".a", ">.a", "*..>", "a", "a.b", ">",
	};
	struct span copies[ARRAY_LEN(texts)], none = {NULL, 0};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		copies[i] = exact_copy(texts[i], strlen(texts[i]));
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		pattern_fault(copies[i]);
		pattern_is_literal(copies[i]);
		pattern_is_hidden(copies[i]);
		assert_true(pattern_matches(copies[i], copies[i]));
		pattern_inside(copies[i], none);
		pattern_overlaps(none, copies[i]);
		for (size_t j = 0; j < ARRAY_LEN(texts); j++) {
			pattern_inside(copies[i], copies[j]);
			assert_int_equal(pattern_overlaps(copies[i], copies[j]),
					 pattern_overlaps(copies[j],
							  copies[i]));
		}
	}
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		free((void *)copies[i].at);
}

static void expect_normalised(const char *const *in, size_t n,
			      const char *const *want, size_t n_want)
{
	struct span list[8];

	assert_true(n <= ARRAY_LEN(list));
	for (size_t i = 0; i < n; i++)
		list[i] = span_of(in[i]);
	assert_int_equal(pattern_normalise(list, n), n_want);
	for (size_t i = 0; i < n_want; i++) {
		assert_int_equal(list[i].len, strlen(want[i]));
		assert_memory_equal(list[i].at, want[i], list[i].len);
	}
}

static void lists_are_sorted_and_small(void **state)
{
	static const char *const in[] = {"b.*", "b.c", "a",  "b.*",
					 "a",	"b",   "aa", "b.c.d"};
	static const char *const want[] = {"a", "aa", "b", "b.*", "b.c.d"};
	static const char *const all[] = {"a.b", ">", "*.b", ">"};
	static const char *const rest[] = {">"};

	(void)state;
	expect_normalised(in, ARRAY_LEN(in), want, ARRAY_LEN(want));
	expect_normalised(all, ARRAY_LEN(all), rest, ARRAY_LEN(rest));
	assert_int_equal(pattern_normalise(NULL, 0), 0);
}

/* The list has the same subjects as before, no pattern of it is inside another,
 * and its order does not depend on that of the input. */
static void normalised_lists_mean_the_same(void **state)
{
	(void)state;
	srand(7);
	for (size_t round = 0; round < 3000; round++) {
		struct span list[8], turned[8];
		const char *in[8];
		size_t n = (size_t)rand() % 8 + 1, kept;

		for (size_t i = 0; i < n; i++) {
			in[i] = slow_pattern((size_t)rand() % SLOW_PATTERNS);
			list[i] = turned[n - 1 - i] = span_of(in[i]);
		}
		kept = pattern_normalise(list, n);
		assert_int_equal(pattern_normalise(turned, n), kept);
		for (size_t i = 0; i < kept; i++) {
			assert_int_equal(list[i].len, turned[i].len);
			assert_memory_equal(list[i].at, turned[i].at,
					    list[i].len);
			for (size_t j = 0; j < kept; j++)
				assert_int_equal(slow_inside(list[i].at,
							     list[j].at),
						 i == j);
		}
		for (size_t s = 0; s < SLOW_SUBJECTS; s++) {
			bool before = false, after = false;

			for (size_t i = 0; i < n; i++)
				before |= slow_matches(in[i], slow_subject(s));
			for (size_t i = 0; i < kept; i++)
				after |= slow_matches(list[i].at,
						      slow_subject(s));
			assert_int_equal(before, after);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(patterns_are_tokens_and_wildcards),
		cmocka_unit_test(faults_have_a_reason),
		cmocka_unit_test(length_is_limited),
		cmocka_unit_test(literal_and_hidden),
		cmocka_unit_test(matches_like_the_slow_one),
		cmocka_unit_test(compares_like_the_slow_one),
		cmocka_unit_test(intersects_like_the_slow_one),
		cmocka_unit_test(wildcards_of_a_subject_are_literal),
		cmocka_unit_test(wildcards_inside_tokens_are_literal),
		cmocka_unit_test(tokens_are_not_prefixes),
		cmocka_unit_test(any_bytes_are_harmless),
		cmocka_unit_test(lists_are_sorted_and_small),
		cmocka_unit_test(normalised_lists_mean_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
