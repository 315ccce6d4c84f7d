#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "histogram.h"

static struct histogram h;

static int empty(void **state)
{
	(void)state;
	memset(&h, 0, sizeof(h));
	return 0;
}

static void slots_follow_each_other(void **state)
{
	(void)state;
	for (size_t i = 1; i < HISTOGRAM_SLOTS; i++)
		assert_true(histogram_slot_top(i) > histogram_slot_top(i - 1));
	assert_true(histogram_slot_top(HISTOGRAM_SLOTS - 1) ==
		    (1ULL << HISTOGRAM_TOP) - 1);
}

static void a_slot_takes_what_lies_below_its_top(void **state)
{
	(void)state;
	for (size_t i = 1; i < HISTOGRAM_SLOTS; i++) {
		uint64_t lowest = histogram_slot_top(i - 1) + 1;

		memset(&h, 0, sizeof(h));
		histogram_add(&h, histogram_slot_top(i));
		histogram_add(&h, lowest);
		assert_int_equal(h.slots[i], 2);
		/* The error is below 1 %. */
		assert_true((histogram_slot_top(i) - lowest) * 100 <= lowest);
	}
}

static void says_nothing_when_empty(void **state)
{
	(void)state;
	assert_int_equal(histogram_percentile(&h, 50), 0);
	assert_int_equal(histogram_percentile(&h, 100), 0);
}

static void small_values_are_exact(void **state)
{
	(void)state;
	for (uint64_t v = 1; v <= 100; v++)
		histogram_add(&h, v);
	assert_int_equal(histogram_percentile(&h, 0), 1);
	assert_int_equal(histogram_percentile(&h, 1), 1);
	assert_int_equal(histogram_percentile(&h, 50), 50);
	assert_int_equal(histogram_percentile(&h, 50.1), 51);
	assert_int_equal(histogram_percentile(&h, 99), 99);
	assert_int_equal(histogram_percentile(&h, 100), 100);
}

static void the_maximum_is_exact(void **state)
{
	(void)state;
	histogram_add(&h, 5);
	histogram_add(&h, 123456789012345ULL);
	assert_true(histogram_percentile(&h, 100) == 123456789012345ULL);
	assert_int_equal(histogram_percentile(&h, 50), 5);
	histogram_add(&h, UINT64_MAX);
	assert_true(histogram_percentile(&h, 100) == UINT64_MAX);
}

static int by_size(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* A slot's top may exceed all values. */
static void nothing_is_above_the_maximum(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++)
		histogram_add(&h, 300000);
	assert_int_equal(histogram_percentile(&h, 50), 300000);
}

/* Compares with a sorted list. */
static void percentiles_are_near_the_real_ones(void **state)
{
	static const double percents[] = {1, 10, 50, 90, 99, 99.9};
	enum { N = 20000 };
	static uint64_t all[N];
	uint64_t seed = 1;

	(void)state;
	for (size_t i = 0; i < N; i++) {
		seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
		all[i] = (seed >> 40) << (seed >> 33 & 15);
		histogram_add(&h, all[i]);
	}
	qsort(all, N, sizeof(all[0]), by_size);
	for (size_t i = 0; i < sizeof(percents) / sizeof(percents[0]); i++) {
		uint64_t real = all[(size_t)(N * percents[i] / 100) - 1];
		uint64_t got = histogram_percentile(&h, percents[i]);

		assert_true(got >= real);
		assert_true(got - real <= real / 100);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(slots_follow_each_other, empty),
		cmocka_unit_test_setup(a_slot_takes_what_lies_below_its_top,
				       empty),
		cmocka_unit_test_setup(says_nothing_when_empty, empty),
		cmocka_unit_test_setup(small_values_are_exact, empty),
		cmocka_unit_test_setup(the_maximum_is_exact, empty),
		cmocka_unit_test_setup(nothing_is_above_the_maximum, empty),
		cmocka_unit_test_setup(percentiles_are_near_the_real_ones,
				       empty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
