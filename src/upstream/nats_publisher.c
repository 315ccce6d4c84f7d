#include "upstream/nats_publisher.h"

#include <errno.h>
#include <stdlib.h>

#include "base/check.h"
#include "upstream/nats_publisher_codec.h"

/* Of messages that the worker has not taken yet; it may hold as much again. */
enum { OUTBOX_CAP = 16 * 1024 * 1024 };

/* Open, to the loop. */
struct loop_subscription {
	struct hash_node node;
	struct list in_list;
	uint64_t id;
	bool is_active;
};

static struct nats_publisher *publisher_of(struct publisher *base)
{
	return CONTAINER_OF(base, struct nats_publisher, base);
}

/* ---- calls --------------------------------------------------------------- */

static int post_outgoing_message(struct publisher *base,
				 enum nats_outgoing_kind kind,
				 const struct publisher_message *m)
{
	struct nats_publisher *p = publisher_of(base);
	const struct nats_outgoing out = {
		.kind = kind,
		.session = p->session,
		.id = m->id,
		.deadline_ms = m->deadline_ms,
		.subject = m->subject,
		.reply = m->reply,
		.headers = m->headers,
		.data = m->data,
	};

	if (p->session == 0)
		return -ENOTCONN;
	if (m->headers.len > p->max_payload ||
	    m->data.len > p->max_payload - m->headers.len)
		return -EMSGSIZE;
	return nats_outgoing_post(&p->outbox, &out);
}

static int post_publish(struct publisher *base,
			const struct publisher_message *m)
{
	return post_outgoing_message(base, NATS_OUTGOING_PUBLISH, m);
}

static int post_request(struct publisher *base,
			const struct publisher_message *m)
{
	return post_outgoing_message(base, NATS_OUTGOING_REQUEST, m);
}

/* The caller ignores events with ids that it does not know, and the message may
 * be sent already. */
static void forget_request(struct publisher *base, uint64_t id)
{
	(void)base;
	(void)id;
}

static struct loop_subscription *find_loop_subscription(
	const struct nats_publisher *p, uint64_t id)
{
	uint32_t hash = hash_table_hash(&p->subscriptions, &id, sizeof(id));
	struct hash_node *n = hash_table_bucket(&p->subscriptions, hash);

	for (; n != NULL; n = n->next) {
		struct loop_subscription *sub =
			CONTAINER_OF(n, struct loop_subscription, node);

		if (sub->id == id)
			return sub;
	}
	return NULL;
}

static void remove_loop_subscription(struct nats_publisher *p,
				     struct loop_subscription *sub)
{
	hash_table_remove(&p->subscriptions, &sub->node);
	list_remove(&sub->in_list);
	free(sub);
}

static void remove_loop_subscriptions(struct nats_publisher *p)
{
	struct list *node;

	while ((node = list_first(&p->list)) != NULL)
		remove_loop_subscription(p, LIST_ENTRY(node,
						       struct loop_subscription,
						       in_list));
	while ((node = list_pop(&p->leaving)) != NULL)
		free(LIST_ENTRY(node, struct loop_subscription, in_list));
}

static int post_subscribe(struct publisher *base, uint64_t id,
			  struct span subject, struct span queue)
{
	struct nats_publisher *p = publisher_of(base);
	const struct nats_outgoing out = {
		.kind = NATS_OUTGOING_SUBSCRIBE,
		.session = p->session,
		.id = id,
		.deadline_ms = UINT64_MAX,
		.subject = subject,
		.reply = queue,
	};
	struct loop_subscription *sub;
	int rc;

	if (p->session == 0)
		return -ENOTCONN;
	sub = calloc(1, sizeof(*sub));
	if (sub == NULL)
		return -ENOMEM;
	rc = nats_outgoing_post(&p->outbox, &out);
	if (rc < 0) {
		free(sub);
		return rc;
	}
	sub->id = id;
	hash_table_add(&p->subscriptions, &sub->node,
		       hash_table_hash(&p->subscriptions, &id, sizeof(id)));
	list_push_back(&p->list, &sub->in_list);
	return 0;
}

/* Unsubscribes, as long as the outbox has room. */
static void post_unsubscribes(struct nats_publisher *p)
{
	struct list *node;

	while ((node = list_first(&p->leaving)) != NULL) {
		struct loop_subscription *sub =
			LIST_ENTRY(node, struct loop_subscription, in_list);
		const struct nats_outgoing out = {
			.kind = NATS_OUTGOING_UNSUBSCRIBE,
			.session = p->session,
			.id = sub->id,
			.deadline_ms = UINT64_MAX,
		};

		if (nats_outgoing_post(&p->outbox, &out) < 0)
			return;
		list_remove(node);
		free(sub);
	}
}

static void leave_subscription(struct publisher *base, uint64_t id)
{
	struct nats_publisher *p = publisher_of(base);
	struct loop_subscription *sub = find_loop_subscription(p, id);

	if (sub == NULL)
		return;
	hash_table_remove(&p->subscriptions, &sub->node);
	list_remove(&sub->in_list);
	list_push_back(&p->leaving, &sub->in_list);
	post_unsubscribes(p);
}

static const struct publisher_ops ops = {
	.publish = post_publish,
	.request = post_request,
	.forget = forget_request,
	.subscribe = post_subscribe,
	.unsubscribe = leave_subscription,
};

/* ---- events -------------------------------------------------------------- */

static void report_event(struct nats_publisher *p,
			 const struct publisher_event *ev)
{
	if (p->on_event != NULL)
		p->on_event(p->arg, ev);
}

/* False: not for the caller. A message may come before the proof that the
 * subscription is active: it is one itself. */
static bool take_subscription_event(struct nats_publisher *p,
				    const struct publisher_event *ev)
{
	const struct publisher_event active = {.kind = PUBLISHER_ACTIVE,
					       .id = ev->id};
	struct loop_subscription *sub = find_loop_subscription(p, ev->id);
	bool was_active;

	if (sub == NULL)
		return ev->kind == PUBLISHER_FAILED; /* of a message */
	if (ev->kind == PUBLISHER_FAILED) {
		remove_loop_subscription(p, sub);
		return true;
	}
	was_active = sub->is_active;
	sub->is_active = true;
	if (ev->kind == PUBLISHER_ACTIVE)
		return !was_active;
	if (!was_active)
		report_event(p, &active);
	/* The callback may have ended it, or the source. */
	return was_active || find_loop_subscription(p, ev->id) != NULL;
}

static bool is_for_caller(struct nats_publisher *p,
			  const struct publisher_event *ev)
{
	switch (ev->kind) {
	case PUBLISHER_ACTIVE:
	case PUBLISHER_MESSAGE:
	case PUBLISHER_FAILED:
		return take_subscription_event(p, ev);
	default:
		return true;
	}
}

void nats_publisher_deliver(struct nats_publisher *p,
			    const struct mailbox_message *m)
{
	struct publisher_event ev;
	uint64_t session = nats_publisher_event_read(&ev, m);

	if (ev.kind == PUBLISHER_UP) {
		p->session = session;
		p->max_payload = ev.max_payload;
	}
	post_unsubscribes(p);
	if (session == p->session && is_for_caller(p, &ev))
		report_event(p, &ev);
}

void nats_publisher_down(struct nats_publisher *p)
{
	const struct publisher_event down = {.kind = PUBLISHER_DOWN};

	if (p->session == 0)
		return;
	p->session = 0;
	remove_loop_subscriptions(p);
	report_event(p, &down);
}

/* ---- life ---------------------------------------------------------------- */

int nats_publisher_init(struct nats_publisher *p, void (*wake)(void *arg),
			void *arg)
{
	int rc = hash_table_init(&p->subscriptions);

	if (rc < 0)
		return rc;
	p->base.ops = &ops;
	list_init(&p->list);
	list_init(&p->leaving);
	rc = mailbox_init(&p->outbox, OUTBOX_CAP, wake, arg);
	if (rc < 0)
		hash_table_finish(&p->subscriptions);
	return rc;
}

void nats_publisher_finish(struct nats_publisher *p)
{
	mailbox_finish(&p->outbox);
	hash_table_finish(&p->subscriptions);
}

void nats_publisher_close(struct nats_publisher *p)
{
	p->session = 0;
	remove_loop_subscriptions(p);
	mailbox_close(&p->outbox);
}
