/* The tail's pulls: how many messages are asked for, and what it means when a
 * pull ends. `credit` is how many messages the open pulls may still bring. */
#include "delivery/tail_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/mutation.h"

enum {
	TAIL_BATCH = 8192,
	TAIL_MAX_BYTES = 8 * 1024 * 1024, /* asked for at once */
	TAIL_BIG_BATCH = 4,		  /* when a message is larger */
	TAIL_EXPIRES_MS = 30000,
	/* Pulls in a row that end early and bring nothing: by a rejection; by
	 * the end of one that expires. */
	TAIL_FRUITLESS = 2,
	TAIL_FRUITLESS_ENDS = 8,
};

static uint32_t batch_of(const struct tail *t)
{
	return (uint32_t)min_unless_0(t->big ? TAIL_BIG_BATCH : TAIL_BATCH,
				      t->max_batch);
}

/* A message larger than the server's limit of bytes cannot be read at all;
 * without a limit of ours the server would reject the pull. */
void tail_send_pull(struct tail *t, uint64_t now_ms)
{
	uint64_t expires_ms = min_unless_0(TAIL_EXPIRES_MS, t->max_expires_ms);
	struct jetstream_pull p = {
		.request = {.owner = TAIL_SLOT, .generation = t->consumer_gen},
		.number = ++t->pull_no,
		.batch = batch_of(t),
		.max_bytes =
			t->big ? t->max_bytes
			       : min_unless_0(TAIL_MAX_BYTES, t->max_bytes),
		.expires_ms = expires_ms,
		.heartbeat_ms = min_unless_0(TAIL_HEARTBEAT_MS, expires_ms / 2),
	};

	memmove(t->pulls + 1, t->pulls, sizeof(t->pulls) - sizeof(t->pulls[0]));
	t->pulls[0] = p.number;
	t->credit += p.batch;
	t->big = false;
	t->pull_ms = now_ms;
	t->brought = false;
	metric_add(t->metrics, METRIC_TAIL_PULLS, 1);
	t->source->ops->pull(t->source, &p);
}

/* Not while messages are held: they take memory. */
void tail_refill_pulls(struct tail *t, uint64_t now_ms)
{
	if (tail_has_held(t))
		return;
	if (t->credit == 0)
		memset(t->pulls, 0, sizeof(t->pulls));
	if (t->credit <= batch_of(t) / 2)
		tail_send_pull(t, now_ms);
}

/* Messages or heartbeats come: the server accepts the pulls. */
void tail_note_pull_works(struct tail *t)
{
	t->fruitless = t->unanswered = 0;
	t->brought = true;
	t->late_tick = false;
	if (!t->refused)
		return;
	t->refused = false;
	t->why = NULL;
	t->report[0] = '\0';
	tail_report(t, false, "tail is live after sequence %" PRIu64,
		    event_buffer_last_seq(t->buffer));
}

/* Takes over the limit that the server has named. False: it named none, or no
 * less can be asked for. */
static bool ask_for_less(struct tail *t, const struct jetstream_status *s)
{
	uint32_t batch = batch_of(t);

	if (s->max_batch > 0 && s->max_batch < batch)
		t->max_batch = (uint32_t)s->max_batch;
	else if (s->max_bytes > 0 &&
		 (t->max_bytes == 0 || s->max_bytes < t->max_bytes))
		t->max_bytes = s->max_bytes;
	else if (s->max_expires_ms > 0 &&
		 s->max_expires_ms <
			 min_unless_0(TAIL_EXPIRES_MS, t->max_expires_ms))
		t->max_expires_ms = s->max_expires_ms;
	else
		return false;
	return true;
}

static enum tail_pull_verdict note_refused_pull(
	struct tail *t, const struct jetstream_status *s)
{
	char text[160];

	snprintf(text, sizeof(text), "the server rejected a pull: %d %s",
		 s->code, s->text != NULL ? s->text : "");
	metric_add(t->metrics, METRIC_ERRORS_PULL, 1);
	t->refused = true;
	tail_set_why(t, "%s", text);
	return PULL_REJECTED;
}

static bool close_tail_pull(struct tail *t, uint32_t number)
{
	for (size_t i = 0; i < TAIL_MAX_PULLS; i++) {
		if (t->pulls[i] == number) {
			t->pulls[i] = 0;
			return true;
		}
	}
	return false;
}

static bool has_open_pulls(const struct tail *t)
{
	for (size_t i = 0; i < TAIL_MAX_PULLS; i++)
		if (t->pulls[i] != 0)
			return true;
	return false;
}

/* A pull is over: messages that it did not bring are no longer expected. */
static enum tail_pull_verdict on_pull_end(struct tail *t,
					  const struct jetstream_status *s,
					  uint64_t now_ms)
{
	uint64_t back = s->has_pending ? s->pending_msgs : batch_of(t);
	bool limited;

	if (!close_tail_pull(t, s->number))
		return PULL_WORKS;
	limited = ask_for_less(t, s);
	if (limited) {
		tail_report(
			t, true,
			"the server rejected a pull: %d %s, requesting less",
			s->code, s->text != NULL ? s->text : "");
		t->credit = 0;
		memset(t->pulls, 0, sizeof(t->pulls));
		tail_send_pull(t, now_ms);
		return PULL_WORKS;
	}
	t->big = s->too_big;
	if (!s->too_big && !t->brought &&
	    now_ms - t->pull_ms < TAIL_HEARTBEAT_MS &&
	    ++t->fruitless >=
		    (s->code == 409 ? TAIL_FRUITLESS : TAIL_FRUITLESS_ENDS))
		return note_refused_pull(t, s);
	t->credit = t->credit > back ? t->credit - back : 0;
	if (!has_open_pulls(t)) {
		if (s->has_pending && t->credit != 0 && !MUTATED(NO_CREDIT))
			return PULL_LOST;
		t->credit = 0;
	}
	tail_refill_pulls(t, now_ms);
	return PULL_WORKS;
}

enum tail_pull_verdict tail_on_status(struct tail *t,
				      const struct jetstream_status *s,
				      uint64_t now_ms)
{
	t->heard_ms = now_ms;
	t->unanswered = 0;
	if (s->code == 100) {
		tail_note_pull_works(t);
		if (s->has_last_stream)
			tail_on_idle(t, s->last_stream);
		return s->has_last_consumer && s->last_consumer > t->cseq &&
				       !MUTATED(NO_CREDIT)
			       ? PULL_LOST
			       : PULL_WORKS;
	}
	if (s->consumer_gone || s->code == 503) {
		metric_add(t->metrics, METRIC_ERRORS_PULL, 1);
		return PULL_CONSUMER_GONE;
	}
	if (s->code == 400)
		return note_refused_pull(t, s);
	return on_pull_end(t, s, now_ms);
}
