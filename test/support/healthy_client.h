/* A well-behaved client beside the one that the test disturbs: a subscription
 * and a kept-alive connection, which must be served in time. */
#ifndef TEST_HEALTHY_CLIENT_H
#define TEST_HEALTHY_CLIENT_H

#include "e2e.h"

/* What it takes at the most, however many misbehave beside it; unhindered it is
 * a hundredth of this. */
enum { HEALTHY_CLIENT_MS = 2000 };

struct healthy_client {
	struct sse_client *stream; /* of the identity "healthy" */
	struct sse_client *health;
	bool comes_anew; /* where a connection that idles has to make room */
	size_t n_messages;
	uint64_t worst_ms;
	size_t rss_kib; /* of the gateway, when it came */
};

void healthy_client_join(struct healthy_client *b, struct e2e *f);
/* A /livez and a message, each in time. */
void healthy_client_expect_served(struct healthy_client *b, struct e2e *f);
/* The gateway holds no more than so much more than at the join; says how much,
 * and how long the healthy client had to wait. */
void healthy_client_expect_memory(const struct healthy_client *b, struct e2e *f,
				  size_t more_kib);

#endif
