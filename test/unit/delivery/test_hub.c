/* The hub with subscriptions that the buffer serves: openings, events, slow
 * sockets, time, readiness and metrics. Those that need JetStream for older
 * messages are in test_hub_start.c, test_hub_gaps.c and test_hub_replays.c. */
#include <errno.h>
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
#include "sse_decoder.h"

#define OPENING RIG_OPENING("10-@")
#define PING	"data: {\"system\": \"ping\"}\n"

static struct rig rig;

static int setup(void **state)
{
	struct hub_config cfg = rig_config();

	rig_start(&rig, &cfg);
	*state = &rig;
	return 0;
}

static int teardown(void **state)
{
	rig_finish(*state);
	return 0;
}

/* ---- opening ------------------------------------------------------------- */

static void new_begins_at_the_last_seq(void **state)
{
	struct rig *r = *state;
	struct rig_client *c;

	rig_live(r, 1, 10);
	c = rig_open(r, "a", START_NEW);
	assert_got(c, OPENING);
	assert_int_equal(c->writes, 1);
	rig_publish(r, "ev.a", 11, "x");
	assert_got(c, ""); /* not before the flush */
	rig_flush(r);
	assert_got(c, "data: x\nid: 11-@\n\n");
	/* The next subscription starts after it. */
	assert_got(rig_open(r, "a", START_NEW), RIG_OPENING("11-@"));
	expect_no_request(&r->src); /* a live client costs NATS nothing */
}

static void the_servers_level_is_known_from_the_first_contact(void **state)
{
	struct rig *r = *state;

	r->api_level = 2;
	assert_int_equal(hub_api_level(r->hub), 0);
	rig_live(r, 1, 10);
	assert_int_equal(hub_api_level(r->hub), 2);
}

static void chunks_on_the_wire(void **state)
{
	struct rig *r = *state;
	struct hub_open open = {.id = "a", .id_len = 1, .chunked = true};
	struct rig_client *c;

	rig_live(r, 1, 10);
	c = rig_open_with(r, &open, SIZE_MAX);
	assert_got(c, "42\r\n" OPENING "\r\n");
	rig_publish(r, "ev.a", 11, "one\ntwo");
	rig_publish(r, "ev.a", 12, "");
	rig_flush(r);
	assert_got(c, "23\r\ndata: one\ndata: two\nid: 11-@\n\n\r\n"
		      "16\r\ndata: \nid: 12-@\n\n\r\n");
}

static void event_id_is_echoed_as_given(void **state)
{
	static const struct {
		const char *cursor, *then;
	} cases[] = {
		{"10-@", "data: x\nid: 11-@\n\ndata: y\nid: 13-@\n\n"},
		{"0010", "data: x\nid: 11-@\n\ndata: y\nid: 13-@\n\n"},
		{"11", "data: y\nid: 13-@\n\n"},
		{"12-@", "data: y\nid: 13-@\n\n"},
		{"13-@", ""},
	};
	struct rig *r = *state;

	rig_live(r, 1, 10);
	rig_publish(r, "ev.a", 11, "x");
	rig_publish(r, "ev.b", 12, "another's");
	rig_publish(r, "ev.a", 13, "y");
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct rig_client *c = rig_resume(r, "a", cases[i].cursor);
		char want[256];

		snprintf(want, sizeof(want), RIG_OPENING("%s") "%s",
			 cases[i].cursor, cases[i].then);
		rig_flush(r);
		assert_got(c, want);
	}
	expect_no_request(&r->src);
}

/* Not the buffer's: the stream may no longer have it. */
static void last_is_the_stores(void **state)
{
	struct rig *r = *state;
	struct rig_client *c;

	rig_live(r, 1, 10);
	rig_publish(r, "ev.a", 11, "x");
	rig_publish(r, "ev.a", 12, "y");
	rig_publish(r, "ev.b", 13, "another's");
	c = rig_open(r, "a", START_LAST);
	rig_flush(r);
	assert_got(c, "");
	rig_send(r,
		 event_found(expect_request(&r->src, REQUEST_GET_LAST)->request,
			     11, "ev.a", "x"));
	rig_flush(r);
	rig_info(r, RIG_STREAM, 1, 13);
	rig_flush(r);
	assert_got(c, RIG_OPENING("10-@") "data: x\nid: 11-@\n\n");
	rig_publish(r, "ev.a", 14, "z");
	rig_flush(r);
	assert_got(c, "data: z\nid: 14-@\n\n");
	expect_no_request(&r->src);
}

static void all_begins_in_the_buffer_if_it_can(void **state)
{
	struct rig *r = *state;
	struct rig_client *c;

	rig_live(r, 1, 0);
	rig_publish(r, "ev.a", 1, "x");
	rig_publish(r, "ev.a", 2, "y");
	c = rig_open(r, "a", START_ALL);
	assert_got(c, ""); /* one block, when the first sequence is known */
	rig_info(r, RIG_STREAM, 2, 2);
	rig_flush(r);
	assert_got(c, RIG_OPENING("1-@") "data: y\nid: 2-@\n\n");
	expect_no_request(&r->src);
}

static void identity_must_be_opened_once_only(void **state)
{
	struct rig *r = *state;
	struct hub_open open = {.id = "a", .id_len = 1};
	struct cursor zeroed = {0};

	/* Closing what was never opened. */
	hub_close(r->hub, &zeroed, r->now_ms);
	hub_writable(r->hub, &zeroed);
	rig_live(r, 1, 10);
	rig_open_with(r, &open, SIZE_MAX);
	hub_gauges(r->hub);
	assert_int_equal(r->metrics.value[METRIC_SUBSCRIPTIONS_LIVE], 1);
}

/* ---- while NATS is away -------------------------------------------------- */

static void before_first_contact_only_retry(void **state)
{
	struct rig *r = *state;
	struct rig_client *c = rig_open(r, "a", START_NEW);
	struct rig_client *all = rig_open(r, "a", START_ALL);
	struct rig_client *last = rig_open(r, "a", START_LAST);

	assert_got(c, "retry: 3000\n\n");
	assert_got(all, "retry: 3000\n\n");
	assert_got(last, "retry: 3000\n\n");
	assert_null(hub_tag(r->hub));
	rig_pass(r, 1000);
	rig_send(r, event_up());
	rig_flush(r);
	assert_got(c, "");
	rig_info(r, RIG_STREAM, 4, 10); /* the first contact */
	rig_flush(r);
	assert_got(c, RIG_OPEN("10-@"));
	assert_got(all, "");
	assert_string_equal(hub_tag(r->hub)->hex, rig_text("@"));
	rig_flush(r);
	r->consumer = expect_request(&r->src, REQUEST_CREATE)->request;
	rig_send(r, event_created(r->consumer));
	rig_info(r, RIG_STREAM, 4, 10);
	expect_request(&r->src, REQUEST_PULL);
	rig_flush(r);
	rig_publish(r, "ev.a", 11, "x");
	rig_flush(r);
	assert_got(c, "data: x\nid: 11-@\n\n");
	/* The others' questions, now that a server answers. */
	rig_send(r,
		 event_found(expect_request(&r->src, REQUEST_GET_LAST)->request,
			     8, "ev.a", "last"));
	rig_info(r, RIG_STREAM, 4, 11);
	rig_flush(r);
	assert_got(all, RIG_OPEN("3-@"));
	assert_int_equal(expect_request(&r->src, REQUEST_GET_NEXT)->seq, 4);
	rig_info(r, RIG_STREAM, 4, 11);
	rig_flush(r);
	assert_got(last, RIG_OPEN("7-@") "data: last\nid: 8-@\n\n"
					 "data: x\nid: 11-@\n\n");
	expect_no_request(&r->src);
}

static void before_first_contact_a_cursor_is_echoed(void **state)
{
	struct rig *r = *state;
	struct rig_client *c = rig_resume(r, "a", "12-@");
	struct rig_client *bare = rig_resume(r, "a", "10");

	assert_got(c, RIG_OPENING("12-@"));
	assert_got(bare, RIG_OPENING("10"));
	rig_live(r, 1, 10);
	rig_flush(r);
	/* Its event id is beyond this gateway: the leader knows. */
	rig_info(r, RIG_STREAM, 1, 12);
	rig_publish(r, "ev.a", 11, "x");
	rig_publish(r, "ev.a", 13, "y");
	rig_flush(r);
	assert_got(c, "data: y\nid: 13-@\n\n");
	assert_got(bare, "data: x\nid: 11-@\n\ndata: y\nid: 13-@\n\n");
}

/* The stream is known, NATS is away: a start that needs no response is given at
 * once. */
static void opening_while_away(void **state)
{
	struct rig *r = *state;
	struct rig_client *c, *all, *resumed;

	rig_live(r, 1, 10);
	rig_send(r, event_down());
	c = rig_open(r, "a", START_NEW);
	all = rig_open(r, "a", START_ALL);
	resumed = rig_resume(r, "a", "10-@");
	assert_got(c, OPENING);
	assert_got(all, "retry: 3000\n\n");
	assert_got(resumed, OPENING);
	rig_pass(r, 5000);
	expect_no_request(&r->src);
	rig_live(r, 3, 12);
	rig_publish(r, "ev.a", 11, "x");
	rig_flush(r);
	assert_got(c, "data: x\nid: 11-@\n\n");
	assert_got(resumed, "data: x\nid: 11-@\n\n");
	rig_info(r, RIG_STREAM, 3, 12);
	rig_flush(r);
	assert_got(all, RIG_OPEN("2-@"));
}

/* A subscription waits for a response on its way, and no longer when it is
 * lost. */
static void gets_retry_when_the_answer_is_lost_with_nats(void **state)
{
	struct rig *r = *state;
	struct rig_client *all, *last;

	rig_live(r, 1, 10);
	all = rig_open(r, "a", START_ALL);
	last = rig_open(r, "a", START_LAST);
	assert_got(all, "");
	assert_got(last, "");
	rig_send(r, event_down());
	rig_flush(r);
	assert_got(all, "retry: 3000\n\n");
	assert_got(last, "retry: 3000\n\n");
}

/* ---- events -------------------------------------------------------------- */

static void one_write_a_flush(void **state)
{
	struct rig *r = *state;
	struct rig_client *a1, *a2, *b;

	rig_live(r, 1, 10);
	a1 = rig_open(r, "a", START_NEW);
	a2 = rig_open(r, "a", START_NEW);
	b = rig_open(r, "b", START_NEW);
	rig_publish(r, "ev.a", 11, "x");
	rig_publish(r, "ev.c", 12, "nobody's");
	rig_publish(r, "ev.a", 13, "y");
	assert_false(hub_flush(r->hub, r->now_ms, 10));
	assert_int_equal(a1->writes, 2);
	assert_int_equal(a2->writes, 2);
	assert_int_equal(b->writes, 1);
	assert_got(a1, OPENING "data: x\nid: 11-@\n\ndata: y\nid: 13-@\n\n");
	assert_got(a2, OPENING "data: x\nid: 11-@\n\ndata: y\nid: 13-@\n\n");
	assert_got(b, OPENING);
	assert_int_equal(r->metrics.value[METRIC_EVENTS_BUFFER], 4);
}

static void flush_writes_to_so_many_clients(void **state)
{
	struct rig *r = *state;
	struct rig_client *c[3];

	rig_live(r, 1, 10);
	for (int i = 0; i < 3; i++)
		c[i] = rig_open(r, "a", START_NEW);
	rig_publish(r, "ev.a", 11, "x");
	assert_true(hub_flush(r->hub, r->now_ms, 2));
	assert_int_equal(c[0]->writes + c[1]->writes + c[2]->writes, 5);
	assert_false(hub_flush(r->hub, r->now_ms, 2));
	assert_int_equal(c[0]->writes + c[1]->writes + c[2]->writes, 6);
}

/* A client with more than one batch coming must not delay the others. */
static void flush_writes_to_a_client_once(void **state)
{
	enum { LEN = 100 * 1024, N = 6 };
	struct rig *r = *state;
	char *text = malloc(LEN + 1);
	struct rig_client *big, *small;

	memset(text, 'x', LEN);
	text[LEN] = '\0';
	rig_live(r, 1, 10);
	big = rig_open(r, "big", START_NEW);
	small = rig_open(r, "small", START_NEW);
	for (uint64_t i = 0; i < N; i++)
		rig_publish(r, "ev.big", 11 + i, text);
	rig_publish(r, "ev.small", 11 + N, "x");
	assert_true(hub_flush(r->hub, r->now_ms, 1000));
	assert_int_equal(big->writes, 2);
	assert_int_equal(small->writes, 2);
	assert_int_equal(big->cursor.sent, 12);
	rig_flush(r);
	assert_int_equal(big->cursor.sent, 10 + N);
	assert_int_equal(big->writes, 4);
	free(text);
}

/* ---- slow sockets -------------------------------------------------------- */

/* All of it comes, in order, wherever the socket stops taking. */
static void every_cut_is_made_up_for(void **state)
{
	static const char *const all[] = {
		OPENING "data: one\nid: 11-@\n\ndata: \nid: 12-@\n\n"
			"data: two\ndata: lines\nid: 14-@\n\n",
		"42\r\n" OPENING "\r\n"
		"19\r\ndata: one\nid: 11-@\n\n\r\n"
		"16\r\ndata: \nid: 12-@\n\n\r\n"
		"25\r\ndata: two\ndata: lines\nid: 14-@\n\n\r\n",
	};
	struct rig *r = *state;

	for (int chunked = 0; chunked < 2; chunked++) {
		size_t len = strlen(rig_text(all[chunked]));

		for (size_t room = 0; room <= len + 1; room++) {
			struct hub_open open = {.id = "a",
						.id_len = 1,
						.chunked = chunked};
			struct rig_client *c;

			rig_finish(r);
			setup(state);
			rig_live(r, 1, 10);
			c = rig_open_with(r, &open, room);
			rig_publish(r, "ev.a", 11, "one");
			rig_publish(r, "ev.a", 12, "");
			rig_flush(r);
			rig_publish(r, "ev.b", 13, "another's");
			rig_publish(r, "ev.a", 14, "two\nlines");
			rig_flush(r);
			assert_true(c->held.len <= 72); /* one block */
			assert_int_equal(c->held.len > 0, c->cursor.blocked);
			if (room < len)
				assert_true(c->cursor.blocked);
			rig_drain(r, c, SIZE_MAX);
			assert_got(c, all[chunked]);
			assert_int_equal(c->cursor.bytes, len);
			assert_int_equal(c->cursor.events, 3);
		}
	}
}

static void blocked_client_is_not_written(void **state)
{
	struct rig *r = *state;
	struct hub_open open = {.id = "a", .id_len = 1};
	struct rig_client *c, *other;

	rig_live(r, 1, 10);
	c = rig_open_with(r, &open, 5);
	other = rig_open(r, "a", START_NEW);
	assert_int_equal(c->writes, 1);
	for (uint64_t seq = 11; seq < 20; seq++) {
		rig_publish(r, "ev.a", seq, "x");
		rig_flush(r);
		rig_pass(r, 100);
	}
	assert_int_equal(c->writes, 1);
	assert_int_equal(other->writes, 10); /* and delays no other */
	/* Bit by bit. */
	for (int i = 0; i < 400 && c->cursor.sent < 19; i++)
		rig_drain(r, c, 7);
	rig_drain(r, c, SIZE_MAX);
	assert_string_equal(bytes_text(&c->got), bytes_text(&other->got));
}

static void failed_socket_is_left_alone(void **state)
{
	struct rig *r = *state;
	struct hub_open open = {.id = "a", .id_len = 1};
	struct rig_client *c, *held;

	rig_live(r, 1, 10);
	c = rig_open(r, "a", START_NEW);
	c->write_rc = -EPIPE;
	held = rig_open_with(r, &open, 79);
	held->hold_rc = -ENOMEM;
	for (uint64_t seq = 11; seq < 14; seq++) {
		rig_publish(r, "ev.a", seq, "x");
		rig_flush(r);
	}
	assert_true(c->cursor.failed);
	assert_true(held->cursor.failed);
	assert_int_equal(c->writes, 2);
	assert_int_equal(held->writes, 2);
	hub_writable(r->hub, &c->cursor);
	rig_flush(r);
	assert_int_equal(c->writes, 2);
}

static void socket_that_fails_at_the_opening(void **state)
{
	struct rig *r = *state;
	struct hub_open open = {.id = "a", .id_len = 1};
	struct rig_client *c = &r->clients[r->n_clients++];

	rig_live(r, 1, 10);
	c->open = true;
	c->write_rc = -ECONNRESET;
	assert_int_equal(hub_open(r->hub, &c->cursor, &open, r->now_ms), 0);
	assert_true(c->cursor.failed);
	rig_publish(r, "ev.a", 11, "x");
	rig_flush(r);
	assert_int_equal(c->writes, 1);
}

/* What the sink holds counts when the socket has taken it. */
static void held_bytes_count_when_they_are_out(void **state)
{
	struct rig *r = *state;
	struct hub_open open = {.id = "a", .id_len = 1};
	struct rig_client *c;
	size_t len = strlen(rig_text(OPENING "data: x\nid: 11-@\n\n"));

	rig_live(r, 1, 10);
	c = rig_open_with(r, &open, 5);
	assert_int_equal(c->cursor.bytes, 5);
	assert_int_equal(r->metrics.value[METRIC_BYTES_SENT], 5);
	rig_publish(r, "ev.a", 11, "x");
	rig_drain(r, c, 3);
	assert_int_equal(c->cursor.bytes, c->got.len);
	rig_drain(r, c, 0);
	assert_int_equal(c->got.len, len);
	assert_int_equal(c->cursor.bytes, len);
	assert_int_equal(r->metrics.value[METRIC_BYTES_SENT], len);
}

static void tail_gauges_are_0_without_nats(void **state)
{
	struct rig *r = *state;
	struct jetstream_event ev;

	rig_live(r, 1, 10);
	ev = event_message(r->consumer, 11, ++r->cseq, "ev.a", "x");
	ev.msg.pending = 7;
	rig_send(r, ev);
	hub_gauges(r->hub);
	assert_true(r->metrics.value[METRIC_TAIL_OUTSTANDING] > 0);
	assert_int_equal(r->metrics.value[METRIC_TAIL_LAG], 7);
	rig_send(r, event_down());
	hub_gauges(r->hub);
	assert_int_equal(r->metrics.value[METRIC_TAIL_OUTSTANDING], 0);
	assert_int_equal(r->metrics.value[METRIC_TAIL_LAG], 0);
	assert_int_equal(r->metrics.value[METRIC_NATS_CONNECTED], 0);
}

/* ---- time ---------------------------------------------------------------- */

static void next_tick_is_when_there_is_work(void **state)
{
	struct rig *r = *state;

	assert_int_equal(hub_next_ms(r->hub), UINT64_MAX);
	rig_send(r, event_up());
	assert_int_equal(hub_next_ms(r->hub), r->now_ms + 2000);
	rig_follow(r, RIG_STREAM, 1, 10);
	assert_int_equal(hub_next_ms(r->hub), r->now_ms + 7000);
	/* A response is awaited: it may be late. */
	hub_tick(r->hub, r->now_ms);
	rig_open(r, "a", START_ALL);
	assert_int_equal(hub_next_ms(r->hub), r->now_ms + 2000);
	rig_info(r, RIG_STREAM, 11, 10);
	rig_flush(r);
	assert_int_equal(hub_next_ms(r->hub), r->now_ms + 7000);
	rig_send(r, event_down());
	assert_int_equal(hub_next_ms(r->hub), UINT64_MAX);
}

/* ---- figures and lists --------------------------------------------------- */

static void ready_or_why_not(void **state)
{
	struct rig *r = *state;
	const char *why;

	assert_false(hub_ready(r->hub, &why));
	assert_string_equal(why, "NATS is not connected");
	rig_send(r, event_up());
	assert_false(hub_ready(r->hub, &why));
	assert_string_equal(why,
			    "waiting for the state of the JetStream stream");
	rig_send(r, event_error(JETSTREAM_INFO,
				expect_request(&r->src, REQUEST_INFO)->request,
				JETSTREAM_ERR_NO_STREAM));
	assert_false(hub_ready(r->hub, &why));
	assert_string_equal(why, "the JetStream stream does not exist");
	rig_pass(r, 500);
	rig_follow(r, RIG_STREAM, 1, 10);
	assert_true(hub_ready(r->hub, &why));
	rig_send(r, event_status(r->consumer, 0, 503));
	assert_false(hub_ready(r->hub, &why));
	assert_string_equal(why, "the tail is restarting");
	rig_send(r, event_down());
	assert_false(hub_ready(r->hub, &why));
	assert_string_equal(why, "NATS is not connected");
}

static void status_message_is_taken_once(void **state)
{
	struct rig *r = *state;
	struct hub_status_message n;

	assert_false(hub_take_status_message(r->hub, &n));
	rig_live(r, 1, 10);
	assert_true(hub_take_status_message(r->hub, &n));
	assert_string_equal(n.text, "tail is live after sequence 10");
	assert_false(n.warn);
	assert_false(hub_take_status_message(r->hub, &n));
	rig_send(r, event_status(r->consumer, 0, 503));
	assert_true(hub_take_status_message(r->hub, &n));
	assert_true(n.warn);
	assert_string_equal(n.text, "tail restarted after sequence 10: the "
				    "consumer is gone");
	/* Live again, at the same sequence: reported again. */
	expect_request(&r->src, REQUEST_DELETE_CONSUMER);
	rig_follow(r, RIG_STREAM, 1, 10);
	assert_true(hub_take_status_message(r->hub, &n));
	assert_string_equal(n.text, "tail is live after sequence 10");
	rig_send(r, event_down());
	rig_live(r, 1, 10);
	assert_true(hub_take_status_message(r->hub, &n));
	assert_string_equal(n.text, "tail is live after sequence 10");
}

static void gauges_count_subscriptions_by_state(void **state)
{
	struct rig *r = *state;
	const uint64_t *v = r->metrics.value;

	rig_live(r, 1, 10);
	assert_int_equal(v[METRIC_NATS_CONNECTED], 1);
	assert_int_equal(v[METRIC_NATS_SESSIONS], 1);
	rig_publish(r, "ev.a", 11, "x");
	rig_open(r, "a", START_NEW);
	rig_open(r, "a", START_ALL);
	for (int i = 0; i < 6; i++)
		rig_resume(r, "a", "5-@");
	hub_gauges(r->hub);
	assert_int_equal(v[METRIC_SUBSCRIPTIONS_LIVE], 1);
	assert_int_equal(v[METRIC_SUBSCRIPTIONS_WAITING], 1);
	assert_int_equal(v[METRIC_SUBSCRIPTIONS_REPLAY], 4);
	assert_int_equal(v[METRIC_SUBSCRIPTIONS_EVICTED_NOW], 2);
	assert_int_equal(v[METRIC_REPLAYS_RUNNING], 4);
	assert_int_equal(v[METRIC_REPLAYS_WAITING], 2);
	assert_int_equal(v[METRIC_BUFFER_FRAMES], 1);
	assert_int_equal(v[METRIC_BUFFER_BYTES],
			 event_buffer_bytes(hub_buffer(r->hub)));
	assert_int_equal(v[METRIC_TAIL_LAST_SEQ], 11);
	while (r->n_clients > 0)
		rig_close(r, &r->clients[--r->n_clients]);
	hub_gauges(r->hub);
	assert_int_equal(v[METRIC_SUBSCRIPTIONS_LIVE] +
				 v[METRIC_SUBSCRIPTIONS_WAITING] +
				 v[METRIC_SUBSCRIPTIONS_REPLAY] +
				 v[METRIC_SUBSCRIPTIONS_EVICTED_NOW] +
				 v[METRIC_REPLAYS_RUNNING] +
				 v[METRIC_REPLAYS_WAITING],
			 0);
	rig_send(r, event_down());
	assert_int_equal(v[METRIC_NATS_CONNECTED], 0);
}

/* ---- the end ------------------------------------------------------------- */

static void closes_with_work_to_do(void **state)
{
	struct rig *r = *state;
	struct hub_open open = {.id = "a", .id_len = 1};
	struct rig_client *dirty, *blocked, *waiting, *before;

	before = rig_open(r, "a", START_NEW);
	rig_close(r, before);
	rig_live(r, 1, 10);
	dirty = rig_open(r, "a", START_NEW);
	blocked = rig_open_with(r, &open, 5);
	waiting = rig_open(r, "a", START_ALL);
	rig_publish(r, "ev.a", 11, "x");
	rig_close(r, dirty);
	rig_close(r, blocked);
	rig_close(r, waiting);
	rig_close(r, waiting);
	hub_writable(r->hub, &blocked->cursor);
	rig_flush(r);
	rig_info(r, RIG_STREAM, 1, 11);
	rig_pass(r, 5000);
	assert_int_equal(dirty->writes, 1);
	assert_int_equal(blocked->writes, 1);
	assert_int_equal(waiting->writes, 0);
	assert_null(dirty->cursor.subject);
}

/* A cursor can be used again after it was zeroed. */
static void opens_again_on_the_same_cursor(void **state)
{
	struct rig *r = *state;
	struct hub_open open = {.id = "b", .id_len = 1};
	struct rig_client *c;

	rig_live(r, 1, 10);
	c = rig_open(r, "a", START_NEW);
	rig_close(r, c);
	memset(&c->cursor, 0, sizeof(c->cursor));
	c->open = true;
	hub_open(r->hub, &c->cursor, &open, r->now_ms);
	rig_publish(r, "ev.a", 11, "another's");
	rig_publish(r, "ev.b", 12, "x");
	rig_flush(r);
	assert_got(c, OPENING "data: x\nid: 12-@\n\n");
}

static void free_of_nothing(void **state)
{
	(void)state;
	hub_free(NULL);
}

/* ---- random operations --------------------------------------------------- */

enum { MESSAGES = 400, READERS = 9, SUBJECTS = 3 };

struct reader {
	struct sse_decoder decoder;
	int subject;
	size_t n;
	const int *subject_of;
};

/* Message i has the text "i" and the sequence 11 + i. */
static void on_event(void *arg, const struct sse_event *ev)
{
	struct reader *reader = arg;
	char id[40];

	if (strcmp(ev->type, "system") == 0)
		return;
	while (reader->subject_of[reader->n] != reader->subject)
		reader->n++;
	snprintf(id, sizeof(id), "%zu-%s", 11 + reader->n, rig_text("@"));
	assert_int_equal(strtoull(ev->data, NULL, 10), reader->n);
	assert_string_equal(ev->id, id);
	reader->n++;
}

static uint64_t rnd(uint64_t *state, uint64_t below)
{
	*state = *state * 6364136223846793005u + 1442695040888963407u;
	return (*state >> 33) % below;
}

static void read_all(struct reader *reader, struct rig_client *c)
{
	sse_decoder_feed(&reader->decoder, c->got.at, c->got.len);
	bytes_clear(&c->got);
}

static void fan_out(struct rig *r, uint64_t seed)
{
	int subject_of[MESSAGES + 1];
	struct reader readers[READERS] = {0};
	uint64_t random = seed;

	rig_live(r, 1, 10);
	for (int i = 0; i < READERS; i++) {
		char id[2] = {(char)('a' + i % SUBJECTS), '\0'};

		readers[i].decoder.on_event = on_event;
		readers[i].decoder.arg = &readers[i];
		readers[i].subject = i % SUBJECTS;
		readers[i].subject_of = subject_of;
		rig_open(r, id, START_NEW);
	}
	for (int i = 0; i < MESSAGES; i++) {
		struct rig_client *c = &r->clients[rnd(&random, READERS)];
		char subject[8], text[16];

		subject_of[i] = (int)rnd(&random, SUBJECTS);
		subject_of[i + 1] = -1;
		snprintf(subject, sizeof(subject), "ev.%c",
			 'a' + subject_of[i]);
		snprintf(text, sizeof(text), "%d", i);
		rig_publish(r, subject, 11 + (uint64_t)i, text);
		if (rnd(&random, 3) == 0)
			hub_flush(r->hub, r->now_ms, rnd(&random, READERS));
		if (c->held.len > 0)
			rig_drain(r, c, rnd(&random, 100));
		else
			c->room = rnd(&random, 100);
		read_all(&readers[c - r->clients], c);
	}
	for (int i = 0; i < READERS; i++) {
		struct rig_client *c = &r->clients[i];

		c->room = SIZE_MAX;
		if (c->held.len > 0)
			rig_drain(r, c, SIZE_MAX);
		rig_flush(r);
		read_all(&readers[i], c);
		while (readers[i].n < MESSAGES) {
			assert_int_not_equal(subject_of[readers[i].n],
					     readers[i].subject);
			readers[i].n++;
		}
		sse_decoder_finish(&readers[i].decoder);
	}
}

static void each_gets_its_own_once_in_order(void **state)
{
	for (uint64_t seed = 1; seed <= 20; seed++) {
		rig_finish(*state);
		setup(state);
		fan_out(*state, seed);
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(new_begins_at_the_last_seq),
		TEST(the_servers_level_is_known_from_the_first_contact),
		TEST(chunks_on_the_wire),
		TEST(event_id_is_echoed_as_given),
		TEST(last_is_the_stores),
		TEST(all_begins_in_the_buffer_if_it_can),
		TEST(identity_must_be_opened_once_only),
		TEST(before_first_contact_only_retry),
		TEST(before_first_contact_a_cursor_is_echoed),
		TEST(opening_while_away),
		TEST(gets_retry_when_the_answer_is_lost_with_nats),
		TEST(one_write_a_flush),
		TEST(flush_writes_to_so_many_clients),
		TEST(flush_writes_to_a_client_once),
		TEST(every_cut_is_made_up_for),
		TEST(blocked_client_is_not_written),
		TEST(failed_socket_is_left_alone),
		TEST(socket_that_fails_at_the_opening),
		TEST(held_bytes_count_when_they_are_out),
		TEST(tail_gauges_are_0_without_nats),
		TEST(next_tick_is_when_there_is_work),
		TEST(ready_or_why_not),
		TEST(status_message_is_taken_once),
		TEST(gauges_count_subscriptions_by_state),
		TEST(closes_with_work_to_do),
		TEST(opens_again_on_the_same_cursor),
		TEST(free_of_nothing),
		TEST(each_gets_its_own_once_in_order),
	};
#undef TEST

	return cmocka_run_group_tests_name("hub", tests, NULL, NULL);
}
