#include "upstream/nats_backlog.h"

#include <errno.h>
#include <stdlib.h>

#include <nats/nats.h>

enum { BACKLOG_MIN = 64 };

/* NULL when the backlog is closed. */
static natsMsg *await_backlog_message(struct nats_backlog *b)
{
	natsMsg *msg = NULL;

	pthread_mutex_lock(&b->lock);
	while (b->n == 0 && !b->closed)
		pthread_cond_wait(&b->change, &b->lock);
	if (!b->closed)
		msg = b->messages[b->begin];
	pthread_mutex_unlock(&b->lock);
	return msg;
}

static void drop_oldest_message(struct nats_backlog *b)
{
	natsMsg *msg;

	pthread_mutex_lock(&b->lock);
	msg = b->messages[b->begin];
	b->begin = (b->begin + 1) % b->cap;
	b->n--;
	pthread_mutex_unlock(&b->lock);
	natsMsg_Destroy(msg);
}

static void *post_backlog(void *arg)
{
	struct nats_backlog *b = arg;
	natsMsg *msg;

	while ((msg = await_backlog_message(b)) != NULL) {
		b->post(b->arg, msg);
		drop_oldest_message(b);
	}
	nats_ReleaseThreadMemory();
	return NULL;
}

void nats_backlog_init(struct nats_backlog *b)
{
	pthread_mutex_init(&b->lock, NULL);
	pthread_cond_init(&b->change, NULL);
}

int nats_backlog_start(struct nats_backlog *b)
{
	int rc = pthread_create(&b->thread, NULL, post_backlog, b);
	b->has_thread = rc == 0;
	return -rc;
}

void nats_backlog_finish(struct nats_backlog *b)
{
	pthread_mutex_lock(&b->lock);
	b->closed = true;
	pthread_cond_signal(&b->change);
	pthread_mutex_unlock(&b->lock);
	if (b->has_thread)
		pthread_join(b->thread, NULL);
	while (b->n > 0)
		drop_oldest_message(b);
	free(b->messages);
	pthread_cond_destroy(&b->change);
	pthread_mutex_destroy(&b->lock);
}

bool nats_backlog_is_empty(struct nats_backlog *b)
{
	bool is_empty;

	pthread_mutex_lock(&b->lock);
	is_empty = b->n == 0;
	pthread_mutex_unlock(&b->lock);
	return is_empty;
}

static int make_backlog_room(struct nats_backlog *b)
{
	size_t cap = b->cap == 0 ? BACKLOG_MIN : b->cap * 2;
	natsMsg **messages;

	if (b->n < b->cap)
		return 0;
	messages = malloc(cap * sizeof(natsMsg *));
	if (messages == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < b->n; i++)
		messages[i] = b->messages[(b->begin + i) % b->cap];
	free(b->messages);
	b->messages = messages;
	b->begin = 0;
	b->cap = cap;
	return 0;
}

/* Without memory the message is lost as on the network: see nats_codec.c. */
void nats_backlog_put(struct nats_backlog *b, natsMsg *msg)
{
	int rc;

	pthread_mutex_lock(&b->lock);
	rc = make_backlog_room(b);
	if (rc == 0) {
		b->messages[(b->begin + b->n++) % b->cap] = msg;
		pthread_cond_signal(&b->change);
	}
	pthread_mutex_unlock(&b->lock);
	if (rc < 0)
		natsMsg_Destroy(msg);
}
