/* The tail: one ordered consumer a gateway, which follows everything that the
 * template can name and puts it into the log.
 *
 *	DOWN -> INFO -> CREATE -> VERIFY -> LIVE -> (INFO ...)
 *
 * INFO says where the stream is and whether it is still the same one; VERIFY
 * asks again once the consumer exists, so that nothing of another stream is
 * ever taken for ours. A hole in the consumer sequence, credit that does not
 * add up, missed heartbeats or a consumer that is gone: a new consumer from
 * log.head + 1. PAUSE is the wait before the next try. */
#ifndef SLUICE_TAIL_H
#define SLUICE_TAIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "leader.h"
#include "log.h"
#include "metrics.h"
#include "patience.h"
#include "source.h"
#include "sse.h"
#include "subject.h"

enum { TAIL_SLOT = 0, TAIL_MAX_PULLS = 3 };

enum tail_state {
	TAIL_DOWN,
	TAIL_PAUSE,
	TAIL_INFO,
	TAIL_CREATE,
	TAIL_VERIFY,
	TAIL_LIVE,
};

/* What an event meant for everybody else; bits. */
enum tail_outcome {
	TAIL_FRAME = 1,	    /* a message was processed */
	TAIL_CONTACT = 2,   /* the stream is known for the first time */
	TAIL_RESET = 4,	    /* another stream, or rolled back: log is new */
	TAIL_OVERTAKEN = 8, /* messages beyond head are gone from the store */
};

struct tail {
	struct source *source;
	struct log *log;
	struct leader *leader;
	struct metrics *metrics;
	const struct subject_template *subject;
	const struct patience *patience;
	char filter[SUBJECT_MAX];

	enum tail_state state;
	uint32_t gen;	       /* of the last request */
	uint32_t consumer_gen; /* of the consumer's name */
	bool has_consumer;
	bool wants_filter;
	uint64_t due_ms; /* of the present state */
	uint64_t asked_ms;
	struct patience_late late;
	uint64_t live_ms; /* since when */
	unsigned fails;	  /* in a row */

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

	uint32_t hole_gen;  /* of a question about a hole; 0: none asked */
	uint64_t hole_ms;   /* when the last was asked */
	uint64_t hole_head; /* the stream had this much by then */

	const char *why; /* not live: static text */
	bool has_news;
	bool news_warn;
	char news[256];
};

/* Everything is borrowed. */
void tail_init(struct tail *t, struct source *src, struct log *log,
	       struct leader *leader, const struct subject_template *subject,
	       const struct patience *p, struct metrics *m);

/* Nothing more is to come: its consumer is taken away. */
void tail_end(struct tail *t);

bool tail_live(const struct tail *t);

/* Events for TAIL_SLOT, and SOURCE_UP and SOURCE_DOWN. Returns bits of enum
 * tail_outcome; with TAIL_FRAME, *touched is the subject's entry if it has
 * watchers, else NULL. */
unsigned tail_on_event(struct tail *t, const struct source_event *ev,
		       uint64_t now_ms, struct log_subject **touched);

/* Someone else has asked STREAM.INFO, when the log's head was `asked_head`:
 * true when it is still our stream. If another, the tail has begun anew; an
 * answer may also say neither. (The head of now says nothing: messages may
 * overtake the answer.) */
bool tail_same_stream(struct tail *t, const struct source_event *ev,
		      uint64_t asked_head, uint64_t now_ms);

/* Time-outs. */
void tail_tick(struct tail *t, uint64_t now_ms);
/* When tail_tick() next has something to do. */
uint64_t tail_due(const struct tail *t);

#endif
