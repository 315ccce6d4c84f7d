/* clang-format off */
/* A replay reads older messages of one pattern from JetStream, until the buffer
 * has all that is left. Its position is its own; replay_group.h says how the
 * replays of a subscription become its events.
 *
 *	phase           waits for         the response proves       next
 *	QUEUED          a permit          -                         `next`
 *	PROBE           the next message  found: it is the next;    CHECK
 *	                after `covered`   none: nothing up to
 *	                                  `evidence_seq`
 *	LAST            the newest        where deliver=last starts CHECK
 *	CHECK           STREAM.INFO       the leader has answered,  DELIVER;
 *	                                  nothing has expired       PROBE
 *	DELIVER         the socket        -                         PROBE, CREATE
 *	                                                            or PULL
 *	CREATE          a consumer        nothing                   CHECK_CONSUMER
 *	CHECK_CONSUMER  STREAM.INFO       it is our stream's        PULL
 *	PULL            messages, status  nothing: its end is a     CHECK_PULL
 *	                                  hint
 *	HOLES           the messages      no message was skipped      CHECK_PULL
 *	                behind holes
 *	CHECK_PULL      STREAM.INFO       nothing before these      PULLED
 *	                                  messages has expired
 *	PULLED          the socket        -                         PULL, PROBE
 *	                                                            or CREATE
 *	PAUSE           the clock         -                         PROBE
 *	COVERED         the others        -                         PROBE
 *	NEWEST          the others        -                         CREATE,
 *	                                                            DELIVER
 *
 * The first message or two come by probes, then by a consumer. Only "no
 * message" of the stream's leader is evidence that nothing is left.
 *
 * How far that evidence goes: up to the buffer's last sequence when the probe
 * was sent, but not beyond the leader's own last sequence as it was known then.
 *
 * How it is known to be the leader's:
 * - The STREAM.INFO after it names the same leader, at `evidence_seq` or
 *   beyond. A new leader may be behind the one before.
 * - "No message" does not name its server, and a former leader that comes back
 *   answers beside the new one for up to a second. So in a cluster the question
 *   is asked twice. If the STREAM.INFO between the two says that all replicas
 *   have just answered the leader, none of them believes to be the leader, and
 *   none can become it before the second STREAM.INFO. Otherwise the two
 *   questions are further apart than a former leader lives: the true leader has
 *   answered one of them.
 * - A second, different response to one of the two questions is doubt. So is a
 *   STREAM.INFO of another server.
 *
 * deliver=last of several subjects, or of a wildcard, begins with a snapshot:
 * replay_group.h. Its consumer has the newest message of each subject. It is
 * read up to `snapshot_end`, and behind it as always. LAST then asks for the
 * newest message of the whole pattern, which is the snapshot of a literal
 * pattern; NEWEST has that answer.
 *
 * None of it depends on the order in which a server responds. PAUSE follows a
 * doubt, or a request that failed. */
/* clang-format on */
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
	REPLAY_QUEUED, /* for a permit; `next` follows */
	REPLAY_LAST,
	REPLAY_PROBE,
	REPLAY_CHECK,
	REPLAY_PAUSE,
	REPLAY_DELIVER,
	REPLAY_CREATE,
	REPLAY_CHECK_CONSUMER,
	REPLAY_PULL,
	REPLAY_HOLES, /* servers before 2.10 alone */
	REPLAY_CHECK_PULL,
	REPLAY_PULLED,
	REPLAY_COVERED, /* the buffer has all the rest of this pattern */
	REPLAY_NEWEST,	/* of a snapshot, before replay_take_snapshot() */
	REPLAY_PHASES
};

/* Shared by all replays. */
struct replay_limiters {
	struct limiter asks;	  /* requests that make the server search */
	struct limiter consumers; /* from CREATE until it goes away */
};

enum {
	REPLAY_QUESTIONS = 4,
	REPLAY_HOLES_MAX = 16, /* messages of a pull, where holes are asked
				  about */
};

/* A question to the leader (PROBE or LAST) and its first response. */
struct replay_question {
	uint32_t generation; /* 0: none */
	bool answered;
	uint64_t seq; /* 0: no message */
};

/* The consumer brought no message of (after, to). */
struct replay_hole {
	uint64_t after;
	uint64_t to;
	bool answered;
};

struct replay {
	struct jetstream *source;
	struct event_buffer *buffer;
	struct metrics *metrics;
	const struct hub_sink *sink; /* for hub_sink_step(); may be NULL */
	const struct sse_tag *tag;
	const struct stream_state *state; /* by the leader's last answer */
	const struct adaptive_timeout *timeout; /* of STREAM.INFO: shared */
	/* Of this cursor's own requests: how long the server searches depends
	 * on the subject. */
	struct adaptive_timeout search_timeout;
	struct replay_limiters *limiters;
	struct permit permit;

	uint32_t slot;
	uint32_t generation; /* of the last request */
	enum replay_phase phase;
	enum replay_phase next; /* QUEUED: the phase after the permit */
	uint64_t due_ms;	/* deadline of the present phase */
	uint64_t asked_ms;	/* time of the request, or of the last message
				   of its pull */
	struct adaptive_timeout_expired late;
	struct cursor *cursor;
	const char *pattern; /* NUL-terminated */
	/* Every message of the pattern up to `covered` is accounted for: it was
	 * handed out, or does not exist. Up to `sent` all were handed out, or
	 * are no events. */
	uint64_t covered;
	uint64_t sent;
	bool placed; /* else it asks for its start position: START_LAST */
	/* Before replay_begin(): starts, or goes on, with a snapshot. Until the
	 * snapshot is over. */
	bool snapshot;
	bool snapshot_read;	  /* a message at its end or beyond has come */
	bool looks;		  /* LAST said "none" of a wildcard, which a
				     server before 2.11 says of deleted messages,
				     too: PROBE asks whether there is any */
	bool snapshot_news;	  /* its present consumer brought something */
	uint64_t snapshot_end;	  /* nothing beyond is part of it */
	unsigned tail_waits;	  /* for the tail to come to the end */
	uint64_t newest;	  /* of the pattern, by LAST; 0: none */
	uint64_t newest_evidence; /* nothing came after it up to this */
	struct backoff asks;	  /* after failed probes */
	struct backoff consumers; /* after failed consumers and pulls */

	uint64_t evidence_seq; /* how far "no message" is evidence */
	uint32_t leader;       /* when the probe (or pull) was sent */
	bool found;	       /* by the probe: its message is in the queue */
	bool last;	       /* the probe asked for the newest message */
	unsigned probes;  /* that found a message, since the last consumer */
	uint32_t info_no; /* number of the STREAM.INFO that it waits for */
	uint64_t probe_ms;
	struct replay_question questions[REPLAY_QUESTIONS]; /* newest first */

	/* In a cluster "no message" is asked for twice. The first one: */
	bool confirmed;		 /* the probe in flight is the second one */
	bool followed;		 /* all replicas followed the leader between */
	uint64_t first_none_ms;	 /* time of its response */
	uint64_t first_none_seq; /* its evidence_seq */
	uint64_t covered_before; /* the evidence that the client was not yet
				    told of; UINT64_MAX: there is none */

	bool has_consumer;
	uint32_t consumer_gen;
	uint64_t cseq;	 /* last consumer sequence */
	uint64_t credit; /* messages that the pull may still bring */
	uint64_t pulled; /* credit at the pull's start */
	unsigned shrink; /* a pull asks for 2^shrink times less */
	uint32_t pull_no;
	unsigned pulls;	   /* of this consumer */
	bool short_pull;   /* ended before its batch: time for a probe */
	bool jumps;	   /* the consumer may skip messages that exist */
	uint64_t read_seq; /* its last message; or where it starts */
	struct replay_hole holes[REPLAY_HOLES_MAX]; /* of the last pull */
	unsigned n_holes;
	unsigned holes_left;   /* not yet answered */
	uint32_t holes_gen;    /* of the first question */
	uint64_t skipped_from; /* a hole with messages ends here; UINT64_MAX:
				  none does */
	bool big;	       /* the next message exceeds a pull's max_bytes */

	struct replay_queue queue;
};

/* Everything is borrowed. */
void replay_init(struct replay *r, uint32_t slot, struct jetstream *src,
		 struct event_buffer *buffer, const struct sse_tag *tag,
		 const struct stream_state *state,
		 const struct adaptive_timeout *timeout,
		 struct replay_limiters *limiters, struct metrics *m);

/* limiter_next() has returned its permit: it sends its request. */
void replay_on_permit(struct replay *r, uint64_t now_ms);

/* Another server has answered for the leader. */
void replay_invalidate(struct replay *r);

/* The cursor's position is set and it is EVICTED, or it is a START_LAST that
 * waits for its position. The pattern, which is the cursor's, is borrowed.
 * -ENOMEM or 0. */
int replay_begin(struct replay *r, struct cursor *c, const char *pattern,
		 uint64_t now_ms);
/* Ends it, in any phase. Deletes the consumer, drops what was not handed out,
 * and ignores late messages. */
void replay_end(struct replay *r);

enum replay_outcome {
	REPLAY_WAIT,	  /* for a permit, a response, the socket, a check */
	REPLAY_WANT_INFO, /* request STREAM.INFO, then call replay_check() */
	REPLAY_HAS_DATA,  /* the queue has frames for the cursor */
	REPLAY_STARTED,	  /* START_LAST: the start position is known; of a
			     snapshot: the newest message is */
	REPLAY_GAP,	  /* expired: report a gap up to the first message */
	REPLAY_JOINS,	  /* the buffer has all the rest: end the replay */
};

enum replay_outcome replay_on_event(struct replay *r,
				    const struct jetstream_event *ev,
				    uint64_t now_ms);
/* After REPLAY_STARTED: nothing but the queue's message exists up to this. */
uint64_t replay_evidence(const struct replay *r);
/* After REPLAY_STARTED: the message found is not yet handed out, nor in
 * doubt. */
bool replay_has_last(const struct replay *r);
/* The client knows the cursor's position: evidence is not taken back. */
void replay_commit(struct replay *r);
bool replay_awaits_check(const struct replay *r);
/* The response to a STREAM.INFO of our stream that was sent after
 * REPLAY_WANT_INFO. The cursor must not be blocked. */
enum replay_outcome replay_check(struct replay *r,
				 const struct jetstream_info *info,
				 uint64_t now_ms);
/* Goes on after frames were handed out. The cursor must not be blocked. */
enum replay_outcome replay_step(struct replay *r, uint64_t now_ms);
/* Starts again with a probe. */
void replay_restart(struct replay *r, uint64_t now_ms);
/* The same after `seq`, e.g. after a gap. */
void replay_restart_after(struct replay *r, uint64_t seq, uint64_t now_ms);
/* After REPLAY_JOINS: keeps its position, and nothing on the server, while the
 * other replays of the subscription go on. */
void replay_rest(struct replay *r);
/* In NEWEST: takes the snapshot, which ends at `end`. */
void replay_take_snapshot(struct replay *r, uint64_t end, uint64_t now_ms);
/* The buffer has all the rest of its pattern. */
bool replay_joins(const struct replay *r);
/* The queue may be handed out. */
bool replay_is_ready(const struct replay *r);
/* Ending it now loses nothing that was requested. */
bool replay_may_rotate(const struct replay *r);
/* Its socket is full. Gives its consumer up if another replay waits for one;
 * keeps what was pulled. */
void replay_yield(struct replay *r);
/* Timeouts: call it some ten times a second. */
void replay_tick(struct replay *r, uint64_t now_ms);

/* The subscription's messages up to `seq` are handed out: this replay's own,
 * and those of others that are merged with it. Its queue loses them. */
void replay_handed_out(struct replay *r, uint64_t seq);
/* As cursor_gather() and cursor_advance(), from the replay's queue: of a
 * subscription that has no other replay. */
void replay_gather(const struct replay *r, struct cursor_batch *ret);
void replay_advance(struct replay *r, const struct cursor_batch *b,
		    size_t written, const uint8_t **rest, size_t *rest_len);

#endif
