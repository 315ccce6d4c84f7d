/* One allocation, which is compacted or doubled when a put does not fit. Unread
 * bytes move to the front only when at least as many have been consumed, or
 * when there is no other way: a put costs amortised constant time. The
 * allocation has one byte more than `cap`, for the NUL of vsnprintf(). */
#include "base/buf.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"

enum { BUF_FIRST = 64 };

static void must_be_sane(const struct buf *b)
{
	MUST(b->start <= b->end && b->end <= b->cap && b->cap <= b->max);
}

void buf_init(struct buf *b, size_t max)
{
	*b = (struct buf){.max = max};
}

void buf_finish(struct buf *b)
{
	if (b == NULL)
		return;
	free(b->data);
	buf_init(b, b->max);
}

static void move_to_front(struct buf *b)
{
	if (b->start == 0)
		return;
	memmove(b->data, b->data + b->start, buf_unread(b));
	b->end -= b->start;
	b->start = 0;
}

static int grow_buf(struct buf *b, size_t cap)
{
	uint8_t *data = cap == SIZE_MAX ? NULL : realloc(b->data, cap + 1);

	if (data == NULL)
		return -ENOMEM;
	b->data = data;
	b->cap = cap;
	return 0;
}

int buf_reserve(struct buf *b, size_t len)
{
	size_t unread = buf_unread(b);
	size_t cap = b->cap;

	must_be_sane(b);
	if (len > b->max - unread)
		return -ENOBUFS;
	if (b->data != NULL && len <= buf_room(b))
		return 0;
	if (unread + len <= b->cap && b->data != NULL &&
	    (b->start >= unread || b->cap == b->max)) {
		move_to_front(b);
		return 0;
	}
	cap = cap > b->max / 2 ? b->max : cap * 2;
	if (cap < BUF_FIRST)
		cap = BUF_FIRST < b->max ? BUF_FIRST : b->max;
	if (cap < unread + len)
		cap = unread + len;
	move_to_front(b);
	return grow_buf(b, cap);
}

int buf_reserve_step(struct buf *b, size_t len, size_t step)
{
	size_t unread = buf_unread(b);
	size_t cap;

	must_be_sane(b);
	if (len > b->max - unread)
		return -ENOBUFS;
	if (b->data != NULL && len <= buf_room(b))
		return 0;
	move_to_front(b);
	if (b->data != NULL && len <= buf_room(b))
		return 0;
	cap = (unread + len + step - 1) / step * step;
	return grow_buf(b, cap < b->max ? cap : b->max);
}

int buf_put(struct buf *b, const void *bytes, size_t len)
{
	int rc = buf_reserve(b, len);

	if (rc < 0 || len == 0)
		return rc;
	memcpy(buf_tail(b), bytes, len);
	b->end += len;
	return 0;
}

int buf_puts(struct buf *b, const char *text)
{
	return buf_put(b, text, strlen(text));
}

int buf_putc(struct buf *b, char c)
{
	return buf_put(b, &c, 1);
}

int buf_printf(struct buf *b, const char *fmt, ...)
{
	size_t room = b->data != NULL ? buf_room(b) : 0;
	va_list ap, again;
	int rc = 0, len;

	/* Print first and measure only on overflow: printing is expensive. */
	va_start(ap, fmt);
	va_copy(again, ap);
	len = vsnprintf(room > 0 ? (char *)buf_tail(b) : NULL,
			room > 0 ? room + 1 : 0, fmt, ap);
	va_end(ap);
	if (len < 0) {
		rc = -EINVAL;
	} else if ((size_t)len > room) {
		rc = buf_reserve(b, (size_t)len);
		if (rc == 0)
			vsnprintf((char *)buf_tail(b), (size_t)len + 1, fmt,
				  again);
	}
	va_end(again);
	if (rc == 0)
		b->end += (size_t)len;
	return rc;
}

void buf_added(struct buf *b, size_t len)
{
	MUST(len <= buf_room(b));
	b->end += len;
}

void buf_consume(struct buf *b, size_t len)
{
	MUST(len <= buf_unread(b));
	b->start += len;
	if (b->start == b->end)
		buf_clear(b);
}

void buf_truncate(struct buf *b, size_t unread)
{
	MUST(unread <= buf_unread(b));
	b->end = b->start + unread;
}

void buf_clear(struct buf *b)
{
	b->start = 0;
	b->end = 0;
}
