#include "sse_scan.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

/* Two layers: the states below decode the chunks, next_line() splits their data
 * into lines. A line that is complete in the bytes is parsed in place. Of a
 * line that is split, the beginning is copied. */

enum state {
	HEAD,
	SIZE_FIRST, /* no digit of the chunk's size yet */
	SIZE,
	SIZE_REST, /* an extension, up to the end of the line */
	DATA,
	DATA_END, /* the line end after a chunk's data */
	TRAILER,  /* lines up to an empty one */
	RAW,	  /* not chunked: up to the end of the connection */
	ENDED,
};

struct feed {
	struct sse_scan *s;
	const char *at;
	const char *end;
	sse_scan_cb on_event;
	void *arg;
};

static bool starts(const char *line, size_t len, const char *with)
{
	size_t n = strlen(with);

	return len >= n && memcmp(line, with, n) == 0;
}

static bool starts_anycase(const char *line, size_t len, const char *with)
{
	size_t n = strlen(with);

	return len >= n && strncasecmp(line, with, n) == 0;
}

/* ---- events -------------------------------------------------------------- */

static void dispatch(const struct feed *f)
{
	struct sse_scan *s = f->s;

	if (s->has_id)
		memcpy(s->last_id, s->id, sizeof(s->id));
	if (s->has_data) {
		if (s->is_gap)
			s->event.kind = SSE_SCAN_GAP;
		if (s->event.kind != SSE_SCAN_OPENING)
			f->on_event(f->arg, &s->event);
	}
	s->has_id = s->has_data = s->is_gap = false;
}

/* The value of "name: value", without the space. */
static const char *value_of(const char *line, size_t *len, size_t name)
{
	size_t skip = name + 1;

	if (skip < *len && line[skip] == ' ')
		skip++;
	*len -= skip;
	return line + skip;
}

/* Only the first data line of an event counts. */
static void take_data(struct sse_scan *s, const char *line, size_t len)
{
	const char *value = value_of(line, &len, strlen("data"));

	if (s->has_data)
		return;
	s->has_data = true;
	if (len >= STAMP_LEN && stamp_get(value, &s->event.stamp))
		s->event.kind = SSE_SCAN_STAMPED;
	else if (starts(value, len, "{\"system\": \"ping\"}"))
		s->event.kind = SSE_SCAN_PING;
	else if (starts(value, len, "{\"system\": \"open\"}"))
		s->event.kind = SSE_SCAN_OPENING;
	else
		s->event.kind = SSE_SCAN_OTHER;
}

static void take_id(struct sse_scan *s, const char *line, size_t len)
{
	const char *value = value_of(line, &len, strlen("id"));

	if (len >= SSE_SCAN_ID)
		return;
	memcpy(s->id, value, len);
	s->id[len] = '\0';
	s->has_id = true;
}

static void on_body_line(const struct feed *f, const char *line, size_t len)
{
	struct sse_scan *s = f->s;

	if (len == 0)
		dispatch(f);
	else if (starts(line, len, "data:"))
		take_data(s, line, len);
	else if (starts(line, len, "id:"))
		take_id(s, line, len);
	else if (starts(line, len, "event: gap"))
		s->is_gap = true;
}

/* ---- response head ------------------------------------------------------- */

static int take_status(struct sse_scan *s, const char *line, size_t len)
{
	const char *digit = line + strlen("HTTP/1.1 ");

	if (!starts(line, len, "HTTP/1.") || len < strlen("HTTP/1.1 200"))
		return -EPROTO;
	for (int i = 0; i < 3; i++) {
		if (digit[i] < '0' || digit[i] > '9')
			return -EPROTO;
		s->status = (uint16_t)(s->status * 10 + (digit[i] - '0'));
	}
	return s->status < 100 ? -EPROTO : 0;
}

static int on_head_line(struct sse_scan *s, const char *line, size_t len)
{
	if (s->status == 0)
		return take_status(s, line, len);
	if (starts_anycase(line, len, "Transfer-Encoding: chunked"))
		s->chunked = true;
	else if (len == 0)
		s->state = s->chunked ? SIZE_FIRST : RAW;
	return 0;
}

/* ---- lines --------------------------------------------------------------- */

static void keep(struct sse_scan *s, const char *bytes, size_t len)
{
	size_t room = SSE_SCAN_LINE - s->line_kept;
	size_t n = len < room ? len : room;

	memcpy(s->line + s->line_kept, bytes, n);
	s->line_kept = (uint8_t)(s->line_kept + n);
	s->line_len += (uint32_t)len;
}

/* The next line of [f->at, end), without its line end; valid until the next
 * call. NULL: the line is not complete, and its beginning is kept. */
static const char *next_line(struct feed *f, const char *end, size_t *ret)
{
	struct sse_scan *s = f->s;
	const char *start = f->at;
	const char *lf = memchr(start, '\n', (size_t)(end - start));
	size_t len = (size_t)((lf == NULL ? end : lf) - start);

	f->at = lf == NULL ? end : lf + 1;
	if (lf == NULL || s->line_len > 0)
		keep(s, start, len);
	if (lf == NULL)
		return NULL;
	if (s->line_len > 0) {
		start = s->line;
		len = s->line_kept;
		s->line_kept = 0;
		s->line_len = 0;
	}
	*ret = len > 0 && start[len - 1] == '\r' ? len - 1 : len;
	return start;
}

static void read_body(struct feed *f, const char *end)
{
	const char *line;
	size_t len;

	while (f->at < end) {
		line = next_line(f, end, &len);
		if (line != NULL)
			on_body_line(f, line, len);
	}
}

static int read_head(struct feed *f)
{
	size_t len;
	const char *line = next_line(f, f->end, &len);

	return line == NULL ? 0 : on_head_line(f->s, line, len);
}

/* ---- chunks -------------------------------------------------------------- */

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int read_size(struct feed *f)
{
	struct sse_scan *s = f->s;

	while (f->at < f->end) {
		int digit = hex(*f->at);

		if (digit < 0) {
			if (s->state == SIZE_FIRST)
				return -EPROTO;
			s->state = SIZE_REST;
			return 0;
		}
		if (s->chunk_left >> 32 != 0)
			return -EPROTO;
		s->chunk_left = s->chunk_left << 4 | (unsigned)digit;
		s->state = SIZE;
		f->at++;
	}
	return 0;
}

static void read_size_rest(struct feed *f)
{
	const char *lf = memchr(f->at, '\n', (size_t)(f->end - f->at));

	f->at = lf == NULL ? f->end : lf + 1;
	if (lf != NULL)
		f->s->state = f->s->chunk_left > 0 ? DATA : TRAILER;
}

static void read_data(struct feed *f)
{
	size_t there = (size_t)(f->end - f->at);
	size_t n = there < f->s->chunk_left ? there : f->s->chunk_left;

	read_body(f, f->at + n);
	f->s->chunk_left -= n;
	if (f->s->chunk_left == 0)
		f->s->state = DATA_END;
}

static int read_data_end(struct feed *f)
{
	char c = *f->at++;

	if (c == '\n')
		f->s->state = SIZE_FIRST;
	return c == '\n' || c == '\r' ? 0 : -EPROTO;
}

static void read_trailer(struct feed *f)
{
	size_t len;
	const char *line = next_line(f, f->end, &len);

	if (line != NULL && len == 0)
		f->s->state = ENDED;
}

static int step(struct feed *f)
{
	switch ((enum state)f->s->state) {
	case HEAD:
		return read_head(f);
	case SIZE_FIRST:
	case SIZE:
		return read_size(f);
	case SIZE_REST:
		read_size_rest(f);
		return 0;
	case DATA:
		read_data(f);
		return 0;
	case DATA_END:
		return read_data_end(f);
	case TRAILER:
		read_trailer(f);
		return 0;
	case RAW:
		read_body(f, f->end);
		return 0;
	case ENDED:
		break;
	}
	return -EPROTO;
}

int sse_scan_feed(struct sse_scan *s, const char *bytes, size_t len,
		  sse_scan_cb on_event, void *arg)
{
	struct feed f = {s, bytes, bytes + len, on_event, arg};
	int rc = 0;

	while (rc == 0 && f.at < f.end)
		rc = step(&f);
	return rc;
}

bool sse_scan_has_head(const struct sse_scan *s)
{
	return s->state != HEAD;
}

bool sse_scan_has_ended(const struct sse_scan *s)
{
	return s->state == ENDED;
}
