#include "server/conn_live.h"

#include <stdlib.h>
#include <string.h>

#include "server/conn_internal.h"

struct conn_live *conn_live_new(struct conn *c, const struct response_to *to)
{
	size_t len = to->lines == NULL ? 0 : strlen(to->lines);
	struct conn_live *l = calloc(1, sizeof(*l) + len + 1);

	if (l == NULL)
		return NULL;
	l->conn = c;
	l->to = *to;
	l->to.date = NULL;
	if (to->lines != NULL) {
		memcpy(l->lines, to->lines, len);
		l->to.lines = l->lines;
	}
	return l;
}

void conn_live_free(struct conn_live *l)
{
	free(l);
}

static void log_live_closed(const struct conn *c, const struct conn_live *l)
{
	const struct conn_set *s = c->set;
	const struct access_log_subscription about = {
		.core = &l->core,
		.address = &c->address,
		.number = c->number,
	};

	access_log_closed(&s->access_log, &about,
			  (enum close_reason)c->close_reason,
			  uv_now(s->cfg.loop) - c->opened_ms);
}

struct conn_live *conn_live_take(struct conn *c, struct buf *rest)
{
	struct conn_set *s = c->set;
	struct conn_live *l = c->live;

	if (l->has_head)
		log_live_closed(c, l);
	registry_remove(&s->subscriptions, c->number);
	if (core_hub_close(s->cfg.writing.core, &l->core, rest) < 0)
		l->core.is_cut = true;
	c->live = NULL;
	c->is_live = false;
	return l;
}

bool conn_live_is_blocked(const struct conn *c)
{
	return c->is_live && c->live->core.state == CORE_OPEN &&
	       c->live->core.is_blocked;
}
