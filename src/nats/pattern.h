/* NATS patterns: subjects in which `*` matches one token and `>`, as the last
 * token, one or more. nats-server 2.15: isValidSubject(), SubjectsCollide() and
 * isSubsetMatchTokenized() of server/sublist.go.
 *
 * Texts are borrowed, and may have any bytes: no function reads beyond them or
 * allocates. Answers about a text that is no pattern mean nothing. */
#ifndef SLUICE_PATTERN_H
#define SLUICE_PATTERN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/span.h"

enum { PATTERN_MAX = 255 }; /* bytes in a pattern */

/* NULL for a pattern, otherwise what is wrong (static text): 1 to PATTERN_MAX
 * bytes 33..126, no empty token, `*` and `>` only as whole tokens, `>` only as
 * the last one.
 *
 * nats-server takes `a*b` for a literal token in the sublist, and for a
 * wildcard at the start of a token in isSubsetMatchTokenized(). ADR-6 excludes
 * both, and so does this function. */
const char *pattern_fault(struct span text);
/* The rule of one token, without `>` being the last one. NULL, or a text. */
const char *pattern_token_fault(struct span token);

/* True when no token is a wildcard: the pattern is a subject. */
bool pattern_is_literal(struct span pattern);
/* True when the first token begins with `$` or is `_INBOX`: subjects that are
 * no events. For patterns and subjects. A pattern
 * whose first token is a wildcard is not hidden, but matches hidden subjects.
 */
bool pattern_is_hidden(struct span pattern);

/* True when the pattern matches the subject. A token `*` or `>` of the subject
 * is literal: a server that is not pedantic stores such messages. */
bool pattern_matches(struct span pattern, struct span subject);
/* True when every subject of `a` is one of `b`. */
bool pattern_inside(struct span a, struct span b);
/* True when some subject is one of both. */
bool pattern_overlaps(struct span a, struct span b);

/* Writes the pattern of the subjects that are of both to `out` (a.len + b.len
 * bytes). Returns its length, 0 when there are none. */
size_t pattern_intersect(char *out, struct span a, struct span b);

/* Sorts the list by its bytes and drops repeats and patterns inside others.
 * Returns the number left. The subjects are the same as before. */
size_t pattern_normalise(struct span *list, size_t n);

/* The next token of a text: true, with *rest moved behind it and its dot. False
 * after the last one. Starts with the whole text in *rest. */
bool pattern_next_token(struct span *rest, struct span *ret);

#endif
