/* The hub's lists of subscriptions, and how many there are in each state.
 *
 * A subscription can be dirty, whatever else it waits for. Beside that it is in
 * one of two lists at most: `evicted` or `waiting`. Nothing here writes. */
#ifndef SLUICE_HUB_SUBSCRIPTIONS_H
#define SLUICE_HUB_SUBSCRIPTIONS_H

#include <stddef.h>

#include "base/list.h"
#include "delivery/cursor.h"
#include "delivery/event_buffer.h"
#include "delivery/hub_sink.h"

struct hub_subscriptions {
	const struct event_buffer *buffer;
	const struct hub_sink *sink;
	struct list dirty;   /* struct cursor.dirty: written at the flush */
	struct list evicted; /* struct cursor.queue: for a replay slot */
	struct list waiting; /* struct cursor.queue: for a STREAM.INFO, or for
				the first contact with the stream */
	struct list pings;   /* struct cursor.ping, in order of ping_due_ms */
	size_t n;
	size_t n_evicted; /* length of `evicted` */
	size_t n_slow;	  /* blocked ones */
	size_t in_state[CURSOR_STATES];
};

/* Buffer and sink are borrowed. */
void hub_subscriptions_init(struct hub_subscriptions *s,
			    const struct event_buffer *buffer,
			    const struct hub_sink *sink);
/* A closed cursor becomes WAITING, and is in no list. */
void hub_subscriptions_add(struct hub_subscriptions *s, struct cursor *c);
/* Becomes CLOSED, and leaves all lists. */
void hub_subscriptions_remove(struct hub_subscriptions *s, struct cursor *c);

void hub_subscriptions_set_state(struct hub_subscriptions *s, struct cursor *c,
				 enum cursor_state to);
/* Blocked: the sink holds bytes. A blocked subscription has no use for a
 * replay, and leaves that line; hub_writable() puts it back. */
void hub_subscriptions_set_blocked(struct hub_subscriptions *s,
				   struct cursor *c, bool blocked);
/* The sink failed: the owner will close it. */
void hub_subscriptions_set_failed(struct hub_subscriptions *s,
				  struct cursor *c);

/* To be written at the next flush, unless its socket is full. */
void hub_subscriptions_mark_dirty(struct hub_subscriptions *s,
				  struct cursor *c);
void hub_subscriptions_wait_for_info(struct hub_subscriptions *s,
				     struct cursor *c);
/* To the end of the line for a replay slot, unless its socket is full. */
void hub_subscriptions_wait_for_replay(struct hub_subscriptions *s,
				       struct cursor *c);
/* Leaves `evicted` or `waiting`. */
void hub_subscriptions_unqueue(struct hub_subscriptions *s, struct cursor *c);
/* The start position is known: the events after `seq`. */
void hub_subscriptions_start_at(struct hub_subscriptions *s, struct cursor *c,
				uint64_t seq);
/* Goes on by its coverage: in the buffer, or by a replay. */
void hub_subscriptions_settle(struct hub_subscriptions *s, struct cursor *c);

/* The invariant that does not hold, or NULL. For tests. */
const char *hub_subscriptions_check(const struct hub_subscriptions *s);

#endif
