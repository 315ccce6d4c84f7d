/* libuv only polls the listening socket. Its own listener accepts and closes
 * connections when descriptors run out; here the clients stay in the kernel's
 * queue until there is room again.
 *
 * Options that accepted sockets inherit are set once, on the listening one. */
#include "server/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <uv.h>

#include "base/address.h"
#include "base/check.h"
#include "base/hostport.h"
#include "loop/handles.h"
#include "server/unix_socket.h"

enum {
	LISTENER_BACKLOG = 4096,
	LISTENER_BURST = 256, /* accepted in one iteration of the loop */
	/* After an error of accept4(). Doubled each time, unless descriptors
	 * have run out. */
	LISTENER_PAUSE_MS = 100,
	LISTENER_PAUSE_MAX_MS = 5000,
	/* Errors of single connections, in one iteration. */
	LISTENER_FAILURES = 16,
	LISTENER_PORTS =
		8, /* attempts to find one that is free on all addresses */
	KEEPALIVE_IDLE_S = 60,
	KEEPALIVE_INTERVAL_S = 15,
	KEEPALIVE_PROBES = 4,
	/* A peer is dead when data is unacknowledged for so long. Linux counts
	 * a closed window as well: this must be longer than any client may
	 * pause reading. */
	USER_TIMEOUT_MS = 10 * 60 * 1000,
};

static const char unix_scheme[] = "unix:";

struct listening {
	uv_poll_t poll;
	uv_timer_t pause;
	int fd;
};

struct listener {
	struct handles handles;
	struct listener_cbs cbs;
	struct listening sockets[LISTENER_SOCKETS_MAX];
	size_t n;	  /* sockets */
	size_t n_started; /* of them; the handles of these are open */
	uint64_t pause_ms;
	bool failing;
	bool closing;
	/* The socket file of this listener: removed at the end, unless another
	 * file has taken its place. */
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
	dev_t dev;
	ino_t ino;
};

/* ---- accepting ----------------------------------------------------------- */

static void on_acceptable(uv_poll_t *poll, int status, int events);

static struct listener *listener_of_handle(void *data)
{
	return CONTAINER_OF((struct handles *)data, struct listener, handles);
}

static void on_pause_over(uv_timer_t *timer)
{
	struct listening *s = CONTAINER_OF(timer, struct listening, pause);

	uv_poll_start(&s->poll, UV_READABLE, on_acceptable);
}

static bool lacks_descriptors(int err)
{
	return err == EMFILE || err == ENFILE || err == ENOBUFS ||
	       err == ENOMEM;
}

/* The error of one connection, which is gone (accept(2)); EPERM: a firewall's
 * rule. */
static bool is_of_connection(int err)
{
	return err == EINTR || err == ECONNABORTED || err == EPROTO ||
	       err == ENETDOWN || err == ENOPROTOOPT || err == EHOSTDOWN ||
	       err == ENONET || err == EHOSTUNREACH || err == EOPNOTSUPP ||
	       err == ENETUNREACH || err == EPERM;
}

/* Clients keep waiting: a loop that retries at once would keep everything else
 * from running. */
static void pause_accepting(struct listener *l, struct listening *s, int err)
{
	bool first = !l->failing;

	if (first || lacks_descriptors(err))
		l->pause_ms = LISTENER_PAUSE_MS;
	else if (l->pause_ms < LISTENER_PAUSE_MAX_MS / 2)
		l->pause_ms *= 2;
	else
		l->pause_ms = LISTENER_PAUSE_MAX_MS;
	l->failing = true;
	uv_poll_stop(&s->poll);
	uv_timer_start(&s->pause, on_pause_over, l->pause_ms, 0);
	if (l->cbs.on_accept_error != NULL)
		l->cbs.on_accept_error(l->cbs.arg, -err, first);
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
	struct listener *l = listener_of_handle(poll->data);
	struct listening *s = CONTAINER_OF(poll, struct listening, poll);
	int failures = 0;

	(void)status;
	(void)events;
	for (int i = 0; i < LISTENER_BURST && !l->closing; i++) {
		struct sockaddr_storage peer = {.ss_family = AF_UNSPEC};
		socklen_t len = sizeof(peer);
		int fd = accept4(s->fd, (struct sockaddr *)&peer, &len,
				 SOCK_NONBLOCK | SOCK_CLOEXEC);
		int err = errno;

		if (fd >= 0) {
			struct address from = address_from(&peer);

			l->failing = false;
			l->cbs.on_accept(l->cbs.arg, fd, &from);
		} else if (err == EAGAIN || err == EWOULDBLOCK) {
			return;
		} else if (!is_of_connection(err) ||
			   ++failures == LISTENER_FAILURES) {
			pause_accepting(l, s, err);
			return;
		}
	}
}

/* ---- sockets ------------------------------------------------------------- */

static int set_socket_option(int fd, int level, int name, int value)
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
		int rc = set_socket_option(fd, options[i].level,
					   options[i].name, options[i].value);

		if (rc < 0)
			return rc;
	}
	return 0;
}

/* A socket for this family, or a negative errno. */
static int new_socket(int family, bool shared)
{
	int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int rc;

	if (fd < 0)
		return -errno;
	rc = set_tcp_options(fd);
	if (rc == 0 && family == AF_INET6)
		rc = set_socket_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
	if (rc == 0 && shared)
		rc = set_socket_option(fd, SOL_SOCKET, SO_REUSEPORT, 1);
	if (rc == 0)
		return fd;
	close(fd);
	return rc;
}

static void close_sockets(struct listener *l)
{
	for (size_t i = 0; i < l->n; i++)
		close(l->sockets[i].fd);
	l->n = 0;
}

/* ---- names and addresses ------------------------------------------------- */

static bool is_listed_before(const struct addrinfo *all,
			     const struct addrinfo *a)
{
	for (; all != a; all = all->ai_next)
		if (all->ai_addrlen == a->ai_addrlen &&
		    memcmp(all->ai_addr, a->ai_addr, a->ai_addrlen) == 0)
			return true;
	return false;
}

/* Port 0 is any port, the same one on all addresses of a name. */
static void take_port(const struct listener *l, struct sockaddr_storage *addr)
{
	struct sockaddr_storage first;
	socklen_t len = sizeof(first);
	struct sockaddr_in *v4 = (void *)&first, *to_v4 = (void *)addr;
	struct sockaddr_in6 *v6 = (void *)&first, *to_v6 = (void *)addr;
	in_port_t port;

	memset(&first, 0, sizeof(first));
	if (l->n == 0 ||
	    getsockname(l->sockets[0].fd, (struct sockaddr *)&first, &len) < 0)
		return;
	port = first.ss_family == AF_INET ? v4->sin_port : v6->sin6_port;
	if (addr->ss_family == AF_INET && to_v4->sin_port == 0)
		to_v4->sin_port = port;
	else if (addr->ss_family == AF_INET6 && to_v6->sin6_port == 0)
		to_v6->sin6_port = port;
}

static int listen_on_socket(struct listener *l, const struct addrinfo *a,
			    bool shared)
{
	struct sockaddr_storage addr;
	int fd = new_socket(a->ai_family, shared), rc;

	if (fd < 0)
		return fd;
	memset(&addr, 0, sizeof(addr));
	memcpy(&addr, a->ai_addr, a->ai_addrlen);
	take_port(l, &addr);
	if (bind(fd, (struct sockaddr *)&addr, a->ai_addrlen) == 0 &&
	    listen(fd, LISTENER_BACKLOG) == 0) {
		l->sockets[l->n++].fd = fd;
		return 0;
	}
	rc = -errno;
	close(fd);
	return rc;
}

/* An address that this machine does not have (IPv6 on a host without it) is
 * skipped, unless it is the only one. */
static int listen_on_all(struct listener *l, const struct addrinfo *all,
			 bool shared)
{
	int missing = -EADDRNOTAVAIL;

	for (const struct addrinfo *a = all; a != NULL; a = a->ai_next) {
		int rc;

		if (is_listed_before(all, a))
			continue;
		if (l->n == LISTENER_SOCKETS_MAX)
			return -E2BIG;
		rc = listen_on_socket(l, a, shared);
		if (rc == -EADDRNOTAVAIL || rc == -EAFNOSUPPORT)
			missing = rc;
		else if (rc < 0)
			return rc;
	}
	return l->n > 0 ? 0 : missing;
}

static int listen_on_inet(struct listener *l, const char *address, bool shared,
			  const char **why)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
				 .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
	struct addrinfo *all;
	char host[256];
	const char *port;
	int rc = hostport_split(address, host, sizeof(host), &port);

	if (rc < 0)
		return rc;
	rc = getaddrinfo(host, port, &hints, &all);
	if (rc != 0) {
		*why = gai_strerror(rc);
		return -EADDRNOTAVAIL;
	}
	for (int i = 0; i < LISTENER_PORTS; i++) {
		rc = listen_on_all(l, all, shared);
		if (rc == 0)
			break;
		close_sockets(l);
		if (rc != -EADDRINUSE || strtol(port, NULL, 10) != 0)
			break;
	}
	freeaddrinfo(all);
	if (rc == -E2BIG)
		*why = "the name has too many addresses";
	return rc;
}

/* ---- Unix sockets -------------------------------------------------------- */

static int listen_on_unix(struct listener *l, const char *path, int mode)
{
	struct stat st;
	int fd = unix_socket_listen(path, mode, LISTENER_BACKLOG);

	if (fd < 0)
		return fd;
	l->sockets[l->n++].fd = fd;
	if (stat(path, &st) == 0) {
		strcpy(l->path, path);
		l->dev = st.st_dev;
		l->ino = st.st_ino;
	}
	return 0;
}

static void remove_socket_path(const struct listener *l)
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

static int start_polling(struct listener *l, struct uv_loop_s *loop)
{
	while (l->n_started < l->n) {
		struct listening *s = &l->sockets[l->n_started];
		int rc = uv_poll_init(loop, &s->poll, s->fd);

		if (rc < 0)
			return rc;
		handles_add(&l->handles, (uv_handle_t *)&s->poll);
		uv_timer_init(loop, &s->pause);
		handles_add(&l->handles, (uv_handle_t *)&s->pause);
		l->n_started++;
		rc = uv_poll_start(&s->poll, UV_READABLE, on_acceptable);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static struct listener *make_listener(const struct listener_cbs *cbs, char *err)
{
	struct listener *l = calloc(1, sizeof(*l));

	if (l == NULL) {
		snprintf(err, LISTENER_ERROR_MAX, "out of memory");
		return NULL;
	}
	l->cbs = *cbs;
	handles_init(&l->handles, on_gone);
	return l;
}

/* Before it listens: frees it, or closes its handles. */
static void unmake_listener(struct listener *l)
{
	l->cbs.on_closed = NULL;
	if (l->handles.open > 0) {
		listener_close(l);
		return;
	}
	close_sockets(l);
	remove_socket_path(l);
	free(l);
}

int listener_new(struct listener **ret, struct uv_loop_s *loop,
		 const char *address, const struct listener_how *how,
		 const struct listener_cbs *cbs, char *err)
{
	struct listener *l = make_listener(cbs, err);
	const char *why = NULL;
	int rc;

	if (l == NULL)
		return -ENOMEM;
	if (strncmp(address, unix_scheme, strlen(unix_scheme)) == 0)
		rc = listen_on_unix(l, address + strlen(unix_scheme),
				    how->mode);
	else
		rc = listen_on_inet(l, address, how->shared, &why);
	if (rc == 0)
		rc = start_polling(l, loop);
	if (rc == 0) {
		*ret = l;
		return 0;
	}
	snprintf(err, LISTENER_ERROR_MAX, "cannot listen on %s: %s", address,
		 why != NULL ? why : strerror(-rc));
	unmake_listener(l);
	return rc;
}

static int socket_option_of(int fd, int name)
{
	int value = 0;
	socklen_t len = sizeof(value);

	return getsockopt(fd, SOL_SOCKET, name, &value, &len) < 0 ? -errno
								  : value;
}

/* Accepting must not block. */
static int prepare_socket(int fd)
{
	int domain = socket_option_of(fd, SO_DOMAIN),
	    flags = fcntl(fd, F_GETFL);

	if (domain < 0)
		return domain;
	if (socket_option_of(fd, SO_TYPE) != SOCK_STREAM ||
	    socket_option_of(fd, SO_ACCEPTCONN) != 1)
		return -EPROTOTYPE;
	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return -errno;
	return domain == AF_UNIX ? 0 : set_tcp_options(fd);
}

int listener_adopt(struct listener **ret, struct uv_loop_s *loop, int fd,
		   const struct listener_cbs *cbs, char *err)
{
	int rc = prepare_socket(fd);
	struct listener *l;

	if (rc < 0) {
		snprintf(err, LISTENER_ERROR_MAX, "descriptor %d: %s", fd,
			 rc == -EPROTOTYPE ? "not a listening stream socket"
					   : strerror(-rc));
		return rc;
	}
	l = make_listener(cbs, err);
	if (l == NULL)
		return -ENOMEM;
	l->sockets[l->n++].fd = fd;
	rc = start_polling(l, loop);
	if (rc == 0) {
		*ret = l;
		return 0;
	}
	snprintf(err, LISTENER_ERROR_MAX, "descriptor %d: %s", fd,
		 strerror(-rc));
	unmake_listener(l);
	return rc;
}

/* Of an inherited Unix socket. */
static void format_unix_address(const struct sockaddr_un *addr, socklen_t len,
				char *out)
{
	size_t head = offsetof(struct sockaddr_un, sun_path);
	int n = len > head ? (int)(len - head) : 0;
	bool abstract = n > 0 && addr->sun_path[0] == '\0';

	snprintf(out, LISTENER_ADDRESS_MAX, "%s%s%.*s", unix_scheme,
		 abstract ? "@" : "", n - abstract, addr->sun_path + abstract);
}

bool listener_address_of(const struct listener *l, size_t i, char *out)
{
	struct sockaddr_storage addr;
	socklen_t len = sizeof(addr);
	char host[INET6_ADDRSTRLEN] = "", port[8] = "";
	bool v6;

	if (i >= l->n)
		return false;
	if (l->path[0] != '\0') {
		snprintf(out, LISTENER_ADDRESS_MAX, "%s%s", unix_scheme,
			 l->path);
		return true;
	}
	memset(&addr, 0, sizeof(addr));
	getsockname(l->sockets[i].fd, (struct sockaddr *)&addr, &len);
	if (addr.ss_family == AF_UNIX) {
		format_unix_address(
			(const struct sockaddr_un *)(const void *)&addr, len,
			out);
		return true;
	}
	getnameinfo((const struct sockaddr *)&addr, len, host, sizeof(host),
		    port, sizeof(port), NI_NUMERICHOST | NI_NUMERICSERV);
	v6 = addr.ss_family == AF_INET6;
	snprintf(out, LISTENER_ADDRESS_MAX, "%s%s%s:%s", v6 ? "[" : "", host,
		 v6 ? "]" : "", port);
	return true;
}

void listener_address(const struct listener *l, char *out)
{
	out[0] = '\0';
	listener_address_of(l, 0, out);
}

static bool is_local(const struct listening *s)
{
	struct sockaddr_storage name;
	socklen_t len = sizeof(name);
	struct address_range loopback[2];
	struct address own;

	memset(&name, 0, sizeof(name));
	if (getsockname(s->fd, (struct sockaddr *)&name, &len) < 0)
		return false;
	if (name.ss_family == AF_UNIX)
		return true;
	own = address_from(&name);
	return address_range_parse(&loopback[0], "127.0.0.0/8") == NULL &&
	       address_range_parse(&loopback[1], "::1") == NULL &&
	       address_in(&own, loopback, ARRAY_LEN(loopback));
}

bool listener_is_local(const struct listener *l)
{
	for (size_t i = 0; i < l->n; i++)
		if (!is_local(&l->sockets[i]))
			return false;
	return true;
}

void listener_close(struct listener *l)
{
	if (l == NULL || l->closing)
		return;
	l->closing = true;
	handles_end(&l->handles);
	for (size_t i = 0; i < l->n_started; i++) {
		handles_close(&l->handles, (uv_handle_t *)&l->sockets[i].poll);
		handles_close(&l->handles, (uv_handle_t *)&l->sockets[i].pause);
	}
	/* No longer polled: they may be closed. */
	close_sockets(l);
	remove_socket_path(l);
}
