/* The file of --jwt-key or --jwt-secret: read once at the start, then looked at
 * by a thread of its own, since the file may be on a network's file system that
 * hangs. Paths go through symbolic links, which is how Kubernetes changes a
 * file. All functions are for the loop's thread.
 *
 * A read that fails is tried again at every look: only what was read and is no
 * key is left alone until the file is another one. */
#ifndef SLUICE_JWKS_FILE_H
#define SLUICE_JWKS_FILE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include <uv.h>

#include "auth/jwks.h"

enum { JWKS_FILE_ERROR_MAX = JWKS_ERROR_MAX };

struct key_watch;

/* Zeroed: nothing was read so far. */
struct jwks_file {
	struct jwks *keys;	 /* in force */
	struct key_watch *watch; /* the thread; NULL: none */
};

enum jwks_file_result {
	JWKS_FILE_PENDING, /* no look has ended since the last question */
	JWKS_FILE_SAME,	   /* the file is the one that was read */
	JWKS_FILE_READ,	   /* keys are others: who holds the old ones lets go */
	JWKS_FILE_FAILED,  /* with a text; the keys are as they were */
};

/* Reads the file, and starts the thread that looks at it from then on. `path`
 * is copied, `bell` is borrowed until the close: it is rung when a look has
 * ended. Negative errno with `err` (JWKS_FILE_ERROR_MAX bytes): nothing is
 * open.
 */
int jwks_file_open(struct jwks_file *f, const char *path, enum jwks_kind kind,
		   uv_async_t *bell, char *err);
/* Asks for a look; `force`: the file is read in any case. One that is asked for
 * while another is under way follows it. */
void jwks_file_look(struct jwks_file *f, bool force);
/* How a look has ended; `err` is set with JWKS_FILE_FAILED. */
enum jwks_file_result jwks_file_take(struct jwks_file *f, char *err);
/* Waits for no file: a thread that hangs in one ends by itself. The bell is not
 * rung any more. Accepts a zeroed one. */
void jwks_file_close(struct jwks_file *f);

#endif
