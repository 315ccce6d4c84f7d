/* Messages that a replay has brought, encoded as frames and not yet handed out:
 * at most a batch. */
#ifndef SLUICE_REPLAY_QUEUE_H
#define SLUICE_REPLAY_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "delivery/cursor.h"
#include "http/sse.h"
#include "nats/jetstream.h"

struct replay_frame {
	uint64_t seq;
	uint32_t len;
	uint16_t size_line_len;
	bool internal; /* no event, no bytes: see struct jetstream_message */
};

struct replay_queue {
	struct buf bytes;
	struct replay_frame *frames; /* NULL: not reserved */
	size_t first;
	size_t n;
	size_t max;
};

void replay_queue_init(struct replay_queue *q, size_t max_frames,
		       size_t max_bytes);
/* Allocates memory for the frames, if there is none. -ENOMEM or 0. */
int replay_queue_reserve(struct replay_queue *q);
/* Frees all memory; replay_queue_reserve() makes it usable again. */
void replay_queue_finish(struct replay_queue *q);

static inline bool replay_queue_empty(const struct replay_queue *q)
{
	return q->first == q->n;
}

/* A place in the queue, from which it is read without being changed. Valid
 * until the next put, pop or clear. */
struct replay_place {
	size_t i;
	const uint8_t *at;
};

void replay_queue_clear(struct replay_queue *q);
/* Drops the frames from sequence `seq` on. */
void replay_queue_cut(struct replay_queue *q, uint64_t seq);
/* Encodes the message in the form that the cursor's client wants. What
 * the cursor does not accept is no event. -ENOBUFS: the queue is full; -ENOMEM;
 * 0. */
int replay_queue_put(struct replay_queue *q, const struct jetstream_message *m,
		     const struct sse_tag *tag, const struct cursor *c);
/* The first frames, as many as the batch has room for; at most `max`. */
void replay_queue_gather(const struct replay_queue *q, size_t max, bool chunked,
			 struct cursor_batch *ret);
struct replay_place replay_queue_begin(const struct replay_queue *q);
bool replay_queue_is_end(const struct replay_queue *q,
			 const struct replay_place *at);
/* The frame at the place, which is not the end; its bytes, with or without the
 * chunk's framing. */
const struct replay_frame *replay_queue_at(const struct replay_queue *q,
					   const struct replay_place *at);
const uint8_t *replay_queue_bytes(const struct replay_queue *q,
				  const struct replay_place *at, bool chunked,
				  size_t *len);
void replay_queue_move(const struct replay_queue *q, struct replay_place *at);
/* Sequence of the first frame; the queue must not be empty. */
uint64_t replay_queue_next(const struct replay_queue *q);
/* The first frame, with or without its chunk's framing. Valid until the next
 * put or clear. */
const uint8_t *replay_queue_first(const struct replay_queue *q, bool chunked,
				  size_t *len);
/* The first message is not an event. */
bool replay_queue_internal(const struct replay_queue *q);
/* Removes the first frame. */
void replay_queue_pop(struct replay_queue *q);

#endif
