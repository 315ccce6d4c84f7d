/* What the files of the tail share. Only they include it. A file calls only the
 * files below it; they return what they found, and the caller acts on it:
 *
 *	tail.c          the consumer's life, messages
 *	tail_pull.c     pulls and their credit
 *	tail_stream.c   which stream it is
 *	tail_hole.c     whether any messages are missing
 *	tail_match.c    whether the buffer's messages are still the stream's
 *	tail_report.c   messages for the log, the reason of not being ready */
#ifndef SLUICE_TAIL_INTERNAL_H
#define SLUICE_TAIL_INTERNAL_H

#include "delivery/tail.h"

enum { TAIL_HEARTBEAT_MS = 3000 };

/* 0: no limit. */
static inline uint64_t min_unless_0(uint64_t value, uint64_t limit)
{
	return limit != 0 && limit < value ? limit : value;
}

/* What the consumer reads. */
static inline const char *tail_pattern(const struct tail *t)
{
	return t->wants_filter ? readable_filter(t->readable) : ">";
}

/* tail_pull.c */

void tail_send_pull(struct tail *t, uint64_t now_ms);
/* Sends another pull when half of the batch has come. */
void tail_refill_pulls(struct tail *t, uint64_t now_ms);
/* Messages or heartbeats come: the server accepts the pulls. */
void tail_note_pull_works(struct tail *t);
enum tail_pull_verdict {
	PULL_WORKS,	    /* pulls are open: nothing to do */
	PULL_LOST,	    /* messages between server and gateway */
	PULL_CONSUMER_GONE, /* deleted, or its server is */
	PULL_REJECTED,	    /* t->why has the words of the server */
};
enum tail_pull_verdict tail_on_status(struct tail *t,
				      const struct jetstream_status *s,
				      uint64_t now_ms);

/* tail_stream.c */

bool tail_is_ours(const struct tail *t, const struct jetstream_info *i);
/* Messages from the next one to `first` are gone from the stream: TAIL_TRIMMED;
 * else 0. */
unsigned tail_trim(struct tail *t, uint64_t first);
/* What the stream's state means for the buffer: bits of enum tail_outcome. The
 * caller has still to carry out TAIL_ROLLED_BACK (tail_match_begin()). */
unsigned tail_compare(struct tail *t, const struct jetstream_info *i,
		      uint64_t now_ms);
/* The stream was rolled back to t->match.same. Bits of enum tail_outcome. */
unsigned tail_roll_back(struct tail *t);

/* tail_hole.c */

bool tail_has_held(const struct tail *t);
/* Whether this message must wait for an answer about the hole before it. */
bool tail_must_hold(const struct tail *t, const struct jetstream_message *m);
/* -ENOBUFS, -ENOMEM or 0. */
int tail_hold(struct tail *t, const struct jetstream_message *m,
	      uint64_t now_ms);
void tail_drop_held(struct tail *t);
/* The first held message, if its answer has come; *after: the sequence before
 * it; *gone: messages between the two are gone from the stream. */
const struct jetstream_message *tail_next_held(const struct tail *t,
					       uint64_t *after, bool *gone);
void tail_held_gap_reported(struct tail *t);
void tail_pop_held(struct tail *t);
/* A filtering tail reads on from `after` to `to`: notes the hole. Noted holes
 * outlive the consumer and the session, until a STREAM.INFO of the same stream
 * names the first sequence, or no subscription can lack what was in them. */
void tail_note_hole(struct tail *t, uint64_t after, uint64_t to,
		    uint64_t now_ms);
/* The stream's first sequence is `first`. Bits of enum tail_outcome. */
unsigned tail_clear_holes(struct tail *t, uint64_t first);
void tail_forget_holes(struct tail *t);
/* A JETSTREAM_FOUND of a live tail. */
void tail_on_hole_found(struct tail *t, const struct jetstream_event *ev,
			uint64_t now_ms);
/* A heartbeat names the consumer's position in the stream. */
void tail_on_idle(struct tail *t, uint64_t last_stream);
void tail_tick_holes(struct tail *t, uint64_t now_ms);
uint64_t tail_holes_due(const struct tail *t);

/* tail_match.c */

enum tail_verdict {
	MATCH_ASK, /* for the stream's message at t->match.frame's sequence */
	MATCH_SAME,
	MATCH_ROLLED_BACK, /* to t->match.same, unless that is no frame */
	MATCH_FAILED,	   /* no response to the question */
};
enum tail_verdict tail_match_begin(struct tail *t, bool rolled_back);
/* A JETSTREAM_FOUND. */
enum tail_verdict tail_match_answer(struct tail *t,
				    const struct jetstream_event *ev);

/* tail_report.c */

/* A status message for the log; the same text twice is reported once. */
void tail_report(struct tail *t, bool warn, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* Why the tail is not ready, in the server's words. */
void tail_set_why(struct tail *t, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

#endif
