/* Which stream the tail follows: recreated, trimmed and rolled back streams,
 * and whether the buffer's messages are still those of the stream. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/check.h"
#include "tail_rig.h"

/* ---- another stream, or another past ------------------------------------- */

static void stream_recreated_is_a_reset(void **state)
{
	struct fixture *f = *state;
	struct sse_tag tag = sse_tag_of(OTHER, strlen(OTHER));

	start_live(f, 1, 5);
	send_message(f, 6);
	send_event(f, event_down());
	send_event(f, event_up());
	assert_int_equal(answer_info(f, OTHER, 3, 90), TAIL_RESET);
	assert_string_equal(f->tail.tag.hex, tag.hex);
	assert_int_equal(event_buffer_count(f->buffer), 0);
	assert_int_equal(event_buffer_floor(f->buffer), 90);
	assert_int_equal(f->leader.state.first_seq, 3);
	assert_report(f, true,
		      "the stream was recreated, its last sequence is 90");
	take_create(f, 91);
}

/* A text that is a part of the other one is another, too. */
static void identity_is_the_whole_text(void **state)
{
	struct fixture *f = *state;

	start_live(f, 1, 5);
	send_event(f, event_down());
	send_event(f, event_up());
	assert_int_equal(answer_info(f, "created-", 1, 5), TAIL_RESET);
}

/* Between the consumer's creation and its first pull. */
static void verify_sees_another_stream(void **state)
{
	struct fixture *f = *state;

	send_event(f, event_up());
	answer_info(f, STREAM, 1, 50);
	take_create(f, 51);
	send_event(f, event_created(f->consumer));
	assert_int_equal(answer_info(f, OTHER, 1, 2), TAIL_RESET);
	assert_false(tail_live(&f->tail));
	take_forget(f);
	take_create(f, 3);
	send_event(f, event_created(f->consumer));
	assert_int_equal(answer_info(f, OTHER, 1, 2), 0);
	take_pull(f);
	assert_true(tail_live(&f->tail));
}

static void ask_while_behind(struct fixture *f, uint64_t last)
{
	assert_int_equal(answer_info(f, STREAM, 1, last), 0);
	assert_string_equal(f->tail.why, "the stream's leader is behind");
	expect_no_request(&f->src);
	assert_int_equal(tail_due(&f->tail), f->now_ms + 200);
	tick(f, 200);
}

static void rolled_back_only_after_a_while(void **state)
{
	struct fixture *f = *state;
	struct sse_tag tag;

	f->leads = 7;
	start_live(f, 1, 9);
	tag = f->tail.tag;
	send_event(f, event_down());
	send_event(f, event_up());
	for (int i = 0; i < 25; i++)
		ask_while_behind(f, 7);
	assert_int_equal(event_buffer_last_seq(f->buffer), 9);
	assert_int_equal(answer_info(f, STREAM, 1, 7), TAIL_ROLLED_BACK);
	assert_int_equal(event_buffer_last_seq(f->buffer), 7);
	assert_int_equal(event_buffer_floor(f->buffer), 7);
	assert_string_equal(f->tail.tag.hex, tag.hex);
	assert_report(f, true,
		      "the stream was rolled back from sequence 9 to 7");
	take_create(f, 8);
}

/* It tells neither where the stream is nor which one it is. */
static void answer_without_a_leader_is_ignored(void **state)
{
	struct fixture *f = *state;
	struct jetstream_event ev;

	start_live(f, 1, 9);
	send_event(f, event_down());
	send_event(f, event_up());
	for (int i = 0; i < 100; i++) {
		ev = event_info(expect_request(&f->src, REQUEST_INFO)->request,
				i % 2 ? OTHER : STREAM, 1, 7);
		ev.info.no_leader = true;
		assert_int_equal(send_event(f, ev), 0);
		assert_string_equal(f->tail.why, "the stream has no leader");
		expect_no_request(&f->src);
		tick(f, 500);
	}
	become_live(f, 1, 9);
	assert_int_equal(event_buffer_last_seq(f->buffer), 9);
}

static void leader_that_catches_up_is_no_roll_back(void **state)
{
	struct fixture *f = *state;

	f->leads = 7;
	start_live(f, 1, 9);
	send_event(f, event_down());
	send_event(f, event_up());
	for (int i = 0; i < 24; i++)
		ask_while_behind(f, 8);
	become_live(f, 1, 9);
	assert_int_equal(event_buffer_last_seq(f->buffer), 9);
	/* The next time counts from its own beginning. */
	send_event(f, event_down());
	send_event(f, event_up());
	f->now_ms += 1000;
	for (int i = 0; i < 25; i++)
		ask_while_behind(f, 8);
	assert_int_equal(answer_info(f, STREAM, 1, 8), TAIL_ROLLED_BACK);
}

/* Answers count, not the time without NATS. */
static void outage_while_behind_is_no_roll_back(void **state)
{
	struct fixture *f = *state;

	f->leads = 7;
	start_live(f, 1, 9);
	send_event(f, event_down());
	send_event(f, event_up());
	ask_while_behind(f, 8);
	send_event(f, event_down());
	f->now_ms += 60000;
	send_event(f, event_up());
	expect_request(&f->src, REQUEST_INFO); /* of the session before */
	ask_while_behind(f, 8);
	become_live(f, 1, 9);
}

static void verify_sees_a_leader_that_is_behind(void **state)
{
	struct fixture *f = *state;

	f->leads = 7;
	send_event(f, event_up());
	answer_info(f, STREAM, 1, 9);
	take_create(f, 10);
	send_event(f, event_created(f->consumer));
	assert_int_equal(answer_info(f, STREAM, 1, 8), 0);
	take_forget(f);
	expect_no_request(&f->src);
	tick(f, 200);
	become_live(f, 1, 9);
}

static void limits_overtake_it_while_away(void **state)
{
	struct fixture *f = *state;

	start_live(f, 1, 9);
	send_message(f, 10);
	send_event(f, event_down());
	send_event(f, event_up());
	assert_int_equal(answer_info(f, STREAM, 15, 20), TAIL_TRIMMED);
	assert_int_equal(event_buffer_last_seq(f->buffer), 14);
	assert_int_equal(event_buffer_floor(f->buffer), 14);
	assert_int_equal(event_buffer_count(f->buffer), 0);
	assert_report(f, true,
		      "messages after sequence 10 up to 14 are gone from the "
		      "stream");
	take_create(f, 15);
}

static void first_sequence_behind_the_last_seq_is_no_gap(void **state)
{
	struct fixture *f = *state;

	start_live(f, 1, 9);
	send_event(f, event_down());
	send_event(f, event_up());
	assert_int_equal(answer_info(f, STREAM, 10, 20), 0);
	take_create(f, 10);
	assert_int_equal(event_buffer_floor(f->buffer), 9);
}

static void verify_sees_it_trimmed(void **state)
{
	struct fixture *f = *state;

	send_event(f, event_up());
	answer_info(f, STREAM, 1, 9);
	take_create(f, 10);
	send_event(f, event_created(f->consumer));
	f->tail.has_report = false;
	assert_int_equal(answer_info(f, STREAM, 15, 20), TAIL_TRIMMED);
	take_pull(f);
	assert_true(tail_live(&f->tail));
	assert_int_equal(send_message(f, 15), TAIL_FRAME);
	/* The status message is lost, not that it is live. */
	assert_report(f, true,
		      "messages after sequence 9 up to 14 are gone from the "
		      "stream");
}

/* ---- is it still that message? ------------------------------------------- */

static void send_stored(struct fixture *f, uint64_t seq, uint64_t time_ns)
{
	struct jetstream_event ev =
		event_message(f->consumer, seq, ++f->cseq, "ev.a", "x");

	ev.msg.time_ns = time_ns;
	assert_int_equal(send_event(f, ev), TAIL_FRAME);
}

/* The stream's message of this sequence; time 0: it is not there. */
static unsigned answer_get(struct fixture *f, uint64_t seq, uint64_t time_ns)
{
	const struct fake_request *a = expect_request(&f->src, REQUEST_GET);
	struct jetstream_event ev = event_found(a->request, seq, "ev.a", "x");

	assert_int_equal(a->seq, seq);
	ev.msg.time_ns = time_ns;
	if (time_ns == 0)
		ev = event_error(JETSTREAM_FOUND, a->request,
				 JETSTREAM_ERR_NO_MESSAGE);
	return send_event(f, ev);
}

static void live_with_messages(struct fixture *f, uint64_t n)
{
	start_live(f, 1, 0);
	for (uint64_t seq = 1; seq <= n; seq++)
		send_stored(f, seq, 1000 + seq);
	send_event(f, event_down());
	send_event(f, event_up());
}

static void newest_message_is_the_same(void **state)
{
	struct fixture *f = *state;

	live_with_messages(f, 5);
	assert_int_equal(answer_info(f, STREAM, 1, 9), 0);
	assert_int_equal(answer_get(f, 5, 1005), 0);
	take_create(f, 6);
	assert_int_equal(event_buffer_count(f->buffer), 5);
}

/* The stream lost its end, and has grown past it since. */
static void stream_that_was_rolled_back_and_grew_is_found(void **state)
{
	struct fixture *f = *state;

	live_with_messages(f, 8);
	assert_int_equal(answer_info(f, STREAM, 1, 20), 0);
	assert_int_equal(answer_get(f, 8, 5008), 0);
	assert_int_equal(answer_get(f, 4, 1004), 0);
	assert_int_equal(answer_get(f, 6, 5006), 0);
	assert_int_equal(answer_get(f, 5, 1005), TAIL_ROLLED_BACK);
	assert_int_equal(event_buffer_last_seq(f->buffer), 5);
	assert_report(f, true,
		      "the stream was rolled back from sequence 8 to 5");
	take_create(f, 6);
}

/* Without replicas, and below what was read: at once, to where it is the same.
 */
static void single_server_was_rolled_back(void **state)
{
	struct fixture *f = *state;

	live_with_messages(f, 4);
	assert_int_equal(answer_info(f, STREAM, 1, 3), 0);
	assert_int_equal(answer_get(f, 2, 1002), 0);
	assert_int_equal(answer_get(f, 3, 5003), TAIL_ROLLED_BACK);
	assert_int_equal(event_buffer_last_seq(f->buffer), 2);
	take_create(f, 3);
}

static void nothing_of_the_buffer_is_left(void **state)
{
	struct fixture *f = *state;

	live_with_messages(f, 2);
	answer_info(f, STREAM, 1, 20);
	answer_get(f, 2, 5002);
	assert_int_equal(answer_get(f, 1, 5001), TAIL_RESET);
	assert_int_equal(event_buffer_last_seq(f->buffer), 20);
	take_create(f, 21);
}

static void deleted_message_tells_nothing(void **state)
{
	struct fixture *f = *state;

	live_with_messages(f, 9);
	answer_info(f, STREAM, 1, 9);
	assert_int_equal(answer_get(f, 9, 0), 0);
	assert_int_equal(answer_get(f, 8, 0), 0);
	assert_int_equal(answer_get(f, 6, 0), 0);
	assert_int_equal(answer_get(f, 2, 1002), 0);
	take_create(f, 10);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(stream_recreated_is_a_reset),
		TEST(identity_is_the_whole_text),
		TEST(verify_sees_another_stream),
		TEST(rolled_back_only_after_a_while),
		TEST(answer_without_a_leader_is_ignored),
		TEST(leader_that_catches_up_is_no_roll_back),
		TEST(outage_while_behind_is_no_roll_back),
		TEST(verify_sees_a_leader_that_is_behind),
		TEST(limits_overtake_it_while_away),
		TEST(first_sequence_behind_the_last_seq_is_no_gap),
		TEST(verify_sees_it_trimmed),
		TEST(newest_message_is_the_same),
		TEST(stream_that_was_rolled_back_and_grew_is_found),
		TEST(single_server_was_rolled_back),
		TEST(nothing_of_the_buffer_is_left),
		TEST(deleted_message_tells_nothing),
	};

	return cmocka_run_group_tests_name("tail_stream", tests, NULL, NULL);
}
