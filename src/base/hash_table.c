#include "base/hash_table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { HASH_BUCKETS_MIN = 16 };

int hash_table_init(struct hash_table *t)
{
	*t = (struct hash_table){.n_buckets = HASH_BUCKETS_MIN};
	t->buckets = calloc(t->n_buckets, sizeof(struct hash_node *));
	crypto_shorthash_keygen(t->key);
	return t->buckets == NULL ? -ENOMEM : 0;
}

void hash_table_finish(struct hash_table *t)
{
	free(t->buckets);
	*t = (struct hash_table){0};
}

uint32_t hash_table_hash(const struct hash_table *t, const void *bytes,
			 size_t len)
{
	unsigned char out[crypto_shorthash_BYTES];
	uint32_t hash;

	crypto_shorthash(out, bytes, len, t->key);
	memcpy(&hash, out, sizeof(hash));
	return hash;
}

struct hash_node *hash_table_bucket(const struct hash_table *t, uint32_t hash)
{
	return t->buckets[hash & (t->n_buckets - 1)];
}

static void link_hash_node(struct hash_node **buckets, size_t n_buckets,
			   struct hash_node *node)
{
	struct hash_node **bucket = &buckets[node->hash & (n_buckets - 1)];

	node->next = *bucket;
	*bucket = node;
}

static void grow_hash_table(struct hash_table *t)
{
	size_t n = t->n_buckets * 2;
	struct hash_node **grown = calloc(n, sizeof(struct hash_node *));

	if (grown == NULL)
		return;
	for (size_t i = 0; i < t->n_buckets; i++) {
		struct hash_node *node = t->buckets[i];

		while (node != NULL) {
			struct hash_node *next = node->next;

			link_hash_node(grown, n, node);
			node = next;
		}
	}
	free(t->buckets);
	t->buckets = grown;
	t->n_buckets = n;
}

void hash_table_add(struct hash_table *t, struct hash_node *node, uint32_t hash)
{
	if (t->n >= t->n_buckets)
		grow_hash_table(t);
	node->hash = hash;
	link_hash_node(t->buckets, t->n_buckets, node);
	t->n++;
}

void hash_table_remove(struct hash_table *t, struct hash_node *node)
{
	struct hash_node **p = &t->buckets[node->hash & (t->n_buckets - 1)];

	while (*p != node)
		p = &(*p)->next;
	*p = node->next;
	t->n--;
}
