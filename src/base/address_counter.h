/* Counts by address, for a limit. Only entries with a count above 0 exist. */
#ifndef SLUICE_ADDRESS_COUNTER_H
#define SLUICE_ADDRESS_COUNTER_H

#include <stddef.h>
#include <stdint.h>

#include "base/address.h"

struct address_counter;

/* -ENOMEM or 0. */
int address_counter_new(struct address_counter **ret);
/* NULL is fine. */
void address_counter_free(struct address_counter *t);

uint64_t address_counter_count(const struct address_counter *t,
			       const struct address *a);
/* Adds one. -ENOMEM: not counted. */
int address_counter_add(struct address_counter *t, const struct address *a);
/* Takes one away; -ENOENT: the count is 0. */
int address_counter_take(struct address_counter *t, const struct address *a);
/* Number of entries, for tests. */
size_t address_counter_size(const struct address_counter *t);

#endif
