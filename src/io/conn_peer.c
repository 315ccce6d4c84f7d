/* Whose a connection is. */
#include "conn_inside.h"

#include <netinet/in.h>
#include <sys/socket.h>

static struct address peer_of(int fd)
{
	struct sockaddr_storage peer = {0};
	socklen_t len = sizeof(peer);
	const void *at = &peer;

	if (getpeername(fd, (struct sockaddr *)&peer, &len) < 0)
		peer.ss_family = AF_UNSPEC; /* it has gone already */
	if (peer.ss_family == AF_INET)
		return address_of_v4(
			&((const struct sockaddr_in *)at)->sin_addr);
	if (peer.ss_family == AF_INET6)
		return address_of_v6(
			&((const struct sockaddr_in6 *)at)->sin6_addr);
	return (struct address){{0}};
}

void conn_meet(struct conn *c)
{
	c->address = peer_of(c->fd);
}

void conn_address(const struct conn *c, char *out)
{
	address_text(&c->address, out);
}
