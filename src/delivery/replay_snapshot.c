/* deliver=last: the newest message of each subject of the pattern.
 * replay_group.h says what it promises. */
#include "delivery/replay_internal.h"

#include "base/mutation.h"
#include "nats/pattern.h"

/* Until a rejected consumer, or one that had nothing, is worth another try. */
static const struct backoff_times empty_times = {.first_ms = 250,
						 .min_ms = 500,
						 .max_ms = 5000};

enum replay_next replay_on_newest(struct replay *r, uint64_t last_seq)
{
	bool none = r->questions[0].seq == 0;

	if (none && !r->looks && !pattern_is_literal(span_of(r->pattern))) {
		r->looks = true;
		return NEXT_PROBE;
	}
	r->newest = none ? 0 : r->looks ? last_seq : r->questions[0].seq;
	r->looks = false;
	r->newest_evidence = replay_evidence(r);
	if (r->newest_evidence < r->newest)
		r->newest_evidence = r->newest;
	r->phase = REPLAY_NEWEST;
	return NEXT_START;
}

/* What follows `seq` comes as always. */
static enum replay_next end_snapshot(struct replay *r, uint64_t seq)
{
	if (MUTATED(SNAPSHOT_EVIDENCE))
		seq = event_buffer_last_seq(r->buffer);
	replay_drop_consumer(r);
	r->snapshot = false;
	if (seq > r->covered || !r->placed)
		r->covered = seq;
	if (!r->placed)
		r->sent = r->covered;
	r->placed = true;
	r->phase = REPLAY_DELIVER;
	return NEXT_STEP;
}

/* The snapshot is the message in the queue, unless that is no event. */
static enum replay_next end_with_newest(struct replay *r)
{
	if (r->found && !replay_queue_empty(&r->queue))
		return end_snapshot(r, r->newest - 1);
	return end_snapshot(r, r->newest_evidence);
}

static enum replay_next end_without_message(struct replay *r, uint64_t seq)
{
	replay_queue_clear(&r->queue);
	r->found = false;
	return end_snapshot(r, seq);
}

enum replay_next replay_begin_snapshot(struct replay *r, uint64_t end,
				       uint64_t now_ms)
{
	uint64_t known = r->placed ? r->covered : 0;

	r->snapshot_end = end;
	r->snapshot_read = false;
	if (r->newest <= known)
		return end_without_message(r, r->newest_evidence);
	if (known != 0 && known >= end)
		return end_without_message(r, known);
	if (pattern_is_literal(span_of(r->pattern)))
		return r->newest <= end ? end_with_newest(r)
					: end_without_message(r, end);
	replay_queue_clear(&r->queue);
	if (backoff_over(&r->consumers, now_ms))
		return NEXT_CREATE;
	replay_pause(r, r->consumers.due_ms - now_ms, now_ms);
	return NEXT_WAIT;
}

void replay_place_at_queue(struct replay *r)
{
	r->covered = r->sent = replay_queue_next(&r->queue) - 1;
	r->placed = true;
}

enum replay_next replay_next_of_snapshot(struct replay *r, uint64_t now_ms)
{
	if (r->snapshot_read)
		return end_without_message(r, r->snapshot_end);
	if (!r->has_consumer)
		return NEXT_CREATE;
	if (r->big || r->credit != r->pulled ||
	    !r->short_pull) /* a smaller one may be accepted */
		return NEXT_PULL;
	/* It has nothing more, for now: it skips a message that has left the
	 * stream, or its replica is behind. */
	if (r->snapshot_news) {
		replay_drop_consumer(r);
		return NEXT_CREATE;
	}
	if (r->placed)
		return end_without_message(r, r->covered);
	backoff_fail(&r->consumers, &empty_times, now_ms);
	return NEXT_RESTART;
}
