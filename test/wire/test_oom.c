/* Memory that is not there, or epoll_ctl() that fails: a day in the life of the
 * gateway, with clients of all kinds, again and again, and each time another
 * allocation (or call) fails. The hub,
 * the log, replays and connections are the real ones, JetStream is
 * fake_jetstream. The one that fails may cost a connection, which then ends.
 * What was sent by then is right, clients that remain get everything, and all
 * is freed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server.h"
#include "sse_client.h"

/* ---- the allocator ------------------------------------------------------- */

/* Only what src/ allocates counts: that is what happens in the loop's turn and
 * at an accept. */
static bool counting;
static size_t n_allocations;
static size_t fails_at;	  /* the first one; 0: none; counted from 1 */
static size_t n_fail = 1; /* so many in a row */

static bool fails(void)
{
	return counting && ++n_allocations >= fails_at &&
	       n_allocations - fails_at < n_fail && fails_at > 0;
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *at, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *at, size_t size);

void *__wrap_malloc(size_t size)
{
	return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *at, size_t size)
{
	return fails() ? NULL : __real_realloc(at, size);
}

/* ---- epoll_ctl() --------------------------------------------------------- */

static size_t n_polls;	     /* calls */
static size_t poll_fails_at; /* 0: none; counted from 1 */

int __real_epoll_ctl(int epfd, int op, int fd, struct epoll_event *event);
int __wrap_epoll_ctl(int epfd, int op, int fd, struct epoll_event *event);

int __wrap_epoll_ctl(int epfd, int op, int fd, struct epoll_event *event)
{
	if (counting && ++n_polls == poll_fails_at) {
		errno = ENOSPC;
		return -1;
	}
	return __real_epoll_ctl(epfd, op, fd, event);
}

/* ---- the day ------------------------------------------------------------- */

enum {
	HISTORY = 12, /* messages before the clients come */
	LIVE = 12,    /* and after */
	SIZE = 9000,  /* of each; the log has room for some of them */
	SMALL_SOCKET = 4096,
	QUIET_TURNS = 3,
	LIMITER_MAX = 100000,
	ALL = HISTORY + LIVE,
};

#define EVENTS "GET /api/v1/events"
#define PUT    "PUT /api/v1/subjects/"
#define ALICE  " HTTP/1.1\r\nHost: h\r\nuser_id: alice\r\n"
#define NDJSON "Accept: application/x-ndjson\r\n\r\n"

/* A client that may not get alice's messages is among them. */
static const struct visitor {
	const char *request;
	int status;
	size_t first; /* of the messages; ALL: none */
	bool admin;
	bool slow; /* reads nothing until all has been stored */
} visitors[] = {
	{EVENTS "?deliver=all" ALICE "\r\n", 200, 0, false, false},
	{EVENTS ALICE "\r\n", 200, HISTORY, false, false},
	{EVENTS "?deliver=last" ALICE "\r\n", 200, HISTORY - 1, false, false},
	{EVENTS ALICE "Last-Event-ID: 6\r\n\r\n", 200, 6, false, false},
	{EVENTS "?deliver=all" ALICE "\r\n", 200, 0, false, true},
	{EVENTS ALICE "Accept: a/b\r\nAccept: text/event-stream\r\n\r\n", 200,
	 HISTORY, false, true},
	{EVENTS " HTTP/1.0\r\nuser_id: alice\r\n\r\n", 200, HISTORY, false,
	 false},
	{EVENTS "?timeout=1h" ALICE "\r\n", 200, HISTORY, false, false},
	{EVENTS "?deliver=all&timeout=1h" ALICE NDJSON, 200, 0, false, true},
	{EVENTS "?limit=1000" ALICE NDJSON, 200, HISTORY, false, true},
	{EVENTS "?deliver=all HTTP/1.1\r\nHost: h\r\nuser_id: bob\r\n\r\n", 200,
	 ALL, false, false},
	{"GET /livez HTTP/1.1\r\nHost: h\r\n\r\n", 200, ALL, false, false},
	{"GET /metrics HTTP/1.1\r\nHost: h\r\n\r\n", 200, ALL, true, false},
	{EVENTS "?deliver=x" ALICE "\r\n", 400, ALL, false, false},
	{"GET /livez\r\n\r\n", 505, ALL, false, false},
	{"POST / HTTP/1.1\r\nHost: h\r\n\r\n", 404, ALL, false, false},
	{PUT "other" ALICE "\r\n", 403, ALL, false, false},
	{PUT "orders.alice" ALICE "NatsH-A: b\r\nContent-Length: 9\r\n\r\n"
	     "cut",
	 408, ALL, false, false},
	/* A message that is not stored, and a line that is none. */
	{"POST /api/v1/events?subject=orders.alice HTTP/1.1\r\nHost: "
	 "h\r\nuser_id: alice\r\n"
	 "Content-Type: application/x-ndjson\r\nContent-Length: 26\r\n\r\n"
	 "{\"data\":\"a\",\"key\":\"k\"}\nx\n",
	 207, ALL, false, false},
	{"POST /api/v1/events?atomic=1&subject=orders.alice HTTP/1.1\r\nHost: "
	 "h\r\nuser_id: "
	 "alice\r\nContent-Type: application/x-ndjson\r\nContent-Length: "
	 "26\r\n\r\n{\"data\":\"a\",\"key\":\"k\"}\nx\n",
	 400, ALL, false, false},
};

enum { VISITORS = sizeof(visitors) / sizeof(visitors[0]) };

struct day {
	struct server *server;
	struct sse_client clients[VISITORS];
	bool over[VISITORS]; /* the gateway has ended it */
	bool all_read;
};

static bool read_some(struct day *d, size_t i)
{
	struct sse_client *c = &d->clients[i];
	char buf[4096];
	ssize_t n;

	if (c->fd < 0 || d->over[i] || (visitors[i].slow && !d->all_read))
		return false;
	n = recv(c->fd, buf, sizeof(buf), MSG_DONTWAIT);
	if (n < 0 && errno == EAGAIN)
		return false;
	if (n > 0) {
		bytes_add(&c->raw, buf, (size_t)n);
		sse_client_feed(c, buf, (size_t)n);
	} else {
		d->over[i] = true;
	}
	return true;
}

static bool turn(struct day *d)
{
	bool moved;

	counting = true;
	moved = server_turn(d->server);
	counting = false;
	for (size_t i = 0; i < VISITORS; i++)
		moved |= read_some(d, i);
	return moved;
}

static void settle(struct day *d)
{
	int quiet = 0;

	for (int turns = 0; quiet < QUIET_TURNS; turns++) {
		assert_true(turns < LIMITER_MAX);
		quiet = turn(d) ? 0 : quiet + 1;
	}
}

static void pass(struct day *d, uint64_t ms)
{
	while (ms > 0) {
		uint64_t step = server_due_in(d->server, ms);

		server_pass(d->server, step);
		ms -= step;
		settle(d);
	}
}

static void put_text(char *out, size_t i)
{
	memset(out, 'a' + (int)i, SIZE);
	out[SIZE] = '\0';
}

static void store(struct day *d, size_t i)
{
	struct fake_jetstream *js = server_js(d->server);
	char text[SIZE + 1];

	put_text(text, i);
	assert_true(
		fake_jetstream_store(js, i + 1, "events.alice", text, SIZE));
}

static void come(struct day *d, size_t i)
{
	struct sse_client *c = &d->clients[i];

	counting = true;
	c->fd = server_connect(d->server, visitors[i].admin);
	counting = false;
	send(c->fd, visitors[i].request, strlen(visitors[i].request),
	     MSG_NOSIGNAL);
}

static void begin(struct day *d)
{
	char err[OPTIONS_ERROR_MAX];

	for (size_t i = 0; i < VISITORS; i++)
		d->clients[i].fd = -1;
	d->server = server_new();
	assert_true(server_option(d->server, "ping-interval", "2s", err));
	assert_true(server_option(d->server, "allow-pub", "orders.{id}", err));
	server_publishing(d->server)->failure = PUBLISH_NO_RESPONDERS;
	for (size_t i = 0; i < HISTORY; i++)
		store(d, i);
	server_set_send_buffer(d->server, SMALL_SOCKET);
	server_start(d->server, false);
	settle(d);
	n_allocations = 0;
	n_polls = 0;
}

static void live(struct day *d)
{
	for (size_t i = 0; i < VISITORS; i++) {
		come(d, i);
		settle(d);
	}
	for (size_t i = HISTORY; i < ALL; i++) {
		store(d, i);
		/* One by one, and some in a burst. */
		if (i % 4 != 0)
			settle(d);
	}
	pass(d, 3000);
	d->all_read = true;
	/* Time enough for what is tried again: after many failures it takes
	 * longer until memory is back. */
	pass(d, n_fail > 1 ? 240000 : 60000);
}

/* ---- what must hold ------------------------------------------------------ */

/* What is asked for the newest message may ask again later, and get a newer
 * one.
 */
static size_t first_of(const struct visitor *v, const struct sse_client *c)
{
	if (strstr(v->request, "deliver=last") == NULL || c->n_messages == 0)
		return v->first;
	return (size_t)sse_id_seq(sse_client_message(c, 0)->id) - 1;
}

/* A stream's messages are alice's, in order, from the first one on. */
static void expect_messages(const struct sse_client *c, size_t first)
{
	char want[SIZE + 1];

	for (size_t i = 0; i < c->n_messages; i++) {
		const struct sse_event *ev = sse_client_message(c, i);

		assert_true(first + i < ALL);
		put_text(want, first + i);
		if (sse_id_seq(ev->id) != first + i + 1 ||
		    strcmp(ev->data, want) != 0)
			fail_msg("allocation %zu: message %zu is %s, and "
				 "begins \"%.9s\"",
				 fails_at, first + i + 1, ev->id, ev->data);
	}
	assert_int_equal(c->n_events, c->n_messages + c->n_pings);
}

/* How many lines there are; they are alice's, in order, from the first on. The
 * last one may be cut. */
static size_t expect_lines(const struct sse_client *c, size_t first)
{
	const char *at = bytes_text(&c->raw);
	char want[SIZE + 1];
	size_t n = 0;

	while ((at = strstr(at, "{\"seq\":")) != NULL) {
		const char *data = strstr(at, "\"data\":\"");

		if (data == NULL || strstr(data, "\"}\n\r\n") == NULL)
			break;
		put_text(want, first + n);
		if (strtoul(at + 7, NULL, 10) != first + n + 1 ||
		    strncmp(data + 8, want, SIZE) != 0)
			fail_msg("allocation %zu: line %zu is %.40s", fails_at,
				 n + 1, at);
		at = data;
		n++;
	}
	return n;
}

static bool is_stream(const struct visitor *v)
{
	return v->status == 200 && strncmp(v->request, EVENTS, 10) == 0;
}

/* All of what it should get; or its end, behind what is right so far. */
static bool expect_right(const struct day *d, size_t i)
{
	const struct visitor *v = &visitors[i];
	const struct sse_client *c = &d->clients[i];
	bool whole = c->status == v->status;

	if (c->bad[0] != '\0')
		fail_msg("%s: %s", v->request, sse_client_describe(c));
	if (c->status != 0 && !whole && c->status != 503)
		fail_msg("%s: %s", v->request, sse_client_describe(c));
	if (whole && is_stream(v) && strstr(v->request, "ndjson") != NULL) {
		whole = expect_lines(c, v->first) == ALL - v->first;
	} else if (whole && is_stream(v)) {
		assert_true(first_of(v, c) >= v->first);
		expect_messages(c, first_of(v, c));
		whole = c->n_messages == ALL - first_of(v, c) && c->n_pings > 0;
	} else if (whole) {
		whole = c->state == SSE_CLIENT_DONE;
	}
	if (fails_at == 0 && poll_fails_at == 0 && !whole)
		fail_msg("%s: %s", v->request, sse_client_describe(c));
	if (!whole && !d->over[i] && c->status != 503)
		fail_msg("%s: neither all nor its end: %s", v->request,
			 sse_client_describe(c));
	return whole;
}

static void end(struct day *d)
{
	const char *left;

	server_end_streams(d->server, VISITORS / 2);
	settle(d);
	for (size_t i = 0; i < VISITORS; i++)
		sse_client_close(&d->clients[i]);
	pass(d, 20000);
	assert_int_equal(server_connections(d->server), 0);
	left = server_free(d->server);
	if (left != NULL)
		fail_msg("%s", left);
}

/* How many visitors did not get all of theirs, with this allocation failing. */
static size_t live_a_day(size_t failing)
{
	struct day d = {0};
	size_t harmed = 0;

	fails_at = failing;
	begin(&d);
	live(&d);
	for (size_t i = 0; i < VISITORS; i++)
		harmed += !expect_right(&d, i);
	end(&d);
	fails_at = 0;
	return harmed;
}

static void every_allocation_fails_once(void **state)
{
	size_t n, worst = 0;

	(void)state;
	assert_int_equal(live_a_day(0), 0);
	n = n_allocations;
	for (size_t i = 1; i <= n; i++) {
		size_t harmed = live_a_day(i);

		worst = harmed > worst ? harmed : worst;
	}
	fprintf(stderr, "%zu allocations, at the most %zu visitors harmed\n", n,
		worst);
	assert_true(n > 100);
	/* Its own connection, and no other. */
	assert_in_range(worst, 1, 1);
}

/* An accept, or the wait for a full socket, that the kernel refuses: it costs
 * that connection and no other. */
static void every_epoll_ctl_fails_once(void **state)
{
	size_t n, worst = 0;

	(void)state;
	assert_int_equal(live_a_day(0), 0);
	n = n_polls;
	for (size_t i = 1; i <= n; i++) {
		size_t harmed;

		poll_fails_at = i;
		harmed = live_a_day(0);
		worst = harmed > worst ? harmed : worst;
	}
	poll_fails_at = 0;
	fprintf(stderr, "%zu calls, at the most %zu visitors harmed\n", n,
		worst);
	assert_true(n > VISITORS);
	assert_in_range(worst, 1, 1);
}

/* For a while there is nothing at all: whichever client it hits, what holds for
 * one still holds for each. */
static void many_fail_in_a_row(void **state)
{
	enum { ROW = 20, STEP = 7 };
	size_t n;

	(void)state;
	n_fail = 0;
	live_a_day(0);
	n = n_allocations;
	n_fail = ROW;
	for (size_t i = 1; i <= n; i += STEP)
		live_a_day(i);
	n_fail = 1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_allocation_fails_once),
		cmocka_unit_test(every_epoll_ctl_fails_once),
		cmocka_unit_test(many_fail_in_a_row),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
