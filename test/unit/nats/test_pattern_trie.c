/* Patterns found by subject: compared with pattern_matches() for each pattern,
 * while patterns come and go. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/check.h"
#include "nats/pattern.h"
#include "nats/pattern_trie.h"
#include "slow_pattern.h"

enum { LINKS = 2 * SLOW_PATTERNS };

struct fixture {
	struct pattern_trie trie;
	struct pattern_link links[LINKS]; /* pattern i and i + SLOW_PATTERNS
					     are the same text */
	unsigned found[LINKS];
};

static struct fixture fixture;

static int setup(void **state)
{
	memset(&fixture, 0, sizeof(fixture));
	assert_int_equal(pattern_trie_init(&fixture.trie), 0);
	*state = &fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; i < LINKS; i++)
		pattern_trie_remove(&f->trie, &f->links[i]);
	assert_int_equal(f->trie.nodes.n, 0); /* no node is left behind */
	pattern_trie_finish(&f->trie);
	return 0;
}

static struct span text_of(size_t i)
{
	return span_of(slow_pattern(i % SLOW_PATTERNS));
}

static void add(struct fixture *f, size_t i)
{
	assert_int_equal(pattern_trie_add(&f->trie, &f->links[i], text_of(i)),
			 0);
	f->links[i].owner = &f->found[i];
}

static void count(struct pattern_link *link, void *arg)
{
	unsigned *found = link->owner;

	(void)arg;
	++*found;
}

static void compare_all(struct fixture *f)
{
	for (size_t s = 0; s < SLOW_SUBJECTS; s++) {
		struct span subject = span_of(slow_subject(s));

		memset(f->found, 0, sizeof(f->found));
		pattern_trie_match(&f->trie, subject, count, NULL);
		for (size_t i = 0; i < LINKS; i++) {
			bool there = f->links[i].node != NULL;
			bool want =
				there && pattern_matches(text_of(i), subject);

			if (f->found[i] != want)
				fail_msg("%s on %s: found %u times",
					 text_of(i).at, subject.at,
					 f->found[i]);
		}
	}
}

static void empty_trie_matches_nothing(void **state)
{
	compare_all(*state);
}

static void each_pattern_alone(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; i < SLOW_PATTERNS; i++) {
		add(f, i);
		compare_all(f);
		pattern_trie_remove(&f->trie, &f->links[i]);
		assert_int_equal(f->trie.nodes.n, 0);
	}
}

static void many_patterns_come_and_go(void **state)
{
	struct fixture *f = *state;

	srand(7);
	for (int round = 0; round < 60; round++) {
		for (int n = 0; n < 20; n++) {
			size_t i = (size_t)rand() % LINKS;

			if (f->links[i].node == NULL)
				add(f, i);
			else
				pattern_trie_remove(&f->trie, &f->links[i]);
		}
		compare_all(f);
	}
}

/* Servers that are not pedantic store such subjects. */
static void wildcards_in_a_subject_are_literal(void **state)
{
	struct fixture *f = *state;
	size_t exact = 0;

	while (strcmp(slow_pattern(exact), "a.b") != 0)
		exact++;
	add(f, exact);
	pattern_trie_match(&f->trie, span_of("a.*"), count, NULL);
	pattern_trie_match(&f->trie, span_of("a.>"), count, NULL);
	pattern_trie_match(&f->trie, span_of(">"), count, NULL);
	assert_int_equal(f->found[exact], 0);
}

/* ---- deep patterns ------------------------------------------------------- */

enum { DEEP_TOKENS = 120, DEEP_PATTERNS = 40 };

/* "a.b.a.a. ...", most often the same at the beginning. */
static void make_deep(char *out, bool wildcards)
{
	size_t n = (size_t)rand() % (2 * PATTERN_TRIE_DEPTH) + 1;

	for (size_t i = 0; i < n; i++) {
		bool last = i + 1 == n;
		char token =
			i < PATTERN_TRIE_DEPTH - 2 ? 'a' : "ab"[rand() % 2];

		if (wildcards && rand() % 6 == 0)
			token = last && rand() % 2 == 0 ? '>' : '*';
		*out++ = token;
		*out++ = '.';
	}
	out[-1] = '\0';
}

static void deep_patterns_are_found(void **state)
{
	static char texts[DEEP_PATTERNS][4 * PATTERN_TRIE_DEPTH + 1];
	struct fixture *f = *state;
	char subject[4 * PATTERN_TRIE_DEPTH + 1];
	size_t found = 0;

	srand(3);
	for (size_t i = 0; i < DEEP_PATTERNS; i++) {
		make_deep(texts[i], true);
		assert_null(pattern_fault(span_of(texts[i])));
		assert_int_equal(pattern_trie_add(&f->trie, &f->links[i],
						  span_of(texts[i])),
				 0);
		f->links[i].owner = &f->found[i];
	}
	for (int round = 0; round < 3000; round++) {
		make_deep(subject, false);
		memset(f->found, 0, sizeof(f->found));
		pattern_trie_match(&f->trie, span_of(subject), count, NULL);
		for (size_t i = 0; i < DEEP_PATTERNS; i++) {
			bool want = pattern_matches(span_of(texts[i]),
						    span_of(subject));

			if (f->found[i] != want)
				fail_msg("%s on %s", texts[i], subject);
			found += want;
		}
	}
	assert_true(found > 100);
}

/* A pattern of 120 tokens costs no more than one of 16. */
static void nodes_of_a_pattern_are_bounded(void **state)
{
	struct fixture *f = *state;
	char text[2 * DEEP_TOKENS];

	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = i % 2 == 0 ? 'a' : '.';
	text[sizeof(text) - 1] = '\0';
	assert_int_equal(pattern_trie_add(&f->trie, &f->links[0],
					  span_of(text)),
			 0);
	f->links[0].owner = &f->found[0];
	assert_int_equal(f->trie.nodes.n, PATTERN_TRIE_DEPTH);
	pattern_trie_match(&f->trie, span_of(text), count, NULL);
	assert_int_equal(f->found[0], 1);
	pattern_trie_match(&f->trie,
			   (struct span){text, strlen(text) - 2}, /* less */
			   count, NULL);
	assert_int_equal(f->found[0], 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(empty_trie_matches_nothing),
		TEST(each_pattern_alone),
		TEST(many_patterns_come_and_go),
		TEST(wildcards_in_a_subject_are_literal),
		TEST(deep_patterns_are_found),
		TEST(nodes_of_a_pattern_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
