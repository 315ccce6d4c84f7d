/* The log: recent messages as the bytes that go on the wire, by subject.
 *
 * Two rings of fixed size. `bytes` holds the frames back to back, so that
 * neighbours are one buffer; `frames` holds a small header for each: sequence,
 * place, and the neighbours of the same subject. Evicting is moving the rings'
 * start. Frames are named by a number that only grows.
 *
 * Coverage, on which everything rests:
 *   head   every message with seq <= head has been processed
 *   floor  the log holds every message in (floor, head] that existed when the
 *          tail processed it
 * Evicting a frame with sequence s makes floor = s. */
#ifndef SLUICE_EVENT_BUFFER_H
#define SLUICE_EVENT_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "http/sse.h"
#include "nats/subject.h"

/* An entry of the subject index: exists while the log has a frame of it, or a
 * cursor watches it. */
struct buffer_subject {
	struct buffer_subject *next; /* in its bucket */
	struct list watchers;	     /* struct cursor.watch */
	uint64_t first;		     /* frame numbers; 0: no frame */
	uint64_t last;
	uint32_t hash;
	uint32_t n_watchers;
	uint16_t len;
	uint8_t asking; /* the hub's: forms in which deliver=last is asked */
	char name[];	/* NUL-terminated */
};

struct buffer_frame {
	uint64_t seq;
	uint64_t time_ns; /* when the server stored it */
	uint64_t pos;	  /* absolute place of the first byte */
	uint64_t next;	  /* frame of the same subject, 0: none yet */
	struct buffer_subject *subject;
	/* Earlier frames of the same subject, as distances of their numbers:
	 * the one before, and one much further back. 0: there is none. */
	uint32_t back;
	uint32_t jump;
	uint32_t len;		/* whole chunk */
	uint16_t size_line_len; /* of the chunk; the body ends SSE_CHUNK_TAIL
			      before the end */
	uint8_t rank;		/* the jump is over 2^(rank+1) - 1 frames */
	bool kept;		/* behind it stands what sse_keep() wrote */
};

struct event_buffer;

/* `memory` bytes for everything that recent messages cost: bytes, headers and
 * the entries of subjects that nobody watches. -ENOMEM or 0. */
int event_buffer_new(struct event_buffer **ret, size_t memory);
void event_buffer_free(struct event_buffer *b);

/* Drops all frames; head = floor = `head`. */
void event_buffer_reset(struct event_buffer *b, uint64_t last_seq);

uint64_t event_buffer_last_seq(const struct event_buffer *b);
uint64_t event_buffer_floor(const struct event_buffer *b);
size_t event_buffer_bytes(const struct event_buffer *b);
size_t event_buffer_count(const struct event_buffer *b);
/* Number of the oldest frame; with no frame that of the next one. */
uint64_t event_buffer_first(const struct event_buffer *b);
/* When the server stored the oldest message (ns since 1970); 0: there is none.
 */
uint64_t event_buffer_oldest_ns(const struct event_buffer *b);
/* Sequence at a quarter of the frames above floor: where a cursor that fell off
 * may come back. head for an empty log. */
uint64_t event_buffer_quarter(const struct event_buffer *b);

/* Drops the frames up to `seq` (at most head): floor is no less than it. */
void event_buffer_drop(struct event_buffer *b, uint64_t seq);

/* The message `seq` > head is processed and leaves no frame (not ours to
 * serve). */
void event_buffer_skip(struct event_buffer *b, uint64_t seq);
/* Encodes one message into the ring; head = f->seq. A frame too big for the
 * ring empties the log: floor = head = seq, and readers fetch it themselves.
 * Lack of memory does the same: it costs coverage, never a message. Returns the
 * subject's entry when it has watchers, else NULL. */
struct buffer_subject *event_buffer_append(struct event_buffer *b,
					   const char *subject, size_t len,
					   const struct sse_frame *f,
					   uint64_t time_ns);

/* Watches a subject: its entry, made if need be, with `node` among its
 * watchers. NULL: no memory. */
struct buffer_subject *event_buffer_watch(struct event_buffer *b,
					  const char *subject, size_t len,
					  struct list *node);
/* The entry goes away when it has no watcher and no frame. */
void event_buffer_unwatch(struct event_buffer *b, struct buffer_subject *s,
			  struct list *node);
/* Calls `fn` for each watcher; it may not watch or unwatch. */
void event_buffer_each_watcher(const struct event_buffer *b,
			       void (*fn)(struct list *node, void *arg),
			       void *arg);

/* The entry of a subject, or NULL. */
const struct buffer_subject *event_buffer_find(const struct event_buffer *b,
					       const char *subject, size_t len);
/* Frame by number; must be in the log. */
const struct buffer_frame *event_buffer_frame(const struct event_buffer *b,
					      uint64_t number);
const uint8_t *event_buffer_frame_bytes(const struct event_buffer *b,
					const struct buffer_frame *f);
/* The payload it was made of; `room` has f->len bytes. */
void event_buffer_frame_payload(const struct event_buffer *b,
				const struct buffer_frame *f,
				struct sse_payload *ret, uint8_t *room);
bool event_buffer_has(const struct event_buffer *b, uint64_t number);
/* The first frame of the subject with seq > `covered`; `at` is the number of
 * the last one taken, or 0 when not known. 0: none. O(1) where `at` is known,
 * else O(log n). */
uint64_t event_buffer_next(const struct event_buffer *b,
			   const struct buffer_subject *s, uint64_t covered,
			   uint64_t at);
/* The same without `at`. *steps, unless NULL, grows by the number of frames
 * that were looked at. */
uint64_t event_buffer_search(const struct event_buffer *b,
			     const struct buffer_subject *s, uint64_t covered,
			     unsigned *steps);

/* The invariant that does not hold, or NULL. Walks all frames. For tests. */
const char *event_buffer_check(const struct event_buffer *b);

#endif
