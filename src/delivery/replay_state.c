/* The replay's phase, and the request that the phase waits for. */
#include "delivery/replay_internal.h"

#include "base/mutation.h"
#include "nats/pattern.h"

enum { REPLAY_ANSWER_MS = 2500 };

static const enum replay_awaits awaits[REPLAY_PHASES] = {
	[REPLAY_IDLE] = AWAITS_NOTHING,
	[REPLAY_QUEUED] = AWAITS_PERMIT,
	[REPLAY_LAST] = AWAITS_MESSAGE,
	[REPLAY_PROBE] = AWAITS_MESSAGE,
	[REPLAY_CHECK] = AWAITS_INFO,
	[REPLAY_PAUSE] = AWAITS_CLOCK,
	[REPLAY_DELIVER] = AWAITS_SOCKET,
	[REPLAY_CREATE] = AWAITS_CONSUMER,
	[REPLAY_CHECK_CONSUMER] = AWAITS_INFO,
	[REPLAY_PULL] = AWAITS_MESSAGES,
	[REPLAY_HOLES] = AWAITS_HOLES,
	[REPLAY_CHECK_PULL] = AWAITS_INFO,
	[REPLAY_PULLED] = AWAITS_SOCKET,
	[REPLAY_COVERED] = AWAITS_NOTHING,
	[REPLAY_NEWEST] = AWAITS_NOTHING,
};

enum replay_awaits replay_awaits(const struct replay *r)
{
	return awaits[r->phase];
}

struct request_id replay_next_request(struct replay *r)
{
	return (struct request_id){.owner = r->slot,
				   .generation = ++r->generation};
}

bool replay_accepts(const struct replay *r, const struct jetstream_message *m)
{
	return pattern_matches(span_of(r->pattern),
			       (struct span){m->subject, m->subject_len}) ||
	       MUTATED(ANY_SUBJECT);
}

bool replay_joins(const struct replay *r)
{
	return cursor_would_join(r->cursor, r->buffer, r->covered);
}

void replay_await_answer(struct replay *r, uint64_t now_ms)
{
	uint64_t ms = adaptive_timeout_ms(r->timeout, REPLAY_ANSWER_MS,
					  ADAPTIVE_TIMEOUT_STEPS, now_ms);
	uint64_t own_ms =
		adaptive_timeout_ms(&r->search_timeout, REPLAY_ANSWER_MS,
				    ADAPTIVE_TIMEOUT_STEPS, now_ms);

	if (own_ms > ms && replay_awaits(r) != AWAITS_INFO)
		ms = own_ms;
	r->asked_ms = now_ms;
	r->due_ms = now_ms + ms;
}

void replay_expect(struct replay *r, enum replay_phase phase, uint64_t now_ms)
{
	r->phase = phase;
	replay_await_answer(r, now_ms);
}

void replay_pause(struct replay *r, uint64_t ms, uint64_t now_ms)
{
	r->phase = REPLAY_PAUSE;
	r->due_ms = now_ms + ms;
}

void replay_release_answered(struct replay *r, uint64_t now_ms)
{
	permit_record_latency(&r->permit, now_ms - r->asked_ms);
	if (!r->has_consumer)
		permit_release(&r->permit);
}

void replay_observe_answer(struct replay *r, uint64_t now_ms)
{
	metrics_observe(r->metrics, METRIC_SPREAD_ROUND_TRIP,
			(now_ms - r->asked_ms) * 1000, 1);
	replay_release_answered(r, now_ms);
}

enum replay_next replay_want_check(struct replay *r, enum replay_phase phase,
				   uint64_t now_ms)
{
	replay_expect(r, phase, now_ms);
	return NEXT_CHECK;
}
