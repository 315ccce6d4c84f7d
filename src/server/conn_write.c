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
static ssize_t send_iov_once(int fd, const struct iovec *iov, size_t n)
{
	const int flags = MSG_NOSIGNAL | MSG_DONTWAIT;
	struct msghdr msg = {.msg_iov = (struct iovec *)(uintptr_t)iov,
			     .msg_iovlen = n};

	return n == 1 ? send(fd, iov->iov_base, iov->iov_len, flags)
		      : sendmsg(fd, &msg, flags);
}

/* What the socket took: 0 when it is full. */
static ssize_t send_to_socket(const struct conn *c, const struct iovec *iov,
			      size_t n)
{
	ssize_t wrote;

	do
		wrote = send_iov_once(c->fd, iov, n);
	while (wrote < 0 && errno == EINTR);
	if (wrote >= 0)
		return wrote;
	return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : -errno;
}

int conn_keep(struct conn_unsent **to, const void *bytes, size_t len)
{
	struct conn_unsent *r = *to;
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
	ssize_t wrote = c->unsent != NULL ? 0 : send_to_socket(c, &iov, 1);

	if (wrote < 0)
		return (int)wrote;
	if ((size_t)wrote == len)
		return 0;
	return conn_keep(&c->unsent, (const char *)bytes + wrote,
			 len - (size_t)wrote);
}

/* Negative: lost. Else c->rest is NULL when all is out. */
int conn_send_unsent(struct conn *c)
{
	struct conn_unsent *r = c->unsent;
	struct iovec iov = {r->bytes + r->at, r->end - r->at};
	ssize_t wrote = send_to_socket(c, &iov, 1);

	if (wrote < 0)
		return (int)wrote;
	r->at += (size_t)wrote;
	if (r->at < r->end)
		return 0;
	free(r);
	c->unsent = NULL;
	return 0;
}

/* ---- what the hub writes ------------------------------------------------- */

/* The hub still has it in hand. */
void conn_fail(struct conn *c)
{
	if (c->state != CONN_SUBSCRIPTION)
		return;
	c->close_reason = CLOSE_WRITE_ERROR;
	conn_move(c, CONN_FAILED);
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
	wrote = send_to_socket(c, all, (size_t)n + 1);
	if (wrote < 0)
		return wrote;
	c->head_due = false;
	if ((size_t)wrote >= len)
		return wrote - (ssize_t)len;
	return conn_keep(&c->unsent, buf_head(head) + wrote,
			 len - (size_t)wrote);
}

static ssize_t on_sink_write(struct cursor *cursor, const struct iovec *iov,
			     int n)
{
	struct conn *c = CONTAINER_OF(cursor, struct conn, cursor);
	ssize_t rc = 0;

	if (c->state != CONN_SUBSCRIPTION)
		rc = -EPIPE;
	else if (c->head_due)
		rc = send_with_head(c, iov, n);
	else if (c->unsent == NULL)
		rc = send_to_socket(c, iov, (size_t)n);
	if (rc < 0)
		conn_fail(c);
	return rc;
}

static int on_sink_hold(struct cursor *cursor, const void *bytes, size_t len)
{
	struct conn *c = CONTAINER_OF(cursor, struct conn, cursor);
	int rc = conn_keep(&c->unsent, bytes, len);

	if (rc < 0)
		conn_fail(c);
	else
		conn_arm(c);
	return rc;
}

/* It has the place among the ends that was reserved for it. */
static void on_sink_done(struct cursor *cursor)
{
	struct conn *c = CONTAINER_OF(cursor, struct conn, cursor);

	if (c->state == CONN_SUBSCRIPTION)
		conn_end_by(c, conn_now_ms(c->set), CLOSE_LIMIT);
}

const struct hub_sink *conn_sink(void)
{
	static const struct hub_sink sink = {on_sink_write, on_sink_hold,
					     on_sink_done};

	return &sink;
}
