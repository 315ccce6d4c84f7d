/* Who is due when: a heap, so that the first is at hand, and any may be set
 * anew or taken out, in the order of the logarithm of their number. */
#ifndef SLUICE_TIMER_HEAP_H
#define SLUICE_TIMER_HEAP_H

#include <stddef.h>
#include <stdint.h>

/* Part of what is due. Zeroed is one that is in no heap. */
struct timer_node {
	uint64_t ms;
	uint32_t at; /* its place, from 1 on; 0: in no heap */
};

/* Zeroed is an empty one. */
struct timer_heap {
	struct timer_node **items; /* borrowed; items[i]->at == i + 1 */
	size_t n;
	size_t cap;
};

void timer_heap_finish(struct timer_heap *h);

/* Room for one more. -ENOMEM or 0. */
int timer_heap_reserve(struct timer_heap *h);
/* From now on it is due at `ms`. One that is not in yet needs the room of a
 * timer_heap_reserve(). */
void timer_heap_set(struct timer_heap *h, struct timer_node *d, uint64_t ms);
/* Does nothing when it is not there. */
void timer_heap_remove(struct timer_heap *h, struct timer_node *d);
/* The first that is due; NULL: there is none. */
struct timer_node *timer_heap_first(const struct timer_heap *h);

#endif
