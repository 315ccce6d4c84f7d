/* A borrowed part of a text, not NUL-terminated. */
#ifndef SLUICE_SPAN_H
#define SLUICE_SPAN_H

#include <stddef.h>
#include <string.h>

struct span {
	const char *at;
	size_t len;
};

static inline struct span span_of(const char *text)
{
	return (struct span){text, strlen(text)};
}

#endif
