/* When the leader is asked, and what its last sequence means; the pause before
 * a failed request is repeated. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/backoff.h"
#include "base/check.h"
#include "delivery/leader.h"
#include "fake_jetstream.h"
#include "jetstream_events.h"

struct fixture {
	struct fake_jetstream src;
	struct event_buffer *buffer;
	struct adaptive_timeout timeout;
	struct metrics metrics;
	struct leader leader;
	uint64_t now_ms;
};

static int setup(void **state)
{
	static struct fixture f;

	memset(&f, 0, sizeof(f));
	f.now_ms = 100000;
	fake_jetstream_init(&f.src);
	assert_int_equal(event_buffer_new(&f.buffer, 1 << 20), 0);
	leader_init(&f.leader, &f.src.source, f.buffer, &f.timeout, &f.metrics);
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	event_buffer_free(f->buffer);
	fake_jetstream_finish(&f->src);
	return 0;
}

static unsigned answer(struct fixture *f, uint64_t last, uint32_t leader)
{
	struct jetstream_event ev =
		event_info(expect_request(&f->src, REQUEST_INFO)->request,
			   "created-1", 1, last);

	ev.info.leader = leader;
	return leader_on_info(&f->leader, &ev, f->now_ms);
}

static void ask(struct fixture *f)
{
	leader_ask(&f->leader, f->now_ms);
}

static void pass(struct fixture *f, uint64_t ms)
{
	f->now_ms += ms;
	leader_tick(&f->leader, f->now_ms);
	ask(f);
}

/* ---- the question -------------------------------------------------------- */

static void one_question_serves_all_before_it(void **state)
{
	struct fixture *f = *state;
	uint32_t no = leader_want_info(&f->leader);

	assert_int_equal(leader_want_info(&f->leader), no);
	ask(f);
	/* It is sent: a later caller needs the next one. */
	assert_int_equal(leader_want_info(&f->leader), no + 1);
	ask(f);
	assert_int_equal(requests_unread(&f->src), 1);
	assert_int_equal(answer(f, 9, 0), LEADER_OURS);
	ask(f);
	assert_int_equal(answer(f, 9, 0), LEADER_OURS);
	ask(f);
	expect_no_request(&f->src);
	assert_int_equal(leader_due(&f->leader), UINT64_MAX);
}

/* One client must not delay the questions of all others. */
static void later_question_delays_no_other(void **state)
{
	struct fixture *f = *state;

	leader_want_info_by(&f->leader, f->now_ms + 250);
	ask(f);
	expect_no_request(&f->src);
	assert_int_equal(leader_due(&f->leader), f->now_ms + 250);
	for (int i = 0; i < 100; i++) {
		leader_want_info(&f->leader);
		ask(f);
		assert_int_equal(answer(f, 9, 0), LEADER_OURS);
		leader_want_info_by(&f->leader, f->now_ms + 250);
	}
	pass(f, 249);
	expect_no_request(&f->src);
	pass(f, 1);
	assert_int_equal(answer(f, 9, 0), LEADER_OURS);
	pass(f, 250);
	expect_no_request(&f->src);
}

static void answer_that_is_lost_is_asked_for_again(void **state)
{
	struct fixture *f = *state;

	leader_want_info(&f->leader);
	ask(f);
	expect_request(&f->src, REQUEST_INFO);
	pass(f, 1999);
	expect_no_request(&f->src);
	assert_int_equal(leader_due(&f->leader), f->now_ms + 1);
	pass(f, 1);
	assert_int_equal(answer(f, 9, 0), LEADER_OURS);
}

/* A server without a leader, or an error: the next one is not asked at once. */
static void answer_that_says_nothing_is_asked_for_again(void **state)
{
	struct fixture *f = *state;
	struct jetstream_event ev;

	leader_want_info(&f->leader);
	ask(f);
	ev = event_error(JETSTREAM_INFO,
			 expect_request(&f->src, REQUEST_INFO)->request, 10008);
	assert_int_equal(leader_on_info(&f->leader, &ev, f->now_ms),
			 LEADER_OURS);
	ask(f);
	expect_no_request(&f->src);
	assert_int_equal(leader_due(&f->leader), f->now_ms + 250);
	pass(f, 250);
	ev = event_info(expect_request(&f->src, REQUEST_INFO)->request,
			"created-1", 1, 9);
	ev.info.no_leader = true;
	assert_int_equal(leader_on_info(&f->leader, &ev, f->now_ms),
			 LEADER_OURS | LEADER_OTHER);
	pass(f, 250);
	assert_int_equal(answer(f, 9, 0), LEADER_OURS);
}

static void other_servers_answer_is_a_rivals(void **state)
{
	struct fixture *f = *state;
	struct jetstream_event ev;

	f->leader.state.leader = 7;
	leader_want_info(&f->leader);
	ask(f);
	ev = event_info(expect_request(&f->src, REQUEST_INFO)->request,
			"created-1", 1, 9);
	ev.info.leader = 7;
	assert_int_equal(leader_on_info(&f->leader, &ev, f->now_ms),
			 LEADER_OURS);
	/* A second answer to the same question. */
	ev.info.leader = 8;
	assert_int_equal(leader_on_info(&f->leader, &ev, f->now_ms),
			 LEADER_OTHER);
}

/* ---- the grace ----------------------------------------------------------- */

static bool rolled_back(struct fixture *f, uint64_t last, uint32_t leader,
			uint64_t head)
{
	const struct jetstream_info i = {.last_seq = last, .leader = leader};

	leader_take_state(&f->leader, &i);
	f->leader.answered_ms = f->now_ms;
	return leader_rolled_back(&f->leader, &i, head, f->now_ms);
}

static void without_replicas_no_one_is_behind(void **state)
{
	struct fixture *f = *state;

	assert_false(rolled_back(f, 9, 0, 9));
	assert_true(rolled_back(f, 8, 0, 9));
}

static void leader_has_its_grace(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < 20; i++) {
		assert_false(rolled_back(f, 8, 7, 9));
		assert_true(leader_is_behind(&f->leader));
		f->now_ms += 250;
	}
	assert_true(rolled_back(f, 8, 7, 9));
	assert_false(rolled_back(f, 9, 7, 9));
	assert_false(leader_is_behind(&f->leader));
}

static void cursor_beyond_the_end_has_the_same_grace(void **state)
{
	struct fixture *f = *state;
	uint32_t since = 0;

	rolled_back(f, 9, 7, 9);
	assert_false(leader_had_grace(&f->leader, &since, f->now_ms));
	f->now_ms += 4990;
	assert_false(leader_had_grace(&f->leader, &since, f->now_ms));
	/* The leader is behind what the gateway itself has: no time counts. */
	rolled_back(f, 8, 7, 9);
	f->now_ms += 4000;
	assert_false(leader_had_grace(&f->leader, &since, f->now_ms));
	rolled_back(f, 9, 7, 9);
	f->now_ms += 4990;
	assert_false(leader_had_grace(&f->leader, &since, f->now_ms));
	f->now_ms += 20;
	assert_true(leader_had_grace(&f->leader, &since, f->now_ms));
	/* Without replicas no server is behind. */
	since = 0;
	rolled_back(f, 9, 0, 9);
	assert_false(leader_had_grace(&f->leader, &since, f->now_ms));
	f->now_ms += 1000;
	assert_true(leader_had_grace(&f->leader, &since, f->now_ms));
}

/* ---- backoff ------------------------------------------------------------- */

static void pauses_grow_and_end(void **state)
{
	static const struct backoff_times t = {0, 100, 1000};
	static const uint64_t want[] = {0, 100, 200, 400, 800, 1000, 1000};
	struct backoff b = {0};

	(void)state;
	assert_true(backoff_over(&b, 0));
	for (size_t i = 0; i < ARRAY_LEN(want); i++)
		assert_int_equal(backoff_fail(&b, &t, 5000), want[i]);
	assert_false(backoff_over(&b, 5999));
	assert_true(backoff_over(&b, 6000));
	for (int i = 0; i < 100; i++)
		assert_int_equal(backoff_fail(&b, &t, 5000), 1000);
	backoff_reset(&b);
	assert_true(backoff_over(&b, 0));
	assert_int_equal(backoff_fail(&b, &t, 5000), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(one_question_serves_all_before_it),
		TEST(later_question_delays_no_other),
		TEST(answer_that_is_lost_is_asked_for_again),
		TEST(answer_that_says_nothing_is_asked_for_again),
		TEST(other_servers_answer_is_a_rivals),
		TEST(without_replicas_no_one_is_behind),
		TEST(leader_has_its_grace),
		TEST(cursor_beyond_the_end_has_the_same_grace),
		TEST(pauses_grow_and_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
