#include "nats_wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { READ_MAX = 64 * 1024, SUBJECT_MAX = 256, COMPACT_AT = 256 * 1024 };

static void put(struct nats_wire *w, const char *text)
{
	bytes_add(&w->out, text, strlen(text));
}

bool nats_wire_open(struct nats_wire *w, int port, const char *inbox)
{
	struct sockaddr_in to = {.sin_family = AF_INET,
				 .sin_port = htons((uint16_t)port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	char sub[SUBJECT_MAX];
	int one = 1;

	w->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (w->fd < 0)
		return false;
	if (connect(w->fd, (struct sockaddr *)&to, sizeof(to)) != 0 &&
	    errno != EINPROGRESS) {
		close(w->fd);
		return false;
	}
	setsockopt(w->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	w->open = true;
	w->up = false;
	put(w, "CONNECT {\"verbose\":false,\"headers\":true,"
	       "\"no_responders\":true,\"protocol\":1}\r\n");
	snprintf(sub, sizeof(sub), "SUB %s 1\r\nPING\r\n", inbox);
	put(w, sub);
	return true;
}

void nats_wire_close(struct nats_wire *w)
{
	if (w->open)
		close(w->fd);
	w->open = w->up = false;
	w->out_sent = 0;
	bytes_free(&w->in);
	bytes_free(&w->out);
}

void nats_wire_publish(struct nats_wire *w, const char *subject,
		       const char *reply, const char *msg_id, const void *data,
		       size_t len)
{
	char head[SUBJECT_MAX], line[3 * SUBJECT_MAX];
	size_t n = 0;

	if (msg_id != NULL) {
		n = (size_t)snprintf(head, sizeof(head),
				     "NATS/1.0\r\nNats-Msg-Id: %s\r\n\r\n",
				     msg_id);
		snprintf(line, sizeof(line), "HPUB %s %s %zu %zu\r\n", subject,
			 reply, n, n + len);
	} else {
		snprintf(line, sizeof(line), "PUB %s %s %zu\r\n", subject,
			 reply, len);
	}
	put(w, line);
	bytes_add(&w->out, head, n);
	bytes_add(&w->out, data, len);
	put(w, "\r\n");
}

bool nats_wire_has_output(const struct nats_wire *w)
{
	return w->out_sent < w->out.len;
}

/* ---- what comes ---------------------------------------------------------- */

/* "MSG subject sid [reply] bytes", "HMSG subject sid [reply] headers bytes".
 * Returns how long the whole is, 0 when it is not all there. */
static size_t take_message(struct nats_wire *w, const char *at, size_t len,
			   size_t line)
{
	bool headers = *at == 'H';
	char subject[SUBJECT_MAX], words[4][SUBJECT_MAX], text[1024];
	size_t head = 0, total;
	int n, status = 0;
	const char *body = at + line;

	snprintf(text, sizeof(text), "%.*s", (int)line, at);
	n = sscanf(text + (headers ? 5 : 4), "%255s %255s %255s %255s %255s",
		   subject, words[0], words[1], words[2], words[3]);
	/* Inbox subjects carry no reply here, so the words have fixed places.
	 */
	if (n < (headers ? 4 : 3))
		return 0;
	if (headers)
		head = strtoull(words[1], NULL, 10);
	total = strtoull(words[headers ? 2 : 1], NULL, 10);
	if (len < line + total + 2)
		return 0;
	if (headers && head >= 12)
		status = atoi(body + strlen("NATS/1.0"));
	w->on_message(w->arg, subject, status, body + head, total - head);
	return line + total + 2;
}

/* Behind the CR LF; 0: there is none. */
static size_t line_len(const char *at, size_t len)
{
	for (size_t i = 1; i < len; i++)
		if (at[i - 1] == '\r' && at[i] == '\n')
			return i + 1;
	return 0;
}

/* One line, or a message with its bytes; 0: not all there, -1: an error. */
static ssize_t take_one(struct nats_wire *w, const char *at, size_t len)
{
	size_t line = line_len(at, len);

	if (line == 0)
		return 0;
	if (strncmp(at, "MSG ", 4) == 0 || strncmp(at, "HMSG ", 5) == 0)
		return (ssize_t)take_message(w, at, len, line);
	if (strncmp(at, "PING", 4) == 0)
		put(w, "PONG\r\n");
	else if (strncmp(at, "PONG", 4) == 0)
		w->up = true;
	else if (strncmp(at, "-ERR", 4) == 0)
		return -1;
	return (ssize_t)line;
}

static bool take_all(struct nats_wire *w)
{
	size_t at = 0;
	ssize_t n = 0;

	while (w->open && at < w->in.len &&
	       (n = take_one(w, w->in.at + at, w->in.len - at)) > 0)
		at += (size_t)n;
	if (!w->open || n < 0)
		return false;
	memmove(w->in.at, w->in.at + at, w->in.len - at);
	w->in.len -= at;
	return true;
}

static bool read_some(struct nats_wire *w)
{
	static char buf[READ_MAX];
	ssize_t n = recv(w->fd, buf, sizeof(buf), 0);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR || errno == ENOTCONN;
	if (n == 0)
		return false;
	bytes_add(&w->in, buf, (size_t)n);
	return take_all(w);
}

static bool write_some(struct nats_wire *w)
{
	ssize_t n;

	if (!nats_wire_has_output(w))
		return true;
	n = send(w->fd, w->out.at + w->out_sent, w->out.len - w->out_sent,
		 MSG_NOSIGNAL);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR || errno == ENOTCONN;
	w->out_sent += (size_t)n;
	if (w->out_sent == w->out.len || w->out_sent > COMPACT_AT) {
		memmove(w->out.at, w->out.at + w->out_sent,
			w->out.len - w->out_sent);
		w->out.len -= w->out_sent;
		w->out_sent = 0;
	}
	return true;
}

bool nats_wire_turn(struct nats_wire *w)
{
	return read_some(w) && write_some(w);
}
