/* The hash is keyed: clients choose addresses, and must not be able to choose
 * those of one bucket. */
#include "base/address_counter.h"

#include <errno.h>
#include <stdlib.h>

#include <sodium.h>

enum { ADDRESS_COUNTER_BUCKETS_MIN = 64 };

struct address_counter_entry {
	struct address_counter_entry *next;
	struct address address;
	uint64_t count;
};

struct address_counter {
	struct address_counter_entry **buckets;
	size_t n_buckets; /* a power of two */
	size_t n;
	unsigned char key[crypto_shorthash_KEYBYTES];
};

int address_counter_new(struct address_counter **ret)
{
	struct address_counter *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return -ENOMEM;
	t->n_buckets = ADDRESS_COUNTER_BUCKETS_MIN;
	t->buckets =
		calloc(t->n_buckets, sizeof(struct address_counter_entry *));
	if (t->buckets == NULL) {
		free(t);
		return -ENOMEM;
	}
	crypto_shorthash_keygen(t->key);
	*ret = t;
	return 0;
}

void address_counter_free(struct address_counter *t)
{
	if (t == NULL)
		return;
	for (size_t i = 0; i < t->n_buckets; i++) {
		struct address_counter_entry *e = t->buckets[i], *next;

		for (; e != NULL; e = next) {
			next = e->next;
			free(e);
		}
	}
	free(t->buckets);
	free(t);
}

static size_t counter_bucket_of(const struct address_counter *t,
				const struct address *a)
{
	unsigned char hash[crypto_shorthash_BYTES];
	uint64_t n = 0;

	crypto_shorthash(hash, a->bytes, sizeof(a->bytes), t->key);
	for (size_t i = 0; i < sizeof(hash); i++)
		n = n << 8 | hash[i];
	return (size_t)n & (t->n_buckets - 1);
}

/* The link to the entry, or where a new one goes. */
static struct address_counter_entry **find_counter_entry(
	const struct address_counter *t, const struct address *a)
{
	struct address_counter_entry **at =
		&t->buckets[counter_bucket_of(t, a)];

	while (*at != NULL && !address_equal(&(*at)->address, a))
		at = &(*at)->next;
	return at;
}

uint64_t address_counter_count(const struct address_counter *t,
			       const struct address *a)
{
	const struct address_counter_entry *e = *find_counter_entry(t, a);

	return e == NULL ? 0 : e->count;
}

/* Without memory the chains grow longer. */
static void grow_counter_table(struct address_counter *t)
{
	struct address_counter_entry **old = t->buckets;
	size_t n_old = t->n_buckets;
	struct address_counter_entry **new =
		calloc(2 * n_old, sizeof(struct address_counter_entry *));

	if (new == NULL)
		return;
	t->buckets = new;
	t->n_buckets = 2 * n_old;
	for (size_t i = 0; i < n_old; i++) {
		struct address_counter_entry *e = old[i], *next;

		for (; e != NULL; e = next) {
			struct address_counter_entry **at =
				&new[counter_bucket_of(t, &e->address)];

			next = e->next;
			e->next = *at;
			*at = e;
		}
	}
	free(old);
}

int address_counter_add(struct address_counter *t, const struct address *a)
{
	struct address_counter_entry **at = find_counter_entry(t, a);

	if (*at == NULL) {
		struct address_counter_entry *e = calloc(1, sizeof(*e));

		if (e == NULL)
			return -ENOMEM;
		e->address = *a;
		e->count = 1;
		*at = e;
		if (++t->n > t->n_buckets)
			grow_counter_table(t);
		return 0;
	}
	(*at)->count++;
	return 0;
}

int address_counter_take(struct address_counter *t, const struct address *a)
{
	struct address_counter_entry **at = find_counter_entry(t, a), *e = *at;

	if (e == NULL)
		return -ENOENT;
	if (--e->count > 0)
		return 0;
	*at = e->next;
	free(e);
	t->n--;
	return 0;
}

size_t address_counter_size(const struct address_counter *t)
{
	return t->n;
}
