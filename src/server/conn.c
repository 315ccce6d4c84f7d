/* The happy path of a stream: accept4() gives a socket, the poller says that it
 * is readable, recv() into the set's one buffer, the parser says READY, the
 * route and the identity are good, the hub opens a cursor and writes the
 * opening block (with the head of the reply before it, in one sendmsg()), and
 * from then on only the hub writes, once a turn. The connection is then this
 * struct: no handle, no parser, no buffer.
 *
 * What ends it: finish() says a last word, shuts the sending half and lingers;
 * drop() closes at once. Either may happen deep inside of a call, so whoever
 * goes on after one looks at the state first. The memory lives until the loop's
 * next turn. A failure inside of the hub's
 * call, where nothing may be closed, puts the connection among the doomed. */
#include "server/conn_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/check.h"

enum {
	CONN_RESPONSE_MS = 10000,
	/* What a client still sends of a request that is answered already, a
	 * body above all, is read and discarded: a close with unread bytes is a
	 * reset, which can overtake the response. As long as nginx does. */
	CONN_LINGER_MS = 5000,	     /* between two reads */
	CONN_LINGER_MOST_MS = 30000, /* in all */
	CONN_LINGER_BYTES = 64 * 1024 * 1024,
	/* Of requests one read takes so much. Each of them costs more than its
	 * bytes say: whoever sends them without end is answered some of them
	 * and then waits for its next turn, as everybody. */
	CONN_HEAD_BYTES = 2048,
};

#define TO(state) (1u << (state))

static const unsigned may_go[CONN_STATES] = {
	[CONN_NEW] = TO(CONN_REQUEST),
	[CONN_REQUEST] = TO(CONN_IDLE) | TO(CONN_RESPONSE) |
			 TO(CONN_SUBSCRIPTION) | TO(CONN_LINGER) |
			 TO(CONN_CLOSING),
	[CONN_IDLE] = TO(CONN_REQUEST) | TO(CONN_CLOSING),
	[CONN_RESPONSE] = TO(CONN_IDLE) | TO(CONN_LINGER) | TO(CONN_CLOSING),
	[CONN_SUBSCRIPTION] = TO(CONN_REQUEST) | TO(CONN_RESPONSE) |
			      TO(CONN_LINGER) | TO(CONN_FAILED) |
			      TO(CONN_CLOSING),
	[CONN_LINGER] = TO(CONN_CLOSING),
	[CONN_FAILED] = TO(CONN_CLOSING),
};

/* ---- states -------------------------------------------------------------- */

static uint64_t time_out_conns(const struct conn_set *s, enum conn_state state)
{
	switch (state) {
	case CONN_REQUEST:
		return s->cfg.header_timeout_ms;
	case CONN_IDLE:
		return s->cfg.idle_timeout_ms;
	case CONN_RESPONSE:
		return CONN_RESPONSE_MS;
	case CONN_LINGER:
		return CONN_LINGER_MS;
	case CONN_SUBSCRIPTION:
		return s->cfg.ping_ms;
	default:
		return 0;
	}
}

uint64_t conn_now_ms(const struct conn_set *s)
{
	return uv_now(s->cfg.loop);
}

/* A full socket is waited for. No reading while a response is pending:
 * otherwise a client could make us buffer without bound. Without the events
 * that a connection needs it would hang: it ends, a stream as one whose write
 * failed, since the hub may have it in hand. */
void conn_arm(struct conn *c)
{
	unsigned events = 0;

	if (c->state != CONN_RESPONSE && c->state != CONN_FAILED)
		events |= POLLER_IN;
	if (c->unsent != NULL && c->state != CONN_FAILED)
		events |= POLLER_OUT;
	if (events == c->polled)
		return;
	c->polled = (uint8_t)events;
	if (poller_change(c->set->poller, c->fd, events) == 0)
		return;
	conn_note_fault(c, "epoll_ctl() failed");
	if (c->state == CONN_SUBSCRIPTION)
		conn_fail(c);
	else if (c->state != CONN_FAILED)
		conn_close_now(c);
}

/* The next head is often a moment away. */
static void release_parser(struct conn *c)
{
	struct conn_set *s = c->set;

	s->head_bytes -= request_parser_bytes(c->parser);
	if (c->parser != NULL && s->spare == NULL) {
		request_parser_again(c->parser);
		s->spare = c->parser;
	} else {
		request_parser_free(c->parser);
	}
	c->parser = NULL;
}

static int acquire_parser(struct conn *c)
{
	struct conn_set *s = c->set;

	if (c->parser != NULL)
		return 0;
	if (s->spare == NULL)
		return request_parser_new(&c->parser, s->cfg.max_header_bytes,
					  s->cfg.id_header);
	c->parser = s->spare;
	s->spare = NULL;
	return 0;
}

void conn_move(struct conn *c, enum conn_state to)
{
	struct conn_set *s = c->set;

	if (!(may_go[c->state] & TO(to))) {
		conn_note_fault(c, "no such change of state");
		conn_close_now(c);
		return;
	}
	if (to != CONN_REQUEST)
		release_parser(c);
	list_remove(&c->link);
	list_remove(&c->peer_check);
	if (c->state == CONN_SUBSCRIPTION)
		conn_subscription_ends(c);
	s->n_in[c->state]--;
	c->state = (uint8_t)to;
	s->n_in[to]++;
	list_push_back(&s->in[to], &c->link);
	if (to == CONN_CLOSING)
		return;
	c->due_ms = conn_now_ms(s) + time_out_conns(s, to);
	if (to == CONN_LINGER)
		c->opened_ms = conn_now_ms(s);
	if (c->admin)
		list_push_back(&s->admins, &c->peer_check);
	if (to == CONN_SUBSCRIPTION)
		conn_subscription_begins(c);
	if (to == CONN_SUBSCRIPTION && s->cfg.ping_ms > 0)
		list_push_back(&s->peer_checks, &c->peer_check);
	conn_arm(c);
}

static struct conn *first_conn_in(const struct conn_set *s,
				  enum conn_state state)
{
	struct list *first = list_first(&s->in[state]);

	return first == NULL ? NULL : LIST_ENTRY(first, struct conn, link);
}

static void free_closed_conns(struct conn_set *s)
{
	struct conn *c;

	while ((c = first_conn_in(s, CONN_CLOSING)) != NULL) {
		list_remove(&c->link);
		s->n_in[CONN_CLOSING]--;
		free(c);
	}
}

static void on_bell(uv_idle_t *bell)
{
	free_closed_conns(CONTAINER_OF(bell, struct conn_set, bell));
	uv_idle_stop(bell);
}

static void on_part_closed(void *arg)
{
	struct conn_set *s = arg;

	if (--s->n_parts > 0)
		return;
	free_closed_conns(s);
	for (int i = 0; i < SUBSCRIPTION_HEADS; i++)
		buf_finish(&s->heads[i]);
	request_parser_free(s->spare);
	conn_limits_finish(s);
	registry_finish(&s->roll);
	s->cfg.on_closed(s->cfg.arg);
	free(s);
}

static void close_stream(struct conn *c)
{
	struct conn_set *s = c->set;

	access_log_closed(c);
	registry_remove(&s->roll, c->number);
	hub_close(s->cfg.hub, &c->cursor, conn_now_ms(s));
}

/* Closes at once; of one that is closed nothing is left to do. */
void conn_close_now(struct conn *c)
{
	struct conn_set *s = c->set;

	if (c->state == CONN_CLOSING)
		return;
	close_stream(c);
	conn_move(c, CONN_CLOSING);
	free(c->unsent);
	c->unsent = NULL;
	free(c->pipelined);
	c->pipelined = NULL;
	free(c->proxy_header);
	c->proxy_header = NULL;
	s->n_open--;
	if (c->admin)
		s->n_admin--;
	poller_remove(s->poller, c->fd);
	close(c->fd);
	if (!s->closing)
		uv_idle_start(&s->bell, on_bell);
}

/* ---- reading ------------------------------------------------------------- */

static bool takes_requests(const struct conn *c)
{
	return c->state == CONN_REQUEST || c->state == CONN_IDLE;
}

/* An empty line too many is no offence (RFC 9112, 2.2); more than that is not
 * expected behind the request for a stream, and ends it. */
static void on_stray_bytes(struct conn *c, const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (bytes[i] != '\r' && bytes[i] != '\n') {
			c->close_reason = CLOSE_UNEXPECTED_DATA;
			conn_close_now(c);
			return;
		}
	}
}

/* A head of which nothing is known but, perhaps, its method. */
static void reject_head(struct conn *c, const struct http_error *why)
{
	const struct response_to to = {
		.minor = 1,
		.is_head = request_parser_is_head(c->parser),
		.date = conn_date(c->set),
	};

	conn_reject(c, &to, why);
}

static void feed_request_bytes(struct conn *c, const uint8_t **bytes,
			       size_t *len)
{
	struct conn_set *s = c->set;
	size_t had = request_parser_bytes(c->parser);
	enum http_verdict verdict;
	size_t used;

	if (c->proxy_header != NULL) {
		conn_take_proxy_header(c, bytes, len);
		return;
	}
	if (acquire_parser(c) < 0) {
		conn_close_now(c);
		return;
	}
	verdict = request_parser_feed(c->parser, *bytes, *len, &used);
	*bytes += used;
	*len -= used;
	s->head_bytes += request_parser_bytes(c->parser) - had;
	if (c->state == CONN_IDLE &&
	    (verdict != VERDICT_MORE || request_parser_started(c->parser)))
		conn_move(c, CONN_REQUEST);
	if (!takes_requests(c))
		return;
	if (verdict == VERDICT_MORE)
		conn_bound_heads(s);
	else if (verdict == VERDICT_READY)
		conn_serve(c);
	else if (verdict == VERDICT_REJECT)
		reject_head(c, request_parser_refusal(c->parser));
}

/* The list stays nearly in due order: a connection whose time in all is over
 * may stand behind others, by CONN_LINGER_MS at the most. */
static void discard_bytes(struct conn *c, size_t len)
{
	struct conn_set *s = c->set;
	uint64_t last_ms = c->opened_ms + CONN_LINGER_MOST_MS;

	c->discarded += (uint32_t)len;
	if (c->discarded > CONN_LINGER_BYTES) {
		conn_close_now(c);
		return;
	}
	c->due_ms = conn_now_ms(s) + CONN_LINGER_MS;
	if (c->due_ms > last_ms)
		c->due_ms = last_ms;
	list_remove(&c->link);
	list_push_back(&s->in[CONN_LINGER], &c->link);
}

/* Requests that come one behind the other are answered in their order. While an
 * answer waits for the socket no more is read, and what had been read already,
 * at most CONN_HEAD_BYTES, waits as well. */
static void on_bytes(struct conn *c, const uint8_t *bytes, size_t len)
{
	while (len > 0 && takes_requests(c))
		feed_request_bytes(c, &bytes, &len);
	if (len == 0)
		return;
	if (c->state == CONN_SUBSCRIPTION)
		on_stray_bytes(c, bytes, len);
	else if (c->state == CONN_LINGER)
		discard_bytes(c, len);
	else if (c->state == CONN_RESPONSE && c->keep_alive &&
		 conn_keep(&c->pipelined, bytes, len) < 0)
		c->keep_alive = false;
}

static void take_pipelined(struct conn *c)
{
	struct conn_unsent *pipelined = c->pipelined;

	if (pipelined == NULL || c->state == CONN_CLOSING)
		return;
	c->pipelined = NULL;
	on_bytes(c, pipelined->bytes, pipelined->end);
	free(pipelined);
}

static void on_readable(struct conn *c)
{
	struct conn_set *s = c->set;
	size_t most = takes_requests(c) ? CONN_HEAD_BYTES : sizeof(s->input);
	ssize_t n = recv(c->fd, s->input, most, 0);

	if (n > 0)
		on_bytes(c, s->input, (size_t)n);
	else if (n == 0 ||
		 (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR))
		conn_close_now(c);
}

static void on_writable(struct conn *c)
{
	struct conn_set *s = c->set;

	if (c->unsent == NULL)
		return;
	if (conn_send_unsent(c) < 0) {
		c->close_reason = CLOSE_WRITE_ERROR;
		conn_close_now(c);
		return;
	}
	if (c->unsent != NULL)
		return;
	if (c->state == CONN_RESPONSE) {
		conn_after_answer(c);
		take_pipelined(c);
		return;
	}
	if (c->state == CONN_SUBSCRIPTION)
		hub_writable(s->cfg.hub, &c->cursor, conn_now_ms(s));
	conn_arm(c);
}

/* An error says itself when it is read or written. One that is doomed does
 * neither. */
static void on_events(void *watcher, unsigned events)
{
	struct conn *c = watcher;

	if (c->polled == 0) {
		conn_close_now(c);
		return;
	}
	if (events & POLLER_OUT)
		on_writable(c);
	if ((events & POLLER_IN) && (c->polled & POLLER_IN) &&
	    c->state != CONN_CLOSING)
		on_readable(c);
}

/* ---- time ---------------------------------------------------------------- */

static void on_head_timeout(struct conn *c)
{
	struct http_error why;

	if (c->parser == NULL || !request_parser_started(c->parser)) {
		conn_close_now(c);
		return;
	}
	http_error_set(
		&why, 408, REJECT_HEAD_TIMEOUT,
		"the head of the request was not complete within %llu ms",
		(unsigned long long)c->set->cfg.header_timeout_ms);
	reject_head(c, &why);
}

static const enum conn_state timed[] = {CONN_REQUEST, CONN_IDLE, CONN_RESPONSE,
					CONN_LINGER, CONN_FAILED};

void conn_set_tick(struct conn_set *s, uint64_t now_ms)
{
	struct conn *c;

	for (size_t i = 0; i < ARRAY_LEN(timed); i++) {
		while ((c = first_conn_in(s, timed[i])) != NULL &&
		       c->due_ms <= now_ms) {
			if (timed[i] == CONN_REQUEST)
				on_head_timeout(c);
			else
				conn_close_now(c);
		}
	}
	conn_check_peers(s, now_ms);
	conn_compare_clocks(s, now_ms);
	conn_end_due(s, now_ms);
	access_log_tick(s, now_ms);
}

uint64_t conn_set_next_ms(const struct conn_set *s)
{
	uint64_t next = conn_next_end_ms(s);

	if (conn_next_clocks_ms(s) < next)
		next = conn_next_clocks_ms(s);
	if (conn_next_peer_check_ms(s) < next)
		next = conn_next_peer_check_ms(s);
	for (size_t i = 0; i < ARRAY_LEN(timed); i++) {
		const struct conn *c = first_conn_in(s, timed[i]);

		if (c != NULL && c->due_ms < next)
			next = c->due_ms;
	}
	if (access_log_next_ms(s) < next)
		next = access_log_next_ms(s);
	return next;
}

/* ---- ending -------------------------------------------------------------- */

void conn_set_drain(struct conn_set *s)
{
	s->draining = true;
}

void conn_end_subscription(struct conn *c, enum close_reason why)
{
	struct conn_set *s = c->set;
	bool chunked = c->cursor.chunked;
	char text[2 * SSE_TEXT_MAX];
	size_t len = 0;

	if (c->state != CONN_SUBSCRIPTION) { /* doomed */
		conn_close_now(c);
		return;
	}
	c->close_reason = (uint8_t)why;
	if (!c->cursor.ndjson)
		len = sse_put_retry(text, chunked, conn_jittered_retry_ms(s));
	len += sse_put_end(text + len, chunked);
	close_stream(c);
	c->keep_alive = false;
	if (conn_send(c, text, len) < 0)
		conn_close_now(c);
	else
		conn_after_answer(c);
}

size_t conn_set_end_subscriptions(struct conn_set *s, size_t n)
{
	struct conn *c;
	size_t ended = 0;

	while ((c = first_conn_in(s, CONN_IDLE)) != NULL)
		conn_close_now(c);
	for (; ended < n && (c = first_conn_in(s, CONN_SUBSCRIPTION)) != NULL;
	     ended++)
		conn_end_subscription(c, CLOSE_DRAIN);
	return ended;
}

size_t conn_set_subscriptions(const struct conn_set *s)
{
	return s->n_in[CONN_SUBSCRIPTION];
}

size_t conn_set_count(const struct conn_set *s)
{
	return s->n_open;
}

int conn_set_new(struct conn_set **ret, const struct conn_config *cfg)
{
	struct conn_set *s = calloc(1, sizeof(*s));
	const struct poller_cbs cbs = {on_events, on_part_closed, s};
	int rc;

	if (s == NULL)
		return -ENOMEM;
	s->cfg = *cfg;
	for (int i = 0; i < CONN_STATES; i++)
		list_init(&s->in[i]);
	list_init(&s->peer_checks);
	list_init(&s->admins);
	for (int i = 0; i < SUBSCRIPTION_HEADS; i++)
		buf_init(&s->heads[i], CONN_ANSWER_MAX);
	rc = conn_limits_init(s);
	if (rc == 0)
		rc = poller_new(&s->poller, cfg->loop, &cbs);
	if (rc < 0) {
		conn_limits_finish(s);
		free(s);
		return rc;
	}
	uv_idle_init(cfg->loop, &s->bell);
	s->n_parts = 2;
	*ret = s;
	return 0;
}

static void on_bell_closed(uv_handle_t *h)
{
	on_part_closed(CONTAINER_OF((uv_idle_t *)h, struct conn_set, bell));
}

void conn_set_close(struct conn_set *s)
{
	if (s == NULL || s->closing)
		return;
	s->closing = true;
	for (int i = CONN_REQUEST; i < CONN_CLOSING; i++) {
		struct conn *c;

		while ((c = first_conn_in(s, (enum conn_state)i)) != NULL) {
			if (i == CONN_SUBSCRIPTION)
				c->close_reason = CLOSE_SHUTDOWN;
			conn_close_now(c);
		}
	}
	poller_close(s->poller);
	uv_close((uv_handle_t *)&s->bell, on_bell_closed);
}
