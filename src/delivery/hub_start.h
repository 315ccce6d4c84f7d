/* Start positions: where a new subscription begins, and what it waits for until
 * that is known. Nothing here writes. */
#ifndef SLUICE_HUB_START_H
#define SLUICE_HUB_START_H

#include <stdbool.h>
#include <stdint.h>

#include "delivery/hub_gaps.h"
#include "delivery/hub_subscriptions.h"
#include "delivery/tail.h"

struct hub_start {
	struct hub_subscriptions *subscriptions;
	struct hub_gaps *gaps;
	const struct tail *tail;
	struct leader *leader;
};

/* Everything is borrowed. */
void hub_start_init(struct hub_start *s,
		    struct hub_subscriptions *subscriptions,
		    struct hub_gaps *gaps, struct tail *tail);

/* Gives the subscription its start position, or puts it into the list that
 * waits for what the start depends on. */
void hub_start_begin(struct hub_start *s, struct cursor *c);
/* The stream is known for the first time. */
void hub_start_on_contact(struct hub_start *s);
/* The leader has answered a STREAM.INFO. */
void hub_start_on_info(struct hub_start *s, uint64_t now_ms);
/* Nothing can be learned for a while: waiting subscriptions get their `retry:`
 * at least, and a leader that is behind has its whole grace again. */
void hub_start_on_tail_lost(struct hub_start *s);

#endif
