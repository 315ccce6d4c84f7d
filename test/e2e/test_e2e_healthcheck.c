/* sluice --healthcheck, beside a gateway that runs: the line that it prints and
 * its exit status. */
#include "e2e.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "temp_folder.h"
#include "test_clock.h"

enum { END_MS = 10000 };

static struct gateway_proc asker;

static int teardown(void **state)
{
	gateway_proc_finish(&asker);
	asker = (struct gateway_proc){0};
	return e2e_teardown(state);
}

#define HEALTH_TEST(fn) cmocka_unit_test_setup_teardown(fn, e2e_setup, teardown)

/* Asks in one of the forms of --healthcheck, with these options, the last one
 * NULL; must exit with `status` and say `line`. */
static void expect(const char *form, const char *const *args, int status,
		   const char *line)
{
	const char *all[16] = {form};
	char *text;

	for (size_t i = 0; args[i] != NULL; i++)
		all[i + 1] = args[i];
	gateway_proc_spawn(&asker, all, NULL);
	assert_int_equal(gateway_proc_wait_exit(&asker, END_MS), status);
	text = gateway_proc_output(&asker);
	assert_string_equal(text, line);
	free(text);
	/* One line, and no log. */
	text = gateway_proc_log(&asker);
	assert_string_equal(text, "");
	free(text);
}

#define ASK(status, line, ...)                                             \
	expect("--healthcheck=ready", (const char *[]){__VA_ARGS__, NULL}, \
	       (status), (line))
#define ASK_LIVE(status, line, ...)                                            \
	expect("--healthcheck", (const char *[]){__VA_ARGS__, NULL}, (status), \
	       (line))

static void ready(void **state)
{
	struct e2e *f = *state;

	e2e_gateway(f, NULL);
	ASK(0, "ready\n", "--admin-listen", f->gw.admin);
	/* Without an admin listener the public one is asked. */
	ASK(0, "ready\n", "--admin-listen", "off", "--listen", f->gw.address);
}

/* The public listener may require an identity first. */
static void behind_the_proxy_protocol(void **state)
{
	struct e2e *f = *state;

	e2e_gateway_unready(f, "--proxy-protocol", NULL);
	assert_int_equal(gateway_proc_status_of(&f->gw, false, "/readyz"), 0);
	while (gateway_proc_status_of(&f->gw, true, "/readyz") != 200)
		poll(NULL, 0, 10);
	ASK(0, "ready\n", "--admin-listen", "off", "--listen", f->gw.address,
	    "--proxy-protocol");
	ASK_LIVE(0, "live\n", "--admin-listen", "off", "--listen",
		 f->gw.address, "--proxy-protocol");
}

static void not_ready(void **state)
{
	struct e2e *f = *state;

	e2e_gateway(f, NULL);
	nats_server_kill(&f->nats, SIGKILL);
	gateway_proc_wait_unready(&f->gw);
	ASK(1, "not ready: NATS is not connected\n", "--admin-listen",
	    f->gw.admin);
	/* What restarts unhealthy containers must not restart this one. */
	ASK_LIVE(0, "live\n", "--admin-listen", f->gw.admin);
	expect("--healthcheck=live",
	       (const char *[]){"--admin-listen", f->gw.admin, NULL}, 0,
	       "live\n");
}

static void draining(void **state)
{
	struct e2e *f = *state;

	e2e_gateway(f, "--drain-delay", "60s", NULL);
	gateway_proc_signal(&f->gw, SIGTERM);
	gateway_proc_wait_unready(&f->gw);
	ASK(1, "not ready: shutting down\n", "--admin-listen", f->gw.admin);
	ASK_LIVE(0, "live\n", "--admin-listen", f->gw.admin);
	gateway_proc_signal(&f->gw, SIGTERM);
	assert_int_equal(gateway_proc_wait_exit(&f->gw, END_MS), 1);
}

/* A listener on all addresses is asked on the loopback; a Unix socket by its
 * path. */
static void other_addresses(void **state)
{
	struct e2e *f = *state;
	struct temp_folder folder;
	char path[160], any[64];

	assert_int_equal(temp_folder_make(&folder), 0);
	snprintf(path, sizeof(path), "unix:%s",
		 temp_folder_path(&folder, "admin"));
	e2e_gateway(f, "--admin-listen", path, NULL);
	ASK(0, "ready\n", "--admin-listen", path);
	gateway_proc_stop(&f->gw);
	gateway_proc_finish(&f->gw);
	temp_folder_remove(&folder);

	e2e_gateway(f, "--admin-listen", "0.0.0.0:0", NULL);
	snprintf(any, sizeof(any), "0.0.0.0:%s", strrchr(f->gw.admin, ':') + 1);
	ASK(0, "ready\n", "--admin-listen", any);
}

static void nobody_there(void **state)
{
	struct e2e *f = *state;
	char line[256], address[128];

	e2e_gateway(f, NULL);
	snprintf(address, sizeof(address), "%s", f->gw.admin);
	gateway_proc_stop(&f->gw);
	snprintf(line, sizeof(line), "cannot reach %s: Connection refused\n",
		 address);
	ASK(1, line, "--admin-listen", address);
	ASK_LIVE(1, line, "--admin-listen", address);
	ASK(1, "cannot reach 127.0.0.1:0: port 0 stands for any port\n",
	    "--admin-listen", "127.0.0.1:0");
	ASK(1, "cannot reach unix:/nowhere/at/all: No such file or directory\n",
	    "--admin-listen", "unix:/nowhere/at/all");
}

/* It stops waiting by itself, and rejects a peer that speaks another protocol.
 */
static void no_gateway_there(void **state)
{
	struct sockaddr_storage addr;
	socklen_t len = sizeof(addr);
	struct e2e *f = *state;
	uint64_t begun = test_now_ms();
	char address[64], line[128];
	int fd;

	/* Its queue takes the connection, and no process answers. */
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(listen(fd, 8), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&addr, &len), 0);
	snprintf(address, sizeof(address), "127.0.0.1:%u",
		 (unsigned)((((unsigned char *)&addr)[2] << 8) |
			    ((unsigned char *)&addr)[3]));
	snprintf(line, sizeof(line), "cannot reach %s: Connection timed out\n",
		 address);
	ASK(1, line, "--admin-listen", address);
	assert_in_range(test_now_ms() - begun, 2000, 8000);
	close(fd);

	/* The NATS server greets everybody. */
	snprintf(address, sizeof(address), "%s",
		 strstr(f->nats.url, "://") + 3);
	snprintf(line, sizeof(line), "%s: not the response of a gateway\n",
		 address);
	ASK(1, line, "--admin-listen", address);
}

/* Answers the first client. In the child of a fork. */
static void answer_once(int fd, const char *answer)
{
	int peer = accept(fd, NULL, NULL);
	char request[512];
	ssize_t n = recv(peer, request, sizeof(request), 0);

	if (n > 0)
		n = send(peer, answer, strlen(answer), MSG_NOSIGNAL);
	shutdown(peer, SHUT_WR);
	while (n > 0)
		n = recv(peer, request, sizeof(request), 0);
	_exit(0);
}

/* What it shows may go to a terminal. */
static void what_it_shows_is_escaped(void **state)
{
	struct temp_folder folder;
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	char address[128];
	pid_t pid;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)state;
	assert_int_equal(temp_folder_make(&folder), 0);
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%.100s",
		 temp_folder_path(&folder, "s"));
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(listen(fd, 1), 0);
	pid = fork();
	if (pid == 0)
		answer_once(fd, "HTTP/1.1 503 No\r\n\r\nno \x1b[2J\nmore\n");
	assert_true(pid > 0);
	snprintf(address, sizeof(address), "unix:%s", addr.sun_path);
	ASK(1, "no \\x1b[2J\n", "--admin-listen", address);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	close(fd);
	temp_folder_remove(&folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		HEALTH_TEST(ready),
		HEALTH_TEST(behind_the_proxy_protocol),
		HEALTH_TEST(not_ready),
		HEALTH_TEST(draining),
		HEALTH_TEST(other_addresses),
		HEALTH_TEST(nobody_there),
		HEALTH_TEST(no_gateway_there),
		HEALTH_TEST(what_it_shows_is_escaped),
	};

	return cmocka_run_group_tests(tests, e2e_group_setup,
				      e2e_group_teardown);
}
