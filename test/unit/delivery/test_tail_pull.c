/* What the tail reads: messages in the order of its consumer, the credit of its
 * pulls, statuses, and limits of the server. Whatever does not add up restarts
 * it, and nothing is skipped or stored twice. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/check.h"
#include "tail_rig.h"

/* ---- messages ------------------------------------------------------------ */

static void messages_become_frames(void **state)
{
	struct fixture *f = *state;
	struct list node = {0};
	struct buffer_subject *s;
	struct jetstream_event ev;
	const struct buffer_frame *frame;

	start_live(f, 1, 5);
	s = event_buffer_watch(f->buffer, "ev.a", 4, &node);
	ev = event_message(f->consumer, 6, 1, "ev.a", "hello");
	ev.msg.time_ns = 123456789;
	assert_int_equal(send_event(f, ev), TAIL_FRAME);
	assert_ptr_equal(f->touched, s);
	frame = event_buffer_frame(f->buffer, s->last);
	assert_int_equal(frame->seq, 6);
	assert_int_equal(frame->time_ns, 123456789);
	assert_memory_equal(event_buffer_frame_bytes(f->buffer, frame) +
				    frame->size_line_len,
			    "data: hello\nid: 6-", 18);
	assert_memory_equal(event_buffer_frame_bytes(f->buffer, frame) +
				    frame->size_line_len + 18,
			    f->tail.tag.hex, SSE_TAG_LEN);
	/* A message without watchers, and one of no client's subject. */
	assert_int_equal(send_event(f, event_message(f->consumer, 7, 2, "ev.b",
						     "x")),
			 TAIL_FRAME);
	assert_null(f->touched);
	assert_int_equal(send_event(f, event_message(f->consumer, 8, 3,
						     "ev.b.c", "x")),
			 TAIL_FRAME);
	assert_null(f->touched);
	assert_null(event_buffer_find(f->buffer, "ev.b.c", 6));
	assert_int_equal(event_buffer_last_seq(f->buffer), 8);
	assert_int_equal(event_buffer_floor(f->buffer), 5);
	assert_int_equal(event_buffer_count(f->buffer), 2);
	assert_int_equal(f->metrics.value[METRIC_TAIL_MESSAGES], 3);
	event_buffer_unwatch(f->buffer, s, &node);
}

static void what_is_not_above_the_last_seq_is_dropped(void **state)
{
	struct fixture *f = *state;

	start_live(f, 1, 5);
	assert_int_equal(send_message(f, 6), TAIL_FRAME);
	assert_int_equal(send_message(f, 6), 0);
	assert_int_equal(send_message(f, 2), 0);
	assert_int_equal(send_message(f, 7), TAIL_FRAME);
	assert_int_equal(event_buffer_count(f->buffer), 2);
	expect_no_request(&f->src);
}

static void hole_in_the_consumer_sequence_restarts(void **state)
{
	static const uint64_t wrong[] = {0, 1, 2, 4, UINT64_MAX};

	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		struct fixture *f = fresh(state);
		struct request_id old;

		start_live(f, 1, 5);
		send_message(f, 6);
		send_message(f, 7);
		old = f->consumer;
		assert_int_equal(send_event(f, event_message(old, 9, wrong[i],
							     "ev.a", "x")),
				 0);
		assert_int_equal(event_buffer_last_seq(f->buffer), 7);
		assert_report(f, true,
			      "tail restarted after sequence 7: a message was "
			      "lost between server and gateway");
		assert_restarted(f);
		become_live(f, 1, 9);
		/* Messages of the old consumer are ignored. */
		assert_int_equal(send_event(f, event_message(old, 8, 1, "ev.a",
							     "x")),
				 0);
		assert_int_equal(send_message(f, 8), TAIL_FRAME);
		assert_int_equal(f->metrics.value[METRIC_RESET_LOST], 1);
	}
}

static void silence_restarts(void **state)
{
	struct fixture *f = *state;

	start_live(f, 1, 5);
	tick(f, SILENCE_MS - 1);
	expect_no_request(&f->src);
	send_event(f, event_status(f->consumer, f->pull_no, 100));
	assert_int_equal(tail_due(&f->tail), f->now_ms + SILENCE_MS);
	tick(f, SILENCE_MS - 1);
	send_message(f, 6);
	tick(f, SILENCE_MS - 1);
	expect_no_request(&f->src);
	tick(f, 1);
	assert_report(
		f, true,
		"tail restarted after sequence 6: no message or heartbeat "
		"from the server");
	assert_restarted(f);
}

/* ---- statuses ------------------------------------------------------------ */

enum then { GOES_ON, PULLS, ANEW };

static enum then then_of(const struct fixture *f)
{
	if (!tail_live(&f->tail))
		return ANEW;
	return requests_unread(&f->src) > 0 ? PULLS : GOES_ON;
}

/* Three messages of the first pull have come. */
static void status_means(void **state)
{
	enum { LEFT = BATCH - 3 };
	static const struct {
		const char *what;
		struct jetstream_status status;
		enum then then;
	} cases[] = {
		{"heartbeat", {.code = 100}, GOES_ON},
		{"heartbeat: all seen",
		 {.code = 100, .has_last_consumer = true, .last_consumer = 3},
		 GOES_ON},
		{"heartbeat: one is missing",
		 {.code = 100, .has_last_consumer = true, .last_consumer = 4},
		 ANEW},
		{"heartbeat from before",
		 {.code = 100, .has_last_consumer = true, .last_consumer = 2},
		 GOES_ON},
		{"consumer deleted",
		 {.code = 409, .consumer_gone = true},
		 ANEW},
		{"no responders", {.code = 503}, ANEW},
		{"bad request", {.code = 400}, ANEW},
		{"expired",
		 {.code = 408, .has_pending = true, .pending_msgs = LEFT},
		 PULLS},
		{"expired: one is missing",
		 {.code = 408, .has_pending = true, .pending_msgs = LEFT - 1},
		 ANEW},
		{"expired, more pending than ever asked",
		 {.code = 408, .has_pending = true, .pending_msgs = UINT64_MAX},
		 PULLS},
		{"leader changed",
		 {.code = 409, .has_pending = true, .pending_msgs = LEFT},
		 PULLS},
		{"leader changed, without numbers", {.code = 409}, PULLS},
		{"no messages", {.code = 404}, PULLS},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct fixture *f = fresh(state);
		struct jetstream_event ev;

		start_live(f, 1, 5);
		for (uint64_t seq = 6; seq <= 8; seq++)
			send_message(f, seq);
		ev = event_status(f->consumer, f->pull_no, 0);
		ev.status = cases[i].status;
		ev.status.number = f->pull_no;
		assert_int_equal(send_event(f, ev), 0);
		if (then_of(f) != cases[i].then)
			fail_msg("%s", cases[i].what);
		if (cases[i].then == ANEW) {
			assert_restarted(f);
			continue;
		}
		if (cases[i].then == PULLS)
			take_pull(f);
		expect_no_request(&f->src);
		assert_int_equal(send_message(f, 9), TAIL_FRAME);
	}
}

static void status_of_no_open_pull_means_nothing(void **state)
{
	struct fixture *f = *state;

	start_live(f, 1, 5);
	send_event(f, event_pending(f->consumer, f->pull_no + 1, 408, 5));
	send_event(f, event_pending(f->consumer, 0, 408, 5));
	expect_no_request(&f->src);
	assert_true(tail_live(&f->tail));
	/* Twice for the same pull. */
	send_event(f, event_pending(f->consumer, f->pull_no, 408, BATCH));
	send_event(f, event_pending(f->consumer, f->pull_no, 408, BATCH));
	take_pull(f);
	expect_no_request(&f->src);
	/* Another consumer's. */
	send_event(f, event_status((struct request_id){TAIL_SLOT, 1}, 1, 503));
	assert_true(tail_live(&f->tail));
}

static void big_message_gets_a_pull_without_limit(void **state)
{
	struct fixture *f = *state;
	struct jetstream_event ev;
	const struct fake_request *a;

	start_live(f, 1, 5);
	ev = event_pending(f->consumer, f->pull_no, 409, BATCH);
	ev.status.too_big = true;
	send_event(f, ev);
	a = expect_request(&f->src, REQUEST_PULL);
	assert_int_equal(a->pull.max_bytes, 0);
	assert_int_equal(a->pull.batch, 4);
	expect_no_request(&f->src);
	send_message(f, 6);
	/* The next one has its limit again. */
	a = expect_request(&f->src, REQUEST_PULL);
	assert_int_equal(a->pull.max_bytes, 8 * 1024 * 1024);
	assert_int_equal(a->pull.batch, BATCH);
	for (uint64_t seq = 7; seq < 7 + 100; seq++)
		send_message(f, seq);
	expect_no_request(&f->src);
}

/* ---- credit -------------------------------------------------------------- */

static void pulls_again_at_half(void **state)
{
	struct fixture *f = *state;
	uint64_t asked = BATCH, had = 0;

	start_live(f, 1, 5);
	while (had < 10 * BATCH) {
		bool due = asked - had - 1 == HALF;

		send_message(f, 6 + had++);
		if (due) {
			take_pull(f);
			asked += BATCH;
		}
		expect_no_request(&f->src);
		/* Less than two batches: two pulls are open at the most. */
		assert_true(asked - had > HALF && asked - had < 2 * BATCH);
	}
}

static void two_pulls_end_one_by_one(void **state)
{
	struct fixture *f = *state;
	uint32_t first;

	start_live(f, 1, 5);
	first = f->pull_no;
	for (uint64_t i = 0; i < HALF; i++)
		send_message(f, 6 + i);
	take_pull(f);
	assert_int_not_equal(f->pull_no, first);
	send_event(f, event_pending(f->consumer, first, 408, HALF));
	expect_no_request(&f->src); /* the second is enough */
	send_event(f, event_pending(f->consumer, f->pull_no, 408, BATCH));
	take_pull(f);
	expect_no_request(&f->src);
	assert_true(tail_live(&f->tail));
}

static void two_pulls_end_and_one_message_is_missing(void **state)
{
	struct fixture *f = *state;
	uint32_t first;

	start_live(f, 1, 5);
	first = f->pull_no;
	for (uint64_t i = 0; i < HALF; i++)
		send_message(f, 6 + i);
	take_pull(f);
	send_event(f, event_pending(f->consumer, first, 408, HALF - 1));
	assert_true(tail_live(&f->tail)); /* it may still be on its way */
	send_event(f, event_pending(f->consumer, f->pull_no, 408, BATCH));
	assert_report(f, true,
		      "tail restarted after sequence 4101: messages were lost "
		      "between server and gateway");
	assert_restarted(f);
}

static void dropped_messages_use_credit_too(void **state)
{
	struct fixture *f = *state;

	start_live(f, 1, 5);
	for (int i = 0; i < HALF; i++)
		send_message(f, 5);
	take_pull(f);
	expect_no_request(&f->src);
}

static void messages_for_half(struct fixture *f)
{
	for (int i = 0; i < HALF; i++)
		send_message(f, event_buffer_last_seq(f->buffer) + 1);
}

/* A pull whose batch is used up ends without a status. */
static void pull_that_was_used_up_is_not_waited_for(void **state)
{
	struct fixture *f = *state;

	start_live(f, 1, 5);
	messages_for_half(f);
	take_pull(f);
	messages_for_half(f); /* the end of the first */
	send_event(f, event_pending(f->consumer, f->pull_no, 408, BATCH));
	take_pull(f);
	send_event(f, event_pending(f->consumer, f->pull_no, 408, BATCH - 1));
	assert_restarted(f);
}

/* The buffer's newest message is compared first. */
static void become_live_again(struct fixture *f, uint64_t last, uint64_t newest)
{
	const struct fake_request *a;

	answer_info(f, STREAM, 1, last);
	a = expect_request(&f->src, REQUEST_GET);
	assert_int_equal(a->seq, newest);
	send_event(f, event_found(a->request, newest, "ev.a", "x"));
	take_create(f, newest + 1);
	send_event(f, event_created(f->consumer));
	answer_info(f, STREAM, 1, last);
	take_pull(f);
}

static void new_consumer_begins_with_new_credit(void **state)
{
	struct fixture *f = *state;

	start_live(f, 1, 5);
	messages_for_half(f);
	take_pull(f);
	send_event(f, event_status(f->consumer, 0, 503));
	take_forget(f);
	become_live_again(f, 9000, HALF + 5);
	messages_for_half(f);
	take_pull(f);
	send_event(f, event_status(f->consumer, 0, 503));
	take_forget(f);
	tick(f, 200);
	become_live_again(f, 90000, 2 * HALF + 5);
	/* Nor does it wait for pulls of the one before. */
	send_event(f, event_pending(f->consumer, f->pull_no, 408, BATCH - 1));
	assert_false(tail_live(&f->tail));
}

/* ---- what a server takes ------------------------------------------------- */

static void refused_with(struct fixture *f, struct jetstream_status s)
{
	struct jetstream_event ev = event_status(f->consumer, f->pull_no, 409);

	s.number = f->pull_no;
	s.code = 409;
	ev.status = s;
	send_event(f, ev);
}

static void limit_of_a_pull_is_kept(void **state)
{
	struct fixture *f = *state;
	const struct fake_request *a;

	start_live(f, 1, 5);
	refused_with(f, (struct jetstream_status){.max_batch = 1000,
						  .text = "Exceeded "
							  "MaxRequestBatch of "
							  "1000"});
	a = expect_request(&f->src, REQUEST_PULL);
	assert_int_equal(a->pull.batch, 1000);
	f->pull_no = a->pull.number;
	refused_with(f, (struct jetstream_status){.max_expires_ms = 5000});
	a = expect_request(&f->src, REQUEST_PULL);
	assert_int_equal(a->pull.expires_ms, 5000);
	assert_int_equal(a->pull.heartbeat_ms, 2500);
	f->pull_no = a->pull.number;
	refused_with(f, (struct jetstream_status){.max_bytes = 4096});
	a = expect_request(&f->src, REQUEST_PULL);
	assert_int_equal(a->pull.max_bytes, 4096);
	assert_true(tail_ready(&f->tail));
}

/* Whatever the reason: never repeated without a pause. */
static void refused_pulls_are_repeated_slower(void **state)
{
	struct fixture *f = *state;
	const struct jetstream_status s = {.text = "Not Today"};
	unsigned pulls = 0;
	uint64_t end = f->now_ms + 30000;

	start_live(f, 1, 5);
	while (f->now_ms < end && pulls < 1000) {
		refused_with(f, s);
		pulls++;
		while (requests_unread(&f->src) > 0) {
			const struct fake_request *a =
				&f->src.requests[f->src.read++];

			if (a->kind == REQUEST_INFO)
				send_event(f, event_info(a->request, STREAM, 1,
							 5));
			if (a->kind == REQUEST_CREATE) {
				f->consumer = a->request;
				send_event(f, event_created(a->request));
			}
			if (a->kind == REQUEST_PULL)
				f->pull_no = a->pull.number;
		}
		if (!tail_live(&f->tail))
			tick(f, 100);
	}
	assert_true(pulls < 500);
	assert_int_equal(f->metrics.value[METRIC_TAIL_PULLS] < 50, 1);
	assert_false(tail_ready(&f->tail));
	assert_string_equal(f->tail.why,
			    "the server rejected a pull: 409 Not Today");
}

/* The consumer of a tail that is not ready is recreated after a pause. */
static void live_after_pause(struct fixture *f, uint64_t ms)
{
	take_forget(f);
	expect_no_request(&f->src);
	assert_int_equal(tail_due(&f->tail), f->now_ms + ms);
	tick(f, ms);
	become_live(f, 1, 5);
}

/* Nothing has come since its pull. */
static void pull_without_answer(struct fixture *f)
{
	tick(f, SILENCE_MS);
	take_forget(f);
	become_live(f, 1, 5);
	assert_report(
		f, true,
		"tail restarted after sequence 5: no message or heartbeat "
		"from the server");
	assert_true(tail_ready(&f->tail));
}

/* All other requests are answered: it is not ready, and reports so once. */
static void pulls_without_answer_are_no_life(void **state)
{
	static const char why[] = "the server does not answer pulls";
	struct fixture *f = *state;
	uint64_t pause_ms = 200;

	start_live(f, 1, 5);
	pull_without_answer(f);
	for (int i = 0; i < 8; i++) {
		tick(f, SILENCE_MS);
		if (i == 0)
			assert_report(f, true,
				      "tail restarted after sequence 5: the "
				      "server does not answer pulls");
		assert_string_equal(f->tail.why, why);
		live_after_pause(f, pause_ms);
		assert_false(tail_ready(&f->tail));
		assert_string_equal(f->tail.why, why);
		assert_false(f->tail.has_report);
		pause_ms = pause_ms * 2 < 5000 ? pause_ms * 2 : 5000;
	}
	assert_int_equal(f->metrics.value[METRIC_RESET_SILENT], 9);
	send_event(f, event_status(f->consumer, f->pull_no, 100));
	assert_true(tail_ready(&f->tail));
	assert_null(f->tail.why);
	assert_report(f, false, "tail is live after sequence 5");
	/* All is forgotten. */
	tick(f, SILENCE_MS);
	assert_restarted(f);
}

/* Two silences, and an answer between them. */
static void pull_with_an_answer_counts(void **state)
{
	enum { HEARTBEAT, MESSAGE, STATUS, SESSION, CASES };

	for (int i = 0; i < CASES; i++) {
		struct fixture *f = fresh(state);

		start_live(f, 1, 5);
		pull_without_answer(f);
		if (i == HEARTBEAT)
			send_event(f,
				   event_status(f->consumer, f->pull_no, 100));
		if (i == MESSAGE)
			send_message(f, 5);
		if (i == HEARTBEAT || i == MESSAGE) {
			tick(f, SILENCE_MS);
			assert_restarted(f);
			become_live(f, 1, 5);
		}
		if (i == STATUS) {
			f->now_ms += 3000;
			send_event(f,
				   event_status(f->consumer, f->pull_no, 408));
			take_pull(f);
		}
		if (i == SESSION) {
			send_event(f, event_down());
			start_live(f, 1, 5);
		}
		tick(f, SILENCE_MS);
		assert_restarted(f);
		assert_string_equal(f->tail.why, "the tail is restarting");
	}
}

/* A quiet stream whose server stands still: its pull was answered. */
static void silence_after_an_answer_does_not_count(void **state)
{
	struct fixture *f = *state;

	start_live(f, 1, 5);
	send_event(f, event_status(f->consumer, f->pull_no, 100));
	for (int i = 0; i < 2; i++) {
		tick(f, SILENCE_MS);
		assert_restarted(f);
		become_live(f, 1, 5);
		assert_true(tail_ready(&f->tail));
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(messages_become_frames),
		TEST(what_is_not_above_the_last_seq_is_dropped),
		TEST(hole_in_the_consumer_sequence_restarts),
		TEST(silence_restarts),
		TEST(status_means),
		TEST(status_of_no_open_pull_means_nothing),
		TEST(big_message_gets_a_pull_without_limit),
		TEST(pulls_again_at_half),
		TEST(two_pulls_end_one_by_one),
		TEST(two_pulls_end_and_one_message_is_missing),
		TEST(dropped_messages_use_credit_too),
		TEST(pull_that_was_used_up_is_not_waited_for),
		TEST(new_consumer_begins_with_new_credit),
		TEST(limit_of_a_pull_is_kept),
		TEST(refused_pulls_are_repeated_slower),
		TEST(pulls_without_answer_are_no_life),
		TEST(pull_with_an_answer_counts),
		TEST(silence_after_an_answer_does_not_count),
	};

	return cmocka_run_group_tests_name("tail_pull", tests, NULL, NULL);
}
