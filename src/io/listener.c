/* The socket is ours, libuv only polls it: so accept4() is under our control.
 * libuv's own listener answers a lack of descriptors by accepting and closing;
 * here the clients stay in the kernel's queue until there is room again.
 *
 * Options that an accepted socket inherits are set once, on the listening one.
 */
#include "listener.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <uv.h>

#include "../core/address.h"
#include "../core/check.h"
#include "../core/values.h"
#include "handles.h"

enum {
	LISTENER_BACKLOG = 4096,
	LISTENER_BURST = 256,	 /* accepted in one turn */
	LISTENER_PAUSE_MS = 100, /* when descriptors have run out */
	KEEPALIVE_IDLE_S = 60,
	KEEPALIVE_INTERVAL_S = 15,
	KEEPALIVE_PROBES = 4,
	/* Unacknowledged for so long is dead. Linux counts a peer that has
	 * closed its window too, however alive it is: so this must be longer
	 * than any client may take to read on. */
	USER_TIMEOUT_MS = 10 * 60 * 1000,
};

static const char unix_scheme[] = "unix:";

struct listener {
	struct handles handles;
	uv_poll_t poll;
	uv_timer_t pause;
	struct listener_cbs cbs;
	int fd;
	bool in_trouble;
	bool closing;
	/* The socket file that was made: removed at the end, if it still is
	 * the one. */
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
	dev_t dev;
	ino_t ino;
};

/* ---- accepting ----------------------------------------------------------- */

static void on_acceptable(uv_poll_t *poll, int status, int events);

static struct listener *listener_of(void *data)
{
	return CONTAINER_OF((struct handles *)data, struct listener, handles);
}

static void on_pause_over(uv_timer_t *timer)
{
	struct listener *l = listener_of(timer->data);

	uv_poll_start(&l->poll, UV_READABLE, on_acceptable);
}

/* What waits goes on waiting; a busy loop would starve everyone else. */
static void pause_accepting(struct listener *l, int err)
{
	uv_poll_stop(&l->poll);
	uv_timer_start(&l->pause, on_pause_over, LISTENER_PAUSE_MS, 0);
	if (!l->in_trouble && l->cbs.on_trouble != NULL)
		l->cbs.on_trouble(l->cbs.arg, err);
	l->in_trouble = true;
}

static bool lacks_room(int err)
{
	return err == EMFILE || err == ENFILE || err == ENOBUFS ||
	       err == ENOMEM;
}

static struct address address_from(const struct sockaddr_storage *peer)
{
	const void *at = peer;

	if (peer->ss_family == AF_INET)
		return address_of_v4(
			&((const struct sockaddr_in *)at)->sin_addr);
	if (peer->ss_family == AF_INET6)
		return address_of_v6(
			&((const struct sockaddr_in6 *)at)->sin6_addr);
	return (struct address){0};
}

static void on_acceptable(uv_poll_t *poll, int status, int events)
{
	struct listener *l = listener_of(poll->data);

	(void)status;
	(void)events;
	for (int i = 0; i < LISTENER_BURST && !l->closing; i++) {
		struct sockaddr_storage peer = {.ss_family = AF_UNSPEC};
		socklen_t len = sizeof(peer);
		int fd = accept4(l->fd, (struct sockaddr *)&peer, &len,
				 SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd >= 0) {
			struct address from = address_from(&peer);

			l->in_trouble = false;
			l->cbs.on_accept(l->cbs.arg, fd, &from);
		} else if (lacks_room(errno)) {
			pause_accepting(l, -errno);
			return;
		} else if (errno == EAGAIN || errno == EWOULDBLOCK) {
			return;
		}
		/* Anything else is of one connection, which is gone. */
	}
}

/* ---- sockets ------------------------------------------------------------- */

static int set_int(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof(value)) < 0 ? -errno
								      : 0;
}

static int set_tcp_options(int fd)
{
	static const struct {
		int level, name, value;
	} options[] = {
		{SOL_SOCKET, SO_REUSEADDR, 1},
		{SOL_SOCKET, SO_KEEPALIVE, 1},
		{IPPROTO_TCP, TCP_NODELAY, 1},
		{IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_IDLE_S},
		{IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_INTERVAL_S},
		{IPPROTO_TCP, TCP_KEEPCNT, KEEPALIVE_PROBES},
		{IPPROTO_TCP, TCP_USER_TIMEOUT, USER_TIMEOUT_MS},
	};

	for (size_t i = 0; i < ARRAY_LEN(options); i++) {
		int rc = set_int(fd, options[i].level, options[i].name,
				 options[i].value);

		if (rc < 0)
			return rc;
	}
	return 0;
}

/* A bound, listening socket, or a negative errno. */
static int listen_on(const struct sockaddr *addr, socklen_t len, bool shared)
{
	int fd = socket(addr->sa_family,
			SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int rc = 0;

	if (fd < 0)
		return -errno;
	if (addr->sa_family != AF_UNIX)
		rc = set_tcp_options(fd);
	if (rc == 0 && shared && addr->sa_family != AF_UNIX)
		rc = set_int(fd, SOL_SOCKET, SO_REUSEPORT, 1);
	if (rc == 0 &&
	    (bind(fd, addr, len) < 0 || listen(fd, LISTENER_BACKLOG) < 0))
		rc = -errno;
	if (rc == 0)
		return fd;
	close(fd);
	return rc;
}

static int listen_inet(struct listener *l, const char *address, bool shared,
		       const char **why)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
				 .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
	struct addrinfo *all, *a;
	char host[256];
	const char *port;
	int rc = values_address_split(address, host, sizeof(host), &port);

	if (rc < 0)
		return rc;
	rc = getaddrinfo(host, port, &hints, &all);
	if (rc != 0) {
		*why = gai_strerror(rc);
		return -EADDRNOTAVAIL;
	}
	rc = -EADDRNOTAVAIL;
	for (a = all; a != NULL && rc < 0; a = a->ai_next)
		rc = listen_on(a->ai_addr, a->ai_addrlen, shared);
	freeaddrinfo(all);
	if (rc < 0)
		return rc;
	l->fd = rc;
	return 0;
}

/* Is it a socket that nobody listens on, left behind by who did? */
static bool is_stale(const struct sockaddr_un *addr)
{
	struct stat st;
	bool stale = false;
	int fd;

	if (lstat(addr->sun_path, &st) < 0 || !S_ISSOCK(st.st_mode))
		return false;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return false;
	if (connect(fd, (const struct sockaddr *)addr, sizeof(*addr)) < 0)
		stale = errno == ECONNREFUSED;
	close(fd);
	return stale;
}

static int listen_unix(struct listener *l, const char *path)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	struct stat st;
	int fd;

	if (strlen(path) >= sizeof(addr.sun_path))
		return -ENAMETOOLONG;
	strcpy(addr.sun_path, path);
	if (is_stale(&addr))
		unlink(path);
	fd = listen_on((const struct sockaddr *)&addr, sizeof(addr), false);
	if (fd < 0)
		return fd;
	l->fd = fd;
	if (stat(path, &st) == 0) {
		strcpy(l->path, path);
		l->dev = st.st_dev;
		l->ino = st.st_ino;
	}
	return 0;
}

static void remove_path(const struct listener *l)
{
	struct stat st;

	if (l->path[0] != '\0' && stat(l->path, &st) == 0 &&
	    st.st_dev == l->dev && st.st_ino == l->ino)
		unlink(l->path);
}

/* ---- life ---------------------------------------------------------------- */

static void on_gone(struct handles *h)
{
	struct listener *l = CONTAINER_OF(h, struct listener, handles);

	if (l->cbs.on_closed != NULL)
		l->cbs.on_closed(l->cbs.arg);
	free(l);
}

static int start(struct listener *l, struct uv_loop_s *loop)
{
	int rc = uv_poll_init(loop, &l->poll, l->fd);

	if (rc < 0)
		return rc;
	handles_add(&l->handles, (uv_handle_t *)&l->poll);
	uv_timer_init(loop, &l->pause);
	handles_add(&l->handles, (uv_handle_t *)&l->pause);
	return uv_poll_start(&l->poll, UV_READABLE, on_acceptable);
}

static struct listener *make(const struct listener_cbs *cbs, char *err)
{
	struct listener *l = calloc(1, sizeof(*l));

	if (l == NULL) {
		snprintf(err, LISTENER_ERROR_MAX, "out of memory");
		return NULL;
	}
	l->fd = -1;
	l->cbs = *cbs;
	handles_init(&l->handles, on_gone);
	return l;
}

/* It did not come to listening: nothing is left, or a handle that closes. */
static void unmake(struct listener *l)
{
	l->cbs.on_closed = NULL;
	if (l->handles.open > 0) {
		listener_close(l);
		return;
	}
	if (l->fd >= 0)
		close(l->fd);
	remove_path(l);
	free(l);
}

static int open_new(struct listener **ret, struct uv_loop_s *loop,
		    const char *address, bool shared,
		    const struct listener_cbs *cbs, char *err)
{
	struct listener *l = make(cbs, err);
	const char *why = NULL;
	int rc;

	if (l == NULL)
		return -ENOMEM;
	if (strncmp(address, unix_scheme, strlen(unix_scheme)) == 0)
		rc = listen_unix(l, address + strlen(unix_scheme));
	else
		rc = listen_inet(l, address, shared, &why);
	if (rc == 0)
		rc = start(l, loop);
	if (rc == 0) {
		*ret = l;
		return 0;
	}
	snprintf(err, LISTENER_ERROR_MAX, "can't listen on %s: %s", address,
		 why != NULL ? why : strerror(-rc));
	unmake(l);
	return rc;
}

int listener_new(struct listener **ret, struct uv_loop_s *loop,
		 const char *address, const struct listener_cbs *cbs, char *err)
{
	return open_new(ret, loop, address, false, cbs, err);
}

int listener_new_shared(struct listener **ret, struct uv_loop_s *loop,
			const char *address, const struct listener_cbs *cbs,
			char *err)
{
	return open_new(ret, loop, address, true, cbs, err);
}

static int get_int(int fd, int name)
{
	int value = 0;
	socklen_t len = sizeof(value);

	return getsockopt(fd, SOL_SOCKET, name, &value, &len) < 0 ? -errno
								  : value;
}

/* Accepting may not block, whatever it was opened for. */
static int prepare(int fd)
{
	int domain = get_int(fd, SO_DOMAIN), flags = fcntl(fd, F_GETFL);

	if (domain < 0)
		return domain;
	if (get_int(fd, SO_TYPE) != SOCK_STREAM ||
	    get_int(fd, SO_ACCEPTCONN) != 1)
		return -EPROTOTYPE;
	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return -errno;
	return domain == AF_UNIX ? 0 : set_tcp_options(fd);
}

int listener_adopt(struct listener **ret, struct uv_loop_s *loop, int fd,
		   const struct listener_cbs *cbs, char *err)
{
	int rc = prepare(fd);
	struct listener *l;

	if (rc < 0) {
		snprintf(err, LISTENER_ERROR_MAX, "descriptor %d: %s", fd,
			 rc == -EPROTOTYPE ? "no stream socket that listens"
					   : strerror(-rc));
		return rc;
	}
	l = make(cbs, err);
	if (l == NULL)
		return -ENOMEM;
	l->fd = fd;
	rc = start(l, loop);
	if (rc == 0) {
		*ret = l;
		return 0;
	}
	snprintf(err, LISTENER_ERROR_MAX, "descriptor %d: %s", fd,
		 strerror(-rc));
	unmake(l);
	return rc;
}

/* Of a Unix socket that somebody else has made. */
static void unix_address(const struct sockaddr_un *addr, socklen_t len,
			 char *out)
{
	size_t head = offsetof(struct sockaddr_un, sun_path);
	int n = len > head ? (int)(len - head) : 0;
	bool abstract = n > 0 && addr->sun_path[0] == '\0';

	snprintf(out, LISTENER_ADDRESS_MAX, "%s%s%.*s", unix_scheme,
		 abstract ? "@" : "", n - abstract, addr->sun_path + abstract);
}

void listener_address(const struct listener *l, char *out)
{
	struct sockaddr_storage addr;
	socklen_t len = sizeof(addr);
	char host[INET6_ADDRSTRLEN] = "", port[8] = "";
	bool v6;

	if (l->path[0] != '\0') {
		snprintf(out, LISTENER_ADDRESS_MAX, "%s%s", unix_scheme,
			 l->path);
		return;
	}
	memset(&addr, 0, sizeof(addr));
	getsockname(l->fd, (struct sockaddr *)&addr, &len);
	if (addr.ss_family == AF_UNIX) {
		unix_address((const struct sockaddr_un *)(const void *)&addr,
			     len, out);
		return;
	}
	getnameinfo((const struct sockaddr *)&addr, len, host, sizeof(host),
		    port, sizeof(port), NI_NUMERICHOST | NI_NUMERICSERV);
	v6 = addr.ss_family == AF_INET6;
	snprintf(out, LISTENER_ADDRESS_MAX, "%s%s%s:%s", v6 ? "[" : "", host,
		 v6 ? "]" : "", port);
}

void listener_close(struct listener *l)
{
	if (l == NULL || l->closing)
		return;
	l->closing = true;
	handles_end(&l->handles);
	handles_close(&l->handles, (uv_handle_t *)&l->poll);
	handles_close(&l->handles, (uv_handle_t *)&l->pause);
	/* Not polled any more from here on, so it may be closed. */
	close(l->fd);
	remove_path(l);
}
