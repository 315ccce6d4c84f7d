/* Items by number, in order, with holes; the memory follows their count. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/registry.h"

enum { MANY = 20000 };

static uint64_t add(struct registry *r, void *item)
{
	uint64_t number = 0;

	assert_int_equal(registry_add(r, item, &number), 0);
	return number;
}

static void numbers_grow_and_never_come_again(void **state)
{
	struct registry r = {0};
	int a, b;

	(void)state;
	assert_int_equal(add(&r, &a), 1);
	assert_int_equal(add(&r, &b), 2);
	registry_remove(&r, 2);
	assert_int_equal(add(&r, &b), 3);
	assert_ptr_equal(registry_find(&r, 1), &a);
	assert_null(registry_find(&r, 2));
	assert_ptr_equal(registry_find(&r, 3), &b);
	assert_null(registry_find(&r, 0));
	assert_null(registry_find(&r, 4));
	assert_null(registry_find(&r, UINT64_MAX));
	registry_finish(&r);
	assert_int_equal(add(&r, &a), 4);
	registry_finish(&r);
}

static void removing_twice_or_nothing_is_nothing(void **state)
{
	struct registry r = {0};
	int a;

	(void)state;
	registry_remove(&r, 0);
	registry_remove(&r, 7);
	add(&r, &a);
	registry_remove(&r, 1);
	registry_remove(&r, 1);
	assert_int_equal(r.holes, 1);
	assert_null(registry_find(&r, 1));
	registry_finish(&r);
}

static size_t count_from(const struct registry *r, uint64_t after)
{
	size_t n = 0;

	for (size_t i = registry_above(r, after); i < r->end; i++) {
		assert_true(r->entries[i].number > after);
		if (i > 0)
			assert_true(r->entries[i - 1].number <
				    r->entries[i].number);
		n += r->entries[i].item != NULL;
	}
	return n;
}

/* After any removals the others are found, in order, and memory shrinks. */
static void many_come_and_go(void **state)
{
	static char items[MANY];
	struct registry r = {0};
	size_t most;

	(void)state;
	for (size_t i = 0; i < MANY; i++)
		assert_int_equal(add(&r, &items[i]), i + 1);
	most = r.cap;
	assert_int_equal(count_from(&r, 0), MANY);
	assert_int_equal(count_from(&r, MANY - 10), 10);
	for (uint64_t n = 1; n <= MANY; n++)
		if (n % 10 != 0)
			registry_remove(&r, n);
	assert_true(r.holes <= r.end / 2);
	assert_int_equal(count_from(&r, 0), MANY / 10);
	assert_int_equal(count_from(&r, MANY / 2), MANY / 20);
	for (uint64_t n = 1; n <= MANY; n++)
		assert_ptr_equal(registry_find(&r, n),
				 n % 10 == 0 ? &items[n - 1] : NULL);
	assert_true(r.cap < most);
	registry_finish(&r);
}

/* As in a gateway whose clients reconnect for ever. */
static void a_steady_number_needs_a_steady_place(void **state)
{
	struct registry r = {0};
	int item;

	(void)state;
	for (uint64_t n = 1; n <= 100000; n++) {
		add(&r, &item);
		if (n > 100)
			registry_remove(&r, n - 100);
	}
	assert_int_equal(count_from(&r, 0), 100);
	assert_true(r.cap <= 512);
	registry_finish(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_grow_and_never_come_again),
		cmocka_unit_test(removing_twice_or_nothing_is_nothing),
		cmocka_unit_test(many_come_and_go),
		cmocka_unit_test(a_steady_number_needs_a_steady_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
