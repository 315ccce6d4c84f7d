/* Events: identity, limits, and the subscription's opening. */
#include <errno.h>
#include <string.h>

#include "http/events_query.h"
#include "http/sse.h"
#include "server/caller.h"
#include "server/capacity.h"
#include "server/conn_internal.h"
#include "server/conn_respond.h"
#include "server/endpoints.h"

/* ---- opening ------------------------------------------------------------- */

static void fill_hub_open(struct hub_open *o, const struct events_query *q,
			  const struct identity *id, int minor)
{
	static const enum cursor_start starts[] = {
		[DELIVER_NEW] = START_NEW,
		[DELIVER_ALL] = START_ALL,
		[DELIVER_LAST] = START_LAST,
	};

	memset(o, 0, sizeof(*o));
	o->id = id->id;
	o->id_len = id->len;
	o->chunked = minor > 0;
	o->start = starts[q->deliver];
	o->limit = q->limit;
	o->ndjson = q->ndjson;
	o->json_events = q->json_events && !q->ndjson;
	o->json = q->json;
	o->system = q->system;
	if (!q->has_event_id)
		return;
	o->start = START_RESUME;
	o->seq = q->event_seq;
	o->has_tag = q->event_has_tag;
	o->text = q->event_id;
	if (q->event_has_tag)
		memcpy(o->tag.hex,
		       q->event_id + strlen(q->event_id) - SSE_TAG_LEN,
		       SSE_TAG_LEN);
}

/* -ENOMEM or 0. */
static int open_cursor(struct conn *c, const struct hub_open *open)
{
	struct conn_set *s = c->set;
	int rc = registry_add(&s->subscriptions, c, &c->number);

	if (rc < 0)
		return rc;
	c->opened_ms = conn_now_ms(s);
	c->close_reason = CLOSE_CLIENT_CLOSED;
	rc = hub_open(s->cfg.hub, &c->cursor, open, c->opened_ms);
	if (rc < 0)
		registry_remove(&s->subscriptions, c->number);
	return rc;
}

static bool may_have_deadline(const struct conn_set *s,
			      const struct events_query *q, uint64_t end_ms)
{
	return end_ms != UINT64_MAX || s->cfg.max_age_ms > 0 ||
	       q->timeout_ms > 0 || q->limit > 0;
}

static void set_deadlines(struct conn *c, const struct events_query *q,
			  uint64_t end_ms)
{
	struct subscription_limits *l = &c->set->limits;
	struct clocks now;

	if (end_ms != UINT64_MAX) {
		now = conn_clocks(c->set);
		subscription_limits_set_token(l, &c->deadline, end_ms, &now);
	}
	if (q->timeout_ms > 0)
		subscription_limits_set(l, &c->deadline,
					conn_now_ms(c->set) + q->timeout_ms,
					CLOSE_TIMEOUT);
}

static void log_opened(struct conn *c)
{
	const struct conn_set *s = c->set;
	const struct access_log_subscription about = {
		.hub = s->cfg.hub,
		.cursor = &c->cursor,
		.address = &c->address,
		.number = c->number,
	};

	access_log_opened(&s->access_log, &about);
}

static void begin_subscription(struct conn *c, const struct exchange *x,
			       const struct events_query *q,
			       const struct hub_open *open, uint64_t end_ms)
{
	if (may_have_deadline(c->set, q, end_ms) &&
	    subscription_limits_reserve(&c->set->limits) < 0) {
		caller_reject_for_memory(c, x);
		return;
	}
	conn_move(c, CONN_SUBSCRIPTION);
	if (c->state != CONN_SUBSCRIPTION)
		return;
	set_deadlines(c, q, end_ms);
	if (open_cursor(c, open) < 0) {
		conn_move(c, CONN_REQUEST);
		caller_reject_for_memory(c, x);
		return;
	}
	log_opened(c);
	conn_arm(c);
}

/* With the date of the request. NULL: no memory. */
static const struct buf *cached_header(struct conn_set *s,
				       const struct response_to *to)
{
	struct buf *header = &s->headers[to->minor == 0 ? HEADER_UNTIL_CLOSE
							: HEADER_CHUNKED];

	if (s->headers_s != s->date_s) {
		for (int i = 0; i < SUBSCRIPTION_HEADERS; i++)
			buf_clear(&s->headers[i]);
		s->headers_s = s->date_s;
	}
	if (buf_unread(header) == 0 && response_subscription(header, to) < 0)
		return NULL;
	return header;
}

/* Most subscriptions have one of the two headers that are the same for all
 * requests of a second. Another one is made for the request: when this returns
 * it was sent, or its rest is kept. */
static void open_subscription(struct conn *c, const struct exchange *x,
			      const struct events_query *q,
			      struct hub_open *open, uint64_t end_ms)
{
	const struct buf *header = NULL;
	struct buf made;

	buf_init(&made, CONN_RESPONSE_MAX);
	if (x->to.lines == NULL && x->to.type == NULL)
		header = cached_header(c->set, &x->to);
	else if (response_subscription(&made, &x->to) == 0)
		header = &made;
	if (header == NULL) {
		caller_reject_for_memory(c, x);
	} else {
		open->header.iov_base = (void *)(uintptr_t)buf_data(header);
		open->header.iov_len = buf_unread(header);
		begin_subscription(c, x, q, open, end_ms);
	}
	buf_finish(&made);
}

/* ---- a request ----------------------------------------------------------- */

static void serve_selection(struct conn *c, const struct exchange *x,
			    const struct events_query *q,
			    const struct authentication *caller,
			    const struct rights_selection *selection)
{
	enum reject_reason exceeded = capacity_exceeded(c, &caller->id);
	struct hub_open open;

	if (exceeded != REJECT_NONE) {
		capacity_reject(c, x, exceeded);
	} else if (x->to.is_head) {
		conn_respond_head(c, &x->to);
	} else {
		fill_hub_open(&open, q, &caller->id, x->to.minor);
		open.selection = selection;
		open_subscription(c, x, q, &open, caller->end_ms);
	}
}

static void serve_rights(struct conn *c, const struct exchange *x,
			 const struct events_query *q,
			 const struct events_subjects *asked,
			 const struct authentication *caller)
{
	struct rights_source source = c->set->cfg.rights;
	struct rights_selection selection;
	struct rights *rights = NULL;
	struct http_error why;
	int rc;

	source.id = (struct span){caller->id.id, caller->id.len};
	if (caller->rights != NULL)
		source.claim = span_of(caller->rights);
	rc = rights_new(&rights, &why, &source);
	if (rc == 0)
		rc = rights_select(&selection, &why, rights, asked->list,
				   asked->n);
	if (rc == -ENOMEM)
		caller_reject_for_memory(c, x);
	else if (rc < 0)
		conn_reject(c, &x->to, &why);
	else
		serve_selection(c, x, q, caller, &selection);
	rights_free(rights);
}

/* Most requests need no look at the rights. */
static void serve_identity(struct conn *c, const struct exchange *x,
			   const struct events_query *q,
			   const struct events_subjects *asked,
			   const struct authentication *caller)
{
	if (c->set->cfg.follows_own_subject && asked->n == 0 &&
	    caller->rights == NULL)
		serve_selection(c, x, q, caller, NULL);
	else
		serve_rights(c, x, q, asked, caller);
}

static void serve_subscription(struct conn *c, const struct exchange *x,
			       const struct events_query *q,
			       const struct events_subjects *asked)
{
	struct authentication caller;

	if (!caller_identify(c, x, &q->credentials, &caller))
		return;
	serve_identity(c, x, q, asked, &caller);
	authentication_finish(&caller);
}

void events_handler(struct conn *c, const struct exchange *x)
{
	const struct conn_config *cfg = &c->set->cfg;
	struct events_subjects subjects;
	const struct events_request asked = {
		.query = x->query,
		.accept = x->accept,
		.last_event_id =
			request_find(x->request, "Last-Event-ID", NULL),
		.id_name = cfg->id_query,
		.token_name = caller_token_parameter(cfg),
		.subjects = &subjects,
	};
	struct exchange typed = *x;
	struct events_query q;
	struct http_error why;

	if (events_query_parse(&q, &why, &asked) < 0) {
		conn_reject(c, &x->to, &why);
		return;
	}
	typed.to.type = q.ndjson ? "application/x-ndjson" : NULL;
	serve_subscription(c, &typed, &q, &subjects);
}
