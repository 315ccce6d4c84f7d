/* How long an answer of JetStream may take. A time-out that is too short for a
 * slow line does harm: what was asked for is on its way, and asking again sends
 * it once more, so that the line is never free (8 MiB in 2 s need 34 Mbit/s).
 * An answer that comes after its time-out tells so, and from then on all
 * time-outs are twice as long; a minute later half as long again. An answer
 * that is lost for good tells nothing and changes nothing.
 *
 * There is one for the line, which is everybody's: STREAM.INFO and the tail.
 * How long the server searches for a subject's messages depends on the subject:
 * so each replay has one for its own requests, and no client can make the
 * time-outs of others grow. */
#ifndef SLUICE_ADAPTIVE_TIMEOUT_H
#define SLUICE_ADAPTIVE_TIMEOUT_H

#include <stdbool.h>
#include <stdint.h>

enum {
	ADAPTIVE_TIMEOUT_STEPS = 4, /* 2.5 s become 40 s */
	ADAPTIVE_TIMEOUT_STEP_MS =
		2000, /* answers in so short a time are one sign */
	ADAPTIVE_TIMEOUT_KEPT_MS = 60000, /* for each step */
};

struct adaptive_timeout {
	unsigned steps;	  /* as of `late_ms` */
	uint64_t late_ms; /* when the last late answer came */
};

/* The numbers of one asker's requests whose time was out, of those whose answer
 * may still come. */
struct adaptive_timeout_expired {
	uint32_t from;
	uint32_t to; /* 0: none */
};

static inline unsigned adaptive_timeout_steps(const struct adaptive_timeout *p,
					      uint64_t now_ms)
{
	uint64_t back = 0;

	if (now_ms > p->late_ms) /* it may be asked about an earlier time */
		back = (now_ms - p->late_ms) / ADAPTIVE_TIMEOUT_KEPT_MS;
	return back < p->steps ? p->steps - (unsigned)back : 0;
}

/* What `ms` is at present, when at most `max` doublings make sense. */
static inline uint64_t adaptive_timeout_ms(const struct adaptive_timeout *p,
					   uint64_t ms, unsigned max,
					   uint64_t now_ms)
{
	unsigned steps = adaptive_timeout_steps(p, now_ms);

	return ms << (steps < max ? steps : max);
}

/* An answer has come after its time-out. */
static inline void adaptive_timeout_on_late(struct adaptive_timeout *p,
					    uint64_t now_ms)
{
	unsigned steps = adaptive_timeout_steps(p, now_ms);

	if (steps != 0 && now_ms < p->late_ms + ADAPTIVE_TIMEOUT_STEP_MS)
		return;
	p->steps = steps < ADAPTIVE_TIMEOUT_STEPS ? steps + 1
						  : ADAPTIVE_TIMEOUT_STEPS;
	p->late_ms = now_ms;
}

static inline void adaptive_timeout_expired_add(
	struct adaptive_timeout_expired *l, uint32_t number)
{
	if (l->to == 0)
		l->from = number;
	l->to = number;
}

/* Is it an answer to one of those? They come in order. */
static inline bool adaptive_timeout_expired_take(
	struct adaptive_timeout_expired *l, uint32_t number)
{
	if (l->to == 0 || number < l->from || number > l->to)
		return false;
	l->from = number + 1;
	if (l->from > l->to)
		l->to = 0;
	return true;
}

#endif
