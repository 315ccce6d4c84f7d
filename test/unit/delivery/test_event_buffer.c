/* The buffer beside a naive model of it: every frame that was ever stored,
 * encoded again, in one array. The buffer must hold the newest of them, whole,
 * in order, chained by subject. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/check.h"
#include "delivery/event_buffer.h"

static const struct sse_tag tag = {"9f31c2"};

enum { MODEL_SUBJECTS = 7, MODEL_FRAMES = 4096 };

struct model_frame {
	uint64_t seq;
	uint64_t time_ns;
	int subject;
	uint8_t *bytes;
	size_t len, size_line_len;
};

struct model {
	struct event_buffer *buffer;
	size_t memory;
	struct model_frame frames[MODEL_FRAMES];
	size_t n;
	size_t from; /* the buffer has none of the frames before it */
	uint64_t head, floor;
	struct list watch[MODEL_SUBJECTS];
	struct buffer_subject *watched[MODEL_SUBJECTS];
};

static const char *name_of(int subject)
{
	static const char *const names[MODEL_SUBJECTS] = {
		"ev.a", "ev.b", "ev.c", "ev.dd", "ev.eee", "ev.f", "ev.gg",
	};

	return names[subject];
}

static void model_init(struct model *m, size_t memory)
{
	memset(m, 0, sizeof(*m));
	m->memory = memory;
	assert_int_equal(event_buffer_new(&m->buffer, memory), 0);
}

static void model_watch(struct model *m, int subject)
{
	m->watched[subject] = event_buffer_watch(m->buffer, name_of(subject),
						 strlen(name_of(subject)),
						 &m->watch[subject]);
	assert_non_null(m->watched[subject]);
}

static void model_unwatch(struct model *m, int subject)
{
	event_buffer_unwatch(m->buffer, m->watched[subject],
			     &m->watch[subject]);
	m->watched[subject] = NULL;
}

static void model_watch_all(struct model *m)
{
	for (int s = 0; s < MODEL_SUBJECTS; s++)
		model_watch(m, s);
}

static void model_finish(struct model *m)
{
	for (int s = 0; s < MODEL_SUBJECTS; s++)
		if (m->watched[s] != NULL)
			model_unwatch(m, s);
	for (size_t i = 0; i < m->n; i++)
		free(m->frames[i].bytes);
	event_buffer_free(m->buffer);
}

static size_t bytes_cap(const struct model *m)
{
	return m->memory / 8 * 5;
}

static size_t frames_cap(const struct model *m)
{
	return m->memory / 4 / sizeof(struct buffer_frame) + 1;
}

/* The subject's frames are a chain in both directions, and no other's. */
static void check_subject(const struct model *m, int subject)
{
	const struct buffer_subject *s =
		event_buffer_find(m->buffer, name_of(subject),
				  strlen(name_of(subject)));
	uint64_t number = s == NULL ? 0 : s->first, prev = 0;

	for (size_t i = m->from; i < m->n; i++) {
		const struct buffer_frame *f;

		if (m->frames[i].subject != subject)
			continue;
		assert_true(event_buffer_has(m->buffer, number));
		f = event_buffer_frame(m->buffer, number);
		assert_int_equal(f->seq, m->frames[i].seq);
		assert_ptr_equal(f->subject, s);
		if (prev != 0)
			assert_int_equal(number - f->back, prev);
		else
			assert_true(
				f->back == 0 ||
				!event_buffer_has(m->buffer, number - f->back));
		prev = number;
		number = f->next;
	}
	assert_int_equal(number, 0);
	assert_int_equal(s == NULL ? 0 : s->last, prev);
	if (m->watched[subject] != NULL)
		assert_ptr_equal(s, m->watched[subject]);
	else if (prev == 0)
		assert_null(s);
}

/* The number of the model's frame i. Numbers only grow, one by one. */
static uint64_t number_of(size_t i)
{
	return i + 1;
}

static void check(const struct model *m)
{
	const char *broken = event_buffer_check(m->buffer);
	size_t bytes = 0;

	if (broken != NULL)
		fail_msg("%s", broken);
	assert_int_equal(event_buffer_last_seq(m->buffer), m->head);
	assert_int_equal(event_buffer_floor(m->buffer), m->floor);
	assert_int_equal(event_buffer_count(m->buffer), m->n - m->from);
	assert_false(event_buffer_has(m->buffer, number_of(m->from) - 1));
	assert_false(event_buffer_has(m->buffer, number_of(m->n)));
	for (size_t i = m->from; i < m->n; i++) {
		const struct buffer_frame *f =
			event_buffer_frame(m->buffer, number_of(i));

		assert_int_equal(f->seq, m->frames[i].seq);
		assert_int_equal(f->time_ns, m->frames[i].time_ns);
		assert_int_equal(f->len, m->frames[i].len);
		assert_int_equal(f->size_line_len, m->frames[i].size_line_len);
		assert_memory_equal(event_buffer_frame_bytes(m->buffer, f),
				    m->frames[i].bytes, f->len);
		bytes += f->len;
	}
	assert_int_equal(event_buffer_bytes(m->buffer), bytes);
	for (int s = 0; s < MODEL_SUBJECTS; s++)
		check_subject(m, s);
}

/* Evicted frames must have been in the way: of the bytes (some are lost where a
 * frame does not fit before the ring's end), or of the headers. */
static void check_thrift(const struct model *m, size_t before)
{
	size_t held = 0, largest = 0;

	if (m->from == before)
		return;
	for (size_t i = m->from - 1; i < m->n; i++) {
		held += m->frames[i].len;
		if (m->frames[i].len > largest)
			largest = m->frames[i].len;
	}
	if (m->n - m->from == frames_cap(m))
		return;
	assert_true(held + largest > bytes_cap(m));
}

static void model_evict_to(struct model *m, size_t from)
{
	if (from == m->from)
		return;
	m->floor = m->frames[from - 1].seq;
	m->from = from;
}

/* Stores one frame in both; the buffer's count tells how many it evicted. */
static void model_put(struct model *m, int subject, uint64_t seq,
		      const void *data, size_t len)
{
	struct model_frame *f = &m->frames[m->n++];
	size_t before = m->from;
	struct buffer_subject *touched;
	struct sse_frame sse;

	assert_true(m->n < MODEL_FRAMES);
	sse_measure(&sse, data, len, seq, &tag);
	f->seq = m->head = seq;
	f->time_ns = seq * 1000;
	f->subject = subject;
	f->len = sse.total;
	f->size_line_len = sse.size_line_len;
	f->bytes = malloc(f->len);
	sse_encode(&sse, f->bytes);
	touched =
		event_buffer_append(m->buffer, name_of(subject),
				    strlen(name_of(subject)), &sse, f->time_ns);
	assert_ptr_equal(touched, m->watched[subject]);
	assert_in_range(event_buffer_count(m->buffer), 1, m->n - m->from);
	model_evict_to(m, m->n - event_buffer_count(m->buffer));
	if (m->watched[subject] != NULL) /* an entry for it costs nothing */
		check_thrift(m, before);
}

static uint64_t rnd(uint64_t *state, uint64_t below)
{
	uint64_t z = (*state += 0x9e3779b97f4a7c15ull);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return (z ^ (z >> 31)) % below;
}

/* ---- last_seq and floor -------------------------------------------------- */

static void empty_buffer_covers_nothing(void **state)
{
	struct model m;

	(void)state;
	model_init(&m, 4096);
	check(&m);
	assert_int_equal(event_buffer_quarter(m.buffer), 0);
	event_buffer_reset(m.buffer, 41);
	m.head = m.floor = 41;
	check(&m);
	assert_int_equal(event_buffer_quarter(m.buffer), 41);
	model_finish(&m);
}

static void passing_moves_the_last_seq_alone(void **state)
{
	struct model m;

	(void)state;
	model_init(&m, 4096);
	event_buffer_reset(m.buffer, 10);
	m.floor = 10;
	model_put(&m, 0, 12, "x", 1);
	event_buffer_skip(m.buffer, 15);
	m.head = 15;
	check(&m);
	model_put(&m, 0, 16, "y", 1);
	check(&m);
	model_finish(&m);
}

static void evicting_moves_the_floor_to_the_frame(void **state)
{
	struct model m;

	(void)state;
	model_init(&m, 1024);
	model_watch_all(&m);
	event_buffer_reset(m.buffer, 100);
	m.floor = 100;
	for (uint64_t seq = 105; m.from == 0; seq += 5) {
		assert_int_equal(event_buffer_floor(m.buffer), 100);
		model_put(&m, 0, seq, "payload", 7);
	}
	assert_int_equal(event_buffer_floor(m.buffer),
			 m.frames[m.from - 1].seq);
	check(&m);
	model_finish(&m);
}

static void reset_drops_all_and_keeps_watchers(void **state)
{
	struct model m;

	(void)state;
	model_init(&m, 4096);
	model_watch(&m, 2);
	for (uint64_t seq = 1; seq <= 9; seq++)
		model_put(&m, (int)seq % MODEL_SUBJECTS, seq, "abc", 3);
	event_buffer_reset(m.buffer, 500);
	m.head = m.floor = 500;
	m.from = m.n;
	check(&m);
	assert_int_equal(event_buffer_bytes(m.buffer), 0);
	/* Backwards, too: the stream was recreated. */
	event_buffer_reset(m.buffer, 3);
	m.head = m.floor = 3;
	model_put(&m, 2, 4, "d", 1);
	check(&m);
	model_finish(&m);
}

static void quarter_is_a_quarter_of_the_frames(void **state)
{
	struct model m;

	(void)state;
	model_init(&m, 1 << 16);
	for (uint64_t i = 0; i < 41; i++) {
		model_put(&m, 0, 10 + i * 3, "x", 1);
		assert_int_equal(event_buffer_quarter(m.buffer),
				 10 + (i + 1) / 4 * 3);
	}
	model_finish(&m);
}

/* ---- the byte ring ------------------------------------------------------- */

/* One frame of each size first, so that the ring's end comes at every place of
 * the ones behind it. */
static void wraps_at_every_position(void **state)
{
	char payload[200];

	(void)state;
	memset(payload, 'p', sizeof(payload));
	for (size_t lead = 0; lead < 120; lead++) {
		for (size_t len = 0; len < 40; len += 13) {
			struct model m;

			model_init(&m, 512);
			model_watch_all(&m);
			model_put(&m, 0, 1, payload, lead);
			for (uint64_t seq = 2; seq < 40; seq++) {
				model_put(&m, (int)(seq % 3), seq, payload,
					  len);
				check(&m);
			}
			assert_true(m.from > 0);
			model_finish(&m);
		}
	}
}

/* The payload of a frame of `total` bytes. */
static size_t payload_for(size_t total, uint64_t seq)
{
	struct sse_frame f;
	size_t len = total;
	char *payload = calloc(total, 1);

	do
		sse_measure(&f, payload, --len, seq, &tag);
	while (f.total > total);
	free(payload);
	return len;
}

static void frame_fills_the_ring_to_the_last_byte(void **state)
{
	struct model m;
	char payload[4096];
	size_t len;

	(void)state;
	memset(payload, 'p', sizeof(payload));
	model_init(&m, 4096);
	model_watch(&m, 0);
	model_put(&m, 0, 1, "x", 1);
	len = payload_for(bytes_cap(&m), 2);
	model_put(&m, 0, 2, payload, len);
	assert_int_equal(event_buffer_bytes(m.buffer), bytes_cap(&m));
	assert_int_equal(event_buffer_count(m.buffer), 1);
	assert_int_equal(event_buffer_floor(m.buffer), 1);
	check(&m);
	model_put(&m, 0, 3, "y", 1);
	assert_int_equal(event_buffer_count(m.buffer), 1);
	check(&m);
	model_finish(&m);
}

static void frame_too_big_empties_the_buffer(void **state)
{
	struct model m;
	struct sse_frame f;
	char payload[4096];
	size_t len;

	(void)state;
	memset(payload, 'p', sizeof(payload));
	model_init(&m, 4096);
	model_watch(&m, 0);
	model_put(&m, 0, 1, "x", 1);
	model_put(&m, 1, 2, "y", 1);
	len = payload_for(bytes_cap(&m), 7) + 1;
	sse_measure(&f, payload, len, 7, &tag);
	assert_int_equal(f.total, bytes_cap(&m) + 1);
	/* Watchers must learn that there is a message to fetch. */
	assert_ptr_equal(event_buffer_append(m.buffer, "ev.a", 4, &f, 1),
			 m.watched[0]);
	m.head = m.floor = 7;
	m.from = m.n;
	check(&m);
	f.seq = 8;
	assert_null(event_buffer_append(m.buffer, "ev.b", 4, &f, 1));
	assert_null(event_buffer_append(m.buffer, "ev.none", 7,
					&(struct sse_frame){.seq = 9,
							    .total = SIZE_MAX},
					1));
	assert_int_equal(event_buffer_last_seq(m.buffer), 9);
	assert_int_equal(event_buffer_floor(m.buffer), 9);
	model_finish(&m);
}

static void buffer_without_memory_still_works(void **state)
{
	struct model m;

	(void)state;
	for (size_t memory = 0; memory <= 64; memory += 16) {
		model_init(&m, memory);
		m.memory = 64;
		model_watch(&m, 0);
		for (uint64_t seq = 1; seq < 30; seq++) {
			model_put(&m, (int)seq % 2, seq, "x", 1);
			assert_int_equal(event_buffer_count(m.buffer), 1);
			check(&m);
		}
		model_finish(&m);
	}
	event_buffer_free(NULL);
}

static void headers_are_limited_too(void **state)
{
	struct model m;

	(void)state;
	model_init(&m, 8192);
	model_watch_all(&m);
	for (uint64_t seq = 1; seq < 300; seq++)
		model_put(&m, 0, seq, "", 0);
	assert_int_equal(event_buffer_count(m.buffer), frames_cap(&m));
	assert_true(event_buffer_bytes(m.buffer) < bytes_cap(&m) / 2);
	check(&m);
	model_finish(&m);
}

/* ---- the index ----------------------------------------------------------- */

static void entry_lives_as_long_as_frames_or_watchers(void **state)
{
	struct model m;
	struct list second = {0};

	(void)state;
	model_init(&m, 1024);
	assert_null(event_buffer_find(m.buffer, "ev.a", 4));
	model_watch(&m, 0);
	assert_ptr_equal(event_buffer_watch(m.buffer, "ev.a", 4, &second),
			 m.watched[0]);
	assert_string_equal(m.watched[0]->name, "ev.a");
	event_buffer_unwatch(m.buffer, m.watched[0], &second);
	assert_ptr_equal(event_buffer_find(m.buffer, "ev.a", 4), m.watched[0]);
	model_unwatch(&m, 0);
	assert_null(event_buffer_find(m.buffer, "ev.a", 4));

	model_put(&m, 0, 1, "x", 1);
	model_watch(&m, 0);
	model_unwatch(&m, 0);
	check_subject(&m, 0);
	/* The entry goes with its last frame. */
	model_watch(&m, 1);
	for (uint64_t seq = 2; m.from == 0; seq++)
		model_put(&m, 1, seq, "filling", 7);
	assert_null(event_buffer_find(m.buffer, "ev.a", 4));
	model_finish(&m);
}

static void subject_of_another_length_is_another(void **state)
{
	struct event_buffer *l;
	struct list a = {0}, b = {0};
	struct buffer_subject *sa, *sb;
	static char longest[UINT16_MAX + 2];

	(void)state;
	assert_int_equal(event_buffer_new(&l, 4096), 0);
	sa = event_buffer_watch(l, "ev.ab", 5, &a);
	sb = event_buffer_watch(l, "ev.ab", 4, &b);
	assert_ptr_not_equal(sa, sb);
	assert_string_equal(sb->name, "ev.a");
	event_buffer_unwatch(l, sa, &a);
	event_buffer_unwatch(l, sb, &b);
	memset(longest, 'x', sizeof(longest));
	assert_null(event_buffer_watch(l, longest, UINT16_MAX + 1, &a));
	sa = event_buffer_watch(l, longest, UINT16_MAX, &a);
	assert_int_equal(strlen(sa->name), UINT16_MAX);
	event_buffer_unwatch(l, sa, &a);
	event_buffer_free(l);
}

struct visits {
	struct list *base;
	size_t count[64];
};

static void visit(struct list *node, void *arg)
{
	struct visits *v = arg;

	v->count[node - v->base]++;
}

static void each_watcher_is_visited_once(void **state)
{
	struct list nodes[64] = {0};
	struct buffer_subject *subjects[64];
	struct visits v = {.base = nodes};
	struct event_buffer *l;

	(void)state;
	assert_int_equal(event_buffer_new(&l, 4096), 0);
	event_buffer_each_watcher(l, visit, &v);
	for (int i = 0; i < 64; i++) {
		char name[16];
		int len = snprintf(name, sizeof(name), "ev.%d", i / 3);

		subjects[i] =
			event_buffer_watch(l, name, (size_t)len, &nodes[i]);
	}
	event_buffer_unwatch(l, subjects[7], &nodes[7]);
	event_buffer_each_watcher(l, visit, &v);
	for (int i = 0; i < 64; i++) {
		assert_int_equal(v.count[i], i != 7);
		if (i != 7)
			event_buffer_unwatch(l, subjects[i], &nodes[i]);
	}
	event_buffer_free(l);
}

enum { MANY = 5000 };

/* More subjects than there are buckets at first: they share, and it grows. */
static void holds_thousands_of_subjects(void **state)
{
	static struct list nodes[MANY];
	static struct buffer_subject *subjects[MANY];
	struct event_buffer *l;
	char name[16];

	(void)state;
	assert_int_equal(event_buffer_new(&l, 4096), 0);
	for (int i = 0; i < MANY; i++) {
		snprintf(name, sizeof(name), "ev.%d", i);
		subjects[i] =
			event_buffer_watch(l, name, strlen(name), &nodes[i]);
	}
	for (int i = 0; i < MANY; i++) {
		snprintf(name, sizeof(name), "ev.%d", i);
		assert_ptr_equal(event_buffer_find(l, name, strlen(name)),
				 subjects[i]);
		assert_string_equal(subjects[i]->name, name);
	}
	assert_null(event_buffer_find(l, "ev.5000", 7));
	for (int i = 0; i < MANY; i += 2)
		event_buffer_unwatch(l, subjects[i], &nodes[i]);
	for (int i = 0; i < MANY; i++) {
		snprintf(name, sizeof(name), "ev.%d", i);
		assert_ptr_equal(event_buffer_find(l, name, strlen(name)),
				 i % 2 ? subjects[i] : NULL);
	}
	for (int i = 1; i < MANY; i += 2)
		event_buffer_unwatch(l, subjects[i], &nodes[i]);
	event_buffer_free(l);
}

static size_t put_many_subjects(struct event_buffer *l, int n)
{
	for (int i = 0; i < n; i++) {
		struct sse_frame f;
		char name[16];
		int len = snprintf(name, sizeof(name), "ev.%04d", i);

		sse_measure(&f, "", 0, event_buffer_last_seq(l) + 1, &tag);
		event_buffer_append(l, name, (size_t)len, &f, 1);
	}
	return event_buffer_count(l);
}

/* Entries of subjects without watchers have an eighth of the memory. */
static void idle_subjects_have_their_share(void **state)
{
	enum { MEMORY = 1 << 16, N = 2000 };
	static struct list nodes[N];
	static struct buffer_subject *subjects[N];
	size_t cost = sizeof(struct buffer_subject) + 16 + 7, n;
	struct event_buffer *l;

	(void)state;
	assert_int_equal(event_buffer_new(&l, MEMORY), 0);
	n = put_many_subjects(l, N);
	assert_int_equal(n, MEMORY / 8 / cost);
	assert_int_equal(event_buffer_floor(l), N - n);
	/* Entries with watchers are accounted to their subscriptions. */
	for (int i = 0; i < N; i++) {
		char name[16];
		int len = snprintf(name, sizeof(name), "ev.%04d", i);

		subjects[i] =
			event_buffer_watch(l, name, (size_t)len, &nodes[i]);
	}
	assert_int_equal(put_many_subjects(l, N),
			 MEMORY / 4 / sizeof(struct buffer_frame) + 1);
	for (int i = 0; i < N; i++)
		event_buffer_unwatch(l, subjects[i], &nodes[i]);
	assert_int_equal(put_many_subjects(l, N), MEMORY / 8 / cost);
	event_buffer_free(l);
}

/* ---- the next frame ------------------------------------------------------ */

/* What event_buffer_next() must return, by looking at every frame. */
static uint64_t naive_next(const struct model *m, int subject, uint64_t covered)
{
	for (size_t i = m->from; i < m->n; i++)
		if (m->frames[i].subject == subject &&
		    m->frames[i].seq > covered)
			return number_of(i);
	return 0;
}

static void check_next(const struct model *m, int subject)
{
	const struct buffer_subject *s =
		event_buffer_find(m->buffer, name_of(subject),
				  strlen(name_of(subject)));

	if (s == NULL)
		return;
	for (uint64_t covered = 0; covered <= m->head + 1; covered++) {
		uint64_t want = naive_next(m, subject, covered);

		assert_int_equal(event_buffer_next(m->buffer, s, covered, 0),
				 want);
		/* Any frame already taken may be where it begins to look. */
		for (size_t i = 0; i < m->n; i++) {
			if (m->frames[i].subject != subject ||
			    m->frames[i].seq > covered)
				continue;
			assert_int_equal(event_buffer_next(m->buffer, s,
							   covered,
							   number_of(i)),
					 want);
		}
	}
}

static void next_is_found_from_every_position(void **state)
{
	struct model m;
	uint64_t random = 7;

	(void)state;
	model_init(&m, 2048);
	model_watch_all(&m);
	for (uint64_t seq = 1; seq < 90; seq += 1 + rnd(&random, 2)) {
		model_put(&m, (int)rnd(&random, 4), seq, "data", 4);
		if (seq % 8 == 0)
			for (int s = 0; s < 5; s++)
				check_next(&m, s);
	}
	assert_true(m.from > 0);
	model_finish(&m);
}

static unsigned steps_to(const struct event_buffer *l,
			 const struct buffer_subject *s, uint64_t covered,
			 uint64_t want)
{
	unsigned steps = 0;

	assert_int_equal(event_buffer_search(l, s, covered, &steps), want);
	return steps;
}

/* Any position of any subject, however many frames there are: one client's
 * resumes must not delay the loop. Each doubling may cost a few steps more; so
 * 1 GiB is no more than 16 of them above 64 MiB. */
static void next_is_found_in_few_steps(void **state)
{
	enum { PER_DOUBLING = 6 };
	static const size_t memories[] = {1 << 17, 1 << 20, 1 << 23, 1 << 26};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(memories); i++) {
		size_t cap = memories[i] / 4 / sizeof(struct buffer_frame) + 1;
		const struct buffer_subject *s;
		unsigned doublings = 0;
		struct event_buffer *l;

		while (((size_t)1 << doublings) < cap)
			doublings++;
		assert_int_equal(event_buffer_new(&l, memories[i]), 0);
		/* Half as many again: the ring has wrapped, and jumps lead to
		 * evicted frames. */
		for (uint64_t seq = 1; seq <= cap + cap / 2; seq++) {
			struct sse_frame f;

			sse_measure(&f, "", 0, seq, &tag);
			event_buffer_append(l, seq % 16 == 0 ? "ev.b" : "ev.a",
					    4, &f, 1);
		}
		s = event_buffer_find(l, "ev.a", 4);
		for (uint64_t seq = event_buffer_floor(l) + 1;
		     seq < event_buffer_last_seq(l); seq += 1 + cap / 1009) {
			unsigned steps =
				steps_to(l, s, seq - 1,
					 seq % 16 == 0 ? seq + 1 : seq);

			if (steps > PER_DOUBLING * doublings)
				fail_msg("%u steps among %zu frames", steps,
					 cap);
		}
		event_buffer_free(l);
	}
}

/* ---- random operations --------------------------------------------------- */

static void random_step(struct model *m, uint64_t *random)
{
	char payload[256];
	int subject = (int)rnd(random, MODEL_SUBJECTS);
	uint64_t what = rnd(random, 40);
	size_t len = rnd(random, rnd(random, 5) == 0 ? sizeof(payload) : 30);

	if (what == 0) {
		uint64_t head = rnd(random, 2 * m->head + 5);

		event_buffer_reset(m->buffer, head);
		m->head = m->floor = head;
		m->from = m->n;
	} else if (what < 3) {
		m->head += 1 + rnd(random, 3);
		event_buffer_skip(m->buffer, m->head);
	} else if (what < 7) {
		if (m->watched[subject] == NULL)
			model_watch(m, subject);
		else
			model_unwatch(m, subject);
	} else {
		for (size_t i = 0; i < len; i++) /* some are not UTF-8 */
			payload[i] = (char)rnd(random, 256);
		model_put(m, subject, m->head + 1 + rnd(random, 3), payload,
			  len);
	}
}

static void agrees_with_the_model(void **state)
{
	static const size_t memories[] = {1024, 1500, 2048, 5000, 40000};

	(void)state;
	for (uint64_t seed = 1; seed <= 60; seed++) {
		uint64_t random = seed;
		struct model m;

		model_init(&m, memories[seed % 5]);
		for (int i = 0; i < 400; i++) {
			random_step(&m, &random);
			check(&m);
		}
		model_finish(&m);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(empty_buffer_covers_nothing),
		cmocka_unit_test(passing_moves_the_last_seq_alone),
		cmocka_unit_test(evicting_moves_the_floor_to_the_frame),
		cmocka_unit_test(reset_drops_all_and_keeps_watchers),
		cmocka_unit_test(quarter_is_a_quarter_of_the_frames),
		cmocka_unit_test(wraps_at_every_position),
		cmocka_unit_test(frame_fills_the_ring_to_the_last_byte),
		cmocka_unit_test(frame_too_big_empties_the_buffer),
		cmocka_unit_test(buffer_without_memory_still_works),
		cmocka_unit_test(headers_are_limited_too),
		cmocka_unit_test(entry_lives_as_long_as_frames_or_watchers),
		cmocka_unit_test(subject_of_another_length_is_another),
		cmocka_unit_test(each_watcher_is_visited_once),
		cmocka_unit_test(holds_thousands_of_subjects),
		cmocka_unit_test(idle_subjects_have_their_share),
		cmocka_unit_test(next_is_found_from_every_position),
		cmocka_unit_test(next_is_found_in_few_steps),
		cmocka_unit_test(agrees_with_the_model),
	};

	return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
