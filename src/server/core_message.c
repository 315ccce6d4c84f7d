/* begin -> body -> publish or request -> replies -> response. */
#include "server/core_message.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/utf8.h"
#include "http/ndjson.h"
#include "http/publish_headers.h"
#include "http/reply_headers.h"
#include "nats/message_headers.h"
#include "nats/messenger.h"
#include "nats/pattern.h"
#include "server/conn_internal.h"
#include "server/conn_work.h"
#include "server/request_payload.h"

enum {
	/* A client that is further behind the replies loses the response. */
	UNSENT_MAX = 1024 * 1024,
	REPLY_HEADERS_JSON_MAX = 1024 * 1024,
	SERVICE_TEXT_MAX = 200,
};

struct core_message {
	struct conn_work work;
	struct outgoing outgoing;
	struct request_slot slot;
	struct identity id;
	struct publish_headers headers;
	struct request_payload payload;
	enum core_response response;
	struct flight_options options;
	bool json;
	char subject[PATTERN_MAX];
	size_t subject_len;
	char reply[PATTERN_MAX];
	size_t reply_len;
};

static struct core_message *core_message_of(struct conn_work *w)
{
	return CONTAINER_OF(w, struct core_message, work);
}

static struct conn_set *set_of_core(const struct core_message *m)
{
	return m->work.conn->set;
}

/* ---- the end ------------------------------------------------------------- */

static void free_core_message(struct core_message *m)
{
	publish_headers_finish(&m->headers);
	request_payload_finish(&m->payload);
	conn_work_finish(&m->work);
	free(m);
}

static void on_core_gone(struct conn_work *w)
{
	struct core_message *m = core_message_of(w);
	struct conn_set *s = set_of_core(m);

	messenger_cancel(s->cfg.writing.messenger, &m->outgoing);
	request_limits_release(&s->requests, &m->slot);
	free_core_message(m);
}

static void reject_core_message(struct core_message *m,
				const struct publish_error *e)
{
	struct http_error why;
	struct problem problem = problem_of_publish(&why, e);

	conn_work_reject(&m->work, &problem);
}

static void count_core(const struct core_message *m, enum metric publish,
		       enum metric request)
{
	metric_add(set_of_core(m)->cfg.metrics,
		   m->response == CORE_NOTHING ? publish : request, 1);
}

/* Of one that has got no reply. */
static void count_core_failure(const struct core_message *m,
			       const struct publish_error *e)
{
	if (m->work.is_open)
		return;
	if (e->is_unknown)
		count_core(m, METRIC_CORE_PUBLISHES_UNKNOWN,
			   METRIC_CORE_REQUESTS_UNKNOWN);
	else
		count_core(m, METRIC_CORE_PUBLISHES_REJECTED,
			   METRIC_CORE_REQUESTS_REJECTED);
}

static void fail_core_message(struct core_message *m,
			      enum publish_failure failure)
{
	struct publish_error e;

	publish_error_of(&e, failure);
	count_core_failure(m, &e);
	reject_core_message(m, &e);
}

/* ---- one reply ----------------------------------------------------------- */

/* An error of a NATS service (ADR-32). False: it is none. */
static bool reject_service_error(struct core_message *m,
				 const struct publisher_event *reply)
{
	char text[SERVICE_TEXT_MAX + 1] = "";
	struct publish_error e;
	struct span code, said;

	if (!message_headers_find(reply->headers, "Nats-Service-Error-Code",
				  &code))
		return false;
	if (message_headers_find(reply->headers, "Nats-Service-Error", &said)) {
		if (said.len > SERVICE_TEXT_MAX)
			said.len = SERVICE_TEXT_MAX;
		memcpy(text, said.at, said.len);
	}
	publish_error_of_service(&e, code.at, code.len, text);
	reject_core_message(m, &e);
	return true;
}

static void respond_with_reply(struct core_message *m,
			       const struct publisher_event *reply)
{
	struct buf lines;
	int rc;

	if (reject_service_error(m, reply))
		return;
	buf_init(&lines, REPLY_HEADERS_MAX + 1);
	rc = reply_headers_put(&lines, reply->headers);
	if (rc == 0)
		rc = buf_put(&lines, "", 1);
	if (rc == 0)
		conn_work_respond(&m->work, 200, "application/octet-stream",
				  (const char *)buf_data(&lines),
				  reply->data.at, reply->data.len);
	else
		conn_work_abort(&m->work);
	buf_finish(&lines);
}

/* ---- several replies ----------------------------------------------------- */

static int encode_reply(const struct core_message *m,
			const struct publisher_event *reply,
			struct span headers, struct buf *out)
{
	const struct ndjson_message message = {
		.is_core = true,
		.is_event = m->response == CORE_EVENTS,
		/* The reply's own subject is an inbox of the gateway. */
		.subject = m->subject,
		.subject_len = m->subject_len,
		.time_ns = set_of_core(m)->cfg.wall_ms() * 1000000,
		.headers = headers,
		.kind = utf8_is_valid(reply->data.at, reply->data.len)
				? NDJSON_TEXT
				: NDJSON_BINARY,
		.data = reply->data.at,
		.len = reply->data.len,
	};
	struct ndjson_line line;
	uint8_t *to;
	int rc;

	ndjson_measure(&line, &message, m->json);
	rc = buf_reserve(out, line.total);
	if (rc < 0)
		return rc;
	to = buf_tail(out);
	ndjson_encode(&line, to);
	buf_added(out, line.total - SSE_CHUNK_TAIL);
	buf_consume(out, line.size_line_len);
	return 0;
}

/* -ENOMEM or 0; the work may be gone. */
static int write_reply(struct core_message *m,
		       const struct publisher_event *reply)
{
	struct buf headers, out;
	int rc;

	buf_init(&headers, REPLY_HEADERS_JSON_MAX);
	buf_init(&out, SIZE_MAX / 2);
	rc = message_headers_json(&headers, reply->headers);
	if (rc == -ENOBUFS) {
		buf_clear(&headers);
		rc = 0;
	}
	if (rc == 0)
		rc = encode_reply(m, reply,
				  (struct span){(const char *)buf_data(
							&headers),
						buf_unread(&headers)},
				  &out);
	if (rc == 0)
		conn_work_write(&m->work, buf_data(&out), buf_unread(&out));
	buf_finish(&headers);
	buf_finish(&out);
	return rc;
}

static void add_reply(struct core_message *m,
		      const struct publisher_event *reply)
{
	struct conn_work *w = &m->work;

	if (!w->is_open &&
	    !conn_work_open(w, 200,
			    m->response == CORE_EVENTS ? "text/event-stream"
						       : "application/x-ndjson",
			    NULL))
		return;
	if (conn_work_unsent(w) > UNSENT_MAX || write_reply(m, reply) < 0)
		conn_work_abort(w);
}

static void on_core_reply(struct outgoing *o,
			  const struct publisher_event *reply)
{
	struct core_message *m = CONTAINER_OF(o, struct core_message, outgoing);

	if (m->response == CORE_REPLY || !m->work.is_open)
		count_core(m, METRIC_CORE_PUBLISHED, METRIC_CORE_REPLIED);
	if (m->response == CORE_REPLY)
		respond_with_reply(m, reply);
	else
		add_reply(m, reply);
}

static void on_core_end(struct outgoing *o, enum publish_failure failure)
{
	struct core_message *m = CONTAINER_OF(o, struct core_message, outgoing);

	if (failure != PUBLISH_FAILURES) {
		fail_core_message(m, failure);
	} else if (m->response == CORE_NOTHING) {
		count_core(m, METRIC_CORE_PUBLISHED, METRIC_CORE_REPLIED);
		conn_work_respond(&m->work, 204, NULL, NULL, NULL, 0);
	} else {
		conn_work_end(&m->work);
	}
}

/* ---- the payload --------------------------------------------------------- */

static enum publish_failure send_core_message(struct core_message *m)
{
	static const struct outgoing_cbs cbs = {on_core_reply, on_core_end};
	const struct conn_writing *cfg = &set_of_core(m)->cfg.writing;
	uint64_t now_ms = conn_now_ms(set_of_core(m));
	const struct messenger_message message = {
		.subject = {m->subject, m->subject_len},
		.reply = {m->reply, m->reply_len},
		.headers = {(const char *)buf_data(&m->headers.block),
			    buf_unread(&m->headers.block)},
		.data = request_payload_span(&m->payload),
	};

	if (m->response == CORE_NOTHING)
		return messenger_publish(cfg->messenger, &m->outgoing, &cbs,
					 &message, cfg->publish_timeout_ms,
					 now_ms);
	return messenger_request(cfg->messenger, &m->outgoing, &cbs, &message,
				 &m->options, now_ms);
}

static void on_core_body(struct conn_work *w, struct span bytes)
{
	request_payload_add(&core_message_of(w)->payload, w, bytes);
}

static void on_core_body_end(struct conn_work *w)
{
	struct core_message *m = core_message_of(w);
	enum publish_failure failure;
	struct http_error why;

	if (request_limits_acquire(&set_of_core(m)->requests, &m->slot,
				   (struct span){m->id.id, m->id.len},
				   &w->client, &why) < 0) {
		conn_work_reject_error(w, &why);
		return;
	}
	failure = send_core_message(m);
	/* The worker has a copy. */
	request_payload_release(&m->payload, w);
	if (failure != PUBLISH_FAILURES)
		fail_core_message(m, failure);
}

/* ---- begin --------------------------------------------------------------- */

static const struct conn_work_ops core_ops = {
	.on_body = on_core_body,
	.on_body_end = on_core_body_end,
	.on_gone = on_core_gone,
};

/* Without an acknowledgement a client would not learn that a precondition has
 * failed, or that the server does not know Nats-TTL. */
static int check_core_headers(const struct publish_headers *h,
			      struct http_error *why)
{
	if (!h->has_expected && !h->has_ttl)
		return 0;
	return http_error_set(why, 400, REJECT_BAD_HEADER,
			      "preconditions and Nats-TTL need the "
			      "acknowledgement of the stream, use POST "
			      "/api/v1/events");
}

static int take_core_headers(struct core_message *m, const struct exchange *x,
			     struct http_error *why)
{
	struct span id = {m->id.id, m->id.len};
	int rc = publish_headers_init(&m->headers, why, (struct span){NULL, 0},
				      id);

	if (rc == 0)
		rc = publish_headers_take(&m->headers, why, x->request);
	if (rc == 0)
		rc = check_core_headers(&m->headers, why);
	return rc == 0 ? publish_headers_end(&m->headers, why) : rc;
}

static void copy_core_request(struct core_message *m,
			      const struct core_message_request *r)
{
	MUST(r->subject.len <= sizeof(m->subject) &&
	     r->reply.len <= sizeof(m->reply));
	memcpy(m->subject, r->subject.at, r->subject.len);
	m->subject_len = r->subject.len;
	if (r->reply.len > 0)
		memcpy(m->reply, r->reply.at, r->reply.len);
	m->reply_len = r->reply.len;
	m->response = r->response;
	m->options = r->options;
	m->json = r->json;
}

int core_message_start(struct conn *c, const struct exchange *x,
		       const struct identity *id,
		       const struct core_message_request *r,
		       struct http_error *why)
{
	const struct conn_writing *cfg = &c->set->cfg.writing;
	struct core_message *m = calloc(1, sizeof(*m));
	int rc;

	if (m == NULL)
		return -ENOMEM;
	copy_core_request(m, r);
	m->id = *id;
	request_payload_init(&m->payload, cfg->max_body);
	rc = take_core_headers(m, x, why);
	m->payload.besides = m->headers.block.cap;
	if (rc == 0)
		rc = conn_work_begin(&m->work, &core_ops, c, x, cfg->max_body,
				     why);
	if (rc == 0)
		rc = conn_work_hold(&m->work, m->payload.besides, why);
	if (rc < 0) {
		free_core_message(m);
		return rc;
	}
	conn_work_start(&m->work);
	return 0;
}
