/* The tail: one ordered consumer a gateway, which follows everything that the
 * template can name and puts it into the log.
 *
 *	DOWN -> INFO [-> MATCH] -> CREATE -> VERIFY -> LIVE -> (INFO ...)
 *
 * INFO says where the stream is and whether it is still the same one; MATCH, in
 * each session, whether the log's newest message is still the stream's; VERIFY
 * asks again once the consumer exists, so that nothing of another stream is
 * ever taken for ours. A hole in the consumer sequence, credit that does not
 * add up, missed heartbeats or a consumer that is gone: a new consumer from
 * log.head + 1. PAUSE is the wait before the next try. */
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
#include "nats/subject.h"

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

/* What an event meant for everybody else; bits. */
enum tail_outcome {
	TAIL_FRAME = 1,	    /* a message was processed */
	TAIL_CONTACT = 2,   /* the stream is known for the first time */
	TAIL_RESET = 4,	    /* another stream: the log is new */
	TAIL_TRIMMED = 8,   /* messages beyond head are gone from the store */
	TAIL_LATE_GAP = 16, /* ... as was found later: see tail_gap */
	TAIL_ROLLED_BACK = 32, /* rolled back to head, where the log is new */
};

/* What was found to be missing when it had been passed over. */
struct tail_gap {
	uint64_t after; /* the sequence before the first hole */
	uint64_t first; /* the oldest that is stored */
	uint64_t upto;	/* who has covered this has passed over a hole */
};

/* Holes that one answer of the leader's is to clear. */
struct tail_holes {
	uint64_t from; /* the sequence before the first */
	uint64_t to;   /* the one behind the last; 0: there is none */
	uint32_t info_no;
};

/* Which message of the log is compared with the stream's. */
struct tail_match {
	bool searching;
	unsigned tries;
	uint64_t frame;	      /* its number */
	uint64_t same, other; /* searching: known to be so */
};

struct tail {
	struct jetstream *source;
	struct event_buffer *buffer;
	struct leader *leader;
	struct metrics *metrics;
	const struct subject_template *subject;
	const struct adaptive_timeout *timeout;
	char filter[SUBJECT_MAX];

	enum tail_state state;
	uint32_t generation;   /* of the last request */
	uint32_t consumer_gen; /* of the consumer's name */
	bool has_consumer;
	bool wants_filter;
	uint64_t due_ms; /* of the present state */
	uint64_t asked_ms;
	struct adaptive_timeout_expired late;
	uint64_t live_ms; /* since when */
	struct backoff fails;

	bool known;	  /* the identity, head and floor are */
	char created[64]; /* of the stream: its identity */
	size_t created_len;
	struct sse_tag tag; /* of `created` */

	uint64_t cseq;			/* last consumer sequence */
	uint64_t credit;		/* messages asked for and not seen */
	uint32_t pull_no;		/* of the last pull */
	uint32_t pulls[TAIL_MAX_PULLS]; /* open ones; 0: none */
	bool big; /* the next message is over the pull's max_bytes */
	uint64_t heard_ms;
	uint64_t lag; /* what the server had behind the last message */

	uint64_t read_seq; /* of the last message read; head, or held */
	struct tail_holes holes, next_holes;
	uint64_t hole_ms; /* the last answer about them */
	struct tail_gap gap;

	struct list held; /* struct tail_held.link: wait for an answer */
	size_t n_held;
	bool jumps;	      /* the server may skip what is stored */
	bool skipped;	      /* it has done so: the consumer is of no use */
	unsigned finds;	      /* questions about single holes in flight */
	uint64_t find_due_ms; /* they are late */
	uint32_t idle_gen;    /* of the one about the end; 0: none */
	uint64_t idle_from, idle_to;
	unsigned idle_beats, idle_wait; /* heartbeats since it, until the next
					 */

	bool matches_none; /* the template, of the stream's subjects: said */
	bool doubts;	   /* the log's newest message must be compared */
	struct tail_match match;

	/* What the server takes, as far as it has refused more. */
	uint32_t max_batch;
	uint64_t max_bytes, max_expires_ms, max_inactive_ms;
	bool refused;	     /* the last pulls: nothing can come */
	uint64_t pull_ms;    /* the last pull */
	bool brought;	     /* messages or heartbeats have come since */
	unsigned fruitless;  /* pulls that ended early and brought nothing */
	unsigned unanswered; /* consumers in a row whose pull had no answer */
	char why_text[200];  /* what `why` may point to */
	bool late_tick;	     /* silence was noticed late once */

	const char *why; /* not ready; good until the next call */
	bool has_report;
	bool report_warn;
	char report[256];
};

/* Everything is borrowed. */
void tail_init(struct tail *t, struct jetstream *src,
	       struct event_buffer *buffer, struct leader *leader,
	       const struct subject_template *subject,
	       const struct adaptive_timeout *p, struct metrics *m);

/* Nothing more is to come: its consumer is taken away. */
void tail_end(struct tail *t);
/* Memory. */
void tail_finish(struct tail *t);

bool tail_live(const struct tail *t);
/* Live, and the server takes its pulls. */
bool tail_ready(const struct tail *t);

/* Events for TAIL_SLOT, and JETSTREAM_UP and JETSTREAM_DOWN. Returns bits of
 * enum tail_outcome; with TAIL_FRAME, *touched is the subject's entry if it has
 * watchers, else NULL. */
unsigned tail_on_event(struct tail *t, const struct jetstream_event *ev,
		       uint64_t now_ms, struct buffer_subject **touched);

/* What may go to the log now of the messages that waited: call until it is 0,
 * after each call of tail_on_event() and tail_on_leader_info(). As there;
 * *seq is the message's. */
unsigned tail_next(struct tail *t, uint64_t now_ms,
		   struct buffer_subject **touched, uint64_t *seq);
/* The leader has answered question `no`, and it is our stream. */
unsigned tail_on_leader_info(struct tail *t, uint32_t no, uint64_t now_ms);

/* Someone else has asked STREAM.INFO, when the log's head was `asked_head`:
 * true when it is still our stream. If another, the tail has begun anew; an
 * answer may also say neither. (The head of now says nothing: messages may
 * overtake the answer.) */
bool tail_same_stream(struct tail *t, const struct jetstream_event *ev,
		      uint64_t asked_head, uint64_t now_ms);

/* Time-outs. */
void tail_tick(struct tail *t, uint64_t now_ms);
/* When tail_tick() next has something to do. */
uint64_t tail_due(const struct tail *t);

#endif
