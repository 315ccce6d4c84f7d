#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/check.h"
#include "http/kv_json.h"

/* 2026-12-01T00:45:59.825683956Z */
#define TIME_NS UINT64_C(1796085959825683956)
#define CREATED "\"created\":\"2026-12-01T00:45:59.825683956Z\""

static struct kv_entry entry_of(const char *subject, struct span block,
				const void *value, size_t len)
{
	struct kv_entry e;

	MUST(kv_entry_init(&e, span_of(subject), block,
			   (struct span){value, len}));
	e.revision = 17;
	e.time_ns = TIME_NS;
	return e;
}

/* The chunk holds `want`, and nothing else is written. */
static void expect_object(const struct kv_json_entry *e, const char *want)
{
	size_t len = strlen(want);
	struct kv_json j;
	char *out, size_line[32];

	memset(&j, 0x5a, sizeof(j));
	kv_json_measure(&j, e);
	out = malloc(j.total);
	MUST(out != NULL);
	kv_json_encode(&j, (uint8_t *)out);
	if (j.body_len != len || memcmp(out + j.size_line_len, want, len) != 0)
		fail_msg("%.*s", (int)j.body_len, out + j.size_line_len);
	snprintf(size_line, sizeof(size_line), "%zx\r\n", len);
	assert_int_equal(j.size_line_len, strlen(size_line));
	assert_memory_equal(out, size_line, j.size_line_len);
	assert_int_equal(j.total, j.size_line_len + len + 2);
	assert_memory_equal(out + j.total - 2, "\r\n", 2);
	free(out);
}

static void values(void **state)
{
	static const char value[] = "a \"q\"\n\x01\xc3\xa9";
	struct span none = {NULL, 0};
	struct kv_entry e =
		entry_of("$KV.cfg.a.b", none, value, sizeof(value) - 1);
	struct kv_json_entry j = {.entry = &e,
				  .bucket = span_of("cfg"),
				  .kind = kv_json_kind(e.value)};

	(void)state;
	expect_object(
		&j,
		"{\"bucket\":\"cfg\",\"key\":\"a.b\",\"revision\":17," CREATED
		",\"operation\":\"PUT\",\"value\":\"a \\\"q\\\"\\n\\u0001"
		"\xc3\xa9\"}\n");
	j.no_value = true;
	expect_object(
		&j,
		"{\"bucket\":\"cfg\",\"key\":\"a.b\",\"revision\":17," CREATED
		",\"operation\":\"PUT\"}\n");
	e = entry_of("$KV.cfg.a", none, NULL, 0);
	j = (struct kv_json_entry){.entry = &e,
				   .bucket = span_of("cfg"),
				   .kind = kv_json_kind(e.value)};
	expect_object(
		&j, "{\"bucket\":\"cfg\",\"key\":\"a\",\"revision\":17," CREATED
		    ",\"operation\":\"PUT\",\"value\":\"\"}\n");
}

static void values_that_are_not_utf8(void **state)
{
	struct span none = {NULL, 0};
	struct kv_entry e = entry_of("$KV.cfg.a", none, "\xff\x00", 2);
	struct kv_json_entry j = {.entry = &e,
				  .bucket = span_of("cfg"),
				  .kind = kv_json_kind(e.value)};
	static const char want[] =
		"{\"bucket\":\"cfg\",\"key\":\"a\",\"revision\":17," CREATED
		",\"operation\":\"PUT\",\"encoding\":\"base64\","
		"\"value\":\"/wA=\"}\n";

	(void)state;
	assert_int_equal(j.kind, NDJSON_BINARY);
	expect_object(&j, want);
	e.value = span_of("/wA=");
	j.kind = NDJSON_BASE64;
	expect_object(&j, want);
}

/* Also where a publisher has put bytes behind it. */
static void markers_have_no_value(void **state)
{
	struct kv_entry e =
		entry_of("$KV.cfg.a",
			 span_of("NATS/1.0\r\nKV-Operation: DEL\r\n\r\n"), "x",
			 1);
	struct kv_json_entry j = {.entry = &e, .bucket = span_of("cfg")};

	(void)state;
	expect_object(
		&j, "{\"bucket\":\"cfg\",\"key\":\"a\",\"revision\":17," CREATED
		    ",\"operation\":\"DEL\"}\n");
	e.operation = KV_OPERATION_PURGE;
	expect_object(
		&j, "{\"bucket\":\"cfg\",\"key\":\"a\",\"revision\":17," CREATED
		    ",\"operation\":\"PURGE\"}\n");
}

static void events(void **state)
{
	struct span none = {NULL, 0};
	struct kv_entry e = entry_of("$KV.o.a", none, "v\r\nid: 9", 8);
	struct sse_tag tag = {"9f31c2"};
	struct kv_json_entry j = {.entry = &e,
				  .bucket = span_of("mirror"),
				  .tag = &tag};

	(void)state;
	e.revision = UINT64_MAX;
	expect_object(&j, "data: {\"bucket\":\"mirror\",\"key\":\"a\","
			  "\"revision\":18446744073709551615," CREATED
			  ",\"operation\":\"PUT\",\"value\":\"v\\r\\nid: 9\"}\n"
			  "id: 18446744073709551615-9f31c2\n\n");
}

static void keys_of_any_bytes(void **state)
{
	struct span none = {NULL, 0};
	struct kv_entry e = entry_of("$KV.cfg.a\xff\"\n\xc3", none, "", 0);
	struct kv_json_entry j = {.entry = &e,
				  .bucket = span_of("cfg"),
				  .no_value = true};

	(void)state;
	expect_object(&j, "{\"bucket\":\"cfg\",\"key\":\"a\xef\xbf\xbd\\\"\\n"
			  "\xef\xbf\xbd\",\"revision\":17," CREATED
			  ",\"operation\":\"PUT\"}\n");
}

static void lists(void **state)
{
	struct buf out;

	(void)state;
	buf_init(&out, 64);
	kv_json_begin_list(&out);
	kv_json_end_list(&out);
	assert_int_equal(buf_unread(&out), 3);
	assert_memory_equal(buf_data(&out), "[]\n", 3);
	buf_clear(&out);
	kv_json_begin_list(&out);
	assert_int_equal(kv_json_add_name(&out, true, span_of("a\"")), 0);
	assert_int_equal(kv_json_add_name(&out, false, span_of("\xff")), 0);
	kv_json_end_list(&out);
	assert_int_equal(buf_unread(&out), 14);
	assert_memory_equal(buf_data(&out), "[\"a\\\"\",\"\xef\xbf\xbd\"]\n",
			    14);
	buf_finish(&out);
}

static void a_name_is_whole_or_not_there(void **state)
{
	(void)state;
	for (size_t max = 0; max < 12; max++) {
		struct buf out;
		int rc;

		buf_init(&out, max);
		rc = kv_json_add_name(&out, false, span_of("abc\n"));
		assert_int_equal(rc, max < 8 ? -ENOBUFS : 0);
		assert_int_equal(buf_unread(&out), max < 8 ? 0 : 8);
		buf_finish(&out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values),
		cmocka_unit_test(values_that_are_not_utf8),
		cmocka_unit_test(markers_have_no_value),
		cmocka_unit_test(events),
		cmocka_unit_test(keys_of_any_bytes),
		cmocka_unit_test(lists),
		cmocka_unit_test(a_name_is_whole_or_not_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
