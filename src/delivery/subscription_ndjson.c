/* Lines of JSON for the streams that want them. The log holds events, as nearly
 * all clients take them, so a line is made of its event when it is written, in
 * memory that all streams share: a stream that is idle, or slow, has none of it
 * but the rest of one cut line, as others have of a cut event. */
#include "delivery/hub_internal.h"

#include <string.h>

#include "http/ndjson.h"

enum {
	LINES_MAX = 1 << 30,	     /* one message of 64 MiB, worst encoding */
	LINES_STAY = 4 * 256 * 1024, /* of memory that is kept for the next */
};

void hub_ndjson_init(struct hub *h)
{
	buf_init(&h->lines.bytes, LINES_MAX);
	buf_init(&h->lines.payload, LINES_MAX);
}

void hub_ndjson_finish(struct hub *h)
{
	buf_finish(&h->lines.bytes);
	buf_finish(&h->lines.payload);
	h->lines.first = 0;
}

void hub_ndjson_written(struct hub *h)
{
	if (h->lines.bytes.cap + h->lines.payload.cap > LINES_STAY)
		hub_ndjson_finish(h);
}

/* The part that goes out, without chunks the line alone. */
static int put_json_line(struct hub_ndjson *to, const struct ndjson_line *l,
			 bool chunked)
{
	int rc = buf_reserve(&to->bytes, l->total);
	size_t len = chunked ? l->total : l->body_len;

	if (rc < 0)
		return rc;
	ndjson_encode(l, buf_tail(&to->bytes));
	if (!chunked)
		memmove(buf_tail(&to->bytes),
			buf_tail(&to->bytes) + l->head_len, len);
	buf_added(&to->bytes, len);
	to->len[to->n++] = (uint32_t)len;
	return 0;
}

static int make_json_line(struct hub *h, const struct cursor *c,
			  const struct buffer_frame *f)
{
	struct hub_ndjson *to = &h->lines;
	struct ndjson_message m = {
		.seq = f->seq,
		.time_ns = f->time_ns,
		.subject = c->subject->name,
		.subject_len = c->subject->len,
		.tag = &h->tail.tag,
	};
	struct sse_payload p;
	struct ndjson_line l;
	int rc;

	buf_clear(&to->payload);
	rc = buf_reserve(&to->payload, f->len);
	if (rc < 0)
		return rc;
	event_buffer_frame_payload(h->buffer, f, &p, buf_tail(&to->payload));
	m.kind = p.base64 ? NDJSON_BASE64 : NDJSON_TEXT;
	m.data = p.at;
	m.len = p.len;
	ndjson_measure(&l, &m, c->json);
	return put_json_line(to, &l, c->chunked);
}

/* A batch that held all frames of its time may lack newer ones. */
static bool is_whole(const struct hub *h, const struct hub_ndjson *l)
{
	return l->more != 0 ||
	       event_buffer_frame(h->buffer, l->last)->next == 0;
}

static bool has_lines(const struct hub *h, const struct cursor *c,
		      uint64_t first)
{
	const struct hub_ndjson *l = &h->lines;

	return l->first == first && l->json == c->json &&
	       l->chunked == c->chunked && is_whole(h, l);
}

static void make_lines(struct hub *h, const struct cursor *c, uint64_t first)
{
	struct hub_ndjson *to = &h->lines;
	size_t left = cursor_left(c);
	uint64_t n = first;

	to->n = 0;
	buf_clear(&to->bytes);
	while (n != 0 && left-- > 0 && to->n < HUB_LINES &&
	       buf_unread(&to->bytes) < CURSOR_BATCH_BYTES) {
		const struct buffer_frame *f = event_buffer_frame(h->buffer, n);

		if (make_json_line(h, c, f) < 0)
			break;
		to->last = n;
		n = f->next;
	}
	to->first = to->n > 0 ? first : 0;
	to->more = n;
	to->json = c->json;
	to->chunked = c->chunked;
}

bool hub_ndjson_gather(struct hub *h, const struct cursor *c,
		       struct cursor_batch *ret)
{
	const struct hub_ndjson *from = &h->lines;
	uint64_t first =
		event_buffer_next(h->buffer, c->subject, c->covered, c->at);
	size_t left = cursor_left(c);

	ret->n = 0;
	ret->bytes = 0;
	ret->first = first;
	if (first == 0 || left == 0)
		return true;
	if (!has_lines(h, c, first))
		make_lines(h, c, first);
	if (from->n == 0)
		return false;
	for (size_t i = 0; i < from->n && left-- > 0; i++)
		ret->bytes += from->len[i];
	ret->n = 1;
	ret->iov[1].iov_base = (void *)(uintptr_t)buf_data(&from->bytes);
	ret->iov[1].iov_len = ret->bytes;
	return true;
}

void hub_ndjson_advance(struct hub *h, struct cursor *c,
			const struct cursor_batch *b, size_t written,
			const uint8_t **rest, size_t *rest_len)
{
	const struct hub_ndjson *lines = &h->lines;
	const uint8_t *line = buf_data(&lines->bytes);
	size_t left = b->bytes;
	uint64_t n = b->first;

	*rest_len = 0;
	for (size_t i = 0; left > 0; i++) {
		const struct buffer_frame *f = event_buffer_frame(h->buffer, n);
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
		n = f->next;
	}
}
