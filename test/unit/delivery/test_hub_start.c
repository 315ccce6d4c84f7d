/* Where subscriptions start whose past is not in the buffer: an event id before
 * it, all, last, an event id beyond the stream's end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/check.h"
#include "hub_replay_rig.h"

/* ---- resuming before the buffer ------------------------------------------ */

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
	expect_no_request(&r->src);
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
	const struct fake_request *pull;

	answer(r, 3, 3);
	answer(r, 4, 4);
	assert_got(c, ECHO("2") OLD(3) OLD(4));
	request = expect_request(&r->src, REQUEST_CREATE)->request;
	rig_send(r, event_created(request));
	rig_flush(r);
	rig_info(r, RIG_STREAM, 1, 90);
	pull = expect_request(&r->src, REQUEST_PULL);
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
	assert_int_equal(expect_request(&r->src, REQUEST_DELETE_CONSUMER)
				 ->request.generation,
			 request.generation);
	/* Late messages are ignored. */
	rig_send(r, event_message(request, 10, 3, "ev.a", "late"));
	rig_flush(r);
	assert_got(c, "");
	expect_no_request(&r->src);
}

/* One STREAM.INFO serves all probes that were answered before it was sent. */
static void one_info_for_many_replays(void **state)
{
	struct rig *r = *state;
	struct rig_client *c[3];
	struct request_id request[3];

	for (int i = 0; i < 3; i++) {
		c[i] = rig_resume(r, "a", "5-@");
		request[i] = expect_request(&r->src, REQUEST_GET_NEXT)->request;
		assert_got(c[i], ECHO("5-@"));
	}
	rig_send(r, event_found(request[0], 7, "ev.a", "old"));
	rig_send(r, event_found(request[1], 7, "ev.a", "old"));
	rig_flush(r);
	assert_int_equal(requests_unread(&r->src), 1);
	rig_send(r, event_found(request[2], 7, "ev.a", "old"));
	rig_flush(r);
	assert_int_equal(requests_unread(&r->src), 1);
	rig_info(r, RIG_STREAM, 1, 90);
	rig_flush(r);
	assert_got(c[0], OLD(7));
	assert_got(c[1], OLD(7));
	assert_got(c[2], "");
	expect_request(&r->src, REQUEST_GET_NEXT);
	expect_request(&r->src, REQUEST_GET_NEXT);
	rig_info(r, RIG_STREAM, 1, 90);
	rig_flush(r);
	assert_got(c[2], OLD(7));
}

static void info_without_answer_is_asked_again(void **state)
{
	struct rig *r = *state;
	struct rig_client *c = rig_open(r, "a", START_ALL);
	struct request_id lost = expect_request(&r->src, REQUEST_INFO)->request;

	rig_pass(r, 1999);
	expect_no_request(&r->src);
	rig_pass(r, 1);
	rig_send(r, event_info(lost, RIG_STREAM, 3, 10));
	assert_got(c, "");
	rig_info(r, RIG_STREAM, 4, 10);
	rig_flush(r);
	assert_got(c, ECHO("3-@"));
}

/* The stream had as much as the buffer when it was asked; it has more by now.
 */
static void messages_overtake_the_info(void **state)
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

/* The leader is asked until it has what the buffer had; new subscriptions need
 * not wait for that. */
static void leader_behind_the_buffer_is_followed_up(void **state)
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
	expect_no_request(&r->src);
	rig_pass(r, 1);
	rig_info(r, RIG_STREAM, 1, 11);
	rig_pass(r, 1000);
	expect_no_request(&r->src);
}

/* An error of JetStream, or a state without a leader: asked again, and the tail
 * goes on meanwhile. */
static void info_that_says_nothing_is_asked_again(void **state)
{
	struct rig *r = *state;
	struct rig_client *c = rig_open(r, "a", START_ALL);
	const char *why;

	for (int i = 0; i < 40; i++) {
		struct request_id request =
			expect_request(&r->src, REQUEST_INFO)->request;
		struct jetstream_event ev =
			event_info(request, RIG_STREAM, 7, 7);

		ev.info.no_leader = true;
		if (i % 2 == 0)
			ev = event_error(JETSTREAM_INFO, request, 10008);
		rig_send(r, ev);
		rig_pass(r, 249);
		expect_no_request(&r->src);
		assert_true(hub_ready(r->hub, &why));
		rig_pass(r, 1);
	}
	assert_got(c, "");
	rig_info(r, RIG_STREAM, 3, 10);
	rig_flush(r);
	assert_got(c, ECHO("2-@"));
}

/* Two servers believe to be the leader, and both answer what the hub asks
 * between two probes: the second probe's answer may be that of the wrong one.
 */
static void answer_of_another_server_is_no_evidence(void **state)
{
	struct rig *r = *state;
	struct rig_client *c = rig_open(r, "a", START_ALL);
	struct jetstream_event leaders, rivals;
	uint32_t generation;

	/* In a cluster, from here on. */
	leaders = event_info(expect_request(&r->src, REQUEST_INFO)->request,
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
				     expect_request(&r->src, REQUEST_GET_NEXT)
					     ->request,
				     JETSTREAM_ERR_NO_MESSAGE));
		rig_flush(r);
		assert_int_equal(c->cursor.state, CURSOR_REPLAY);
		leaders.request =
			expect_request(&r->src, REQUEST_INFO)->request;
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
	expect_no_request(&r->src);
}

/* The tail asks, and the waiting subscriptions are answered in the end. */
static void info_that_fails_begins_with_the_tail(void **state)
{
	struct rig *r = *state;
	struct rig_client *c = rig_open(r, "a", START_ALL);
	const char *why;

	rig_send(r, event_error(JETSTREAM_INFO,
				expect_request(&r->src, REQUEST_INFO)->request,
				JETSTREAM_ERR_NO_STREAM));
	assert_false(hub_ready(r->hub, &why));
	rig_flush(r);
	assert_got(c, "retry: 3000\n\n");
	expect_request(&r->src, REQUEST_DELETE_CONSUMER);
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

/* It started while its socket was full, and must not start again. */
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
	expect_no_request(&r->src);
}

/* ---- deliver=last -------------------------------------------------------- */

static void last_is_the_leaders_answer(void **state)
{
	struct rig *r = *state;
	struct rig_client *c = rig_open(r, "a", START_LAST);
	const struct fake_request *a =
		expect_request(&r->src, REQUEST_GET_LAST);

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
	expect_no_request(&r->src);
}

static void last_of_nothing(void **state)
{
	struct rig *r = *state;
	struct rig_client *c = rig_open(r, "a", START_LAST);
	struct request_id request =
		expect_request(&r->src, REQUEST_GET_LAST)->request;

	rig_send(r, event_error(JETSTREAM_FOUND, request,
				JETSTREAM_ERR_NO_MESSAGE));
	rig_flush(r);
	rig_info(r, RIG_STREAM, 1, 10);
	rig_flush(r);
	assert_got(c, ECHO("10-@"));
	assert_int_equal(c->cursor.state, CURSOR_LIVE);
}

/* Published after the question was sent: from the buffer, and not twice. */
static void last_and_new_at_the_same_time(void **state)
{
	struct rig *r = *state;
	struct rig_client *c = rig_open(r, "a", START_LAST);
	struct request_id request =
		expect_request(&r->src, REQUEST_GET_LAST)->request;

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
	request = expect_request(&r->src, REQUEST_GET_LAST)->request;
	expect_request(&r->src, REQUEST_GET_LAST); /* for "a" */
	rig_send(r, event_error(JETSTREAM_FOUND, request,
				JETSTREAM_ERR_NO_MESSAGE));
	rig_flush(r);
	request = expect_request(&r->src, REQUEST_INFO)->request;
	expect_no_request(&r->src); /* of three, one has asked */
	line = rig_open_with(r, &lines, SIZE_MAX);
	expect_request(&r->src,
		       REQUEST_GET_LAST); /* another form of the same */
	rig_send(r, event_info(request, RIG_STREAM, 1, 10));
	rig_flush(r);
	assert_got(c[0], ECHO("10-@"));
	/* They came after the question was sent, and share the next one. */
	assert_got(c[1], "");
	late = rig_open(r, "a", START_LAST);
	request = expect_request(&r->src, REQUEST_GET_LAST)
			  ->request; /* c[1] and c[2] */
	expect_no_request(&r->src);
	rig_send(r, event_error(JETSTREAM_FOUND, request,
				JETSTREAM_ERR_NO_MESSAGE));
	rig_flush(r);
	rig_info(r, RIG_STREAM, 1, 10);
	rig_flush(r);
	assert_got(c[1], ECHO("10-@"));
	assert_got(c[2], ECHO("10-@"));
	expect_no_request(&r->src);
	(void)line;
	/* The subscription that asks for "a" closes: the others of "a" ask
	 * themselves. */
	assert_got(late, "");
	rig_close(r, c[3]);
	rig_flush(r);
	found_last(r, expect_request(&r->src, REQUEST_GET_LAST)->request, 8);
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
	request = expect_request(&r->src, REQUEST_GET_LAST)->request;
	for (size_t i = 0; i < ARRAY_LEN(rooms); i++)
		c[i] = rig_open_with(r, &open, rooms[i]);
	expect_no_request(&r->src);
	found_last(r, request, 0);
	assert_got(blocker, ECHO("10-@"));
	rig_send(r,
		 event_found(expect_request(&r->src, REQUEST_GET_LAST)->request,
			     8, "ev.a", "old"));
	expect_no_request(&r->src);
	rig_flush(r);
	rig_info(r, RIG_STREAM, 1, 10);
	for (size_t i = 0; i < ARRAY_LEN(rooms); i++) {
		rig_drain(r, c[i], SIZE_MAX);
		rig_flush(r);
		if (requests_unread(&r->src) == 0)
			continue;
		/* It had no room for the message, and asks for it itself. */
		answer(r, 8, 8);
		answer(r, 9, 0);
	}
	rig_publish(r, "ev.a", 11, "x");
	rig_flush(r);
	for (size_t i = 0; i < ARRAY_LEN(rooms); i++)
		assert_got(c[i], ECHO("7-@") OLD(8) EVENT(11));
}

/* ---- beyond the end of this gateway's buffer ----------------------------- */

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
	expect_no_request(&r->src);
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

/* In a cluster: asks for 5 s before it concludes that the stream ends there. */
static void ask_while_ahead_of(struct rig *r, struct rig_client *c, int times,
			       uint64_t last)
{
	for (int i = 0; i < times; i++) {
		rig_info(r, RIG_STREAM, 1, last);
		rig_flush(r);
		assert_int_equal(c->cursor.state, CURSOR_WAITING);
		rig_pass(r, 249);
		expect_no_request(&r->src);
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

/* The gateway itself has more than the leader: until the leader has caught up,
 * its answer about a cursor means nothing. */
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
static void cursor_beyond_the_end_delays_no_other(void **state)
{
	struct rig *r = *state;
	struct rig_client *c;

	r->leader = 7;
	rig_resume(r, "a", "18446744073709551615");
	for (int i = 0; i < 20; i++) {
		rig_info(r, RIG_STREAM, 1, 10);
		rig_flush(r);
		expect_no_request(&r->src);
		c = rig_open(r, "b", START_ALL);
		rig_info(r, RIG_STREAM, 11, 10);
		rig_flush(r);
		assert_got(c, ECHO("10-@"));
		rig_close(r, c);
		r->clients[--r->n_clients] = (struct rig_client){0};
		rig_pass(r, 250);
	}
}

/* A server that has lost the others knows nothing of the end; its answers do
 * not count. */
static void state_without_a_leader_is_no_reset(void **state)
{
	struct rig *r = *state;
	struct rig_client *c = rig_resume(r, "a", "11-@");

	r->leader = 7;
	for (int i = 0; i < 40; i++) {
		struct jetstream_event ev = event_info(
			expect_request(&r->src, REQUEST_INFO)->request,
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

/* Answers count, not the time without NATS. */
static void outage_does_not_count_as_asking(void **state)
{
	struct rig *r = *state;
	struct rig_client *c = rig_resume(r, "a", "11-@");

	r->leader = 7;
	ask_while_ahead(r, c, 1);
	expect_request(&r->src, REQUEST_INFO);
	rig_send(r, event_down());
	r->now_ms += 60000;
	rig_live(r, 1, 10);
	rig_flush(r);
	ask_while_ahead(r, c, 20);
	rig_info(r, RIG_STREAM, 1, 10);
	rig_flush(r);
	assert_got(c, ECHO("11-@") GAP("reset", 11, 1, "0-@"));
}

/* Every event id below 2^64 is valid. */
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

static void end_of_numbers_in_an_evicted_buffer(void **state)
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
		TEST(messages_overtake_the_info),
		TEST(leader_behind_the_buffer_is_followed_up),
		TEST(info_that_says_nothing_is_asked_again),
		TEST(answer_of_another_server_is_no_evidence),
		TEST(info_that_fails_begins_with_the_tail),
		TEST(all_begins_with_the_first),
		WITH(pings, all_on_a_full_socket_starts_once),
		TEST(all_of_an_empty_stream),
		TEST(last_is_the_leaders_answer),
		TEST(last_of_nothing),
		TEST(last_and_new_at_the_same_time),
		TEST(one_question_for_all_that_wait_for_the_last),
		TEST(all_that_wait_get_the_last),
		TEST(cursor_ahead_waits_for_the_tail),
		WITH(pings, ping_of_a_cursor_ahead_stays_ahead),
		TEST(cursor_beyond_the_end_is_a_reset),
		TEST(leader_has_its_grace_for_a_cursor_beyond_the_end),
		TEST(no_reset_while_the_leader_is_behind_the_tail),
		TEST(cursor_beyond_the_end_delays_no_other),
		TEST(state_without_a_leader_is_no_reset),
		TEST(leader_that_catches_up_in_time),
		TEST(outage_does_not_count_as_asking),
		TEST(cursors_at_the_end_of_numbers),
		TEST(end_of_numbers_in_an_evicted_buffer),
	};

	return cmocka_run_group_tests_name("hub_start", tests, NULL, NULL);
}
