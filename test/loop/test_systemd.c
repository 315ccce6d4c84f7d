/* The protocol of service managers: which sockets are taken from the
 * environment, and which datagrams a manager receives. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <uv.h>

#include "gateway/systemd.h"
#include "temp_folder.h"

enum { WAIT_MS = 10000, N_SOCKETS = 3 };

static void set_environment(const char *const (*variables)[2])
{
	static const char *const names[] = {
		"LISTEN_PID",	 "LISTEN_FDS",	  "LISTEN_FDNAMES",
		"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		unsetenv(names[i]);
	for (; variables != NULL && (*variables)[0] != NULL; variables++)
		setenv((*variables)[0], (*variables)[1], 1);
}

static const char *own_pid(void)
{
	static char text[32];

	snprintf(text, sizeof(text), "%ld", (long)getpid());
	return text;
}

/* ---- sockets ------------------------------------------------------------- */

static void sockets_of_this_process_are_taken_once(void **state)
{
	const char *const variables[][2] = {
		{"LISTEN_PID", own_pid()},
		{"LISTEN_FDS", "3"},
		{"LISTEN_FDNAMES", "sluice.socket:admin:admin2"},
		{NULL, NULL},
	};
	struct systemd_socket sockets[SYSTEMD_SOCKETS_MAX];
	char err[SYSTEMD_ERROR_MAX];

	(void)state;
	for (int i = 0; i < N_SOCKETS; i++)
		assert_return_code(fcntl(3 + i, F_SETFD, 0), errno);
	set_environment(variables);
	assert_int_equal(systemd_take_sockets(sockets, err), N_SOCKETS);
	for (int i = 0; i < N_SOCKETS; i++) {
		assert_int_equal(sockets[i].fd, 3 + i);
		assert_int_equal(sockets[i].admin, i == 1);
		assert_int_equal(fcntl(3 + i, F_GETFD), FD_CLOEXEC);
	}
	assert_null(getenv("LISTEN_FDNAMES"));
	assert_int_equal(systemd_take_sockets(sockets, err), 0);
}

static void without_names_all_are_public(void **state)
{
	const char *const variables[][2] = {{"LISTEN_PID", own_pid()},
					    {"LISTEN_FDS", "2"},
					    {NULL, NULL}};
	struct systemd_socket sockets[SYSTEMD_SOCKETS_MAX];
	char err[SYSTEMD_ERROR_MAX];

	(void)state;
	set_environment(variables);
	assert_int_equal(systemd_take_sockets(sockets, err), 2);
	assert_false(sockets[0].admin);
	assert_false(sockets[1].admin);
}

static void sockets_of_another_process_are_left(void **state)
{
	const char *const variables[][2] = {{"LISTEN_PID", "1"},
					    {"LISTEN_FDS", "2"},
					    {NULL, NULL}};
	struct systemd_socket sockets[SYSTEMD_SOCKETS_MAX];
	char err[SYSTEMD_ERROR_MAX];

	(void)state;
	assert_return_code(fcntl(3, F_SETFD, 0), errno);
	set_environment(variables);
	assert_int_equal(systemd_take_sockets(sockets, err), 0);
	assert_int_equal(fcntl(3, F_GETFD), 0);
	assert_null(getenv("LISTEN_PID"));
	assert_null(getenv("LISTEN_FDS"));
}

static void wrong_variables_are_errors(void **state)
{
	const struct {
		const char *pid;
		const char *fds;
		int rc;
		const char *err;
	} wrong[] = {
		{"x", "1", -EINVAL, "is not a number"},
		{"1x", "1", -EINVAL, "is not a number"},
		{own_pid(), "", -EINVAL, "is not a number"},
		{own_pid(), "-1", -EINVAL, "is not a number"},
		{own_pid(), "99999999999999999999", -EINVAL, "is not a number"},
		{own_pid(), "65", -E2BIG, "LISTEN_FDS: more than 64 sockets"},
		{own_pid(), "64", -EBADF, "LISTEN_FDS: descriptor"},
	};
	struct systemd_socket sockets[SYSTEMD_SOCKETS_MAX];
	char err[SYSTEMD_ERROR_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		const char *const variables[][2] = {
			{"LISTEN_PID", wrong[i].pid},
			{"LISTEN_FDS", wrong[i].fds},
			{NULL, NULL},
		};

		set_environment(variables);
		assert_int_equal(systemd_take_sockets(sockets, err),
				 wrong[i].rc);
		assert_non_null(strstr(err, wrong[i].err));
		assert_null(getenv("LISTEN_FDS"));
	}
}

/* ---- notifications ------------------------------------------------------- */

struct manager {
	struct temp_folder folder;
	char name[128]; /* NOTIFY_SOCKET */
	int fd;		/* -1: not bound */
	uv_loop_t loop;
	struct systemd *systemd;
	char status[SYSTEMD_STATUS_MAX];
	char received[512];
};

static void on_status(void *arg, char *out)
{
	strcpy(out, ((struct manager *)arg)->status);
}

static void bind_manager(struct manager *m)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	size_t len = strlen(m->name);

	memcpy(addr.sun_path, m->name, len);
	if (m->name[0] == '@')
		addr.sun_path[0] = '\0';
	m->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	assert_return_code(m->fd, errno);
	assert_return_code(
		bind(m->fd, (struct sockaddr *)&addr,
		     (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)),
		errno);
}

static void open_systemd(struct manager *m, const char *usec, const char *pid)
{
	const char *const variables[][2] = {
		{"NOTIFY_SOCKET", m->name},
		{usec == NULL ? NULL : "WATCHDOG_USEC", usec},
		{pid == NULL ? NULL : "WATCHDOG_PID", pid},
		{NULL, NULL},
	};
	char err[SYSTEMD_ERROR_MAX];

	set_environment(variables);
	assert_int_equal(uv_loop_init(&m->loop), 0);
	assert_int_equal(systemd_new(&m->systemd, &m->loop, on_status, m, err),
			 0);
	assert_non_null(m->systemd);
}

/* The next datagram; "" when the time runs out first. */
static const char *receive(struct manager *m, uint64_t wait_ms)
{
	uint64_t deadline = uv_hrtime() / 1000000 + wait_ms;
	ssize_t n;

	do {
		n = recv(m->fd, m->received, sizeof(m->received) - 1, 0);
		if (n > 0) {
			m->received[n] = '\0';
			return m->received;
		}
		assert_int_equal(errno, EAGAIN);
		uv_run(&m->loop, UV_RUN_NOWAIT);
		usleep(1000);
	} while (uv_hrtime() / 1000000 < deadline);
	return "";
}

static int setup(void **state)
{
	static struct manager m;

	m = (struct manager){.fd = -1};
	assert_int_equal(temp_folder_make(&m.folder), 0);
	snprintf(m.name, sizeof(m.name), "%.100s",
		 temp_folder_path(&m.folder, "notify"));
	strcpy(m.status, "0 subscriptions, ready");
	*state = &m;
	return 0;
}

static int teardown(void **state)
{
	struct manager *m = *state;

	if (m->systemd != NULL) {
		systemd_close(m->systemd);
		uv_run(&m->loop, UV_RUN_DEFAULT);
		assert_int_equal(uv_loop_close(&m->loop), 0);
	}
	if (m->fd >= 0)
		close(m->fd);
	temp_folder_remove(&m->folder);
	set_environment(NULL);
	return 0;
}

static void states_are_sent_with_a_changed_status(void **state)
{
	struct manager *m = *state;

	bind_manager(m);
	open_systemd(m, NULL, NULL);
	systemd_ready(m->systemd);
	assert_string_equal(receive(m, WAIT_MS),
			    "READY=1\nSTATUS=0 subscriptions, ready\n");
	strcpy(m->status, "1 subscriptions, ready");
	assert_string_equal(receive(m, WAIT_MS),
			    "STATUS=1 subscriptions, ready\n");
	systemd_stopping(m->systemd);
	assert_string_equal(receive(m, WAIT_MS), "STOPPING=1\n");
}

static void an_abstract_name_is_one_too(void **state)
{
	struct manager *m = *state;

	snprintf(m->name, sizeof(m->name), "@sluice-test-%s", own_pid());
	bind_manager(m);
	open_systemd(m, NULL, NULL);
	systemd_ready(m->systemd);
	assert_string_equal(receive(m, WAIT_MS),
			    "READY=1\nSTATUS=0 subscriptions, ready\n");
}

/* The manager does not listen yet, or its socket is full. */
static void what_is_not_taken_is_sent_again(void **state)
{
	struct manager *m = *state;

	open_systemd(m, NULL, NULL);
	systemd_ready(m->systemd);
	bind_manager(m);
	assert_string_equal(receive(m, WAIT_MS),
			    "READY=1\nSTATUS=0 subscriptions, ready\n");
}

static void a_watchdog_gets_a_sign_of_life_twice_in_its_time(void **state)
{
	struct manager *m = *state;
	uint64_t begin;

	bind_manager(m);
	open_systemd(m, "200000", own_pid());
	uv_run(&m->loop, UV_RUN_NOWAIT);
	assert_in_range(uv_backend_timeout(&m->loop), 0, 100);
	begin = uv_hrtime();
	assert_string_equal(receive(m, WAIT_MS),
			    "WATCHDOG=1\nSTATUS=0 subscriptions, ready\n");
	assert_string_equal(receive(m, WAIT_MS), "WATCHDOG=1\n");
	assert_true(uv_hrtime() - begin >= 150000000);
}

static void a_watchdog_of_another_process_gets_none(void **state)
{
	struct manager *m = *state;

	bind_manager(m);
	open_systemd(m, "20000", "1");
	systemd_ready(m->systemd);
	assert_string_equal(receive(m, WAIT_MS),
			    "READY=1\nSTATUS=0 subscriptions, ready\n");
	assert_string_equal(receive(m, 100), "");
}

static void without_a_manager_nothing_is_open(void **state)
{
	struct systemd *s = (struct systemd *)state;
	char err[SYSTEMD_ERROR_MAX];
	uv_loop_t loop;

	set_environment(NULL);
	assert_int_equal(uv_loop_init(&loop), 0);
	assert_int_equal(systemd_new(&s, &loop, on_status, NULL, err), 0);
	assert_null(s);
	systemd_ready(s);
	systemd_stopping(s);
	systemd_close(s);
	assert_int_equal(uv_loop_close(&loop), 0);
}

static void wrong_addresses_are_errors(void **state)
{
	static char too_long[200];
	const struct {
		const char *name;
		int rc;
	} wrong[] = {
		{"vsock:2:1234", -EAFNOSUPPORT},
		{"relative", -EAFNOSUPPORT},
		{"/", -EAFNOSUPPORT},
		{"@", -EAFNOSUPPORT},
		{too_long, -ENAMETOOLONG},
	};
	char err[SYSTEMD_ERROR_MAX];
	struct systemd *s;
	uv_loop_t loop;

	(void)state;
	memset(too_long, 'a', sizeof(too_long) - 1);
	too_long[0] = '/';
	assert_int_equal(uv_loop_init(&loop), 0);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		const char *const variables[][2] = {{"NOTIFY_SOCKET",
						     wrong[i].name},
						    {NULL, NULL}};

		set_environment(variables);
		assert_int_equal(systemd_new(&s, &loop, on_status, NULL, err),
				 wrong[i].rc);
		assert_non_null(strstr(err, "NOTIFY_SOCKET: "));
	}
	assert_int_equal(uv_loop_close(&loop), 0);
}

#define NOTIFY_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sockets_of_this_process_are_taken_once),
		cmocka_unit_test(without_names_all_are_public),
		cmocka_unit_test(sockets_of_another_process_are_left),
		cmocka_unit_test(wrong_variables_are_errors),
		NOTIFY_TEST(states_are_sent_with_a_changed_status),
		NOTIFY_TEST(an_abstract_name_is_one_too),
		NOTIFY_TEST(what_is_not_taken_is_sent_again),
		NOTIFY_TEST(a_watchdog_gets_a_sign_of_life_twice_in_its_time),
		NOTIFY_TEST(a_watchdog_of_another_process_gets_none),
		cmocka_unit_test(without_a_manager_nothing_is_open),
		cmocka_unit_test(wrong_addresses_are_errors),
	};
	int fd;

	/* The descriptors from 3 on that the tests of sockets name. */
	do
		fd = open("/dev/null", O_RDONLY);
	while (fd >= 0 && fd < 3 + N_SOCKETS);
	close(fd);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
