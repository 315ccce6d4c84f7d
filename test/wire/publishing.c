#include "publishing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "nats/pattern.h"

void publishing_init(struct publishing *p, struct fake_jetstream *js,
		     struct metrics *metrics)
{
	*p = (struct publishing){.js = js, .failure = PUBLISH_FAILURES};
	fake_publisher_init(&p->fake);
	messenger_init(&p->messenger, &p->fake.base, metrics,
		       PUBLISHING_MAX_IN_FLIGHT);
	fake_publisher_up(&p->fake);
}

void publishing_finish(struct publishing *p)
{
	messenger_finish(&p->messenger);
	fake_publisher_finish(&p->fake);
	free(p->reply);
	free(p->headers);
}

/* ---- answers ------------------------------------------------------------- */

static void store_and_acknowledge(struct publishing *p,
				  const struct fake_call *call)
{
	uint64_t seq = p->js->last_seq + 1;
	char ack[64];

	MUST(fake_jetstream_store(p->js, seq, call->subject, call->data,
				  call->len));
	snprintf(ack, sizeof(ack), "{\"stream\":\"Events\",\"seq\":%llu}",
		 (unsigned long long)seq);
	fake_publisher_answer(&p->fake, call->id, ack);
}

static void send_reply(struct publishing *p, uint64_t id, const char *text)
{
	fake_publisher_reply(&p->fake, id, p->headers == NULL ? "" : p->headers,
			     text);
	free(p->headers);
	p->headers = NULL;
}

void publishing_reply(struct publishing *p, const char *text)
{
	MUST(p->fake.n_arrived > 0);
	send_reply(p, p->fake.arrived[p->fake.n_arrived - 1].id, text);
}

/* The server reports it before it has processed the message. */
static void deny_call(struct publishing *p, const struct fake_call *call)
{
	const struct publisher_event denied = {.kind = PUBLISHER_DENIED,
					       .subject =
						       span_of(call->subject)};

	fake_publisher_post(&p->fake, &denied);
}

static void answer_call(struct publishing *p, const struct fake_call *call)
{
	struct publisher_event flushed = {.kind = PUBLISHER_FLUSHED,
					  .id = call->id};

	if (call->kind == FAKE_PUBLISH) {
		if (p->failure == PUBLISH_DENIED)
			deny_call(p, call);
		p->failure = PUBLISH_FAILURES;
		fake_publisher_post(&p->fake, &flushed);
	} else if (call->kind != FAKE_REQUEST) {
		return;
	} else if (p->failure != PUBLISH_FAILURES) {
		fake_publisher_fail(&p->fake, call->id, p->failure);
		p->failure = PUBLISH_FAILURES;
	} else if (p->reply != NULL) {
		send_reply(p, call->id, p->reply);
		free(p->reply);
		p->reply = NULL;
	} else {
		store_and_acknowledge(p, call);
	}
}

static bool answer_calls(struct publishing *p)
{
	bool any = false;

	for (; !p->is_silent && p->n_answered < p->fake.n_arrived; any = true)
		answer_call(p, &p->fake.arrived[p->n_answered++]);
	return any;
}

/* ---- a turn -------------------------------------------------------------- */

static bool take_publisher_events(struct publishing *p, uint64_t now_ms)
{
	struct publisher_event e;
	bool any = false;

	for (; fake_publisher_take_event(&p->fake, &e); any = true) {
		messenger_on_event(&p->messenger, &e, now_ms);
		if (p->core != NULL)
			core_hub_on_event(p->core, &e, now_ms);
	}
	return any;
}

/* In place of the server's word that it is active. */
static void deny_subscription(struct publishing *p)
{
	struct fake_call *next = &p->fake.queued[0];

	if (p->fake.n_queued == 0 || next->kind != FAKE_SUBSCRIBE ||
	    p->failure == PUBLISH_FAILURES)
		return;
	fake_publisher_fail(&p->fake, next->id, p->failure);
	next->is_forgotten = true;
	p->failure = PUBLISH_FAILURES;
}

static bool send_next_call(struct publishing *p, uint64_t now_ms)
{
	if (p->is_held)
		return false;
	deny_subscription(p);
	return fake_publisher_send(&p->fake, now_ms);
}

static bool turn_core_hub(struct publishing *p, uint64_t now_ms)
{
	if (p->core == NULL)
		return false;
	if (core_hub_next_ms(p->core) <= now_ms)
		core_hub_tick(p->core, now_ms);
	return core_hub_flush(p->core, now_ms, SIZE_MAX);
}

bool publishing_turn(struct publishing *p, uint64_t now_ms)
{
	bool any = false;

	while (send_next_call(p, now_ms))
		any = true;
	any |= answer_calls(p);
	any |= take_publisher_events(p, now_ms);
	if (messenger_next_ms(&p->messenger) <= now_ms) {
		messenger_tick(&p->messenger, now_ms);
		any = true;
	}
	return turn_core_hub(p, now_ms) || any;
}

const struct fake_call *publishing_next(struct publishing *p)
{
	while (p->n_seen < p->fake.n_arrived &&
	       p->fake.arrived[p->n_seen].kind == FAKE_SUBSCRIBE)
		p->n_seen++;
	return p->n_seen < p->fake.n_arrived ? &p->fake.arrived[p->n_seen++]
					     : NULL;
}

/* ---- subscriptions ------------------------------------------------------- */

static bool is_subscribed(const struct fake_call *c)
{
	return c->kind == FAKE_SUBSCRIBE && !c->is_forgotten;
}

void publishing_deliver(struct publishing *p, const char *subject,
			const char *text)
{
	for (size_t i = 0; i < p->fake.n_arrived; i++) {
		const struct fake_call *c = &p->fake.arrived[i];

		if (is_subscribed(c) &&
		    pattern_matches(span_of(c->subject), span_of(subject)))
			fake_publisher_message(&p->fake, c->id, subject, text);
	}
}

size_t publishing_subscriptions(const struct publishing *p)
{
	size_t n = 0;

	for (size_t i = 0; i < p->fake.n_arrived; i++)
		n += is_subscribed(&p->fake.arrived[i]);
	return n;
}
