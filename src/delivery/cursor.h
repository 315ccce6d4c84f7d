/* A cursor: one client's place in its subject, and its state. It has no queue
 * of its own; it is embedded in the connection. */
#ifndef SLUICE_CURSOR_H
#define SLUICE_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/list.h"
#include "delivery/event_buffer.h"

struct replay;

/* What wakes it, by state:
 *   WAITING  the answer that says where it starts, the first contact
 *   LIVE     a frame of its subject; when blocked, the socket
 *   LAGGED   a replay's place
 *   REPLAY   its replay's messages; when blocked, the socket
 * and a ping in each of them. */
enum cursor_state {
	CURSOR_CLOSED,
	CURSOR_WAITING,
	CURSOR_LIVE,
	CURSOR_EVICTED,
	CURSOR_REPLAY,
	CURSOR_STATES
};

enum cursor_start {
	START_NEW,
	START_ALL,
	START_LAST,
	START_RESUME,
};

/* The hub's list that struct cursor.queue is in. */
enum cursor_list { LISTED_NOWHERE, LISTED_EVICTED, LISTED_WAITING };

enum cursor_gap {
	GAP_NONE,
	GAP_EXPIRED,	 /* messages after `covered` are missing */
	GAP_ROLLED_BACK, /* rolled back: goes on after `sent` */
	GAP_RESET,	 /* another stream */
};

/* deliver=last: whether the answer to another subscription's question serves
 * this one as well. */
enum cursor_shares {
	SHARES_NONE,
	SHARES_THIS, /* the answer to the question in flight */
	SHARES_NEXT, /* that question was sent before: waits for its end */
};

struct cursor {
	uint64_t covered; /* every message of the subject <= this is accounted.
			     While caught_up it stands still, and log.head is
			     accounted as well: see cursor_covered() */
	uint64_t sent;	  /* last sequence handed out */
	uint64_t at;	  /* log's number of the last frame taken; 0 unknown */
	struct buffer_subject *subject;
	struct replay *replay;
	struct list watch; /* buffer_subject.watchers */
	struct list dirty; /* hub: to be written */
	struct list queue; /* hub: evicted or waiting */
	struct list ping;  /* hub: in due order */
	uint64_t ping_due_ms;
	uint64_t events;	/* messages handed out */
	uint64_t bytes;		/* that the socket took */
	uint32_t tag;		/* of a resume, until it is checked: 24 bits */
	uint32_t beyond_end_ms; /* above the stream's end, by the leader's word,
			      since when (the low bits); 0: it isn't */
	uint32_t left;		/* of a limit: messages that may still come */
	uint32_t held;		/* bytes that the sink holds */
	uint8_t state;
	uint8_t start;
	uint8_t gap;	/* enum cursor_gap: to be told before anything */
	uint8_t listed; /* enum cursor_list */
	uint8_t shares; /* enum cursor_shares */
	bool has_tag : 1;
	bool chunked : 1;
	bool limited : 1;
	bool ndjson : 1; /* lines of JSON and not events */
	bool json : 1; /* ... in which a payload that is JSON stands as JSON */
	bool system : 1;    /* ... with those of the opening and of pings */
	bool caught_up : 1; /* nothing is coming up to log.head */
	bool blocked : 1;   /* the sink holds bytes */
	bool failed : 1;    /* the sink failed: its owner will close */
	bool late_gap : 1; /* messages before `covered` are missing as well, see
			      hub.late: to be told before `gap` */
	bool ping_waits : 1;
	bool expiry_waits : 1; /* its token: to be told */
	bool evicted : 1;      /* comes back only at event_buffer_quarter() */
	bool retry_sent : 1;   /* retry: is out */
	bool id_sent : 1;      /* the id of the opening block is out */
	bool live_since_write : 1; /* has been caught up since it was last not
			     LIVE, or blocked */
};

/* How many messages may still be handed out. */
static inline size_t cursor_left(const struct cursor *c)
{
	return c->limited ? c->left : SIZE_MAX;
}

/* It is caught up no longer; `upto`: the head of that time, up to which all is
 * accounted for. Until then only cursor_covered() says how far it is. */
static inline void cursor_fall_behind(struct cursor *c, uint64_t upto)
{
	if (c->caught_up && c->covered < upto)
		c->covered = upto;
	c->caught_up = false;
}

/* The message is accounted for, and no event. */
static inline void cursor_skip(struct cursor *c, uint64_t seq)
{
	c->sent = seq;
	if (seq > c->covered)
		c->covered = seq;
}

/* A message goes out, at least the first byte of it. */
static inline void cursor_hand_out(struct cursor *c, uint64_t seq)
{
	cursor_skip(c, seq);
	c->events++;
	if (c->limited)
		c->left--;
}

enum { CURSOR_IOV_MAX = 64, CURSOR_BATCH_BYTES = 256 * 1024 };

/* Is everything that it still needs in the log? One that fell off comes back
 * only with some room to spare, or it would flap. */
bool cursor_joins(const struct cursor *c, const struct event_buffer *buffer);

/* Frames for one write: neighbours in the log are one buffer. */
struct cursor_batch {
	struct iovec iov[1 + CURSOR_IOV_MAX]; /* the first is left free, for
						 what goes before the frames */
	int n;
	size_t bytes;
	uint64_t first; /* frame's number; 0: nothing is coming */
};

/* Every message of the subject up to this is accounted for. */
uint64_t cursor_covered(const struct cursor *c,
			const struct event_buffer *buffer);

/* Which of its states, lists and flags stand together that must not, between
 * two calls of the hub; NULL: none. For tests. */
const char *cursor_check(const struct cursor *c,
			 const struct event_buffer *buffer);

/* The frames of the subject with seq > sent, up to the batch's limits. The
 * batch holds while the log is not changed. */
void cursor_gather(const struct cursor *c, const struct event_buffer *buffer,
		   struct cursor_batch *ret);

/* Adds to a batch; false when it is full. */
bool cursor_batch_add(struct cursor_batch *b, const uint8_t *bytes, size_t len);

/* `written` bytes of the batch are on the socket. A frame that was cut (or, if
 * none was and some are left, the next one) is to be held by the sink: *rest
 * and *rest_len, 0 for none. All of these count as handed out. */
void cursor_advance(struct cursor *c, const struct event_buffer *buffer,
		    const struct cursor_batch *b, size_t written,
		    const uint8_t **rest, size_t *rest_len);

#endif
