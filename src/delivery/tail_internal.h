/* What the files of the tail share: tail.c (the consumer's life, pulls,
 * messages), tail_stream.c (which stream it is), tail_match.c (whether its
 * messages are still the log's) and tail_hole.c (whether any are missing).
 * Nobody else includes it. */
#ifndef SLUICE_TAIL_INTERNAL_H
#define SLUICE_TAIL_INTERNAL_H

#include "delivery/tail.h"

/* tail_stream.c */

/* For the log; the same text again is no news. */
void tail_report(struct tail *t, bool warn, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
bool tail_is_ours(const struct tail *t, const struct jetstream_info *i);
/* What comes next, below `first`, is gone from the stream: TAIL_TRIMMED, or
 * 0.
 */
unsigned tail_trim(struct tail *t, uint64_t first);
/* What the stream's state means for head and floor; bits of tail_outcome, of
 * which TAIL_ROLLED_BACK has still to be done (tail_match_begin()). */
unsigned tail_compare(struct tail *t, const struct jetstream_info *i,
		      uint64_t now_ms);

/* The stream went back; t->match says where to. Bits. */
unsigned tail_roll_back(struct tail *t);

/* tail_match.c */

enum tail_verdict {
	MATCH_ASK, /* for the stream's message of t->match.frame's sequence */
	MATCH_SAME,
	MATCH_ROLLED_BACK, /* to t->match.same, unless that is no frame any more
			    */
	MATCH_FAILED,	   /* no answer to the question */
};
enum tail_verdict tail_match_begin(struct tail *t, bool went_back);
/* A JETSTREAM_FOUND. */
enum tail_verdict tail_match_answer(struct tail *t,
				    const struct jetstream_event *ev);

/* tail_hole.c */

bool tail_has_held(const struct tail *t);
/* Must this message wait? */
bool tail_must_hold(const struct tail *t, const struct jetstream_message *m);
/* It waits. -ENOBUFS, -ENOMEM. */
int tail_hold(struct tail *t, const struct jetstream_message *m,
	      uint64_t now_ms);
void tail_drop_held(struct tail *t);
/* The holes that a tail which filters has read on behind: they outlive its
 * consumer and its session, until a STREAM.INFO of the same stream says what
 * `first` is (bits of tail_outcome), or nobody can lack what was in them. */
unsigned tail_clear_holes(struct tail *t, uint64_t first);
void tail_forget_holes(struct tail *t);
/* The first that waits, if it need not any more; *after: the sequence before
 * it, behind which messages are *gone. */
const struct jetstream_message *tail_next_held(const struct tail *t,
					       uint64_t *after, bool *gone);
void tail_held_gap_reported(struct tail *t);
void tail_pop_held(struct tail *t);
/* A tail that filters reads on from `after` to `to`. */
void tail_note_hole(struct tail *t, uint64_t after, uint64_t to,
		    uint64_t now_ms);
/* A JETSTREAM_FOUND of a live tail. */
void tail_on_hole_found(struct tail *t, const struct jetstream_event *ev,
			uint64_t now_ms);
/* A heartbeat: where the consumer is. */
void tail_on_idle(struct tail *t, uint64_t last_stream);
void tail_tick_holes(struct tail *t, uint64_t now_ms);
uint64_t tail_holes_due(const struct tail *t);

#endif
