#include "tail_inside.h"

#include <inttypes.h>
#include <string.h>

#include "check.h"
#include "mutation.h"

enum {
	TAIL_BATCH = 8192,
	TAIL_MAX_BYTES = 8 * 1024 * 1024, /* asked for at once */
	TAIL_BIG_BATCH = 4,		  /* when a message is larger */
	TAIL_EXPIRES_MS = 30000,
	TAIL_HEARTBEAT_MS = 3000,
	TAIL_SILENCE_MS = 2 * TAIL_HEARTBEAT_MS + 1000,
	TAIL_SILENCE_STEPS = 3,
	TAIL_ANSWER_MS = 2000,	  /* for each API request */
	TAIL_INACTIVE_MS = 30000, /* the server then forgets the consumer */
	TAIL_STEADY_MS = 5000,	  /* live for so long: failures forgotten */
	TAIL_PAUSE_MIN_MS = 100,
	TAIL_PAUSE_MAX_MS = 5000,
	TAIL_HOLE_MS = 1000, /* holes are asked about once in so long */
};

void tail_init(struct tail *t, struct source *src, struct log *log,
	       struct leader *leader, const struct subject_template *subject,
	       const struct patience *p, struct metrics *m)
{
	memset(t, 0, sizeof(*t));
	t->source = src;
	t->log = log;
	t->leader = leader;
	t->metrics = m;
	t->subject = subject;
	t->patience = p;
	t->why = "NATS is not connected";
	subject_filter(subject, t->filter);
}

bool tail_live(const struct tail *t)
{
	return t->state == TAIL_LIVE;
}

static struct source_who next_who(struct tail *t)
{
	return (struct source_who){.slot = TAIL_SLOT, .gen = ++t->gen};
}

static void drop_consumer(struct tail *t)
{
	if (!t->has_consumer)
		return;
	t->has_consumer = false;
	t->source->ops->forget(t->source,
			       (struct source_who){.slot = TAIL_SLOT,
						   .gen = t->consumer_gen});
}

void tail_end(struct tail *t)
{
	drop_consumer(t);
	t->state = TAIL_DOWN;
}

static void expect(struct tail *t, enum tail_state state, uint64_t now_ms)
{
	t->state = state;
	t->asked_ms = now_ms;
	t->due_ms = now_ms + patience_ms(t->patience, TAIL_ANSWER_MS,
					 PATIENCE_STEPS, now_ms);
}

static void ask_info(struct tail *t, enum tail_state state, uint64_t now_ms)
{
	expect(t, state, now_ms);
	t->source->ops->info(t->source, next_who(t));
}

static void pause_for(struct tail *t, uint64_t ms, uint64_t now_ms)
{
	drop_consumer(t);
	t->state = TAIL_PAUSE;
	t->due_ms = now_ms + ms;
}

/* Another try after something failed, at once the first time, then slower. */
static void try_again(struct tail *t, uint64_t now_ms)
{
	unsigned doublings = t->fails < 7 ? t->fails : 7;
	uint64_t ms = (uint64_t)TAIL_PAUSE_MIN_MS << doublings;

	if (t->state == TAIL_LIVE && now_ms - t->live_ms > TAIL_STEADY_MS)
		t->fails = 0;
	drop_consumer(t);
	if (t->fails++ == 0) {
		ask_info(t, TAIL_INFO, now_ms);
		return;
	}
	pause_for(t, ms < TAIL_PAUSE_MAX_MS ? ms : TAIL_PAUSE_MAX_MS, now_ms);
}

/* `why`: one of METRIC_RESET_*. */
static void start_over(struct tail *t, enum metric why, const char *reason,
		       uint64_t now_ms)
{
	metric_add(t->metrics, why, 1);
	tail_news(t, true, "tail begins anew after sequence %" PRIu64 ": %s",
		  log_head(t->log), reason);
	t->why = "the tail is being made anew";
	try_again(t, now_ms);
}

/* ---- the stream ---------------------------------------------------------- */

static void create(struct tail *t, uint64_t now_ms)
{
	struct source_consumer c = {
		.who = next_who(t),
		.start_seq = log_head(t->log) + 1,
		.filter = t->wants_filter ? t->filter : NULL,
		.inactive_ms = TAIL_INACTIVE_MS,
	};

	expect(t, TAIL_CREATE, now_ms);
	t->consumer_gen = c.who.gen;
	t->has_consumer = true;
	t->source->ops->create(t->source, &c);
}

static void info_failed(struct tail *t, const struct source_event *ev,
			uint64_t now_ms)
{
	if (ev->err == SOURCE_ERR_NO_STREAM) {
		t->why = "the JetStream stream does not exist";
		tail_news(t, true,
			  "the JetStream stream does not exist: waiting "
			  "for it");
	} else {
		t->why = "the JetStream stream can't be read";
		tail_news(t, true, "STREAM.INFO failed: %s (%d)",
			  ev->err_text ? ev->err_text : "no answer", ev->err);
	}
	metric_add(t->metrics, METRIC_ERRORS_INFO, 1);
	pause_for(t, TAIL_PAUSE_MIN_MS * 5, now_ms);
}

static void pull(struct tail *t);

static void go_live(struct tail *t, uint64_t now_ms)
{
	t->state = TAIL_LIVE;
	t->live_ms = t->heard_ms = now_ms;
	t->cseq = t->credit = 0;
	t->hole_gen = 0;
	memset(t->pulls, 0, sizeof(t->pulls));
	t->why = NULL;
	if (!t->has_news)
		t->news[0] = '\0'; /* each time, whatever was said before */
	tail_news(t, false, "tail is live after sequence %" PRIu64,
		  log_head(t->log));
	pull(t);
}

/* An answer to what was asked for the present state. */
static void observe_answer(const struct tail *t, uint64_t now_ms)
{
	metrics_observe(t->metrics, METRIC_SPREAD_ROUND_TRIP,
			(now_ms - t->asked_ms) * 1000, 1);
}

static unsigned on_info(struct tail *t, const struct source_event *ev,
			uint64_t now_ms)
{
	bool verify = t->state == TAIL_VERIFY;
	unsigned out;

	observe_answer(t, now_ms);
	if (ev->err != 0) {
		info_failed(t, ev, now_ms);
		return 0;
	}
	if (ev->info.unled && !MUTATED(UNLED)) {
		t->why = "the stream has no leader";
		tail_news(t, true, "the stream has no leader: waiting for one");
		pause_for(t, TAIL_PAUSE_MIN_MS * 5, now_ms);
		return 0;
	}
	if (ev->info.work_queue) {
		t->why = "the stream has work-queue retention";
		tail_news(t, true,
			  "the stream has work-queue retention: its "
			  "messages can't be read more than once");
		pause_for(t, TAIL_PAUSE_MAX_MS, now_ms);
		return 0;
	}
	t->wants_filter = !ev->info.filter_covers_all;
	out = tail_compare(t, &ev->info, now_ms);
	if (leader_is_behind(t->leader)) {
		t->why = "the stream's leader is behind";
		pause_for(t, TAIL_PAUSE_MIN_MS * 2, now_ms);
		return out;
	}
	if (verify && (out & TAIL_RESET) == 0) {
		go_live(t, now_ms);
		return out;
	}
	drop_consumer(t);
	create(t, now_ms);
	return out;
}

bool tail_same_stream(struct tail *t, const struct source_event *ev,
		      uint64_t asked_head, uint64_t now_ms)
{
	enum metric why = METRIC_RESET_STREAM;
	const char *what = "the stream has changed";

	if (ev->err != 0 && ev->err != SOURCE_ERR_NO_STREAM)
		return false; /* JetStream's matter, not the stream's */
	if (ev->err == 0 && ev->info.unled && !MUTATED(UNLED))
		return false;
	if (ev->err == 0 && t->known && tail_is_ours(t, &ev->info)) {
		leader_take_word(t->leader, &ev->info);
		if (!leader_rolled_back(t->leader, &ev->info, asked_head,
					now_ms))
			return true;
		why = METRIC_RESET_BEHIND;
		what = "the stream's leader stays behind";
	}
	if (t->state == TAIL_LIVE)
		start_over(t, why, what, now_ms);
	return false;
}

/* ---- pulls and their credit ---------------------------------------------- */

static void pull(struct tail *t)
{
	struct source_pull p = {
		.who = {.slot = TAIL_SLOT, .gen = t->consumer_gen},
		.number = ++t->pull_no,
		.batch = t->big ? TAIL_BIG_BATCH : TAIL_BATCH,
		.max_bytes = t->big ? 0 : TAIL_MAX_BYTES,
		.expires_ms = TAIL_EXPIRES_MS,
		.heartbeat_ms = TAIL_HEARTBEAT_MS,
	};

	memmove(t->pulls + 1, t->pulls, sizeof(t->pulls) - sizeof(t->pulls[0]));
	t->pulls[0] = p.number;
	t->credit += p.batch;
	t->big = false;
	metric_add(t->metrics, METRIC_TAIL_PULLS, 1);
	t->source->ops->pull(t->source, &p);
}

static void refill(struct tail *t)
{
	if (t->credit == 0)
		memset(t->pulls, 0, sizeof(t->pulls));
	if (t->credit <= TAIL_BATCH / 2)
		pull(t);
}

static bool close_pull(struct tail *t, uint32_t number)
{
	for (size_t i = 0; i < TAIL_MAX_PULLS; i++) {
		if (t->pulls[i] == number) {
			t->pulls[i] = 0;
			return true;
		}
	}
	return false;
}

static bool pulls_open(const struct tail *t)
{
	for (size_t i = 0; i < TAIL_MAX_PULLS; i++)
		if (t->pulls[i] != 0)
			return true;
	return false;
}

/* A pull is over: what it did not bring is no longer owed. */
static void on_pull_end(struct tail *t, const struct source_status *s,
			uint64_t now_ms)
{
	uint64_t back = s->has_pending ? s->pending_msgs : TAIL_BATCH;

	if (!close_pull(t, s->number))
		return;
	t->big = s->too_big;
	t->credit = t->credit > back ? t->credit - back : 0;
	if (!pulls_open(t)) {
		if (s->has_pending && t->credit != 0 && !MUTATED(NO_CREDIT)) {
			start_over(t, METRIC_RESET_LOST,
				   "messages were lost on the way", now_ms);
			return;
		}
		t->credit = 0;
	}
	refill(t);
}

static void on_status(struct tail *t, const struct source_status *s,
		      uint64_t now_ms)
{
	t->heard_ms = now_ms;
	if (s->code == 100) {
		if (s->has_last_consumer && s->last_consumer > t->cseq &&
		    !MUTATED(NO_CREDIT))
			start_over(t, METRIC_RESET_LOST,
				   "messages were lost on the way", now_ms);
		return;
	}
	if (s->consumer_gone || s->code == 503) {
		metric_add(t->metrics, METRIC_ERRORS_PULL, 1);
		start_over(t, METRIC_RESET_CONSUMER_GONE,
			   "the consumer is gone", now_ms);
		return;
	}
	if (s->code == 400) {
		metric_add(t->metrics, METRIC_ERRORS_PULL, 1);
		start_over(t, METRIC_RESET_PULL_REFUSED,
			   "the server refused a pull", now_ms);
		return;
	}
	on_pull_end(t, s, now_ms);
}

/* ---- messages ------------------------------------------------------------ */

/* Holes in the stream sequence are normal (deletes, other subjects); but limits
 * or a purge may have overtaken the tail, and only the stream can say. */
static void maybe_ask_hole(struct tail *t, const struct source_message *m,
			   uint64_t now_ms)
{
	uint64_t wait = t->hole_gen != 0 ? TAIL_ANSWER_MS : TAIL_HOLE_MS;

	if (m->seq == log_head(t->log) + 1 || m->pending == 0 ||
	    now_ms - t->hole_ms < wait)
		return;
	t->hole_ms = now_ms;
	t->hole_gen = ++t->gen;
	t->hole_head = m->seq;
	t->source->ops->info(t->source,
			     (struct source_who){.slot = TAIL_SLOT,
						 .gen = t->hole_gen});
}

static struct log_subject *keep(struct tail *t, const struct source_message *m)
{
	struct sse_frame f;
	const char *id;
	size_t id_len;

	if (!subject_matches(t->subject, m->subject, m->subject_len, &id,
			     &id_len)) {
		log_pass(t->log, m->seq);
		return NULL;
	}
	sse_measure(&f, m->data, m->len, m->seq, &t->tag);
	return log_append(t->log, m->subject, m->subject_len, &f, m->time_ns);
}

static unsigned on_message(struct tail *t, const struct source_message *m,
			   uint64_t now_ms, struct log_subject **touched)
{
	t->heard_ms = now_ms;
	metric_add(t->metrics, METRIC_TAIL_MESSAGES, 1);
	if (m->cseq != t->cseq + 1 && !MUTATED(NO_CSEQ)) {
		start_over(t, METRIC_RESET_LOST,
			   "a message was lost on the way", now_ms);
		return 0;
	}
	t->cseq = m->cseq;
	t->lag = m->pending;
	if (t->credit > 0)
		t->credit--;
	if (m->seq <= log_head(t->log)) {
		refill(t);
		return 0;
	}
	maybe_ask_hole(t, m, now_ms);
	*touched = keep(t, m);
	refill(t);
	return TAIL_FRAME;
}

static unsigned on_hole_info(struct tail *t, const struct source_event *ev,
			     uint64_t now_ms)
{
	t->hole_gen = 0;
	if (!tail_same_stream(t, ev, t->hole_head, now_ms))
		return 0;
	return tail_overtaken(t, &ev->info);
}

static void on_created(struct tail *t, const struct source_event *ev,
		       uint64_t now_ms)
{
	observe_answer(t, now_ms);
	if (ev->err == 0) {
		t->lag = ev->num_pending;
		ask_info(t, TAIL_VERIFY, now_ms);
		return;
	}
	t->has_consumer = false;
	metric_add(t->metrics, METRIC_ERRORS_CREATE, 1);
	t->why = "the consumer can't be created";
	tail_news(t, true, "the consumer can't be created: %s (%d)",
		  ev->err_text ? ev->err_text : "no answer", ev->err);
	try_again(t, now_ms);
}

unsigned tail_on_event(struct tail *t, const struct source_event *ev,
		       uint64_t now_ms, struct log_subject **touched)
{
	bool latest = ev->who.gen == t->gen;

	*touched = NULL;
	switch (ev->kind) {
	case SOURCE_UP:
		t->fails = 0;
		leader_forget_behind(t->leader);
		t->why = "the JetStream stream is being asked for";
		ask_info(t, TAIL_INFO, now_ms);
		return 0;
	case SOURCE_DOWN:
		t->has_consumer = false; /* gone with its session */
		t->state = TAIL_DOWN;
		t->why = "NATS is not connected";
		return 0;
	case SOURCE_INFO:
		if (t->state == TAIL_LIVE && t->hole_gen != 0 &&
		    ev->who.gen == t->hole_gen)
			return on_hole_info(t, ev, now_ms);
		if (latest &&
		    (t->state == TAIL_INFO || t->state == TAIL_VERIFY))
			return on_info(t, ev, now_ms);
		return 0;
	case SOURCE_CREATED:
		if (latest && t->state == TAIL_CREATE)
			on_created(t, ev, now_ms);
		return 0;
	case SOURCE_MESSAGE:
		if (t->state == TAIL_LIVE && ev->who.gen == t->consumer_gen)
			return on_message(t, &ev->msg, now_ms, touched);
		return 0;
	case SOURCE_STATUS:
		if (t->state == TAIL_LIVE && ev->who.gen == t->consumer_gen)
			on_status(t, &ev->status, now_ms);
		return 0;
	case SOURCE_FOUND:
		return 0;
	}
	return 0;
}

uint64_t tail_due(const struct tail *t)
{
	if (t->state == TAIL_DOWN)
		return UINT64_MAX;
	if (t->state == TAIL_LIVE)
		return t->heard_ms + patience_ms(t->patience, TAIL_SILENCE_MS,
						 TAIL_SILENCE_STEPS,
						 t->heard_ms);
	return t->due_ms;
}

void tail_tick(struct tail *t, uint64_t now_ms)
{
	if (now_ms < tail_due(t))
		return;
	if (t->state != TAIL_PAUSE)
		patience_give_up(&t->late, t->state == TAIL_LIVE
						   ? t->consumer_gen
						   : t->gen);
	switch (t->state) {
	case TAIL_DOWN:
		break;
	case TAIL_LIVE:
		start_over(t, METRIC_RESET_SILENT, "the server was silent",
			   now_ms);
		break;
	case TAIL_PAUSE:
		ask_info(t, TAIL_INFO, now_ms);
		break;
	case TAIL_INFO:
	case TAIL_CREATE:
	case TAIL_VERIFY:
		t->why = "JetStream does not answer";
		tail_news(t, true, "JetStream does not answer");
		try_again(t, now_ms);
		break;
	}
}
