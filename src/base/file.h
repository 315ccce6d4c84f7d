/* Small files, read whole. It may block: not for the loop. */
#ifndef SLUICE_FILE_H
#define SLUICE_FILE_H

#include <stddef.h>

/* Reads the file, at most 1 MiB, and appends a NUL; the caller frees *ret.
 * Negative errno; -EFBIG for a longer one. */
int file_read(const char *path, char **ret, size_t *len);

#endif
