#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/check.h"
#include "base/json_compact.h"
#include "base/json_walk.h"

static void expect_span(struct span got, const char *want)
{
	if (got.len != strlen(want) || memcmp(got.at, want, got.len) != 0)
		fail_msg("\"%.*s\", expected \"%s\"", (int)got.len, got.at,
			 want);
}

/* From memory of its own size. */
static struct span exact(const char *text)
{
	size_t len = strlen(text);
	char *copy = malloc(len);

	MUST(copy != NULL && json_compact_len(text, len) > 0);
	memcpy(copy, text, len);
	return (struct span){copy, len};
}

static void drop(struct span text)
{
	free((void *)(uintptr_t)text.at);
}

static void members(void **state)
{
	struct span text = exact(" {\"a\" : 1,\"b\\\"}\":\"x,]\\\\\" , \"\":\t"
				 "[1,{\"c\":\"]\"}] ,\"d\":{},\"e\":-1.5e9,"
				 "\"f\":null } \r\n");
	struct span object = json_walk_value(text), name, value;
	struct json_walk w = json_walk_begin(object);
	static const char *const want[][2] = {
		{"\"a\"", "1"},
		{"\"b\\\"}\"", "\"x,]\\\\\""},
		{"\"\"", "[1,{\"c\":\"]\"}]"},
		{"\"d\"", "{}"},
		{"\"e\"", "-1.5e9"},
		{"\"f\"", "null"},
	};

	(void)state;
	assert_int_equal(json_walk_kind(object), JSON_KIND_OBJECT);
	for (size_t i = 0; i < ARRAY_LEN(want); i++) {
		assert_true(json_walk_member(&w, &name, &value));
		expect_span(name, want[i][0]);
		expect_span(value, want[i][1]);
	}
	assert_false(json_walk_member(&w, &name, &value));
	assert_false(json_walk_member(&w, &name, &value));
	drop(text);
}

static void items(void **state)
{
	struct span text = exact("[ ]"), value;
	struct json_walk w = json_walk_begin(json_walk_value(text));

	(void)state;
	assert_false(json_walk_item(&w, &value));
	drop(text);
	text = exact("[[],\n\"a\" ,true]");
	w = json_walk_begin(json_walk_value(text));
	assert_true(json_walk_item(&w, &value));
	expect_span(value, "[]");
	assert_true(json_walk_item(&w, &value));
	expect_span(value, "\"a\"");
	assert_true(json_walk_item(&w, &value));
	expect_span(value, "true");
	assert_false(json_walk_item(&w, &value));
	drop(text);
}

static void kinds(void **state)
{
	(void)state;
	assert_int_equal(json_walk_kind(span_of("{}")), JSON_KIND_OBJECT);
	assert_int_equal(json_walk_kind(span_of("[]")), JSON_KIND_ARRAY);
	assert_int_equal(json_walk_kind(span_of("\"\"")), JSON_KIND_STRING);
	assert_int_equal(json_walk_kind(span_of("-1")), JSON_KIND_NUMBER);
	assert_int_equal(json_walk_kind(span_of("0")), JSON_KIND_NUMBER);
	assert_int_equal(json_walk_kind(span_of("true")), JSON_KIND_WORD);
	assert_int_equal(json_walk_kind(span_of("null")), JSON_KIND_WORD);
	expect_span(json_walk_value(span_of(" 17 ")), "17");
	expect_span(json_walk_value(span_of("\t\"a b\"\n")), "\"a b\"");
}

static void expect_text(const char *string, const char *want, size_t len)
{
	struct span text = exact(string);
	char *out = malloc(text.len);

	MUST(out != NULL);
	assert_int_equal(json_walk_text(out, text), len);
	assert_memory_equal(out, want, len);
	free(out);
	drop(text);
}

static void texts(void **state)
{
	(void)state;
	expect_text("\"\"", "", 0);
	expect_text("\"a\\\"\\\\\\/\\b\\f\\n\\r\\tb\"", "a\"\\/\b\f\n\r\tb",
		    10);
	expect_text("\"\\u0041\\u00e4\\u20AC\\ud83d\\uDE00x\"",
		    "A\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80x", 11);
	expect_text("\"\\u0000\\u007f\\u0080\\u07ff\\u0800\\uffff\"",
		    "\0\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf", 12);
	expect_text("\"\\ud800\\udc00\\udbff\\udfff\"",
		    "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf", 8);
	expect_text("\"\xc3\xa4\"", "\xc3\xa4", 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(members),
		cmocka_unit_test(items),
		cmocka_unit_test(kinds),
		cmocka_unit_test(texts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
