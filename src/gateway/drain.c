#include "gateway/drain.h"

void drain_init(struct drain *d, uint64_t delay_ms, uint64_t timeout_ms)
{
	*d = (struct drain){.delay_ms = delay_ms, .timeout_ms = timeout_ms};
}

static void enter_drain_phase(struct drain *d, enum drain_phase phase,
			      uint64_t now_ms)
{
	d->phase = phase;
	d->phase_ms = now_ms;
}

void drain_start(struct drain *d, uint64_t now_ms)
{
	if (d->phase == DRAIN_OFF)
		enter_drain_phase(d, DRAIN_DELAY, now_ms);
}

static uint64_t drain_phase_elapsed_ms(const struct drain *d, uint64_t now_ms)
{
	return now_ms > d->phase_ms ? now_ms - d->phase_ms : 0;
}

/* How many subscriptions must have ended by now, the first at once. */
static size_t count_due_ends(const struct drain *d, uint64_t now_ms)
{
	uint64_t elapsed_ms = drain_phase_elapsed_ms(d, now_ms);

	if (elapsed_ms >= d->timeout_ms)
		return SIZE_MAX;
	return (size_t)((double)d->to_end * (double)elapsed_ms /
			(double)d->timeout_ms) +
	       1;
}

/* How many of the open ones the step ends; counted as ended. */
static size_t take_due_ends(struct drain *d, uint64_t now_ms,
			    size_t subscriptions)
{
	size_t due = count_due_ends(d, now_ms);
	size_t n = due > d->ended ? due - d->ended : 0;

	if (n > subscriptions)
		n = subscriptions;
	d->ended += n;
	return n;
}

static bool is_ending_over(const struct drain *d, uint64_t now_ms,
			   const struct drain_counts *open)
{
	return open->subscriptions == 0 &&
	       (open->requests == 0 ||
		drain_phase_elapsed_ms(d, now_ms) >= d->timeout_ms);
}

struct drain_step drain_advance(struct drain *d, uint64_t now_ms,
				const struct drain_counts *open)
{
	struct drain_step step = {.action = DRAIN_WAIT};

	if (d->phase == DRAIN_DELAY &&
	    drain_phase_elapsed_ms(d, now_ms) >= d->delay_ms) {
		enter_drain_phase(d, DRAIN_ENDING, now_ms);
		d->to_end = open->subscriptions;
		step.action = DRAIN_CLOSE_LISTENERS;
		return step;
	}
	if (d->phase == DRAIN_ENDING) {
		if (is_ending_over(d, now_ms, open))
			enter_drain_phase(d, DRAIN_LINGER, now_ms);
		step.n = take_due_ends(d, now_ms, open->subscriptions);
		if (step.n > 0)
			step.action = DRAIN_END_SUBSCRIPTIONS;
	}
	if (d->phase == DRAIN_LINGER &&
	    (open->connections == 0 ||
	     drain_phase_elapsed_ms(d, now_ms) >= DRAIN_LINGER_MS)) {
		enter_drain_phase(d, DRAIN_DONE, now_ms);
		step.action = DRAIN_STOP;
	}
	return step;
}

uint64_t drain_next_ms(const struct drain *d, uint64_t now_ms)
{
	switch (d->phase) {
	case DRAIN_DELAY:
		return d->phase_ms + d->delay_ms;
	case DRAIN_ENDING:
		return now_ms + DRAIN_STEP_MS;
	case DRAIN_LINGER:
		return d->phase_ms + DRAIN_LINGER_MS;
	default:
		return UINT64_MAX;
	}
}
