/* Gaps: which subscriptions miss messages, what the client learns of it, and
 * where they go on. Nothing here writes: a subscription with a gap to report is
 * marked dirty. */
#ifndef SLUICE_HUB_GAPS_H
#define SLUICE_HUB_GAPS_H

#include <stdbool.h>
#include <stdint.h>

#include "delivery/hub_replays.h"
#include "delivery/hub_subscriptions.h"
#include "delivery/tail.h"

struct hub_gaps {
	struct hub_subscriptions *subscriptions;
	struct hub_replays *replays;
	struct event_buffer *buffer;
	const struct tail *tail;
	struct tail_gap late; /* what struct cursor.late_gap stands for */
};

/* What `event: gap` reports. */
struct hub_gap {
	bool reset;
	uint64_t after; /* the last sequence before the gap */
	uint64_t first; /* the first one that is available */
	uint64_t id;	/* goes on after this */
};

/* Everything is borrowed. */
void hub_gaps_init(struct hub_gaps *g, struct hub_subscriptions *subscriptions,
		   struct hub_replays *replays, struct tail *tail);

/* Becomes EVICTED, whatever its socket does: the buffer does not have what is
 * next. */
void hub_gaps_add(struct hub_gaps *g, struct cursor *c, enum cursor_gap gap);
/* What the tail found (bits of enum tail_outcome), for all subscriptions.
 * `last_seq`: of the buffer, before. */
void hub_gaps_on_tail(struct hub_gaps *g, unsigned bits, uint64_t last_seq);

/* The subscription goes on after its gap, in the buffer or by a replay. False:
 * nothing is missing any more, and there is nothing to report. */
bool hub_gaps_take(struct hub_gaps *g, struct cursor *c, struct hub_gap *ret,
		   uint64_t now_ms);
/* Messages before `covered` are missing: it goes on where it is. */
void hub_gaps_take_late(struct hub_gaps *g, struct cursor *c,
			struct hub_gap *ret);

#endif
