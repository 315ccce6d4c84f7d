#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fake_publisher.h"
#include "nats/messenger.h"

enum { MAX = 4 };

struct sender {
	struct outgoing out;
	int replies;
	int ends;
	enum publish_failure failure;
	char last_reply[16];
	struct sender *cancels; /* by its on_end() */
	bool cancels_itself;	/* by its on_reply() */
};

struct world {
	struct fake_publisher fake;
	struct metrics metrics;
	struct messenger m;
	struct sender s[MAX + 1];
};

static struct world w;

static void on_reply(struct outgoing *o, const struct publisher_event *reply)
{
	struct sender *s = (struct sender *)o;

	s->replies++;
	assert_true(reply->data.len < sizeof(s->last_reply));
	memcpy(s->last_reply, reply->data.at, reply->data.len);
	s->last_reply[reply->data.len] = '\0';
	if (s->cancels_itself)
		messenger_cancel(&w.m, o);
}

static void on_end(struct outgoing *o, enum publish_failure failure)
{
	struct sender *s = (struct sender *)o;

	s->ends++;
	s->failure = failure;
	if (s->cancels != NULL)
		messenger_cancel(&w.m, &s->cancels->out);
}

static const struct outgoing_cbs cbs = {on_reply, on_end};
static const struct flight_options publish = {.is_publish = true,
					      .timeout_ms = 5000,
					      .replies = 1};
static const struct flight_options two = {.timeout_ms = 2000,
					  .stall_ms = 100,
					  .replies = 2};

static void take_events(uint64_t now_ms)
{
	struct publisher_event e;

	while (fake_publisher_take_event(&w.fake, &e))
		messenger_on_event(&w.m, &e, now_ms);
}

static void begin(void)
{
	memset(&w, 0, sizeof(w));
	fake_publisher_init(&w.fake);
	messenger_init(&w.m, &w.fake.base, &w.metrics, MAX);
	fake_publisher_up(&w.fake);
	take_events(0);
}

static void end(void)
{
	assert_int_equal(messenger_in_flight(&w.m), 0);
	assert_true(messenger_next_ms(&w.m) == UINT64_MAX);
	messenger_finish(&w.m);
	fake_publisher_finish(&w.fake);
}

static enum publish_failure ask(size_t i, const char *subject,
				const struct flight_options *o)
{
	const struct messenger_message m = {.subject = span_of(subject),
					    .data = span_of("x")};

	return messenger_request(&w.m, &w.s[i].out, &cbs, &m, o, 0);
}

static enum publish_failure tell(size_t i, const char *subject)
{
	const struct messenger_message m = {.subject = span_of(subject),
					    .data = span_of("x")};

	return messenger_publish(&w.m, &w.s[i].out, &cbs, &m, 5000, 0);
}

static void expect_sender(size_t i, int replies, int ends,
			  enum publish_failure failure)
{
	assert_int_equal(w.s[i].replies, replies);
	assert_int_equal(w.s[i].ends, ends);
	if (ends > 0)
		assert_int_equal(w.s[i].failure, failure);
}

static void send_all(uint64_t now_ms)
{
	while (fake_publisher_send(&w.fake, now_ms))
		;
	take_events(now_ms);
}

static void an_acknowledgement(void **state)
{
	(void)state;
	begin();
	assert_int_equal(ask(0, "a", &publish), PUBLISH_FAILURES);
	send_all(0);
	expect_sender(0, 0, 0, 0);
	fake_publisher_answer(&w.fake, w.s[0].out.flight.id, "ack");
	take_events(7);
	expect_sender(0, 1, 1, PUBLISH_FAILURES);
	assert_string_equal(w.s[0].last_reply, "ack");
	assert_int_equal(w.metrics.spread[METRIC_SPREAD_ACK_TIME].sum_us, 7000);
	end();
}

static void several_replies(void **state)
{
	uint64_t id;

	(void)state;
	begin();
	ask(0, "a", &two);
	send_all(0);
	id = w.s[0].out.flight.id;
	fake_publisher_answer(&w.fake, id, "1");
	take_events(10);
	expect_sender(0, 1, 0, 0);
	assert_int_equal(messenger_next_ms(&w.m), 110);
	messenger_tick(&w.m, 109);
	expect_sender(0, 1, 0, 0);
	messenger_tick(&w.m, 110);
	expect_sender(0, 1, 1, PUBLISH_FAILURES);
	fake_publisher_answer(&w.fake, id, "late");
	take_events(120);
	expect_sender(0, 1, 1, PUBLISH_FAILURES);
	end();
}

static void what_is_not_sent(void **state)
{
	static char big[100];
	const struct messenger_message m = {.subject = span_of("a"),
					    .headers = {big, 50},
					    .data = {big, 51}};

	(void)state;
	begin();
	w.m.max_payload = 100;
	assert_int_equal(messenger_request(&w.m, &w.s[0].out, &cbs, &m,
					   &publish, 0),
			 PUBLISH_TOO_LARGE);
	w.fake.max_queued = 0;
	assert_int_equal(ask(0, "a", &publish), PUBLISH_BUSY);
	w.fake.max_queued = 10;
	for (size_t i = 0; i < MAX; i++)
		assert_int_equal(ask(i, "a", &publish), PUBLISH_FAILURES);
	assert_int_equal(ask(MAX, "a", &publish), PUBLISH_BUSY);
	messenger_cancel(&w.m, &w.s[MAX].out);
	fake_publisher_down(&w.fake);
	take_events(0);
	for (size_t i = 0; i < MAX; i++)
		expect_sender(i, 0, 1, PUBLISH_AWAY);
	assert_int_equal(ask(0, "a", &publish), PUBLISH_AWAY);
	end();
}

static void a_session_ends_with_sent_messages(void **state)
{
	(void)state;
	begin();
	ask(0, "a", &publish);
	ask(1, "a", &two);
	tell(2, "a");
	send_all(0);
	ask(3, "a", &publish);
	fake_publisher_down(&w.fake);
	take_events(0);
	expect_sender(0, 0, 1, PUBLISH_NO_ACK);
	expect_sender(1, 0, 1, PUBLISH_NO_REPLY);
	expect_sender(2, 0, 1, PUBLISH_NO_ACK);
	expect_sender(3, 0, 1, PUBLISH_AWAY);
	end();
}

/* Only core publishes up to the id end. */
static void the_server_has_processed_publishes(void **state)
{
	struct publisher_event e = {.kind = PUBLISHER_FLUSHED};

	(void)state;
	begin();
	tell(0, "a");
	ask(1, "a", &publish);
	tell(2, "a");
	send_all(0);
	e.id = w.s[1].out.flight.id;
	messenger_on_event(&w.m, &e, 0);
	expect_sender(0, 0, 1, PUBLISH_FAILURES);
	expect_sender(1, 0, 0, 0);
	expect_sender(2, 0, 0, 0);
	messenger_cancel(&w.m, &w.s[1].out);
	messenger_cancel(&w.m, &w.s[2].out);
	end();
}

static void denied_subjects(void **state)
{
	struct publisher_event e = {.kind = PUBLISHER_DENIED,
				    .subject = span_of("no")};

	(void)state;
	begin();
	ask(0, "no", &publish);
	ask(1, "noo", &publish);
	tell(2, "no");
	send_all(0);
	ask(3, "no", &publish);
	messenger_on_event(&w.m, &e, 0);
	expect_sender(0, 0, 1, PUBLISH_DENIED);
	expect_sender(1, 0, 0, 0);
	expect_sender(2, 0, 1, PUBLISH_DENIED);
	/* Not sent yet: it gets an error of its own. */
	expect_sender(3, 0, 0, 0);
	messenger_cancel(&w.m, &w.s[1].out);
	messenger_cancel(&w.m, &w.s[3].out);
	end();
}

static void a_callback_cancels_others(void **state)
{
	(void)state;
	begin();
	ask(0, "a", &publish);
	ask(1, "a", &publish);
	w.s[0].cancels = &w.s[1];
	fake_publisher_down(&w.fake);
	take_events(0);
	expect_sender(0, 0, 1, PUBLISH_AWAY);
	expect_sender(1, 0, 0, 0);
	fake_publisher_up(&w.fake);
	take_events(0);
	ask(2, "a", &publish);
	w.s[2].cancels_itself = true;
	send_all(0);
	fake_publisher_answer(&w.fake, w.s[2].out.flight.id, "ack");
	take_events(0);
	expect_sender(2, 1, 0, 0);
	end();
}

static void deadlines(void **state)
{
	(void)state;
	begin();
	ask(0, "a", &publish);
	ask(1, "a", &two);
	send_all(0);
	messenger_tick(&w.m, 1999);
	expect_sender(1, 0, 0, 0);
	messenger_tick(&w.m, 2000);
	expect_sender(1, 0, 1, PUBLISH_NO_REPLY);
	/* Its replies are not wanted any more. */
	assert_true(w.fake.arrived[1].is_forgotten);
	assert_int_equal(messenger_next_ms(&w.m), 5000);
	messenger_tick(&w.m, 5000);
	expect_sender(0, 0, 1, PUBLISH_NO_ACK);
	end();
}

static void events_of_subscriptions(void **state)
{
	const struct publisher_event e = {.kind = PUBLISHER_MESSAGE, .id = 1};

	(void)state;
	begin();
	assert_false(messenger_on_event(&w.m, &e, 0));
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_acknowledgement),
		cmocka_unit_test(several_replies),
		cmocka_unit_test(what_is_not_sent),
		cmocka_unit_test(a_session_ends_with_sent_messages),
		cmocka_unit_test(the_server_has_processed_publishes),
		cmocka_unit_test(denied_subjects),
		cmocka_unit_test(a_callback_cancels_others),
		cmocka_unit_test(deadlines),
		cmocka_unit_test(events_of_subscriptions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
