/* Proves that the server has processed what was sent before, and that each
 * error about it was reported before. Errors have no connection to the message
 * that caused them, and nats.c reports them in a thread of its own. So a reply
 * to the sender cannot be the proof: an error may still wait for that thread.
 *
 * Two messages to a subscription of our own with a limit of one byte: the first
 * is empty and fits, the second does not, and nats.c reports the slow consumer,
 * in the same thread as the errors and after them. A user that may not publish
 * to its own inbox gets an error for the second message: the same proof. */
#ifndef SLUICE_NATS_FENCE_H
#define SLUICE_NATS_FENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <pthread.h>

#include "upstream/nats_inbox.h"

struct nats_denied;
struct __natsConnection;   /* natsConnection */
struct __natsSubscription; /* natsSubscription */

enum {
	NATS_FENCE_MAX = 64, /* on their way at a time */
	NATS_FENCE_SUBJECT_MAX = NATS_INBOX_SUBJECT_MAX + 16
};

/* What a fence proves. */
struct nats_fence_mark {
	uint64_t number;    /* of the fence, from 1 on */
	uint64_t published; /* id of the last publish before it; 0: none */
};

struct nats_fence {
	struct __natsConnection *conn;
	struct __natsSubscription *sub;
	char first[NATS_FENCE_SUBJECT_MAX];
	char second[NATS_FENCE_SUBJECT_MAX];
	pthread_mutex_t lock;			      /* of what follows */
	struct nats_fence_mark marks[NATS_FENCE_MAX]; /* a ring */
	size_t begin, n;
	uint64_t number; /* of the last one */
	bool is_wanted;	 /* after the last one */
	uint64_t published;
};

/* NATS_OK or a natsStatus; nats_fence_finish() in any case. */
int nats_fence_init(struct nats_fence *f, struct __natsConnection *conn,
		    const struct nats_inbox *inbox);
/* After the connection is destroyed. Zeroed is fine. */
void nats_fence_finish(struct nats_fence *f);

/* By the worker: something was sent that needs the proof, a publish with this
 * id, or a subscription (0). Returns the number of the fence that follows. */
uint64_t nats_fence_want(struct nats_fence *f, uint64_t published);
/* By the worker: sends a fence if one is wanted, and not too many are on their
 * way. False: the connection takes no more. */
bool nats_fence_send(struct nats_fence *f);

/* From any thread: nats_fence_send() has work. */
bool nats_fence_is_wanted(struct nats_fence *f);

enum nats_fence_error {
	NATS_FENCE_OTHER,   /* not about a fence */
	NATS_FENCE_OURS,    /* of no meaning */
	NATS_FENCE_ARRIVED, /* the oldest one */
};

/* In nats.c's thread for errors. `denied`: the error's text; NULL: another. */
enum nats_fence_error nats_fence_take(struct nats_fence *f,
				      struct nats_fence_mark *ret,
				      const struct __natsSubscription *sub,
				      const struct nats_denied *denied);

#endif
