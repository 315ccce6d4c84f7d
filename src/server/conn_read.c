#include "server/conn_read.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "http/proxy_protocol.h"
#include "http/request_parser.h"
#include "server/conn_internal.h"
#include "server/conn_live.h"
#include "server/conn_respond.h"
#include "server/conn_work.h"
#include "server/conn_write.h"

enum {
	/* Of requests one read takes so much. A request costs more than its
	 * bytes: a client that sends them without end gets some of them
	 * answered, then other connections are read. */
	REQUEST_READ_BYTES = 2048,
	/* While lingering, what a client still sends (above all a body) is read
	 * and discarded: a close with unread bytes is a reset, which can
	 * overtake the response. */
	LINGER_MAX_MS = 30000,
	LINGER_MAX_BYTES = 64 * 1024 * 1024,
};

/* ---- PROXY protocol ------------------------------------------------------ */

/* Without a response: the client may speak another protocol. */
static void reject_proxy_header(struct conn *c)
{
	struct http_error why;

	http_error_set(&why, 0, REJECT_BAD_PROXY_HEADER,
		       "the connection does not begin with the PROXY protocol");
	access_log_rejected(&c->set->access_log, &c->address, &why,
			    conn_now_ms(c->set));
	conn_close(c);
}

static void take_proxy_header(struct conn *c, const uint8_t **bytes,
			      size_t *len)
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

/* ---- requests ------------------------------------------------------------ */

static bool takes_requests(const struct conn *c)
{
	return c->state == CONN_REQUEST || c->state == CONN_IDLE;
}

/* The oldest go first: a well-behaved client sends its head at once, and the
 * head being read now is usually the youngest. */
static void bound_unfinished_heads(struct conn_set *s)
{
	struct conn *c;

	while (s->head_bytes > CONN_HEADS_BYTES &&
	       (c = conn_first_in(s, CONN_REQUEST)) != NULL) {
		access_log_dropped(&s->access_log, &c->address, DROP_HEADS_FULL,
				   conn_now_ms(s));
		conn_close(c);
	}
}

/* Of the request at most its method is known. */
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
		take_proxy_header(c, bytes, len);
		return;
	}
	if (conn_acquire_parser(c) < 0) {
		conn_close(c);
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
		bound_unfinished_heads(s);
	else if (verdict == VERDICT_READY)
		s->cfg.handler(c, request_parser_head(c->parser));
	else if (verdict == VERDICT_REJECT)
		reject_head(c, request_parser_error(c->parser));
}

/* ---- bytes after a request ----------------------------------------------- */

/* Empty lines are allowed (RFC 9112, 2.2); anything else after the request of a
 * subscription ends it. */
static void take_unexpected_bytes(struct conn *c, const uint8_t *bytes,
				  size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (bytes[i] != '\r' && bytes[i] != '\n') {
			c->close_reason = CLOSE_UNEXPECTED_DATA;
			conn_close(c);
			return;
		}
	}
}

/* The list stays nearly in due order: a connection that reaches LINGER_MAX_MS
 * may stand behind others, late by CONN_LINGER_MS at most. */
static void discard_bytes(struct conn *c, size_t len)
{
	struct conn_set *s = c->set;
	uint64_t last_ms = c->opened_ms + LINGER_MAX_MS;

	c->discarded += (uint32_t)len;
	if (c->discarded > LINGER_MAX_BYTES) {
		conn_close(c);
		return;
	}
	c->due_ms = conn_now_ms(s) + CONN_LINGER_MS;
	if (c->due_ms > last_ms)
		c->due_ms = last_ms;
	list_remove(&c->link);
	list_push_back(&s->in[CONN_LINGER], &c->link);
}

/* A body is read whole where the buffer has the room. Behind it a pipelined
 * request may begin. */
static size_t body_read_bytes(const struct conn *c)
{
	uint64_t left = c->work->body.left;

	return left < sizeof(c->set->input) - REQUEST_READ_BYTES
		       ? (size_t)left + REQUEST_READ_BYTES
		       : sizeof(c->set->input);
}

static void keep_waiting_bytes(struct conn *c, const uint8_t *bytes, size_t len)
{
	if (conn_write_keep(&c->pipelined, bytes, len) < 0)
		conn_close(c);
}

/* Pipelined requests are answered in their order. While a request waits, or a
 * response waits for the socket, nothing more is read; what was read already,
 * at most REQUEST_READ_BYTES, is kept. */
static void take_bytes(struct conn *c, const uint8_t *bytes, size_t len)
{
	while (len > 0 && (takes_requests(c) || c->state == CONN_BODY)) {
		if (c->state == CONN_BODY)
			conn_work_feed(c, &bytes, &len);
		else
			feed_request_bytes(c, &bytes, &len);
	}
	if (len == 0)
		return;
	if (c->state == CONN_SUBSCRIPTION)
		take_unexpected_bytes(c, bytes, len);
	else if (c->state == CONN_LINGER)
		discard_bytes(c, len);
	else if (c->state == CONN_WAITING || c->state == CONN_PENDING)
		keep_waiting_bytes(c, bytes, len);
	else if (c->state == CONN_RESPONSE && c->keep_alive &&
		 conn_write_keep(&c->pipelined, bytes, len) < 0)
		c->keep_alive = false;
}

void conn_read_serve_pipelined(struct conn *c)
{
	struct conn_unsent *pipelined = c->pipelined;

	if (pipelined == NULL || c->state == CONN_CLOSING)
		return;
	c->pipelined = NULL;
	take_bytes(c, pipelined->bytes, pipelined->end);
	free(pipelined);
}

void conn_read_serve_again(struct conn *c)
{
	c->set->cfg.handler(c, request_parser_head(c->parser));
	c->waited = false;
	if (c->state != CONN_WAITING)
		conn_read_serve_pipelined(c);
}

/* ---- events -------------------------------------------------------------- */

static void on_readable(struct conn *c)
{
	struct conn_set *s = c->set;
	size_t most = sizeof(s->input);
	ssize_t n;

	if (takes_requests(c))
		most = REQUEST_READ_BYTES;
	else if (c->state == CONN_BODY)
		most = body_read_bytes(c);
	n = recv(c->fd, s->input, most, 0);

	if (n > 0)
		take_bytes(c, s->input, (size_t)n);
	else if (n == 0 ||
		 (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR))
		conn_close(c);
}

static void on_writable(struct conn *c)
{
	struct conn_set *s = c->set;

	if (c->is_live && c->state == CONN_SUBSCRIPTION) {
		core_hub_writable(s->cfg.writing.core, &c->live->core);
		conn_arm(c);
		return;
	}
	if (c->unsent == NULL)
		return;
	if (conn_write_unsent(c) < 0) {
		c->close_reason = CLOSE_WRITE_ERROR;
		conn_close(c);
		return;
	}
	if (c->unsent != NULL)
		return;
	if (c->state == CONN_RESPONSE) {
		conn_finish_response(c);
		conn_read_serve_pipelined(c);
		return;
	}
	if (c->state == CONN_SUBSCRIPTION)
		hub_writable(s->cfg.hub, &c->cursor);
	else if (conn_has_work(c) && c->work->ops->on_writable != NULL)
		c->work->ops->on_writable(c->work);
	if (c->state != CONN_CLOSING)
		conn_arm(c);
}

/* A socket's error shows when it is read or written. A FAILED connection polls
 * for neither. */
void conn_read_on_events(void *conn, unsigned events)
{
	struct conn *c = conn;

	if (c->polled == 0) {
		conn_close(c);
		return;
	}
	if (c->state == CONN_PENDING && !(events & POLLER_OUT)) {
		conn_arm_exactly(c);
		return;
	}
	if (events & POLLER_OUT)
		on_writable(c);
	if ((events & POLLER_IN) && (c->polled & POLLER_IN) &&
	    c->state != CONN_CLOSING)
		on_readable(c);
}

void conn_read_on_timeout(struct conn *c)
{
	struct http_error why;

	if (c->parser == NULL || !request_parser_started(c->parser)) {
		conn_close(c);
		return;
	}
	http_error_set(
		&why, 408, REJECT_HEAD_TIMEOUT,
		"the head of the request was not complete within %llu ms",
		(unsigned long long)c->set->cfg.header_timeout_ms);
	reject_head(c, &why);
}
