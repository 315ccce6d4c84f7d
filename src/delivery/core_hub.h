/* The live subscriptions of all clients to subjects of core NATS: no ids, no
 * history. Pure: sockets are behind struct core_sink, NATS behind
 * nats/publisher.h, time is an argument (monotonic milliseconds).
 *
 *	core_feed    a subscription at the NATS server. Clients of one subject
 *	             share it; each member of a queue group has its own
 *	core_queue   frames that its subscriptions still need
 *	core_frame   a message, encoded once for each form
 *
 * A subscription opens when the server has processed it. It goes on in each new
 * session, after a gap "away". Messages that it misses because it is too slow,
 * or that NATS's mailbox had no room for, are counted in a gap "slow".
 *
 * One iteration of the loop: core_hub_on_event() for each event,
 *core_hub_tick() when it is due, then core_hub_flush() until it returns false.
 */
#ifndef SLUICE_CORE_HUB_H
#define SLUICE_CORE_HUB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "auth/rights.h"
#include "base/metrics.h"
#include "delivery/core_subscription.h"
#include "http/sse.h"
#include "nats/publisher.h"

struct core_hub;

enum {
	/* A subscription that is further behind misses messages. */
	CORE_BEHIND_MAX = 1024 * 1024, /* bytes */
	/* Of all frames; beyond it the slowest subscriptions miss messages. */
	CORE_MEMORY_MAX = 64 * 1024 * 1024,
};

struct core_hub_config {
	uint64_t ping_ms; /* 0: none */
	enum sse_ping ping;
	uint64_t retry_ms;	  /* of clients */
	uint64_t open_timeout_ms; /* for the server's word */
	const char *event_header; /* --event-header; NULL: none */
	size_t behind_max;	  /* bytes; 0: CORE_BEHIND_MAX */
	size_t memory_max;	  /* bytes; 0: CORE_MEMORY_MAX */
};

/* Everything is borrowed and must outlive the hub. -ENOMEM or 0. */
int core_hub_new(struct core_hub **ret, const struct core_hub_config *cfg,
		 struct publisher *publisher, const struct core_sink *sink,
		 struct metrics *metrics);
/* All subscriptions are closed. */
void core_hub_free(struct core_hub *h);

void core_hub_on_event(struct core_hub *h, const struct publisher_event *ev,
		       uint64_t now_ms);
/* Opens, writes, reports failures: at most `max` subscriptions. True: more
 * wait, call again soon. */
bool core_hub_flush(struct core_hub *h, uint64_t now_ms, size_t max);
/* Pings, time-outs, retries. Call core_hub_flush() after it. */
void core_hub_tick(struct core_hub *h, uint64_t now_ms);
/* When core_hub_tick() next has work; UINT64_MAX: never. */
uint64_t core_hub_next_ms(const struct core_hub *h);

/* All borrowed, for the call. */
struct core_open {
	struct span id;				  /* empty: no identity */
	const struct rights_selection *selection; /* of one pattern */
	struct span group;			  /* queue group; or empty */
	uint32_t limit;				  /* messages; 0: no limit */
	bool chunked;
	bool ndjson;	  /* lines of JSON and not events */
	bool json_events; /* events with such a line as data */
	bool json;	  /* in both: a payload that is JSON stands as JSON */
	bool system;	  /* with ndjson: lines for the opening and for pings */
};

/* Opens a subscription; sink->open() or sink->failed() comes with a later
 * flush. -ENOMEM, or another negative errno when NATS is away or busy; 0. */
int core_hub_open(struct core_hub *h, struct core_subscription *s,
		  const struct core_open *open, uint64_t now_ms);
/* The socket has room again. */
void core_hub_writable(struct core_hub *h, struct core_subscription *s);
/* The client's token is about to expire: a block says so. */
void core_hub_warn_of_expiry(struct core_hub *h, struct core_subscription *s);
/* The subscription is over, for whatever reason. Twice is a no-op. *rest
 * (NULL: not wanted): bytes that must precede anything else on the socket, the
 * rest of a frame that was begun, appended. -ENOMEM or 0. */
int core_hub_close(struct core_hub *h, struct core_subscription *s,
		   struct buf *rest);

/* The pattern that it follows. */
struct span core_hub_subject(const struct core_subscription *s);
/* The identity; empty: it has none. */
struct span core_hub_identity(const struct core_subscription *s);
/* Number of subscriptions of one identity, and of all. */
size_t core_hub_subscriptions_of(const struct core_hub *h, struct span id);
/* The subscriptions of an identity, the oldest first; at most `max` to `ret`.
 * Returns how many there are. */
size_t core_hub_find_subscriptions(const struct core_hub *h, struct span id,
				   struct core_subscription **ret, size_t max);
size_t core_hub_subscriptions(const struct core_hub *h);
/* Brings the gauges up to date. */
void core_hub_gauges(struct core_hub *h);

/* The invariant that does not hold between two calls, or NULL. For tests. */
const char *core_hub_check(const struct core_hub *h);

#endif
