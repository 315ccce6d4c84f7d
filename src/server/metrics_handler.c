/* /metrics */
#include "server/conn_internal.h"
#include "server/conn_respond.h"
#include "server/conn_set.h"
#include "server/endpoints.h"

static void set_conn_gauges(struct conn_set *s)
{
	struct metrics *m = s->cfg.metrics;
	const char *why;

	hub_gauges(s->cfg.hub);
	metric_set(m, METRIC_CONN_REQUEST, s->n_in[CONN_REQUEST]);
	metric_set(m, METRIC_CONN_WAITING, s->n_in[CONN_WAITING]);
	metric_set(m, METRIC_CONN_IDLE, s->n_in[CONN_IDLE]);
	metric_set(m, METRIC_CONN_BODY, s->n_in[CONN_BODY]);
	metric_set(m, METRIC_CONN_PENDING, s->n_in[CONN_PENDING]);
	metric_set(m, METRIC_REQUESTS_IN_FLIGHT, conn_set_requests(s));
	metric_set(m, METRIC_BODY_BYTES, s->body_bytes);
	metric_set(m, METRIC_CONN_RESPONSE, s->n_in[CONN_RESPONSE]);
	metric_set(m, METRIC_CONN_SUBSCRIPTION,
		   s->n_in[CONN_SUBSCRIPTION] + s->n_in[CONN_FAILED]);
	metric_set(m, METRIC_CONN_LINGER, s->n_in[CONN_LINGER]);
	metric_set(m, METRIC_CONN_MAX, s->cfg.max_connections);
	metric_set(m, METRIC_READY, conn_set_is_ready(s, &why));
	if (s->cfg.on_metrics != NULL)
		s->cfg.on_metrics(s->cfg.arg);
}

void metrics_handler(struct conn *c, const struct exchange *x)
{
	struct conn_set *s = c->set;
	struct buf page;

	set_conn_gauges(s);
	buf_init(&page, CONN_RESPONSE_MAX / 2);
	if (metrics_render(s->cfg.metrics, &page) < 0)
		conn_close(c);
	else
		conn_respond(c, &x->to, 200,
			     "text/plain; version=0.0.4; charset=utf-8",
			     buf_data(&page), buf_unread(&page));
	buf_finish(&page);
}
