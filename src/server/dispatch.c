/* What a client is answered: from the head of its request to a short answer, a
 * refusal or a stream. */
#include "server/conn_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include <sodium.h>

#include "http/accept.h"
#include "http/route.h"

enum { CONN_RETRY_AFTER_S = 5 };

/* ---- answers ------------------------------------------------------------- */

/* Formatted once a second. Of a clock that has failed there is no date. */
const char *conn_date(struct conn_set *s)
{
	uint64_t now_s = s->cfg.wall_ms() / 1000;

	if (now_s != s->date_s || s->date[0] == '\0') {
		s->date_s = now_s;
		if (http_date_format(s->date, now_s) < 0)
			s->date[0] = '\0';
	}
	return s->date[0] != '\0' ? s->date : NULL;
}

/* All is out: it is for the client to read to the end and go. */
static void linger_conn(struct conn *c)
{
	if (shutdown(c->fd, SHUT_WR) < 0)
		conn_close_now(c);
	else
		conn_move(c, CONN_LINGER);
}

/* The answer is out, or the rest of it waits. */
void conn_after_answer(struct conn *c)
{
	if (c->unsent != NULL)
		conn_move(c, CONN_RESPONSE);
	else if (c->keep_alive)
		conn_move(c, CONN_IDLE);
	else
		linger_conn(c);
}

void conn_finish(struct conn *c, struct buf *out, int rc, bool keep_alive)
{
	if (rc == 0)
		rc = conn_send(c, buf_head(out), buf_unread(out));
	buf_finish(out);
	c->keep_alive = keep_alive;
	if (rc == -EINVAL)
		conn_note_fault(c, "no such response");
	if (rc < 0)
		conn_close_now(c);
	else
		conn_after_answer(c);
}

void conn_answer(struct conn *c, const struct response_to *to, int status,
		 const char *type, const void *body, size_t len)
{
	struct buf out;
	int rc;

	buf_init(&out, CONN_ANSWER_MAX);
	rc = response_short(&out, to, status, type, NULL, body, len);
	conn_finish(c, &out, rc, to->keep_alive);
}

void conn_reject(struct conn *c, const struct response_to *to,
		 const struct http_error *why)
{
	struct buf out;
	int rc;

	access_log_rejected(c, why);
	buf_init(&out, CONN_ANSWER_MAX);
	rc = response_error(&out, to, why, CONN_RETRY_AFTER_S);
	conn_finish(c, &out, rc, to->keep_alive);
}

/* Around the configured time, so that not all come back at once. */
uint64_t conn_jittered_retry_ms(const struct conn_set *s)
{
	uint32_t ms = (uint32_t)s->cfg.retry_ms;
	uint64_t jittered = ms / 2 + randombytes_uniform(ms + 1);

	return jittered > 0 ? jittered : 1;
}

/* Why there is no stream. Whose fault it is tells 429 (RFC 6585, 4) from 503.
 */
static void not_ready_reason(const struct conn_config *cfg,
			     enum reject_reason reason, struct http_error *ret)
{
	switch (reason) {
	case REJECT_DRAINING:
		http_error_set(ret, 503, reason,
			       "this gateway is shutting down, try again");
		break;
	case REJECT_MAX_SUBSCRIPTIONS_PER_ID:
		http_error_set(ret, 429, reason,
			       "an identity may have %zu streams at once",
			       cfg->max_per_id);
		break;
	case REJECT_MAX_SUBSCRIPTIONS_PER_ADDRESS:
		http_error_set(ret, 429, reason,
			       "an address may have %zu streams at once",
			       cfg->max_per_address);
		break;
	default:
		http_error_set(ret, 503, reason,
			       "all %zu connections are taken, try again later",
			       cfg->max_connections);
		break;
	}
}

/* No place for a stream. A browser gives up for good on any status but 200. */
static void reject_over_capacity(struct conn *c, const struct response_to *to,
				 enum reject_reason reason, const char *accept)
{
	struct conn_set *s = c->set;
	struct http_error why;
	struct buf out;
	int rc;

	not_ready_reason(&s->cfg, reason, &why);
	if (to->type != NULL || !accept_names(accept, "text", "event-stream")) {
		conn_reject(c, to, &why);
		return;
	}
	access_log_rejected(c, &why);
	buf_init(&out, CONN_ANSWER_MAX);
	rc = response_come_back(&out, to, conn_jittered_retry_ms(s));
	conn_finish(c, &out, rc, to->keep_alive && to->minor > 0);
}

/* ---- what is asked for --------------------------------------------------- */

static void serve_ready(struct conn *c, const struct response_to *to)
{
	static const char type[] = "text/plain; charset=utf-8";
	const struct conn_set *s = c->set;
	const char *why = "shutting down";
	char text[160];
	int len;

	if (!s->draining && hub_ready(s->cfg.hub, &why)) {
		conn_answer(c, to, 200, type, "ok\n", 3);
		return;
	}
	len = snprintf(text, sizeof(text), "not ready: %s\n", why);
	conn_answer(c, to, 503, type, text, (size_t)len);
}

/* All headers of the name as one value (RFC 9110, 5.3), NULL for none; *owned
 * is to be freed. */
static int join_headers(const struct request *h, const char *name,
			const char **ret, char **owned)
{
	size_t len = 0;

	*owned = NULL;
	*ret = request_find(h, name, NULL);
	if (request_count(h, name) <= 1)
		return 0;
	for (size_t i = 0; i < h->n_headers; i++)
		len += h->headers[i].value_len + 1;
	*owned = malloc(len);
	if (*owned == NULL)
		return -ENOMEM;
	len = 0;
	for (size_t i = 0; i < h->n_headers; i++) {
		const struct http_header *f = &h->headers[i];

		if (strcasecmp(f->name, name) != 0)
			continue;
		memcpy(*owned + len, f->value, f->value_len);
		len += f->value_len;
		(*owned)[len++] = ',';
	}
	(*owned)[len - 1] = '\0';
	*ret = *owned;
	return 0;
}

static void serve_live_page(struct conn *c, const struct response_to *to,
			    const struct request *h)
{
	const char *etags;
	char *owned;
	struct buf out;
	int rc;

	if (join_headers(h, "If-None-Match", &etags, &owned) < 0) {
		conn_close_now(c);
		return;
	}
	buf_init(&out, CONN_ANSWER_MAX);
	rc = live_page_reply(c->set->cfg.ui, &out, to, etags);
	free(owned);
	conn_finish(c, &out, rc, to->keep_alive);
}

static void set_conn_gauges(struct conn_set *s)
{
	struct metrics *m = s->cfg.metrics;
	const char *why;

	hub_gauges(s->cfg.hub);
	metric_set(m, METRIC_CONN_REQUEST, s->n_in[CONN_REQUEST]);
	metric_set(m, METRIC_CONN_IDLE, s->n_in[CONN_IDLE]);
	metric_set(m, METRIC_CONN_RESPONSE, s->n_in[CONN_RESPONSE]);
	metric_set(m, METRIC_CONN_SUBSCRIPTION,
		   s->n_in[CONN_SUBSCRIPTION] + s->n_in[CONN_FAILED]);
	metric_set(m, METRIC_CONN_LINGER, s->n_in[CONN_LINGER]);
	metric_set(m, METRIC_CONN_MAX, s->cfg.max_connections);
	metric_set(m, METRIC_READY,
		   !s->draining && hub_ready(s->cfg.hub, &why));
	if (s->cfg.on_metrics != NULL)
		s->cfg.on_metrics(s->cfg.arg);
}

static void serve_metrics(struct conn *c, const struct response_to *to)
{
	struct conn_set *s = c->set;
	struct buf page;

	set_conn_gauges(s);
	buf_init(&page, CONN_ANSWER_MAX / 2);
	if (metrics_render(s->cfg.metrics, &page) < 0)
		conn_close_now(c);
	else
		conn_answer(c, to, 200,
			    "text/plain; version=0.0.4; charset=utf-8",
			    buf_head(&page), buf_unread(&page));
	buf_finish(&page);
}

/* *end_ms: when a stream of it ends, since 1970; UINT64_MAX: never. */
static int identify_request(const struct conn *c, const struct request *h,
			    const struct route *r, struct identity *ret,
			    uint64_t *end_ms, struct http_error *why)
{
	const struct conn_set *s = c->set;
	struct identity_request req = {
		.header_name = s->cfg.id_header,
		.query_name = s->cfg.id_query,
		.query = r->events.id.given ? r->events.id.text : NULL,
		.query_len = r->events.id.len,
	};

	*end_ms = UINT64_MAX;
	if (s->cfg.tokens != NULL)
		return conn_take_token(c, h, r, ret, end_ms, why);
	req.header = request_find(h, s->cfg.id_header, &req.header_len);
	return identity_take(ret, why, &req);
}

/* The places of --max-connections are for streams. Other connections, idle ones
 * above all, keep no stream from its place: all of them together are bounded at
 * the accept (conn_peer.c). */
static bool has_place(const struct conn_set *s)
{
	return s->n_in[CONN_SUBSCRIPTION] + s->n_in[CONN_FAILED] <
	       s->cfg.max_connections;
}

static void fill_hub_open(struct hub_open *o, const struct route *r,
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
	o->start = starts[r->events.deliver];
	o->limit = r->events.limit;
	o->ndjson = r->events.ndjson;
	o->json = r->events.json;
	o->system = r->events.system;
	if (!r->events.has_cursor)
		return;
	o->start = START_RESUME;
	o->seq = r->events.cursor_seq;
	o->has_tag = r->events.cursor_has_tag;
	o->text = r->events.cursor_text;
	if (r->events.cursor_has_tag)
		memcpy(o->tag.hex,
		       r->events.cursor_text + strlen(r->events.cursor_text) -
			       SSE_TAG_LEN,
		       SSE_TAG_LEN);
}

/* -ENOMEM or 0. */
static int enter_response(struct conn *c, const struct hub_open *open)
{
	struct conn_set *s = c->set;
	int rc = registry_add(&s->roll, c, &c->number);

	if (rc < 0)
		return rc;
	c->opened_ms = conn_now_ms(s);
	c->close_reason = CLOSE_CLIENT_CLOSED;
	rc = hub_open(s->cfg.hub, &c->cursor, open, c->opened_ms);
	if (rc < 0)
		registry_remove(&s->roll, c->number);
	return rc;
}

static void refuse_for_memory(struct conn *c, const struct response_to *to)
{
	struct http_error why;

	http_error_set(&why, 503, REJECT_MAX_CONNECTIONS,
		       "out of memory, try again later");
	conn_reject(c, to, &why);
}

static bool may_end_conn(const struct conn_set *s, const struct route *r,
			 uint64_t end_ms)
{
	return end_ms != UINT64_MAX || s->cfg.max_age_ms > 0 ||
	       r->events.timeout_ms > 0 || r->events.limit > 0;
}

static void begin_stream(struct conn *c, const struct response_to *to,
			 const struct route *r, const struct hub_open *open,
			 uint64_t end_ms)
{
	const struct buf *head = c->set->head;

	if (may_end_conn(c->set, r, end_ms) && conn_reserve_end(c->set) < 0) {
		refuse_for_memory(c, to);
		return;
	}
	c->head_due = true;
	conn_move(c, CONN_SUBSCRIPTION);
	if (c->state != CONN_SUBSCRIPTION)
		return;
	if (end_ms != UINT64_MAX)
		conn_end_with_token(c, end_ms);
	if (r->events.timeout_ms > 0)
		conn_end_by(c, conn_now_ms(c->set) + r->events.timeout_ms,
			    CLOSE_TIMEOUT);
	if (enter_response(c, open) < 0) {
		conn_move(c, CONN_REQUEST);
		refuse_for_memory(c, to);
		return;
	}
	access_log_opened(c);
	/* When there is no word to say yet, the head goes out alone. */
	if (c->state == CONN_SUBSCRIPTION && c->head_due) {
		c->head_due = false;
		if (conn_send(c, buf_head(head), buf_unread(head)) < 0)
			conn_fail(c);
	}
	conn_arm(c);
}

/* With the date of the request. NULL: no memory. */
static const struct buf *subscription_head(struct conn_set *s,
					   const struct response_to *to)
{
	struct buf *head = &s->heads[to->minor == 0 ? HEAD_OLD : HEAD_CHUNKED];

	if (s->heads_s != s->date_s) {
		for (int i = 0; i < SUBSCRIPTION_HEADS; i++)
			buf_clear(&s->heads[i]);
		s->heads_s = s->date_s;
	}
	if (buf_unread(head) == 0 && response_subscription(head, to) < 0)
		return NULL;
	return head;
}

/* Most have one of the two heads that are the same for all requests of a
 * second; another is made for the request, and is out when this returns, or
 * waits with what the socket did not take. */
static void open_subscription(struct conn *c, const struct response_to *to,
			      const struct route *r,
			      const struct hub_open *open, uint64_t end_ms)
{
	struct conn_set *s = c->set;
	struct buf made;

	buf_init(&made, CONN_ANSWER_MAX);
	if (to->lines == NULL && to->type == NULL)
		s->head = subscription_head(s, to);
	else if (response_subscription(&made, to) == 0)
		s->head = &made;
	if (s->head == NULL)
		refuse_for_memory(c, to);
	else
		begin_stream(c, to, r, open, end_ms);
	s->head = NULL;
	buf_finish(&made);
}

static void serve_events(struct conn *c, const struct response_to *request,
			 const struct route *r, const struct request *h,
			 const char *accept)
{
	struct response_to stream = *request, *to = &stream;
	struct identity id;
	uint64_t end_ms;
	enum reject_reason limit;
	struct hub_open open;
	struct http_error why;
	struct buf out;
	int rc;

	stream.type = r->events.ndjson ? "application/x-ndjson" : NULL;
	if (identify_request(c, h, r, &id, &end_ms, &why) < 0) {
		conn_reject(c, to, &why);
	} else if (c->set->draining) {
		reject_over_capacity(c, to, REJECT_DRAINING, accept);
	} else if ((limit = conn_over_limit(c, &id)) != REJECT_NONE) {
		reject_over_capacity(c, to, limit, accept);
	} else if (!has_place(c->set)) {
		reject_over_capacity(c, to, REJECT_MAX_CONNECTIONS, accept);
	} else if (to->is_head) {
		buf_init(&out, CONN_ANSWER_MAX);
		rc = response_subscription(&out, to);
		conn_finish(c, &out, rc,
			    to->is_head && to->keep_alive && to->minor > 0);
	} else {
		fill_hub_open(&open, r, &id, to->minor);
		open_subscription(c, to, r, &open, end_ms);
	}
}

static void refuse_list(struct conn *c, const struct response_to *to)
{
	struct http_error why;

	http_error_set(
		&why, 404, REJECT_NOT_FOUND,
		"the list of streams is not served: --admin-listen has an "
		"address that is neither a loopback address nor a Unix "
		"socket; --admin-subscriptions on serves it anyway");
	conn_reject(c, to, &why);
}

static void refuse_host(struct conn *c, const struct response_to *to)
{
	struct http_error why;

	http_error_set(
		&why, 421, REJECT_BAD_HOST,
		"the admin listener answers to an address, to localhost "
		"and to the names of --admin-host, and not to this Host");
	conn_reject(c, to, &why);
}

static void serve_route(struct conn *c, const struct response_to *to,
			const struct request *h, const char *accept)
{
	struct route_request req = {
		.method = h->method,
		.target = h->target,
		.accept = accept,
		.last_event_id = request_find(h, "Last-Event-ID", NULL),
		.id_query = c->set->cfg.id_query,
		.token_query = c->set->cfg.tokens == NULL
				       ? NULL
				       : c->set->cfg.tokens->places.query,
		.ui = c->set->cfg.ui != NULL,
		.admin = c->admin,
		.cors = to->lines != NULL,
	};
	struct http_error why;
	struct route r;

	if (c->admin && !conn_admin_knows_host(c, h)) {
		refuse_host(c, to);
		return;
	}
	if (route_parse(&r, &why, &req) < 0) {
		conn_reject(c, to, &why);
		return;
	}
	switch (r.kind) {
	case ROUTE_LIVEZ:
		conn_answer(c, to, 200, "text/plain; charset=utf-8", "ok\n", 3);
		break;
	case ROUTE_READYZ:
		serve_ready(c, to);
		break;
	case ROUTE_UI:
		serve_live_page(c, to, h);
		break;
	case ROUTE_METRICS:
		serve_metrics(c, to);
		break;
	case ROUTE_SUBSCRIPTIONS:
	case ROUTE_SUBSCRIPTION:
		if (!c->set->cfg.admin_subscriptions)
			refuse_list(c, to);
		else if (r.kind == ROUTE_SUBSCRIPTIONS)
			conn_admin_subscriptions(c, to, &r.subscriptions);
		else
			conn_admin_subscription(c, to, r.number);
		break;
	case ROUTE_OPTIONS:
		conn_answer_options(c, to, h);
		break;
	case ROUTE_EVENTS:
		serve_events(c, to, &r, h, accept);
		break;
	}
}

void conn_serve(struct conn *c)
{
	const struct request *h = request_parser_head(c->parser);
	struct response_to to = {
		.minor = h->minor,
		.is_head = h->is_head,
		.keep_alive = h->keep_alive && !c->set->draining,
		.date = conn_date(c->set),
	};
	struct address peer = c->address;
	char lines[CORS_LINES_MAX];
	const char *accept;
	char *owned;

	to.lines = conn_cors_lines(c, h, lines);
	if (join_headers(h, "Accept", &accept, &owned) < 0) {
		conn_close_now(c);
		return;
	}
	c->address = conn_identify_client(c, h);
	serve_route(c, &to, h, accept);
	free(owned);
	/* The next request may be another client's. A stream is logged with its
	 * client's address, also when its first write failed. */
	if (c->state != CONN_SUBSCRIPTION && c->state != CONN_FAILED)
		c->address = peer;
}
