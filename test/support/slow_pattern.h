/* Patterns and rights by enumeration: slow and obvious, to compare with. */
#ifndef TEST_SLOW_PATTERN_H
#define TEST_SLOW_PATTERN_H

#include <stdbool.h>
#include <stddef.h>

/* Token by token, as the documentation of NATS describes it. */
bool slow_matches(const char *pattern, const char *subject);

/* All subjects of 1 to 4 tokens a, b, z. Patterns of up to 3 tokens a, b and
 * wildcards differ in one of them where they differ at all: z stands for all
 * other tokens, 4 tokens for all longer subjects. */
enum { SLOW_SUBJECTS = 3 + 9 + 27 + 81 };
const char *slow_subject(size_t i);

/* All patterns of 1 to 3 tokens a, b, `*`, the last one also `>`. */
enum { SLOW_PATTERNS = 4 + 3 * 4 + 9 * 4 };
const char *slow_pattern(size_t i);

bool slow_inside(const char *a, const char *b);
bool slow_overlaps(const char *a, const char *b);

#endif
