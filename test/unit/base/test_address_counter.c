/* Counts by address, and that only counted addresses take memory. */
#include "base/address_counter.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct address nth(uint32_t n)
{
	return address_of_v4(&n);
}

static void counts(void **state)
{
	struct address a = nth(1), b = nth(2);
	struct address_counter *t;

	(void)state;
	assert_int_equal(address_counter_new(&t), 0);
	assert_int_equal(address_counter_count(t, &a), 0);
	assert_int_equal(address_counter_add(t, &a), 0);
	assert_int_equal(address_counter_add(t, &a), 0);
	assert_int_equal(address_counter_add(t, &b), 0);
	assert_int_equal(address_counter_count(t, &a), 2);
	assert_int_equal(address_counter_count(t, &b), 1);
	address_counter_take(t, &a);
	assert_int_equal(address_counter_count(t, &a), 1);
	assert_int_equal(address_counter_size(t), 2);
	/* An address with count 0 takes no memory. */
	address_counter_take(t, &a);
	assert_int_equal(address_counter_take(t, &b), 0);
	/* An uncounted address cannot be taken. */
	assert_int_equal(address_counter_take(t, &b), -ENOENT);
	assert_int_equal(address_counter_count(t, &a), 0);
	assert_int_equal(address_counter_size(t), 0);
	address_counter_free(t);
	address_counter_free(NULL);
}

static void grows(void **state)
{
	enum { N = 5000 };
	struct address_counter *t;

	(void)state;
	assert_int_equal(address_counter_new(&t), 0);
	for (uint32_t i = 0; i < 2 * N; i++) {
		struct address a = nth(i % N);

		assert_int_equal(address_counter_add(t, &a), 0);
	}
	assert_int_equal(address_counter_size(t), N);
	for (uint32_t i = 0; i < N; i++) {
		struct address a = nth(i);

		assert_int_equal(address_counter_count(t, &a), 2);
		if (i % 2 == 0)
			continue;
		address_counter_take(t, &a);
		address_counter_take(t, &a);
	}
	assert_int_equal(address_counter_size(t), N / 2);
	address_counter_free(t); /* with what is left in it */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counts),
		cmocka_unit_test(grows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
