/* Start positions where more than one conversation is needed: a history of
 * several pulls, a stream with limits, deliver=last on two gateways. All other
 * policies are in test/wire/policies.wire, which e2e_wire_policies plays with a
 * real server. */
#include "e2e.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test_clock.h"

/* ---- deliver ------------------------------------------------------------- */

static void all_is_history_then_live(void **state)
{
	struct e2e *f = *state;
	struct sse_client *c;

	e2e_publish_many(f, "alice", "old", 300);
	e2e_publish_many(f, "bob", "other", 300);
	e2e_gateway(f, NULL);
	c = e2e_open(f, "alice", "deliver=all");
	e2e_expect_many(c, 0, "old", 300);
	assert_int_equal(sse_id_seq(sse_client_message(c, 0)->id), 1);
	e2e_publish_many(f, "alice", "live", 50);
	e2e_expect_many(c, 300, "live", 50);
	e2e_expect_marker(f, c, "alice", 351);
	assert_null(sse_client_event(c, "gap", 0));
}

/* The cursor that the stream opened with is good to resume from. */
static void all_can_be_resumed_before_its_first_event(void **state)
{
	struct e2e *f = *state;
	struct sse_client *c, *again;
	char cursor[64];

	e2e_make_stream(f, "\"max_msgs\": 5");
	e2e_publish_many(f, "alice", "m", 12);
	e2e_gateway(f, NULL);
	c = e2e_open(f, "alice", "deliver=all");
	assert_int_equal(sscanf(strstr(bytes_text(&c->body), "id: "),
				"id: %63[0-9a-f-]", cursor),
			 1);
	sse_client_reset(c);
	again = e2e_resume(f, "alice", cursor);
	e2e_expect(again, 1, "m-7");
	e2e_expect_marker(f, again, "alice", 6);
	assert_null(sse_client_event(again, "gap", 0));
}

/* ---- deliver=last is the same on every gateway ----------------------------
 */

static struct gateway_proc other; /* was started later: has less in memory */

/* Five messages for alice are in the memory of the first gateway alone. */
static void start_two(struct e2e *f)
{
	struct sse_client *watch;

	e2e_gateway(f, NULL);
	watch = e2e_open(f, "alice", NULL);
	e2e_publish_many(f, "alice", "m", 5);
	sse_client_wait_message(watch, 5);
	gateway_proc_start(&other, f->nats.url, NULL);
	gateway_proc_wait_ready(&other);
}

static int stop_other(void **state)
{
	gateway_proc_stop(&other);
	gateway_proc_finish(&other);
	return e2e_teardown(state);
}

/* On both: this message first (NULL: none), then what is new. */
static void expect_last(struct e2e *f, const char *last)
{
	const char *const addresses[] = {f->gw.address, other.address};
	struct sse_client *c[2];
	size_t n = last != NULL;

	for (size_t i = 0; i < 2; i++) {
		c[i] = e2e_client(f);
		sse_client_stream(c[i], addresses[i], "alice", "deliver=last");
		sse_client_wait_any_id(c[i]);
	}
	e2e_publish(f, "alice", "new");
	for (size_t i = 0; i < 2; i++) {
		if (last != NULL)
			e2e_expect(c[i], 1, last);
		e2e_expect(c[i], n + 1, "new");
	}
}

static void last_after_a_delete(void **state)
{
	struct e2e *f = *state;

	start_two(f);
	free(nats_admin_api(f->admin, "STREAM.MSG.DELETE.Events",
			    "{\"seq\": 5}"));
	/* A server before 2.11 has lost the subject's newest message then. */
	expect_last(f, nats_server_installed() < 21100 ? NULL : "m-3");
}

static void last_after_a_purge(void **state)
{
	struct e2e *f = *state;

	start_two(f);
	e2e_purge(f, "{\"filter\": \"events.alice\"}");
	expect_last(f, NULL);
}

static void last_after_expiry(void **state)
{
	struct e2e *f = *state;
	uint64_t deadline_ms = test_deadline_ms(SSE_CLIENT_WAIT_MS);

	e2e_make_stream(f, "\"max_age\": 1000000000");
	start_two(f);
	while (e2e_stream_number(f, "state.messages") != 0)
		assert_true(test_now_ms() < deadline_ms);
	expect_last(f, NULL);
}

/* ---- identities ---------------------------------------------------------- */

static void each_gets_its_own(void **state)
{
	struct e2e *f = *state;
	struct sse_client *alice, *bob, *alice2;

	e2e_gateway(f, NULL);
	alice = e2e_open(f, "alice", NULL);
	bob = e2e_open(f, "bob", NULL);
	alice2 = e2e_open(f, "alice", NULL);
	for (int i = 0; i < 20; i++) {
		e2e_publish(f, "bob", "b");
		e2e_publish(f, "alice", "a");
		e2e_publish(f, "al", "x");
		e2e_publish(f, "alicee", "x");
	}
	e2e_expect_marker(f, alice, "alice", 21);
	e2e_expect_marker(f, bob, "bob", 21);
	sse_client_wait_message(alice2, 21);
	for (size_t i = 0; i < 20; i++) {
		assert_string_equal(sse_client_message(alice, i)->data, "a");
		assert_string_equal(sse_client_message(alice2, i)->data, "a");
		assert_string_equal(sse_client_message(bob, i)->data, "b");
	}
}

int main(void)
{
#define WITH_OTHER(fn) \
	cmocka_unit_test_setup_teardown(fn, e2e_setup, stop_other)
	const struct CMUnitTest tests[] = {
		E2E_TEST(all_is_history_then_live),
		E2E_TEST(all_can_be_resumed_before_its_first_event),
		WITH_OTHER(last_after_a_delete),
		WITH_OTHER(last_after_a_purge),
		WITH_OTHER(last_after_expiry),
		E2E_TEST(each_gets_its_own),
	};

	return cmocka_run_group_tests(tests, e2e_group_setup,
				      e2e_group_teardown);
}
