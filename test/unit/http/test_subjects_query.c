/* The path and the parameters of a publish or a request to a subject. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/check.h"
#include "http/subjects_query.h"

static struct subjects_query must_parse(const char *query)
{
	struct subjects_query q;
	struct http_error why = {0};

	memset(&q, 0x5a, sizeof(q));
	if (subjects_query_parse(&q, &why, query, "id", "t") < 0)
		fail_msg("%s: %s", query, why.text);
	return q;
}

static void must_reject(const char *query, const char *text)
{
	struct subjects_query q;
	struct http_error why;

	assert_int_equal(subjects_query_parse(&q, &why, query, "id", "t"),
			 -EINVAL);
	assert_int_equal(why.status, 400);
	if (strstr(why.text, text) == NULL)
		fail_msg("%s: %s", query, why.text);
}

static void paths_are_decoded_once(void **state)
{
	static const char *const bad[] = {"%", "a%4", "%zz", "a%00b", "%%41"};
	struct query_text text;
	struct http_error why;

	(void)state;
	assert_int_equal(subjects_query_path(&text, span_of("a%2Eb%2fc+%2541"),
					     &why),
			 0);
	assert_string_equal(text.bytes, "a.b/c+%41");
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_int_equal(subjects_query_path(&text, span_of(bad[i]),
						     &why),
				 -EINVAL);
		assert_int_equal(why.status, 400);
		assert_int_equal(why.reason, REJECT_BAD_SUBJECT);
	}
}

static void defaults(void **state)
{
	struct subjects_query q = must_parse("unknown=1&Timeout=x");

	(void)state;
	assert_false(q.has_reply || q.is_many || q.json);
	assert_int_equal(q.timeout_ms, 2000);
	assert_int_equal(q.replies, 1);
	assert_int_equal(q.stall_ms, 0);
	assert_false(q.credentials.id.given);
	assert_null(q.credentials.token.at);
}

static void good_parameters(void **state)
{
	struct subjects_query q =
		must_parse("timeout=60s&replies=100000&stall=1ms&json=1&"
			   "reply=a%2Eb&id=alice&t=x");

	(void)state;
	assert_true(q.has_reply && q.is_many && q.json);
	assert_string_equal(q.reply.bytes, "a.b");
	assert_int_equal(q.timeout_ms, 60000);
	assert_int_equal(q.replies, 100000);
	assert_int_equal(q.stall_ms, 1);
	assert_string_equal(q.credentials.id.text, "alice");
	assert_int_equal(q.credentials.token.len, 1);
	q = must_parse("stall=200ms");
	assert_true(q.is_many);
	assert_int_equal(q.replies, SUBJECTS_REPLIES_MAX);
	q = must_parse("replies=1");
	assert_true(q.is_many);
	assert_int_equal(q.replies, 1);
}

static void bad_parameters(void **state)
{
	static const char time[] = "a duration from 1ms to 60s";
	static const char count[] = "a number from 1 to 100000";

	(void)state;
	must_reject("timeout=0", time);
	must_reject("timeout=61s", time);
	must_reject("timeout=", time);
	must_reject("timeout=2", time);
	must_reject("stall=0", time);
	must_reject("stall=1h", time);
	must_reject("replies=0", count);
	must_reject("replies=100001", count);
	must_reject("replies=-1", count);
	must_reject("replies=99999999999999999999999", count);
	must_reject("json=yes", "1 or 0");
	must_reject("reply=%zz", "% and two hex digits");
	must_reject("x=%00", "%01 to %FF");
	must_reject("reply=a&reply=a", "reply is given twice");
	must_reject("timeout=1s&timeout=1s", "timeout is given twice");
	must_reject("replies=1&stall=1s&replies=1", "replies is given twice");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(paths_are_decoded_once),
		cmocka_unit_test(defaults),
		cmocka_unit_test(good_parameters),
		cmocka_unit_test(bad_parameters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
