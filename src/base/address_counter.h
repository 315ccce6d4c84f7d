/* How often each party is there: counts by address, for a limit. An entry lives
 * only while its count is above 0, so there are never more of them than there
 * is to count. */
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
/* One more. -ENOMEM: it is not counted. */
int address_counter_add(struct address_counter *t, const struct address *a);
/* One less, of one that was counted; -ENOENT: it was not. */
int address_counter_take(struct address_counter *t, const struct address *a);
/* Entries, for tests. */
size_t address_counter_size(const struct address_counter *t);

#endif
