/* The readable subjects of one template, for a test to unref. */
#ifndef SLUICE_READABLE_OF_H
#define SLUICE_READABLE_OF_H

#include <stdint.h>

#include "base/check.h"
#include "nats/readable.h"

static inline struct readable *readable_of(const char *text)
{
	char *const subjects[] = {(char *)(uintptr_t)text};
	const struct readable_source src = {.subjects = subjects,
					    .n_subjects = 1};
	struct readable *ret;

	MUST(readable_new(&ret, &src) == 0);
	return ret;
}

#endif
