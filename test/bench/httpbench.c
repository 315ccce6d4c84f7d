/* Publishes by HTTP POST, for a server without JetStream. The
 * requests are pipelined over persistent connections.
 *
 *	httpbench --url http://127.0.0.1:8080/pub/{id} \
 *		--messages 100000 --ids 1000
 *
 * The messages of one id use one connection, so that they stay in order. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "messages.h"
#include "report.h"
#include "responses.h"
#include "stamp.h"
#include "target.h"

enum {
	CONNECTIONS_MAX = 64,
	READ_BYTES = 65536,
	OUT_BYTES = 256 * 1024, /* without the last message */
	TIMEOUT_MS = 30000,
	HEAD_MAX = TARGET_REQUEST_MAX + 64,
};

static struct {
	const char *url, *json;
	struct args_list headers;
	struct messages_config messages;
	uint64_t connections, in_flight;
} options = {
	.messages = {.messages = 1000, .n_ids = 1, .first = 1, .bytes = 128},
	.connections = 1,
	.in_flight = 64};

static const struct arg table[] = {
	{"url", ARG_TEXT, &options.url, "of the request; {id}: the identity"},
	{"header", ARG_LIST, &options.headers, "line of the request head"},
	{"messages", ARG_NUMBER, &options.messages.messages,
	 "number of messages"},
	{"rate", ARG_NUMBER, &options.messages.rate,
	 "messages a second; 0: no limit"},
	{"ids", ARG_NUMBER, &options.messages.n_ids,
	 "number of identities, in turn"},
	{"first-id", ARG_NUMBER, &options.messages.first_id,
	 "number of the first identity"},
	{"first", ARG_NUMBER, &options.messages.first,
	 "number of the first message"},
	{"bytes", ARG_NUMBER, &options.messages.bytes, "size of a payload"},
	{"connections", ARG_NUMBER, &options.connections,
	 "number of connections"},
	{"in-flight", ARG_NUMBER, &options.in_flight,
	 "requests without a response, by connection"},
	{"json", ARG_TEXT, &options.json, "file for the result"},
	{0}};

struct connection {
	int fd;
	uint64_t n_sent; /* requests written to `out` */
	struct responses responses;
	char *out;
	size_t out_at, out_end;
};

struct bench {
	struct messages messages;
	struct target target;
	struct connection connections[CONNECTIONS_MAX];
	struct pollfd polls[CONNECTIONS_MAX];
	size_t n_connections;
	size_t out_size;
	uint64_t ended_ns;
};

static void fail(const char *what)
{
	fprintf(stderr, "httpbench: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* ---- sending ------------------------------------------------------------- */

static bool has_room(const struct connection *l)
{
	return l->n_sent - l->responses.n < options.in_flight &&
	       l->out_end < OUT_BYTES;
}

static void put_request(struct bench *b, struct connection *l, unsigned id)
{
	char *to = l->out + l->out_end;
	int len = target_expand(to, HEAD_MAX, b->target.request, id);

	if (len < 0) {
		errno = ENOBUFS;
		fail("--url");
	}
	len += snprintf(to + len, HEAD_MAX - (size_t)len,
			"Content-Length: %llu\r\n\r\n",
			(unsigned long long)options.messages.bytes);
	memcpy(to + len, b->messages.payload, options.messages.bytes);
	l->out_end += (size_t)len + options.messages.bytes;
	l->n_sent++;
}

/* Connections are used in turn: when the next has no room, all wait. */
static struct connection *next_connection(struct bench *b)
{
	uint64_t id = b->messages.n % options.messages.n_ids;

	return &b->connections[id % b->n_connections];
}

/* The time until the next request is due is read once: a request that becomes
 * due after that is sent in the next round. */
static uint64_t put_due_requests(struct bench *b)
{
	while (!messages_is_over(&b->messages)) {
		uint64_t wait_ns = messages_wait_ns(&b->messages);
		struct connection *l = next_connection(b);

		if (wait_ns > 0 || !has_room(l))
			return wait_ns;
		put_request(b, l, messages_make(&b->messages));
	}
	return 0;
}

static void send_connection(struct connection *l)
{
	ssize_t n = send(l->fd, l->out + l->out_at, l->out_end - l->out_at,
			 MSG_NOSIGNAL);

	if (n < 0 && errno != EAGAIN && errno != EINTR)
		fail("send");
	if (n > 0)
		l->out_at += (size_t)n;
	if (l->out_at == l->out_end)
		l->out_at = l->out_end = 0;
}

/* ---- responses -------------------------------------------------------------
 */

static void read_connection(struct connection *l)
{
	static char bytes[READ_BYTES];
	ssize_t n = recv(l->fd, bytes, sizeof(bytes), 0);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n == 0)
		errno = ECONNRESET;
	if (n <= 0)
		fail("recv");
	if (responses_feed(&l->responses, bytes, (size_t)n) < 0) {
		errno = EPROTO;
		fail("response");
	}
}

static bool is_over(const struct bench *b)
{
	if (!messages_is_over(&b->messages))
		return false;
	for (size_t i = 0; i < b->n_connections; i++)
		if (b->connections[i].responses.n < b->connections[i].n_sent)
			return false;
	return true;
}

/* The timeout of poll(), which counts milliseconds: a shorter wait is a
 * nanosleep(). 0 ns: wait for a response. */
static int wait_ms(uint64_t ns)
{
	struct timespec nap = {0, (long)ns};

	if (ns == 0)
		return TIMEOUT_MS;
	if (ns >= 1000000)
		return (int)(ns / 1000000);
	nanosleep(&nap, NULL);
	return 0;
}

static void run_once(struct bench *b)
{
	uint64_t wait_ns = put_due_requests(b);
	int timeout, n;

	for (size_t i = 0; i < b->n_connections; i++) {
		struct connection *l = &b->connections[i];

		if (l->out_at < l->out_end)
			send_connection(l);
		b->polls[i].events = POLLIN;
		if (l->out_at < l->out_end)
			b->polls[i].events |= POLLOUT;
	}
	timeout = wait_ms(wait_ns);
	n = poll(b->polls, b->n_connections, timeout);
	if (n == 0 && timeout == TIMEOUT_MS) {
		errno = ETIMEDOUT;
		fail("responses");
	}
	for (size_t i = 0; n > 0 && i < b->n_connections; i++)
		if (b->polls[i].revents & (POLLIN | POLLERR | POLLHUP))
			read_connection(&b->connections[i]);
}

/* ---- start and end ------------------------------------------------------- */

static void open_connection(struct bench *b, size_t i)
{
	struct connection *l = &b->connections[i];
	int on = 1;

	l->out = malloc(b->out_size);
	l->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (l->out == NULL || l->fd < 0 ||
	    connect(l->fd, (struct sockaddr *)&b->target.at,
		    sizeof(b->target.at)) < 0)
		fail(options.url);
	setsockopt(l->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (fcntl(l->fd, F_SETFL, O_NONBLOCK) < 0)
		fail("fcntl");
	b->polls[i].fd = l->fd;
}

static json_t *result_of(const struct bench *b)
{
	double s = (double)(b->ended_ns - b->messages.begun_ns) / 1e9;
	uint64_t bad = 0;
	int status = 0;

	for (size_t i = 0; i < b->n_connections; i++) {
		bad += b->connections[i].responses.n_bad;
		if (b->connections[i].responses.n_bad > 0)
			status = b->connections[i].responses.last_status;
	}
	return json_pack("{s:I,s:f,s:f,s:I,s:i,s:o}", "messages",
			 (json_int_t)b->messages.n, "seconds", s,
			 "messages_per_s", (double)b->messages.n / s, "errors",
			 (json_int_t)bad, "last_status", status, "self",
			 report_self());
}

static void check_options(struct bench *b)
{
	if (options.url != NULL && options.messages.messages > 0 &&
	    options.connections > 0 && options.connections <= CONNECTIONS_MAX &&
	    options.in_flight > 0 &&
	    target_init(&b->target, "POST", options.url, &options.headers) ==
		    0 &&
	    messages_init(&b->messages, &options.messages) == 0)
		return;
	fprintf(stderr, "httpbench: see --help\n");
	exit(2);
}

int main(int argc, char **argv)
{
	static struct bench b;
	int rc;

	args_parse(table, argc, argv);
	check_options(&b);
	b.n_connections = options.connections;
	b.out_size = OUT_BYTES + HEAD_MAX + options.messages.bytes;
	for (size_t i = 0; i < b.n_connections; i++)
		open_connection(&b, i);
	messages_begin(&b.messages);
	while (!is_over(&b))
		run_once(&b);
	b.ended_ns = stamp_now();
	rc = report_end(result_of(&b), options.json);
	for (size_t i = 0; i < b.n_connections; i++) {
		close(b.connections[i].fd);
		free(b.connections[i].out);
	}
	messages_finish(&b.messages);
	return rc == 0 ? 0 : 1;
}
