/* A replay: takes one cursor that lies before the log to where the log begins.
 * replay.c has the table of phases:
 *
 * phase           awaits            what the answer proves         next
 * TURN            its turn to ask   -                              `wants`
 * PROBE           a message after   found: it is the next one;     CHECK
 *                 `covered`         none: nothing up to h0
 * LAST            the newest        where deliver=last starts      CHECK
 * CHECK           STREAM.INFO       the leader has answered, and   DELIVER;
 * PROBE nothing has expired            (asked twice) DELIVER         the socket
 * -                              PROBE, CREATE or PULL CREATE          a
 * consumer        nothing                        CHECK_CONSUMER CHECK_CONSUMER
 * STREAM.INFO       it is our stream's             PULL PULL messages, status
 * nothing; its end is a hint     CHECK_PULL CHECK_PULL      STREAM.INFO nothing
 * has expired before     PULLED these messages PULLED          the socket -
 * PULL, PROBE or CREATE PAUSE           the clock         - PROBE
 *
 * The first message or two come by probes, then by a consumer. "No message" of
 * the stream's leader is the only evidence that nothing is left. How far it
 * goes, and how it is known to be the leader's:
 *
 * - up to the log's head when the probe was sent, but no further than the
 * leader had said before that it was itself: it may be behind the tail's
 * replica;
 * - the STREAM.INFO after it names the same leader, at h0 or beyond: a new one
 *   may be behind the one before;
 * - "no message" bears no name, and a leader of before that comes back answers
 *   for up to a second beside the new one. So in a cluster it is asked twice.
 *   Where the STREAM.INFO between says that every replica has answered the
 *   leader just now, none of them takes itself for the leader, and none has
 *   become it by the second STREAM.INFO. Where one has not, the two questions
 *   lie further apart than such a leader lives: one of them was answered by the
 *   true one;
 * - a second, different answer to one of the two is doubt. So is a STREAM.INFO
 *   of another server.
 *
 * None of it rests on the order in which a server answers. PAUSE is the wait
 * after a doubt, or after a request that was refused. */
#ifndef SLUICE_REPLAY_H
#define SLUICE_REPLAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/adaptive_timeout.h"
#include "base/backoff.h"
#include "base/buf.h"
#include "base/limiter.h"
#include "base/metrics.h"
#include "delivery/cursor.h"
#include "delivery/event_buffer.h"
#include "delivery/hub_sink.h"
#include "delivery/replay_queue.h"
#include "http/sse.h"
#include "nats/jetstream.h"

enum replay_phase {
	REPLAY_IDLE,
	REPLAY_QUEUED, /* for `wants` */
	REPLAY_LAST,
	REPLAY_PROBE,
	REPLAY_CHECK,
	REPLAY_PAUSE,
	REPLAY_DELIVER,
	REPLAY_CREATE,
	REPLAY_CHECK_CONSUMER,
	REPLAY_PULL,
	REPLAY_CHECK_PULL,
	REPLAY_PULLED,
	REPLAY_PHASES
};

/* All replays share them. */
struct replay_limiters {
	struct limiter asks; /* what the server answers when it has searched */
	struct limiter consumers; /* from CREATE until it goes away */
};

enum { REPLAY_QUESTIONS = 4 };

/* A question to the leader, PROBE or LAST, and its first answer. */
struct replay_question {
	uint32_t generation; /* 0: none */
	bool answered;
	uint64_t seq; /* 0: no message */
};

struct replay {
	struct jetstream *source;
	struct event_buffer *buffer;
	struct metrics *metrics;
	const struct hub_sink *sink; /* for hub_sink_step(); may be NULL */
	const struct sse_tag *tag;
	const struct stream_state *state; /* the leader's last */
	const struct adaptive_timeout
		*timeout; /* of all: STREAM.INFO, silence */
	struct adaptive_timeout
		search_timeout; /* of this cursor's own requests: how long the
		   server searches is the subject's matter */
	struct replay_limiters *limiters;
	struct permit permit;

	uint32_t slot;
	uint32_t generation; /* of the last request */
	enum replay_phase phase;
	enum replay_phase next; /* TURN: what follows */
	uint64_t due_ms;	/* an answer is late */
	uint64_t asked_ms;	/* or a message of the pull has come */
	struct adaptive_timeout_expired late;
	uint64_t blocked_ms; /* the socket is blocked since; 0: it isn't */
	uint64_t begun_ms;
	struct cursor *cursor;
	struct backoff asks;	  /* probes that were refused */
	struct backoff consumers; /* consumers and pulls that were */

	uint64_t evidence_seq; /* when the probe (or pull) was sent */
	uint32_t leader;       /* and its leader */
	bool found;	       /* the probe's answer: the queue has it */
	bool last;	       /* the probe was "last" */
	bool shares;	  /* ... and the hub hands its answer to others, too */
	unsigned probes;  /* that found something, since the consumer */
	uint32_t info_no; /* CHECK: the STREAM.INFO that serves */
	uint64_t probe_ms;
	struct replay_question questions[REPLAY_QUESTIONS]; /* the last first */

	/* Asked twice: the first "no message". */
	bool confirmed;		 /* this probe is the second one */
	bool followed;		 /* all replicas followed the leader between */
	uint64_t first_none_ms;	 /* when the first was answered */
	uint64_t first_none_seq; /* how far it went */
	uint64_t covered_before; /* before evidence that was not yet told;
				 UINT64_MAX: there is none */

	bool has_consumer;
	uint32_t consumer_gen;
	uint64_t cseq;
	uint64_t credit;
	uint64_t pulled; /* the credit in the beginning */
	unsigned shrink; /* a pull asks for 2^shrink times less */
	uint32_t pull_no;
	unsigned pulls;	 /* of this consumer */
	bool short_pull; /* ended before its batch: time for a probe */
	bool big;

	struct replay_queue queue;

	struct list link; /* hub: running, or free */
};

/* Everything is borrowed. */
void replay_init(struct replay *r, uint32_t slot, struct jetstream *src,
		 struct event_buffer *buffer, const struct sse_tag *tag,
		 const struct stream_state *state,
		 const struct adaptive_timeout *timeout,
		 struct replay_limiters *limiters, struct metrics *m);

/* It is this one's turn (limiter_next()), and it asks. */
void replay_on_permit(struct replay *r, uint64_t now_ms);

/* Someone else has answered for the leader. */
void replay_invalidate(struct replay *r);

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
				    const struct jetstream_event *ev,
				    uint64_t now_ms);
/* REPLAY_STARTED: beside the queue's message there is nothing up to this. */
uint64_t replay_evidence(const struct replay *r);
/* REPLAY_STARTED, and what was found is not yet handed out (nor in doubt). */
bool replay_has_last(const struct replay *r);
/* The cursor's place was told to the client: it can't be taken back. */
void replay_commit(struct replay *r);
bool replay_awaits_check(const struct replay *r);
/* The answer to a STREAM.INFO of our stream that was sent after
 * REPLAY_WANT_INFO. The cursor must not be blocked. */
enum replay_outcome replay_check(struct replay *r,
				 const struct jetstream_info *info,
				 uint64_t now_ms);
/* What next? Call with an unblocked cursor, when frames were handed out. */
enum replay_outcome replay_step(struct replay *r, uint64_t now_ms);
/* Begins again with a probe (a gap was told). */
void replay_restart(struct replay *r, uint64_t now_ms);
/* Nothing that it has asked for, or has not yet handed out, is lost with it. */
bool replay_may_rotate(const struct replay *r);
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
