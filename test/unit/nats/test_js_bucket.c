#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/check.h"
#include "nats/js_bucket.h"

#define STATE                                                       \
	"\"state\":{\"messages\":4,\"first_seq\":3,\"last_seq\":6," \
	"\"num_subjects\":2}"
#define INFO(config)           \
	"{\"config\":{" config \
	"},\"created\":\"2026-12-01T00:45:59.822656103Z\"," STATE "}"
#define BUCKET(config) \
	INFO("\"name\":\"KV_b\",\"subjects\":[\"$KV.b.>\"]" config)

/* From memory of its own size. */
static struct js_bucket parse(const char *json)
{
	struct js_bucket b;
	size_t len = strlen(json);
	char *copy = malloc(len > 0 ? len : 1);

	MUST(copy != NULL);
	memcpy(copy, json, len);
	memset(&b, 0x5a, sizeof(b));
	js_bucket_parse(&b, copy, len, span_of("b"));
	free(copy);
	return b;
}

static struct js_bucket parse_good(const char *json)
{
	struct js_bucket b = parse(json);

	if (b.error.err != 0)
		fail_msg("%s: %s", json, b.error.text);
	return b;
}

static void a_bucket(void **state)
{
	struct js_bucket b = parse_good(
		BUCKET(",\"max_msgs_per_subject\":5,\"max_age\":3600000000000,"
		       "\"allow_direct\":true,\"allow_rollup_hdrs\":true,"
		       "\"allow_msg_ttl\":true,\"sealed\":true"));

	(void)state;
	assert_string_equal(b.created, "2026-12-01T00:45:59.822656103Z");
	assert_int_equal(b.created_len, strlen(b.created));
	assert_int_equal(b.messages, 4);
	assert_int_equal(b.first_seq, 3);
	assert_int_equal(b.last_seq, 6);
	assert_int_equal(b.n_keys, 2);
	assert_int_equal(b.history, 5);
	assert_true(b.max_age_ns == UINT64_C(3600000000000));
	assert_true(b.allow_direct && b.allow_rollup && b.allow_msg_ttl);
	assert_true(b.sealed);
	assert_false(b.is_mirror);
	assert_string_equal(b.origin, "b");
	assert_string_equal(b.api_prefix, "");
}

static void each_flag_is_its_own(void **state)
{
	struct js_bucket b = parse_good(BUCKET(""));

	(void)state;
	assert_false(b.allow_direct || b.allow_rollup || b.allow_msg_ttl ||
		     b.sealed);
	assert_true(b.history == 0 && b.max_age_ns == 0);
	b = parse_good(BUCKET(",\"max_msgs_per_subject\":-1,\"max_age\":0"));
	assert_true(b.history == 0 && b.max_age_ns == 0);
	assert_true(parse_good(BUCKET(",\"allow_direct\":true")).allow_direct);
	assert_true(
		parse_good(BUCKET(",\"allow_msg_ttl\":true")).allow_msg_ttl);
	assert_true(
		parse_good(BUCKET(",\"allow_rollup_hdrs\":true")).allow_rollup);
	assert_true(parse_good(BUCKET(",\"sealed\":true")).sealed);
	assert_false(parse_good(BUCKET(",\"sealed\":\"true\"")).sealed);
	parse_good(INFO("\"name\":\"KV_b\",\"subjects\":[\"x\",\"$KV.>\"]"));
}

static void an_empty_bucket(void **state)
{
	struct js_bucket b = parse_good(
		"{\"config\":{\"name\":\"KV_b\",\"subjects\":[\"$KV.b.>\"]},"
		"\"created\":\"2026-12-01T00:45:59Z\",\"state\":{"
		"\"messages\":0,\"first_seq\":10,\"last_seq\":9}}");

	(void)state;
	assert_true(b.messages == 0 && b.n_keys == 0);
	assert_true(b.first_seq == 10 && b.last_seq == 9);
}

static void mirrors(void **state)
{
	struct js_bucket b = parse_good(
		INFO("\"name\":\"KV_b\",\"mirror\":{\"name\":\"KV_origin\"}"));

	(void)state;
	assert_true(b.is_mirror);
	assert_string_equal(b.origin, "origin");
	assert_string_equal(b.api_prefix, "");
	b = parse_good(INFO("\"name\":\"KV_b\",\"mirror\":{"
			    "\"name\":\"KV_o\",\"external\":{"
			    "\"api\":\"$JS.hub.API\",\"deliver\":\"x\"}}"));
	assert_true(b.is_mirror);
	assert_string_equal(b.origin, "o");
	assert_string_equal(b.api_prefix, "$JS.hub.API");
	b = parse_good(INFO("\"name\":\"KV_b\",\"mirror\":{\"name\":\"KV_o\","
			    "\"external\":{\"api\":\"\"}}"));
	assert_string_equal(b.api_prefix, "");
}

static void what_is_no_bucket(void **state)
{
	static const char *const bad[] = {
		"",
		"[]",
		"{}",
		"{\"config\":{\"name\":\"KV_b\",\"subjects\":[\"$KV.b.>\"]}}",
		INFO("\"name\":\"KV_b\""),
		INFO("\"name\":\"KV_b\",\"subjects\":[\"events.>\"]"),
		INFO("\"name\":\"KV_b\",\"subjects\":[\"$KV.b.a\"]"),
		INFO("\"name\":\"KV_b\",\"subjects\":[\"$KV.c.>\",1]"),
		INFO("\"name\":\"KV_c\",\"subjects\":[\"$KV.b.>\"]"),
		INFO("\"name\":\"KV_b\",\"mirror\":{\"name\":\"EVENTS\"}"),
		INFO("\"name\":\"KV_b\",\"mirror\":{\"name\":\"KV_a.b\"}"),
		INFO("\"name\":\"KV_b\",\"mirror\":{}"),
		INFO("\"name\":\"KV_b\",\"mirror\":[\"KV_o\"]"),
		INFO("\"name\":\"KV_b\",\"mirror\":{\"name\":\"KV_o\","
		     "\"external\":{\"api\":\"a.>\"}}"),
		INFO("\"name\":\"KV_b\",\"mirror\":{\"name\":\"KV_o\","
		     "\"external\":{\"api\":\"a b\"}}"),
		INFO("\"name\":\"KV_b\",\"mirror\":{\"name\":\"KV_o\","
		     "\"external\":{}}"),
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct js_bucket b = parse(bad[i]);

		if (b.error.err != JS_JSON_MALFORMED)
			fail_msg("%s", bad[i]);
		assert_true(b.created_len == 0 && !b.is_mirror);
	}
}

static void an_error(void **state)
{
	struct js_bucket b =
		parse("{\"error\":{\"code\":404,\"err_code\":10059,"
		      "\"description\":\"stream not found\"}}");

	(void)state;
	assert_int_equal(b.error.err, 10059);
	assert_int_equal(b.error.code, 404);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_bucket),
		cmocka_unit_test(each_flag_is_its_own),
		cmocka_unit_test(an_empty_bucket),
		cmocka_unit_test(mirrors),
		cmocka_unit_test(what_is_no_bucket),
		cmocka_unit_test(an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
