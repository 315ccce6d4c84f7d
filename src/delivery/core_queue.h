/* The frames of a subject of core NATS that some subscription still needs, in
 * order. A subscription has no queue: it is at a node, that of its next frame,
 * or at the end, which has no frame yet. So a message costs no work for
 * subscriptions that wait for it.
 *
 *	node -> node -> node -> end
 *	  |       |               |
 *	blocked blocked         ready: the caught-up subscriptions
 *
 * A node without subscriptions goes away when it is the first. A subscription
 * that is too far behind moves to the end, and the messages that it skips are
 * counted for it. */
#ifndef SLUICE_CORE_QUEUE_H
#define SLUICE_CORE_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "delivery/core_frame.h"
#include "delivery/core_subscription.h"

struct core_feed;
struct selection;

struct core_node {
	struct list in_queue;
	struct list by_age; /* all nodes with a frame */
	struct core_queue *queue;
	struct core_frame *frame; /* NULL: the end */
	struct list ready;	  /* struct core_subscription.at_node */
	struct list blocked;	  /* those that wait for their socket */
	/* Of all frames before it. */
	uint64_t bytes_before;
	uint64_t messages_before;
	uint64_t aways_before;
};

/* Of one feed: the subscriptions with the same denied patterns. */
struct core_queue {
	struct list in_feed;
	struct core_feed *feed;
	struct selection *selection;
	struct list nodes; /* the last one is the end */
	struct list dirty; /* hub: has frames for subscriptions that are ready
			    */
	struct list *by_age;
	/* Of all frames that there ever were. */
	uint64_t bytes;
	uint64_t messages;
	uint64_t aways;
	uint64_t lost; /* to be reported before the next frame */
	uint32_t of_form[CURSOR_FORMS]; /* subscriptions */
	uint32_t n_subscriptions;
};

/* Takes the selection. `by_age`: borrowed. -ENOMEM (the selection is the
 * caller's) or 0. */
int core_queue_new(struct core_queue **ret, struct core_feed *feed,
		   struct selection *selection, struct list *by_age);
/* It has no subscription. */
void core_queue_free(struct core_queue *q);

/* A bit for each form that a subscription has. */
unsigned core_queue_forms(const struct core_queue *q);
/* Takes the frame. -ENOMEM (the frame is the caller's) or 0. */
int core_queue_append(struct core_queue *q, struct core_frame *frame);

/* At the end. */
void core_queue_join(struct core_queue *q, struct core_subscription *s);
void core_queue_leave(struct core_subscription *s);
/* No more frames: it stays counted, but is at no node. */
void core_queue_detach(struct core_subscription *s);
/* Behind the frame of its node. The node stays until core_queue_trim(). */
void core_queue_advance(struct core_subscription *s);
/* s->is_blocked has changed. */
void core_queue_place(struct core_subscription *s);

/* The first node with a frame; NULL: none. */
struct core_node *core_queue_first(const struct core_queue *q);
/* NULL after the end. */
struct core_node *core_queue_next(const struct core_queue *q,
				  const struct core_node *node);
/* Bytes that the subscriptions at the first node have before them. */
uint64_t core_queue_behind(const struct core_queue *q);
/* Moves the blocked subscriptions of the first node to the end. None is ready
 * there. Returns how many messages they miss. */
uint64_t core_queue_skip_first(struct core_queue *q);
/* Removes first nodes that no subscription needs. */
void core_queue_trim(struct core_queue *q);

#endif
