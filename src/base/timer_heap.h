/* Who is due when: a heap, so that the first is at hand, and any may be set
 * anew or taken out, in the order of the logarithm of their number. */
#ifndef SLUICE_TIMER_HEAP_H
#define SLUICE_TIMER_HEAP_H

#include <stddef.h>
#include <stdint.h>

/* Part of what is due. Zeroed is one that is in no heap. */
struct due {
	uint64_t ms;
	uint32_t at; /* its place, from 1 on; 0: in no heap */
};

/* Zeroed is an empty one. */
struct due_heap {
	struct due **items; /* borrowed; items[i]->at == i + 1 */
	size_t n;
	size_t cap;
};

void due_finish(struct due_heap *h);

/* Room for one more. -ENOMEM or 0. */
int due_reserve(struct due_heap *h);
/* From now on it is due at `ms`. One that is not in yet needs the room of a
 * due_reserve(). */
void due_set(struct due_heap *h, struct due *d, uint64_t ms);
/* Does nothing when it is not there. */
void due_remove(struct due_heap *h, struct due *d);
/* The first that is due; NULL: there is none. */
struct due *due_first(const struct due_heap *h);

#endif
