/* The payload -> the bucket -> publish -> acknowledgement -> response. A create
 * that fails reads the newest entry from the leader, and publishes once more if
 * it is a marker (kv_write.h). */
#include "server/kv_change.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "http/etag.h"
#include "http/kv_write.h"
#include "server/conn_internal.h"
#include "server/kv_work.h"
#include "server/request_payload.h"

enum {
	CHANGE_MESSAGE_MAX = 64 * 1024 * 1024,
	CHANGE_LINES_MAX = 64 + ETAG_MAX + KV_BUCKET_MAX + KV_SUBJECT_MAX,
};

struct kv_change {
	struct kv_work kv;
	enum kv_action action;
	struct kv_write write;
	struct request_payload payload;
	struct js_pub_ack ack;
	char key[KV_SUBJECT_MAX];
	struct kv_read read;
};

static struct kv_change *kv_change_of(struct kv_work *w)
{
	return CONTAINER_OF(w, struct kv_change, kv);
}

static struct kv_change *kv_change_of_outgoing(struct outgoing *o)
{
	return kv_change_of(CONTAINER_OF(o, struct kv_work, outgoing));
}

static struct kv_change *kv_change_of_work(struct conn_work *w)
{
	return kv_change_of(CONTAINER_OF(w, struct kv_work, work));
}

static void free_kv_change(struct kv_change *c)
{
	request_payload_finish(&c->payload);
	kv_work_finish(&c->kv);
	free(c);
}

static void on_change_gone(struct conn_work *w)
{
	struct kv_change *c = kv_change_of_work(w);

	kv_work_release(&c->kv);
	free_kv_change(c);
}

/* ---- the response -------------------------------------------------------- */

static void respond_with_revision(struct kv_change *c)
{
	bool is_new = c->action == KV_CREATE_KEY;
	char tag[ETAG_MAX], lines[CHANGE_LINES_MAX], body[48];
	int len;

	etag_format(tag, c->ack.seq);
	len = snprintf(lines, sizeof(lines), "ETag: %s\r\n", tag);
	if (is_new)
		len += snprintf(lines + len, sizeof(lines) - (size_t)len,
				"Location: /api/v1/kv/%s/%s\r\n", c->kv.bucket,
				c->key);
	MUST(len > 0 && (size_t)len < sizeof(lines));
	len = snprintf(body, sizeof(body), "{\"revision\":%" PRIu64 "}\n",
		       c->ack.seq);
	kv_work_respond(&c->kv, is_new ? 201 : 200, "application/json", lines,
			body, (size_t)len);
}

static void respond_to_change(struct kv_change *c)
{
	if (c->action == KV_DELETE_KEY)
		kv_work_respond(&c->kv, 204, NULL, NULL, NULL, 0);
	else
		respond_with_revision(c);
}

static void reject_change(struct kv_change *c)
{
	struct publish_error e;

	publish_error_of_ack(&e, &c->ack, c->write.is_conditional);
	kv_work_reject_publish(&c->kv, &e);
}

/* ---- the message --------------------------------------------------------- */

static void read_newest(struct kv_change *c);

static void on_change_ack(struct outgoing *o,
			  const struct publisher_event *reply)
{
	struct kv_change *c = kv_change_of_outgoing(o);

	js_pub_ack_parse(&c->ack, reply->data.at, reply->data.len,
			 c->kv.stream);
}

static void on_change_end(struct outgoing *o, enum publish_failure failure)
{
	struct kv_change *c = kv_change_of_outgoing(o);

	if (failure == PUBLISH_NO_RESPONDERS && c->kv.is_cached)
		kv_work_find_again(&c->kv); /* the bucket may be gone */
	else if (failure != PUBLISH_FAILURES)
		kv_work_fail(&c->kv, failure);
	else if (c->ack.error.err == 0)
		respond_to_change(c);
	else if (kv_write_may_repeat(&c->write, &c->ack))
		read_newest(c);
	else
		reject_change(c);
}

static void publish_change(struct kv_change *c)
{
	static const struct outgoing_cbs cbs = {on_change_ack, on_change_end};
	struct publish_headers headers;
	struct http_error why;
	int rc = kv_write_headers(&headers, &why, &c->write,
				  span_of(c->kv.stream));

	if (rc == -ENOMEM) {
		kv_work_fail(&c->kv, PUBLISH_BUSY);
	} else if (rc < 0) {
		kv_work_reject_error(&c->kv, &why);
	} else {
		kv_write_subject(c->kv.subject,
				 kv_work_config(&c->kv)->api_prefix,
				 kv_work_bucket(&c->kv), span_of(c->key));
		kv_work_send(&c->kv, &cbs,
			     (struct span){(const char *)buf_data(
						   &headers.block),
					   buf_unread(&headers.block)},
			     request_payload_span(&c->payload), true);
	}
	publish_headers_finish(&headers);
}

/* ---- a create over a deleted key ----------------------------------------- */

static void on_newest(struct outgoing *o, const struct publisher_event *reply)
{
	struct kv_change *c = kv_change_of_outgoing(o);
	struct kv_read_answer newest;
	bool repeats;

	kv_read_response(&newest, &c->read, reply->headers, reply->data,
			 CHANGE_MESSAGE_MAX);
	repeats = kv_write_over(&c->write, &newest);
	kv_read_finish(&newest);
	if (!repeats)
		reject_change(c);
}

/* Without an answer the conflict stands. */
static void on_newest_end(struct outgoing *o, enum publish_failure failure)
{
	struct kv_change *c = kv_change_of_outgoing(o);

	if (failure == PUBLISH_FAILURES)
		publish_change(c);
	else
		reject_change(c);
}

static void read_newest(struct kv_change *c)
{
	static const struct outgoing_cbs cbs = {on_newest, on_newest_end};

	c->read = (struct kv_read){
		.api_prefix = kv_work_config(&c->kv)->api_prefix,
		.bucket = kv_work_bucket(&c->kv),
		.origin = kv_work_bucket(&c->kv),
		.key = span_of(c->key),
	};
	kv_work_send_read(&c->kv, &cbs, &c->read);
}

/* ---- the bucket ---------------------------------------------------------- */

/* The rights are those of the requested bucket. */
static void reject_mirror(struct kv_change *c)
{
	struct http_error why;

	http_error_set(&why, 409, REJECT_NOT_PUBLISHED,
		       "bucket \"%s\" is a mirror of \"%s\", which takes the "
		       "writes",
		       c->kv.bucket, c->kv.info.origin);
	kv_work_reject_error(&c->kv, &why);
}

static void on_change_bucket(struct kv_work *w)
{
	struct kv_change *c = kv_change_of(w);

	if (w->info.is_mirror)
		reject_mirror(c);
	else if (c->write.ttl_ms > 0 && !w->info.allow_msg_ttl)
		kv_work_fail(w, PUBLISH_NO_TTL);
	else
		publish_change(c);
}

/* ---- the payload --------------------------------------------------------- */

static void on_change_body(struct conn_work *w, struct span bytes)
{
	request_payload_add(&kv_change_of_work(w)->payload, w, bytes);
}

static void on_change_body_end(struct conn_work *w)
{
	struct kv_work *kv = &kv_change_of_work(w)->kv;

	if (kv_work_take_slot(kv))
		kv_work_find_bucket(kv, on_change_bucket);
}

static const struct conn_work_ops change_ops = {
	.on_body = on_change_body,
	.on_body_end = on_change_body_end,
	.on_gone = on_change_gone,
};

int kv_change_start(struct conn *c, const struct exchange *x,
		    const struct kv_change_request *request,
		    struct http_error *why)
{
	const struct kv_work_request work = {
		.exchange = x,
		.id = request->id,
		.bucket = request->bucket,
		.kind = KV_KIND_WRITE,
		.max_body = c->set->cfg.writing.max_body,
	};
	struct kv_change *change = calloc(1, sizeof(*change));
	int rc;

	if (change == NULL)
		return -ENOMEM;
	MUST(request->key.len < sizeof(change->key));
	memcpy(change->key, request->key.at, request->key.len);
	change->action = request->action;
	request_payload_init(&change->payload, work.max_body);
	rc = kv_write_init(&change->write, why, request->action, request->query,
			   x->request);
	if (rc == 0)
		rc = kv_work_begin(&change->kv, &change_ops, c, &work, why);
	if (rc < 0) {
		free_kv_change(change);
		return rc;
	}
	conn_work_start(&change->kv.work);
	return 0;
}
