/* A min-heap of timers: O(1) peek, O(log n) update and removal. */
#ifndef SLUICE_TIMER_HEAP_H
#define SLUICE_TIMER_HEAP_H

#include <stddef.h>
#include <stdint.h>

/* Embedded in what is due. Zeroed: in no heap. */
struct timer_node {
	uint64_t ms;
	uint32_t index; /* from 1 on; 0: in no heap */
};

/* Zeroed: empty. */
struct timer_heap {
	struct timer_node **items; /* borrowed; items[i]->index == i + 1 */
	size_t n;
	size_t cap;
};

void timer_heap_finish(struct timer_heap *h);

/* Makes room for one more node. -ENOMEM or 0. */
int timer_heap_reserve(struct timer_heap *h);
/* Adds the node, which needs timer_heap_reserve() before, or moves it to `ms`.
 */
void timer_heap_set(struct timer_heap *h, struct timer_node *node, uint64_t ms);
/* A no-op for a node in no heap. */
void timer_heap_remove(struct timer_heap *h, struct timer_node *node);
/* The earliest; NULL: none. */
struct timer_node *timer_heap_first(const struct timer_heap *h);

#endif
