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

struct jetstream;

/* JetStream API error codes that mean something to us (ADR-7). */
enum {
	JETSTREAM_ERR_NO_MESSAGE = 10037, /* nothing there: evidence */
	JETSTREAM_ERR_NO_STREAM = 10059,
	JETSTREAM_ERR_NO_CONSUMER = 10014,
	JETSTREAM_ERR_MAX_CONSUMERS = 10026,
	JETSTREAM_ERR_MALFORMED = 1, /* an answer that we can't read */
	JETSTREAM_ERR_NO_RESPONDERS = 503,
};

struct request_id {
	uint32_t owner;
	uint32_t generation;
};

/* An ephemeral pull consumer: ack none, memory, one replica. Its name is made
 * of `who` and something unguessable. */
struct jetstream_consumer {
	struct request_id request;
	uint64_t start_seq;
	const char *filter; /* subject; NULL for the whole stream */
	uint64_t inactive_ms;
};

struct jetstream_pull {
	struct request_id request; /* of the consumer */
	uint32_t number;	   /* comes back in statuses */
	uint32_t batch;		   /* messages */
	uint64_t max_bytes;	   /* 0 for no limit */
	uint64_t expires_ms;	   /* 0 with no_wait */
	uint64_t heartbeat_ms;	   /* 0 for none */
	bool no_wait;
};

/* All return 0, or a negative errno when the request could not even be taken
 * (-ENOTCONN, -ENOBUFS); that is treated like one that was lost. */
struct jetstream_ops {
	/* STREAM.INFO -> JETSTREAM_INFO */
	int (*info)(struct jetstream *s, struct request_id request);
	/* STREAM.MSG.GET {"seq", "next_by_subj"} -> JETSTREAM_FOUND */
	int (*find)(struct jetstream *s, struct request_id request,
		    uint64_t seq, const char *subject);
	/* STREAM.MSG.GET {"seq"} -> JETSTREAM_FOUND */
	int (*get)(struct jetstream *s, struct request_id request,
		   uint64_t seq);
	/* STREAM.MSG.GET {"last_by_subj"} -> JETSTREAM_FOUND */
	int (*last)(struct jetstream *s, struct request_id request,
		    const char *subject);
	/* CONSUMER.CREATE -> JETSTREAM_CREATED */
	int (*create)(struct jetstream *s, const struct jetstream_consumer *c);
	/* CONSUMER.MSG.NEXT -> JETSTREAM_MESSAGE ..., JETSTREAM_STATUS */
	int (*pull)(struct jetstream *s, const struct jetstream_pull *p);
	/* CONSUMER.DELETE; no answer */
	int (*forget)(struct jetstream *s, struct request_id request);
};

struct jetstream {
	const struct jetstream_ops *ops;
};

enum jetstream_event_kind {
	JETSTREAM_UP,	/* a new session: nothing asked before is answered */
	JETSTREAM_DOWN, /* the session is over */
	JETSTREAM_INFO,
	JETSTREAM_FOUND,
	JETSTREAM_CREATED,
	JETSTREAM_MESSAGE,
	JETSTREAM_STATUS,
};

struct jetstream_message {
	uint64_t seq;	  /* stream sequence */
	uint64_t cseq;	  /* consumer sequence; 0 in JETSTREAM_FOUND */
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

struct jetstream_info {
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
	bool no_leader;
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
struct stream_state {
	uint32_t leader;
	uint64_t first_seq;
	uint64_t last_seq;
	uint64_t max_inactive_ms; /* of consumers; 0: any */
};

struct jetstream_status {
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
struct jetstream_event {
	enum jetstream_event_kind kind;
	struct request_id request;
	int err;	      /* INFO, FOUND, CREATED: 0 or an API error code */
	const char *err_text; /* with err: what the server said; may be NULL */
	uint64_t num_pending; /* CREATED */
	union {
		struct jetstream_message msg; /* MESSAGE, FOUND with err 0 */
		struct jetstream_info info;   /* INFO with err 0 */
		struct jetstream_status status;
	};
};

#endif
