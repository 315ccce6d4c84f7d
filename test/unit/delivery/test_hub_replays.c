/* Replay slots and limiters: the line for slots, rotation, eviction and
 * return, and how late responses lengthen timeouts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/check.h"
#include "hub_replay_rig.h"

/* ---- slots --------------------------------------------------------------- */

/* Two subscriptions far behind, and one slot. */
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
	/* Its timeout is over: it has asked again. */
	expect_request(&r->src, REQUEST_GET_NEXT);
	rig_probe(r, 3, 3);
	rig_pass(r, 1);
	assert_int_equal(c[0]->cursor.state, CURSOR_REPLAY);
	rig_info(r, RIG_STREAM, 1, 90);
	rig_flush(r);
	assert_got(c[0], OLD(3)); /* the requested message is not lost */
	assert_int_equal(c[0]->cursor.state, CURSOR_EVICTED);
	assert_int_equal(c[1]->cursor.state, CURSOR_REPLAY);
	rig_send(r,
		 event_error(JETSTREAM_FOUND,
			     expect_request(&r->src, REQUEST_GET_NEXT)->request,
			     JETSTREAM_ERR_NO_MESSAGE));
	rig_flush(r);
	rig_info(r, RIG_STREAM, 1, 90);
	rig_flush(r);
	assert_int_equal(c[1]->cursor.state, CURSOR_LIVE);
	answer(r, 4, 0);
	assert_int_equal(c[0]->cursor.state, CURSOR_LIVE);
}

/* No rotation while no other waits. */
static void slot_stays_while_no_other_waits(void **state)
{
	struct rig *r = *state;
	struct rig_client *c = rig_resume(r, "a", "1-@");

	answer(r, 2, 2);
	rig_probe(r, 3, 3);
	r->now_ms += 60000;
	rig_info(r, RIG_STREAM, 1, 90);
	rig_flush(r);
	assert_int_equal(c->cursor.state, CURSOR_REPLAY);
	expect_request(&r->src, REQUEST_CREATE);
}

/* ---- the waiting line ---------------------------------------------------- */

static void replays_wait_for_a_slot(void **state)
{
	struct rig *r = *state;
	struct rig_client *c[3];

	for (int i = 0; i < 3; i++) {
		c[i] = rig_resume(r, "a", "5-@");
		assert_got(c[i], ECHO("5-@"));
	}
	assert_int_equal(c[0]->cursor.state, CURSOR_REPLAY);
	assert_int_equal(c[1]->cursor.state, CURSOR_EVICTED);
	assert_int_equal(requests_unread(&r->src), 1);
	/* They get pings like live subscriptions. */
	rig_publish(r, "ev.a", 11, "x");
	rig_flush(r);
	assert_got(c[1], "");
	answer(r, 6, 0);
	rig_flush(r);
	assert_got(c[0], EVENT(11));
	/* First come, first served. */
	assert_int_equal(c[1]->cursor.state, CURSOR_REPLAY);
	assert_int_equal(c[2]->cursor.state, CURSOR_EVICTED);
	expect_request(&r->src, REQUEST_GET_NEXT);
	rig_close(r, c[1]);
	assert_int_equal(c[2]->cursor.state, CURSOR_REPLAY);
	answer(r, 6, 11);
	assert_got(c[2], OLD(11));
	assert_int_equal(r->metrics.value[METRIC_REPLAYS], 3);
}

static void last_waits_for_a_slot_too(void **state)
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
	request = expect_request(&r->src, REQUEST_GET_LAST)->request;
	rig_send(r, event_found(request, 8, "ev.a", "old"));
	rig_flush(r);
	rig_info(r, RIG_STREAM, 1, 10);
	rig_flush(r);
	assert_got(c, ECHO("7-@") OLD(8));
}

/* While it waits the buffer may come to hold everything it needs. */
static void blocked_replay_gives_its_slot_away(void **state)
{
	struct rig *r = *state;
	struct rig_client *c = rig_resume(r, "a", "5-@");
	struct rig_client *next = rig_resume(r, "a", "5-@");

	c->room = 4;
	answer(r, 6, 7);
	assert_true(c->cursor.blocked);
	rig_pass(r, 1);
	rig_pass(r, 2000);
	expect_no_request(&r->src);
	assert_int_equal(c->cursor.state, CURSOR_REPLAY);
	rig_pass(r, 1);
	assert_int_equal(c->cursor.state, CURSOR_EVICTED);
	assert_int_equal(next->cursor.state, CURSOR_REPLAY);
	answer(r, 6, 0);
	expect_no_request(&r->src); /* the blocked one is not in the line */
	rig_drain(r, c, SIZE_MAX);
	assert_got(c, ECHO("5-@") OLD(7));
	answer(r, 8, 0);
	assert_int_equal(c->cursor.state, CURSOR_LIVE);
}

/* It is in the line for a slot, and its socket is full. */
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
	expect_no_request(&r->src);
	rig_drain(r, next, SIZE_MAX);
	assert_int_equal(next->cursor.state, CURSOR_REPLAY);
	answer(r, 6, 0);
	assert_int_equal(next->cursor.state, CURSOR_LIVE);
}

static void socket_that_drains_between_keeps_its_slot(void **state)
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
	struct request_id old =
		expect_request(&r->src, REQUEST_GET_NEXT)->request;

	rig_send(r, event_down());
	assert_int_equal(c->cursor.state, CURSOR_EVICTED);
	rig_flush(r);
	rig_pass(r, 5000);
	expect_no_request(&r->src);
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

static void replay_waits_while_the_tail_is_recreated(void **state)
{
	struct rig *r = *state;
	struct rig_client *c = rig_resume(r, "a", "5-@");

	expect_request(&r->src, REQUEST_GET_NEXT);
	rig_send(r, event_status(r->consumer, 0, 503));
	expect_request(&r->src, REQUEST_DELETE_CONSUMER);
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
			rig_send(r, event_created(expect_request(&r->src,
								 REQUEST_CREATE)
							  ->request));
		if (phase > 3) {
			rig_flush(r);
			rig_info(r, RIG_STREAM, 1, 90);
		}
		r->src.read = r->src.n_requests;
		rig_close(r, c);
		assert_int_equal(requests_unread(&r->src), phase > 1);
		hub_gauges(r->hub);
		assert_int_equal(r->metrics.value[METRIC_REPLAYS_RUNNING], 0);
		/* Its slot is free. */
		c = rig_resume(r, "a", "5-@");
		assert_int_equal(c->cursor.state, CURSOR_REPLAY);
	}
}

static void responses_to_no_request_are_ignored(void **state)
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
	/* The hub's own owner number, without a question. */
	rig_send(r, event_info((struct request_id){0x7fffffff, 0}, RIG_OTHER, 1,
			       5));
	rig_flush(r);
	expect_no_request(&r->src);
	assert_string_equal(hub_tag(r->hub)->hex, rig_text("@"));
}

/* ---- eviction ------------------------------------------------------------ */

static uint64_t overrun(struct rig *r)
{
	uint64_t seq = event_buffer_last_seq(hub_buffer(r->hub));

	while (event_buffer_floor(hub_buffer(r->hub)) < 20)
		rig_publish(r, "ev.b", ++seq, "filling the ring");
	rig_flush(r);
	return seq;
}

static void slow_client_is_evicted_and_comes_back(void **state)
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
	assert_true(
		c->cursor.evicted); /* joins again only with room to spare */
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

/* A message too big for the buffer: its readers fetch it by replays. */
static void too_big_for_the_buffer_comes_by_a_replay(void **state)
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

static void ping_while_waiting_for_a_slot(void **state)
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

/* The write of a ping may be the one that ends a replay. */
static void ping_ends_replays(void **state)
{
	struct rig *r = *state;
	struct rig_client *c[3];

	for (int i = 0; i < 3; i++)
		c[i] = rig_resume(r, "a", "5-@");
	for (int i = 0; i < 3; i++)
		rig_send(r,
			 event_found(expect_request(&r->src, REQUEST_GET_NEXT)
					     ->request,
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

/* ---- limiters ------------------------------------------------------------ */

static void start_with_one_turn(struct rig *r)
{
	struct hub_config cfg = rig_config();

	rig_finish(r);
	cfg.max_asks = cfg.max_consumers = 1;
	rig_start(r, &cfg);
	rig_live(r, 1, 10);
}

static void probes_share_the_limiter(void **state)
{
	struct rig *r = *state;
	struct rig_client *c[3];
	struct request_id request;

	start_with_one_turn(r);
	for (int i = 0; i < 3; i++)
		c[i] = rig_resume(r, "a", "5-@");
	request = expect_request(&r->src, REQUEST_GET_NEXT)->request;
	expect_no_request(&r->src);
	rig_send(r, event_found(request, 10, "ev.a", "old"));
	rig_flush(r);
	assert_int_not_equal(
		expect_request(&r->src, REQUEST_GET_NEXT)->request.owner,
		request.owner);
	rig_info(r, RIG_STREAM, 1, 10);
	rig_flush(r);
	assert_got(c[0], ECHO("5-@") OLD(10));
	expect_no_request(&r->src);
	/* A subscription that closes frees its permit as well. */
	rig_close(r, c[1]);
	rig_flush(r);
	answer(r, 6, 10);
	assert_got(c[2], ECHO("5-@") OLD(10));
}

/* The first has the permit; the other waits for its own. */
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
			request = expect_request(&r->src, REQUEST_CREATE)
					  ->request;
		expect_no_request(&r->src);
	}
	rig_send(r, event_created(request));
	rig_flush(r);
	rig_info(r, RIG_STREAM, 1, 90);
	return request;
}

static void consumers_share_the_limiter(void **state)
{
	struct rig *r = *state;
	struct rig_client *c[2];
	struct request_id request;

	request = two_want_the_consumer(r, c);
	expect_request(&r->src, REQUEST_PULL);
	rig_pass(r, 2000);
	expect_no_request(
		&r->src); /* the other waits, whatever time it takes */
	rig_close(r, c[0]);
	rig_flush(r);
	assert_int_equal(
		expect_request(&r->src, REQUEST_DELETE_CONSUMER)->request.owner,
		request.owner);
	assert_int_not_equal(
		expect_request(&r->src, REQUEST_CREATE)->request.owner,
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
	pull = expect_request(&r->src, REQUEST_PULL)->pull.number;
	c[0]->room = 4;
	rig_send(r, event_message(request, 5, 1, "ev.a", "old"));
	rig_send(r, event_status(request, pull, 404));
	rig_flush(r);
	rig_info(r, RIG_STREAM, 1, 90);
	rig_flush(r);
	assert_true(c[0]->cursor.blocked);
	expect_no_request(&r->src);
	rig_pass(r, 1);
	assert_int_equal(
		expect_request(&r->src, REQUEST_DELETE_CONSUMER)->request.owner,
		request.owner);
	assert_int_not_equal(
		expect_request(&r->src, REQUEST_CREATE)->request.owner,
		request.owner);
	assert_int_equal(c[0]->cursor.state, CURSOR_REPLAY);
}

/* ---- late responses ------------------------------------------------------ */

static void quiet_for(struct rig *r, uint64_t ms)
{
	for (uint64_t i = 0; i < ms / 500; i++)
		rig_pass(r, 500);
	rig_pass(r, ms % 500);
	expect_no_request(&r->src);
}

/* Asked for again when `ms` are over, and not before. */
static struct request_id given_up_after(struct rig *r, uint64_t ms)
{
	quiet_for(r, ms - 1);
	rig_pass(r, 1);
	return expect_request(&r->src, REQUEST_GET_NEXT)->request;
}

static void late(struct rig *r, struct request_id request)
{
	rig_send(r, event_found(request, 7, "ev.a", "old"));
	expect_no_request(&r->src);
}

/* A line that needs 6 s for a message, and would never be free if each timeout
 * sent it once more. */
static void late_answers_give_more_time(void **state)
{
	struct rig *r = *state;
	struct rig_client *c = rig_resume(r, "a", "5-@");
	struct request_id request = expect_request(&r->src, REQUEST_GET_NEXT)
					    ->request,
			  next;

	assert_got(c, ECHO("5-@"));
	next = given_up_after(r, 2500);
	given_up_after(r, 2500);
	quiet_for(r, 1000);
	late(r, request);
	assert_int_equal(r->metrics.value[METRIC_LATE_RESPONSES], 1);
	late(r, next); /* at the same time: it counts once */
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

/* The server searches long for one client: its own timeouts grow, those of
 * another replay and of the tail do not. */
static void late_searches_of_one_client_are_its_own(void **state)
{
	struct rig *r = *state;
	struct rig_client *slow = rig_resume(r, "a", "5-@"), *other;
	struct request_id request =
		expect_request(&r->src, REQUEST_GET_NEXT)->request;

	for (int i = 0; i < 4; i++) {
		struct request_id next;

		quiet_for(r, (2500u << i) - 1);
		rig_pass(r, 1);
		next = expect_request(&r->src, REQUEST_GET_NEXT)->request;
		late(r, request);
		request = next;
		if (i == 3)
			break;
		quiet_for(r, (2500u << i) - 1);
		rig_pass(r, 1);
		request = expect_request(&r->src, REQUEST_GET_NEXT)->request;
	}
	assert_int_equal(r->metrics.value[METRIC_LATE_RESPONSES], 4);
	other = rig_resume(r, "b", "5-@");
	request = expect_request(&r->src, REQUEST_GET_NEXT)->request;
	assert_int_equal(given_up_after(r, 2500).owner, request.owner);
	rig_close(r, slow);
	rig_close(r, other);
	r->now_ms += 6999;
	hub_tick(r->hub, r->now_ms);
	expect_no_request(&r->src);
	r->now_ms++;
	hub_tick(r->hub, r->now_ms);
	expect_request(&r->src, REQUEST_DELETE_CONSUMER);
}

static void lost_answers_change_no_time_out(void **state)
{
	struct rig *r = *state;

	rig_resume(r, "a", "5-@");
	expect_request(&r->src, REQUEST_GET_NEXT);
	for (int i = 0; i < 10; i++)
		given_up_after(r, 2500);
	assert_int_equal(r->metrics.value[METRIC_LATE_RESPONSES], 0);
}

static void timeout_ends(void **state)
{
	struct rig *r = *state;
	struct request_id request;

	rig_resume(r, "a", "5-@");
	request = expect_request(&r->src, REQUEST_GET_NEXT)->request;
	given_up_after(r, 2500);
	late(r, request);
	given_up_after(r, 2500);
	for (int i = 0; i < 12; i++)
		given_up_after(r, 5000);
	given_up_after(r, 2500);
}

/* The tail hears nothing for 7 s, and then what was sent meanwhile. */
static void late_messages_give_the_tail_more_time(void **state)
{
	struct rig *r = *state;
	struct request_id request = r->consumer;

	r->now_ms += 7000;
	hub_tick(r->hub, r->now_ms);
	expect_request(&r->src, REQUEST_DELETE_CONSUMER);
	rig_send(r, event_status(request, 1, 100));
	assert_int_equal(r->metrics.value[METRIC_LATE_RESPONSES], 1);
	rig_follow(r, RIG_STREAM, 1, 10);
	r->now_ms += 13999;
	hub_tick(r->hub, r->now_ms);
	expect_no_request(&r->src);
	r->now_ms++;
	hub_tick(r->hub, r->now_ms);
	expect_request(&r->src, REQUEST_DELETE_CONSUMER);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define WITH(what, name) \
	cmocka_unit_test_setup_teardown(name, setup_with_##what, teardown)
	const struct CMUnitTest tests[] = {
		WITH(one_replay, slot_goes_round),
		WITH(one_replay, slot_stays_while_no_other_waits),
		WITH(one_replay, replays_wait_for_a_slot),
		WITH(one_replay, last_waits_for_a_slot_too),
		WITH(one_replay, blocked_replay_gives_its_slot_away),
		WITH(one_replay, blocked_one_leaves_the_line),
		WITH(one_replay, socket_that_drains_between_keeps_its_slot),
		WITH(pings, check_that_comes_while_blocked_is_asked_again),
		TEST(replay_ends_with_its_session),
		TEST(replay_waits_while_the_tail_is_recreated),
		TEST(closes_in_every_phase_of_a_replay),
		TEST(responses_to_no_request_are_ignored),
		WITH(a_small_buffer, slow_client_is_evicted_and_comes_back),
		WITH(a_small_buffer, too_big_for_the_buffer_comes_by_a_replay),
		WITH(pings, ping_in_a_replay_tells_what_was_sent),
		TEST(ping_while_waiting_for_a_slot),
		WITH(pings, ping_ends_replays),
		TEST(probes_share_the_limiter),
		TEST(consumers_share_the_limiter),
		TEST(blocked_replay_gives_its_consumer_away),
		TEST(late_answers_give_more_time),
		TEST(late_searches_of_one_client_are_its_own),
		TEST(lost_answers_change_no_time_out),
		TEST(timeout_ends),
		TEST(late_messages_give_the_tail_more_time),
	};

	return cmocka_run_group_tests_name("hub_replays", tests, NULL, NULL);
}
