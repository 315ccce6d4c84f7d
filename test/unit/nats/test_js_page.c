#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/check.h"
#include "nats/js_page.h"

enum page_kind { SUBJECTS, NAMES };

/* In memory of its own size, which finish() frees. */
struct page_text {
	char *text;
	struct js_page page;
	struct buf room;
};

static void begin(struct page_text *t, enum page_kind kind, const char *json)
{
	size_t len = strlen(json);

	t->text = malloc(len > 0 ? len : 1);
	MUST(t->text != NULL);
	memcpy(t->text, json, len);
	memset(&t->page, 0x5a, sizeof(t->page));
	buf_init(&t->room, 64);
	if (kind == SUBJECTS)
		js_page_of_subjects(&t->page, t->text, len);
	else
		js_page_of_names(&t->page, t->text, len);
}

static void finish(struct page_text *t)
{
	free(t->text);
	buf_finish(&t->room);
}

/* `want`: the entries with a blank behind each. */
static void expect_entries(struct page_text *t, const char *want)
{
	char got[256] = "";
	struct span entry;

	if (t->page.error.err != 0)
		fail_msg("%s", t->page.error.text);
	while (js_page_next(&t->page, &t->room, &entry))
		snprintf(got + strlen(got), sizeof(got) - strlen(got), "%.*s ",
			 (int)entry.len, entry.at);
	assert_string_equal(got, want);
}

static void subjects(void **state)
{
	struct page_text t;

	(void)state;
	begin(&t, SUBJECTS,
	      "{\"type\":\"x\",\"totals\":7,\"total\":2,\"offset\":0,\"limit\":"
	      "100000,"
	      "\"config\":{\"subjects\":[\"no\"]},"
	      "\"state\":{\"messages\":4,\"subjects\":{\"$KV.b.a.b\": 1, "
	      "\"$KV.b.\\u00e9\\\"\":3},\"x\":1}}");
	expect_entries(&t, "$KV.b.a.b $KV.b.\xc3\xa9\" ");
	assert_int_equal(t.page.total, 2);
	assert_int_equal(t.page.next, 2);
	assert_false(js_page_has_more(&t.page, 0));
	finish(&t);
	/* As of a filter that matches nothing. */
	begin(&t, SUBJECTS,
	      "{\"total\":0,\"offset\":0,\"limit\":0,\"state\":{}}");
	expect_entries(&t, "");
	assert_false(js_page_has_more(&t.page, 0));
	finish(&t);
}

static void names(void **state)
{
	struct page_text t;

	(void)state;
	begin(&t, NAMES,
	      "{\"total\":3,\"offset\":0,\"limit\":2,"
	      "\"streams\":[\"KV_a\",\"KV_b\"]}");
	expect_entries(&t, "KV_a KV_b ");
	assert_true(js_page_has_more(&t.page, 0));
	assert_int_equal(t.page.next, 2);
	finish(&t);
	begin(&t, NAMES,
	      "{\"total\":3,\"offset\":2,\"limit\":2,"
	      "\"streams\":[\"KV_c\"]}");
	expect_entries(&t, "KV_c ");
	assert_false(js_page_has_more(&t.page, 2));
	assert_int_equal(t.page.next, 3);
	finish(&t);
	begin(&t, NAMES, "{\"total\":1,\"offset\":1,\"streams\":null}");
	expect_entries(&t, "");
	finish(&t);
}

/* The end comes, whatever `total` promises. */
static void an_empty_page_is_the_last_one(void **state)
{
	struct page_text t;

	(void)state;
	begin(&t, NAMES, "{\"total\":9,\"offset\":4,\"streams\":[]}");
	expect_entries(&t, "");
	assert_false(js_page_has_more(&t.page, 4));
	finish(&t);
	/* A page before the one requested. */
	begin(&t, NAMES, "{\"total\":9,\"offset\":0,\"streams\":[\"KV_a\"]}");
	expect_entries(&t, "KV_a ");
	assert_false(js_page_has_more(&t.page, 4));
	finish(&t);
}

static void what_is_no_entry(void **state)
{
	struct page_text t;

	(void)state;
	begin(&t, NAMES,
	      "{\"total\":6,\"offset\":0,\"streams\":[1,\"\",null,{},\"KV_a\","
	      "\"0123456789012345678901234567890123456789"
	      "0123456789012345678901234567890123456789\"]}");
	expect_entries(&t, "KV_a ");
	assert_int_equal(t.page.next, 6);
	finish(&t);
	begin(&t, SUBJECTS,
	      "{\"total\":1,\"offset\":0,\"state\":{\"subjects\":{\"\":1,"
	      "\"a\":1}}}");
	expect_entries(&t, "a ");
	finish(&t);
}

static void errors(void **state)
{
	static const char *const malformed[] = {
		"",
		" ",
		"[]",
		"1",
		"{",
		"{}",
		"{\"total\":1,\"offset\":0}",
		"{\"total\":1,\"streams\":[]}",
		"{\"offset\":0,\"streams\":[]}",
		"{\"total\":-1,\"offset\":0,\"streams\":[]}",
		"{\"total\":\"1\",\"offset\":0,\"streams\":[]}",
		"{\"total\":1.0,\"offset\":0,\"streams\":[]}",
		"{\"total\":18446744073709551616,\"offset\":0,\"streams\":[]}",
		"{\"total\":1,\"offset\":0,\"streams\":[\"\xff\"]}",
		"{\"total\":1,\"offset\":0,\"streams\":[\"a\"]}x",
		"{\"error\":null,\"total\":0,\"offset\":0,\"streams\":[]}",
		"{\"error\":{}}",
	};
	struct page_text t;
	struct span entry;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(malformed); i++) {
		begin(&t, NAMES, malformed[i]);
		if (t.page.error.err != JS_JSON_MALFORMED)
			fail_msg("%s", malformed[i]);
		assert_false(js_page_next(&t.page, &t.room, &entry));
		assert_false(js_page_has_more(&t.page, 0));
		finish(&t);
	}
	begin(&t, SUBJECTS, "{\"total\":1,\"offset\":0,\"state\":[]}");
	assert_int_equal(t.page.error.err, JS_JSON_MALFORMED);
	finish(&t);
	begin(&t, SUBJECTS,
	      "{\"type\":\"x\",\"error\":{\"code\":404,\"err_code\":10059,"
	      "\"description\":\"stream not found\"}}");
	assert_int_equal(t.page.error.err, 10059);
	assert_string_equal(t.page.error.text, "stream not found");
	assert_false(js_page_next(&t.page, &t.room, &entry));
	finish(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(subjects),
		cmocka_unit_test(names),
		cmocka_unit_test(an_empty_page_is_the_last_one),
		cmocka_unit_test(what_is_no_entry),
		cmocka_unit_test(errors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
