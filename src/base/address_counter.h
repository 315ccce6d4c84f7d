/* How often each party is there: counts by address, for a limit. An entry lives
 * only while its count is above 0, so there are never more of them than there
 * is to count. */
#ifndef SLUICE_ADDRESS_COUNTER_H
#define SLUICE_ADDRESS_COUNTER_H

#include <stddef.h>
#include <stdint.h>

#include "base/address.h"

struct tally;

/* -ENOMEM or 0. */
int tally_new(struct tally **ret);
/* NULL is fine. */
void tally_free(struct tally *t);

uint64_t tally_count(const struct tally *t, const struct address *a);
/* One more. -ENOMEM: it is not counted. */
int tally_add(struct tally *t, const struct address *a);
/* One less, of one that was counted; -ENOENT: it was not. */
int tally_take(struct tally *t, const struct address *a);
/* Entries, for tests. */
size_t tally_size(const struct tally *t);

#endif
