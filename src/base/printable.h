/* Untrusted bytes as one printable line. */
#ifndef SLUICE_PRINTABLE_H
#define SLUICE_PRINTABLE_H

#include <stddef.h>

/* Room for a part of a request, with the NUL. */
enum { PRINTABLE_MAX = 64 };

/* Printable ASCII as it is, other bytes as \xNN; a text that does not fit
 * `size` bytes ends with "...". NUL-terminated. Returns `out`. */
const char *printable(char *out, size_t size, const char *bytes, size_t len);

/* The same for a NUL-terminated text. */
const char *printable_text(char *out, size_t size, const char *text);

#endif
