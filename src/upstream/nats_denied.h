/* The server's texts that the gateway's user may not publish or subscribe to a
 * subject:
 *
 *	Permissions Violation for Publish to "a.b"
 *	Permissions Violation for Subscription to "a.b"
 *	Permissions Violation for Subscription to "a.b" using queue "q"
 *
 * nats-server quotes names as Go does (%q); 2.15 adds ` (sid "7")` to a
 * subscription that it ends later. Clients choose the names, so these bytes are
 * hostile. Pure. */
#ifndef SLUICE_NATS_DENIED_H
#define SLUICE_NATS_DENIED_H

#include <stdbool.h>

#include "base/span.h"

enum { NATS_DENIED_NAME_MAX = 256 };

enum nats_denied_kind {
	NATS_DENIED_PUBLISH,
	NATS_DENIED_SUBSCRIPTION,
};

struct nats_denied {
	enum nats_denied_kind kind;
	char subject[NATS_DENIED_NAME_MAX];
	char queue[NATS_DENIED_NAME_MAX]; /* of a subscription; "": none */
	/* The text ends within the queue's name, or else the subject: nats.c
	 * keeps 255 bytes of it. */
	bool is_cut;
};

/* -EINVAL: another text. */
int nats_denied_parse(struct nats_denied *ret, const char *text);
/* This subscription (`queue`: empty, or its group) was denied. */
bool nats_denied_is(const struct nats_denied *d, struct span subject,
		    struct span queue);

#endif
