/* Items by number. Numbers only grow and are never reused. Entries are sorted
 * by number; a removed one leaves a hole until the holes are too many. Lookup
 * is a binary search: a page of a long list costs its own length. */
#ifndef SLUICE_REGISTRY_H
#define SLUICE_REGISTRY_H

#include <stddef.h>
#include <stdint.h>

struct registry_entry {
	uint64_t number;
	void *item; /* NULL: a hole */
};

/* Zeroed: empty. */
struct registry {
	struct registry_entry *entries;
	size_t end; /* entries, with holes */
	size_t cap;
	size_t holes;
	uint64_t last; /* highest number given */
};

void registry_finish(struct registry *r);

/* Adds `item` under the next number, from 1 on. -ENOMEM or 0. */
int registry_add(struct registry *r, void *item, uint64_t *number);
/* A no-op for a number without item. */
void registry_remove(struct registry *r, uint64_t number);
/* NULL: none. */
void *registry_find(const struct registry *r, uint64_t number);

/* Index of the first entry above `number`; r->end for none. Valid until an
 * entry is added or removed. */
size_t registry_above(const struct registry *r, uint64_t number);

#endif
