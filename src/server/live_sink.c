/* A failure inside of the hub's write, where nothing may be closed, moves the
 * connection to CONN_FAILED. */
#include "server/live_sink.h"

#include <errno.h>

#include "base/check.h"
#include "server/conn_internal.h"
#include "server/conn_live.h"
#include "server/conn_respond.h"
#include "server/conn_write.h"

static struct conn_live *live_of(struct core_subscription *s)
{
	return CONTAINER_OF(s, struct conn_live, core);
}

static int on_live_open(struct core_subscription *s, struct buf *out)
{
	struct conn_live *l = live_of(s);
	struct conn *c = l->conn;
	const struct access_log_subscription about = {
		.core = s,
		.address = &c->address,
		.number = c->number,
	};
	int rc;

	l->to.date = conn_date(c->set);
	rc = response_subscription(out, &l->to);
	if (rc < 0)
		return rc;
	l->has_head = true;
	access_log_opened(&c->set->access_log, &about);
	return 0;
}

static ssize_t on_live_write(struct core_subscription *s,
			     const struct iovec *iov, int n)
{
	struct conn *c = live_of(s)->conn;
	ssize_t rc = -EPIPE;

	if (c->state == CONN_SUBSCRIPTION)
		rc = conn_write_now(c, iov, (size_t)n);
	if (rc < 0)
		conn_fail(c);
	return rc;
}

static void on_live_blocked(struct core_subscription *s)
{
	conn_arm(live_of(s)->conn);
}

/* Ended by the next tick. Room for this deadline was reserved. */
static void on_live_done(struct core_subscription *s)
{
	struct conn *c = live_of(s)->conn;

	if (c->state == CONN_SUBSCRIPTION)
		subscription_limits_set(&c->set->limits, &c->deadline,
					conn_now_ms(c->set), CLOSE_LIMIT);
}

static void describe_live_failure(const struct conn_live *l,
				  enum publish_failure failure,
				  struct http_error *why)
{
	struct span subject = core_hub_subject(&l->core);

	if (failure == PUBLISH_DENIED)
		http_error_set(why, 403, REJECT_NOT_SUBSCRIBED,
			       "the gateway's own NATS user may not subscribe "
			       "to \"%.*s\"",
			       (int)subject.len, subject.at);
	else if (failure == PUBLISH_AWAY)
		http_error_set(why, 503, REJECT_NOT_SUBSCRIBED,
			       "NATS is not connected, try again later");
	else
		http_error_set(why, 503, REJECT_NOT_SUBSCRIBED,
			       "NATS has not confirmed the subscription, try "
			       "again later");
}

static void on_live_failed(struct core_subscription *s,
			   enum publish_failure failure)
{
	struct conn_live *l = live_of(s);
	struct conn *c = l->conn;
	struct http_error why;

	if (!l->has_head) {
		describe_live_failure(l, failure, &why);
		conn_reject_live(c, &why);
	} else if (s->is_cut) {
		c->close_reason = CLOSE_TOO_SLOW;
		conn_close(c);
	} else {
		conn_end_subscription(c, failure == PUBLISH_DENIED
						 ? CLOSE_NATS_DENIED
						 : CLOSE_TOO_SLOW);
	}
}

const struct core_sink *live_sink(void)
{
	static const struct core_sink sink = {
		.open = on_live_open,
		.write = on_live_write,
		.blocked = on_live_blocked,
		.done = on_live_done,
		.failed = on_live_failed,
	};

	return &sink;
}
