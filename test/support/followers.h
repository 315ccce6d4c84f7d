/* Clients of two gateways that follow a feed, in a thread of their own: they
 * stay, replay the whole stream again and again, or drop their connection at
 * random moments and resume on the other gateway. Each holds every event
 * against the count that is next: none may be missing or come twice. */
#ifndef TEST_FOLLOWERS_H
#define TEST_FOLLOWERS_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "acked_publisher.h"
#include "sse_client.h"

enum { FOLLOWERS_GATEWAYS = 2, FOLLOWERS_MAX = 32, FOLLOWERS_WHAT = 2048 };

enum followers_habit {
	FOLLOWERS_STAYS,   /* live, on the first gateway */
	FOLLOWERS_REPLAYS, /* everything, again and again, on the second */
	FOLLOWERS_HOPS,	   /* between both */
};

struct followers_client {
	struct followers *followers;
	enum followers_habit habit;
	unsigned user;
	int gateway; /* that it is connected to */
	uint64_t opened_ms;
	uint64_t leaves_ms; /* a hopper's next hop */
	char from[64];	    /* the cursor it came with, or empty */

	uint64_t counted; /* of its user's events, in order; atomic */
	uint64_t seq;	  /* of the last one */
	uint64_t events;  /* in all */
	unsigned openings;
};

struct followers {
	pthread_t thread;
	int runs;
	const struct acked_publisher *feed;
	char addresses[FOLLOWERS_GATEWAYS][128];
	unsigned seed;

	struct sse_client sockets[FOLLOWERS_MAX];
	struct followers_client clients[FOLLOWERS_MAX];
	unsigned n;

	/* Atomic. */
	int stop;
	int settled; /* replayers stay when they have caught up */
	int home;    /* and hoppers where they are */
	int failed;
	char what[FOLLOWERS_WHAT]; /* with `failed` */
	uint64_t failed_seq;	   /* the last good one before it */
};

/* Before the start. */
void followers_add(struct followers *c, enum followers_habit habit,
		   unsigned user);
/* Connects them all, and waits until each has its first id. The feed must not
 * have begun. */
void followers_start(struct followers *c, const struct acked_publisher *feed,
		     const char *const addresses[FOLLOWERS_GATEWAYS],
		     unsigned seed);
/* Fails the test when one of them has found a fault. */
void followers_check(const struct followers *c);
/* Replayers begin no further replay. */
void followers_settle(struct followers *c);
/* Hoppers stay, too. Until each has all events of its user that the feed has
 * published; fails when one gets nothing for so long. */
void followers_wait_all(struct followers *c, int timeout_ms);
/* How often they have opened a stream, and got an event; after the stop. */
void followers_totals(const struct followers *c, unsigned *openings,
		      uint64_t *events);
/* Ends the thread, closes them; zeroed is fine. */
void followers_stop(struct followers *c);

#endif
