/* How a subscription gets its bytes: control frames (opening, gap, ping,
 * expiry) and a batch of its frames, from the buffer or from its replay, become
 * one write. What the socket does not take of a frame that was begun is held by
 * the sink; everything else stays where it is.
 *
 * The writer moves the cursor along what it wrote, and answers what follows
 * from it (enum write_outcome). The hub acts. */
#ifndef SLUICE_SUBSCRIPTION_WRITER_H
#define SLUICE_SUBSCRIPTION_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/metrics.h"
#include "delivery/hub_gaps.h"
#include "delivery/hub_sink.h"
#include "delivery/hub_subscriptions.h"
#include "delivery/subscription_ndjson.h"
#include "delivery/tail.h"
#include "http/sse.h"

struct subscription_writer {
	const struct hub_sink *sink;
	struct hub_subscriptions *subscriptions;
	struct event_buffer *buffer;
	const struct tail *tail;
	struct metrics *metrics;
	enum sse_ping ping;
	uint64_t retry_ms;
	uint64_t now_ns; /* wall clock, some writes ago; 0: none */
	struct subscription_ndjson ndjson;
};

struct control_frames {		    /* opening, two gaps, ping, expiry */
	const struct iovec *header; /* of the response, before all; or NULL */
	char text[5 * SSE_TEXT_MAX];
	size_t len;
};

enum write_outcome {
	WRITE_WAIT,	   /* for the socket, an event, or its owner's close */
	WRITE_MORE,	   /* the buffer has more for it */
	WRITE_COMPLETE,	   /* all messages of its limit are on the socket */
	WRITE_REPLAY_NEXT, /* the frames that its replay had are out */
	WRITE_EVICTED,	   /* the buffer no longer has what is next */
	WRITE_NO_MEMORY,   /* for lines of JSON */
};

/* Everything is borrowed. */
void subscription_writer_init(struct subscription_writer *w,
			      const struct hub_sink *sink,
			      struct hub_subscriptions *subscriptions,
			      const struct tail *tail, struct metrics *metrics);
void subscription_writer_finish(struct subscription_writer *w);

/* `retry:` and the block with the id: both when the start is known, else the
 * id's as soon as it is. A subscription whose answer is on its way waits with
 * both. `resumed`: the id as the client gave it, or NULL. */
void subscription_writer_put_opening(struct subscription_writer *w,
				     struct cursor *c, const char *resumed,
				     struct control_frames *to);
void subscription_writer_put_gap(struct subscription_writer *w,
				 const struct cursor *c,
				 const struct hub_gap *g,
				 struct control_frames *to);
/* Writes `first`, what else is due, and the next batch. */
enum write_outcome subscription_writer_write(struct subscription_writer *w,
					     struct cursor *c,
					     struct control_frames *first);
/* Writes `first` and the one message that another one's replay has found for
 * deliver=last. */
void subscription_writer_write_shared(struct subscription_writer *w,
				      struct cursor *c,
				      const struct control_frames *first,
				      const struct replay *from);
/* What follows when all that was gathered is written. */
enum write_outcome subscription_writer_next(struct subscription_writer *w,
					    struct cursor *c);
/* The socket took these. */
void subscription_writer_count_bytes(struct subscription_writer *w,
				     struct cursor *c, size_t len);

#endif
