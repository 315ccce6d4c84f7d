#include "delivery/tail_internal.h"

#include <inttypes.h>
#include <string.h>

#include "base/mutation.h"
#include "base/probe.h"
#include "nats/pattern.h"

enum {
	TAIL_SILENCE_MS = 2 * TAIL_HEARTBEAT_MS + 1000,
	TAIL_SILENCE_STEPS = 3,
	TAIL_ANSWER_MS = 2000,	  /* for each API request */
	TAIL_INACTIVE_MS = 30000, /* then the server deletes the consumer */
	TAIL_STEADY_MS = 5000,	  /* live for so long: backoff is reset */
	TAIL_PAUSE_MIN_MS = 100,
	TAIL_PAUSE_MAX_MS = 5000,
	TAIL_LATE_MS = 1000, /* of a tick: then read first what has come */
	/* Pulls in a row without any answer: then nothing can come. The first
	 * may be lost with a server that stood still for a while. */
	TAIL_UNANSWERED = 2,
};

static const struct backoff_times try_times = {.first_ms = 0,
					       .min_ms = 2 * TAIL_PAUSE_MIN_MS,
					       .max_ms = TAIL_PAUSE_MAX_MS};

void tail_init(struct tail *t, struct jetstream *src,
	       struct event_buffer *buffer, struct leader *leader,
	       const struct readable *readable,
	       const struct adaptive_timeout *p, struct metrics *m)
{
	memset(t, 0, sizeof(*t));
	t->source = src;
	t->buffer = buffer;
	t->leader = leader;
	t->metrics = m;
	t->readable = readable;
	t->timeout = p;
	t->why = "NATS is not connected";
	list_init(&t->held);
}

bool tail_live(const struct tail *t)
{
	return t->state == TAIL_LIVE;
}

bool tail_ready(const struct tail *t)
{
	return tail_live(t) && !t->refused;
}

static struct request_id next_tail_request(struct tail *t)
{
	return (struct request_id){.owner = TAIL_SLOT,
				   .generation = ++t->generation};
}

static void drop_tail_consumer(struct tail *t)
{
	tail_drop_held(t);
	if (!t->has_consumer)
		return;
	t->has_consumer = false;
	t->source->ops->delete_consumer(
		t->source, (struct request_id){.owner = TAIL_SLOT,
					       .generation = t->consumer_gen});
}

void tail_end(struct tail *t)
{
	drop_tail_consumer(t);
	t->state = TAIL_DOWN;
}

void tail_finish(struct tail *t)
{
	tail_drop_held(t);
}

static void expect_tail_state(struct tail *t, enum tail_state state,
			      uint64_t now_ms)
{
	t->state = state;
	t->asked_ms = now_ms;
	t->due_ms =
		now_ms + adaptive_timeout_ms(t->timeout, TAIL_ANSWER_MS,
					     ADAPTIVE_TIMEOUT_STEPS, now_ms);
}

static void ask_stream_info(struct tail *t, enum tail_state state,
			    uint64_t now_ms)
{
	expect_tail_state(t, state, now_ms);
	t->source->ops->info(t->source, next_tail_request(t));
}

static void pause_tail(struct tail *t, uint64_t ms, uint64_t now_ms)
{
	drop_tail_consumer(t);
	t->state = TAIL_PAUSE;
	t->due_ms = now_ms + ms;
}

/* Retries after a failure: at once the first time, then with backoff. */
static void retry_tail(struct tail *t, uint64_t now_ms)
{
	uint64_t ms;

	if (t->state == TAIL_LIVE && now_ms - t->live_ms > TAIL_STEADY_MS &&
	    t->unanswered < TAIL_UNANSWERED)
		backoff_reset(&t->fails);
	ms = backoff_fail(&t->fails, &try_times, now_ms);
	drop_tail_consumer(t);
	if (ms == 0)
		ask_stream_info(t, TAIL_INFO, now_ms);
	else
		pause_tail(t, ms, now_ms);
}

/* A new consumer from the buffer's last sequence on. `why`: one of
 * METRIC_RESET_*; `reason`: for the log. */
static void restart_tail(struct tail *t, enum metric why, const char *reason,
			 uint64_t now_ms)
{
	metric_add(t->metrics, why, 1);
	tail_report(t, true, "tail restarted after sequence %" PRIu64 ": %s",
		    event_buffer_last_seq(t->buffer), reason);
	if (!t->refused)
		t->why = "the tail is restarting";
	if (why != METRIC_RESET_LOST && why != METRIC_RESET_SKIPPED)
		t->doubts = true;
	retry_tail(t, now_ms);
}

/* ---- the stream ---------------------------------------------------------- */

static void create_tail_consumer(struct tail *t, uint64_t now_ms)
{
	struct jetstream_consumer c = {
		.request = next_tail_request(t),
		.start_seq = event_buffer_last_seq(t->buffer) + 1,
		.filter = t->wants_filter ? readable_filter(t->readable) : NULL,
		.inactive_ms =
			min_unless_0(TAIL_INACTIVE_MS, t->max_inactive_ms),
	};

	expect_tail_state(t, TAIL_CREATE, now_ms);
	t->consumer_gen = c.request.generation;
	t->has_consumer = true;
	t->source->ops->create(t->source, &c);
}

static void on_info_failed(struct tail *t, const struct jetstream_event *ev,
			   uint64_t now_ms)
{
	if (ev->err == JETSTREAM_ERR_NO_STREAM) {
		t->why = "the JetStream stream does not exist";
		tail_report(
			t, true,
			"the JetStream stream does not exist, waiting for it");
	} else {
		tail_set_why(t, "cannot read the JetStream stream: %s (%d)",
			     ev->err_text ? ev->err_text : "no answer",
			     ev->err);
		tail_report(t, true, "STREAM.INFO failed: %s (%d)",
			    ev->err_text ? ev->err_text : "no answer", ev->err);
	}
	metric_add(t->metrics, METRIC_ERRORS_INFO, 1);
	pause_tail(t, TAIL_PAUSE_MIN_MS * 5, now_ms);
}

static void become_live(struct tail *t, uint64_t now_ms)
{
	t->state = TAIL_LIVE;
	t->live_ms = t->heard_ms = now_ms;
	t->cseq = t->credit = 0;
	t->read_seq = event_buffer_last_seq(t->buffer);
	t->skipped = t->late_tick = false;
	t->idle_gen = 0;
	t->idle_to = 0;
	t->fruitless = 0;
	memset(t->pulls, 0, sizeof(t->pulls));
	if (t->refused) {
		tail_send_pull(t, now_ms);
		return; /* not reported as live before a pull is accepted */
	}
	t->why = NULL;
	if (!t->has_report)
		t->report[0] = '\0'; /* reported each time */
	tail_report(t, false, "tail is live after sequence %" PRIu64,
		    event_buffer_last_seq(t->buffer));
	tail_send_pull(t, now_ms);
}

/* The response to the present state's request. */
static void observe_answer(const struct tail *t, uint64_t now_ms)
{
	metrics_observe(t->metrics, METRIC_SPREAD_ROUND_TRIP,
			(now_ms - t->asked_ms) * 1000, 1);
}

static unsigned act_on_match(struct tail *t, enum tail_verdict verdict,
			     uint64_t now_ms)
{
	unsigned out = 0;

	switch (verdict) {
	case MATCH_ASK:
		drop_tail_consumer(t);
		expect_tail_state(t, TAIL_MATCH, now_ms);
		t->source->ops->get(
			t->source, next_tail_request(t),
			event_buffer_frame(t->buffer, t->match.frame)->seq);
		return 0;
	case MATCH_FAILED:
		t->why = "cannot read the messages of the JetStream stream";
		retry_tail(t, now_ms);
		return 0;
	case MATCH_ROLLED_BACK:
		out = tail_roll_back(t);
		break;
	case MATCH_SAME:
		break;
	}
	t->doubts = false;
	drop_tail_consumer(t);
	create_tail_consumer(t, now_ms);
	return out;
}

/* Reported once in each session, and when the stream's subjects change so. */
static void take_matches_none(struct tail *t, bool none)
{
	if (none && !t->matches_none)
		tail_report(t, true,
			    "no subject of the stream matches --subject or "
			    "--allow-sub (%s): no event can come",
			    readable_filter(t->readable));
	t->matches_none = none;
	metric_set(t->metrics, METRIC_UNMATCHED, none);
}

static unsigned on_info(struct tail *t, const struct jetstream_event *ev,
			uint64_t now_ms)
{
	bool verify = t->state == TAIL_VERIFY;
	unsigned out;

	observe_answer(t, now_ms);
	if (ev->err != 0) {
		on_info_failed(t, ev, now_ms);
		return 0;
	}
	if (ev->info.no_leader && !MUTATED(NO_FOLLOWERS)) {
		t->why = "the stream has no leader";
		tail_report(t, true,
			    "the stream has no leader, waiting for one");
		pause_tail(t, TAIL_PAUSE_MIN_MS * 5, now_ms);
		return 0;
	}
	if (ev->info.work_queue) {
		t->why = "the stream has work-queue retention";
		tail_report(t, true,
			    "the stream has work-queue retention: its "
			    "messages can be read only once");
		pause_tail(t, TAIL_PAUSE_MAX_MS, now_ms);
		return 0;
	}
	t->wants_filter = !ev->info.filter_covers_all;
	t->jumps = ev->info.before_2_10 &&
		   !pattern_is_literal(span_of(tail_pattern(t)));
	take_matches_none(t, ev->info.filter_matches_none);
	t->max_inactive_ms = ev->info.max_inactive_ms;
	out = tail_compare(t, &ev->info, now_ms);
	if (out & TAIL_ROLLED_BACK)
		return act_on_match(t, tail_match_begin(t, true), now_ms);
	if (leader_is_behind(t->leader)) {
		t->doubts = true;
		t->why = "the stream's leader is behind";
		pause_tail(t, TAIL_PAUSE_MIN_MS * 2, now_ms);
		return out;
	}
	if (verify && (out & TAIL_RESET) == 0) {
		become_live(t, now_ms);
		return out;
	}
	drop_tail_consumer(t);
	if (t->doubts)
		return out |
		       act_on_match(t, tail_match_begin(t, false), now_ms);
	create_tail_consumer(t, now_ms);
	return out;
}

bool tail_same_stream(struct tail *t, const struct jetstream_event *ev,
		      uint64_t asked_last_seq, uint64_t now_ms)
{
	enum metric why = METRIC_RESET_STREAM;
	const char *what = "the stream has changed";

	if (ev->err != 0 && ev->err != JETSTREAM_ERR_NO_STREAM)
		return false; /* an error of JetStream, not of the stream */
	if (ev->err == 0 && ev->info.no_leader && !MUTATED(NO_FOLLOWERS))
		return false;
	if (ev->err == 0 && t->known && tail_is_ours(t, &ev->info)) {
		leader_take_state(t->leader, &ev->info);
		if (!leader_rolled_back(t->leader, &ev->info, asked_last_seq,
					now_ms))
			return true;
		why = METRIC_RESET_BEHIND;
		what = "the stream's leader stays behind";
	}
	if (t->state == TAIL_LIVE)
		restart_tail(t, why, what, now_ms);
	return false;
}

/* ---- messages ------------------------------------------------------------ */

static struct buffer_subject *store_message(struct tail *t,
					    const struct jetstream_message *m)
{
	struct sse_frame f;
	struct span subject = {m->subject, m->subject_len};

	PROBE2(message_in, m->seq, m->len);
	if (m->internal || !readable_has(t->readable, subject)) {
		event_buffer_skip(t->buffer, m->seq);
		return NULL;
	}
	sse_measure(&f, m->data, m->len, m->seq, &t->tag);
	if (m->event_len + m->headers_len > 0)
		sse_extend(&f, (struct span){m->event, m->event_len},
			   (struct span){m->headers, m->headers_len});
	return event_buffer_append(t->buffer, m->subject, m->subject_len, &f,
				   m->time_ns);
}

/* A message beyond all that were read. */
static unsigned take_message(struct tail *t, const struct jetstream_message *m,
			     uint64_t now_ms, struct buffer_subject **touched)
{
	if (tail_must_hold(t, m)) {
		if (tail_hold(t, m, now_ms) < 0)
			restart_tail(t, METRIC_RESET_LOST,
				     "too many messages wait for an answer",
				     now_ms);
		else
			t->read_seq = t->leader->held_seq = m->seq;
		return 0;
	}
	tail_note_hole(t, t->read_seq, m->seq, now_ms);
	t->read_seq = m->seq;
	*touched = store_message(t, m);
	tail_refill_pulls(t, now_ms);
	return TAIL_FRAME;
}

static unsigned on_message(struct tail *t, const struct jetstream_message *m,
			   uint64_t now_ms, struct buffer_subject **touched)
{
	t->heard_ms = now_ms;
	metric_add(t->metrics, METRIC_TAIL_MESSAGES, 1);
	tail_note_pull_works(t);
	if (m->cseq != t->cseq + 1 && !MUTATED(NO_CSEQ)) {
		restart_tail(t, METRIC_RESET_LOST,
			     "a message was lost between server and gateway",
			     now_ms);
		return 0;
	}
	t->cseq = m->cseq;
	t->lag = m->pending;
	if (t->credit > 0)
		t->credit--;
	if (m->seq > t->read_seq)
		return take_message(t, m, now_ms, touched);
	tail_refill_pulls(t, now_ms);
	return 0;
}

unsigned tail_next(struct tail *t, uint64_t now_ms,
		   struct buffer_subject **touched, uint64_t *seq)
{
	uint64_t after;
	bool gone;
	const struct jetstream_message *m = tail_next_held(t, &after, &gone);

	*touched = NULL;
	if (m == NULL || t->state != TAIL_LIVE)
		return 0;
	if (gone) {
		tail_held_gap_reported(t);
		return tail_trim(t, t->leader->state.first_seq < m->seq
					    ? t->leader->state.first_seq
					    : m->seq);
	}
	*seq = m->seq;
	tail_note_hole(t, after, m->seq, now_ms);
	*touched = store_message(t, m);
	tail_pop_held(t);
	tail_refill_pulls(t, now_ms);
	return TAIL_FRAME;
}

/* ---- events -------------------------------------------------------------- */

static void act_on_status(struct tail *t, enum tail_pull_verdict verdict,
			  uint64_t now_ms)
{
	switch (verdict) {
	case PULL_WORKS:
		break;
	case PULL_LOST:
		restart_tail(t, METRIC_RESET_LOST,
			     "messages were lost between server and gateway",
			     now_ms);
		break;
	case PULL_CONSUMER_GONE:
		restart_tail(t, METRIC_RESET_CONSUMER_GONE,
			     "the consumer is gone", now_ms);
		break;
	case PULL_REJECTED:
		restart_tail(t, METRIC_RESET_PULL_REJECTED, t->why, now_ms);
		break;
	}
}

static unsigned on_match(struct tail *t, const struct jetstream_event *ev,
			 uint64_t now_ms)
{
	observe_answer(t, now_ms);
	return act_on_match(t, tail_match_answer(t, ev), now_ms);
}

static void on_created(struct tail *t, const struct jetstream_event *ev,
		       uint64_t now_ms)
{
	observe_answer(t, now_ms);
	if (ev->err == 0) {
		t->lag = ev->num_pending;
		ask_stream_info(t, TAIL_VERIFY, now_ms);
		return;
	}
	t->has_consumer = false;
	metric_add(t->metrics, METRIC_ERRORS_CREATE, 1);
	tail_set_why(t, "cannot create the consumer: %s (%d)",
		     ev->err_text ? ev->err_text : "no answer", ev->err);
	tail_report(t, true, "cannot create the consumer: %s (%d)",
		    ev->err_text ? ev->err_text : "no answer", ev->err);
	retry_tail(t, now_ms);
}

unsigned tail_on_event(struct tail *t, const struct jetstream_event *ev,
		       uint64_t now_ms, struct buffer_subject **touched)
{
	bool latest = ev->request.generation == t->generation;

	*touched = NULL;
	switch (ev->kind) {
	case JETSTREAM_UP:
		backoff_reset(&t->fails);
		t->refused = t->matches_none = false;
		t->unanswered = 0;
		t->max_batch = 0;
		t->max_bytes = t->max_expires_ms = 0;
		t->doubts = t->known;
		leader_forget_behind(t->leader);
		t->why = "waiting for the state of the JetStream stream";
		ask_stream_info(t, TAIL_INFO, now_ms);
		return 0;
	case JETSTREAM_DOWN:
		tail_drop_held(t);
		t->has_consumer = false; /* gone with its session */
		t->state = TAIL_DOWN;
		t->credit = t->lag = 0;
		t->why = "NATS is not connected";
		return 0;
	case JETSTREAM_INFO:
		if (latest &&
		    (t->state == TAIL_INFO || t->state == TAIL_VERIFY))
			return on_info(t, ev, now_ms);
		return 0;
	case JETSTREAM_CREATED:
		if (latest && t->state == TAIL_CREATE)
			on_created(t, ev, now_ms);
		return 0;
	case JETSTREAM_MESSAGE:
		if (t->state == TAIL_LIVE &&
		    ev->request.generation == t->consumer_gen)
			return on_message(t, &ev->msg, now_ms, touched);
		return 0;
	case JETSTREAM_STATUS:
		if (t->state == TAIL_LIVE &&
		    ev->request.generation == t->consumer_gen)
			act_on_status(t, tail_on_status(t, &ev->status, now_ms),
				      now_ms);
		return 0;
	case JETSTREAM_FOUND:
		if (t->state == TAIL_LIVE)
			tail_on_hole_found(t, ev, now_ms);
		if (latest && t->state == TAIL_MATCH)
			return on_match(t, ev, now_ms);
		if (t->skipped)
			restart_tail(
				t, METRIC_RESET_SKIPPED,
				"the server skipped messages that it still has",
				now_ms);
		return 0;
	}
	return 0;
}

/* ---- time ---------------------------------------------------------------- */

/* When a live tail has been silent for too long. */
static uint64_t silent_ms(const struct tail *t)
{
	return t->heard_ms + adaptive_timeout_ms(t->timeout, TAIL_SILENCE_MS,
						 TAIL_SILENCE_STEPS,
						 t->heard_ms);
}

/* A loop that stood still (a suspended process, say) has not yet read what came
 * meanwhile. True: read that first. */
static bool excuses_silence(struct tail *t, uint64_t now_ms)
{
	if (t->late_tick || now_ms - silent_ms(t) < TAIL_LATE_MS)
		return false;
	t->late_tick = true;
	t->heard_ms += now_ms - silent_ms(t) + TAIL_LATE_MS;
	return true;
}

/* A server may ignore pulls (the user may not publish to their subject) and
 * answer everything else: such a tail would become live again and again, and
 * nothing would come. */
static void on_silence(struct tail *t, uint64_t now_ms)
{
	const char *reason = "no message or heartbeat from the server";

	if (!t->brought && ++t->unanswered >= TAIL_UNANSWERED) {
		reason = "the server does not answer pulls";
		t->refused = true;
		t->why = reason;
	}
	restart_tail(t, METRIC_RESET_SILENT, reason, now_ms);
}

uint64_t tail_due(const struct tail *t)
{
	if (t->state == TAIL_DOWN)
		return UINT64_MAX;
	if (t->state == TAIL_LIVE)
		return min_unless_0(silent_ms(t), tail_holes_due(t));
	return t->due_ms;
}

void tail_tick(struct tail *t, uint64_t now_ms)
{
	if (now_ms < tail_due(t))
		return;
	if (t->state == TAIL_LIVE) {
		tail_tick_holes(t, now_ms);
		if (now_ms < silent_ms(t) || excuses_silence(t, now_ms))
			return;
	}
	if (t->state != TAIL_PAUSE)
		adaptive_timeout_expired_add(&t->late, t->state == TAIL_LIVE
							       ? t->consumer_gen
							       : t->generation);
	switch (t->state) {
	case TAIL_DOWN:
		break;
	case TAIL_LIVE:
		on_silence(t, now_ms);
		break;
	case TAIL_PAUSE:
		ask_stream_info(t, TAIL_INFO, now_ms);
		break;
	case TAIL_INFO:
	case TAIL_MATCH:
	case TAIL_CREATE:
	case TAIL_VERIFY:
		t->why = "JetStream does not answer";
		tail_report(t, true, "JetStream does not answer");
		retry_tail(t, now_ms);
		break;
	}
}
