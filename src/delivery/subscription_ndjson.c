#include "delivery/subscription_ndjson.h"

#include <limits.h>
#include <string.h>

#include "http/ndjson.h"

enum {
	LINES_MAX = 1 << 30,	     /* one message of 64 MiB, worst encoding */
	LINES_STAY = 4 * 256 * 1024, /* of memory that is kept */
};

static struct json_batch *batch_number(struct subscription_ndjson *s, size_t i)
{
	return &s->batches[i / 2][i % 2];
}

void subscription_ndjson_init(struct subscription_ndjson *s,
			      const struct event_buffer *buffer,
			      const struct sse_tag *tag)
{
	*s = (struct subscription_ndjson){.buffer = buffer, .tag = tag};
	buf_init(&s->payload, LINES_MAX);
	for (size_t i = 0; i < (size_t)2 * CURSOR_FORMS; i++)
		buf_init(&batch_number(s, i)->bytes, LINES_MAX);
}

void subscription_ndjson_finish(struct subscription_ndjson *s)
{
	buf_finish(&s->payload);
	for (size_t i = 0; i < (size_t)2 * CURSOR_FORMS; i++) {
		buf_finish(&batch_number(s, i)->bytes);
		batch_number(s, i)->first = 0;
	}
}

void subscription_ndjson_trim(struct subscription_ndjson *s)
{
	size_t cap = s->payload.cap;

	for (size_t i = 0; i < (size_t)2 * CURSOR_FORMS; i++)
		cap += batch_number(s, i)->bytes.cap;
	if (cap > LINES_STAY)
		subscription_ndjson_finish(s);
}

/* Appends the chunk, or without chunks the line. */
static int put_json_line(struct json_batch *to, const struct ndjson_line *l,
			 bool chunked)
{
	int rc = buf_reserve(&to->bytes, l->total);
	size_t len = chunked ? l->total : l->body_len;

	if (rc < 0)
		return rc;
	ndjson_encode(l, buf_tail(&to->bytes));
	if (!chunked)
		memmove(buf_tail(&to->bytes),
			buf_tail(&to->bytes) + l->size_line_len, len);
	buf_added(&to->bytes, len);
	to->len[to->n++] = (uint32_t)len;
	return 0;
}

static int make_json_line(struct subscription_ndjson *s, struct json_batch *to,
			  const struct cursor *c, const struct buffer_frame *f)
{
	struct ndjson_message m = {
		.seq = f->seq,
		.time_ns = f->time_ns,
		.subject = f->subject->name,
		.subject_len = f->subject->len,
		.tag = s->tag,
		.is_event = !c->ndjson,
	};
	struct sse_payload p;
	struct ndjson_line l;
	int rc;

	buf_clear(&s->payload);
	rc = buf_reserve(&s->payload, f->len);
	if (rc < 0)
		return rc;
	event_buffer_frame_payload(s->buffer, f, &p, buf_tail(&s->payload));
	m.kind = p.base64 ? NDJSON_BASE64 : NDJSON_TEXT;
	m.data = p.at;
	m.len = p.len;
	m.headers = p.headers;
	m.event = p.event;
	ndjson_measure(&l, &m, c->json);
	return put_json_line(to, &l, c->chunked);
}

static uint64_t selection_id(const struct cursor *c)
{
	return c->wide ? c->more->selection->id : 0;
}

/* A batch that once held all frames may lack newer ones. */
static bool is_whole(const struct json_batch *b,
		     const struct event_buffer *buffer, const struct cursor *c)
{
	unsigned scan = 1;

	return b->more != 0 ||
	       (cursor_frame_after(c, buffer, b->last, &scan) == 0 && scan > 0);
}

static void make_lines(struct subscription_ndjson *s, struct json_batch *to,
		       const struct cursor *c, uint64_t first)
{
	unsigned scan = SELECTION_SCAN_MAX;
	size_t left = cursor_left(c);
	uint64_t n = first;

	to->n = 0;
	buf_clear(&to->bytes);
	while (n != 0 && left-- > 0 && to->n < SUBSCRIPTION_NDJSON_LINES &&
	       buf_unread(&to->bytes) < CURSOR_BATCH_BYTES) {
		const struct buffer_frame *f = event_buffer_frame(s->buffer, n);

		if (make_json_line(s, to, c, f) < 0)
			break;
		to->last = n;
		n = cursor_frame_after(c, s->buffer, n, &scan);
	}
	to->first = to->n > 0 ? first : 0;
	to->more = n;
	to->selection = selection_id(c);
}

bool subscription_ndjson_gather(struct subscription_ndjson *s,
				const struct cursor *c,
				struct cursor_batch *ret)
{
	struct json_batch *b = &s->batches[cursor_form(c)][c->chunked];
	unsigned scan = SELECTION_SCAN_MAX;
	uint64_t first = cursor_next_frame(c, s->buffer, &scan);
	size_t left = cursor_left(c);

	ret->n = 0;
	ret->bytes = 0;
	ret->first = first;
	if (first == 0 || left == 0)
		return true;
	if (b->first != first || b->selection != selection_id(c) ||
	    !is_whole(b, s->buffer, c))
		make_lines(s, b, c, first);
	if (b->n == 0)
		return false;
	for (size_t i = 0; i < b->n && left-- > 0; i++)
		ret->bytes += b->len[i];
	ret->n = 1;
	ret->iov[1].iov_base = (void *)(uintptr_t)buf_data(&b->bytes);
	ret->iov[1].iov_len = ret->bytes;
	return true;
}

void subscription_ndjson_advance(const struct subscription_ndjson *s,
				 struct cursor *c, const struct cursor_batch *b,
				 size_t written, const uint8_t **rest,
				 size_t *rest_len)
{
	const struct json_batch *lines =
		&s->batches[cursor_form(c)][c->chunked];
	const uint8_t *line = buf_data(&lines->bytes);
	unsigned scan = UINT_MAX;
	size_t left = b->bytes;
	uint64_t n = b->first;

	*rest_len = 0;
	for (size_t i = 0; left > 0; i++) {
		const struct buffer_frame *f = event_buffer_frame(s->buffer, n);
		size_t len = lines->len[i];

		c->at = n;
		cursor_hand_out(c, f->seq);
		if (written < len) {
			*rest = line + written;
			*rest_len = len - written;
			return;
		}
		written -= len;
		left -= len;
		line += len;
		if (left > 0)
			n = cursor_frame_after(c, s->buffer, n, &scan);
	}
}
