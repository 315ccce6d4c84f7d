#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "nats/kv_name.h"

static void expect_fault(const char *fault, const char *text)
{
	if (text == NULL ? fault != NULL
			 : fault == NULL || strstr(fault, text) == NULL)
		fail_msg("\"%s\", not \"%s\"", fault ? fault : "(none)",
			 text ? text : "(none)");
}

static void expect_key(const char *key, const char *text)
{
	expect_fault(kv_key_fault(span_of("cfg"), span_of(key)), text);
}

static void expect_filter(const char *filter, const char *text)
{
	expect_fault(kv_filter_fault(span_of("cfg"), span_of(filter)), text);
}

static void buckets(void **state)
{
	char longest[KV_BUCKET_MAX + 1];

	(void)state;
	memset(longest, 'b', sizeof(longest));
	expect_fault(kv_bucket_fault(span_of("cfg")), NULL);
	expect_fault(kv_bucket_fault(span_of("A_z-09")), NULL);
	expect_fault(kv_bucket_fault((struct span){longest, KV_BUCKET_MAX}),
		     NULL);
	expect_fault(kv_bucket_fault((struct span){longest, KV_BUCKET_MAX + 1}),
		     "more than 128");
	expect_fault(kv_bucket_fault(span_of("")), "empty");
	for (int c = 0; c < 256; c++) {
		char one = (char)c;
		bool good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			    (c >= '0' && c <= '9') || c == '_' || c == '-';

		expect_fault(kv_bucket_fault((struct span){&one, 1}),
			     good ? NULL : "a byte other than");
	}
}

static void keys(void **state)
{
	(void)state;
	expect_key("a", NULL);
	expect_key("a.b-c_d=e/f.G9", NULL);
	expect_key("_kv.x", NULL);
	expect_key("", "it is empty");
	expect_key(".", "an empty token");
	expect_key(".a", "an empty token");
	expect_key("a.", "an empty token");
	expect_key("a..b", "an empty token");
	expect_key("*", "a wildcard");
	expect_key("a.>", "a wildcard");
	expect_key("a.*.b", "a wildcard");
	expect_key("a*", "a byte other than");
	for (int c = 0; c < 256; c++) {
		char key[3] = {'a', (char)c, 'b'};
		bool good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			    (c >= '0' && c <= '9') ||
			    (c != 0 && strchr("-_=/.", c) != NULL);

		expect_fault(kv_key_fault(span_of("cfg"),
					  (struct span){key, sizeof(key)}),
			     good ? NULL : "a byte other than");
	}
}

static void filters(void **state)
{
	(void)state;
	expect_filter(">", NULL);
	expect_filter("*", NULL);
	expect_filter("a.*.c.>", NULL);
	expect_filter("a.b", NULL);
	expect_filter("", "it is empty");
	expect_filter(">.a", "the last token");
	expect_filter("a.>.>", "the last token");
	expect_filter("a..>", "an empty token");
	expect_filter("a.>.", "the last token");
	expect_filter("a.b*", "a byte other than");
	expect_filter("a.**", "a byte other than");
	expect_filter("a b", "a byte other than");
}

/* "$KV." and the dot are 5 bytes of 255. */
static void the_longest_subject(void **state)
{
	char text[300], out[KV_SUBJECT_MAX];
	struct span bucket = span_of("cfg"), key = {text, 255 - 5 - 3};

	(void)state;
	memset(text, 'k', sizeof(text));
	assert_null(kv_key_fault(bucket, key));
	assert_null(kv_filter_fault(bucket, key));
	assert_int_equal(kv_subject(out, bucket, key), 255);
	key.len++;
	expect_fault(kv_key_fault(bucket, key), "more than 255");
	expect_fault(kv_filter_fault(bucket, key), "more than 255");
}

static void names_of_nats(void **state)
{
	char out[SUBJECT_MAX];
	struct span cfg = span_of("cfg"), key = span_of("a.b");

	(void)state;
	assert_int_equal(kv_stream(out, cfg), 6);
	assert_string_equal(out, "KV_cfg");
	assert_int_equal(kv_subject(out, cfg, key), 11);
	assert_string_equal(out, "$KV.cfg.a.b");
	assert_int_equal(kv_subject(out, cfg, span_of("a.>")), 11);
	assert_string_equal(out, "$KV.cfg.a.>");
	assert_int_equal(kv_write_subject(out, "$JS.API", cfg, key), 11);
	assert_string_equal(out, "$KV.cfg.a.b");
	assert_int_equal(kv_write_subject(out, "$JS.hub.API", cfg, key), 23);
	assert_string_equal(out, "$JS.hub.API.$KV.cfg.a.b");
	kv_write_subject(out, "$JS.APIx", cfg, key);
	assert_string_equal(out, "$JS.APIx.$KV.cfg.a.b");
}

static void the_longest_write_subject(void **state)
{
	char prefix[SUBJECT_NAME_MAX + 1], key[300], out[SUBJECT_MAX];

	(void)state;
	memset(prefix, 'p', sizeof(prefix));
	prefix[SUBJECT_NAME_MAX] = '\0';
	memset(key, 'k', sizeof(key));
	assert_int_equal(kv_write_subject(out, prefix, span_of("b"),
					  (struct span){key, 249}),
			 SUBJECT_MAX - 1);
}

static void buckets_of_streams(void **state)
{
	static const char *const none[] = {"",	    "KV",    "KV_",    "kv_b",
					   "XKV_b", "KV_b.", "KV_b c", "OBJ_b"};
	struct span bucket;

	(void)state;
	assert_true(kv_bucket_of_stream(&bucket, span_of("KV_a-b_C")));
	assert_int_equal(bucket.len, 5);
	assert_memory_equal(bucket.at, "a-b_C", 5);
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		assert_false(kv_bucket_of_stream(&bucket, span_of(none[i])));
}

static void names_of_subjects(void **state)
{
	static const char *const none[] = {
		"",	    "$KV",    "$KV.",	   "$KV.b",   "$KV.b.",
		"$KV..k",   "KV.b.k", "$KVb.k",	   "$kv.b.k", "$KV.b c.k",
		"$JS.KV.b", ">",      "$KV.b\n.k",
	};
	struct kv_name name;

	(void)state;
	assert_true(kv_name_of_subject(&name, span_of("$KV.cfg.a.b")));
	assert_int_equal(name.bucket.len, 3);
	assert_memory_equal(name.bucket.at, "cfg", 3);
	assert_int_equal(name.key.len, 3);
	assert_memory_equal(name.key.at, "a.b", 3);
	/* What a publisher may have stored. */
	assert_true(kv_name_of_subject(&name, span_of("$KV.b..\xff*")));
	assert_int_equal(name.key.len, 3);
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		if (kv_name_of_subject(&name, span_of(none[i])))
			fail_msg("\"%s\"", none[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(buckets),
		cmocka_unit_test(keys),
		cmocka_unit_test(filters),
		cmocka_unit_test(the_longest_subject),
		cmocka_unit_test(names_of_nats),
		cmocka_unit_test(the_longest_write_subject),
		cmocka_unit_test(buckets_of_streams),
		cmocka_unit_test(names_of_subjects),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
