/* Reading one entry of a bucket: the request to send, and what its response
 * says. A Direct Get, which any replica answers, or STREAM.MSG.GET, which the
 * leader does: for read=leader, and where the bucket does not allow the other
 * (js_bucket.allow_direct). */
#ifndef SLUICE_KV_READ_H
#define SLUICE_KV_READ_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "nats/js_direct.h"
#include "nats/js_response.h"
#include "nats/kv_entry.h"

/* All borrowed, for the calls. */
struct kv_read {
	const char *api_prefix; /* "$JS.API" */
	struct span bucket;
	struct span origin; /* of a mirror: the mirrored bucket; otherwise the
			       bucket */
	struct span key;    /* kv_key_fault() is NULL for both */
	uint64_t revision;  /* 0: the newest */
	bool direct;
};

/* Writes the subject to `subject` (JS_DIRECT_SUBJECT_MAX bytes), and the body
 * to `body`, which is cleared before. -ENOMEM, -ENOBUFS or 0. */
int kv_read_request(const struct kv_read *r, char *subject, struct buf *body);

enum kv_read_result {
	KV_READ_FOUND, /* maybe a marker */
	KV_READ_NONE,  /* no such entry; the revision is of another key */
	KV_READ_NO_BUCKET,
	KV_READ_NO_DIRECT, /* no replica answers: read from the leader */
	KV_READ_FAILED,
};

struct kv_read_answer {
	enum kv_read_result result;
	struct js_error error; /* KV_READ_FAILED */
	struct kv_entry entry; /* KV_READ_FOUND: in the response or `stored` */
	struct js_message stored;
};

/* `headers`, `data`: of the response, borrowed while the answer is used. `max`:
 * limit of a value, in bytes. kv_read_finish() follows. */
void kv_read_response(struct kv_read_answer *ret, const struct kv_read *r,
		      struct span headers, struct span data, size_t max);
void kv_read_finish(struct kv_read_answer *a);

#endif
