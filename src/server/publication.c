#include "server/publication.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/json_string.h"
#include "http/publish_headers.h"
#include "http/sse.h"
#include "nats/js_pub_ack.h"
#include "nats/js_request.h"
#include "nats/js_response.h"
#include "nats/messenger.h"
#include "nats/pattern.h"
#include "server/conn_internal.h"
#include "server/conn_work.h"
#include "server/request_payload.h"

/* begin -> body -> publish -> acknowledgement -> response. A duplicate of a key
 * is looked up first: it may be a message of another subject. */

enum {
	LOOKUP_MESSAGE_MAX = 64 * 1024 * 1024,
	RESULT_MAX = 8 * PATTERN_MAX,
	LOOKUP_MAX = 256, /* bytes of a request for a message */
};

struct publication {
	struct conn_work work;
	struct outgoing outgoing;
	struct request_slot slot;
	struct identity id;
	struct publish_headers headers;
	struct request_payload payload;
	struct js_pub_ack ack;
	bool is_other_message; /* found by the look-up of a duplicate */
	char subject[PATTERN_MAX];
	size_t subject_len;
	char *api_subject; /* of the look-up; NULL: none */
};

static struct publication *publication_of(struct conn_work *w)
{
	return CONTAINER_OF(w, struct publication, work);
}

static struct conn_set *conns_of(const struct publication *p)
{
	return p->work.conn->set;
}

static const struct conn_writing *writing_of(const struct publication *p)
{
	return &conns_of(p)->cfg.writing;
}

static struct span subject_of(const struct publication *p)
{
	return (struct span){p->subject, p->subject_len};
}

static void count_publish(const struct publication *p, enum metric which)
{
	metric_add(conns_of(p)->cfg.metrics, which, 1);
}

/* ---- the end ------------------------------------------------------------- */

static void free_publication(struct publication *p)
{
	publish_headers_finish(&p->headers);
	request_payload_finish(&p->payload);
	free(p->api_subject);
	conn_work_finish(&p->work);
	free(p);
}

static void on_publication_gone(struct conn_work *w)
{
	struct publication *p = publication_of(w);

	messenger_cancel(writing_of(p)->messenger, &p->outgoing);
	request_limits_release(&conns_of(p)->requests, &p->slot);
	free_publication(p);
}

static void reject_publication(struct publication *p,
			       const struct publish_error *e)
{
	struct http_error why;
	struct problem problem = problem_of_publish(&why, e);

	count_publish(p, e->is_unknown ? METRIC_PUBLISHED_UNKNOWN
				       : METRIC_PUBLISHED_REJECTED);
	conn_work_reject(&p->work, &problem);
}

static void fail_publication(struct publication *p,
			     enum publish_failure failure)
{
	struct publish_error e;

	publish_error_of(&e, failure);
	reject_publication(p, &e);
}

/* The id is the one that subscribers see. */
static int put_result(const struct publication *p, struct buf *out)
{
	const struct conn_config *cfg = &conns_of(p)->cfg;
	char subject[6 * PATTERN_MAX], event_id[SSE_EVENT_ID_MAX];
	uint8_t *end =
		json_string_put((uint8_t *)subject, p->subject, p->subject_len);

	sse_event_id_format(event_id, p->ack.seq, hub_tag(cfg->hub));
	return buf_printf(out,
			  "{\"stream\":\"%s\",\"subject\":\"%.*s\","
			  "\"seq\":%" PRIu64 ",\"id\":\"%s\"%s}\n",
			  cfg->writing.stream, (int)(end - (uint8_t *)subject),
			  subject, p->ack.seq, event_id,
			  p->ack.duplicate ? ",\"duplicate\":true" : "");
}

static void respond_with_result(struct publication *p)
{
	bool is_new = !p->ack.duplicate;
	struct buf out;

	buf_init(&out, RESULT_MAX);
	if (put_result(p, &out) < 0) {
		buf_finish(&out);
		conn_work_abort(&p->work);
		return;
	}
	count_publish(p, is_new ? METRIC_PUBLISHED_STORED
				: METRIC_PUBLISHED_DUPLICATE);
	conn_work_respond(&p->work, is_new ? 201 : 200, "application/json",
			  NULL, buf_data(&out), buf_unread(&out));
	buf_finish(&out);
}

/* ---- a duplicate --------------------------------------------------------- */

static void on_lookup_reply(struct outgoing *o,
			    const struct publisher_event *reply)
{
	struct publication *p = CONTAINER_OF(o, struct publication, outgoing);
	struct js_message found;

	js_message_parse(&found, reply->data.at, reply->data.len,
			 LOOKUP_MESSAGE_MAX);
	p->is_other_message =
		found.error.err == 0 &&
		(found.subject_len != p->subject_len ||
		 memcmp(found.subject, p->subject, p->subject_len) != 0);
	js_message_finish(&found);
}

/* Without an answer the acknowledgement counts. */
static void on_lookup_end(struct outgoing *o, enum publish_failure failure)
{
	struct publication *p = CONTAINER_OF(o, struct publication, outgoing);

	(void)failure;
	if (p->is_other_message)
		fail_publication(p, PUBLISH_OTHER_MESSAGE);
	else
		respond_with_result(p);
}

/* False: it cannot be looked up. */
static bool look_up_duplicate(struct publication *p)
{
	static const struct outgoing_cbs cbs = {on_lookup_reply, on_lookup_end};
	const struct conn_writing *cfg = writing_of(p);
	const struct flight_options options = {
		.timeout_ms = cfg->publish_timeout_ms,
		.replies = 1,
	};
	struct messenger_message message = {0};
	struct buf body;
	bool is_sent = false;

	buf_init(&body, LOOKUP_MAX);
	if (asprintf(&p->api_subject, "%s.STREAM.MSG.GET.%s", cfg->api_prefix,
		     cfg->stream) < 0)
		p->api_subject = NULL;
	if (p->api_subject != NULL && js_request_get(&body, p->ack.seq) == 0) {
		message.subject = span_of(p->api_subject);
		message.data = (struct span){(const char *)buf_data(&body),
					     buf_unread(&body)};
		is_sent = messenger_request(cfg->messenger, &p->outgoing, &cbs,
					    &message, &options,
					    conn_now_ms(conns_of(p))) ==
			  PUBLISH_FAILURES;
	}
	buf_finish(&body);
	return is_sent;
}

/* ---- the acknowledgement ------------------------------------------------- */

static void on_ack(struct outgoing *o, const struct publisher_event *reply)
{
	struct publication *p = CONTAINER_OF(o, struct publication, outgoing);

	js_pub_ack_parse(&p->ack, reply->data.at, reply->data.len,
			 writing_of(p)->stream);
}

static void on_publish_end(struct outgoing *o, enum publish_failure failure)
{
	struct publication *p = CONTAINER_OF(o, struct publication, outgoing);
	struct publish_error e;

	if (failure != PUBLISH_FAILURES) {
		fail_publication(p, failure);
	} else if (p->ack.error.err != 0) {
		publish_error_of_ack(&e, &p->ack, p->headers.is_conditional);
		reject_publication(p, &e);
	} else if (!p->ack.duplicate || !look_up_duplicate(p)) {
		respond_with_result(p);
	}
}

/* ---- the payload --------------------------------------------------------- */

static enum publish_failure send_publication(struct publication *p)
{
	static const struct outgoing_cbs cbs = {on_ack, on_publish_end};
	const struct conn_writing *cfg = writing_of(p);
	const struct flight_options options = {
		.is_publish = true,
		.timeout_ms = cfg->publish_timeout_ms,
		.replies = 1,
	};
	const struct messenger_message message = {
		.subject = subject_of(p),
		.headers = {(const char *)buf_data(&p->headers.block),
			    buf_unread(&p->headers.block)},
		.data = request_payload_span(&p->payload),
	};

	return messenger_request(cfg->messenger, &p->outgoing, &cbs, &message,
				 &options, conn_now_ms(conns_of(p)));
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
	MUST(subject.len < sizeof(p->subject));
	memcpy(p->subject, subject.at, subject.len);
	p->subject_len = subject.len;
	p->id = *id;
	request_payload_init(&p->payload, cfg->max_body);
	rc = take_message_headers(p, x, span_of(cfg->stream), why);
	p->payload.besides = p->headers.block.cap;
	if (rc == 0)
		rc = conn_work_begin(&p->work, &ops, c, x, cfg->max_body, why);
	if (rc < 0) {
		free_publication(p);
		return rc;
	}
	conn_work_start(&p->work);
	return 0;
}
