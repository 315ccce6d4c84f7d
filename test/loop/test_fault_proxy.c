/* What the tests of faults stand on: each fault does what it says, to the byte,
 * and nothing else. */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "fault_proxy.h"
#include "test_clock.h"

enum { WAIT_MS = 10000, BULK = 1024 * 1024 };

struct fixture {
	int listener;
	char address[64];
	struct fault_proxy proxy;
	int client; /* the newest pair, joined by the proxy */
	int server;
	size_t n_fds;
};

static size_t count_fds(void)
{
	size_t n = 0;
	DIR *dir = opendir("/proc/self/fd");

	assert_non_null(dir);
	while (readdir(dir) != NULL)
		n++;
	closedir(dir);
	return n;
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct sockaddr_in at = {.sin_family = AF_INET,
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(at);

	assert_non_null(f);
	*state = f;
	f->n_fds = count_fds();
	f->client = f->server = -1;
	f->listener = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(f->listener, (struct sockaddr *)&at, len), 0);
	assert_int_equal(listen(f->listener, 128), 0);
	assert_int_equal(getsockname(f->listener, (struct sockaddr *)&at, &len),
			 0);
	snprintf(f->address, sizeof(f->address), "127.0.0.1:%d",
		 ntohs(at.sin_port));
	fault_proxy_start(&f->proxy, f->address);
	return 0;
}

static void drop_pair(struct fixture *f)
{
	if (f->client >= 0)
		close(f->client);
	if (f->server >= 0)
		close(f->server);
	f->client = f->server = -1;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	uint64_t before = test_now_ms();

	fault_proxy_stop(&f->proxy);
	assert_true(test_now_ms() - before < 1000);
	drop_pair(f);
	if (f->listener >= 0)
		close(f->listener);
	assert_int_equal(count_fds(), f->n_fds);
	free(f);
	return 0;
}

/* ---- sockets ------------------------------------------------------------- */

static int dial(const struct fixture *f)
{
	struct sockaddr_in to = {.sin_family = AF_INET,
				 .sin_port = htons((uint16_t)f->proxy.port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	return fd;
}

static bool readable(int fd, int ms)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	return poll(&p, 1, ms) > 0;
}

static void join(struct fixture *f)
{
	drop_pair(f);
	f->client = dial(f);
	assert_true(readable(f->listener, WAIT_MS));
	f->server = accept(f->listener, NULL, NULL);
	assert_true(f->server >= 0);
}

static void put(int fd, const void *bytes, size_t len)
{
	assert_int_equal(send(fd, bytes, len, MSG_NOSIGNAL), len);
}

static void put_text(int fd, const char *text)
{
	put(fd, text, strlen(text));
}

/* Exactly this text, and not a byte that follows. */
static void expect_text(int fd, const char *text)
{
	char got[4096];
	size_t len = strlen(text), n = 0;

	assert_true(len < sizeof(got));
	while (n < len) {
		ssize_t part;

		assert_true(readable(fd, WAIT_MS));
		part = recv(fd, got + n, len - n, 0);
		assert_true(part > 0);
		n += (size_t)part;
	}
	assert_memory_equal(got, text, len);
}

static void expect_silence(int fd, int ms)
{
	assert_false(readable(fd, ms));
}

static void expect_end(int fd, enum fault_end end)
{
	char byte;
	ssize_t n;

	assert_true(readable(fd, WAIT_MS));
	n = recv(fd, &byte, 1, 0);
	if (end == FAULT_FIN) {
		assert_int_equal(n, 0);
		return;
	}
	assert_int_equal(n, -1);
	assert_int_equal(errno, ECONNRESET);
}

static void reset(int *fd)
{
	struct linger now = {.l_onoff = 1};

	setsockopt(*fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(*fd);
	*fd = -1;
}

/* ---- without a fault ----------------------------------------------------- */

static void fill(char *bytes, size_t len, unsigned seed)
{
	for (size_t i = 0; i < len; i++) {
		seed = seed * 1103515245 + 12345;
		bytes[i] = (char)(seed >> 16);
	}
}

/* Sends and receives on one socket what the other one receives and sends. */
static void exchange(int a, int b, const char *from_a, char *at_b, size_t len)
{
	uint64_t deadline = test_deadline_ms(WAIT_MS);
	size_t sent = 0, got = 0;

	while (got < len && test_now_ms() < deadline) {
		struct pollfd p[] = {
			{.fd = sent < len ? a : -1, .events = POLLOUT},
			{.fd = b, .events = POLLIN},
		};
		ssize_t n;

		poll(p, 2, 100);
		n = sent == len ? 0
				: send(a, from_a + sent, len - sent,
				       MSG_DONTWAIT | MSG_NOSIGNAL);
		sent += n > 0 ? (size_t)n : 0;
		n = recv(b, at_b + got, len - got, MSG_DONTWAIT);
		got += n > 0 ? (size_t)n : 0;
	}
	assert_int_equal(got, len);
	assert_memory_equal(from_a, at_b, len);
}

static void passes_bytes_on(void **state)
{
	struct fixture *f = *state;
	char *out = malloc(BULK), *in = malloc(BULK);
	struct fault_counts c;

	fill(out, BULK, 1);
	join(f);
	exchange(f->client, f->server, out, in, BULK);
	fill(out, BULK, 2);
	exchange(f->server, f->client, out, in, BULK);
	put_text(f->client, "more");
	expect_text(f->server, "more");
	c = fault_proxy_counts(&f->proxy);
	assert_int_equal(c.connections, 1);
	assert_int_equal(c.open, 1);
	assert_int_equal(c.to_server, BULK + 4);
	assert_int_equal(c.to_client, BULK);
	join(f);
	put_text(f->client, "new");
	expect_text(f->server, "new");
	c = fault_proxy_counts(&f->proxy);
	assert_int_equal(c.connections, 2);
	assert_int_equal(c.to_server, 3);
	assert_int_equal(c.to_client, 0);
	assert_int_equal(c.all_to_server, BULK + 7);
	assert_int_equal(c.all_to_client, BULK);
	free(out);
	free(in);
}

static void passes_a_fin_on(void **state)
{
	struct fixture *f = *state;

	join(f);
	put_text(f->client, "last words");
	shutdown(f->client, SHUT_WR);
	expect_text(f->server, "last words");
	expect_end(f->server, FAULT_FIN);
	put_text(f->server, "answer");
	expect_text(f->client, "answer");
	close(f->server);
	f->server = -1;
	expect_end(f->client, FAULT_FIN);
	fault_proxy_wait_open(&f->proxy, 0);
}

static void passes_a_reset_on(void **state)
{
	struct fixture *f = *state;

	join(f);
	reset(&f->client);
	expect_end(f->server, FAULT_RST);
	join(f);
	put_text(f->server, "before");
	reset(&f->server);
	expect_text(f->client, "before");
	expect_end(f->client, FAULT_RST);
	fault_proxy_wait_open(&f->proxy, 0);
}

static void nobody_listens(void **state)
{
	struct fixture *f = *state;

	close(f->listener);
	f->listener = -1;
	f->client = dial(f);
	expect_end(f->client, FAULT_RST);
	fault_proxy_wait_open(&f->proxy, 0);
}

static void many_at_once(void **state)
{
	enum { N = 100 };
	struct fixture *f = *state;
	int clients[N], servers[N];
	char text[32];

	for (int i = 0; i < N; i++) {
		join(f);
		clients[i] = f->client;
		servers[i] = f->server;
		f->client = f->server = -1;
	}
	for (int i = 0; i < N; i++) {
		snprintf(text, sizeof(text), "number %d", i);
		put_text(clients[i], text);
	}
	for (int i = N - 1; i >= 0; i--) {
		snprintf(text, sizeof(text), "number %d", i);
		expect_text(servers[i], text);
		close(clients[i]);
		expect_end(servers[i], FAULT_FIN);
		close(servers[i]);
	}
	fault_proxy_wait_open(&f->proxy, 0);
	assert_int_equal(fault_proxy_counts(&f->proxy).connections, N);
}

/* ---- ends ---------------------------------------------------------------- */

/* Counted from somewhere in the connection, or from its start: then k is not 0,
 * with which no peer would be joined. A sender's error is reported once: so
 * nothing is sent when the connection is over already. */
static void cut_case(struct fixture *f, enum fault_way way, size_t k,
		     enum fault_end end, enum fault_which which)
{
	static const char text[] = "abcdefghijklmnopqrstuvwxyz";
	uint64_t cuts = fault_proxy_counts(&f->proxy).cuts;
	char want[32];
	int from, to;

	if (which == FAULT_NEXT)
		fault_proxy_cut(&f->proxy, way, which, k, end);
	join(f);
	from = way == FAULT_TO_SERVER ? f->client : f->server;
	to = way == FAULT_TO_SERVER ? f->server : f->client;
	if (which == FAULT_PRESENT) {
		put_text(from, "before ");
		expect_text(to, "before ");
		fault_proxy_cut(&f->proxy, way, which, k, end);
	}
	if (k > 0)
		send(from, text, strlen(text), MSG_NOSIGNAL);
	snprintf(want, sizeof(want), "%.*s", (int)k, text);
	expect_text(to, want);
	expect_end(to, end);
	expect_end(from, end);
	assert_int_equal(fault_proxy_counts(&f->proxy).cuts, cuts + 1);
}

static void cuts_at_each_byte(void **state)
{
	struct fixture *f = *state;

	for (size_t k = 0; k <= 26; k++) {
		for (int end = FAULT_FIN; end <= FAULT_RST; end++) {
			cut_case(f, FAULT_TO_SERVER, k, end, FAULT_PRESENT);
			cut_case(f, FAULT_TO_CLIENT, k, end, FAULT_PRESENT);
			if (k == 0)
				continue;
			cut_case(f, FAULT_TO_SERVER, k, end, FAULT_NEXT);
			cut_case(f, FAULT_TO_CLIENT, k, end, FAULT_NEXT);
		}
	}
	/* Once. */
	join(f);
	put_text(f->client, "a whole alphabet");
	expect_text(f->server, "a whole alphabet");
}

static void ends_now(void **state)
{
	struct fixture *f = *state;

	for (int end = FAULT_FIN; end <= FAULT_RST; end++) {
		join(f);
		fault_proxy_end(&f->proxy, end);
		expect_end(f->client, end);
		expect_end(f->server, end);
		drop_pair(f);
		fault_proxy_wait_open(&f->proxy, 0);
	}
}

/* Where the proxy has not read everything it is a FIN all the same, and stays
 * one for as long as a reset could come. */
static void a_fin_is_no_reset(void **state)
{
	struct fixture *f = *state;

	join(f);
	fault_proxy_rule(&f->proxy, FAULT_TO_SERVER,
			 &(struct fault_rule){.frozen = true});
	put_text(f->client, "never read by the proxy");
	fault_proxy_end(&f->proxy, FAULT_FIN);
	expect_end(f->client, FAULT_FIN);
	put_text(f->client, "and more");
	expect_end(f->server, FAULT_FIN);
	poll(NULL, 0, 50);
	expect_end(f->client, FAULT_FIN);
	drop_pair(f);
	fault_proxy_wait_open(&f->proxy, 0);
}

static void half_closes(void **state)
{
	struct fixture *f = *state;

	join(f);
	fault_proxy_half_close(&f->proxy, FAULT_TO_SERVER);
	expect_end(f->server, FAULT_FIN);
	put_text(f->server, "still there");
	expect_text(f->client, "still there");
	put_text(f->client, "to nobody");
	reset(&f->client);
	fault_proxy_wait_open(&f->proxy, 0);
	join(f);
	fault_proxy_half_close(&f->proxy, FAULT_TO_CLIENT);
	expect_end(f->client, FAULT_FIN);
	put_text(f->client, "still there");
	expect_text(f->server, "still there");
}

/* ---- delays -------------------------------------------------------------- */

static void freezes_and_thaws(void **state)
{
	static const struct fault_rule frozen = {.frozen = true};
	struct fixture *f = *state;

	join(f);
	fault_proxy_rule(&f->proxy, FAULT_TO_CLIENT, &frozen);
	put_text(f->server, "ice");
	expect_silence(f->client, 50);
	put_text(f->client, "water");
	expect_text(f->server, "water");
	fault_proxy_rule(&f->proxy, FAULT_BOTH, &frozen);
	put_text(f->client, "ice");
	expect_silence(f->server, 50);
	assert_int_equal(fault_proxy_counts(&f->proxy).to_server, 5);
	fault_proxy_rule(&f->proxy, FAULT_BOTH, NULL);
	expect_text(f->client, "ice");
	expect_text(f->server, "ice");
}

/* What a frozen way does not take stays with the sender. */
static void frozen_is_back_pressure(void **state)
{
	struct fixture *f = *state;
	char *bytes = calloc(1, BULK);
	size_t sent = 0, got = 0;
	ssize_t n;

	join(f);
	fault_proxy_rule(&f->proxy, FAULT_TO_SERVER,
			 &(struct fault_rule){.frozen = true});
	while (sent < 64 * (size_t)BULK &&
	       (n = send(f->client, bytes, BULK, MSG_DONTWAIT)) > 0)
		sent += (size_t)n;
	assert_true(sent < 64 * (size_t)BULK);
	fault_proxy_heal(&f->proxy);
	while (got < sent && readable(f->server, WAIT_MS) &&
	       (n = recv(f->server, bytes, BULK, 0)) > 0)
		got += (size_t)n;
	assert_int_equal(got, sent);
	free(bytes);
}

static void delays_in_order(void **state)
{
	struct fixture *f = *state;
	uint64_t start;

	join(f);
	start = test_now_ms();
	fault_proxy_rule(&f->proxy, FAULT_TO_CLIENT,
			 &(struct fault_rule){.delay_ms = 150});
	put_text(f->server, "first ");
	/* The other way is as fast as ever, and so known to be through. */
	put_text(f->client, "quick");
	expect_text(f->server, "quick");
	expect_silence(f->client, 20);
	fault_proxy_heal(&f->proxy);
	put_text(f->server, "second");
	expect_text(f->client, "first second");
	assert_true(test_now_ms() - start >= 150);
}

static void delays_the_end_too(void **state)
{
	struct fixture *f = *state;
	uint64_t start = test_now_ms();

	join(f);
	fault_proxy_rule(&f->proxy, FAULT_TO_SERVER,
			 &(struct fault_rule){.delay_ms = 100});
	shutdown(f->client, SHUT_WR);
	expect_end(f->server, FAULT_FIN);
	assert_true(test_now_ms() - start >= 100);
}

static void throttles(void **state)
{
	enum { RATE = 200000, N = 60000 };
	struct fixture *f = *state;
	char *out = malloc(N), *in = malloc(N);
	uint64_t start, took;

	fill(out, N, 3);
	join(f);
	fault_proxy_rule(&f->proxy, FAULT_TO_CLIENT,
			 &(struct fault_rule){.bytes_per_s = RATE});
	start = test_now_ms();
	exchange(f->server, f->client, out, in, N);
	took = test_now_ms() - start;
	/* All but the last part, which waits for nothing behind it. */
	assert_true(took >= (N - RATE / 50 - 1) * 1000 / RATE);
	free(out);
	free(in);
}

static void sends_in_pieces(void **state)
{
	static const char text[] = "in pieces of three bytes";
	struct fixture *f = *state;
	size_t got = 0, reads = 0;
	uint64_t start;

	join(f);
	fault_proxy_rule(&f->proxy, FAULT_TO_SERVER,
			 &(struct fault_rule){.piece = 3,
					      .piece_wait_us = 20000});
	start = test_now_ms();
	put_text(f->client, text);
	for (char part[32]; got < strlen(text); reads++) {
		ssize_t n = recv(f->server, part, sizeof(part), 0);

		assert_true(n > 0);
		assert_memory_equal(part, text + got, n);
		assert_int_equal(n % 3, 0);
		got += (size_t)n;
	}
	assert_true(reads > 1 && reads <= 8);
	assert_true(test_now_ms() - start >= 7 * 20);
}

static void pauses_at_a_byte(void **state)
{
	struct fixture *f = *state;
	uint64_t start;

	fault_proxy_pause(&f->proxy, FAULT_TO_SERVER, FAULT_NEXT, 3, 100);
	join(f);
	start = test_now_ms();
	put_text(f->client, "abcdef");
	expect_text(f->server, "abc");
	expect_silence(f->server, 20);
	put_text(f->server, "the other way");
	expect_text(f->client, "the other way");
	expect_text(f->server, "def");
	assert_true(test_now_ms() - start >= 100);
	fault_proxy_pause(&f->proxy, FAULT_TO_SERVER, FAULT_PRESENT, 2, 100);
	start = test_now_ms();
	put_text(f->client, "ghijkl");
	expect_text(f->server, "gh");
	expect_text(f->server, "ijkl");
	assert_true(test_now_ms() - start >= 100);
	assert_int_equal(fault_proxy_counts(&f->proxy).pauses, 2);
}

/* ---- the door ------------------------------------------------------------ */

static void refuses(void **state)
{
	struct fixture *f = *state;
	int turned_away;

	join(f);
	fault_proxy_door(&f->proxy, FAULT_REFUSE);
	turned_away = dial(f);
	expect_end(turned_away, FAULT_RST);
	close(turned_away);
	expect_silence(f->listener, 20);
	put_text(f->client, "inside already");
	expect_text(f->server, "inside already");
	assert_int_equal(fault_proxy_counts(&f->proxy).turned_away, 1);
	assert_int_equal(fault_proxy_counts(&f->proxy).connections, 1);
	fault_proxy_heal(&f->proxy);
	join(f);
}

static void is_a_black_hole(void **state)
{
	struct fixture *f = *state;

	fault_proxy_door(&f->proxy, FAULT_BLACKHOLE);
	f->client = dial(f);
	put_text(f->client, "hello?");
	expect_silence(f->client, 50);
	expect_silence(f->listener, 0);
	fault_proxy_heal(&f->proxy);
	put_text(f->client, "anybody?");
	expect_silence(f->client, 20);
	fault_proxy_end(&f->proxy, FAULT_RST);
	expect_end(f->client, FAULT_RST);
	join(f);
	put_text(f->client, "out again");
	expect_text(f->server, "out again");
}

/* Stops in the middle of everything: the teardown looks at time and files. */
static void stops_at_once(void **state)
{
	struct fixture *f = *state;
	int lost;

	fault_proxy_door(&f->proxy, FAULT_BLACKHOLE);
	lost = dial(f);
	fault_proxy_heal(&f->proxy);
	fault_proxy_rule(&f->proxy, FAULT_TO_SERVER,
			 &(struct fault_rule){.delay_ms = 60000});
	fault_proxy_rule(&f->proxy, FAULT_TO_CLIENT,
			 &(struct fault_rule){.frozen = true});
	join(f);
	put_text(f->client, "delayed");
	put_text(f->server, "frozen");
	fault_proxy_stop(&f->proxy);
	expect_end(f->client, FAULT_RST);
	expect_end(f->server, FAULT_RST);
	close(lost);
	fault_proxy_start(&f->proxy, f->address);
	join(f);
}

#define PROXY_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		PROXY_TEST(passes_bytes_on),
		PROXY_TEST(passes_a_fin_on),
		PROXY_TEST(passes_a_reset_on),
		PROXY_TEST(nobody_listens),
		PROXY_TEST(many_at_once),
		PROXY_TEST(cuts_at_each_byte),
		PROXY_TEST(ends_now),
		PROXY_TEST(a_fin_is_no_reset),
		PROXY_TEST(half_closes),
		PROXY_TEST(freezes_and_thaws),
		PROXY_TEST(frozen_is_back_pressure),
		PROXY_TEST(delays_in_order),
		PROXY_TEST(delays_the_end_too),
		PROXY_TEST(throttles),
		PROXY_TEST(sends_in_pieces),
		PROXY_TEST(pauses_at_a_byte),
		PROXY_TEST(refuses),
		PROXY_TEST(is_a_black_hole),
		PROXY_TEST(stops_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
