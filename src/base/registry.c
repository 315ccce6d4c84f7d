#include "base/registry.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { REGISTRY_MIN = 64 };

void registry_finish(struct registry *r)
{
	free(r->entries);
	*r = (struct registry){.last = r->last};
}

size_t registry_above(const struct registry *r, uint64_t number)
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

static struct registry_entry *find_entry_index(const struct registry *r,
					       uint64_t number)
{
	size_t i = number == 0 ? r->end : registry_above(r, number - 1);

	return i < r->end && r->entries[i].number == number ? &r->entries[i]
							    : NULL;
}

void *registry_find(const struct registry *r, uint64_t number)
{
	const struct registry_entry *e = find_entry_index(r, number);

	return e == NULL ? NULL : e->item;
}

static void compact_entries(struct registry *r)
{
	size_t to = 0;

	for (size_t i = 0; i < r->end; i++)
		if (r->entries[i].item != NULL)
			r->entries[to++] = r->entries[i];
	r->end = to;
	r->holes = 0;
}

static int resize_entries(struct registry *r, size_t cap)
{
	struct registry_entry *e =
		reallocarray(r->entries, cap, sizeof(*r->entries));

	if (e == NULL)
		return -ENOMEM;
	r->entries = e;
	r->cap = cap;
	return 0;
}

static int make_entry_room(struct registry *r)
{
	if (r->end < r->cap)
		return 0;
	if (r->holes > r->end / 8)
		compact_entries(r);
	if (r->end < r->cap)
		return 0;
	return resize_entries(r, r->cap < REGISTRY_MIN ? REGISTRY_MIN
						       : r->cap + r->cap / 2);
}

int registry_add(struct registry *r, void *item, uint64_t *number)
{
	int rc = make_entry_room(r);

	if (rc < 0)
		return rc;
	*number = ++r->last;
	r->entries[r->end++] = (struct registry_entry){*number, item};
	return 0;
}

void registry_remove(struct registry *r, uint64_t number)
{
	struct registry_entry *e = find_entry_index(r, number);

	if (e == NULL || e->item == NULL)
		return;
	e->item = NULL;
	r->holes++;
	if (r->holes <= REGISTRY_MIN || r->holes <= r->end / 2)
		return;
	compact_entries(r);
	if (r->cap > 4 * REGISTRY_MIN && r->end < r->cap / 4)
		resize_entries(r, r->cap / 2);
}
