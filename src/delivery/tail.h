/* The tail: the gateway's one ordered consumer. It follows the readable
 * subjects, and stores it in the buffer.
 *
 *	DOWN -> INFO [-> MATCH] -> CREATE -> VERIFY -> LIVE -> (INFO ...)
 *
 * - INFO asks where the stream is, and whether it is still the same one.
 * - MATCH asks, once in each session, whether the buffer's newest message is
 *   still in the stream.
 * - VERIFY asks again once the consumer exists, so that no message of another
 *   stream is taken for one of ours.
 * - PAUSE is the wait before a retry.
 *
 * A hole in the consumer's sequence, credit that does not add up, missed
 * heartbeats or a lost consumer all lead to a new consumer from the buffer's
 * last sequence on. */
#ifndef SLUICE_TAIL_H
#define SLUICE_TAIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/adaptive_timeout.h"
#include "base/list.h"
#include "base/metrics.h"
#include "delivery/event_buffer.h"
#include "delivery/leader.h"
#include "http/sse.h"
#include "nats/jetstream.h"
#include "nats/readable.h"

enum { TAIL_SLOT = 0, TAIL_MAX_PULLS = 3 };

enum tail_state {
	TAIL_DOWN,
	TAIL_PAUSE,
	TAIL_INFO,
	TAIL_MATCH,
	TAIL_CREATE,
	TAIL_VERIFY,
	TAIL_LIVE,
};

/* What an event means for the subscriptions; bits. */
enum tail_outcome {
	TAIL_FRAME = 1,	  /* a message was processed */
	TAIL_CONTACT = 2, /* the stream is known for the first time */
	TAIL_RESET = 4,	  /* another stream: the buffer is empty */
	TAIL_TRIMMED = 8, /* messages after last_seq are gone from the stream */
	TAIL_LATE_GAP = 16, /* the same, found later: see struct tail_gap */
	TAIL_ROLLED_BACK =
		32, /* rolled back to last_seq; the buffer is empty */
};

/* Messages found to be missing after subscriptions went on behind them. */
struct tail_gap {
	uint64_t after; /* the sequence before the first hole */
	uint64_t first; /* the oldest that is stored */
	uint64_t upto;	/* a cursor that covers this went on behind a hole */
};

/* Holes that one response of the leader clears. */
struct tail_holes {
	uint64_t from; /* the sequence before the first */
	uint64_t to;   /* the one after the last hole; 0: no hole */
	uint32_t info_no;
};

/* The frame of the buffer that is compared with the stream's message. */
struct tail_match {
	bool searching;
	unsigned tries;
	uint64_t frame;	      /* its number */
	uint64_t same, other; /* searching: known to be the same; to differ */
};

struct tail {
	struct jetstream *source;
	struct event_buffer *buffer;
	struct leader *leader;
	struct metrics *metrics;
	const struct readable *readable;
	const struct adaptive_timeout *timeout;

	enum tail_state state;
	uint32_t generation;   /* of the last request */
	uint32_t consumer_gen; /* of the consumer's name */
	bool has_consumer;
	bool wants_filter;
	uint64_t due_ms; /* deadline of the present state */
	uint64_t asked_ms;
	struct adaptive_timeout_expired late;
	uint64_t live_ms; /* when it became live */
	struct backoff fails;

	bool known;	  /* the stream's identity is */
	char created[64]; /* of the stream: its identity */
	size_t created_len;
	struct sse_tag tag; /* of `created` */

	uint64_t cseq;	  /* last consumer sequence */
	uint64_t credit;  /* messages that open pulls may still bring */
	uint32_t pull_no; /* of the last pull */
	uint32_t pulls[TAIL_MAX_PULLS]; /* open ones; 0: none */
	bool big; /* the next message exceeds the pull's max_bytes */
	uint64_t heard_ms;
	uint64_t lag; /* messages that the server has after the last one */

	uint64_t read_seq; /* of the last message read: stored, or held */
	struct tail_holes holes, next_holes;
	uint64_t hole_ms; /* time of the last response about them */
	struct tail_gap gap;

	struct list held; /* struct tail_held.link: wait for a response */
	size_t n_held;
	bool jumps;	/* the server (before 2.10) may skip stored messages */
	bool skipped;	/* it has: the consumer is useless */
	unsigned finds; /* questions about single holes in flight */
	uint64_t find_due_ms; /* their deadline */
	uint32_t idle_gen;    /* of the one about the end; 0: none */
	uint64_t idle_from, idle_to;
	unsigned idle_beats, idle_wait; /* heartbeats since it, until the next
					 */

	bool matches_none; /* no subject of the stream is readable:
				reported */
	bool doubts;	   /* the newest frame must be compared */
	struct tail_match match;

	/* Limits of the server, as learnt from rejected pulls; 0: none. */
	uint32_t max_batch;
	uint64_t max_bytes, max_expires_ms, max_inactive_ms;
	bool refused;	     /* pulls are rejected: nothing can come */
	uint64_t pull_ms;    /* time of the last pull */
	bool brought;	     /* messages or heartbeats came since */
	unsigned fruitless;  /* pulls that ended early and brought nothing */
	unsigned unanswered; /* consumers in a row whose pull had no answer */
	char why_text[200];  /* what `why` may point to */
	bool late_tick;	     /* silence was noticed late once */

	const char *why; /* it is not ready; valid until the next call */
	bool has_report;
	bool report_warn;
	char report[256];
};

/* Everything is borrowed. */
void tail_init(struct tail *t, struct jetstream *src,
	       struct event_buffer *buffer, struct leader *leader,
	       const struct readable *readable,
	       const struct adaptive_timeout *p, struct metrics *m);

/* Deletes the consumer; only tail_finish() may follow. */
void tail_end(struct tail *t);
/* Frees memory. */
void tail_finish(struct tail *t);

bool tail_live(const struct tail *t);
/* Live, and the server accepts its pulls. */
bool tail_ready(const struct tail *t);

/* Events for TAIL_SLOT, and JETSTREAM_UP and JETSTREAM_DOWN. Returns bits of
 * enum tail_outcome; with TAIL_FRAME, *touched is the subject's entry if it has
 * watchers, else NULL. */
unsigned tail_on_event(struct tail *t, const struct jetstream_event *ev,
		       uint64_t now_ms, struct buffer_subject **touched);

/* Stores the next held message whose answer has come: call until it is 0,
 * after each call of tail_on_event() and tail_on_leader_info(). Returns as they
 * do; *seq is the message's sequence. */
unsigned tail_next(struct tail *t, uint64_t now_ms,
		   struct buffer_subject **touched, uint64_t *seq);
/* The leader has answered this question, and it is our stream. */
unsigned tail_on_leader_info(struct tail *t, uint32_t question,
			     uint64_t now_ms);

/* The response to a STREAM.INFO of another part, sent when the buffer's last
 * sequence was `asked_last_seq`: messages may overtake the response. True: it
 * is still our stream. False: the tail restarts with another stream, or the
 * response says neither. */
bool tail_same_stream(struct tail *t, const struct jetstream_event *ev,
		      uint64_t asked_last_seq, uint64_t now_ms);

/* Timeouts. */
void tail_tick(struct tail *t, uint64_t now_ms);
/* When tail_tick() next has work. */
uint64_t tail_due(const struct tail *t);

#endif
