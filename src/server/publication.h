/* POST /api/v1/events with one message: reads its payload, publishes it, and
 * responds with JetStream's acknowledgement. */
#ifndef SLUICE_PUBLICATION_H
#define SLUICE_PUBLICATION_H

#include "auth/identity.h"
#include "base/span.h"
#include "http/http_error.h"
#include "server/endpoints.h"

struct conn;

/* `subject`: the client may publish to it; borrowed, for the call. 0: the
 * request is answered later, or was. -ENOMEM, or -EINVAL with *why. */
int publication_start(struct conn *c, const struct exchange *x,
		      const struct identity *id, struct span subject,
		      struct http_error *why);

#endif
