/* The interface for publishes, requests and core subscriptions, beside
 * jetstream.h. It is implemented on a real server by upstream; the tests have a
 * fake one. All of it happens on the thread of the loop; nothing blocks, and no
 * event is delivered inside of a call.
 *
 * The caller chooses the ids (flights.h): never 0, never reused, ascending in
 * the order of the calls. Those of subscriptions have PUBLISHER_SUBSCRIPTION
 * set and are numbers of their own, so that two callers can share a publisher:
 * messages, and subscriptions. Subjects and headers are checked before
 * (publish_rights.h, publish_headers.h): here they go to NATS as they are.
 *
 * Two promises make "surely not sent" and "unknown" different:
 *
 * - PUBLISHER_SENT is delivered before a byte of the message can have left. A
 *   message without it, when PUBLISHER_DOWN is delivered, was not sent and
 *   never will be.
 * - Each message is sent at most once. There are no hidden retries. */
#ifndef SLUICE_PUBLISHER_H
#define SLUICE_PUBLISHER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"
#include "nats/publish_error.h"

struct publisher;

/* Bit of the ids of subscriptions. */
#define PUBLISHER_SUBSCRIPTION (UINT64_C(1) << 63)

/* All borrowed, for the call. */
struct publisher_message {
	uint64_t id;
	struct span subject;
	struct span reply;   /* of a publish; empty: none */
	struct span headers; /* as of publish_headers.h; empty: none */
	struct span data;
	/* The message is not sent after this time of the loop's clock; it then
	 * gets PUBLISHER_FAILED with PUBLISH_BUSY. */
	uint64_t deadline_ms;
};

/* All return 0, or a negative errno for a message that was not sent and gets no
 * event: -ENOTCONN, -ENOBUFS (a full mailbox), -EMSGSIZE (over the server's
 * max_payload). */
struct publisher_ops {
	/* A message without answer -> PUBLISHER_SENT, then PUBLISHER_FLUSHED,
	 * or PUBLISHER_FAILED. */
	int (*publish)(struct publisher *p, const struct publisher_message *m);
	/* A message with a reply subject of the session ->
	 * PUBLISHER_SENT, then PUBLISHER_REPLY ..., or PUBLISHER_FAILED. */
	int (*request)(struct publisher *p, const struct publisher_message *m);
	/* No more events for this request; a no-op for an unknown id. */
	void (*forget)(struct publisher *p, uint64_t id);
	/* Core subscription -> PUBLISHER_ACTIVE, then PUBLISHER_MESSAGE ...; or
	 * PUBLISHER_FAILED with PUBLISH_DENIED or PUBLISH_BUSY, also later:
	 * the server's permissions may change. It ends with the session.
	 * `queue`: empty, or the name of a queue group. */
	int (*subscribe)(struct publisher *p, uint64_t id, struct span subject,
			 struct span queue);
	/* No more messages of it; a no-op for an unknown id. */
	void (*unsubscribe)(struct publisher *p, uint64_t id);
};

struct publisher {
	const struct publisher_ops *ops;
};

enum publisher_event_kind {
	PUBLISHER_UP,	/* a new session */
	PUBLISHER_DOWN, /* the session is over, and all its subscriptions */
	/* From now on all messages up to this id may be stored, those of
	 * FAILED aside. */
	PUBLISHER_SENT,
	/* The server has processed all messages up to this id. Of each that was
	 * denied, PUBLISHER_DENIED came before. */
	PUBLISHER_FLUSHED,
	PUBLISHER_REPLY,  /* the acknowledgement, or a reply */
	PUBLISHER_FAILED, /* nothing more follows for this id */
	/* The gateway's NATS user may not publish to `subject`: messages to it
	 * that were sent before were not delivered. */
	PUBLISHER_DENIED,
	PUBLISHER_ACTIVE, /* the server knows the subscription */
	PUBLISHER_MESSAGE,
};

/* Borrowed: valid during the callback. */
struct publisher_event {
	enum publisher_event_kind kind;
	uint64_t id;
	enum publish_failure failure; /* FAILED */
	uint64_t max_payload;	      /* UP: bytes of headers and data */
	struct span subject;	      /* REPLY, MESSAGE, DENIED */
	/* MESSAGE: its reply subject. REPLY: the same, of a consumer's message
	 * (consumer_name.h). */
	struct span reply;
	struct span headers; /* REPLY, MESSAGE: message_headers.h */
	struct span data;
	/* DENIED: `subject` is only the beginning of a long one. */
	bool is_cut;
	/* MESSAGE: messages of the subscription that were dropped before this
	 * one, because the mailbox was full. */
	uint64_t dropped;
};

#endif
