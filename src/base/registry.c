#include "base/registry.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { ROLL_MIN = 64 };

void roll_finish(struct roll *r)
{
	free(r->entries);
	*r = (struct roll){.last = r->last};
}

size_t roll_above(const struct roll *r, uint64_t number)
{
	size_t low = 0, high = r->end;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (r->entries[middle].number <= number)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static struct roll_entry *find(const struct roll *r, uint64_t number)
{
	size_t i = number == 0 ? r->end : roll_above(r, number - 1);

	return i < r->end && r->entries[i].number == number ? &r->entries[i]
							    : NULL;
}

void *roll_find(const struct roll *r, uint64_t number)
{
	const struct roll_entry *e = find(r, number);

	return e == NULL ? NULL : e->item;
}

static void close_holes(struct roll *r)
{
	size_t to = 0;

	for (size_t i = 0; i < r->end; i++)
		if (r->entries[i].item != NULL)
			r->entries[to++] = r->entries[i];
	r->end = to;
	r->holes = 0;
}

/* Not having less is no failure. */
static int resize(struct roll *r, size_t cap)
{
	struct roll_entry *e =
		reallocarray(r->entries, cap, sizeof(*r->entries));

	if (e == NULL)
		return -ENOMEM;
	r->entries = e;
	r->cap = cap;
	return 0;
}

static int make_room(struct roll *r)
{
	if (r->end < r->cap)
		return 0;
	if (r->holes > r->end / 8)
		close_holes(r);
	if (r->end < r->cap)
		return 0;
	return resize(r, r->cap < ROLL_MIN ? ROLL_MIN : r->cap + r->cap / 2);
}

int roll_add(struct roll *r, void *item, uint64_t *number)
{
	int rc = make_room(r);

	if (rc < 0)
		return rc;
	*number = ++r->last;
	r->entries[r->end++] = (struct roll_entry){*number, item};
	return 0;
}

void roll_remove(struct roll *r, uint64_t number)
{
	struct roll_entry *e = find(r, number);

	if (e == NULL || e->item == NULL)
		return;
	e->item = NULL;
	r->holes++;
	if (r->holes <= ROLL_MIN || r->holes <= r->end / 2)
		return;
	close_holes(r);
	if (r->cap > 4 * ROLL_MIN && r->end < r->cap / 4)
		resize(r, r->cap / 2);
}
