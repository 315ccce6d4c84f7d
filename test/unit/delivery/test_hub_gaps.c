/* Gaps are reported before what follows them, once, and only where messages are
 * missing: expired messages, purges, other streams. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/check.h"
#include "hub_replay_rig.h"

/* ---- gaps ---------------------------------------------------------------- */

static void expired_is_reported_before_the_events(void **state)
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

/* One of two responses to a question before the gap comes late. The client
 * knows its position by then, and goes on after the gap. */
static void recheck_goes_not_back_before_a_gap(void **state)
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
	while (requests_unread(&r->src) > 0)
		r->src.read++;
	c = rig_resume(r, "a", "2-@");
	for (size_t i = 0; i < ARRAY_LEN(last); i++) {
		if (i == 1)
			request = r->src.requests[r->src.read].request;
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

static void expired_up_to_the_buffer(void **state)
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
	expect_no_request(&r->src);
}

/* Messages that the stream has dropped and the buffer still holds are no gap.
 */
static void memory_outlives_the_store(void **state)
{
	struct rig *r = *state;
	struct rig_client *c;

	rig_publish(r, "ev.a", 11, "x");
	rig_publish(r, "ev.a", 12, "x");
	c = rig_resume(r, "a", "10-@");
	rig_flush(r);
	assert_got(c, ECHO("10-@") EVENT(11) EVENT(12));
	expect_no_request(&r->src);
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

static void purge_is_a_gap_of_open_subscriptions(void **state)
{
	struct rig *r = *state;
	struct hub_open open = {.id = "a", .id_len = 1};
	struct rig_client *live = rig_open(r, "a", START_NEW);
	struct rig_client *blocked = rig_open_with(r, &open, 5);
	struct rig_client *behind = rig_resume(r, "a", "5-@");
	struct rig_client *all = rig_open(r, "a", START_ALL);

	rig_publish(r, "ev.b", 11, "another's");
	rig_flush(r);
	expect_request(&r->src, REQUEST_GET_NEXT);
	expect_request(&r->src, REQUEST_INFO);
	rig_send(r, event_down());
	rig_flush(r);
	rig_live(r, 30, 40);
	rig_flush(r);
	assert_got(live, ECHO("10-@") GAP("expired", 11, 30, "29-@"));
	assert_got(behind, ECHO("5-@") GAP("expired", 5, 30, "29-@"));
	/* Its next message is not in the buffer, whatever its socket does. */
	assert_int_equal(blocked->cursor.state, CURSOR_EVICTED);
	rig_drain(r, blocked, SIZE_MAX);
	/* The client did not yet know that nothing came up to 11. */
	assert_got(blocked, ECHO("10-@") GAP("expired", 10, 30, "29-@"));
	/* A subscription that has not started starts now. */
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
	expect_no_request(&r->src);
}

/* A cursor that another gateway has brought further misses nothing. */
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

static void stream_recreated_is_reported(void **state)
{
	struct rig *r = *state;
	struct rig_client *live = rig_open(r, "a", START_NEW);
	struct rig_client *behind = rig_resume(r, "a", "5-@");
	struct rig_client *fresh_one;

	expect_request(&r->src, REQUEST_GET_NEXT);
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
	if (requests_unread(&r->src) > 0) {
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

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(expired_is_reported_before_the_events),
		TEST(recheck_goes_not_back_before_a_gap),
		TEST(expired_up_to_the_buffer),
		TEST(memory_outlives_the_store),
		TEST(other_tag_is_a_reset),
		TEST(other_tag_before_first_contact),
		TEST(purge_is_a_gap_of_open_subscriptions),
		TEST(purge_before_the_cursor_is_no_gap),
		TEST(stream_recreated_is_reported),
	};

	return cmocka_run_group_tests_name("hub_gaps", tests, NULL, NULL);
}
