#include "base/timer_heap.h"

#include <errno.h>
#include <stdlib.h>

#include "base/check.h"

enum { TIMER_HEAP_LEAST = 64 };

void timer_heap_finish(struct timer_heap *h)
{
	free(h->items);
	*h = (struct timer_heap){0};
}

int timer_heap_reserve(struct timer_heap *h)
{
	size_t cap = h->cap == 0 ? TIMER_HEAP_LEAST : h->cap * 2;
	struct timer_node **items;

	if (h->n < h->cap)
		return 0;
	if (cap > UINT32_MAX)
		return -ENOMEM;
	items = realloc(h->items, cap * sizeof(struct timer_node *));
	if (items == NULL)
		return -ENOMEM;
	h->items = items;
	h->cap = cap;
	return 0;
}

static void put_node_at(struct timer_heap *h, size_t i, struct timer_node *node)
{
	h->items[i] = node;
	node->index = (uint32_t)i + 1;
}

/* Moves up while the parent is later, then down while a child is earlier. */
static void sift_node(struct timer_heap *h, struct timer_node *node)
{
	size_t i = node->index - 1;

	while (i > 0 && h->items[(i - 1) / 2]->ms > node->ms) {
		put_node_at(h, i, h->items[(i - 1) / 2]);
		i = (i - 1) / 2;
	}
	for (;;) {
		size_t child = 2 * i + 1;

		if (child + 1 < h->n &&
		    h->items[child + 1]->ms < h->items[child]->ms)
			child++;
		if (child >= h->n || h->items[child]->ms >= node->ms)
			break;
		put_node_at(h, i, h->items[child]);
		i = child;
	}
	put_node_at(h, i, node);
}

void timer_heap_set(struct timer_heap *h, struct timer_node *node, uint64_t ms)
{
	node->ms = ms;
	if (node->index == 0) {
		MUST(h->n < h->cap);
		put_node_at(h, h->n++, node);
	}
	sift_node(h, node);
}

void timer_heap_remove(struct timer_heap *h, struct timer_node *node)
{
	struct timer_node *last;

	if (node->index == 0)
		return;
	last = h->items[--h->n];
	if (last != node) {
		put_node_at(h, node->index - 1, last);
		sift_node(h, last);
	}
	node->index = 0;
}

struct timer_node *timer_heap_first(const struct timer_heap *h)
{
	return h->n == 0 ? NULL : h->items[0];
}
