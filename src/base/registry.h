/* A roll: every open stream by its number, which only grows and is never given
 * twice. Entries stand in the order of their numbers; one that left is a hole
 * until the holes are too many. Finding is a binary search, so that a page of a
 * long list costs what stands on it. */
#ifndef SLUICE_REGISTRY_H
#define SLUICE_REGISTRY_H

#include <stddef.h>
#include <stdint.h>

struct registry_entry {
	uint64_t number;
	void *item; /* NULL: a hole */
};

/* Zeroed is an empty one. */
struct registry {
	struct registry_entry *entries;
	size_t end; /* entries, with the holes */
	size_t cap;
	size_t holes;
	uint64_t last; /* number given */
};

void registry_finish(struct registry *r);

/* Gives `item` the next number, from 1 on. -ENOMEM or 0. */
int registry_add(struct registry *r, void *item, uint64_t *number);
/* Does nothing when it is not there. */
void registry_remove(struct registry *r, uint64_t number);
/* NULL: there is none. */
void *registry_find(const struct registry *r, uint64_t number);

/* To walk: the place of the first entry above `number`; then up to r->end. The
 * places hold until an entry is added or removed. */
size_t registry_above(const struct registry *r, uint64_t number);

#endif
