/* The identities with subscriptions that follow more than their own subject.
 * (For the others the subject's entry in the buffer serves: the identity is a
 * part of the subject.) */
#ifndef SLUICE_IDENTITIES_H
#define SLUICE_IDENTITIES_H

#include <stddef.h>
#include <stdint.h>

#include "base/hash_table.h"
#include "base/list.h"
#include "base/span.h"

struct identity_entry {
	struct hash_node in_table;
	struct list subscriptions; /* struct wide_cursor.of_identity */
	uint32_t n_subscriptions;
	uint16_t len;
	char text[];
};

/* Adds `node` to the identity's subscriptions, at the end. NULL: no memory. */
struct identity_entry *identities_add(struct hash_table *all, struct span id,
				      struct list *node);
/* The entry goes away with its last subscription. */
void identities_remove(struct hash_table *all, struct identity_entry *e,
		       struct list *node);
/* NULL: it has none. */
const struct identity_entry *identities_find(const struct hash_table *all,
					     struct span id);

#endif
