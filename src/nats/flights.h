/* Requests in flight: what is known of each message on its way to NATS, and
 * when to give up. Pure: events come in as calls, time as an argument.
 *
 *	QUEUED    posted to the session. Ends with PUBLISH_AWAY when the session
 *	          ends: surely not sent
 *	SENT      may have reached the server. Ends with PUBLISH_NO_ACK or
 *	          PUBLISH_NO_REPLY when the session ends or the time is over:
 *	          unknown
 *	REPLIED   has a reply and may get more
 *	DONE      in no set any more
 *
 * Each flight ends exactly once. A flight that a function returns as DONE has
 * left the set; its memory is the caller's. Events with the id of no flight are
 * late ones: NULL. */
#ifndef SLUICE_FLIGHTS_H
#define SLUICE_FLIGHTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "base/registry.h"
#include "base/timer_heap.h"
#include "nats/publish_error.h"

enum flight_state {
	FLIGHT_QUEUED,
	FLIGHT_SENT,
	FLIGHT_REPLIED,
	FLIGHT_DONE,
};

/* Of a request. */
struct flight_options {
	bool is_publish;     /* waits for an acknowledgement, not for a reply */
	uint64_t timeout_ms; /* for all replies */
	uint64_t stall_ms;   /* from one reply to the next; 0: no limit */
	/* From the first reply on, in place of timeout_ms; 0: no other time. */
	uint64_t further_ms;
	uint32_t replies; /* at least 1: ends after so many */
};

struct flight {
	uint64_t id;
	enum flight_state state;
	/* DONE: why, or PUBLISH_FAILURES: all replies are there, or no more
	 * came in time after the first one. */
	enum publish_failure failure;
	struct flight_options options;
	uint32_t n_replies;
	uint64_t end_ms;
	struct timer_node deadline;
	struct list in_flights;
};

struct flights {
	struct registry ids;
	struct timer_heap deadlines;
	struct list all; /* oldest first */
	size_t n;
	size_t max;
};

void flights_init(struct flights *f, size_t max);
/* No flight is left. */
void flights_finish(struct flights *f);

/* QUEUED; sets all fields. -ENOBUFS (max), -ENOMEM or 0. */
int flights_add(struct flights *f, struct flight *flight,
		const struct flight_options *options, uint64_t now_ms);
/* The id of the next flight. */
uint64_t flights_next_id(const struct flights *f);
/* The same id, which no flight gets then. */
uint64_t flights_skip_id(struct flights *f);
/* The client is gone: no more answers are needed. */
void flights_remove(struct flights *f, struct flight *flight);

/* All up to this id were sent. */
void flights_sent(struct flights *f, uint64_t id);

/* Events of the publisher. Each returns the flight, or NULL. */

/* REPLIED, or DONE with the last reply. */
struct flight *flights_replied(struct flights *f, uint64_t id, uint64_t now_ms);
struct flight *flights_failed(struct flights *f, uint64_t id,
			      enum publish_failure failure);

/* The next flight that ends because the session has ended, or because its time
 * is over; NULL: no more. */
struct flight *flights_take_lost(struct flights *f);
struct flight *flights_take_expired(struct flights *f, uint64_t now_ms);
/* Time of the next deadline; UINT64_MAX: none. */
uint64_t flights_next_ms(const struct flights *f);

#endif
