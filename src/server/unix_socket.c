#include "server/unix_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum {
	/* For the lock of the directory. */
	LOCK_TRIES = 200,
	LOCK_MS = 10,
	/* A path is stale when all connects are refused. */
	PROBES = 3,
	PROBE_MS = 50,
};

/* Locks the directory of a path against other gateways. -1 without a lock (it
 * cannot be read, or another program holds one): then only the repeated probe
 * protects. Closing the descriptor unlocks it. */
static int lock_folder(const char *path)
{
	char folder[sizeof(((struct sockaddr_un *)0)->sun_path)] = ".";
	const char *slash = strrchr(path, '/');
	int fd;

	if (slash != NULL)
		snprintf(folder, sizeof(folder), "%.*s",
			 slash == path ? 1 : (int)(slash - path), path);
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (int i = 0; fd >= 0 && i < LOCK_TRIES; i++) {
		if (flock(fd, LOCK_EX | LOCK_NB) == 0)
			return fd;
		if (errno != EWOULDBLOCK && errno != EINTR)
			break;
		poll(NULL, 0, LOCK_MS);
	}
	if (fd >= 0)
		close(fd);
	return -1;
}

static bool refuses_connect(const struct sockaddr_un *addr)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	bool refused = false;

	if (fd < 0)
		return false;
	if (connect(fd, (const struct sockaddr *)addr, sizeof(*addr)) < 0)
		refused = errno == ECONNREFUSED;
	close(fd);
	return refused;
}

/* True for a socket file on which no process listens. A socket that was just
 * bound refuses as well, until its owner listens: hence several probes. */
static bool is_stale_socket(const struct sockaddr_un *addr)
{
	struct stat st;

	if (lstat(addr->sun_path, &st) < 0 || !S_ISSOCK(st.st_mode))
		return false;
	for (int i = 0; i < PROBES; i++) {
		if (i > 0)
			poll(NULL, 0, PROBE_MS);
		if (!refuses_connect(addr))
			return false;
	}
	return true;
}

/* The file has its mode before a client can connect, and never a wider one:
 * bind() creates it with the mode of the socket, less the umask. */
static int bind_and_listen(int fd, const struct sockaddr_un *addr, int mode,
			   int backlog)
{
	if (mode != UNIX_SOCKET_MODE_UMASK && fchmod(fd, (mode_t)mode) < 0)
		return -errno;
	if (bind(fd, (const struct sockaddr *)addr, sizeof(*addr)) < 0)
		return -errno;
	if ((mode == UNIX_SOCKET_MODE_UMASK ||
	     chmod(addr->sun_path, (mode_t)mode) == 0) &&
	    listen(fd, backlog) == 0)
		return 0;
	mode = -errno;
	unlink(addr->sun_path);
	return mode;
}

static int listen_at(const struct sockaddr_un *addr, int mode, int backlog)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int rc;

	if (fd < 0)
		return -errno;
	if (is_stale_socket(addr))
		unlink(addr->sun_path);
	rc = bind_and_listen(fd, addr, mode, backlog);
	if (rc == 0)
		return fd;
	close(fd);
	return rc;
}

int unix_socket_listen(const char *path, int mode, int backlog)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int lock, fd;

	if (strlen(path) >= sizeof(addr.sun_path))
		return -ENAMETOOLONG;
	strcpy(addr.sun_path, path);
	lock = lock_folder(path);
	fd = listen_at(&addr, mode, backlog);
	if (lock >= 0)
		close(lock);
	return fd;
}
