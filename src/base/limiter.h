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

struct turns {
	struct list waiting; /* struct turn.link, the longest first */
	unsigned taken;
	unsigned max; /* now; TURNS_LEAST or most at least */
	unsigned most;
	unsigned in_time; /* answers since the last change of max */
};

enum {
	TURNS_LEAST = 2,
	TURNS_LATE_MS = 1000,
};

/* One's place; zeroed, it has none. */
struct turn {
	struct list link;
	struct turns *of; /* NULL: neither has one nor waits */
	bool taken;
};

void turns_init(struct turns *ts, unsigned most);
/* True: it is its turn, until turn_end(). Else it waits for turns_next(). It
 * must have none and wait for none. */
bool turn_take(struct turns *ts, struct turn *t);
/* Does anyone wait for theirs? */
bool turns_wanted(const struct turns *ts);
/* Gives it back, or waits no more; any number of times. */
void turn_end(struct turn *t);
/* Whose turn it has become; NULL: nobody's. */
struct turn *turns_next(struct turns *ts);
/* It has its answer, or has given up, after so long. */
void turn_took(struct turn *t, uint64_t ms);

#endif
