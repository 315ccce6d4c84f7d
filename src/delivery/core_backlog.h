/* The frames of all live subscriptions, from their encoding to the last socket
 * that takes them. Both the bytes that a subscription may be behind and the
 * bytes of all are bounded: what is slow misses messages, the oldest first. */
#ifndef SLUICE_CORE_BACKLOG_H
#define SLUICE_CORE_BACKLOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "base/metrics.h"
#include "delivery/core_feed.h"
#include "delivery/core_frame.h"
#include "delivery/core_queue.h"
#include "delivery/core_writer.h"
#include "nats/publisher.h"

struct core_backlog {
	struct core_encoder *encoder;
	struct core_writer *writer;
	struct metrics *metrics;
	size_t behind_max;
	size_t memory_max;
	struct list by_age; /* struct core_node.by_age */
	struct list dirty;  /* struct core_queue.dirty */
};

/* Everything is borrowed. */
void core_backlog_init(struct core_backlog *b, struct core_encoder *encoder,
		       struct core_writer *writer, struct metrics *metrics);

/* A message for the subscriptions of the feed. Then core_backlog_excess() until
 * it returns NULL. */
void core_backlog_add(struct core_backlog *b, struct core_feed *f,
		      const struct publisher_event *ev);
/* The gap of a feed with is_gap_due. */
void core_backlog_add_away(struct core_backlog *b, struct core_feed *f);
/* A subscription that must end, since the frame that it is in the middle of
 * takes too much memory; its rest is dropped. NULL: none. */
struct core_subscription *core_backlog_excess(struct core_backlog *b);
/* Writes to at most `max` subscriptions that are ready; returns to how many. */
size_t core_backlog_flush(struct core_backlog *b, size_t max);

#endif
