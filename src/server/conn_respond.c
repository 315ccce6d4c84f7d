#include "server/conn_respond.h"

#include <errno.h>
#include <sys/socket.h>

#include <sodium.h>

#include "http/sse.h"
#include "server/conn_internal.h"
#include "server/conn_live.h"
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

void conn_respond_head(struct conn *c, const struct response_to *to)
{
	struct buf out;
	int rc;

	buf_init(&out, CONN_RESPONSE_MAX);
	rc = response_subscription(&out, to);
	conn_send_response(c, &out, rc, to->keep_alive && to->minor > 0);
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

/* The last bytes of a subscription. */
static void send_end(struct conn *c, const void *bytes, size_t len)
{
	c->keep_alive = false;
	if (conn_write(c, bytes, len) < 0)
		conn_close(c);
	else
		conn_finish_response(c);
}

static size_t put_end(char *text, const struct conn_set *s, bool chunked,
		      bool ndjson)
{
	size_t len = 0;

	if (!ndjson)
		len = sse_put_retry(text, chunked, jittered_retry_ms(s));
	return len + sse_put_end(text + len, chunked);
}

void conn_reject_live(struct conn *c, const struct http_error *why)
{
	struct conn_live *l = conn_live_take(c, NULL);

	l->to.date = conn_date(c->set);
	if (l->is_event_source && why->status == 503)
		conn_reject_for_now(c, &l->to, why);
	else
		conn_reject(c, &l->to, why);
	conn_live_free(l);
}

static void end_unopened_live(struct conn *c)
{
	struct http_error why;

	http_error_set(&why, 503,
		       c->set->draining ? REJECT_DRAINING
					: REJECT_NOT_SUBSCRIBED,
		       "the subscription ended before it was active, try "
		       "again");
	conn_reject_live(c, &why);
}

/* Behind the frame that was begun. */
static void end_live(struct conn *c)
{
	char text[2 * SSE_TEXT_MAX];
	bool chunked = c->live->core.chunked;
	size_t len = put_end(text, c->set, chunked, c->live->core.ndjson);
	struct conn_live *l;
	struct buf out;

	if (!c->live->has_head) {
		end_unopened_live(c);
		return;
	}
	buf_init(&out, SIZE_MAX / 2);
	l = conn_live_take(c, &out);
	if (l->core.is_cut || buf_put(&out, text, len) < 0)
		conn_close(c);
	else
		send_end(c, buf_data(&out), buf_unread(&out));
	conn_live_free(l);
	buf_finish(&out);
}

void conn_end_subscription(struct conn *c, enum close_reason why)
{
	char text[2 * SSE_TEXT_MAX];
	size_t len;

	if (c->state != CONN_SUBSCRIPTION) { /* FAILED */
		conn_close(c);
		return;
	}
	c->close_reason = (uint8_t)why;
	if (c->is_live) {
		end_live(c);
		return;
	}
	len = put_end(text, c->set, c->cursor.chunked, c->cursor.ndjson);
	conn_close_subscription(c);
	send_end(c, text, len);
}
