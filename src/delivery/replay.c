#include "delivery/replay_internal.h"

#include <errno.h>
#include <string.h>

#include "base/check.h"

enum {
	REPLAY_FRAMES = REPLAY_BATCH + 8,
	REPLAY_QUEUE_MAX = 512 * 1024 * 1024, /* one message of 64 MiB, worst
						 encoding */
	REPLAY_PULLS = 16, /* by one consumer while others wait for theirs */
	REPLAY_PROBES = 2, /* messages by probe before a consumer is worth it */
};

void replay_init(struct replay *r, uint32_t slot, struct jetstream *src,
		 struct event_buffer *buffer, const struct sse_tag *tag,
		 const struct stream_state *state,
		 const struct adaptive_timeout *timeout,
		 struct replay_limiters *limiters, struct metrics *m)
{
	memset(r, 0, sizeof(*r));
	r->slot = slot;
	r->source = src;
	r->buffer = buffer;
	r->tag = tag;
	r->state = state;
	r->timeout = timeout;
	r->limiters = limiters;
	r->metrics = m;
	replay_queue_init(&r->queue, REPLAY_FRAMES, REPLAY_QUEUE_MAX);
}

/* ---- requests ------------------------------------------------------------ */

void replay_on_permit(struct replay *r, uint64_t now_ms)
{
	MUST(r->phase == REPLAY_QUEUED);
	if (r->next == REPLAY_CREATE)
		replay_create_consumer(r, now_ms);
	else if (r->next == REPLAY_PULL)
		replay_send_pull(r, now_ms);
	else
		replay_send_probe(r, r->next, now_ms);
}

/* Sends the request when the limiter permits it, which may be at once. A replay
 * that has a consumer needs no permit: while it waited the server would delete
 * the consumer. */
static void request_permit(struct replay *r, enum replay_phase what,
			   uint64_t now_ms)
{
	bool may = r->has_consumer;

	r->phase = REPLAY_QUEUED;
	r->next = what;
	if (!may) {
		permit_release(&r->permit);
		may = permit_acquire(what == REPLAY_CREATE
					     ? &r->limiters->consumers
					     : &r->limiters->asks,
				     &r->permit);
	}
	if (may)
		replay_on_permit(r, now_ms);
}

static void request_probe(struct replay *r, uint64_t now_ms)
{
	bool last = !r->placed || r->snapshot;

	replay_queue_clear(&r->queue);
	request_permit(r, last && !r->looks ? REPLAY_LAST : REPLAY_PROBE,
		       now_ms);
}

bool replay_awaits_check(const struct replay *r)
{
	return replay_awaits(r) == AWAITS_INFO;
}

/* ---- begin and end ------------------------------------------------------- */

int replay_begin(struct replay *r, struct cursor *c, const char *pattern,
		 uint64_t now_ms)
{
	MUST(r->phase == REPLAY_IDLE);
	if (replay_queue_reserve(&r->queue) < 0)
		return -ENOMEM;
	r->cursor = c;
	r->pattern = pattern;
	r->covered = c->covered;
	r->sent = c->sent;
	r->placed = c->state != CURSOR_WAITING;
	r->snapshot_end = 0;
	r->tail_waits = 0;
	r->looks = false;
	r->probes = 0;
	r->confirmed = false;
	r->big = false;
	r->shrink = 0;
	memset(r->questions, 0, sizeof(r->questions));
	r->covered_before = UINT64_MAX;
	/* those of the slot's previous cursor */
	r->search_timeout = (struct adaptive_timeout){0};
	r->late = (struct adaptive_timeout_expired){0};
	backoff_reset(&r->asks);
	backoff_reset(&r->consumers);
	metric_add(r->metrics, METRIC_REPLAYS, 1);
	request_probe(r, now_ms);
	return 0;
}

void replay_end(struct replay *r)
{
	if (r->phase == REPLAY_IDLE)
		return;
	replay_drop_consumer(r);
	r->generation++; /* late responses and messages are ignored */
	r->phase = REPLAY_IDLE;
	r->cursor = NULL;
	r->pattern = NULL;
	r->snapshot = false;
	replay_queue_finish(&r->queue);
}

void replay_restart(struct replay *r, uint64_t now_ms)
{
	replay_drop_consumer(r);
	r->probes = 0;
	r->confirmed = false;
	r->looks = false;
	request_probe(r, now_ms);
}

void replay_restart_after(struct replay *r, uint64_t seq, uint64_t now_ms)
{
	r->covered = r->sent = seq;
	replay_commit(r);
	replay_restart(r, now_ms);
}

void replay_rest(struct replay *r)
{
	replay_drop_consumer(r);
	replay_queue_clear(&r->queue);
	r->phase = REPLAY_COVERED;
}

bool replay_is_ready(const struct replay *r)
{
	return replay_awaits(r) == AWAITS_SOCKET;
}

/* ---- the queue ----------------------------------------------------------- */

void replay_gather(const struct replay *r, struct cursor_batch *ret)
{
	ret->n = 0;
	ret->bytes = 0;
	ret->first = 0;
	if (replay_is_ready(r)) /* else not yet checked */
		replay_queue_gather(&r->queue, cursor_left(r->cursor),
				    r->cursor->chunked, ret);
}

static void move_past(struct replay *r, uint64_t seq)
{
	r->sent = seq;
	if (seq > r->covered)
		r->covered = seq;
}

/* The messages at the head of the queue that are no events. */
static void skip_internal(struct replay *r)
{
	while (!replay_queue_empty(&r->queue) &&
	       replay_queue_internal(&r->queue)) {
		move_past(r, replay_queue_next(&r->queue));
		replay_queue_pop(&r->queue);
	}
}

void replay_handed_out(struct replay *r, uint64_t seq)
{
	replay_commit(r);
	while (replay_is_ready(r) && !replay_queue_empty(&r->queue) &&
	       replay_queue_next(&r->queue) <= seq) {
		replay_queue_pop(&r->queue);
		backoff_reset(&r->asks);
		if (r->phase == REPLAY_PULLED)
			backoff_reset(&r->consumers);
	}
	if (seq > r->sent)
		move_past(r, seq);
}

void replay_advance(struct replay *r, const struct cursor_batch *b,
		    size_t written, const uint8_t **rest, size_t *rest_len)
{
	size_t left = b->bytes;

	*rest_len = 0;
	MUST(written <= b->bytes);
	while (left > 0) {
		const uint8_t *part;
		uint64_t seq;
		size_t len;

		skip_internal(r);
		part = replay_queue_first(&r->queue, r->cursor->chunked, &len);
		seq = replay_queue_next(&r->queue);
		cursor_hand_out(r->cursor, seq);
		replay_handed_out(r, seq);
		metric_add(r->metrics, METRIC_EVENTS_REPLAY, 1);
		if (written < len) {
			*rest = part + written;
			*rest_len = len - written;
			return;
		}
		written -= len;
		left -= len;
	}
}

/* ---- events and steps ---------------------------------------------------- */

static enum replay_next interpret_event(struct replay *r,
					const struct jetstream_event *ev,
					uint64_t now_ms)
{
	bool latest = ev->request.generation == r->generation;
	bool ours = r->has_consumer &&
		    ev->request.generation == r->consumer_gen &&
		    replay_awaits(r) == AWAITS_MESSAGES;

	switch (ev->kind) {
	case JETSTREAM_FOUND:
		if (latest && replay_awaits(r) == AWAITS_MESSAGE)
			return replay_on_found(r, ev, now_ms);
		if (replay_awaits(r) == AWAITS_HOLES &&
		    replay_asked_about_hole(r, ev->request.generation))
			return replay_on_hole_answer(r, ev, now_ms);
		return replay_on_second_answer(r, ev, now_ms);
	case JETSTREAM_CREATED:
		if (latest && replay_awaits(r) == AWAITS_CONSUMER)
			return replay_on_created(r, ev, now_ms);
		return NEXT_WAIT;
	case JETSTREAM_MESSAGE:
		return ours ? replay_on_message(r, &ev->msg, now_ms)
			    : NEXT_WAIT;
	case JETSTREAM_STATUS:
		return ours ? replay_on_status(r, &ev->status, now_ms)
			    : NEXT_WAIT;
	default:
		return NEXT_WAIT;
	}
}

static void after_delivery(struct replay *r, uint64_t now_ms)
{
	if (r->found && r->jumps) /* it may be far ahead of the probe */
		replay_drop_consumer(r);
	if (r->has_consumer && r->found) {
		request_permit(r, REPLAY_PULL, now_ms);
		return;
	}
	if (r->found && !r->last && ++r->probes >= REPLAY_PROBES &&
	    backoff_over(&r->consumers, now_ms)) {
		request_permit(r, REPLAY_CREATE, now_ms);
		return;
	}
	request_permit(r, REPLAY_PROBE, now_ms);
}

bool replay_may_rotate(const struct replay *r)
{
	return r->phase == REPLAY_PAUSE ||
	       (replay_is_ready(r) && replay_queue_empty(&r->queue));
}

void replay_yield(struct replay *r)
{
	if (r->phase == REPLAY_PULLED &&
	    limiter_has_waiters(&r->limiters->consumers))
		replay_drop_consumer(r);
}

void replay_take_snapshot(struct replay *r, uint64_t end, uint64_t now_ms)
{
	MUST(r->phase == REPLAY_NEWEST);
	if (replay_begin_snapshot(r, end, now_ms) == NEXT_CREATE)
		request_permit(r, REPLAY_CREATE, now_ms);
}

/* False: the snapshot is over. */
static bool read_on_snapshot(struct replay *r, uint64_t now_ms)
{
	switch (replay_next_of_snapshot(r, now_ms)) {
	case NEXT_PULL:
		request_permit(r, REPLAY_PULL, now_ms);
		return true;
	case NEXT_CREATE:
		request_permit(r, REPLAY_CREATE, now_ms);
		return true;
	case NEXT_RESTART:
		replay_restart(r, now_ms);
		return true;
	default:
		return false;
	}
}

enum replay_outcome replay_step(struct replay *r, uint64_t now_ms)
{
	if (replay_is_ready(r))
		skip_internal(r);
	if (r->snapshot && r->phase == REPLAY_PULLED &&
	    replay_queue_empty(&r->queue) && read_on_snapshot(r, now_ms))
		return REPLAY_WAIT;
	if (r->phase == REPLAY_DELIVER && replay_queue_empty(&r->queue) &&
	    r->found && r->last)
		replay_cover_up_to(r, replay_evidence(r));
	if (replay_joins(r))
		return REPLAY_JOINS;
	if (!replay_queue_empty(&r->queue))
		return replay_is_ready(r) ? REPLAY_HAS_DATA : REPLAY_WAIT;
	if (r->phase == REPLAY_DELIVER) {
		after_delivery(r, now_ms);
	} else if (r->phase == REPLAY_PULLED) {
		if (r->pulls >= REPLAY_PULLS)
			replay_yield(r);
		if (r->short_pull)
			request_permit(r, REPLAY_PROBE, now_ms);
		else
			request_permit(r,
				       r->has_consumer ? REPLAY_PULL
						       : REPLAY_CREATE,
				       now_ms);
	}
	return REPLAY_WAIT;
}

static enum replay_outcome act_on_answer(struct replay *r,
					 enum replay_next next, uint64_t now_ms)
{
	switch (next) {
	case NEXT_WAIT:
		break;
	case NEXT_CHECK:
		return REPLAY_WANT_INFO;
	case NEXT_DELIVER:
		return REPLAY_HAS_DATA;
	case NEXT_START:
		return REPLAY_STARTED;
	case NEXT_GAP:
		return REPLAY_GAP;
	case NEXT_STEP:
		return replay_step(r, now_ms);
	case NEXT_PULL:
		request_permit(r, REPLAY_PULL, now_ms);
		break;
	case NEXT_CREATE:
		request_permit(r, REPLAY_CREATE, now_ms);
		break;
	case NEXT_PROBE:
		request_probe(r, now_ms);
		break;
	case NEXT_RESTART:
		replay_restart(r, now_ms);
		break;
	}
	return REPLAY_WAIT;
}

enum replay_outcome replay_on_event(struct replay *r,
				    const struct jetstream_event *ev,
				    uint64_t now_ms)
{
	return act_on_answer(r, interpret_event(r, ev, now_ms), now_ms);
}

enum replay_outcome replay_check(struct replay *r,
				 const struct jetstream_info *info,
				 uint64_t now_ms)
{
	return act_on_answer(r, replay_on_check(r, info, now_ms), now_ms);
}

void replay_tick(struct replay *r, uint64_t now_ms)
{
	switch (replay_awaits(r)) {
	case AWAITS_NOTHING:
	case AWAITS_PERMIT:
	case AWAITS_SOCKET:
		return;
	default:
		break;
	}
	if (now_ms < r->due_ms || r->cursor->blocked)
		return;
	if (r->phase == REPLAY_PAUSE) {
		request_probe(r, now_ms);
		return;
	}
	if (!replay_awaits_check(r))
		adaptive_timeout_expired_add(&r->late, r->generation);
	replay_release_answered(r, now_ms);
	replay_restart(r, now_ms);
}
