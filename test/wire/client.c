#include "client.h"

#include <errno.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <linux/sockios.h>
#include <unistd.h>

enum { READ_MAX = 65536 };

void client_init(struct client *c, const char *name, int fd)
{
	*c = (struct client){.fd = fd};
	snprintf(c->name, sizeof(c->name), "%s", name);
}

void client_finish(struct client *c)
{
	client_close(c);
	bytes_free(&c->in);
	sse_decoder_finish(&c->decoder);
}

bool client_send(struct client *c, const char *bytes, size_t len)
{
	while (len > 0) {
		ssize_t n = send(c->fd, bytes, len, MSG_NOSIGNAL);

		if (n < 0)
			return errno == EPIPE || errno == ECONNRESET;
		bytes += n;
		len -= (size_t)n;
	}
	return true;
}

bool client_read(struct client *c, size_t max)
{
	char buf[READ_MAX];
	ssize_t n;

	if (c->deaf && max > c->wants)
		max = c->wants;
	if (c->fd < 0 || max == 0 || c->end != CLIENT_OPEN)
		return false;
	n = recv(c->fd, buf, max < READ_MAX ? max : READ_MAX, 0);
	if (n < 0 && errno == EAGAIN)
		return false;
	if (n > 0)
		bytes_add(&c->in, buf, (size_t)n);
	if (n > 0 && c->deaf)
		c->wants -= (size_t)n;
	if (n <= 0)
		c->end = n == 0 ? CLIENT_EOF : CLIENT_RESET;
	return true;
}

bool client_sent_all(const struct client *c)
{
	int left = 0;

	if (c->fd < 0 || c->end == CLIENT_RESET)
		return true;
	return ioctl(c->fd, SIOCOUTQ, &left) < 0 || left == 0;
}

void client_shutdown(struct client *c)
{
	shutdown(c->fd, SHUT_WR);
}

void client_close(struct client *c)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
}
