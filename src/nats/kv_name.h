/* Names of key-value buckets and their entries (ADR-8).
 *
 *	bucket cfg      stream KV_cfg, with the subjects $KV.cfg.>
 *	key a.b         subject $KV.cfg.a.b
 *	filter a.*      pattern $KV.cfg.a.*
 *
 * A key has no wildcard and no empty token: a server answers a Direct Get for
 * $KV.cfg.> with the newest entry of the bucket.
 *
 * Stored subjects are hostile: a stream KV_cfg may have been created with any
 * subjects, and publishers name any bytes behind them. */
#ifndef SLUICE_KV_NAME_H
#define SLUICE_KV_NAME_H

#include <stdbool.h>
#include <stddef.h>

#include "base/span.h"
#include "nats/pattern.h"
#include "nats/subject.h"

enum {
	KV_BUCKET_MAX = 128,		       /* bytes */
	KV_STREAM_MAX = 3 + KV_BUCKET_MAX + 1, /* with its NUL */
	KV_SUBJECT_MAX = PATTERN_MAX + 1,      /* with its NUL */
};

/* NULL, or what is wrong (static text). Bucket: 1 to KV_BUCKET_MAX of
 * [A-Za-z0-9_-]. Key: non-empty tokens of [A-Za-z0-9_=/-]; its subject has at
 * most PATTERN_MAX bytes. Filter: the same, and `*`, and `>` at the end, as
 * whole tokens. `bucket` has no fault. */
const char *kv_bucket_fault(struct span bucket);
const char *kv_key_fault(struct span bucket, struct span key);
const char *kv_filter_fault(struct span bucket, struct span filter);

/* Name of the bucket's stream, to `out` (KV_STREAM_MAX bytes); returns its
 * length. */
size_t kv_stream(char *out, struct span bucket);
/* False: the stream is not a bucket. */
bool kv_bucket_of_stream(struct span *ret, struct span stream);

/* Subject of a key, or pattern of a filter, to `out` (KV_SUBJECT_MAX bytes);
 * returns its length. Of a mirror's entries `bucket` is the mirrored one. */
size_t kv_subject(char *out, struct span bucket, struct span key);
/* Subject to publish an entry to, to `out` (SUBJECT_MAX bytes); returns its
 * length. With another API prefix than $JS.API, of a JetStream domain or of a
 * mirror's external stream, the subject comes behind it (ADR-19). `api_prefix`:
 * subject_prefix_ok(). Stored is always the kv_subject(). */
size_t kv_write_subject(char *out, const char *api_prefix, struct span bucket,
			struct span key);

/* Parts of a stored subject; the key may have any bytes. False: it is not the
 * subject of an entry. */
struct kv_name {
	struct span bucket; /* without fault */
	struct span key;    /* not empty */
};
bool kv_name_of_subject(struct kv_name *ret, struct span subject);

#endif
