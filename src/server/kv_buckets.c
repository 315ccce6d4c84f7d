/* STREAM.NAMES, page by page -> the names that the client may know, sorted. A
 * mirror has no subjects, and is in no page. */
#include "server/kv_buckets.h"

#include <errno.h>
#include <stdlib.h>

#include "auth/kv_rights.h"
#include "base/check.h"
#include "http/kv_keys.h"
#include "nats/js_page.h"
#include "nats/js_request.h"
#include "server/conn_internal.h"
#include "server/kv_work.h"

enum {
	BUCKETS_MAX = 1024 * 1024, /* bytes of all names */
	STREAM_NAME_MAX = 1024,	   /* longer ones are left out */
	PAGE_REQUEST_MAX = 256,
};

struct kv_buckets {
	struct kv_work kv;
	struct rights *rights;
	struct kv_keys names;
	uint64_t offset;
	bool has_more;
	struct js_error error;
};

static struct kv_buckets *kv_buckets_of(struct conn_work *w)
{
	return CONTAINER_OF(CONTAINER_OF(w, struct kv_work, work),
			    struct kv_buckets, kv);
}

static struct kv_buckets *kv_buckets_of_outgoing(struct outgoing *o)
{
	return CONTAINER_OF(CONTAINER_OF(o, struct kv_work, outgoing),
			    struct kv_buckets, kv);
}

static void free_kv_buckets(struct kv_buckets *b)
{
	rights_free(b->rights);
	kv_keys_finish(&b->names);
	kv_work_finish(&b->kv);
	free(b);
}

static void on_buckets_gone(struct conn_work *w)
{
	struct kv_buckets *b = kv_buckets_of(w);

	kv_work_release(&b->kv);
	free_kv_buckets(b);
}

static void respond_with_buckets(struct kv_buckets *b)
{
	size_t at = 0;
	struct buf out;

	buf_init(&out, 2 * BUCKETS_MAX);
	if (kv_keys_sort(&b->names) < 0 ||
	    buf_reserve(&out, 2 * BUCKETS_MAX) < 0 ||
	    kv_keys_put_json(&b->names, &out, &at))
		kv_work_abort(&b->kv);
	else
		kv_work_respond(&b->kv, 200, "application/json", NULL,
				buf_data(&out), buf_unread(&out));
	buf_finish(&out);
}

/* ---- pages --------------------------------------------------------------- */

static void take_bucket_name(struct kv_buckets *b, struct span stream)
{
	char pattern[KV_SUBJECT_MAX];
	struct span bucket;
	size_t len;

	if (!kv_bucket_of_stream(&bucket, stream))
		return;
	len = kv_subject(pattern, bucket, span_of(">"));
	if (kv_rights_overlap(rights_of_kv(b->rights),
			      (struct span){pattern, len}) &&
	    kv_keys_add(&b->names, bucket, false) < 0)
		js_error_set(&b->error, JS_JSON_MALFORMED, "too many buckets");
}

static void on_bucket_names(struct outgoing *o,
			    const struct publisher_event *reply)
{
	struct kv_buckets *b = kv_buckets_of_outgoing(o);
	struct js_page page;
	struct buf room;
	struct span name;

	js_page_of_names(&page, reply->data.at, reply->data.len);
	b->error = page.error;
	buf_init(&room, STREAM_NAME_MAX);
	while (b->error.err == 0 && js_page_next(&page, &room, &name))
		take_bucket_name(b, name);
	buf_finish(&room);
	b->has_more = js_page_has_more(&page, b->offset);
	b->offset = page.next;
}

static void request_bucket_names(struct kv_buckets *b);

static void on_bucket_names_end(struct outgoing *o,
				enum publish_failure failure)
{
	struct kv_buckets *b = kv_buckets_of_outgoing(o);

	if (failure != PUBLISH_FAILURES)
		kv_work_fail(&b->kv, failure);
	else if (b->error.err != 0)
		kv_work_reject_api(&b->kv, &b->error);
	else if (b->has_more)
		request_bucket_names(b);
	else
		respond_with_buckets(b);
}

static void request_bucket_names(struct kv_buckets *b)
{
	static const struct outgoing_cbs cbs = {on_bucket_names,
						on_bucket_names_end};
	struct buf body;

	buf_init(&body, PAGE_REQUEST_MAX);
	kv_work_api_subject(&b->kv, ".STREAM.NAMES");
	if (js_request_names(&body, "$KV.*.>", b->offset) < 0)
		kv_work_fail(&b->kv, PUBLISH_BUSY);
	else
		kv_work_send(&b->kv, &cbs, (struct span){0},
			     (struct span){(const char *)buf_data(&body),
					   buf_unread(&body)},
			     false);
	buf_finish(&body);
}

/* ---- begin --------------------------------------------------------------- */

static void on_buckets_begin(struct conn_work *w)
{
	struct kv_buckets *b = kv_buckets_of(w);

	if (kv_work_take_slot(&b->kv))
		request_bucket_names(b);
}

static const struct conn_work_ops buckets_ops = {
	.on_body_end = on_buckets_begin,
	.on_gone = on_buckets_gone,
};

int kv_buckets_start(struct conn *c, const struct exchange *x,
		     const struct identity *id, struct rights **rights,
		     struct http_error *why)
{
	const struct kv_work_request work = {
		.exchange = x,
		.id = id,
		.kind = KV_KIND_LIST,
	};
	struct kv_buckets *b = calloc(1, sizeof(*b));
	int rc;

	if (b == NULL)
		return -ENOMEM;
	kv_keys_init(&b->names, BUCKETS_MAX);
	rc = kv_work_begin(&b->kv, &buckets_ops, c, &work, why);
	if (rc < 0) {
		free_kv_buckets(b);
		return rc;
	}
	b->rights = *rights;
	*rights = NULL;
	conn_work_start(&b->kv.work);
	return 0;
}
