/* A cursor: the position of one subscription in its subject, and its state. It
 * has no queue of its own; it is embedded in the connection. */
#ifndef SLUICE_CURSOR_H
#define SLUICE_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/list.h"
#include "base/span.h"
#include "delivery/event_buffer.h"
#include "delivery/identities.h"
#include "delivery/selection_reader.h"

struct cursor;
struct replay_group;

/* What a subscription has beside its cursor when it follows more than one
 * literal subject, or another one than that of its identity. */
struct wide_cursor {
	struct cursor *cursor;
	struct selection *selection;
	struct identity_entry *identity; /* NULL: no identity */
	/* deliver=last: up to this sequence only the newest message of each
	 * subject is an event; see replay_group.h. */
	uint64_t snapshot_end;
	struct list of_identity; /* identity_entry.subscriptions */
};

/* What each state waits for:
 *   WAITING  the response that decides its start, or the first contact
 *   LIVE     a frame of its subject; when blocked, the socket
 *   EVICTED  a replay slot; when blocked, the socket
 *   REPLAY   messages of its replay; when blocked, the socket
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
	GAP_ROLLED_BACK, /* goes on after `sent` */
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
	/* Every message of the subject up to this sequence is accounted for.
	 * While caught_up it stands still, and the buffer's last sequence is
	 * accounted for as well: see cursor_covered(). */
	uint64_t covered;
	uint64_t sent; /* last sequence handed out */
	uint64_t at;   /* number of the last frame taken; 0: unknown */
	union {	       /* NULL: closed */
		struct buffer_subject *subject; /* not `wide` */
		struct wide_cursor *more;	/* `wide` */
	};
	struct replay_group *replay;
	struct list watch; /* watchers of the subject, or of the selection */
	struct list dirty; /* hub: to be written */
	struct list queue; /* hub: evicted or waiting */
	struct list ping;  /* hub: in due order */
	uint64_t ping_due_ms;
	uint64_t events; /* messages handed out */
	uint64_t bytes;	 /* taken by the socket */
	uint32_t tag;	 /* of the event id, until it is checked: 24 bits */
	uint32_t beyond_end_ms; /* time since which it is above the stream's
				   end (low bits); 0: it is not */
	uint32_t left;		/* of its limit: messages still to come */
	uint32_t held;		/* bytes that the sink holds of it */
	uint8_t state;
	uint8_t start;
	uint8_t gap;	/* enum cursor_gap: to be reported first */
	uint8_t listed; /* enum cursor_list */
	uint8_t shares; /* enum cursor_shares */
	bool has_tag : 1;
	bool chunked : 1;
	bool limited : 1;
	bool ndjson : 1;      /* lines of JSON and not events */
	bool json_events : 1; /* events with such a line as their data */
	bool json : 1;	      /* in both: a JSON payload stands as JSON */
	bool system : 1;      /* with ndjson: lines for opening and pings */
	bool caught_up : 1;   /* no frame up to the buffer's last_seq */
	bool blocked : 1;     /* the sink holds bytes */
	bool failed : 1;      /* the sink failed: its owner will close it */
	bool late_gap : 1; /* hub_gaps.late is to be reported, before `gap` */
	bool ping_waits : 1;
	bool expiry_waits : 1; /* a warning about its token */
	bool evicted : 1;      /* joins only above event_buffer_quarter() */
	bool retry_sent : 1;
	bool id_sent : 1;	   /* the opening block, with the start's id */
	bool live_since_write : 1; /* caught up, LIVE and unblocked since */
	bool wide : 1;		   /* its selection is in `more` */
};

/* Messages that may still be handed out. */
static inline size_t cursor_left(const struct cursor *c)
{
	return c->limited ? c->left : SIZE_MAX;
}

/* How its messages are encoded; the same form serves all subscriptions. */
enum cursor_form {
	FORM_EVENTS, /* the buffer's frames */
	FORM_LINES,
	FORM_LINES_JSON, /* with `json` */
	FORM_JSON_EVENTS,
	FORM_JSON_EVENTS_JSON,
	CURSOR_FORMS
};

static inline enum cursor_form cursor_form_of(bool ndjson, bool json_events,
					      bool json)
{
	if (ndjson)
		return json ? FORM_LINES_JSON : FORM_LINES;
	if (json_events)
		return json ? FORM_JSON_EVENTS_JSON : FORM_JSON_EVENTS;
	return FORM_EVENTS;
}

static inline enum cursor_form cursor_form(const struct cursor *c)
{
	return cursor_form_of(c->ndjson, c->json_events, c->json);
}

/* No longer caught up. `upto`: the buffer's last sequence of that time, up to
 * which everything is accounted for. */
static inline void cursor_fall_behind(struct cursor *c, uint64_t upto)
{
	if (c->caught_up && c->covered < upto)
		c->covered = upto;
	c->caught_up = false;
}

/* The message is accounted for, and is not an event. */
static inline void cursor_skip(struct cursor *c, uint64_t seq)
{
	c->sent = seq;
	if (seq > c->covered)
		c->covered = seq;
}

/* At least the first byte of the message is on its way. */
static inline void cursor_hand_out(struct cursor *c, uint64_t seq)
{
	cursor_skip(c, seq);
	c->events++;
	if (c->limited)
		c->left--;
}

/* ---- what it follows ----------------------------------------------------- */

/* The subscriptions with the same selection: struct cursor.watch. */
const struct list *cursor_watchers(const struct cursor *c);
/* Its patterns, in normal order; NUL-terminated. */
size_t cursor_n_patterns(const struct cursor *c);
struct span cursor_pattern(const struct cursor *c, size_t i);
/* A message with this subject is an event for it. */
bool cursor_accepts(const struct cursor *c, struct span subject);
/* hub_replays: see struct buffer_subject. */
uint8_t *cursor_asking(const struct cursor *c);

/* ---- the frames of its selection ----------------------------------------- */

/* Readies the index of its selection for the next gather, in steps of bounded
 * time; may cover frames that are none of its own. False: call it again. */
bool cursor_prepare_wide(struct cursor *c, const struct event_buffer *buffer);
static inline bool cursor_prepare(struct cursor *c,
				  const struct event_buffer *buffer)
{
	return !c->wide || cursor_prepare_wide(c, buffer);
}

/* The first frame that it has not handed out; 0: none. *scan: see
 * selection_reader_next(). */
uint64_t cursor_next_wide(const struct cursor *c,
			  const struct event_buffer *buffer, unsigned *scan);
static inline uint64_t cursor_next_frame(const struct cursor *c,
					 const struct event_buffer *buffer,
					 unsigned *scan)
{
	return c->wide ? cursor_next_wide(c, buffer, scan)
		       : event_buffer_next(buffer, c->subject, c->covered,
					   c->at);
}

/* The first one behind frame `number`, which is its own; 0: none. */
uint64_t cursor_frame_after(const struct cursor *c,
			    const struct event_buffer *buffer, uint64_t number,
			    unsigned *scan);

enum { CURSOR_IOV_MAX = 64, CURSOR_BATCH_BYTES = 256 * 1024 };

/* Whether the buffer holds everything that it still needs. An evicted cursor
 * joins again only with room to spare, or it would be evicted at once. */
bool cursor_joins(const struct cursor *c, const struct event_buffer *buffer);
/* deliver=last: begins with the newest message of each subject. */
bool cursor_has_snapshot(const struct cursor *c);
/* 0: it has none, or it is not known yet. */
static inline uint64_t cursor_snapshot_end(const struct cursor *c)
{
	return c->wide ? c->more->snapshot_end : 0;
}

/* No message beyond `seq` is part of its snapshot. */
void cursor_cut_snapshot(struct cursor *c, uint64_t seq);
/* The same, if it had covered this much. */
bool cursor_would_join(const struct cursor *c,
		       const struct event_buffer *buffer, uint64_t covered);

/* Frames for one write: neighbours in the buffer are one iovec. */
struct cursor_batch {
	struct iovec iov[1 + CURSOR_IOV_MAX]; /* the first is for control
						 frames */
	int n;
	size_t bytes;
	uint64_t first; /* number of the first frame; 0: none */
	unsigned scan;	/* `wide`: frames that may still be compared */
};

/* Every message of the subject up to this sequence is accounted for. */
uint64_t cursor_covered(const struct cursor *c,
			const struct event_buffer *buffer);

/* The invariant of its state, lists and flags that does not hold between two
 * calls of the hub, or NULL. For tests. */
const char *cursor_check(const struct cursor *c,
			 const struct event_buffer *buffer);

/* The next frames of the subject, up to the batch's limits. Valid until the
 * buffer changes. */
void cursor_gather(const struct cursor *c, const struct event_buffer *buffer,
		   struct cursor_batch *ret);

/* False: the batch is full. */
bool cursor_batch_add(struct cursor_batch *b, const uint8_t *bytes, size_t len);

/* `written` bytes of the batch are on the socket. *rest and *rest_len: the rest
 * of the frame that was cut (or the whole next one), which the sink must hold;
 * 0: none. All these frames count as handed out. */
void cursor_advance(struct cursor *c, const struct event_buffer *buffer,
		    const struct cursor_batch *b, size_t written,
		    const uint8_t **rest, size_t *rest_len);

#endif
