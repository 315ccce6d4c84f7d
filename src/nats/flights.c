#include "nats/flights.h"

#include <errno.h>
#include <stddef.h>

#include "base/check.h"

void flights_init(struct flights *f, size_t max)
{
	*f = (struct flights){.max = max};
	list_init(&f->all);
}

void flights_finish(struct flights *f)
{
	MUST(f->n == 0);
	registry_finish(&f->ids);
	timer_heap_finish(&f->deadlines);
}

int flights_add(struct flights *f, struct flight *flight,
		const struct flight_options *options, uint64_t now_ms)
{
	MUST(options->replies > 0);
	if (f->n >= f->max)
		return -ENOBUFS;
	*flight = (struct flight){
		.state = FLIGHT_QUEUED,
		.failure = PUBLISH_FAILURES,
		.options = *options,
		.end_ms = now_ms + options->timeout_ms,
	};
	if (timer_heap_reserve(&f->deadlines) < 0 ||
	    registry_add(&f->ids, flight, &flight->id) < 0)
		return -ENOMEM;
	timer_heap_set(&f->deadlines, &flight->deadline, flight->end_ms);
	list_push_back(&f->all, &flight->in_flights);
	f->n++;
	return 0;
}

uint64_t flights_next_id(const struct flights *f)
{
	return f->ids.last + 1;
}

uint64_t flights_skip_id(struct flights *f)
{
	return ++f->ids.last;
}

void flights_remove(struct flights *f, struct flight *flight)
{
	if (flight->state == FLIGHT_DONE)
		return;
	flight->state = FLIGHT_DONE;
	registry_remove(&f->ids, flight->id);
	timer_heap_remove(&f->deadlines, &flight->deadline);
	list_remove(&flight->in_flights);
	f->n--;
}

static struct flight *end_flight(struct flights *f, struct flight *flight,
				 enum publish_failure failure)
{
	flight->failure = failure;
	flights_remove(f, flight);
	return flight;
}

/* The queued ones are the newest. */
void flights_sent(struct flights *f, uint64_t id)
{
	struct flight *flight;

	for (struct list *at = f->all.prev; at != &f->all; at = at->prev) {
		flight = CONTAINER_OF(at, struct flight, in_flights);
		if (flight->id > id)
			continue;
		if (flight->state != FLIGHT_QUEUED)
			return;
		flight->state = FLIGHT_SENT;
	}
}

static void set_stall_deadline(struct flights *f, struct flight *flight,
			       uint64_t now_ms)
{
	uint64_t stall_ms = flight->options.stall_ms;
	uint64_t ms = flight->end_ms;

	if (stall_ms > 0 && now_ms + stall_ms < ms)
		ms = now_ms + stall_ms;
	timer_heap_set(&f->deadlines, &flight->deadline, ms);
}

struct flight *flights_replied(struct flights *f, uint64_t id, uint64_t now_ms)
{
	struct flight *flight = registry_find(&f->ids, id);

	if (flight == NULL)
		return NULL;
	if (flight->n_replies == 0 && flight->options.further_ms > 0)
		flight->end_ms = now_ms + flight->options.further_ms;
	flight->state = FLIGHT_REPLIED;
	if (++flight->n_replies == flight->options.replies)
		return end_flight(f, flight, PUBLISH_FAILURES);
	set_stall_deadline(f, flight, now_ms);
	return flight;
}

struct flight *flights_failed(struct flights *f, uint64_t id,
			      enum publish_failure failure)
{
	struct flight *flight = registry_find(&f->ids, id);

	return flight == NULL ? NULL : end_flight(f, flight, failure);
}

/* No answer, and the message may be stored. */
static enum publish_failure unknown_failure(const struct flight *flight)
{
	return flight->options.is_publish ? PUBLISH_NO_ACK : PUBLISH_NO_REPLY;
}

struct flight *flights_take_lost(struct flights *f)
{
	struct list *node = list_first(&f->all);
	struct flight *flight;

	if (node == NULL)
		return NULL;
	flight = CONTAINER_OF(node, struct flight, in_flights);
	return end_flight(f, flight,
			  flight->state == FLIGHT_QUEUED
				  ? PUBLISH_AWAY
				  : unknown_failure(flight));
}

/* The session may send a queued one while this is called, so that it is
 * unknown, too. */
struct flight *flights_take_expired(struct flights *f, uint64_t now_ms)
{
	struct timer_node *node = timer_heap_first(&f->deadlines);
	struct flight *flight;

	if (node == NULL || node->ms > now_ms)
		return NULL;
	flight = CONTAINER_OF(node, struct flight, deadline);
	return end_flight(f, flight,
			  flight->state == FLIGHT_REPLIED
				  ? PUBLISH_FAILURES
				  : unknown_failure(flight));
}

uint64_t flights_next_ms(const struct flights *f)
{
	const struct timer_node *node = timer_heap_first(&f->deadlines);

	return node == NULL ? UINT64_MAX : node->ms;
}
