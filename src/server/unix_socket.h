/* A listening Unix socket at a path, which another gateway may have left. */
#ifndef SLUICE_UNIX_SOCKET_H
#define SLUICE_UNIX_SOCKET_H

enum { UNIX_SOCKET_MODE_UMASK = -1 };

/* A non-blocking socket that listens at `path`, or a negative errno. `mode`:
 * permissions of the file; UNIX_SOCKET_MODE_UMASK: those that the umask leaves.
 *
 * A path on which no process listens any more is taken over. Gateways lock its
 * directory from the probe until they listen, so none takes the new socket of
 * another one for a stale one; the wait for the lock may block for 2 s. */
int unix_socket_listen(const char *path, int mode, int backlog);

#endif
