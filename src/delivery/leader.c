#include "delivery/leader.h"

#include <string.h>

#include "base/mutation.h"

enum {
	LEADER_ANSWER_MS = 2000,
	LEADER_STEP_MS = 500, /* counted of the grace between two responses */
};

static const struct backoff_times fail_times = {.first_ms = LEADER_RECHECK_MS,
						.min_ms = LEADER_RECHECK_MS,
						.max_ms = LEADER_RECHECK_MS};

void leader_init(struct leader *l, struct jetstream *src,
		 struct event_buffer *buffer, const struct adaptive_timeout *p,
		 struct metrics *m)
{
	memset(l, 0, sizeof(*l));
	l->source = src;
	l->buffer = buffer;
	l->timeout = p;
	l->metrics = m;
}

/* ---- the question -------------------------------------------------------- */

uint32_t leader_want_info(struct leader *l)
{
	l->wanted = true;
	return l->question + 1;
}

void leader_want_info_by(struct leader *l, uint64_t at_ms)
{
	if (l->want_ms == 0 || at_ms < l->want_ms)
		l->want_ms = at_ms;
}

void leader_ask(struct leader *l, uint64_t now_ms)
{
	struct request_id request = {.owner = LEADER_SLOT};

	if (l->want_ms != 0 && now_ms >= l->want_ms)
		l->wanted = true;
	if (!l->wanted || l->asked || !backoff_over(&l->fail, now_ms))
		return;
	request.generation = ++l->question;
	l->wanted = false;
	l->want_ms = 0;
	l->asked = true;
	l->asked_ms = now_ms;
	l->due_ms =
		now_ms + adaptive_timeout_ms(l->timeout, LEADER_ANSWER_MS,
					     ADAPTIVE_TIMEOUT_STEPS, now_ms);
	l->asked_last_seq = event_buffer_last_seq(l->buffer);
	if (l->asked_last_seq < l->held_seq)
		l->asked_last_seq = l->held_seq;
	l->source->ops->info(l->source, request);
}

void leader_forget_question(struct leader *l)
{
	l->asked = false;
	l->want_ms = 0;
	backoff_reset(&l->fail);
}

void leader_tick(struct leader *l, uint64_t now_ms)
{
	if (l->asked && now_ms >= l->due_ms) {
		adaptive_timeout_expired_add(&l->late, l->question);
		l->asked = false;
		l->wanted = true;
	}
	if (leader_is_behind(l))
		leader_want_info_by(l, l->answered_ms + LEADER_RECHECK_MS);
}

uint64_t leader_due(const struct leader *l)
{
	uint64_t from = l->wanted	  ? 0
			: l->want_ms != 0 ? l->want_ms
					  : UINT64_MAX;

	if (l->asked)
		return l->due_ms;
	if (leader_is_behind(l) && from > l->answered_ms + LEADER_RECHECK_MS)
		from = l->answered_ms + LEADER_RECHECK_MS;
	return from < l->fail.due_ms ? l->fail.due_ms : from;
}

unsigned leader_on_info(struct leader *l, const struct jetstream_event *ev,
			uint64_t now_ms)
{
	unsigned bits = 0;

	/* All servers that believe to be the leader answer. */
	if (ev->err == 0 &&
	    (ev->info.no_leader || ev->info.leader != l->state.leader))
		bits |= LEADER_OTHER;
	if (!l->asked || ev->request.generation != l->question)
		return bits;
	l->asked = false;
	l->answered_ms = now_ms;
	metrics_observe(l->metrics, METRIC_SPREAD_ROUND_TRIP,
			(now_ms - l->asked_ms) * 1000, 1);
	if (ev->err != 0)
		metric_add(l->metrics, METRIC_ERRORS_INFO, 1);
	if (ev->err == 0 && !ev->info.no_leader) {
		backoff_reset(&l->fail);
	} else {
		backoff_fail(&l->fail, &fail_times, now_ms);
		l->wanted = true;
	}
	return bits | LEADER_OURS;
}

/* ---- its state ----------------------------------------------------------- */

void leader_take_state(struct leader *l, const struct jetstream_info *i)
{
	l->state = (struct stream_state){.leader = i->leader,
					 .first_seq = i->first_seq,
					 .last_seq = i->last_seq,
					 .max_inactive_ms = i->max_inactive_ms,
					 .before_2_10 = i->before_2_10,
					 .api_level = i->api_level};
}

/* A leader may be behind the replica that feeds the tail for a moment, and
 * while messages come, at each moment that it is asked. So it must only reach
 * what had been seen once. */
bool leader_rolled_back(struct leader *l, const struct jetstream_info *i,
			uint64_t asked_last_seq, uint64_t now_ms)
{
	uint64_t since = now_ms - l->behind_ms;

	if (i->last_seq >= asked_last_seq) {
		l->behind_ms = 0;
		return false;
	}
	if (i->leader == 0)
		return true;
	if (l->behind_ms == 0 || i->last_seq >= l->behind_seq) {
		l->behind_seq = asked_last_seq;
		l->behind_for_ms = 0;
	} else {
		/* responses count, not time without them */
		l->behind_for_ms +=
			since < LEADER_STEP_MS ? since : LEADER_STEP_MS;
	}
	l->behind_ms = now_ms;
	return l->behind_for_ms >= LEADER_GRACE_MS;
}

bool leader_is_behind(const struct leader *l)
{
	return l->behind_ms != 0;
}

void leader_forget_behind(struct leader *l)
{
	l->behind_ms = 0;
}

bool leader_had_grace(const struct leader *l, uint32_t *since_ms,
		      uint64_t now_ms)
{
	uint32_t grace =
		l->state.leader == 0 ? LEADER_ALONE_MS : LEADER_GRACE_MS;

	if (*since_ms == 0 || (leader_is_behind(l) && !MUTATED(TWO_GRACES)))
		*since_ms = (uint32_t)now_ms != 0 ? (uint32_t)now_ms : 1;
	if (MUTATED(TWO_GRACES))
		grace = 1000;
	return (uint32_t)now_ms - *since_ms >= grace;
}
