#include "delivery/core_feed.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"

enum { RETRY_MS = 250 };

int core_feeds_init(struct core_feeds *fs, struct publisher *publisher)
{
	*fs = (struct core_feeds){.publisher = publisher,
				  .retry_ms = UINT64_MAX};
	list_init(&fs->all);
	return hash_table_init(&fs->by_subject);
}

void core_feeds_finish(struct core_feeds *fs)
{
	MUST(fs->n == 0);
	hash_table_finish(&fs->by_subject);
	registry_finish(&fs->numbers);
}

/* ---- feeds --------------------------------------------------------------- */

static struct core_feed *find_shared(const struct core_feeds *fs,
				     struct span subject, uint32_t hash)
{
	struct hash_node *at = hash_table_bucket(&fs->by_subject, hash);

	for (; at != NULL; at = at->next) {
		struct core_feed *f =
			CONTAINER_OF(at, struct core_feed, in_table);

		if (at->hash == hash && f->subject.len == subject.len &&
		    memcmp(f->subject.at, subject.at, subject.len) == 0)
			return f;
	}
	return NULL;
}

static struct core_feed *new_feed(struct core_feeds *fs, struct span subject,
				  struct span group)
{
	struct core_feed *f = calloc(1, sizeof(*f) + subject.len + group.len);

	if (f == NULL)
		return NULL;
	memcpy(f->text, subject.at, subject.len);
	f->subject = (struct span){f->text, subject.len};
	f->group = (struct span){f->text + subject.len, group.len};
	if (group.len > 0)
		memcpy(f->text + subject.len, group.at, group.len);
	list_init(&f->queues);
	list_init(&f->waiting);
	list_push_back(&fs->all, &f->in_feeds);
	fs->n++;
	return f;
}

struct core_feed *core_feeds_add(struct core_feeds *fs, struct span subject,
				 struct span group)
{
	uint32_t hash;
	struct core_feed *f;

	if (group.len > 0)
		return new_feed(fs, subject, group);
	hash = hash_table_hash(&fs->by_subject, subject.at, subject.len);
	f = find_shared(fs, subject, hash);
	if (f != NULL)
		return f;
	f = new_feed(fs, subject, group);
	if (f != NULL)
		hash_table_add(&fs->by_subject, &f->in_table, hash);
	return f;
}

/* ---- at the server ------------------------------------------------------- */

static uint64_t id_of_feed(const struct core_feed *f)
{
	return PUBLISHER_SUBSCRIPTION | f->number;
}

/* An event with the old id finds nothing. */
static void forget_number(struct core_feeds *fs, struct core_feed *f)
{
	if (f->number != 0)
		registry_remove(&fs->numbers, f->number);
	f->number = 0;
}

struct core_feed *core_feeds_find(const struct core_feeds *fs, uint64_t id)
{
	return (id & PUBLISHER_SUBSCRIPTION) == 0
		       ? NULL
		       : registry_find(&fs->numbers,
				       id & ~PUBLISHER_SUBSCRIPTION);
}

static void set_retry(struct core_feeds *fs, uint64_t now_ms)
{
	if (fs->retry_ms == UINT64_MAX)
		fs->retry_ms = now_ms + RETRY_MS;
}

int core_feeds_subscribe(struct core_feeds *fs, struct core_feed *f,
			 uint64_t now_ms)
{
	int rc = registry_add(&fs->numbers, f, &f->number);

	MUST(f->state == CORE_FEED_AWAY);
	if (rc == 0)
		rc = fs->publisher->ops->subscribe(fs->publisher, id_of_feed(f),
						   f->subject, f->group);
	if (rc == 0) {
		f->state = CORE_FEED_OPENING;
		return 0;
	}
	forget_number(fs, f);
	set_retry(fs, now_ms);
	return rc;
}

void core_feeds_lose(struct core_feeds *fs, struct core_feed *f)
{
	f->is_gap_due |= f->state == CORE_FEED_ACTIVE;
	f->state = CORE_FEED_AWAY;
	forget_number(fs, f);
}

void core_feeds_fail(struct core_feeds *fs, struct core_feed *f,
		     uint64_t now_ms)
{
	core_feeds_lose(fs, f);
	set_retry(fs, now_ms);
}

void core_feeds_remove(struct core_feeds *fs, struct core_feed *f)
{
	MUST(list_empty(&f->queues) && list_empty(&f->waiting));
	if (f->number != 0)
		fs->publisher->ops->unsubscribe(fs->publisher, id_of_feed(f));
	forget_number(fs, f);
	list_remove(&f->in_feeds);
	if (f->group.len == 0)
		hash_table_remove(&fs->by_subject, &f->in_table);
	fs->n--;
	free(f);
}
