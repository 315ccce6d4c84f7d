/* Under a service manager, without one: sockets that are handed over, and the
 * messages to NOTIFY_SOCKET. And several processes on one port. */
#include "e2e.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "temp_folder.h"
#include "test_clock.h"

enum { END_MS = 10000, TOLD_MAX = 16 * 1024 };

static struct temp_folder folder;
static struct gateway_proc second;
static int told_fd = -1; /* the manager's end of NOTIFY_SOCKET */
static char told[TOLD_MAX];

static int setup(void **state)
{
	told[0] = '\0';
	return e2e_setup(state) != 0 ? -1 : temp_folder_make(&folder);
}

static int teardown(void **state)
{
	struct e2e *f = *state;

	for (size_t i = 0; i < f->gw.n_inherited; i++)
		close(f->gw.inherited[i]);
	gateway_proc_finish(&second);
	second = (struct gateway_proc){0};
	if (told_fd >= 0)
		close(told_fd);
	told_fd = -1;
	temp_folder_remove(&folder);
	return e2e_teardown(state);
}

#define SERVICE_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

/* Starts it with arguments and environment of the test's own. */
static void spawn(struct e2e *f, const char *const *more,
		  const char *const *env)
{
	const char *args[32] = {"--server",	   f->nats.url,
				"--admin-listen",  "127.0.0.1:0",
				"--drain-timeout", "1s",
				"--drain-delay",   "0"};
	size_t n = 8;

	for (; more != NULL && *more != NULL; more++)
		args[n++] = *more;
	gateway_proc_spawn(&f->gw, args, env);
}

#define LIST(...) ((const char *[]){__VA_ARGS__, NULL})

/* ---- NOTIFY_SOCKET ------------------------------------------------------- */

/* "NOTIFY_SOCKET=..." for a path, or '@' and an abstract name. */
static const char *open_notify(const char *path)
{
	static char variable[128];
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	size_t len = strlen(path);

	memcpy(addr.sun_path, path, len);
	if (path[0] == '@')
		addr.sun_path[0] = '\0';
	told_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_int_equal(
		bind(told_fd, (struct sockaddr *)&addr,
		     (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)),
		0);
	snprintf(variable, sizeof(variable), "NOTIFY_SOCKET=%s", path);
	return variable;
}

/* Until one of the lines since `from` is this one. */
static void wait_told(size_t from, const char *line)
{
	uint64_t deadline = test_deadline_ms(END_MS);
	char wanted[160];

	snprintf(wanted, sizeof(wanted), "\n%s\n", line);
	for (;;) {
		struct pollfd p = {.fd = told_fd, .events = POLLIN};
		size_t len = strlen(told);
		ssize_t n;

		if (len > from && strstr(told + from, wanted) != NULL)
			return;
		if (poll(&p, 1, test_ms_left(deadline)) <= 0)
			fail_msg("never told \"%s\" in:%s", line, told + from);
		told[len++] = '\n';
		n = recv(told_fd, told + len, sizeof(told) - len - 1, 0);
		assert_true(n > 0);
		told[len + (size_t)n] = '\0';
	}
}

static void tells_how_it_is(void **state)
{
	struct e2e *f = *state;
	const char *env[] = {open_notify(temp_folder_path(&folder, "notify")),
			     "WATCHDOG_USEC=200000", NULL};
	uint64_t begun;
	size_t at;

	spawn(f, LIST("--listen", "127.0.0.1:0", "--drain-delay", "500ms"),
	      env);
	wait_told(0, "READY=1");
	gateway_proc_wait_listening(&f->gw);
	wait_told(0, "STATUS=0 subscriptions, ready");
	e2e_open(f, "alice", NULL);
	wait_told(0, "STATUS=1 subscriptions, ready");
	/* Once it is quiet it still says that it turns, twice in the time that
	 * is set: ten times a second here, and not once as without it. */
	begun = test_now_ms();
	for (int i = 0; i < 8; i++) {
		at = strlen(told);
		wait_told(at, "WATCHDOG=1");
	}
	assert_true(test_now_ms() - begun < 6000);
	assert_null(strstr(told, "STOPPING"));
	at = strlen(told);
	gateway_proc_signal(&f->gw, SIGTERM);
	wait_told(at, "STOPPING=1");
	wait_told(at, "STATUS=1 subscriptions, not ready: shutting down");
	at = strlen(told);
	wait_told(at, "WATCHDOG=1");
	assert_null(strstr(told + 12, "READY=1"));
	assert_int_equal(gateway_proc_wait_exit(&f->gw, END_MS), 0);
}

/* By an abstract name; and the watchdog is another process's. */
static void tells_by_an_abstract_name(void **state)
{
	struct e2e *f = *state;
	char name[64];
	const char *env[] = {NULL, "WATCHDOG_USEC=20000", "WATCHDOG_PID=1",
			     NULL};

	snprintf(name, sizeof(name), "@sluice-test-%d", (int)getpid());
	env[0] = open_notify(name);
	spawn(f, LIST("--listen", "127.0.0.1:0"), env);
	wait_told(0, "READY=1");
	gateway_proc_wait_listening(&f->gw);
	wait_told(0, "STATUS=0 subscriptions, ready");
	nats_server_kill(&f->nats, SIGKILL);
	wait_told(0,
		  "STATUS=0 subscriptions, not ready: NATS is not connected");
	assert_null(strstr(told, "WATCHDOG"));
}

/* A signal that comes with READY=1, or before it, is acted on: the program is
 * never found without its handlers. */
static void a_signal_at_ready(void **state)
{
	enum { TIMES = 8 };
	struct e2e *f = *state;
	const char *env[] = {open_notify(temp_folder_path(&folder, "notify")),
			     NULL};

	for (int i = 0; i < TIMES; i++) {
		told[0] = '\0';
		spawn(f, LIST("--listen", "127.0.0.1:0"), env);
		wait_told(0, "READY=1");
		gateway_proc_signal(&f->gw, SIGHUP);
		gateway_proc_wait_listening(&f->gw);
		assert_int_equal(gateway_proc_status_of(&f->gw, false,
							"/livez"),
				 200);
		gateway_proc_stop(&f->gw);
		told[0] = '\0';
		spawn(f, LIST("--listen", "127.0.0.1:0"), env);
		wait_told(0, "READY=1");
		gateway_proc_signal(&f->gw, SIGTERM);
		assert_int_equal(gateway_proc_wait_exit(&f->gw, END_MS), 0);
		assert_int_equal(e2e_count_in_log(f, "msg=draining"), 1);
	}
}

/* As in a container: the kernel drops a signal for which PID 1 has no handler.
 */
static void a_signal_at_ready_as_pid_1(void **state)
{
	enum { TIMES = 8 };
	struct e2e *f = *state;
	const char *env[] = {open_notify(temp_folder_path(&folder, "notify")),
			     NULL};
	int ours = open("/proc/self/ns/pid", O_RDONLY | O_CLOEXEC);

	assert_true(ours >= 0);
	/* LeakSanitizer looks for its threads under the wrong number. */
	f->gw.asan = "detect_leaks=0";
	for (int i = 0; i < TIMES; i++) {
		if (unshare(CLONE_NEWPID) < 0) {
			print_message(
				"# skipped: no PID namespace for us: %s\n",
				strerror(errno));
			close(ours);
			/* A container may not create PID namespaces, and then
			 * this cannot be tried at all; root outside of one may.
			 * Not skip(): cmocka 1.1 reports it as a failure in
			 * TAP. */
			return;
		}
		told[0] = '\0';
		spawn(f, LIST("--listen", "127.0.0.1:0"), env);
		assert_int_equal(setns(ours, CLONE_NEWPID), 0);
		wait_told(0, "READY=1");
		gateway_proc_signal(&f->gw, SIGTERM);
		assert_int_equal(gateway_proc_wait_exit(&f->gw, END_MS), 0);
		assert_int_equal(e2e_count_in_log(f, "msg=draining"), 1);
	}
	close(ours);
}

/* No line of the log goes into a socket, and the end is clean. */
static void closed_descriptors(void **state)
{
	struct e2e *f = *state;
	const char *env[] = {open_notify(temp_folder_path(&folder, "notify")),
			     NULL};
	char address[128];

	snprintf(address, sizeof(address), "unix:%.100s",
		 temp_folder_path(&folder, "public"));
	for (unsigned closed = 1; closed < 8; closed++) {
		told[0] = '\0';
		f->gw.closed = closed;
		spawn(f, LIST("--listen", address), env);
		wait_told(0, "STATUS=0 subscriptions, ready");
		snprintf(f->gw.address, sizeof(f->gw.address), "%s", address);
		e2e_expect_marker(f, e2e_open(f, "alice", NULL), "alice", 1);
		gateway_proc_stop(&f->gw);
	}
	f->gw.closed = 0;
}

static void expect_failure(struct e2e *f, const char *words)
{
	char *log;

	assert_int_equal(gateway_proc_wait_exit(&f->gw, END_MS), 1);
	log = gateway_proc_log(&f->gw);
	if (strstr(log, words) == NULL)
		fail_msg("\"%s\" is not in: %s", words, log);
	free(log);
}

static void nowhere_to_tell(void **state)
{
	struct e2e *f = *state;

	spawn(f, LIST("--listen", "127.0.0.1:0"),
	      LIST("NOTIFY_SOCKET=vsock:2:1234"));
	expect_failure(f, "NOTIFY_SOCKET");
	/* No process reads it: that is the manager's matter. */
	spawn(f, LIST("--listen", "127.0.0.1:0"),
	      LIST("NOTIFY_SOCKET=/nowhere/at/all"));
	gateway_proc_wait_listening(&f->gw);
}

/* ---- what is handed over ------------------------------------------------- */

static int listen_tcp(char *address, size_t size)
{
	struct sockaddr_in addr = {.sin_family = AF_INET};
	socklen_t len = sizeof(addr);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(listen(fd, 16), 0);
	getsockname(fd, (struct sockaddr *)&addr, &len);
	snprintf(address, size, "127.0.0.1:%u", ntohs(addr.sin_port));
	return fd;
}

static int listen_unix(const char *path)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strcpy(addr.sun_path, path);
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(listen(fd, 16), 0);
	return fd;
}

/* What the program may start one day has no business with them. */
static bool closes_on_exec(struct e2e *f, int fd)
{
	char path[64], line[128];
	unsigned flags = 0;
	FILE *info;

	snprintf(path, sizeof(path), "/proc/%d/fdinfo/%d", (int)f->gw.pid, fd);
	info = fopen(path, "r");
	assert_non_null(info);
	while (fgets(line, sizeof(line), info) != NULL)
		sscanf(line, "flags: %o", &flags);
	fclose(info);
	return flags & O_CLOEXEC;
}

/* In place of --listen and --admin-listen, by their names. */
static void takes_sockets(void **state)
{
	struct e2e *f = *state;
	char public[64], admin[64], unix_address[128];
	const char *path = unix_address + strlen("unix:");
	struct stat st;

	snprintf(unix_address, sizeof(unix_address), "unix:%.100s",
		 temp_folder_path(&folder, "public"));
	f->gw.inherited[0] = listen_tcp(public, sizeof(public));
	f->gw.inherited[1] = listen_tcp(admin, sizeof(admin));
	f->gw.inherited[2] = listen_unix(path);
	f->gw.n_inherited = 3;
	/* The port of --listen is not even asked for. */
	spawn(f, LIST("--listen", admin, "--drain-delay", "0"),
	      LIST("LISTEN_FDNAMES=sluice.socket:admin:admin2"));
	gateway_proc_wait_listening(&f->gw);
	assert_string_equal(f->gw.address, public);
	assert_string_equal(f->gw.admin, admin);
	assert_int_equal(e2e_count_in_log(f, "msg=listening"), 3);
	assert_int_equal(e2e_count_in_log(f, unix_address), 1);
	gateway_proc_wait_ready(&f->gw);
	for (int fd = 3; fd < 6; fd++)
		assert_true(closes_on_exec(f, fd));
	e2e_publish(f, "alice", "one");
	snprintf(f->gw.address, sizeof(f->gw.address), "%s", unix_address);
	e2e_expect(e2e_open(f, "alice", "deliver=all"), 1, "one");
	assert_int_equal(gateway_proc_status_of(&f->gw, true, "/metrics"), 200);
	assert_int_equal(gateway_proc_status_of(&f->gw, false, "/metrics"),
			 404);
	gateway_proc_stop(&f->gw);
	/* The path is not ours to remove. */
	assert_int_equal(stat(path, &st), 0);
}

/* Over a restart no client is rejected: new connections wait. */
static void nobody_is_refused_meanwhile(void **state)
{
	struct e2e *f = *state;
	struct sse_client *c = e2e_client(f);
	char public[64];

	f->gw.inherited[0] = listen_tcp(public, sizeof(public));
	f->gw.n_inherited = 1;
	spawn(f, LIST("--drain-delay", "0"), NULL);
	gateway_proc_wait_listening(&f->gw);
	gateway_proc_stop(&f->gw);
	sse_client_get(c, public, "/api/v1/events?deliver=all",
		       "user_id: alice\r\n");
	e2e_publish(f, "alice", "one");
	spawn(f, LIST("--drain-delay", "0"), NULL);
	e2e_expect(c, 1, "one");
}

static void wrong_sockets(void **state)
{
	struct e2e *f = *state;

	f->gw.inherited[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	f->gw.n_inherited = 1;
	spawn(f, NULL, NULL);
	expect_failure(f, "descriptor 3: not a listening stream socket");
	close(f->gw.inherited[0]);
	f->gw.n_inherited = 0;
	/* Of another process, and so no matter. */
	spawn(f, LIST("--listen", "127.0.0.1:0"),
	      LIST("LISTEN_PID=1", "LISTEN_FDS=1"));
	gateway_proc_wait_listening(&f->gw);
	gateway_proc_stop(&f->gw);
	spawn(f, NULL, LIST("LISTEN_PID=x", "LISTEN_FDS=1"));
	expect_failure(f, "LISTEN_PID or LISTEN_FDS is not a number");
	/* The zeros become its own number. */
	spawn(f, NULL, LIST("LISTEN_PID=0000000000", "LISTEN_FDS=65"));
	expect_failure(f, "LISTEN_FDS: more than 64 sockets");
}

/* ---- one port ------------------------------------------------------------ */

static void several_on_one_port(void **state)
{
	struct e2e *f = *state;
	static const char live[] = "sluice_subscriptions{state=\"live\"}";
	double first = 0, other = 0;

	const char *args[] = {"--server",	 f->nats.url,
			      "--admin-listen",	 "127.0.0.1:0",
			      "--drain-delay",	 "0",
			      "--drain-timeout", "0",
			      "--listen",	 f->gw.address,
			      "--reuse-port",	 NULL};

	e2e_gateway(f, "--reuse-port", NULL);
	gateway_proc_spawn(&second, args, NULL);
	gateway_proc_wait_listening(&second);
	assert_string_equal(second.address, f->gw.address);
	gateway_proc_wait_ready(&second);
	/* Both get some of them. */
	for (int i = 0; i < 200 && (first < 1 || other < 1); i++) {
		e2e_open(f, "alice", NULL);
		first = gateway_proc_metric(&f->gw, live);
		other = gateway_proc_metric(&second, live);
	}
	assert_true(first >= 1 && other >= 1);
	gateway_proc_stop(&second);
	/* It is not meant for the admin listener: which process's metrics would
	 * it serve? */
	args[3] = f->gw.admin;
	gateway_proc_spawn(&second, args, NULL);
	assert_int_equal(gateway_proc_wait_exit(&second, END_MS), 1);
	/* Without the option it is off. */
	args[3] = "127.0.0.1:0";
	args[10] = NULL;
	gateway_proc_spawn(&second, args, NULL);
	assert_int_equal(gateway_proc_wait_exit(&second, END_MS), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SERVICE_TEST(tells_how_it_is),
		SERVICE_TEST(tells_by_an_abstract_name),
		SERVICE_TEST(a_signal_at_ready),
		SERVICE_TEST(a_signal_at_ready_as_pid_1),
		SERVICE_TEST(closed_descriptors),
		SERVICE_TEST(nowhere_to_tell),
		SERVICE_TEST(takes_sockets),
		SERVICE_TEST(nobody_is_refused_meanwhile),
		SERVICE_TEST(wrong_sockets),
		SERVICE_TEST(several_on_one_port),
	};

	return cmocka_run_group_tests(tests, e2e_group_setup,
				      e2e_group_teardown);
}
