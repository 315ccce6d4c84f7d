/* A live subscription of a subject of core NATS: an HTTP client's, without
 * ids and history. Part of its owner's struct; zeroed: closed. */
#ifndef SLUICE_CORE_SUBSCRIPTION_H
#define SLUICE_CORE_SUBSCRIPTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "base/buf.h"
#include "base/list.h"
#include "base/span.h"
#include "nats/publish_error.h"

struct core_frame;
struct core_node;
struct core_queue;
struct identity_entry;

/* What each state waits for:
 *   OPENING  the server's word that the subscription is active, or its time-out
 *   OPEN     a message or a ping; when blocked, the socket
 *   ENDED    its owner's core_hub_close() */
enum core_state {
	CORE_CLOSED,
	CORE_OPENING,
	CORE_OPEN,
	CORE_ENDED,
};

struct core_subscription {
	struct core_queue *queue; /* NULL: CLOSED */
	struct core_node *next;	  /* NULL: no more frames */
	struct list at_node;	  /* ready or blocked ones of `next` */
	struct list waiting; /* feed: OPENING; hub: to be opened, or failed */
	struct list timed;   /* hub: in due order */
	uint64_t due_ms;     /* OPENING: the time-out; OPEN: the next ping */
	/* What the socket did not take of a frame that was begun. */
	struct core_frame *rest;	 /* NULL: none */
	struct span rest_bytes;		 /* inside of it */
	struct list pinned;		 /* hub: those with a rest, by age */
	struct identity_entry *identity; /* NULL: none */
	struct list of_identity;
	uint64_t dropped; /* messages, to be reported */
	uint64_t events;  /* messages handed out */
	uint64_t bytes;	  /* taken by the socket */
	uint32_t left;	  /* of its limit */
	uint8_t state;	  /* enum core_state */
	uint8_t form;	  /* enum cursor_form */
	uint8_t failure;  /* ENDED: enum publish_failure */
	bool chunked : 1;
	bool limited : 1;
	bool ndjson : 1;
	bool system : 1;
	bool is_blocked : 1; /* waits for its socket, or is not OPEN */
	bool is_cut : 1;     /* ENDED in the middle of a frame: for memory */
	bool away_waits : 1; /* a gap, to be reported */
	bool ping_waits : 1;
	bool expiry_waits : 1;
};

/* Where the hub writes: the connections. */
struct core_sink {
	/* Appends the response head. Negative: no memory. */
	int (*open)(struct core_subscription *s, struct buf *out);
	/* Writes to the socket now. How many bytes it took (0 to all), or a
	 * negative errno: the connection failed, and its owner calls
	 * core_hub_close() later (never inside this call). */
	ssize_t (*write)(struct core_subscription *s, const struct iovec *iov,
			 int n);
	/* The socket is full: core_hub_writable() when it has room. */
	void (*blocked)(struct core_subscription *s);
	/* All messages of its limit are on the socket: its owner closes it
	 * later. */
	void (*done)(struct core_subscription *s);
	/* It gets nothing more: its owner ends it, and may call
	 * core_hub_close(). Before open() the client gets an error.
	 * PUBLISH_DENIED: the gateway's NATS user may not subscribe to the
	 * subject. */
	void (*failed)(struct core_subscription *s,
		       enum publish_failure failure);
};

#endif
