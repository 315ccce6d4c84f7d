/* The loop's side of nats/publisher.h: calls become messages for the worker, in
 * a mailbox of their own, so that they cannot crowd out those of JetStream. */
#ifndef SLUICE_NATS_PUBLISHER_H
#define SLUICE_NATS_PUBLISHER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/hash_table.h"
#include "base/list.h"
#include "loop/mailbox.h"
#include "nats/publisher.h"

/* Part of the source; zeroed before nats_publisher_init(). */
struct nats_publisher {
	struct publisher base;
	struct mailbox outbox;
	uint64_t session; /* number of the open one; 0: none */
	uint64_t max_payload;
	struct hash_table subscriptions; /* by id */
	struct list list;		 /* of them */
	struct list leaving;		 /* those to unsubscribe */
	/* May be NULL. */
	void (*on_event)(void *arg, const struct publisher_event *ev);
	void *arg;
};

/* `wake` wakes the worker. 0, or a negative errno with nothing to finish. */
int nats_publisher_init(struct nats_publisher *p, void (*wake)(void *arg),
			void *arg);
void nats_publisher_finish(struct nats_publisher *p);

/* Delivers an event of the events mailbox (nats_publisher_event_is()). */
void nats_publisher_deliver(struct nats_publisher *p,
			    const struct mailbox_message *m);
/* The session is over. */
void nats_publisher_down(struct nats_publisher *p);
/* No more calls succeed. */
void nats_publisher_close(struct nats_publisher *p);

#endif
