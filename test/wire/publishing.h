/* NATS as the clients' messages see it: a fake publisher whose worker sends at
 * once, and a stream that stores and acknowledges what is published to it,
 * unless the conversation has other answers. */
#ifndef WIRE_PUBLISHING_H
#define WIRE_PUBLISHING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bytes.h"
#include "delivery/core_hub.h"
#include "fake_jetstream.h"
#include "fake_publisher.h"
#include "nats/messenger.h"

enum { PUBLISHING_MAX_IN_FLIGHT = 1024 };

struct publishing {
	struct fake_publisher fake;
	struct messenger messenger;
	struct core_hub *core; /* borrowed; NULL before the start */
	struct fake_jetstream *js;
	bool is_held;	/* the worker sends nothing */
	bool is_silent; /* nothing answers */
	/* Of the next request, in place of an acknowledgement; NULL: none. */
	char *reply;
	char *headers;		      /* of the next reply; NULL: none */
	enum publish_failure failure; /* the same; PUBLISH_FAILURES: none */
	size_t n_answered;	      /* of fake.arrived */
	size_t n_seen;		      /* of them, by publishing_next() */
};

void publishing_init(struct publishing *p, struct fake_jetstream *js,
		     struct metrics *metrics);
void publishing_finish(struct publishing *p);
/* What happens in one turn of the loop; false: nothing. */
bool publishing_turn(struct publishing *p, uint64_t now_ms);
/* Another reply, to the message that came last. */
void publishing_reply(struct publishing *p, const char *text);
/* A message of another client, to all subscriptions that match. */
void publishing_deliver(struct publishing *p, const char *subject,
			const char *text);
/* How many subscriptions the server has. */
size_t publishing_subscriptions(const struct publishing *p);
/* The next message that NATS has got; NULL: none. */
const struct fake_call *publishing_next(struct publishing *p);

#endif
