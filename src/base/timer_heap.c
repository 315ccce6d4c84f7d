#include "base/timer_heap.h"

#include <errno.h>
#include <stdlib.h>

#include "base/check.h"

enum { DUE_LEAST = 64 };

void due_finish(struct due_heap *h)
{
	free(h->items);
	*h = (struct due_heap){0};
}

int due_reserve(struct due_heap *h)
{
	size_t cap = h->cap == 0 ? DUE_LEAST : h->cap * 2;
	struct due **items;

	if (h->n < h->cap)
		return 0;
	if (cap > UINT32_MAX)
		return -ENOMEM;
	items = realloc(h->items, cap * sizeof(struct due *));
	if (items == NULL)
		return -ENOMEM;
	h->items = items;
	h->cap = cap;
	return 0;
}

static void put(struct due_heap *h, size_t i, struct due *d)
{
	h->items[i] = d;
	d->at = (uint32_t)i + 1;
}

/* Up while its parent is later, then down while a child is sooner. */
static void settle(struct due_heap *h, struct due *d)
{
	size_t i = d->at - 1;

	while (i > 0 && h->items[(i - 1) / 2]->ms > d->ms) {
		put(h, i, h->items[(i - 1) / 2]);
		i = (i - 1) / 2;
	}
	for (;;) {
		size_t child = 2 * i + 1;

		if (child + 1 < h->n &&
		    h->items[child + 1]->ms < h->items[child]->ms)
			child++;
		if (child >= h->n || h->items[child]->ms >= d->ms)
			break;
		put(h, i, h->items[child]);
		i = child;
	}
	put(h, i, d);
}

void due_set(struct due_heap *h, struct due *d, uint64_t ms)
{
	d->ms = ms;
	if (d->at == 0) {
		MUST(h->n < h->cap);
		put(h, h->n++, d);
	}
	settle(h, d);
}

void due_remove(struct due_heap *h, struct due *d)
{
	struct due *last;

	if (d->at == 0)
		return;
	last = h->items[--h->n];
	if (last != d) {
		put(h, d->at - 1, last);
		settle(h, last);
	}
	d->at = 0;
}

struct due *due_first(const struct due_heap *h)
{
	return h->n == 0 ? NULL : h->items[0];
}
