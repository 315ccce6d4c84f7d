#include "upstream/nats_publisher.h"

#include <errno.h>

#include "base/check.h"
#include "upstream/nats_publisher_codec.h"

/* Of messages that the worker has not taken yet; it may hold as much again. */
enum { OUTBOX_CAP = 16 * 1024 * 1024 };

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

static int post_subscribe(struct publisher *base, uint64_t id,
			  struct span subject, struct span queue)
{
	(void)base;
	(void)id;
	(void)subject;
	(void)queue;
	return -ENOTCONN;
}

static void post_unsubscribe(struct publisher *base, uint64_t id)
{
	(void)base;
	(void)id;
}

static const struct publisher_ops ops = {
	.publish = post_publish,
	.request = post_request,
	.forget = forget_request,
	.subscribe = post_subscribe,
	.unsubscribe = post_unsubscribe,
};

/* ---- events -------------------------------------------------------------- */

static void report_event(struct nats_publisher *p,
			 const struct publisher_event *ev)
{
	if (p->on_event != NULL)
		p->on_event(p->arg, ev);
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
	if (session == p->session)
		report_event(p, &ev);
}

void nats_publisher_down(struct nats_publisher *p)
{
	const struct publisher_event down = {.kind = PUBLISHER_DOWN};

	if (p->session == 0)
		return;
	p->session = 0;
	report_event(p, &down);
}

/* ---- life ---------------------------------------------------------------- */

int nats_publisher_init(struct nats_publisher *p, void (*wake)(void *arg),
			void *arg)
{
	p->base.ops = &ops;
	return mailbox_init(&p->outbox, OUTBOX_CAP, wake, arg);
}

void nats_publisher_finish(struct nats_publisher *p)
{
	mailbox_finish(&p->outbox);
}

void nats_publisher_close(struct nats_publisher *p)
{
	p->session = 0;
	mailbox_close(&p->outbox);
}
