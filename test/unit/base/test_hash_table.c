#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/check.h"
#include "base/hash_table.h"

enum { ENTRIES = 1000 };

struct entry {
	struct hash_node node;
	int value;
};

static struct entry *find(const struct hash_table *t, int value)
{
	uint32_t hash = hash_table_hash(t, &value, sizeof(value));
	struct hash_node *at = hash_table_bucket(t, hash);

	for (; at != NULL; at = at->next) {
		struct entry *e = CONTAINER_OF(at, struct entry, node);

		if (at->hash == hash && e->value == value)
			return e;
	}
	return NULL;
}

static void finds_what_was_added_and_not_removed(void **state)
{
	static struct entry entries[ENTRIES];
	struct hash_table t;

	(void)state;
	assert_int_equal(hash_table_init(&t), 0);
	for (int i = 0; i < ENTRIES; i++) {
		assert_null(find(&t, i));
		entries[i].value = i;
		hash_table_add(&t, &entries[i].node,
			       hash_table_hash(&t, &i, sizeof(i)));
	}
	assert_int_equal(t.n, ENTRIES);
	assert_true(t.n_buckets >= ENTRIES / 2);
	for (int i = 0; i < ENTRIES; i += 3)
		hash_table_remove(&t, &entries[i].node);
	for (int i = 0; i < ENTRIES; i++)
		assert_ptr_equal(find(&t, i), i % 3 == 0 ? NULL : &entries[i]);
	hash_table_finish(&t);
}

/* Equal names are not equally hashed in another table. */
static void tables_have_keys_of_their_own(void **state)
{
	struct hash_table a, b;
	unsigned same = 0;

	(void)state;
	assert_int_equal(hash_table_init(&a), 0);
	assert_int_equal(hash_table_init(&b), 0);
	for (int i = 0; i < 100; i++)
		same += hash_table_hash(&a, &i, sizeof(i)) ==
			hash_table_hash(&b, &i, sizeof(i));
	assert_true(same < 10);
	hash_table_finish(&a);
	hash_table_finish(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_what_was_added_and_not_removed),
		cmocka_unit_test(tables_have_keys_of_their_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
