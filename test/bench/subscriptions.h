/* All subscriptions of one process on one epoll: `in_flight` are opened at a
 * time, all are read as fast as possible, and each is checked for gaps,
 * duplicates and order. All work is done in subscriptions_run_once(). */
#ifndef BENCH_SUBSCRIPTIONS_H
#define BENCH_SUBSCRIPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "histogram.h"
#include "sse_scan.h"
#include "target.h"

struct subscriptions_config {
	const struct target *target;
	unsigned n;
	unsigned n_ids;	       /* subscription i has id first_id + i % n_ids */
	unsigned first_id;     /* processes divide the ids among them */
	unsigned in_flight;    /* requests without a response head */
	unsigned n_sources;    /* source addresses 127.0.0.x */
	unsigned first_source; /* x of the first */
	unsigned n_stalled;    /* the first ones; they read only the head */
	bool close_at_once;    /* when the response head is there */
	uint64_t first;	       /* number of the first event; 0: any */
	uint64_t warm_up;      /* number of the last event without a latency */
};

enum subscription_state {
	SUBSCRIPTION_CLOSED,
	SUBSCRIPTION_CONNECTING, /* the request is not sent */
	SUBSCRIPTION_REQUESTED,	 /* no response head yet */
	SUBSCRIPTION_OPEN,
	SUBSCRIPTION_STALLED,
};

struct subscription {
	int fd; /* -1: CLOSED */
	uint8_t state;
	uint32_t n_events;
	uint64_t next;	   /* number of the next event; 0: any */
	uint64_t since_ns; /* start of the connect */
	struct sse_scan scan;
};

struct subscriptions_counts {
	uint64_t opened; /* responses with status 200 */
	uint64_t failed; /* no connection, or another status */
	uint64_t ended;	 /* by the server, while open */
	uint64_t events;
	uint64_t pings;
	uint64_t gaps;
	uint64_t others;
	uint64_t bytes;
	uint64_t missing;
	uint64_t duplicates; /* of the event before */
	uint64_t disordered; /* older events */
};

struct subscriptions {
	struct subscriptions_config cfg;
	struct subscription *all;
	char *buffer;
	int epoll;
	bool *watched;
	unsigned next;	      /* index of the next to open */
	unsigned n_requested; /* in flight */
	unsigned n_open;
	uint32_t goal;	 /* events for each */
	unsigned n_done; /* subscriptions that have them */
	struct subscriptions_counts counts;
	int last_error;	 /* errno of the last failed connection */
	int last_status; /* HTTP status of the last failed request */
	uint64_t begun_ns;
	uint64_t opened_ns; /* time of the last response head */
	uint64_t first_stamp_ns;
	uint64_t last_event_ns;
	struct histogram setup;
	struct histogram latency;
};

/* 0, or -errno. */
int subscriptions_init(struct subscriptions *s,
		       const struct subscriptions_config *cfg);
void subscriptions_finish(struct subscriptions *s);

/* Begins to open all. A subscription that was open before resumes after its
 * last event id. */
void subscriptions_open(struct subscriptions *s);
bool subscriptions_are_open(const struct subscriptions *s);
/* Sets the number of events that each must have, counted from its first. */
void subscriptions_expect(struct subscriptions *s, uint32_t goal);
bool subscriptions_are_done(const struct subscriptions *s);
void subscriptions_close(struct subscriptions *s);
/* Waits for one batch of socket events and handles it. */
void subscriptions_run_once(struct subscriptions *s, int timeout_ms);
/* Watches another descriptor: when it is readable, subscriptions_run_once()
 * returns at once and *ready is true. */
int subscriptions_watch(struct subscriptions *s, int fd, bool *ready);

#endif
