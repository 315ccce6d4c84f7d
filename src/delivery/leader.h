/* The stream's leader: what it said last, the one STREAM.INFO in flight, when
 * the next may be asked, whether another server answers as well, and the one
 * grace: how long a leader may be behind what was seen of the stream.
 *
 * Whoever needs an answer asks with leader_want_info(); one question serves all
 * who asked before it was sent. Without replicas (`word.leader` 0) no server
 * can be behind: a last sequence below what was seen is a roll-back at once. */
#ifndef SLUICE_LEADER_H
#define SLUICE_LEADER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/adaptive_timeout.h"
#include "base/backoff.h"
#include "base/metrics.h"
#include "delivery/event_buffer.h"
#include "nats/jetstream.h"

enum {
	LEADER_SLOT = 0x7fffffff, /* struct request_id.slot of its questions */
	LEADER_GRACE_MS = 5000,	  /* until a last sequence below what was seen
				     counts, where there are replicas */
	LEADER_ALONE_MS = 1000,	  /* where there are none: for a cursor that
				     names what was not seen here */
	LEADER_RECHECK_MS = 250,  /* between two questions for those who wait
				     for a leader that is behind */
};

struct leader {
	struct jetstream *source;
	struct event_buffer *buffer;
	struct metrics *metrics;
	const struct adaptive_timeout *timeout;

	struct stream_state state; /* the last answer */

	uint32_t question; /* of the last question */
	bool wanted;
	bool asked;	      /* one is in flight */
	uint64_t want_ms;     /* when it is wanted at the latest; 0: not so */
	uint64_t due_ms;      /* its answer is late */
	uint64_t asked_ms;    /* when it was sent */
	uint64_t answered_ms; /* the last answer */
	uint64_t held_seq;    /* of messages that are not in the log as yet */
	uint64_t asked_last_seq; /* the log's, or that, when it was sent */
	struct backoff fail;	 /* answers that say nothing */
	struct adaptive_timeout_expired late;

	/* The last sequence is below what the log's head was at some time: when
	 * the leader last said so (0: it isn't), for how long it says so. */
	uint64_t behind_ms, behind_for_ms;
	uint64_t behind_seq; /* that head */
};

/* Everything is borrowed. */
void leader_init(struct leader *l, struct jetstream *src,
		 struct event_buffer *buffer, const struct adaptive_timeout *p,
		 struct metrics *m);

/* ---- the question -------------------------------------------------------- */

/* A STREAM.INFO that is sent after this call: its number. */
uint32_t leader_want_info(struct leader *l);
/* The same, at `at_ms` at the latest: it holds up nobody else's question, and
 * is answered by any that is sent before. */
void leader_want_info_by(struct leader *l, uint64_t at_ms);
/* Sends the question, if one is wanted and may be. Only while the tail is live
 * (before, the tail asks by itself). */
void leader_ask(struct leader *l, uint64_t now_ms);
/* The tail was lost: no answer is waited for any more. */
void leader_forget_question(struct leader *l);
/* Time-outs, and questions to be asked by now. */
void leader_tick(struct leader *l, uint64_t now_ms);
/* When leader_tick() or leader_ask() next has something to do; UINT64_MAX:
 * never. */
uint64_t leader_due(const struct leader *l);

/* What an answer means; bits. */
enum leader_answer {
	LEADER_OURS = 1,  /* to the question in flight */
	LEADER_OTHER = 2, /* another server than the leader of before answers */
};
/* A JETSTREAM_INFO for LEADER_SLOT. It does not yet take the leader's word, for
 * it may be of another stream. */
unsigned leader_on_info(struct leader *l, const struct jetstream_event *ev,
			uint64_t now_ms);

/* ---- its word ------------------------------------------------------------ */

void leader_take_state(struct leader *l, const struct jetstream_info *i);
/* The leader's last sequence, when the log's head was `asked_head` at the time
 * of the question. True: the stream was rolled back; until then
 * leader_is_behind() says whether the leader has still to catch up. */
bool leader_rolled_back(struct leader *l, const struct jetstream_info *i,
			uint64_t asked_head, uint64_t now_ms);
bool leader_is_behind(const struct leader *l);
/* A session or a stream begins: nothing is known of how far it is. */
void leader_forget_behind(struct leader *l);
/* A cursor is above the leader's last sequence (another gateway has read so
 * far, say): since when is kept in *since_ms (0: not yet). True: the leader has
 * had its time, and the stream does not go so far. No time counts while the
 * leader is known to be behind. */
bool leader_had_grace(const struct leader *l, uint32_t *since_ms,
		      uint64_t now_ms);

#endif
