#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "http/batch_results.h"

static const struct sse_tag tag = {"9f31c2"};

static void put_stored(struct batch_results *r, struct batch_place *p,
		       uint64_t seq)
{
	assert_int_equal(batch_results_stored(r, p, seq, &tag, false), 0);
}

static void put_problem(struct batch_results *r, struct batch_place *p,
			const char *text)
{
	struct http_error e;
	const struct problem problem = {.error = &e};

	http_error_set(&e, 400, REJECT_BAD_BODY, "%s", text);
	assert_int_equal(batch_results_problem(r, p, &problem), 0);
}

static void expect_taken(struct batch_results *r, struct batch_place *want)
{
	int rc;

	assert_ptr_equal(batch_results_take(r, &rc), want);
	assert_int_equal(rc, 0);
}

static void expect_out(struct batch_results *r, const char *want)
{
	assert_int_equal(buf_unread(&r->out), strlen(want));
	assert_memory_equal(buf_data(&r->out), want, strlen(want));
	buf_clear(&r->out);
}

static void a_result_waits_for_those_before(void **state)
{
	struct batch_place p[3];
	struct batch_results r;

	(void)state;
	batch_results_init(&r, 4096);
	for (int i = 0; i < 3; i++)
		batch_results_add(&r, &p[i]);
	put_stored(&r, &p[1], 11);
	expect_taken(&r, NULL);
	put_problem(&r, &p[2], "wrong");
	expect_taken(&r, NULL);
	assert_int_equal(buf_unread(&r.out), 0);
	put_stored(&r, &p[0], 10);
	for (int i = 0; i < 3; i++)
		expect_taken(&r, &p[i]);
	expect_taken(&r, NULL);
	expect_out(&r, "{\"seq\":10,\"id\":\"10-9f31c2\"}\n"
		       "{\"seq\":11,\"id\":\"11-9f31c2\"}\n"
		       "{\"status\":400,\"detail\":\"wrong\"}\n");
	assert_true(r.has_failure);
	assert_int_equal(r.n_lines, 3);
	batch_results_finish(&r);
}

static void a_result_without_a_place(void **state)
{
	struct batch_results r;
	struct batch_place p;

	(void)state;
	batch_results_init(&r, 4096);
	put_stored(&r, NULL, 1);
	assert_false(r.has_failure);
	put_problem(&r, NULL, "wrong");
	batch_results_add(&r, &p);
	put_stored(&r, &p, 2);
	expect_taken(&r, &p);
	expect_out(&r, "{\"seq\":1,\"id\":\"1-9f31c2\"}\n"
		       "{\"status\":400,\"detail\":\"wrong\"}\n"
		       "{\"seq\":2,\"id\":\"2-9f31c2\"}\n");
	assert_int_equal(r.n_lines, 3);
	batch_results_finish(&r);
}

static void a_line_is_dealt_with_later(void **state)
{
	struct batch_results r;
	struct batch_place a, b;

	(void)state;
	batch_results_init(&r, 4096);
	batch_results_add(&r, &a);
	batch_results_add(&r, &b);
	batch_results_cancel(&r, &b);
	assert_int_equal(r.n_lines, 1);
	assert_int_equal(r.n_places, 1);
	put_stored(&r, &a, 1);
	expect_taken(&r, &a);
	expect_taken(&r, NULL);
	batch_results_finish(&r);
}

static void places_are_dropped(void **state)
{
	struct batch_results r;
	struct batch_place a, b;

	(void)state;
	batch_results_init(&r, 4096);
	batch_results_add(&r, &a);
	batch_results_add(&r, &b);
	put_problem(&r, &b, "its text is freed");
	assert_ptr_equal(batch_results_drop(&r), &a);
	assert_ptr_equal(batch_results_drop(&r), &b);
	assert_null(batch_results_drop(&r));
	batch_results_finish(&r);
}

static void more_results_than_allowed(void **state)
{
	struct batch_results r;
	struct batch_place a, b;
	int rc;

	(void)state;
	batch_results_init(&r, 40);
	batch_results_add(&r, &a);
	batch_results_add(&r, &b);
	put_stored(&r, &b, 2);
	put_stored(&r, &a, 1);
	expect_taken(&r, &a);
	assert_ptr_equal(batch_results_take(&r, &rc), &b);
	assert_int_equal(rc, -ENOBUFS);
	assert_int_equal(batch_results_stored(&r, NULL, 3, &tag, false),
			 -ENOBUFS);
	batch_results_finish(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_result_waits_for_those_before),
		cmocka_unit_test(a_result_without_a_place),
		cmocka_unit_test(a_line_is_dealt_with_later),
		cmocka_unit_test(places_are_dropped),
		cmocka_unit_test(more_results_than_allowed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
