#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/check.h"
#include "nats/js_pub_ack.h"

/* From memory of its own size. */
static struct js_pub_ack parse(const char *json)
{
	struct js_pub_ack ack;
	size_t len = strlen(json);
	char *copy = malloc(len > 0 ? len : 1);

	MUST(copy != NULL);
	memcpy(copy, json, len);
	memset(&ack, 0x5a, sizeof(ack));
	js_pub_ack_parse(&ack, copy, len, "Events");
	free(copy);
	return ack;
}

static void acknowledgements(void **state)
{
	struct js_pub_ack ack = parse("{\"stream\":\"Events\", \"seq\":10}");

	(void)state;
	assert_int_equal(ack.error.err, 0);
	assert_int_equal(ack.seq, 10);
	assert_false(ack.duplicate || ack.has_current);
	assert_string_equal(ack.domain, "");
	assert_int_equal(ack.count, 0);
	ack = parse("{\"stream\":\"Events\",\"domain\":\"hub\",\"seq\":7,"
		    "\"duplicate\":true,\"new\":[1]}");
	assert_int_equal(ack.error.err, 0);
	assert_int_equal(ack.seq, 7);
	assert_true(ack.duplicate);
	assert_string_equal(ack.domain, "hub");
	ack = parse("{\"stream\":\"Events\",\"seq\":12,\"duplicate\":false,"
		    "\"batch\":\"b1\",\"count\":3}");
	assert_int_equal(ack.error.err, 0);
	assert_false(ack.duplicate);
	assert_int_equal(ack.count, 3);
	ack = parse("{\"stream\":\"Events\",\"seq\":18446744073709551615}");
	assert_true(ack.seq == UINT64_MAX);
	/* Other forms of the same. */
	assert_int_equal(parse("{\"seq\":8,\"stream\":\"Events\"}").seq, 8);
	assert_int_equal(parse("{ \"stream\" : \"Events\" , \"seq\" : 9 }").seq,
			 9);
	assert_int_equal(parse("{\"stream\":\"Events\",\"seq\":5}\n").seq, 5);
	assert_int_equal(parse("{\"stream\":\"\\u0045vents\",\"seq\":6}").seq,
			 6);
}

static void answers_that_are_none(void **state)
{
	static const char *const bad[] = {
		"",
		"+OK",
		"[]",
		"{}",
		"1",
		"null",
		"{\"stream\":\"Events\"}",
		"{\"seq\":1}",
		"{\"stream\":\"Events\",\"seq\":0}",
		"{\"stream\":\"Other\",\"seq\":0,\"duplicate\":true}",
		"{\"stream\":\"Events\",\"seq\":-1}",
		"{\"stream\":\"Events\",\"seq\":}",
		"{\"stream\":\"Events\",\"seq\":01}",
		"{\"stream\":\"Events\",\"seq\":+1}",
		"{\"stream\":\"Events\",\"seq\":1}}",
		"{\"stream\":\"Events\",\"seq\":1",
		"{\"stream\":\"Events\",  \"seq\":1]",
		"{\"stream\":\"Event\",\"seq\":1}",
		"{\"stream\":\"Eventss\",\"seq\":1}",
		"{\"stream\":\"Events\",\"seq\":1.5}",
		"{\"stream\":\"Events\",\"seq\":\"1\"}",
		"{\"stream\":\"Events\",\"seq\":18446744073709551616}",
		"{\"stream\":\"Other\",\"seq\":1}",
		"{\"stream\":\"Events \",\"seq\":1}",
		"{\"stream\":7,\"seq\":1}",
		"{\"stream\":\"Events\",\"seq\":1,\"duplicate\":\"no\"}",
		"{\"stream\":\"Events\",\"seq\":1,\"count\":-1}",
		"{\"stream\":\"Events\",\"seq\":1,\"domain\":7}",
		"{\"stream\":\"Events\",\"seq\":1,\"seq\":2}",
		"{\"error\":1}",
		"{\"error\":null}",
		"{\"error\":{}}",
		"{\"error\":{\"code\":0}}",
		"{\"error\":{\"err_code\":-5}}",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct js_pub_ack ack = parse(bad[i]);

		if (ack.error.err != JS_JSON_MALFORMED)
			fail_msg("%s: %d", bad[i], ack.error.err);
		assert_int_equal(ack.seq, 0);
		assert_false(ack.duplicate || ack.has_current);
	}
}

static void errors(void **state)
{
	struct js_pub_ack ack = parse(
		"{\"error\":{\"code\":503,\"err_code\":10077,\"description\":"
		"\"maximum messages "
		"exceeded\"},\"stream\":\"Events\",\"seq\":0}");

	(void)state;
	assert_int_equal(ack.error.err, 10077);
	assert_int_equal(ack.error.code, 503);
	assert_string_equal(ack.error.text, "maximum messages exceeded");
	ack = parse("{\"error\":{\"code\":503}}");
	assert_int_equal(ack.error.err, 503);
	assert_int_equal(ack.error.code, 503);
	ack = parse("{\"error\":{\"code\":7,\"err_code\":10099,"
		    "\"description\":\"a\\r\\nb\\u00e4\"}}");
	assert_int_equal(ack.error.err, 10099);
	assert_int_equal(ack.error.code, 0);
	assert_string_equal(ack.error.text, "a??b??");
}

/* As of nats-server 2.9 and 2.10, in a cluster. */
static void a_duplicate_of_what_is_not_stored_yet(void **state)
{
	struct js_pub_ack ack = parse("{\"stream\":\"Events\", \"seq\":0,"
				      "\"duplicate\": true}");

	(void)state;
	assert_int_equal(ack.error.err, JS_ERR_DUPLICATE_PENDING);
	assert_int_equal(ack.error.code, 409);
	assert_false(ack.duplicate);
}

static void expect_current(const char *err_code, const char *description,
			   bool known, uint64_t current)
{
	char json[256];
	struct js_pub_ack ack;

	snprintf(json, sizeof(json),
		 "{\"error\":{\"code\":400,\"err_code\":%s,\"description\":"
		 "\"%s\"},\"seq\":0}",
		 err_code, description);
	ack = parse(json);
	assert_int_equal(ack.has_current, known);
	if (known)
		assert_true(ack.current == current);
}

static void the_last_sequence(void **state)
{
	(void)state;
	expect_current("10071", "wrong last sequence: 9", true, 9);
	expect_current("10071", "wrong last sequence: 0", true, 0);
	expect_current("10071", "wrong last sequence: 18446744073709551615",
		       true, UINT64_MAX);
	expect_current("10071", "wrong last sequence: 18446744073709551616",
		       false, 0);
	expect_current("10071", "wrong last sequence", false, 0);
	expect_current("10071", "wrong last sequence: ", false, 0);
	expect_current("10071", "wrong last sequence: 9 ", false, 0);
	expect_current("10071", "wrong last sequence: -9", false, 0);
	expect_current("10164", "wrong last sequence", false, 0);
	expect_current("10070", "wrong last sequence: 9", false, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(acknowledgements),
		cmocka_unit_test(answers_that_are_none),
		cmocka_unit_test(errors),
		cmocka_unit_test(a_duplicate_of_what_is_not_stored_yet),
		cmocka_unit_test(the_last_sequence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
