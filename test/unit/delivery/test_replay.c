/* One replay of one cursor: the log begins behind sequence 100, the cursor is
 * somewhere before it. The test is JetStream, the hub and the socket. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/check.h"
#include "bytes.h"
#include "delivery/replay.h"
#include "fake_jetstream.h"
#include "jetstream_events.h"

enum {
	SLOT = 3,
	FLOOR = 100,
	BATCH = 128,
	ANSWER_MS = 2500,
	DOUBT_MS = 200,
	RIVAL_MS = 1500,
	FOLLOWED_MS = 4000,
	LEADER = 0, /* one server; the others are a cluster's */
	CLUSTERS = 7,
};

static const struct sse_tag tag = {"9f31c2"};

struct fixture {
	struct fake_jetstream src;
	struct event_buffer *buffer;
	struct adaptive_timeout timeout;
	struct metrics metrics;
	struct cursor cursor;
	struct stream_state state; /* the leader's last */
	struct replay_limiters limiters;
	struct replay replay;
	struct request_id consumer;
	uint32_t pull_no;
	uint64_t cseq;
	uint64_t now_ms;
};

static int setup(void **state)
{
	static struct fixture f;

	memset(&f, 0, sizeof(f));
	fake_jetstream_init(&f.src);
	f.now_ms = 100000;
	f.state = (struct stream_state){.leader = LEADER,
					.first_seq = 1,
					.last_seq = UINT64_MAX};
	assert_int_equal(event_buffer_new(&f.buffer, 1 << 20), 0);
	event_buffer_reset(f.buffer, FLOOR);
	f.cursor.state = CURSOR_EVICTED;
	f.cursor.subject =
		event_buffer_watch(f.buffer, "ev.a", 4, &f.cursor.watch);
	limiter_init(&f.limiters.asks, 1);
	limiter_init(&f.limiters.consumers, 1);
	replay_init(&f.replay, SLOT, &f.src.source, f.buffer, &tag, &f.state,
		    &f.timeout, &f.limiters, &f.metrics);
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	replay_end(&f->replay);
	event_buffer_unwatch(f->buffer, f->cursor.subject, &f->cursor.watch);
	event_buffer_free(f->buffer);
	fake_jetstream_finish(&f->src);
	return 0;
}

static struct fixture *fresh(void **state)
{
	teardown(state);
	setup(state);
	return *state;
}

static void begin(struct fixture *f, uint64_t covered)
{
	f->cursor.covered = f->cursor.sent = covered;
	f->cursor.state = CURSOR_REPLAY;
	assert_int_equal(replay_begin(&f->replay, &f->cursor, f->now_ms), 0);
	assert_ptr_equal(f->cursor.replay, &f->replay);
}

static enum replay_outcome send(struct fixture *f, struct jetstream_event ev)
{
	return replay_on_event(&f->replay, &ev, f->now_ms);
}

static struct request_id asked_find(struct fixture *f, uint64_t seq)
{
	const struct asked *a = fake_asked(&f->src, ASKED_FIND);

	assert_int_equal(a->seq, seq);
	assert_string_equal(a->subject, "ev.a");
	assert_int_equal(a->request.owner, SLOT);
	fake_quiet(&f->src);
	return a->request;
}

/* The probe that is asked, from `from`, finds a message, or with 0 none. */
static void find(struct fixture *f, uint64_t from, uint64_t seq)
{
	struct request_id request = asked_find(f, from);
	struct jetstream_event ev = event_found(request, seq, "ev.a", "found");

	if (seq == 0)
		ev = event_error(JETSTREAM_FOUND, request,
				 JETSTREAM_ERR_NO_MESSAGE);
	assert_int_equal(send(f, ev), REPLAY_WANT_INFO);
	fake_quiet(&f->src);
}

static enum replay_outcome check_by(struct fixture *f, uint32_t leader,
				    uint64_t first, uint64_t last)
{
	struct jetstream_info info = {.leader = leader,
				      .first_seq = first,
				      .last_seq = last};

	return replay_check(&f->replay, &info, f->now_ms);
}

/* A cluster's leader, whom all replicas follow. */
static enum replay_outcome followed(struct fixture *f, uint64_t last)
{
	struct jetstream_info info = {.leader = CLUSTERS,
				      .all_follow = true,
				      .first_seq = 1,
				      .last_seq = last};

	return replay_check(&f->replay, &info, f->now_ms);
}

static enum replay_outcome check(struct fixture *f, uint64_t first,
				 uint64_t last)
{
	return check_by(f, LEADER, first, last);
}

/* What the cursor may take, all of it, is `text`. */
static void take(struct fixture *f, const char *text)
{
	struct cursor_batch b;
	struct bytes all = {0};
	const uint8_t *rest;
	size_t rest_len;

	replay_gather(&f->replay, &b);
	for (int i = 1; i <= b.n; i++)
		bytes_add(&all, b.iov[i].iov_base, b.iov[i].iov_len);
	assert_string_equal(bytes_text(&all), text);
	assert_int_equal(b.bytes, all.len);
	replay_advance(&f->replay, &b, b.bytes, &rest, &rest_len);
	assert_int_equal(rest_len, 0);
	bytes_free(&all);
}

static enum replay_outcome step(struct fixture *f)
{
	return replay_step(&f->replay, f->now_ms);
}

/* The check was none: it waits for a while before it asks anew. */
static void doubts(struct fixture *f)
{
	fake_quiet(&f->src);
	take(f, "");
	assert_int_equal(step(f), REPLAY_WAIT);
	f->now_ms += DOUBT_MS - 1;
	replay_tick(&f->replay, f->now_ms);
	fake_quiet(&f->src);
	f->now_ms++;
	replay_tick(&f->replay, f->now_ms);
}

/* One message by probe and its delivery; the next request is asked. */
static void deliver_found(struct fixture *f, uint64_t from, uint64_t seq)
{
	char text[64];

	find(f, from, seq);
	assert_int_equal(check(f, 1, 2000), REPLAY_HAS_DATA);
	snprintf(text, sizeof(text), "data: found\nid: %d-9f31c2\n\n",
		 (int)seq);
	take(f, text);
	assert_int_equal(step(f), REPLAY_WAIT);
}

static void asked_create(struct fixture *f, uint64_t start)
{
	const struct asked *a = fake_asked(&f->src, ASKED_CREATE);
	uint64_t max_ms = f->state.max_inactive_ms;

	assert_int_equal(a->request.owner, SLOT);
	assert_int_equal(a->seq, start);
	assert_string_equal(a->subject, "ev.a");
	assert_int_equal(a->inactive_ms, max_ms != 0 ? max_ms : 10000);
	fake_quiet(&f->src);
	f->consumer = a->request;
	f->cseq = 0;
}

static void asked_pull(struct fixture *f, uint32_t batch, uint64_t max_bytes)
{
	const struct asked *a = fake_asked(&f->src, ASKED_PULL);

	assert_int_equal(a->request.generation, f->consumer.generation);
	assert_int_equal(a->request.owner, SLOT);
	assert_int_equal(a->pull.batch, batch);
	assert_int_equal(a->pull.max_bytes, max_bytes);
	assert_true(a->pull.no_wait);
	assert_int_equal(a->pull.expires_ms, 0);
	fake_quiet(&f->src);
	f->pull_no = a->pull.number;
}

static void asked_forget(struct fixture *f)
{
	const struct asked *a = fake_asked(&f->src, ASKED_FORGET);

	assert_int_equal(a->request.owner, SLOT);
	assert_int_equal(a->request.generation, f->consumer.generation);
}

/* Two messages (11 and 12) have come by probes, a consumer is pulled. */
static void pulling(struct fixture *f)
{
	begin(f, 10);
	deliver_found(f, 11, 11);
	deliver_found(f, 12, 12);
	asked_create(f, 13);
	assert_int_equal(send(f, event_created(f->consumer)), REPLAY_WANT_INFO);
	fake_quiet(&f->src);
	assert_int_equal(check(f, 1, 2000), REPLAY_WAIT);
	asked_pull(f, BATCH, 128 * 1024);
}

static enum replay_outcome message(struct fixture *f, uint64_t seq)
{
	return send(f, event_message(f->consumer, seq, ++f->cseq, "ev.a", "m"));
}

/* The pull is over, and nothing before its messages is gone. */
static void checked_pull(struct fixture *f)
{
	assert_int_equal(send(f, event_status(f->consumer, f->pull_no, 404)),
			 REPLAY_WANT_INFO);
	take(f, "");
	assert_int_equal(check(f, 1, 2000), REPLAY_HAS_DATA);
}

/* ---- probes -------------------------------------------------------------- */

static void nothing_left_joins_without_a_consumer(void **state)
{
	struct fixture *f = *state;

	begin(f, 10);
	find(f, 11, 0);
	assert_int_equal(f->cursor.covered, 10); /* not before the check */
	assert_int_equal(check(f, 1, 200), REPLAY_JOINS);
	assert_int_equal(f->cursor.covered, FLOOR);
	assert_int_equal(f->cursor.sent, 10);
	replay_end(&f->replay);
	assert_null(f->cursor.replay);
	fake_quiet(&f->src);
	assert_int_equal(f->metrics.value[METRIC_REPLAYS], 1);
	assert_int_equal(f->metrics.value[METRIC_REPLAY_CONSUMERS], 0);
}

/* The leader's "no" counts up to the head when it was asked, not up to that
 * when it has answered. */
static void head_counts_as_it_was_at_sending(void **state)
{
	struct fixture *f = *state;

	begin(f, 10);
	event_buffer_reset(f->buffer, 150);
	find(f, 11, 0);
	event_buffer_reset(f->buffer, 160);
	assert_int_equal(check(f, 1, 200), REPLAY_WAIT);
	assert_int_equal(f->cursor.covered, FLOOR);
	find(f, 101, 0);
	assert_int_equal(check(f, 1, 200), REPLAY_JOINS);
	assert_int_equal(f->cursor.covered, 160);
}

/* Whoever answers has not seen what we have, and maybe had not when it answered
 * the probe: no evidence, even if it has by now. */
static void leader_behind_is_probed_again(void **state)
{
	struct fixture *f = *state;

	begin(f, 10);
	find(f, 11, 0);
	assert_int_equal(check(f, 1, FLOOR - 1), REPLAY_WAIT);
	assert_int_equal(f->cursor.covered, 10);
	doubts(f);
	find(f, 11, 0);
	assert_int_equal(check(f, 50, FLOOR - 1), REPLAY_WAIT);
	doubts(f);
	find(f, 11, 0);
	assert_int_equal(check(f, 1, FLOOR), REPLAY_JOINS);
}

/* The one that answered the probe may have been behind the one before, and have
 * caught up since. */
static void another_leader_is_probed_again(void **state)
{
	struct fixture *f = *state;

	begin(f, 10);
	find(f, 11, 0);
	assert_int_equal(check_by(f, CLUSTERS, 1, 200), REPLAY_WAIT);
	assert_int_equal(f->cursor.covered, 10);
	f->state.leader = CLUSTERS;
	doubts(f);
	find(f, 11, 0);
	assert_int_equal(followed(f, 200), REPLAY_WAIT);
	find(f, 11, 0);
	assert_int_equal(followed(f, 200), REPLAY_JOINS);
}

/* "No message" bears no name. In a cluster it is asked for twice, and by then
 * nobody else may have spoken for the leader. */
static void clusters_no_is_asked_for_twice(void **state)
{
	struct fixture *f = *state;

	f->state.leader = CLUSTERS;
	begin(f, 10);
	find(f, 11, 0);
	assert_int_equal(followed(f, 200), REPLAY_WAIT);
	assert_int_equal(f->cursor.covered, 10);
	replay_invalidate(&f->replay); /* before the answer: it may be theirs */
	find(f, 11, 0);
	assert_int_equal(followed(f, 200), REPLAY_WAIT);
	assert_int_equal(f->cursor.covered, 10);
	find(f, 11, 0);
	assert_int_equal(followed(f, 200), REPLAY_JOINS);
	assert_int_equal(f->cursor.covered, FLOOR);
}

/* Some seconds later there may be another leader, and the word is too old. */
static void word_that_all_follow_does_not_last(void **state)
{
	struct fixture *f = *state;

	f->state.leader = CLUSTERS;
	begin(f, 10);
	find(f, 11, 0);
	assert_int_equal(followed(f, 200), REPLAY_WAIT);
	find(f, 11, 0);
	f->now_ms += FOLLOWED_MS + 1;
	assert_int_equal(followed(f, 200), REPLAY_WAIT);
	f->now_ms += RIVAL_MS;
	replay_tick(&f->replay, f->now_ms);
	find(f, 11, 0);
	assert_int_equal(followed(f, 200), REPLAY_JOINS);
}

/* One replica has not answered the leader: it may be one for itself. Then the
 * second question comes when it no longer is, and what was stored between the
 * two is not covered. */
static void second_question_is_later_where_a_replica_is_silent(void **state)
{
	struct fixture *f = *state;

	f->state.leader = CLUSTERS;
	begin(f, 10);
	find(f, 11, 0);
	assert_int_equal(check_by(f, CLUSTERS, 1, 200), REPLAY_WAIT);
	f->now_ms += RIVAL_MS - 1;
	replay_tick(&f->replay, f->now_ms);
	fake_quiet(&f->src);
	event_buffer_reset(f->buffer, 150);
	f->now_ms++;
	replay_tick(&f->replay, f->now_ms);
	find(f, 11, 0);
	assert_int_equal(followed(f, 200), REPLAY_WAIT);
	assert_int_equal(f->cursor.covered, FLOOR);
	find(f, 101, 0);
	assert_int_equal(followed(f, 200), REPLAY_WAIT);
	find(f, 101, 0);
	assert_int_equal(followed(f, 200), REPLAY_JOINS);
	assert_int_equal(f->cursor.covered, 150);
}

/* Two servers answer one question, each for itself: whichever of the answers
 * came first, and whatever was asked for since. */
static void second_answer_that_differs_is_doubt(void **state)
{
	static const uint64_t answers[][2] = {{0, 15}, {15, 0}, {20, 15}};

	for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
		for (int later = 0; later < 3; later++) {
			struct fixture *f = fresh(state);
			struct request_id request;
			struct jetstream_event other;

			f->state.leader = CLUSTERS;
			event_buffer_reset(f->buffer, 150);
			f->state.last_seq = 120;
			begin(f, 10);
			request = fake_asked(&f->src, ASKED_FIND)->request;
			f->src.seen--; /* find() looks at it as well */
			find(f, 11, answers[i][0]);
			if (later > 0)
				followed(f, 200);
			if (later > 1 && answers[i][0] == 0) {
				find(f, 11, 0);
				followed(f, 200);
				assert_int_equal(f->cursor.covered, 120);
			}
			other = event_found(request, answers[i][1], "ev.a",
					    "x");
			if (answers[i][1] == 0)
				other = event_error(JETSTREAM_FOUND, request,
						    JETSTREAM_ERR_NO_MESSAGE);
			while (fake_waiting(&f->src) > 0)
				f->src.seen++;
			send(f, other);
			assert_int_equal(f->replay.phase, REPLAY_PAUSE);
			assert_int_equal(f->cursor.covered, 10);
			take(f, "");
			f->now_ms += DOUBT_MS;
			replay_tick(&f->replay, f->now_ms);
			find(f, 11, 15);
			followed(f, 200);
			take(f, "data: found\nid: 15-9f31c2\n\n");
		}
	}
}

/* A ping may have named the place: then it stands. */
static void what_was_told_is_not_taken_back(void **state)
{
	struct fixture *f = *state;
	struct request_id request;

	event_buffer_reset(f->buffer, 150);
	f->state = (struct stream_state){.leader = CLUSTERS, .last_seq = 120};
	begin(f, 10);
	find(f, 11, 0);
	followed(f, 200);
	request = fake_asked(&f->src, ASKED_FIND)->request;
	f->src.seen--;
	find(f, 11, 0);
	followed(f, 200);
	assert_int_equal(f->cursor.covered, 120);
	replay_commit(&f->replay);
	send(f, event_found(request, 15, "ev.a", "x"));
	assert_int_equal(f->replay.phase, REPLAY_PAUSE);
	assert_int_equal(f->cursor.covered, 120);
}

/* What is found is there, whoever says so; and says nothing of what comes. */
static void clusters_message_is_believed(void **state)
{
	struct fixture *f = *state;

	f->state.leader = CLUSTERS;
	begin(f, 10);
	find(f, 11, 0);
	assert_int_equal(followed(f, 200), REPLAY_WAIT);
	find(f, 11, 20);
	assert_int_equal(followed(f, 200), REPLAY_HAS_DATA);
	take(f, "data: found\nid: 20-9f31c2\n\n");
	assert_int_equal(step(f), REPLAY_WAIT);
	find(f, 21, 0);
	assert_int_equal(followed(f, 200), REPLAY_WAIT);
	assert_int_equal(f->cursor.covered, 20);
	find(f, 21, 0);
	assert_int_equal(followed(f, 200), REPLAY_JOINS);
}

/* "No message" goes as far as the leader had said before that it was. */
static void evidence_goes_no_further_than_the_leaders_word(void **state)
{
	struct fixture *f = *state;

	f->state = (struct stream_state){.leader = CLUSTERS, .last_seq = 60};
	begin(f, 10);
	find(f, 11, 0);
	assert_int_equal(followed(f, 200), REPLAY_WAIT);
	find(f, 11, 0);
	f->state.last_seq = 200;
	assert_int_equal(followed(f, 200), REPLAY_WAIT);
	assert_int_equal(f->cursor.covered, 60);
	find(f, 61, 0);
	assert_int_equal(followed(f, 200), REPLAY_WAIT);
	find(f, 61, 0);
	assert_int_equal(followed(f, 200), REPLAY_JOINS);
}

/* It can't be behind, and its last word may be an hour old. */
static void single_servers_no_goes_as_far_as_the_log(void **state)
{
	struct fixture *f = *state;

	f->state.last_seq = 60;
	begin(f, 10);
	find(f, 11, 0);
	assert_int_equal(check(f, 1, 200), REPLAY_JOINS);
	assert_int_equal(f->cursor.covered, FLOOR);
}

/* It is not yet where the log begins: there is no hurry to probe again. */
static void leader_before_the_floor_is_probed_later(void **state)
{
	struct fixture *f = *state;

	f->state = (struct stream_state){.leader = CLUSTERS, .last_seq = 60};
	begin(f, 10);
	find(f, 11, 0);
	assert_int_equal(followed(f, FLOOR - 1), REPLAY_WAIT);
	find(f, 11, 0);
	assert_int_equal(followed(f, FLOOR - 1), REPLAY_WAIT);
	assert_int_equal(f->cursor.covered, 60);
	doubts(f);
	f->state.last_seq = FLOOR;
	find(f, 61, 0);
	assert_int_equal(followed(f, FLOOR), REPLAY_WAIT);
	find(f, 61, 0);
	assert_int_equal(followed(f, FLOOR), REPLAY_JOINS);
}

static void found_message_waits_for_its_check(void **state)
{
	struct fixture *f = *state;

	begin(f, 10);
	find(f, 11, 50);
	take(f, "");
	assert_int_equal(step(f), REPLAY_WAIT);
	assert_int_equal(f->cursor.sent, 10);
	assert_int_equal(check(f, 11, 200), REPLAY_HAS_DATA);
	assert_int_equal(f->cursor.sent, 10);
	assert_int_equal(step(f), REPLAY_HAS_DATA); /* still */
	take(f, "data: found\nid: 50-9f31c2\n\n");
	assert_int_equal(f->cursor.sent, 50);
	assert_int_equal(f->cursor.covered, 50);
	assert_int_equal(f->cursor.events, 1);
	assert_int_equal(f->metrics.value[METRIC_EVENTS_REPLAY], 1);
	assert_int_equal(step(f), REPLAY_WAIT);
	/* A second one may be the last. */
	find(f, 51, 0);
	assert_int_equal(check(f, 11, 200), REPLAY_JOINS);
}

static void found_message_beyond_the_floor_joins(void **state)
{
	struct fixture *f = *state;

	begin(f, 10);
	find(f, 11, 130);
	assert_int_equal(check(f, 1, 200), REPLAY_HAS_DATA);
	take(f, "data: found\nid: 130-9f31c2\n\n");
	assert_int_equal(step(f), REPLAY_JOINS);
	assert_int_equal(f->cursor.covered, 130);
}

/* Asks again after so long, and not before. */
static void paused(struct fixture *f, uint64_t ms)
{
	f->now_ms += ms - 1;
	replay_tick(&f->replay, f->now_ms);
	fake_quiet(&f->src);
	f->now_ms++;
	replay_tick(&f->replay, f->now_ms);
}

static uint64_t round_trips(const struct fixture *f)
{
	const struct histogram *b =
		&f->metrics.spread[METRIC_SPREAD_ROUND_TRIP];
	uint64_t n = 0;

	for (size_t i = 0; i < ARRAY_LEN(b->count); i++)
		n += b->count[i];
	return n;
}

/* Waits that no answer ends are no round trips. */
static void only_answers_are_round_trips(void **state)
{
	struct fixture *f = *state;

	begin(f, 10);
	asked_find(f, 11);
	f->now_ms += ANSWER_MS;
	replay_tick(&f->replay, f->now_ms); /* no answer to the probe */
	assert_int_equal(round_trips(f), 0);
	find(f, 11, 12);
	assert_int_equal(round_trips(f), 1);
	f->now_ms += ANSWER_MS;
	replay_tick(&f->replay, f->now_ms); /* none to the STREAM.INFO */
	assert_int_equal(round_trips(f), 1);
	find(f, 11, 12);
	assert_int_equal(check(f, 1, 50), REPLAY_WAIT); /* doubt */
	f->now_ms += DOUBT_MS;
	replay_tick(&f->replay, f->now_ms);
	assert_int_equal(round_trips(f), 2);
	asked_find(f, 11);
}

/* The tail asks as of the time when it last heard something. */
static void patience_of_an_earlier_time(void **state)
{
	struct adaptive_timeout p = {0};

	(void)state;
	adaptive_timeout_on_late(&p, 5000);
	assert_int_equal(adaptive_timeout_ms(&p, 7000, ADAPTIVE_TIMEOUT_STEPS,
					     0),
			 14000);
	assert_int_equal(adaptive_timeout_ms(&p, 7000, ADAPTIVE_TIMEOUT_STEPS,
					     4999),
			 14000);
	assert_int_equal(adaptive_timeout_ms(&p, 7000, ADAPTIVE_TIMEOUT_STEPS,
					     5000),
			 14000);
	assert_int_equal(adaptive_timeout_ms(&p, 7000, ADAPTIVE_TIMEOUT_STEPS,
					     64999),
			 14000);
	assert_int_equal(adaptive_timeout_ms(&p, 7000, ADAPTIVE_TIMEOUT_STEPS,
					     65000),
			 7000);
}

static void errors_and_silence_ask_again(void **state)
{
	static const int errs[] = {500, JETSTREAM_ERR_MALFORMED,
				   JETSTREAM_ERR_NO_RESPONDERS};
	static const uint64_t pauses_ms[] = {250,  500,	 1000, 2000,
					     4000, 5000, 5000};
	struct fixture *f = *state;

	begin(f, 10);
	for (size_t i = 0; i < ARRAY_LEN(pauses_ms); i++) {
		struct request_id request = asked_find(f, 11);

		assert_int_equal(send(f, event_error(JETSTREAM_FOUND, request,
						     errs[i % 3])),
				 REPLAY_WAIT);
		paused(f, pauses_ms[i]);
	}
	assert_int_equal(f->metrics.value[METRIC_ERRORS_GET],
			 ARRAY_LEN(pauses_ms));
	assert_int_equal(f->cursor.covered, 10);
	/* An answer, and the next refusal is the first again. */
	find(f, 11, 12);
	check(f, 1, 200);
	take(f, "data: found\nid: 12-9f31c2\n\n");
	step(f);
	send(f, event_error(JETSTREAM_FOUND, asked_find(f, 13), 500));
	paused(f, pauses_ms[0]);
	send(f, event_error(JETSTREAM_FOUND, asked_find(f, 13), 10008));
	f->now_ms += ANSWER_MS;
	replay_tick(&f->replay, f->now_ms);
	asked_find(f, 13);
	f->now_ms += ANSWER_MS;
	replay_tick(&f->replay, f->now_ms);
	asked_find(f, 13);
}

static void stale_answers_are_nobodys(void **state)
{
	struct fixture *f = *state;
	struct request_id old, current;

	begin(f, 10);
	old = asked_find(f, 11);
	replay_restart(&f->replay, f->now_ms);
	current = asked_find(f, 11);
	assert_int_not_equal(old.generation, current.generation);
	assert_int_equal(send(f, event_found(old, 50, "ev.a", "x")),
			 REPLAY_WAIT);
	assert_int_equal(send(f, event_created(current)), REPLAY_WAIT);
	assert_int_equal(send(f, event_message(current, 50, 1, "ev.a", "x")),
			 REPLAY_WAIT);
	assert_int_equal(send(f, event_status(current, 1, 503)), REPLAY_WAIT);
	assert_int_equal(send(f, event_info(current, "x", 1, 5)), REPLAY_WAIT);
	fake_quiet(&f->src);
	/* Of the cursor before, too. */
	replay_end(&f->replay);
	begin(f, 10);
	assert_int_equal(send(f, event_found(current, 50, "ev.a", "x")),
			 REPLAY_WAIT);
	assert_int_equal(f->replay.phase, REPLAY_PROBE);
	asked_find(f, 11);
}

/* Twice the same answer: the second is late. */
static void answer_counts_once(void **state)
{
	struct fixture *f = *state;
	struct request_id request;

	begin(f, 10);
	request = asked_find(f, 11);
	send(f, event_found(request, 50, "ev.a", "x"));
	assert_int_equal(send(f, event_found(request, 50, "ev.a", "x")),
			 REPLAY_WAIT);
	assert_int_equal(check(f, 1, 200), REPLAY_HAS_DATA);
	take(f, "data: x\nid: 50-9f31c2\n\n");
}

static void answer_from_before_the_cursor_is_asked_again(void **state)
{
	struct fixture *f = *state;

	begin(f, 10);
	assert_int_equal(send(f,
			      event_found(asked_find(f, 11), 10, "ev.a", "x")),
			 REPLAY_WAIT);
	take(f, "");
	paused(f, 250);
	asked_find(f, 11);
}

/* ---- gaps ---------------------------------------------------------------- */

static void expired_under_the_cursor_is_a_gap(void **state)
{
	static const struct {
		uint64_t first;
		uint64_t found;
		enum replay_outcome outcome;
	} cases[] = {
		{11, 50, REPLAY_HAS_DATA}, {12, 50, REPLAY_GAP},
		{50, 50, REPLAY_GAP},	   {11, 0, REPLAY_JOINS},
		{12, 0, REPLAY_GAP},	   {201, 0, REPLAY_GAP},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct fixture *f = fresh(state);

		begin(f, 10);
		find(f, 11, cases[i].found);
		assert_int_equal(check(f, cases[i].first, 200),
				 cases[i].outcome);
		if (cases[i].outcome != REPLAY_GAP)
			continue;
		assert_int_equal(f->cursor.covered, 10);
		take(f, "");
		/* The gap is told, and it goes on behind it. */
		f->cursor.covered = f->cursor.sent = 49;
		replay_restart(&f->replay, f->now_ms);
		find(f, 50, 50);
	}
}

static void gap_under_the_consumer(void **state)
{
	struct fixture *f = *state;

	begin(f, 10);
	deliver_found(f, 11, 11);
	deliver_found(f, 12, 12);
	asked_create(f, 13);
	send(f, event_created(f->consumer));
	assert_int_equal(check(f, 14, 200), REPLAY_GAP);
	asked_forget(f);
	fake_quiet(&f->src);
}

/* The server refuses a consumer that is to be kept for longer (10153). */
static void limit_of_the_streams_consumers_is_kept(void **state)
{
	struct fixture *f = *state;

	f->state.max_inactive_ms = 4000;
	begin(f, 10);
	deliver_found(f, 11, 11);
	deliver_found(f, 12, 12);
	asked_create(f, 13);
}

/* ---- deliver=last -------------------------------------------------------- */

static struct request_id begin_last(struct fixture *f)
{
	const struct asked *a;

	f->cursor.state = CURSOR_WAITING;
	assert_int_equal(replay_begin(&f->replay, &f->cursor, f->now_ms), 0);
	a = fake_asked(&f->src, ASKED_LAST);
	assert_string_equal(a->subject, "ev.a");
	assert_int_equal(a->request.owner, SLOT);
	fake_quiet(&f->src);
	return a->request;
}

static void last_message_and_then_live(void **state)
{
	struct fixture *f = *state;
	struct request_id request = begin_last(f);

	assert_int_equal(send(f, event_found(request, 80, "ev.a", "x")),
			 REPLAY_WANT_INFO);
	/* What has expired before it is no gap. */
	assert_int_equal(check(f, 75, 200), REPLAY_STARTED);
	assert_int_equal(f->cursor.covered, 79);
	assert_int_equal(f->cursor.sent, 79);
	take(f, "data: x\nid: 80-9f31c2\n\n");
	assert_int_equal(step(f), REPLAY_JOINS);
	assert_int_equal(f->cursor.covered, FLOOR);
	fake_quiet(&f->src);
}

static void last_of_nothing_is_live(void **state)
{
	struct fixture *f = *state;
	struct request_id request = begin_last(f);

	assert_int_equal(send(f, event_error(JETSTREAM_FOUND, request,
					     JETSTREAM_ERR_NO_MESSAGE)),
			 REPLAY_WANT_INFO);
	assert_int_equal(check(f, 1, 200), REPLAY_STARTED);
	assert_int_equal(f->cursor.covered, FLOOR);
	assert_int_equal(f->cursor.sent, FLOOR);
	take(f, "");
	assert_int_equal(step(f), REPLAY_JOINS);
}

/* It is evidence only up to the head when it was asked. */
static void last_while_the_log_moves_on(void **state)
{
	struct fixture *f = *state;
	struct request_id request = begin_last(f);

	event_buffer_reset(f->buffer, 150);
	send(f, event_found(request, 80, "ev.a", "x"));
	assert_int_equal(check(f, 1, 200), REPLAY_STARTED);
	f->cursor.state = CURSOR_REPLAY;
	take(f, "data: x\nid: 80-9f31c2\n\n");
	assert_int_equal(step(f), REPLAY_WAIT);
	find(f, 101, 120);
	/* Now it is a replay as any other. */
	assert_int_equal(check(f, 102, 200), REPLAY_GAP);
}

/* What a leader that is behind takes for the newest may not be it. */
static void last_of_a_leader_behind_is_asked_again(void **state)
{
	struct fixture *f = *state;

	send(f, event_found(begin_last(f), 80, "ev.a", "x"));
	assert_int_equal(check(f, 1, FLOOR - 1), REPLAY_WAIT);
	doubts(f);
	send(f, event_found(fake_asked(&f->src, ASKED_LAST)->request, 90,
			    "ev.a", "y"));
	assert_int_equal(check(f, 1, FLOOR), REPLAY_STARTED);
	f->cursor.state = CURSOR_REPLAY;
	take(f, "data: y\nid: 90-9f31c2\n\n");
}

/* The newest of all, by two who agree: the first may have been another. */
static void clusters_last_is_asked_for_twice(void **state)
{
	struct fixture *f = *state;

	f->state.leader = CLUSTERS;
	send(f, event_found(begin_last(f), 80, "ev.a", "x"));
	assert_int_equal(followed(f, 200), REPLAY_WAIT);
	send(f, event_found(fake_asked(&f->src, ASKED_LAST)->request, 90,
			    "ev.a", "y"));
	assert_int_equal(followed(f, 200), REPLAY_STARTED);
	f->cursor.state = CURSOR_REPLAY;
	take(f, "data: y\nid: 90-9f31c2\n\n");
}

/* The first of them was the true leader's, or it was deleted since. */
static void newest_message_that_goes_back_is_doubt(void **state)
{
	struct fixture *f = *state;

	f->state.leader = CLUSTERS;
	send(f, event_found(begin_last(f), 80, "ev.a", "x"));
	followed(f, 200);
	send(f, event_found(fake_asked(&f->src, ASKED_LAST)->request, 70,
			    "ev.a", "y"));
	assert_int_equal(followed(f, 200), REPLAY_WAIT);
	doubts(f);
	for (int i = 0; i < 2; i++) {
		send(f, event_found(fake_asked(&f->src, ASKED_LAST)->request,
				    80, "ev.a", "x"));
		assert_int_equal(followed(f, 200),
				 i == 0 ? REPLAY_WAIT : REPLAY_STARTED);
	}
}

static void last_without_answer_asks_again(void **state)
{
	struct fixture *f = *state;
	struct request_id first = begin_last(f), second;

	f->now_ms += ANSWER_MS;
	replay_tick(&f->replay, f->now_ms);
	second = fake_asked(&f->src, ASKED_LAST)->request;
	assert_int_equal(send(f, event_found(first, 80, "ev.a", "x")),
			 REPLAY_WAIT);
	assert_int_equal(send(f, event_found(second, 80, "ev.a", "x")),
			 REPLAY_WANT_INFO);
}

/* ---- the consumer -------------------------------------------------------- */

static void consumer_after_two_probes(void **state)
{
	struct fixture *f = *state;

	pulling(f);
	assert_int_equal(f->metrics.value[METRIC_REPLAY_CONSUMERS], 1);
	assert_int_equal(message(f, 20), REPLAY_WAIT);
	assert_int_equal(message(f, 30), REPLAY_WAIT);
	take(f, ""); /* the pull is still open */
	assert_int_equal(step(f), REPLAY_WAIT);
	fake_quiet(&f->src);
	checked_pull(f);
	take(f, "data: m\nid: 20-9f31c2\n\ndata: m\nid: 30-9f31c2\n\n");
	assert_int_equal(f->cursor.sent, 30);
	assert_int_equal(f->cursor.covered, 30);
	assert_int_equal(f->cursor.events, 4);
}

/* A consumer says nothing of what was taken from under it: only the stream's
 * first sequence does. */
static void expired_under_a_pull_is_a_gap(void **state)
{
	static const struct {
		uint64_t first;
		enum replay_outcome then;
	} cases[] = {
		{13, REPLAY_HAS_DATA}, /* all between was deleted */
		{14, REPLAY_GAP},
		{40, REPLAY_GAP},
		{41, REPLAY_GAP},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct fixture *f = fresh(state);

		pulling(f);
		message(f, 40);
		send(f, event_status(f->consumer, f->pull_no, 404));
		assert_int_equal(check(f, cases[i].first, 2000), cases[i].then);
		if (cases[i].then == REPLAY_HAS_DATA) {
			take(f, "data: m\nid: 40-9f31c2\n\n");
			continue;
		}
		take(f, "");
		asked_forget(f);
		assert_int_equal(f->cursor.covered, 12);
	}
}

static void pulls_again_when_all_is_handed_out(void **state)
{
	struct fixture *f = *state;
	struct cursor_batch b;
	const uint8_t *rest;
	size_t rest_len;

	event_buffer_reset(f->buffer, 1000);
	pulling(f);
	for (uint64_t seq = 13; seq < 13 + BATCH; seq++) {
		assert_int_equal(message(f, seq), seq < 12 + BATCH
							  ? REPLAY_WAIT
							  : REPLAY_WANT_INFO);
		fake_quiet(&f->src);
	}
	/* More than was asked for is no one's. */
	assert_int_equal(send(f, event_message(f->consumer, 999, f->cseq + 1,
					       "ev.a", "m")),
			 REPLAY_WAIT);
	assert_int_equal(check(f, 1, 2000), REPLAY_HAS_DATA);
	while (f->cursor.sent < 12 + BATCH) {
		assert_int_equal(step(f), REPLAY_HAS_DATA);
		fake_quiet(&f->src);
		replay_gather(&f->replay, &b);
		replay_advance(&f->replay, &b, b.bytes, &rest, &rest_len);
	}
	assert_int_equal(step(f), REPLAY_WAIT);
	asked_pull(f, BATCH, 128 * 1024);
	assert_int_equal(message(f, 400), REPLAY_WAIT);
}

static void what_is_not_above_the_cursor_is_dropped(void **state)
{
	struct fixture *f = *state;

	pulling(f);
	message(f, 11);
	message(f, 12);
	message(f, 13);
	checked_pull(f);
	take(f, "data: m\nid: 13-9f31c2\n\n");
}

enum then { NOTHING, PROBES, PROBES_ANEW, PROBES_AND_FORGETS, PULLS_ONE };

/* Two messages of the pull have come; anew is without them. */
static void status_means(void **state)
{
	enum { LEFT = BATCH - 2 };
	static const struct {
		const char *what;
		struct jetstream_status status;
		enum then then;
	} cases[] = {
		{"heartbeat", {.code = 100}, NOTHING},
		{"no messages", {.code = 404}, PROBES},
		{"expired",
		 {.code = 408, .has_pending = true, .pending_msgs = LEFT},
		 PROBES},
		{"expired: one is missing",
		 {.code = 408, .has_pending = true, .pending_msgs = LEFT - 1},
		 PROBES_AND_FORGETS},
		{"leader changed",
		 {.code = 409, .has_pending = true, .pending_msgs = LEFT},
		 PROBES},
		{"consumer deleted",
		 {.code = 409, .consumer_gone = true},
		 PROBES_ANEW},
		{"no responders", {.code = 503}, PROBES_AND_FORGETS},
		{"refused, something has come",
		 {.code = 409, .has_pending = true, .pending_msgs = LEFT},
		 PROBES},
		{"bad request", {.code = 400}, PROBES_AND_FORGETS},
		{"too big",
		 {.code = 409,
		  .too_big = true,
		  .has_pending = true,
		  .pending_msgs = LEFT},
		 PULLS_ONE},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct fixture *f = fresh(state);
		struct jetstream_event ev;
		bool kept;

		pulling(f);
		message(f, 20);
		message(f, 30);
		ev = event_status(f->consumer, f->pull_no, 0);
		ev.status = cases[i].status;
		ev.status.number = f->pull_no;
		send(f, ev);
		kept = cases[i].then == PROBES || cases[i].then == PULLS_ONE;
		assert_int_equal(replay_awaits_check(&f->replay), kept);
		if (kept)
			check(f, 1, 2000);
		take(f, kept ? "data: m\nid: 20-9f31c2\n\n"
			       "data: m\nid: 30-9f31c2\n\n"
			     : "");
		step(f);
		if ((cases[i].then == NOTHING) != (fake_waiting(&f->src) == 0))
			fail_msg("%s", cases[i].what);
		if (cases[i].then == PROBES_AND_FORGETS)
			asked_forget(f);
		if (cases[i].then == PULLS_ONE)
			asked_pull(f, 1, 0);
		else if (cases[i].then != NOTHING)
			asked_find(f, kept ? 31 : 13);
		/* In no case is it evidence. */
		assert_int_equal(f->cursor.covered, kept ? 30 : 12);
	}
}

static void status_of_another_pull_means_nothing(void **state)
{
	struct fixture *f = *state;

	pulling(f);
	assert_int_equal(send(f, event_pending(f->consumer, f->pull_no + 1, 408,
					       3)),
			 REPLAY_WAIT);
	assert_int_equal(send(f, event_status((struct request_id){SLOT, 1},
					      f->pull_no, 503)),
			 REPLAY_WAIT);
	fake_quiet(&f->src);
	assert_int_equal(message(f, 13), REPLAY_WAIT);
}

/* What has come is handed out before it asks what is left. */
static void end_of_a_pull_waits_for_the_queue(void **state)
{
	struct fixture *f = *state;

	pulling(f);
	message(f, 20);
	checked_pull(f);
	assert_int_equal(step(f), REPLAY_HAS_DATA);
	fake_quiet(&f->src);
	take(f, "data: m\nid: 20-9f31c2\n\n");
	assert_int_equal(step(f), REPLAY_WAIT);
	find(f, 21, 40);
	assert_int_equal(check(f, 1, 200), REPLAY_HAS_DATA);
	take(f, "data: found\nid: 40-9f31c2\n\n");
	/* There was more: the consumer goes on, and brings that one, too. */
	assert_int_equal(step(f), REPLAY_WAIT);
	asked_pull(f, BATCH, 128 * 1024);
	message(f, 40);
	message(f, 41);
	checked_pull(f);
	take(f, "data: m\nid: 41-9f31c2\n\n");
	assert_int_equal(step(f), REPLAY_WAIT);
	find(f, 42, 0);
	assert_int_equal(check(f, 1, 200), REPLAY_JOINS);
	replay_end(&f->replay);
	asked_forget(f);
}

static void big_message_comes_alone(void **state)
{
	struct fixture *f = *state;
	struct jetstream_event ev;

	pulling(f);
	ev = event_pending(f->consumer, f->pull_no, 409, BATCH);
	ev.status.too_big = true;
	assert_int_equal(send(f, ev), REPLAY_HAS_DATA);
	assert_int_equal(step(f), REPLAY_WAIT);
	asked_pull(f, 1, 0);
	assert_int_equal(message(f, 13), REPLAY_WANT_INFO);
	assert_int_equal(check(f, 1, 2000), REPLAY_HAS_DATA);
	take(f, "data: m\nid: 13-9f31c2\n\n");
	assert_int_equal(step(f), REPLAY_WAIT);
	asked_pull(f, BATCH, 128 * 1024);
}

/* Whatever the server was asked for: nothing of it goes out. */
static void message_of_another_subject_is_dropped(void **state)
{
	struct fixture *f = *state;

	begin(f, 10);
	assert_int_equal(send(f, event_found(asked_find(f, 11), 11, "ev.b",
					     "secret")),
			 REPLAY_WAIT);
	take(f, "");
	paused(f, 250);
	asked_find(f, 11);

	f = fresh(state);
	pulling(f);
	message(f, 20);
	send(f, event_message(f->consumer, 30, ++f->cseq, "ev.b", "secret"));
	take(f, "");
	asked_forget(f);
	deliver_found(f, 13, 20);
	deliver_found(f, 21, 30);
	asked_find(f, 31); /* no consumer for a while */
}

/* A limit of the server's below what is asked for: less is asked for. */
static void pull_that_is_too_much_is_made_smaller(void **state)
{
	struct fixture *f = *state;
	uint32_t batch = BATCH;
	uint64_t bytes = 128 * 1024;

	pulling(f);
	while (batch > 1) {
		assert_int_equal(send(f, event_status(f->consumer, f->pull_no,
						      409)),
				 REPLAY_HAS_DATA);
		assert_int_equal(step(f), REPLAY_WAIT);
		batch /= 2;
		bytes /= 2;
		asked_pull(f, batch, bytes);
	}
	/* It is not for that. */
	send(f, event_status(f->consumer, f->pull_no, 409));
	asked_forget(f);
	asked_find(f, 13);
}

/* Each pull is refused, and each consumer is given up for it: that must not go
 * on at the speed of the line. */
static void refused_pulls_are_not_repeated_at_once(void **state)
{
	static const int codes[] = {400, 503};
	static const uint64_t pauses_ms[] = {1000, 2000, 4000, 8000, 10000};

	for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
		struct fixture *f = fresh(state);
		uint64_t seq = 13;

		event_buffer_reset(f->buffer, 1000);
		pulling(f);
		for (size_t k = 0; k < ARRAY_LEN(pauses_ms); k++) {
			send(f,
			     event_status(f->consumer, f->pull_no, codes[i]));
			asked_forget(f);
			for (int n = 0; n < 3; n++, seq++)
				deliver_found(f, seq, seq);
			f->now_ms += pauses_ms[k] - 1;
			deliver_found(f, seq, seq);
			seq++;
			f->now_ms++;
			deliver_found(f, seq, seq);
			seq++;
			asked_create(f, seq);
			send(f, event_created(f->consumer));
			check(f, 1, 2000);
			asked_pull(f, BATCH, 128 * 1024);
		}
		/* One that brings something, and it was the last refusal. */
		message(f, seq);
		checked_pull(f);
		replay_yield(&f->replay);
		assert_int_equal(f->replay.phase, REPLAY_PULLED);
	}
}

static void lost_message_begins_with_a_probe(void **state)
{
	static const uint64_t wrong[] = {0, 1, 3, UINT64_MAX};

	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		struct fixture *f = fresh(state);
		struct request_id old;

		pulling(f);
		message(f, 20);
		old = f->consumer;
		assert_int_equal(send(f, event_message(old, 40, wrong[i],
						       "ev.a", "m")),
				 REPLAY_WAIT);
		asked_forget(f);
		take(f, ""); /* what waited to be sent is dropped */
		assert_int_equal(fake_waiting(&f->src), 1);
		assert_int_equal(send(f,
				      event_message(old, 30, 2, "ev.a", "m")),
				 REPLAY_WAIT);
		/* Another consumer counts from its own beginning. */
		deliver_found(f, 13, 20);
		deliver_found(f, 21, 21);
		asked_create(f, 22);
		send(f, event_created(f->consumer));
		check(f, 1, 2000);
		asked_pull(f, BATCH, 128 * 1024);
		assert_int_equal(message(f, 22), REPLAY_WAIT);
	}
}

static void refused_consumer_leaves_the_probes(void **state)
{
	struct fixture *f = *state;

	begin(f, 10);
	deliver_found(f, 11, 11);
	deliver_found(f, 12, 12);
	asked_create(f, 13);
	assert_int_equal(send(f, event_error(JETSTREAM_CREATED, f->consumer,
					     JETSTREAM_ERR_MAX_CONSUMERS)),
			 REPLAY_WAIT);
	for (uint64_t seq = 13; seq < 20; seq++)
		deliver_found(f, seq, seq);
	find(f, 20, 0);
	assert_int_equal(check(f, 1, 200), REPLAY_JOINS);
	assert_int_equal(f->metrics.value[METRIC_ERRORS_CREATE], 1);
	replay_end(&f->replay);
	fake_quiet(&f->src); /* nothing to forget */
	/* The next replay may be luckier. */
	begin(f, 10);
	deliver_found(f, 11, 11);
	deliver_found(f, 12, 12);
	asked_create(f, 13);
}

/* A moment without a leader must not make it go message by message to its
 * end; and more of them than the queue holds come without a stop. */
static void refused_consumer_is_tried_again(void **state)
{
	struct fixture *f = *state;
	uint64_t seq = 13;

	event_buffer_reset(f->buffer, 1000);
	begin(f, 10);
	deliver_found(f, 11, 11);
	deliver_found(f, 12, 12);
	asked_create(f, 13);
	send(f, event_error(JETSTREAM_CREATED, f->consumer, 10008));
	for (int i = 0; i < 3 * BATCH; i++, seq++)
		deliver_found(f, seq, seq);
	f->now_ms += 1000;
	deliver_found(f, seq, seq);
	asked_create(f, seq + 1);
	assert_int_equal(send(f, event_created(f->consumer)), REPLAY_WANT_INFO);
}

static void pending_consumer_check_with_a_leader_behind(void **state)
{
	struct fixture *f = *state;

	begin(f, 10);
	deliver_found(f, 11, 11);
	deliver_found(f, 12, 12);
	asked_create(f, 13);
	send(f, event_created(f->consumer));
	assert_int_equal(check(f, 1, FLOOR - 1), REPLAY_WAIT);
	asked_forget(f);
	doubts(f);
	find(f, 13, 0);
	assert_int_equal(check(f, 1, FLOOR), REPLAY_JOINS);
}

static void late_creation_is_nobodys(void **state)
{
	struct fixture *f = *state;
	struct request_id first;

	begin(f, 10);
	deliver_found(f, 11, 11);
	deliver_found(f, 12, 12);
	asked_create(f, 13);
	first = f->consumer;
	f->now_ms += ANSWER_MS;
	replay_tick(&f->replay, f->now_ms);
	asked_forget(f);
	deliver_found(f, 13, 13);
	deliver_found(f, 14, 14);
	asked_create(f, 15);
	assert_int_equal(send(f, event_created(first)), REPLAY_WAIT);
	assert_int_equal(send(f, event_created(f->consumer)), REPLAY_WANT_INFO);
}

/* The log moved on under the last probe: another, not a pull. */
static void nothing_left_and_not_there_yet(void **state)
{
	struct fixture *f = *state;

	pulling(f);
	send(f, event_status(f->consumer, f->pull_no, 404));
	assert_int_equal(step(f), REPLAY_WAIT);
	event_buffer_reset(f->buffer, 150);
	find(f, 13, 0);
	assert_int_equal(check(f, 1, 200), REPLAY_WAIT);
	find(f, 101, 0);
	assert_int_equal(check(f, 1, 200), REPLAY_JOINS);
}

/* ---- time-outs ----------------------------------------------------------- */

static void to_probe(struct fixture *f)
{
	begin(f, 12);
	asked_find(f, 13);
}

static void to_check(struct fixture *f)
{
	begin(f, 12);
	find(f, 13, 50);
}

static void to_deliver(struct fixture *f)
{
	to_check(f);
	check(f, 1, 200);
}

static void to_create(struct fixture *f)
{
	begin(f, 10);
	deliver_found(f, 11, 11);
	deliver_found(f, 12, 12);
	asked_create(f, 13);
}

static void to_check_consumer(struct fixture *f)
{
	to_create(f);
	send(f, event_created(f->consumer));
}

static void to_pull_end(struct fixture *f)
{
	pulling(f);
	message(f, 20);
	send(f, event_status(f->consumer, f->pull_no, 404));
}

static void to_checked_pull(struct fixture *f)
{
	to_pull_end(f);
	check(f, 1, 2000);
}

static void every_phase_that_waits_has_a_time_out(void **state)
{
	static const struct {
		void (*to)(struct fixture *f);
		bool waits, has_consumer;
	} cases[] = {
		{to_probe, true, false},	 {to_check, true, false},
		{to_deliver, false, false},	 {to_create, true, true},
		{to_check_consumer, true, true}, {pulling, true, true},
		{to_pull_end, true, true},	 {to_checked_pull, false, true},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct fixture *f = fresh(state);

		cases[i].to(f);
		f->now_ms += ANSWER_MS - 1;
		replay_tick(&f->replay, f->now_ms);
		fake_quiet(&f->src);
		f->now_ms++;
		/* With the socket blocked, nothing can be asked for. */
		f->cursor.blocked = true;
		replay_tick(&f->replay, f->now_ms);
		fake_quiet(&f->src);
		f->cursor.blocked = false;
		replay_tick(&f->replay, f->now_ms);
		if (cases[i].waits && cases[i].has_consumer)
			asked_forget(f);
		if (cases[i].waits)
			asked_find(f, 13);
		fake_quiet(&f->src);
	}
}

static void each_message_gives_a_pull_more_time(void **state)
{
	struct fixture *f = *state;

	pulling(f);
	for (uint64_t seq = 13; seq < 18; seq++) {
		f->now_ms += ANSWER_MS - 1;
		replay_tick(&f->replay, f->now_ms);
		message(f, seq);
	}
	fake_quiet(&f->src);
}

/* ---- the socket ---------------------------------------------------------- */

static void check_cut(void **state, bool chunked, size_t written)
{
	struct fixture *f = fresh(state);
	struct cursor_batch b;
	struct bytes all = {0};
	const uint8_t *rest = NULL;
	size_t rest_len, one, whole;

	pulling(f);
	f->cursor.chunked = chunked;
	for (uint64_t seq = 20; seq < 25; seq++)
		message(f, seq);
	checked_pull(f);
	replay_gather(&f->replay, &b);
	for (int i = 1; i <= b.n; i++)
		bytes_add(&all, b.iov[i].iov_base, b.iov[i].iov_len);
	one = all.len / 5;
	/* All that was begun, or else the next one, is handed out. */
	whole = written == all.len ? 5 : written / one + 1;
	replay_advance(&f->replay, &b, written, &rest, &rest_len);
	assert_int_equal(rest_len, whole * one - written);
	if (rest_len > 0)
		assert_memory_equal(rest, all.at + written, rest_len);
	assert_int_equal(f->cursor.sent, 19 + whole);
	assert_int_equal(f->cursor.covered, 19 + whole);
	replay_gather(&f->replay, &b);
	assert_int_equal(b.bytes, all.len - whole * one);
	bytes_free(&all);
}

static void every_cut_is_taken_up(void **state)
{
	size_t bare = strlen("data: m\nid: 20-9f31c2\n\n");

	for (size_t n = 0; n <= 5 * bare; n++)
		check_cut(state, false, n);
	for (size_t n = 0; n <= 5 * (bare + strlen("17\r\n\r\n")); n++)
		check_cut(state, true, n);
}

static void chunks_are_as_in_the_log(void **state)
{
	struct fixture *f = *state;

	f->cursor.chunked = true;
	begin(f, 10);
	find(f, 11, 50);
	check(f, 1, 200);
	take(f, "1b\r\ndata: found\nid: 50-9f31c2\n\n\r\n");
}

/* ---- the end ------------------------------------------------------------- */

static void ends_in_every_phase(void **state)
{
	static const struct {
		void (*to)(struct fixture *f);
		bool has_consumer;
	} cases[] = {
		{to_probe, false},	   {to_check, false},
		{to_deliver, false},	   {to_create, true},
		{to_check_consumer, true}, {pulling, true},
		{to_pull_end, true},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct fixture *f = fresh(state);

		cases[i].to(f);
		replay_end(&f->replay);
		assert_null(f->cursor.replay);
		assert_int_equal(f->replay.phase, REPLAY_IDLE);
		if (cases[i].has_consumer)
			asked_forget(f);
		replay_end(&f->replay);
		replay_tick(&f->replay, f->now_ms + 1000000);
		fake_quiet(&f->src);
		/* What was not handed out is not kept for the next. */
		begin(f, 30);
		take(f, "");
		find(f, 31, 31);
		check(f, 1, 200);
		take(f, "data: found\nid: 31-9f31c2\n\n");
	}
}

/* One that fell off comes back with room to spare. */
static void fell_off_joins_at_the_quarter(void **state)
{
	struct fixture *f = *state;

	for (uint64_t seq = 101; seq <= 140; seq++) {
		struct sse_frame sse;

		sse_measure(&sse, "x", 1, seq, &tag);
		event_buffer_append(f->buffer, "ev.b", 4, &sse, 0);
	}
	f->cursor.evicted = true;
	begin(f, 10);
	find(f, 11, 110);
	check(f, 1, 200);
	take(f, "data: found\nid: 110-9f31c2\n\n");
	assert_int_equal(step(f), REPLAY_WAIT);
	find(f, 111, 111);
	check(f, 1, 200);
	take(f, "data: found\nid: 111-9f31c2\n\n");
	assert_int_equal(step(f), REPLAY_JOINS);
}

/* ---- turns --------------------------------------------------------------- */

static void waits_for_its_turn(void **state)
{
	struct fixture *f = *state;
	struct permit other = {.limiter = NULL};

	assert_true(permit_acquire(&f->limiters.asks, &other));
	begin(f, 10);
	f->now_ms += 10L * ANSWER_MS;
	replay_tick(&f->replay, f->now_ms);
	fake_quiet(&f->src);
	assert_int_equal(replay_step(&f->replay, f->now_ms), REPLAY_WAIT);
	assert_null(limiter_next(&f->limiters.asks));
	permit_release(&other);
	assert_ptr_equal(limiter_next(&f->limiters.asks), &f->replay.permit);
	replay_on_permit(&f->replay, f->now_ms);
	asked_find(f, 11);
	/* The time of waiting is not the server's. */
	replay_tick(&f->replay, f->now_ms + ANSWER_MS - 1);
	fake_quiet(&f->src);
}

static void ends_while_it_waits(void **state)
{
	struct fixture *f = *state;
	struct permit other = {.limiter = NULL};

	assert_true(permit_acquire(&f->limiters.asks, &other));
	begin(f, 10);
	replay_end(&f->replay);
	permit_release(&other);
	assert_null(limiter_next(&f->limiters.asks));
	fake_quiet(&f->src);
}

/* All that was asked for comes, and is handed out. */
static void full_pull(struct fixture *f)
{
	uint64_t first = f->cursor.sent + 1, last = f->cursor.sent + BATCH;
	struct cursor_batch b;
	const uint8_t *rest;
	size_t rest_len;

	for (uint64_t seq = first; seq <= last; seq++)
		message(f, seq);
	assert_int_equal(check(f, 1, 20000), REPLAY_HAS_DATA);
	while (f->cursor.sent < last) {
		replay_gather(&f->replay, &b);
		assert_true(b.bytes > 0);
		replay_advance(&f->replay, &b, b.bytes, &rest, &rest_len);
	}
	assert_int_equal(step(f), REPLAY_WAIT);
}

static void pulls(struct fixture *f, int n)
{
	for (int i = 0; i < n; i++) {
		full_pull(f);
		asked_pull(f, BATCH, 128 * 1024);
	}
}

/* Who has much to catch up on does not hold up those who have little. */
static void consumer_is_given_up_after_so_many_pulls(void **state)
{
	enum { PULLS = 16 };
	struct fixture *f = *state;
	struct permit other = {.limiter = NULL};

	pulling(f);
	event_buffer_reset(f->buffer, 10000);
	assert_false(permit_acquire(&f->limiters.consumers, &other));
	pulls(f, PULLS - 1);
	full_pull(f);
	asked_forget(f);
	fake_quiet(&f->src);
	assert_ptr_equal(limiter_next(&f->limiters.consumers), &other);
	assert_null(limiter_next(&f->limiters.consumers));
	permit_release(&other);
	assert_ptr_equal(limiter_next(&f->limiters.consumers),
			 &f->replay.permit);
	/* The next one counts from its own first. */
	assert_false(permit_acquire(&f->limiters.consumers, &other));
	replay_on_permit(&f->replay, f->now_ms);
	asked_create(f, f->cursor.sent + 1);
	send(f, event_created(f->consumer));
	check(f, 1, 20000);
	asked_pull(f, BATCH, 128 * 1024);
	pulls(f, PULLS - 1);
	permit_release(&other);
}

static void consumer_is_kept_while_nobody_waits(void **state)
{
	struct fixture *f = *state;

	pulling(f);
	event_buffer_reset(f->buffer, 10000);
	pulls(f, 40);
}

/* Its pull is over, so nothing is lost with it; what has come is handed out. */
static void blocked_one_gives_its_consumer_away(void **state)
{
	struct fixture *f = *state;
	struct permit other = {.limiter = NULL};

	pulling(f);
	message(f, 20);
	checked_pull(f);
	replay_yield(&f->replay); /* nobody wants it */
	fake_quiet(&f->src);
	assert_false(permit_acquire(&f->limiters.consumers, &other));
	replay_yield(&f->replay);
	asked_forget(f);
	assert_ptr_equal(limiter_next(&f->limiters.consumers), &other);
	take(f, "data: m\nid: 20-9f31c2\n\n");
	assert_int_equal(step(f), REPLAY_WAIT);
	asked_find(f, 21);
	permit_release(&other);

	f = fresh(state);
	pulling(f);
	assert_false(permit_acquire(&f->limiters.consumers, &other));
	replay_yield(&f->replay); /* it is being served */
	fake_quiet(&f->src);
	permit_release(&other);
}

static void no_answer_makes_turns_fewer(void **state)
{
	struct fixture *f = *state;

	limiter_init(&f->limiters.asks, 8);
	begin(f, 10);
	asked_find(f, 11);
	f->now_ms += ANSWER_MS;
	replay_tick(&f->replay, f->now_ms);
	assert_int_equal(f->limiters.asks.limit, 4);
	assert_int_equal(f->limiters.asks.in_use, 1);
	asked_find(f, 11);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(nothing_left_joins_without_a_consumer),
		TEST(limit_of_the_streams_consumers_is_kept),
		TEST(head_counts_as_it_was_at_sending),
		TEST(leader_behind_is_probed_again),
		TEST(another_leader_is_probed_again),
		TEST(clusters_no_is_asked_for_twice),
		TEST(word_that_all_follow_does_not_last),
		TEST(second_question_is_later_where_a_replica_is_silent),
		TEST(second_answer_that_differs_is_doubt),
		TEST(what_was_told_is_not_taken_back),
		TEST(clusters_message_is_believed),
		TEST(evidence_goes_no_further_than_the_leaders_word),
		TEST(single_servers_no_goes_as_far_as_the_log),
		TEST(leader_before_the_floor_is_probed_later),
		TEST(found_message_waits_for_its_check),
		TEST(found_message_beyond_the_floor_joins),
		TEST(only_answers_are_round_trips),
		TEST(patience_of_an_earlier_time),
		TEST(errors_and_silence_ask_again),
		TEST(message_of_another_subject_is_dropped),
		TEST(stale_answers_are_nobodys),
		TEST(answer_counts_once),
		TEST(answer_from_before_the_cursor_is_asked_again),
		TEST(expired_under_the_cursor_is_a_gap),
		TEST(gap_under_the_consumer),
		TEST(last_message_and_then_live),
		TEST(last_of_nothing_is_live),
		TEST(last_while_the_log_moves_on),
		TEST(last_of_a_leader_behind_is_asked_again),
		TEST(clusters_last_is_asked_for_twice),
		TEST(newest_message_that_goes_back_is_doubt),
		TEST(last_without_answer_asks_again),
		TEST(consumer_after_two_probes),
		TEST(expired_under_a_pull_is_a_gap),
		TEST(pulls_again_when_all_is_handed_out),
		TEST(what_is_not_above_the_cursor_is_dropped),
		TEST(status_means),
		TEST(status_of_another_pull_means_nothing),
		TEST(end_of_a_pull_waits_for_the_queue),
		TEST(big_message_comes_alone),
		TEST(pull_that_is_too_much_is_made_smaller),
		TEST(refused_pulls_are_not_repeated_at_once),
		TEST(lost_message_begins_with_a_probe),
		TEST(refused_consumer_leaves_the_probes),
		TEST(refused_consumer_is_tried_again),
		TEST(pending_consumer_check_with_a_leader_behind),
		TEST(late_creation_is_nobodys),
		TEST(nothing_left_and_not_there_yet),
		TEST(every_phase_that_waits_has_a_time_out),
		TEST(each_message_gives_a_pull_more_time),
		TEST(every_cut_is_taken_up),
		TEST(chunks_are_as_in_the_log),
		TEST(ends_in_every_phase),
		TEST(fell_off_joins_at_the_quarter),
		TEST(waits_for_its_turn),
		TEST(ends_while_it_waits),
		TEST(consumer_is_given_up_after_so_many_pulls),
		TEST(consumer_is_kept_while_nobody_waits),
		TEST(blocked_one_gives_its_consumer_away),
		TEST(no_answer_makes_turns_fewer),
	};
#undef TEST

	return cmocka_run_group_tests_name("replay", tests, NULL, NULL);
}
