/* The log's thread: readers that stall, that come back, and that never do. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <uv.h>

#include "temp_folder.h"
#include "gateway/log_file.h"

enum { LINE_BYTES = 1000, CLOSE_MS = 3000, WAIT_MS = 30000 };

struct fixture {
	uv_loop_t loop;
	struct log_file *file;
	struct temp_folder folder;
	const char *path; /* a named pipe */
	int reader;
	uint64_t lost; /* the counter */
	uint64_t told; /* as news */
	int write_rc;  /* the last news of it */
	int reopens;
	int reopen_rc;
	bool closed;
	unsigned put; /* lines so far */
	unsigned got; /* number of the last line that was read, and 1 */
	char cut[2 * LINE_BYTES]; /* of a line that is not yet whole */
};

static void on_report(void *arg)
{
	struct fixture *f = arg;
	struct log_file_report news;

	if (!log_file_take_report(f->file, &news))
		return;
	f->told += news.lost;
	if (news.write_rc < 0)
		f->write_rc = news.write_rc;
	if (news.reopened) {
		f->reopens++;
		f->reopen_rc = news.reopen_rc;
	}
}

static void on_closed(void *arg)
{
	struct fixture *f = arg;

	f->closed = true;
	f->file = NULL;
}

static void open_file(struct fixture *f, const char *path)
{
	const struct log_file_cbs cbs = {on_report, on_closed, f};

	f->closed = false;
	assert_int_equal(log_file_new(&f->file, &f->loop, path, &f->lost, &cbs),
			 0);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	*state = f;
	assert_int_equal(uv_loop_init(&f->loop), 0);
	if (temp_folder_make(&f->folder) != 0)
		return -1;
	f->path = strdup(temp_folder_path(&f->folder, "pipe"));
	assert_int_equal(mkfifo(f->path, 0600), 0);
	f->reader = open(f->path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	assert_true(f->reader >= 0);
	fcntl(f->reader, F_SETPIPE_SZ, 4096);
	open_file(f, f->path);
	return 0;
}

/* How long it takes. */
static uint64_t close_file(struct fixture *f)
{
	uint64_t begun = uv_hrtime();

	log_file_close(f->file);
	uv_run(&f->loop, UV_RUN_DEFAULT);
	assert_true(f->closed);
	return (uv_hrtime() - begun) / 1000000;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	if (f->file != NULL)
		close_file(f);
	assert_int_equal(uv_loop_close(&f->loop), 0);
	close(f->reader);
	temp_folder_remove(&f->folder);
	free((void *)f->path);
	free(f);
	return 0;
}

/* "000017 xxx...x\n" */
static void put_line(struct fixture *f)
{
	char line[LINE_BYTES];

	memset(line, 'x', sizeof(line));
	snprintf(line, 8, "%06u", f->put++);
	line[6] = ' ';
	line[LINE_BYTES - 1] = '\n';
	log_file_put_now(f->file, line, sizeof(line));
}

/* Lines are whole and in order; the number of those that were read. */
static unsigned read_lines(struct fixture *f)
{
	char bytes[4096];
	unsigned n = 0;
	ssize_t got;

	while ((got = read(f->reader, bytes, sizeof(bytes))) > 0) {
		for (ssize_t i = 0; i < got; i++) {
			size_t len = strlen(f->cut);
			unsigned number;

			f->cut[len] = bytes[i];
			f->cut[len + 1] = '\0';
			if (bytes[i] != '\n')
				continue;
			assert_int_equal(len + 1, LINE_BYTES);
			number = (unsigned)strtoul(f->cut, NULL, 10);
			assert_true(number >= f->got);
			f->got = number + 1;
			f->cut[0] = '\0';
			n++;
		}
	}
	return n;
}

static void wait_for_reader_to_stall(struct fixture *f)
{
	struct pollfd p = {.fd = f->reader, .events = POLLIN};

	assert_int_equal(poll(&p, 1, WAIT_MS), 1);
}

/* ---- tests --------------------------------------------------------------- */

static void a_slow_reader_gets_every_line(void **state)
{
	enum { N = 2000 };
	struct fixture *f = *state;
	unsigned n = 0;

	while (n < N) {
		if (f->put < N && f->put < n + 400)
			put_line(f);
		n += read_lines(f);
		uv_run(&f->loop, UV_RUN_NOWAIT);
	}
	assert_int_equal(f->lost, 0);
	assert_int_equal(f->got, N);
}

/* The memory is bounded, the loop never waits, and lost lines are counted and
 * reported when the reader is back. */
static void a_stalled_reader_costs_lines(void **state)
{
	enum { N = 5000 };
	struct fixture *f = *state;
	uint64_t begun = uv_hrtime(), lost;
	unsigned n = 0;

	put_line(f);
	wait_for_reader_to_stall(f);
	while (f->put < N)
		put_line(f);
	assert_true(uv_hrtime() - begun < 10ull * 1000000000);
	lost = f->lost;
	assert_true(lost >= N - 2 * LOG_FILE_BYTES / LINE_BYTES - 8);
	assert_true(lost < N);
	on_report(f);
	assert_int_equal(f->told, 0);
	while (f->told == 0) {
		n += read_lines(f);
		uv_run(&f->loop, UV_RUN_NOWAIT);
	}
	put_line(f);
	while (f->got != N + 1)
		n += read_lines(f);
	assert_int_equal(f->told, lost);
	assert_int_equal(f->lost, lost);
	assert_int_equal(n + lost, N + 1);
}

static void a_stalled_reader_does_not_hold_up_the_end(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < 100; i++)
		put_line(f);
	wait_for_reader_to_stall(f);
	assert_in_range(close_file(f), LOG_FILE_LAST_MS - 100, CLOSE_MS);
	assert_true(f->lost > 0);
	/* The lines that were written are whole. */
	assert_int_equal(read_lines(f) + f->lost, 100);
}

/* The last lines are not lost while there is a reader. */
static void what_is_queued_is_written_at_the_end(void **state)
{
	struct fixture *f = *state;
	unsigned n = 0;

	for (int i = 0; i < 100; i++)
		put_line(f);
	log_file_close(f->file);
	while (uv_run(&f->loop, UV_RUN_NOWAIT) != 0)
		n += read_lines(f);
	n += read_lines(f);
	assert_true(f->closed);
	assert_int_equal(n + f->lost, 100);
	assert_int_equal(f->lost, 0);
}

static void wait_reopened(struct fixture *f, int n)
{
	while (f->reopens < n)
		uv_run(&f->loop, UV_RUN_ONCE);
}

/* A name that leads nowhere keeps the old file; a stalled one is left for the
 * new one. */
static void reopening(void **state)
{
	struct fixture *f = *state;
	char *moved = strdup(temp_folder_path(&f->folder, "moved"));
	struct stat st;

	assert_int_equal(rename(f->path, moved), 0);
	assert_int_equal(mkdir(f->path, 0700), 0);
	log_file_reopen(f->file);
	wait_reopened(f, 1);
	assert_int_equal(f->reopen_rc, -EISDIR);
	put_line(f);
	while (read_lines(f) == 0)
		;
	assert_int_equal(rmdir(f->path), 0);
	for (int i = 0; i < 100; i++)
		put_line(f);
	wait_for_reader_to_stall(f);
	log_file_reopen(f->file);
	wait_reopened(f, 2);
	assert_int_equal(f->reopen_rc, 0);
	put_line(f);
	close_file(f);
	assert_int_equal(stat(f->path, &st), 0);
	assert_true(S_ISREG(st.st_mode));
	assert_true(st.st_size >= LINE_BYTES);
	assert_int_equal(st.st_size % LINE_BYTES, 0);
	assert_int_equal((uint64_t)st.st_size / LINE_BYTES + read_lines(f) +
				 f->lost,
			 101);
	free(moved);
}

static void a_full_disk_is_told(void **state)
{
	struct fixture *f = *state;

	close_file(f);
	open_file(f, "/dev/full");
	put_line(f);
	while (f->write_rc == 0)
		uv_run(&f->loop, UV_RUN_ONCE);
	assert_int_equal(f->write_rc, -ENOSPC);
	assert_int_equal(f->lost, 1);
	assert_int_equal(f->told, 0);
}

/* Others have the same description of standard output: its flags stay. */
static void a_standard_descriptor_is_left_as_it_is(void **state)
{
	struct fixture *f = *state;
	int before = fcntl(STDOUT_FILENO, F_GETFL);

	close_file(f);
	open_file(f, "/dev/stdout");
	assert_int_equal(fcntl(STDOUT_FILENO, F_GETFL), before);
	close_file(f);
	assert_int_equal(fcntl(STDOUT_FILENO, F_GETFL), before);
}

static void names_of_standard_error(void **state)
{
	struct fixture *f = *state;
	char *file = strdup(temp_folder_path(&f->folder, "file"));
	int saved = dup(STDERR_FILENO), fd;

	fd = open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(saved >= 0 && fd >= 0);
	dup2(fd, STDERR_FILENO);
	assert_true(log_file_is_stderr(file));
	assert_true(log_file_is_stderr("/dev/stderr"));
	assert_false(log_file_is_stderr(f->path));
	assert_false(log_file_is_stderr("/nowhere/at/all"));
	dup2(saved, STDERR_FILENO);
	assert_false(log_file_is_stderr(file));
	close(saved);
	close(fd);
	free(file);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_slow_reader_gets_every_line),
		TEST(a_stalled_reader_costs_lines),
		TEST(a_stalled_reader_does_not_hold_up_the_end),
		TEST(what_is_queued_is_written_at_the_end),
		TEST(reopening),
		TEST(a_full_disk_is_told),
		TEST(a_standard_descriptor_is_left_as_it_is),
		TEST(names_of_standard_error),
	};

	return cmocka_run_group_tests_name("log_file", tests, NULL, NULL);
}
