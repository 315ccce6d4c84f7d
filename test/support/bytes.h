/* Growing bytes for tests, always with a NUL behind them. Zeroed is empty. */
#ifndef TEST_BYTES_H
#define TEST_BYTES_H

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

struct bytes {
	char *at; /* NULL while nothing was added */
	size_t len;
	size_t cap;
};

static inline void bytes_add(struct bytes *b, const void *data, size_t len)
{
	if (b->cap < b->len + len + 1) {
		b->cap = (b->len + len + 1) * 2;
		b->at = realloc(b->at, b->cap);
		if (b->at == NULL)
			abort();
	}
	if (len > 0)
		memcpy(b->at + b->len, data, len);
	b->len += len;
	b->at[b->len] = '\0';
}

static inline void bytes_add_char(struct bytes *b, char c)
{
	bytes_add(b, &c, 1);
}

static inline const char *bytes_text(const struct bytes *b)
{
	return b->at == NULL ? "" : b->at;
}

static inline void bytes_clear(struct bytes *b)
{
	b->len = 0;
	if (b->at != NULL)
		b->at[0] = '\0';
}

static inline void bytes_free(struct bytes *b)
{
	free(b->at);
	*b = (struct bytes){0};
}

#endif
