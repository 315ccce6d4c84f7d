/* A peer: the obvious design. Each client has an ephemeral consumer and a
 *thread, as a handler has a goroutine, that waits for the consumer's next
 *message and writes it.
 *
 *	poc --server nats://127.0.0.1:4222 --port 8080
 *
 * It serves ssebench only: one request a connection, few checks, payloads
 * without line ends. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <nats/nats.h>

#include "args.h"

enum {
	BACKLOG = 4096,
	HEAD_MAX = 4096,
	ID_MAX = 64,
	STACK_BYTES = 128 * 1024,
	WAIT_MS = 1000, /* between checks for a closed connection */
	PING_MS = 30000,
};

static struct {
	const char *server, *stream, *address;
	uint64_t port;
} options = {.server = "nats://127.0.0.1:4222",
	     .stream = "Events",
	     .address = "127.0.0.1",
	     .port = 8080};

static const struct arg table[] = {
	{"server", ARG_TEXT, &options.server, "nats://ADDRESS:PORT"},
	{"stream", ARG_TEXT, &options.stream, "name of the stream"},
	{"port", ARG_NUMBER, &options.port, "to listen on"},
	{0}};

static jsCtx *js;

struct request {
	char id[ID_MAX];
	char last_id[ID_MAX];
	bool all;
	bool last;
};

/* ---- request head -------------------------------------------------------- */

/* Reads up to the empty line. False: the connection ended before it. */
static bool read_head(int fd, char *head)
{
	size_t len = 0;

	while (len < HEAD_MAX - 1) {
		ssize_t n = recv(fd, head + len, HEAD_MAX - 1 - len, 0);

		if (n <= 0)
			return false;
		len += (size_t)n;
		head[len] = '\0';
		if (strstr(head, "\r\n\r\n") != NULL)
			return true;
	}
	return false;
}

static void take_header(const char *head, const char *name, char *value)
{
	const char *line = strcasestr(head, name);
	size_t len;

	value[0] = '\0';
	if (line == NULL)
		return;
	line += strlen(name);
	line += strspn(line, " ");
	len = strcspn(line, "\r\n");
	snprintf(value, ID_MAX, "%.*s", (int)len, line);
}

static void parse(const char *head, struct request *r)
{
	take_header(head, "\r\nuser_id:", r->id);
	take_header(head, "\r\nLast-Event-ID:", r->last_id);
	r->all = strstr(head, "deliver=all") != NULL;
	r->last = strstr(head, "deliver=last") != NULL;
}

/* ---- writing ------------------------------------------------------------- */

/* Writes all, however long the client takes. */
static bool write_all(int fd, struct iovec *iov, int n)
{
	while (n > 0) {
		ssize_t wrote = writev(fd, iov, n);

		if (wrote < 0 && errno == EINTR)
			continue;
		if (wrote < 0)
			return false;
		while (n > 0 && (size_t)wrote >= iov->iov_len) {
			wrote -= (ssize_t)iov->iov_len;
			iov++;
			n--;
		}
		if (n > 0) {
			iov->iov_base = (char *)iov->iov_base + wrote;
			iov->iov_len -= (size_t)wrote;
		}
	}
	return true;
}

static bool write_text(int fd, const char *text)
{
	struct iovec iov = {(void *)(uintptr_t)text, strlen(text)};

	return write_all(fd, &iov, 1);
}

static bool write_event(int fd, natsMsg *msg)
{
	static char data[] = "data: ", end[] = "\n\n";
	jsMsgMetaData *meta = NULL;
	char id[40];
	struct iovec iov[] = {{id, 0},
			      {data, sizeof(data) - 1},
			      {(void *)(uintptr_t)natsMsg_GetData(msg),
			       (size_t)natsMsg_GetDataLength(msg)},
			      {end, sizeof(end) - 1}};

	if (natsMsg_GetMetaData(&meta, msg) != NATS_OK)
		return false;
	iov[0].iov_len =
		(size_t)snprintf(id, sizeof(id), "id: %llu\n",
				 (unsigned long long)meta->Sequence.Stream);
	jsMsgMetaData_Destroy(meta);
	return write_all(fd, iov, 4);
}

/* ---- a client ------------------------------------------------------------ */

static natsStatus subscribe(const struct request *r, natsSubscription **sub)
{
	char subject[ID_MAX + 8];
	jsSubOptions how;
	natsStatus s = jsSubOptions_Init(&how);

	snprintf(subject, sizeof(subject), "events.%s", r->id);
	how.Stream = options.stream;
	how.Config.AckPolicy = js_AckNone;
	how.Config.DeliverPolicy = js_DeliverNew;
	if (r->all)
		how.Config.DeliverPolicy = js_DeliverAll;
	if (r->last)
		how.Config.DeliverPolicy = js_DeliverLast;
	if (r->last_id[0] != '\0') {
		how.Config.DeliverPolicy = js_DeliverByStartSequence;
		how.Config.OptStartSeq = strtoull(r->last_id, NULL, 10) + 1;
	}
	if (s == NATS_OK)
		s = js_SubscribeSync(sub, js, subject, NULL, &how, NULL);
	if (s == NATS_OK)
		s = natsSubscription_SetPendingLimits(*sub, -1, -1);
	return s;
}

static bool is_closed(int fd)
{
	char byte;

	return recv(fd, &byte, 1, MSG_DONTWAIT | MSG_PEEK) == 0;
}

static void write_events(int fd, natsSubscription *sub)
{
	static const char ping[] = "data: {\"system\": \"ping\"}\n\n";
	int quiet_ms = 0;
	bool good = true;

	while (good) {
		natsMsg *msg = NULL;
		natsStatus s = natsSubscription_NextMsg(&msg, sub, WAIT_MS);

		if (s == NATS_OK) {
			good = write_event(fd, msg);
			natsMsg_Destroy(msg);
		} else if (s != NATS_TIMEOUT || is_closed(fd)) {
			return;
		} else if ((quiet_ms += WAIT_MS) >= PING_MS) {
			quiet_ms = 0;
			good = write_text(fd, ping);
		}
	}
}

static void *serve(void *arg)
{
	int fd = (int)(intptr_t)arg;
	natsSubscription *sub = NULL;
	char head[HEAD_MAX];
	struct request r;

	if (!read_head(fd, head)) {
		close(fd);
		return NULL;
	}
	parse(head, &r);
	if (subscribe(&r, &sub) != NATS_OK) {
		write_text(fd, "HTTP/1.1 500 Internal Server Error\r\n"
			       "Connection: close\r\n\r\n");
	} else if (write_text(fd, "HTTP/1.1 200 OK\r\n"
				  "Content-Type: text/event-stream\r\n"
				  "Cache-Control: no-cache\r\n"
				  "Connection: close\r\n\r\n")) {
		write_events(fd, sub);
	}
	natsSubscription_Destroy(sub);
	close(fd);
	return NULL;
}

/* ---- start --------------------------------------------------------------- */

static void fail(const char *what, const char *why)
{
	fprintf(stderr, "poc: %s: %s\n", what, why);
	exit(1);
}

static int listen_on(void)
{
	struct sockaddr_in at = {.sin_family = AF_INET,
				 .sin_port = htons((uint16_t)options.port)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int on = 1;

	inet_pton(AF_INET, options.address, &at.sin_addr);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0 ||
	    listen(fd, BACKLOG) < 0)
		fail("listen", strerror(errno));
	return fd;
}

static void connect_nats(natsConnection **conn)
{
	natsStatus s = natsConnection_ConnectTo(conn, options.server);

	if (s == NATS_OK)
		s = natsConnection_JetStream(&js, *conn, NULL);
	if (s != NATS_OK)
		fail(options.server, natsStatus_GetText(s));
}

int main(int argc, char **argv)
{
	natsConnection *conn = NULL;
	pthread_attr_t attr;
	int fd;

	args_parse(table, argc, argv);
	signal(SIGPIPE, SIG_IGN);
	args_raise_descriptors();
	connect_nats(&conn);
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	fd = listen_on();
	for (;;) {
		int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
		pthread_t thread;

		if (client >= 0 &&
		    pthread_create(&thread, &attr, serve,
				   (void *)(intptr_t)client) != 0)
			close(client);
	}
}
