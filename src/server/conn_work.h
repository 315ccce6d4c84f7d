/* A request with a response that comes after its handler returns: it reads a
 * body, waits for NATS, or writes a response in pieces. The handler allocates
 * it as the first member of a struct of its own; the connection owns it from
 * conn_work_start() on and ends it exactly once, by on_gone(): after the whole
 * response, or when the connection closes before.
 *
 *	conn_work_begin()
 *	conn_work_start()         state BODY -> on_body() ...; PENDING
 *	                          -> on_body_end()
 *	conn_work_respond(), conn_work_reject()
 *	                          -> on_gone(); RESPONSE, IDLE or LINGER
 *	conn_work_open(), conn_work_write() ..., conn_work_end()
 *	                          the same in pieces, also in BODY
 *
 * Any of these functions may end the work (a lost connection): a caller looks
 * at its return value before it goes on. A client's early close is seen by the
 * next write alone: half-closed connections still get their response. */
#ifndef SLUICE_CONN_WORK_H
#define SLUICE_CONN_WORK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/span.h"
#include "http/problem_json.h"
#include "http/request_body.h"
#include "http/response.h"
#include "server/endpoints.h"

struct conn;
struct conn_work;

struct conn_work_ops {
	/* A piece of the body's content, borrowed. The work may be gone when
	 * this returns. */
	void (*on_body)(struct conn_work *w, struct span bytes);
	/* The body is over. Not called after a rejection. */
	void (*on_body_end)(struct conn_work *w);
	/* The body ends in its middle: a time-out, bad framing. No more of it
	 * comes. False, or NULL: the request is rejected with `why`. True: the
	 * work responds, and may be gone. */
	bool (*on_body_broken)(struct conn_work *w,
			       const struct http_error *why);
	/* The socket has taken everything that conn_work_write() kept. NULL for
	 * a work that does not use it. */
	void (*on_writable)(struct conn_work *w);
	/* Frees the work; no function of this header may be called. */
	void (*on_gone)(struct conn_work *w);
};

struct conn_work {
	const struct conn_work_ops *ops;
	struct conn *conn;
	struct response_to to; /* `lines` is owned; no date */
	struct address client;
	struct request_body body;
	size_t reserved; /* of --max-body-memory */
	bool keep_alive; /* of the request, for a body that was read */
	bool is_open;	 /* conn_work_open() was called */
	bool is_paused;	 /* the body is not read */
	bool has_body;
	bool has_lines;
};

/* Fills the work. `max_body`: bytes of the request's body. 0, -ENOMEM, or
 * -EINVAL with *why (413). Until conn_work_start() it is the caller's, and
 * conn_work_finish() frees its parts. */
int conn_work_begin(struct conn_work *w, const struct conn_work_ops *ops,
		    struct conn *c, const struct exchange *x, uint64_t max_body,
		    struct http_error *why);
void conn_work_finish(struct conn_work *w);
/* The last call of the handler: the work answers the request, which is gone
 * when this returns, as may be the work. Reads the body within --body-timeout,
 * after 100 (Continue) where the client waits for it; without a body
 * on_body_end() is called at once. */
void conn_work_start(struct conn_work *w);
/* The time-out begins again: progress of a body that is not kept whole. */
void conn_work_touch(struct conn_work *w);
/* Stops and resumes reading; the piece that is being delivered still comes. */
void conn_work_pause(struct conn_work *w);
void conn_work_resume(struct conn_work *w);

/* How much of --max-body-memory the work uses, until it is gone. False: there
 * is not as much, and nothing changed; the caller rejects with
 * conn_work_reject_memory(). */
bool conn_work_reserve(struct conn_work *w, size_t bytes);
void conn_work_reject_memory(struct conn_work *w);
/* The same before conn_work_start(), as the last step that may fail: what the
 * work holds besides its body. 0, or -EINVAL with *why (503). */
int conn_work_hold(struct conn_work *w, size_t bytes, struct http_error *why);

/* Each sends a whole response and ends the work. In the middle of a body the
 * connection is not kept alive. `type`, `extra`: response_short(). */
void conn_work_respond(struct conn_work *w, int status, const char *type,
		       const char *extra, const void *body, size_t len);
/* The same with response_value(); `type` NULL: 304. */
void conn_work_respond_value(struct conn_work *w, const char *type,
			     const char *extra, const void *body, size_t len);
/* application/problem+json; counted and logged. */
void conn_work_reject(struct conn_work *w, const struct problem *p);
void conn_work_reject_error(struct conn_work *w, const struct http_error *why);

/* A response in pieces: chunked, for HTTP/1.0 until the close. `extra`: header
 * lines. False: the work is gone. */
bool conn_work_open(struct conn_work *w, int status, const char *type,
		    const char *extra);
/* Writes, and keeps what the socket does not take: look at
 * conn_work_is_blocked() and wait for on_writable(). False: the work is
 * gone. */
bool conn_work_write(struct conn_work *w, const void *bytes, size_t len);
bool conn_work_is_blocked(const struct conn_work *w);
/* Bytes that wait for the socket. */
size_t conn_work_unsent(const struct conn_work *w);
/* The last chunk; ends the work. */
void conn_work_end(struct conn_work *w);
/* Closes the connection at once: a response that cannot be completed. */
void conn_work_abort(struct conn_work *w);

/* ---- for conn_read and conn_set ------------------------------------------ */

/* Bytes that were received in BODY. *bytes and *len: what is left of them. */
void conn_work_feed(struct conn *c, const uint8_t **bytes, size_t *len);
/* --body-timeout is over. */
void conn_work_on_timeout(struct conn *c);

#endif
