#include "server/kv_work.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/printable.h"
#include "server/conn_internal.h"

enum { READ_REQUEST_MAX = 512 }; /* bytes of its body */

struct conn_set *kv_work_set(const struct kv_work *w)
{
	return w->work.conn->set;
}

const struct conn_writing *kv_work_config(const struct kv_work *w)
{
	return &kv_work_set(w)->cfg.writing;
}

uint64_t kv_work_now_ms(const struct kv_work *w)
{
	return conn_now_ms(kv_work_set(w));
}

struct span kv_work_bucket(const struct kv_work *w)
{
	return span_of(w->bucket);
}

/* ---- life ---------------------------------------------------------------- */

int kv_work_begin(struct kv_work *w, const struct conn_work_ops *ops,
		  struct conn *c, const struct kv_work_request *r,
		  struct http_error *why)
{
	MUST(r->bucket.len <= KV_BUCKET_MAX);
	if (r->bucket.len > 0) {
		memcpy(w->bucket, r->bucket.at, r->bucket.len);
		kv_stream(w->stream, r->bucket);
	}
	w->id = *r->id;
	w->kind = r->kind;
	return conn_work_begin(&w->work, ops, c, r->exchange, r->max_body, why);
}

void kv_work_finish(struct kv_work *w)
{
	conn_work_finish(&w->work);
}

static void count_kv(struct kv_work *w, int status)
{
	static const enum metric ok[] = {
		[KV_KIND_READ] = METRIC_KV_READ_OK,
		[KV_KIND_LIST] = METRIC_KV_LIST_OK,
		[KV_KIND_WRITE] = METRIC_KV_WRITE_OK,
	};
	enum metric which = ok[w->kind];

	if (w->is_counted)
		return;
	w->is_counted = true;
	if (status >= 500)
		which += 2;
	else if (status >= 400)
		which += 1;
	metric_add(kv_work_set(w)->cfg.metrics, which, 1);
}

void kv_work_release(struct kv_work *w)
{
	struct conn_set *s = kv_work_set(w);

	messenger_cancel(s->cfg.writing.messenger, &w->outgoing);
	request_limits_release(&s->requests, &w->slot);
}

void kv_work_count_ok(struct kv_work *w)
{
	count_kv(w, 200);
}

/* ---- the response -------------------------------------------------------- */

void kv_work_respond(struct kv_work *w, int status, const char *type,
		     const char *lines, const void *body, size_t len)
{
	count_kv(w, status);
	conn_work_respond(&w->work, status, type, lines, body, len);
}

void kv_work_respond_value(struct kv_work *w, const char *type,
			   const char *lines, const void *body, size_t len)
{
	count_kv(w, 200);
	conn_work_respond_value(&w->work, type, lines, body, len);
}

void kv_work_reject(struct kv_work *w, const struct problem *p)
{
	count_kv(w, p->error->status);
	conn_work_reject(&w->work, p);
}

void kv_work_reject_error(struct kv_work *w, const struct http_error *why)
{
	const struct problem p = {.error = why};

	kv_work_reject(w, &p);
}

void kv_work_reject_missing(struct kv_work *w, const char *what,
			    struct span name, const char *why)
{
	char shown[PRINTABLE_MAX];
	struct http_error e;

	http_error_set(&e, 404, REJECT_NOT_FOUND, "%s \"%s\" %s", what,
		       printable(shown, sizeof(shown), name.at, name.len), why);
	kv_work_reject_error(w, &e);
}

/* A read that failed has changed nothing. */
void kv_work_reject_publish(struct kv_work *w, struct publish_error *e)
{
	struct http_error why;
	struct problem problem;

	e->is_unknown &= w->kind == KV_KIND_WRITE;
	problem = problem_of_publish(&why, e);
	kv_work_reject(w, &problem);
}

void kv_work_fail(struct kv_work *w, enum publish_failure failure)
{
	struct publish_error e;

	publish_error_of(&e, failure);
	kv_work_reject_publish(w, &e);
}

void kv_work_reject_missing_bucket(struct kv_work *w)
{
	kv_bucket_cache_drop(&kv_work_set(w)->buckets, kv_work_bucket(w));
	kv_work_reject_missing(w, "bucket", kv_work_bucket(w),
			       "does not exist");
}

static void reject_malformed_answer(struct kv_work *w, const char *text)
{
	struct http_error why;

	http_error_set(&why, 502, REJECT_NOT_PUBLISHED,
		       "the answer of JetStream about bucket \"%s\" cannot be "
		       "used: %s",
		       w->bucket, text);
	kv_work_reject_error(w, &why);
}

void kv_work_reject_api(struct kv_work *w, const struct js_error *e)
{
	static const int no_stream = 10059;
	const struct js_pub_ack ack = {.error = *e};
	struct publish_error failed;

	if (e->err == no_stream && w->bucket[0] != '\0') {
		kv_work_reject_missing_bucket(w);
	} else if (e->err == JS_JSON_MALFORMED) {
		reject_malformed_answer(w, e->text);
	} else {
		publish_error_of_ack(&failed, &ack, false);
		kv_work_reject_publish(w, &failed);
	}
}

void kv_work_abort(struct kv_work *w)
{
	count_kv(w, 500);
	conn_work_abort(&w->work);
}

/* ---- requests ------------------------------------------------------------ */

bool kv_work_take_slot(struct kv_work *w)
{
	struct http_error why;

	if (request_limits_acquire(&kv_work_set(w)->requests, &w->slot,
				   (struct span){w->id.id, w->id.len},
				   &w->work.client, &why) == 0)
		return true;
	conn_work_reject_error(&w->work, &why);
	return false;
}

void kv_work_api_subject(struct kv_work *w, const char *operation)
{
	int len = snprintf(w->subject, sizeof(w->subject), "%s%s%s",
			   kv_work_config(w)->api_prefix, operation, w->stream);

	MUST(len > 0 && (size_t)len < sizeof(w->subject));
}

bool kv_work_send(struct kv_work *w, const struct outgoing_cbs *cbs,
		  struct span headers, struct span data, bool is_publish)
{
	const struct conn_writing *cfg = kv_work_config(w);
	const struct flight_options options = {
		.is_publish = is_publish,
		.timeout_ms = cfg->publish_timeout_ms,
		.replies = 1,
	};
	const struct messenger_message message = {
		.subject = span_of(w->subject),
		.headers = headers,
		.data = data,
	};
	enum publish_failure failure =
		messenger_request(cfg->messenger, &w->outgoing, cbs, &message,
				  &options, kv_work_now_ms(w));

	if (failure == PUBLISH_FAILURES)
		return true;
	kv_work_fail(w, failure);
	return false;
}

bool kv_work_send_read(struct kv_work *w, const struct outgoing_cbs *cbs,
		       const struct kv_read *r)
{
	bool is_sent = false;
	struct buf body;

	buf_init(&body, READ_REQUEST_MAX);
	if (kv_read_request(r, w->subject, &body) < 0)
		kv_work_fail(w, PUBLISH_BUSY);
	else
		is_sent = kv_work_send(w, cbs, (struct span){0},
				       (struct span){(const char *)buf_data(
							     &body),
						     buf_unread(&body)},
				       false);
	buf_finish(&body);
	return is_sent;
}

/* ---- the bucket ---------------------------------------------------------- */

static void on_bucket_reply(struct outgoing *o,
			    const struct publisher_event *reply)
{
	struct kv_work *w = CONTAINER_OF(o, struct kv_work, outgoing);

	js_bucket_parse(&w->info, reply->data.at, reply->data.len,
			kv_work_bucket(w));
}

static void on_bucket_end(struct outgoing *o, enum publish_failure failure)
{
	struct kv_work *w = CONTAINER_OF(o, struct kv_work, outgoing);

	if (failure != PUBLISH_FAILURES) {
		kv_work_fail(w, failure);
	} else if (w->info.error.err != 0) {
		kv_work_reject_api(w, &w->info.error);
	} else {
		kv_bucket_cache_put(&kv_work_set(w)->buckets, kv_work_bucket(w),
				    &w->info, kv_work_now_ms(w));
		w->on_bucket(w);
	}
}

void kv_work_find_again(struct kv_work *w)
{
	static const struct outgoing_cbs cbs = {on_bucket_reply, on_bucket_end};

	w->is_cached = false;
	kv_work_api_subject(w, ".STREAM.INFO.");
	kv_work_send(w, &cbs, (struct span){0}, (struct span){0}, false);
}

void kv_work_find_bucket(struct kv_work *w,
			 void (*on_bucket)(struct kv_work *w))
{
	const struct js_bucket *known =
		kv_bucket_cache_find(&kv_work_set(w)->buckets,
				     kv_work_bucket(w), kv_work_now_ms(w));

	w->on_bucket = on_bucket;
	if (known == NULL) {
		kv_work_find_again(w);
		return;
	}
	w->info = *known;
	w->is_cached = true;
	on_bucket(w);
}
