/* Where a stream begins: deliver, cursors, which of them wins, and that what
 * one identity gets is its own. */
#include "e2e.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test_clock.h"

/* ---- deliver ------------------------------------------------------------- */

static void new_begins_at_the_newest(void **state)
{
	struct e2e *f = *state;
	struct sse_client *c;

	e2e_publish_many(f, "alice", "old", 3);
	e2e_gateway(f, NULL);
	c = e2e_open(f, "alice", "deliver=new");
	assert_int_equal(sse_id_seq(sse_client_last_id(c)), 3);
	e2e_publish(f, "alice", "fresh");
	e2e_expect(c, 1, "fresh");
	assert_int_equal(sse_id_seq(sse_client_last_id(c)), 4);
}

static void default_is_new(void **state)
{
	struct e2e *f = *state;
	struct sse_client *c;

	e2e_publish_many(f, "alice", "old", 3);
	e2e_gateway(f, NULL);
	c = e2e_open(f, "alice", NULL);
	e2e_publish(f, "alice", "fresh");
	e2e_expect(c, 1, "fresh");
	assert_int_equal(c->n_messages, 1);
}

static void new_on_an_empty_stream(void **state)
{
	struct e2e *f = *state;
	struct sse_client *c;

	e2e_gateway(f, NULL);
	c = e2e_open(f, "alice", NULL);
	assert_int_equal(sse_id_seq(sse_client_last_id(c)), 0);
	e2e_publish(f, "alice", "first");
	e2e_expect(c, 1, "first");
}

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

static void all_is_no_gap_where_the_start_is_gone(void **state)
{
	struct e2e *f = *state;
	struct sse_client *c;

	e2e_make_stream(f, "\"max_msgs\": 5");
	e2e_publish_many(f, "alice", "m", 12);
	e2e_gateway(f, NULL);
	c = e2e_open(f, "alice", "deliver=all");
	e2e_expect(c, 1, "m-7");
	e2e_expect_marker(f, c, "alice", 6);
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

static void last_is_the_newest_then_live(void **state)
{
	struct e2e *f = *state;
	struct sse_client *c;

	e2e_publish_many(f, "alice", "old", 5);
	e2e_publish_many(f, "bob", "other", 5);
	e2e_gateway(f, NULL);
	c = e2e_open(f, "alice", "deliver=last");
	e2e_expect(c, 1, "old-4");
	assert_int_equal(sse_id_seq(sse_client_message(c, 0)->id), 5);
	e2e_expect_marker(f, c, "alice", 2);
}

/* The same where the newest is in the gateway's memory. */
static void last_from_memory(void **state)
{
	struct e2e *f = *state;
	struct sse_client *watch, *c;

	e2e_gateway(f, NULL);
	watch = e2e_open(f, "alice", NULL);
	e2e_publish_many(f, "alice", "m", 5);
	sse_client_wait_message(watch, 5);
	c = e2e_open(f, "alice", "deliver=last");
	e2e_expect(c, 1, "m-4");
	e2e_expect_marker(f, c, "alice", 2);
}

/* A message that was purged is still in this gateway's memory, and not in the
 * stream: another gateway could not give it either. */
static void last_is_what_the_stream_has(void **state)
{
	struct e2e *f = *state;
	struct sse_client *watch, *c;

	e2e_gateway(f, NULL);
	watch = e2e_open(f, "alice", NULL);
	e2e_publish_many(f, "alice", "m", 5);
	sse_client_wait_message(watch, 5);
	e2e_purge(f, "{\"filter\":\"events.alice\"}");
	c = e2e_open(f, "alice", "deliver=last");
	e2e_expect_marker(f, c, "alice", 1);
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

static void last_of_nothing(void **state)
{
	struct e2e *f = *state;
	struct sse_client *c;

	e2e_publish_many(f, "bob", "other", 5);
	e2e_gateway(f, NULL);
	c = e2e_open(f, "alice", "deliver=last");
	e2e_expect_marker(f, c, "alice", 1);
}

/* ---- cursors ------------------------------------------------------------- */

/* Publishes 10 messages for alice and starts the gateway; the id of the third.
 * Static. */
static const char *third_of_ten(struct e2e *f)
{
	struct sse_client *c;

	e2e_publish_many(f, "alice", "m", 10);
	e2e_gateway(f, NULL);
	c = e2e_open(f, "alice", NULL);
	return e2e_id(3, sse_client_last_id(c));
}

static void resumes_by_header(void **state)
{
	struct e2e *f = *state;
	const char *third = third_of_ten(f);
	struct sse_client *c = e2e_resume(f, "alice", third);

	/* The stream opens with the client's own cursor. */
	assert_true(strstr(bytes_text(&c->body), third) != NULL);
	e2e_expect(c, 1, "m-3");
	e2e_expect_marker(f, c, "alice", 8);
}

static void resumes_by_query(void **state)
{
	struct e2e *f = *state;
	const char *third = third_of_ten(f);
	struct sse_client *c;
	char query[64];

	snprintf(query, sizeof(query), "lastEventId=%s", third);
	c = e2e_open(f, "alice", query);
	e2e_expect(c, 1, "m-3");
	e2e_expect_marker(f, c, "alice", 8);
}

static void resumes_by_a_cursor_without_tag(void **state)
{
	struct e2e *f = *state;
	struct sse_client *c;

	third_of_ten(f);
	c = e2e_resume(f, "alice", "3");
	e2e_expect(c, 1, "m-3");
	e2e_expect_marker(f, c, "alice", 8);
	assert_null(sse_client_event(c, "gap", 0));
}

static void resumes_at_the_end(void **state)
{
	struct e2e *f = *state;
	const char *third = third_of_ten(f);
	struct sse_client *c = e2e_resume(f, "alice", e2e_id(10, third));

	e2e_expect_marker(f, c, "alice", 1);
}

static void resumes_from_memory(void **state)
{
	struct e2e *f = *state;
	struct sse_client *c, *again;
	char id[64];

	e2e_gateway(f, NULL);
	c = e2e_open(f, "alice", NULL);
	e2e_publish_many(f, "alice", "m", 10);
	snprintf(id, sizeof(id), "%s", sse_client_wait_message(c, 4)->id);
	sse_client_wait_message(c, 10);
	again = e2e_resume(f, "alice", id);
	e2e_expect(again, 1, "m-4");
	e2e_expect_marker(f, again, "alice", 7);
	assert_true(gateway_proc_metric(&f->gw, "sluice_replays_total") == 0);
}

/* The head of `headers` for the target; expects that the stream's first message
 * is `first`. */
static void expect_first(struct e2e *f, const char *target, const char *headers,
			 const char *first)
{
	struct sse_client *c = e2e_client(f);

	sse_client_get(c, f->gw.address, target, headers);
	sse_client_wait_head(c);
	assert_int_equal(c->status, 200);
	e2e_expect(c, 1, first);
}

static void precedence_of_cursors(void **state)
{
	struct e2e *f = *state;

	third_of_ten(f);
	/* header over query */
	expect_first(f, "/api/v1/events?lastEventId=6",
		     "user_id: alice\r\nLast-Event-ID: 3\r\n", "m-3");
	/* header over deliver */
	expect_first(f, "/api/v1/events?deliver=all",
		     "user_id: alice\r\nLast-Event-ID: 3\r\n", "m-3");
	/* query over deliver */
	expect_first(f, "/api/v1/events?deliver=last&lastEventId=6",
		     "user_id: alice\r\n", "m-6");
	/* empty ones are none */
	expect_first(f, "/api/v1/events?deliver=last&lastEventId=",
		     "user_id: alice\r\n", "m-9");
	expect_first(f, "/api/v1/events?lastEventId=6",
		     "user_id: alice\r\nLast-Event-ID:\r\n", "m-6");
	/* percent-decoded once; unknown parameters are ignored */
	expect_first(f, "/api/v1/events?x=1&%6castEventId=%36&deliver=new",
		     "user_id: alice\r\n", "m-6");
}

/* A client that goes away before its first event loses nothing. */
static void the_opening_cursor_loses_nothing(void **state)
{
	struct e2e *f = *state;
	struct sse_client *c, *again;
	char id[64];

	e2e_publish_many(f, "alice", "old", 3);
	e2e_gateway(f, NULL);
	c = e2e_open(f, "alice", NULL);
	snprintf(id, sizeof(id), "%s", sse_client_last_id(c));
	sse_client_reset(c);
	e2e_publish_many(f, "alice", "missed", 3);
	again = e2e_resume(f, "alice", id);
	e2e_expect_many(again, 0, "missed", 3);
	e2e_expect_marker(f, again, "alice", 4);
}

/* ---- who gets what ------------------------------------------------------- */

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

static void subject_template_and_names(void **state)
{
	struct e2e *f = *state;
	struct sse_client *c = e2e_client(f), *q = e2e_client(f);

	free(nats_admin_api(
		f->admin, "STREAM.CREATE.Orders",
		"{\"name\": \"Orders\", \"subjects\": [\"orders.>\"], "
		"\"storage\": \"memory\"}"));
	nats_admin_publish(f->admin, "orders.42.paid", "old", 3);
	nats_admin_publish(f->admin, "orders.42.sent", "no", 2);
	e2e_gateway(f, "--stream", "Orders", "--subject", "orders.{id}.paid",
		    "--id-header", "X-Customer", "--id-query", "customer",
		    NULL);
	sse_client_get(c, f->gw.address, "/api/v1/events?deliver=all",
		       "x-customer: 42\r\n");
	e2e_expect(c, 1, "old");
	sse_client_get(q, f->gw.address,
		       "/api/v1/events?deliver=all&customer=%342", NULL);
	e2e_expect(q, 1, "old");
	nats_admin_publish(f->admin, "orders.42.sent", "no", 2);
	nats_admin_publish(f->admin, "orders.42.paid.late", "no", 2);
	nats_admin_publish(f->admin, "orders.42.paid", "new", 3);
	e2e_expect(c, 2, "new");
	e2e_expect(q, 2, "new");
	free(nats_admin_api(f->admin, "STREAM.DELETE.Orders", NULL));
}

/* Everything that an identity may be made of. */
static void odd_identities(void **state)
{
	static const char *const ids[] = {
		"a",	      "$JS",  "a*b",
		"a>b",	      "%41",  "a/b\\c",
		"\"quoted\"", "{id}", "~!@#$%^&()_+=-[];',<?:|`",
	};
	struct e2e *f = *state;
	char longest[129];

	e2e_gateway(f, NULL);
	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		struct sse_client *c = e2e_client(f);
		char headers[256];
		bool allowed = strpbrk(ids[i], ".*>") == NULL;

		snprintf(headers, sizeof(headers), "user_id: %s\r\n", ids[i]);
		sse_client_get(c, f->gw.address, "/api/v1/events", headers);
		sse_client_wait_head(c);
		assert_int_equal(c->status, allowed ? 200 : 400);
		if (!allowed)
			continue;
		sse_client_wait_any_id(c);
		e2e_expect_marker(f, c, ids[i], 1);
	}
	memset(longest, 'x', 128);
	longest[128] = '\0';
	e2e_expect_marker(f, e2e_open(f, longest, NULL), longest, 1);
}

int main(void)
{
#define WITH_OTHER(fn) \
	cmocka_unit_test_setup_teardown(fn, e2e_setup, stop_other)
	const struct CMUnitTest tests[] = {
		E2E_TEST(new_begins_at_the_newest),
		E2E_TEST(default_is_new),
		E2E_TEST(new_on_an_empty_stream),
		E2E_TEST(all_is_history_then_live),
		E2E_TEST(all_is_no_gap_where_the_start_is_gone),
		E2E_TEST(all_can_be_resumed_before_its_first_event),
		E2E_TEST(last_is_the_newest_then_live),
		E2E_TEST(last_from_memory),
		E2E_TEST(last_is_what_the_stream_has),
		WITH_OTHER(last_after_a_delete),
		WITH_OTHER(last_after_a_purge),
		WITH_OTHER(last_after_expiry),
		E2E_TEST(last_of_nothing),
		E2E_TEST(resumes_by_header),
		E2E_TEST(resumes_by_query),
		E2E_TEST(resumes_by_a_cursor_without_tag),
		E2E_TEST(resumes_at_the_end),
		E2E_TEST(resumes_from_memory),
		E2E_TEST(precedence_of_cursors),
		E2E_TEST(the_opening_cursor_loses_nothing),
		E2E_TEST(each_gets_its_own),
		E2E_TEST(subject_template_and_names),
		E2E_TEST(odd_identities),
	};

	return cmocka_run_group_tests(tests, e2e_group_setup,
				      e2e_group_teardown);
}
