/* What a replay has brought, encoded as it goes on the wire and not yet handed
 * out: at most a batch. */
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
	bool internal; /* of no bytes: see struct jetstream_message */
};

struct replay_queue {
	struct buf bytes;
	struct replay_frame *frames; /* NULL: it has no memory */
	size_t first;
	size_t n;
	size_t max;
};

void replay_queue_init(struct replay_queue *q, size_t max_frames,
		       size_t max_bytes);
/* Memory for the frames, if it has none; -ENOMEM or 0. */
int replay_queue_reserve(struct replay_queue *q);
/* Gives all memory back; reserve makes it usable again. */
void replay_queue_finish(struct replay_queue *q);

static inline bool replay_queue_empty(const struct replay_queue *q)
{
	return q->first == q->n;
}

void replay_queue_clear(struct replay_queue *q);
/* In the form that the cursor's client takes. -EBADMSG: it is not of the
 * cursor's subject, whatever was asked for; -ENOBUFS: it is full; -ENOMEM. */
int replay_queue_put(struct replay_queue *q, const struct jetstream_message *m,
		     const struct sse_tag *tag, const struct cursor *c);
/* All that a batch has room for, from the first one on; at most `max`. */
void replay_queue_gather(const struct replay_queue *q, size_t max, bool chunked,
			 struct cursor_batch *ret);
/* The first one's sequence; there must be one. */
uint64_t replay_queue_next(const struct replay_queue *q);
/* The first frame, whole or without its chunk's head and end. The bytes stay
 * where they are until the next put or clear. */
const uint8_t *replay_queue_first(const struct replay_queue *q, bool chunked,
				  size_t *len);
/* The first one is no event. */
bool replay_queue_internal(const struct replay_queue *q);
/* The first one is handed out. */
void replay_queue_pop(struct replay_queue *q);

#endif
