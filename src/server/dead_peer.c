/* Streams whose peer may be missed: a machine that has lost its power or its
 * network says nothing, and its connection would stay for ever. */
#include "server/conn_internal.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

enum {
	CONN_PEER_CHECKS = 256, /* in one turn */
	CONN_MISSED_PINGS = 2,	/* without a sign of life */
	CONN_MISSED_TRIES = 4,	/* of the kernel's, meanwhile */
};

/* Its machine is silent, as one without power or network: what was sent to it
 * (or the question whether it takes more, when its window is closed) is neither
 * acknowledged nor refused. One that only does not read answers that question,
 * if rarely: so it is not silence alone that counts. */
static bool peer_is_missed(const struct conn *c)
{
	struct tcp_info info = {0};
	socklen_t len = sizeof(info);

	if (getsockopt(c->fd, IPPROTO_TCP, TCP_INFO, &info, &len) < 0)
		return false; /* a Unix socket */
	return info.tcpi_last_ack_recv >=
		       CONN_MISSED_PINGS * c->set->cfg.ping_ms &&
	       (info.tcpi_retransmits >= CONN_MISSED_TRIES ||
		info.tcpi_probes >= CONN_MISSED_TRIES);
}

static struct conn *first_peer_check(const struct conn_set *s)
{
	struct list *first = list_first(&s->peer_checks);

	return first == NULL ? NULL
			     : LIST_ENTRY(first, struct conn, peer_check);
}

/* Each stream once in the time between its pings. */
void conn_check_peers(struct conn_set *s, uint64_t now_ms)
{
	struct conn *c;

	for (int i = 0;
	     i < CONN_PEER_CHECKS && (c = first_peer_check(s)) != NULL; i++) {
		if (c->due_ms > now_ms)
			return;
		if (peer_is_missed(c)) {
			c->close_reason = CLOSE_PEER_TIMEOUT;
			conn_close_now(c);
			continue;
		}
		c->due_ms = now_ms + s->cfg.ping_ms;
		list_remove(&c->peer_check);
		list_push_back(&s->peer_checks, &c->peer_check);
	}
}

uint64_t conn_next_peer_check_ms(const struct conn_set *s)
{
	const struct conn *peer_check = first_peer_check(s);

	return peer_check == NULL ? UINT64_MAX : peer_check->due_ms;
}
