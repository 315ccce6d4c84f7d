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
	REPLAY_DOUBT_MS = 200,
	/* How long a leader of before may go on answering, once it is back; and
	 * in how short a time no replica can become one (they vote 4 s after
	 * they have heard from theirs, 3 s before the word, at the earliest).
	 */
	REPLAY_RIVAL_MS = 1500,
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
	[REPLAY_IDLE] = AWAITS_NOTHING,	       [REPLAY_TURN] = AWAITS_TURN,
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

void replay_init(struct replay *r, uint32_t slot, struct source *src,
		 struct log *log, const struct sse_tag *tag,
		 const struct source_word *word, const struct patience *line,
		 struct replay_turns *turns, struct metrics *m)
{
	memset(r, 0, sizeof(*r));
	r->slot = slot;
	r->source = src;
	r->log = log;
	r->tag = tag;
	r->word = word;
	r->line = line;
	r->turns = turns;
	r->metrics = m;
	replay_queue_init(&r->queue, REPLAY_FRAMES, REPLAY_QUEUE_MAX);
}

static struct source_who next_who(struct replay *r)
{
	return (struct source_who){.slot = r->slot, .gen = ++r->gen};
}

static void await(struct replay *r, uint64_t now_ms)
{
	uint64_t ms =
		patience_ms(r->line, REPLAY_ANSWER_MS, PATIENCE_STEPS, now_ms);
	uint64_t own_ms = patience_ms(&r->search, REPLAY_ANSWER_MS,
				      PATIENCE_STEPS, now_ms);

	if (own_ms > ms && awaited(r) != AWAITS_INFO)
		ms = own_ms;
	r->asked_ms = now_ms;
	r->due_ms = now_ms + ms;
}

static void expect(struct replay *r, enum replay_phase phase, uint64_t now_ms)
{
	r->phase = phase;
	await(r, now_ms);
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

static void hand_out(struct replay *r)
{
	cursor_hand_out(r->cursor, replay_queue_next(&r->queue));
	replay_queue_pop(&r->queue);
	replay_told(r);
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
		hand_out(r);
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

static void drop_consumer(struct replay *r)
{
	turn_end(&r->turn);
	if (!r->has_consumer)
		return;
	r->has_consumer = false;
	r->source->ops->forget(r->source,
			       (struct source_who){.slot = r->slot,
						   .gen = r->consumer_gen});
}

/* What the leader's answer to a request that is sent now can be evidence of. */
static void mark(struct replay *r)
{
	r->h0 = log_head(r->log);
	/* Without replicas no server can be behind. */
	if (r->word->leader != 0 && r->word->last_seq < r->h0 &&
	    !MUTATED(LEADER_BEHIND))
		r->h0 = r->word->last_seq;
	r->leader = r->word->leader;
}

/* In its turn, which may be at once. Who has a consumer has one until that goes
 * away, or the server would take it away while it waits. */
static void request(struct replay *r, enum replay_phase what, uint64_t now_ms)
{
	bool may = r->has_consumer;

	r->phase = REPLAY_TURN;
	r->wants = what;
	if (!may) {
		turn_end(&r->turn);
		may = turn_take(what == REPLAY_CREATE ? &r->turns->consumers
						      : &r->turns->asks,
				&r->turn);
	}
	if (may)
		replay_go(r, now_ms);
}

/* What was asked for has come, or is not waited for any longer. */
static void give_turn_back(struct replay *r, uint64_t now_ms)
{
	turn_took(&r->turn, now_ms - r->asked_ms);
	if (!r->has_consumer)
		turn_end(&r->turn);
}

static void answered(struct replay *r, uint64_t now_ms)
{
	metrics_observe(r->metrics, METRIC_SPREAD_ROUND_TRIP,
			(now_ms - r->asked_ms) * 1000, 1);
	give_turn_back(r, now_ms);
}

static void probe(struct replay *r, enum replay_phase what, uint64_t now_ms)
{
	struct cursor *c = r->cursor;

	expect(r, what, now_ms);
	mark(r);
	r->last = what == REPLAY_LAST;
	r->probe_ms = now_ms;
	memmove(r->asked + 1, r->asked, sizeof(r->asked) - sizeof(r->asked[0]));
	r->asked[0] = (struct replay_question){.gen = r->gen + 1};
	if (r->last)
		r->source->ops->last(r->source, next_who(r), c->subject->name);
	else
		r->source->ops->find(r->source, next_who(r), c->covered + 1,
				     c->subject->name);
}

static void ask(struct replay *r, uint64_t now_ms)
{
	replay_queue_clear(&r->queue);
	request(r,
		r->cursor->state == CURSOR_WAITING ? REPLAY_LAST : REPLAY_PROBE,
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
	r->sure = false;
	r->big = false;
	r->shrink = 0;
	r->blocked_ms = 0;
	r->begun_ms = now_ms;
	memset(r->asked, 0, sizeof(r->asked));
	r->covered_was = UINT64_MAX;
	/* They were of another cursor. */
	r->search = (struct patience){0};
	r->late = (struct patience_late){0};
	backoff_reset(&r->asks);
	backoff_reset(&r->consumers);
	metric_add(r->metrics, METRIC_REPLAYS, 1);
	ask(r, now_ms);
	return 0;
}

void replay_end(struct replay *r)
{
	if (r->phase == REPLAY_IDLE)
		return;
	drop_consumer(r);
	r->gen++; /* what still comes is no one's */
	r->phase = REPLAY_IDLE;
	r->cursor->replay = NULL;
	r->cursor = NULL;
	replay_queue_finish(&r->queue);
}

void replay_again(struct replay *r, uint64_t now_ms)
{
	drop_consumer(r);
	r->probes = 0;
	r->sure = false;
	ask(r, now_ms);
}

static enum replay_outcome want_info(struct replay *r, enum replay_phase phase,
				     uint64_t now_ms)
{
	expect(r, phase, now_ms);
	return REPLAY_WANT_INFO;
}

static void pause_for(struct replay *r, uint64_t ms, uint64_t now_ms)
{
	r->phase = REPLAY_PAUSE;
	r->due_ms = now_ms + ms;
}

static enum replay_outcome refused(struct replay *r, enum metric why,
				   uint64_t now_ms)
{
	metric_add(r->metrics, why, 1);
	drop_consumer(r);
	replay_queue_clear(&r->queue);
	r->probes = 0;
	uint64_t ms = backoff_fail(&r->asks, &ask_times, now_ms);

	pause_for(r, MUTATED(NO_BACKOFF) ? 0 : ms, now_ms);
	return REPLAY_WAIT;
}

static enum replay_outcome on_found(struct replay *r,
				    const struct source_event *ev,
				    uint64_t now_ms)
{
	answered(r, now_ms);
	if (ev->err != 0 && ev->err != SOURCE_ERR_NO_MESSAGE)
		return refused(r, METRIC_ERRORS_GET, now_ms);
	r->asked[0].answered = true;
	r->asked[0].seq = ev->err == 0 ? ev->msg.seq : 0;
	/* Where the newest message is no event there is no last event. */
	r->found = ev->err == 0 && !(r->last && ev->msg.internal);
	if (r->found && ev->msg.seq <= r->cursor->sent && !r->last)
		return refused(r, METRIC_ERRORS_GET, now_ms);
	if (r->found &&
	    replay_queue_put(&r->queue, &ev->msg, r->tag, r->cursor) < 0)
		return refused(r, METRIC_ERRORS_GET, now_ms);
	return want_info(r, REPLAY_CHECK, now_ms);
}

/* "No message", by the leader's word, up to the head of that time. */
static void nothing_up_to(struct replay *r, uint64_t h0)
{
	struct cursor *c = r->cursor;

	if (h0 <= c->covered)
		return;
	if (r->covered_was == UINT64_MAX)
		r->covered_was = c->covered;
	c->covered = h0;
}

void replay_told(struct replay *r)
{
	r->covered_was = UINT64_MAX;
}

uint64_t replay_evidence(const struct replay *r)
{
	uint64_t h0 = MUTATED(HEAD_AT_ANSWER) ? log_head(r->log) : r->h0;

	return r->leader != 0 && !r->followed && r->sure_h0 < h0 &&
			       !MUTATED(ONE_PROBE)
		       ? r->sure_h0
		       : h0;
}

/* The newest message is known: the stream starts right before it. */
static enum replay_outcome start_last(struct replay *r)
{
	struct cursor *c = r->cursor;

	c->covered = replay_evidence(r);
	if (r->found)
		c->covered = replay_queue_next(&r->queue) - 1;
	c->sent = c->covered;
	r->phase = REPLAY_DELIVER;
	return REPLAY_STARTED;
}

/* Whoever answered the probe may not have had what its answer is taken for. */
static bool is_doubtful(const struct replay *r, const struct source_info *info)
{
	if (MUTATED(LEADER_BEHIND))
		return false;
	return info->last_seq < r->h0 || info->leader != r->leader;
}

static enum replay_outcome doubt(struct replay *r, uint64_t now_ms)
{
	drop_consumer(r);
	replay_queue_clear(&r->queue);
	r->probes = 0;
	r->sure = false;
	memset(r->asked, 0, sizeof(r->asked));
	pause_for(r, REPLAY_DOUBT_MS, now_ms);
	return REPLAY_WAIT;
}

void replay_distrust(struct replay *r)
{
	r->sure = false;
}

/* Is it evidence that there is nothing, and only from someone who may have been
 * the leader? */
static bool is_unsure(const struct replay *r, uint64_t now_ms)
{
	if (r->phase != REPLAY_CHECK || (r->found && !r->last) ||
	    r->leader == 0 || MUTATED(ONE_PROBE))
		return false;
	if (!r->sure)
		return true;
	if (r->followed && now_ms - r->sure_ms <= REPLAY_FOLLOWED_MS)
		return false;
	return r->probe_ms - r->sure_ms < REPLAY_RIVAL_MS;
}

static enum replay_outcome ask_again(struct replay *r,
				     const struct source_info *info,
				     uint64_t now_ms)
{
	if (!r->sure) { /* the first "no message" */
		r->sure = true;
		r->followed = info->all_follow;
		r->sure_ms = r->asked_ms;
		r->sure_h0 = r->h0;
	} else {
		r->followed = false; /* that was too long ago */
	}
	if (r->followed)
		ask(r, now_ms);
	else
		pause_for(r, REPLAY_RIVAL_MS, now_ms);
	return REPLAY_WAIT;
}

/* The newest message may only be a later one, when it is asked for again. */
static bool went_back(const struct replay *r)
{
	return r->last && r->sure && r->asked[0].seq < r->asked[1].seq &&
	       !MUTATED(ONE_PROBE);
}

bool replay_awaits_check(const struct replay *r)
{
	return awaited(r) == AWAITS_INFO;
}

enum replay_outcome replay_check(struct replay *r,
				 const struct source_info *info,
				 uint64_t now_ms)
{
	struct cursor *c = r->cursor;

	if (is_doubtful(r, info) || went_back(r))
		return doubt(r, now_ms);
	if (is_unsure(r, now_ms))
		return ask_again(r, info, now_ms);
	r->sure = false;
	if (r->phase == REPLAY_CHECK && r->last)
		return start_last(r);
	if (info->first_seq > c->covered + 1) {
		drop_consumer(r);
		return REPLAY_GAP;
	}
	if (r->phase == REPLAY_CHECK_PULL) {
		r->phase = REPLAY_PULLED;
		return REPLAY_HAS_DATA;
	}
	if (r->phase == REPLAY_CHECK_CONSUMER) {
		request(r, REPLAY_PULL, now_ms);
		return REPLAY_WAIT;
	}
	r->phase = REPLAY_DELIVER;
	if (r->found)
		return REPLAY_HAS_DATA;
	backoff_reset(&r->asks);
	nothing_up_to(r, replay_evidence(r));
	if (!cursor_joins(c, r->log) && info->last_seq < log_floor(r->log))
		return doubt(r, now_ms); /* where the log begins it is not */
	return replay_step(r, now_ms);
}

/* ---- the consumer -------------------------------------------------------- */

static void create(struct replay *r, uint64_t now_ms)
{
	uint64_t max_ms = r->word->max_inactive_ms; /* of the stream */
	struct source_consumer sc = {
		.who = next_who(r),
		.start_seq = r->cursor->covered + 1,
		.filter = r->cursor->subject->name,
		.inactive_ms = max_ms != 0 && max_ms < REPLAY_INACTIVE_MS
				       ? max_ms
				       : REPLAY_INACTIVE_MS,
	};

	expect(r, REPLAY_CREATE, now_ms);
	r->consumer_gen = sc.who.gen;
	r->has_consumer = true;
	r->cseq = 0;
	r->pulls = 0;
	mark(r);
	metric_add(r->metrics, METRIC_REPLAY_CONSUMERS, 1);
	r->source->ops->create(r->source, &sc);
}

static enum replay_outcome lost(struct replay *r, uint64_t now_ms)
{
	replay_again(r, now_ms);
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
	return lost(r, now_ms);
}

static enum replay_outcome on_created(struct replay *r,
				      const struct source_event *ev,
				      uint64_t now_ms)
{
	r->has_consumer = ev->err == 0;
	answered(r, now_ms);
	if (ev->err == 0)
		return want_info(r, REPLAY_CHECK_CONSUMER, now_ms);
	return consumer_refused(r, METRIC_ERRORS_CREATE, now_ms);
}

static void pull(struct replay *r, uint64_t now_ms)
{
	struct source_pull p = {
		.who = {.slot = r->slot, .gen = r->consumer_gen},
		.number = ++r->pull_no,
		.batch = r->big ? 1 : REPLAY_BATCH >> r->shrink,
		.max_bytes = r->big ? 0 : REPLAY_MAX_BYTES >> r->shrink,
		.no_wait = true,
	};

	expect(r, REPLAY_PULL, now_ms);
	r->pulls++;
	replay_queue_clear(&r->queue);
	mark(r);
	r->credit = r->pulled = p.batch;
	r->short_pull = false;
	r->big = false;
	r->source->ops->pull(r->source, &p);
}

void replay_go(struct replay *r, uint64_t now_ms)
{
	MUST(r->phase == REPLAY_TURN);
	if (r->wants == REPLAY_CREATE)
		create(r, now_ms);
	else if (r->wants == REPLAY_PULL)
		pull(r, now_ms);
	else
		probe(r, r->wants, now_ms);
}

/* A consumer passes in silence over what limits or a purge have taken from
 * under it: its messages wait for an answer that nothing before them is gone.
 */
static enum replay_outcome pull_ended(struct replay *r, uint64_t now_ms)
{
	answered(r, now_ms);
	if (replay_queue_empty(&r->queue) || MUTATED(PULL_UNCHECKED)) {
		r->phase = REPLAY_PULLED;
		return REPLAY_HAS_DATA;
	}
	return want_info(r, REPLAY_CHECK_PULL, now_ms);
}

static enum replay_outcome on_message(struct replay *r,
				      const struct source_message *m,
				      uint64_t now_ms)
{
	if (m->cseq != r->cseq + 1 && !MUTATED(NO_CSEQ))
		return lost(r, now_ms);
	r->cseq = m->cseq;
	await(r, now_ms);
	if (m->seq > r->cursor->sent &&
	    replay_queue_put(&r->queue, m, r->tag, r->cursor) < 0)
		return consumer_refused(r, METRIC_ERRORS_PULL, now_ms);
	if (r->credit > 0 && --r->credit == 0)
		return pull_ended(r, now_ms);
	return REPLAY_WAIT;
}

/* Repeated at once it would be so for ever. */
static bool brought_nothing(const struct replay *r,
			    const struct source_status *s)
{
	return s->code == 503 || s->code == 400 ||
	       (!s->too_big && r->credit == r->pulled);
}

/* A limit of the server's, the stream's or the account's: then less will do. */
static bool asks_too_much(const struct replay *r, const struct source_status *s)
{
	return s->code == 409 && brought_nothing(r, s) &&
	       r->shrink < REPLAY_SHRINKS;
}

static enum replay_outcome on_status(struct replay *r,
				     const struct source_status *s,
				     uint64_t now_ms)
{
	if (s->number != r->pull_no || s->code == 100)
		return REPLAY_WAIT;
	if (s->consumer_gone) {
		metric_add(r->metrics, METRIC_ERRORS_PULL, 1);
		r->has_consumer = false;
		return lost(r, now_ms);
	}
	if (asks_too_much(r, s)) {
		r->shrink++;
		return pull_ended(r, now_ms);
	}
	if (s->code != 404 && s->code != 408 && brought_nothing(r, s))
		return consumer_refused(r, METRIC_ERRORS_PULL, now_ms);
	if (s->has_pending && s->pending_msgs != r->credit &&
	    !MUTATED(NO_CREDIT))
		return lost(r, now_ms);
	r->short_pull = !s->too_big;
	r->big = s->too_big;
	if ((MUTATED(END_408) && s->code == 408) ||
	    (MUTATED(NO_LEADER) && s->code == 404)) {
		if (replay_queue_empty(&r->queue))
			nothing_up_to(r, r->h0);
	}
	return pull_ended(r, now_ms);
}

/* Two servers have answered one question, each for itself. */
static bool contradicts(const struct replay *r, const struct source_event *ev)
{
	uint64_t seq = ev->err == 0 ? ev->msg.seq : 0;

	if (ev->err != 0 && ev->err != SOURCE_ERR_NO_MESSAGE)
		return false;
	for (size_t i = 0; i < REPLAY_QUESTIONS; i++)
		if (r->asked[i].answered && r->asked[i].gen == ev->who.gen)
			return r->asked[i].seq != seq;
	return false;
}

/* Evidence that was not yet told is taken back. */
static enum replay_outcome on_second_answer(struct replay *r,
					    const struct source_event *ev,
					    uint64_t now_ms)
{
	if (!contradicts(r, ev))
		return REPLAY_WAIT;
	if (r->covered_was != UINT64_MAX)
		r->cursor->covered = r->covered_was;
	replay_told(r);
	turn_end(&r->turn);
	return doubt(r, now_ms);
}

enum replay_outcome replay_on_event(struct replay *r,
				    const struct source_event *ev,
				    uint64_t now_ms)
{
	bool latest = ev->who.gen == r->gen;
	bool ours = r->has_consumer && ev->who.gen == r->consumer_gen &&
		    awaited(r) == AWAITS_MESSAGES;

	switch (ev->kind) {
	case SOURCE_FOUND:
		if (latest && awaited(r) == AWAITS_FOUND)
			return on_found(r, ev, now_ms);
		return on_second_answer(r, ev, now_ms);
	case SOURCE_CREATED:
		if (latest && awaited(r) == AWAITS_CREATED)
			return on_created(r, ev, now_ms);
		return REPLAY_WAIT;
	case SOURCE_MESSAGE:
		return ours ? on_message(r, &ev->msg, now_ms) : REPLAY_WAIT;
	case SOURCE_STATUS:
		return ours ? on_status(r, &ev->status, now_ms) : REPLAY_WAIT;
	default:
		return REPLAY_WAIT;
	}
}

static void after_delivery(struct replay *r, uint64_t now_ms)
{
	if (r->has_consumer && r->found) {
		request(r, REPLAY_PULL, now_ms);
		return;
	}
	if (r->found && !r->last && ++r->probes >= REPLAY_PROBES &&
	    backoff_over(&r->consumers, now_ms)) {
		request(r, REPLAY_CREATE, now_ms);
		return;
	}
	request(r, REPLAY_PROBE, now_ms);
}

bool replay_may_rotate(const struct replay *r)
{
	return r->phase == REPLAY_PAUSE ||
	       (awaited(r) == AWAITS_SOCKET && replay_queue_empty(&r->queue));
}

void replay_yield(struct replay *r)
{
	if (r->phase == REPLAY_PULLED && turns_wanted(&r->turns->consumers))
		drop_consumer(r);
}

enum replay_outcome replay_step(struct replay *r, uint64_t now_ms)
{
	if (awaited(r) == AWAITS_SOCKET)
		skip_internal(r);
	if (r->phase == REPLAY_DELIVER && replay_queue_empty(&r->queue) &&
	    r->found && r->last)
		nothing_up_to(r, replay_evidence(r));
	if (cursor_joins(r->cursor, r->log))
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
			request(r, REPLAY_PROBE, now_ms);
		else
			request(r,
				r->has_consumer ? REPLAY_PULL : REPLAY_CREATE,
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
		ask(r, now_ms);
		return;
	}
	if (!replay_awaits_check(r))
		patience_give_up(&r->late, r->gen);
	give_turn_back(r, now_ms);
	replay_again(r, now_ms);
}
