/* The interface between the hub and JetStream. io/nats_source implements it
 * on a real server; the tests have a simulated one. Everything here happens on
 * the loop's thread, nothing blocks, nothing answers inside the call.
 *
 * Requests name who asks by a slot and a generation; the answer brings both
 * back, so that a late one is recognised and dropped. A request may be lost
 * (no connection, no answer): the one who asked has the time-out. */
#ifndef SLUICE_JETSTREAM_H
#define SLUICE_JETSTREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct source;

/* JetStream API error codes that mean something to us (ADR-7). */
enum {
	SOURCE_ERR_NO_MESSAGE = 10037, /* nothing there: evidence */
	SOURCE_ERR_NO_STREAM = 10059,
	SOURCE_ERR_NO_CONSUMER = 10014,
	SOURCE_ERR_MAX_CONSUMERS = 10026,
	SOURCE_ERR_MALFORMED = 1, /* an answer that we can't read */
	SOURCE_ERR_NO_RESPONDERS = 503,
};

struct source_who {
	uint32_t slot;
	uint32_t gen;
};

/* An ephemeral pull consumer: ack none, memory, one replica. Its name is made
 * of `who` and something unguessable. */
struct source_consumer {
	struct source_who who;
	uint64_t start_seq;
	const char *filter; /* subject; NULL for the whole stream */
	uint64_t inactive_ms;
};

struct source_pull {
	struct source_who who; /* of the consumer */
	uint32_t number;       /* comes back in statuses */
	uint32_t batch;	       /* messages */
	uint64_t max_bytes;    /* 0 for no limit */
	uint64_t expires_ms;   /* 0 with no_wait */
	uint64_t heartbeat_ms; /* 0 for none */
	bool no_wait;
};

/* All return 0, or a negative errno when the request could not even be taken
 * (-ENOTCONN, -ENOBUFS); that is treated like one that was lost. */
struct source_ops {
	/* STREAM.INFO -> SOURCE_INFO */
	int (*info)(struct source *s, struct source_who who);
	/* STREAM.MSG.GET {"seq", "next_by_subj"} -> SOURCE_FOUND */
	int (*find)(struct source *s, struct source_who who, uint64_t seq,
		    const char *subject);
	/* STREAM.MSG.GET {"seq"} -> SOURCE_FOUND */
	int (*get)(struct source *s, struct source_who who, uint64_t seq);
	/* STREAM.MSG.GET {"last_by_subj"} -> SOURCE_FOUND */
	int (*last)(struct source *s, struct source_who who,
		    const char *subject);
	/* CONSUMER.CREATE -> SOURCE_CREATED */
	int (*create)(struct source *s, const struct source_consumer *c);
	/* CONSUMER.MSG.NEXT -> SOURCE_MESSAGE ..., SOURCE_STATUS */
	int (*pull)(struct source *s, const struct source_pull *p);
	/* CONSUMER.DELETE; no answer */
	int (*forget)(struct source *s, struct source_who who);
};

struct source {
	const struct source_ops *ops;
};

enum source_kind {
	SOURCE_UP,   /* a new session: nothing asked before is answered */
	SOURCE_DOWN, /* the session is over */
	SOURCE_INFO,
	SOURCE_FOUND,
	SOURCE_CREATED,
	SOURCE_MESSAGE,
	SOURCE_STATUS,
};

struct source_message {
	uint64_t seq;	  /* stream sequence */
	uint64_t cseq;	  /* consumer sequence; 0 in SOURCE_FOUND */
	uint64_t pending; /* behind this one, by the consumer's word */
	uint64_t time_ns; /* when the server stored it, since 1970 */
	const char *subject;
	size_t subject_len;
	const void *data;
	size_t len;
	/* JetStream wrote it for itself (a delete marker, the definition of a
	 * schedule): accounted for, and no event. */
	bool internal;
};

struct source_info {
	uint64_t first_seq; /* at least 1; last_seq + 1 for an empty stream */
	uint64_t last_seq;
	uint64_t messages;
	const char *created; /* text of the time, the stream's identity */
	size_t created_len;
	bool filter_covers_all; /* the template's filter covers all subjects */
	bool work_queue;	/* retention that we can't serve */
	/* The word of nobody: a server without a leader, or a leader whom most
	 * of the replicas don't follow any more. It may be behind by anything,
	 * and is evidence of nothing. */
	bool unled;
	/* All other replicas have answered this leader just now: none of them
	 * takes itself for the leader. */
	bool all_follow;
	uint32_t leader; /* a hash of its name; 0: not in a cluster */
	/* The server's consumers may pass over messages that it has, when
	 * another subject is purged, unless their filter is literal. */
	bool before_2_10;
	/* No subject of the stream is one that the template can name. */
	bool filter_matches_none;
	uint64_t max_inactive_ms; /* of the stream's consumers; 0: any */
};

/* Where the stream was by its leader's last word. */
struct source_word {
	uint32_t leader;
	uint64_t first_seq;
	uint64_t last_seq;
	uint64_t max_inactive_ms; /* of consumers; 0: any */
};

struct source_status {
	uint32_t number;    /* of the pull */
	int code;	    /* 100, 400, 404, 408, 409, 503 */
	bool consumer_gone; /* 409 Consumer Deleted, push based */
	bool too_big;	    /* 409 Message Size Exceeds MaxBytes */
	bool has_pending;
	uint64_t pending_msgs;	/* of the batch, not delivered */
	bool has_last_consumer; /* heartbeat */
	uint64_t last_consumer;
	bool has_last_stream; /* heartbeat: the consumer has looked so far */
	uint64_t last_stream;
	/* 409: what the server takes in a pull, where that was exceeded; 0:
	 * something else. */
	uint64_t max_batch;
	uint64_t max_bytes;
	uint64_t max_expires_ms;
	const char *text; /* what the server said; may be NULL */
};

/* Borrowed for the length of the call that hands it over. */
struct source_event {
	enum source_kind kind;
	struct source_who who;
	int err;	      /* INFO, FOUND, CREATED: 0 or an API error code */
	const char *err_text; /* with err: what the server said; may be NULL */
	uint64_t num_pending; /* CREATED */
	union {
		struct source_message msg; /* MESSAGE, FOUND with err 0 */
		struct source_info info;   /* INFO with err 0 */
		struct source_status status;
	};
};

#endif
