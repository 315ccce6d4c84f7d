/* deliver=last of several subjects: the newest message of each, then what is
 * new. The stream and its consumers are those of fake_jetstream. */
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
#include "delivery/replay_group.h"
#include "hub_selection_rig.h"
#include "readable_of.h"

static struct rig rig;
static struct readable *readable;

static int setup(void **state)
{
	struct hub_config cfg = rig_config();

	cfg.readable = readable = readable_of("ev.>");
	cfg.max_replays = 8;
	rig_start(&rig, &cfg);
	*state = &rig;
	return 0;
}

static int teardown(void **state)
{
	rig_finish(*state);
	readable_unref(readable);
	return 0;
}

static struct rig_client *open_last(struct rig *r, const char *patterns)
{
	return open_selection(r, "i", patterns,
			      (struct hub_open){.start = START_LAST});
}

/* The sequence in the opening block. */
static uint64_t opening_of(const struct rig_client *c)
{
	const char *id = strstr(bytes_text(&c->got), "\"open\"}\nid: ");

	assert_non_null(id);
	return strtoull(id + strlen("\"open\"}\nid: "), NULL, 10);
}

static uint64_t first_of(const struct rig_client *c)
{
	const char *id = strstr(bytes_text(&c->got), "data: x\nid: ");

	assert_non_null(id);
	return strtoull(id + strlen("data: x\nid: "), NULL, 10);
}

/* The snapshot goes on for some time: the socket takes 400 bytes in 10 ms. */
static void read_slowly(struct rig *r, struct rig_client *c, size_t rounds)
{
	for (size_t i = 0; i < rounds; i++) {
		run_for(r, 10);
		rig_drain(r, c, 400);
	}
}

/* ---- what comes ---------------------------------------------------------- */

static void newest_of_each_subject_then_what_is_new(void **state)
{
	struct rig *r = *state;
	const char *const patterns[] = {"ev.>", "ev.a ev.*.x ! ev.d.x",
					"ev.a ev.e ev.none", "ev.b.* ev.*.y"};
	struct rig_client *c[ARRAY_LEN(patterns)];

	store_many(r, 1234);
	rig_connect(r);
	for (size_t i = 0; i < ARRAY_LEN(patterns); i++) {
		c[i] = open_last(r, patterns[i]);
		run_for(r, 1000);
		assert_int_equal(c[i]->cursor.state, CURSOR_LIVE);
		assert_int_equal(opening_of(c[i]), first_of(c[i]) - 1);
	}
	store_many(r, 50);
	run_for(r, 1000);
	for (size_t i = 0; i < ARRAY_LEN(patterns); i++)
		assert_true(assert_snapshot(r, c[i], patterns[i], 1234) > 10);
}

/* The buffer has more than the newest: the subscription does not join it
 * before the end of the snapshot. */
static void buffer_does_not_add_older_messages(void **state)
{
	struct rig *r = *state;
	struct rig_client *c;

	rig_connect(r);
	store_subjects(r, "ev.s.", 300, 450);
	for (int i = 0; i < 100; i++)
		store_one(r, "ev.t");
	store_subjects(r, "ev.s.u.", 200, 200);
	run_for(r, 100);
	assert_int_equal(event_buffer_last_seq(hub_buffer(r->hub)), 750);
	c = open_last(r, "ev.s.> ev.t");
	run_for(r, 1000);
	assert_int_equal(c->cursor.state, CURSOR_LIVE);
	assert_int_equal(assert_snapshot(r, c, "ev.s.> ev.t", 750), 501);
}

static void many_subjects_are_pulled_in_batches(void **state)
{
	struct rig *r = *state;
	struct rig_client *c;

	store_subjects(r, "ev.s.", 500, 1700);
	store_one(r, "ev.other");
	rig_connect(r);
	c = open_last(r, "ev.s.*");
	c->room = 0;
	for (int i = 0; i < 400; i++) {
		run_for(r, 10);
		if (c->cursor.replay != NULL)
			assert_true(c->cursor.replay->one.queue.n <= 128);
		rig_drain(r, c, 4000);
	}
	assert_int_equal(c->cursor.state, CURSOR_LIVE);
	assert_int_equal(assert_snapshot(r, c, "ev.s.*", 1700), 500);
	assert_int_equal(r->metrics.value[METRIC_REPLAY_CONSUMERS], 1);
}

static void nothing_for_a_subject_that_ends_with_a_delete_marker(void **state)
{
	struct rig *r = *state;
	struct rig_client *c[2];

	store_subjects(r, "ev.s.", 5, 20);
	for (int i = 0; i < 2; i++) {
		store_one(r, i == 0 ? "ev.s.2" : "ev.l");
		fake_jetstream_mark_internal(&r->src);
	}
	rig_connect(r);
	c[0] = open_last(r, "ev.s.*");
	c[1] = open_last(r, "ev.s.1 ev.s.2 ev.l");
	run_for(r, 1000);
	assert_null(strstr(bytes_text(&c[1]->got), "id: 22-"));
	assert_int_equal(assert_snapshot(r, c[0], "ev.s.*", 22), 4);
	assert_int_equal(assert_snapshot(r, c[1], "ev.s.1 ev.s.2 ev.l", 22), 1);
}

/* nats-server below 2.11 does not find the newest message of a wildcard when
 * the one behind it was deleted. */
static void deleted_message_hides_no_others(void **state)
{
	struct rig *r = *state;
	struct rig_client *c;

	r->src.faults.forgets = true;
	store_subjects(r, "ev.s.", 200, 400);
	store_one(r, "ev.s.gone");
	fake_jetstream_delete(&r->src, 401);
	rig_connect(r);
	c = open_last(r, "ev.s.* ev.t.*");
	run_for(r, 1000);
	assert_int_equal(c->cursor.state, CURSOR_LIVE);
	assert_int_equal(opening_of(c), 200);
	assert_int_equal(assert_snapshot(r, c, "ev.s.*", 401), 200);
}

static void without_messages_it_starts_at_the_end(void **state)
{
	struct rig *r = *state;
	struct rig_client *c;

	store_subjects(r, "ev.s.", 5, 20);
	rig_connect(r);
	c = open_last(r, "ev.t.* ev.u");
	run_for(r, 1000);
	assert_int_equal(c->cursor.state, CURSOR_LIVE);
	assert_int_equal(opening_of(c), 20);
	store_one(r, "ev.t.1");
	store_one(r, "ev.t.1");
	run_for(r, 1000);
	assert_int_equal(assert_snapshot(r, c, "ev.t.* ev.u", 20), 2);
}

/* An event id inside the snapshot is one like any other. */
static void resume_from_inside_brings_everything(void **state)
{
	struct rig *r = *state;
	struct rig_client *c;

	store_subjects(r, "ev.s.", 50, 300);
	rig_connect(r);
	c = resume_selection(r, "i", "ev.s.*", 255);
	run_for(r, 1000);
	assert_int_equal(assert_events(r, c, "ev.s.*", 256), 45);
}

static void limit_counts_messages_of_the_snapshot(void **state)
{
	struct rig *r = *state;
	struct rig_client *c;

	store_subjects(r, "ev.s.", 50, 300);
	rig_connect(r);
	c = open_selection(r, "i", "ev.s.*",
			   (struct hub_open){.start = START_LAST, .limit = 7});
	run_for(r, 1000);
	assert_true(c->done);
	assert_int_equal(c->cursor.events, 7);
	assert_int_equal(c->cursor.sent, 257);
}

/* ---- what happens meanwhile ---------------------------------------------- */

static void lost_consumer_is_created_again(void **state)
{
	struct rig *r = *state;
	struct rig_client *c;

	store_subjects(r, "ev.s.", 900, 2000);
	rig_connect(r);
	c = open_last(r, "ev.s.* ev.*.7");
	c->room = 0;
	for (int i = 0; i < 40; i++) {
		read_slowly(r, c, 5);
		if (i % 3 == 1)
			fake_jetstream_delete_consumer(
				&r->src,
				fake_jetstream_consumer(&r->src, 1 + i % 2),
				i % 2 != 0);
	}
	read_slowly(r, c, 2000);
	assert_int_equal(c->cursor.state, CURSOR_LIVE);
	assert_int_equal(assert_snapshot(r, c, "ev.s.*", 2000), 900);
}

static void session_ends_in_its_middle(void **state)
{
	struct rig *r = *state;
	struct rig_client *c;

	store_subjects(r, "ev.s.", 900, 2000);
	rig_connect(r);
	c = open_last(r, "ev.s.*");
	c->room = 0;
	read_slowly(r, c, 10);
	assert_int_equal(c->cursor.state, CURSOR_REPLAY);
	fake_jetstream_down(&r->src);
	run_for(r, 100);
	fake_jetstream_up(&r->src);
	assert_true(c->cursor.more->snapshot_end == 2000);
	read_slowly(r, c, 1000);
	assert_int_equal(c->cursor.state, CURSOR_LIVE);
	assert_int_equal(assert_snapshot(r, c, "ev.s.*", 2000), 900);
}

/* What is replaced while the snapshot is read comes as a new message. */
static void replaced_messages_are_new(void **state)
{
	struct rig *r = *state;
	struct rig_client *c;
	size_t came = 0;
	const char *at;

	store_subjects(r, "ev.s.", 400, 400);
	rig_connect(r);
	c = open_last(r, "ev.s.*");
	c->room = 0;
	read_slowly(r, c, 6);
	/* the last 100 are replaced twice, and gone; the last one is deleted */
	for (uint64_t seq = 301; seq <= 400; seq++) {
		char subject[FAKE_MAX_SUBJECT];

		strcpy(subject, r->src.messages[fake_jetstream_at(&r->src, seq)]
					.subject);
		fake_jetstream_delete(&r->src, seq);
		if (seq == 400)
			break;
		store_one(r, subject);
		store_one(r, subject);
	}
	read_slowly(r, c, 1000);
	assert_int_equal(c->cursor.state, CURSOR_LIVE);
	/* 129 to 256 may have been pulled before, up to 384 at most */
	for (at = bytes_text(&c->got); (at = strstr(at, "data: x\n")) != NULL;
	     at++)
		came++;
	assert_in_range(came, 300 + 2 * 99, 400 + 2 * 99);
	at = strstr(bytes_text(&c->got), "id: 401-");
	assert_non_null(at);
	for (uint64_t seq = 401; seq <= r->src.last_seq; seq++) {
		char text[32];

		snprintf(text, sizeof(text), "id: %" PRIu64 "-", seq);
		at = strstr(at, text);
		if (at == NULL)
			fail_msg("%" PRIu64 " did not come", seq);
	}
}

/* A message that is gone ends a pull of the consumer before it brings anything,
 * and not the snapshot. */
static void message_that_is_gone_ends_no_snapshot(void **state)
{
	struct rig *r = *state;
	struct rig_client *c;

	store_subjects(r, "ev.s.", 128, 128);
	for (int i = 0; i < 200; i++)
		store_one(r, "ev.t");
	store_subjects(r, "ev.u.", 100, 100);
	rig_connect(r);
	c = open_last(r, "ev.>");
	c->room = 0;
	read_slowly(r, c, 2);
	fake_jetstream_delete(&r->src, 328);
	read_slowly(r, c, 1000);
	assert_int_equal(c->cursor.state, CURSOR_LIVE);
	assert_int_equal(assert_snapshot(r, c, "ev.>", 428), 229);
}

/* Its end is no evidence: what the replica lacks comes as new messages. */
static void replica_that_is_behind_loses_nothing(void **state)
{
	struct rig *r = *state;
	struct rig_client *c;

	store_subjects(r, "ev.s.", 10, 100);
	rig_connect(r);
	r->src.behind = 37;
	c = open_last(r, "ev.s.*");
	run_for(r, 3000);
	r->src.behind = 0;
	run_for(r, 1000);
	assert_int_equal(c->cursor.state, CURSOR_LIVE);
	assert_int_equal(assert_snapshot(r, c, "ev.s.*", 63), 10 + 37);
}

/* The newest message is known, and then deleted. The tail has not yet read so
 * far: no evidence goes up to the end of the snapshot. */
static void tail_that_is_behind_is_waited_for(void **state)
{
	struct rig *r = *state;
	struct rig_client *c;

	store_subjects(r, "ev.s.", 10, 100);
	rig_connect(r);
	store_one(r, "ev.s.1");
	fake_jetstream_consumer(&r->src, 0)->lag = 1;
	c = open_last(r, "ev.s.*");
	for (int i = 0; i < 2; i++) /* the newest message, STREAM.INFO */
		answer_once(r);
	assert_int_equal(c->cursor.more->snapshot_end, 101);
	fake_jetstream_delete(&r->src, 101);
	run_for(r, 1000);
	assert_int_equal(c->cursor.state, CURSOR_REPLAY);
	assert_in_range(r->src.served[REQUEST_GET_NEXT], 1, 10);
	fake_jetstream_consumer(&r->src, 0)->lag = 0;
	store_one(r, "ev.s.1");
	run_for(r, 1000);
	assert_int_equal(c->cursor.state, CURSOR_LIVE);
	assert_int_equal(assert_snapshot(r, c, "ev.s.*", 100), 11);
}

static void expired_messages_are_a_gap(void **state)
{
	struct rig *r = *state;
	struct rig_client *c;

	store_subjects(r, "ev.s.", 900, 900);
	rig_connect(r);
	c = open_last(r, "ev.s.*");
	c->room = 0;
	read_slowly(r, c, 10);
	fake_jetstream_purge(&r->src, 700);
	read_slowly(r, c, 1000);
	assert_int_equal(c->cursor.state, CURSOR_LIVE);
	assert_non_null(strstr(bytes_text(&c->got), "\"reason\": \"expired\""));
	assert_int_equal(assert_events_after_gap(r, c, "ev.s.*", 701), 200);
}

/* The snapshot was one of the stream before. */
static void recreated_stream_is_read_from_its_begin(void **state)
{
	struct rig *r = *state;
	struct rig_client *c;

	store_subjects(r, "ev.s.", 900, 900);
	rig_connect(r);
	c = open_last(r, "ev.s.*");
	c->room = 0;
	read_slowly(r, c, 10);
	fake_jetstream_drop_stream(&r->src);
	read_slowly(r, c, 100);
	fake_jetstream_make_stream(&r->src);
	store_subjects(r, "ev.s.", 10, 100);
	read_slowly(r, c, 2000);
	assert_int_equal(c->cursor.state, CURSOR_LIVE);
	assert_non_null(strstr(bytes_text(&c->got), "\"reason\": \"reset\""));
	assert_int_equal(assert_events_after_gap(r, c, "ev.s.*", 1), 100);
}

static void rejected_consumers_are_retried(void **state)
{
	struct rig *r = *state;
	struct rig_client *c;

	store_subjects(r, "ev.s.", 300, 900);
	rig_connect(r);
	r->src.faults.max_consumers = 1; /* the tail's */
	c = open_last(r, "ev.s.* ev.x.*");
	r->src.rejected[1] = 0;
	run_for(r, 20000);
	assert_string_equal(bytes_text(&c->got), "");
	assert_in_range(r->src.rejected[1] + r->src.rejected[9], 2, 20);
	r->src.faults.max_consumers = 0;
	run_for(r, 20000);
	assert_int_equal(c->cursor.state, CURSOR_LIVE);
	assert_int_equal(assert_snapshot(r, c, "ev.s.*", 900), 300);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(newest_of_each_subject_then_what_is_new),
		TEST(buffer_does_not_add_older_messages),
		TEST(many_subjects_are_pulled_in_batches),
		TEST(nothing_for_a_subject_that_ends_with_a_delete_marker),
		TEST(deleted_message_hides_no_others),
		TEST(without_messages_it_starts_at_the_end),
		TEST(resume_from_inside_brings_everything),
		TEST(limit_counts_messages_of_the_snapshot),
		TEST(lost_consumer_is_created_again),
		TEST(session_ends_in_its_middle),
		TEST(replaced_messages_are_new),
		TEST(message_that_is_gone_ends_no_snapshot),
		TEST(replica_that_is_behind_loses_nothing),
		TEST(tail_that_is_behind_is_waited_for),
		TEST(expired_messages_are_a_gap),
		TEST(recreated_stream_is_read_from_its_begin),
		TEST(rejected_consumers_are_retried),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
