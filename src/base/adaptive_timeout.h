/* Time-outs of JetStream requests that adapt to slow lines. A time-out that is
 * too short does harm: the response is on its way, and a repeated request sends
 * it once more, so that the line is never free (8 MiB in 2 s need 34 Mbit/s).
 *
 * A response that arrives after its time-out doubles the time-outs; a minute
 * without another one halves them. A response that never arrives changes
 * nothing.
 *
 * One instance belongs to the session: STREAM.INFO and the tail. Each replay
 * has its own, because the time that the server needs depends on the subject,
 * and no client may make the time-outs of others grow. */
#ifndef SLUICE_ADAPTIVE_TIMEOUT_H
#define SLUICE_ADAPTIVE_TIMEOUT_H

#include <stdbool.h>
#include <stdint.h>

enum {
	ADAPTIVE_TIMEOUT_STEPS = 4, /* doublings: 2.5 s become 40 s */
	/* Late responses within this time count as one. */
	ADAPTIVE_TIMEOUT_STEP_MS = 2000,
	ADAPTIVE_TIMEOUT_KEPT_MS = 60000, /* until one doubling ends */
};

struct adaptive_timeout {
	unsigned steps;	  /* doublings, as of `late_ms` */
	uint64_t late_ms; /* time of the last late response */
};

/* Numbers of the requests that have timed out and may still get a response. */
struct adaptive_timeout_expired {
	uint32_t first;
	uint32_t last; /* 0: none */
};

static inline unsigned adaptive_timeout_steps(const struct adaptive_timeout *t,
					      uint64_t now_ms)
{
	uint64_t back = 0;

	if (now_ms > t->late_ms) /* the clock of a caller may lag */
		back = (now_ms - t->late_ms) / ADAPTIVE_TIMEOUT_KEPT_MS;
	return back < t->steps ? t->steps - (unsigned)back : 0;
}

/* `ms`, doubled at most `max` times. */
static inline uint64_t adaptive_timeout_ms(const struct adaptive_timeout *t,
					   uint64_t ms, unsigned max,
					   uint64_t now_ms)
{
	unsigned steps = adaptive_timeout_steps(t, now_ms);

	return ms << (steps < max ? steps : max);
}

/* A response arrived after its time-out. */
static inline void adaptive_timeout_on_late(struct adaptive_timeout *t,
					    uint64_t now_ms)
{
	unsigned steps = adaptive_timeout_steps(t, now_ms);

	if (steps != 0 && now_ms < t->late_ms + ADAPTIVE_TIMEOUT_STEP_MS)
		return;
	t->steps = steps < ADAPTIVE_TIMEOUT_STEPS ? steps + 1
						  : ADAPTIVE_TIMEOUT_STEPS;
	t->late_ms = now_ms;
}

static inline void adaptive_timeout_expired_add(
	struct adaptive_timeout_expired *e, uint32_t number)
{
	if (e->last == 0)
		e->first = number;
	e->last = number;
}

/* True, once, when `number` has timed out. Responses arrive in order. */
static inline bool adaptive_timeout_expired_take(
	struct adaptive_timeout_expired *e, uint32_t number)
{
	if (e->last == 0 || number < e->first || number > e->last)
		return false;
	e->first = number + 1;
	if (e->first > e->last)
		e->last = 0;
	return true;
}

#endif
