/* A batch with atomic=1: the stream stores all messages, or none (ADR-50;
 * nats-server 2.12 or later, and a stream with allow_atomic). */
#ifndef SLUICE_ATOMIC_BATCH_H
#define SLUICE_ATOMIC_BATCH_H

#include "http/http_error.h"
#include "http/publish_query.h"
#include "server/authenticate.h"
#include "server/endpoints.h"

struct conn;

/* As batch_start(). */
int atomic_batch_start(struct conn *c, const struct exchange *x,
		       const struct publish_query *q,
		       const struct authentication *caller,
		       struct http_error *why);

#endif
