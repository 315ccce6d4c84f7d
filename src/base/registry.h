/* A roll: every open stream by its number, which only grows and is never given
 * twice. Entries stand in the order of their numbers; one that left is a hole
 * until the holes are too many. Finding is a binary search, so that a page of a
 * long list costs what stands on it. */
#ifndef SLUICE_REGISTRY_H
#define SLUICE_REGISTRY_H

#include <stddef.h>
#include <stdint.h>

struct roll_entry {
	uint64_t number;
	void *item; /* NULL: a hole */
};

/* Zeroed is an empty one. */
struct roll {
	struct roll_entry *entries;
	size_t end; /* entries, with the holes */
	size_t cap;
	size_t holes;
	uint64_t last; /* number given */
};

void roll_finish(struct roll *r);

/* Gives `item` the next number, from 1 on. -ENOMEM or 0. */
int roll_add(struct roll *r, void *item, uint64_t *number);
/* Does nothing when it is not there. */
void roll_remove(struct roll *r, uint64_t number);
/* NULL: there is none. */
void *roll_find(const struct roll *r, uint64_t number);

/* To walk: the place of the first entry above `number`; then up to r->end. The
 * places hold until an entry is added or removed. */
size_t roll_above(const struct roll *r, uint64_t number);

#endif
