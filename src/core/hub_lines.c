/* Lines of JSON for the streams that want them. The log holds events, as nearly
 * all clients take them, so a line is made of its event when it is written, in
 * memory that all streams share: a stream that is idle, or slow, has none of it
 * but the rest of one cut line, as others have of a cut event. */
#include "hub_inside.h"

#include <string.h>

#include "ndjson.h"

enum {
	LINES_MAX = 1 << 30,	     /* one message of 64 MiB, worst encoding */
	LINES_STAY = 4 * 256 * 1024, /* of memory that is kept for the next */
};

void hub_lines_init(struct hub *h)
{
	buf_init(&h->lines.bytes, LINES_MAX);
	buf_init(&h->lines.payload, LINES_MAX);
}

void hub_lines_finish(struct hub *h)
{
	buf_finish(&h->lines.bytes);
	buf_finish(&h->lines.payload);
}

void hub_lines_written(struct hub *h)
{
	if (h->lines.bytes.cap + h->lines.payload.cap > LINES_STAY)
		hub_lines_finish(h);
}

/* The part that goes out, without chunks the line alone. */
static int put_line(struct hub_lines *to, const struct ndjson_line *l,
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

static int make_line(struct hub *h, const struct cursor *c,
		     const struct log_frame *f)
{
	struct hub_lines *to = &h->lines;
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
	log_frame_payload(h->log, f, &p, buf_tail(&to->payload));
	m.kind = p.base64 ? NDJSON_BASE64 : NDJSON_TEXT;
	m.data = p.at;
	m.len = p.len;
	ndjson_measure(&l, &m, c->json);
	return put_line(to, &l, c->chunked);
}

bool hub_lines_gather(struct hub *h, const struct cursor *c,
		      struct cursor_batch *ret)
{
	struct hub_lines *to = &h->lines;
	uint64_t n = log_next(h->log, c->subject, c->covered, c->at);
	size_t left = cursor_left(c);

	to->n = 0;
	buf_clear(&to->bytes);
	ret->n = 0;
	ret->bytes = 0;
	ret->first = n;
	while (n != 0 && left-- > 0 && to->n < HUB_LINES &&
	       buf_unread(&to->bytes) < CURSOR_BATCH_BYTES) {
		const struct log_frame *f = log_frame(h->log, n);

		if (make_line(h, c, f) < 0)
			break;
		n = f->next;
	}
	if (to->n == 0)
		return n == 0 || cursor_left(c) == 0;
	ret->bytes = buf_unread(&to->bytes);
	ret->n = 1;
	ret->iov[1].iov_base = (void *)(uintptr_t)buf_head(&to->bytes);
	ret->iov[1].iov_len = ret->bytes;
	return true;
}

void hub_lines_advance(struct hub *h, struct cursor *c,
		       const struct cursor_batch *b, size_t written,
		       const uint8_t **rest, size_t *rest_len)
{
	const struct hub_lines *lines = &h->lines;
	const uint8_t *line = buf_head(&lines->bytes);
	uint64_t n = b->first;

	*rest_len = 0;
	for (size_t i = 0; i < lines->n; i++) {
		const struct log_frame *f = log_frame(h->log, n);
		size_t len = lines->len[i];

		c->at = n;
		cursor_hand_out(c, f->seq);
		if (written < len) {
			*rest = line + written;
			*rest_len = len - written;
			return;
		}
		written -= len;
		line += len;
		n = f->next;
	}
}
