/* Listening sockets on a real loop: what they accept, what they refuse, and
 * what happens when descriptors run out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <uv.h>

#include "base/address.h"
#include "server/listener.h"

enum { MAX_FDS = 1024, WAIT_MS = 10000 };

struct fixture {
	uv_loop_t loop;
	struct listener *listener;
	struct listener_how how;
	char address[LISTENER_ADDRESS_MAX];
	char err[LISTENER_ERROR_MAX];
	int accepted[MAX_FDS];
	size_t n_accepted;
	int clients[MAX_FDS];
	size_t n_clients;
	int troubles; /* told as the first */
	int pauses;
	int last_trouble;
	struct address from; /* of the last one */
	int closed;
	size_t turns;
	char dir[64];
};

/* ---- fixture ------------------------------------------------------------- */

static void on_accept(void *arg, int fd, const struct address *from)
{
	struct fixture *f = arg;

	assert_true(f->n_accepted < MAX_FDS);
	f->from = *from;
	f->accepted[f->n_accepted++] = fd;
}

static void on_trouble(void *arg, int err, bool first)
{
	struct fixture *f = arg;

	f->troubles += first;
	f->pauses++;
	f->last_trouble = err;
}

static void on_closed(void *arg)
{
	struct fixture *f = arg;

	f->closed++;
	f->listener = NULL;
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	assert_int_equal(uv_loop_init(&f->loop), 0);
	f->how.mode = LISTENER_MODE_UMASK;
	snprintf(f->dir, sizeof(f->dir), "/tmp/test-listener-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	*state = f;
	return 0;
}

static void close_all(const int *fds, size_t *n)
{
	while (*n > 0)
		close(fds[--*n]);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	listener_close(f->listener);
	uv_run(&f->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&f->loop), 0);
	close_all(f->accepted, &f->n_accepted);
	close_all(f->clients, &f->n_clients);
	assert_int_equal(rmdir(f->dir), 0);
	free(f);
	return 0;
}

static int try_listen(struct fixture *f, const char *address)
{
	const struct listener_cbs cbs = {on_accept, on_trouble, on_closed, f};

	return listener_new(&f->listener, &f->loop, address, &f->how, &cbs,
			    f->err);
}

static void start(struct fixture *f, const char *address)
{
	if (try_listen(f, address) < 0)
		fail_msg("%s", f->err);
	listener_address(f->listener, f->address);
}

static int port_of(const struct fixture *f)
{
	return atoi(strrchr(f->address, ':') + 1);
}

static void add_client(struct fixture *f, const void *addr, socklen_t len)
{
	const struct sockaddr *sa = addr;
	int fd = socket(sa->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0 && f->n_clients < MAX_FDS);
	f->clients[f->n_clients++] = fd;
	assert_int_equal(connect(fd, sa, len), 0);
}

static void connect_v4(struct fixture *f)
{
	struct sockaddr_in addr = {
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)port_of(f)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};

	add_client(f, &addr, sizeof(addr));
}

static void connect_unix(struct fixture *f, const char *path)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};

	assert_true(strlen(path) < sizeof(addr.sun_path));
	strcpy(addr.sun_path, path);
	add_client(f, &addr, sizeof(addr));
}

static void on_late(uv_timer_t *t)
{
	*(bool *)t->data = true;
}

/* Turns the loop until n connections are there. */
static void wait_accepted(struct fixture *f, size_t n)
{
	bool late = false;
	uv_timer_t timer;

	uv_timer_init(&f->loop, &timer);
	timer.data = &late;
	uv_timer_start(&timer, on_late, WAIT_MS, 0);
	for (; f->n_accepted < n && !late; f->turns++)
		uv_run(&f->loop, UV_RUN_ONCE);
	uv_close((uv_handle_t *)&timer, NULL);
	uv_run(&f->loop, UV_RUN_NOWAIT);
	assert_int_equal(f->n_accepted, n);
}

static void is_from(const struct fixture *f, const char *text)
{
	char from[ADDRESS_TEXT_MAX];

	address_text(&f->from, from);
	assert_string_equal(from, text);
}

static int get_int(int fd, int level, int name)
{
	int value = -1;
	socklen_t len = sizeof(value);

	assert_int_equal(getsockopt(fd, level, name, &value, &len), 0);
	return value;
}

/* ---- accepting ----------------------------------------------------------- */

static void tcp(void **state)
{
	struct fixture *f = *state;
	int fd;

	start(f, "127.0.0.1:0");
	assert_int_equal(strncmp(f->address, "127.0.0.1:", 10), 0);
	assert_int_not_equal(port_of(f), 0);
	connect_v4(f);
	wait_accepted(f, 1);
	fd = f->accepted[0];
	assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	assert_true(get_int(fd, IPPROTO_TCP, TCP_NODELAY) != 0);
	assert_true(get_int(fd, SOL_SOCKET, SO_KEEPALIVE) != 0);
	/* Longer than any client may stall: see listener.c. */
	assert_true(get_int(fd, IPPROTO_TCP, TCP_USER_TIMEOUT) >= 300000);
	assert_int_equal(f->troubles, 0);
	is_from(f, "127.0.0.1");
}

static bool has_ipv6(const char *test)
{
	/* Left out where the kernel has no IPv6: [::1] can't be listened on.
	 * cmocka 1.1's own word for it is a failure in TAP. */
	if (access("/proc/net/if_inet6", F_OK) == 0)
		return true;
	fprintf(stderr, "%s: left out, no IPv6 here\n", test);
	return false;
}

static void connect_v6(struct fixture *f)
{
	struct sockaddr_in6 addr = {
		.sin6_family = AF_INET6,
		.sin6_addr = IN6ADDR_LOOPBACK_INIT,
		.sin6_port = htons((uint16_t)port_of(f)),
	};

	add_client(f, &addr, sizeof(addr));
}

/* All addresses of a name that this machine has, with one port. */
static void a_name(void **state)
{
	struct fixture *f = *state;
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *all;
	char other[LISTENER_ADDRESS_MAX];
	bool v4 = false, v6 = false;

	assert_int_equal(getaddrinfo("localhost", "0", &hints, &all), 0);
	for (struct addrinfo *a = all; a != NULL; a = a->ai_next) {
		v4 = v4 || a->ai_family == AF_INET;
		v6 = v6 || a->ai_family == AF_INET6;
	}
	freeaddrinfo(all);
	v6 = v6 && has_ipv6(__func__);
	start(f, "localhost:0");
	assert_int_not_equal(port_of(f), 0);
	assert_true(listener_is_local(f->listener));
	if (v4)
		connect_v4(f);
	if (v6)
		connect_v6(f);
	wait_accepted(f, (size_t)v4 + (size_t)v6);
	assert_int_equal(listener_address_of(f->listener, 1, other), v4 && v6);
	if (v4 && v6)
		assert_int_equal(atoi(strrchr(other, ':') + 1), port_of(f));
}

/* An IPv6 socket takes IPv6 alone. */
static void both_families_on_one_port(void **state)
{
	struct fixture *f = *state;
	struct listener *v4;
	char address[32];

	if (!has_ipv6(__func__))
		return;
	start(f, "0.0.0.0:0");
	assert_false(listener_is_local(f->listener));
	v4 = f->listener;
	snprintf(address, sizeof(address), "[::]:%d", port_of(f));
	start(f, address);
	connect_v6(f);
	wait_accepted(f, 1);
	is_from(f, "::1");
	connect_v4(f);
	wait_accepted(f, 2);
	is_from(f, "127.0.0.1");
	listener_close(v4);
}

static void ipv6(void **state)
{
	struct fixture *f = *state;

	if (!has_ipv6(__func__))
		return;
	start(f, "[::1]:0");
	assert_int_equal(strncmp(f->address, "[::1]:", 6), 0);
	connect_v6(f);
	wait_accepted(f, 1);
	is_from(f, "::1");
}

static void a_burst(void **state)
{
	enum { N = 400 };
	struct fixture *f = *state;

	start(f, "127.0.0.1:0");
	for (int i = 0; i < N; i++)
		connect_v4(f);
	wait_accepted(f, N);
}

/* ---- unix sockets -------------------------------------------------------- */

static void unix_socket(void **state)
{
	struct fixture *f = *state;
	char address[100];

	snprintf(address, sizeof(address), "unix:%s/s", f->dir);
	start(f, address);
	assert_string_equal(f->address, address);
	connect_unix(f, address + 5);
	wait_accepted(f, 1);
	is_from(f, "unix");
	listener_close(f->listener);
	assert_int_equal(access(address + 5, F_OK), -1);
	listener_close(f->listener); /* twice is a no-op */
	uv_run(&f->loop, UV_RUN_DEFAULT);
	assert_int_equal(f->closed, 1);
}

/* A process that was killed has left its socket behind. */
static void a_stale_socket_is_taken_over(void **state)
{
	struct fixture *f = *state;
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	char address[100];
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(address, sizeof(address), "unix:%s/s", f->dir);
	strcpy(addr.sun_path, address + 5);
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(listen(fd, 1), 0);
	/* Not while a process listens on it. */
	assert_int_equal(try_listen(f, address), -EADDRINUSE);
	close(fd);
	start(f, address);
	connect_unix(f, address + 5);
	wait_accepted(f, 1);
}

struct rival {
	int fd;
	int lock;
};

/* Another gateway: it has bound its socket, and listens a moment later. */
static void *rival(void *arg)
{
	struct rival *r = arg;

	poll(NULL, 0, 300);
	assert_int_equal(listen(r->fd, 1), 0);
	assert_int_equal(flock(r->lock, LOCK_UN), 0);
	return NULL;
}

/* Between its bind() and its listen() it refuses connections as a stale one. */
static void a_fresh_socket_is_not_stale(void **state)
{
	struct fixture *f = *state;
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	struct rival r = {
		.fd = socket(AF_UNIX, SOCK_STREAM, 0),
		.lock = open(f->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC),
	};
	char address[100];
	pthread_t thread;

	snprintf(address, sizeof(address), "unix:%s/s", f->dir);
	strcpy(addr.sun_path, address + 5);
	assert_int_equal(flock(r.lock, LOCK_EX), 0);
	assert_int_equal(bind(r.fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(pthread_create(&thread, NULL, rival, &r), 0);
	assert_int_equal(try_listen(f, address), -EADDRINUSE);
	assert_int_equal(pthread_join(thread, NULL), 0);
	connect_unix(f, address + 5);
	close(r.fd);
	close(r.lock);
	assert_int_equal(unlink(address + 5), 0);
}

static void the_mode_of_a_socket(void **state)
{
	static const int modes[] = {0660, 0600, 0777, 0};
	struct fixture *f = *state;
	char address[100];
	struct stat st;
	mode_t before = umask(0027);

	snprintf(address, sizeof(address), "unix:%s/s", f->dir);
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		f->how.mode = modes[i];
		start(f, address);
		assert_int_equal(stat(address + 5, &st), 0);
		assert_int_equal(st.st_mode & 07777, modes[i]);
		listener_close(f->listener);
	}
	f->how.mode = LISTENER_MODE_UMASK;
	start(f, address);
	assert_int_equal(stat(address + 5, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0750);
	umask(before);
}

static void another_file_is_left_alone(void **state)
{
	struct fixture *f = *state;
	char address[100];
	int fd;

	snprintf(address, sizeof(address), "unix:%s/s", f->dir);
	fd = open(address + 5, O_CREAT | O_WRONLY, 0600);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(try_listen(f, address), -EADDRINUSE);
	assert_int_equal(unlink(address + 5), 0);

	/* Nor is one removed that took the place of ours meanwhile. */
	start(f, address);
	assert_int_equal(unlink(address + 5), 0);
	fd = open(address + 5, O_CREAT | O_WRONLY, 0600);
	close(fd);
	listener_close(f->listener);
	assert_int_equal(unlink(address + 5), 0);
}

/* ---- what can't be ------------------------------------------------------- */

static void errors_name_the_address(void **state)
{
	struct fixture *f = *state;
	struct listener *first;
	char address[LISTENER_ADDRESS_MAX];

	start(f, "127.0.0.1:0");
	first = f->listener;
	strcpy(address, f->address);
	assert_int_equal(try_listen(f, address), -EADDRINUSE);
	assert_non_null(strstr(f->err, address));
	assert_non_null(strstr(f->err, "in use"));
	assert_true(try_listen(f, "192.0.2.1:0") < 0);
	assert_non_null(strstr(f->err, "192.0.2.1:0"));
	assert_true(try_listen(f, "unix:/nonexistent/folder/s") < 0);
	assert_non_null(strstr(f->err, "/nonexistent/folder/s"));
	assert_true(try_listen(f, "no.such.host.invalid:0") < 0);
	assert_non_null(strstr(f->err, "no.such.host.invalid"));
	f->listener = first;
	assert_int_equal(f->closed, 0);
}

/* ---- no descriptors ------------------------------------------------------ */

static void limit_descriptors(rlim_t n)
{
	struct rlimit lim;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &lim), 0);
	lim.rlim_cur = n;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &lim), 0);
}

/* Accepting pauses without spinning, waiting clients lose nothing, and it goes
 * on by itself. */
static void descriptors_run_out(void **state)
{
	enum { N = 20, ROOM = 5 };
	struct fixture *f = *state;
	struct rlimit before;
	int highest;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	start(f, "127.0.0.1:0");
	for (int i = 0; i < N; i++)
		connect_v4(f);
	highest = f->clients[N - 1];
	limit_descriptors((rlim_t)highest + 1 + ROOM);
	wait_accepted(f, ROOM);
	f->turns = 0;
	while (f->troubles == 0)
		uv_run(&f->loop, UV_RUN_ONCE);
	assert_int_equal(f->last_trouble, -EMFILE);
	/* Three pauses long: three turns and not thousands. */
	for (int i = 0; i < 3; i++)
		uv_run(&f->loop, UV_RUN_ONCE);
	assert_int_equal(f->n_accepted, ROOM);
	assert_int_equal(f->troubles, 1);

	limit_descriptors(before.rlim_cur);
	wait_accepted(f, N);
	assert_in_range(f->turns, 1, 50);
	assert_int_equal(f->troubles, 1);
}

/* ---- errors that last ---------------------------------------------------- */

/* A socket that was shut down is readable for ever, and each accept4() fails.
 * The pauses grow: nothing spins. */
static void lasting_errors_back_off(void **state)
{
	const struct listener_cbs cbs = {on_accept, on_trouble, on_closed,
					 *state};
	struct sockaddr_in addr = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	struct fixture *f = *state;
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	uint64_t start_ms;

	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(listener_adopt(&f->listener, &f->loop, fd, &cbs,
					f->err),
			 0);
	assert_int_equal(shutdown(fd, SHUT_RDWR), 0);
	uv_update_time(&f->loop);
	start_ms = uv_now(&f->loop);
	for (f->turns = 0; f->pauses < 4 && f->turns < 1000; f->turns++)
		uv_run(&f->loop, UV_RUN_ONCE);
	assert_int_equal(f->last_trouble, -EINVAL);
	assert_int_equal(f->troubles, 1);
	assert_int_equal(f->pauses, 4);
	assert_true(uv_now(&f->loop) - start_ms >= 100 + 200 + 400);
	assert_in_range(f->turns, 4, 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(tcp, setup, teardown),
		cmocka_unit_test_setup_teardown(a_name, setup, teardown),
		cmocka_unit_test_setup_teardown(ipv6, setup, teardown),
		cmocka_unit_test_setup_teardown(a_burst, setup, teardown),
		cmocka_unit_test_setup_teardown(unix_socket, setup, teardown),
		cmocka_unit_test_setup_teardown(a_stale_socket_is_taken_over,
						setup, teardown),
		cmocka_unit_test_setup_teardown(both_families_on_one_port,
						setup, teardown),
		cmocka_unit_test_setup_teardown(a_fresh_socket_is_not_stale,
						setup, teardown),
		cmocka_unit_test_setup_teardown(the_mode_of_a_socket, setup,
						teardown),
		cmocka_unit_test_setup_teardown(lasting_errors_back_off, setup,
						teardown),
		cmocka_unit_test_setup_teardown(another_file_is_left_alone,
						setup, teardown),
		cmocka_unit_test_setup_teardown(errors_name_the_address, setup,
						teardown),
		cmocka_unit_test_setup_teardown(descriptors_run_out, setup,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
