/* Where the lines of both logs go, and readers of them that stall. */
#include "e2e.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "temp_folder.h"
#include "test_clock.h"

enum { STREAMS = 300, END_MS = 20000, LIVE_MS = 10000 };

static struct temp_folder folder;

static int setup(void **state)
{
	return e2e_setup(state) != 0 ? -1 : temp_folder_make(&folder);
}

static int teardown(void **state)
{
	struct e2e *f = *state;

	f->gw.stdout_fd = f->gw.stderr_fd = 0;
	temp_folder_remove(&folder);
	return e2e_teardown(state);
}

/* Its log does not say where it listens. */
static void spawn(struct e2e *f, const char *access_log,
		  const char *drain_delay)
{
	const char *args[] = {"--server",
			      f->nats.url,
			      "--listen",
			      f->gw.address,
			      "--admin-listen",
			      f->gw.admin,
			      "--drain-delay",
			      drain_delay,
			      "--drain-timeout",
			      "1s",
			      "--access-log",
			      access_log,
			      NULL};
	uint64_t deadline = test_now_ms() + GATEWAY_PROC_WAIT_MS;

	snprintf(f->gw.address, sizeof(f->gw.address), "unix:%.100s",
		 temp_folder_path(&folder, "public"));
	snprintf(f->gw.admin, sizeof(f->gw.admin), "unix:%.100s",
		 temp_folder_path(&folder, "admin"));
	if (access_log == NULL)
		args[10] = NULL;
	gateway_proc_spawn(&f->gw, args, NULL);
	while (access(temp_folder_path(&folder, "admin"), F_OK) != 0) {
		assert_true(test_now_ms() < deadline);
		poll(NULL, 0, 10);
	}
	gateway_proc_wait_ready(&f->gw);
}

static void open_and_close(struct e2e *f, int n)
{
	for (int i = 0; i < n; i++) {
		struct sse_client c = {0};

		sse_client_stream(&c, f->gw.address, "alice", NULL);
		sse_client_close(&c);
	}
}

/* ---- a reader that stalls ------------------------------------------------ */

/* Without a reader the gateway serves as with one. */
static void stall(struct e2e *f, int pipe_fds[2], const char *drain_delay)
{
	uint64_t begun;

	assert_int_equal(pipe2(pipe_fds, O_CLOEXEC), 0);
	fcntl(pipe_fds[1], F_SETPIPE_SZ, 4096);
	f->gw.stderr_fd = pipe_fds[1];
	spawn(f, NULL, drain_delay);
	open_and_close(f, STREAMS);
	gateway_proc_wait_metric(&f->gw, "sluice_subscriptions_opened_total",
				 STREAMS);
	begun = test_now_ms();
	assert_int_equal(gateway_proc_status_of(&f->gw, false, "/livez"), 200);
	assert_int_equal(gateway_proc_status_of(&f->gw, true, "/livez"), 200);
	assert_true(test_now_ms() - begun < LIVE_MS);
	e2e_expect_marker(f, e2e_open(f, "alice", NULL), "alice", 1);
}

static void nobody_reads_standard_error(void **state)
{
	struct e2e *f = *state;
	int fds[2];

	stall(f, fds, "0");
	/* What other processes see of it has not changed. */
	assert_false(fcntl(fds[1], F_GETFL) & O_NONBLOCK);
	gateway_proc_signal(&f->gw, SIGTERM);
	assert_int_equal(gateway_proc_wait_exit(&f->gw, END_MS), 0);
	close(fds[0]);
	close(fds[1]);
}

static void the_second_signal_ends_at_once(void **state)
{
	struct e2e *f = *state;
	int fds[2];

	stall(f, fds, "1h");
	gateway_proc_signal(&f->gw, SIGTERM);
	gateway_proc_wait_unready(&f->gw);
	gateway_proc_signal(&f->gw, SIGTERM);
	assert_int_equal(gateway_proc_wait_exit(&f->gw, END_MS), 1);
	close(fds[0]);
	close(fds[1]);
}

/* Every line comes when it is read again: so many have room. */
static void read_later(void **state)
{
	struct e2e *f = *state;
	size_t opened = 0, closed = 0, cap = 0;
	char *line = NULL;
	FILE *in;
	int fds[2];

	stall(f, fds, "0");
	in = fdopen(fds[0], "r");
	while (closed < STREAMS && getline(&line, &cap, in) > 0) {
		assert_int_equal(strncmp(line, "time=", 5), 0);
		opened += strstr(line, "msg=\"subscription opened\"") != NULL;
		closed += strstr(line, "msg=\"subscription closed\"") != NULL;
	}
	assert_in_range(opened, STREAMS, STREAMS + 1);
	assert_true(gateway_proc_metric(&f->gw,
					"sluice_log_lines_lost_total") == 0);
	gateway_proc_stop(&f->gw);
	free(line);
	fclose(in);
	close(fds[1]);
}

/* ---- the access log on standard output ----------------------------------- */

/* As under systemd: a socket has no name that could be opened. */
static void standard_output_is_a_socket(void **state)
{
	struct e2e *f = *state;
	char *line = NULL;
	size_t cap = 0;
	FILE *in;
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0,
				    fds),
			 0);
	f->gw.stdout_fd = fds[1];
	spawn(f, "/dev/stdout", "0");
	open_and_close(f, 1);
	in = fdopen(fds[0], "r");
	assert_true(getline(&line, &cap, in) > 0);
	assert_non_null(strstr(line, "msg=\"subscription opened\""));
	/* There is nothing to reopen, and it goes on. */
	gateway_proc_signal(&f->gw, SIGHUP);
	gateway_proc_wait_log(&f->gw, "access log reopened");
	assert_true(getline(&line, &cap, in) > 0);
	assert_non_null(strstr(line, "msg=\"subscription closed\""));
	gateway_proc_stop(&f->gw);
	assert_int_equal(e2e_count_in_log(f, "subscription opened"), 0);
	free(line);
	fclose(in);
	close(fds[1]);
}

/* Both logs go into one file, and no line over another. */
static void expect_whole_lines(struct e2e *f, const char *path, int streams)
{
	char *line = NULL;
	size_t cap = 0;
	int opened = 0, closed = 0, others = 0;
	FILE *in;

	gateway_proc_stop(&f->gw);
	in = fopen(path, "r");
	assert_non_null(in);
	while (getline(&line, &cap, in) > 0) {
		if (strncmp(line, "time=20", 7) != 0 ||
		    strchr(line, '\n') == NULL)
			fail_msg("whose line is this: %s", line);
		if (strstr(line, "msg=\"subscription opened\"") != NULL)
			opened++;
		else if (strstr(line, "msg=\"subscription closed\"") != NULL)
			closed++;
		else
			others++;
	}
	assert_int_equal(opened, streams);
	assert_int_equal(closed, streams);
	assert_true(others > 5);
	free(line);
	fclose(in);
}

static void one_file_for_both(void **state)
{
	enum { N = 20 };
	struct e2e *f = *state;
	char path[256];
	int fd, other;

	snprintf(path, sizeof(path), "%s", temp_folder_path(&folder, "log"));
	/* > log 2>&1 */
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	f->gw.stdout_fd = f->gw.stderr_fd = fd;
	spawn(f, "/dev/stdout", "0");
	open_and_close(f, N);
	expect_whole_lines(f, path, N);
	/* What the shell says next is not written over them. */
	assert_int_equal(lseek(fd, 0, SEEK_CUR), lseek(fd, 0, SEEK_END));
	close(fd);

	/* > log 2> log */
	fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
	other = open(path, O_WRONLY | O_CLOEXEC);
	f->gw.stdout_fd = fd;
	f->gw.stderr_fd = other;
	spawn(f, "/dev/stdout", "0");
	open_and_close(f, N);
	expect_whole_lines(f, path, N);
	close(other);
	close(fd);

	/* --access-log log 2> log */
	fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
	f->gw.stdout_fd = 0;
	f->gw.stderr_fd = fd;
	spawn(f, path, "0");
	open_and_close(f, N);
	expect_whole_lines(f, path, N);
	close(fd);
}

#define LOGS_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		LOGS_TEST(nobody_reads_standard_error),
		LOGS_TEST(the_second_signal_ends_at_once),
		LOGS_TEST(read_later),
		LOGS_TEST(standard_output_is_a_socket),
		LOGS_TEST(one_file_for_both),
	};

	return cmocka_run_group_tests(tests, e2e_group_setup,
				      e2e_group_teardown);
}
