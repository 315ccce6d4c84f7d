/* A replay's phases over time: timeouts, full sockets, its end in each phase,
 * and permits of the limiters. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/check.h"
#include "replay_rig.h"

/* ---- time-outs ----------------------------------------------------------- */

static void to_probe(struct fixture *f)
{
	begin_replay(f, 12);
	asked_find(f, 13);
}

static void to_check(struct fixture *f)
{
	begin_replay(f, 12);
	answer_probe(f, 13, 50);
}

static void to_deliver(struct fixture *f)
{
	to_check(f);
	check_info(f, 1, 200);
}

static void to_create(struct fixture *f)
{
	begin_replay(f, 10);
	deliver_found(f, 11, 11);
	deliver_found(f, 12, 12);
	asked_create(f, 13);
}

static void to_check_consumer(struct fixture *f)
{
	to_create(f);
	send_event(f, event_created(f->consumer));
}

static void to_pull_end(struct fixture *f)
{
	begin_pulling(f);
	send_message(f, 20);
	send_event(f, event_status(f->consumer, f->pull_no, 404));
}

static void to_checked_pull(struct fixture *f)
{
	to_pull_end(f);
	check_info(f, 1, 2000);
}

static void every_phase_that_waits_has_a_time_out(void **state)
{
	static const struct {
		void (*to)(struct fixture *f);
		bool waits, has_consumer;
	} cases[] = {
		{to_probe, true, false},	 {to_check, true, false},
		{to_deliver, false, false},	 {to_create, true, true},
		{to_check_consumer, true, true}, {begin_pulling, true, true},
		{to_pull_end, true, true},	 {to_checked_pull, false, true},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct fixture *f = fresh(state);

		cases[i].to(f);
		f->now_ms += ANSWER_MS - 1;
		replay_tick(&f->replay, f->now_ms);
		expect_no_request(&f->src);
		f->now_ms++;
		/* While the socket is blocked, nothing is requested. */
		f->cursor.blocked = true;
		replay_tick(&f->replay, f->now_ms);
		expect_no_request(&f->src);
		f->cursor.blocked = false;
		replay_tick(&f->replay, f->now_ms);
		if (cases[i].waits && cases[i].has_consumer)
			asked_forget(f);
		if (cases[i].waits)
			asked_find(f, 13);
		expect_no_request(&f->src);
	}
}

static void each_message_gives_a_pull_more_time(void **state)
{
	struct fixture *f = *state;

	begin_pulling(f);
	for (uint64_t seq = 13; seq < 18; seq++) {
		f->now_ms += ANSWER_MS - 1;
		replay_tick(&f->replay, f->now_ms);
		send_message(f, seq);
	}
	expect_no_request(&f->src);
}

/* ---- the socket ---------------------------------------------------------- */

static void check_cut(void **state, bool chunked, size_t written)
{
	struct fixture *f = fresh(state);
	struct cursor_batch b;
	struct bytes all = {0};
	const uint8_t *rest = NULL;
	size_t rest_len, one, whole;

	begin_pulling(f);
	f->cursor.chunked = chunked;
	for (uint64_t seq = 20; seq < 25; seq++)
		send_message(f, seq);
	end_pull_checked(f);
	replay_gather(&f->replay, &b);
	for (int i = 1; i <= b.n; i++)
		bytes_add(&all, b.iov[i].iov_base, b.iov[i].iov_len);
	one = all.len / 5;
	/* The frame that was cut, or else the next one, counts as handed out.
	 */
	whole = written == all.len ? 5 : written / one + 1;
	replay_advance(&f->replay, &b, written, &rest, &rest_len);
	assert_int_equal(rest_len, whole * one - written);
	if (rest_len > 0)
		assert_memory_equal(rest, all.at + written, rest_len);
	assert_int_equal(f->replay.sent, 19 + whole);
	assert_int_equal(f->replay.covered, 19 + whole);
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

static void chunks_are_as_in_the_buffer(void **state)
{
	struct fixture *f = *state;

	f->cursor.chunked = true;
	begin_replay(f, 10);
	answer_probe(f, 11, 50);
	check_info(f, 1, 200);
	take_frames(f, "1b\r\ndata: found\nid: 50-9f31c2\n\n\r\n");
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
		{to_check_consumer, true}, {begin_pulling, true},
		{to_pull_end, true},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct fixture *f = fresh(state);

		cases[i].to(f);
		replay_end(&f->replay);
		assert_int_equal(f->replay.phase, REPLAY_IDLE);
		if (cases[i].has_consumer)
			asked_forget(f);
		replay_end(&f->replay);
		replay_tick(&f->replay, f->now_ms + 1000000);
		expect_no_request(&f->src);
		/* Frames not handed out are not kept for the next replay. */
		begin_replay(f, 30);
		take_frames(f, "");
		answer_probe(f, 31, 31);
		check_info(f, 1, 200);
		take_frames(f, "data: found\nid: 31-9f31c2\n\n");
	}
}

/* An evicted cursor joins again with room to spare. */
static void fell_off_joins_at_the_quarter(void **state)
{
	struct fixture *f = *state;

	for (uint64_t seq = 101; seq <= 140; seq++) {
		struct sse_frame sse;

		sse_measure(&sse, "x", 1, seq, &tag);
		event_buffer_append(f->buffer, "ev.b", 4, &sse, 0);
	}
	f->cursor.evicted = true;
	begin_replay(f, 10);
	answer_probe(f, 11, 110);
	check_info(f, 1, 200);
	take_frames(f, "data: found\nid: 110-9f31c2\n\n");
	assert_int_equal(step_replay(f), REPLAY_WAIT);
	answer_probe(f, 111, 111);
	check_info(f, 1, 200);
	take_frames(f, "data: found\nid: 111-9f31c2\n\n");
	assert_int_equal(step_replay(f), REPLAY_JOINS);
}

/* ---- turns --------------------------------------------------------------- */

static void waits_for_its_permit(void **state)
{
	struct fixture *f = *state;
	struct permit other = {.limiter = NULL};

	assert_true(permit_acquire(&f->limiters.asks, &other));
	begin_replay(f, 10);
	f->now_ms += 10L * ANSWER_MS;
	replay_tick(&f->replay, f->now_ms);
	expect_no_request(&f->src);
	assert_int_equal(replay_step(&f->replay, f->now_ms), REPLAY_WAIT);
	assert_null(limiter_next(&f->limiters.asks));
	permit_release(&other);
	assert_ptr_equal(limiter_next(&f->limiters.asks), &f->replay.permit);
	replay_on_permit(&f->replay, f->now_ms);
	asked_find(f, 11);
	/* The time in the line does not count as the server's. */
	replay_tick(&f->replay, f->now_ms + ANSWER_MS - 1);
	expect_no_request(&f->src);
}

static void ends_while_it_waits(void **state)
{
	struct fixture *f = *state;
	struct permit other = {.limiter = NULL};

	assert_true(permit_acquire(&f->limiters.asks, &other));
	begin_replay(f, 10);
	replay_end(&f->replay);
	permit_release(&other);
	assert_null(limiter_next(&f->limiters.asks));
	expect_no_request(&f->src);
}

/* All requested messages come, and are handed out. */
static void full_pull(struct fixture *f)
{
	uint64_t first = f->replay.sent + 1, last = f->cursor.sent + BATCH;
	struct cursor_batch b;
	const uint8_t *rest;
	size_t rest_len;

	for (uint64_t seq = first; seq <= last; seq++)
		send_message(f, seq);
	assert_int_equal(check_info(f, 1, 20000), REPLAY_HAS_DATA);
	while (f->replay.sent < last) {
		replay_gather(&f->replay, &b);
		assert_true(b.bytes > 0);
		replay_advance(&f->replay, &b, b.bytes, &rest, &rest_len);
	}
	assert_int_equal(step_replay(f), REPLAY_WAIT);
}

static void pulls(struct fixture *f, int n)
{
	for (int i = 0; i < n; i++) {
		full_pull(f);
		asked_pull(f, BATCH, 128 * 1024);
	}
}

/* A replay that is far behind does not delay short ones. */
static void consumer_is_given_up_after_so_many_pulls(void **state)
{
	enum { PULLS = 16 };
	struct fixture *f = *state;
	struct permit other = {.limiter = NULL};

	begin_pulling(f);
	event_buffer_reset(f->buffer, 10000);
	assert_false(permit_acquire(&f->limiters.consumers, &other));
	pulls(f, PULLS - 1);
	full_pull(f);
	asked_forget(f);
	expect_no_request(&f->src);
	assert_ptr_equal(limiter_next(&f->limiters.consumers), &other);
	assert_null(limiter_next(&f->limiters.consumers));
	permit_release(&other);
	assert_ptr_equal(limiter_next(&f->limiters.consumers),
			 &f->replay.permit);
	/* The next consumer counts from 1. */
	assert_false(permit_acquire(&f->limiters.consumers, &other));
	replay_on_permit(&f->replay, f->now_ms);
	asked_create(f, f->replay.sent + 1);
	send_event(f, event_created(f->consumer));
	check_info(f, 1, 20000);
	asked_pull(f, BATCH, 128 * 1024);
	pulls(f, PULLS - 1);
	permit_release(&other);
}

static void consumer_is_kept_while_no_other_waits(void **state)
{
	struct fixture *f = *state;

	begin_pulling(f);
	event_buffer_reset(f->buffer, 10000);
	pulls(f, 40);
}

/* Its pull is over, so nothing is lost with it; what has come is handed out. */
static void blocked_one_gives_its_consumer_away(void **state)
{
	struct fixture *f = *state;
	struct permit other = {.limiter = NULL};

	begin_pulling(f);
	send_message(f, 20);
	end_pull_checked(f);
	replay_yield(&f->replay); /* no other waits for it */
	expect_no_request(&f->src);
	assert_false(permit_acquire(&f->limiters.consumers, &other));
	replay_yield(&f->replay);
	asked_forget(f);
	assert_ptr_equal(limiter_next(&f->limiters.consumers), &other);
	take_frames(f, "data: m\nid: 20-9f31c2\n\n");
	assert_int_equal(step_replay(f), REPLAY_WAIT);
	asked_find(f, 21);
	permit_release(&other);

	f = fresh(state);
	begin_pulling(f);
	assert_false(permit_acquire(&f->limiters.consumers, &other));
	replay_yield(&f->replay); /* it is being served */
	expect_no_request(&f->src);
	permit_release(&other);
}

static void missing_answer_lowers_the_limit(void **state)
{
	struct fixture *f = *state;

	limiter_init(&f->limiters.asks, 8);
	begin_replay(f, 10);
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
		TEST(every_phase_that_waits_has_a_time_out),
		TEST(each_message_gives_a_pull_more_time),
		TEST(every_cut_is_taken_up),
		TEST(chunks_are_as_in_the_buffer),
		TEST(ends_in_every_phase),
		TEST(fell_off_joins_at_the_quarter),
		TEST(waits_for_its_permit),
		TEST(ends_while_it_waits),
		TEST(consumer_is_given_up_after_so_many_pulls),
		TEST(consumer_is_kept_while_no_other_waits),
		TEST(blocked_one_gives_its_consumer_away),
		TEST(missing_answer_lowers_the_limit),
	};

	return cmocka_run_group_tests_name("replay", tests, NULL, NULL);
}
