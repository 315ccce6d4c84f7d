/* Bytes of a client or a file, for a person to read on one line. */
#ifndef SLUICE_PRINTABLE_H
#define SLUICE_PRINTABLE_H

#include <stddef.h>

/* Room for what a text quotes of a request, with its NUL. */
enum { PRINTABLE_MAX = 64 };

/* What a client sent, for a text: printable ASCII as it is, the rest \xNN. What
 * does not fit `size` bytes ends with "..."; NUL-terminated. Returns `out`. */
const char *printable(char *out, size_t size, const char *bytes, size_t len);

/* The same of a NUL-terminated text. */
const char *printable_text(char *out, size_t size, const char *text);

#endif
