/* The stream's leader: its last known state, the one STREAM.INFO in flight,
 * when the next one may be sent, whether another server answers as well, and
 * the grace: how long a leader may be behind what was already seen of the
 * stream.
 *
 * One question serves all parts that called leader_want_info() before it was
 * sent. Without replicas (`state.leader` 0) no server can be behind: a last
 * sequence below what was seen is a roll-back at once. */
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
	LEADER_SLOT = 0x7fffffff, /* request_id.owner of its questions */
	LEADER_GRACE_MS = 5000,	  /* with replicas: until a last sequence below
				     what was seen counts */
	LEADER_ALONE_MS = 1000,	  /* without: for a cursor beyond what was seen
				     here */
	LEADER_RECHECK_MS = 250,  /* between two questions while a leader is
				     behind */
};

struct leader {
	struct jetstream *source;
	struct event_buffer *buffer;
	struct metrics *metrics;
	const struct adaptive_timeout *timeout;

	struct stream_state state; /* by the last response */

	uint32_t question; /* number of the last one */
	bool wanted;
	bool asked;	      /* one is in flight */
	uint64_t want_ms;     /* when it is wanted at the latest; 0: not so */
	uint64_t due_ms;      /* deadline of its response */
	uint64_t asked_ms;    /* time of the question */
	uint64_t answered_ms; /* time of the last response */
	uint64_t held_seq;    /* last sequence that the tail holds; 0: none */
	uint64_t asked_last_seq; /* the log's, or that, when it was sent */
	struct backoff fail;	 /* after responses without a state */
	struct adaptive_timeout_expired late;

	/* The leader's last sequence is below one that was seen: time of its
	 * last response (0: it is not), and for how long. */
	uint64_t behind_ms, behind_for_ms;
	uint64_t behind_seq; /* the sequence seen */
};

/* Everything is borrowed. */
void leader_init(struct leader *l, struct jetstream *src,
		 struct event_buffer *buffer, const struct adaptive_timeout *p,
		 struct metrics *m);

/* ---- the question -------------------------------------------------------- */

/* Number of a STREAM.INFO that is sent after this call. */
uint32_t leader_want_info(struct leader *l);
/* The same, sent at `at_ms` at the latest. Any question before serves. */
void leader_want_info_by(struct leader *l, uint64_t at_ms);
/* Sends the question, if one is wanted and none is in flight. Only while the
 * tail is live; before, the tail asks. */
void leader_ask(struct leader *l, uint64_t now_ms);
/* The tail was lost: the question in flight is forgotten. */
void leader_forget_question(struct leader *l);
/* Timeouts, and questions that are due. */
void leader_tick(struct leader *l, uint64_t now_ms);
/* When leader_tick() or leader_ask() next has work; UINT64_MAX: never. */
uint64_t leader_due(const struct leader *l);

/* What a response means; bits. */
enum leader_answer {
	LEADER_OURS = 1, /* to the question in flight */
	LEADER_OTHER =
		2, /* another server than the known leader has answered */
};
/* A JETSTREAM_INFO for LEADER_SLOT. Does not take over its state, which may be
 * that of another stream. */
unsigned leader_on_info(struct leader *l, const struct jetstream_event *ev,
			uint64_t now_ms);

/* ---- its state ----------------------------------------------------------- */

void leader_take_state(struct leader *l, const struct jetstream_info *i);
/* Compares the leader's last sequence with `asked_last_seq`, the buffer's when
 * the question was sent. True: the stream was rolled back. Until that is
 * certain, leader_is_behind(). */
bool leader_rolled_back(struct leader *l, const struct jetstream_info *i,
			uint64_t asked_last_seq, uint64_t now_ms);
bool leader_is_behind(const struct leader *l);
/* A new session or stream: nothing is known of it. */
void leader_forget_behind(struct leader *l);
/* For a cursor above the leader's last sequence (of another gateway that has
 * read further, say). *since_ms keeps the time since then (0: not yet). True:
 * the grace is over, and the stream ends before the cursor. Time does not count
 * while the leader is known to be behind. */
bool leader_had_grace(const struct leader *l, uint32_t *since_ms,
		      uint64_t now_ms);

#endif
