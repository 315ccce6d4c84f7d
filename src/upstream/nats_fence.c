#include "upstream/nats_fence.h"

#include <stdio.h>
#include <string.h>

#include <nats/nats.h>

#include "upstream/nats_denied.h"

int nats_fence_init(struct nats_fence *f, natsConnection *conn,
		    const struct nats_inbox *inbox)
{
	char all[NATS_FENCE_SUBJECT_MAX];
	natsStatus status;

	/* Beside the inbox, not in it: messages must not come twice. */
	snprintf(all, sizeof(all), "%s_fence.*", inbox->subject);
	snprintf(f->first, sizeof(f->first), "%s_fence.a", inbox->subject);
	snprintf(f->second, sizeof(f->second), "%s_fence.b", inbox->subject);
	f->conn = conn;
	pthread_mutex_init(&f->lock, NULL);
	status = natsConnection_SubscribeSync(&f->sub, conn, all);
	if (status == NATS_OK)
		status = natsSubscription_SetPendingLimits(f->sub, -1, 1);
	return status;
}

void nats_fence_finish(struct nats_fence *f)
{
	if (f->conn == NULL)
		return;
	natsSubscription_Destroy(f->sub);
	pthread_mutex_destroy(&f->lock);
}

/* ---- sending ------------------------------------------------------------- */

uint64_t nats_fence_want(struct nats_fence *f, uint64_t published)
{
	uint64_t number;

	pthread_mutex_lock(&f->lock);
	f->is_wanted = true;
	if (published != 0)
		f->published = published;
	number = f->number + 1;
	pthread_mutex_unlock(&f->lock);
	return number;
}

static bool begin_fence(struct nats_fence *f)
{
	bool begins;

	pthread_mutex_lock(&f->lock);
	begins = f->is_wanted && f->n < NATS_FENCE_MAX;
	if (begins) {
		f->marks[(f->begin + f->n++) % NATS_FENCE_MAX] =
			(struct nats_fence_mark){++f->number, f->published};
		f->is_wanted = false;
		f->published = 0;
	}
	pthread_mutex_unlock(&f->lock);
	return begins;
}

/* The first messages of earlier fences. */
static void drop_first_messages(struct nats_fence *f)
{
	natsMsg *msg;

	for (;;) {
		natsStatus status = natsSubscription_NextMsg(&msg, f->sub, 0);

		if (status == NATS_OK)
			natsMsg_Destroy(msg);
		else if (status != NATS_SLOW_CONSUMER)
			return;
	}
}

bool nats_fence_send(struct nats_fence *f)
{
	if (!begin_fence(f))
		return true;
	drop_first_messages(f);
	return natsConnection_Publish(f->conn, f->first, NULL, 0) == NATS_OK &&
	       natsConnection_Publish(f->conn, f->second, "full", 4) == NATS_OK;
}

bool nats_fence_is_wanted(struct nats_fence *f)
{
	bool is_wanted;

	pthread_mutex_lock(&f->lock);
	is_wanted = f->is_wanted && f->n < NATS_FENCE_MAX;
	pthread_mutex_unlock(&f->lock);
	return is_wanted;
}

/* ---- arrival ------------------------------------------------------------- */

static enum nats_fence_error find_denied_fence(const struct nats_fence *f,
					       const struct nats_denied *denied)
{
	if (denied == NULL || denied->kind != NATS_DENIED_PUBLISH ||
	    denied->is_cut)
		return NATS_FENCE_OTHER;
	if (strcmp(denied->subject, f->second) == 0)
		return NATS_FENCE_ARRIVED;
	return strcmp(denied->subject, f->first) == 0 ? NATS_FENCE_OURS
						      : NATS_FENCE_OTHER;
}

enum nats_fence_error nats_fence_take(struct nats_fence *f,
				      struct nats_fence_mark *ret,
				      const natsSubscription *sub,
				      const struct nats_denied *denied)
{
	enum nats_fence_error error = NATS_FENCE_ARRIVED;

	if (sub == NULL || sub != f->sub)
		error = find_denied_fence(f, denied);
	if (error != NATS_FENCE_ARRIVED)
		return error;
	pthread_mutex_lock(&f->lock);
	if (f->n > 0) {
		*ret = f->marks[f->begin];
		f->begin = (f->begin + 1) % NATS_FENCE_MAX;
		f->n--;
	} else {
		error = NATS_FENCE_OURS;
	}
	pthread_mutex_unlock(&f->lock);
	return error;
}
