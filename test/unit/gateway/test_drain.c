/* A drain keeps the listeners open for its delay, ends the subscriptions evenly
 * over its timeout, waits a bounded time for the last connections, and stops.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/drain.h"

enum { DELAY_MS = 5000, TIMEOUT_MS = 10000, START_MS = 1000000 };

/* A gateway: subscriptions end at once, their connections remain. */
struct gateway {
	struct drain drain;
	uint64_t now_ms;
	size_t subscriptions;
	size_t connections;
	size_t requests;
	size_t ended; /* in the last advance() */
	int listeners_closed;
	int stopped;
};

static struct drain_step advance_drain_of(struct gateway *g)
{
	const struct drain_counts open = {g->subscriptions, g->requests,
					  g->connections};

	return drain_advance(&g->drain, g->now_ms, &open);
}

static void start(struct gateway *g, uint64_t delay_ms, uint64_t timeout_ms,
		  size_t subscriptions, size_t connections)
{
	*g = (struct gateway){
		.now_ms = START_MS,
		.subscriptions = subscriptions,
		.connections = connections,
	};
	drain_init(&g->drain, delay_ms, timeout_ms);
	assert_int_equal(drain_next_ms(&g->drain, START_MS), UINT64_MAX);
	assert_int_equal(advance_drain_of(g).action, DRAIN_WAIT);
	drain_start(&g->drain, START_MS);
}

/* As the gateway does in one iteration. */
static void advance(struct gateway *g)
{
	struct drain_step step;

	g->ended = 0;
	for (int i = 0; i < 10; i++) {
		step = advance_drain_of(g);
		if (step.action == DRAIN_WAIT)
			return;
		if (step.action == DRAIN_CLOSE_LISTENERS) {
			assert_int_equal(g->ended, 0);
			g->listeners_closed++;
		}
		if (step.action == DRAIN_END_SUBSCRIPTIONS) {
			assert_true(step.n > 0);
			assert_true(step.n <= g->subscriptions);
			g->subscriptions -= step.n;
			g->ended += step.n;
		}
		if (step.action == DRAIN_STOP)
			g->stopped++;
	}
	fail_msg("steps without an end");
}

static void advance_to(struct gateway *g, uint64_t at_ms)
{
	g->now_ms = START_MS + at_ms;
	advance(g);
}

/* ---- the phases ---------------------------------------------------------- */

static void listeners_stay_open_for_the_delay(void **state)
{
	struct gateway g;

	(void)state;
	start(&g, DELAY_MS, TIMEOUT_MS, 10, 10);
	assert_int_equal(drain_next_ms(&g.drain, g.now_ms),
			 START_MS + DELAY_MS);
	advance_to(&g, 0);
	advance_to(&g, DELAY_MS - 1);
	assert_int_equal(g.listeners_closed, 0);
	assert_int_equal(g.subscriptions, 10);
	advance_to(&g, DELAY_MS);
	assert_int_equal(g.listeners_closed, 1);
	assert_int_equal(g.ended, 1);
}

static void subscriptions_end_evenly(void **state)
{
	enum { N = 1000 };
	struct gateway g;
	uint64_t at;

	(void)state;
	start(&g, 0, TIMEOUT_MS, N, N);
	advance_to(&g, 0);
	assert_int_equal(g.ended, 1);
	for (at = DRAIN_STEP_MS; at < TIMEOUT_MS; at += DRAIN_STEP_MS) {
		assert_int_equal(drain_next_ms(&g.drain, g.now_ms),
				 START_MS + at);
		advance_to(&g, at);
		assert_in_range(g.ended, 1, 3);
		assert_in_range(N - g.subscriptions, N * at / TIMEOUT_MS,
				N * at / TIMEOUT_MS + 1);
	}
	advance_to(&g, TIMEOUT_MS);
	assert_int_equal(g.subscriptions, 0);
	assert_int_equal(g.listeners_closed, 1);
}

static void few_subscriptions_are_spread_too(void **state)
{
	struct gateway g;

	(void)state;
	start(&g, 0, TIMEOUT_MS, 2, 2);
	advance_to(&g, 0);
	assert_int_equal(g.subscriptions, 1);
	advance_to(&g, TIMEOUT_MS / 2 - DRAIN_STEP_MS);
	assert_int_equal(g.subscriptions, 1);
	advance_to(&g, TIMEOUT_MS / 2);
	assert_int_equal(g.subscriptions, 0);
}

/* The rate stays that of the start: clients that leave by themselves only make
 * the drain shorter. */
static void clients_that_leave_end_it_sooner(void **state)
{
	struct gateway g;

	(void)state;
	start(&g, 0, TIMEOUT_MS, 100, 100);
	advance_to(&g, 0);
	g.subscriptions = 50;
	advance_to(&g, TIMEOUT_MS / 10);
	assert_int_equal(g.ended, 10);
	g.subscriptions = g.connections = 0;
	advance_to(&g, TIMEOUT_MS / 10 + DRAIN_STEP_MS);
	assert_int_equal(g.stopped, 1);
}

static void without_a_timeout_all_end_at_once(void **state)
{
	struct gateway g;

	(void)state;
	start(&g, 0, 0, 100, 100);
	advance_to(&g, 0);
	assert_int_equal(g.ended, 100);
	assert_int_equal(g.stopped, 0);
}

/* ---- the end ------------------------------------------------------------- */

static void without_connections_it_stops_in_one_iteration(void **state)
{
	struct gateway g;

	(void)state;
	start(&g, 0, TIMEOUT_MS, 0, 0);
	advance_to(&g, 0);
	assert_int_equal(g.listeners_closed, 1);
	assert_int_equal(g.stopped, 1);
	assert_int_equal(drain_next_ms(&g.drain, g.now_ms), UINT64_MAX);
	advance_to(&g, TIMEOUT_MS);
	assert_int_equal(g.stopped, 1);
}

static void remaining_connections_get_the_linger(void **state)
{
	struct gateway g;

	(void)state;
	start(&g, 0, 0, 3, 5);
	advance_to(&g, 0);
	assert_int_equal(drain_next_ms(&g.drain, g.now_ms),
			 START_MS + DRAIN_LINGER_MS);
	advance_to(&g, DRAIN_LINGER_MS - 1);
	assert_int_equal(g.stopped, 0);
	advance_to(&g, DRAIN_LINGER_MS);
	assert_int_equal(g.stopped, 1);
}

static void the_last_connection_ends_the_linger(void **state)
{
	struct gateway g;

	(void)state;
	start(&g, 0, 0, 3, 5);
	advance_to(&g, 0);
	g.connections = 1;
	advance_to(&g, 1);
	assert_int_equal(g.stopped, 0);
	g.connections = 0;
	advance_to(&g, 2);
	assert_int_equal(g.stopped, 1);
}

/* ---- clocks and repeats -------------------------------------------------- */

/* A suspended machine resumes hours later: each phase ends at once, and still
 * in order. */
static void a_late_iteration_catches_up(void **state)
{
	struct gateway g;

	(void)state;
	start(&g, DELAY_MS, TIMEOUT_MS, 100, 100);
	advance_to(&g, DELAY_MS + 3600 * 1000);
	assert_int_equal(g.listeners_closed, 1);
	assert_int_equal(g.ended, 1);
	advance_to(&g, DELAY_MS + 7200 * 1000);
	assert_int_equal(g.ended, 99);
	assert_int_equal(g.stopped, 0);
	advance_to(&g, DELAY_MS + 10800 * 1000);
	assert_int_equal(g.stopped, 1);
}

static void a_time_before_the_start_changes_nothing(void **state)
{
	struct gateway g;

	(void)state;
	start(&g, DELAY_MS, TIMEOUT_MS, 100, 100);
	g.now_ms = START_MS - 1;
	advance(&g);
	assert_int_equal(g.listeners_closed, 0);
	advance_to(&g, DELAY_MS);
	g.now_ms = START_MS;
	advance(&g);
	assert_int_equal(g.subscriptions, 99);
}

static void a_second_start_changes_nothing(void **state)
{
	struct gateway g;

	(void)state;
	start(&g, DELAY_MS, TIMEOUT_MS, 1, 1);
	drain_start(&g.drain, START_MS + DELAY_MS / 2);
	advance_to(&g, DELAY_MS);
	assert_int_equal(g.listeners_closed, 1);
	drain_start(&g.drain, g.now_ms);
	advance(&g);
	assert_int_equal(g.listeners_closed, 1);
}

static void requests_in_flight_are_waited_for(void **state)
{
	struct gateway g;

	(void)state;
	start(&g, 0, TIMEOUT_MS, 0, 2);
	g.requests = 1;
	advance_to(&g, 0);
	assert_int_equal(g.listeners_closed, 1);
	advance_to(&g, TIMEOUT_MS - 1);
	assert_int_equal(g.drain.phase, DRAIN_ENDING);
	g.requests = 0;
	advance_to(&g, TIMEOUT_MS - 1);
	assert_int_equal(g.drain.phase, DRAIN_LINGER);
	start(&g, 0, TIMEOUT_MS, 0, 2);
	g.requests = 1;
	advance_to(&g, 0);
	/* No longer than the timeout. */
	advance_to(&g, TIMEOUT_MS);
	assert_int_equal(g.drain.phase, DRAIN_LINGER);
	assert_int_equal(g.stopped, 0);
	g.connections = 0;
	advance_to(&g, TIMEOUT_MS);
	assert_int_equal(g.stopped, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_in_flight_are_waited_for),
		cmocka_unit_test(listeners_stay_open_for_the_delay),
		cmocka_unit_test(subscriptions_end_evenly),
		cmocka_unit_test(few_subscriptions_are_spread_too),
		cmocka_unit_test(clients_that_leave_end_it_sooner),
		cmocka_unit_test(without_a_timeout_all_end_at_once),
		cmocka_unit_test(without_connections_it_stops_in_one_iteration),
		cmocka_unit_test(remaining_connections_get_the_linger),
		cmocka_unit_test(the_last_connection_ends_the_linger),
		cmocka_unit_test(a_late_iteration_catches_up),
		cmocka_unit_test(a_time_before_the_start_changes_nothing),
		cmocka_unit_test(a_second_start_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
