/* The happy path of a stream: accept4() gives a socket, the poll says readable,
 * recv() into the set's one buffer, the parser says READY, the route and the
 * identity are good, the hub opens a cursor and writes the opening block (with
 * the head of the reply before it, in one sendmsg()), and from then on only the
 * hub writes, once a turn. The connection is then this struct and its poll
 * handle: no parser, no buffer.
 *
 * What ends it: finish() says a last word, shuts the sending half and lingers;
 * drop() closes at once. Either may happen deep inside of a call, so whoever
 * goes on after one looks at the state first. The memory lives until libuv has
 * closed the handle, later in the loop's turn. A failure inside of the hub's
 * call, where nothing may be closed, puts the connection among the doomed. */
#include "conn.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include <sodium.h>
#include <uv.h>

#include "../core/check.h"
#include "../core/http_parser.h"
#include "../core/http_reply.h"
#include "../core/identity.h"
#include "../core/list.h"
#include "../core/route.h"

enum {
	CONN_READ_BYTES = 64 * 1024,
	CONN_ANSWER_MAX = 1024 * 1024, /* the largest is /metrics */
	CONN_EXTRA = 128, /* over the limit, for short answers alone */
	CONN_ADMIN = 128, /* on the admin listeners */
	CONN_REPLY_MS = 10000,
	CONN_LINGER_MS = 2000,
	CONN_LINGER_BYTES = 256 * 1024, /* thrown away while lingering */
	CONN_RETRY_AFTER_S = 5,
};

enum conn_state {
	CONN_NEW,
	CONN_HEAD,
	CONN_IDLE,
	CONN_REPLY,
	CONN_STREAM,
	CONN_LINGER,
	CONN_DOOMED, /* the hub's write failed: closed in the next tick */
	CONN_CLOSING,
	CONN_STATES
};

#define TO(state) (1u << (state))

static const unsigned may_go[CONN_STATES] = {
	[CONN_NEW] = TO(CONN_HEAD),
	[CONN_HEAD] = TO(CONN_IDLE) | TO(CONN_REPLY) | TO(CONN_STREAM) |
		      TO(CONN_LINGER) | TO(CONN_CLOSING),
	[CONN_IDLE] = TO(CONN_HEAD) | TO(CONN_CLOSING),
	[CONN_REPLY] = TO(CONN_IDLE) | TO(CONN_LINGER) | TO(CONN_CLOSING),
	[CONN_STREAM] = TO(CONN_HEAD) | TO(CONN_REPLY) | TO(CONN_LINGER) |
			TO(CONN_DOOMED) | TO(CONN_CLOSING),
	[CONN_LINGER] = TO(CONN_CLOSING),
	[CONN_DOOMED] = TO(CONN_CLOSING),
};

/* The three heads that a stream can have. */
enum stream_head { HEAD_KEEP, HEAD_CLOSE, HEAD_OLD, STREAM_HEADS };

/* Bytes that wait for a full socket. */
struct conn_rest {
	size_t at;
	size_t end;
	size_t cap;
	uint8_t bytes[];
};

struct conn {
	uv_poll_t poll;
	struct cursor cursor;
	struct conn_set *set;
	struct list link;	    /* its state's list */
	uint64_t due_ms;	    /* HEAD, IDLE, REPLY, LINGER */
	struct http_parser *parser; /* HEAD, IDLE */
	struct conn_rest *rest;
	int fd;
	uint32_t thrown_away; /* bytes, while lingering */
	uint8_t state;
	uint8_t polled; /* the events that are asked for */
	uint8_t head;	/* enum stream_head */
	bool admin : 1;
	bool counted : 1;    /* has one of max_connections places */
	bool head_due : 1;   /* goes before the stream's first bytes */
	bool keep_alive : 1; /* REPLY: then IDLE, else LINGER */
};

struct conn_set {
	struct conn_config cfg;
	struct list in[CONN_STATES]; /* in due order, where there is one */
	size_t n_in[CONN_STATES];
	size_t n_open;	/* all that are not CLOSING */
	size_t n_alive; /* handles, `bell` among them */
	size_t n_counted;
	size_t n_extra; /* public ones without a place */
	size_t n_admin;
	bool draining;
	bool closing;
	uv_idle_t bell; /* its closing brings on_closed from the loop */
	struct buf heads[STREAM_HEADS];
	uint8_t input[CONN_READ_BYTES];
};

static void on_poll(uv_poll_t *poll, int status, int events);

/* ---- states -------------------------------------------------------------- */

static uint64_t time_out(const struct conn_set *s, enum conn_state state)
{
	switch (state) {
	case CONN_HEAD:
		return s->cfg.header_timeout_ms;
	case CONN_IDLE:
		return s->cfg.idle_timeout_ms;
	case CONN_REPLY:
		return CONN_REPLY_MS;
	case CONN_LINGER:
		return CONN_LINGER_MS;
	default:
		return 0;
	}
}

static uint64_t now_of(const struct conn_set *s)
{
	return uv_now(s->cfg.loop);
}

/* A socket that is full is waited for. Nobody is read from whose answer is not
 * yet out: he would make us hold more. */
static void arm(struct conn *c)
{
	int events = 0;

	if (c->state != CONN_REPLY && c->state != CONN_DOOMED)
		events |= UV_READABLE;
	if (c->rest != NULL && c->state != CONN_DOOMED)
		events |= UV_WRITABLE;
	if (events == c->polled)
		return;
	c->polled = (uint8_t)events;
	if (events == 0)
		uv_poll_stop(&c->poll);
	else
		uv_poll_start(&c->poll, events, on_poll);
}

static void move(struct conn *c, enum conn_state to)
{
	struct conn_set *s = c->set;

	MUST(may_go[c->state] & TO(to));
	if (to != CONN_HEAD) {
		http_parser_free(c->parser);
		c->parser = NULL;
	}
	list_remove(&c->link);
	s->n_in[c->state]--;
	c->state = (uint8_t)to;
	s->n_in[to]++;
	if (to == CONN_CLOSING)
		return;
	c->due_ms = now_of(s) + time_out(s, to);
	list_push_back(&s->in[to], &c->link);
	arm(c);
}

/* One handle less; the last one ends the set. */
static void count_down(struct conn_set *s)
{
	if (--s->n_alive > 0)
		return;
	for (int i = 0; i < STREAM_HEADS; i++)
		buf_finish(&s->heads[i]);
	s->cfg.on_closed(s->cfg.arg);
	free(s);
}

static void on_conn_closed(uv_handle_t *h)
{
	struct conn *c = CONTAINER_OF((uv_poll_t *)h, struct conn, poll);
	struct conn_set *s = c->set;

	s->n_in[CONN_CLOSING]--;
	free(c);
	count_down(s);
}

static void give_place_back(struct conn *c)
{
	struct conn_set *s = c->set;

	if (c->admin)
		s->n_admin--;
	else if (c->counted)
		s->n_counted--;
	else
		s->n_extra--;
}

/* Closes at once. */
static void drop(struct conn *c)
{
	struct conn_set *s = c->set;

	hub_close(s->cfg.hub, &c->cursor, now_of(s));
	move(c, CONN_CLOSING);
	free(c->rest);
	c->rest = NULL;
	s->n_open--;
	give_place_back(c);
	/* No longer polled after uv_close(): the descriptor may go. */
	uv_close((uv_handle_t *)&c->poll, on_conn_closed);
	close(c->fd);
}

/* ---- writing ------------------------------------------------------------- */

/* What the socket took: 0 when it is full. */
static ssize_t send_now(const struct conn *c, const struct iovec *iov, size_t n)
{
	struct msghdr msg = {.msg_iov = (struct iovec *)(uintptr_t)iov,
			     .msg_iovlen = n};
	ssize_t wrote;

	do
		wrote = sendmsg(c->fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (wrote < 0 && errno == EINTR);
	if (wrote >= 0)
		return wrote;
	return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : -errno;
}

/* Puts bytes behind those that wait already. -ENOMEM. */
static int keep(struct conn *c, const void *bytes, size_t len)
{
	struct conn_rest *r = c->rest;
	size_t end = r == NULL ? 0 : r->end;

	if (r == NULL || r->cap - end < len) {
		r = realloc(r, sizeof(*r) + end + len);
		if (r == NULL)
			return -ENOMEM;
		if (c->rest == NULL)
			r->at = 0;
		r->cap = end + len;
		c->rest = r;
	}
	memcpy(r->bytes + end, bytes, len);
	r->end = end + len;
	return 0;
}

/* Sends, and keeps what does not go out. Negative: the connection is lost. */
static int send_or_keep(struct conn *c, const void *bytes, size_t len)
{
	struct iovec iov = {(void *)(uintptr_t)bytes, len};
	ssize_t wrote = c->rest != NULL ? 0 : send_now(c, &iov, 1);

	if (wrote < 0)
		return (int)wrote;
	if ((size_t)wrote == len)
		return 0;
	return keep(c, (const char *)bytes + wrote, len - (size_t)wrote);
}

/* Negative: lost. Else c->rest is NULL when all is out. */
static int send_rest(struct conn *c)
{
	struct conn_rest *r = c->rest;
	struct iovec iov = {r->bytes + r->at, r->end - r->at};
	ssize_t wrote = send_now(c, &iov, 1);

	if (wrote < 0)
		return (int)wrote;
	r->at += (size_t)wrote;
	if (r->at < r->end)
		return 0;
	free(r);
	c->rest = NULL;
	return 0;
}

/* ---- what the hub writes ------------------------------------------------- */

/* The hub still has it in hand. */
static void doom(struct conn *c)
{
	if (c->state == CONN_STREAM)
		move(c, CONN_DOOMED);
}

/* The head of the reply before the first bytes of the stream. What of it does
 * not go out waits, and the hub then hands over what must follow. */
static ssize_t send_with_head(struct conn *c, const struct iovec *iov, int n)
{
	const struct buf *head = &c->set->heads[c->head];
	struct iovec all[CURSOR_IOV_MAX + 2];
	size_t len = buf_unread(head);
	ssize_t wrote;

	MUST(n <= CURSOR_IOV_MAX + 1);
	all[0] = (struct iovec){(void *)(uintptr_t)buf_head(head), len};
	memcpy(all + 1, iov, (size_t)n * sizeof(*iov));
	wrote = send_now(c, all, (size_t)n + 1);
	if (wrote < 0)
		return wrote;
	c->head_due = false;
	if ((size_t)wrote >= len)
		return wrote - (ssize_t)len;
	return keep(c, buf_head(head) + wrote, len - (size_t)wrote);
}

static ssize_t sink_write(struct cursor *cursor, const struct iovec *iov, int n)
{
	struct conn *c = CONTAINER_OF(cursor, struct conn, cursor);
	ssize_t rc = 0;

	if (c->state != CONN_STREAM)
		rc = -EPIPE;
	else if (c->head_due)
		rc = send_with_head(c, iov, n);
	else if (c->rest == NULL)
		rc = send_now(c, iov, (size_t)n);
	if (rc < 0)
		doom(c);
	return rc;
}

static int sink_hold(struct cursor *cursor, const void *bytes, size_t len)
{
	struct conn *c = CONTAINER_OF(cursor, struct conn, cursor);
	int rc = keep(c, bytes, len);

	if (rc < 0)
		doom(c);
	else
		arm(c);
	return rc;
}

const struct hub_sink *conn_sink(void)
{
	static const struct hub_sink sink = {sink_write, sink_hold};

	return &sink;
}

/* ---- answers ------------------------------------------------------------- */

/* All is out: it is for the client to read to the end and go. */
static void linger(struct conn *c)
{
	if (shutdown(c->fd, SHUT_WR) < 0)
		drop(c);
	else
		move(c, CONN_LINGER);
}

/* The answer is out, or the rest of it waits. */
static void after_answer(struct conn *c)
{
	if (c->rest != NULL)
		move(c, CONN_REPLY);
	else if (c->keep_alive)
		move(c, CONN_IDLE);
	else
		linger(c);
}

/* Sends a whole answer, made with the result `rc`. */
static void finish(struct conn *c, struct buf *out, int rc, bool keep_alive)
{
	if (rc == 0)
		rc = send_or_keep(c, buf_head(out), buf_unread(out));
	buf_finish(out);
	c->keep_alive = keep_alive;
	if (rc < 0)
		drop(c);
	else
		after_answer(c);
}

static void answer(struct conn *c, const struct http_reply_to *to, int status,
		   const char *type, const void *body, size_t len)
{
	struct buf out;
	int rc;

	buf_init(&out, CONN_ANSWER_MAX);
	rc = http_reply_short(&out, to, status, type, NULL, body, len);
	finish(c, &out, rc, to->keep_alive);
}

static void refuse(struct conn *c, const struct http_reply_to *to,
		   const struct refusal *why)
{
	struct conn_set *s = c->set;
	struct buf out;
	int rc;

	s->cfg.metrics->refused[why->reason]++;
	LOGGING(s->cfg.log, LOGGING_DEBUG, "refused",
		LOG_U64("status", why->status),
		LOG_STR("reason", refusal_label(why->reason)),
		LOG_STR("text", why->text));
	buf_init(&out, CONN_ANSWER_MAX);
	rc = http_reply_refusal(&out, to, why, CONN_RETRY_AFTER_S);
	finish(c, &out, rc, to->keep_alive);
}

/* Around the configured time, so that not all come back at once. */
static uint64_t jittered_retry_ms(const struct conn_set *s)
{
	uint32_t ms = (uint32_t)s->cfg.retry_ms;
	uint64_t jittered = ms / 2 + randombytes_uniform(ms + 1);

	return jittered > 0 ? jittered : 1;
}

/* No place for a stream. A browser gives up for good on any status but 200. */
static void turn_away(struct conn *c, const struct http_reply_to *to,
		      enum refusal_reason reason, const char *accept)
{
	struct conn_set *s = c->set;
	struct refusal why;
	struct buf out;
	int rc;

	if (reason == REFUSAL_DRAINING)
		refusal_set(&why, 503, reason,
			    "this gateway is shutting down, try again");
	else
		refusal_set(&why, 503, reason,
			    "all %zu connections are taken, try again later",
			    s->cfg.max_connections);
	if (!route_accepts_exactly(accept, "text", "event-stream")) {
		refuse(c, to, &why);
		return;
	}
	s->cfg.metrics->refused[reason]++;
	buf_init(&out, CONN_ANSWER_MAX);
	rc = http_reply_come_back(&out, to, jittered_retry_ms(s));
	finish(c, &out, rc, to->keep_alive && to->minor > 0);
}

/* ---- what is asked for --------------------------------------------------- */

static void say_ready(struct conn *c, const struct http_reply_to *to)
{
	static const char type[] = "text/plain; charset=utf-8";
	const struct conn_set *s = c->set;
	const char *why = "shutting down";
	char text[160];
	int len;

	if (!s->draining && hub_ready(s->cfg.hub, &why)) {
		answer(c, to, 200, type, "ok\n", 3);
		return;
	}
	len = snprintf(text, sizeof(text), "not ready: %s\n", why);
	answer(c, to, 503, type, text, (size_t)len);
}

static void say_metrics(struct conn *c, const struct http_reply_to *to)
{
	struct conn_set *s = c->set;
	struct buf page;

	hub_gauges(s->cfg.hub);
	metric_set(s->cfg.metrics, METRIC_CONNECTIONS, s->n_open);
	buf_init(&page, CONN_ANSWER_MAX / 2);
	if (metrics_render(s->cfg.metrics, &page) < 0)
		drop(c);
	else
		answer(c, to, 200, "text/plain; version=0.0.4; charset=utf-8",
		       buf_head(&page), buf_unread(&page));
	buf_finish(&page);
}

static int identify(const struct conn_set *s, const struct http_head *h,
		    const struct route *r, struct identity *ret,
		    struct refusal *why)
{
	struct identity_request req = {
		.header_name = s->cfg.id_header,
		.query_name = s->cfg.id_query,
		.query = r->has_query_id ? r->query_id : NULL,
		.query_len = r->query_id_len,
	};

	req.header = http_head_find(h, s->cfg.id_header, &req.header_len);
	return identity_take(ret, why, &req);
}

/* One of the places, for a connection that came when there was none. */
static bool take_place(struct conn *c)
{
	struct conn_set *s = c->set;

	if (c->counted)
		return true;
	if (s->n_counted >= s->cfg.max_connections)
		return false;
	s->n_extra--;
	s->n_counted++;
	c->counted = true;
	return true;
}

static void fill_open(struct hub_open *o, const struct route *r,
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
	o->start = starts[r->deliver];
	if (!r->has_cursor)
		return;
	o->start = START_RESUME;
	o->seq = r->cursor_seq;
	o->has_tag = r->cursor_has_tag;
	o->text = r->cursor_text;
	if (r->cursor_has_tag)
		memcpy(o->tag.hex,
		       r->cursor_text + strlen(r->cursor_text) - SSE_TAG_LEN,
		       SSE_TAG_LEN);
}

static void open_stream(struct conn *c, const struct http_reply_to *to,
			const struct hub_open *open)
{
	struct conn_set *s = c->set;
	struct refusal why;

	c->head = to->minor == 0   ? HEAD_OLD
		  : to->keep_alive ? HEAD_KEEP
				   : HEAD_CLOSE;
	c->head_due = true;
	move(c, CONN_STREAM);
	if (hub_open(s->cfg.hub, &c->cursor, open, now_of(s)) < 0) {
		move(c, CONN_HEAD);
		refusal_set(&why, 503, REFUSAL_FULL,
			    "out of memory, try again later");
		refuse(c, to, &why);
		return;
	}
	/* When there is no word to say yet, the head goes out alone. */
	if (c->state == CONN_STREAM && c->head_due) {
		const struct buf *head = &s->heads[c->head];

		c->head_due = false;
		if (send_or_keep(c, buf_head(head), buf_unread(head)) < 0)
			doom(c);
	}
	arm(c);
}

static void serve_events(struct conn *c, const struct http_reply_to *to,
			 const struct route *r, const struct http_head *h,
			 const char *accept)
{
	struct identity id;
	struct hub_open open;
	struct refusal why;
	struct buf out;
	int rc;

	if (identify(c->set, h, r, &id, &why) < 0) {
		refuse(c, to, &why);
	} else if (c->set->draining) {
		turn_away(c, to, REFUSAL_DRAINING, accept);
	} else if (!take_place(c)) {
		turn_away(c, to, REFUSAL_FULL, accept);
	} else if (to->is_head) {
		buf_init(&out, CONN_ANSWER_MAX);
		rc = http_reply_stream(&out, to);
		finish(c, &out, rc, to->keep_alive && to->minor > 0);
	} else {
		fill_open(&open, r, &id, to->minor);
		open_stream(c, to, &open);
	}
}

static void serve(struct conn *c, const struct http_reply_to *to,
		  const struct http_head *h, const char *accept)
{
	struct route_request req = {
		.method = h->method,
		.target = h->target,
		.accept = accept,
		.last_event_id = http_head_find(h, "Last-Event-ID", NULL),
		.id_query = c->set->cfg.id_query,
		.admin = c->admin,
	};
	struct refusal why;
	struct route r;

	if (route_parse(&r, &why, &req) < 0) {
		refuse(c, to, &why);
		return;
	}
	switch (r.kind) {
	case ROUTE_LIVEZ:
		answer(c, to, 200, "text/plain; charset=utf-8", "ok\n", 3);
		break;
	case ROUTE_READYZ:
		say_ready(c, to);
		break;
	case ROUTE_METRICS:
		say_metrics(c, to);
		break;
	case ROUTE_EVENTS:
		serve_events(c, to, &r, h, accept);
		break;
	}
}

/* All Accept headers as one value (RFC 9110, 5.3); *owned is to be freed. */
static int join_accept(const struct http_head *h, const char **ret,
		       char **owned)
{
	size_t len = 0;

	*owned = NULL;
	*ret = http_head_find(h, "Accept", NULL);
	if (http_head_count(h, "Accept") <= 1)
		return 0;
	for (size_t i = 0; i < h->n_headers; i++)
		len += h->headers[i].value_len + 1;
	*owned = malloc(len);
	if (*owned == NULL)
		return -ENOMEM;
	len = 0;
	for (size_t i = 0; i < h->n_headers; i++) {
		const struct http_header *f = &h->headers[i];

		if (strcasecmp(f->name, "Accept") != 0)
			continue;
		memcpy(*owned + len, f->value, f->value_len);
		len += f->value_len;
		(*owned)[len++] = ',';
	}
	(*owned)[len - 1] = '\0';
	*ret = *owned;
	return 0;
}

static void on_request(struct conn *c)
{
	const struct http_head *h = http_parser_head(c->parser);
	struct http_reply_to to = {
		.minor = h->minor,
		.is_head = h->is_head,
		.keep_alive = h->keep_alive && !c->set->draining,
	};
	const char *accept;
	char *owned;

	if (join_accept(h, &accept, &owned) < 0) {
		drop(c);
		return;
	}
	serve(c, &to, h, accept);
	free(owned);
}

/* ---- reading ------------------------------------------------------------- */

static bool takes_requests(const struct conn *c)
{
	return c->state == CONN_HEAD || c->state == CONN_IDLE;
}

/* An empty line too many is no offence (RFC 9112, 2.2); more than that is not
 * expected behind the request for a stream, and ends it. */
static void on_stray_bytes(struct conn *c, const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (bytes[i] != '\r' && bytes[i] != '\n') {
			drop(c);
			return;
		}
	}
}

static void feed(struct conn *c, const uint8_t **bytes, size_t *len)
{
	const struct conn_config *cfg = &c->set->cfg;
	enum http_verdict verdict;
	size_t used;

	if (c->parser == NULL &&
	    http_parser_new(&c->parser, cfg->max_header_bytes, cfg->id_header) <
		    0) {
		drop(c);
		return;
	}
	verdict = http_parser_feed(c->parser, *bytes, *len, &used);
	*bytes += used;
	*len -= used;
	if (c->state == CONN_IDLE &&
	    (verdict != VERDICT_MORE || http_parser_started(c->parser)))
		move(c, CONN_HEAD);
	if (verdict == VERDICT_READY)
		on_request(c);
	else if (verdict == VERDICT_REJECT)
		refuse(c, &(struct http_reply_to){.minor = 1},
		       http_parser_refusal(c->parser));
}

/* Requests that come one behind the other are answered in their order. While an
 * answer waits for the socket no more is taken; what was sent ahead is then
 * lost, with the end of the connection (RFC 9112, 9.3.2 has clients know). */
static void on_bytes(struct conn *c, const uint8_t *bytes, size_t len)
{
	while (len > 0 && takes_requests(c))
		feed(c, &bytes, &len);
	if (len == 0)
		return;
	if (c->state == CONN_STREAM)
		on_stray_bytes(c, bytes, len);
	else if (c->state == CONN_REPLY)
		c->keep_alive = false;
	else if (c->state == CONN_LINGER) {
		c->thrown_away += (uint32_t)len;
		if (c->thrown_away > CONN_LINGER_BYTES)
			drop(c);
	}
}

static void on_readable(struct conn *c)
{
	struct conn_set *s = c->set;
	ssize_t n = recv(c->fd, s->input, sizeof(s->input), 0);

	if (n > 0)
		on_bytes(c, s->input, (size_t)n);
	else if (n == 0 ||
		 (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR))
		drop(c);
}

static void on_writable(struct conn *c)
{
	struct conn_set *s = c->set;

	if (c->rest == NULL)
		return;
	if (send_rest(c) < 0) {
		drop(c);
		return;
	}
	if (c->rest != NULL)
		return;
	if (c->state == CONN_REPLY)
		after_answer(c);
	else if (c->state == CONN_STREAM)
		hub_writable(s->cfg.hub, &c->cursor, now_of(s));
	if (c->state != CONN_CLOSING)
		arm(c);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
	struct conn *c = CONTAINER_OF(poll, struct conn, poll);

	if (status < 0) {
		drop(c);
		return;
	}
	if (events & UV_WRITABLE)
		on_writable(c);
	if ((events & UV_READABLE) && (c->polled & UV_READABLE) &&
	    c->state != CONN_CLOSING)
		on_readable(c);
}

/* ---- coming -------------------------------------------------------------- */

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
		drop(LIST_ENTRY(first, struct conn, link));
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

void conn_set_accept(struct conn_set *s, int fd, bool admin)
{
	struct conn *c = NULL;

	if (!s->closing && !(admin && s->n_admin >= CONN_ADMIN))
		c = calloc(1, sizeof(*c));
	if (c == NULL || uv_poll_init(s->cfg.loop, &c->poll, fd) < 0) {
		free(c);
		close(fd);
		return;
	}
	c->set = s;
	c->fd = fd;
	count_in(c, admin);
	s->n_alive++;
	s->n_open++;
	s->n_in[CONN_NEW]++;
	move(c, CONN_HEAD);
	metric_add(s->cfg.metrics, METRIC_ACCEPTED, 1);
}

/* ---- time ---------------------------------------------------------------- */

static void on_head_timeout(struct conn *c)
{
	struct refusal why;

	if (c->parser == NULL || !http_parser_started(c->parser)) {
		drop(c);
		return;
	}
	refusal_set(&why, 408, REFUSAL_HEAD_TIMEOUT,
		    "the head of the request was not complete within %llu ms",
		    (unsigned long long)c->set->cfg.header_timeout_ms);
	refuse(c, &(struct http_reply_to){.minor = 1}, &why);
}

static struct conn *first_of(const struct conn_set *s, enum conn_state state)
{
	struct list *first = list_first(&s->in[state]);

	return first == NULL ? NULL : LIST_ENTRY(first, struct conn, link);
}

static const enum conn_state timed[] = {CONN_HEAD, CONN_IDLE, CONN_REPLY,
					CONN_LINGER, CONN_DOOMED};

void conn_set_tick(struct conn_set *s, uint64_t now_ms)
{
	struct conn *c;

	for (size_t i = 0; i < ARRAY_LEN(timed); i++) {
		while ((c = first_of(s, timed[i])) != NULL &&
		       c->due_ms <= now_ms) {
			if (timed[i] == CONN_HEAD)
				on_head_timeout(c);
			else
				drop(c);
		}
	}
}

uint64_t conn_set_next_ms(const struct conn_set *s)
{
	uint64_t next = UINT64_MAX;

	for (size_t i = 0; i < ARRAY_LEN(timed); i++) {
		const struct conn *c = first_of(s, timed[i]);

		if (c != NULL && c->due_ms < next)
			next = c->due_ms;
	}
	return next;
}

/* ---- ending -------------------------------------------------------------- */

void conn_set_drain(struct conn_set *s)
{
	s->draining = true;
}

static void end_stream(struct conn *c)
{
	struct conn_set *s = c->set;
	bool chunked = c->cursor.chunked;
	char text[2 * SSE_TEXT_MAX];
	size_t len = sse_put_retry(text, chunked, jittered_retry_ms(s));

	len += sse_put_end(text + len, chunked);
	hub_close(s->cfg.hub, &c->cursor, now_of(s));
	c->keep_alive = false;
	if (send_or_keep(c, text, len) < 0)
		drop(c);
	else
		after_answer(c);
}

size_t conn_set_end_streams(struct conn_set *s, size_t n)
{
	struct conn *c;
	size_t ended = 0;

	while ((c = first_of(s, CONN_IDLE)) != NULL)
		drop(c);
	for (; ended < n && (c = first_of(s, CONN_STREAM)) != NULL; ended++)
		end_stream(c);
	return ended;
}

size_t conn_set_streams(const struct conn_set *s)
{
	return s->n_in[CONN_STREAM];
}

size_t conn_set_count(const struct conn_set *s)
{
	return s->n_open;
}

static int make_heads(struct conn_set *s)
{
	static const struct http_reply_to to[STREAM_HEADS] = {
		[HEAD_KEEP] = {.minor = 1, .keep_alive = true},
		[HEAD_CLOSE] = {.minor = 1},
		[HEAD_OLD] = {.minor = 0},
	};

	for (int i = 0; i < STREAM_HEADS; i++) {
		int rc;

		buf_init(&s->heads[i], CONN_ANSWER_MAX);
		rc = http_reply_stream(&s->heads[i], &to[i]);
		if (rc < 0)
			return rc;
	}
	return 0;
}

int conn_set_new(struct conn_set **ret, const struct conn_config *cfg)
{
	struct conn_set *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return -ENOMEM;
	s->cfg = *cfg;
	for (int i = 0; i < CONN_STATES; i++)
		list_init(&s->in[i]);
	if (make_heads(s) < 0) {
		for (int i = 0; i < STREAM_HEADS; i++)
			buf_finish(&s->heads[i]);
		free(s);
		return -ENOMEM;
	}
	uv_idle_init(cfg->loop, &s->bell);
	s->n_alive = 1;
	*ret = s;
	return 0;
}

static void on_bell_closed(uv_handle_t *h)
{
	count_down(CONTAINER_OF((uv_idle_t *)h, struct conn_set, bell));
}

void conn_set_close(struct conn_set *s)
{
	if (s == NULL || s->closing)
		return;
	s->closing = true;
	for (int i = CONN_HEAD; i < CONN_CLOSING; i++) {
		struct conn *c;

		while ((c = first_of(s, (enum conn_state)i)) != NULL)
			drop(c);
	}
	uv_close((uv_handle_t *)&s->bell, on_bell_closed);
}
