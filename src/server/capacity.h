/* Whether a client may open another subscription, of either kind. */
#ifndef SLUICE_CAPACITY_H
#define SLUICE_CAPACITY_H

#include "auth/identity.h"
#include "base/reject_reason.h"
#include "server/endpoints.h"

struct conn;

/* REJECT_NONE, or the limit that is reached. */
enum reject_reason capacity_exceeded(const struct conn *c,
				     const struct identity *id);
/* The response to a request over this limit. */
void capacity_reject(struct conn *c, const struct exchange *x,
		     enum reject_reason reason);

#endif
