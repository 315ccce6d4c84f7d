#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "http/batch_result.h"

static const struct sse_tag tag = {"9f31c2"};

static void expect_bytes(struct buf *out, const char *want)
{
	assert_int_equal(buf_unread(out), strlen(want));
	assert_memory_equal(buf_data(out), want, strlen(want));
	buf_clear(out);
}

static void lines(void **state)
{
	struct http_error e;
	struct problem p = {.error = &e,
			    .err_code = 10071,
			    .has_current = true,
			    .current = 9};
	struct buf out;

	(void)state;
	buf_init(&out, BATCH_RESULT_MAX);
	assert_int_equal(batch_result_stored(&out, 10, &tag, false), 0);
	expect_bytes(&out, "{\"seq\":10,\"id\":\"10-9f31c2\"}\n");
	assert_int_equal(batch_result_stored(&out, UINT64_MAX, &tag, true), 0);
	expect_bytes(&out, "{\"seq\":18446744073709551615,\"id\":"
			   "\"18446744073709551615-9f31c2\","
			   "\"duplicate\":true}\n");
	http_error_set(&e, 409, REJECT_NOT_PUBLISHED, "wrong");
	assert_int_equal(batch_result_problem(&out, &p), 0);
	expect_bytes(&out, "{\"status\":409,\"detail\":\"wrong\","
			   "\"err_code\":10071,\"current\":9}\n");
	buf_finish(&out);
}

static void whole_or_not_at_all(void **state)
{
	struct http_error e;
	struct problem p = {.error = &e};
	struct buf out;

	(void)state;
	http_error_set(&e, 409, REJECT_NOT_PUBLISHED, "wrong");
	for (size_t max = 1; max < 33; max++) {
		buf_init(&out, max);
		buf_putc(&out, 'x');
		assert_int_equal(batch_result_problem(&out, &p), -ENOBUFS);
		assert_int_equal(buf_unread(&out), 1);
		buf_finish(&out);
	}
	for (size_t max = 1; max < 28; max++) {
		buf_init(&out, max);
		assert_int_equal(batch_result_stored(&out, 10, &tag, false),
				 -ENOBUFS);
		assert_int_equal(buf_unread(&out), 0);
		buf_finish(&out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines),
		cmocka_unit_test(whole_or_not_at_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
