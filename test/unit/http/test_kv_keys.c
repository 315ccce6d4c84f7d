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
#include "http/kv_keys.h"

static void expect_list(const struct kv_keys *k, size_t room, const char *want)
{
	char got[512] = "";
	struct buf out;
	size_t at = 0, rounds = 0;
	bool more;

	buf_init(&out, room);
	do {
		more = kv_keys_put_json(k, &out, &at);
		snprintf(got + strlen(got), sizeof(got) - strlen(got), "%.*s",
			 (int)buf_unread(&out),
			 buf_unread(&out) > 0 ? (const char *)buf_data(&out)
					      : "");
		buf_clear(&out);
		MUST(rounds++ < 100);
	} while (more);
	assert_string_equal(got, want);
	buf_finish(&out);
}

static void sorted_by_bytes(void **state)
{
	static const char *const keys[] = {"b", "a.b", "a", "ab", "B", "a.b.c"};
	struct kv_keys k;

	(void)state;
	kv_keys_init(&k, 4096);
	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		assert_int_equal(kv_keys_add(&k, span_of(keys[i]), false), 0);
	assert_int_equal(kv_keys_sort(&k), 0);
	assert_int_equal(k.n, ARRAY_LEN(keys));
	for (size_t room = 8; room < 60; room++)
		expect_list(&k, room,
			    "[\"B\",\"a\",\"a.b\",\"a.b.c\",\"ab\",\"b\"]\n");
	kv_keys_finish(&k);
}

static void the_last_entry_of_a_key_counts(void **state)
{
	struct kv_keys k;

	(void)state;
	kv_keys_init(&k, 4096);
	kv_keys_add(&k, span_of("deleted"), false);
	kv_keys_add(&k, span_of("back"), true);
	kv_keys_add(&k, span_of("twice"), false);
	kv_keys_add(&k, span_of("deleted"), true);
	kv_keys_add(&k, span_of("twice"), false);
	kv_keys_add(&k, span_of("never"), true);
	kv_keys_add(&k, span_of("back"), false);
	assert_int_equal(kv_keys_sort(&k), 0);
	expect_list(&k, 64, "[\"back\",\"twice\"]\n");
	kv_keys_finish(&k);
}

static void no_key(void **state)
{
	struct kv_keys k;

	(void)state;
	kv_keys_init(&k, 64);
	assert_int_equal(kv_keys_sort(&k), 0);
	expect_list(&k, 8, "[]\n");
	expect_list(&k, 2, "[]\n");
	kv_keys_finish(&k);
	kv_keys_init(&k, 64);
	kv_keys_add(&k, span_of("a"), true);
	assert_int_equal(kv_keys_sort(&k), 0);
	expect_list(&k, 8, "[]\n");
	kv_keys_finish(&k);
}

/* 7 bytes for each key beside its own. */
static void memory_is_bounded(void **state)
{
	struct kv_keys k;

	(void)state;
	kv_keys_init(&k, 30);
	assert_int_equal(kv_keys_add(&k, span_of("12345678"), false), 0);
	assert_int_equal(kv_keys_add(&k, span_of("123456789"), false),
			 -ENOBUFS);
	assert_int_equal(kv_keys_add(&k, span_of("12345679"), false), 0);
	assert_int_equal(kv_keys_add(&k, span_of(""), false), -ENOBUFS);
	assert_int_equal(kv_keys_sort(&k), 0);
	expect_list(&k, 64, "[\"12345678\",\"12345679\"]\n");
	kv_keys_finish(&k);
}

/* Many keys, twice each, against a plain table. */
static void many_keys(void **state)
{
	enum { KEYS = 5000 };
	static bool is_there[KEYS];
	struct kv_keys k;
	char last[8] = "", key[8];
	size_t expected = 0;

	(void)state;
	srand(5);
	kv_keys_init(&k, 1 << 20);
	for (size_t i = 0; i < 4 * KEYS; i++) {
		int n = rand() % KEYS;
		bool is_marker = rand() % 3 == 0;

		snprintf(key, sizeof(key), "k%d", n);
		assert_int_equal(kv_keys_add(&k, span_of(key), is_marker), 0);
		is_there[n] = !is_marker;
	}
	for (size_t i = 0; i < KEYS; i++)
		expected += is_there[i];
	assert_int_equal(kv_keys_sort(&k), 0);
	assert_int_equal(k.n, expected);
	for (size_t i = 0; i < k.n; i++) {
		struct span s = kv_keys_at(&k, i);

		snprintf(key, sizeof(key), "%.*s", (int)s.len, s.at);
		assert_true(strcmp(last, key) < 0);
		assert_true(is_there[atoi(key + 1)]);
		strcpy(last, key);
	}
	kv_keys_finish(&k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sorted_by_bytes),
		cmocka_unit_test(the_last_entry_of_a_key_counts),
		cmocka_unit_test(no_key),
		cmocka_unit_test(memory_is_bounded),
		cmocka_unit_test(many_keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
