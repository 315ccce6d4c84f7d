/* Permits: how many are held, the order of waiting ones, and how the limit
 * follows the latency of responses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/limiter.h"

enum { MOST = 8, N = 20 };

struct fixture {
	struct limiter limiter;
	struct permit one[N];
};

static int setup(void **state)
{
	static struct fixture f;

	memset(&f, 0, sizeof(f));
	limiter_init(&f.limiter, MOST);
	*state = &f;
	return 0;
}

/* Acquires all; returns the number held. */
static unsigned take_all(struct fixture *f)
{
	unsigned n = 0;

	for (int i = 0; i < N; i++)
		n += permit_acquire(&f->limiter, &f->one[i]);
	return n;
}

static void end_all(struct fixture *f)
{
	for (int i = 0; i < N; i++)
		permit_release(&f->one[i]);
	assert_int_equal(f->limiter.in_use, 0);
	assert_false(limiter_has_waiters(&f->limiter));
}

static void test_in_order_of_coming(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(take_all(f), MOST);
	assert_null(limiter_next(&f->limiter));
	assert_true(limiter_has_waiters(&f->limiter));
	permit_release(&f->one[3]);
	permit_release(&f->one[0]);
	assert_ptr_equal(limiter_next(&f->limiter), &f->one[MOST]);
	assert_ptr_equal(limiter_next(&f->limiter), &f->one[MOST + 1]);
	assert_null(limiter_next(&f->limiter));
	end_all(f);
}

static void test_waiting_permits_keep_their_order(void **state)
{
	struct fixture *f = *state;

	take_all(f);
	permit_release(&f->one[0]);
	assert_false(permit_acquire(&f->limiter, &f->one[0]));
	for (int i = MOST; i < N; i++) {
		assert_ptr_equal(limiter_next(&f->limiter), &f->one[i]);
		permit_release(&f->one[i]);
	}
	assert_ptr_equal(limiter_next(&f->limiter), &f->one[0]);
	end_all(f);
}

static void test_who_waits_may_leave(void **state)
{
	struct fixture *f = *state;

	take_all(f);
	permit_release(&f->one[MOST]);
	permit_release(&f->one[MOST]);
	permit_release(&f->one[1]);
	permit_release(&f->one[1]);
	assert_int_equal(f->limiter.in_use, MOST - 1);
	assert_ptr_equal(limiter_next(&f->limiter), &f->one[MOST + 1]);
	assert_null(limiter_next(&f->limiter));
	end_all(f);
}

static void answer(struct fixture *f, uint64_t ms)
{
	assert_true(permit_acquire(&f->limiter, &f->one[0]));
	permit_record_latency(&f->one[0], ms);
	permit_release(&f->one[0]);
}

static void test_late_responses_halve_the_limit(void **state)
{
	struct fixture *f = *state;

	answer(f, LIMITER_LATE_MS - 1);
	assert_int_equal(f->limiter.limit, MOST);
	answer(f, LIMITER_LATE_MS);
	assert_int_equal(f->limiter.limit, MOST / 2);
	for (int i = 0; i < 10; i++)
		answer(f, LIMITER_LATE_MS);
	assert_int_equal(take_all(f), LIMITER_LEAST);
	end_all(f);
	for (int i = 0; i < 10 * MOST; i++)
		answer(f, 0);
	assert_int_equal(take_all(f), MOST);
	end_all(f);
}

static void test_one_alone_stays_one(void **state)
{
	struct fixture *f = *state;

	limiter_init(&f->limiter, 1);
	answer(f, LIMITER_LATE_MS);
	assert_int_equal(take_all(f), 1);
	end_all(f);
}

static void test_waiting_permits_record_nothing(void **state)
{
	struct fixture *f = *state;

	take_all(f);
	permit_record_latency(&f->one[MOST], LIMITER_LATE_MS);
	assert_int_equal(f->limiter.limit, MOST);
	end_all(f);
	permit_record_latency(&f->one[0], LIMITER_LATE_MS);
	assert_int_equal(f->limiter.limit, MOST);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_in_order_of_coming, setup),
		cmocka_unit_test_setup(test_waiting_permits_keep_their_order,
				       setup),
		cmocka_unit_test_setup(test_who_waits_may_leave, setup),
		cmocka_unit_test_setup(test_late_responses_halve_the_limit,
				       setup),
		cmocka_unit_test_setup(test_one_alone_stays_one, setup),
		cmocka_unit_test_setup(test_waiting_permits_record_nothing,
				       setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
