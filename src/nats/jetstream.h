/* The interface between delivery and JetStream. upstream/nats_source implements
 * it on a real server; the tests have a simulated one. All of it happens on the
 * thread of the loop; nothing blocks, and no event is delivered inside of a
 * request.
 *
 * A request carries an owner and a generation; its response brings both back,
 * so that a late one is recognised and dropped. A request may be lost (no
 * connection, no response): its owner has the time-out. */
#ifndef SLUICE_JETSTREAM_H
#define SLUICE_JETSTREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/span.h"

struct jetstream;

/* Error codes of the JetStream API with a meaning here (ADR-7). */
enum {
	JETSTREAM_ERR_NO_MESSAGE = 10037, /* no message found: evidence */
	JETSTREAM_ERR_NO_STREAM = 10059,
	JETSTREAM_ERR_NO_CONSUMER = 10014,
	JETSTREAM_ERR_MAX_CONSUMERS = 10026,
	JETSTREAM_ERR_MALFORMED = 1, /* an unreadable response */
	JETSTREAM_ERR_NO_RESPONDERS = 503,
};

/* API levels of a server. */
enum {
	JETSTREAM_LEVEL_TTL = 1,   /* 2.11: messages may have a TTL */
	JETSTREAM_LEVEL_BATCH = 2, /* 2.12: atomic batches */
};

struct request_id {
	uint32_t owner;
	uint32_t generation;
};

/* An ephemeral pull consumer: ack none, in memory, one replica. Its name has
 * the request id and a random part. */
struct jetstream_consumer {
	struct request_id request;
	uint64_t start_seq;
	const char *filter; /* subject; NULL for the whole stream */
	uint64_t inactive_ms;
	/* First the newest message of each subject, in the order of the stream,
	 * as of its creation; then what was stored since. Needs a filter;
	 * without start_seq. */
	bool last_per_subject;
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

/* All return 0, or a negative errno for a request that was not sent (-ENOTCONN,
 * -ENOBUFS); treat it as lost. */
struct jetstream_ops {
	/* STREAM.INFO -> JETSTREAM_INFO */
	int (*info)(struct jetstream *s, struct request_id request);
	/* STREAM.MSG.GET {"seq", "next_by_subj"} -> JETSTREAM_FOUND */
	int (*get_next)(struct jetstream *s, struct request_id request,
			uint64_t seq, const char *subject);
	/* STREAM.MSG.GET {"seq"} -> JETSTREAM_FOUND */
	int (*get)(struct jetstream *s, struct request_id request,
		   uint64_t seq);
	/* STREAM.MSG.GET {"last_by_subj"} -> JETSTREAM_FOUND */
	int (*get_last)(struct jetstream *s, struct request_id request,
			const char *subject);
	/* CONSUMER.CREATE -> JETSTREAM_CREATED */
	int (*create)(struct jetstream *s, const struct jetstream_consumer *c);
	/* CONSUMER.MSG.NEXT -> JETSTREAM_MESSAGE ..., JETSTREAM_STATUS */
	int (*pull)(struct jetstream *s, const struct jetstream_pull *p);
	/* CONSUMER.DELETE; no event follows */
	int (*delete_consumer)(struct jetstream *s, struct request_id request);
};

struct jetstream {
	const struct jetstream_ops *ops;
};

enum jetstream_event_kind {
	JETSTREAM_UP,	/* a new session: earlier requests get no response */
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
	uint64_t pending; /* messages that the consumer still has */
	uint64_t time_ns; /* time at which the server stored it, since 1970 */
	const char *subject;
	size_t subject_len;
	const void *data;
	size_t len;
	const char *headers; /* as of message_headers_json() */
	size_t headers_len;
	const char *event; /* name for the client's event; empty: none */
	size_t event_len;
	/* Written by JetStream itself (a delete marker, the definition of a
	 * schedule): covered, but no event. */
	bool internal;
};

/* Sets what follows from the header block (message_headers.h): `headers`, in
 * `room`, which must be empty; `event`, from the header of this name (NULL:
 * none), in the block; `internal`. -ENOMEM, -ENOBUFS or 0. */
int jetstream_message_set_headers(struct jetstream_message *m,
				  struct span block, const char *event_header,
				  struct buf *room);
/* Number of bytes that the message points to. */
size_t jetstream_message_bytes(const struct jetstream_message *m);
/* Copies them to `room`. */
void jetstream_message_copy(const struct jetstream_message *m, char *room);
/* The message points to that copy. */
void jetstream_message_place(struct jetstream_message *m, const char *room);

struct jetstream_info {
	uint64_t first_seq; /* at least 1; last_seq + 1 for an empty stream */
	uint64_t last_seq;
	uint64_t messages;
	const char *created; /* text of a time; identifies the stream */
	size_t created_len;
	bool filter_covers_all; /* readable_filter() covers all subjects */
	bool work_queue;	/* a retention that is not supported */
	/* No authoritative leader: none at all, or one that most replicas do
	 * not follow. This state may be stale by any amount. Do not use it. */
	bool no_leader;
	/* All other replicas answered this leader recently: none of them can
	 * be a leader itself. */
	bool all_follow;
	uint32_t leader; /* hash of its name; 0: no cluster */
	/* When another subject is purged, consumers of such a server may skip
	 * messages that exist, unless their filter is literal. */
	bool before_2_10;
	/* No subject of the stream is readable. */
	bool filter_matches_none;
	uint64_t max_inactive_ms; /* limit of the stream's consumers; 0: none */
	unsigned api_level;	  /* of the stream's leader; 0: before 2.11 */
};

/* State of the stream as of the leader's last response. */
struct stream_state {
	uint32_t leader;
	uint64_t first_seq;
	uint64_t last_seq;
	uint64_t max_inactive_ms; /* limit of consumers; 0: none */
	bool before_2_10;	  /* see struct jetstream_info */
	unsigned api_level;	  /* ... and this one */
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
	bool has_last_stream; /* heartbeat: the position of the consumer */
	uint64_t last_stream;
	/* 409: limit of a pull that was exceeded; 0: another reason. */
	uint64_t max_batch;
	uint64_t max_bytes;
	uint64_t max_expires_ms;
	const char *text; /* text of the server; may be NULL */
};

/* Borrowed: valid during the callback. */
struct jetstream_event {
	enum jetstream_event_kind kind;
	struct request_id request;
	int err;	      /* INFO, FOUND, CREATED: 0 or an API error code */
	const char *err_text; /* with err: text of the server; may be NULL */
	uint64_t num_pending; /* CREATED */
	union {
		struct jetstream_message msg; /* MESSAGE, FOUND with err 0 */
		struct jetstream_info info;   /* INFO with err 0 */
		struct jetstream_status status;
	};
};

#endif
