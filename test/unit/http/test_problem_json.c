#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "http/problem_json.h"

static void expect_json(const struct problem *p, const char *want)
{
	struct buf out;

	buf_init(&out, PROBLEM_JSON_MAX);
	assert_int_equal(problem_json_put(&out, p), 0);
	assert_int_equal(buf_unread(&out), strlen(want));
	assert_memory_equal(buf_data(&out), want, strlen(want));
	buf_finish(&out);
}

static void members_stand_where_they_are_known(void **state)
{
	struct http_error e;
	struct problem p = {.error = &e};

	(void)state;
	http_error_set(&e, 404, REJECT_NOT_FOUND, "no \"path\" \\x01");
	expect_json(&p, "{\"type\":\"about:blank\",\"title\":\"Not Found\","
			"\"status\":404,\"detail\":\"no \\\"path\\\" "
			"\\\\x01\"}\n");
	http_error_set(&e, 409, REJECT_NOT_PUBLISHED, "wrong");
	p.err_code = 10071;
	p.has_current = true;
	expect_json(&p, "{\"type\":\"about:blank\",\"title\":\"Conflict\","
			"\"status\":409,\"detail\":\"wrong\","
			"\"err_code\":10071,\"current\":0}\n");
	p.current = UINT64_MAX;
	p.is_unknown = true;
	expect_json(&p, "{\"type\":\"about:blank\",\"title\":\"Conflict\","
			"\"status\":409,\"detail\":\"wrong\","
			"\"err_code\":10071,\"current\":18446744073709551615,"
			"\"outcome\":\"unknown\"}\n");
	p = (struct problem){.error = &e};
	http_error_set(&e, 418, REJECT_NOT_PUBLISHED, "tea");
	expect_json(&p, "{\"type\":\"about:blank\",\"title\":\"Error\","
			"\"status\":418,\"detail\":\"tea\"}\n");
}

static void the_longest_text_fits(void **state)
{
	struct http_error e;
	struct problem p = {.error = &e,
			    .err_code = 999999,
			    .has_current = true,
			    .current = UINT64_MAX,
			    .is_unknown = true};
	struct buf out;

	(void)state;
	http_error_set(&e, 431, REJECT_TOO_LARGE, "x");
	memset(e.text, 1, sizeof(e.text) - 1);
	e.text[sizeof(e.text) - 1] = '\0';
	buf_init(&out, PROBLEM_JSON_MAX);
	assert_int_equal(problem_json_put(&out, &p), 0);
	buf_finish(&out);
}

static void without_room(void **state)
{
	struct http_error e;
	struct problem p = {.error = &e};
	struct buf out;

	(void)state;
	http_error_set(&e, 404, REJECT_NOT_FOUND, "text");
	for (size_t max = 0; max < 70; max++) {
		buf_init(&out, max);
		assert_int_equal(problem_json_put(&out, &p), -ENOBUFS);
		buf_finish(&out);
	}
}

static void problems_of_publishes(void **state)
{
	struct publish_error e = {.status = 412,
				  .what = "The last sequence is another one",
				  .detail = "wrong last sequence: 9\r\n\xff",
				  .err_code = 10071,
				  .has_current = true,
				  .current = 9};
	struct http_error error;
	struct problem p = problem_of_publish(&error, &e);

	(void)state;
	assert_int_equal(error.reason, REJECT_NOT_PUBLISHED);
	expect_json(&p, "{\"type\":\"about:blank\",\"title\":\"Precondition "
			"Failed\",\"status\":412,\"detail\":\"The last "
			"sequence is another one: wrong last sequence: "
			"9\\\\x0d\\\\x0a\\\\xff\",\"err_code\":10071,"
			"\"current\":9}\n");
	publish_error_of(&e, PUBLISH_NO_ACK);
	p = problem_of_publish(&error, &e);
	expect_json(&p, "{\"type\":\"about:blank\",\"title\":\"Gateway "
			"Timeout\",\"status\":504,\"detail\":\"No "
			"acknowledgement in time\",\"outcome\":"
			"\"unknown\"}\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(members_stand_where_they_are_known),
		cmocka_unit_test(the_longest_text_fits),
		cmocka_unit_test(without_room),
		cmocka_unit_test(problems_of_publishes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
