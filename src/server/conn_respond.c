#include "server/conn_respond.h"

#include <errno.h>
#include <sys/socket.h>

#include <sodium.h>

#include "http/sse.h"
#include "server/conn_internal.h"
#include "server/conn_write.h"

/* Formatted once a second. */
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

/* The client reads to the end and closes. */
static void linger_conn(struct conn *c)
{
	if (shutdown(c->fd, SHUT_WR) < 0)
		conn_close(c);
	else
		conn_move(c, CONN_LINGER);
}

void conn_finish_response(struct conn *c)
{
	if (c->unsent != NULL)
		conn_move(c, CONN_RESPONSE);
	else if (c->keep_alive)
		conn_move(c, CONN_IDLE);
	else
		linger_conn(c);
}

void conn_send_response(struct conn *c, struct buf *response, int rc,
			bool keep_alive)
{
	if (rc == 0)
		rc = conn_write(c, buf_data(response), buf_unread(response));
	buf_finish(response);
	c->keep_alive = keep_alive;
	if (rc == -EINVAL)
		conn_fault(c, "no such response");
	if (rc < 0)
		conn_close(c);
	else
		conn_finish_response(c);
}

void conn_respond(struct conn *c, const struct response_to *to, int status,
		  const char *type, const void *body, size_t len)
{
	struct buf out;
	int rc;

	buf_init(&out, CONN_RESPONSE_MAX);
	rc = response_short(&out, to, status, type, NULL, body, len);
	conn_send_response(c, &out, rc, to->keep_alive);
}

static void log_rejection(struct conn *c, const struct http_error *why)
{
	access_log_rejected(&c->set->access_log, &c->address, why,
			    conn_now_ms(c->set));
}

void conn_reject(struct conn *c, const struct response_to *to,
		 const struct http_error *why)
{
	const struct problem problem = {.error = why};
	struct buf out;
	int rc;

	log_rejection(c, why);
	buf_init(&out, CONN_RESPONSE_MAX);
	rc = to->problems
		     ? response_problem(&out, to, &problem, CONN_RETRY_AFTER_S)
		     : response_error(&out, to, why, CONN_RETRY_AFTER_S);
	conn_send_response(c, &out, rc, to->keep_alive);
}

/* Spread around the configured time, so that not all clients come back at
 * once. */
static uint64_t jittered_retry_ms(const struct conn_set *s)
{
	uint32_t ms = (uint32_t)s->cfg.retry_ms;
	uint64_t jittered = ms / 2 + randombytes_uniform(ms + 1);

	return jittered > 0 ? jittered : 1;
}

void conn_reject_for_now(struct conn *c, const struct response_to *to,
			 const struct http_error *why)
{
	struct buf out;
	int rc;

	log_rejection(c, why);
	buf_init(&out, CONN_RESPONSE_MAX);
	rc = response_come_back(&out, to, jittered_retry_ms(c->set));
	conn_send_response(c, &out, rc, to->keep_alive && to->minor > 0);
}

void conn_end_subscription(struct conn *c, enum close_reason why)
{
	bool chunked = c->cursor.chunked;
	char text[2 * SSE_TEXT_MAX];
	size_t len = 0;

	if (c->state != CONN_SUBSCRIPTION) { /* FAILED */
		conn_close(c);
		return;
	}
	c->close_reason = (uint8_t)why;
	if (!c->cursor.ndjson)
		len = sse_put_retry(text, chunked, jittered_retry_ms(c->set));
	len += sse_put_end(text + len, chunked);
	conn_close_subscription(c);
	c->keep_alive = false;
	if (conn_write(c, text, len) < 0)
		conn_close(c);
	else
		conn_finish_response(c);
}
