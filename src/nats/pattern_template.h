/* Templates of patterns: "rooms.{id}.>". Whole tokens may be `{id}`, in any
 * number, `*`, and `>` as the last one; a template without `{id}` is the same
 * pattern for all identities. */
#ifndef SLUICE_PATTERN_TEMPLATE_H
#define SLUICE_PATTERN_TEMPLATE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/span.h"
#include "nats/pattern.h"

/* NULL for a template, otherwise what is wrong (static text): a token is no
 * token of a pattern, a brace stands outside `{id}` (a misspelt placeholder),
 * or the template is too long for any identity. */
const char *pattern_template_fault(struct span text);

bool pattern_template_has_id(struct span text);

/* Writes the pattern of an identity that is subject_id_ok() to `out`
 * (PATTERN_MAX bytes, no NUL) and its length to *len. `text` is a template.
 * Returns NULL, or what is wrong (static text): the pattern is longer than
 * PATTERN_MAX, or the identity makes it a hidden one. The latter would let the
 * identity `$KV` read `$KV.>` by the template `{id}.>`. `out` may then have
 * changed. */
const char *pattern_template_render(struct span text, struct span id, char *out,
				    size_t *len);

#endif
