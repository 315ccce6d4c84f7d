/* Holes in what the tail reads: deleted messages are no gap, trimmed ones are,
 * and a server before 2.10 may skip messages that it still has. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/check.h"
#include "tail_rig.h"

/* ---- holes --------------------------------------------------------------- */

static unsigned hole_message(struct fixture *f, uint64_t seq, uint64_t pending)
{
	struct jetstream_event ev =
		event_message(f->consumer, seq, ++f->cseq, "ev.a", "x");

	ev.msg.pending = pending;
	return send_event(f, ev);
}

/* The message after a hole waits for the answer, with all that follow. */
static void message_behind_a_hole_waits(void **state)
{
	struct fixture *f = *state;

	start_live(f, 1, 5);
	hole_message(f, 6, 100); /* no hole */
	assert_quiet(f);
	assert_int_equal(event_buffer_last_seq(f->buffer), 6);
	assert_int_equal(hole_message(f, 9, 0), 0); /* pending 0 is no excuse */
	assert_int_equal(hole_message(f, 10, 0), 0);
	assert_int_equal(event_buffer_last_seq(f->buffer), 6);
	assert_int_equal(answer_leader(f, STREAM, 1, 200), TAIL_FRAME);
	assert_int_equal(event_buffer_last_seq(f->buffer), 10);
	assert_int_equal(event_buffer_count(f->buffer), 3);
	assert_int_equal(event_buffer_floor(f->buffer), 5);
	assert_quiet(f);
}

/* An answer clears the holes that were seen when its question was sent. */
static void later_hole_needs_a_later_answer(void **state)
{
	struct fixture *f = *state;
	struct jetstream_event ev;
	struct buffer_subject *touched;
	uint64_t seq;

	start_live(f, 1, 5);
	hole_message(f, 9, 0);
	leader_ask(&f->leader, f->now_ms);
	hole_message(f, 12, 0);
	ev = event_info(expect_request(&f->src, REQUEST_INFO)->request, STREAM,
			1, 12);
	leader_on_info(&f->leader, &ev, f->now_ms);
	tail_same_stream(&f->tail, &ev, f->leader.asked_last_seq, f->now_ms);
	assert_int_equal(tail_on_leader_info(&f->tail, ev.request.generation,
					     f->now_ms),
			 0);
	assert_int_equal(tail_next(&f->tail, f->now_ms, &touched, &seq),
			 TAIL_FRAME);
	assert_int_equal(seq, 9);
	assert_int_equal(tail_next(&f->tail, f->now_ms, &touched, &seq), 0);
	assert_int_equal(answer_leader(f, STREAM, 11, 12),
			 TAIL_TRIMMED | TAIL_FRAME);
	assert_int_equal(event_buffer_last_seq(f->buffer), 12);
	assert_int_equal(event_buffer_floor(f->buffer), 10);
}

/* The question keeps the hole's start: later messages do not hide it. */
static void hole_finds_it_trimmed(void **state)
{
	struct fixture *f = *state;

	start_live(f, 1, 5);
	hole_message(f, 150, 0);
	assert_int_equal(answer_leader(f, STREAM, 150, 200),
			 TAIL_TRIMMED | TAIL_FRAME);
	assert_int_equal(event_buffer_floor(f->buffer), 149);
	assert_int_equal(event_buffer_last_seq(f->buffer), 150);
	assert_true(tail_live(&f->tail));
	assert_quiet(f);
	assert_report(f, true,
		      "messages after sequence 5 up to 149 are gone from the "
		      "stream");
	assert_int_equal(hole_message(f, 151, 100), TAIL_FRAME);
}

/* A stream of few messages: held messages are delivered, though the stream has
 * dropped them by now. */
static void message_in_hand_is_served(void **state)
{
	struct fixture *f = *state;

	start_live(f, 1, 5);
	hole_message(f, 9, 0);
	assert_int_equal(answer_leader(f, STREAM, 50, 50),
			 TAIL_TRIMMED | TAIL_FRAME);
	assert_int_equal(event_buffer_floor(f->buffer), 8);
	assert_int_equal(event_buffer_last_seq(f->buffer), 9);
}

static void hole_finds_another_stream(void **state)
{
	struct fixture *f = *state;

	start_live(f, 1, 5);
	hole_message(f, 9, 100);
	assert_int_equal(answer_leader(f, OTHER, 1, 200), 0);
	assert_restarted(f);
	assert_int_equal(event_buffer_last_seq(f->buffer), 5);
}

static void filtered(struct fixture *f)
{
	struct jetstream_event ev;

	send_event(f, event_up());
	ev = event_info(expect_request(&f->src, REQUEST_INFO)->request, STREAM,
			1, 5);
	ev.info.filter_covers_all = false;
	send_event(f, ev);
	take_create(f, 6);
	send_event(f, event_created(f->consumer));
	ev.request = expect_request(&f->src, REQUEST_INFO)->request;
	send_event(f, ev);
	take_pull(f);
	f->tail.has_report = false;
}

/* A filtering tail reads on; one answer clears all holes before it. */
static void filtered_tail_goes_on_behind_holes(void **state)
{
	struct fixture *f = *state;

	filtered(f);
	assert_int_equal(hole_message(f, 9, 100), TAIL_FRAME);
	assert_int_equal(hole_message(f, 19, 100), TAIL_FRAME);
	assert_int_equal(answer_leader(f, STREAM, 6, 200), 0);
	/* Not asked about at once again, and never forgotten. */
	assert_int_equal(hole_message(f, 29, 0), TAIL_FRAME);
	assert_quiet(f);
	f->now_ms += 50;
	assert_int_equal(answer_leader(f, STREAM, 20, 200), 0);
	assert_quiet(f);
	assert_int_equal(event_buffer_count(f->buffer), 3);
}

static void filtered_tail_tells_late(void **state)
{
	struct fixture *f = *state;

	filtered(f);
	hole_message(f, 9, 100);
	hole_message(f, 100, 0);
	hole_message(f, 120, 0);
	assert_int_equal(answer_leader(f, STREAM, 90, 200), TAIL_LATE_GAP);
	assert_int_equal(f->tail.gap.after, 5);
	assert_int_equal(f->tail.gap.first, 90);
	assert_int_equal(f->tail.gap.upto, 89);
	/* A subscription that has not come so far reads it from the stream. */
	assert_int_equal(event_buffer_floor(f->buffer), 89);
	assert_int_equal(event_buffer_last_seq(f->buffer), 120);
	assert_report(f, true,
		      "messages after sequence 5 up to 89 may be gone from the "
		      "stream");
}

/* ---- servers before 2.10 ------------------------------------------------- */

static void old_server_with(struct fixture *f, bool covers_all)
{
	struct jetstream_event ev;

	send_event(f, event_up());
	ev = event_info(expect_request(&f->src, REQUEST_INFO)->request, STREAM,
			1, 5);
	ev.info.before_2_10 = true;
	ev.info.filter_covers_all = covers_all;
	send_event(f, ev);
	take_create(f, 6);
	send_event(f, event_created(f->consumer));
	ev.request = expect_request(&f->src, REQUEST_INFO)->request;
	send_event(f, ev);
	take_pull(f);
	f->tail.has_report = false;
}

static void old_server(struct fixture *f)
{
	old_server_with(f, true);
}

static void old_server_is_asked_about_each_hole(void **state)
{
	struct fixture *f = *state;
	const struct fake_request *a;

	old_server(f);
	assert_int_equal(hole_message(f, 9, 0), 0);
	a = expect_request(&f->src, REQUEST_GET_NEXT);
	assert_int_equal(a->seq, 6);
	assert_string_equal(a->subject, ">");
	send_event(f, event_found(a->request, 9, "ev.a", "x"));
	assert_int_equal(event_buffer_last_seq(f->buffer), 5);
	assert_int_equal(answer_leader(f, STREAM, 1, 9), TAIL_FRAME);
	assert_int_equal(event_buffer_last_seq(f->buffer), 9);
}

/* Any other pattern could find a message that the consumer may leave out. */
static void old_server_is_asked_for_what_the_consumer_reads(void **state)
{
	char *const subjects[] = {(char *)"ev.{id}", (char *)"news.x"};
	struct fixture *f = *state;
	const struct fake_request *a;

	make_readable(f, subjects, ARRAY_LEN(subjects));
	old_server_with(f, false);
	hole_message(f, 9, 0);
	a = expect_request(&f->src, REQUEST_GET_NEXT);
	assert_int_equal(a->seq, 6);
	assert_string_equal(a->subject, "*.*");
	send_event(f, event_found(a->request, 7, "other.x", "x"));
	assert_restarted(f);
}

/* Consumers with a literal filter skip nothing. */
static void old_server_is_not_asked_about_one_subject(void **state)
{
	char *const subjects[] = {(char *)"ev.a"};
	struct fixture *f = *state;

	make_readable(f, subjects, 1);
	old_server_with(f, false);
	assert_int_equal(hole_message(f, 9, 0), TAIL_FRAME);
	assert_int_equal(answer_leader(f, STREAM, 1, 9), 0);
	assert_quiet(f);
}

static void old_server_that_skips_is_read_again(void **state)
{
	struct fixture *f = *state;
	const struct fake_request *a;

	old_server(f);
	hole_message(f, 100, 0);
	a = expect_request(&f->src, REQUEST_GET_NEXT);
	send_event(f, event_found(a->request, 7, "ev.a", "x"));
	assert_restarted(f);
	assert_int_equal(f->metrics.value[METRIC_RESET_SKIPPED], 1);
	assert_int_equal(event_buffer_last_seq(f->buffer), 5);
	become_live(f, 1, 100);
	assert_int_equal(send_message(f, 6), TAIL_FRAME);
}

/* The consumer jumped, and no message follows. */
static void old_server_that_skips_to_the_end(void **state)
{
	struct fixture *f = *state;
	struct jetstream_event beat;
	const struct fake_request *a;

	old_server(f);
	beat = event_status(f->consumer, f->pull_no, 100);
	beat.status.has_last_stream = true;
	beat.status.last_stream = 100;
	send_event(f, beat);
	a = expect_request(&f->src, REQUEST_GET_NEXT);
	assert_int_equal(a->seq, 6);
	send_event(f, event_error(JETSTREAM_FOUND, a->request,
				  JETSTREAM_ERR_NO_MESSAGE));
	send_event(f, beat); /* known */
	assert_quiet(f);
	beat.status.last_stream = 110;
	send_event(f, beat);
	a = expect_request(&f->src, REQUEST_GET_NEXT);
	send_event(f, event_found(a->request, 105, "ev.a", "x"));
	assert_restarted(f);
}

/* "No message" may be the answer of a leader that is behind. */
static void end_of_an_old_server_is_asked_about_again(void **state)
{
	struct fixture *f = *state;
	struct jetstream_event beat;
	const struct fake_request *a;

	old_server(f);
	beat = event_status(f->consumer, f->pull_no, 100);
	beat.status.has_last_stream = true;
	beat.status.last_stream = 100;
	for (unsigned wait = 0; wait < 20; wait = wait == 0 ? 1 : wait * 2) {
		for (unsigned i = 0; i < (wait < 16 ? wait : 16); i++) {
			send_event(f, beat);
			assert_quiet(f);
		}
		send_event(f, beat);
		a = expect_request(&f->src, REQUEST_GET_NEXT);
		assert_int_equal(a->seq, 6);
		send_event(f, event_error(JETSTREAM_FOUND, a->request,
					  JETSTREAM_ERR_NO_MESSAGE));
	}
	send_event(f, event_found(a->request, 7, "ev.a", "x"));
	assert_restarted(f);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(message_behind_a_hole_waits),
		TEST(later_hole_needs_a_later_answer),
		TEST(message_in_hand_is_served),
		TEST(filtered_tail_goes_on_behind_holes),
		TEST(filtered_tail_tells_late),
		TEST(old_server_is_asked_about_each_hole),
		TEST(old_server_is_asked_for_what_the_consumer_reads),
		TEST(old_server_is_not_asked_about_one_subject),
		TEST(old_server_that_skips_is_read_again),
		TEST(old_server_that_skips_to_the_end),
		TEST(end_of_an_old_server_is_asked_about_again),
		TEST(hole_finds_it_trimmed),
		TEST(hole_finds_another_stream),
	};

	return cmocka_run_group_tests_name("tail_hole", tests, NULL, NULL);
}
