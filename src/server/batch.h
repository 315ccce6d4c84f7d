/* POST /api/v1/events with Content-Type: application/x-ndjson: publishes one
 * message for each line of the body while it comes, and responds with one
 * result line each, in the same order. */
#ifndef SLUICE_BATCH_H
#define SLUICE_BATCH_H

#include "http/http_error.h"
#include "http/publish_query.h"
#include "server/authenticate.h"
#include "server/endpoints.h"

struct conn;

/* As publication_start(). */
int batch_start(struct conn *c, const struct exchange *x,
		const struct publish_query *q,
		const struct authentication *caller, struct http_error *why);

#endif
