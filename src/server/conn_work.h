/* A request whose response comes later than its handler returns: it reads a
 * body, waits for NATS, or writes a response in pieces. The handler allocates
 * it as the first member of a struct of its own; conn_work owns it from
 * conn_work_begin() on and ends it exactly once, by on_gone(): after the whole
 * response, or when the connection closes before.
 *
 *	conn_work_begin()                     state PENDING
 *	conn_work_read_body() -> on_body() ..., on_body_end()
 *	                                      state BODY, then PENDING
 *	conn_work_respond(), conn_work_reject()
 *	                                      on_gone(); RESPONSE, IDLE or
 *LINGER conn_work_open(), conn_work_write() ..., conn_work_end() the same in
 *pieces, also in BODY
 *
 * Any of these functions may end the work (a lost connection): a caller looks
 * at its return value before it goes on. A client's early close is seen by the
 * next write alone: half-closed connections still get their response. */
#ifndef SLUICE_CONN_WORK_H
#define SLUICE_CONN_WORK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

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
	/* The socket has taken everything that conn_work_write() kept. NULL for
	 * a work that does not use it. */
	void (*on_writable)(struct conn_work *w);
	/* Frees the work; no function of this header may be called. */
	void (*on_gone)(struct conn_work *w);
};

struct conn_work {
	const struct conn_work_ops *ops;
	struct conn *conn;
	struct response_to to; /* for the response; `lines` is owned */
	struct request_body body;
	size_t reserved;       /* of --max-body-memory */
	bool has_request_slot; /* of --max-requests */
	bool is_open;	       /* conn_work_open() was called */
	bool is_paused;
};

/* The request's connection waits for the work from now on. -ENOMEM or 0; on
 * error the work is the caller's. */
int conn_work_begin(struct conn_work *w, const struct conn_work_ops *ops,
		    struct conn *c, const struct exchange *x);

/* Reads the body of the request, at most `max` bytes, within --body-timeout;
 * sends 100 (Continue) where it is awaited. Without a body on_body_end() is
 * called at once. False: the work is gone. */
bool conn_work_read_body(struct conn_work *w, const struct request *req,
			 uint64_t max);
/* The time-out begins again: progress of a body that is not kept whole. */
void conn_work_touch(struct conn_work *w);
/* Stops and resumes reading; the piece that is being delivered still comes. */
void conn_work_pause(struct conn_work *w);
void conn_work_resume(struct conn_work *w);

/* Takes `bytes` of --max-body-memory until the work is gone, or released.
 * False: there is not as much; the caller rejects with 503. */
bool conn_work_reserve(struct conn_work *w, size_t bytes);
void conn_work_release(struct conn_work *w, size_t bytes);

/* Each sends a whole response and ends the work. In the middle of a body the
 * connection is not kept alive. `type`, `extra`: response_short(). */
void conn_work_respond(struct conn_work *w, int status, const char *type,
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

#endif
