#include "upstream/nats_publishing.h"

#include <nats/nats.h>

#include "nats/publisher.h"
#include "upstream/nats_denied.h"
#include "upstream/nats_publisher_codec.h"

/* ---- life ---------------------------------------------------------------- */

void nats_publishing_init(struct nats_publishing *p,
			  const struct nats_inbox *inbox,
			  struct mailbox *events, struct mailbox *wake)
{
	*p = (struct nats_publishing){.inbox = inbox,
				      .events = events,
				      .wake = wake};
	pthread_mutex_init(&p->lock, NULL);
}

int nats_publishing_open(struct nats_publishing *p, natsConnection *conn,
			 nats_subscriptions_callback *callback, void *arg)
{
	natsStatus status;

	if (nats_subscriptions_init(&p->subscriptions, conn, p->events,
				    p->inbox->session, callback, arg) < 0)
		return NATS_NO_MEMORY;
	nats_sender_init(&p->sender, conn, p->inbox, p->events, &p->fence,
			 &p->subscriptions);
	status = nats_fence_init(&p->fence, conn, p->inbox);
	if (status != NATS_OK)
		return status;
	pthread_mutex_lock(&p->lock);
	p->is_open = true;
	pthread_mutex_unlock(&p->lock);
	return NATS_OK;
}

void nats_publishing_finish(struct nats_publishing *p)
{
	nats_sender_finish(&p->sender);
	nats_subscriptions_finish(&p->subscriptions);
	nats_fence_finish(&p->fence);
	pthread_mutex_destroy(&p->lock);
}

/* ---- callbacks ----------------------------------------------------------- */

void nats_publishing_message(struct nats_publishing *p, natsSubscription *sub,
			     natsMsg *msg)
{
	nats_subscriptions_post(&p->subscriptions, sub, msg);
}

static void post_publishing_event(struct nats_publishing *p,
				  const struct publisher_event *ev)
{
	nats_publisher_event_post(p->events, p->inbox->session, ev,
				  MAILBOX_WAIT);
}

static void report_fence(struct nats_publishing *p,
			 const struct nats_fence_mark *mark)
{
	const struct publisher_event flushed = {.kind = PUBLISHER_FLUSHED,
						.id = mark->published};

	if (mark->published != 0)
		post_publishing_event(p, &flushed);
	nats_subscriptions_fence(&p->subscriptions, mark->number);
	if (nats_fence_is_wanted(&p->fence))
		mailbox_wake(p->wake);
}

static void report_denied(struct nats_publishing *p,
			  const struct nats_denied *denied)
{
	const struct publisher_event ev = {.kind = PUBLISHER_DENIED,
					   .subject = span_of(denied->subject),
					   .is_cut = denied->is_cut};

	if (denied->kind == NATS_DENIED_PUBLISH)
		post_publishing_event(p, &ev);
	else if (nats_subscriptions_denied(&p->subscriptions, denied))
		mailbox_wake(p->wake);
}

static bool is_publishing_open(struct nats_publishing *p)
{
	bool is_open;

	pthread_mutex_lock(&p->lock);
	is_open = p->is_open;
	pthread_mutex_unlock(&p->lock);
	return is_open;
}

bool nats_publishing_error(struct nats_publishing *p,
			   const natsSubscription *sub, const char *text)
{
	struct nats_denied denied;
	bool is_denied = nats_denied_parse(&denied, text) == 0;
	struct nats_fence_mark mark;

	if (!is_publishing_open(p))
		return false;
	switch (nats_fence_take(&p->fence, &mark, sub,
				is_denied ? &denied : NULL)) {
	case NATS_FENCE_ARRIVED:
		report_fence(p, &mark);
		return true;
	case NATS_FENCE_OURS:
		return true;
	case NATS_FENCE_OTHER:
		break;
	}
	if (is_denied)
		report_denied(p, &denied);
	return false;
}
