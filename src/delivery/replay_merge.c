#include "delivery/replay_merge.h"

#include "auth/rights.h"
#include "base/check.h"
#include "base/mutation.h"

/* How far a replay's queue is read. */
struct merge_place {
	struct replay_place queue;
	uint64_t covered; /* with what was read */
	bool ready;	  /* its queue may be handed out */
};

struct merge {
	const struct replay *parts;
	size_t n;
	struct merge_place places[RIGHTS_LIST_MAX];
};

static void begin_merge(struct merge *m, const struct replay *parts, size_t n)
{
	MUST(n <= RIGHTS_LIST_MAX);
	m->parts = parts;
	m->n = n;
	for (size_t i = 0; i < n; i++)
		m->places[i] = (struct merge_place){
			.queue = replay_queue_begin(&parts[i].queue),
			.covered = parts[i].covered,
			.ready = replay_is_ready(&parts[i])};
}

/* The next event of a replay; 0: it has none. */
static uint64_t next_of_part(struct merge *m, size_t i)
{
	struct merge_place *p = &m->places[i];
	const struct replay_queue *q = &m->parts[i].queue;

	while (p->ready && !replay_queue_is_end(q, &p->queue)) {
		const struct replay_frame *f = replay_queue_at(q, &p->queue);

		if (!f->internal)
			return f->seq;
		if (f->seq > p->covered)
			p->covered = f->seq;
		replay_queue_move(q, &p->queue);
	}
	return 0;
}

/* 0: none may be handed out. */
static uint64_t next_of_all(struct merge *m)
{
	uint64_t first = 0;

	for (size_t i = 0; i < m->n; i++) {
		uint64_t seq = next_of_part(m, i);

		if (seq != 0 && (first == 0 || seq < first))
			first = seq;
	}
	for (size_t i = 0; i < m->n && !MUTATED(PATTERN_AHEAD); i++)
		if (m->places[i].covered < first && next_of_part(m, i) == 0)
			return 0;
	return first;
}

/* Takes the message from all replays that have it. Returns its bytes. */
static const uint8_t *take_merged(struct merge *m, uint64_t seq, bool chunked,
				  size_t *len)
{
	const uint8_t *bytes = NULL;

	for (size_t i = 0; i < m->n; i++) {
		struct merge_place *p = &m->places[i];
		const struct replay_queue *q = &m->parts[i].queue;

		if (next_of_part(m, i) == seq) {
			bytes = replay_queue_bytes(q, &p->queue, chunked, len);
			replay_queue_move(q, &p->queue);
		}
		if (p->covered < seq)
			p->covered = seq;
	}
	return bytes;
}

uint64_t replay_merge_next(const struct replay *parts, size_t n)
{
	struct merge m;

	begin_merge(&m, parts, n);
	return next_of_all(&m);
}

void replay_merge_gather(const struct replay *parts, size_t n,
			 struct cursor_batch *ret)
{
	const struct cursor *c = parts[0].cursor;
	size_t left = cursor_left(c);
	struct merge m;
	uint64_t seq;

	begin_merge(&m, parts, n);
	while (left-- > 0 && (seq = next_of_all(&m)) != 0) {
		size_t len;
		const uint8_t *bytes = take_merged(&m, seq, c->chunked, &len);

		if (!cursor_batch_add(ret, bytes, len))
			return;
	}
}

void replay_merge_advance(struct replay *parts, size_t n,
			  const struct cursor_batch *b, size_t written,
			  const uint8_t **rest, size_t *rest_len)
{
	struct cursor *c = parts[0].cursor;
	size_t left = b->bytes;
	struct merge m;
	uint64_t seq = 0;

	*rest_len = 0;
	MUST(written <= b->bytes);
	begin_merge(&m, parts, n);
	while (left > 0 && *rest_len == 0) {
		const uint8_t *bytes;
		size_t len;

		seq = next_of_all(&m);
		bytes = take_merged(&m, seq, c->chunked, &len);

		MUST(bytes != NULL);
		cursor_hand_out(c, seq);
		metric_add(parts[0].metrics, METRIC_EVENTS_REPLAY, 1);
		if (written < len) {
			*rest = bytes + written;
			*rest_len = len - written;
			written = len;
		}
		written -= len;
		left -= len;
	}
	for (size_t i = 0; i < n && seq != 0; i++)
		replay_handed_out(&parts[i], seq);
}
