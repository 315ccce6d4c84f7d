/* The buffer: recent messages as frames, the bytes that go on the wire, with an
 * index by subject.
 *
 * Two rings of fixed size. `bytes` holds the frames back to back, so that
 * neighbours are one iovec. `frames` holds a small header for each: sequence,
 * position, and the neighbours of the same subject. Eviction moves the rings'
 * start. A frame's number only grows, and is never used again.
 *
 * Coverage, on which everything rests:
 *   last_seq  every message with seq <= last_seq has been processed
 *   floor     the buffer holds every message in (floor, last_seq] that existed
 *             when the tail processed it
 * Evicting a frame with sequence s sets floor = s. */
#ifndef SLUICE_EVENT_BUFFER_H
#define SLUICE_EVENT_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "delivery/selection_index.h"
#include "http/sse.h"
#include "nats/subject.h"

/* An entry of the subject index: exists while the buffer has a frame of the
 * subject, or a cursor watches it. */
struct buffer_subject {
	struct buffer_subject *next; /* in its bucket */
	struct list watchers;	     /* struct cursor.watch */
	uint64_t first;		     /* frame numbers; 0: no frame */
	uint64_t last;
	uint32_t hash;
	uint32_t n_watchers;
	uint16_t len;
	uint8_t asking; /* hub_replays: forms of deliver=last in flight */
	char name[];	/* NUL-terminated */
};

struct buffer_frame {
	uint64_t seq;
	uint64_t time_ns; /* when the server stored it */
	uint64_t pos;	  /* position of the first byte in the ring */
	uint64_t next;	  /* frame of the same subject, 0: none yet */
	struct buffer_subject *subject;
	/* Distances to earlier frames of the same subject, in numbers: the
	 * previous one, and one much further back. 0: none. */
	uint32_t back;
	uint32_t jump;
	uint32_t len;		/* of the whole chunk */
	uint16_t size_line_len; /* of the chunk's size line; the event ends
			      SSE_CHUNK_TAIL bytes before the chunk's end */
	uint8_t rank;		/* `jump` skips 2^(rank+1) - 1 frames */
	bool kept;		/* sse_keep() has written behind it */
};

struct event_buffer;

/* `memory` bounds everything that recent messages cost: bytes, headers and the
 * entries of subjects without watchers. -ENOMEM or 0. */
int event_buffer_new(struct event_buffer **ret, size_t memory);
void event_buffer_free(struct event_buffer *b);

/* Drops all frames; both last_seq and floor become `last_seq`. */
void event_buffer_reset(struct event_buffer *b, uint64_t last_seq);

uint64_t event_buffer_last_seq(const struct event_buffer *b);
uint64_t event_buffer_floor(const struct event_buffer *b);
size_t event_buffer_bytes(const struct event_buffer *b);
size_t event_buffer_count(const struct event_buffer *b);
/* Number of the oldest frame; without frames that of the next one. */
uint64_t event_buffer_first(const struct event_buffer *b);
/* Time at which the server stored the oldest message (ns since 1970); 0: no
 * message. */
uint64_t event_buffer_oldest_ns(const struct event_buffer *b);
/* Sequence at a quarter of the frames: an evicted cursor joins again only above
 * it. last_seq for an empty buffer. */
uint64_t event_buffer_quarter(const struct event_buffer *b);

/* Drops the frames up to `seq` (at most last_seq): floor is at least `seq`. */
void event_buffer_drop(struct event_buffer *b, uint64_t seq);

/* The message `seq` > last_seq is processed and leaves no frame, since no
 * client can receive it. */
void event_buffer_skip(struct event_buffer *b, uint64_t seq);
/* Encodes one message into the ring; last_seq = f->seq. A frame too big for the
 * ring empties the buffer (floor = last_seq = seq), and readers fetch the
 * message by replays. So does a lack of memory: it costs coverage, never a
 * message. Returns the subject's entry if it has watchers, else NULL. */
struct buffer_subject *event_buffer_append(struct event_buffer *b,
					   const char *subject, size_t len,
					   const struct sse_frame *f,
					   uint64_t time_ns);

/* Adds `node` to the subject's watchers. Returns the subject's entry, or NULL:
 * no memory. */
struct buffer_subject *event_buffer_watch(struct event_buffer *b,
					  const char *subject, size_t len,
					  struct list *node);
/* The entry goes away when it has no watcher and no frame. */
void event_buffer_unwatch(struct event_buffer *b, struct buffer_subject *s,
			  struct list *node);
/* The same for a selection of another kind. */
struct selection *event_buffer_select(struct event_buffer *b,
				      const struct rights_selection *what,
				      struct list *node);
void event_buffer_unselect(struct event_buffer *b, struct selection *s,
			   struct list *node);
/* The next selection that messages have matched since it was last taken; NULL:
 * none. */
struct selection *event_buffer_take_touched(struct event_buffer *b);
/* Calls `fn` for each watcher, of subjects and of selections. `fn` may not
 * watch or unwatch. */
void event_buffer_each_watcher(const struct event_buffer *b,
			       void (*fn)(struct list *node, void *arg),
			       void *arg);

/* The entry of a subject, or NULL. */
const struct buffer_subject *event_buffer_find(const struct event_buffer *b,
					       const char *subject, size_t len);
/* Frame by number; it must be in the buffer. */
const struct buffer_frame *event_buffer_frame(const struct event_buffer *b,
					      uint64_t number);
const uint8_t *event_buffer_frame_bytes(const struct event_buffer *b,
					const struct buffer_frame *f);
/* The payload that it was encoded from; `room` has f->len bytes. */
void event_buffer_frame_payload(const struct event_buffer *b,
				const struct buffer_frame *f,
				struct sse_payload *ret, uint8_t *room);
bool event_buffer_has(const struct event_buffer *b, uint64_t number);
/* Number of the first frame with seq > `covered`; without one that of the next
 * frame. O(log n). */
uint64_t event_buffer_number_after(const struct event_buffer *b,
				   uint64_t covered);
/* Number of the subject's first frame with seq > `covered`; 0: none. `at`:
 * number of the last frame taken, or 0 if not known. O(1) if `at` is known,
 * else O(log n). */
uint64_t event_buffer_next(const struct event_buffer *b,
			   const struct buffer_subject *s, uint64_t covered,
			   uint64_t at);
/* The same without `at`. *steps, unless NULL, grows by the number of frames
 * looked at. */
uint64_t event_buffer_search(const struct event_buffer *b,
			     const struct buffer_subject *s, uint64_t covered,
			     unsigned *steps);

/* The invariant that does not hold, or NULL. Walks all frames. For tests. */
const char *event_buffer_check(const struct event_buffer *b);

#endif
