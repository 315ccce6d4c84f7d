/* Pause before a failed request is repeated. The first retry may be immediate;
 * each further pause is twice as long, up to a limit. Each requester has its
 * own, so that none waits for the failures of another. */
#ifndef SLUICE_BACKOFF_H
#define SLUICE_BACKOFF_H

#include <stdbool.h>
#include <stdint.h>

struct backoff_times {
	uint32_t first_ms; /* after the first failure; 0: at once */
	uint32_t min_ms;   /* after the second */
	uint32_t max_ms;
};

/* Zeroed: no failure, no pause. */
struct backoff {
	unsigned fails;	 /* in a row */
	uint64_t due_ms; /* earliest time of the next attempt */
};

/* Counts a failure. Returns the pause in ms; `due_ms` is its end. */
static inline uint64_t backoff_fail(struct backoff *b,
				    const struct backoff_times *t,
				    uint64_t now_ms)
{
	unsigned doublings = b->fails > 0 ? b->fails - 1 : 0;
	uint64_t ms = (uint64_t)t->min_ms << (doublings < 16 ? doublings : 16);

	if (ms > t->max_ms)
		ms = t->max_ms;
	if (b->fails == 0)
		ms = t->first_ms;
	if (b->fails < UINT32_MAX)
		b->fails++;
	b->due_ms = now_ms + ms;
	return ms;
}

/* After a success: the next failure is the first one. */
static inline void backoff_reset(struct backoff *b)
{
	*b = (struct backoff){0};
}

static inline bool backoff_over(const struct backoff *b, uint64_t now_ms)
{
	return now_ms >= b->due_ms;
}

#endif
