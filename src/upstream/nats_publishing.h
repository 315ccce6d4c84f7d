/* What a session has for publishes, requests and core subscriptions. */
#ifndef SLUICE_NATS_PUBLISHING_H
#define SLUICE_NATS_PUBLISHING_H

#include <stdbool.h>

#include <pthread.h>

#include "loop/mailbox.h"
#include "upstream/nats_fence.h"
#include "upstream/nats_sender.h"
#include "upstream/nats_subscriptions.h"

struct nats_publishing {
	const struct nats_inbox *inbox;
	struct mailbox *events;
	struct mailbox *wake; /* woken when the worker has work */
	pthread_mutex_t lock; /* of is_open */
	bool is_open;
	struct nats_sender sender;
	struct nats_fence fence;
	struct nats_subscriptions subscriptions;
};

/* All borrowed. */
void nats_publishing_init(struct nats_publishing *p,
			  const struct nats_inbox *inbox,
			  struct mailbox *events, struct mailbox *wake);
/* With the connection, which is borrowed; `callback` gets the messages of core
 * subscriptions. A natsStatus. */
int nats_publishing_open(struct nats_publishing *p,
			 struct __natsConnection *conn,
			 nats_subscriptions_callback *callback, void *arg);
/* After the connection is destroyed and no callback runs. */
void nats_publishing_finish(struct nats_publishing *p);

/* In the callback. The message stays the caller's. */
void nats_publishing_message(struct nats_publishing *p,
			     struct __natsSubscription *sub,
			     struct __natsMsg *msg);
/* In nats.c's thread for errors; may wait for room in the mailbox. True: the
 * error is not for the log. */
bool nats_publishing_error(struct nats_publishing *p,
			   const struct __natsSubscription *sub,
			   const char *text);

#endif
