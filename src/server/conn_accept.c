/* A connection comes, and whose it is. At first the socket's peer; with
 * --proxy-protocol whom the preface names, for which the first bytes are; and
 * while a request is served, and of a stream as long as it lives, whom the
 * headers name that
 * --trusted-proxy lets us believe. */
#include "server/conn_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/check.h"
#include "http/forwarded.h"

enum {
	CONN_EXTRA = 128, /* over the limit, for short answers alone */
	CONN_ADMIN = 128, /* on the admin listeners */
	/* Of all unfinished request heads. */
	CONN_HEADS_BYTES = 32 * 1024 * 1024,
};

/* Is there more to come before its first request? */
static int open_new_conn(struct conn *c, bool admin)
{
	if (admin || !c->set->cfg.proxy_protocol)
		return 0;
	c->proxy_header = calloc(1, sizeof(*c->proxy_header));
	return c->proxy_header == NULL ? -ENOMEM : 0;
}

static bool is_full(const struct conn_set *s)
{
	return s->n_open - s->n_admin >= s->cfg.max_connections + CONN_EXTRA;
}

static void drop_for(struct conn *c, enum conn_drop_reason why)
{
	conn_note_dropped(c->set, &c->address, why);
	conn_close_now(c);
}

/* The public connection that has waited longest without asking for anything;
 * NULL: all are streams. There are at most CONN_ADMIN others to pass over. */
static struct conn *idle_longest(const struct conn_set *s)
{
	static const enum conn_state order[] = {CONN_LINGER, CONN_IDLE,
						CONN_REQUEST, CONN_RESPONSE};

	for (size_t i = 0; i < ARRAY_LEN(order); i++) {
		const struct list *all = &s->in[order[i]];

		for (const struct list *n = all->next; n != all; n = n->next) {
			struct conn *c = LIST_ENTRY(n, struct conn, link);

			if (!c->admin)
				return c;
		}
	}
	return NULL;
}

/* Makes room where there is none. False: there is still none. */
static bool has_room(struct conn_set *s, const struct address *from, bool admin)
{
	struct list *first = list_first(&s->admins);
	struct conn *idle;

	if (admin) {
		if (s->n_admin >= CONN_ADMIN && first != NULL)
			drop_for(LIST_ENTRY(first, struct conn, peer_check),
				 DROP_ADMIN_FULL);
		return true;
	}
	if (!is_full(s))
		return true;
	idle = idle_longest(s);
	if (idle != NULL)
		drop_for(idle, DROP_PUBLIC_FULL);
	else
		conn_note_dropped(s, from, DROP_PUBLIC_FULL);
	return idle != NULL;
}

/* -ENOMEM, or another negative errno when there is no place in the poller. */
static int alloc_conn(struct conn **ret, struct conn_set *s, int fd,
		      const struct address *from, bool admin)
{
	struct conn *c = calloc(1, sizeof(*c));
	int rc;

	if (c == NULL)
		return -ENOMEM;
	c->set = s;
	c->fd = fd;
	c->address = *from;
	c->polled = POLLER_IN;
	c->admin = admin;
	rc = open_new_conn(c, admin);
	if (rc == 0)
		rc = poller_add(s->poller, fd, c);
	if (rc < 0) {
		free(c->proxy_header);
		free(c);
		return rc;
	}
	*ret = c;
	return 0;
}

void conn_set_accept(struct conn_set *s, int fd, const struct address *from,
		     bool admin)
{
	struct conn *c;
	int rc;

	if (s->closing || !has_room(s, from, admin)) {
		close(fd);
		return;
	}
	rc = alloc_conn(&c, s, fd, from, admin);
	if (rc < 0) {
		conn_note_dropped(s, from,
				  rc == -ENOMEM ? DROP_NO_MEMORY
						: DROP_NO_WATCH);
		close(fd);
		return;
	}
	s->n_open++;
	if (admin)
		s->n_admin++;
	s->n_in[CONN_NEW]++;
	conn_move(c, CONN_REQUEST);
	metric_add(s->cfg.metrics, METRIC_ACCEPTED, 1);
}

/* ---- unfinished heads ---------------------------------------------------- */

/* The oldest ones go first: a client that is served sends its head at once, and
 * the head that is just being read is the youngest as a rule. */
void conn_bound_heads(struct conn_set *s)
{
	struct list *first;

	while (s->head_bytes > CONN_HEADS_BYTES &&
	       (first = list_first(&s->in[CONN_REQUEST])) != NULL)
		drop_for(LIST_ENTRY(first, struct conn, link), DROP_HEADS_FULL);
}

/* ---- the preface -------------------------------------------------------- */

/* Nothing is answered: the client may speak another protocol. */
static void reject_proxy_header(struct conn *c)
{
	struct http_error why;

	http_error_set(&why, 0, REJECT_BAD_PROXY_HEADER,
		       "the connection does not begin with the PROXY protocol");
	access_log_rejected(c, &why);
	conn_close_now(c);
}

void conn_take_proxy_header(struct conn *c, const uint8_t **bytes, size_t *len)
{
	enum proxy_verdict verdict;
	size_t used;

	verdict = proxy_protocol_feed(c->proxy_header, *bytes, *len, &used);
	*bytes += used;
	*len -= used;
	if (verdict == PROXY_MORE)
		return;
	if (verdict == PROXY_REJECT) {
		reject_proxy_header(c);
		return;
	}
	if (c->proxy_header->has_address)
		c->address = c->proxy_header->address;
	free(c->proxy_header);
	c->proxy_header = NULL;
}

struct address conn_identify_client(struct conn *c, const struct request *h)
{
	const struct conn_config *cfg = &c->set->cfg;

	if (c->admin || cfg->n_trusted == 0)
		return c->address;
	return forwarded_client(&c->set->proxies, h, &c->address, cfg->trusted,
				cfg->n_trusted);
}

void conn_address(const struct conn *c, char *out)
{
	address_text(&c->address, out);
}
