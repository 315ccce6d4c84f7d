/* Live subscriptions of subjects of core NATS: opening, forms, sessions. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core_rig.h"

static struct core_rig r;

static int begin_rig(void **state)
{
	(void)state;
	core_rig_begin(&r, NULL);
	return 0;
}

static int end_rig(void **state)
{
	(void)state;
	core_rig_end(&r);
	return 0;
}

static void open_active(size_t client, const char *pattern,
			const struct core_open *open)
{
	assert_int_equal(core_rig_open(&r, client, pattern, open), 0);
	core_rig_serve(&r);
	assert_true(r.clients[client].opened);
}

static void publish(const char *subject, const char *data)
{
	core_rig_publish(&r, subject, subject, data);
	core_rig_run(&r);
}

static void restart_session(void)
{
	fake_publisher_down(&r.fake);
	core_rig_run(&r);
	fake_publisher_clear(&r.fake);
	fake_publisher_up(&r.fake);
	core_rig_run(&r);
}

/* ---- opening ------------------------------------------------------------- */

static void the_head_waits_for_the_server(void **state)
{
	(void)state;
	assert_int_equal(core_rig_open(&r, 0, "a.b", NULL), 0);
	core_rig_run(&r);
	assert_false(r.clients[0].opened);
	core_rig_serve(&r);
	assert_string_equal(bytes_text(&r.clients[0].out),
			    "HEAD\nretry: 3000\nevent: system\n"
			    "data: {\"system\": \"open\"}\n\n");
	assert_int_equal(r.clients[0].writes, 1);
}

static void a_message_before_the_head_comes_after_it(void **state)
{
	(void)state;
	core_rig_open(&r, 0, "a.b", NULL);
	fake_publisher_message(&r.fake, core_rig_id(&r, "a.b"), "a.b", "early");
	core_rig_run(&r);
	assert_string_equal(bytes_text(&r.clients[0].out), "");
	core_rig_serve(&r);
	assert_string_equal(core_rig_take(&r, 0), "data: early\n\n");
}

static void clients_share_a_subscription(void **state)
{
	(void)state;
	for (size_t i = 0; i < CORE_CLIENTS; i++)
		open_active(i, "a.b", NULL);
	assert_int_equal(core_rig_at_server(&r, "a.b"), 1);
	publish("a.b", "x");
	for (size_t i = 0; i < CORE_CLIENTS; i++)
		assert_string_equal(core_rig_take(&r, i), "data: x\n\n");
	assert_int_equal(r.metrics.value[METRIC_CORE_SENT], CORE_CLIENTS);
	for (size_t i = 0; i < CORE_CLIENTS; i++) {
		assert_int_equal(core_rig_at_server(&r, "a.b"), 1);
		core_rig_close(&r, i);
	}
	assert_int_equal(core_rig_at_server(&r, "a.b"), 0);
}

static void members_of_a_group_do_not_share(void **state)
{
	const struct core_open member = {.group = {"work", 4}};

	(void)state;
	open_active(0, "a.b", &member);
	open_active(1, "a.b", &member);
	open_active(2, "a.b", NULL);
	assert_int_equal(core_rig_at_server(&r, "a.b"), 3);
	assert_string_equal(r.fake.arrived[0].reply, "work");
	assert_string_equal(r.fake.arrived[2].reply, "");
	fake_publisher_message(&r.fake, r.fake.arrived[1].id, "a.b", "one");
	core_rig_run(&r);
	assert_string_equal(core_rig_take(&r, 0), "");
	assert_string_equal(core_rig_take(&r, 1), "data: one\n\n");
	core_rig_close(&r, 1);
	assert_int_equal(core_rig_at_server(&r, "a.b"), 2);
}

static void a_denied_subscription_is_an_error(void **state)
{
	(void)state;
	core_rig_open(&r, 0, "a.b", NULL);
	core_rig_open(&r, 1, "a.b", NULL);
	fake_publisher_fail(&r.fake, core_rig_id(&r, "a.b"), PUBLISH_DENIED);
	core_rig_run(&r);
	for (size_t i = 0; i < 2; i++) {
		assert_true(r.clients[i].failed);
		assert_int_equal(r.clients[i].failure, PUBLISH_DENIED);
		assert_string_equal(bytes_text(&r.clients[i].out), "");
	}
}

static void a_subscription_that_is_denied_later_ends(void **state)
{
	(void)state;
	open_active(0, "a.b", NULL);
	restart_session();
	fake_publisher_fail(&r.fake, core_rig_id(&r, "a.b"), PUBLISH_DENIED);
	core_rig_run(&r);
	assert_true(r.clients[0].failed);
	assert_int_equal(r.clients[0].failure, PUBLISH_DENIED);
	assert_string_equal(core_rig_take(&r, 0), "");
}

static void a_silent_server_is_an_error(void **state)
{
	(void)state;
	core_rig_open(&r, 0, "a.b", NULL);
	core_rig_advance(&r, CORE_OPEN_MS - 1);
	assert_false(r.clients[0].failed);
	assert_int_equal(core_hub_next_ms(r.hub), CORE_OPEN_MS);
	core_rig_advance(&r, 1);
	assert_true(r.clients[0].failed);
	assert_int_equal(r.clients[0].failure, PUBLISH_BUSY);
}

static void a_full_mailbox_is_an_error(void **state)
{
	(void)state;
	r.fake.max_queued = 0;
	assert_int_equal(core_rig_open(&r, 0, "a.b", NULL), -ENOBUFS);
	assert_int_equal(core_hub_subscriptions(r.hub), 0);
}

static void a_client_may_leave_while_it_waits(void **state)
{
	(void)state;
	core_rig_open(&r, 0, "a.b", NULL);
	core_rig_close(&r, 0);
	core_rig_serve(&r);
	assert_int_equal(core_rig_at_server(&r, "a.b"), 0);
	assert_false(r.clients[0].opened);
}

/* ---- sessions ------------------------------------------------------------ */

static void without_a_session_there_is_none(void **state)
{
	(void)state;
	fake_publisher_down(&r.fake);
	core_rig_run(&r);
	assert_int_equal(core_rig_open(&r, 0, "a.b", NULL), -ENOTCONN);
}

static void a_lost_session_is_a_gap(void **state)
{
	(void)state;
	open_active(0, "a.b", NULL);
	publish("a.b", "one");
	core_rig_take(&r, 0);
	restart_session();
	assert_string_equal(core_rig_take(&r, 0), "");
	core_rig_serve(&r);
	publish("a.b", "two");
	assert_string_equal(core_rig_take(&r, 0),
			    "event: gap\n"
			    "data: {\"system\":\"gap\",\"reason\":\"away\"}\n\n"
			    "data: two\n\n");
	assert_int_equal(r.metrics.value[METRIC_GAPS_AWAY], 1);
}

static void the_gap_comes_before_an_early_message(void **state)
{
	(void)state;
	open_active(0, "a.b", NULL);
	core_rig_take(&r, 0);
	restart_session();
	core_rig_open(&r, 1, "a.b", NULL);
	fake_publisher_message(&r.fake, core_rig_id(&r, "a.b"), "a.b", "early");
	core_rig_run(&r);
	core_rig_serve(&r);
	assert_string_equal(core_rig_take(&r, 0),
			    "event: gap\n"
			    "data: {\"system\":\"gap\",\"reason\":\"away\"}\n\n"
			    "data: early\n\n");
	/* A client that came meanwhile has missed nothing. */
	assert_string_equal(core_rig_take(&r, 1), "data: early\n\n");
}

static void a_session_that_ends_fails_those_that_wait(void **state)
{
	(void)state;
	open_active(0, "a.b", NULL);
	core_rig_take(&r, 0);
	restart_session();
	core_rig_open(&r, 1, "a.b", NULL);
	restart_session();
	assert_true(r.clients[1].failed);
	assert_int_equal(r.clients[1].failure, PUBLISH_AWAY);
	assert_false(r.clients[0].failed);
	core_rig_serve(&r);
	assert_string_equal(
		core_rig_take(&r, 0),
		"event: gap\n"
		"data: {\"system\":\"gap\",\"reason\":\"away\"}\n\n");
}

static void messages_of_an_old_session_are_ignored(void **state)
{
	uint64_t id;

	(void)state;
	open_active(0, "a.b", NULL);
	core_rig_take(&r, 0);
	id = core_rig_id(&r, "a.b");
	restart_session();
	core_rig_serve(&r);
	core_rig_take(&r, 0);
	assert_true(core_rig_id(&r, "a.b") != id);
	fake_publisher_message(&r.fake, id, "a.b", "old");
	core_rig_run(&r);
	assert_string_equal(core_rig_take(&r, 0), "");
}

static void a_call_that_fails_is_repeated(void **state)
{
	(void)state;
	open_active(0, "a.b", NULL);
	fake_publisher_down(&r.fake);
	core_rig_run(&r);
	fake_publisher_clear(&r.fake);
	r.fake.max_queued = 0;
	fake_publisher_up(&r.fake);
	core_rig_run(&r);
	r.fake.max_queued = 8;
	core_rig_advance(&r, core_hub_next_ms(r.hub) - r.now_ms);
	core_rig_serve(&r);
	assert_int_equal(core_rig_at_server(&r, "a.b"), 1);
}

/* ---- forms --------------------------------------------------------------- */

#define OTHER_FORMS 4

static const struct core_open other_forms[OTHER_FORMS] = {
	{.ndjson = true},
	{.ndjson = true, .json = true, .system = true},
	{.json_events = true},
	{.json_events = true, .json = true, .chunked = true},
};

static void post_message(const char *subject, struct span headers,
			 struct span data)
{
	const struct publisher_event e = {
		.kind = PUBLISHER_MESSAGE,
		.id = core_rig_id(&r, subject),
		.subject = span_of(subject),
		.headers = headers,
		.data = data,
	};

	fake_publisher_post(&r.fake, &e);
	core_rig_run(&r);
}

static void open_all_forms(void)
{
	open_active(0, "a.b", NULL);
	for (size_t i = 0; i < OTHER_FORMS; i++)
		open_active(i + 1, "a.b", &other_forms[i]);
	assert_string_equal(bytes_text(&r.clients[1].out), "HEAD\n");
	assert_string_equal(bytes_text(&r.clients[2].out),
			    "HEAD\n{\"system\":\"open\"}\n");
	for (size_t i = 0; i <= OTHER_FORMS; i++)
		core_rig_take(&r, i);
}

static void each_client_gets_its_form(void **state)
{
	(void)state;
	open_all_forms();
	post_message("a.b", (struct span){NULL, 0}, span_of("{\"n\": 1}"));
	assert_string_equal(core_rig_take(&r, 0), "data: {\"n\": 1}\n\n");
	assert_string_equal(core_rig_take(&r, 1),
			    "{\"subject\":\"a.b\",\"data\":\"{\\\"n\\\": 1}\"}"
			    "\n");
	assert_string_equal(core_rig_take(&r, 2),
			    "{\"subject\":\"a.b\",\"data\":{\"n\":1}}\n");
	assert_string_equal(core_rig_take(&r, 3),
			    "data: {\"subject\":\"a.b\",\"data\":"
			    "\"{\\\"n\\\": 1}\"}\n\n");
	assert_string_equal(core_rig_take(&r, 4),
			    "28\r\ndata: {\"subject\":\"a.b\",\"data\":"
			    "{\"n\":1}}\n\n\r\n");
}

static void payloads_cannot_forge_fields(void **state)
{
	(void)state;
	open_all_forms();
	post_message("a.b", (struct span){NULL, 0},
		     span_of("x\rid: 1\r\n\nevent: y"));
	assert_string_equal(core_rig_take(&r, 0),
			    "data: x\ndata: id: 1\ndata: \ndata: event: y\n\n");
	assert_string_equal(core_rig_take(&r, 1),
			    "{\"subject\":\"a.b\",\"data\":"
			    "\"x\\rid: 1\\r\\n\\nevent: y\"}\n");
}

static void payloads_may_be_empty_or_no_text(void **state)
{
	(void)state;
	open_all_forms();
	post_message("a.b", (struct span){NULL, 0}, (struct span){NULL, 0});
	post_message("a.b", (struct span){NULL, 0}, (struct span){"\xff\0", 2});
	assert_string_equal(core_rig_take(&r, 0),
			    "data: \n\nevent: base64\ndata: /wA=\n\n");
	assert_string_equal(core_rig_take(&r, 2),
			    "{\"subject\":\"a.b\",\"data\":\"\"}\n"
			    "{\"subject\":\"a.b\",\"encoding\":\"base64\","
			    "\"data\":\"/wA=\"}\n");
	assert_string_equal(core_rig_take(&r, 3),
			    "data: {\"subject\":\"a.b\",\"data\":\"\"}\n\n"
			    "data: {\"subject\":\"a.b\","
			    "\"encoding\":\"base64\",\"data\":\"/wA=\"}\n\n");
}

static void headers_are_hostile(void **state)
{
	(void)state;
	open_all_forms();
	post_message("a.b",
		     span_of("NATS/1.0\r\nEvent: tick\r\nTrace: a\rb\r\n"
			     "Nats-Msg-Id: 1\r\n\xff: x\r\n\r\n"),
		     span_of("x"));
	assert_string_equal(core_rig_take(&r, 0), "event: tick\ndata: x\n\n");
	assert_string_equal(core_rig_take(&r, 1),
			    "{\"subject\":\"a.b\",\"headers\":{\"Event\":"
			    "[\"tick\"],\"Trace\":[\"a\\rb\"]},"
			    "\"data\":\"x\"}\n");
	assert_string_equal(core_rig_take(&r, 3),
			    "event: tick\ndata: {\"subject\":\"a.b\","
			    "\"headers\":{\"Event\":[\"tick\"],\"Trace\":"
			    "[\"a\\rb\"]},\"data\":\"x\"}\n\n");
	/* A name that would break the stream is none. */
	post_message("a.b", span_of("NATS/1.0\r\nEvent: a\nid: 1\r\n\r\n"),
		     span_of("x"));
	assert_string_equal(core_rig_take(&r, 0), "data: x\n\n");
}

static void denied_and_hidden_subjects_are_not_delivered(void **state)
{
	(void)state;
	core_rig_open(&r, 0, ">", NULL);
	core_rig_open_denied(&r, 1, ">", "a.secret");
	core_rig_serve(&r);
	assert_int_equal(core_rig_at_server(&r, ">"), 1);
	core_rig_take(&r, 0);
	core_rig_take(&r, 1);
	core_rig_publish(&r, ">", "a.secret", "s");
	core_rig_publish(&r, ">", "_INBOX.x", "i");
	core_rig_publish(&r, ">", "$KV.b.k", "k");
	core_rig_publish(&r, ">", "a.open", "o");
	core_rig_run(&r);
	assert_string_equal(core_rig_take(&r, 0), "data: s\n\ndata: o\n\n");
	assert_string_equal(core_rig_take(&r, 1), "data: o\n\n");
}

/* The tail's own messages, and those of replays: they match > by the inbox that
 * they are delivered to. */
static void messages_of_consumers_are_not_delivered(void **state)
{
	struct publisher_event e = {
		.kind = PUBLISHER_MESSAGE,
		.subject = span_of("events.bob"),
		.reply = span_of("$JS.ACK.Events.tail.1.7.7.1764554400.0"),
		.data = span_of("stored"),
	};

	(void)state;
	core_rig_open(&r, 0, ">", NULL);
	core_rig_serve(&r);
	core_rig_take(&r, 0);
	e.id = core_rig_id(&r, ">");
	fake_publisher_post(&r.fake, &e);
	core_rig_publish(&r, ">", "events.bob", "published");
	core_rig_run(&r);
	assert_string_equal(core_rig_take(&r, 0), "data: published\n\n");
}

/* ---- pings, limits ------------------------------------------------------- */

static void pings_have_no_id(void **state)
{
	(void)state;
	open_all_forms();
	core_rig_advance(&r, CORE_PING_MS - 1);
	assert_string_equal(core_rig_take(&r, 0), "");
	core_rig_advance(&r, 1);
	assert_string_equal(core_rig_take(&r, 0),
			    "data: {\"system\": \"ping\"}\n\n");
	assert_string_equal(core_rig_take(&r, 1), "\n");
	assert_string_equal(core_rig_take(&r, 2), "{\"system\":\"ping\"}\n");
	core_rig_take(&r, 3);
	core_rig_advance(&r, CORE_PING_MS);
	assert_string_equal(core_rig_take(&r, 3),
			    "data: {\"system\": \"ping\"}\n\n");
}

static void one_ping_waits_for_the_socket(void **state)
{
	(void)state;
	open_active(0, "a.b", NULL);
	core_rig_take(&r, 0);
	r.clients[0].room = 3;
	publish("a.b", "x");
	core_rig_advance(&r, CORE_PING_MS);
	core_rig_advance(&r, CORE_PING_MS);
	core_rig_drain(&r, 0, SIZE_MAX);
	assert_string_equal(core_rig_take(&r, 0),
			    "data: x\n\ndata: {\"system\": \"ping\"}\n\n");
}

static void a_limit_ends_after_its_messages(void **state)
{
	const struct core_open two = {.limit = 2};

	(void)state;
	open_active(0, "a.b", &two);
	core_rig_take(&r, 0);
	core_rig_publish(&r, "a.b", "a.b", "1");
	core_rig_publish(&r, "a.b", "a.b", "2");
	core_rig_publish(&r, "a.b", "a.b", "3");
	core_rig_run(&r);
	assert_string_equal(core_rig_take(&r, 0), "data: 1\n\ndata: 2\n\n");
	assert_true(r.clients[0].done);
}

static void a_limit_waits_for_the_socket(void **state)
{
	const struct core_open one = {.limit = 1};

	(void)state;
	open_active(0, "a.b", &one);
	core_rig_take(&r, 0);
	r.clients[0].room = 4;
	publish("a.b", "1");
	publish("a.b", "2");
	assert_false(r.clients[0].done);
	core_rig_drain(&r, 0, SIZE_MAX);
	assert_true(r.clients[0].done);
	assert_string_equal(core_rig_take(&r, 0), "data: 1\n\n");
}

static void a_warning_precedes_the_end_of_a_token(void **state)
{
	(void)state;
	open_active(0, "a.b", NULL);
	core_rig_take(&r, 0);
	core_hub_warn_of_expiry(r.hub, &r.clients[0].s);
	assert_string_equal(core_rig_take(&r, 0),
			    "event: system\n"
			    "data: {\"system\": \"expired\"}\n\n");
}

static void subscriptions_are_counted_by_identity(void **state)
{
	const struct core_open alice = {.id = {"alice", 5}};

	(void)state;
	open_active(0, "a.b", &alice);
	open_active(1, "a.c", &alice);
	assert_int_equal(core_hub_subscriptions_of(r.hub, span_of("alice")), 2);
	assert_int_equal(core_hub_subscriptions_of(r.hub, span_of("bob")), 0);
	core_rig_close(&r, 0);
	assert_int_equal(core_hub_subscriptions_of(r.hub, span_of("alice")), 1);
	core_hub_gauges(r.hub);
	assert_int_equal(r.metrics.value[METRIC_CORE_SUBSCRIPTIONS], 1);
	assert_int_equal(r.metrics.value[METRIC_CORE_FEEDS], 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin_rig, end_rig)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_head_waits_for_the_server),
		TEST(a_message_before_the_head_comes_after_it),
		TEST(clients_share_a_subscription),
		TEST(members_of_a_group_do_not_share),
		TEST(a_denied_subscription_is_an_error),
		TEST(a_subscription_that_is_denied_later_ends),
		TEST(a_silent_server_is_an_error),
		TEST(a_full_mailbox_is_an_error),
		TEST(a_client_may_leave_while_it_waits),
		TEST(without_a_session_there_is_none),
		TEST(a_lost_session_is_a_gap),
		TEST(the_gap_comes_before_an_early_message),
		TEST(a_session_that_ends_fails_those_that_wait),
		TEST(messages_of_an_old_session_are_ignored),
		TEST(a_call_that_fails_is_repeated),
		TEST(each_client_gets_its_form),
		TEST(payloads_cannot_forge_fields),
		TEST(payloads_may_be_empty_or_no_text),
		TEST(headers_are_hostile),
		TEST(denied_and_hidden_subjects_are_not_delivered),
		TEST(messages_of_consumers_are_not_delivered),
		TEST(pings_have_no_id),
		TEST(one_ping_waits_for_the_socket),
		TEST(a_limit_ends_after_its_messages),
		TEST(a_limit_waits_for_the_socket),
		TEST(a_warning_precedes_the_end_of_a_token),
		TEST(subscriptions_are_counted_by_identity),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
