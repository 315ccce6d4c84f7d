/* A connection comes, and whose it is. At first the socket's peer; with
 * --proxy-protocol whom the preface names, for which the first bytes are; and
 * while a request is served, and of a stream as long as it lives, whom the
 * headers name that
 * --trusted-proxy lets us believe. */
#include "conn_inside.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "../core/check.h"
#include "../core/forwarded.h"

enum {
	CONN_EXTRA = 128, /* over the limit, for short answers alone */
	CONN_ADMIN = 128, /* on the admin listeners */
};

/* Is there more to come before its first request? */
static int meet(struct conn *c, bool admin)
{
	if (admin || !c->set->cfg.proxy_protocol)
		return 0;
	c->preface = calloc(1, sizeof(*c->preface));
	return c->preface == NULL ? -ENOMEM : 0;
}

/* Over all limits: whoever has waited longest without asking for anything makes
 * room. */
static void make_room(struct conn_set *s)
{
	static const enum conn_state order[] = {CONN_LINGER, CONN_IDLE,
						CONN_HEAD, CONN_REPLY};

	for (size_t i = 0; i < ARRAY_LEN(order); i++) {
		struct list *first = list_first(&s->in[order[i]]);

		if (first == NULL)
			continue;
		conn_drop(LIST_ENTRY(first, struct conn, link));
		return;
	}
}

static void count_in(struct conn *c, bool admin)
{
	struct conn_set *s = c->set;

	c->admin = admin;
	if (admin) {
		s->n_admin++;
		return;
	}
	if (s->n_counted >= s->cfg.max_connections && s->n_extra >= CONN_EXTRA)
		make_room(s);
	c->counted = s->n_counted < s->cfg.max_connections;
	if (c->counted)
		s->n_counted++;
	else
		s->n_extra++;
}

/* NULL: no memory, or no place in the poller. */
static struct conn *new_conn(struct conn_set *s, int fd,
			     const struct address *from, bool admin)
{
	struct conn *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	c->set = s;
	c->fd = fd;
	c->address = *from;
	c->polled = POLLER_IN;
	if (meet(c, admin) == 0 && poller_add(s->poller, fd, c) == 0)
		return c;
	free(c->preface);
	free(c);
	return NULL;
}

void conn_set_accept(struct conn_set *s, int fd, const struct address *from,
		     bool admin)
{
	struct conn *c = NULL;

	if (!s->closing && !(admin && s->n_admin >= CONN_ADMIN))
		c = new_conn(s, fd, from, admin);
	if (c == NULL) {
		close(fd);
		return;
	}
	count_in(c, admin);
	s->n_open++;
	s->n_in[CONN_NEW]++;
	conn_move(c, CONN_HEAD);
	metric_add(s->cfg.metrics, METRIC_ACCEPTED, 1);
}

/* ---- the preface -------------------------------------------------------- */

/* Nothing is answered: it may be no HTTP that is spoken here. */
static void reject(struct conn *c)
{
	struct conn_set *s = c->set;

	s->cfg.metrics->refused[REFUSAL_BAD_PREFACE]++;
	LOGGING(s->cfg.log, LOGGING_DEBUG, "refused",
		LOG_STR("reason", refusal_label(REFUSAL_BAD_PREFACE)));
	conn_drop(c);
}

void conn_take_preface(struct conn *c, const uint8_t **bytes, size_t *len)
{
	enum proxy_verdict verdict;
	size_t used;

	verdict = proxy_preface_feed(c->preface, *bytes, *len, &used);
	*bytes += used;
	*len -= used;
	if (verdict == PROXY_MORE)
		return;
	if (verdict == PROXY_REJECT) {
		reject(c);
		return;
	}
	if (c->preface->has_address)
		c->address = c->preface->address;
	free(c->preface);
	c->preface = NULL;
}

struct address conn_identify_client(struct conn *c, const struct http_head *h)
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
