/* Intrusive hash table. Nodes are embedded, so that insertion cannot fail;
 * without memory to grow, lookups get slower. The hash has a random key: names
 * come from clients, which could otherwise choose names that collide. */
#ifndef SLUICE_HASH_TABLE_H
#define SLUICE_HASH_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include <sodium.h>

struct hash_node {
	struct hash_node *next; /* in its bucket */
	uint32_t hash;
};

struct hash_table {
	struct hash_node **buckets;
	size_t n_buckets; /* a power of two */
	size_t n;
	unsigned char key[crypto_shorthash_KEYBYTES];
};

/* -ENOMEM or 0. */
int hash_table_init(struct hash_table *t);
/* The nodes are not touched. */
void hash_table_finish(struct hash_table *t);

uint32_t hash_table_hash(const struct hash_table *t, const void *bytes,
			 size_t len);
/* The first node of the hash's bucket, or NULL; the others follow by `next`.
 * Nodes of other hashes are among them. */
struct hash_node *hash_table_bucket(const struct hash_table *t, uint32_t hash);
void hash_table_add(struct hash_table *t, struct hash_node *node,
		    uint32_t hash);
/* The node must be in the table. */
void hash_table_remove(struct hash_table *t, struct hash_node *node);

#endif
