/* The keys of a bucket, sorted, for a JSON list.
 *
 * They come as entries in the order of the stream, in which a key can occur
 * several times: its last one counts, and a marker removes it. A key costs its
 * bytes and 7 more, so 100,000 keys of 24 bytes need 3 MB; the limit is the
 * caller's. Without a limit a list has no order: see NDJSON. */
#ifndef SLUICE_KV_KEYS_H
#define SLUICE_KV_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/span.h"

struct kv_keys {
	struct buf text;  /* the entries: flag, length, key */
	uint32_t *sorted; /* offsets in `text` */
	size_t n;	  /* entries; after kv_keys_sort() keys */
	size_t max_bytes;
};

/* `max_bytes`: of memory, below 2^32. */
void kv_keys_init(struct kv_keys *k, size_t max_bytes);
void kv_keys_finish(struct kv_keys *k);

/* Adds an entry, of at most 65,535 bytes. -ENOBUFS: over the limit, with the
 * memory that kv_keys_sort() needs; -ENOMEM, or 0. */
int kv_keys_add(struct kv_keys *k, struct span key, bool is_marker);
/* Once, after the last one: sorts by bytes. -ENOMEM or 0. */
int kv_keys_sort(struct kv_keys *k);
/* Key `i` of k->n, after kv_keys_sort(). */
struct span kv_keys_at(const struct kv_keys *k, size_t i);

/* Appends the JSON list, as much as `out` has room for. *at is 0 before the
 * first call; call again with room until it returns false. */
bool kv_keys_put_json(const struct kv_keys *k, struct buf *out, size_t *at);

#endif
