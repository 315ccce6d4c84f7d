/* GET /api/v1/subjects/{subject}: a live subscription of core NATS. Identity,
 * rights and limits first; the response begins when the NATS server has
 * confirmed the subscription (live_sink.c). */
#include <errno.h>

#include "http/accept.h"
#include "http/events_query.h"
#include "http/subjects_query.h"
#include "server/caller.h"
#include "server/capacity.h"
#include "server/conn_internal.h"
#include "server/conn_live.h"
#include "server/conn_respond.h"
#include "server/endpoints.h"

struct live_request {
	struct events_query query;
	struct query_text subject; /* any bytes */
	struct query_text group;   /* checked; empty: none */
};

/* ---- opening ------------------------------------------------------------- */

static void fill_core_open(struct core_open *o, const struct exchange *x,
			   const struct live_request *r,
			   const struct identity *id,
			   const struct rights_selection *selection)
{
	const struct events_query *q = &r->query;

	*o = (struct core_open){
		.id = {id->id, id->len},
		.selection = selection,
		.group = query_text_kept(&r->group),
		.limit = q->limit,
		.chunked = x->to.minor > 0,
		.ndjson = q->ndjson,
		.json_events = q->json_events && !q->ndjson,
		.json = q->json,
		.system = q->system,
	};
}

static void reject_unsubscribed(struct conn *c, const struct exchange *x,
				int rc)
{
	struct http_error why;

	if (rc == -ENOMEM) {
		caller_reject_for_memory(c, x);
		return;
	}
	http_error_set(&why, 503, REJECT_NOT_SUBSCRIBED,
		       rc == -ENOTCONN
			       ? "NATS is not connected, try again later"
			       : "too many requests wait for NATS, try again "
				 "later");
	caller_reject_until_later(c, x, &why);
}

static void set_live_deadlines(struct conn *c, uint64_t timeout_ms,
			       uint64_t end_ms)
{
	struct subscription_limits *l = &c->set->limits;
	struct clocks now;

	if (end_ms != UINT64_MAX) {
		now = conn_clocks(c->set);
		subscription_limits_set_token(l, &c->deadline, end_ms, &now);
	}
	if (timeout_ms > 0)
		subscription_limits_set(l, &c->deadline,
					conn_now_ms(c->set) + timeout_ms,
					CLOSE_TIMEOUT);
}

/* -ENOMEM, or as core_hub_open(); 0. */
static int open_core(struct conn *c, struct conn_live *l,
		     const struct core_open *open)
{
	struct conn_set *s = c->set;
	int rc = subscription_limits_reserve(&s->limits);

	if (rc == 0)
		rc = registry_add(&s->subscriptions, c, &c->number);
	if (rc < 0)
		return rc;
	rc = core_hub_open(s->cfg.writing.core, &l->core, open, conn_now_ms(s));
	if (rc < 0)
		registry_remove(&s->subscriptions, c->number);
	return rc;
}

/* The request is gone with the change of state. */
static void begin_live(struct conn *c, struct conn_live *l, uint64_t timeout_ms,
		       uint64_t end_ms)
{
	c->live = l;
	c->is_live = true;
	c->opened_ms = conn_now_ms(c->set);
	c->close_reason = CLOSE_CLIENT_CLOSED;
	conn_move(c, CONN_SUBSCRIPTION);
	if (c->state == CONN_SUBSCRIPTION)
		set_live_deadlines(c, timeout_ms, end_ms);
}

static void open_live(struct conn *c, const struct exchange *x,
		      const struct live_request *r,
		      const struct authentication *caller,
		      const struct rights_selection *selection)
{
	struct conn_live *l = conn_live_new(c, &x->to);
	struct core_open open;
	int rc;

	if (l == NULL) {
		caller_reject_for_memory(c, x);
		return;
	}
	l->to.keep_alive = false;
	l->is_event_source = caller_is_event_source(x);
	fill_core_open(&open, x, r, &caller->id, selection);
	rc = open_core(c, l, &open);
	if (rc == 0) {
		begin_live(c, l, r->query.timeout_ms, caller->end_ms);
		return;
	}
	conn_live_free(l);
	reject_unsubscribed(c, x, rc);
}

/* ---- a request ----------------------------------------------------------- */

static void serve_live_selection(struct conn *c, const struct exchange *x,
				 const struct live_request *r,
				 const struct authentication *caller,
				 const struct rights_selection *selection)
{
	enum reject_reason exceeded = capacity_exceeded(c, &caller->id);

	if (exceeded != REJECT_NONE)
		capacity_reject(c, x, exceeded);
	else if (x->to.is_head)
		conn_respond_head(c, &x->to);
	else
		open_live(c, x, r, caller, selection);
}

static int select_subject(struct rights_selection *ret, struct rights **rights,
			  const struct conn *c, const struct live_request *r,
			  const struct authentication *caller,
			  struct http_error *why)
{
	struct rights_source source = c->set->cfg.rights;
	struct span subject = query_text_kept(&r->subject);
	int rc;

	source.id = (struct span){caller->id.id, caller->id.len};
	if (caller->rights != NULL)
		source.claim = span_of(caller->rights);
	rc = rights_new(rights, why, &source);
	return rc < 0 ? rc : rights_select(ret, why, *rights, &subject, 1);
}

static void serve_live(struct conn *c, const struct exchange *x,
		       const struct live_request *r,
		       const struct authentication *caller)
{
	struct rights_selection selection;
	struct rights *rights = NULL;
	struct http_error why;
	int rc = select_subject(&selection, &rights, c, r, caller, &why);

	if (rc == -ENOMEM)
		caller_reject_for_memory(c, x);
	else if (rc < 0)
		conn_reject(c, &x->to, &why);
	else
		serve_live_selection(c, x, r, caller, &selection);
	rights_free(rights);
}

static int parse_live_request(struct live_request *ret, const struct conn *c,
			      const struct exchange *x, struct http_error *why)
{
	const struct conn_config *cfg = &c->set->cfg;
	struct events_subjects ignored;
	const struct events_request asked = {
		.query = x->query,
		.accept = x->accept,
		.id_name = cfg->id_query,
		.token_name = caller_token_parameter(cfg),
		.subjects = &ignored,
	};
	int rc = subjects_query_path(&ret->subject, x->subject, why);

	if (rc == 0)
		rc = events_query_parse(&ret->query, why, &asked);
	return rc < 0 ? rc : subjects_query_group(&ret->group, why, x->query);
}

void live_handler(struct conn *c, const struct exchange *x)
{
	struct exchange typed = *x;
	struct authentication caller;
	struct live_request r;
	struct http_error why;

	if (parse_live_request(&r, c, x, &why) < 0) {
		conn_reject(c, &x->to, &why);
		return;
	}
	typed.to.type = r.query.ndjson ? "application/x-ndjson" : NULL;
	if (!caller_identify(c, &typed, &r.query.credentials, &caller))
		return;
	serve_live(c, &typed, &r, &caller);
	authentication_finish(&caller);
}
