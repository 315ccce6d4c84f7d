#include "server/publication.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/encode.h"
#include "base/json_string.h"
#include "http/publish_headers.h"
#include "http/sse.h"
#include "nats/pattern.h"
#include "server/conn_internal.h"
#include "server/conn_work.h"
#include "server/request_payload.h"
#include "server/stream_publish.h"

/* begin -> body -> publish -> acknowledgement -> response */

enum {
	RESULT_MAX = 8 * PATTERN_MAX,
};

struct publication {
	struct conn_work work;
	struct stream_publish publish;
	struct request_slot slot;
	struct identity id;
	struct publish_headers headers;
	struct request_payload payload;
	char subject[PATTERN_MAX];
	size_t subject_len;
};

static struct publication *publication_of(struct conn_work *w)
{
	return CONTAINER_OF(w, struct publication, work);
}

static struct conn_set *conns_of(const struct publication *p)
{
	return p->work.conn->set;
}

/* ---- the end ------------------------------------------------------------- */

static void free_publication(struct publication *p)
{
	publish_headers_finish(&p->headers);
	request_payload_finish(&p->payload);
	conn_work_finish(&p->work);
	free(p);
}

static void on_publication_gone(struct conn_work *w)
{
	struct publication *p = publication_of(w);

	stream_publish_cancel(&p->publish);
	request_limits_release(&conns_of(p)->requests, &p->slot);
	free_publication(p);
}

static void reject_publication(struct publication *p,
			       const struct publish_error *e)
{
	struct http_error why;
	struct problem problem = problem_of_publish(&why, e);

	conn_work_reject(&p->work, &problem);
}

static void fail_publication(struct publication *p,
			     enum publish_failure failure)
{
	struct publish_error e;

	publish_error_of(&e, failure);
	stream_publish_count_error(conns_of(p), &e);
	reject_publication(p, &e);
}

/* The id is the one that subscribers see. */
static int put_result(const struct publication *p, struct buf *out)
{
	const struct conn_config *cfg = &conns_of(p)->cfg;
	const struct js_pub_ack *ack = &p->publish.ack;
	char subject[6 * PATTERN_MAX], seq[24], event_id[SSE_EVENT_ID_MAX];
	char *seq_end = (char *)encode_decimal((uint8_t *)seq, ack->seq);
	char *subject_end = (char *)json_string_put((uint8_t *)subject,
						    p->subject, p->subject_len);
	const struct span parts[] = {
		span_of("{\"stream\":\""),
		span_of(cfg->writing.stream),
		span_of("\",\"subject\":\""),
		{subject, (size_t)(subject_end - subject)},
		span_of("\",\"seq\":"),
		{seq, (size_t)(seq_end - seq)},
		span_of(",\"id\":\""),
		{event_id,
		 sse_event_id_format(event_id, ack->seq, hub_tag(cfg->hub))},
		span_of(ack->duplicate ? "\",\"duplicate\":true}\n" : "\"}\n"),
	};
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < ARRAY_LEN(parts); i++)
		rc = buf_put(out, parts[i].at, parts[i].len);
	return rc;
}

static void respond_with_result(struct publication *p)
{
	bool is_new = !p->publish.ack.duplicate;
	struct buf out;

	buf_init(&out, RESULT_MAX);
	if (put_result(p, &out) < 0) {
		buf_finish(&out);
		conn_work_abort(&p->work);
		return;
	}
	conn_work_respond(&p->work, is_new ? 201 : 200, "application/json",
			  NULL, buf_data(&out), buf_unread(&out));
	buf_finish(&out);
}

/* ---- the acknowledgement ------------------------------------------------- */

static void on_published(struct stream_publish *sp,
			 enum publish_failure failure)
{
	struct publication *p = CONTAINER_OF(sp, struct publication, publish);
	struct publish_error e;

	if (stream_publish_is_stored(sp, failure, p->headers.is_conditional,
				     &e))
		respond_with_result(p);
	else
		reject_publication(p, &e);
}

/* ---- the payload --------------------------------------------------------- */

static enum publish_failure send_publication(struct publication *p)
{
	const struct messenger_message message = {
		.subject = {p->subject, p->subject_len},
		.headers = {(const char *)buf_data(&p->headers.block),
			    buf_unread(&p->headers.block)},
		.data = request_payload_span(&p->payload),
	};

	return stream_publish_start(&p->publish, conns_of(p), &message,
				    on_published);
}

/* Servers that do not know the header store the message for good. */
static enum publish_failure check_ttl(const struct publication *p)
{
	const struct hub *hub = conns_of(p)->cfg.hub;

	if (!p->headers.has_ttl || hub_api_level(hub) >= JETSTREAM_LEVEL_TTL)
		return PUBLISH_FAILURES;
	return hub_tag(hub) == NULL ? PUBLISH_AWAY : PUBLISH_NO_TTL;
}

static void on_payload_end(struct conn_work *w)
{
	struct publication *p = publication_of(w);
	struct conn_set *s = conns_of(p);
	enum publish_failure failure;
	struct http_error why;

	if (request_limits_acquire(&s->requests, &p->slot,
				   (struct span){p->id.id, p->id.len},
				   &w->client, &why) < 0) {
		conn_work_reject_error(w, &why);
		return;
	}
	failure = check_ttl(p);
	if (failure == PUBLISH_FAILURES)
		failure = send_publication(p);
	/* The worker has a copy. */
	request_payload_release(&p->payload, w);
	if (failure != PUBLISH_FAILURES)
		fail_publication(p, failure);
}

static void on_payload(struct conn_work *w, struct span bytes)
{
	request_payload_add(&publication_of(w)->payload, w, bytes);
}

/* ---- begin --------------------------------------------------------------- */

static const struct conn_work_ops ops = {
	.on_body = on_payload,
	.on_body_end = on_payload_end,
	.on_gone = on_publication_gone,
};

static int take_message_headers(struct publication *p, const struct exchange *x,
				struct span stream, struct http_error *why)
{
	struct span id = {p->id.id, p->id.len};
	int rc = publish_headers_init(&p->headers, why, stream, id);

	if (rc == 0)
		rc = publish_headers_take(&p->headers, why, x->request);
	return rc == 0 ? publish_headers_end(&p->headers, why) : rc;
}

int publication_start(struct conn *c, const struct exchange *x,
		      const struct identity *id, struct span subject,
		      struct http_error *why)
{
	const struct conn_writing *cfg = &c->set->cfg.writing;
	struct publication *p = calloc(1, sizeof(*p));
	int rc;

	if (p == NULL)
		return -ENOMEM;
	MUST(subject.len <= sizeof(p->subject));
	memcpy(p->subject, subject.at, subject.len);
	p->subject_len = subject.len;
	p->id = *id;
	request_payload_init(&p->payload, cfg->max_body);
	rc = take_message_headers(p, x, span_of(cfg->stream), why);
	p->payload.besides = p->headers.block.cap;
	if (rc == 0)
		rc = conn_work_begin(&p->work, &ops, c, x, cfg->max_body, why);
	if (rc == 0)
		rc = conn_work_hold(&p->work, p->payload.besides, why);
	if (rc < 0) {
		free_publication(p);
		return rc;
	}
	conn_work_start(&p->work);
	return 0;
}
