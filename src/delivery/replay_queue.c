#include "delivery/replay_queue.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/mutation.h"
#include "http/ndjson.h"

void replay_queue_init(struct replay_queue *q, size_t max_frames,
		       size_t max_bytes)
{
	*q = (struct replay_queue){.max = max_frames};
	buf_init(&q->bytes, max_bytes);
}

int replay_queue_reserve(struct replay_queue *q)
{
	if (q->frames == NULL)
		q->frames = calloc(q->max, sizeof(*q->frames));
	return q->frames == NULL ? -ENOMEM : 0;
}

void replay_queue_finish(struct replay_queue *q)
{
	replay_queue_clear(q);
	buf_finish(&q->bytes);
	free(q->frames);
	q->frames = NULL;
}

void replay_queue_clear(struct replay_queue *q)
{
	q->first = q->n = 0;
	buf_clear(&q->bytes);
}

void replay_queue_cut(struct replay_queue *q, uint64_t seq)
{
	size_t kept = buf_unread(&q->bytes);

	while (q->n > q->first && q->frames[q->n - 1].seq >= seq)
		kept -= q->frames[--q->n].len;
	buf_truncate(&q->bytes, kept);
	if (replay_queue_empty(q))
		q->first = q->n = 0;
}

/* Adds a frame of `total` bytes; NULL: *rc is the error. */
static struct replay_frame *add_queued_frame(struct replay_queue *q,
					     size_t total, size_t size_line_len,
					     int *rc)
{
	struct replay_frame *frame;

	*rc = q->n == q->max ? -ENOBUFS : buf_reserve(&q->bytes, total);
	if (*rc < 0)
		return NULL;
	frame = &q->frames[q->n++];
	frame->len = (uint32_t)total;
	frame->size_line_len = (uint16_t)size_line_len;
	frame->internal = false;
	return frame;
}

static int put_queued_line(struct replay_queue *q,
			   const struct jetstream_message *m,
			   const struct sse_frame *f, const struct cursor *c)
{
	const struct ndjson_message what = {
		.seq = m->seq,
		.time_ns = m->time_ns,
		.subject = m->subject,
		.subject_len = m->subject_len,
		.tag = f->tag,
		.kind = f->base64 ? NDJSON_BINARY : NDJSON_TEXT,
		.data = m->data,
		.len = m->len,
		.headers = {m->headers, m->headers_len},
		.is_event = !c->ndjson,
		.event = {m->event, m->event_len},
	};
	struct replay_frame *frame;
	struct ndjson_line l;
	int rc;

	ndjson_measure(&l, &what, c->json);
	frame = add_queued_frame(q, l.total, l.size_line_len, &rc);
	if (frame == NULL)
		return rc;
	frame->seq = m->seq;
	ndjson_encode(&l, buf_tail(&q->bytes));
	buf_added(&q->bytes, l.total);
	return 0;
}

int replay_queue_put(struct replay_queue *q, const struct jetstream_message *m,
		     const struct sse_tag *tag, const struct cursor *c)
{
	struct replay_frame *frame;
	struct sse_frame f;
	bool accepted;
	int rc;

	accepted = cursor_accepts(c, (struct span){m->subject, m->subject_len});
	if (m->internal || (!accepted && !MUTATED(ANY_SUBJECT))) {
		frame = add_queued_frame(q, 0, 0, &rc);
		if (frame == NULL)
			return rc;
		frame->seq = m->seq;
		frame->internal = true;
		return 0;
	}
	sse_measure(&f, m->data, m->len, m->seq, tag);
	if (cursor_form(c) != FORM_EVENTS)
		return put_queued_line(q, m, &f, c);
	if (m->event_len > 0)
		sse_extend(&f, (struct span){m->event, m->event_len},
			   (struct span){NULL, 0});
	frame = add_queued_frame(q, f.total, f.size_line_len, &rc);
	if (frame == NULL)
		return rc;
	frame->seq = m->seq;
	sse_encode(&f, buf_tail(&q->bytes));
	buf_added(&q->bytes, f.total);
	return 0;
}

static const uint8_t *queued_part_of(const struct replay_frame *f, bool chunked,
				     const uint8_t *bytes, size_t *len)
{
	if (chunked || f->internal) {
		*len = f->len;
		return bytes;
	}
	*len = f->len - f->size_line_len - SSE_CHUNK_TAIL;
	return bytes + f->size_line_len;
}

void replay_queue_gather(const struct replay_queue *q, size_t max, bool chunked,
			 struct cursor_batch *ret)
{
	const uint8_t *at = buf_data(&q->bytes);

	for (size_t i = q->first; i < q->n && max > 0; i++) {
		const uint8_t *part;
		size_t len;

		if (q->frames[i].internal)
			continue;
		max--;
		part = queued_part_of(&q->frames[i], chunked, at, &len);

		at += q->frames[i].len;
		if (!cursor_batch_add(ret, part, len))
			return;
	}
}

struct replay_place replay_queue_begin(const struct replay_queue *q)
{
	return (struct replay_place){.i = q->first, .at = buf_data(&q->bytes)};
}

bool replay_queue_is_end(const struct replay_queue *q,
			 const struct replay_place *at)
{
	return at->i == q->n;
}

const struct replay_frame *replay_queue_at(const struct replay_queue *q,
					   const struct replay_place *at)
{
	MUST(at->i < q->n);
	return &q->frames[at->i];
}

const uint8_t *replay_queue_bytes(const struct replay_queue *q,
				  const struct replay_place *at, bool chunked,
				  size_t *len)
{
	return queued_part_of(replay_queue_at(q, at), chunked, at->at, len);
}

void replay_queue_move(const struct replay_queue *q, struct replay_place *at)
{
	at->at += replay_queue_at(q, at)->len;
	at->i++;
}

uint64_t replay_queue_next(const struct replay_queue *q)
{
	MUST(!replay_queue_empty(q));
	return q->frames[q->first].seq;
}

const uint8_t *replay_queue_first(const struct replay_queue *q, bool chunked,
				  size_t *len)
{
	MUST(!replay_queue_empty(q));
	return queued_part_of(&q->frames[q->first], chunked,
			      buf_data(&q->bytes), len);
}

bool replay_queue_internal(const struct replay_queue *q)
{
	MUST(!replay_queue_empty(q));
	return q->frames[q->first].internal;
}

void replay_queue_pop(struct replay_queue *q)
{
	MUST(!replay_queue_empty(q));
	buf_consume(&q->bytes, q->frames[q->first++].len);
	if (replay_queue_empty(q))
		q->first = q->n = 0; /* the bytes are empty, too */
}
