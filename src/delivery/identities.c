#include "delivery/identities.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"

static struct identity_entry *find_identity(const struct hash_table *all,
					    struct span id, uint32_t hash)
{
	struct hash_node *at = hash_table_bucket(all, hash);

	for (; at != NULL; at = at->next) {
		struct identity_entry *e =
			CONTAINER_OF(at, struct identity_entry, in_table);

		if (at->hash == hash && e->len == id.len &&
		    memcmp(e->text, id.at, id.len) == 0)
			return e;
	}
	return NULL;
}

struct identity_entry *identities_add(struct hash_table *all, struct span id,
				      struct list *node)
{
	uint32_t hash = hash_table_hash(all, id.at, id.len);
	struct identity_entry *e = find_identity(all, id, hash);

	if (e == NULL) {
		e = calloc(1, sizeof(*e) + id.len);
		if (e == NULL)
			return NULL;
		list_init(&e->subscriptions);
		e->len = (uint16_t)id.len;
		memcpy(e->text, id.at, id.len);
		hash_table_add(all, &e->in_table, hash);
	}
	list_push_back(&e->subscriptions, node);
	e->n_subscriptions++;
	return e;
}

void identities_remove(struct hash_table *all, struct identity_entry *e,
		       struct list *node)
{
	list_remove(node);
	e->n_subscriptions--;
	if (!list_empty(&e->subscriptions))
		return;
	hash_table_remove(all, &e->in_table);
	free(e);
}

const struct identity_entry *identities_find(const struct hash_table *all,
					     struct span id)
{
	if (all->n == 0)
		return NULL;
	return find_identity(all, id, hash_table_hash(all, id.at, id.len));
}
