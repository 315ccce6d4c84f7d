/* Older messages of several patterns: the replays of one subscription, merged.
 * The stream and its consumers are those of fake_jetstream. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/check.h"
#include "hub_rig.h"
#include "hub_selection_rig.h"
#include "readable_of.h"

static struct rig rig;
static struct readable *readable;

static int setup_with(void **state, size_t max_replays, unsigned max_consumers)
{
	struct hub_config cfg = rig_config();

	cfg.readable = readable = readable_of("ev.>");
	cfg.max_replays = max_replays;
	cfg.max_consumers = max_consumers;
	cfg.max_asks = max_consumers;
	rig_start(&rig, &cfg);
	*state = &rig;
	return 0;
}

static int setup(void **state)
{
	return setup_with(state, 16, 0);
}

static int setup_with_one_consumer(void **state)
{
	return setup_with(state, 16, 1);
}

static int setup_with_one_slot(void **state)
{
	return setup_with(state, 1, 0);
}

static int setup_with_two_slots(void **state)
{
	return setup_with(state, 2, 0);
}

static int teardown(void **state)
{
	rig_finish(*state);
	readable_unref(readable);
	return 0;
}

/* ---- the order ----------------------------------------------------------- */

static void history_of_all_patterns_comes_in_order_and_once(void **state)
{
	struct rig *r = *state;
	const char *patterns = "ev.a ev.*.x ev.b.> ! ev.b.x ev.d.x";
	struct rig_client *c;

	store_many(r, 1200);
	rig_connect(r);
	c = open_selection(r, "i", patterns,
			   (struct hub_open){.start = START_ALL});
	run_for(r, 1000);
	assert_int_equal(c->cursor.state, CURSOR_LIVE);
	assert_true(assert_events(r, c, patterns, 1) > 300);
	store_many(r, 50);
	run_for(r, 1000);
	assert_true(assert_events(r, c, patterns, 1201) > 10);
}

static void chunks_and_lines_are_merged_alike(void **state)
{
	struct rig *r = *state;
	struct hub_open open = {.start = START_ALL, .ndjson = true};
	struct rig_client *c;

	store_many(r, 300);
	rig_connect(r);
	c = open_selection(r, "i", "ev.a ev.b.>", open);
	run_for(r, 1000);
	assert_lines(r, c, "ev.a ev.b.>", 1);
}

/* Nothing is handed out before each pattern has said what it has next. */
static void message_waits_for_the_other_patterns(void **state)
{
	struct rig *r = *state;
	struct request_id a, b;
	struct rig_client *c;

	rig_live(r, 1, 100);
	c = resume_selection(r, "i", "ev.a ev.b", 10);
	bytes_clear(&c->got);
	a = expect_request(&r->src, REQUEST_GET_NEXT)->request;
	b = expect_request(&r->src, REQUEST_GET_NEXT)->request;
	assert_int_not_equal(a.owner, b.owner);
	rig_send(r, event_found(a, 50, "ev.a", "a"));
	rig_flush(r);
	rig_info(r, RIG_STREAM, 1, 100);
	rig_flush(r);
	assert_got(c, "");
	rig_send(r, event_found(b, 20, "ev.b", "b"));
	rig_flush(r);
	rig_info(r, RIG_STREAM, 1, 100);
	rig_flush(r);
	assert_got(c, "data: b\nid: 20-@\n\n");
	b = expect_request(&r->src, REQUEST_GET_NEXT)->request;
	expect_no_request(&r->src);
	rig_send(r, event_error(JETSTREAM_FOUND, b, JETSTREAM_ERR_NO_MESSAGE));
	rig_flush(r);
	rig_info(r, RIG_STREAM, 1, 100);
	rig_flush(r);
	assert_got(c, "data: a\nid: 50-@\n\n");
}

static void message_of_two_patterns_goes_out_once(void **state)
{
	struct rig *r = *state;
	struct request_id id[2];
	struct rig_client *c;

	rig_live(r, 1, 100);
	c = resume_selection(r, "i", "ev.a.* ev.*.b", 10);
	bytes_clear(&c->got);
	for (int i = 0; i < 2; i++)
		id[i] = expect_request(&r->src, REQUEST_GET_NEXT)->request;
	for (int i = 0; i < 2; i++)
		rig_send(r, event_found(id[i], 50, "ev.a.b", "x"));
	rig_flush(r);
	rig_info(r, RIG_STREAM, 1, 100);
	rig_flush(r);
	assert_got(c, "data: x\nid: 50-@\n\n");
	assert_int_equal(c->cursor.covered, 50);
	for (int i = 0; i < 2; i++)
		assert_int_equal(expect_request(&r->src, REQUEST_GET_NEXT)->seq,
				 51);
}

/* The client may come back with the id of a ping: it must not be beyond what
 * one of the patterns has covered. */
static void covered_is_what_all_patterns_have(void **state)
{
	struct rig *r = *state;
	struct request_id a, b;
	struct rig_client *c;

	rig_live(r, 1, 100);
	c = resume_selection(r, "i", "ev.a ev.b", 10);
	a = expect_request(&r->src, REQUEST_GET_NEXT)->request;
	b = expect_request(&r->src, REQUEST_GET_NEXT)->request;
	rig_send(r, event_error(JETSTREAM_FOUND, a, JETSTREAM_ERR_NO_MESSAGE));
	rig_flush(r);
	rig_info(r, RIG_STREAM, 1, 100);
	rig_flush(r);
	assert_int_equal(c->cursor.covered, 10);
	assert_int_equal(c->cursor.state, CURSOR_REPLAY);
	rig_send(r, event_error(JETSTREAM_FOUND, b, JETSTREAM_ERR_NO_MESSAGE));
	rig_flush(r);
	rig_info(r, RIG_STREAM, 1, 100);
	rig_flush(r);
	assert_int_equal(c->cursor.covered, 100);
	assert_int_equal(c->cursor.state, CURSOR_LIVE);
	expect_no_request(&r->src);
}

/* A socket that takes few bytes: events are cut, and the merge goes on behind
 * the cut. */
static void cut_event_is_continued(void **state)
{
	struct rig *r = *state;
	const char *patterns = "ev.a ev.b.> ev.*.x";
	struct rig_client *c;

	store_many(r, 300);
	rig_connect(r);
	c = open_selection(r, "i", patterns,
			   (struct hub_open){.start = START_ALL});
	c->room = 0;
	for (int i = 0; i < 2000; i++) {
		run_for(r, 10);
		rig_drain(r, c, 33);
	}
	c->room = SIZE_MAX;
	rig_drain(r, c, SIZE_MAX);
	run_for(r, 1000);
	assert_events(r, c, patterns, 1);
}

/* ---- limits -------------------------------------------------------------- */

/* Replays that wait for each other hold no consumer that another needs. */
static void one_consumer_at_a_time_suffices(void **state)
{
	struct rig *r = *state;
	const char *patterns[2] = {"ev.a ev.b.> ev.*.x", "ev.c.> ev.*.x ev.a"};
	struct rig_client *c[2];

	store_many(r, 1500);
	rig_connect(r);
	for (int i = 0; i < 2; i++)
		c[i] = open_selection(r, "i", patterns[i],
				      (struct hub_open){.start = START_ALL});
	for (int i = 0; i < 100; i++) {
		run_for(r, 100);
		/* the tail's, and one */
		assert_true(fake_jetstream_count_consumers(&r->src) <= 2);
	}
	for (int i = 0; i < 2; i++) {
		assert_int_equal(c[i]->cursor.state, CURSOR_LIVE);
		assert_events(r, c[i], patterns[i], 1);
	}
}

/* Each pattern counts as a replay. More than there are slots run alone. */
static void replays_are_as_many_as_slots(void **state)
{
	struct rig *r = *state;
	struct rig_client *c[2];

	rig_live(r, 1, 100);
	c[0] = resume_selection(r, "i", "ev.a ev.b ev.c", 10);
	c[1] = resume_selection(r, "j", "ev.d", 10);
	assert_int_equal(requests_unread(&r->src), 3);
	assert_int_equal(c[0]->cursor.state, CURSOR_REPLAY);
	assert_int_equal(c[1]->cursor.state, CURSOR_EVICTED);
	rig_close(r, c[0]);
	assert_int_equal(c[1]->cursor.state, CURSOR_REPLAY);
	assert_int_equal(requests_unread(&r->src), 4);
	/* late answers are for no replay */
	for (int i = 0; i < 3; i++) {
		struct request_id id =
			expect_request(&r->src, REQUEST_GET_NEXT)->request;

		rig_send(r, event_found(id, 20, "ev.d", "late"));
	}
	rig_flush(r);
	bytes_clear(&c[1]->got);
	rig_probe(r, 11, 0);
	rig_info(r, RIG_STREAM, 1, 100);
	rig_flush(r);
	assert_got(c[1], "");
	assert_int_equal(c[1]->cursor.state, CURSOR_LIVE);
}

/* The slot's next replays ask under the same owners. */
static void late_answers_are_for_no_later_replay(void **state)
{
	struct rig *r = *state;
	struct request_id late[4];
	struct rig_client *c;

	rig_live(r, 1, 100);
	for (int i = 0; i < 4; i += 2) {
		c = resume_selection(r, "i", "ev.a ev.b", 10);
		for (int j = i; j < i + 2; j++)
			late[j] = expect_request(&r->src, REQUEST_GET_NEXT)
					  ->request;
		rig_close(r, c);
	}
	c = resume_selection(r, "i", "ev.a ev.b", 10);
	bytes_clear(&c->got);
	for (int i = 0; i < 4; i++)
		rig_send(r, event_found(late[i], 20,
					i % 2 == 0 ? "ev.a" : "ev.b", "late"));
	rig_flush(r);
	for (int i = 0; i < 2; i++)
		rig_probe(r, 11, 0);
	for (int i = 0; i < 2; i++) {
		rig_info(r, RIG_STREAM, 1, 100);
		rig_flush(r);
	}
	assert_got(c, "");
	assert_int_equal(c->cursor.state, CURSOR_LIVE);
}

/* A selection that needs more slots than are free waits for them in the line.
 */
static void line_is_served_in_order(void **state)
{
	struct rig *r = *state;
	struct rig_client *c[3];

	rig_live(r, 1, 100);
	c[0] = resume_selection(r, "i", "ev.a", 10);
	c[1] = resume_selection(r, "j", "ev.a ev.b", 10);
	c[2] = resume_selection(r, "k", "ev.c", 10);
	rig_flush(r);
	assert_int_equal(c[0]->cursor.state, CURSOR_REPLAY);
	assert_int_equal(c[1]->cursor.state, CURSOR_EVICTED);
	assert_int_equal(c[2]->cursor.state, CURSOR_EVICTED);
	rig_close(r, c[0]);
	assert_int_equal(c[1]->cursor.state, CURSOR_REPLAY);
	assert_int_equal(c[2]->cursor.state, CURSOR_EVICTED);
}

/* Slots go round, though a merged replay always waits for something. */
static void slots_of_merged_replays_go_round(void **state)
{
	struct rig *r = *state;
	const char *patterns[3] = {"ev.a ev.b.>", "ev.c.> ev.a", "ev.*.x ev.a"};
	struct rig_client *c[3];

	store_many(r, 1500);
	rig_connect(r);
	for (int i = 0; i < 3; i++) {
		c[i] = open_selection(r, "i", patterns[i],
				      (struct hub_open){.start = START_ALL});
		c[i]->room = 0;
	}
	for (int i = 0; i < 4000; i++) {
		run_for(r, 10);
		for (int j = 0; j < 3; j++)
			rig_drain(r, c[j], 500);
		if (i == 1000) /* 10 s, of which each has had its turn */
			for (int j = 0; j < 3; j++)
				assert_true(c[j]->cursor.events > 0);
	}
	for (int i = 0; i < 3; i++) {
		assert_int_equal(c[i]->cursor.state, CURSOR_LIVE);
		assert_events(r, c[i], patterns[i], 1);
	}
}

/* ---- what happens meanwhile ---------------------------------------------- */

static void consumers_that_vanish_lose_nothing(void **state)
{
	struct rig *r = *state;
	const char *patterns = "ev.a ev.b.> ev.*.x ! ev.d.x";
	struct rig_client *c;

	store_many(r, 1500);
	rig_connect(r);
	c = open_selection(r, "i", patterns,
			   (struct hub_open){.start = START_ALL});
	c->room = 0;
	for (int i = 0; i < 400; i++) {
		run_for(r, 50);
		rig_drain(r, c, 4000);
		if (i % 7 == 3 && i < 100)
			fake_jetstream_delete_consumer(
				&r->src,
				fake_jetstream_consumer(&r->src, (size_t)i),
				i % 2 != 0);
	}
	assert_int_equal(c->cursor.state, CURSOR_LIVE);
	assert_events(r, c, patterns, 1);
}

/* nats-server before 2.10: the purge of another subject makes a consumer skip
 * what it has not yet delivered. A literal filter is safe. */
static void jump_of_a_consumer_loses_nothing(void **state)
{
	static const char *const patterns[] = {"ev.*.x", "ev.b.> ev.*.x",
					       "ev.a ev.e"};

	for (size_t i = 0; i < ARRAY_LEN(patterns); i++) {
		struct rig *r = *state;
		struct rig_client *c;
		unsigned questions;

		teardown(state);
		setup(state);
		r->src.faults.jumps = true;
		store_many(r, 1500);
		store_one(r, "ev.other");
		rig_connect(r);
		c = open_selection(r, "i", patterns[i],
				   (struct hub_open){.start = START_ALL});
		c->room = 0;
		for (int j = 0; j < 400; j++) {
			run_for(r, 10);
			rig_drain(r, c, 800);
			if (j != 5 && j != 12)
				continue;
			fake_jetstream_purge_subject(&r->src, "ev.other");
			if (j == 5) /* behind the jump, if anything */
				store_many(r, 20);
			store_one(r, "ev.other");
		}
		assert_int_equal(c->cursor.state, CURSOR_LIVE);
		assert_events(r, c, patterns[i], 1);
		questions = r->src.served[REQUEST_GET_NEXT];
		assert_true(r->src.served[REQUEST_PULL] < 200);
		if (i == 2) /* two probes each, and the last ones */
			assert_in_range(questions, 4, 12);
	}
}

static void messages_that_expire_are_a_gap(void **state)
{
	struct rig *r = *state;
	struct rig_client *c;

	store_many(r, 600);
	rig_connect(r);
	c = open_selection(r, "i", "ev.a ev.b.>",
			   (struct hub_open){.start = START_ALL});
	c->room = 0;
	run_for(r, 100);
	rig_drain(r, c, 2000);
	fake_jetstream_purge(&r->src, 500);
	rig_drain(r, c, SIZE_MAX);
	run_for(r, 5000);
	assert_int_equal(c->cursor.state, CURSOR_LIVE);
	assert_non_null(strstr(bytes_text(&c->got), "\"reason\": \"expired\""));
	assert_events_after_gap(r, c, "ev.a ev.b.>", 501);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(history_of_all_patterns_comes_in_order_and_once),
		TEST(chunks_and_lines_are_merged_alike),
		TEST(message_waits_for_the_other_patterns),
		TEST(message_of_two_patterns_goes_out_once),
		TEST(covered_is_what_all_patterns_have),
		TEST(cut_event_is_continued),
		cmocka_unit_test_setup_teardown(one_consumer_at_a_time_suffices,
						setup_with_one_consumer,
						teardown),
		cmocka_unit_test_setup_teardown(replays_are_as_many_as_slots,
						setup_with_two_slots, teardown),
		cmocka_unit_test_setup_teardown(
			late_answers_are_for_no_later_replay,
			setup_with_one_slot, teardown),
		cmocka_unit_test_setup_teardown(line_is_served_in_order,
						setup_with_two_slots, teardown),
		cmocka_unit_test_setup_teardown(
			slots_of_merged_replays_go_round, setup_with_two_slots,
			teardown),
		TEST(consumers_that_vanish_lose_nothing),
		TEST(jump_of_a_consumer_loses_nothing),
		TEST(messages_that_expire_are_a_gap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
