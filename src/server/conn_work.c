#include "server/conn_work.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "http/chunked.h"
#include "server/conn_internal.h"
#include "server/conn_respond.h"
#include "server/conn_write.h"

/* ---- begin --------------------------------------------------------------- */

static int copy_response_lines(struct conn_work *w)
{
	char *lines;

	if (w->to.lines == NULL)
		return 0;
	lines = strdup(w->to.lines);
	if (lines == NULL)
		return -ENOMEM;
	w->to.lines = lines;
	w->has_lines = true;
	return 0;
}

int conn_work_begin(struct conn_work *w, const struct conn_work_ops *ops,
		    struct conn *c, const struct exchange *x, uint64_t max_body,
		    struct http_error *why)
{
	int rc;

	*w = (struct conn_work){
		.ops = ops,
		.conn = c,
		.to = x->to,
		.client = c->address,
		.keep_alive = x->request->keep_alive,
		.has_body = x->request->framing != FRAMING_NONE,
	};
	rc = request_body_init(&w->body, why, x->request, max_body);
	return rc == 0 ? copy_response_lines(w) : rc;
}

void conn_work_finish(struct conn_work *w)
{
	if (w->has_lines)
		free((char *)(uintptr_t)w->to.lines);
	w->has_lines = false;
}

/* ---- the body ------------------------------------------------------------ */

static void finish_body(struct conn_work *w)
{
	struct conn *c = w->conn;

	if (!w->is_open)
		w->to.keep_alive = w->keep_alive;
	if (c->state == CONN_BODY)
		conn_move(c, CONN_PENDING);
	if (c->state == CONN_PENDING)
		w->ops->on_body_end(w);
}

static void send_continue(struct conn_work *w)
{
	struct buf out;
	int rc;

	buf_init(&out, CONN_RESPONSE_MAX);
	rc = response_continue(&out);
	if (rc == 0)
		rc = conn_write(w->conn, buf_data(&out), buf_unread(&out));
	buf_finish(&out);
	if (rc < 0)
		conn_close(w->conn);
	else
		conn_arm(w->conn);
}

static void break_body(struct conn_work *w, const struct http_error *error)
{
	struct conn_set *s = w->conn->set;
	const struct address client = w->client;
	const struct http_error why = *error;

	if (w->ops->on_body_broken == NULL || !w->ops->on_body_broken(w, &why))
		conn_work_reject_error(w, &why);
	else
		access_log_rejected(&s->access_log, &client, &why,
				    conn_now_ms(s));
}

void conn_work_start(struct conn_work *w)
{
	struct conn *c = w->conn;

	c->work = w;
	conn_move(c, w->has_body ? CONN_BODY : CONN_PENDING);
	/* It may have failed. */
	if (c->state == CONN_PENDING)
		finish_body(w);
	else if (c->state == CONN_BODY && request_body_wants_continue(&w->body))
		send_continue(w);
}

void conn_work_feed(struct conn *c, const uint8_t **bytes, size_t *len)
{
	struct conn_work *w = c->work;
	enum http_verdict verdict;
	struct span data;
	size_t used;

	verdict = request_body_feed(&w->body, *bytes, *len, &used, &data);
	*bytes += used;
	*len -= used;
	if (verdict == VERDICT_REJECT) {
		break_body(w, request_body_error(&w->body));
		return;
	}
	if (data.len > 0)
		w->ops->on_body(w, data);
	if (verdict == VERDICT_READY && c->state == CONN_BODY)
		finish_body(w);
}

void conn_work_touch(struct conn_work *w)
{
	struct conn *c = w->conn;
	struct conn_set *s = c->set;

	if (c->state != CONN_BODY)
		return;
	c->due_ms = conn_now_ms(s) + s->cfg.writing.body_timeout_ms;
	list_remove(&c->link);
	list_push_back(&s->in[CONN_BODY], &c->link);
}

void conn_work_pause(struct conn_work *w)
{
	w->is_paused = true;
	if (w->conn->state == CONN_BODY)
		conn_arm(w->conn);
}

void conn_work_resume(struct conn_work *w)
{
	if (!w->is_paused)
		return;
	w->is_paused = false;
	conn_work_touch(w);
	if (w->conn->state == CONN_BODY)
		conn_arm(w->conn);
}

void conn_work_on_timeout(struct conn *c)
{
	struct http_error why;

	/* A client that does not read its response would hold it forever. */
	if (conn_work_is_blocked(c->work)) {
		conn_close(c);
		return;
	}
	/* The client waits for us. */
	if (c->work->is_paused) {
		conn_work_touch(c->work);
		return;
	}
	http_error_set(
		&why, 408, REJECT_BODY_TIMEOUT,
		"the body of the request was not complete within %llu ms",
		(unsigned long long)c->set->cfg.writing.body_timeout_ms);
	break_body(c->work, &why);
}

/* ---- memory -------------------------------------------------------------- */

bool conn_work_reserve(struct conn_work *w, size_t bytes)
{
	struct conn_set *s = w->conn->set;
	size_t others = s->body_bytes - w->reserved;

	if (bytes > w->reserved &&
	    (others > s->cfg.writing.max_body_memory ||
	     bytes > s->cfg.writing.max_body_memory - others))
		return false;
	s->body_bytes = others + bytes;
	w->reserved = bytes;
	return true;
}

static int set_memory_error(const struct conn_work *w, struct http_error *why)
{
	return http_error_set(
		why, 503, REJECT_MAX_BODY_MEMORY,
		"the bodies of all requests take more than %zu bytes, "
		"try again later",
		w->conn->set->cfg.writing.max_body_memory);
}

int conn_work_hold(struct conn_work *w, size_t bytes, struct http_error *why)
{
	return conn_work_reserve(w, bytes) ? 0 : set_memory_error(w, why);
}

void conn_work_reject_memory(struct conn_work *w)
{
	struct http_error why;

	set_memory_error(w, &why);
	conn_work_reject_error(w, &why);
}

/* ---- whole responses ----------------------------------------------------- */

/* The work is gone when this returns. A body that is not read to its end is
 * followed by no other request. */
static void send_work_response(struct conn_work *w, struct buf *out, int rc)
{
	struct conn *c = w->conn;
	bool keep_alive = w->to.keep_alive;

	conn_end_work(c);
	conn_send_response(c, out, rc, keep_alive);
	if (c->state == CONN_IDLE)
		c->set->serve_pipelined(c);
}

static void prepare_work_response(struct conn_work *w)
{
	struct conn_set *s = w->conn->set;

	w->to.date = conn_date(s);
	if (w->conn->state == CONN_BODY || s->draining)
		w->to.keep_alive = false;
}

void conn_work_respond(struct conn_work *w, int status, const char *type,
		       const char *extra, const void *body, size_t len)
{
	struct buf out;
	int rc;

	prepare_work_response(w);
	buf_init(&out, CONN_RESPONSE_MAX + len);
	rc = response_short(&out, &w->to, status, type, extra, body, len);
	send_work_response(w, &out, rc);
}

void conn_work_respond_value(struct conn_work *w, const char *type,
			     const char *extra, const void *body, size_t len)
{
	struct buf out;
	int rc;

	prepare_work_response(w);
	buf_init(&out, CONN_RESPONSE_MAX + len);
	rc = type == NULL
		     ? response_value_unchanged(&out, &w->to, extra)
		     : response_value(&out, &w->to, type, extra, body, len);
	send_work_response(w, &out, rc);
}

void conn_work_reject(struct conn_work *w, const struct problem *p)
{
	struct conn_set *s = w->conn->set;
	struct buf out;
	int rc;

	access_log_rejected(&s->access_log, &w->client, p->error,
			    conn_now_ms(s));
	if (w->is_open) {
		conn_work_abort(w);
		return;
	}
	prepare_work_response(w);
	buf_init(&out, CONN_RESPONSE_MAX);
	rc = response_problem(&out, &w->to, p, CONN_RETRY_AFTER_S);
	send_work_response(w, &out, rc);
}

void conn_work_reject_error(struct conn_work *w, const struct http_error *why)
{
	const struct problem p = {.error = why};

	conn_work_reject(w, &p);
}

/* ---- responses in pieces ------------------------------------------------- */

static bool write_piece(struct conn_work *w, const void *bytes, size_t len)
{
	struct conn *c = w->conn;

	if (conn_write(c, bytes, len) < 0) {
		conn_close(c);
		return false;
	}
	conn_arm(c);
	return c->state != CONN_CLOSING;
}

bool conn_work_open(struct conn_work *w, int status, const char *type,
		    const char *extra)
{
	struct conn *c = w->conn;
	struct buf out;
	bool sent;

	prepare_work_response(w);
	buf_init(&out, CONN_RESPONSE_MAX);
	if (response_open(&out, &w->to, status, type, extra) < 0) {
		buf_finish(&out);
		conn_close(c);
		return false;
	}
	w->is_open = true;
	sent = write_piece(w, buf_data(&out), buf_unread(&out));
	buf_finish(&out);
	return sent;
}

bool conn_work_write(struct conn_work *w, const void *bytes, size_t len)
{
	char line[24];
	uint8_t *end;

	if (len == 0 || w->to.is_head)
		return true;
	if (w->to.minor == 0)
		return write_piece(w, bytes, len);
	end = encode_chunk_size_line((uint8_t *)line, len);
	return write_piece(w, line, (size_t)(end - (uint8_t *)line)) &&
	       write_piece(w, bytes, len) && write_piece(w, "\r\n", 2);
}

size_t conn_work_unsent(const struct conn_work *w)
{
	const struct conn_unsent *u = w->conn->unsent;

	return u == NULL ? 0 : u->end - u->at;
}

bool conn_work_is_blocked(const struct conn_work *w)
{
	return w->conn->unsent != NULL;
}

void conn_work_end(struct conn_work *w)
{
	struct conn *c = w->conn;
	struct buf out;
	int rc = 0;

	/* The head may have gone out in BODY. */
	w->to.keep_alive &= w->to.minor > 0 && c->state == CONN_PENDING;
	buf_init(&out, CONN_RESPONSE_MAX);
	if (w->to.minor > 0 && !w->to.is_head)
		rc = buf_puts(&out, "0\r\n\r\n");
	send_work_response(w, &out, rc);
}

void conn_work_abort(struct conn_work *w)
{
	conn_close(w->conn);
}
