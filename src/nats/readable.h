/* The readable subjects: those that the rights of some identity can name as
 * events. The tail stores no others. Immutable after readable_new(), and shared
 * by threads. */
#ifndef SLUICE_READABLE_H
#define SLUICE_READABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/span.h"

struct readable;

/* Borrowed, for the call. Templates have no pattern_template_fault(). */
struct readable_source {
	char *const *subjects; /* --subject: at least one, none is hidden */
	size_t n_subjects;
	char *const *allow_sub; /* --allow-sub: hidden ones add nothing */
	size_t n_allow_sub;
	bool all; /* tokens carry rights, which may name any subject */
	/* `subjects` are those of a key-value bucket, which are hidden:
	 * without `allow_sub` and `all`. */
	bool is_bucket;
};

/* `{id}` is any token. -ENOMEM or 0. */
int readable_new(struct readable **ret, const struct readable_source *src);
struct readable *readable_ref(struct readable *r);
/* Returns NULL. */
struct readable *readable_unref(struct readable *r);

/* Whether a message with this subject may be an event: it matches one of the
 * patterns, and is not hidden. */
bool readable_has(const struct readable *r, struct span subject);
/* True when some subject of `pattern` matches one of the patterns. */
bool readable_overlaps(const struct readable *r, struct span pattern);

/* One pattern that has all readable subjects, for a consumer: that of the only
 * template; of several the common tokens, `*` where they differ, and `>` where
 * one is longer. Other subjects may match it. No list of patterns: with one,
 * consumers before nats-server 2.14.7 skip messages when a subject is purged
 * (nats-server #8571). */
const char *readable_filter(const struct readable *r);

#endif
