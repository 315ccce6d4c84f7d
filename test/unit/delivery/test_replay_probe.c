/* A replay's questions to the leader: what each answer proves, when it is asked
 * for again, gaps that the check finds, and deliver=last. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/check.h"
#include "replay_rig.h"

/* ---- probes -------------------------------------------------------------- */

static void nothing_left_joins_without_a_consumer(void **state)
{
	struct fixture *f = *state;

	begin_replay(f, 10);
	answer_probe(f, 11, 0);
	assert_int_equal(f->replay.covered, 10); /* not before the check */
	assert_int_equal(check_info(f, 1, 200), REPLAY_JOINS);
	assert_int_equal(f->replay.covered, FLOOR);
	assert_int_equal(f->replay.sent, 10);
	replay_end(&f->replay);
	expect_no_request(&f->src);
	assert_int_equal(f->metrics.value[METRIC_REPLAYS], 1);
	assert_int_equal(f->metrics.value[METRIC_REPLAY_CONSUMERS], 0);
}

/* The leader's "no message" counts up to the last sequence when it was asked,
 * not when it answered. */
static void last_seq_counts_as_it_was_at_sending(void **state)
{
	struct fixture *f = *state;

	begin_replay(f, 10);
	event_buffer_reset(f->buffer, 150);
	answer_probe(f, 11, 0);
	event_buffer_reset(f->buffer, 160);
	assert_int_equal(check_info(f, 1, 200), REPLAY_WAIT);
	assert_int_equal(f->replay.covered, FLOOR);
	answer_probe(f, 101, 0);
	assert_int_equal(check_info(f, 1, 200), REPLAY_JOINS);
	assert_int_equal(f->replay.covered, 160);
}

/* The server that answers lacks what the buffer has, and may have lacked it
 * when it answered the probe: no evidence, even if it has it by now. */
static void leader_behind_is_probed_again(void **state)
{
	struct fixture *f = *state;

	begin_replay(f, 10);
	answer_probe(f, 11, 0);
	assert_int_equal(check_info(f, 1, FLOOR - 1), REPLAY_WAIT);
	assert_int_equal(f->replay.covered, 10);
	assert_recheck(f);
	answer_probe(f, 11, 0);
	assert_int_equal(check_info(f, 50, FLOOR - 1), REPLAY_WAIT);
	assert_recheck(f);
	answer_probe(f, 11, 0);
	assert_int_equal(check_info(f, 1, FLOOR), REPLAY_JOINS);
}

/* The server that answered the probe may have been behind the previous leader,
 * and have caught up since. */
static void another_leader_is_probed_again(void **state)
{
	struct fixture *f = *state;

	begin_replay(f, 10);
	answer_probe(f, 11, 0);
	assert_int_equal(check_info_of(f, CLUSTERS, 1, 200), REPLAY_WAIT);
	assert_int_equal(f->replay.covered, 10);
	f->state.leader = CLUSTERS;
	assert_recheck(f);
	answer_probe(f, 11, 0);
	assert_int_equal(check_followed(f, 200), REPLAY_WAIT);
	answer_probe(f, 11, 0);
	assert_int_equal(check_followed(f, 200), REPLAY_JOINS);
}

/* "No message" names no server. In a cluster it is asked for twice, and no
 * other server may have answered for the leader in between. */
static void clusters_no_is_asked_for_twice(void **state)
{
	struct fixture *f = *state;

	f->state.leader = CLUSTERS;
	begin_replay(f, 10);
	answer_probe(f, 11, 0);
	assert_int_equal(check_followed(f, 200), REPLAY_WAIT);
	assert_int_equal(f->replay.covered, 10);
	replay_invalidate(&f->replay); /* before the answer: it may be theirs */
	answer_probe(f, 11, 0);
	assert_int_equal(check_followed(f, 200), REPLAY_WAIT);
	assert_int_equal(f->replay.covered, 10);
	answer_probe(f, 11, 0);
	assert_int_equal(check_followed(f, 200), REPLAY_JOINS);
	assert_int_equal(f->replay.covered, FLOOR);
}

/* Some seconds later there may be another leader: the answer is too old. */
static void answer_that_all_follow_does_not_last(void **state)
{
	struct fixture *f = *state;

	f->state.leader = CLUSTERS;
	begin_replay(f, 10);
	answer_probe(f, 11, 0);
	assert_int_equal(check_followed(f, 200), REPLAY_WAIT);
	answer_probe(f, 11, 0);
	f->now_ms += FOLLOWED_MS + 1;
	assert_int_equal(check_followed(f, 200), REPLAY_WAIT);
	f->now_ms += OTHER_LEADER_MS;
	replay_tick(&f->replay, f->now_ms);
	answer_probe(f, 11, 0);
	assert_int_equal(check_followed(f, 200), REPLAY_JOINS);
}

/* One replica has not answered the leader: it may believe to be one. Then the
 * second question comes when it no longer does, and messages stored between the
 * two are not covered. */
static void second_question_is_later_where_a_replica_is_silent(void **state)
{
	struct fixture *f = *state;

	f->state.leader = CLUSTERS;
	begin_replay(f, 10);
	answer_probe(f, 11, 0);
	assert_int_equal(check_info_of(f, CLUSTERS, 1, 200), REPLAY_WAIT);
	f->now_ms += OTHER_LEADER_MS - 1;
	replay_tick(&f->replay, f->now_ms);
	expect_no_request(&f->src);
	event_buffer_reset(f->buffer, 150);
	f->now_ms++;
	replay_tick(&f->replay, f->now_ms);
	answer_probe(f, 11, 0);
	assert_int_equal(check_followed(f, 200), REPLAY_WAIT);
	assert_int_equal(f->replay.covered, FLOOR);
	answer_probe(f, 101, 0);
	assert_int_equal(check_followed(f, 200), REPLAY_WAIT);
	answer_probe(f, 101, 0);
	assert_int_equal(check_followed(f, 200), REPLAY_JOINS);
	assert_int_equal(f->replay.covered, 150);
}

/* Two servers answer one question, each for itself: whichever answer came
 * first, and whatever was asked since. */
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
			begin_replay(f, 10);
			request = expect_request(&f->src, REQUEST_GET_NEXT)
					  ->request;
			f->src.read--; /* answer_probe() looks at it as well */
			answer_probe(f, 11, answers[i][0]);
			if (later > 0)
				check_followed(f, 200);
			if (later > 1 && answers[i][0] == 0) {
				answer_probe(f, 11, 0);
				check_followed(f, 200);
				assert_int_equal(f->replay.covered, 120);
			}
			other = event_found(request, answers[i][1], "ev.a",
					    "x");
			if (answers[i][1] == 0)
				other = event_error(JETSTREAM_FOUND, request,
						    JETSTREAM_ERR_NO_MESSAGE);
			while (requests_unread(&f->src) > 0)
				f->src.read++;
			send_event(f, other);
			assert_int_equal(f->replay.phase, REPLAY_PAUSE);
			assert_int_equal(f->replay.covered, 10);
			take_frames(f, "");
			f->now_ms += RECHECK_MS;
			replay_tick(&f->replay, f->now_ms);
			answer_probe(f, 11, 15);
			check_followed(f, 200);
			take_frames(f, "data: found\nid: 15-9f31c2\n\n");
		}
	}
}

/* A ping may have named the position: then it stands. */
static void what_was_reported_is_not_taken_back(void **state)
{
	struct fixture *f = *state;
	struct request_id request;

	event_buffer_reset(f->buffer, 150);
	f->state = (struct stream_state){.leader = CLUSTERS, .last_seq = 120};
	begin_replay(f, 10);
	answer_probe(f, 11, 0);
	check_followed(f, 200);
	request = expect_request(&f->src, REQUEST_GET_NEXT)->request;
	f->src.read--;
	answer_probe(f, 11, 0);
	check_followed(f, 200);
	assert_int_equal(f->replay.covered, 120);
	replay_commit(&f->replay);
	send_event(f, event_found(request, 15, "ev.a", "x"));
	assert_int_equal(f->replay.phase, REPLAY_PAUSE);
	assert_int_equal(f->replay.covered, 120);
}

/* A message that is found exists, whatever server returns it, and proves
 * nothing about later ones. */
static void clusters_message_is_believed(void **state)
{
	struct fixture *f = *state;

	f->state.leader = CLUSTERS;
	begin_replay(f, 10);
	answer_probe(f, 11, 0);
	assert_int_equal(check_followed(f, 200), REPLAY_WAIT);
	answer_probe(f, 11, 20);
	assert_int_equal(check_followed(f, 200), REPLAY_HAS_DATA);
	take_frames(f, "data: found\nid: 20-9f31c2\n\n");
	assert_int_equal(step_replay(f), REPLAY_WAIT);
	answer_probe(f, 21, 0);
	assert_int_equal(check_followed(f, 200), REPLAY_WAIT);
	assert_int_equal(f->replay.covered, 20);
	answer_probe(f, 21, 0);
	assert_int_equal(check_followed(f, 200), REPLAY_JOINS);
}

/* "No message" counts as far as the leader's own last sequence was known. */
static void evidence_goes_no_further_than_the_leaders_state(void **state)
{
	struct fixture *f = *state;

	f->state = (struct stream_state){.leader = CLUSTERS, .last_seq = 60};
	begin_replay(f, 10);
	answer_probe(f, 11, 0);
	assert_int_equal(check_followed(f, 200), REPLAY_WAIT);
	answer_probe(f, 11, 0);
	f->state.last_seq = 200;
	assert_int_equal(check_followed(f, 200), REPLAY_WAIT);
	assert_int_equal(f->replay.covered, 60);
	answer_probe(f, 61, 0);
	assert_int_equal(check_followed(f, 200), REPLAY_WAIT);
	answer_probe(f, 61, 0);
	assert_int_equal(check_followed(f, 200), REPLAY_JOINS);
}

/* A single server cannot be behind; its last answer may be an hour old. */
static void single_servers_no_goes_as_far_as_the_buffer(void **state)
{
	struct fixture *f = *state;

	f->state.last_seq = 60;
	begin_replay(f, 10);
	answer_probe(f, 11, 0);
	assert_int_equal(check_info(f, 1, 200), REPLAY_JOINS);
	assert_int_equal(f->replay.covered, FLOOR);
}

/* It is not yet where the buffer begins: the next probe can wait. */
static void leader_before_the_floor_is_probed_later(void **state)
{
	struct fixture *f = *state;

	f->state = (struct stream_state){.leader = CLUSTERS, .last_seq = 60};
	begin_replay(f, 10);
	answer_probe(f, 11, 0);
	assert_int_equal(check_followed(f, FLOOR - 1), REPLAY_WAIT);
	answer_probe(f, 11, 0);
	assert_int_equal(check_followed(f, FLOOR - 1), REPLAY_WAIT);
	assert_int_equal(f->replay.covered, 60);
	assert_recheck(f);
	f->state.last_seq = FLOOR;
	answer_probe(f, 61, 0);
	assert_int_equal(check_followed(f, FLOOR), REPLAY_WAIT);
	answer_probe(f, 61, 0);
	assert_int_equal(check_followed(f, FLOOR), REPLAY_JOINS);
}

static void found_message_waits_for_its_check(void **state)
{
	struct fixture *f = *state;

	begin_replay(f, 10);
	answer_probe(f, 11, 50);
	take_frames(f, "");
	assert_int_equal(step_replay(f), REPLAY_WAIT);
	assert_int_equal(f->replay.sent, 10);
	assert_int_equal(check_info(f, 11, 200), REPLAY_HAS_DATA);
	assert_int_equal(f->replay.sent, 10);
	assert_int_equal(step_replay(f), REPLAY_HAS_DATA); /* still */
	take_frames(f, "data: found\nid: 50-9f31c2\n\n");
	assert_int_equal(f->replay.sent, 50);
	assert_int_equal(f->replay.covered, 50);
	assert_int_equal(f->cursor.events, 1);
	assert_int_equal(f->metrics.value[METRIC_EVENTS_REPLAY], 1);
	assert_int_equal(step_replay(f), REPLAY_WAIT);
	/* A second one may be the last. */
	answer_probe(f, 51, 0);
	assert_int_equal(check_info(f, 11, 200), REPLAY_JOINS);
}

static void found_message_beyond_the_floor_joins(void **state)
{
	struct fixture *f = *state;

	begin_replay(f, 10);
	answer_probe(f, 11, 130);
	assert_int_equal(check_info(f, 1, 200), REPLAY_HAS_DATA);
	take_frames(f, "data: found\nid: 130-9f31c2\n\n");
	assert_int_equal(step_replay(f), REPLAY_JOINS);
	assert_int_equal(f->replay.covered, 130);
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

/* Waits without a response are no round trips. */
static void only_answers_are_round_trips(void **state)
{
	struct fixture *f = *state;

	begin_replay(f, 10);
	asked_find(f, 11);
	f->now_ms += ANSWER_MS;
	replay_tick(&f->replay, f->now_ms); /* no answer to the probe */
	assert_int_equal(round_trips(f), 0);
	answer_probe(f, 11, 12);
	assert_int_equal(round_trips(f), 1);
	f->now_ms += ANSWER_MS;
	replay_tick(&f->replay, f->now_ms); /* none to the STREAM.INFO */
	assert_int_equal(round_trips(f), 1);
	answer_probe(f, 11, 12);
	assert_int_equal(check_info(f, 1, 50), REPLAY_WAIT); /* doubt */
	f->now_ms += RECHECK_MS;
	replay_tick(&f->replay, f->now_ms);
	assert_int_equal(round_trips(f), 2);
	asked_find(f, 11);
}

/* The tail counts from the time when it last heard something. */
static void timeout_of_an_earlier_time(void **state)
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

	begin_replay(f, 10);
	for (size_t i = 0; i < ARRAY_LEN(pauses_ms); i++) {
		struct request_id request = asked_find(f, 11);

		assert_int_equal(send_event(f,
					    event_error(JETSTREAM_FOUND,
							request, errs[i % 3])),
				 REPLAY_WAIT);
		assert_paused(f, pauses_ms[i]);
	}
	assert_int_equal(f->metrics.value[METRIC_ERRORS_GET],
			 ARRAY_LEN(pauses_ms));
	assert_int_equal(f->replay.covered, 10);
	/* After a response the next error counts as the first. */
	answer_probe(f, 11, 12);
	check_info(f, 1, 200);
	take_frames(f, "data: found\nid: 12-9f31c2\n\n");
	step_replay(f);
	send_event(f, event_error(JETSTREAM_FOUND, asked_find(f, 13), 500));
	assert_paused(f, pauses_ms[0]);
	send_event(f, event_error(JETSTREAM_FOUND, asked_find(f, 13), 10008));
	f->now_ms += ANSWER_MS;
	replay_tick(&f->replay, f->now_ms);
	asked_find(f, 13);
	f->now_ms += ANSWER_MS;
	replay_tick(&f->replay, f->now_ms);
	asked_find(f, 13);
}

static void stale_answers_are_ignored(void **state)
{
	struct fixture *f = *state;
	struct request_id old, current;

	begin_replay(f, 10);
	old = asked_find(f, 11);
	replay_restart(&f->replay, f->now_ms);
	current = asked_find(f, 11);
	assert_int_not_equal(old.generation, current.generation);
	assert_int_equal(send_event(f, event_found(old, 50, "ev.a", "x")),
			 REPLAY_WAIT);
	assert_int_equal(send_event(f, event_created(current)), REPLAY_WAIT);
	assert_int_equal(send_event(f,
				    event_message(current, 50, 1, "ev.a", "x")),
			 REPLAY_WAIT);
	assert_int_equal(send_event(f, event_status(current, 1, 503)),
			 REPLAY_WAIT);
	assert_int_equal(send_event(f, event_info(current, "x", 1, 5)),
			 REPLAY_WAIT);
	expect_no_request(&f->src);
	/* Of the cursor before, too. */
	replay_end(&f->replay);
	begin_replay(f, 10);
	assert_int_equal(send_event(f, event_found(current, 50, "ev.a", "x")),
			 REPLAY_WAIT);
	assert_int_equal(f->replay.phase, REPLAY_PROBE);
	asked_find(f, 11);
}

/* Twice the same answer: the second is late. */
static void answer_counts_once(void **state)
{
	struct fixture *f = *state;
	struct request_id request;

	begin_replay(f, 10);
	request = asked_find(f, 11);
	send_event(f, event_found(request, 50, "ev.a", "x"));
	assert_int_equal(send_event(f, event_found(request, 50, "ev.a", "x")),
			 REPLAY_WAIT);
	assert_int_equal(check_info(f, 1, 200), REPLAY_HAS_DATA);
	take_frames(f, "data: x\nid: 50-9f31c2\n\n");
}

static void answer_from_before_the_cursor_is_asked_again(void **state)
{
	struct fixture *f = *state;

	begin_replay(f, 10);
	assert_int_equal(send_event(f, event_found(asked_find(f, 11), 10,
						   "ev.a", "x")),
			 REPLAY_WAIT);
	take_frames(f, "");
	assert_paused(f, 250);
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

		begin_replay(f, 10);
		answer_probe(f, 11, cases[i].found);
		assert_int_equal(check_info(f, cases[i].first, 200),
				 cases[i].outcome);
		if (cases[i].outcome != REPLAY_GAP)
			continue;
		assert_int_equal(f->replay.covered, 10);
		take_frames(f, "");
		/* The gap is reported, and the replay goes on after it. */
		replay_restart_after(&f->replay, 49, f->now_ms);
		answer_probe(f, 50, 50);
	}
}

static void gap_under_the_consumer(void **state)
{
	struct fixture *f = *state;

	begin_replay(f, 10);
	deliver_found(f, 11, 11);
	deliver_found(f, 12, 12);
	asked_create(f, 13);
	send_event(f, event_created(f->consumer));
	assert_int_equal(check_info(f, 14, 200), REPLAY_GAP);
	asked_forget(f);
	expect_no_request(&f->src);
}

/* The server refuses a consumer that is to be kept for longer (10153). */
static void limit_of_the_streams_consumers_is_kept(void **state)
{
	struct fixture *f = *state;

	f->state.max_inactive_ms = 4000;
	begin_replay(f, 10);
	deliver_found(f, 11, 11);
	deliver_found(f, 12, 12);
	asked_create(f, 13);
}

/* ---- deliver=last -------------------------------------------------------- */

static struct request_id begin_last(struct fixture *f)
{
	const struct fake_request *a;

	f->cursor.state = CURSOR_WAITING;
	assert_int_equal(replay_begin(&f->replay, &f->cursor, "ev.a",
				      f->now_ms),
			 0);
	a = expect_request(&f->src, REQUEST_GET_LAST);
	assert_string_equal(a->subject, "ev.a");
	assert_int_equal(a->request.owner, SLOT);
	expect_no_request(&f->src);
	return a->request;
}

static void last_message_and_then_live(void **state)
{
	struct fixture *f = *state;
	struct request_id request = begin_last(f);

	assert_int_equal(send_event(f, event_found(request, 80, "ev.a", "x")),
			 REPLAY_WANT_INFO);
	/* What has expired before it is no gap. */
	assert_int_equal(check_info(f, 75, 200), REPLAY_STARTED);
	assert_int_equal(f->replay.covered, 79);
	assert_int_equal(f->replay.sent, 79);
	take_frames(f, "data: x\nid: 80-9f31c2\n\n");
	assert_int_equal(step_replay(f), REPLAY_JOINS);
	assert_int_equal(f->replay.covered, FLOOR);
	expect_no_request(&f->src);
}

static void last_of_nothing_is_live(void **state)
{
	struct fixture *f = *state;
	struct request_id request = begin_last(f);

	assert_int_equal(send_event(f, event_error(JETSTREAM_FOUND, request,
						   JETSTREAM_ERR_NO_MESSAGE)),
			 REPLAY_WANT_INFO);
	assert_int_equal(check_info(f, 1, 200), REPLAY_STARTED);
	assert_int_equal(f->replay.covered, FLOOR);
	assert_int_equal(f->replay.sent, FLOOR);
	take_frames(f, "");
	assert_int_equal(step_replay(f), REPLAY_JOINS);
}

/* It is evidence only up to the last sequence when it was asked. */
static void last_while_the_buffer_moves_on(void **state)
{
	struct fixture *f = *state;
	struct request_id request = begin_last(f);

	event_buffer_reset(f->buffer, 150);
	send_event(f, event_found(request, 80, "ev.a", "x"));
	assert_int_equal(check_info(f, 1, 200), REPLAY_STARTED);
	f->cursor.state = CURSOR_REPLAY;
	take_frames(f, "data: x\nid: 80-9f31c2\n\n");
	assert_int_equal(step_replay(f), REPLAY_WAIT);
	answer_probe(f, 101, 120);
	/* Now it is a replay as any other. */
	assert_int_equal(check_info(f, 102, 200), REPLAY_GAP);
}

/* A leader that is behind may not have the newest message. */
static void last_of_a_leader_behind_is_asked_again(void **state)
{
	struct fixture *f = *state;

	send_event(f, event_found(begin_last(f), 80, "ev.a", "x"));
	assert_int_equal(check_info(f, 1, FLOOR - 1), REPLAY_WAIT);
	assert_recheck(f);
	send_event(
		f,
		event_found(expect_request(&f->src, REQUEST_GET_LAST)->request,
			    90, "ev.a", "y"));
	assert_int_equal(check_info(f, 1, FLOOR), REPLAY_STARTED);
	f->cursor.state = CURSOR_REPLAY;
	take_frames(f, "data: y\nid: 90-9f31c2\n\n");
}

/* The newest message by two equal answers; the first may have been another. */
static void clusters_last_is_asked_for_twice(void **state)
{
	struct fixture *f = *state;

	f->state.leader = CLUSTERS;
	send_event(f, event_found(begin_last(f), 80, "ev.a", "x"));
	assert_int_equal(check_followed(f, 200), REPLAY_WAIT);
	send_event(
		f,
		event_found(expect_request(&f->src, REQUEST_GET_LAST)->request,
			    90, "ev.a", "y"));
	assert_int_equal(check_followed(f, 200), REPLAY_STARTED);
	f->cursor.state = CURSOR_REPLAY;
	take_frames(f, "data: y\nid: 90-9f31c2\n\n");
}

/* The first of them was the true leader's, or it was deleted since. */
static void newest_message_that_is_rolled_back_is_doubt(void **state)
{
	struct fixture *f = *state;

	f->state.leader = CLUSTERS;
	send_event(f, event_found(begin_last(f), 80, "ev.a", "x"));
	check_followed(f, 200);
	send_event(
		f,
		event_found(expect_request(&f->src, REQUEST_GET_LAST)->request,
			    70, "ev.a", "y"));
	assert_int_equal(check_followed(f, 200), REPLAY_WAIT);
	assert_recheck(f);
	for (int i = 0; i < 2; i++) {
		send_event(f,
			   event_found(expect_request(&f->src, REQUEST_GET_LAST)
					       ->request,
				       80, "ev.a", "x"));
		assert_int_equal(check_followed(f, 200),
				 i == 0 ? REPLAY_WAIT : REPLAY_STARTED);
	}
}

static void last_without_answer_asks_again(void **state)
{
	struct fixture *f = *state;
	struct request_id first = begin_last(f), second;

	f->now_ms += ANSWER_MS;
	replay_tick(&f->replay, f->now_ms);
	second = expect_request(&f->src, REQUEST_GET_LAST)->request;
	assert_int_equal(send_event(f, event_found(first, 80, "ev.a", "x")),
			 REPLAY_WAIT);
	assert_int_equal(send_event(f, event_found(second, 80, "ev.a", "x")),
			 REPLAY_WANT_INFO);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(nothing_left_joins_without_a_consumer),
		TEST(limit_of_the_streams_consumers_is_kept),
		TEST(last_seq_counts_as_it_was_at_sending),
		TEST(leader_behind_is_probed_again),
		TEST(another_leader_is_probed_again),
		TEST(clusters_no_is_asked_for_twice),
		TEST(answer_that_all_follow_does_not_last),
		TEST(second_question_is_later_where_a_replica_is_silent),
		TEST(second_answer_that_differs_is_doubt),
		TEST(what_was_reported_is_not_taken_back),
		TEST(clusters_message_is_believed),
		TEST(evidence_goes_no_further_than_the_leaders_state),
		TEST(single_servers_no_goes_as_far_as_the_buffer),
		TEST(leader_before_the_floor_is_probed_later),
		TEST(found_message_waits_for_its_check),
		TEST(found_message_beyond_the_floor_joins),
		TEST(only_answers_are_round_trips),
		TEST(timeout_of_an_earlier_time),
		TEST(errors_and_silence_ask_again),
		TEST(stale_answers_are_ignored),
		TEST(answer_counts_once),
		TEST(answer_from_before_the_cursor_is_asked_again),
		TEST(expired_under_the_cursor_is_a_gap),
		TEST(gap_under_the_consumer),
		TEST(last_message_and_then_live),
		TEST(last_of_nothing_is_live),
		TEST(last_while_the_buffer_moves_on),
		TEST(last_of_a_leader_behind_is_asked_again),
		TEST(clusters_last_is_asked_for_twice),
		TEST(newest_message_that_is_rolled_back_is_doubt),
		TEST(last_without_answer_asks_again),
	};

	return cmocka_run_group_tests_name("replay_probe", tests, NULL, NULL);
}
