/* Memory: 5/8 for bytes, 2/8 for headers, 1/8 for the entries of subjects
 * without watchers (the others are accounted to their subscriptions). Rings are
 * only touched as they fill, so a quiet gateway is small. The byte ring never
 * cuts a frame: one that does not fit before the ring's end goes to its start.
 */
#include "delivery/event_buffer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/check.h"

enum {
	EVENT_BUFFER_MEMORY_MIN = 64,
	EVENT_BUFFER_BUCKETS_MIN = 256,
	EVENT_BUFFER_ENTRY_COST =
		sizeof(struct buffer_subject) + 16, /* and its name */
};

struct event_buffer {
	uint8_t *bytes;
	size_t bytes_cap;
	size_t write;	   /* position of the next byte */
	size_t bytes_used; /* of frames */

	struct buffer_frame *frames;
	size_t frames_cap;
	uint64_t first; /* number of the oldest frame */
	uint64_t next;	/* number of the next frame; empty: first == next */

	struct buffer_subject **buckets;
	size_t n_buckets; /* a power of two */
	size_t n_subjects;
	size_t idle_bytes; /* entries without watchers */
	size_t idle_cap;

	struct selection_index selections;

	uint64_t last_seq;
	uint64_t floor;
	unsigned char key[crypto_shorthash_KEYBYTES];
};

int event_buffer_new(struct event_buffer **ret, size_t memory)
{
	struct event_buffer *b = calloc(1, sizeof(*b));

	if (b == NULL)
		return -ENOMEM;
	if (memory < EVENT_BUFFER_MEMORY_MIN)
		memory = EVENT_BUFFER_MEMORY_MIN;
	b->bytes_cap = memory / 8 * 5;
	b->frames_cap = memory / 4 / sizeof(struct buffer_frame) + 1;
	if (b->frames_cap > UINT32_MAX) /* their distances are 32 bits */
		b->frames_cap = UINT32_MAX;
	b->idle_cap = memory / 8;
	b->n_buckets = EVENT_BUFFER_BUCKETS_MIN;
	b->bytes = malloc(b->bytes_cap);
	b->frames = malloc(b->frames_cap * sizeof(*b->frames));
	b->buckets = calloc(b->n_buckets, sizeof(struct buffer_subject *));
	b->first = b->next = 1;
	crypto_shorthash_keygen(b->key);
	if (selection_index_init(&b->selections, b->frames_cap) < 0 ||
	    b->bytes == NULL || b->frames == NULL || b->buckets == NULL) {
		event_buffer_free(b);
		return -ENOMEM;
	}
	*ret = b;
	return 0;
}

void event_buffer_free(struct event_buffer *b)
{
	if (b == NULL)
		return;
	if (b->buckets != NULL)
		event_buffer_reset(b, 0);
	MUST(b->n_subjects == 0);
	selection_index_finish(&b->selections);
	free(b->bytes);
	free(b->frames);
	free(b->buckets);
	free(b);
}

uint64_t event_buffer_last_seq(const struct event_buffer *b)
{
	return b->last_seq;
}

uint64_t event_buffer_floor(const struct event_buffer *b)
{
	return b->floor;
}

size_t event_buffer_bytes(const struct event_buffer *b)
{
	return b->bytes_used;
}

size_t event_buffer_count(const struct event_buffer *b)
{
	return (size_t)(b->next - b->first);
}

uint64_t event_buffer_first(const struct event_buffer *b)
{
	return b->first;
}

uint64_t event_buffer_oldest_ns(const struct event_buffer *b)
{
	return event_buffer_count(b) == 0
		       ? 0
		       : b->frames[b->first % b->frames_cap].time_ns;
}

bool event_buffer_has(const struct event_buffer *b, uint64_t number)
{
	return number >= b->first && number < b->next;
}

static struct buffer_frame *frame_slot_at(const struct event_buffer *b,
					  uint64_t number)
{
	return &b->frames[number % b->frames_cap];
}

const struct buffer_frame *event_buffer_frame(const struct event_buffer *b,
					      uint64_t number)
{
	MUST(event_buffer_has(b, number));
	return frame_slot_at(b, number);
}

const uint8_t *event_buffer_frame_bytes(const struct event_buffer *b,
					const struct buffer_frame *f)
{
	return b->bytes + f->pos;
}

void event_buffer_frame_payload(const struct event_buffer *b,
				const struct buffer_frame *f,
				struct sse_payload *ret, uint8_t *room)
{
	const uint8_t *chunk = event_buffer_frame_bytes(b, f);

	sse_decode(ret, chunk + f->size_line_len,
		   f->len - f->size_line_len - SSE_CHUNK_TAIL,
		   f->kept ? chunk + f->len : NULL, room);
}

uint64_t event_buffer_quarter(const struct event_buffer *b)
{
	size_t n = event_buffer_count(b);

	return n == 0 ? b->last_seq : frame_slot_at(b, b->first + n / 4)->seq;
}

/* ---- the subject index --------------------------------------------------- */

static uint32_t hash_subject(const struct event_buffer *b, const char *subject,
			     size_t len)
{
	unsigned char out[crypto_shorthash_BYTES];
	uint32_t h;

	crypto_shorthash(out, (const unsigned char *)subject, len, b->key);
	memcpy(&h, out, sizeof(h));
	return h;
}

static size_t subject_entry_cost(const struct buffer_subject *s)
{
	return EVENT_BUFFER_ENTRY_COST + s->len;
}

static struct buffer_subject *find_subject_entry(const struct event_buffer *b,
						 uint32_t hash,
						 const char *subject,
						 size_t len)
{
	struct buffer_subject *s = b->buckets[hash & (b->n_buckets - 1)];

	while (s != NULL && (s->hash != hash || s->len != len ||
			     memcmp(s->name, subject, len) != 0))
		s = s->next;
	return s;
}

const struct buffer_subject *event_buffer_find(const struct event_buffer *b,
					       const char *subject, size_t len)
{
	return find_subject_entry(b, hash_subject(b, subject, len), subject,
				  len);
}

/* Without memory to grow, lookups get slower. */
static void grow_buckets(struct event_buffer *b)
{
	size_t n = b->n_buckets * 2;
	struct buffer_subject **grown =
		calloc(n, sizeof(struct buffer_subject *));

	if (grown == NULL)
		return;
	for (size_t i = 0; i < b->n_buckets; i++) {
		struct buffer_subject *s = b->buckets[i];

		while (s != NULL) {
			struct buffer_subject *next = s->next;

			s->next = grown[s->hash & (n - 1)];
			grown[s->hash & (n - 1)] = s;
			s = next;
		}
	}
	free(b->buckets);
	b->buckets = grown;
	b->n_buckets = n;
}

/* A new entry, without watchers. */
static struct buffer_subject *new_subject_entry(struct event_buffer *b,
						uint32_t hash,
						const char *subject, size_t len)
{
	struct buffer_subject *s;
	struct buffer_subject **bucket;

	if (len > UINT16_MAX)
		return NULL;
	s = malloc(sizeof(*s) + len + 1);
	if (s == NULL)
		return NULL;
	if (b->n_subjects >= b->n_buckets)
		grow_buckets(b);
	bucket = &b->buckets[hash & (b->n_buckets - 1)];
	memset(s, 0, sizeof(*s));
	list_init(&s->watchers);
	s->hash = hash;
	s->len = (uint16_t)len;
	memcpy(s->name, subject, len);
	s->name[len] = '\0';
	s->next = *bucket;
	*bucket = s;
	b->n_subjects++;
	b->idle_bytes += subject_entry_cost(s);
	return s;
}

/* Frees the entry of a subject that has neither frames nor watchers. */
static void drop_subject_entry(struct event_buffer *b, struct buffer_subject *s)
{
	struct buffer_subject **p = &b->buckets[s->hash & (b->n_buckets - 1)];

	if (s->first != 0 || !list_empty(&s->watchers))
		return;
	while (*p != s)
		p = &(*p)->next;
	*p = s->next;
	b->n_subjects--;
	b->idle_bytes -= subject_entry_cost(s);
	free(s);
}

struct buffer_subject *event_buffer_watch(struct event_buffer *b,
					  const char *subject, size_t len,
					  struct list *node)
{
	uint32_t hash = hash_subject(b, subject, len);
	struct buffer_subject *s = find_subject_entry(b, hash, subject, len);

	if (s == NULL)
		s = new_subject_entry(b, hash, subject, len);
	if (s == NULL)
		return NULL;
	if (list_empty(&s->watchers))
		b->idle_bytes -= subject_entry_cost(s);
	list_push_back(&s->watchers, node);
	s->n_watchers++;
	return s;
}

void event_buffer_unwatch(struct event_buffer *b, struct buffer_subject *s,
			  struct list *node)
{
	list_remove(node);
	s->n_watchers--;
	if (!list_empty(&s->watchers))
		return;
	b->idle_bytes += subject_entry_cost(s);
	drop_subject_entry(b, s);
}

void event_buffer_each_watcher(const struct event_buffer *b,
			       void (*fn)(struct list *node, void *arg),
			       void *arg)
{
	for (size_t i = 0; i < b->n_buckets; i++) {
		struct buffer_subject *s = b->buckets[i];

		for (; s != NULL; s = s->next) {
			struct list *n = s->watchers.next;

			for (; n != &s->watchers; n = n->next)
				fn(n, arg);
		}
	}
	selection_index_each_watcher(&b->selections, fn, arg);
}

struct selection *event_buffer_select(struct event_buffer *b,
				      const struct rights_selection *what,
				      struct list *node)
{
	return selection_index_watch(&b->selections, what, node, b->next);
}

void event_buffer_unselect(struct event_buffer *b, struct selection *s,
			   struct list *node)
{
	selection_index_unwatch(&b->selections, s, node);
}

struct selection *event_buffer_take_touched(struct event_buffer *b)
{
	return selection_index_take_touched(&b->selections);
}

/* ---- the rings ----------------------------------------------------------- */

static void evict_oldest_frame(struct event_buffer *b)
{
	struct buffer_frame *f = frame_slot_at(b, b->first);
	struct buffer_subject *s = f->subject;

	MUST(s->first == b->first);
	b->first++;
	b->floor = f->seq;
	b->bytes_used -= f->len;
	s->first = f->next;
	if (s->first == 0)
		s->last = 0;
	drop_subject_entry(b, s);
}

void event_buffer_reset(struct event_buffer *b, uint64_t last_seq)
{
	while (b->first != b->next)
		evict_oldest_frame(b);
	b->write = 0;
	b->last_seq = b->floor = last_seq;
}

void event_buffer_drop(struct event_buffer *b, uint64_t seq)
{
	if (seq > b->last_seq)
		seq = b->last_seq;
	while (b->first != b->next && frame_slot_at(b, b->first)->seq <= seq)
		evict_oldest_frame(b);
	if (b->floor < seq)
		b->floor = seq;
}

void event_buffer_skip(struct event_buffer *b, uint64_t seq)
{
	MUST(seq > b->last_seq);
	b->last_seq = seq;
}

/* Position of `len` free bytes in one piece, or -1. The write position meets
 * the oldest frame's only when the ring is empty. */
static int64_t fits_frame(const struct event_buffer *b, size_t len)
{
	size_t start;

	if (b->first == b->next)
		return len <= b->bytes_cap ? 0 : -1;
	start = (size_t)frame_slot_at(b, b->first)->pos;
	if (b->write > start) {
		if (len <= b->bytes_cap - b->write)
			return (int64_t)b->write;
		return len < start ? 0 : -1;
	}
	return len < start - b->write ? (int64_t)b->write : -1;
}

/* Evicts until the frame fits. False: it is too big for the ring. */
static bool make_frame_room(struct event_buffer *b, size_t len, size_t *pos)
{
	int64_t place;

	if (len > b->bytes_cap)
		return false;
	while (event_buffer_count(b) >= b->frames_cap)
		evict_oldest_frame(b);
	while ((place = fits_frame(b, len)) < 0)
		evict_oldest_frame(b);
	*pos = (size_t)place;
	return true;
}

/* The entry for a frame. Evicts while the index exceeds its share of the
 * memory.
 */
static struct buffer_subject *find_or_add_subject(struct event_buffer *b,
						  const char *subject,
						  size_t len)
{
	uint32_t hash = hash_subject(b, subject, len);
	struct buffer_subject *s = find_subject_entry(b, hash, subject, len);

	if (s != NULL)
		return s;
	while (b->idle_bytes + EVENT_BUFFER_ENTRY_COST + len > b->idle_cap &&
	       b->first != b->next)
		evict_oldest_frame(b);
	return new_subject_entry(b, hash, subject, len);
}

/* The frame `distance` before number `n`; 0: none, or evicted. */
static uint64_t frame_before(const struct event_buffer *b, uint64_t n,
			     uint32_t distance)
{
	return distance > 0 && n - distance >= b->first ? n - distance : 0;
}

/* Each frame knows the previous one and one further back, so that any is found
 * in O(log n) steps (Myers, "An applicative random-access stack", 1983): two
 * consecutive jumps of one rank make one of the next rank. */
static void link_back(const struct event_buffer *b, uint64_t n, uint64_t prev)
{
	struct buffer_frame *f = frame_slot_at(b, n);
	const struct buffer_frame *p = frame_slot_at(b, prev);
	uint64_t over = frame_before(b, prev, p->jump), far = 0;

	f->back = f->jump = (uint32_t)(n - prev);
	f->rank = 0;
	if (over != 0 && frame_slot_at(b, over)->rank == p->rank)
		far = frame_before(b, over, frame_slot_at(b, over)->jump);
	if (far == 0)
		return;
	f->jump = (uint32_t)(n - far);
	f->rank = p->rank + 1;
}

struct buffer_subject *event_buffer_append(struct event_buffer *b,
					   const char *subject, size_t len,
					   const struct sse_frame *f,
					   uint64_t time_ns)
{
	struct buffer_subject *s = NULL;
	struct buffer_frame *n;
	size_t pos;

	MUST(f->seq > b->last_seq);
	if (make_frame_room(b, f->total + f->kept, &pos))
		s = find_or_add_subject(b, subject, len);
	if (s == NULL) {
		event_buffer_reset(b, f->seq);
		selection_index_match(&b->selections,
				      (struct span){subject, len}, f->seq, 0,
				      b->first);
		s = find_subject_entry(b, hash_subject(b, subject, len),
				       subject, len);
		return s != NULL && !list_empty(&s->watchers) ? s : NULL;
	}
	n = frame_slot_at(b, b->next);
	n->seq = f->seq;
	n->time_ns = time_ns;
	n->pos = pos;
	n->next = 0;
	n->back = n->jump = 0;
	n->rank = 0;
	n->subject = s;
	n->len = (uint32_t)f->total;
	n->size_line_len = (uint16_t)f->size_line_len;
	n->kept = f->kept > 0;
	sse_encode(f, b->bytes + pos);
	if (n->kept)
		sse_keep(f, b->bytes + pos + f->total);
	if (s->last != 0) {
		frame_slot_at(b, s->last)->next = b->next;
		link_back(b, b->next, s->last);
	} else {
		s->first = b->next;
	}
	selection_index_match(&b->selections, (struct span){subject, len},
			      f->seq, b->next, b->first);
	s->last = b->next++;
	b->write = pos + f->total + f->kept;
	b->bytes_used += f->total;
	b->last_seq = f->seq;
	return list_empty(&s->watchers) ? NULL : s;
}

uint64_t event_buffer_number_after(const struct event_buffer *b,
				   uint64_t covered)
{
	uint64_t low = b->first, high = b->next;

	while (low < high) {
		uint64_t middle = low + (high - low) / 2;

		if (frame_slot_at(b, middle)->seq <= covered)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

uint64_t event_buffer_search(const struct event_buffer *b,
			     const struct buffer_subject *s, uint64_t covered,
			     unsigned *steps)
{
	uint64_t n = s->last, to;
	unsigned looked = 0;

	while (n != 0 && frame_slot_at(b, n)->seq > covered) {
		const struct buffer_frame *f = frame_slot_at(b, n);

		looked += 2;
		to = frame_before(b, n, f->jump);
		if (to == 0 || frame_slot_at(b, to)->seq <= covered)
			to = frame_before(b, n, f->back);
		if (to == 0 || frame_slot_at(b, to)->seq <= covered)
			break;
		n = to;
	}
	if (steps != NULL)
		*steps += looked;
	return n != 0 && frame_slot_at(b, n)->seq > covered ? n : 0;
}

uint64_t event_buffer_next(const struct event_buffer *b,
			   const struct buffer_subject *s, uint64_t covered,
			   uint64_t at)
{
	uint64_t n;

	if (s->last == 0 || frame_slot_at(b, s->last)->seq <= covered)
		return 0;
	if (event_buffer_has(b, at)) {
		n = frame_slot_at(b, at)->next;
		if (n != 0 && frame_slot_at(b, n)->seq > covered)
			return n;
	}
	return event_buffer_search(b, s, covered, NULL);
}

/* ---- invariants ---------------------------------------------------------- */

static const char *check_frame(const struct event_buffer *b, uint64_t number,
			       uint64_t before_seq)
{
	const struct buffer_frame *f = frame_slot_at(b, number);

	if (f->seq <= before_seq || f->seq > b->last_seq)
		return "frames are out of order";
	if (f->pos + f->len > b->bytes_cap)
		return "a frame is cut by the ring's end";
	if (f->next != 0 && (f->next <= number || f->next >= b->next ||
			     frame_slot_at(b, f->next)->subject != f->subject))
		return "the next frame is not of the same subject";
	if ((f->next == 0) != (f->subject->last == number))
		return "a subject's last frame is not its last";
	return NULL;
}

const char *event_buffer_check(const struct event_buffer *b)
{
	uint64_t seq = b->floor;
	size_t bytes = 0;
	const char *broken = NULL;

	if (b->floor > b->last_seq)
		return "the floor is above the last sequence";
	if (event_buffer_count(b) > b->frames_cap)
		return "more frames than headers";
	for (uint64_t n = b->first; n < b->next && broken == NULL; n++) {
		broken = check_frame(b, n, seq);
		seq = frame_slot_at(b, n)->seq;
		bytes += frame_slot_at(b, n)->len;
	}
	if (broken == NULL && bytes != b->bytes_used)
		return "bytes_used is not the sum of the frames";
	return broken;
}
