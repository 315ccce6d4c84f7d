/* Clients that misbehave, many at once: what one does ends its own connection
 * at the most. Meanwhile the others are served in time, and what the gateway
 * holds has a bound. */
#include "healthy_client.h"

#include <errno.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "test_clock.h"

#define LIVEZ "GET /livez HTTP/1.1\r\nHost: test\r\n\r\n"
#define ALICE                                        \
	"GET /api/v1/events HTTP/1.1\r\nHost: t\r\n" \
	"user_id: alice\r\n\r\n"

/* ASan keeps freed memory back; here the point is what is not freed. */
static const char asan[] = "quarantine_size_mb=1:malloc_context_size=2";

static bool is_over(const struct sse_client *c, void *arg)
{
	(void)arg;
	return c->eof;
}

static bool has_head(const struct sse_client *c, void *arg)
{
	(void)arg;
	return c->status != 0;
}

/* n clients, not connected, that the test closes by close_many(). */
static struct sse_client *new_many(size_t n)
{
	struct sse_client *cs = calloc(n, sizeof(*cs));

	assert_non_null(cs);
	for (size_t i = 0; i < n; i++)
		cs[i].fd = -1;
	return cs;
}

static void close_many(struct sse_client *cs, size_t n)
{
	for (size_t i = 0; i < n; i++)
		sse_client_close(&cs[i]);
	free(cs);
}

static void wait_streams(struct e2e *f, size_t n)
{
	gateway_proc_wait_metric(&f->gw, "sluice_subscriptions{state=\"live\"}",
				 (double)n);
}

/* Of the healthy client's two and the one that asks for the metric there may be
 * that one more, or less. */
static void wait_connections(struct e2e *f, size_t most)
{
	uint64_t deadline = test_deadline_ms(SSE_CLIENT_WAIT_MS);

	while (gateway_proc_metric(&f->gw, "sluice_connections") >
	       (double)most) {
		assert_true(test_now_ms() < deadline);
		poll(NULL, 0, 10);
	}
}

/* ---- slow heads ---------------------------------------------------------- */

static void begin_heads(struct e2e *f, struct sse_client *cs, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		sse_client_connect(&cs[i], f->gw.address);
		sse_client_send_text(&cs[i], "GET /livez HTTP/1.1\r\nX: ");
	}
}

/* A byte more of each head; the number that still wait for an answer. */
static size_t drip(struct sse_client *cs, size_t n)
{
	size_t left = 0;

	for (size_t i = 0; i < n; i++) {
		while (sse_client_step(&cs[i], 0))
			;
		if (cs[i].status != 0 || cs[i].eof)
			continue;
		sse_client_send_text(&cs[i], "x");
		left++;
	}
	return left;
}

/* However they drip, the whole head has one limit. */
static void slow_heads(void **state)
{
	enum { N = 200, HEAD_MS = 1500 };
	struct e2e *f = *state;
	struct sse_client *cs = new_many(N);
	struct healthy_client b;
	uint64_t start;

	f->gw.asan = asan;
	e2e_gateway(f, "--header-timeout", "1500ms", NULL);
	healthy_client_join(&b, f);
	start = test_now_ms();
	begin_heads(f, cs, N);
	for (size_t i = 0; drip(cs, N) > 0; i++) {
		assert_true(test_now_ms() - start <
			    HEAD_MS + HEALTHY_CLIENT_MS);
		if (i % 8 == 0)
			healthy_client_expect_served(&b, f);
		poll(NULL, 0, 20);
	}
	assert_true(test_now_ms() - start >= HEAD_MS);
	healthy_client_expect_memory(&b, f, 8 * 1024);
	for (size_t i = 0; i < N; i++) {
		sse_client_wait_reply(&cs[i]);
		assert_int_equal(cs[i].status, 408);
		sse_client_assert_header(&cs[i], "Connection", "close");
	}
	gateway_proc_wait_metric(
		&f->gw,
		"sluice_requests_rejected_total{reason=\"head_timeout\"}", N);
	close_many(cs, N);
	wait_connections(f, 3);
	healthy_client_expect_served(&b, f);
}

/* They fill all places: subscriptions stay, and requests
 * are answered; the connection that is idle longest makes room. */
static void slow_heads_in_all_places(void **state)
{
	enum { N = 300, PLACES = 20 };
	struct e2e *f = *state;
	struct sse_client *cs = new_many(N);
	struct healthy_client b;
	size_t left;

	f->gw.asan = asan;
	e2e_gateway(f, "--header-timeout", "1m", "--max-connections", "20",
		    NULL);
	healthy_client_join(&b, f);
	b.comes_anew = true;
	begin_heads(f, cs, N);
	left = drip(cs, N);
	healthy_client_expect_served(&b, f);
	for (int i = 0; i < 10; i++)
		assert_int_equal(gateway_proc_status_of(&f->gw, false,
							"/livez"),
				 200);
	e2e_expect_marker(f, e2e_open(f, "alice", NULL), "alice", 1);
	healthy_client_expect_served(&b, f);
	assert_true(drip(cs, N) < left);
	/* PLACES, the short answers' 128, and the admin's one. */
	assert_true(gateway_proc_metric(&f->gw, "sluice_connections") <=
		    PLACES + 128 + 1);
	healthy_client_expect_memory(&b, f, 8 * 1024);
	close_many(cs, N);
	wait_connections(f, 4);
	healthy_client_expect_served(&b, f);
}

/* ---- slow readers -------------------------------------------------------- */

/* A reader of numbered messages of one size. */
struct reader {
	size_t size;
	size_t n;
	uint64_t last;
	bool wrong;
};

static char letter(size_t n)
{
	return (char)('a' + n % 26);
}

static void on_numbered(void *arg, const struct sse_event *ev)
{
	struct reader *r = arg;

	if (!sse_event_is_message(ev))
		return;
	if (ev->len != r->size || ev->data[0] != letter(r->n) ||
	    ev->data[ev->len - 1] != letter(r->n) ||
	    sse_id_seq(ev->id) <= r->last)
		r->wrong = true;
	r->last = sse_id_seq(ev->id);
	r->n++;
}

static void publish_numbered(struct e2e *f, size_t i, size_t size)
{
	char *data = malloc(size);

	assert_non_null(data);
	memset(data, letter(i), size);
	nats_admin_publish(f->admin, "events.alice", data, size);
	free(data);
}

static bool has_numbered(const struct sse_client *c, void *arg)
{
	return ((struct reader *)c->sink_arg)->n >= *(size_t *)arg;
}

static void expect_numbered(struct sse_client *c, size_t n)
{
	const struct reader *r = c->sink_arg;

	if (!sse_client_until(c, has_numbered, &n, SSE_CLIENT_WAIT_MS))
		fail_msg("%zu messages of %zu: %s", r->n, n,
			 sse_client_describe(c));
	assert_false(r->wrong);
	assert_int_equal(r->n, n);
}

static void open_readers(const char *address, struct sse_client *cs,
			 struct reader *rs, size_t n, size_t size)
{
	for (size_t i = 0; i < n; i++) {
		rs[i] = (struct reader){.size = size};
		cs[i].rcvbuf = 32 * 1024;
		cs[i].sink = on_numbered;
		cs[i].sink_arg = &rs[i];
		sse_client_stream(&cs[i], address, "alice", NULL);
	}
}

/* A thousand that read nothing while each has four times of its socket's buffer
 * to get (a Unix socket's: it does not grow). */
static void slow_readers(void **state)
{
	enum { N = 1000, MESSAGES = 64, SIZE = 12 * 1024, STAY = 20 };
	struct e2e *f = *state;
	struct sse_client *cs = new_many(N);
	struct reader *rs = calloc(N, sizeof(*rs));
	char address[160];
	struct healthy_client b;

	assert_non_null(rs);
	f->gw.asan = asan;
	snprintf(address, sizeof(address), "unix:%s/s",
		 gateway_proc_home(&f->gw));
	e2e_gateway(f, "--listen", address, "--buffer-size", "256KiB", NULL);
	open_readers(address, cs, rs, N, SIZE);
	healthy_client_join(&b, f);
	wait_streams(f, N + 1);
	for (size_t i = 0; i < MESSAGES; i++) {
		publish_numbered(f, i, SIZE);
		if (i % 8 == 0)
			healthy_client_expect_served(&b, f);
	}
	/* A begun frame of each, and what the sanitizer adds; not 750 MiB. */
	healthy_client_expect_memory(&b, f, 2 * N * SIZE / 1024);
	for (size_t i = 0; i < N; i++) {
		if (i % STAY == 0)
			expect_numbered(&cs[i], MESSAGES);
		else
			sse_client_reset(&cs[i]);
		if (i % 100 == 0)
			healthy_client_expect_served(&b, f);
	}
	wait_streams(f, N / STAY + 1);
	e2e_wait_consumers(f, 1);
	close_many(cs, N);
	free(rs);
	healthy_client_expect_served(&b, f);
}

/* ---- resets -------------------------------------------------------------- */

/* Reads up to a place in the midst of some frame, and resets. */
static void reset_in_mid_frame(struct sse_client *c, size_t bytes)
{
	static char buf[64 * 1024];

	while (bytes > 0) {
		size_t want = bytes < sizeof(buf) ? bytes : sizeof(buf);
		ssize_t n = recv(c->fd, buf, want, 0);

		assert_true(n > 0);
		bytes -= (size_t)n;
	}
	sse_client_reset(c);
}

/* Their sockets are full in the midst of a frame when they go; a client that
 * reads the same subject misses nothing. */
static void resets_in_mid_frame(void **state)
{
	enum { N = 16, MESSAGES = 6, SIZE = 1 << 20, ROUNDS = 3 };
	struct e2e *f = *state;
	struct sse_client *quick = e2e_client(f);
	struct reader quick_got, rs[N];
	struct healthy_client b;

	f->gw.asan = asan;
	e2e_gateway(f, "--buffer-size", "4MiB", NULL);
	open_readers(f->gw.address, quick, &quick_got, 1, SIZE);
	healthy_client_join(&b, f);
	for (size_t round = 0; round < ROUNDS; round++) {
		struct sse_client *cs = new_many(N);

		open_readers(f->gw.address, cs, rs, N, SIZE);
		for (size_t i = 0; i < MESSAGES; i++) {
			publish_numbered(f, round * MESSAGES + i, SIZE);
			expect_numbered(quick, round * MESSAGES + i + 1);
		}
		healthy_client_expect_served(&b, f);
		for (size_t i = 0; i < N; i++)
			reset_in_mid_frame(&cs[i], 1 + i * SIZE / 11);
		wait_streams(f, 2);
		close_many(cs, N);
	}
	/* The log, and a frame or two on the way. */
	healthy_client_expect_memory(&b, f, 24 * 1024);
	e2e_wait_consumers(f, 1);
	healthy_client_expect_served(&b, f);
}

/* ---- one byte at a time -------------------------------------------------- */

static void read_a_byte(struct sse_client *c)
{
	struct pollfd p = {.fd = c->fd, .events = POLLIN};
	char byte;

	if (poll(&p, 1, SSE_CLIENT_WAIT_MS) != 1 ||
	    recv(c->fd, &byte, 1, 0) != 1)
		fail_msg("no byte: %s", sse_client_describe(c));
	sse_client_feed(c, &byte, 1);
}

/* Each byte is a read; the window opens by crumbs. */
static void reads_of_one_byte(void **state)
{
	enum { N = 8, MESSAGES = 12, SIZE = 2000 };
	struct e2e *f = *state;
	struct sse_client *cs = new_many(N);
	struct reader rs[N];
	struct healthy_client b;
	size_t n = MESSAGES;

	f->gw.asan = asan;
	e2e_gateway(f, NULL);
	healthy_client_join(&b, f);
	open_readers(f->gw.address, cs, rs, N, SIZE);
	for (size_t i = 0; i < MESSAGES; i++)
		publish_numbered(f, i, SIZE);
	for (size_t turn = 0; !has_numbered(&cs[N - 1], &n); turn++) {
		for (size_t i = 0; i < N; i++) {
			if (!has_numbered(&cs[i], &n))
				read_a_byte(&cs[i]);
		}
		if (turn % 4096 == 0)
			healthy_client_expect_served(&b, f);
	}
	for (size_t i = 0; i < N; i++)
		expect_numbered(&cs[i], MESSAGES);
	healthy_client_expect_memory(&b, f, 8 * 1024);
	close_many(cs, N);
	wait_streams(f, 1);
}

/* ---- data after the request ---------------------------------------------- */

enum { POUR_MS = 10, POUR_MAX = 16 << 20 };

/* Sends what a text repeated is, up to `len` bytes, until nothing more is taken
 * for a while; how much that was. */
static size_t pour(struct sse_client *c, const char *text, size_t len)
{
	static char all[POUR_MAX];
	size_t each = strlen(text), n = 0;

	assert_true(len <= POUR_MAX);
	for (size_t i = 0; i + each <= len; i += each)
		memcpy(all + i, text, each);
	len -= len % each;
	while (n < len) {
		struct pollfd p = {.fd = c->fd, .events = POLLOUT};
		ssize_t sent = send(c->fd, all + n, len - n,
				    MSG_NOSIGNAL | MSG_DONTWAIT);

		if (sent > 0)
			n += (size_t)sent;
		else if (errno != EAGAIN || poll(&p, 1, POUR_MS) != 1)
			break;
	}
	return n;
}

static void more_than_a_request(void **state)
{
	enum { N = 50, FLOOD = 4 << 20 };
	struct e2e *f = *state;
	struct sse_client *cs = new_many(N), *blank, *refused;
	struct healthy_client b;
	size_t poured = 0;

	f->gw.asan = asan;
	e2e_gateway(f, NULL);
	healthy_client_join(&b, f);
	/* Behind the request for a stream: its end. */
	for (size_t i = 0; i < N; i++)
		sse_client_stream(&cs[i], f->gw.address, "alice", NULL);
	for (size_t i = 0; i < N; i++)
		sse_client_send_text(&cs[i], i % 2 == 0 ? LIVEZ : "x");
	assert_true(
		sse_clients_until(cs, N, is_over, NULL, SSE_CLIENT_WAIT_MS));
	wait_streams(f, 1);
	healthy_client_expect_served(&b, f);
	/* But for empty lines. */
	blank = e2e_open(f, "alice", NULL);
	assert_int_equal(pour(blank, "\r\n", FLOOD), FLOOD);
	healthy_client_expect_served(&b, f);
	e2e_expect_marker(f, blank, "alice", 1);
	/* Behind a rejection 64 MiB are read and discarded, and no more. */
	refused = e2e_client(f);
	sse_client_connect(refused, f->gw.address);
	sse_client_send_text(refused, "GET / HTTP/1.1\r\n\r\n");
	for (int i = 0; i < 6; i++)
		poured += pour(refused, "GET /x ", POUR_MAX);
	assert_in_range(poured, 0, 5 * (size_t)POUR_MAX);
	healthy_client_expect_served(&b, f);
	healthy_client_expect_memory(&b, f, 8 * 1024);
	close_many(cs, N);
}

/* Each of a few dozen has thousands of requests waiting at any time: every
 * other client has its turn in between. */
static void requests_without_end(void **state)
{
	enum { N = 24, FLOOD = 1 << 20 };
	struct e2e *f = *state;
	struct sse_client *cs = new_many(N);
	struct healthy_client b;

	f->gw.asan = asan;
	e2e_gateway(f, NULL);
	healthy_client_join(&b, f);
	for (size_t i = 0; i < N; i++) {
		sse_client_connect(&cs[i], f->gw.address);
		pour(&cs[i], LIVEZ, FLOOD);
		healthy_client_expect_served(&b, f);
	}
	for (size_t i = 0; i < N; i++)
		sse_client_reset(&cs[i]);
	healthy_client_expect_memory(&b, f, 16 * 1024);
	close_many(cs, N);
	wait_connections(f, 3);
	healthy_client_expect_served(&b, f);
}

/* n answers come, all of them alike but for their second. */
static void read_answers(struct sse_client *c, size_t n)
{
	struct bytes all = {0};
	char buf[4096];
	static const char date[] = "Date: ",
			  form[] = "Sun, 06 Nov 1994 08:49:37 GMT";
	size_t each, at;

	sse_client_wait_reply(c);
	each = c->head.len + c->body.len;
	at = (size_t)(strstr(bytes_text(&c->head), date) - c->head.at) +
	     strlen(date);
	bytes_add(&all, bytes_text(&c->raw), c->raw.len);
	while (all.len < n * each) {
		struct pollfd p = {.fd = c->fd, .events = POLLIN};
		ssize_t len;

		assert_int_equal(poll(&p, 1, SSE_CLIENT_WAIT_MS), 1);
		len = recv(c->fd, buf, sizeof(buf), 0);
		if (len <= 0)
			break;
		bytes_add(&all, buf, (size_t)len);
	}
	assert_int_equal(all.len, n * each);
	for (size_t i = 1; i < n; i++) {
		memcpy(all.at + i * each + at, all.at + at, strlen(form));
		assert_memory_equal(all.at, all.at + i * each, each);
	}
	bytes_free(&all);
}

/* While answers wait for a socket that is full (a Unix socket's: it does not
 * grow) no more is read, and hardly anything held. A client that reads on
 * within the time gets all of them. */
static void answers_that_nobody_reads(void **state)
{
	enum { N = 400, FLOOD = 512 << 10, EACH = sizeof(LIVEZ) - 1, ON = 2 };
	struct e2e *f = *state;
	struct sse_client *cs = new_many(N);
	char address[160];
	struct healthy_client b;
	size_t sent[N];

	f->gw.asan = asan;
	snprintf(address, sizeof(address), "unix:%s/s",
		 gateway_proc_home(&f->gw));
	e2e_gateway(f, "--listen", address, NULL);
	healthy_client_join(&b, f);
	for (size_t i = 0; i < N; i++) {
		sse_client_connect(&cs[i], address);
		sent[i] = pour(&cs[i], LIVEZ, FLOOD);
		assert_in_range(sent[i], 1, FLOOD - 1);
		if (i % 20 == 0)
			healthy_client_expect_served(&b, f);
	}
	healthy_client_expect_memory(&b, f, 12 * 1024);
	for (size_t i = N - ON; i < N; i++)
		read_answers(&cs[i], sent[i] / EACH);
	close_many(cs, N);
	wait_connections(f, 3);
	healthy_client_expect_served(&b, f);
}

/* ---- a burst ------------------------------------------------------------- */

/* So many as this process and the gateway may have, at the most `most`. */
static size_t burst_size(size_t most)
{
	enum { OTHERS = 600 };
	struct rlimit lim;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &lim), 0);
	lim.rlim_cur = lim.rlim_max;
	setrlimit(RLIMIT_NOFILE, &lim);
	assert_true(lim.rlim_max > 2 * OTHERS);
	if (lim.rlim_max - OTHERS >= most)
		return most;
	fprintf(stderr, "a burst of %zu only: the hard limit of descriptors\n",
		(size_t)lim.rlim_max - OTHERS);
	return (size_t)lim.rlim_max - OTHERS;
}

static struct sockaddr_in address_of(const struct e2e *f)
{
	int port = atoi(strrchr(f->gw.address, ':') + 1);

	return (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
}

/* All connects are under way before any is waited for. */
static void connect_all(const struct e2e *f, struct pollfd *ps, size_t n)
{
	struct sockaddr_in to = address_of(f);

	for (size_t i = 0; i < n; i++) {
		ps[i].fd =
			socket(AF_INET,
			       SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		ps[i].events = POLLOUT;
		assert_true(ps[i].fd >= 0);
		if (connect(ps[i].fd, (struct sockaddr *)&to, sizeof(to)) < 0)
			assert_int_equal(errno, EINPROGRESS);
	}
}

/* Connected: asks. Answered: done. The number that were answered now. */
static size_t serve_burst(struct pollfd *ps, size_t n)
{
	char buf[512] = "";
	size_t done = 0;

	for (size_t i = 0; i < n; i++) {
		if (ps[i].revents == 0)
			continue;
		if (ps[i].events == POLLOUT) {
			assert_int_equal(send(ps[i].fd, LIVEZ,
					      sizeof(LIVEZ) - 1, MSG_NOSIGNAL),
					 sizeof(LIVEZ) - 1);
			ps[i].events = POLLIN;
			continue;
		}
		assert_true(recv(ps[i].fd, buf, sizeof(buf) - 1, 0) > 16);
		assert_int_equal(strncmp(buf, "HTTP/1.1 200 OK\r\n", 17), 0);
		ps[i].events = 0;
		done++;
	}
	return done;
}

static void reset_all(struct pollfd *ps, size_t n)
{
	const struct linger now = {.l_onoff = 1};

	for (size_t i = 0; i < n; i++) {
		setsockopt(ps[i].fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
		close(ps[i].fd);
	}
}

/* All at once, all of them kept: each is answered. The kernel's queue is
 * shorter than that; a rejected client retries by itself. */
static void a_burst_of_connects(void **state)
{
	size_t n = burst_size(10000), done = 0, fds;
	struct pollfd *ps = calloc(n, sizeof(*ps));
	uint64_t deadline;
	struct e2e *f = *state;
	struct healthy_client b;

	assert_non_null(ps);
	f->gw.asan = asan;
	e2e_gateway(f, NULL);
	healthy_client_join(&b, f);
	fds = gateway_proc_fds(&f->gw);
	deadline = test_deadline_ms(SSE_CLIENT_WAIT_MS);
	connect_all(f, ps, n);
	healthy_client_expect_served(&b, f);
	for (size_t turn = 0; done < n; turn++) {
		assert_true(poll(ps, n, test_ms_left(deadline)) > 0);
		done += serve_burst(ps, n);
		if (turn % 64 == 0)
			healthy_client_expect_served(&b, f);
	}
	assert_true(gateway_proc_metric(&f->gw, "sluice_connections") >= n);
	/* Some 3 KiB for each, with the sanitizer's share. */
	healthy_client_expect_memory(&b, f, 4 * n + 8 * 1024);
	reset_all(ps, n);
	free(ps);
	wait_connections(f, 3);
	assert_in_range(gateway_proc_fds(&f->gw), 0, fds + 1);
	healthy_client_expect_served(&b, f);
}

/* ---- no descriptors ------------------------------------------------------ */

static void limit_descriptors(const struct e2e *f, size_t soft)
{
	struct rlimit lim;

	assert_int_equal(prlimit(f->gw.pid, RLIMIT_NOFILE, NULL, &lim), 0);
	lim.rlim_cur = soft == 0 ? lim.rlim_max : soft;
	assert_int_equal(prlimit(f->gw.pid, RLIMIT_NOFILE, &lim, NULL), 0);
}

/* Of the processor, so far. */
static uint64_t cpu_ms(const struct e2e *f)
{
	unsigned long user = 0, sys = 0;
	char path[64], line[1024];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)f->gw.pid);
	file = fopen(path, "r");
	assert_non_null(file);
	assert_non_null(fgets(line, sizeof(line), file));
	fclose(file);
	/* Behind the name, which ends with the last parenthesis. */
	assert_int_equal(sscanf(strrchr(line, ')') + 1,
				" %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u "
				"%lu %lu",
				&user, &sys),
			 2);
	return (user + sys) * 1000 / (uint64_t)sysconf(_SC_CLK_TCK);
}

static size_t count_heads(struct sse_client *cs, size_t n)
{
	size_t heads = 0;

	for (size_t i = 0; i < n; i++)
		heads += cs[i].status == 200;
	return heads;
}

static void wait_heads(struct sse_client *cs, size_t n, size_t heads)
{
	uint64_t deadline = test_deadline_ms(SSE_CLIENT_WAIT_MS);

	while (count_heads(cs, n) < heads) {
		assert_true(test_now_ms() < deadline);
		sse_clients_until(cs, n, has_head, NULL, 10);
	}
	assert_int_equal(count_heads(cs, n), heads);
}

/* Accepting pauses, and that without spinning; connected clients are served;
 * waiting clients are not lost, and are accepted when there is room. */
static void descriptors_run_out(void **state)
{
	enum { N = 60, ROOM = 10, LEAVE = 4, WATCH_MS = 1000 };
	struct e2e *f = *state;
	struct sse_client *cs = new_many(N);
	struct healthy_client b;
	uint64_t cpu;

	e2e_gateway(f, NULL);
	healthy_client_join(&b, f);
	limit_descriptors(f, gateway_proc_fds(&f->gw) + ROOM);
	for (size_t i = 0; i < N; i++) {
		sse_client_connect(&cs[i], f->gw.address);
		sse_client_send_text(&cs[i], ALICE);
	}
	gateway_proc_wait_log(&f->gw, "cannot accept connections");
	wait_heads(cs, N, ROOM);
	cpu = cpu_ms(f);
	poll(NULL, 0, WATCH_MS); /* the point is that nothing happens */
	assert_in_range(cpu_ms(f) - cpu, 0, WATCH_MS / 5);
	healthy_client_expect_served(&b, f);
	assert_int_equal(count_heads(cs, N), ROOM);

	/* The first clients are the connected ones. */
	for (size_t i = 0; i < LEAVE; i++) {
		assert_int_equal(cs[i].status, 200);
		sse_client_close(&cs[i]);
	}
	wait_heads(cs + LEAVE, N - LEAVE, ROOM);
	healthy_client_expect_served(&b, f);

	limit_descriptors(f, 0);
	wait_heads(cs + LEAVE, N - LEAVE, N - LEAVE);
	e2e_publish(f, "alice", "all are in");
	for (size_t i = LEAVE; i < N; i++)
		e2e_expect(&cs[i], 1, "all are in");
	healthy_client_expect_served(&b, f);
	close_many(cs, N);
	wait_streams(f, 1);
}

/* ---- half-open ----------------------------------------------------------- */

/* The socket goes without a word, as by a crash of its machine, which then is
 * up again: it answers what comes with a reset. */
static bool vanish(struct sse_client *c)
{
	int on = 1;

	if (setsockopt(c->fd, IPPROTO_TCP, TCP_REPAIR, &on, sizeof(on)) < 0)
		return false;
	sse_client_close(c);
	return true;
}

static void gone_without_a_word(void **state)
{
	enum { N = 20 };
	struct e2e *f = *state;
	struct sse_client *streams = new_many(N), *heads = new_many(N);
	struct healthy_client b;
	uint64_t start;

	e2e_gateway(f, "--ping-interval", "500ms", "--header-timeout", "1s",
		    "--idle-timeout", "20s", NULL);
	healthy_client_join(&b, f);
	for (size_t i = 0; i < N; i++)
		sse_client_stream(&streams[i], f->gw.address, "alice", NULL);
	begin_heads(f, heads, N);
	wait_streams(f, N + 1);
	start = test_now_ms();
	for (size_t i = 0; i < N; i++) {
		if (!vanish(&streams[i]) || !vanish(&heads[i])) {
			fprintf(stderr, "not tested: half-open sockets need "
					"CAP_NET_ADMIN\n");
			break;
		}
	}
	/* By the first ping; by the time-out. */
	wait_streams(f, heads[0].fd < 0 ? 1 : N + 1);
	assert_true(test_now_ms() - start < 500 + HEALTHY_CLIENT_MS);
	wait_connections(f, heads[0].fd < 0 ? 3 : 2 * N + 3);
	healthy_client_expect_served(&b, f);
	close_many(streams, N);
	close_many(heads, N);
}

/* Nothing that comes reaches the socket, and nothing is answered: as where the
 * power or the network is gone. */
static void go_dark(const struct sse_client *c)
{
	struct sock_filter drop = BPF_STMT(BPF_RET | BPF_K, 0);
	struct sock_fprog all = {.len = 1, .filter = &drop};

	assert_int_equal(setsockopt(c->fd, SOL_SOCKET, SO_ATTACH_FILTER, &all,
				    sizeof(all)),
			 0);
}

/* Vanished clients are noticed, whether they read or had closed their window;
 * clients that only do not read are not, for any time. */
static void peer_timeout(void **state)
{
	enum { N = 4, MESSAGES = 6, SIZE = 1 << 20, LATER = 2 };
	struct e2e *f = *state;
	struct sse_client *quick = new_many(N), *slow = new_many(2 * N);
	struct reader quick_got[N], slow_got[2 * N];
	struct healthy_client b;

	f->gw.asan = asan;
	e2e_gateway(f, "--ping-interval", "500ms", "--buffer-size", "4MiB",
		    NULL);
	healthy_client_join(&b, f);
	open_readers(f->gw.address, quick, quick_got, N, SIZE);
	open_readers(f->gw.address, slow, slow_got, 2 * N, SIZE);
	for (size_t i = 0; i < MESSAGES; i++) {
		publish_numbered(f, i, SIZE);
		for (size_t j = 0; j < N; j++)
			expect_numbered(&quick[j], i + 1);
	}
	for (size_t i = 0; i < N; i++) {
		go_dark(&quick[i]);
		go_dark(&slow[i]);
	}
	/* The kernel tries again after 200 ms, and each time after twice as
	 * long. */
	wait_connections(f, 2 + N + 1);
	healthy_client_expect_served(&b, f);
	for (size_t i = 0; i < LATER; i++)
		sse_client_wait_ping(b.stream, b.stream->n_pings + 4);
	for (size_t i = N; i < 2 * N; i++)
		expect_numbered(&slow[i], MESSAGES);
	close_many(quick, N);
	close_many(slow, 2 * N);
	healthy_client_expect_served(&b, f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		E2E_TEST(slow_heads),
		E2E_TEST(slow_heads_in_all_places),
		E2E_TEST(slow_readers),
		E2E_TEST(resets_in_mid_frame),
		E2E_TEST(reads_of_one_byte),
		E2E_TEST(more_than_a_request),
		E2E_TEST(requests_without_end),
		E2E_TEST(answers_that_nobody_reads),
		E2E_TEST(a_burst_of_connects),
		E2E_TEST(descriptors_run_out),
		E2E_TEST(gone_without_a_word),
		E2E_TEST(peer_timeout),
	};

	return cmocka_run_group_tests(tests, e2e_group_setup,
				      e2e_group_teardown);
}
