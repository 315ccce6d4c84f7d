/* The steps of one subscription's hand-over are reported in order, from its
 * start to its end: what --log-level debug and the probes show. The buffer
 * begins after sequence 10. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "hub_rig.h"

static struct rig rig;

static int setup(void **state)
{
	struct hub_config cfg = rig_config();

	cfg.buffer_size = 4096;
	rig_start(&rig, &cfg);
	rig_live(&rig, 1, 10);
	*state = &rig;
	return 0;
}

static int teardown(void **state)
{
	rig_finish(*state);
	return 0;
}

static void assert_steps(struct rig *r, struct rig_client *c, const char *steps)
{
	hub_close(r->hub, &c->cursor, r->now_ms);
	assert_string_equal(c->steps, steps);
}

static void answer_probe(struct rig *r, uint64_t from, uint64_t seq)
{
	rig_probe(r, from, seq);
	rig_info(r, RIG_STREAM, 1, 90);
	rig_flush(r);
}

static void new_is_live_at_once(void **state)
{
	struct rig *r = *state;

	assert_steps(r, rig_open(r, "a", START_NEW),
		     "start 10, live 10, end 10");
}

static void resume_before_the_buffer_has_a_replay(void **state)
{
	struct rig *r = *state;
	struct rig_client *c = rig_resume(r, "a", "2");
	struct request_id consumer;
	uint32_t pull;

	answer_probe(r, 3, 3);
	answer_probe(r, 4, 4);
	consumer = expect_request(&r->src, REQUEST_CREATE)->request;
	rig_send(r, event_created(consumer));
	rig_flush(r);
	rig_info(r, RIG_STREAM, 1, 90);
	pull = expect_request(&r->src, REQUEST_PULL)->pull.number;
	rig_send(r, event_message(consumer, 9, 1, "ev.a", "old"));
	rig_send(r, event_status(consumer, pull, 404));
	rig_flush(r);
	rig_info(r, RIG_STREAM, 1, 90);
	rig_flush(r);
	answer_probe(r, 10, 0);
	assert_steps(r, c,
		     "start 2, evicted 2, probe 3, replay 2, probe 4, "
		     "replay consumer 5, probe 10, live 10, end 10");
}

static void last_starts_where_its_message_is(void **state)
{
	struct rig *r = *state;
	struct rig_client *c = rig_open(r, "a", START_LAST);

	rig_send(r,
		 event_found(expect_request(&r->src, REQUEST_GET_LAST)->request,
			     8, "ev.a", "last"));
	rig_flush(r);
	rig_info(r, RIG_STREAM, 1, 10);
	rig_flush(r);
	assert_steps(r, c, "probe last 0, start 7, replay 7, live 10, end 10");
}

static void gap_is_a_step(void **state)
{
	struct rig *r = *state;
	struct rig_client *c = rig_resume(r, "a", "3-@");

	rig_probe(r, 4, 9);
	rig_info(r, RIG_STREAM, 8, 10);
	rig_flush(r);
	assert_steps(r, c,
		     "start 3, evicted 3, probe 4, replay 3, gap 7, probe 8, "
		     "end 7");
}

static void slow_client_is_evicted(void **state)
{
	struct rig *r = *state;
	struct rig_client *c = rig_open(r, "a", START_NEW);
	uint64_t seq = 11;

	c->room = 4;
	rig_publish(r, "ev.a", seq, "x");
	rig_flush(r);
	rig_publish(r, "ev.a", ++seq, "evicted");
	while (event_buffer_floor(hub_buffer(r->hub)) < 12)
		rig_publish(r, "ev.b", ++seq, "x");
	rig_drain(r, c, SIZE_MAX);
	assert_steps(r, c,
		     "start 10, live 10, evicted 11, probe 12, replay 11, "
		     "end 11");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(new_is_live_at_once, setup,
						teardown),
		cmocka_unit_test_setup_teardown(
			resume_before_the_buffer_has_a_replay, setup, teardown),
		cmocka_unit_test_setup_teardown(
			last_starts_where_its_message_is, setup, teardown),
		cmocka_unit_test_setup_teardown(gap_is_a_step, setup, teardown),
		cmocka_unit_test_setup_teardown(slow_client_is_evicted, setup,
						teardown),
	};

	return cmocka_run_group_tests_name("hub_steps", tests, NULL, NULL);
}
