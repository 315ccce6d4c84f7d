/* Streams whose peer may be missed: a machine that has lost its power or its
 * network says nothing, and its connection would stay for ever. */
#include "server/conn_internal.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

enum {
	CONN_LOOKS = 256,      /* in one turn */
	CONN_MISSED_PINGS = 2, /* without a sign of life */
	CONN_MISSED_TRIES = 4, /* of the kernel's, meanwhile */
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

static struct conn *first_look(const struct conn_set *s)
{
	struct list *first = list_first(&s->looks);

	return first == NULL ? NULL : LIST_ENTRY(first, struct conn, look);
}

/* Each stream once in the time between its pings. */
void conn_look_for_peers(struct conn_set *s, uint64_t now_ms)
{
	struct conn *c;

	for (int i = 0; i < CONN_LOOKS && (c = first_look(s)) != NULL; i++) {
		if (c->due_ms > now_ms)
			return;
		if (peer_is_missed(c)) {
			c->ending = ENDING_GONE_DARK;
			conn_drop(c);
			continue;
		}
		c->due_ms = now_ms + s->cfg.ping_ms;
		list_remove(&c->look);
		list_push_back(&s->looks, &c->look);
	}
}

uint64_t conn_next_look_ms(const struct conn_set *s)
{
	const struct conn *look = first_look(s);

	return look == NULL ? UINT64_MAX : look->due_ms;
}
