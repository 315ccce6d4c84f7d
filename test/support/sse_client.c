#include "sse_client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "test_clock.h"

enum { READ_MAX = 256 * 1024, DESCRIBED = 1500 };

/* ---- the socket ---------------------------------------------------------- */

static int resolve(const char *address, struct sockaddr_storage *ret,
		   socklen_t *len)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
				 .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV};
	struct addrinfo *found = NULL;
	const char *colon = strrchr(address, ':');
	char host[64];
	bool v6 = address[0] == '[';

	if (colon == NULL || (size_t)(colon - address) >= sizeof(host))
		return -EINVAL;
	snprintf(host, sizeof(host), "%.*s", (int)(colon - address) - 2 * v6,
		 address + v6);
	if (getaddrinfo(host, colon + 1, &hints, &found) != 0)
		return -EINVAL;
	memcpy(ret, found->ai_addr, found->ai_addrlen);
	*len = found->ai_addrlen;
	freeaddrinfo(found);
	return 0;
}

static int socket_address(const char *address, struct sockaddr_storage *ret,
			  socklen_t *len)
{
	struct sockaddr_un *un = (struct sockaddr_un *)ret;

	memset(ret, 0, sizeof(*ret));
	if (strncmp(address, "unix:", 5) != 0)
		return resolve(address, ret, len);
	un->sun_family = AF_UNIX;
	snprintf(un->sun_path, sizeof(un->sun_path), "%s", address + 5);
	*len = sizeof(*un);
	return 0;
}

bool sse_client_try(struct sse_client *c, const char *address)
{
	struct sockaddr_storage to;
	socklen_t len;
	int one = 1;

	c->fd = -1;
	if (socket_address(address, &to, &len) != 0)
		return false;
	c->fd = socket(to.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd < 0)
		return false;
	if (c->rcvbuf > 0)
		setsockopt(c->fd, SOL_SOCKET, SO_RCVBUF, &c->rcvbuf,
			   sizeof(c->rcvbuf));
	if (c->maxseg > 0)
		setsockopt(c->fd, IPPROTO_TCP, TCP_MAXSEG, &c->maxseg,
			   sizeof(c->maxseg));
	if (connect(c->fd, (struct sockaddr *)&to, len) != 0) {
		c->error = errno;
		close(c->fd);
		c->fd = -1;
		return false;
	}
	if (to.ss_family != AF_UNIX)
		setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return true;
}

void sse_client_connect(struct sse_client *c, const char *address)
{
	if (!sse_client_try(c, address))
		fail_msg("connect to %s: %s", address, strerror(c->error));
}

void sse_client_send(struct sse_client *c, const void *bytes, size_t len)
{
	const char *at = bytes;

	while (len > 0) {
		ssize_t n = send(c->fd, at, len, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return;
		at += n;
		len -= (size_t)n;
	}
}

void sse_client_send_text(struct sse_client *c, const char *text)
{
	sse_client_send(c, text, strlen(text));
}

static void forget_reply(struct sse_client *c)
{
	for (size_t i = 0; i < c->n_events; i++) {
		free(c->events[i].type);
		free(c->events[i].data);
		free(c->events[i].id);
	}
	free(c->events);
	c->events = NULL;
	c->n_events = c->events_cap = c->n_messages = c->n_pings = 0;
	bytes_free(&c->head);
	bytes_free(&c->body);
	sse_decoder_finish(&c->decoder);
	c->state = SSE_CLIENT_HEAD;
	c->status = c->chunk_state = 0;
	c->chunk_left = c->n_chunks = c->body_len = c->length = 0;
	c->chunked = c->has_length = c->last_chunk = false;
}

void sse_client_next_reply(struct sse_client *c)
{
	struct bytes rest = c->rest;

	assert_int_equal(c->state, SSE_CLIENT_DONE);
	c->rest = (struct bytes){0};
	forget_reply(c);
	sse_client_feed(c, bytes_text(&rest), rest.len);
	bytes_free(&rest);
}

void sse_client_close(struct sse_client *c)
{
	if (c->fd > 0)
		close(c->fd);
	forget_reply(c);
	bytes_free(&c->raw);
	bytes_free(&c->rest);
	*c = (struct sse_client){.fd = -1};
}

void sse_client_reset(struct sse_client *c)
{
	struct linger now = {.l_onoff = 1};

	setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	sse_client_close(c);
}

/* ---- requests ------------------------------------------------------------ */

void sse_client_get(struct sse_client *c, const char *address,
		    const char *target, const char *headers)
{
	char text[4096];

	sse_client_connect(c, address);
	snprintf(text, sizeof(text),
		 "GET %s HTTP/1.1\r\nHost: localhost\r\n%s\r\n", target,
		 headers == NULL ? "" : headers);
	sse_client_send_text(c, text);
}

static void open_stream(struct sse_client *c, const char *address,
			const char *target, const char *headers)
{
	sse_client_get(c, address, target, headers);
	sse_client_wait_head(c);
	if (c->status != 200)
		fail_msg("no stream: %s", sse_client_describe(c));
}

void sse_client_stream(struct sse_client *c, const char *address,
		       const char *id, const char *query)
{
	char target[1024], headers[512];

	snprintf(target, sizeof(target), "/api/v1/events%s%s",
		 query == NULL ? "" : "?", query == NULL ? "" : query);
	snprintf(headers, sizeof(headers), "user_id: %s\r\n", id);
	open_stream(c, address, target, headers);
}

void sse_client_resume(struct sse_client *c, const char *address,
		       const char *id, const char *last_event_id)
{
	char headers[512];

	snprintf(headers, sizeof(headers),
		 "user_id: %s\r\nLast-Event-ID: %s\r\n", id, last_event_id);
	open_stream(c, address, "/api/v1/events", headers);
}

/* ---- reading ------------------------------------------------------------- */

static void end_of_input(struct sse_client *c)
{
	c->eof = true;
	if (c->state == SSE_CLIENT_DONE)
		return;
	/* Only a body without any length ends with the connection. */
	if (c->state == SSE_CLIENT_BODY && !c->chunked && !c->has_length &&
	    c->error == 0)
		c->state = SSE_CLIENT_DONE;
	else
		c->state = SSE_CLIENT_GONE;
}

/* Takes in what the socket has; false when it has nothing now. */
static bool read_some(struct sse_client *c)
{
	static _Thread_local char buf[READ_MAX];
	ssize_t n = recv(c->fd, buf, sizeof(buf), MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (n < 0)
		c->error = errno;
	if (n <= 0) {
		end_of_input(c);
		return true;
	}
	if (c->sink == NULL)
		bytes_add(&c->raw, buf, (size_t)n);
	sse_client_feed(c, buf, (size_t)n);
	return true;
}

static bool can_read(const struct sse_client *c)
{
	return c->fd >= 0 && !c->eof;
}

bool sse_client_step(struct sse_client *c, int timeout_ms)
{
	struct pollfd p = {.fd = c->fd, .events = POLLIN};

	if (!can_read(c) || poll(&p, 1, timeout_ms) <= 0)
		return false;
	return read_some(c);
}

bool sse_client_until(struct sse_client *c, sse_client_done done, void *arg,
		      int timeout_ms)
{
	return sse_clients_until(c, 1, done, arg, timeout_ms);
}

/* One poll over all; false when nothing can come any more. */
static bool read_all(struct sse_client *cs, struct pollfd *ps, size_t n,
		     int timeout_ms)
{
	bool open = false;

	for (size_t i = 0; i < n; i++) {
		ps[i] = (struct pollfd){.fd = can_read(&cs[i]) ? cs[i].fd : -1,
					.events = POLLIN};
		open = open || ps[i].fd >= 0;
	}
	if (!open || poll(ps, n, timeout_ms) < 0)
		return open;
	for (size_t i = 0; i < n; i++) {
		if (ps[i].revents != 0)
			read_some(&cs[i]);
	}
	return true;
}

static bool all_done(const struct sse_client *cs, size_t n,
		     sse_client_done done, void *arg)
{
	for (size_t i = 0; i < n; i++) {
		if (!done(&cs[i], arg))
			return false;
	}
	return true;
}

bool sse_clients_until(struct sse_client *cs, size_t n, sse_client_done done,
		       void *arg, int timeout_ms)
{
	uint64_t deadline = test_deadline_ms((uint64_t)timeout_ms);
	struct pollfd *ps = calloc(n, sizeof(*ps));
	bool ok;

	assert_non_null(ps);
	while (!(ok = all_done(cs, n, done, arg))) {
		int left = test_ms_left(deadline);

		if (left == 0 || !read_all(cs, ps, n, left))
			break;
	}
	free(ps);
	return ok;
}

static bool never(const struct sse_client *c, void *arg)
{
	(void)c;
	(void)arg;
	return false;
}

void sse_client_linger(struct sse_client *c, int ms)
{
	sse_client_until(c, never, NULL, ms);
}

/* ---- waiting ------------------------------------------------------------- */

const char *sse_client_describe(const struct sse_client *c)
{
	static char text[DESCRIBED + 512];
	size_t skip = c->raw.len > DESCRIBED ? c->raw.len - DESCRIBED : 0;

	snprintf(text, sizeof(text),
		 "state %d, status %d, eof %d, error %s, framing \"%s\", "
		 "%zu events, %zu messages, last id \"%s\"; it ends:\n%s",
		 (int)c->state, c->status, c->eof, strerror(c->error), c->bad,
		 c->decoder.n_events, c->n_messages, sse_client_last_id(c),
		 bytes_text(&c->raw) + skip);
	return text;
}

static void must_come(struct sse_client *c, sse_client_done done, void *arg,
		      const char *what)
{
	if (!sse_client_until(c, done, arg, SSE_CLIENT_WAIT_MS))
		fail_msg("%s did not come: %s", what, sse_client_describe(c));
	if (c->bad[0] != '\0')
		fail_msg("bad reply: %s", sse_client_describe(c));
}

static bool has_head(const struct sse_client *c, void *arg)
{
	(void)arg;
	return c->state == SSE_CLIENT_BODY || c->state == SSE_CLIENT_DONE;
}

void sse_client_wait_head(struct sse_client *c)
{
	must_come(c, has_head, NULL, "the head");
}

static bool has_reply(const struct sse_client *c, void *arg)
{
	(void)arg;
	return c->state == SSE_CLIENT_DONE;
}

void sse_client_wait_reply(struct sse_client *c)
{
	must_come(c, has_reply, NULL, "the reply");
}

struct wanted {
	const char *type; /* NULL: any but pings */
	size_t n;
};

static bool is_wanted(const struct sse_event *ev, const char *type)
{
	if (type == NULL)
		return !sse_event_is_ping(ev);
	return strcmp(ev->type, type) == 0;
}

const struct sse_event *sse_client_event(const struct sse_client *c,
					 const char *type, size_t n)
{
	for (size_t i = 0; i < c->n_events; i++) {
		if (is_wanted(&c->events[i], type) && n-- == 0)
			return &c->events[i];
	}
	return NULL;
}

static bool has_event(const struct sse_client *c, void *arg)
{
	const struct wanted *w = arg;

	return c->n_events >= w->n &&
	       sse_client_event(c, w->type, w->n - 1) != NULL;
}

const struct sse_event *sse_client_wait_event(struct sse_client *c,
					      const char *type, size_t n)
{
	struct wanted w = {.type = type, .n = n};

	must_come(c, has_event, &w, type == NULL ? "an event" : type);
	return sse_client_event(c, type, n - 1);
}

const struct sse_event *sse_client_message(const struct sse_client *c, size_t n)
{
	for (size_t i = 0; i < c->n_events; i++) {
		if (sse_event_is_message(&c->events[i]) && n-- == 0)
			return &c->events[i];
	}
	return NULL;
}

static bool has_messages(const struct sse_client *c, void *arg)
{
	return c->n_messages >= *(size_t *)arg;
}

const struct sse_event *sse_client_wait_message(struct sse_client *c, size_t n)
{
	must_come(c, has_messages, &n, "a message");
	return sse_client_message(c, n - 1);
}

static bool has_pings(const struct sse_client *c, void *arg)
{
	return c->n_pings >= *(size_t *)arg;
}

const struct sse_event *sse_client_wait_ping(struct sse_client *c, size_t n)
{
	must_come(c, has_pings, &n, "a ping");
	for (size_t i = 0; i < c->n_events; i++) {
		if (sse_event_is_ping(&c->events[i]) && --n == 0)
			return &c->events[i];
	}
	return NULL;
}

const char *sse_client_last_id(const struct sse_client *c)
{
	return bytes_text(&c->decoder.last_id);
}

static bool has_id(const struct sse_client *c, void *arg)
{
	return strcmp(sse_client_last_id(c), arg) == 0;
}

void sse_client_wait_id(struct sse_client *c, const char *id)
{
	must_come(c, has_id, (void *)id, id);
}

static bool has_any_id(const struct sse_client *c, void *arg)
{
	(void)arg;
	return c->decoder.last_id.len > 0;
}

void sse_client_wait_any_id(struct sse_client *c)
{
	must_come(c, has_any_id, NULL, "an id");
}

void sse_client_assert_header(const struct sse_client *c, const char *name,
			      const char *value)
{
	char got[256];

	if (!sse_client_header(c, name, got, sizeof(got)))
		fail_msg("%s is not there once: %s", name,
			 sse_client_describe(c));
	assert_string_equal(got, value);
}

uint64_t sse_id_seq(const char *id)
{
	return strtoull(id, NULL, 10);
}
