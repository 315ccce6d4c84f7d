#include "key_server.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "test_clock.h"

enum { WAIT_MS = 15000, POLL_MS = 5 };

static void run_key_server(const char *folder, pid_t parent)
{
	const char *root = getenv("SLUICE_TEST_ROOT");
	char script[1024];

	snprintf(script, sizeof(script), "%s/test/support/key_server.py",
		 root == NULL ? "." : root);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() == parent)
		execlp("python3", "python3", "-B", script, folder, NULL);
	_exit(127);
}

/* Replaced at once: the server reads while we write. */
static void put_file(struct key_server *s, const char *name, const char *text)
{
	char from[160];

	temp_folder_write(&s->folder, "next", text, strlen(text));
	snprintf(from, sizeof(from), "%s",
		 temp_folder_path(&s->folder, "next"));
	assert_int_equal(rename(from, temp_folder_path(&s->folder, name)), 0);
}

/* A file of one line. */
static void read_text(struct key_server *s, const char *name, char *out,
		      size_t size)
{
	FILE *f = fopen(temp_folder_path(&s->folder, name), "r");

	assert_non_null(f);
	if (fgets(out, (int)size, f) == NULL)
		out[0] = '\0';
	fclose(f);
}

static void wait_up(struct key_server *s)
{
	uint64_t deadline = test_deadline_ms(WAIT_MS);

	while (unlink(temp_folder_path(&s->folder, "up")) < 0) {
		assert_int_equal(errno, ENOENT);
		assert_int_equal(waitpid(s->pid, NULL, WNOHANG), 0);
		assert_true(test_now_ms() < deadline);
		usleep(POLL_MS * 1000);
	}
}

void key_server_start(struct key_server *s)
{
	pid_t parent = getpid();
	char port[16];

	if (s->folder.path[0] == '\0')
		assert_int_equal(temp_folder_make(&s->folder), 0);
	s->pid = fork();
	assert_true(s->pid >= 0);
	if (s->pid == 0)
		run_key_server(s->folder.path, parent);
	wait_up(s);
	read_text(s, "port", port, sizeof(port));
	snprintf(s->url, sizeof(s->url), "https://127.0.0.1:%s/first", port);
	snprintf(s->authority, sizeof(s->authority), "%s/cert.pem",
		 s->folder.path);
}

void key_server_kill(struct key_server *s)
{
	if (s->pid <= 0)
		return;
	kill(s->pid, SIGKILL);
	waitpid(s->pid, NULL, 0);
	s->pid = 0;
}

void key_server_finish(struct key_server *s)
{
	key_server_kill(s);
	if (s->folder.path[0] != '\0')
		temp_folder_remove(&s->folder);
	*s = (struct key_server){0};
}

void key_server_set_keys(struct key_server *s, const char *keys)
{
	put_file(s, "keys", keys);
}

void key_server_set_mode(struct key_server *s, const char *mode)
{
	put_file(s, "mode", mode);
}

void key_server_set_cache(struct key_server *s, const char *value)
{
	put_file(s, "cache", value == NULL ? "" : value);
}

size_t key_server_count(struct key_server *s)
{
	FILE *f = fopen(temp_folder_path(&s->folder, "requests"), "r");
	size_t n = 0;

	for (int c; f != NULL && (c = fgetc(f)) != EOF;)
		n += c == '\n';
	if (f != NULL)
		fclose(f);
	return n;
}

void key_server_wait_count(struct key_server *s, size_t n)
{
	uint64_t deadline = test_deadline_ms(WAIT_MS);

	while (key_server_count(s) < n) {
		if (test_now_ms() > deadline)
			fail_msg("%zu requests for keys, not %zu",
				 key_server_count(s), n);
		usleep(POLL_MS * 1000);
	}
}
