/* Subscriptions at the NATS server, behind nats/publisher.h: one for each
 * subject that live subscriptions follow, and one for each member of a queue
 * group. A feed is subscribed again in each new session.
 *
 *	AWAY     no session, or the call failed: until PUBLISHER_UP, or a retry
 *	OPENING  until PUBLISHER_ACTIVE
 *	ACTIVE   until the session ends */
#ifndef SLUICE_CORE_FEED_H
#define SLUICE_CORE_FEED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/hash_table.h"
#include "base/list.h"
#include "base/registry.h"
#include "base/span.h"
#include "nats/publisher.h"

enum core_feed_state {
	CORE_FEED_AWAY,
	CORE_FEED_OPENING,
	CORE_FEED_ACTIVE,
};

struct core_feed {
	struct hash_node in_table; /* not of a queue group */
	struct list in_feeds;
	struct list queues;  /* struct core_queue.in_feed */
	struct list waiting; /* struct core_subscription.waiting: OPENING */
	uint64_t number;     /* of its id, in core_feeds.numbers; 0: none */
	uint8_t state;
	bool is_gap_due; /* was ACTIVE in an earlier session */
	struct span subject;
	struct span group; /* empty: shared by all subscriptions */
	char text[];
};

struct core_feeds {
	struct publisher *publisher;
	struct hash_table by_subject;
	struct list all;
	size_t n;
	struct registry numbers;
	bool is_up;
	/* Of the feeds that are AWAY in a session. UINT64_MAX: none. */
	uint64_t retry_ms;
};

/* The publisher is borrowed. -ENOMEM or 0. */
int core_feeds_init(struct core_feeds *fs, struct publisher *publisher);
/* No feed is left. */
void core_feeds_finish(struct core_feeds *fs);

/* That of the subject, or a new one, AWAY; with a group always a new one. NULL:
 * no memory. */
struct core_feed *core_feeds_add(struct core_feeds *fs, struct span subject,
				 struct span group);
/* Unsubscribes and frees it; it has no queues. */
void core_feeds_remove(struct core_feeds *fs, struct core_feed *f);
/* By the id of an event; NULL: none, or of an earlier session. */
struct core_feed *core_feeds_find(const struct core_feeds *fs, uint64_t id);

/* Of an AWAY feed. OPENING with 0, or AWAY with a negative errno: try again at
 * fs->retry_ms. */
int core_feeds_subscribe(struct core_feeds *fs, struct core_feed *f,
			 uint64_t now_ms);
/* The session is over: AWAY. */
void core_feeds_lose(struct core_feeds *fs, struct core_feed *f);
/* The server has ended this subscription alone: AWAY until the retry. */
void core_feeds_fail(struct core_feeds *fs, struct core_feed *f,
		     uint64_t now_ms);

#endif
