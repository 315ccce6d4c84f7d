/* Turns: of many who want something from JetStream, only so many ask at a time;
 * the others wait in order of their coming. How many depends on how fast the
 * answers come: a late one halves their number, answers in time bring it back.
 * So a server that must search long for each is never asked for more than it
 * answers before those who asked give up and ask again. */
#ifndef SLUICE_LIMITER_H
#define SLUICE_LIMITER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"

struct limiter {
	struct list waiting; /* struct permit.link, the longest first */
	unsigned taken;
	unsigned max; /* now; LIMITER_LEAST or most at least */
	unsigned most;
	unsigned in_time; /* answers since the last change of max */
};

enum {
	LIMITER_LEAST = 2,
	LIMITER_LATE_MS = 1000,
};

/* One's place; zeroed, it has none. */
struct permit {
	struct list link;
	struct limiter *of; /* NULL: neither has one nor waits */
	bool taken;
};

void limiter_init(struct limiter *ts, unsigned most);
/* True: it is its turn, until permit_release(). Else it waits for
 * limiter_next(). It must have none and wait for none. */
bool permit_acquire(struct limiter *ts, struct permit *t);
/* Does anyone wait for theirs? */
bool limiter_has_waiters(const struct limiter *ts);
/* Gives it back, or waits no more; any number of times. */
void permit_release(struct permit *t);
/* Whose turn it has become; NULL: nobody's. */
struct permit *limiter_next(struct limiter *ts);
/* It has its answer, or has given up, after so long. */
void permit_record_latency(struct permit *t, uint64_t ms);

#endif
