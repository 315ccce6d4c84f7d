/* Bounds concurrent JetStream requests; the others wait in order (AIMD). A late
 * response halves the limit, responses in time raise it again: a server that
 * must search long for each request never gets more of them than it answers
 * before they time out and are repeated. */
#ifndef SLUICE_LIMITER_H
#define SLUICE_LIMITER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"

struct limiter {
	struct list waiting; /* struct permit.link, the longest first */
	unsigned in_use;
	unsigned limit; /* at present: from LIMITER_LEAST to max */
	unsigned max;
	unsigned in_time; /* responses since the last change of limit */
};

enum {
	LIMITER_LEAST = 2,
	LIMITER_LATE_MS = 1000,
};

/* One requester's share. Zeroed: neither held nor waiting. */
struct permit {
	struct list link;
	struct limiter *limiter; /* NULL: neither held nor waiting */
	bool held;
};

void limiter_init(struct limiter *l, unsigned max);
/* True: held until permit_release(). Otherwise it waits for limiter_next(). The
 * permit must be neither held nor waiting. */
bool permit_acquire(struct limiter *l, struct permit *p);
bool limiter_has_waiters(const struct limiter *l);
/* Gives it back, or stops waiting. Idempotent. */
void permit_release(struct permit *p);
/* Grants the longest waiting permit; NULL: none waits, or the limit is reached.
 */
struct permit *limiter_next(struct limiter *l);
/* The response, or the time-out, came after `ms`. */
void permit_record_latency(struct permit *p, uint64_t ms);

#endif
