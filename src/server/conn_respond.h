/* Responses to requests, and the last bytes of a subscription. */
#ifndef SLUICE_CONN_RESPOND_H
#define SLUICE_CONN_RESPOND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/close_reason.h"
#include "http/http_error.h"
#include "http/response.h"

struct buf;
struct conn;
struct conn_set;

enum { CONN_RETRY_AFTER_S = 5 }; /* of Retry-After */

/* The Date of responses, as of now; NULL: the clock has failed. Valid until the
 * next call. */
const char *conn_date(struct conn_set *s);

/* A whole short response. */
void conn_respond(struct conn *c, const struct response_to *to, int status,
		  const char *type, const void *body, size_t len);
/* A response that was made with the result `rc` (negative: the connection is
 * closed); frees it. */
void conn_send_response(struct conn *c, struct buf *response, int rc,
			bool keep_alive);
/* HEAD of a subscription: the header of GET, and none is opened. */
void conn_respond_head(struct conn *c, const struct response_to *to);
/* An error response; counted and logged. */
void conn_reject(struct conn *c, const struct response_to *to,
		 const struct http_error *why);
/* The same where a browser could not read it: 200, and the time after which to
 * come back. An EventSource gives up for good on any other status. */
void conn_reject_for_now(struct conn *c, const struct response_to *to,
			 const struct http_error *why);
/* The response is sent, or its rest is kept: moves on to the state that
 * follows. */
void conn_finish_response(struct conn *c);

/* A live subscription ends before the head of its response: with this error. */
void conn_reject_live(struct conn *c, const struct http_error *why);
/* Sends a reconnection time and the last chunk, and closes the subscription. */
void conn_end_subscription(struct conn *c, enum close_reason why);

#endif
