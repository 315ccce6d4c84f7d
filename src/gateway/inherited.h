/* Listening sockets that a service manager has opened for us (sd_listen_fds(3):
 * LISTEN_PID, LISTEN_FDS, LISTEN_FDNAMES). */
#ifndef SLUICE_INHERITED_H
#define SLUICE_INHERITED_H

#include <stdbool.h>
#include <stddef.h>

struct inherited {
	int fd;	    /* close-on-exec */
	bool admin; /* its name is "admin" */
};

enum { INHERITED_MAX = 64, INHERITED_ERROR_MAX = 256 };

/* What the environment says is for this process, into `out` (INHERITED_MAX);
 * how many, 0 for none. Negative errno with `err`: what is said makes no sense,
 * or there are too many. The variables are taken away: it works once. */
int inherited_take(struct inherited *out, char *err);

#endif
