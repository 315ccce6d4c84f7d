#include "upstream/nats_reason.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { WAIT_MS = 1000, GREETING_MAX = 8192 };

static bool wait_for_events(int fd, short events)
{
	struct pollfd p = {.fd = fd, .events = events};

	return poll(&p, 1, WAIT_MS) > 0;
}

static int connect_socket(const struct addrinfo *to)
{
	int fd = socket(to->ai_family,
			to->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK,
			to->ai_protocol);

	if (fd < 0)
		return -1;
	if (connect(fd, to->ai_addr, to->ai_addrlen) == 0 ||
	    (errno == EINPROGRESS && wait_for_events(fd, POLLOUT)))
		return fd;
	close(fd);
	return -1;
}

static int open_server_socket(const char *url, const char *host)
{
	const struct addrinfo want = {.ai_socktype = SOCK_STREAM,
				      .ai_flags = AI_NUMERICSERV};
	const char *port = strrchr(url, ':');
	struct addrinfo *found;
	int fd;

	if (port == NULL || getaddrinfo(host, port + 1, &want, &found) != 0)
		return -1;
	fd = connect_socket(found);
	freeaddrinfo(found);
	return fd;
}

/* INFO and an error after it, NUL-terminated. */
static void read_greeting(int fd, char *text)
{
	size_t len = 0;
	ssize_t n = 1;

	text[0] = '\0';
	while (n > 0 && len < GREETING_MAX && strstr(text, "-ERR") == NULL &&
	       wait_for_events(fd, POLLIN)) {
		n = read(fd, text + len, GREETING_MAX - len);
		if (n > 0)
			len += (size_t)n;
		text[len] = '\0';
	}
}

/* The text of "-ERR 'text'" at the start of a line. */
static bool take_error(const char *text, char *err, size_t size)
{
	static const char begin[] = "-ERR";
	const char *at = text;
	size_t len;

	while (at != NULL && strncmp(at, begin, strlen(begin)) != 0) {
		at = strchr(at, '\n');
		if (at != NULL)
			at++;
	}
	if (at == NULL)
		return false;
	at += strlen(begin);
	at += strspn(at, " '");
	len = strcspn(at, "'\r\n");
	if (len == 0)
		return false;
	snprintf(err, size, "%.*s", (int)len, at);
	return true;
}

void nats_reason_find(const char *url, const char *host, char *err, size_t size)
{
	char text[GREETING_MAX + 1] = "";
	int fd;

	/* The texts of nats.c 3.4 and 3.10. */
	if (strstr(err, "Expected 'PONG', got ''") == NULL &&
	    strstr(err, "got '-ERR' instead of 'INFO'") == NULL &&
	    strcmp(err, "Connection Closed") != 0)
		return;
	fd = open_server_socket(url, host);
	if (fd >= 0) {
		read_greeting(fd, text);
		close(fd);
	}
	if (!take_error(text, err, size))
		snprintf(err, size,
			 "the server closed the connection without a reason");
}
