/* Who may ask, and who waits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/limiter.h"

enum { MOST = 8, N = 20 };

struct fixture {
	struct turns turns;
	struct turn one[N];
};

static int setup(void **state)
{
	static struct fixture f;

	memset(&f, 0, sizeof(f));
	turns_init(&f.turns, MOST);
	*state = &f;
	return 0;
}

/* How many of them have it at once. */
static unsigned take_all(struct fixture *f)
{
	unsigned n = 0;

	for (int i = 0; i < N; i++)
		n += turn_take(&f->turns, &f->one[i]);
	return n;
}

static void end_all(struct fixture *f)
{
	for (int i = 0; i < N; i++)
		turn_end(&f->one[i]);
	assert_int_equal(f->turns.taken, 0);
	assert_false(turns_wanted(&f->turns));
}

static void test_in_order_of_coming(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(take_all(f), MOST);
	assert_null(turns_next(&f->turns));
	assert_true(turns_wanted(&f->turns));
	turn_end(&f->one[3]);
	turn_end(&f->one[0]);
	assert_ptr_equal(turns_next(&f->turns), &f->one[MOST]);
	assert_ptr_equal(turns_next(&f->turns), &f->one[MOST + 1]);
	assert_null(turns_next(&f->turns));
	end_all(f);
}

static void test_nobody_overtakes_who_waits(void **state)
{
	struct fixture *f = *state;

	take_all(f);
	turn_end(&f->one[0]);
	assert_false(turn_take(&f->turns, &f->one[0]));
	for (int i = MOST; i < N; i++) {
		assert_ptr_equal(turns_next(&f->turns), &f->one[i]);
		turn_end(&f->one[i]);
	}
	assert_ptr_equal(turns_next(&f->turns), &f->one[0]);
	end_all(f);
}

static void test_who_waits_may_leave(void **state)
{
	struct fixture *f = *state;

	take_all(f);
	turn_end(&f->one[MOST]);
	turn_end(&f->one[MOST]);
	turn_end(&f->one[1]);
	turn_end(&f->one[1]);
	assert_int_equal(f->turns.taken, MOST - 1);
	assert_ptr_equal(turns_next(&f->turns), &f->one[MOST + 1]);
	assert_null(turns_next(&f->turns));
	end_all(f);
}

static void answer(struct fixture *f, uint64_t ms)
{
	assert_true(turn_take(&f->turns, &f->one[0]));
	turn_took(&f->one[0], ms);
	turn_end(&f->one[0]);
}

static void test_late_answers_make_them_fewer(void **state)
{
	struct fixture *f = *state;

	answer(f, TURNS_LATE_MS - 1);
	assert_int_equal(f->turns.max, MOST);
	answer(f, TURNS_LATE_MS);
	assert_int_equal(f->turns.max, MOST / 2);
	for (int i = 0; i < 10; i++)
		answer(f, TURNS_LATE_MS);
	assert_int_equal(take_all(f), TURNS_LEAST);
	end_all(f);
	for (int i = 0; i < 10 * MOST; i++)
		answer(f, 0);
	assert_int_equal(take_all(f), MOST);
	end_all(f);
}

static void test_one_alone_stays_one(void **state)
{
	struct fixture *f = *state;

	turns_init(&f->turns, 1);
	answer(f, TURNS_LATE_MS);
	assert_int_equal(take_all(f), 1);
	end_all(f);
}

static void test_who_waits_has_no_answer(void **state)
{
	struct fixture *f = *state;

	take_all(f);
	turn_took(&f->one[MOST], TURNS_LATE_MS);
	assert_int_equal(f->turns.max, MOST);
	end_all(f);
	turn_took(&f->one[0], TURNS_LATE_MS);
	assert_int_equal(f->turns.max, MOST);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_in_order_of_coming, setup),
		cmocka_unit_test_setup(test_nobody_overtakes_who_waits, setup),
		cmocka_unit_test_setup(test_who_waits_may_leave, setup),
		cmocka_unit_test_setup(test_late_answers_make_them_fewer,
				       setup),
		cmocka_unit_test_setup(test_one_alone_stays_one, setup),
		cmocka_unit_test_setup(test_who_waits_has_no_answer, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
