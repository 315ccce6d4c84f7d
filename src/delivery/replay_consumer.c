/* The replay's consumer: created at the cursor, read by pulls that do not wait.
 * Its own end proves nothing: a probe follows. */
#include "delivery/replay_internal.h"

#include "base/mutation.h"

enum {
	REPLAY_MAX_BYTES = 128 * 1024,
	SNAPSHOT_BATCH = 16, /* messages of a pull, of any size */
	REPLAY_INACTIVE_MS = 10000,
	REPLAY_SHRINKS = 7, /* halvings of a pull: to one message, and 1 KiB */
};

/* Until a consumer is worth another try; probes go on meanwhile. */
static const struct backoff_times consumer_times = {.first_ms = 1000,
						    .min_ms = 2000,
						    .max_ms = 10000};

void replay_drop_consumer(struct replay *r)
{
	permit_release(&r->permit);
	if (!r->has_consumer)
		return;
	r->has_consumer = false;
	r->source->ops->delete_consumer(
		r->source, (struct request_id){.owner = r->slot,
					       .generation = r->consumer_gen});
}

void replay_create_consumer(struct replay *r, uint64_t now_ms)
{
	uint64_t max_ms = r->state->max_inactive_ms; /* of the stream */
	struct jetstream_consumer sc = {
		.request = replay_next_request(r),
		.start_seq = r->snapshot ? 0 : r->covered + 1,
		.filter = r->pattern,
		.inactive_ms = max_ms != 0 && max_ms < REPLAY_INACTIVE_MS
				       ? max_ms
				       : REPLAY_INACTIVE_MS,
		.last_per_subject = r->snapshot,
	};

	replay_expect(r, REPLAY_CREATE, now_ms);
	r->consumer_gen = sc.request.generation;
	r->has_consumer = true;
	r->cseq = 0;
	r->pulls = 0;
	r->snapshot_news = false;
	replay_start_holes(r, r->covered);
	replay_note_evidence(r);
	metric_add(r->metrics, METRIC_REPLAY_CONSUMERS, 1);
	hub_sink_step(r->sink, r->cursor, STEP_CONSUMER, sc.start_seq);
	r->source->ops->create(r->source, &sc);
}

/* The replay goes on without a consumer, by one probe for each message; it
 * tries another consumer later. */
static enum replay_next consumer_refused(struct replay *r, enum metric why,
					 uint64_t now_ms)
{
	metric_add(r->metrics, why, 1);
	if (!MUTATED(NO_BACKOFF))
		backoff_fail(&r->consumers, &consumer_times, now_ms);
	return NEXT_RESTART;
}

enum replay_next replay_on_created(struct replay *r,
				   const struct jetstream_event *ev,
				   uint64_t now_ms)
{
	r->has_consumer = ev->err == 0;
	replay_observe_answer(r, now_ms);
	if (ev->err == 0)
		return replay_want_check(r, REPLAY_CHECK_CONSUMER, now_ms);
	return consumer_refused(r, METRIC_ERRORS_CREATE, now_ms);
}

/* Of a snapshot's consumer a pull has no limit of bytes: where a message does
 * not fit, nats-server (2.9 to 2.15) ends the pull and never delivers that
 * message, without a hole in the consumer's sequence. */
static bool is_limited_by_bytes(const struct replay *r)
{
	return !r->big && (!r->snapshot || MUTATED(SNAPSHOT_MAX_BYTES));
}

static uint32_t batch_of_pull(const struct replay *r)
{
	uint32_t batch = REPLAY_BATCH >> r->shrink;

	if (r->big)
		return 1;
	if (r->snapshot && batch > SNAPSHOT_BATCH)
		return SNAPSHOT_BATCH;
	return r->jumps && batch > REPLAY_HOLES_MAX ? REPLAY_HOLES_MAX : batch;
}

void replay_send_pull(struct replay *r, uint64_t now_ms)
{
	struct jetstream_pull p = {
		.request = {.owner = r->slot, .generation = r->consumer_gen},
		.number = ++r->pull_no,
		.batch = batch_of_pull(r),
		.max_bytes = is_limited_by_bytes(r)
				     ? REPLAY_MAX_BYTES >> r->shrink
				     : 0,
		.no_wait = true,
	};

	replay_expect(r, REPLAY_PULL, now_ms);
	r->pulls++;
	replay_queue_clear(&r->queue);
	replay_note_evidence(r);
	r->credit = r->pulled = p.batch;
	r->short_pull = false;
	r->big = false;
	r->source->ops->pull(r->source, &p);
}

/* ---- messages ------------------------------------------------------------ */

/* A consumer skips silently what limits or a purge take from under it. So the
 * pull's messages wait for a STREAM.INFO that says that nothing before them is
 * gone. */
static enum replay_next check_pulled(struct replay *r, uint64_t now_ms)
{
	if (replay_queue_empty(&r->queue) || MUTATED(PULL_UNCHECKED)) {
		r->phase = REPLAY_PULLED;
		return NEXT_DELIVER;
	}
	return replay_want_check(r, REPLAY_CHECK_PULL, now_ms);
}

static enum replay_next on_pull_over(struct replay *r, uint64_t now_ms)
{
	replay_observe_answer(r, now_ms);
	return replay_ask_about_holes(r, now_ms) ? NEXT_WAIT
						 : check_pulled(r, now_ms);
}

/* The messages before a hole stay. A probe finds those in it. */
enum replay_next replay_on_hole_answer(struct replay *r,
				       const struct jetstream_event *ev,
				       uint64_t now_ms)
{
	if (!replay_on_hole_found(r, ev))
		return NEXT_WAIT;
	if (replay_cut_at_hole(r)) {
		replay_drop_consumer(r);
		r->short_pull = true;
		r->big = false;
	}
	return check_pulled(r, now_ms);
}

/* The message is none of the snapshot that is being read. */
static bool is_behind_snapshot(struct replay *r,
			       const struct jetstream_message *m)
{
	if (!r->snapshot)
		return false;
	if (m->seq >= r->snapshot_end)
		r->snapshot_read = true;
	r->snapshot_news = true;
	return m->seq > r->snapshot_end;
}

enum replay_next replay_on_message(struct replay *r,
				   const struct jetstream_message *m,
				   uint64_t now_ms)
{
	if (m->cseq != r->cseq + 1 && !MUTATED(NO_CSEQ))
		return NEXT_RESTART;
	r->cseq = m->cseq;
	replay_note_hole(r, m->seq);
	replay_await_answer(r, now_ms);
	if (!replay_accepts(r, m) ||
	    (m->seq > r->sent && !is_behind_snapshot(r, m) &&
	     replay_queue_put(&r->queue, m, r->tag, r->cursor) < 0))
		return consumer_refused(r, METRIC_ERRORS_PULL, now_ms);
	if (r->credit > 0 && --r->credit == 0)
		return on_pull_over(r, now_ms);
	return NEXT_WAIT;
}

/* Repeated at once, the pull would end the same way, forever. */
static bool brought_nothing(const struct replay *r,
			    const struct jetstream_status *s)
{
	return s->code == 503 || s->code == 400 ||
	       (!s->too_big && r->credit == r->pulled);
}

/* The pull exceeds a limit of the server, the stream or the account: a smaller
 * one may be accepted. */
static bool asks_too_much(const struct replay *r,
			  const struct jetstream_status *s)
{
	return s->code == 409 && brought_nothing(r, s) &&
	       r->shrink < REPLAY_SHRINKS;
}

enum replay_next replay_on_status(struct replay *r,
				  const struct jetstream_status *s,
				  uint64_t now_ms)
{
	if (s->number != r->pull_no || s->code == 100)
		return NEXT_WAIT;
	if (s->consumer_gone) {
		metric_add(r->metrics, METRIC_ERRORS_PULL, 1);
		r->has_consumer = false;
		return NEXT_RESTART;
	}
	if (asks_too_much(r, s)) {
		r->shrink++;
		return on_pull_over(r, now_ms);
	}
	if (s->code != 404 && s->code != 408 && brought_nothing(r, s))
		return consumer_refused(r, METRIC_ERRORS_PULL, now_ms);
	if (s->has_pending && s->pending_msgs != r->credit &&
	    !MUTATED(NO_CREDIT))
		return NEXT_RESTART;
	r->short_pull = !s->too_big;
	r->big = s->too_big;
	if ((MUTATED(END_408) && s->code == 408) ||
	    (MUTATED(NO_LEADER) && s->code == 404)) {
		if (replay_queue_empty(&r->queue))
			replay_cover_up_to(r, r->evidence_seq);
	}
	return on_pull_over(r, now_ms);
}
