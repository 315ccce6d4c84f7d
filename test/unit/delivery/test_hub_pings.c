/* Pings: when they are due, which id they carry, and that a full socket gets
 * one of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/check.h"
#include "hub_rig.h"

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

static int setup_with_pings(void **state)
{
	struct hub_config cfg = rig_config();

	cfg.ping_ms = 1000;
	rig_start(&rig, &cfg);
	*state = &rig;
	return 0;
}

static int teardown(void **state)
{
	rig_finish(*state);
	return 0;
}

static void pings_before_first_contact_have_no_id(void **state)
{
	struct rig *r = *state;
	struct rig_client *c = rig_open(r, "a", START_NEW);
	struct rig_client *resumed = rig_resume(r, "a", "7-@");

	assert_got(c, "retry: 3000\n\n");
	assert_got(resumed, RIG_OPENING("7-@"));
	rig_pass(r, 1000);
	assert_got(c, PING "\n");
	assert_got(resumed, PING "\n");
}

static void ping_tells_what_is_covered(void **state)
{
	struct rig *r = *state;
	struct rig_client *c;

	rig_live(r, 1, 10);
	c = rig_open(r, "a", START_NEW);
	assert_int_equal(hub_next_ms(r->hub), r->now_ms + 1000);
	assert_got(c, OPENING);
	rig_pass(r, 999);
	assert_got(c, "");
	rig_pass(r, 1);
	assert_got(c, PING "id: 10-@\n\n");
	rig_publish(r, "ev.b", 12, "another's");
	rig_pass(r, 1000);
	assert_got(c, PING "id: 12-@\n\n");
	/* Before the events that come with it: they have their own ids. */
	rig_publish(r, "ev.b", 13, "another's");
	rig_publish(r, "ev.a", 14, "x");
	r->now_ms += 1000;
	hub_tick(r->hub, r->now_ms);
	rig_flush(r);
	assert_int_equal(c->writes, 4);
	assert_got(c, PING "id: 13-@\n\ndata: x\nid: 14-@\n\n");
	rig_flush(r);
	assert_int_equal(c->writes, 4);
	assert_int_equal(r->metrics.value[METRIC_PINGS], 3);
}

static void comment_ping(void **state)
{
	struct hub_config cfg = rig_config();
	struct hub_open open = {.id = "a", .id_len = 1, .chunked = true};
	struct rig *r = *state;
	struct rig_client *c;

	rig_finish(r);
	cfg.ping_ms = 1000;
	cfg.ping = SSE_PING_COMMENT;
	rig_start(r, &cfg);
	rig_live(r, 1, 10);
	c = rig_open_with(r, &open, SIZE_MAX);
	bytes_clear(&c->got);
	rig_pass(r, 1000);
	assert_got(c, "16\r\n: ping\nid: 10-@\n\n\r\n");
}

static void no_pings_when_there_are_to_be_none(void **state)
{
	struct rig *r = *state;
	struct rig_client *c;

	rig_live(r, 1, 10);
	c = rig_open(r, "a", START_NEW);
	assert_got(c, OPENING);
	assert_true(hub_next_ms(r->hub) > r->now_ms + 5000);
	for (int i = 0; i < 100; i++)
		rig_pass(r, 5000);
	assert_got(c, "");
}

/* At most one waits on a blocked socket, and its id is of when it is sent. */
static void blocked_client_gets_one_ping(void **state)
{
	struct rig *r = *state;
	struct hub_open open = {.id = "a", .id_len = 1};
	struct rig_client *c;

	rig_live(r, 1, 10);
	c = rig_open_with(r, &open, 5);
	for (int i = 0; i < 5; i++)
		rig_pass(r, 1000);
	rig_publish(r, "ev.b", 11, "another's");
	rig_flush(r);
	assert_int_equal(c->writes, 1);
	rig_drain(r, c, SIZE_MAX);
	assert_got(c, OPENING PING "id: 10-@\n\n");
	assert_int_equal(r->metrics.value[METRIC_PINGS], 1);
	rig_pass(r, 1000);
	assert_got(c, PING "id: 11-@\n\n");
}

/* A ping brings the `retry:` that waited for a response. */
static void ping_while_waiting_for_an_answer(void **state)
{
	struct rig *r = *state;
	struct rig_client *all;

	rig_live(r, 1, 10);
	all = rig_open(r, "a", START_ALL);
	assert_got(all, "");
	rig_pass(r, 1000);
	assert_got(all, "retry: 3000\n\n" PING "\n");
	rig_info(r, RIG_STREAM, 3, 10);
	rig_flush(r);
	assert_got(all, RIG_OPEN("2-@"));
}

static void closed_client_gets_no_ping(void **state)
{
	struct rig *r = *state;
	struct rig_client *c, *other;

	rig_live(r, 1, 10);
	c = rig_open(r, "a", START_NEW);
	other = rig_open(r, "a", START_NEW);
	assert_got(other, OPENING);
	rig_close(r, c);
	rig_pass(r, 1000);
	assert_int_equal(c->writes, 1);
	assert_got(other, PING "id: 10-@\n\n");
}

enum { CROWD = 4500 };

/* A bounded number for each tick, and the next tick is due at once while more
 * wait. */
static void many_clients_are_pinged_in_batches(void **state)
{
	static struct rig_client crowd[CROWD];
	struct hub_open open = {.id = "a", .id_len = 1};
	struct rig *r = *state;
	size_t pinged = 0;

	memset(crowd, 0, sizeof(crowd));
	rig_live(r, 1, 10);
	for (int i = 0; i < CROWD; i++) {
		crowd[i].open = true;
		crowd[i].room = SIZE_MAX;
		hub_open(r->hub, &crowd[i].cursor, &open, r->now_ms);
	}
	r->now_ms += 1000;
	for (int ticks = 1; ticks <= 3; ticks++) {
		assert_true(hub_next_ms(r->hub) <= r->now_ms);
		hub_tick(r->hub, r->now_ms);
		rig_flush(r);
		pinged = r->metrics.value[METRIC_PINGS];
		assert_int_equal(pinged, ticks < 3 ? ticks * 2000 : CROWD);
	}
	assert_int_equal(hub_next_ms(r->hub), r->now_ms + 1000);
	for (int i = 0; i < CROWD; i++) {
		assert_got(&crowd[i], OPENING PING "id: 10-@\n\n");
		rig_close(r, &crowd[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			pings_before_first_contact_have_no_id, setup_with_pings,
			teardown),
		cmocka_unit_test_setup_teardown(ping_tells_what_is_covered,
						setup_with_pings, teardown),
		cmocka_unit_test_setup_teardown(comment_ping, setup, teardown),
		cmocka_unit_test_setup_teardown(
			no_pings_when_there_are_to_be_none, setup, teardown),
		cmocka_unit_test_setup_teardown(blocked_client_gets_one_ping,
						setup_with_pings, teardown),
		cmocka_unit_test_setup_teardown(
			ping_while_waiting_for_an_answer, setup_with_pings,
			teardown),
		cmocka_unit_test_setup_teardown(closed_client_gets_no_ping,
						setup_with_pings, teardown),
		cmocka_unit_test_setup_teardown(
			many_clients_are_pinged_in_batches, setup_with_pings,
			teardown),
	};

	return cmocka_run_group_tests_name("hub_pings", tests, NULL, NULL);
}
