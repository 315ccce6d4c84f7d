/* The hub with streams whose past is not in the log: replays, gaps, cursors of
 * another stream or of a gateway that was ahead, sockets that fall off. The
 * tail is live behind sequence 10, so the log begins there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/check.h"
#include "hub_rig.h"

#define PING	     "data: {\"system\": \"ping\"}\n"
#define ECHO(cursor) RIG_OPENING(cursor)
#define OLD(seq)     "data: old\nid: " #seq "-@\n\n"
#define EVENT(seq)   "data: x\nid: " #seq "-@\n\n"
#define GAP(reason, after, first, id)                                   \
	"event: gap\ndata: {\"system\": \"gap\", \"reason\": \"" reason \
	"\", \"after\": " #after ", \"first\": " #first "}\nid: " id "\n\n"

static struct rig rig;

static int setup_with(void **state, size_t max_replays, size_t memory,
		      uint64_t ping_ms)
{
	struct hub_config cfg = rig_config();

	cfg.max_replays = max_replays;
	cfg.buffer_size = memory;
	cfg.ping_ms = ping_ms;
	rig_start(&rig, &cfg);
	rig_live(&rig, 1, 10);
	*state = &rig;
	return 0;
}

static int setup(void **state)
{
	return setup_with(state, 4, 1 << 20, 0);
}

static int setup_with_pings(void **state)
{
	return setup_with(state, 4, 1 << 20, 1000);
}

static int setup_with_one_replay(void **state)
{
	return setup_with(state, 1, 1 << 20, 0);
}

static int setup_with_a_small_log(void **state)
{
	return setup_with(state, 4, 4096, 0);
}

static int teardown(void **state)
{
	rig_finish(*state);
	return 0;
}

static struct rig *fresh(void **state)
{
	teardown(state);
	setup(state);
	return *state;
}

/* The next probe and the check of its answer. */
static void answer(struct rig *r, uint64_t from, uint64_t seq)
{
	rig_probe(r, from, seq);
	rig_info(r, RIG_STREAM, 1, 90);
	rig_flush(r);
}

/* ---- resuming before the log --------------------------------------------- */

static void nothing_missed_needs_no_consumer(void **state)
{
	struct rig *r = *state;
	struct rig_client *c = rig_resume(r, "a", "5-@");

	assert_got(c, ECHO("5-@"));
	assert_int_equal(c->cursor.state, CURSOR_REPLAY);
	answer(r, 6, 0);
	assert_int_equal(c->cursor.state, CURSOR_LIVE);
	assert_got(c, "");
	rig_publish(r, "ev.a", 11, "x");
	rig_flush(r);
	assert_got(c, EVENT(11));
	fake_quiet(&r->src);
}

static void what_was_missed_comes_before_what_is_new(void **state)
{
	struct rig *r = *state;
	struct rig_client *c = rig_resume(r, "a", "5-@");

	answer(r, 6, 7);
	rig_publish(r, "ev.a", 11, "x");
	rig_flush(r);
	rig_publish(r, "ev.a", 12, "x");
	rig_flush(r);
	assert_got(c, ECHO("5-@") OLD(7));
	answer(r, 8, 0);
	assert_got(c, EVENT(11) EVENT(12));
	assert_int_equal(r->metrics.value[METRIC_EVENTS_REPLAY], 1);
	assert_int_equal(r->metrics.value[METRIC_EVENTS_BUFFER], 2);
}

static void long_past_comes_by_a_consumer(void **state)
{
	struct rig *r = *state;
	struct rig_client *c = rig_resume(r, "a", "2");
	struct request_id request;
	const struct asked *pull;

	answer(r, 3, 3);
	answer(r, 4, 4);
	assert_got(c, ECHO("2") OLD(3) OLD(4));
	request = fake_asked(&r->src, ASKED_CREATE)->request;
	rig_send(r, event_created(request));
	rig_flush(r);
	rig_info(r, RIG_STREAM, 1, 90);
	pull = fake_asked(&r->src, ASKED_PULL);
	rig_send(r, event_message(request, 6, 1, "ev.a", "old"));
	rig_send(r, event_message(request, 9, 2, "ev.a", "old"));
	rig_flush(r);
	assert_got(c, "");
	rig_send(r, event_status(request, pull->pull.number, 404));
	rig_flush(r);
	rig_info(r, RIG_STREAM, 1, 90);
	rig_flush(r);
	assert_got(c, OLD(6) OLD(9));
	answer(r, 10, 0);
	assert_int_equal(c->cursor.state, CURSOR_LIVE);
	assert_int_equal(fake_asked(&r->src, ASKED_FORGET)->request.generation,
			 request.generation);
	/* What still comes is no one's. */
	rig_send(r, event_message(request, 10, 3, "ev.a", "late"));
	rig_flush(r);
	assert_got(c, "");
	fake_quiet(&r->src);
}

/* One question serves all whose probes were answered before it was sent. */
static void one_info_for_many_replays(void **state)
{
	struct rig *r = *state;
	struct rig_client *c[3];
	struct request_id request[3];

	for (int i = 0; i < 3; i++) {
		c[i] = rig_resume(r, "a", "5-@");
		request[i] = fake_asked(&r->src, ASKED_FIND)->request;
		assert_got(c[i], ECHO("5-@"));
	}
	rig_send(r, event_found(request[0], 7, "ev.a", "old"));
	rig_send(r, event_found(request[1], 7, "ev.a", "old"));
	rig_flush(r);
	assert_int_equal(fake_waiting(&r->src), 1);
	rig_send(r, event_found(request[2], 7, "ev.a", "old"));
	rig_flush(r);
	assert_int_equal(fake_waiting(&r->src), 1);
	rig_info(r, RIG_STREAM, 1, 90);
	rig_flush(r);
	assert_got(c[0], OLD(7));
	assert_got(c[1], OLD(7));
	assert_got(c[2], "");
	fake_asked(&r->src, ASKED_FIND);
	fake_asked(&r->src, ASKED_FIND);
	rig_info(r, RIG_STREAM, 1, 90);
	rig_flush(r);
	assert_got(c[2], OLD(7));
}

static void info_without_answer_is_asked_again(void **state)
{
	struct rig *r = *state;
	struct rig_client *c = rig_open(r, "a", START_ALL);
	struct request_id lost = fake_asked(&r->src, ASKED_INFO)->request;

	rig_pass(r, 1999);
	fake_quiet(&r->src);
	rig_pass(r, 1);
	rig_send(r, event_info(lost, RIG_STREAM, 3, 10));
	assert_got(c, "");
	rig_info(r, RIG_STREAM, 4, 10);
	rig_flush(r);
	assert_got(c, ECHO("3-@"));
}

/* The stream had as much as the log when it was asked; it has more by now. */
static void info_is_overtaken_by_messages(void **state)
{
	struct rig *r = *state;
	struct rig_client *c = rig_open(r, "a", START_ALL);
	uint64_t head = event_buffer_last_seq(hub_buffer(r->hub));

	rig_publish(r, "ev.b", head + 1, "x");
	rig_flush(r);
	rig_info(r, RIG_STREAM, 4, head);
	rig_flush(r);
	assert_got(c, ECHO("3-@"));
	assert_int_equal(r->metrics.value[METRIC_RESET_BEHIND], 0);
}

/* It is asked on until it has come to where the log was; who comes meanwhile
 * need not wait for that. */
static void leader_behind_the_log_is_followed_up(void **state)
{
	struct rig *r = *state;
	struct rig_client *c;
	const char *why;

	r->leader = 7;
	rig_publish(r, "ev.b", 11, "another's");
	c = rig_open(r, "a", START_ALL);
	rig_info(r, RIG_STREAM, 11, 10);
	rig_flush(r);
	assert_got(c, ECHO("10-@"));
	for (int i = 0; i < 4; i++) {
		rig_pass(r, 250);
		rig_info(r, RIG_STREAM, 11, 10);
		assert_true(hub_ready(r->hub, &why));
	}
	c = rig_open(r, "a", START_ALL);
	rig_info(r, RIG_STREAM, 11, 10);
	rig_flush(r);
	assert_got(c, ECHO("10-@"));
	rig_pass(r, 249);
	fake_quiet(&r->src);
	rig_pass(r, 1);
	rig_info(r, RIG_STREAM, 1, 11);
	rig_pass(r, 1000);
	fake_quiet(&r->src);
}

/* JetStream's own troubles, or nobody's word: asked again, and the tail goes on
 * meanwhile. */
static void info_that_says_nothing_is_asked_again(void **state)
{
	struct rig *r = *state;
	struct rig_client *c = rig_open(r, "a", START_ALL);
	const char *why;

	for (int i = 0; i < 40; i++) {
		struct request_id request =
			fake_asked(&r->src, ASKED_INFO)->request;
		struct jetstream_event ev =
			event_info(request, RIG_STREAM, 7, 7);

		ev.info.no_leader = true;
		if (i % 2 == 0)
			ev = event_error(JETSTREAM_INFO, request, 10008);
		rig_send(r, ev);
		rig_pass(r, 249);
		fake_quiet(&r->src);
		assert_true(hub_ready(r->hub, &why));
		rig_pass(r, 1);
	}
	assert_got(c, "");
	rig_info(r, RIG_STREAM, 3, 10);
	rig_flush(r);
	assert_got(c, ECHO("2-@"));
}

/* Two servers take themselves for the leader, and both answer what the hub asks
 * between two probes: the second probe's answer may be the wrong one's. */
static void rivals_answer_is_distrusted(void **state)
{
	struct rig *r = *state;
	struct rig_client *c = rig_open(r, "a", START_ALL);
	struct jetstream_event leaders, rivals;
	uint32_t generation;

	/* In a cluster, from here on. */
	leaders = event_info(fake_asked(&r->src, ASKED_INFO)->request,
			     RIG_STREAM, 3, 10);
	leaders.info.leader = 7;
	leaders.info.all_follow = true;
	rig_send(r, leaders);
	rig_flush(r);
	assert_got(c, ECHO("2-@"));
	rig_flush(r);
	for (int probe = 0; probe < 3; probe++) {
		rig_send(r,
			 event_error(JETSTREAM_FOUND,
				     fake_asked(&r->src, ASKED_FIND)->request,
				     JETSTREAM_ERR_NO_MESSAGE));
		rig_flush(r);
		assert_int_equal(c->cursor.state, CURSOR_REPLAY);
		leaders.request = fake_asked(&r->src, ASKED_INFO)->request;
		rig_send(r, leaders);
		if (probe != 0)
			continue;
		rivals = leaders;
		rivals.info.leader = 8;
		rivals.info.last_seq = 5;
		rig_send(r, rivals);
		generation = leaders.request.generation;
	}
	assert_true(leaders.request.generation > generation);
	assert_int_equal(c->cursor.state, CURSOR_LIVE);
	fake_quiet(&r->src);
}

/* The tail asks for itself, and those who wait are answered in the end. */
static void info_that_fails_begins_with_the_tail(void **state)
{
	struct rig *r = *state;
	struct rig_client *c = rig_open(r, "a", START_ALL);
	const char *why;

	rig_send(r, event_error(JETSTREAM_INFO,
				fake_asked(&r->src, ASKED_INFO)->request,
				JETSTREAM_ERR_NO_STREAM));
	assert_false(hub_ready(r->hub, &why));
	rig_flush(r);
	assert_got(c, "retry: 3000\n\n");
	fake_asked(&r->src, ASKED_FORGET);
	rig_follow(r, RIG_STREAM, 3, 10);
	rig_flush(r);
	rig_pass(r, 250);
	rig_info(r, RIG_STREAM, 3, 10);
	rig_flush(r);
	assert_got(c, RIG_OPEN("2-@"));
}

static void all_begins_with_the_first(void **state)
{
	struct rig *r = *state;
	struct rig_client *c = rig_open(r, "a", START_ALL);

	rig_info(r, RIG_STREAM, 4, 10);
	rig_flush(r);
	assert_got(c, ECHO("3-@"));
	rig_probe(r, 4, 6);
	rig_info(r, RIG_STREAM, 4, 10);
	rig_flush(r);
	assert_got(c, OLD(6));
	/* The first of the stream, of whatever subject: no gap. */
	assert_int_equal(r->metrics.value[METRIC_GAPS_EXPIRED], 0);
}

/* It was started while its socket was full, and must not be once more. */
static void all_on_a_full_socket_starts_once(void **state)
{
	struct rig *r = *state;
	struct hub_open open = {.id = "a", .id_len = 1, .start = START_ALL};
	struct rig_client *c = rig_open_with(r, &open, 5);

	r->now_ms += 1000;
	hub_tick(r->hub, r->now_ms); /* a ping, and no room for it */
	rig_flush(r);
	assert_true(c->cursor.blocked);
	rig_info(r, RIG_STREAM, 11, 10);
	rig_flush(r);
	assert_int_equal(c->cursor.state, CURSOR_LIVE);
	rig_publish(r, "ev.a", 11, "x");
	rig_flush(r);
	rig_drain(r, c, SIZE_MAX);
	assert_got(c, "retry: 3000\n\n" PING "\n" RIG_OPEN("10-@") EVENT(11));
	rig_open(r, "a", START_ALL);
	rig_info(r, RIG_STREAM, 11, 11);
	rig_flush(r);
	assert_got(c, "");
}

static void all_of_an_empty_stream(void **state)
{
	struct rig *r = *state;
	struct rig_client *c = rig_open(r, "a", START_ALL);

	rig_info(r, RIG_STREAM, 11, 10);
	rig_flush(r);
	assert_got(c, ECHO("10-@"));
	assert_int_equal(c->cursor.state, CURSOR_LIVE);
	fake_quiet(&r->src);
}

/* ---- deliver=last -------------------------------------------------------- */

static void last_is_the_leaders_word(void **state)
{
	struct rig *r = *state;
	struct rig_client *c = rig_open(r, "a", START_LAST);
	const struct asked *a = fake_asked(&r->src, ASKED_LAST);

	assert_string_equal(a->subject, "ev.a");
	rig_send(r, event_found(a->request, 8, "ev.a", "old"));
	rig_flush(r);
	assert_got(c, "");
	rig_info(r, RIG_STREAM, 8, 10);
	rig_flush(r);
	assert_got(c, ECHO("7-@") OLD(8));
	assert_int_equal(c->writes, 1);
	rig_publish(r, "ev.a", 11, "x");
	rig_flush(r);
	assert_got(c, EVENT(11));
	fake_quiet(&r->src);
}

static void last_of_nothing(void **state)
{
	struct rig *r = *state;
	struct rig_client *c = rig_open(r, "a", START_LAST);
	struct request_id request = fake_asked(&r->src, ASKED_LAST)->request;

	rig_send(r, event_error(JETSTREAM_FOUND, request,
				JETSTREAM_ERR_NO_MESSAGE));
	rig_flush(r);
	rig_info(r, RIG_STREAM, 1, 10);
	rig_flush(r);
	assert_got(c, ECHO("10-@"));
	assert_int_equal(c->cursor.state, CURSOR_LIVE);
}

/* Published after the question was sent: by the log, and not twice. */
static void last_and_new_at_the_same_time(void **state)
{
	struct rig *r = *state;
	struct rig_client *c = rig_open(r, "a", START_LAST);
	struct request_id request = fake_asked(&r->src, ASKED_LAST)->request;

	rig_publish(r, "ev.a", 11, "x");
	rig_publish(r, "ev.a", 12, "x");
	rig_send(r, event_found(request, 11, "ev.a", "x"));
	rig_flush(r);
	rig_info(r, RIG_STREAM, 1, 12);
	rig_flush(r);
	assert_got(c, ECHO("10-@") EVENT(11) EVENT(12));
}

static void found_last(struct rig *r, struct request_id request, uint64_t seq)
{
	struct jetstream_event ev = event_found(request, seq, "ev.a", "old");

	if (seq == 0)
		ev = event_error(JETSTREAM_FOUND, request,
				 JETSTREAM_ERR_NO_MESSAGE);
	rig_send(r, ev);
	rig_flush(r);
	rig_info(r, RIG_STREAM, 1, 10);
	rig_flush(r);
}

static void one_question_for_all_that_wait_for_the_last(void **state)
{
	struct rig *r = *state;
	struct hub_open lines = {.id = "a",
				 .id_len = 1,
				 .start = START_LAST,
				 .ndjson = true};
	struct rig_client *c[5], *line, *late;
	struct request_id request;

	for (int i = 0; i < 4; i++) /* all slots but one wait for others */
		c[i] = rig_open(r, i < 3 ? "b" : "a", START_LAST);
	request = fake_asked(&r->src, ASKED_LAST)->request;
	fake_asked(&r->src, ASKED_LAST); /* for "a" */
	rig_send(r, event_error(JETSTREAM_FOUND, request,
				JETSTREAM_ERR_NO_MESSAGE));
	rig_flush(r);
	request = fake_asked(&r->src, ASKED_INFO)->request;
	fake_quiet(&r->src); /* of three, one has asked */
	line = rig_open_with(r, &lines, SIZE_MAX);
	fake_asked(&r->src, ASKED_LAST); /* another form of the same */
	rig_send(r, event_info(request, RIG_STREAM, 1, 10));
	rig_flush(r);
	assert_got(c[0], ECHO("10-@"));
	/* They came after the question was sent, and have one together. */
	assert_got(c[1], "");
	late = rig_open(r, "a", START_LAST);
	request = fake_asked(&r->src, ASKED_LAST)->request; /* c[1] and c[2] */
	fake_quiet(&r->src);
	rig_send(r, event_error(JETSTREAM_FOUND, request,
				JETSTREAM_ERR_NO_MESSAGE));
	rig_flush(r);
	rig_info(r, RIG_STREAM, 1, 10);
	rig_flush(r);
	assert_got(c[1], ECHO("10-@"));
	assert_got(c[2], ECHO("10-@"));
	fake_quiet(&r->src);
	(void)line;
	/* Who asks for "a" goes: the others of "a" ask for themselves. */
	assert_got(late, "");
	rig_close(r, c[3]);
	rig_flush(r);
	found_last(r, fake_asked(&r->src, ASKED_LAST)->request, 8);
	assert_got(late, ECHO("7-@") OLD(8));
	rig_publish(r, "ev.a", 11, "x");
	rig_flush(r);
	assert_got(late, EVENT(11));
}

/* The answer goes to each of them, whatever its socket takes. */
static void all_that_wait_get_the_last(void **state)
{
	static const size_t rooms[] = {SIZE_MAX, 0, 10, 30, 50};
	struct rig *r = *state;
	struct hub_open open = {.id = "a", .id_len = 1, .start = START_LAST};
	struct rig_client *blocker, *c[ARRAY_LEN(rooms)];
	struct request_id request;

	blocker = rig_open(r, "a", START_LAST);
	request = fake_asked(&r->src, ASKED_LAST)->request;
	for (size_t i = 0; i < ARRAY_LEN(rooms); i++)
		c[i] = rig_open_with(r, &open, rooms[i]);
	fake_quiet(&r->src);
	found_last(r, request, 0);
	assert_got(blocker, ECHO("10-@"));
	rig_send(r, event_found(fake_asked(&r->src, ASKED_LAST)->request, 8,
				"ev.a", "old"));
	fake_quiet(&r->src);
	rig_flush(r);
	rig_info(r, RIG_STREAM, 1, 10);
	for (size_t i = 0; i < ARRAY_LEN(rooms); i++) {
		rig_drain(r, c[i], SIZE_MAX);
		rig_flush(r);
		if (fake_waiting(&r->src) == 0)
			continue;
		/* It had no room for the message, and asks for it. */
		answer(r, 8, 8);
		answer(r, 9, 0);
	}
	rig_publish(r, "ev.a", 11, "x");
	rig_flush(r);
	for (size_t i = 0; i < ARRAY_LEN(rooms); i++)
		assert_got(c[i], ECHO("7-@") OLD(8) EVENT(11));
}

/* ---- slots -----------------------------------------------------------------
 */

/* Two that have much to catch up on, and one slot. */
static void slot_goes_round(void **state)
{
	struct rig *r = *state;
	struct rig_client *c[2] = {rig_resume(r, "a", "1-@"),
				   rig_resume(r, "b", "1-@")};

	for (int i = 0; i < 2; i++)
		assert_got(c[i], ECHO("1-@"));
	answer(r, 2, 2);
	assert_got(c[0], OLD(2));
	rig_pass(r, 2999);
	assert_int_equal(c[1]->cursor.state, CURSOR_EVICTED);
	/* Its time-out was over: it has asked again. */
	fake_asked(&r->src, ASKED_FIND);
	rig_probe(r, 3, 3);
	rig_pass(r, 1);
	assert_int_equal(c[0]->cursor.state, CURSOR_REPLAY);
	rig_info(r, RIG_STREAM, 1, 90);
	rig_flush(r);
	assert_got(c[0], OLD(3)); /* what was asked for is not lost */
	assert_int_equal(c[0]->cursor.state, CURSOR_EVICTED);
	assert_int_equal(c[1]->cursor.state, CURSOR_REPLAY);
	rig_send(r, event_error(JETSTREAM_FOUND,
				fake_asked(&r->src, ASKED_FIND)->request,
				JETSTREAM_ERR_NO_MESSAGE));
	rig_flush(r);
	rig_info(r, RIG_STREAM, 1, 90);
	rig_flush(r);
	assert_int_equal(c[1]->cursor.state, CURSOR_LIVE);
	answer(r, 4, 0);
	assert_int_equal(c[0]->cursor.state, CURSOR_LIVE);
}

/* ... and none while nobody waits. */
static void slot_stays_while_nobody_waits(void **state)
{
	struct rig *r = *state;
	struct rig_client *c = rig_resume(r, "a", "1-@");

	answer(r, 2, 2);
	rig_probe(r, 3, 3);
	r->now_ms += 60000;
	rig_info(r, RIG_STREAM, 1, 90);
	rig_flush(r);
	assert_int_equal(c->cursor.state, CURSOR_REPLAY);
	fake_asked(&r->src, ASKED_CREATE);
}

/* ---- gaps ---------------------------------------------------------------- */

static void expired_is_told_before_the_events(void **state)
{
	struct rig *r = *state;
	struct rig_client *c = rig_resume(r, "a", "3-@");

	rig_probe(r, 4, 9);
	rig_info(r, RIG_STREAM, 8, 10);
	rig_flush(r);
	assert_got(c, ECHO("3-@") GAP("expired", 3, 8, "7-@"));
	rig_probe(r, 8, 9);
	rig_info(r, RIG_STREAM, 8, 10);
	rig_flush(r);
	assert_got(c, OLD(9));
	assert_int_equal(r->metrics.value[METRIC_GAPS_EXPIRED], 1);
}

/* One of two answers to a question before the gap comes late. Where the client
 * was by then it has been told, and it goes on behind the gap. */
static void doubt_goes_not_back_before_a_gap(void **state)
{
	struct rig *r = *state;
	struct rig_client *c, *first;
	struct request_id request = {0};
	uint64_t last[] = {10, 10, 10, 10};

	r->leader = 7;
	rig_send(r, event_down());
	rig_live(r, 1, 10);
	first = rig_open(r, "b", START_ALL);
	rig_info(r, RIG_STREAM, 1, 4);
	rig_close(r, first);
	while (fake_waiting(&r->src) > 0)
		r->src.seen++;
	c = rig_resume(r, "a", "2-@");
	for (size_t i = 0; i < ARRAY_LEN(last); i++) {
		if (i == 1)
			request = r->src.asked[r->src.seen].request;
		rig_probe(r, i < 2 ? 3 : 5, 0);
		rig_info(r, RIG_STREAM, i < 2 ? 1 : 7, last[i]);
		rig_pass(r, 1500);
	}
	assert_got(c, ECHO("2-@") GAP("expired", 4, 7, "6-@"));
	assert_int_equal(c->cursor.covered, 6);
	rig_send(r, event_found(request, 3, "ev.a", "old"));
	rig_flush(r);
	assert_int_equal(c->cursor.covered, 6);
}

static void expired_up_to_the_log(void **state)
{
	struct rig *r = *state;
	struct rig_client *c = rig_resume(r, "a", "3-@");

	rig_publish(r, "ev.a", 11, "x");
	rig_flush(r);
	rig_probe(r, 4, 0);
	rig_info(r, RIG_STREAM, 11, 11);
	rig_flush(r);
	assert_got(c, ECHO("3-@") GAP("expired", 3, 11, "10-@") EVENT(11));
	assert_int_equal(c->cursor.state, CURSOR_LIVE);
	fake_quiet(&r->src);
}

/* What the store has dropped and the log still has is no gap. */
static void memory_outlives_the_store(void **state)
{
	struct rig *r = *state;
	struct rig_client *c;

	rig_publish(r, "ev.a", 11, "x");
	rig_publish(r, "ev.a", 12, "x");
	c = rig_resume(r, "a", "10-@");
	rig_flush(r);
	assert_got(c, ECHO("10-@") EVENT(11) EVENT(12));
	fake_quiet(&r->src);
}

static void other_tag_is_a_reset(void **state)
{
	struct rig *r = *state;
	struct rig_client *c = rig_resume(r, "a", "7-#");

	assert_got(c, ECHO("7-#"));
	rig_info(r, RIG_STREAM, 2, 10);
	rig_flush(r);
	assert_got(c, GAP("reset", 7, 2, "1-@"));
	rig_probe(r, 2, 3);
	rig_info(r, RIG_STREAM, 2, 10);
	rig_flush(r);
	assert_got(c, OLD(3));
	assert_int_equal(r->metrics.value[METRIC_GAPS_RESET], 1);
	assert_int_equal(r->metrics.value[METRIC_GAPS_EXPIRED], 0);
}

static void other_tag_before_first_contact(void **state)
{
	struct hub_config cfg = rig_config();
	struct rig *r = *state;
	struct rig_client *c;

	rig_finish(r);
	rig_start(r, &cfg);
	c = rig_resume(r, "a", "7-#");
	assert_got(c, ECHO("7-#"));
	rig_live(r, 1, 0);
	rig_flush(r);
	rig_info(r, RIG_STREAM, 1, 0);
	rig_flush(r);
	assert_got(c, GAP("reset", 7, 1, "0-@"));
	rig_publish(r, "ev.a", 1, "x");
	rig_flush(r);
	assert_got(c, EVENT(1));
}

static void open_streams_are_told_of_a_purge(void **state)
{
	struct rig *r = *state;
	struct hub_open open = {.id = "a", .id_len = 1};
	struct rig_client *live = rig_open(r, "a", START_NEW);
	struct rig_client *blocked = rig_open_with(r, &open, 5);
	struct rig_client *behind = rig_resume(r, "a", "5-@");
	struct rig_client *all = rig_open(r, "a", START_ALL);

	rig_publish(r, "ev.b", 11, "another's");
	rig_flush(r);
	fake_asked(&r->src, ASKED_FIND);
	fake_asked(&r->src, ASKED_INFO);
	rig_send(r, event_down());
	rig_flush(r);
	rig_live(r, 30, 40);
	rig_flush(r);
	assert_got(live, ECHO("10-@") GAP("expired", 11, 30, "29-@"));
	assert_got(behind, ECHO("5-@") GAP("expired", 5, 30, "29-@"));
	/* What is next for it is not in the log, whatever its socket does. */
	assert_int_equal(blocked->cursor.state, CURSOR_EVICTED);
	rig_drain(r, blocked, SIZE_MAX);
	/* It had not been told that nothing came up to 11. */
	assert_got(blocked, ECHO("10-@") GAP("expired", 10, 30, "29-@"));
	/* One that has not begun begins now. */
	rig_info(r, RIG_STREAM, 30, 40);
	rig_flush(r);
	assert_got(all, "retry: 3000\n\n" RIG_OPEN("29-@"));
	rig_publish(r, "ev.a", 30, "x");
	rig_flush(r);
	assert_got(live, EVENT(30));
	assert_got(behind, EVENT(30));
	assert_got(blocked, EVENT(30));
	assert_got(all, EVENT(30));
	assert_int_equal(r->metrics.value[METRIC_GAPS_EXPIRED], 3);
	fake_quiet(&r->src);
}

/* One that another gateway has brought further has missed nothing. */
static void purge_before_the_cursor_is_no_gap(void **state)
{
	struct rig *r = *state;
	struct rig_client *c = rig_resume(r, "a", "35-@");

	rig_info(r, RIG_STREAM, 1, 40);
	rig_send(r, event_down());
	rig_live(r, 30, 40);
	rig_flush(r);
	assert_got(c, ECHO("35-@"));
	rig_publish(r, "ev.a", 33, "had it");
	rig_publish(r, "ev.a", 36, "x");
	rig_flush(r);
	assert_got(c, EVENT(36));
}

static void stream_made_anew_is_told(void **state)
{
	struct rig *r = *state;
	struct rig_client *live = rig_open(r, "a", START_NEW);
	struct rig_client *behind = rig_resume(r, "a", "5-@");
	struct rig_client *fresh_one;

	fake_asked(&r->src, ASKED_FIND);
	rig_send(r, event_down());
	rig_send(r, event_up());
	rig_follow(r, RIG_OTHER, 1, 3);
	rig_flush(r);
	assert_string_equal(hub_tag(r->hub)->hex, rig_text("#"));
	assert_got(live, ECHO("10-@") GAP("reset", 10, 1, "0-#"));
	assert_got(behind, ECHO("5-@") GAP("reset", 5, 1, "0-#"));
	/* Both go on with the new one's first message. */
	rig_probe(r, 1, 0);
	rig_probe(r, 1, 0);
	rig_info(r, RIG_OTHER, 1, 3);
	rig_flush(r);
	if (fake_waiting(&r->src) > 0) {
		rig_info(r, RIG_OTHER, 1, 3);
		rig_flush(r);
	}
	assert_int_equal(live->cursor.state, CURSOR_LIVE);
	assert_int_equal(behind->cursor.state, CURSOR_LIVE);
	fresh_one = rig_open(r, "a", START_NEW);
	assert_got(fresh_one, ECHO("3-#"));
	rig_publish(r, "ev.a", 4, "x");
	rig_flush(r);
	assert_got(live, "data: x\nid: 4-#\n\n");
	assert_int_equal(r->metrics.value[METRIC_GAPS_RESET], 2);
}

/* ---- ahead of this gateway ----------------------------------------------- */

static void cursor_ahead_waits_for_the_tail(void **state)
{
	struct rig *r = *state;
	struct rig_client *c = rig_resume(r, "a", "50-@");

	assert_got(c, ECHO("50-@"));
	assert_int_equal(c->cursor.state, CURSOR_WAITING);
	rig_info(r, RIG_STREAM, 1, 60);
	assert_int_equal(c->cursor.state, CURSOR_LIVE);
	for (uint64_t seq = 49; seq <= 51; seq++)
		rig_publish(r, "ev.a", seq, "x");
	rig_flush(r);
	assert_got(c, EVENT(51));
	fake_quiet(&r->src);
}

static void ping_of_a_cursor_ahead_stays_ahead(void **state)
{
	struct rig *r = *state;
	struct rig_client *c = rig_resume(r, "a", "50-@");

	rig_info(r, RIG_STREAM, 1, 60);
	rig_pass(r, 1000);
	assert_got(c, ECHO("50-@") PING "id: 50-@\n\n");
	rig_publish(r, "ev.b", 55, "another's");
	rig_pass(r, 1000);
	assert_got(c, PING "id: 55-@\n\n");
}

/* In a cluster: asks on for 5 s before it believes that the stream ends there.
 */
static void ask_while_ahead_of(struct rig *r, struct rig_client *c, int times,
			       uint64_t last)
{
	for (int i = 0; i < times; i++) {
		rig_info(r, RIG_STREAM, 1, last);
		rig_flush(r);
		assert_int_equal(c->cursor.state, CURSOR_WAITING);
		rig_pass(r, 249);
		fake_quiet(&r->src);
		rig_pass(r, 1);
	}
}

static void ask_while_ahead(struct rig *r, struct rig_client *c, int times)
{
	ask_while_ahead_of(r, c, times, 10);
}

static void cursor_beyond_the_end_is_a_reset(void **state)
{
	struct rig *r = *state;
	struct rig_client *c = rig_resume(r, "a", "11-@");

	/* One server, and no replicas. */
	ask_while_ahead(r, c, 4);
	rig_info(r, RIG_STREAM, 1, 10);
	rig_flush(r);
	assert_got(c, ECHO("11-@") GAP("reset", 11, 1, "0-@"));
	answer(r, 1, 0);
	assert_int_equal(c->cursor.state, CURSOR_LIVE);
}

static void leader_has_its_grace_for_a_cursor_beyond_the_end(void **state)
{
	struct rig *r = *state;
	struct rig_client *c = rig_resume(r, "a", "11-@");

	r->leader = 7;
	ask_while_ahead(r, c, 20);
	assert_got(c, ECHO("11-@"));
	rig_info(r, RIG_STREAM, 1, 10);
	rig_flush(r);
	assert_got(c, GAP("reset", 11, 1, "0-@"));
}

/* The gateway itself has more than the leader: until the leader has caught up
 * with that, its word on a cursor says nothing. */
static void no_reset_while_the_leader_is_behind_the_tail(void **state)
{
	struct rig *r = *state;
	struct rig_client *c;

	r->leader = 7;
	rig_publish(r, "ev.b", 11, "another's");
	c = rig_resume(r, "a", "12-@");
	for (int i = 0; i < 19; i++) {
		rig_info(r, RIG_STREAM, 1, 10);
		rig_pass(r, 250);
	}
	ask_while_ahead_of(r, c, 19, 11);
	rig_info(r, RIG_STREAM, 1, 12);
	rig_flush(r);
	assert_int_equal(c->cursor.state, CURSOR_LIVE);
	assert_got(c, ECHO("12-@"));
}

/* One client's cursor must not throttle the questions of all the others. */
static void cursor_beyond_the_end_holds_up_nobody(void **state)
{
	struct rig *r = *state;
	struct rig_client *c;

	r->leader = 7;
	rig_resume(r, "a", "18446744073709551615");
	for (int i = 0; i < 20; i++) {
		rig_info(r, RIG_STREAM, 1, 10);
		rig_flush(r);
		fake_quiet(&r->src);
		c = rig_open(r, "b", START_ALL);
		rig_info(r, RIG_STREAM, 11, 10);
		rig_flush(r);
		assert_got(c, ECHO("10-@"));
		rig_close(r, c);
		r->clients[--r->n_clients] = (struct rig_client){0};
		rig_pass(r, 250);
	}
}

/* A server that has lost the others knows nothing of the end: neither does it
 * count as asking. */
static void nobodys_word_is_no_reset(void **state)
{
	struct rig *r = *state;
	struct rig_client *c = rig_resume(r, "a", "11-@");

	r->leader = 7;
	for (int i = 0; i < 40; i++) {
		struct jetstream_event ev =
			event_info(fake_asked(&r->src, ASKED_INFO)->request,
				   RIG_STREAM, 1, 10);

		ev.info.no_leader = true;
		rig_send(r, ev);
		rig_pass(r, 250);
	}
	assert_got(c, ECHO("11-@"));
	ask_while_ahead(r, c, 20);
	rig_info(r, RIG_STREAM, 1, 10);
	rig_flush(r);
	assert_got(c, GAP("reset", 11, 1, "0-@"));
}

static void leader_that_catches_up_in_time(void **state)
{
	struct rig *r = *state;
	struct rig_client *c = rig_resume(r, "a", "11-@");

	r->leader = 7;
	ask_while_ahead(r, c, 20);
	rig_info(r, RIG_STREAM, 1, 11);
	assert_int_equal(c->cursor.state, CURSOR_LIVE);
	rig_publish(r, "ev.a", 11, "had it");
	rig_publish(r, "ev.a", 12, "x");
	rig_flush(r);
	assert_got(c, ECHO("11-@") EVENT(12));
}

/* It is the asking that counts, not the time that NATS was away. */
static void outage_does_not_count_as_asking(void **state)
{
	struct rig *r = *state;
	struct rig_client *c = rig_resume(r, "a", "11-@");

	r->leader = 7;
	ask_while_ahead(r, c, 1);
	fake_asked(&r->src, ASKED_INFO);
	rig_send(r, event_down());
	r->now_ms += 60000;
	rig_live(r, 1, 10);
	rig_flush(r);
	ask_while_ahead(r, c, 20);
	rig_info(r, RIG_STREAM, 1, 10);
	rig_flush(r);
	assert_got(c, ECHO("11-@") GAP("reset", 11, 1, "0-@"));
}

/* Every cursor below 2^64 is a good one. */
static void cursors_at_the_end_of_numbers(void **state)
{
	static const struct {
		const char *cursor, *gap;
	} cases[] = {
#define CASE(seq, tag) {#seq tag, ECHO(#seq tag) GAP("reset", seq, 4, "3-@")}
		CASE(18446744073709551615, ""),
		CASE(18446744073709551614, ""),
		CASE(9223372036854775808, ""),
		CASE(18446744073709551615, "-@"),
		CASE(18446744073709551615, "-#"),
#undef CASE
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct rig *r = fresh(state);
		struct rig_client *c = rig_resume(r, "a", cases[i].cursor);

		for (int k = 0; c->cursor.state == CURSOR_WAITING; k++) {
			assert_true(k < 5);
			rig_info(r, RIG_STREAM, 4, 20);
			rig_publish(r, "ev.a", 11 + (uint64_t)k, "x");
			rig_pass(r, 250);
		}
		assert_got(c, cases[i].gap);
		rig_probe(r, 4, 9);
		rig_info(r, RIG_STREAM, 4, 20);
		rig_flush(r);
		assert_got(c, OLD(9));
	}
}

static void end_of_numbers_in_an_overtaken_log(void **state)
{
	struct rig *r = *state;
	struct rig_client *c = rig_resume(r, "a", "18446744073709551615");

	r->leader = 7;
	rig_info(r, RIG_STREAM, 1, 10);
	rig_send(r, event_down());
	rig_live(r, 30, 40);
	rig_flush(r);
	for (int i = 0; i < 20; i++) {
		rig_info(r, RIG_STREAM, 30, 40);
		rig_pass(r, 250);
	}
	rig_info(r, RIG_STREAM, 30, 40);
	rig_flush(r);
	assert_got(c, ECHO("18446744073709551615")
			      GAP("reset", 18446744073709551615, 30, "29-@"));
	rig_publish(r, "ev.a", 41, "x");
	rig_flush(r);
	assert_got(c, EVENT(41));
}

/* ---- places -------------------------------------------------------------- */

static void replays_wait_for_a_place(void **state)
{
	struct rig *r = *state;
	struct rig_client *c[3];

	for (int i = 0; i < 3; i++) {
		c[i] = rig_resume(r, "a", "5-@");
		assert_got(c[i], ECHO("5-@"));
	}
	assert_int_equal(c[0]->cursor.state, CURSOR_REPLAY);
	assert_int_equal(c[1]->cursor.state, CURSOR_EVICTED);
	assert_int_equal(fake_waiting(&r->src), 1);
	/* They are live streams, but for their events. */
	rig_publish(r, "ev.a", 11, "x");
	rig_flush(r);
	assert_got(c[1], "");
	answer(r, 6, 0);
	rig_flush(r);
	assert_got(c[0], EVENT(11));
	/* First come, first served. */
	assert_int_equal(c[1]->cursor.state, CURSOR_REPLAY);
	assert_int_equal(c[2]->cursor.state, CURSOR_EVICTED);
	fake_asked(&r->src, ASKED_FIND);
	rig_close(r, c[1]);
	assert_int_equal(c[2]->cursor.state, CURSOR_REPLAY);
	answer(r, 6, 11);
	assert_got(c[2], OLD(11));
	assert_int_equal(r->metrics.value[METRIC_REPLAYS], 3);
}

static void last_waits_for_a_place_too(void **state)
{
	struct rig *r = *state;
	struct rig_client *first = rig_resume(r, "b", "5-@");
	struct rig_client *c = rig_open(r, "a", START_LAST);
	struct request_id request;

	assert_got(c, "");
	rig_probe(r, 6, 0);
	rig_info(r, RIG_STREAM, 1, 10);
	rig_flush(r);
	assert_int_equal(first->cursor.state, CURSOR_LIVE);
	request = fake_asked(&r->src, ASKED_LAST)->request;
	rig_send(r, event_found(request, 8, "ev.a", "old"));
	rig_flush(r);
	rig_info(r, RIG_STREAM, 1, 10);
	rig_flush(r);
	assert_got(c, ECHO("7-@") OLD(8));
}

/* Who waits may find that the log has all by then. */
static void blocked_replay_gives_its_place_away(void **state)
{
	struct rig *r = *state;
	struct rig_client *c = rig_resume(r, "a", "5-@");
	struct rig_client *next = rig_resume(r, "a", "5-@");

	c->room = 4;
	answer(r, 6, 7);
	assert_true(c->cursor.blocked);
	rig_pass(r, 1);
	rig_pass(r, 2000);
	fake_quiet(&r->src);
	assert_int_equal(c->cursor.state, CURSOR_REPLAY);
	rig_pass(r, 1);
	assert_int_equal(c->cursor.state, CURSOR_EVICTED);
	assert_int_equal(next->cursor.state, CURSOR_REPLAY);
	answer(r, 6, 0);
	fake_quiet(&r->src); /* the blocked one does not ask for a place */
	rig_drain(r, c, SIZE_MAX);
	assert_got(c, ECHO("5-@") OLD(7));
	answer(r, 8, 0);
	assert_int_equal(c->cursor.state, CURSOR_LIVE);
}

/* It stands in the line for a slot, and its socket is full. */
static void blocked_one_leaves_the_line(void **state)
{
	struct rig *r = *state;
	struct rig_client *c = rig_resume(r, "a", "5-@");
	struct rig_client *next = rig_resume(r, "a", "5-@");

	assert_int_equal(next->cursor.listed, LISTED_EVICTED);
	next->room = 4;
	hub_warn_of_expiry(r->hub, &next->cursor);
	rig_flush(r);
	assert_true(next->cursor.blocked);
	answer(r, 6, 0);
	assert_int_equal(c->cursor.state, CURSOR_LIVE);
	fake_quiet(&r->src);
	rig_drain(r, next, SIZE_MAX);
	assert_int_equal(next->cursor.state, CURSOR_REPLAY);
	answer(r, 6, 0);
	assert_int_equal(next->cursor.state, CURSOR_LIVE);
}

static void socket_that_drains_between_keeps_its_place(void **state)
{
	struct rig *r = *state;
	struct rig_client *c = rig_resume(r, "a", "5-@");

	c->room = 4;
	answer(r, 6, 7);
	rig_pass(r, 1); /* blocked since then */
	rig_drain(r, c, SIZE_MAX);
	rig_pass(r, 2400);
	c->room = 0;
	answer(r, 8, 9);
	assert_true(c->cursor.blocked);
	rig_pass(r, 1);
	assert_int_equal(c->cursor.state, CURSOR_REPLAY);
}

static void check_that_comes_while_blocked_is_asked_again(void **state)
{
	struct rig *r = *state;
	struct rig_client *c = rig_resume(r, "a", "5-@");

	c->room = 3;
	answer(r, 6, 7); /* cut: the rest is held */
	rig_drain(r, c, SIZE_MAX);
	rig_probe(r, 8, 9);
	c->room = 0;
	r->now_ms += 1000;
	hub_tick(r->hub, r->now_ms); /* a ping, and no room for it */
	rig_flush(r);
	assert_true(c->cursor.blocked);
	rig_info(r, RIG_STREAM, 1, 90);
	rig_flush(r);
	rig_drain(r, c, SIZE_MAX);
	assert_got(c, ECHO("5-@") OLD(7) PING "id: 7-@\n\n");
	rig_info(r, RIG_STREAM, 1, 90);
	rig_flush(r);
	assert_got(c, OLD(9));
}

static void replay_ends_with_its_session(void **state)
{
	struct rig *r = *state;
	struct rig_client *c = rig_resume(r, "a", "5-@");
	struct request_id old = fake_asked(&r->src, ASKED_FIND)->request;

	rig_send(r, event_down());
	assert_int_equal(c->cursor.state, CURSOR_EVICTED);
	rig_flush(r);
	rig_pass(r, 5000);
	fake_quiet(&r->src);
	rig_live(r, 1, 12);
	rig_flush(r);
	rig_send(r,
		 event_error(JETSTREAM_FOUND, old, JETSTREAM_ERR_NO_MESSAGE));
	assert_int_equal(c->cursor.state, CURSOR_REPLAY);
	rig_probe(r, 6, 7);
	rig_info(r, RIG_STREAM, 1, 12);
	rig_flush(r);
	assert_got(c, ECHO("5-@") OLD(7));
}

static void replay_waits_while_the_tail_is_made_anew(void **state)
{
	struct rig *r = *state;
	struct rig_client *c = rig_resume(r, "a", "5-@");

	fake_asked(&r->src, ASKED_FIND);
	rig_send(r, event_status(r->consumer, 0, 503));
	fake_asked(&r->src, ASKED_FORGET);
	assert_int_equal(c->cursor.state, CURSOR_EVICTED);
	rig_follow(r, RIG_STREAM, 1, 10);
	rig_flush(r);
	answer(r, 6, 0);
	assert_int_equal(c->cursor.state, CURSOR_LIVE);
}

static void closes_in_every_phase_of_a_replay(void **state)
{
	for (int phase = 0; phase < 5; phase++) {
		struct rig *r = fresh(state);
		struct rig_client *c = rig_resume(r, "a", "2-@");

		if (phase > 0)
			answer(r, 3, 3);
		if (phase > 1)
			answer(r, 4, 4);
		if (phase > 2)
			rig_send(r,
				 event_created(fake_asked(&r->src, ASKED_CREATE)
						       ->request));
		if (phase > 3) {
			rig_flush(r);
			rig_info(r, RIG_STREAM, 1, 90);
		}
		r->src.seen = r->src.n;
		rig_close(r, c);
		assert_int_equal(fake_waiting(&r->src), phase > 1);
		hub_gauges(r->hub);
		assert_int_equal(r->metrics.value[METRIC_REPLAYS_RUNNING], 0);
		/* Its place is free. */
		c = rig_resume(r, "a", "5-@");
		assert_int_equal(c->cursor.state, CURSOR_REPLAY);
	}
}

static void answers_for_nobody_are_dropped(void **state)
{
	static const uint32_t slots[] = {1, 4, 5, 4000, 0x7ffffffe, UINT32_MAX};
	struct rig *r = *state;

	for (size_t i = 0; i < ARRAY_LEN(slots); i++) {
		struct request_id request = {slots[i], 1};

		rig_send(r, event_found(request, 5, "ev.a", "x"));
		rig_send(r, event_created(request));
		rig_send(r, event_message(request, 5, 1, "ev.a", "x"));
		rig_send(r, event_status(request, 1, 503));
		rig_send(r, event_info(request, RIG_OTHER, 1, 5));
	}
	/* The hub's own number, and nothing was asked. */
	rig_send(r, event_info((struct request_id){0x7fffffff, 0}, RIG_OTHER, 1,
			       5));
	rig_flush(r);
	fake_quiet(&r->src);
	assert_string_equal(hub_tag(r->hub)->hex, rig_text("@"));
}

/* ---- falling off --------------------------------------------------------- */

static uint64_t overrun(struct rig *r)
{
	uint64_t seq = event_buffer_last_seq(hub_buffer(r->hub));

	while (event_buffer_floor(hub_buffer(r->hub)) < 20)
		rig_publish(r, "ev.b", ++seq, "filling the ring");
	rig_flush(r);
	return seq;
}

static void slow_client_falls_off_and_comes_back(void **state)
{
	struct rig *r = *state;
	struct rig_client *c = rig_open(r, "a", START_NEW);
	uint64_t head;
	char text[64];

	c->room = 4;
	rig_publish(r, "ev.a", 11, "x");
	rig_flush(r);
	rig_publish(r, "ev.a", 12, "evicted");
	head = overrun(r);
	assert_int_equal(c->cursor.state, CURSOR_LIVE);
	rig_drain(r, c, SIZE_MAX);
	assert_got(c, ECHO("10-@") EVENT(11));
	assert_int_equal(c->cursor.state, CURSOR_REPLAY);
	assert_true(c->cursor.evicted); /* to come back with room to spare */
	answer(r, 12, 12);
	assert_got(c, OLD(12));
	rig_probe(r, 13, 0);
	rig_info(r, RIG_STREAM, 1, head);
	rig_flush(r);
	assert_int_equal(c->cursor.state, CURSOR_LIVE);
	assert_false(c->cursor.evicted);
	rig_publish(r, "ev.a", head + 1, "x");
	rig_flush(r);
	snprintf(text, sizeof(text), "data: x\nid: %d-@\n\n", (int)head + 1);
	assert_got(c, text);
}

/* A message too big for the log: its readers fetch it themselves. */
static void too_big_for_the_log_comes_by_a_replay(void **state)
{
	static char big[5000];
	struct rig *r = *state;
	struct rig_client *c = rig_open(r, "a", START_NEW);
	struct rig_client *other = rig_open(r, "b", START_NEW);

	memset(big, 'x', sizeof(big) - 1);
	rig_publish(r, "ev.a", 11, big);
	rig_flush(r);
	assert_got(c, ECHO("10-@"));
	answer(r, 11, 11);
	assert_got(c, OLD(11));
	assert_int_equal(c->cursor.state, CURSOR_LIVE);
	assert_int_equal(other->cursor.state, CURSOR_LIVE);
	rig_publish(r, "ev.b", 12, "x");
	rig_flush(r);
	assert_got(other, ECHO("10-@") EVENT(12));
}

/* ---- pings --------------------------------------------------------------- */

static void ping_in_a_replay_tells_what_was_sent(void **state)
{
	struct rig *r = *state;
	struct rig_client *c = rig_resume(r, "a", "5-@");

	rig_pass(r, 1000);
	assert_got(c, ECHO("5-@") PING "id: 5-@\n\n");
	answer(r, 6, 8);
	assert_got(c, OLD(8));
	rig_publish(r, "ev.b", 11, "another's");
	rig_pass(r, 1000);
	assert_got(c, PING "id: 8-@\n\n");
}

static void ping_while_waiting_for_a_place(void **state)
{
	struct hub_config cfg = rig_config();
	struct rig *r = *state;
	struct rig_client *last, *evicted;

	rig_finish(r);
	cfg.max_replays = 1;
	cfg.ping_ms = 1000;
	rig_start(r, &cfg);
	rig_live(r, 1, 10);
	rig_resume(r, "a", "5-@");
	evicted = rig_resume(r, "a", "6-@");
	last = rig_open(r, "a", START_LAST);
	rig_pass(r, 1000);
	assert_got(evicted, ECHO("6-@") PING "id: 6-@\n\n");
	assert_got(last, "retry: 3000\n\n" PING "\n");
}

/* A ping's write may be the one that ends a replay. */
static void ping_ends_replays(void **state)
{
	struct rig *r = *state;
	struct rig_client *c[3];

	for (int i = 0; i < 3; i++)
		c[i] = rig_resume(r, "a", "5-@");
	for (int i = 0; i < 3; i++)
		rig_send(r,
			 event_found(fake_asked(&r->src, ASKED_FIND)->request,
				     10, "ev.a", "old"));
	rig_flush(r);
	rig_info(r, RIG_STREAM, 1, 10);
	r->now_ms += 1000;
	hub_tick(r->hub, r->now_ms);
	for (int i = 0; i < 3; i++) {
		rig_flush(r);
		assert_int_equal(c[i]->cursor.state, CURSOR_LIVE);
		assert_got(c[i], ECHO("5-@") PING "id: 5-@\n\n" OLD(10));
	}
	hub_gauges(r->hub);
	assert_int_equal(r->metrics.value[METRIC_REPLAYS_RUNNING], 0);
}

/* ---- turns --------------------------------------------------------------- */

static void start_with_one_turn(struct rig *r)
{
	struct hub_config cfg = rig_config();

	rig_finish(r);
	cfg.max_asks = cfg.max_consumers = 1;
	rig_start(r, &cfg);
	rig_live(r, 1, 10);
}

static void asks_in_turns(void **state)
{
	struct rig *r = *state;
	struct rig_client *c[3];
	struct request_id request;

	start_with_one_turn(r);
	for (int i = 0; i < 3; i++)
		c[i] = rig_resume(r, "a", "5-@");
	request = fake_asked(&r->src, ASKED_FIND)->request;
	fake_quiet(&r->src);
	rig_send(r, event_found(request, 10, "ev.a", "old"));
	rig_flush(r);
	assert_int_not_equal(fake_asked(&r->src, ASKED_FIND)->request.owner,
			     request.owner);
	rig_info(r, RIG_STREAM, 1, 10);
	rig_flush(r);
	assert_got(c[0], ECHO("5-@") OLD(10));
	fake_quiet(&r->src);
	/* Whoever leaves makes room as well. */
	rig_close(r, c[1]);
	rig_flush(r);
	answer(r, 6, 10);
	assert_got(c[2], ECHO("5-@") OLD(10));
}

/* The first has it, and who that is; the other waits for its turn. */
static struct request_id two_want_the_consumer(struct rig *r,
					       struct rig_client **c)
{
	struct request_id request;

	start_with_one_turn(r);
	for (int i = 0; i < 2; i++) {
		c[i] = rig_resume(r, "a", "2");
		answer(r, 3, 3);
		answer(r, 4, 4);
		if (i == 0)
			request = fake_asked(&r->src, ASKED_CREATE)->request;
		fake_quiet(&r->src);
	}
	rig_send(r, event_created(request));
	rig_flush(r);
	rig_info(r, RIG_STREAM, 1, 90);
	return request;
}

static void consumers_in_turns(void **state)
{
	struct rig *r = *state;
	struct rig_client *c[2];
	struct request_id request;

	request = two_want_the_consumer(r, c);
	fake_asked(&r->src, ASKED_PULL);
	rig_pass(r, 2000);
	fake_quiet(&r->src); /* the other waits, whatever time it takes */
	rig_close(r, c[0]);
	rig_flush(r);
	assert_int_equal(fake_asked(&r->src, ASKED_FORGET)->request.owner,
			 request.owner);
	assert_int_not_equal(fake_asked(&r->src, ASKED_CREATE)->request.owner,
			     request.owner);
	assert_got(c[1], ECHO("2") OLD(3) OLD(4));
}

/* A socket that takes nothing needs no consumer meanwhile. */
static void blocked_replay_gives_its_consumer_away(void **state)
{
	struct rig *r = *state;
	struct rig_client *c[2];
	struct request_id request;
	uint32_t pull;

	request = two_want_the_consumer(r, c);
	pull = fake_asked(&r->src, ASKED_PULL)->pull.number;
	c[0]->room = 4;
	rig_send(r, event_message(request, 5, 1, "ev.a", "old"));
	rig_send(r, event_status(request, pull, 404));
	rig_flush(r);
	rig_info(r, RIG_STREAM, 1, 90);
	rig_flush(r);
	assert_true(c[0]->cursor.blocked);
	fake_quiet(&r->src);
	rig_pass(r, 1);
	assert_int_equal(fake_asked(&r->src, ASKED_FORGET)->request.owner,
			 request.owner);
	assert_int_not_equal(fake_asked(&r->src, ASKED_CREATE)->request.owner,
			     request.owner);
	assert_int_equal(c[0]->cursor.state, CURSOR_REPLAY);
}

/* ---- answers that are late ----------------------------------------------- */

static void quiet_for(struct rig *r, uint64_t ms)
{
	for (uint64_t i = 0; i < ms / 500; i++)
		rig_pass(r, 500);
	rig_pass(r, ms % 500);
	fake_quiet(&r->src);
}

/* Asked for again when `ms` are over, and not before. */
static struct request_id given_up_after(struct rig *r, uint64_t ms)
{
	quiet_for(r, ms - 1);
	rig_pass(r, 1);
	return fake_asked(&r->src, ASKED_FIND)->request;
}

static void late(struct rig *r, struct request_id request)
{
	rig_send(r, event_found(request, 7, "ev.a", "old"));
	fake_quiet(&r->src);
}

/* A line that needs 6 s for the message, and would never be free if each of its
 * time-outs sent it once more. */
static void late_answers_give_more_time(void **state)
{
	struct rig *r = *state;
	struct rig_client *c = rig_resume(r, "a", "5-@");
	struct request_id request = fake_asked(&r->src, ASKED_FIND)->request,
			  next;

	assert_got(c, ECHO("5-@"));
	next = given_up_after(r, 2500);
	given_up_after(r, 2500);
	quiet_for(r, 1000);
	late(r, request);
	assert_int_equal(r->metrics.value[METRIC_LATE_RESPONSES], 1);
	late(r, next); /* at the same time: one sign, not two */
	request = given_up_after(r, 1500);
	assert_int_equal(r->metrics.value[METRIC_LATE_RESPONSES], 2);
	next = given_up_after(r, 5000);
	late(r, request);
	request = given_up_after(r, 5000);
	late(r, next); /* was given up before it was known */
	quiet_for(r, 9999);
	rig_send(r, event_found(request, 7, "ev.a", "old"));
	rig_flush(r);
	rig_info(r, RIG_STREAM, 1, 90);
	rig_flush(r);
	assert_got(c, OLD(7));
	assert_int_equal(r->metrics.value[METRIC_LATE_RESPONSES], 4);
}

/* The server searches long for one client: its own time-outs grow, those of
 * another one's replay and of the tail do not. */
static void late_searches_of_one_client_are_its_own(void **state)
{
	struct rig *r = *state;
	struct rig_client *slow = rig_resume(r, "a", "5-@"), *other;
	struct request_id request = fake_asked(&r->src, ASKED_FIND)->request;

	for (int i = 0; i < 4; i++) {
		struct request_id next;

		quiet_for(r, (2500u << i) - 1);
		rig_pass(r, 1);
		next = fake_asked(&r->src, ASKED_FIND)->request;
		late(r, request);
		request = next;
		if (i == 3)
			break;
		quiet_for(r, (2500u << i) - 1);
		rig_pass(r, 1);
		request = fake_asked(&r->src, ASKED_FIND)->request;
	}
	assert_int_equal(r->metrics.value[METRIC_LATE_RESPONSES], 4);
	other = rig_resume(r, "b", "5-@");
	request = fake_asked(&r->src, ASKED_FIND)->request;
	assert_int_equal(given_up_after(r, 2500).owner, request.owner);
	rig_close(r, slow);
	rig_close(r, other);
	r->now_ms += 6999;
	hub_tick(r->hub, r->now_ms);
	fake_quiet(&r->src);
	r->now_ms++;
	hub_tick(r->hub, r->now_ms);
	fake_asked(&r->src, ASKED_FORGET);
}

static void lost_answers_change_no_time_out(void **state)
{
	struct rig *r = *state;

	rig_resume(r, "a", "5-@");
	fake_asked(&r->src, ASKED_FIND);
	for (int i = 0; i < 10; i++)
		given_up_after(r, 2500);
	assert_int_equal(r->metrics.value[METRIC_LATE_RESPONSES], 0);
}

static void patience_ends(void **state)
{
	struct rig *r = *state;
	struct request_id request;

	rig_resume(r, "a", "5-@");
	request = fake_asked(&r->src, ASKED_FIND)->request;
	given_up_after(r, 2500);
	late(r, request);
	given_up_after(r, 2500);
	for (int i = 0; i < 12; i++)
		given_up_after(r, 5000);
	given_up_after(r, 2500);
}

/* The tail hears nothing for 7 s, and then what it was sent meanwhile. */
static void late_messages_give_the_tail_more_time(void **state)
{
	struct rig *r = *state;
	struct request_id request = r->consumer;

	r->now_ms += 7000;
	hub_tick(r->hub, r->now_ms);
	fake_asked(&r->src, ASKED_FORGET);
	rig_send(r, event_status(request, 1, 100));
	assert_int_equal(r->metrics.value[METRIC_LATE_RESPONSES], 1);
	rig_follow(r, RIG_STREAM, 1, 10);
	r->now_ms += 13999;
	hub_tick(r->hub, r->now_ms);
	fake_quiet(&r->src);
	r->now_ms++;
	hub_tick(r->hub, r->now_ms);
	fake_asked(&r->src, ASKED_FORGET);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define WITH(what, name) \
	cmocka_unit_test_setup_teardown(name, setup_with_##what, teardown)
	const struct CMUnitTest tests[] = {
		TEST(nothing_missed_needs_no_consumer),
		TEST(what_was_missed_comes_before_what_is_new),
		TEST(long_past_comes_by_a_consumer),
		TEST(one_info_for_many_replays),
		TEST(info_without_answer_is_asked_again),
		TEST(info_is_overtaken_by_messages),
		TEST(leader_behind_the_log_is_followed_up),
		TEST(info_that_says_nothing_is_asked_again),
		TEST(rivals_answer_is_distrusted),
		TEST(info_that_fails_begins_with_the_tail),
		TEST(all_begins_with_the_first),
		WITH(pings, all_on_a_full_socket_starts_once),
		TEST(all_of_an_empty_stream),
		TEST(last_is_the_leaders_word),
		TEST(last_of_nothing),
		TEST(last_and_new_at_the_same_time),
		TEST(one_question_for_all_that_wait_for_the_last),
		TEST(all_that_wait_get_the_last),
		WITH(one_replay, slot_goes_round),
		WITH(one_replay, slot_stays_while_nobody_waits),
		TEST(expired_is_told_before_the_events),
		TEST(doubt_goes_not_back_before_a_gap),
		TEST(expired_up_to_the_log),
		TEST(memory_outlives_the_store),
		TEST(other_tag_is_a_reset),
		TEST(other_tag_before_first_contact),
		TEST(open_streams_are_told_of_a_purge),
		TEST(purge_before_the_cursor_is_no_gap),
		TEST(stream_made_anew_is_told),
		TEST(cursor_ahead_waits_for_the_tail),
		WITH(pings, ping_of_a_cursor_ahead_stays_ahead),
		TEST(cursor_beyond_the_end_is_a_reset),
		TEST(leader_has_its_grace_for_a_cursor_beyond_the_end),
		TEST(no_reset_while_the_leader_is_behind_the_tail),
		TEST(cursor_beyond_the_end_holds_up_nobody),
		TEST(nobodys_word_is_no_reset),
		TEST(leader_that_catches_up_in_time),
		TEST(outage_does_not_count_as_asking),
		TEST(cursors_at_the_end_of_numbers),
		TEST(end_of_numbers_in_an_overtaken_log),
		WITH(one_replay, replays_wait_for_a_place),
		WITH(one_replay, last_waits_for_a_place_too),
		WITH(one_replay, blocked_replay_gives_its_place_away),
		WITH(one_replay, blocked_one_leaves_the_line),
		WITH(one_replay, socket_that_drains_between_keeps_its_place),
		WITH(pings, check_that_comes_while_blocked_is_asked_again),
		TEST(replay_ends_with_its_session),
		TEST(replay_waits_while_the_tail_is_made_anew),
		TEST(closes_in_every_phase_of_a_replay),
		TEST(answers_for_nobody_are_dropped),
		WITH(a_small_log, slow_client_falls_off_and_comes_back),
		WITH(a_small_log, too_big_for_the_log_comes_by_a_replay),
		WITH(pings, ping_in_a_replay_tells_what_was_sent),
		TEST(ping_while_waiting_for_a_place),
		WITH(pings, ping_ends_replays),
		TEST(asks_in_turns),
		TEST(consumers_in_turns),
		TEST(blocked_replay_gives_its_consumer_away),
		TEST(late_answers_give_more_time),
		TEST(late_searches_of_one_client_are_its_own),
		TEST(lost_answers_change_no_time_out),
		TEST(patience_ends),
		TEST(late_messages_give_the_tail_more_time),
	};
#undef TEST
#undef WITH

	return cmocka_run_group_tests_name("hub_replay", tests, NULL, NULL);
}
