/* A replay's consumer: its pulls, what ends them, errors, and what is lost on
 * the way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/check.h"
#include "replay_rig.h"

/* ---- the consumer -------------------------------------------------------- */

static void consumer_after_two_probes(void **state)
{
	struct fixture *f = *state;

	begin_pulling(f);
	assert_int_equal(f->metrics.value[METRIC_REPLAY_CONSUMERS], 1);
	assert_int_equal(send_message(f, 20), REPLAY_WAIT);
	assert_int_equal(send_message(f, 30), REPLAY_WAIT);
	take_frames(f, ""); /* the pull is still open */
	assert_int_equal(step_replay(f), REPLAY_WAIT);
	expect_no_request(&f->src);
	end_pull_checked(f);
	take_frames(f, "data: m\nid: 20-9f31c2\n\ndata: m\nid: 30-9f31c2\n\n");
	assert_int_equal(f->replay.sent, 30);
	assert_int_equal(f->replay.covered, 30);
	assert_int_equal(f->cursor.events, 4);
}

/* A consumer skips silently what was taken from under it: only the stream's
 * first sequence tells. */
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

		begin_pulling(f);
		send_message(f, 40);
		send_event(f, event_status(f->consumer, f->pull_no, 404));
		assert_int_equal(check_info(f, cases[i].first, 2000),
				 cases[i].then);
		if (cases[i].then == REPLAY_HAS_DATA) {
			take_frames(f, "data: m\nid: 40-9f31c2\n\n");
			continue;
		}
		take_frames(f, "");
		asked_forget(f);
		assert_int_equal(f->replay.covered, 12);
	}
}

static void pulls_again_when_all_is_handed_out(void **state)
{
	struct fixture *f = *state;
	struct cursor_batch b;
	const uint8_t *rest;
	size_t rest_len;

	event_buffer_reset(f->buffer, 1000);
	begin_pulling(f);
	for (uint64_t seq = 13; seq < 13 + BATCH; seq++) {
		assert_int_equal(send_message(f, seq),
				 seq < 12 + BATCH ? REPLAY_WAIT
						  : REPLAY_WANT_INFO);
		expect_no_request(&f->src);
	}
	/* Messages beyond the batch are ignored. */
	assert_int_equal(send_event(f, event_message(f->consumer, 999,
						     f->cseq + 1, "ev.a", "m")),
			 REPLAY_WAIT);
	assert_int_equal(check_info(f, 1, 2000), REPLAY_HAS_DATA);
	while (f->replay.sent < 12 + BATCH) {
		assert_int_equal(step_replay(f), REPLAY_HAS_DATA);
		expect_no_request(&f->src);
		replay_gather(&f->replay, &b);
		replay_advance(&f->replay, &b, b.bytes, &rest, &rest_len);
	}
	assert_int_equal(step_replay(f), REPLAY_WAIT);
	asked_pull(f, BATCH, 128 * 1024);
	assert_int_equal(send_message(f, 400), REPLAY_WAIT);
}

static void what_is_not_above_the_cursor_is_dropped(void **state)
{
	struct fixture *f = *state;

	begin_pulling(f);
	send_message(f, 11);
	send_message(f, 12);
	send_message(f, 13);
	end_pull_checked(f);
	take_frames(f, "data: m\nid: 13-9f31c2\n\n");
}

enum then { NOTHING, PROBES, PROBES_ANEW, PROBES_AND_FORGETS, PULLS_ONE };

/* Two messages of the pull have come; the next pull is without them. */
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

		begin_pulling(f);
		send_message(f, 20);
		send_message(f, 30);
		ev = event_status(f->consumer, f->pull_no, 0);
		ev.status = cases[i].status;
		ev.status.number = f->pull_no;
		send_event(f, ev);
		kept = cases[i].then == PROBES || cases[i].then == PULLS_ONE;
		assert_int_equal(replay_awaits_check(&f->replay), kept);
		if (kept)
			check_info(f, 1, 2000);
		take_frames(f, kept ? "data: m\nid: 20-9f31c2\n\n"
				      "data: m\nid: 30-9f31c2\n\n"
				    : "");
		step_replay(f);
		if ((cases[i].then == NOTHING) !=
		    (requests_unread(&f->src) == 0))
			fail_msg("%s", cases[i].what);
		if (cases[i].then == PROBES_AND_FORGETS)
			asked_forget(f);
		if (cases[i].then == PULLS_ONE)
			asked_pull(f, 1, 0);
		else if (cases[i].then != NOTHING)
			asked_find(f, kept ? 31 : 13);
		/* In no case is it evidence. */
		assert_int_equal(f->replay.covered, kept ? 30 : 12);
	}
}

static void status_of_another_pull_means_nothing(void **state)
{
	struct fixture *f = *state;

	begin_pulling(f);
	assert_int_equal(send_event(f, event_pending(f->consumer,
						     f->pull_no + 1, 408, 3)),
			 REPLAY_WAIT);
	assert_int_equal(send_event(f,
				    event_status((struct request_id){SLOT, 1},
						 f->pull_no, 503)),
			 REPLAY_WAIT);
	expect_no_request(&f->src);
	assert_int_equal(send_message(f, 13), REPLAY_WAIT);
}

/* What has come is handed out before the next probe. */
static void end_of_a_pull_waits_for_the_queue(void **state)
{
	struct fixture *f = *state;

	begin_pulling(f);
	send_message(f, 20);
	end_pull_checked(f);
	assert_int_equal(step_replay(f), REPLAY_HAS_DATA);
	expect_no_request(&f->src);
	take_frames(f, "data: m\nid: 20-9f31c2\n\n");
	assert_int_equal(step_replay(f), REPLAY_WAIT);
	answer_probe(f, 21, 40);
	assert_int_equal(check_info(f, 1, 200), REPLAY_HAS_DATA);
	take_frames(f, "data: found\nid: 40-9f31c2\n\n");
	/* There was more: the consumer goes on, and brings that message, too.
	 */
	assert_int_equal(step_replay(f), REPLAY_WAIT);
	asked_pull(f, BATCH, 128 * 1024);
	send_message(f, 40);
	send_message(f, 41);
	end_pull_checked(f);
	take_frames(f, "data: m\nid: 41-9f31c2\n\n");
	assert_int_equal(step_replay(f), REPLAY_WAIT);
	answer_probe(f, 42, 0);
	assert_int_equal(check_info(f, 1, 200), REPLAY_JOINS);
	replay_end(&f->replay);
	asked_forget(f);
}

static void big_message_comes_alone(void **state)
{
	struct fixture *f = *state;
	struct jetstream_event ev;

	begin_pulling(f);
	ev = event_pending(f->consumer, f->pull_no, 409, BATCH);
	ev.status.too_big = true;
	assert_int_equal(send_event(f, ev), REPLAY_HAS_DATA);
	assert_int_equal(step_replay(f), REPLAY_WAIT);
	asked_pull(f, 1, 0);
	assert_int_equal(send_message(f, 13), REPLAY_WANT_INFO);
	assert_int_equal(check_info(f, 1, 2000), REPLAY_HAS_DATA);
	take_frames(f, "data: m\nid: 13-9f31c2\n\n");
	assert_int_equal(step_replay(f), REPLAY_WAIT);
	asked_pull(f, BATCH, 128 * 1024);
}

/* A message of another subject is never handed out. */
static void message_of_another_subject_is_dropped(void **state)
{
	struct fixture *f = *state;

	begin_replay(f, 10);
	assert_int_equal(send_event(f, event_found(asked_find(f, 11), 11,
						   "ev.b", "secret")),
			 REPLAY_WAIT);
	take_frames(f, "");
	assert_paused(f, 250);
	asked_find(f, 11);

	f = fresh(state);
	begin_pulling(f);
	send_message(f, 20);
	send_event(f,
		   event_message(f->consumer, 30, ++f->cseq, "ev.b", "secret"));
	take_frames(f, "");
	asked_forget(f);
	deliver_found(f, 13, 20);
	deliver_found(f, 21, 30);
	asked_find(f, 31); /* no consumer for a while */
}

/* The server's limit is below the batch: less is requested. */
static void pull_that_is_too_much_is_made_smaller(void **state)
{
	struct fixture *f = *state;
	uint32_t batch = BATCH;
	uint64_t bytes = 128 * 1024;

	begin_pulling(f);
	while (batch > 1) {
		assert_int_equal(send_event(f, event_status(f->consumer,
							    f->pull_no, 409)),
				 REPLAY_HAS_DATA);
		assert_int_equal(step_replay(f), REPLAY_WAIT);
		batch /= 2;
		bytes /= 2;
		asked_pull(f, batch, bytes);
	}
	/* It is not for that. */
	send_event(f, event_status(f->consumer, f->pull_no, 409));
	asked_forget(f);
	asked_find(f, 13);
}

/* Each pull is rejected, and each consumer dropped for it: that must not repeat
 * at the speed of the line. */
static void refused_pulls_are_not_repeated_at_once(void **state)
{
	static const int codes[] = {400, 503};
	static const uint64_t pauses_ms[] = {1000, 2000, 4000, 8000, 10000};

	for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
		struct fixture *f = fresh(state);
		uint64_t seq = 13;

		event_buffer_reset(f->buffer, 1000);
		begin_pulling(f);
		for (size_t k = 0; k < ARRAY_LEN(pauses_ms); k++) {
			send_event(f, event_status(f->consumer, f->pull_no,
						   codes[i]));
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
			send_event(f, event_created(f->consumer));
			check_info(f, 1, 2000);
			asked_pull(f, BATCH, 128 * 1024);
		}
		/* A pull that brings a message ends the backoff. */
		send_message(f, seq);
		end_pull_checked(f);
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

		begin_pulling(f);
		send_message(f, 20);
		old = f->consumer;
		assert_int_equal(send_event(f, event_message(old, 40, wrong[i],
							     "ev.a", "m")),
				 REPLAY_WAIT);
		asked_forget(f);
		take_frames(f, ""); /* what waited to be sent is dropped */
		assert_int_equal(requests_unread(&f->src), 1);
		assert_int_equal(send_event(f, event_message(old, 30, 2, "ev.a",
							     "m")),
				 REPLAY_WAIT);
		/* Another consumer counts from 1. */
		deliver_found(f, 13, 20);
		deliver_found(f, 21, 21);
		asked_create(f, 22);
		send_event(f, event_created(f->consumer));
		check_info(f, 1, 2000);
		asked_pull(f, BATCH, 128 * 1024);
		assert_int_equal(send_message(f, 22), REPLAY_WAIT);
	}
}

static void refused_consumer_leaves_the_probes(void **state)
{
	struct fixture *f = *state;

	begin_replay(f, 10);
	deliver_found(f, 11, 11);
	deliver_found(f, 12, 12);
	asked_create(f, 13);
	assert_int_equal(send_event(f,
				    event_error(JETSTREAM_CREATED, f->consumer,
						JETSTREAM_ERR_MAX_CONSUMERS)),
			 REPLAY_WAIT);
	for (uint64_t seq = 13; seq < 20; seq++)
		deliver_found(f, seq, seq);
	answer_probe(f, 20, 0);
	assert_int_equal(check_info(f, 1, 200), REPLAY_JOINS);
	assert_int_equal(f->metrics.value[METRIC_ERRORS_CREATE], 1);
	replay_end(&f->replay);
	expect_no_request(&f->src); /* nothing to delete */
	/* The next replay may be luckier. */
	begin_replay(f, 10);
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
	begin_replay(f, 10);
	deliver_found(f, 11, 11);
	deliver_found(f, 12, 12);
	asked_create(f, 13);
	send_event(f, event_error(JETSTREAM_CREATED, f->consumer, 10008));
	for (int i = 0; i < 3 * BATCH; i++, seq++)
		deliver_found(f, seq, seq);
	f->now_ms += 1000;
	deliver_found(f, seq, seq);
	asked_create(f, seq + 1);
	assert_int_equal(send_event(f, event_created(f->consumer)),
			 REPLAY_WANT_INFO);
}

static void pending_consumer_check_with_a_leader_behind(void **state)
{
	struct fixture *f = *state;

	begin_replay(f, 10);
	deliver_found(f, 11, 11);
	deliver_found(f, 12, 12);
	asked_create(f, 13);
	send_event(f, event_created(f->consumer));
	assert_int_equal(check_info(f, 1, FLOOR - 1), REPLAY_WAIT);
	asked_forget(f);
	assert_recheck(f);
	answer_probe(f, 13, 0);
	assert_int_equal(check_info(f, 1, FLOOR), REPLAY_JOINS);
}

static void late_creation_is_no_ones(void **state)
{
	struct fixture *f = *state;
	struct request_id first;

	begin_replay(f, 10);
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
	assert_int_equal(send_event(f, event_created(first)), REPLAY_WAIT);
	assert_int_equal(send_event(f, event_created(f->consumer)),
			 REPLAY_WANT_INFO);
}

/* The buffer moved on during the last probe: another probe, not a pull. */
static void nothing_left_and_not_there_yet(void **state)
{
	struct fixture *f = *state;

	begin_pulling(f);
	send_event(f, event_status(f->consumer, f->pull_no, 404));
	assert_int_equal(step_replay(f), REPLAY_WAIT);
	event_buffer_reset(f->buffer, 150);
	answer_probe(f, 13, 0);
	assert_int_equal(check_info(f, 1, 200), REPLAY_WAIT);
	answer_probe(f, 101, 0);
	assert_int_equal(check_info(f, 1, 200), REPLAY_JOINS);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(message_of_another_subject_is_dropped),
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
		TEST(late_creation_is_no_ones),
		TEST(nothing_left_and_not_there_yet),
	};

	return cmocka_run_group_tests_name("replay_consumer", tests, NULL,
					   NULL);
}
