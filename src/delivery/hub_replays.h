/* The pool of replay slots, and the line of evicted subscriptions that wait for
 * one. Nothing here writes: a subscription that can go on is marked dirty.
 *
 * A subscription of several patterns has one slot, and as many replays as
 * patterns; all replays together are at most as many as there are slots. (One
 * with more patterns than slots runs alone.) So replays of whatever selections
 * have the same bound of memory and requests. The line is served in order: the
 * first waits until there is room for all of its replays, and the others behind
 * it.
 *
 * deliver=last: many subscriptions of one subject ask for its newest message at
 * the same time. One of them asks with its replay; the others share the answer,
 * which hub_flush() writes to them before it writes to the one that asked. */
#ifndef SLUICE_HUB_REPLAYS_H
#define SLUICE_HUB_REPLAYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "base/metrics.h"
#include "delivery/hub_subscriptions.h"
#include "delivery/leader.h"
#include "delivery/replay_group.h"
#include "delivery/tail.h"

struct hub_replays {
	struct hub_subscriptions *subscriptions;
	const struct event_buffer *buffer;
	const struct tail *tail;
	struct leader *leader;
	struct metrics *metrics;
	struct replay_group *slots; /* request_id.owner of slots[i]: i + 1 */
	size_t n_slots;
	size_t n_running;    /* replays */
	size_t n_merged;     /* running groups of several patterns */
	struct list running; /* struct replay_group.link */
	struct list idle;
	struct replay_limiters limiters;
	bool no_memory; /* for a replay, or for lines of JSON: the line stands
			   still until the next tick */
};

struct hub_replays_config {
	size_t max;	   /* slots */
	unsigned max_asks; /* see struct hub_config; 0: the default */
	unsigned max_consumers;
};

/* Everything is borrowed. -ENOMEM or 0. */
int hub_replays_init(struct hub_replays *p,
		     const struct hub_replays_config *cfg,
		     struct hub_subscriptions *subscriptions, struct tail *tail,
		     struct metrics *metrics);
void hub_replays_finish(struct hub_replays *p);

/* The replay whose requests carry this owner; NULL: none has. */
struct replay *hub_replays_find(struct hub_replays *p, uint32_t owner);
/* An event for it, if it runs. */
void hub_replays_on_event(struct hub_replays *p,
			  const struct jetstream_event *ev, uint64_t now_ms);

/* Grants permits that became free, and idle slots to the line. */
void hub_replays_start(struct hub_replays *p, uint64_t now_ms);
/* The cursor's position allows to join the buffer. */
void hub_replays_join(struct hub_replays *p, struct replay_group *g,
		      uint64_t now_ms);
/* The frames that it had are on the socket. */
void hub_replays_on_written(struct hub_replays *p, struct replay_group *g,
			    uint64_t now_ms);
/* The leader has answered a STREAM.INFO of our stream. */
void hub_replays_on_info(struct hub_replays *p,
			 const struct jetstream_event *ev, uint64_t now_ms);
/* Another server than the leader has answered for the stream. */
void hub_replays_invalidate(struct hub_replays *p);
/* Its socket takes bytes again. */
void hub_replays_on_writable(struct hub_replays *p, struct replay_group *g);
/* Time-outs, and slots that go to others. */
void hub_replays_tick(struct hub_replays *p, uint64_t now_ms);
/* Memory was short: the subscription waits at least until the next tick. */
void hub_replays_wait_for_memory(struct hub_replays *p, struct cursor *c);
/* The slot is idle again. Its cursor's state stays. */
void hub_replays_end(struct hub_replays *p, struct replay_group *g);
/* Ends them all; their subscriptions wait for another slot. */
void hub_replays_abort(struct hub_replays *p);

/* Moves the subscriptions that share this replay's answer to the empty list
 * `ret` (struct cursor.queue). Each has its start position, and is EVICTED. */
void hub_replays_take_sharers(struct hub_replays *p, struct replay_group *g,
			      struct list *ret);

/* The invariant that does not hold, or NULL. For tests. */
const char *hub_replays_check(const struct hub_replays *p);

#endif
