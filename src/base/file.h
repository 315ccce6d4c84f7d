/* Small files, read whole. Blocks: never on the loop. */
#ifndef SLUICE_FILE_H
#define SLUICE_FILE_H

#include <stddef.h>

/* Reads a file of at most 1 MiB and appends a NUL; the caller frees *ret.
 * Negative errno; -EFBIG for a longer file. */
int file_read(const char *path, char **ret, size_t *len);

#endif
