#include "nats/messenger.h"

#include <errno.h>
#include <string.h>

#include "base/check.h"

void messenger_init(struct messenger *m, struct publisher *publisher,
		    struct metrics *metrics, size_t max)
{
	*m = (struct messenger){.publisher = publisher, .metrics = metrics};
	flights_init(&m->flights, max);
}

void messenger_finish(struct messenger *m)
{
	flights_finish(&m->flights);
}

size_t messenger_in_flight(const struct messenger *m)
{
	return m->flights.n;
}

/* ---- sending ------------------------------------------------------------- */

static enum publish_failure failure_of_call(int rc)
{
	switch (rc) {
	case 0:
		return PUBLISH_FAILURES;
	case -ENOTCONN:
		return PUBLISH_AWAY;
	case -EMSGSIZE:
		return PUBLISH_TOO_LARGE;
	default:
		return PUBLISH_BUSY;
	}
}

typedef int (*publisher_call)(struct publisher *p,
			      const struct publisher_message *m);

static enum publish_failure try_to_send(struct messenger *m, struct outgoing *o,
					const struct messenger_message *message,
					const struct flight_options *options,
					uint64_t now_ms, publisher_call call)
{
	struct publisher_message out = {
		.subject = message->subject,
		.reply = message->reply,
		.headers = message->headers,
		.data = message->data,
		.deadline_ms = now_ms + options->timeout_ms,
	};
	int rc;

	if (!m->is_up)
		return PUBLISH_AWAY;
	if (out.headers.len + out.data.len > m->max_payload)
		return PUBLISH_TOO_LARGE;
	if (flights_add(&m->flights, &o->flight, options, now_ms) < 0)
		return PUBLISH_BUSY;
	out.id = o->flight.id;
	o->subject = message->subject;
	o->sent_ms = now_ms;
	rc = call(m->publisher, &out);
	if (rc < 0)
		flights_remove(&m->flights, &o->flight);
	return failure_of_call(rc);
}

static enum publish_failure dispatch_outgoing(
	struct messenger *m, struct outgoing *o,
	const struct messenger_message *message,
	const struct flight_options *options, uint64_t now_ms,
	publisher_call call)
{
	enum publish_failure failure =
		try_to_send(m, o, message, options, now_ms, call);

	if (failure != PUBLISH_FAILURES)
		o->cbs = NULL;
	return failure;
}

enum publish_failure messenger_publish(struct messenger *m, struct outgoing *o,
				       const struct outgoing_cbs *cbs,
				       const struct messenger_message *message,
				       uint64_t timeout_ms, uint64_t now_ms)
{
	const struct flight_options options = {
		.is_publish = true,
		.timeout_ms = timeout_ms,
		.replies = 1,
	};

	*o = (struct outgoing){.cbs = cbs, .is_core = true};
	return dispatch_outgoing(m, o, message, &options, now_ms,
				 m->publisher->ops->publish);
}

enum publish_failure messenger_request(struct messenger *m, struct outgoing *o,
				       const struct outgoing_cbs *cbs,
				       const struct messenger_message *message,
				       const struct flight_options *options,
				       uint64_t now_ms)
{
	*o = (struct outgoing){.cbs = cbs};
	return dispatch_outgoing(m, o, message, options, now_ms,
				 m->publisher->ops->request);
}

void messenger_post(struct messenger *m,
		    const struct messenger_message *message,
		    uint64_t timeout_ms, uint64_t now_ms)
{
	const struct publisher_message out = {
		.id = flights_skip_id(&m->flights),
		.subject = message->subject,
		.headers = message->headers,
		.data = message->data,
		.deadline_ms = now_ms + timeout_ms,
	};

	if (m->is_up)
		m->publisher->ops->publish(m->publisher, &out);
}

uint64_t messenger_next_id(const struct messenger *m)
{
	return flights_next_id(&m->flights);
}

/* Also of a list of end_flights(). */
void messenger_cancel(struct messenger *m, struct outgoing *o)
{
	if (o->cbs == NULL)
		return;
	if (o->flight.state != FLIGHT_DONE && !o->is_core)
		m->publisher->ops->forget(m->publisher, o->flight.id);
	flights_remove(&m->flights, &o->flight);
	list_remove(&o->flight.in_flights);
	if (m->replying == o)
		m->replying = NULL;
	o->cbs = NULL;
}

/* ---- ends ---------------------------------------------------------------- */

static struct outgoing *outgoing_of(struct flight *flight)
{
	return CONTAINER_OF(flight, struct outgoing, flight);
}

static void end_outgoing(struct outgoing *o)
{
	const struct outgoing_cbs *cbs = o->cbs;

	o->cbs = NULL;
	cbs->on_end(o, o->flight.failure);
}

/* The flights of the list have left the set. A callback may cancel others of
 * them. */
static void end_flights(struct list *ended)
{
	struct list *node;

	while ((node = list_pop(ended)) != NULL)
		end_outgoing(outgoing_of(
			CONTAINER_OF(node, struct flight, in_flights)));
}

static void take_flight(struct messenger *m, struct flight *flight,
			enum publish_failure failure, struct list *ended)
{
	flights_failed(&m->flights, flight->id, failure);
	list_push_back(ended, &flight->in_flights);
}

static void end_lost(struct messenger *m)
{
	struct flight *flight;
	struct list ended;

	list_init(&ended);
	while ((flight = flights_take_lost(&m->flights)) != NULL)
		list_push_back(&ended, &flight->in_flights);
	end_flights(&ended);
}

/* Core publishes up to this id. */
static void end_flushed(struct messenger *m, uint64_t id)
{
	struct list *at = m->flights.all.next;
	struct list *next;
	struct flight *flight;
	struct list ended;

	list_init(&ended);
	for (; at != &m->flights.all; at = next) {
		next = at->next;
		flight = CONTAINER_OF(at, struct flight, in_flights);
		if (flight->id > id)
			break;
		if (outgoing_of(flight)->is_core)
			take_flight(m, flight, PUBLISH_FAILURES, &ended);
	}
	end_flights(&ended);
}

static bool is_denied_subject(const struct publisher_event *denied,
			      struct span subject)
{
	size_t len = denied->subject.len;

	return (subject.len == len || (denied->is_cut && subject.len > len)) &&
	       memcmp(subject.at, denied->subject.at, len) == 0;
}

static void end_denied(struct messenger *m,
		       const struct publisher_event *denied)
{
	struct list *at = m->flights.all.next;
	struct list *next;
	struct flight *flight;
	struct list ended;

	list_init(&ended);
	for (; at != &m->flights.all; at = next) {
		const struct outgoing *o;

		next = at->next;
		flight = CONTAINER_OF(at, struct flight, in_flights);
		o = outgoing_of(flight);
		if (flight->state == FLIGHT_SENT &&
		    is_denied_subject(denied, o->subject))
			take_flight(m, flight, PUBLISH_DENIED, &ended);
	}
	end_flights(&ended);
}

/* ---- events -------------------------------------------------------------- */

static void deliver_reply(struct messenger *m, const struct publisher_event *ev,
			  uint64_t now_ms)
{
	struct flight *flight = flights_replied(&m->flights, ev->id, now_ms);
	struct outgoing *o;
	bool is_last;

	if (flight == NULL)
		return;
	o = outgoing_of(flight);
	if (flight->options.is_publish)
		metrics_observe(m->metrics, METRIC_SPREAD_ACK_TIME,
				(now_ms - o->sent_ms) * 1000, 1);
	is_last = flight->state == FLIGHT_DONE;
	m->replying = o;
	o->cbs->on_reply(o, ev);
	/* The callback may have cancelled and freed it. */
	if (m->replying != NULL && is_last)
		end_outgoing(o);
	m->replying = NULL;
}

static void take_failure(struct messenger *m, const struct publisher_event *ev)
{
	struct flight *flight =
		flights_failed(&m->flights, ev->id, ev->failure);

	if (flight != NULL)
		end_outgoing(outgoing_of(flight));
}

bool messenger_on_event(struct messenger *m, const struct publisher_event *ev,
			uint64_t now_ms)
{
	switch (ev->kind) {
	case PUBLISHER_UP:
		m->is_up = true;
		m->max_payload = ev->max_payload;
		return true;
	case PUBLISHER_DOWN:
		m->is_up = false;
		end_lost(m);
		return true;
	case PUBLISHER_SENT:
		flights_sent(&m->flights, ev->id);
		return true;
	case PUBLISHER_FLUSHED:
		end_flushed(m, ev->id);
		return true;
	case PUBLISHER_REPLY:
		deliver_reply(m, ev, now_ms);
		return true;
	case PUBLISHER_DENIED:
		end_denied(m, ev);
		return true;
	case PUBLISHER_FAILED:
		take_failure(m, ev);
		return true;
	case PUBLISHER_ACTIVE:
	case PUBLISHER_MESSAGE:
		return false;
	}
	return false;
}

void messenger_tick(struct messenger *m, uint64_t now_ms)
{
	struct flight *flight;

	while ((flight = flights_take_expired(&m->flights, now_ms)) != NULL) {
		struct outgoing *o = outgoing_of(flight);

		if (!o->is_core)
			m->publisher->ops->forget(m->publisher, flight->id);
		end_outgoing(o);
	}
}

uint64_t messenger_next_ms(const struct messenger *m)
{
	return flights_next_ms(&m->flights);
}
