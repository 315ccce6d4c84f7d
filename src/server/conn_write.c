#include "server/conn_write.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "server/conn_internal.h"

/* For one piece, as most writes have, send() has less to copy and to check. */
static ssize_t send_iov_once(int fd, const struct iovec *iov, size_t n)
{
	const int flags = MSG_NOSIGNAL | MSG_DONTWAIT;
	struct msghdr msg = {.msg_iov = (struct iovec *)(uintptr_t)iov,
			     .msg_iovlen = n};

	return n == 1 ? send(fd, iov->iov_base, iov->iov_len, flags)
		      : sendmsg(fd, &msg, flags);
}

ssize_t conn_write_now(const struct conn *c, const struct iovec *iov, size_t n)
{
	ssize_t wrote;

	do
		wrote = send_iov_once(c->fd, iov, n);
	while (wrote < 0 && errno == EINTR);
	if (wrote >= 0)
		return wrote;
	return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : -errno;
}

int conn_write_keep(struct conn_unsent **to, const void *bytes, size_t len)
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

int conn_write(struct conn *c, const void *bytes, size_t len)
{
	struct iovec iov = {(void *)(uintptr_t)bytes, len};
	ssize_t wrote = c->unsent != NULL ? 0 : conn_write_now(c, &iov, 1);

	if (wrote < 0)
		return (int)wrote;
	if ((size_t)wrote == len)
		return 0;
	return conn_write_keep(&c->unsent, (const char *)bytes + wrote,
			       len - (size_t)wrote);
}

int conn_write_unsent(struct conn *c)
{
	struct conn_unsent *r = c->unsent;
	struct iovec iov = {r->bytes + r->at, r->end - r->at};
	ssize_t wrote = conn_write_now(c, &iov, 1);

	if (wrote < 0)
		return (int)wrote;
	r->at += (size_t)wrote;
	if (r->at < r->end)
		return 0;
	free(r);
	c->unsent = NULL;
	return 0;
}
