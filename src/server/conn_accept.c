/* New connections, and which one makes room when there are too many. */
#include "server/conn_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/check.h"
#include "http/proxy_protocol.h"
#include "server/conn_set.h"

enum {
	EXTRA_CONNS = 128, /* beyond max_connections, for short responses */
	ADMIN_CONNS = 128, /* on the admin listeners */
};

static void drop_conn(struct conn *c, enum conn_drop_reason why)
{
	access_log_dropped(&c->set->access_log, &c->address, why,
			   conn_now_ms(c->set));
	conn_close(c);
}

static bool is_full(const struct conn_set *s)
{
	return s->n_open - s->n_admin >= s->cfg.max_connections + EXTRA_CONNS;
}

/* The public connection that has been idle longest; NULL: all are
 * subscriptions. At most ADMIN_CONNS others are skipped. */
static struct conn *idle_longest(const struct conn_set *s)
{
	static const enum conn_state order[] = {CONN_LINGER,  CONN_IDLE,
						CONN_REQUEST, CONN_WAITING,
						CONN_BODY,    CONN_RESPONSE};

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

static void make_admin_room(struct conn_set *s)
{
	struct list *first = list_first(&s->admins);

	if (s->n_admin >= ADMIN_CONNS && first != NULL)
		drop_conn(LIST_ENTRY(first, struct conn, peer_check),
			  DROP_ADMIN_FULL);
}

/* False: there is no room, and none can be made. */
static bool make_public_room(struct conn_set *s, const struct address *from)
{
	struct conn *idle;

	if (!is_full(s))
		return true;
	idle = idle_longest(s);
	if (idle == NULL) {
		access_log_dropped(&s->access_log, from, DROP_PUBLIC_FULL,
				   conn_now_ms(s));
		return false;
	}
	drop_conn(idle, DROP_PUBLIC_FULL);
	return true;
}

static int await_proxy_header(struct conn *c)
{
	c->proxy_header = calloc(1, sizeof(*c->proxy_header));
	return c->proxy_header == NULL ? -ENOMEM : 0;
}

/* -ENOMEM, or another negative errno of epoll_ctl(). */
static int alloc_conn(struct conn **ret, struct conn_set *s, int fd,
		      const struct address *from, bool admin)
{
	struct conn *c = calloc(1, sizeof(*c));
	int rc = 0;

	if (c == NULL)
		return -ENOMEM;
	c->set = s;
	c->fd = fd;
	c->address = *from;
	c->polled = POLLER_IN;
	c->admin = admin;
	if (!admin && s->cfg.proxy_protocol)
		rc = await_proxy_header(c);
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

static int add_conn(struct conn_set *s, int fd, const struct address *from,
		    bool admin)
{
	struct conn *c;
	int rc = alloc_conn(&c, s, fd, from, admin);

	if (rc < 0)
		return rc;
	s->n_open++;
	if (admin)
		s->n_admin++;
	s->n_in[CONN_NEW]++;
	conn_move(c, CONN_REQUEST);
	metric_add(s->cfg.metrics, METRIC_ACCEPTED, 1);
	return 0;
}

void conn_set_accept(struct conn_set *s, int fd, const struct address *from,
		     bool admin)
{
	int rc;

	if (admin && !s->closing)
		make_admin_room(s);
	if (s->closing || (!admin && !make_public_room(s, from))) {
		close(fd);
		return;
	}
	rc = add_conn(s, fd, from, admin);
	if (rc == 0)
		return;
	access_log_dropped(&s->access_log, from,
			   rc == -ENOMEM ? DROP_NO_MEMORY : DROP_NO_WATCH,
			   conn_now_ms(s));
	close(fd);
}
