/* The leader's answers, and what they prove. Only "no message" of the stream's
 * leader is evidence that nothing is left; replay.h says how it is known to be
 * the leader's. */
#include "delivery/replay_internal.h"

#include <string.h>

#include "base/mutation.h"

enum {
	REPLAY_RECHECK_MS = 200,
	REPLAY_TAIL_WAITS = 10, /* of that length */
	/* How long a former leader that comes back may go on answering. */
	REPLAY_OTHER_LEADER_MS = 1500,
	/* In how short a time no replica can become the leader: it votes 4 s
	 * after it has heard from its leader, which is at the earliest 3 s
	 * before the leader's response. */
	REPLAY_FOLLOWED_MS = 4000,
};

static const struct backoff_times ask_times = {.first_ms = 250,
					       .min_ms = 500,
					       .max_ms = 5000};

/* ---- questions ----------------------------------------------------------- */

void replay_send_probe(struct replay *r, enum replay_phase what,
		       uint64_t now_ms)
{
	replay_expect(r, what, now_ms);
	replay_note_evidence(r);
	r->last = what == REPLAY_LAST;
	r->probe_ms = now_ms;
	hub_sink_step(r->sink, r->cursor,
		      r->last ? STEP_PROBE_LAST : STEP_PROBE,
		      r->last ? 0 : r->covered + 1);
	memmove(r->questions + 1, r->questions,
		sizeof(r->questions) - sizeof(r->questions[0]));
	r->questions[0] =
		(struct replay_question){.generation = r->generation + 1};
	if (r->last)
		r->source->ops->get_last(r->source, replay_next_request(r),
					 r->pattern);
	else
		r->source->ops->get_next(r->source, replay_next_request(r),
					 r->covered + 1, r->pattern);
}

static enum replay_next pause_after_error(struct replay *r, enum metric why,
					  uint64_t now_ms)
{
	metric_add(r->metrics, why, 1);
	replay_drop_consumer(r);
	replay_queue_clear(&r->queue);
	r->probes = 0;
	uint64_t ms = backoff_fail(&r->asks, &ask_times, now_ms);

	replay_pause(r, MUTATED(NO_BACKOFF) ? 0 : ms, now_ms);
	return NEXT_WAIT;
}

static enum replay_next recheck_later(struct replay *r, uint64_t now_ms)
{
	replay_drop_consumer(r);
	replay_queue_clear(&r->queue);
	r->probes = 0;
	r->confirmed = false;
	memset(r->questions, 0, sizeof(r->questions));
	replay_pause(r, REPLAY_RECHECK_MS, now_ms);
	return NEXT_WAIT;
}

enum replay_next replay_on_found(struct replay *r,
				 const struct jetstream_event *ev,
				 uint64_t now_ms)
{
	replay_observe_answer(r, now_ms);
	if (ev->err != 0 && ev->err != JETSTREAM_ERR_NO_MESSAGE)
		return pause_after_error(r, METRIC_ERRORS_GET, now_ms);
	r->questions[0].answered = true;
	r->questions[0].seq = ev->err == 0 ? ev->msg.seq : 0;
	/* No last event if the newest message is not an event. */
	r->found = ev->err == 0 && !(r->last && ev->msg.internal);
	if (r->found && ev->msg.seq <= r->sent && !r->last)
		return pause_after_error(r, METRIC_ERRORS_GET, now_ms);
	if (ev->err == 0 && !replay_accepts(r, &ev->msg))
		return pause_after_error(r, METRIC_ERRORS_GET, now_ms);
	if (r->found &&
	    replay_queue_put(&r->queue, &ev->msg, r->tag, r->cursor) < 0)
		return pause_after_error(r, METRIC_ERRORS_GET, now_ms);
	return replay_want_check(r, REPLAY_CHECK, now_ms);
}

/* Two servers have answered one question, each for itself. */
static bool contradicts(const struct replay *r,
			const struct jetstream_event *ev)
{
	uint64_t seq = ev->err == 0 ? ev->msg.seq : 0;

	if (ev->err != 0 && ev->err != JETSTREAM_ERR_NO_MESSAGE)
		return false;
	for (size_t i = 0; i < REPLAY_QUESTIONS; i++)
		if (r->questions[i].answered &&
		    r->questions[i].generation == ev->request.generation)
			return r->questions[i].seq != seq;
	return false;
}

/* Takes evidence back that the client was not yet told of. */
enum replay_next replay_on_second_answer(struct replay *r,
					 const struct jetstream_event *ev,
					 uint64_t now_ms)
{
	if (!contradicts(r, ev))
		return NEXT_WAIT;
	if (r->covered_before != UINT64_MAX)
		r->covered = r->covered_before;
	replay_commit(r);
	permit_release(&r->permit);
	return recheck_later(r, now_ms);
}

void replay_invalidate(struct replay *r)
{
	r->confirmed = false;
}

/* ---- the newest message -------------------------------------------------- */

bool replay_has_last(const struct replay *r)
{
	return r->phase == REPLAY_DELIVER && r->last &&
	       (!r->found || !replay_queue_empty(&r->queue));
}

/* The newest message is known: the subscription starts right before it. */
static enum replay_next start_at_last(struct replay *r)
{
	r->covered = replay_evidence(r);
	if (r->found)
		r->covered = replay_queue_next(&r->queue) - 1;
	r->sent = r->covered;
	r->placed = true;
	r->phase = REPLAY_DELIVER;
	return NEXT_START;
}

/* ---- the check of an answer ---------------------------------------------- */

/* The server that answered the probe may not have been the leader, or may have
 * lacked what the buffer had. */
static bool is_check_doubtful(const struct replay *r,
			      const struct jetstream_info *info)
{
	if (MUTATED(LEADER_BEHIND))
		return false;
	return info->last_seq < r->evidence_seq || info->leader != r->leader;
}

/* Whether the probe's answer is "nothing", from a server that may not have been
 * the leader. */
static bool is_probe_unconfirmed(const struct replay *r, uint64_t now_ms)
{
	if (r->phase != REPLAY_CHECK || (r->found && !r->last) ||
	    r->leader == 0 || MUTATED(ONE_PROBE))
		return false;
	if (!r->confirmed)
		return true;
	if (r->followed && now_ms - r->first_none_ms <= REPLAY_FOLLOWED_MS)
		return false;
	return r->probe_ms - r->first_none_ms < REPLAY_OTHER_LEADER_MS;
}

static enum replay_next probe_again(struct replay *r,
				    const struct jetstream_info *info,
				    uint64_t now_ms)
{
	if (!r->confirmed) { /* the first "no message" */
		r->confirmed = true;
		r->followed = info->all_follow;
		r->first_none_ms = r->asked_ms;
		r->first_none_seq = r->evidence_seq;
	} else {
		r->followed = false; /* too long ago */
	}
	if (r->followed)
		return NEXT_PROBE;
	replay_pause(r, REPLAY_OTHER_LEADER_MS, now_ms);
	return NEXT_WAIT;
}

/* The newest message of a second answer can only be a later one. */
static bool is_last_older(const struct replay *r)
{
	return r->last && r->confirmed &&
	       r->questions[0].seq < r->questions[1].seq && !MUTATED(ONE_PROBE);
}

/* The stream no longer has the rest of the snapshot, and the buffer has what is
 * next: messages that were replaced come as well. What is missing behind the
 * tail is seen by the tail. */
static enum replay_next leave_snapshot(struct replay *r)
{
	replay_drop_consumer(r);
	cursor_cut_snapshot(r->cursor, r->covered);
	r->snapshot = false;
	r->phase = REPLAY_DELIVER;
	replay_queue_clear(&r->queue);
	return NEXT_STEP;
}

/* The leader is not yet where the buffer begins, or the tail not yet where the
 * snapshot ends. It never comes there if the message at that end was deleted
 * before the tail had read it. */
static enum replay_next await_tail(struct replay *r, uint64_t now_ms)
{
	if (r->covered >= event_buffer_floor(r->buffer) &&
	    ++r->tail_waits > REPLAY_TAIL_WAITS)
		return leave_snapshot(r);
	return recheck_later(r, now_ms);
}

/* Messages behind the position have left the stream. */
static enum replay_next on_expired(struct replay *r)
{
	if (r->cursor->state == CURSOR_WAITING) {
		r->placed = false; /* the client knows of no position yet */
		return NEXT_RESTART;
	}
	if (r->covered < cursor_snapshot_end(r->cursor) &&
	    r->covered >= event_buffer_floor(r->buffer))
		return leave_snapshot(r);
	replay_drop_consumer(r);
	return NEXT_GAP;
}

enum replay_next replay_on_check(struct replay *r,
				 const struct jetstream_info *info,
				 uint64_t now_ms)
{
	if (is_check_doubtful(r, info) || is_last_older(r))
		return recheck_later(r, now_ms);
	if (is_probe_unconfirmed(r, now_ms))
		return probe_again(r, info, now_ms);
	r->confirmed = false;
	if (info->first_seq > r->covered + 1 && r->placed)
		return on_expired(r);
	if (r->phase == REPLAY_CHECK && r->snapshot)
		return replay_on_newest(r, info->last_seq);
	if (r->phase == REPLAY_CHECK && r->last)
		return start_at_last(r);
	if (r->phase == REPLAY_CHECK_PULL) {
		if (!r->placed)
			replay_place_at_queue(r);
		r->phase = REPLAY_PULLED;
		return NEXT_DELIVER;
	}
	if (r->phase == REPLAY_CHECK_CONSUMER)
		return NEXT_PULL;
	r->phase = REPLAY_DELIVER;
	if (r->found)
		return NEXT_DELIVER;
	backoff_reset(&r->asks);
	replay_cover_up_to(r, replay_evidence(r));
	if (!replay_joins(r) &&
	    (info->last_seq < event_buffer_floor(r->buffer) ||
	     r->covered < cursor_snapshot_end(r->cursor)))
		return await_tail(r, now_ms);
	return NEXT_STEP;
}
