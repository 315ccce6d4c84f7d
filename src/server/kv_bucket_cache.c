#include "server/kv_bucket_cache.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"

struct cached_bucket {
	struct list in_used;
	uint64_t end_ms;
	size_t len;
	char name[KV_BUCKET_MAX];
	struct js_bucket info;
};

void kv_bucket_cache_init(struct kv_bucket_cache *c)
{
	list_init(&c->used);
	c->n = 0;
}

static void free_cached(struct kv_bucket_cache *c, struct cached_bucket *b)
{
	list_remove(&b->in_used);
	c->n--;
	free(b);
}

void kv_bucket_cache_finish(struct kv_bucket_cache *c)
{
	struct list *node;

	while ((node = list_first(&c->used)) != NULL)
		free_cached(c,
			    CONTAINER_OF(node, struct cached_bucket, in_used));
}

static struct cached_bucket *find_cached(struct kv_bucket_cache *c,
					 struct span bucket)
{
	for (struct list *at = c->used.next; at != &c->used; at = at->next) {
		struct cached_bucket *b =
			CONTAINER_OF(at, struct cached_bucket, in_used);

		if (b->len == bucket.len &&
		    memcmp(b->name, bucket.at, bucket.len) == 0)
			return b;
	}
	return NULL;
}

const struct js_bucket *kv_bucket_cache_find(struct kv_bucket_cache *c,
					     struct span bucket,
					     uint64_t now_ms)
{
	struct cached_bucket *b = find_cached(c, bucket);

	if (b == NULL)
		return NULL;
	if (b->end_ms <= now_ms) {
		free_cached(c, b);
		return NULL;
	}
	list_remove(&b->in_used);
	list_push_back(&c->used, &b->in_used);
	return &b->info;
}

void kv_bucket_cache_put(struct kv_bucket_cache *c, struct span bucket,
			 const struct js_bucket *info, uint64_t now_ms)
{
	struct cached_bucket *b;

	MUST(bucket.len <= KV_BUCKET_MAX && info->error.err == 0);
	kv_bucket_cache_drop(c, bucket);
	if (c->n == KV_BUCKET_CACHE_MAX)
		free_cached(c, CONTAINER_OF(list_first(&c->used),
					    struct cached_bucket, in_used));
	b = malloc(sizeof(*b));
	if (b == NULL)
		return;
	b->end_ms = now_ms + KV_BUCKET_CACHE_MS;
	b->len = bucket.len;
	memcpy(b->name, bucket.at, bucket.len);
	b->info = *info;
	list_push_back(&c->used, &b->in_used);
	c->n++;
}

void kv_bucket_cache_drop(struct kv_bucket_cache *c, struct span bucket)
{
	struct cached_bucket *b = find_cached(c, bucket);

	if (b != NULL)
		free_cached(c, b);
}
