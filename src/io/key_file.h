/* The file of --jwt-key: read, and read again when it is another one. Paths go
 * through symbolic links, which is how Kubernetes changes a file. */
#ifndef SLUICE_KEY_FILE_H
#define SLUICE_KEY_FILE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "../core/jwt_keys.h"

enum { KEY_FILE_ERROR_MAX = JWT_KEYS_ERROR_MAX };

/* Zeroed but for the path: not read yet. */
struct key_file {
	const char *path; /* borrowed */
	struct stat seen; /* when it was last read; zeroed: it was not there */
	struct jwt_keys *keys; /* NULL: none were read so far */
};

/* Reads it. Negative errno with `err` (KEY_FILE_ERROR_MAX bytes): the keys stay
 * as they are. Else they are others, and who holds the old ones lets go. */
int key_file_read(struct key_file *f, char *err);
/* Is it another file, or not what it was when it was last read? */
bool key_file_changed(const struct key_file *f);
void key_file_finish(struct key_file *f);

#endif
