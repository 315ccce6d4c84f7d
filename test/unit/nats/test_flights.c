#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/check.h"
#include "fake_publisher.h"
#include "nats/flights.h"

static const struct flight_options publish = {.is_publish = true,
					      .timeout_ms = 5000,
					      .replies = 1};
static const struct flight_options request = {.timeout_ms = 2000, .replies = 1};
static const struct flight_options three = {.timeout_ms = 2000,
					    .stall_ms = 200,
					    .replies = 3};

struct world {
	struct flights flights;
	struct flight list[4];
};

static struct world *begin(void)
{
	static struct world w;

	memset(&w, 0x5a, sizeof(w));
	flights_init(&w.flights, 4);
	return &w;
}

static struct flight *add(struct world *w, size_t i,
			  const struct flight_options *o, uint64_t now_ms)
{
	assert_int_equal(flights_add(&w->flights, &w->list[i], o, now_ms), 0);
	assert_int_equal(w->list[i].state, FLIGHT_QUEUED);
	return &w->list[i];
}

static void expect_end(const struct flight *flight, const struct flight *got,
		       enum publish_failure failure)
{
	assert_ptr_equal(got, flight);
	assert_int_equal(flight->state, FLIGHT_DONE);
	assert_int_equal(flight->failure, failure);
}

static void expect_empty(struct world *w)
{
	assert_null(flights_take_lost(&w->flights));
	assert_null(flights_take_expired(&w->flights, UINT64_MAX));
	assert_true(flights_next_ms(&w->flights) == UINT64_MAX);
	assert_int_equal(w->flights.n, 0);
	flights_finish(&w->flights);
}

static void an_acknowledgement_ends_a_publish(void **state)
{
	struct world *w = begin();
	struct flight *a = add(w, 0, &publish, 100);

	(void)state;
	flights_sent(&w->flights, a->id);
	assert_int_equal(a->state, FLIGHT_SENT);
	expect_end(a, flights_replied(&w->flights, a->id, 150),
		   PUBLISH_FAILURES);
	/* Late events. */
	assert_null(flights_replied(&w->flights, a->id, 160));
	assert_null(flights_failed(&w->flights, a->id, PUBLISH_BUSY));
	flights_sent(&w->flights, 77);
	expect_empty(w);
}

/* A reply says more than that it was sent, whichever comes first. */
static void a_reply_may_come_before_sent(void **state)
{
	struct world *w = begin();
	struct flight *a = add(w, 0, &three, 0);

	(void)state;
	assert_ptr_equal(flights_replied(&w->flights, a->id, 10), a);
	flights_sent(&w->flights, a->id);
	assert_int_equal(a->state, FLIGHT_REPLIED);
	flights_remove(&w->flights, a);
	flights_remove(&w->flights, a);
	expect_empty(w);
}

static void a_session_that_ends(void **state)
{
	struct world *w = begin();
	struct flight *sent = add(w, 0, &publish, 0);
	struct flight *asked = add(w, 1, &request, 0);
	struct flight *replied = add(w, 2, &three, 0);
	struct flight *queued = add(w, 3, &publish, 0);

	(void)state;
	flights_sent(&w->flights, replied->id);
	flights_replied(&w->flights, replied->id, 1);
	expect_end(sent, flights_take_lost(&w->flights), PUBLISH_NO_ACK);
	expect_end(asked, flights_take_lost(&w->flights), PUBLISH_NO_REPLY);
	expect_end(replied, flights_take_lost(&w->flights), PUBLISH_NO_REPLY);
	expect_end(queued, flights_take_lost(&w->flights), PUBLISH_AWAY);
	expect_empty(w);
}

static void deadlines(void **state)
{
	struct world *w = begin();
	struct flight *a = add(w, 0, &publish, 1000);
	struct flight *b = add(w, 1, &request, 1000);

	(void)state;
	flights_sent(&w->flights, a->id);
	assert_int_equal(flights_next_ms(&w->flights), 3000);
	assert_null(flights_take_expired(&w->flights, 2999));
	/* Even a queued one may have been sent by now. */
	expect_end(b, flights_take_expired(&w->flights, 3000),
		   PUBLISH_NO_REPLY);
	assert_null(flights_take_expired(&w->flights, 5999));
	expect_end(a, flights_take_expired(&w->flights, 6000), PUBLISH_NO_ACK);
	expect_empty(w);
}

static void replies_that_come_one_by_one(void **state)
{
	struct world *w = begin();
	struct flight *a = add(w, 0, &three, 0);

	(void)state;
	flights_sent(&w->flights, a->id);
	/* No stall before the first reply. */
	assert_int_equal(flights_next_ms(&w->flights), 2000);
	assert_ptr_equal(flights_replied(&w->flights, a->id, 1500), a);
	assert_int_equal(a->state, FLIGHT_REPLIED);
	assert_int_equal(flights_next_ms(&w->flights), 1700);
	flights_replied(&w->flights, a->id, 1650);
	assert_int_equal(a->n_replies, 2);
	assert_int_equal(flights_next_ms(&w->flights), 1850);
	expect_end(a, flights_replied(&w->flights, a->id, 1800),
		   PUBLISH_FAILURES);
	a = add(w, 0, &three, 0);
	flights_replied(&w->flights, a->id, 1900);
	assert_int_equal(flights_next_ms(&w->flights), 2000);
	/* Not an error: some replies are there. */
	expect_end(a, flights_take_expired(&w->flights, 2000),
		   PUBLISH_FAILURES);
	a = add(w, 0, &three, 0);
	flights_replied(&w->flights, a->id, 2500);
	assert_int_equal(flights_next_ms(&w->flights), 2000);
	flights_remove(&w->flights, a);
	expect_empty(w);
}

static void failures_of_the_session(void **state)
{
	struct world *w = begin();
	struct flight *a = add(w, 0, &publish, 0);

	(void)state;
	flights_sent(&w->flights, a->id);
	expect_end(a, flights_failed(&w->flights, a->id, PUBLISH_NO_RESPONDERS),
		   PUBLISH_NO_RESPONDERS);
	expect_empty(w);
}

static void flights_are_limited(void **state)
{
	struct world *w = begin();
	struct flight other;

	(void)state;
	for (size_t i = 0; i < 4; i++)
		add(w, i, &publish, 0);
	assert_int_equal(flights_add(&w->flights, &other, &publish, 0),
			 -ENOBUFS);
	flights_remove(&w->flights, &w->list[2]);
	add(w, 2, &publish, 0);
	assert_true(w->list[2].id > w->list[3].id);
	while (flights_take_lost(&w->flights) != NULL)
		;
	expect_empty(w);
}

/* ---- with a session and a server ----------------------------------------- */

/* Random steps of loop, worker and server. What the client gets is compared
 * with what the server has. */

enum { REQUESTS = 300, OPEN_MAX = 20 };

struct sim {
	struct fake_publisher fake;
	struct flights flights;
	struct flight list[REQUESTS];
	bool on_server[REQUESTS + 1]; /* by id */
	bool is_answered[REQUESTS + 1];
	size_t n, n_done;
	size_t n_stored, n_away, n_unknown;
	uint64_t now_ms;
};

static void finish_one(struct sim *s, struct flight *flight)
{
	assert_int_equal(flight->state, FLIGHT_DONE);
	s->n_done++;
	switch (flight->failure) {
	case PUBLISH_FAILURES:
		assert_true(s->is_answered[flight->id]);
		s->n_stored++;
		break;
	case PUBLISH_AWAY:
	case PUBLISH_BUSY:
		assert_false(s->on_server[flight->id]);
		s->n_away++;
		break;
	default:
		assert_int_equal(flight->failure, PUBLISH_NO_ACK);
		s->n_unknown++;
	}
}

static void take_events(struct sim *s)
{
	struct publisher_event e;
	struct flight *flight = NULL;

	if (!fake_publisher_take_event(&s->fake, &e))
		return;
	if (e.kind == PUBLISHER_DOWN)
		while ((flight = flights_take_lost(&s->flights)) != NULL)
			finish_one(s, flight);
	else if (e.kind == PUBLISHER_SENT)
		flights_sent(&s->flights, e.id);
	else if (e.kind == PUBLISHER_REPLY)
		flight = flights_replied(&s->flights, e.id, s->now_ms);
	else if (e.kind == PUBLISHER_FAILED)
		flight = flights_failed(&s->flights, e.id, e.failure);
	if (flight != NULL)
		finish_one(s, flight);
}

static void publish_one(struct sim *s)
{
	struct flight *flight = &s->list[s->n];
	struct publisher_message m = {.subject = span_of("a"),
				      .data = span_of("x")};

	if (s->n == REQUESTS || s->flights.n >= OPEN_MAX)
		return;
	s->n++;
	assert_int_equal(flights_add(&s->flights, flight, &publish, s->now_ms),
			 0);
	m.id = flight->id;
	m.deadline_ms = s->now_ms + publish.timeout_ms;
	if (s->fake.base.ops->request(&s->fake.base, &m) == 0)
		return;
	finish_one(s, flights_failed(&s->flights, flight->id, PUBLISH_AWAY));
}

static void send_one(struct sim *s)
{
	size_t had = s->fake.n_arrived;

	fake_publisher_send(&s->fake, s->now_ms);
	if (s->fake.n_arrived > had)
		s->on_server[s->fake.arrived[had].id] = true;
}

static void answer_one(struct sim *s)
{
	uint64_t id;

	if (s->fake.n_arrived == 0)
		return;
	id = s->fake.arrived[(size_t)rand() % s->fake.n_arrived].id;
	if (s->is_answered[id] || !s->fake.is_up)
		return;
	s->is_answered[id] = true;
	fake_publisher_answer(&s->fake, id, "ack");
}

static void change_session(struct sim *s)
{
	if (!s->fake.is_up)
		fake_publisher_up(&s->fake);
	else if (rand() % 10 == 0)
		fake_publisher_down(&s->fake);
	fake_publisher_clear(&s->fake);
}

static void pass_time(struct sim *s)
{
	struct flight *flight;

	s->now_ms += (uint64_t)rand() % 500;
	while ((flight = flights_take_expired(&s->flights, s->now_ms)) != NULL)
		finish_one(s, flight);
}

static void each_request_gets_a_true_answer(void **state)
{
	static void (*const steps[])(struct sim * s) = {
		publish_one, publish_one, send_one,   send_one,
		take_events, take_events, answer_one, answer_one,
		pass_time,   take_events, send_one,   answer_one,
	};
	size_t stored = 0, away = 0, unknown = 0;

	(void)state;
	for (unsigned seed = 1; seed <= 60; seed++) {
		static struct sim s;

		srand(seed);
		memset(&s, 0, sizeof(s));
		fake_publisher_init(&s.fake);
		flights_init(&s.flights, OPEN_MAX);
		while (s.n_done < REQUESTS) {
			steps[(size_t)rand() % ARRAY_LEN(steps)](&s);
			if (rand() % 40 == 0)
				change_session(&s);
		}
		assert_int_equal(s.n_done, s.n);
		stored += s.n_stored;
		away += s.n_away;
		unknown += s.n_unknown;
		flights_finish(&s.flights);
		fake_publisher_finish(&s.fake);
	}
	assert_true(stored > 1000 && away > 200 && unknown > 200);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_acknowledgement_ends_a_publish),
		cmocka_unit_test(a_reply_may_come_before_sent),
		cmocka_unit_test(a_session_that_ends),
		cmocka_unit_test(deadlines),
		cmocka_unit_test(replies_that_come_one_by_one),
		cmocka_unit_test(failures_of_the_session),
		cmocka_unit_test(flights_are_limited),
		cmocka_unit_test(each_request_gets_a_true_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
