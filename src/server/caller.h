/* The client of a request, for all handlers: identified, or rejected. */
#ifndef SLUICE_CALLER_H
#define SLUICE_CALLER_H

#include <stdbool.h>

#include "http/query.h"
#include "server/authenticate.h"
#include "server/endpoints.h"

struct conn;
struct conn_config;
struct conn_writing;
struct publish_rights;

/* Query parameter that may carry a token; NULL: none. */
const char *caller_token_parameter(const struct conn_config *cfg);

/* Identifies the client. True: *ret is set, for authentication_finish(). False:
 * the handler returns; the request has its response, or waits for newer keys
 * and its handler is called again. */
bool caller_identify(struct conn *c, const struct exchange *x,
		     const struct query_credentials *q,
		     struct authentication *ret);

/* What the client may publish to. 0, -ENOMEM, or -EINVAL with *why (403): its
 * claim cannot be used. */
int caller_publish_rights(struct publish_rights **ret,
			  const struct conn_writing *cfg,
			  const struct authentication *caller,
			  struct http_error *why);

/* A page's EventSource: it sends GET, and its response has no other type. HEAD
 * gets what GET would get. */
bool caller_is_event_source(const struct exchange *x);
/* Rejections that a later request may not get (429, 503). An EventSource gives
 * up for good on any status but 200, so it gets conn_reject_for_now(). */
void caller_reject_until_later(struct conn *c, const struct exchange *x,
			       const struct http_error *why);
void caller_reject_draining(struct conn *c, const struct exchange *x);
void caller_reject_for_memory(struct conn *c, const struct exchange *x);

#endif
