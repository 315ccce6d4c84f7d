/* A request for key-value entries that waits for NATS: what all of them have in
 * common. The first member of the struct of each kind (kv_get.c, kv_change.c,
 * kv_list.c, kv_buckets.c).
 *
 *	kv_work_begin(), conn_work_start()
 *	kv_work_find_bucket()    takes a request slot; STREAM.INFO, if the
 *	                         bucket is not cached -> on_bucket()
 *	kv_work_send()           a request -> on_reply(), on_end()
 *	kv_work_respond(), kv_work_reject...()
 *	                         end the work, as those of conn_work.h do
 */
#ifndef SLUICE_KV_WORK_H
#define SLUICE_KV_WORK_H

#include <stdbool.h>
#include <stdint.h>

#include "auth/identity.h"
#include "http/kv_query.h"
#include "nats/js_bucket.h"
#include "nats/js_direct.h"
#include "nats/kv_read.h"
#include "nats/messenger.h"
#include "server/conn_work.h"
#include "server/request_limits.h"

enum kv_kind { KV_KIND_READ, KV_KIND_LIST, KV_KIND_WRITE };

struct kv_work {
	struct conn_work work;
	struct outgoing outgoing;
	struct request_slot slot;
	struct identity id;
	enum kv_kind kind;
	bool is_counted;
	/* The requested one; empty for a list of buckets. */
	char bucket[KV_BUCKET_MAX + 1];
	char stream[KV_STREAM_MAX]; /* of the bucket */
	struct js_bucket info;	    /* after on_bucket() */
	bool is_cached;		    /* `info` may be old */
	void (*on_bucket)(struct kv_work *w);
	char subject[JS_DIRECT_SUBJECT_MAX]; /* of the request in flight */
};

/* All borrowed, for the call. */
struct kv_work_request {
	const struct exchange *exchange;
	const struct identity *id;
	struct span bucket; /* without fault, or empty */
	enum kv_kind kind;
	uint64_t max_body;
};

/* Fills a zeroed work. 0, -ENOMEM, or -EINVAL with *why. After it, and after an
 * error, kv_work_finish() frees its parts. */
int kv_work_begin(struct kv_work *w, const struct conn_work_ops *ops,
		  struct conn *c, const struct kv_work_request *r,
		  struct http_error *why);
void kv_work_finish(struct kv_work *w);
/* Of on_gone(): the request in flight and the slot. */
void kv_work_release(struct kv_work *w);

struct conn_set *kv_work_set(const struct kv_work *w);
const struct conn_writing *kv_work_config(const struct kv_work *w);
uint64_t kv_work_now_ms(const struct kv_work *w);
struct span kv_work_bucket(const struct kv_work *w);

/* False: rejected, and the work is gone. */
bool kv_work_take_slot(struct kv_work *w);
/* Once, with a slot. The work may be gone when this returns. */
void kv_work_find_bucket(struct kv_work *w,
			 void (*on_bucket)(struct kv_work *w));
/* Again: what is known of the bucket was old. */
void kv_work_find_again(struct kv_work *w);

/* The request for an entry. False: as of kv_work_send(). */
bool kv_work_send_read(struct kv_work *w, const struct outgoing_cbs *cbs,
		       const struct kv_read *r);
/* A request to w->subject. False: not sent; rejected, and the work is gone. */
bool kv_work_send(struct kv_work *w, const struct outgoing_cbs *cbs,
		  struct span headers, struct span data, bool is_publish);
/* Sets w->subject: the API prefix, `operation` (".STREAM.INFO.") and the
 * stream. */
void kv_work_api_subject(struct kv_work *w, const char *operation);

/* End the work. `lines`: header lines, or NULL. */
void kv_work_respond(struct kv_work *w, int status, const char *type,
		     const char *lines, const void *body, size_t len);
/* As of conn_work_respond_value(). */
void kv_work_respond_value(struct kv_work *w, const char *type,
			   const char *lines, const void *body, size_t len);
void kv_work_reject(struct kv_work *w, const struct problem *p);
void kv_work_reject_error(struct kv_work *w, const struct http_error *why);
/* 404, with the text "key ... " or "bucket ...". */
void kv_work_reject_missing(struct kv_work *w, const char *what,
			    struct span name, const char *why);
void kv_work_reject_missing_bucket(struct kv_work *w);
/* A failure without an error of JetStream. */
void kv_work_fail(struct kv_work *w, enum publish_failure failure);
/* e->is_unknown is cleared for a read: it has changed nothing. */
void kv_work_reject_publish(struct kv_work *w, struct publish_error *e);
/* An error of the JetStream API. */
void kv_work_reject_api(struct kv_work *w, const struct js_error *e);
/* Not reported by a response: the connection closes. */
void kv_work_abort(struct kv_work *w);
/* The response is complete: a success. */
void kv_work_count_ok(struct kv_work *w);

#endif
