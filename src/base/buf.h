/* A growing byte buffer with a cap.
 *
 *	data            start            end            cap
 *	 |---- consumed ---|---- unread ----|---- room ----|
 *
 * 0 <= start <= end <= cap <= max. Bytes are put at `end` and consumed at
 * `start`. It never grows beyond `max`: a put that would is refused whole with
 * -ENOBUFS and changes nothing. Zeroed is a valid buffer with max 0. */
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

/* `max` in bytes; nothing is allocated before the first put. */
void buf_init(struct buf *b, size_t max);
/* Frees the memory and leaves a zeroed buffer with the same max. */
void buf_finish(struct buf *b);

/* Make sure that `len` more bytes fit; 0, -ENOBUFS (cap) or -ENOMEM. */
int buf_reserve(struct buf *b, size_t len);
/* The same for a buffer that is to stay small: when it must grow, then to a
 * multiple of `step` bytes and not to twice its size. */
int buf_reserve_step(struct buf *b, size_t len, size_t step);
int buf_put(struct buf *b, const void *bytes, size_t len);
int buf_puts(struct buf *b, const char *text);
int buf_putc(struct buf *b, char c);
int buf_printf(struct buf *b, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* `len` bytes written by the caller behind buf_tail() after buf_reserve(). */
void buf_added(struct buf *b, size_t len);
/* `len` unread bytes are done with. */
void buf_consume(struct buf *b, size_t len);
/* Takes back what was put behind the first `unread` unread bytes. */
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

static inline const uint8_t *buf_head(const struct buf *b)
{
	return b->data + b->start;
}

static inline uint8_t *buf_tail(struct buf *b)
{
	return b->data + b->end;
}

#endif
