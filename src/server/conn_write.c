/* The socket's sending side. A connection holds bytes only while its socket is
 * full; while it does, the hub is told that nothing more is taken. */
#include "server/conn_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/check.h"

/* ---- writing ------------------------------------------------------------- */

/* For one piece, as most have, send() has less to copy and to check. */
static ssize_t send_once(int fd, const struct iovec *iov, size_t n)
{
	const int flags = MSG_NOSIGNAL | MSG_DONTWAIT;
	struct msghdr msg = {.msg_iov = (struct iovec *)(uintptr_t)iov,
			     .msg_iovlen = n};

	return n == 1 ? send(fd, iov->iov_base, iov->iov_len, flags)
		      : sendmsg(fd, &msg, flags);
}

/* What the socket took: 0 when it is full. */
static ssize_t send_now(const struct conn *c, const struct iovec *iov, size_t n)
{
	ssize_t wrote;

	do
		wrote = send_once(c->fd, iov, n);
	while (wrote < 0 && errno == EINTR);
	if (wrote >= 0)
		return wrote;
	return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : -errno;
}

int conn_keep(struct conn_rest **to, const void *bytes, size_t len)
{
	struct conn_rest *r = *to;
	size_t end = r == NULL ? 0 : r->end;

	if (r == NULL || r->cap - end < len) {
		r = realloc(r, sizeof(*r) + end + len);
		if (r == NULL)
			return -ENOMEM;
		if (*to == NULL)
			r->at = 0;
		r->cap = end + len;
		*to = r;
	}
	memcpy(r->bytes + end, bytes, len);
	r->end = end + len;
	return 0;
}

/* Sends, and keeps what does not go out. Negative: the connection is lost. */
int conn_send(struct conn *c, const void *bytes, size_t len)
{
	struct iovec iov = {(void *)(uintptr_t)bytes, len};
	ssize_t wrote = c->rest != NULL ? 0 : send_now(c, &iov, 1);

	if (wrote < 0)
		return (int)wrote;
	if ((size_t)wrote == len)
		return 0;
	return conn_keep(&c->rest, (const char *)bytes + wrote,
			 len - (size_t)wrote);
}

/* Negative: lost. Else c->rest is NULL when all is out. */
int conn_send_rest(struct conn *c)
{
	struct conn_rest *r = c->rest;
	struct iovec iov = {r->bytes + r->at, r->end - r->at};
	ssize_t wrote = send_now(c, &iov, 1);

	if (wrote < 0)
		return (int)wrote;
	r->at += (size_t)wrote;
	if (r->at < r->end)
		return 0;
	free(r);
	c->rest = NULL;
	return 0;
}

/* ---- what the hub writes ------------------------------------------------- */

/* The hub still has it in hand. */
void conn_doom(struct conn *c)
{
	if (c->state != CONN_STREAM)
		return;
	c->ending = ENDING_WRITE_ERROR;
	conn_move(c, CONN_DOOMED);
}

/* The head of the reply before the first bytes of the stream. What of it does
 * not go out waits, and the hub then hands over what must follow. */
static ssize_t send_with_head(struct conn *c, const struct iovec *iov, int n)
{
	const struct buf *head = c->set->head;
	struct iovec all[CURSOR_IOV_MAX + 2];
	size_t len = buf_unread(head);
	ssize_t wrote;

	MUST(n <= CURSOR_IOV_MAX + 1);
	all[0] = (struct iovec){(void *)(uintptr_t)buf_head(head), len};
	memcpy(all + 1, iov, (size_t)n * sizeof(*iov));
	wrote = send_now(c, all, (size_t)n + 1);
	if (wrote < 0)
		return wrote;
	c->head_due = false;
	if ((size_t)wrote >= len)
		return wrote - (ssize_t)len;
	return conn_keep(&c->rest, buf_head(head) + wrote, len - (size_t)wrote);
}

static ssize_t sink_write(struct cursor *cursor, const struct iovec *iov, int n)
{
	struct conn *c = CONTAINER_OF(cursor, struct conn, cursor);
	ssize_t rc = 0;

	if (c->state != CONN_STREAM)
		rc = -EPIPE;
	else if (c->head_due)
		rc = send_with_head(c, iov, n);
	else if (c->rest == NULL)
		rc = send_now(c, iov, (size_t)n);
	if (rc < 0)
		conn_doom(c);
	return rc;
}

static int sink_hold(struct cursor *cursor, const void *bytes, size_t len)
{
	struct conn *c = CONTAINER_OF(cursor, struct conn, cursor);
	int rc = conn_keep(&c->rest, bytes, len);

	if (rc < 0)
		conn_doom(c);
	else
		conn_arm(c);
	return rc;
}

/* It has the place among the ends that was reserved for it. */
static void sink_done(struct cursor *cursor)
{
	struct conn *c = CONTAINER_OF(cursor, struct conn, cursor);

	if (c->state == CONN_STREAM)
		conn_end_by(c, conn_now_ms(c->set), ENDING_LIMIT);
}

const struct hub_sink *conn_sink(void)
{
	static const struct hub_sink sink = {sink_write, sink_hold, sink_done};

	return &sink;
}
