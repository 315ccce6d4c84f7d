/* The order of timers under random updates and removals. */
#include "base/timer_heap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void set(struct timer_heap *h, struct timer_node *d, uint64_t ms)
{
	assert_int_equal(timer_heap_reserve(h), 0);
	timer_heap_set(h, d, ms);
}

static void the_first_is_at_hand(void **state)
{
	struct timer_heap h = {0};
	struct timer_node a = {0}, b = {0}, c = {0};

	(void)state;
	assert_null(timer_heap_first(&h));
	timer_heap_remove(&h, &a);
	set(&h, &a, 20);
	assert_ptr_equal(timer_heap_first(&h), &a);
	set(&h, &b, 10);
	assert_ptr_equal(timer_heap_first(&h), &b);
	set(&h, &c, UINT64_MAX);
	set(&h, &b, 30);
	assert_ptr_equal(timer_heap_first(&h), &a);
	timer_heap_remove(&h, &a);
	timer_heap_remove(&h, &a);
	assert_ptr_equal(timer_heap_first(&h), &b);
	set(&h, &c, 0);
	assert_ptr_equal(timer_heap_first(&h), &c);
	timer_heap_remove(&h, &c);
	timer_heap_remove(&h, &b);
	assert_null(timer_heap_first(&h));
	timer_heap_finish(&h);
}

/* ---- against a model ----------------------------------------------------- */

enum { ITEMS = 300, STEPS = 40000 };

static uint32_t seed = 7;

static uint32_t random_below(uint32_t n)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % n;
}

static void check(const struct timer_heap *h, const struct timer_node *items,
		  const bool *in)
{
	uint64_t least = UINT64_MAX;
	size_t n = 0;

	for (int i = 0; i < ITEMS; i++) {
		assert_int_equal(items[i].index != 0, in[i]);
		if (!in[i])
			continue;
		n++;
		assert_ptr_equal(h->items[items[i].index - 1], &items[i]);
		if (items[i].ms < least)
			least = items[i].ms;
	}
	assert_int_equal(h->n, n);
	if (n > 0)
		assert_int_equal(timer_heap_first(h)->ms, least);
	else
		assert_null(timer_heap_first(h));
}

static void any_may_be_set_anew_and_taken_out(void **state)
{
	static struct timer_node items[ITEMS];
	static bool in[ITEMS];
	struct timer_heap h = {0};

	(void)state;
	for (int step = 0; step < STEPS; step++) {
		uint32_t i = random_below(ITEMS);

		if (random_below(5) < 3) {
			set(&h, &items[i], random_below(1000));
			in[i] = true;
		} else {
			timer_heap_remove(&h, &items[i]);
			in[i] = false;
		}
		if (step % 16 == 0)
			check(&h, items, in);
	}
	for (uint64_t last = 0; timer_heap_first(&h) != NULL;) {
		struct timer_node *d = timer_heap_first(&h);

		assert_true(d->ms >= last);
		last = d->ms;
		in[d - items] = false;
		timer_heap_remove(&h, d);
		check(&h, items, in);
	}
	timer_heap_finish(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_is_at_hand),
		cmocka_unit_test(any_may_be_set_anew_and_taken_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
