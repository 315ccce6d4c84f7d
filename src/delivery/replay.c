#include "delivery/replay.h"

#include <errno.h>
#include <string.h>

#include "base/check.h"
#include "base/mutation.h"

enum {
	REPLAY_BATCH = 128,
	REPLAY_MAX_BYTES = 128 * 1024,
	REPLAY_FRAMES = REPLAY_BATCH + 8,
	REPLAY_QUEUE_MAX = 512 * 1024 * 1024, /* one message of 64 MiB, worst
						 encoding */
	REPLAY_ANSWER_MS = 2500,
	REPLAY_RECHECK_MS = 200,
	/* How long a leader of before may go on answering, once it is back; and
	 * in how short a time no replica can become one (they vote 4 s after
	 * they have heard from theirs, 3 s before the word, at the earliest).
	 */
	REPLAY_OTHER_LEADER_MS = 1500,
	REPLAY_FOLLOWED_MS = 4000,
	REPLAY_INACTIVE_MS = 10000,
	REPLAY_SHRINKS = 7, /* halvings of a pull: to one message, and 1 KiB */
	REPLAY_PULLS = 16,  /* by one consumer while others wait for theirs */
	REPLAY_PROBES = 2, /* messages by probe before a consumer is worth it */
};

static const struct backoff_times ask_times = {.first_ms = 250,
					       .min_ms = 500,
					       .max_ms = 5000};
/* Until a consumer is worth another try; probes go on meanwhile. */
static const struct backoff_times consumer_times = {.first_ms = 1000,
						    .min_ms = 2000,
						    .max_ms = 10000};

enum replay_awaits {
	AWAITS_NOTHING,
	AWAITS_TURN,
	AWAITS_FOUND,
	AWAITS_CREATED,
	AWAITS_MESSAGES,
	AWAITS_INFO,
	AWAITS_SOCKET, /* the queue may be handed out */
	AWAITS_CLOCK,
};

static const enum replay_awaits awaits[REPLAY_PHASES] = {
	[REPLAY_IDLE] = AWAITS_NOTHING,	       [REPLAY_QUEUED] = AWAITS_TURN,
	[REPLAY_LAST] = AWAITS_FOUND,	       [REPLAY_PROBE] = AWAITS_FOUND,
	[REPLAY_CHECK] = AWAITS_INFO,	       [REPLAY_PAUSE] = AWAITS_CLOCK,
	[REPLAY_DELIVER] = AWAITS_SOCKET,      [REPLAY_CREATE] = AWAITS_CREATED,
	[REPLAY_CHECK_CONSUMER] = AWAITS_INFO, [REPLAY_PULL] = AWAITS_MESSAGES,
	[REPLAY_CHECK_PULL] = AWAITS_INFO,     [REPLAY_PULLED] = AWAITS_SOCKET,
};

static enum replay_awaits awaited(const struct replay *r)
{
	return awaits[r->phase];
}

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

static struct request_id next_replay_request(struct replay *r)
{
	return (struct request_id){.owner = r->slot,
				   .generation = ++r->generation};
}

static void await_answer(struct replay *r, uint64_t now_ms)
{
	uint64_t ms = adaptive_timeout_ms(r->timeout, REPLAY_ANSWER_MS,
					  ADAPTIVE_TIMEOUT_STEPS, now_ms);
	uint64_t own_ms =
		adaptive_timeout_ms(&r->search_timeout, REPLAY_ANSWER_MS,
				    ADAPTIVE_TIMEOUT_STEPS, now_ms);

	if (own_ms > ms && awaited(r) != AWAITS_INFO)
		ms = own_ms;
	r->asked_ms = now_ms;
	r->due_ms = now_ms + ms;
}

static void expect_phase(struct replay *r, enum replay_phase phase,
			 uint64_t now_ms)
{
	r->phase = phase;
	await_answer(r, now_ms);
}

/* ---- the queue ----------------------------------------------------------- */

void replay_gather(const struct replay *r, struct cursor_batch *ret)
{
	ret->n = 0;
	ret->bytes = 0;
	ret->first = 0;
	if (awaited(r) == AWAITS_SOCKET) /* else it is not yet checked */
		replay_queue_gather(&r->queue, cursor_left(r->cursor),
				    r->cursor->chunked, ret);
}

static void skip_internal(struct replay *r)
{
	while (!replay_queue_empty(&r->queue) &&
	       replay_queue_internal(&r->queue)) {
		cursor_skip(r->cursor, replay_queue_next(&r->queue));
		replay_queue_pop(&r->queue);
	}
}

static void hand_out_queue(struct replay *r)
{
	cursor_hand_out(r->cursor, replay_queue_next(&r->queue));
	replay_queue_pop(&r->queue);
	replay_commit(r);
	backoff_reset(&r->asks);
	if (r->phase == REPLAY_PULLED)
		backoff_reset(&r->consumers);
	metric_add(r->metrics, METRIC_EVENTS_REPLAY, 1);
}

void replay_advance(struct replay *r, const struct cursor_batch *b,
		    size_t written, const uint8_t **rest, size_t *rest_len)
{
	size_t left = b->bytes;

	*rest_len = 0;
	MUST(written <= b->bytes);
	while (left > 0) {
		const uint8_t *part;
		size_t len;

		skip_internal(r);
		part = replay_queue_first(&r->queue, r->cursor->chunked, &len);
		hand_out_queue(r);
		if (written < len) {
			*rest = part + written;
			*rest_len = len - written;
			return;
		}
		written -= len;
		left -= len;
	}
}

/* ---- probes -------------------------------------------------------------- */

static void drop_replay_consumer(struct replay *r)
{
	permit_release(&r->permit);
	if (!r->has_consumer)
		return;
	r->has_consumer = false;
	r->source->ops->delete_consumer(
		r->source, (struct request_id){.owner = r->slot,
					       .generation = r->consumer_gen});
}

/* What the leader's answer to a request that is sent now can be evidence of. */
static void note_evidence(struct replay *r)
{
	r->evidence_seq = event_buffer_last_seq(r->buffer);
	/* Without replicas no server can be behind. */
	if (r->state->leader != 0 && r->state->last_seq < r->evidence_seq &&
	    !MUTATED(LEADER_BEHIND))
		r->evidence_seq = r->state->last_seq;
	r->leader = r->state->leader;
}

/* In its turn, which may be at once. Who has a consumer has one until that goes
 * away, or the server would take it away while it waits. */
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

/* What was asked for has come, or is not waited for any longer. */
static void release_answered_permit(struct replay *r, uint64_t now_ms)
{
	permit_record_latency(&r->permit, now_ms - r->asked_ms);
	if (!r->has_consumer)
		permit_release(&r->permit);
}

static void observe_answer_time(struct replay *r, uint64_t now_ms)
{
	metrics_observe(r->metrics, METRIC_SPREAD_ROUND_TRIP,
			(now_ms - r->asked_ms) * 1000, 1);
	release_answered_permit(r, now_ms);
}

static void send_probe(struct replay *r, enum replay_phase what,
		       uint64_t now_ms)
{
	struct cursor *c = r->cursor;

	expect_phase(r, what, now_ms);
	note_evidence(r);
	r->last = what == REPLAY_LAST;
	r->probe_ms = now_ms;
	hub_sink_step(r->sink, c, r->last ? STEP_PROBE_LAST : STEP_PROBE,
		      r->last ? 0 : c->covered + 1);
	memmove(r->questions + 1, r->questions,
		sizeof(r->questions) - sizeof(r->questions[0]));
	r->questions[0] =
		(struct replay_question){.generation = r->generation + 1};
	if (r->last)
		r->source->ops->get_last(r->source, next_replay_request(r),
					 c->subject->name);
	else
		r->source->ops->get_next(r->source, next_replay_request(r),
					 c->covered + 1, c->subject->name);
}

static void send_probe_request(struct replay *r, uint64_t now_ms)
{
	replay_queue_clear(&r->queue);
	request_permit(r,
		       r->cursor->state == CURSOR_WAITING ? REPLAY_LAST
							  : REPLAY_PROBE,
		       now_ms);
}

int replay_begin(struct replay *r, struct cursor *c, uint64_t now_ms)
{
	MUST(r->phase == REPLAY_IDLE);
	if (replay_queue_reserve(&r->queue) < 0)
		return -ENOMEM;
	r->cursor = c;
	c->replay = r;
	r->probes = 0;
	r->confirmed = false;
	r->big = false;
	r->shrink = 0;
	r->blocked_ms = 0;
	r->begun_ms = now_ms;
	memset(r->questions, 0, sizeof(r->questions));
	r->covered_before = UINT64_MAX;
	/* They were of another cursor. */
	r->search_timeout = (struct adaptive_timeout){0};
	r->late = (struct adaptive_timeout_expired){0};
	backoff_reset(&r->asks);
	backoff_reset(&r->consumers);
	metric_add(r->metrics, METRIC_REPLAYS, 1);
	send_probe_request(r, now_ms);
	return 0;
}

void replay_end(struct replay *r)
{
	if (r->phase == REPLAY_IDLE)
		return;
	drop_replay_consumer(r);
	r->generation++; /* what still comes is no one's */
	r->phase = REPLAY_IDLE;
	r->cursor->replay = NULL;
	r->cursor = NULL;
	replay_queue_finish(&r->queue);
}

void replay_restart(struct replay *r, uint64_t now_ms)
{
	drop_replay_consumer(r);
	r->probes = 0;
	r->confirmed = false;
	send_probe_request(r, now_ms);
}

static enum replay_outcome want_stream_check(struct replay *r,
					     enum replay_phase phase,
					     uint64_t now_ms)
{
	expect_phase(r, phase, now_ms);
	return REPLAY_WANT_INFO;
}

static void pause_for(struct replay *r, uint64_t ms, uint64_t now_ms)
{
	r->phase = REPLAY_PAUSE;
	r->due_ms = now_ms + ms;
}

static enum replay_outcome pause_after_error(struct replay *r, enum metric why,
					     uint64_t now_ms)
{
	metric_add(r->metrics, why, 1);
	drop_replay_consumer(r);
	replay_queue_clear(&r->queue);
	r->probes = 0;
	uint64_t ms = backoff_fail(&r->asks, &ask_times, now_ms);

	pause_for(r, MUTATED(NO_BACKOFF) ? 0 : ms, now_ms);
	return REPLAY_WAIT;
}

static enum replay_outcome on_found(struct replay *r,
				    const struct jetstream_event *ev,
				    uint64_t now_ms)
{
	observe_answer_time(r, now_ms);
	if (ev->err != 0 && ev->err != JETSTREAM_ERR_NO_MESSAGE)
		return pause_after_error(r, METRIC_ERRORS_GET, now_ms);
	r->questions[0].answered = true;
	r->questions[0].seq = ev->err == 0 ? ev->msg.seq : 0;
	/* Where the newest message is no event there is no last event. */
	r->found = ev->err == 0 && !(r->last && ev->msg.internal);
	if (r->found && ev->msg.seq <= r->cursor->sent && !r->last)
		return pause_after_error(r, METRIC_ERRORS_GET, now_ms);
	if (r->found &&
	    replay_queue_put(&r->queue, &ev->msg, r->tag, r->cursor) < 0)
		return pause_after_error(r, METRIC_ERRORS_GET, now_ms);
	return want_stream_check(r, REPLAY_CHECK, now_ms);
}

/* "No message", by the leader's word, up to the head of that time. */
static void nothing_up_to(struct replay *r, uint64_t evidence_seq)
{
	struct cursor *c = r->cursor;

	if (evidence_seq <= c->covered)
		return;
	if (r->covered_before == UINT64_MAX)
		r->covered_before = c->covered;
	c->covered = evidence_seq;
}

void replay_commit(struct replay *r)
{
	r->covered_before = UINT64_MAX;
}

uint64_t replay_evidence(const struct replay *r)
{
	uint64_t evidence_seq = MUTATED(LAST_SEQ_AT_RESPONSE)
					? event_buffer_last_seq(r->buffer)
					: r->evidence_seq;

	return r->leader != 0 && !r->followed &&
			       r->first_none_seq < evidence_seq &&
			       !MUTATED(ONE_PROBE)
		       ? r->first_none_seq
		       : evidence_seq;
}

/* The newest message is known: the stream starts right before it. */
static enum replay_outcome start_at_last(struct replay *r)
{
	struct cursor *c = r->cursor;

	c->covered = replay_evidence(r);
	if (r->found)
		c->covered = replay_queue_next(&r->queue) - 1;
	c->sent = c->covered;
	r->phase = REPLAY_DELIVER;
	return REPLAY_STARTED;
}

bool replay_has_last(const struct replay *r)
{
	return r->phase == REPLAY_DELIVER && r->last &&
	       (!r->found || !replay_queue_empty(&r->queue));
}

/* Whoever answered the probe may not have had what its answer is taken for. */
static bool is_check_doubtful(const struct replay *r,
			      const struct jetstream_info *info)
{
	if (MUTATED(LEADER_BEHIND))
		return false;
	return info->last_seq < r->evidence_seq || info->leader != r->leader;
}

static enum replay_outcome recheck_later(struct replay *r, uint64_t now_ms)
{
	drop_replay_consumer(r);
	replay_queue_clear(&r->queue);
	r->probes = 0;
	r->confirmed = false;
	memset(r->questions, 0, sizeof(r->questions));
	pause_for(r, REPLAY_RECHECK_MS, now_ms);
	return REPLAY_WAIT;
}

void replay_invalidate(struct replay *r)
{
	r->confirmed = false;
}

/* Is it evidence that there is nothing, and only from someone who may have been
 * the leader? */
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

static enum replay_outcome probe_again(struct replay *r,
				       const struct jetstream_info *info,
				       uint64_t now_ms)
{
	if (!r->confirmed) { /* the first "no message" */
		r->confirmed = true;
		r->followed = info->all_follow;
		r->first_none_ms = r->asked_ms;
		r->first_none_seq = r->evidence_seq;
	} else {
		r->followed = false; /* that was too long ago */
	}
	if (r->followed)
		send_probe_request(r, now_ms);
	else
		pause_for(r, REPLAY_OTHER_LEADER_MS, now_ms);
	return REPLAY_WAIT;
}

/* The newest message may only be a later one, when it is asked for again. */
static bool is_last_older(const struct replay *r)
{
	return r->last && r->confirmed &&
	       r->questions[0].seq < r->questions[1].seq && !MUTATED(ONE_PROBE);
}

bool replay_awaits_check(const struct replay *r)
{
	return awaited(r) == AWAITS_INFO;
}

enum replay_outcome replay_check(struct replay *r,
				 const struct jetstream_info *info,
				 uint64_t now_ms)
{
	struct cursor *c = r->cursor;

	if (is_check_doubtful(r, info) || is_last_older(r))
		return recheck_later(r, now_ms);
	if (is_probe_unconfirmed(r, now_ms))
		return probe_again(r, info, now_ms);
	r->confirmed = false;
	if (r->phase == REPLAY_CHECK && r->last)
		return start_at_last(r);
	if (info->first_seq > c->covered + 1) {
		drop_replay_consumer(r);
		return REPLAY_GAP;
	}
	if (r->phase == REPLAY_CHECK_PULL) {
		r->phase = REPLAY_PULLED;
		return REPLAY_HAS_DATA;
	}
	if (r->phase == REPLAY_CHECK_CONSUMER) {
		request_permit(r, REPLAY_PULL, now_ms);
		return REPLAY_WAIT;
	}
	r->phase = REPLAY_DELIVER;
	if (r->found)
		return REPLAY_HAS_DATA;
	backoff_reset(&r->asks);
	nothing_up_to(r, replay_evidence(r));
	if (!cursor_joins(c, r->buffer) &&
	    info->last_seq < event_buffer_floor(r->buffer))
		return recheck_later(
			r, now_ms); /* where the log begins it is not */
	return replay_step(r, now_ms);
}

/* ---- the consumer -------------------------------------------------------- */

static void create_replay_consumer(struct replay *r, uint64_t now_ms)
{
	uint64_t max_ms = r->state->max_inactive_ms; /* of the stream */
	struct jetstream_consumer sc = {
		.request = next_replay_request(r),
		.start_seq = r->cursor->covered + 1,
		.filter = r->cursor->subject->name,
		.inactive_ms = max_ms != 0 && max_ms < REPLAY_INACTIVE_MS
				       ? max_ms
				       : REPLAY_INACTIVE_MS,
	};

	expect_phase(r, REPLAY_CREATE, now_ms);
	r->consumer_gen = sc.request.generation;
	r->has_consumer = true;
	r->cseq = 0;
	r->pulls = 0;
	note_evidence(r);
	metric_add(r->metrics, METRIC_REPLAY_CONSUMERS, 1);
	hub_sink_step(r->sink, r->cursor, STEP_CONSUMER, sc.start_seq);
	r->source->ops->create(r->source, &sc);
}

static enum replay_outcome lose_consumer(struct replay *r, uint64_t now_ms)
{
	replay_restart(r, now_ms);
	return REPLAY_WAIT;
}

/* Without a consumer it goes on, one message for each probe; another one is
 * tried later. */
static enum replay_outcome consumer_refused(struct replay *r, enum metric why,
					    uint64_t now_ms)
{
	metric_add(r->metrics, why, 1);
	if (!MUTATED(NO_BACKOFF))
		backoff_fail(&r->consumers, &consumer_times, now_ms);
	return lose_consumer(r, now_ms);
}

static enum replay_outcome on_created(struct replay *r,
				      const struct jetstream_event *ev,
				      uint64_t now_ms)
{
	r->has_consumer = ev->err == 0;
	observe_answer_time(r, now_ms);
	if (ev->err == 0)
		return want_stream_check(r, REPLAY_CHECK_CONSUMER, now_ms);
	return consumer_refused(r, METRIC_ERRORS_CREATE, now_ms);
}

static void send_replay_pull(struct replay *r, uint64_t now_ms)
{
	struct jetstream_pull p = {
		.request = {.owner = r->slot, .generation = r->consumer_gen},
		.number = ++r->pull_no,
		.batch = r->big ? 1 : REPLAY_BATCH >> r->shrink,
		.max_bytes = r->big ? 0 : REPLAY_MAX_BYTES >> r->shrink,
		.no_wait = true,
	};

	expect_phase(r, REPLAY_PULL, now_ms);
	r->pulls++;
	replay_queue_clear(&r->queue);
	note_evidence(r);
	r->credit = r->pulled = p.batch;
	r->short_pull = false;
	r->big = false;
	r->source->ops->pull(r->source, &p);
}

void replay_on_permit(struct replay *r, uint64_t now_ms)
{
	MUST(r->phase == REPLAY_QUEUED);
	if (r->next == REPLAY_CREATE)
		create_replay_consumer(r, now_ms);
	else if (r->next == REPLAY_PULL)
		send_replay_pull(r, now_ms);
	else
		send_probe(r, r->next, now_ms);
}

/* A consumer passes in silence over what limits or a purge have taken from
 * under it: its messages wait for an answer that nothing before them is gone.
 */
static enum replay_outcome on_pull_over(struct replay *r, uint64_t now_ms)
{
	observe_answer_time(r, now_ms);
	if (replay_queue_empty(&r->queue) || MUTATED(PULL_UNCHECKED)) {
		r->phase = REPLAY_PULLED;
		return REPLAY_HAS_DATA;
	}
	return want_stream_check(r, REPLAY_CHECK_PULL, now_ms);
}

static enum replay_outcome on_message(struct replay *r,
				      const struct jetstream_message *m,
				      uint64_t now_ms)
{
	if (m->cseq != r->cseq + 1 && !MUTATED(NO_CSEQ))
		return lose_consumer(r, now_ms);
	r->cseq = m->cseq;
	await_answer(r, now_ms);
	if (m->seq > r->cursor->sent &&
	    replay_queue_put(&r->queue, m, r->tag, r->cursor) < 0)
		return consumer_refused(r, METRIC_ERRORS_PULL, now_ms);
	if (r->credit > 0 && --r->credit == 0)
		return on_pull_over(r, now_ms);
	return REPLAY_WAIT;
}

/* Repeated at once it would be so for ever. */
static bool brought_nothing(const struct replay *r,
			    const struct jetstream_status *s)
{
	return s->code == 503 || s->code == 400 ||
	       (!s->too_big && r->credit == r->pulled);
}

/* A limit of the server's, the stream's or the account's: then less will do. */
static bool asks_too_much(const struct replay *r,
			  const struct jetstream_status *s)
{
	return s->code == 409 && brought_nothing(r, s) &&
	       r->shrink < REPLAY_SHRINKS;
}

static enum replay_outcome on_status(struct replay *r,
				     const struct jetstream_status *s,
				     uint64_t now_ms)
{
	if (s->number != r->pull_no || s->code == 100)
		return REPLAY_WAIT;
	if (s->consumer_gone) {
		metric_add(r->metrics, METRIC_ERRORS_PULL, 1);
		r->has_consumer = false;
		return lose_consumer(r, now_ms);
	}
	if (asks_too_much(r, s)) {
		r->shrink++;
		return on_pull_over(r, now_ms);
	}
	if (s->code != 404 && s->code != 408 && brought_nothing(r, s))
		return consumer_refused(r, METRIC_ERRORS_PULL, now_ms);
	if (s->has_pending && s->pending_msgs != r->credit &&
	    !MUTATED(NO_CREDIT))
		return lose_consumer(r, now_ms);
	r->short_pull = !s->too_big;
	r->big = s->too_big;
	if ((MUTATED(END_408) && s->code == 408) ||
	    (MUTATED(NO_LEADER) && s->code == 404)) {
		if (replay_queue_empty(&r->queue))
			nothing_up_to(r, r->evidence_seq);
	}
	return on_pull_over(r, now_ms);
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

/* Evidence that was not yet told is taken back. */
static enum replay_outcome on_second_answer(struct replay *r,
					    const struct jetstream_event *ev,
					    uint64_t now_ms)
{
	if (!contradicts(r, ev))
		return REPLAY_WAIT;
	if (r->covered_before != UINT64_MAX)
		r->cursor->covered = r->covered_before;
	replay_commit(r);
	permit_release(&r->permit);
	return recheck_later(r, now_ms);
}

enum replay_outcome replay_on_event(struct replay *r,
				    const struct jetstream_event *ev,
				    uint64_t now_ms)
{
	bool latest = ev->request.generation == r->generation;
	bool ours = r->has_consumer &&
		    ev->request.generation == r->consumer_gen &&
		    awaited(r) == AWAITS_MESSAGES;

	switch (ev->kind) {
	case JETSTREAM_FOUND:
		if (latest && awaited(r) == AWAITS_FOUND)
			return on_found(r, ev, now_ms);
		return on_second_answer(r, ev, now_ms);
	case JETSTREAM_CREATED:
		if (latest && awaited(r) == AWAITS_CREATED)
			return on_created(r, ev, now_ms);
		return REPLAY_WAIT;
	case JETSTREAM_MESSAGE:
		return ours ? on_message(r, &ev->msg, now_ms) : REPLAY_WAIT;
	case JETSTREAM_STATUS:
		return ours ? on_status(r, &ev->status, now_ms) : REPLAY_WAIT;
	default:
		return REPLAY_WAIT;
	}
}

static void after_delivery(struct replay *r, uint64_t now_ms)
{
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
	       (awaited(r) == AWAITS_SOCKET && replay_queue_empty(&r->queue));
}

void replay_yield(struct replay *r)
{
	if (r->phase == REPLAY_PULLED &&
	    limiter_has_waiters(&r->limiters->consumers))
		drop_replay_consumer(r);
}

enum replay_outcome replay_step(struct replay *r, uint64_t now_ms)
{
	if (awaited(r) == AWAITS_SOCKET)
		skip_internal(r);
	if (r->phase == REPLAY_DELIVER && replay_queue_empty(&r->queue) &&
	    r->found && r->last)
		nothing_up_to(r, replay_evidence(r));
	if (cursor_joins(r->cursor, r->buffer))
		return REPLAY_JOINS;
	if (!replay_queue_empty(&r->queue))
		return awaited(r) == AWAITS_SOCKET ? REPLAY_HAS_DATA
						   : REPLAY_WAIT;
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

void replay_tick(struct replay *r, uint64_t now_ms)
{
	switch (awaited(r)) {
	case AWAITS_NOTHING:
	case AWAITS_TURN:
	case AWAITS_SOCKET:
		return;
	default:
		break;
	}
	if (now_ms < r->due_ms || r->cursor->blocked)
		return;
	if (r->phase == REPLAY_PAUSE) {
		send_probe_request(r, now_ms);
		return;
	}
	if (!replay_awaits_check(r))
		adaptive_timeout_expired_add(&r->late, r->generation);
	release_answered_permit(r, now_ms);
	replay_restart(r, now_ms);
}
