/* What is known of key-value buckets: the information of their streams, kept
 * for a short time, so that most requests need no STREAM.INFO. Missing buckets
 * are not kept. Pure. */
#ifndef SLUICE_KV_BUCKET_CACHE_H
#define SLUICE_KV_BUCKET_CACHE_H

#include <stdint.h>

#include "base/list.h"
#include "base/span.h"
#include "nats/js_bucket.h"

enum {
	KV_BUCKET_CACHE_MAX = 64,  /* buckets */
	KV_BUCKET_CACHE_MS = 5000, /* age */
};

struct kv_bucket_cache {
	struct list used; /* the one used longest ago is first */
	size_t n;
};

void kv_bucket_cache_init(struct kv_bucket_cache *c);
void kv_bucket_cache_finish(struct kv_bucket_cache *c);

/* NULL: not known, or too old. Valid until the next call. */
const struct js_bucket *kv_bucket_cache_find(struct kv_bucket_cache *c,
					     struct span bucket,
					     uint64_t now_ms);
/* `info` has no error. Without memory nothing is kept. */
void kv_bucket_cache_put(struct kv_bucket_cache *c, struct span bucket,
			 const struct js_bucket *info, uint64_t now_ms);
/* The bucket has changed, or is gone. */
void kv_bucket_cache_drop(struct kv_bucket_cache *c, struct span bucket);

#endif
