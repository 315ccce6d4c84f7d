/* The core subscriptions of a session. The worker adds and removes them; a
 * thread of nats.c's pool, which all subscriptions of the process share and
 * which never waits here, posts their messages; nats.c's thread for errors
 * finds out whether the server accepted them. */
#ifndef SLUICE_NATS_SUBSCRIPTIONS_H
#define SLUICE_NATS_SUBSCRIPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include <pthread.h>

#include "base/hash_table.h"
#include "base/list.h"
#include "loop/mailbox.h"

struct nats_denied;
struct nats_outgoing;
struct __natsConnection;   /* natsConnection */
struct __natsMsg;	   /* natsMsg */
struct __natsSubscription; /* natsSubscription */

/* As of natsConnection_Subscribe(). */
typedef void nats_subscriptions_callback(struct __natsConnection *conn,
					 struct __natsSubscription *sub,
					 struct __natsMsg *msg, void *arg);

struct nats_subscriptions {
	struct __natsConnection *conn;
	struct mailbox *events;
	uint64_t session;
	nats_subscriptions_callback *callback;
	void *arg;
	pthread_mutex_t lock; /* of what follows */
	struct hash_table ids;
	struct hash_table subs; /* by natsSubscription */
	struct list all;
	struct list pending; /* not active yet, the oldest first */
	struct list ended;   /* denied: for the worker to free */
};

/* The mailbox and the connection are borrowed. -ENOMEM or 0. */
int nats_subscriptions_init(struct nats_subscriptions *s,
			    struct __natsConnection *conn,
			    struct mailbox *events, uint64_t session,
			    nats_subscriptions_callback *callback, void *arg);
/* After the connection is destroyed and no callback runs. Zeroed is fine. */
void nats_subscriptions_finish(struct nats_subscriptions *s);

/* By the worker. The subscription is active when the fence of this number has
 * arrived. NATS_OK, or a natsStatus. */
int nats_subscriptions_add(struct nats_subscriptions *s,
			   const struct nats_outgoing *out, uint64_t fence);
void nats_subscriptions_remove(struct nats_subscriptions *s, uint64_t id);
/* Frees denied ones. */
void nats_subscriptions_reap(struct nats_subscriptions *s);

/* In the callback. Does not wait: a message without room is dropped and
 * counted. `msg` stays the caller's. */
void nats_subscriptions_post(struct nats_subscriptions *s,
			     struct __natsSubscription *sub,
			     struct __natsMsg *msg);

/* In nats.c's thread for errors; both may wait for room in the mailbox. True:
 * the worker has some to reap. */
bool nats_subscriptions_denied(struct nats_subscriptions *s,
			       const struct nats_denied *denied);
void nats_subscriptions_fence(struct nats_subscriptions *s, uint64_t number);

#endif
