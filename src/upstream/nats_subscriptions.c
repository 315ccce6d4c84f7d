#include "upstream/nats_subscriptions.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <nats/nats.h>

#include "nats/publisher.h"
#include "upstream/nats_denied.h"
#include "upstream/nats_headers.h"
#include "upstream/nats_publisher_codec.h"

enum {
	/* What nats.c keeps for one subscription until the pool's thread gets
	 * it. That thread never waits, so only bursts need it. */
	PENDING_MESSAGES = 8192,
	PENDING_BYTES = 8 * 1024 * 1024,
	HEADERS_MAX = 64 * 1024 * 1024,
};

struct core_subscription {
	struct hash_node by_id;
	struct hash_node by_sub;
	struct list in_all; /* or in `ended` */
	struct list in_pending;
	uint64_t id;
	natsSubscription *sub;
	uint64_t fence;
	uint64_t dropped;     /* by us, not reported yet */
	int64_t nats_dropped; /* by nats.c, reported */
	struct span subject;
	struct span queue;
	char names[];
};

/* ---- the tables ---------------------------------------------------------- */

static uint32_t hash_of_id(const struct nats_subscriptions *s, uint64_t id)
{
	return hash_table_hash(&s->ids, &id, sizeof(id));
}

static uint32_t hash_of_sub(const struct nats_subscriptions *s,
			    const natsSubscription *sub)
{
	return hash_table_hash(&s->subs, &sub, sizeof(sub));
}

static struct core_subscription *find_core_by_id(
	const struct nats_subscriptions *s, uint64_t id)
{
	struct hash_node *n = hash_table_bucket(&s->ids, hash_of_id(s, id));

	for (; n != NULL; n = n->next) {
		struct core_subscription *c =
			CONTAINER_OF(n, struct core_subscription, by_id);

		if (c->id == id)
			return c;
	}
	return NULL;
}

static struct core_subscription *find_core_by_sub(
	const struct nats_subscriptions *s, const natsSubscription *sub)
{
	struct hash_node *n = hash_table_bucket(&s->subs, hash_of_sub(s, sub));

	for (; n != NULL; n = n->next) {
		struct core_subscription *c =
			CONTAINER_OF(n, struct core_subscription, by_sub);

		if (c->sub == sub)
			return c;
	}
	return NULL;
}

static void link_core(struct nats_subscriptions *s, struct core_subscription *c)
{
	hash_table_add(&s->ids, &c->by_id, hash_of_id(s, c->id));
	hash_table_add(&s->subs, &c->by_sub, hash_of_sub(s, c->sub));
	list_push_back(&s->all, &c->in_all);
	list_push_back(&s->pending, &c->in_pending);
}

static void unlink_core(struct nats_subscriptions *s,
			struct core_subscription *c)
{
	hash_table_remove(&s->ids, &c->by_id);
	hash_table_remove(&s->subs, &c->by_sub);
	list_remove(&c->in_all);
	list_remove(&c->in_pending);
}

static void free_core(struct core_subscription *c)
{
	natsSubscription_Destroy(c->sub); /* unsubscribes */
	free(c);
}

int nats_subscriptions_init(struct nats_subscriptions *s, natsConnection *conn,
			    struct mailbox *events, uint64_t session,
			    nats_subscriptions_callback *callback, void *arg)
{
	*s = (struct nats_subscriptions){.conn = conn,
					 .events = events,
					 .session = session,
					 .callback = callback,
					 .arg = arg};
	if (hash_table_init(&s->ids) < 0)
		return -ENOMEM;
	if (hash_table_init(&s->subs) < 0) {
		hash_table_finish(&s->ids);
		return -ENOMEM;
	}
	list_init(&s->all);
	list_init(&s->pending);
	list_init(&s->ended);
	pthread_mutex_init(&s->lock, NULL);
	return 0;
}

void nats_subscriptions_finish(struct nats_subscriptions *s)
{
	struct list *node;

	if (s->ids.buckets == NULL)
		return;
	nats_subscriptions_reap(s);
	while ((node = list_first(&s->all)) != NULL) {
		struct core_subscription *c =
			LIST_ENTRY(node, struct core_subscription, in_all);

		unlink_core(s, c);
		free_core(c);
	}
	hash_table_finish(&s->ids);
	hash_table_finish(&s->subs);
	pthread_mutex_destroy(&s->lock);
}

/* ---- the worker ---------------------------------------------------------- */

static int post_core_event(struct nats_subscriptions *s,
			   enum publisher_event_kind kind, uint64_t id,
			   enum publish_failure failure)
{
	const struct publisher_event ev = {.kind = kind,
					   .id = id,
					   .failure = failure};

	return nats_publisher_event_post(s->events, s->session, &ev,
					 MAILBOX_WAIT);
}

static struct span place_name(char **to, struct span name)
{
	struct span copy = {*to, name.len};

	memcpy(*to, name.at, name.len + 1);
	*to += name.len + 1;
	return copy;
}

static struct core_subscription *new_core(const struct nats_outgoing *out,
					  uint64_t fence)
{
	struct core_subscription *c =
		calloc(1, sizeof(*c) + out->subject.len + out->reply.len + 2);
	char *to;

	if (c == NULL)
		return NULL;
	to = c->names;
	c->id = out->id;
	c->fence = fence;
	c->subject = place_name(&to, out->subject);
	c->queue = place_name(&to, out->reply);
	return c;
}

static natsStatus subscribe_core(struct nats_subscriptions *s,
				 struct core_subscription *c)
{
	natsStatus status;

	if (c->queue.len > 0)
		status = natsConnection_QueueSubscribe(&c->sub, s->conn,
						       c->subject.at,
						       c->queue.at, s->callback,
						       s->arg);
	else
		status = natsConnection_Subscribe(&c->sub, s->conn,
						  c->subject.at, s->callback,
						  s->arg);
	if (status == NATS_OK)
		natsSubscription_SetPendingLimits(c->sub, PENDING_MESSAGES,
						  PENDING_BYTES);
	return status;
}

/* Under the lock from before the subscription exists: its first message may
 * come before this returns, and must be found to be its own. */
int nats_subscriptions_add(struct nats_subscriptions *s,
			   const struct nats_outgoing *out, uint64_t fence)
{
	struct core_subscription *c = new_core(out, fence);
	natsStatus status;

	if (c == NULL)
		return NATS_NO_MEMORY;
	pthread_mutex_lock(&s->lock);
	status = subscribe_core(s, c);
	if (status == NATS_OK)
		link_core(s, c);
	pthread_mutex_unlock(&s->lock);
	if (status != NATS_OK)
		free(c);
	return status;
}

void nats_subscriptions_remove(struct nats_subscriptions *s, uint64_t id)
{
	struct core_subscription *c;

	pthread_mutex_lock(&s->lock);
	c = find_core_by_id(s, id);
	if (c != NULL)
		unlink_core(s, c);
	pthread_mutex_unlock(&s->lock);
	if (c != NULL)
		free_core(c);
}

void nats_subscriptions_reap(struct nats_subscriptions *s)
{
	struct list ended, *node;

	pthread_mutex_lock(&s->lock);
	list_take_all(&ended, &s->ended);
	pthread_mutex_unlock(&s->lock);
	while ((node = list_pop(&ended)) != NULL)
		free_core(LIST_ENTRY(node, struct core_subscription, in_all));
}

/* ---- messages ------------------------------------------------------------ */

static void count_nats_drops(struct core_subscription *c)
{
	int64_t n;

	if (natsSubscription_GetDropped(c->sub, &n) != NATS_OK)
		return;
	c->dropped += (uint64_t)(n - c->nats_dropped);
	c->nats_dropped = n;
}

static void post_or_count(struct nats_subscriptions *s,
			  struct core_subscription *c,
			  struct publisher_event *ev)
{
	count_nats_drops(c);
	ev->id = c->id;
	ev->dropped = c->dropped;
	if (nats_publisher_event_post(s->events, s->session, ev,
				      MAILBOX_HALF) == 0)
		c->dropped = 0;
	else
		c->dropped++;
}

void nats_subscriptions_post(struct nats_subscriptions *s,
			     natsSubscription *sub, natsMsg *msg)
{
	const char *reply = natsMsg_GetReply(msg);
	/* of versions of nats.c without a block */
	struct buf headers = {.max = HEADERS_MAX};
	struct publisher_event ev = {
		.kind = PUBLISHER_MESSAGE,
		.subject = span_of(natsMsg_GetSubject(msg)),
		.reply = span_of(reply == NULL ? "" : reply),
		.headers = nats_headers_of(msg, &headers),
		.data = {natsMsg_GetData(msg),
			 (size_t)natsMsg_GetDataLength(msg)},
	};
	struct core_subscription *c;

	pthread_mutex_lock(&s->lock);
	c = find_core_by_sub(s, sub);
	if (c != NULL)
		post_or_count(s, c, &ev);
	pthread_mutex_unlock(&s->lock);
	buf_finish(&headers);
}

/* ---- the thread for errors ----------------------------------------------- */

/* 0: none (any more). */
static uint64_t take_denied_core(struct nats_subscriptions *s,
				 const struct nats_denied *denied)
{
	struct list *node;
	uint64_t id = 0;

	pthread_mutex_lock(&s->lock);
	for (node = s->all.next; node != &s->all; node = node->next) {
		struct core_subscription *c =
			LIST_ENTRY(node, struct core_subscription, in_all);

		if (!nats_denied_is(denied, c->subject, c->queue))
			continue;
		id = c->id;
		unlink_core(s, c);
		list_push_back(&s->ended, &c->in_all);
		break;
	}
	pthread_mutex_unlock(&s->lock);
	return id;
}

bool nats_subscriptions_denied(struct nats_subscriptions *s,
			       const struct nats_denied *denied)
{
	bool any = false;
	uint64_t id;

	while ((id = take_denied_core(s, denied)) != 0) {
		post_core_event(s, PUBLISHER_FAILED, id, PUBLISH_DENIED);
		any = true;
	}
	return any;
}

static uint64_t take_proved(struct nats_subscriptions *s, uint64_t number)
{
	struct list *node;
	uint64_t id = 0;

	pthread_mutex_lock(&s->lock);
	node = list_first(&s->pending);
	if (node != NULL) {
		struct core_subscription *c =
			LIST_ENTRY(node, struct core_subscription, in_pending);

		if (c->fence <= number) {
			id = c->id;
			list_remove(node);
		}
	}
	pthread_mutex_unlock(&s->lock);
	return id;
}

void nats_subscriptions_fence(struct nats_subscriptions *s, uint64_t number)
{
	uint64_t id;

	while ((id = take_proved(s, number)) != 0)
		post_core_event(s, PUBLISHER_ACTIVE, id, PUBLISH_FAILURES);
}
