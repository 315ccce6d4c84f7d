/* JSON on one line (RFC 8259): somebody's text, checked strictly, without the
 * blanks and line ends that mean nothing. All else stays byte for byte: numbers
 * as they are written, and members of the same name. */
#ifndef SLUICE_JSON_COMPACT_H
#define SLUICE_JSON_COMPACT_H

#include <stddef.h>
#include <stdint.h>

enum { JSON_COMPACT_DEPTH = 128 }; /* arrays and objects inside of each other */

/* How many bytes the one-line form of the text has. 0: it is not JSON, is
 * nested too deep, or has half of a surrogate pair in an escape, which is no
 * character. `text` must be UTF-8. */
size_t json_compact_len(const void *text, size_t len);
/* Writes these bytes, of a text that json_compact_len() has taken. Returns what
 * follows. */
uint8_t *json_compact_put(uint8_t *out, const void *text, size_t len);

#endif
