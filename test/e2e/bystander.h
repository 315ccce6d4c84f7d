/* Another client of the same gateway, while something goes wrong elsewhere: it
 * has a stream and a kept-alive connection, and waits for nobody. */
#ifndef TEST_BYSTANDER_H
#define TEST_BYSTANDER_H

#include "e2e.h"

/* What it takes at the most, however many misbehave beside it; unhindered it is
 * a hundredth of this. */
enum { BYSTANDER_MS = 2000 };

struct bystander {
	struct sse_client *stream; /* of "bystander" */
	struct sse_client *health;
	bool comes_anew; /* where a connection that idles has to make room */
	size_t n_messages;
	uint64_t worst_ms;
	size_t rss_kib; /* of the gateway, when it came */
};

void bystander_join(struct bystander *b, struct e2e *f);
/* A /livez and a message, each in time. */
void bystander_expect_served(struct bystander *b, struct e2e *f);
/* The gateway holds no more than so much more than at the join; says how much,
 * and how long the bystander had to wait. */
void bystander_expect_memory(const struct bystander *b, struct e2e *f,
			     size_t more_kib);

#endif
