/* The latency of events, the age of the buffer and the number of slow clients,
 * by the wall clock of the test. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/check.h"
#include "hub_rig.h"

#define OPENING RIG_OPENING("10-@")

static struct rig rig;

static int teardown(void **state)
{
	rig_finish(*state);
	return 0;
}

static uint64_t wall_clock_ns;

static uint64_t wall_ns(void)
{
	return wall_clock_ns;
}

static int setup_with_clock(void **state)
{
	struct hub_config cfg = rig_config();

	cfg.now_ns = wall_ns;
	wall_clock_ns = UINT64_C(1700000000) * 1000000000;
	rig_start(&rig, &cfg);
	*state = &rig;
	return 0;
}

static uint64_t seen(const struct rig *r)
{
	const struct histogram *b = &r->metrics.spread[METRIC_SPREAD_LATENCY];
	uint64_t n = 0;

	for (size_t i = 0; i <= HISTOGRAM_MAX; i++)
		n += b->count[i];
	return n;
}

static uint64_t seen_us(const struct rig *r)
{
	return r->metrics.spread[METRIC_SPREAD_LATENCY].sum_us;
}

/* A message of "ev.a" that the server stored `ms` ago. */
static void publish_aged(struct rig *r, uint64_t seq, uint64_t ms)
{
	struct jetstream_event ev =
		event_message(r->consumer, seq, ++r->cseq, "ev.a", "x");

	ev.msg.time_ns = wall_clock_ns - ms * 1000000;
	rig_send(r, ev);
}

static void live_events_have_a_latency(void **state)
{
	struct rig *r = *state;

	rig_live(r, 1, 10);
	rig_open(r, "a", START_NEW);
	rig_open(r, "a", START_NEW);
	publish_aged(r, 11, 7);
	publish_aged(r, 12, 3);
	rig_flush(r);
	/* Two to each of two, by the older one. */
	assert_int_equal(seen(r), 4);
	assert_int_equal(seen_us(r), 4 * 7000);
	/* A server's clock that is ahead counts as age 0. */
	publish_aged(r, 13, 0);
	wall_clock_ns -= 5000000;
	rig_flush(r);
	assert_int_equal(seen(r), 6);
	assert_int_equal(seen_us(r), 4 * 7000);
}

static void old_events_have_none(void **state)
{
	struct rig *r = *state;

	rig_live(r, 1, 10);
	publish_aged(r, 11, 60000);
	rig_flush(r);
	rig_resume(r, "a", "10-@");
	assert_int_equal(r->metrics.value[METRIC_EVENTS_BUFFER], 1);
	assert_int_equal(seen(r), 0);
	/* From there on its events count. */
	publish_aged(r, 12, 2);
	rig_flush(r);
	assert_int_equal(seen(r), 1);
	assert_int_equal(seen_us(r), 2000);
}

static void slow_clients_are_counted_and_have_none(void **state)
{
	struct rig *r = *state;
	struct hub_open open = {.id = "a", .id_len = 1, .start = START_NEW};
	struct rig_client *c;

	rig_live(r, 1, 10);
	c = rig_open_with(r, &open, 69);
	publish_aged(r, 11, 1);
	rig_flush(r);
	hub_gauges(r->hub);
	assert_true(c->cursor.blocked);
	assert_int_equal(r->metrics.value[METRIC_SUBSCRIPTIONS_SLOW], 1);
	assert_int_equal(seen(r), 1); /* its first byte was in time */
	publish_aged(r, 12, 1);
	wall_clock_ns += UINT64_C(60) * 1000000000;
	rig_drain(r, c, SIZE_MAX);
	rig_flush(r);
	assert_int_equal(c->cursor.events, 2);
	assert_int_equal(seen(r), 1);
	hub_gauges(r->hub);
	assert_int_equal(r->metrics.value[METRIC_SUBSCRIPTIONS_SLOW], 0);
	publish_aged(r, 13, 1);
	rig_flush(r);
	assert_int_equal(seen(r), 2);
}

/* A subscription that closes while it is slow no longer counts. */
static void a_slow_one_that_leaves_is_gone(void **state)
{
	struct rig *r = *state;
	struct hub_open open = {.id = "a", .id_len = 1, .start = START_NEW};
	struct rig_client *c;

	rig_live(r, 1, 10);
	c = rig_open_with(r, &open, 5);
	hub_gauges(r->hub);
	assert_int_equal(r->metrics.value[METRIC_SUBSCRIPTIONS_SLOW], 1);
	rig_close(r, c);
	hub_gauges(r->hub);
	assert_int_equal(r->metrics.value[METRIC_SUBSCRIPTIONS_SLOW], 0);
}

static void the_oldest_has_an_age(void **state)
{
	struct rig *r = *state;
	const uint64_t *age = &r->metrics.time_us[METRIC_TIME_BUFFER_AGE];

	rig_live(r, 1, 10);
	hub_gauges(r->hub);
	assert_int_equal(*age, 0);
	publish_aged(r, 11, 5000);
	publish_aged(r, 12, 1000);
	hub_gauges(r->hub);
	assert_int_equal(*age, 5000000);
	wall_clock_ns += 1000000000;
	hub_gauges(r->hub);
	assert_int_equal(*age, 6000000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(live_events_have_a_latency,
						setup_with_clock, teardown),
		cmocka_unit_test_setup_teardown(old_events_have_none,
						setup_with_clock, teardown),
		cmocka_unit_test_setup_teardown(
			slow_clients_are_counted_and_have_none,
			setup_with_clock, teardown),
		cmocka_unit_test_setup_teardown(a_slow_one_that_leaves_is_gone,
						setup_with_clock, teardown),
		cmocka_unit_test_setup_teardown(the_oldest_has_an_age,
						setup_with_clock, teardown),
	};

	return cmocka_run_group_tests_name("hub_latency", tests, NULL, NULL);
}
