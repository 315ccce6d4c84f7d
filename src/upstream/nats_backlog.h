/* Messages of a session's inbox that find the events mailbox half full. The
 * thread that nats.c delivers them in is the pool's, which serves all
 * connections of the process and must not wait. So they go here, and a thread
 * of the session waits for room. The pull requests bound what can arrive. */
#ifndef SLUICE_NATS_BACKLOG_H
#define SLUICE_NATS_BACKLOG_H

#include <stdbool.h>
#include <stddef.h>

#include <pthread.h>

struct __natsMsg; /* natsMsg */

struct nats_backlog {
	/* In the thread; may wait. The message stays the backlog's. */
	void (*post)(void *arg, struct __natsMsg *msg);
	void *arg;
	pthread_t thread;
	bool has_thread;
	pthread_mutex_t lock; /* of what follows */
	pthread_cond_t change;
	struct __natsMsg **messages; /* a ring, the oldest at `begin` */
	size_t begin, n, cap;	     /* the one being posted is counted */
	bool closed;
};

/* `post` and `arg` are set by the caller, the rest is zeroed. */
void nats_backlog_init(struct nats_backlog *b);
/* Starts the thread, before the first message. Negative errno or 0. */
int nats_backlog_start(struct nats_backlog *b);
/* No nats_backlog_put() may follow. Waits for a post in progress. */
void nats_backlog_finish(struct nats_backlog *b);

/* A message that is posted elsewhere now overtakes none of the backlog's. */
bool nats_backlog_is_empty(struct nats_backlog *b);
/* Takes the message over. */
void nats_backlog_put(struct nats_backlog *b, struct __natsMsg *msg);

#endif
