#include "raw_publisher.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cmocka.h>

#include "bytes.h"

static int connect_to(int port)
{
	const struct sockaddr_in to = {
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	const struct timeval patience = {.tv_sec = 20};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience,
				    sizeof(patience)),
			 0);
	assert_int_equal(connect(fd, (const struct sockaddr *)&to, sizeof(to)),
			 0);
	return fd;
}

static void send_all(int fd, const struct bytes *text)
{
	size_t sent = 0;

	while (sent < text->len) {
		ssize_t n = send(fd, text->at + sent, text->len - sent,
				 MSG_NOSIGNAL);

		assert_true(n > 0);
		sent += (size_t)n;
	}
}

/* The answer to the PING behind the message; -ERR fails. */
static void wait_for_pong(int fd)
{
	struct bytes in = {0};
	char room[4096];

	while (strstr(bytes_text(&in), "PONG\r\n") == NULL) {
		ssize_t n = recv(fd, room, sizeof(room), 0);

		if (n <= 0 || strstr(bytes_text(&in), "-ERR") != NULL)
			fail_msg("no PONG: %s", bytes_text(&in));
		bytes_add(&in, room, (size_t)n);
	}
	bytes_free(&in);
}

void raw_publish(int port, const char *subject, const void *block,
		 size_t block_len, const void *data, size_t len)
{
	static const char connect_line[] =
		"CONNECT {\"verbose\":false,\"headers\":true}\r\n";
	struct bytes out = {0};
	char line[4200];
	int fd = connect_to(port);

	bytes_add(&out, connect_line, strlen(connect_line));
	snprintf(line, sizeof(line), "HPUB %s %zu %zu\r\n", subject, block_len,
		 block_len + len);
	bytes_add(&out, line, strlen(line));
	bytes_add(&out, block, block_len);
	bytes_add(&out, data, len);
	bytes_add(&out, "\r\nPING\r\n", 8);
	send_all(fd, &out);
	wait_for_pong(fd);
	close(fd);
	bytes_free(&out);
}
