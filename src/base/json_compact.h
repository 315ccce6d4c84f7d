/* JSON (RFC 8259) of untrusted origin on one line: checked strictly, without
 * insignificant blanks. All other bytes stay: numbers as written, duplicate
 * members. */
#ifndef SLUICE_JSON_COMPACT_H
#define SLUICE_JSON_COMPACT_H

#include <stddef.h>
#include <stdint.h>

enum { JSON_COMPACT_DEPTH = 128 }; /* nested arrays and objects */

/* Length of the one-line form. 0: not JSON, nested too deep, or an escape with
 * half of a surrogate pair. `text` must be UTF-8. */
size_t json_compact_len(const void *text, size_t len);
/* Writes the one-line form of a text that json_compact_len() accepts; returns
 * the end. */
uint8_t *json_compact_put(uint8_t *out, const void *text, size_t len);

#endif
