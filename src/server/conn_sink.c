/* How the hub writes to connections. A failure inside of the hub's call, where
 * nothing may be closed, moves the connection to CONN_FAILED. */
#include "server/conn_sink.h"

#include <errno.h>
#include <string.h>

#include "base/check.h"
#include "server/conn_internal.h"
#include "server/conn_write.h"

static struct conn *conn_of_cursor(struct cursor *cursor)
{
	return CONTAINER_OF(cursor, struct conn, cursor);
}

/* The response header, and what the hub writes behind it. The hub holds what
 * must follow, when the socket does not take all of the header. */
static ssize_t write_with_header(struct conn *c, const struct iovec *header,
				 const struct iovec *iov, int n)
{
	struct iovec all[CURSOR_IOV_MAX + 2];
	size_t len = header->iov_len;
	ssize_t wrote;

	MUST(n <= CURSOR_IOV_MAX + 1);
	all[0] = *header;
	memcpy(all + 1, iov, (size_t)n * sizeof(*iov));
	wrote = conn_write_now(c, all, (size_t)n + 1);
	if (wrote < 0)
		return wrote;
	if ((size_t)wrote >= len)
		return wrote - (ssize_t)len;
	return conn_write_keep(&c->unsent,
			       (const char *)header->iov_base + wrote,
			       len - (size_t)wrote);
}

static ssize_t on_sink_write(struct cursor *cursor, const struct iovec *header,
			     const struct iovec *iov, int n)
{
	struct conn *c = conn_of_cursor(cursor);
	ssize_t rc = 0;

	if (c->state != CONN_SUBSCRIPTION)
		rc = -EPIPE;
	else if (header != NULL)
		rc = write_with_header(c, header, iov, n);
	else if (c->unsent == NULL)
		rc = conn_write_now(c, iov, (size_t)n);
	if (rc < 0)
		conn_fail(c);
	return rc;
}

static int on_sink_hold(struct cursor *cursor, const void *bytes, size_t len)
{
	struct conn *c = conn_of_cursor(cursor);
	int rc = conn_write_keep(&c->unsent, bytes, len);

	if (rc < 0)
		conn_fail(c);
	else
		conn_arm(c);
	return rc;
}

/* Ended by the next tick. Room for this deadline was reserved. */
static void on_sink_done(struct cursor *cursor)
{
	struct conn *c = conn_of_cursor(cursor);

	if (c->state == CONN_SUBSCRIPTION)
		subscription_limits_set(&c->set->limits, &c->deadline,
					conn_now_ms(c->set), CLOSE_LIMIT);
}

static void on_sink_step(struct cursor *cursor, enum subscription_step step,
			 uint64_t seq)
{
	const struct conn *c = conn_of_cursor(cursor);
	const struct log *log = c->set->access_log.log;

	if (log_on(log, LOG_DEBUG))
		LOG(log, LOG_DEBUG, "subscription",
		    LOG_U64("subscription", c->number),
		    LOG_STR("step", subscription_step_label(step)),
		    LOG_U64("sequence", seq));
}

const struct hub_sink *conn_sink(void)
{
	static const struct hub_sink sink = {
		.write = on_sink_write,
		.hold = on_sink_hold,
		.done = on_sink_done,
		.step = on_sink_step,
	};

	return &sink;
}
