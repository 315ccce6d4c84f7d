/* Selections find their frames: compared with a look at every frame, while
 * frames come and are evicted, from any position, with an index that is full,
 * short or empty. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/check.h"
#include "delivery/event_buffer.h"
#include "delivery/selection_reader.h"
#include "nats/pattern.h"
#include "slow_pattern.h"

enum { SELECTIONS = 6, SMALL = 1 << 16 };

struct fixture {
	struct event_buffer *buffer;
	struct selection *selections[SELECTIONS];
	struct list watchers[SELECTIONS];
	size_t n;
	uint64_t seq;
	struct sse_tag tag;
};

static void begin(struct fixture *f, size_t memory)
{
	memset(f, 0, sizeof(*f));
	f->tag = sse_tag_of("created", 7);
	assert_int_equal(event_buffer_new(&f->buffer, memory), 0);
}

static void end(struct fixture *f)
{
	for (size_t i = 0; i < f->n; i++)
		event_buffer_unselect(f->buffer, f->selections[i],
				      &f->watchers[i]);
	event_buffer_free(f->buffer);
}

static void select_all(struct rights_selection *to, const char *const *patterns,
		       size_t n)
{
	memset(to, 0, sizeof(*to));
	for (size_t i = 0; i < n; i++)
		to->patterns[i] = span_of(patterns[i]);
	to->n_patterns = pattern_normalise(to->patterns, n);
}

static void watch(struct fixture *f, const struct rights_selection *what)
{
	struct selection *s =
		event_buffer_select(f->buffer, what, &f->watchers[f->n]);

	assert_non_null(s);
	f->selections[f->n++] = s;
}

static void put(struct fixture *f, const char *subject)
{
	struct sse_frame frame;

	f->seq += 1 + (uint64_t)rand() % 3;
	sse_measure(&frame, "x", 1, f->seq, &f->tag);
	event_buffer_append(f->buffer, subject, strlen(subject), &frame, 1);
}

/* ---- compared with every frame ------------------------------------------- */

static bool slow_accepts(const struct selection *s, const char *subject)
{
	bool accepted = false;

	for (size_t i = 0; i < s->n_patterns; i++)
		accepted |= slow_matches(s->patterns[i].at, subject);
	for (size_t i = 0; i < s->n_denied; i++)
		accepted &= !slow_matches(s->patterns[s->n_patterns + i].at,
					  subject);
	return accepted;
}

static uint64_t slow_next(const struct fixture *f, const struct selection *s,
			  uint64_t number)
{
	for (; event_buffer_has(f->buffer, number); number++)
		if (slow_accepts(s, event_buffer_frame(f->buffer, number)
					    ->subject->name))
			return number;
	return 0;
}

static uint64_t next(const struct fixture *f, const struct selection *s,
		     uint64_t number)
{
	unsigned scan;
	uint64_t found;

	for (;;) { /* a reader that goes on after each stop */
		scan = 3;
		found = selection_reader_next(s, f->buffer, number, &scan);
		if (found != 0 || scan > 0)
			return found;
		number += 3;
	}
}

/* From a random position to the end. */
static void compare(const struct fixture *f, struct selection *s)
{
	uint64_t first = event_buffer_first(f->buffer);
	uint64_t number =
		first + (uint64_t)rand() % (event_buffer_count(f->buffer) + 1);

	if (rand() % 2 == 0)
		while (!selection_reader_prepare(s, f->buffer, number))
			;
	for (;;) {
		uint64_t want = slow_next(f, s, number);

		assert_int_equal(next(f, s, number), want);
		if (want == 0)
			return;
		number = want + 1;
	}
}

static const char *random_subject(void)
{
	return slow_subject((size_t)rand() % SLOW_SUBJECTS);
}

static void random_selection(struct rights_selection *to)
{
	const char *patterns[3];
	size_t n = 1 + (size_t)rand() % 3;

	for (size_t i = 0; i < n; i++)
		patterns[i] =
			rand() % 2 == 0
				? random_subject()
				: slow_pattern((size_t)rand() % SLOW_PATTERNS);
	select_all(to, patterns, n);
	if (rand() % 2 == 0)
		to->denied[to->n_denied++] =
			span_of(slow_pattern((size_t)rand() % SLOW_PATTERNS));
}

static void run(unsigned seed, size_t memory, size_t n_frames)
{
	struct fixture f;

	srand(seed);
	begin(&f, memory);
	for (size_t i = 0; i < n_frames; i++) {
		struct rights_selection what;

		if (f.n < SELECTIONS && rand() % 50 == 0) {
			random_selection(&what);
			watch(&f, &what);
		}
		put(&f, random_subject());
		if (f.n > 0 && rand() % 20 == 0)
			compare(&f, f.selections[(size_t)rand() % f.n]);
		if (rand() % 400 == 0)
			event_buffer_drop(f.buffer, f.seq - 20);
		if (rand() % 2000 == 0)
			event_buffer_reset(f.buffer, f.seq);
	}
	for (size_t i = 0; i < f.n; i++)
		compare(&f, f.selections[i]);
	assert_null(event_buffer_check(f.buffer));
	end(&f);
}

static void finds_what_a_look_at_every_frame_finds(void **state)
{
	(void)state;
	for (unsigned seed = 0; seed < 30; seed++)
		run(seed, SMALL << (seed % 3), 3000);
}

/* ---- the index's memory -------------------------------------------------- */

static const char *const everything[] = {">"};
static const char *const all_of_a[] = {"a.>"};
static const char *const two_subjects[] = {"a.a", "b.b"};

static void indexes_are_bounded_together(void **state)
{
	struct rights_selection what;
	struct selection_budget *budget;
	struct fixture f;

	(void)state;
	begin(&f, SMALL);
	for (size_t i = 0; i < SELECTIONS; i++) {
		select_all(&what, everything, 1);
		what.n_denied = 1;
		what.denied[0] = span_of(slow_subject(i)); /* all different */
		watch(&f, &what);
	}
	budget = f.selections[0]->budget;
	for (int i = 0; i < 5000; i++)
		put(&f, random_subject());
	assert_true(event_buffer_count(f.buffer) > 128);
	assert_true(budget->n <= budget->max + SELECTIONS * 64);
	for (size_t i = 0; i < SELECTIONS; i++) {
		assert_true(f.selections[i]->n_numbers < 4096);
		compare(&f, f.selections[i]);
	}
	end(&f);
}

/* One look at the frames serves all subscriptions of the selection. */
static void index_is_extended_once(void **state)
{
	struct rights_selection what;
	struct fixture f;
	unsigned scan = 1;
	uint64_t first;

	(void)state;
	begin(&f, SMALL);
	for (int i = 0; i < 100; i++)
		put(&f, i % 10 == 0 ? "a.b" : "b.b");
	select_all(&what, all_of_a, 1);
	watch(&f, &what);
	first = event_buffer_first(f.buffer);
	assert_int_equal(f.selections[0]->n_numbers, 0);
	assert_true(selection_reader_prepare(f.selections[0], f.buffer, first));
	assert_int_equal(f.selections[0]->n_numbers, 10);
	assert_int_equal(selection_reader_next(f.selections[0], f.buffer, first,
					       &scan),
			 first);
	assert_int_equal(scan, 1); /* no frame was compared */
	end(&f);
}

/* Literal subjects are found by their own frames, whatever lies between. */
static void literal_subjects_need_no_scan(void **state)
{
	struct rights_selection what;
	struct fixture f;

	(void)state;
	begin(&f, 1 << 22);
	put(&f, "a.a");
	put(&f, "b.b");
	for (int i = 0; i < 2 * SELECTION_SCAN_MAX; i++)
		put(&f, "z.z");
	select_all(&what, two_subjects, 2);
	watch(&f, &what);
	/* one call reaches over more frames than a scan of one call may */
	assert_true(selection_reader_prepare(f.selections[0], f.buffer, 1));
	assert_int_equal(f.selections[0]->n_numbers, 2);
	select_all(&what, all_of_a, 1);
	watch(&f, &what);
	assert_false(selection_reader_prepare(f.selections[1], f.buffer, 1));
	end(&f);
}

/* ---- sharing, and what is touched ---------------------------------------- */

static void equal_selections_are_one(void **state)
{
	struct rights_selection what;
	struct fixture f;

	(void)state;
	begin(&f, SMALL);
	select_all(&what, two_subjects, 2);
	watch(&f, &what);
	watch(&f, &what);
	what.n_patterns = 1;
	watch(&f, &what);
	assert_ptr_equal(f.selections[0], f.selections[1]);
	assert_ptr_not_equal(f.selections[0], f.selections[2]);
	end(&f);
}

static void message_touches_each_selection_once(void **state)
{
	static const char *const overlapping[] = {"a.*", "*.b", "b.b"};
	struct rights_selection what;
	struct fixture f;

	(void)state;
	begin(&f, SMALL);
	select_all(&what, overlapping, 3);
	watch(&f, &what);
	put(&f, "a.b");
	assert_ptr_equal(event_buffer_take_touched(f.buffer), f.selections[0]);
	assert_null(event_buffer_take_touched(f.buffer));
	assert_int_equal(f.selections[0]->n_numbers, 1);
	assert_int_equal(f.selections[0]->touched_seq, f.seq);
	put(&f, "z.z");
	put(&f, "$JS.b");
	put(&f, "_INBOX.b");
	assert_null(event_buffer_take_touched(f.buffer));
	end(&f);
}

static void denied_messages_touch_nothing(void **state)
{
	struct rights_selection what;
	struct fixture f;

	(void)state;
	begin(&f, SMALL);
	select_all(&what, everything, 1);
	what.n_denied = 1;
	what.denied[0] = span_of("a.*");
	watch(&f, &what);
	put(&f, "a.b");
	assert_null(event_buffer_take_touched(f.buffer));
	put(&f, "a.b.c");
	assert_non_null(event_buffer_take_touched(f.buffer));
	end(&f);
}

/* The last watcher leaves while its selection is touched. */
static void touched_selection_may_go(void **state)
{
	struct rights_selection what;
	struct fixture f;

	(void)state;
	begin(&f, SMALL);
	select_all(&what, everything, 1);
	watch(&f, &what);
	select_all(&what, all_of_a, 1);
	watch(&f, &what);
	put(&f, "a.b");
	event_buffer_unselect(f.buffer, f.selections[1], &f.watchers[1]);
	f.n = 1;
	assert_ptr_equal(event_buffer_take_touched(f.buffer), f.selections[0]);
	assert_null(event_buffer_take_touched(f.buffer));
	end(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_what_a_look_at_every_frame_finds),
		cmocka_unit_test(indexes_are_bounded_together),
		cmocka_unit_test(index_is_extended_once),
		cmocka_unit_test(literal_subjects_need_no_scan),
		cmocka_unit_test(equal_selections_are_one),
		cmocka_unit_test(message_touches_each_selection_once),
		cmocka_unit_test(denied_messages_touch_nothing),
		cmocka_unit_test(touched_selection_may_go),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
