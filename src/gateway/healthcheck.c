#include "gateway/healthcheck.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/hostport.h"
#include "base/printable.h"

enum {
	HEALTHCHECK_MS = 3000,
	REQUEST_MAX = 128,
	RESPONSE_MAX = 4096,
	SHOWN_MAX = 160
};

static const char unix_scheme[] = "unix:";
/* The PROXY protocol header of a connection without a client. */
#define PROXY_HEADER "PROXY UNKNOWN\r\n"

static int64_t steady_now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

struct healthcheck {
	char request[REQUEST_MAX];
	int64_t deadline_ms;
	char response[RESPONSE_MAX];
};

/* ---- one address --------------------------------------------------------- */

/* 0 when the socket is ready for these events, or a negative errno. */
static int wait_for_socket(int fd, short events, int64_t deadline_ms)
{
	struct pollfd p = {.fd = fd, .events = events};

	for (;;) {
		int64_t left = deadline_ms - steady_now_ms();
		int n = left <= 0 ? 0 : poll(&p, 1, (int)left);

		if (n > 0)
			return 0;
		if (n == 0)
			return -ETIMEDOUT;
		if (errno != EINTR)
			return -errno;
	}
}

static int connect_with_timeout(int fd, const struct sockaddr *addr,
				socklen_t len, int64_t deadline_ms)
{
	int err = 0, rc;
	socklen_t size = sizeof(err);

	if (connect(fd, addr, len) == 0)
		return 0;
	if (errno != EINPROGRESS)
		return -errno;
	rc = wait_for_socket(fd, POLLOUT, deadline_ms);
	if (rc < 0)
		return rc;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &size) < 0)
		return -errno;
	return -err;
}

/* Reads to the end of the response, or as much as fits. */
static int exchange_request(int fd, struct healthcheck *h)
{
	size_t size = strlen(h->request), len = 0;
	int rc = 0;
	ssize_t sent = send(fd, h->request, size, MSG_NOSIGNAL);

	/* Every socket takes so few bytes at once. */
	if (sent != (ssize_t)size)
		return sent < 0 ? -errno : -EIO;
	while (rc == 0 && len < RESPONSE_MAX - 1) {
		ssize_t n;

		rc = wait_for_socket(fd, POLLIN, h->deadline_ms);
		if (rc < 0)
			break;
		n = recv(fd, h->response + len, RESPONSE_MAX - 1 - len, 0);
		if (n == 0)
			break;
		if (n > 0)
			len += (size_t)n;
		else if (errno != EAGAIN && errno != EINTR)
			rc = -errno;
	}
	h->response[len] = '\0';
	return rc;
}

static int ask_gateway(const struct sockaddr *addr, socklen_t len,
		       struct healthcheck *h)
{
	int fd = socket(addr->sa_family,
			SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int rc;

	if (fd < 0)
		return -errno;
	rc = connect_with_timeout(fd, addr, len, h->deadline_ms);
	if (rc == 0)
		rc = exchange_request(fd, h);
	close(fd);
	return rc;
}

/* ---- addresses ----------------------------------------------------------- */

static int ask_unix_path(const char *path, struct healthcheck *h)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};

	if (strlen(path) >= sizeof(addr.sun_path))
		return -ENAMETOOLONG;
	strcpy(addr.sun_path, path);
	return ask_gateway((const struct sockaddr *)&addr, sizeof(addr), h);
}

/* A gateway that listens on all addresses is reached on this machine's own. */
static void map_to_loopback(struct sockaddr *addr)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)(void *)addr;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)(void *)addr;

	if (addr->sa_family == AF_INET &&
	    v4->sin_addr.s_addr == htonl(INADDR_ANY))
		v4->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	else if (addr->sa_family == AF_INET6 &&
		 IN6_IS_ADDR_UNSPECIFIED(&v6->sin6_addr))
		v6->sin6_addr = in6addr_loopback;
}

static int ask_inet_address(const char *address, struct healthcheck *h,
			    const char **why)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
				 .ai_flags = AI_NUMERICSERV};
	struct addrinfo *all, *a;
	char host[256];
	const char *port;
	int rc = hostport_split(address, host, sizeof(host), &port);

	if (rc < 0)
		return rc;
	if (strtol(port, NULL, 10) == 0) {
		*why = "port 0 stands for any port";
		return -EINVAL;
	}
	rc = getaddrinfo(host, port, &hints, &all);
	if (rc != 0) {
		*why = gai_strerror(rc);
		return -EADDRNOTAVAIL;
	}
	rc = -EADDRNOTAVAIL;
	for (a = all; a != NULL && rc < 0; a = a->ai_next) {
		map_to_loopback(a->ai_addr);
		rc = ask_gateway(a->ai_addr, a->ai_addrlen, h);
	}
	freeaddrinfo(all);
	return rc;
}

/* ---- the response -------------------------------------------------------- */

/* The first line of the body. The peer may not be a gateway. */
static bool read_status_line(char *response, const char *what,
			     const char *address, char *line)
{
	const char *version = "HTTP/1.1 ";
	char *body = strstr(response, "\r\n\r\n");
	char shown[SHOWN_MAX];

	if (strncmp(response, version, strlen(version)) != 0 || body == NULL) {
		snprintf(line, HEALTHCHECK_LINE_MAX,
			 "%s: not the response of a gateway", address);
		return false;
	}
	if (strncmp(response + strlen(version), "200 ", 4) == 0) {
		snprintf(line, HEALTHCHECK_LINE_MAX, "%s", what);
		return true;
	}
	body += 4;
	body[strcspn(body, "\r\n")] = '\0';
	printable_text(shown, sizeof(shown), body);
	if (shown[0] != '\0')
		snprintf(line, HEALTHCHECK_LINE_MAX, "%s", shown);
	else
		snprintf(line, HEALTHCHECK_LINE_MAX, "not %s", what);
	return false;
}

bool healthcheck_ask(const struct options *o, char *line)
{
	bool admin = o->admin_listen.n > 0;
	const char *address =
		admin ? o->admin_listen.items[0] : o->listen.items[0];
	bool ready = o->healthcheck == HEALTHCHECK_READY;
	struct healthcheck h = {.deadline_ms =
					steady_now_ms() + HEALTHCHECK_MS};
	const char *why = NULL;
	int rc;

	snprintf(h.request, sizeof(h.request),
		 "%sGET %s HTTP/1.1\r\nHost: localhost\r\n"
		 "Connection: close\r\n\r\n",
		 !admin && o->proxy_protocol ? PROXY_HEADER : "",
		 ready ? "/readyz" : "/livez");
	if (strncmp(address, unix_scheme, strlen(unix_scheme)) == 0)
		rc = ask_unix_path(address + strlen(unix_scheme), &h);
	else
		rc = ask_inet_address(address, &h, &why);
	if (rc == 0)
		return read_status_line(h.response, ready ? "ready" : "live",
					address, line);
	snprintf(line, HEALTHCHECK_LINE_MAX, "cannot reach %s: %s", address,
		 why != NULL ? why : strerror(-rc));
	return false;
}
