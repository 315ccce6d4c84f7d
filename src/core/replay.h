/* A replay: takes one cursor that lies before the log to where the log begins.
 *
 *	PROBE -> CHECK -> DELIVER -> PROBE ... -> CREATE -> CHECK_CONSUMER
 *	      -> PULL -> PROBE ...
 *
 * A probe asks the stream's leader for the next message of the subject. Its "no
 * message" is the only evidence that nothing is left up to h0, the log's head
 * when it was sent. But a leader may be behind the replica that feeds the tail:
 * so h0 is no more than it had itself by its last word before the probe; and a
 * new leader may be behind the one before. Each answer is checked against a
 * STREAM.INFO that was asked for after it came: still our stream, the same
 * leader, at h0 or beyond, nothing expired under the cursor. DOUBT is the wait
 * before the next probe where it is not so. And where a cluster is healed, the
 * leader of before may answer for a moment beside the new one, unnoticed, for a
 * "no message" bears no name: so it is asked twice, and the second time counts
 * unless the STREAM.INFO between had an answer of another leader's as well (who
 * answers the second probe has answered that one before).
 * What asks JetStream for anything but the hub's STREAM.INFO waits for its turn
 * (TURN).
 * The first message or two come by the probes themselves, then a consumer is
 * made, and pulled as the socket drains; what a pull brought is checked as
 *well, and its end is a mere hint that it is time for a probe. `deliver=last`
 *is the phase LAST in PROBE's place. */
#ifndef SLUICE_REPLAY_H
#define SLUICE_REPLAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "cursor.h"
#include "log.h"
#include "metrics.h"
#include "patience.h"
#include "replay_queue.h"
#include "source.h"
#include "sse.h"
#include "turns.h"

enum replay_phase {
	REPLAY_IDLE,
	REPLAY_TURN, /* for `wants` */
	REPLAY_LAST,
	REPLAY_PROBE,
	REPLAY_CHECK,
	REPLAY_DOUBT,
	REPLAY_DELIVER,
	REPLAY_CREATE,
	REPLAY_CHECK_CONSUMER,
	REPLAY_PULL,
	REPLAY_CHECK_PULL,
};

/* All replays share them. */
struct replay_turns {
	struct turns asks; /* what the server answers when it has searched */
	struct turns consumers; /* from CREATE until it goes away */
};

struct replay {
	struct source *source;
	struct log *log;
	struct metrics *metrics;
	const struct sse_tag *tag;
	const struct source_word *word; /* the leader's last */
	const struct patience *patience;
	struct replay_turns *turns;
	struct turn turn;

	uint32_t slot;
	uint32_t gen; /* of the last request */
	enum replay_phase phase;
	enum replay_phase wants; /* TURN: what follows */
	uint64_t due_ms;	 /* an answer is late */
	uint64_t asked_ms;	 /* or a message of the pull has come */
	struct patience_late late;
	uint64_t blocked_ms; /* the socket is blocked since; 0: it isn't */
	uint64_t begun_ms;
	struct cursor *cursor;

	uint64_t h0;	  /* when the probe (or pull) was sent */
	uint32_t leader;  /* and who led */
	bool found;	  /* the probe's answer: the queue has it */
	bool sure;	  /* nobody but the leader will answer this probe */
	bool last;	  /* the probe was "last" */
	unsigned probes;  /* that found something, since the consumer */
	uint64_t info_no; /* CHECK: the hub's question that serves */

	bool has_consumer;
	bool no_consumer; /* can't be created: probes alone */
	uint32_t consumer_gen;
	uint64_t cseq;
	uint64_t credit;
	uint32_t pull_no;
	unsigned pulls; /* of this consumer */
	bool pull_over;
	bool short_pull; /* ended before its batch: time for a probe */
	bool big;

	struct replay_queue queue;

	struct list link; /* hub: running, or free */
};

/* Everything is borrowed. */
void replay_init(struct replay *r, uint32_t slot, struct source *src,
		 struct log *log, const struct sse_tag *tag,
		 const struct source_word *word, const struct patience *p,
		 struct replay_turns *turns, struct metrics *m);

/* It is this one's turn (turns_next()), and it asks. */
void replay_go(struct replay *r, uint64_t now_ms);

/* Someone else has answered for the leader. */
void replay_distrust(struct replay *r);

/* The cursor is set, LAGGED (or a START_LAST that waits for its answer).
 * -ENOMEM or 0. */
int replay_begin(struct replay *r, struct cursor *c, uint64_t now_ms);
/* Ends it, at any time: the consumer goes away, late messages are no one's.
 * What was not handed out is dropped. */
void replay_end(struct replay *r);

enum replay_outcome {
	REPLAY_WAIT,	  /* for a turn, an answer, the socket, a check */
	REPLAY_WANT_INFO, /* ask STREAM.INFO, then replay_check() */
	REPLAY_HAS_DATA,  /* the queue has frames, the cursor may take them */
	REPLAY_STARTED,	  /* START_LAST: cursor's start is known */
	REPLAY_GAP,	  /* expired: tell a gap up to the stream's first */
	REPLAY_JOINS,	  /* the log has all the rest: end it */
};

enum replay_outcome replay_on_event(struct replay *r,
				    const struct source_event *ev,
				    uint64_t now_ms);
bool replay_awaits_check(const struct replay *r);
/* The answer to a STREAM.INFO of our stream that was sent after
 * REPLAY_WANT_INFO. The cursor must not be blocked. */
enum replay_outcome replay_check(struct replay *r,
				 const struct source_info *info,
				 uint64_t now_ms);
/* What next? Call with an unblocked cursor, when frames were handed out. */
enum replay_outcome replay_step(struct replay *r, uint64_t now_ms);
/* Begins again with a probe (a gap was told). */
void replay_again(struct replay *r, uint64_t now_ms);
/* Its socket is full, and others wait for a consumer: lets them have one. What
 * was pulled stays. */
void replay_yield(struct replay *r);
/* Time-outs: some ten times a second. */
void replay_tick(struct replay *r, uint64_t now_ms);

/* As cursor_gather() and cursor_advance(), from the replay's queue. */
void replay_gather(const struct replay *r, struct cursor_batch *ret);
void replay_advance(struct replay *r, const struct cursor_batch *b,
		    size_t written, const uint8_t **rest, size_t *rest_len);

#endif
