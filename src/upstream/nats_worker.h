/* The thread that calls nats.c: it opens one session after another, and sends
 * the loop's commands in the one that is up. */
#ifndef SLUICE_NATS_WORKER_H
#define SLUICE_NATS_WORKER_H

#include "loop/mailbox.h"
#include "upstream/nats_hung.h"
#include "upstream/nats_options.h"
#include "upstream/nats_servers.h"

struct nats_worker {
	struct nats_options *options; /* its own reference */
	struct nats_servers servers;
	struct nats_hung hung;
	unsigned n_hung;	  /* hung.n; atomic, for the loop */
	struct mailbox *commands; /* in; woken by nats.c's threads too */
	struct mailbox *outbox;	  /* in; its wake() wakes `commands` */
	struct mailbox *events;	  /* out */
	uv_thread_t thread;
	/* Called by the thread at its end: joining it does not wait. */
	void (*on_done)(void *arg);
	void *arg;
	bool stop; /* atomic */
	bool done; /* atomic */
};

/* Starts the thread; all fields above `thread`, and on_done, are set by the
 * caller. 0 or a negative errno. */
int nats_worker_start(struct nats_worker *w);
/* The thread sends the commands that are left, and is done within seconds,
 * whatever the server does; messages of the outbox are dropped. The events
 * mailbox must be closed before. */
void nats_worker_stop(struct nats_worker *w);
/* Number of hung connects. From any thread. */
unsigned nats_worker_hung(const struct nats_worker *w);
bool nats_worker_done(const struct nats_worker *w);
/* Joins the thread and frees everything. */
void nats_worker_finish(struct nats_worker *w);

#endif
