/* What is known of buckets: for how long, of how many, and until when. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "server/kv_bucket_cache.h"

static void put(struct kv_bucket_cache *c, const char *name, uint64_t last_seq,
		uint64_t now_ms)
{
	const struct js_bucket info = {.last_seq = last_seq};

	kv_bucket_cache_put(c, span_of(name), &info, now_ms);
}

/* 0: not known. */
static uint64_t find(struct kv_bucket_cache *c, const char *name,
		     uint64_t now_ms)
{
	const struct js_bucket *b =
		kv_bucket_cache_find(c, span_of(name), now_ms);

	return b == NULL ? 0 : b->last_seq;
}

static void keeps_a_bucket_for_a_time(void **state)
{
	struct kv_bucket_cache c;

	(void)state;
	kv_bucket_cache_init(&c);
	assert_int_equal(find(&c, "a", 100), 0);
	put(&c, "a", 7, 100);
	put(&c, "ab", 8, 100);
	assert_int_equal(find(&c, "a", 100 + KV_BUCKET_CACHE_MS - 1), 7);
	assert_int_equal(find(&c, "ab", 100), 8);
	assert_int_equal(find(&c, "b", 100), 0);
	assert_int_equal(find(&c, "a", 100 + KV_BUCKET_CACHE_MS), 0);
	assert_int_equal(find(&c, "a", 100), 0);
	assert_int_equal(c.n, 1);
	kv_bucket_cache_finish(&c);
	assert_int_equal(c.n, 0);
}

static void the_newest_information_counts(void **state)
{
	struct kv_bucket_cache c;

	(void)state;
	kv_bucket_cache_init(&c);
	put(&c, "a", 7, 100);
	put(&c, "a", 9, 200);
	assert_int_equal(c.n, 1);
	assert_int_equal(find(&c, "a", 200 + KV_BUCKET_CACHE_MS - 1), 9);
	kv_bucket_cache_drop(&c, span_of("a"));
	kv_bucket_cache_drop(&c, span_of("a"));
	assert_int_equal(find(&c, "a", 200), 0);
	kv_bucket_cache_finish(&c);
}

static void the_one_used_longest_ago_makes_room(void **state)
{
	struct kv_bucket_cache c;
	char name[16];

	(void)state;
	kv_bucket_cache_init(&c);
	for (unsigned i = 0; i < KV_BUCKET_CACHE_MAX; i++) {
		snprintf(name, sizeof(name), "b%u", i);
		put(&c, name, i + 1, 100);
	}
	assert_int_equal(find(&c, "b0", 100), 1);
	put(&c, "more", 99, 100);
	assert_int_equal(c.n, KV_BUCKET_CACHE_MAX);
	assert_int_equal(find(&c, "b0", 100), 1);
	assert_int_equal(find(&c, "b1", 100), 0);
	assert_int_equal(find(&c, "b2", 100), 3);
	assert_int_equal(find(&c, "more", 100), 99);
	kv_bucket_cache_finish(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keeps_a_bucket_for_a_time),
		cmocka_unit_test(the_newest_information_counts),
		cmocka_unit_test(the_one_used_longest_ago_makes_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
