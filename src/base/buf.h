/* A growing byte buffer with a cap.
 *
 *	data            start            end            cap
 *	 |---- consumed ---|---- unread ----|---- room ----|
 *
 * 0 <= start <= end <= cap <= max. Bytes are put at `end` and consumed at
 * `start`. A put beyond `max` fails with -ENOBUFS and changes nothing. A zeroed
 * buffer is valid, with max 0. */
#ifndef SLUICE_BUF_H
#define SLUICE_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf {
	uint8_t *data;
	size_t start;
	size_t end;
	size_t cap;
	size_t max;
};

/* `max` in bytes. Allocates nothing before the first put. */
void buf_init(struct buf *b, size_t max);
/* Frees the memory and leaves a zeroed buffer with the same max. */
void buf_finish(struct buf *b);

/* Makes room for `len` more bytes. 0, -ENOBUFS (above max) or -ENOMEM. */
int buf_reserve(struct buf *b, size_t len);
/* The same for a buffer that should stay small: grows to a multiple of `step`
 * bytes, not to twice its size. */
int buf_reserve_step(struct buf *b, size_t len, size_t step);
int buf_put(struct buf *b, const void *bytes, size_t len);
int buf_puts(struct buf *b, const char *text);
int buf_putc(struct buf *b, char c);
int buf_printf(struct buf *b, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* The caller has written `len` bytes at buf_tail() after buf_reserve(). */
void buf_added(struct buf *b, size_t len);
/* Consumes `len` unread bytes. */
void buf_consume(struct buf *b, size_t len);
/* Keeps the first `unread` unread bytes, drops the others. */
void buf_truncate(struct buf *b, size_t unread);
void buf_clear(struct buf *b);

static inline size_t buf_unread(const struct buf *b)
{
	return b->end - b->start;
}

static inline size_t buf_room(const struct buf *b)
{
	return b->cap - b->end;
}

static inline const uint8_t *buf_data(const struct buf *b)
{
	return b->data + b->start;
}

static inline uint8_t *buf_tail(struct buf *b)
{
	return b->data + b->end;
}

#endif
