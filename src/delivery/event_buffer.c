/* Where the memory goes: 5/8 for bytes, 2/8 for headers, 1/8 for the entries of
 * subjects that nobody watches (those of watched ones belong to the streams
 * that watch). Rings are only touched as they fill, so a quiet gateway is
 * small. The byte ring never cuts a frame: one that does not fit before the
 * ring's end goes to its beginning. */
#include "delivery/event_buffer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/check.h"

enum {
	LOG_MEMORY_MIN = 64,
	LOG_BUCKETS_MIN = 256,
	LOG_ENTRY_COST = sizeof(struct log_subject) + 16, /* and its name */
};

struct log {
	uint8_t *bytes;
	size_t bytes_cap;
	size_t write;	   /* place of the next byte */
	size_t bytes_used; /* of frames */

	struct log_frame *frames;
	size_t frames_cap;
	uint64_t first; /* number of the oldest frame */
	uint64_t next;	/* number of the next frame; empty: first == next */

	struct log_subject **buckets;
	size_t n_buckets; /* a power of two */
	size_t n_subjects;
	size_t idle_bytes; /* entries without watchers */
	size_t idle_cap;

	uint64_t head;
	uint64_t floor;
	unsigned char key[crypto_shorthash_KEYBYTES];
};

int log_new(struct log **ret, size_t memory)
{
	struct log *l = calloc(1, sizeof(*l));

	if (l == NULL)
		return -ENOMEM;
	if (memory < LOG_MEMORY_MIN)
		memory = LOG_MEMORY_MIN;
	l->bytes_cap = memory / 8 * 5;
	l->frames_cap = memory / 4 / sizeof(struct log_frame) + 1;
	if (l->frames_cap > UINT32_MAX) /* their distances are 32 bits */
		l->frames_cap = UINT32_MAX;
	l->idle_cap = memory / 8;
	l->n_buckets = LOG_BUCKETS_MIN;
	l->bytes = malloc(l->bytes_cap);
	l->frames = malloc(l->frames_cap * sizeof(*l->frames));
	l->buckets = calloc(l->n_buckets, sizeof(struct log_subject *));
	l->first = l->next = 1;
	crypto_shorthash_keygen(l->key);
	if (l->bytes == NULL || l->frames == NULL || l->buckets == NULL) {
		log_free(l);
		return -ENOMEM;
	}
	*ret = l;
	return 0;
}

void log_free(struct log *l)
{
	if (l == NULL)
		return;
	if (l->buckets != NULL)
		log_reset(l, 0);
	MUST(l->n_subjects == 0);
	free(l->bytes);
	free(l->frames);
	free(l->buckets);
	free(l);
}

uint64_t log_head(const struct log *l)
{
	return l->head;
}

uint64_t log_floor(const struct log *l)
{
	return l->floor;
}

size_t log_bytes(const struct log *l)
{
	return l->bytes_used;
}

size_t log_count(const struct log *l)
{
	return (size_t)(l->next - l->first);
}

uint64_t log_first(const struct log *l)
{
	return l->first;
}

uint64_t log_oldest_ns(const struct log *l)
{
	return log_count(l) == 0 ? 0
				 : l->frames[l->first % l->frames_cap].time_ns;
}

bool log_has(const struct log *l, uint64_t number)
{
	return number >= l->first && number < l->next;
}

static struct log_frame *frame_at(const struct log *l, uint64_t number)
{
	return &l->frames[number % l->frames_cap];
}

const struct log_frame *log_frame(const struct log *l, uint64_t number)
{
	MUST(log_has(l, number));
	return frame_at(l, number);
}

const uint8_t *log_frame_bytes(const struct log *l, const struct log_frame *f)
{
	return l->bytes + f->pos;
}

void log_frame_payload(const struct log *l, const struct log_frame *f,
		       struct sse_payload *ret, uint8_t *room)
{
	const uint8_t *chunk = log_frame_bytes(l, f);

	sse_decode(ret, chunk + f->head_len,
		   f->len - f->head_len - SSE_CHUNK_TAIL,
		   f->kept ? chunk + f->len : NULL, room);
}

uint64_t log_quarter(const struct log *l)
{
	size_t n = log_count(l);

	return n == 0 ? l->head : frame_at(l, l->first + n / 4)->seq;
}

/* ---- the subject index --------------------------------------------------- */

static uint32_t hash_of(const struct log *l, const char *subject, size_t len)
{
	unsigned char out[crypto_shorthash_BYTES];
	uint32_t h;

	crypto_shorthash(out, (const unsigned char *)subject, len, l->key);
	memcpy(&h, out, sizeof(h));
	return h;
}

static size_t cost_of(const struct log_subject *s)
{
	return LOG_ENTRY_COST + s->len;
}

static struct log_subject *find(const struct log *l, uint32_t hash,
				const char *subject, size_t len)
{
	struct log_subject *s = l->buckets[hash & (l->n_buckets - 1)];

	while (s != NULL && (s->hash != hash || s->len != len ||
			     memcmp(s->name, subject, len) != 0))
		s = s->next;
	return s;
}

const struct log_subject *log_find(const struct log *l, const char *subject,
				   size_t len)
{
	return find(l, hash_of(l, subject, len), subject, len);
}

/* Failing to grow costs time, not correctness. */
static void grow_buckets(struct log *l)
{
	size_t n = l->n_buckets * 2;
	struct log_subject **b = calloc(n, sizeof(struct log_subject *));

	if (b == NULL)
		return;
	for (size_t i = 0; i < l->n_buckets; i++) {
		struct log_subject *s = l->buckets[i];

		while (s != NULL) {
			struct log_subject *next = s->next;

			s->next = b[s->hash & (n - 1)];
			b[s->hash & (n - 1)] = s;
			s = next;
		}
	}
	free(l->buckets);
	l->buckets = b;
	l->n_buckets = n;
}

/* A new entry, without watchers. */
static struct log_subject *entry_new(struct log *l, uint32_t hash,
				     const char *subject, size_t len)
{
	struct log_subject *s;
	struct log_subject **bucket;

	if (len >= SUBJECT_MAX)
		return NULL;
	s = malloc(sizeof(*s) + len + 1);
	if (s == NULL)
		return NULL;
	if (l->n_subjects >= l->n_buckets)
		grow_buckets(l);
	bucket = &l->buckets[hash & (l->n_buckets - 1)];
	memset(s, 0, sizeof(*s));
	list_init(&s->watchers);
	s->hash = hash;
	s->len = (uint16_t)len;
	memcpy(s->name, subject, len);
	s->name[len] = '\0';
	s->next = *bucket;
	*bucket = s;
	l->n_subjects++;
	l->idle_bytes += cost_of(s);
	return s;
}

/* Frees the entry of a subject that has neither frames nor watchers. */
static void entry_drop(struct log *l, struct log_subject *s)
{
	struct log_subject **p = &l->buckets[s->hash & (l->n_buckets - 1)];

	if (s->first != 0 || !list_empty(&s->watchers))
		return;
	while (*p != s)
		p = &(*p)->next;
	*p = s->next;
	l->n_subjects--;
	l->idle_bytes -= cost_of(s);
	free(s);
}

struct log_subject *log_watch(struct log *l, const char *subject, size_t len,
			      struct list *node)
{
	uint32_t hash = hash_of(l, subject, len);
	struct log_subject *s = find(l, hash, subject, len);

	if (s == NULL)
		s = entry_new(l, hash, subject, len);
	if (s == NULL)
		return NULL;
	if (list_empty(&s->watchers))
		l->idle_bytes -= cost_of(s);
	list_push_back(&s->watchers, node);
	s->n_watchers++;
	return s;
}

void log_unwatch(struct log *l, struct log_subject *s, struct list *node)
{
	list_remove(node);
	s->n_watchers--;
	if (!list_empty(&s->watchers))
		return;
	l->idle_bytes += cost_of(s);
	entry_drop(l, s);
}

void log_each_watcher(struct log *l, void (*fn)(struct list *node, void *arg),
		      void *arg)
{
	for (size_t i = 0; i < l->n_buckets; i++) {
		struct log_subject *s = l->buckets[i];

		for (; s != NULL; s = s->next) {
			struct list *n = s->watchers.next;

			for (; n != &s->watchers; n = n->next)
				fn(n, arg);
		}
	}
}

/* ---- the rings ----------------------------------------------------------- */

static void evict(struct log *l)
{
	struct log_frame *f = frame_at(l, l->first);
	struct log_subject *s = f->subject;

	MUST(s->first == l->first);
	l->first++;
	l->floor = f->seq;
	l->bytes_used -= f->len;
	s->first = f->next;
	if (s->first == 0)
		s->last = 0;
	entry_drop(l, s);
}

void log_reset(struct log *l, uint64_t head)
{
	while (l->first != l->next)
		evict(l);
	l->write = 0;
	l->head = l->floor = head;
}

void log_drop(struct log *l, uint64_t seq)
{
	if (seq > l->head)
		seq = l->head;
	while (l->first != l->next && frame_at(l, l->first)->seq <= seq)
		evict(l);
	if (l->floor < seq)
		l->floor = seq;
}

void log_pass(struct log *l, uint64_t seq)
{
	MUST(seq > l->head);
	l->head = seq;
}

/* Room for `len` bytes in one piece without evicting: its place, or -1. The
 * write place meets the oldest frame's only when the ring is empty. */
static int64_t room_for(const struct log *l, size_t len)
{
	size_t start;

	if (l->first == l->next)
		return len <= l->bytes_cap ? 0 : -1;
	start = (size_t)frame_at(l, l->first)->pos;
	if (l->write > start) {
		if (len <= l->bytes_cap - l->write)
			return (int64_t)l->write;
		return len < start ? 0 : -1;
	}
	return len < start - l->write ? (int64_t)l->write : -1;
}

/* Evicts until the frame fits. False: it never will. */
static bool make_room(struct log *l, size_t len, size_t *pos)
{
	int64_t place;

	if (len > l->bytes_cap)
		return false;
	while (log_count(l) >= l->frames_cap)
		evict(l);
	while ((place = room_for(l, len)) < 0)
		evict(l);
	*pos = (size_t)place;
	return true;
}

/* The entry for a frame; the index's share of the memory is held here. */
static struct log_subject *entry_for(struct log *l, const char *subject,
				     size_t len)
{
	uint32_t hash = hash_of(l, subject, len);
	struct log_subject *s = find(l, hash, subject, len);

	if (s != NULL)
		return s;
	while (l->idle_bytes + LOG_ENTRY_COST + len > l->idle_cap &&
	       l->first != l->next)
		evict(l);
	return entry_new(l, hash, subject, len);
}

/* The frame `distance` before number `n`; 0: there is none, or it is gone. */
static uint64_t frame_before(const struct log *l, uint64_t n, uint32_t distance)
{
	return distance > 0 && n - distance >= l->first ? n - distance : 0;
}

/* Each frame knows the one before it and one further back, so that any is found
 * in O(log n) steps (Myers, "An applicative random-access stack", 1983): two
 * jumps of one rank that follow each other make one of the next rank. */
static void link_back(const struct log *l, uint64_t n, uint64_t prev)
{
	struct log_frame *f = frame_at(l, n);
	const struct log_frame *p = frame_at(l, prev);
	uint64_t over = frame_before(l, prev, p->jump), far = 0;

	f->back = f->jump = (uint32_t)(n - prev);
	f->rank = 0;
	if (over != 0 && frame_at(l, over)->rank == p->rank)
		far = frame_before(l, over, frame_at(l, over)->jump);
	if (far == 0)
		return;
	f->jump = (uint32_t)(n - far);
	f->rank = p->rank + 1;
}

struct log_subject *log_append(struct log *l, const char *subject, size_t len,
			       const struct sse_frame *f, uint64_t time_ns)
{
	struct log_subject *s = NULL;
	struct log_frame *n;
	size_t pos;

	MUST(f->seq > l->head);
	if (make_room(l, f->total + f->kept, &pos))
		s = entry_for(l, subject, len);
	if (s == NULL) {
		log_reset(l, f->seq);
		s = find(l, hash_of(l, subject, len), subject, len);
		return s != NULL && !list_empty(&s->watchers) ? s : NULL;
	}
	n = frame_at(l, l->next);
	n->seq = f->seq;
	n->time_ns = time_ns;
	n->pos = pos;
	n->next = 0;
	n->back = n->jump = 0;
	n->rank = 0;
	n->subject = s;
	n->len = (uint32_t)f->total;
	n->head_len = (uint16_t)f->head_len;
	n->kept = f->kept > 0;
	sse_encode(f, l->bytes + pos);
	if (n->kept)
		sse_keep(f, l->bytes + pos + f->total);
	if (s->last != 0) {
		frame_at(l, s->last)->next = l->next;
		link_back(l, l->next, s->last);
	} else {
		s->first = l->next;
	}
	s->last = l->next++;
	l->write = pos + f->total + f->kept;
	l->bytes_used += f->total;
	l->head = f->seq;
	return list_empty(&s->watchers) ? NULL : s;
}

uint64_t log_search(const struct log *l, const struct log_subject *s,
		    uint64_t covered, unsigned *steps)
{
	uint64_t n = s->last, to;
	unsigned looked = 0;

	while (n != 0 && frame_at(l, n)->seq > covered) {
		const struct log_frame *f = frame_at(l, n);

		looked += 2;
		to = frame_before(l, n, f->jump);
		if (to == 0 || frame_at(l, to)->seq <= covered)
			to = frame_before(l, n, f->back);
		if (to == 0 || frame_at(l, to)->seq <= covered)
			break;
		n = to;
	}
	if (steps != NULL)
		*steps += looked;
	return n != 0 && frame_at(l, n)->seq > covered ? n : 0;
}

uint64_t log_next(const struct log *l, const struct log_subject *s,
		  uint64_t covered, uint64_t at)
{
	uint64_t n;

	if (s->last == 0 || frame_at(l, s->last)->seq <= covered)
		return 0;
	if (log_has(l, at)) {
		n = frame_at(l, at)->next;
		if (n != 0 && frame_at(l, n)->seq > covered)
			return n;
	}
	return log_search(l, s, covered, NULL);
}
