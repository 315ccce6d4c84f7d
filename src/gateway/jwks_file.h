/* The file of --jwt-key or --jwt-secret: read once at the start, then checked
 * by a thread of its own, since it may be on a network file system that hangs.
 * Paths go through symbolic links, by which Kubernetes replaces a file. All
 * functions are for the loop's thread.
 *
 * A read that fails is repeated at every check, except when the content is
 * invalid: that waits until the file changes. */
#ifndef SLUICE_JWKS_FILE_H
#define SLUICE_JWKS_FILE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include <uv.h>

#include "auth/jwks.h"

enum { JWKS_FILE_ERROR_MAX = JWKS_ERROR_MAX };

struct jwks_watch;

/* Zeroed: nothing was read so far. */
struct jwks_file {
	struct jwks *keys;	  /* in force */
	struct jwks_watch *watch; /* the thread; NULL: none */
};

enum jwks_file_result {
	JWKS_FILE_PENDING,   /* no check has ended since the last call */
	JWKS_FILE_UNCHANGED, /* the file is the one that was read */
	JWKS_FILE_READ,	     /* the previous keys are freed */
	JWKS_FILE_FAILED,    /* with a text; the keys are the previous ones */
};

/* Reads the file, and starts the thread that checks it from then on. `path` is
 * copied. `wakeup` is borrowed until the close, and sent when a check has
 * ended. Negative errno with `err` (JWKS_FILE_ERROR_MAX bytes): nothing is
 * open. */
int jwks_file_open(struct jwks_file *f, const char *path, enum jwks_kind kind,
		   uv_async_t *wakeup, char *err);
/* Requests a check; `force` reads the file in any case. It follows a check in
 * progress. */
void jwks_file_check(struct jwks_file *f, bool force);
/* The result of the last check. JWKS_FILE_FAILED sets `err`. */
enum jwks_file_result jwks_file_take(struct jwks_file *f, char *err);
/* Does not wait for the file: a thread that hangs in a call ends by itself. The
 * wakeup is not sent any more. Accepts a zeroed struct. */
void jwks_file_close(struct jwks_file *f);

#endif
