#include "gateway_proc.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "sse_client.h"
#include "test_clock.h"

/* Its output goes to memory files: nothing blocks without a reader, and all
 * of it can be read again and again. */

enum {
	MAX_ARGS = 64,
	MAX_ENV = 32,
	POLL_MS = 10,
	LOG_SHOWN = 4000,
	HANDED_OVER = 900, /* descriptors that are not in use */
};

#define LISTEN_PID "LISTEN_PID="
#define NO_PID	   "0000000000"

static void pause_ms(int ms)
{
	poll(NULL, 0, ms);
}

static char *read_all(int fd)
{
	struct stat st;
	char *text;
	ssize_t n;

	if (fd <= 0 || fstat(fd, &st) != 0)
		return strdup("");
	text = calloc(1, (size_t)st.st_size + 1);
	assert_non_null(text);
	n = pread(fd, text, (size_t)st.st_size, 0);
	if (n < 0)
		n = 0;
	text[n] = '\0';
	return text;
}

char *gateway_proc_log(const struct gateway_proc *g)
{
	return read_all(g->log_fd);
}

char *gateway_proc_output(const struct gateway_proc *g)
{
	return read_all(g->out_fd);
}

/* The end of the log; static. */
static const char *log_tail(const struct gateway_proc *g)
{
	static char tail[LOG_SHOWN + 1];
	char *text = gateway_proc_log(g);
	size_t len = strlen(text);

	snprintf(tail, sizeof(tail), "%s",
		 text + (len > LOG_SHOWN ? len - LOG_SHOWN : 0));
	free(text);
	return tail;
}

/* ---- start --------------------------------------------------------------- */

static const char *program(void)
{
	const char *path = getenv("SLUICE_PROGRAM");

	if (path == NULL)
		fail_msg("SLUICE_PROGRAM names no program");
	return path;
}

const char *gateway_proc_home(struct gateway_proc *g)
{
	if (g->home[0] != '\0')
		return g->home;
	snprintf(g->home, sizeof(g->home), "/tmp/sluice-home-XXXXXX");
	if (mkdtemp(g->home) == NULL)
		fail_msg("mkdtemp: %s", strerror(errno));
	return g->home;
}

/* "NAME=value" of this process, or with `more` behind it. To free(). */
static char *inherited(const char *name, const char *more)
{
	const char *value = getenv(name);
	char *text = NULL;

	if (value == NULL && more == NULL)
		return NULL;
	if (asprintf(&text, "%s=%s%s%s", name, value == NULL ? "" : value,
		     value != NULL && more != NULL ? ":" : "",
		     more == NULL ? "" : more) < 0)
		abort();
	return text;
}

static size_t make_env(const struct gateway_proc *g, const char *const *env,
		       char *out[MAX_ENV])
{
	static const char *const kept[] = {"PATH", "UBSAN_OPTIONS",
					   "TSAN_OPTIONS", "LSAN_OPTIONS"};
	size_t n = 0;

	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
		out[n] = inherited(kept[i], NULL);
		n += out[n] != NULL;
	}
	out[n] = inherited("ASAN_OPTIONS", g->asan);
	n += out[n] != NULL;
	if (asprintf(&out[n++], "HOME=%s", g->home) < 0)
		abort();
	if (g->n_inherited > 0) {
		out[n++] = strdup(LISTEN_PID NO_PID);
		if (asprintf(&out[n++], "LISTEN_FDS=%zu", g->n_inherited) < 0)
			abort();
	}
	for (; env != NULL && *env != NULL; env++) {
		assert_true(n < MAX_ENV - 1);
		out[n++] = strdup(*env);
	}
	out[n] = NULL;
	return n;
}

/* Its own number, which only the child knows: into the place left for it. */
static void write_pid(char *const env[])
{
	for (; *env != NULL; env++) {
		char *end = *env + strlen(*env);

		if (strcmp(*env, LISTEN_PID NO_PID) != 0)
			continue;
		for (pid_t pid = getpid(); pid > 0; pid /= 10)
			*--end = (char)('0' + pid % 10);
	}
}

/* From descriptor 3 on, and no others. */
static void hand_over(const struct gateway_proc *g)
{
	int n = (int)g->n_inherited;

	for (int i = 0; i < n; i++)
		dup2(g->inherited[i], HANDED_OVER + i);
	for (int i = 0; i < n; i++)
		dup2(HANDED_OVER + i, 3 + i);
	/* The test's sockets must not live on in the program. */
	close_range(3 + (unsigned)n, ~0U, 0);
}

/* In the child: nothing but async-signal-safe calls. */
static void run_program(pid_t parent, const struct gateway_proc *g,
			const char *path, char *const argv[], char *const env[])
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* The first of a PID namespace has a parent that it can't see. */
	if (getpid() != 1 && getppid() != parent)
		_exit(126);
	dup2(g->stdout_fd > 0 ? g->stdout_fd : g->out_fd, STDOUT_FILENO);
	dup2(g->stderr_fd > 0 ? g->stderr_fd : g->log_fd, STDERR_FILENO);
	for (int fd = 0; fd <= STDERR_FILENO; fd++)
		if (g->closed & (1U << fd))
			close(fd);
	write_pid(env);
	hand_over(g);
	execve(path, argv, env);
	_exit(127);
}

static int memory_file(const char *name)
{
	int fd = memfd_create(name, MFD_CLOEXEC);

	if (fd < 0)
		fail_msg("memfd_create: %s", strerror(errno));
	/* Two descriptors of one file: each write goes to its end. */
	fcntl(fd, F_SETFL, O_APPEND);
	return fd;
}

void gateway_proc_spawn(struct gateway_proc *g, const char *const *args,
			const char *const *env)
{
	const char *argv[MAX_ARGS + 2] = {"sluice"};
	char *envp[MAX_ENV];
	const char *path = program();
	pid_t parent = getpid();
	size_t n_env;

	assert_int_equal(g->pid, 0);
	for (size_t i = 0; args != NULL && args[i] != NULL; i++) {
		assert_true(i < MAX_ARGS);
		argv[i + 1] = args[i];
	}
	gateway_proc_home(g);
	if (g->log_fd == 0) {
		g->log_fd = memory_file("log");
		g->out_fd = memory_file("output");
	}
	/* What an earlier run has said is not this one's. */
	assert_int_equal(ftruncate(g->log_fd, 0), 0);
	assert_int_equal(ftruncate(g->out_fd, 0), 0);
	n_env = make_env(g, env, envp);
	g->pid = fork();
	if (g->pid == 0)
		run_program(parent, g, path, (char *const *)argv, envp);
	for (size_t i = 0; i < n_env; i++)
		free(envp[i]);
	if (g->pid < 0) {
		g->pid = 0;
		fail_msg("fork: %s", strerror(errno));
	}
}

static bool has_ended(struct gateway_proc *g, int *status)
{
	if (g->pid == 0 || waitpid(g->pid, status, WNOHANG) != g->pid)
		return false;
	g->pid = 0;
	return true;
}

void gateway_proc_wait_log(struct gateway_proc *g, const char *text)
{
	uint64_t deadline = test_deadline_ms(GATEWAY_PROC_WAIT_MS);
	bool found = false;

	while (!found) {
		int status = 0;
		bool ended = has_ended(g, &status);
		char *log = gateway_proc_log(g);

		found = strstr(log, text) != NULL;
		free(log);
		if (!found && (ended || test_now_ms() > deadline))
			fail_msg("the log never said \"%s\" (ended %d, status "
				 "%#x):\n%s",
				 text, ended, (unsigned)status, log_tail(g));
		if (!found)
			pause_ms(POLL_MS);
	}
}

/* "msg=listening address=127.0.0.1:4711 listener=public": the fields of the
 * first such line with this listener. */
static void find_address(const struct gateway_proc *g, const char *listener,
			 char *out, size_t size)
{
	char *log = gateway_proc_log(g);
	char field[64], *save = NULL;

	snprintf(field, sizeof(field), "listener=%s", listener);
	out[0] = '\0';
	for (char *line = strtok_r(log, "\n", &save); line != NULL;
	     line = strtok_r(NULL, "\n", &save)) {
		const char *at = strstr(line, "address=");

		if (strstr(line, "msg=listening") == NULL || at == NULL ||
		    strstr(line, field) == NULL)
			continue;
		at += strlen("address=");
		if (*at == '"')
			at++;
		snprintf(out, size, "%.*s", (int)strcspn(at, " \""), at);
		break;
	}
	free(log);
}

void gateway_proc_wait_listening(struct gateway_proc *g)
{
	gateway_proc_wait_log(g, "listener=public");
	gateway_proc_wait_log(g, "listener=admin");
	find_address(g, "public", g->address, sizeof(g->address));
	find_address(g, "admin", g->admin, sizeof(g->admin));
	assert_true(g->address[0] != '\0' && g->admin[0] != '\0');
}

void gateway_proc_start(struct gateway_proc *g, const char *url,
			const char *const *args)
{
	const char *all[MAX_ARGS] = {
		"--listen",	   "127.0.0.1:0",
		"--admin-listen",  "127.0.0.1:0",
		"--server",	   url,
		"--drain-delay",   "0s",
		"--drain-timeout", "1s",
	};
	size_t n = 10;

	for (; args != NULL && *args != NULL; args++) {
		assert_true(n < MAX_ARGS - 1);
		all[n++] = *args;
	}
	gateway_proc_spawn(g, all, g->env);
	gateway_proc_wait_listening(g);
}

/* ---- what it says -------------------------------------------------------- */

/* A whole reply; false when none came. */
static bool fetch(const struct gateway_proc *g, bool admin, const char *target,
		  struct sse_client *c)
{
	char request[512];

	*c = (struct sse_client){.fd = -1};
	if (!sse_client_try(c, admin ? g->admin : g->address))
		return false;
	snprintf(request, sizeof(request),
		 "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: "
		 "close\r\n\r\n",
		 target);
	sse_client_send_text(c, request);
	while (c->state != SSE_CLIENT_DONE && c->state != SSE_CLIENT_GONE &&
	       sse_client_step(c, GATEWAY_PROC_WAIT_MS))
		;
	return c->state == SSE_CLIENT_DONE;
}

int gateway_proc_status_of(const struct gateway_proc *g, bool admin,
			   const char *target)
{
	struct sse_client c;
	int status = fetch(g, admin, target, &c) ? c.status : 0;

	sse_client_close(&c);
	return status;
}

static void wait_readyz(struct gateway_proc *g, int status)
{
	uint64_t deadline = test_deadline_ms(GATEWAY_PROC_WAIT_MS);

	while (gateway_proc_status_of(g, false, "/readyz") != status) {
		int ended;

		if (has_ended(g, &ended) || test_now_ms() > deadline)
			fail_msg("/readyz never said %d:\n%s", status,
				 log_tail(g));
		pause_ms(POLL_MS);
	}
}

void gateway_proc_wait_ready(struct gateway_proc *g)
{
	wait_readyz(g, 200);
}

void gateway_proc_wait_unready(struct gateway_proc *g)
{
	wait_readyz(g, 503);
}

double gateway_proc_metric(const struct gateway_proc *g, const char *name)
{
	struct sse_client c;
	size_t len = strlen(name);
	double value = -1;
	const char *line;

	if (!fetch(g, true, "/metrics", &c))
		fail_msg("no /metrics: %s", sse_client_describe(&c));
	for (line = bytes_text(&c.body); line != NULL && *line != '\0';
	     line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, name, len) != 0 ||
		    (line[len] != ' ' && line[len] != '{'))
			continue;
		value = value < 0 ? 0 : value;
		value += atof(strchr(line + len, ' '));
	}
	sse_client_close(&c);
	return value;
}

void gateway_proc_wait_metric(struct gateway_proc *g, const char *name,
			      double value)
{
	uint64_t deadline = test_deadline_ms(GATEWAY_PROC_WAIT_MS);
	double got;

	while ((got = gateway_proc_metric(g, name)) != value) {
		if (test_now_ms() > deadline)
			fail_msg("%s is %g, not %g", name, got, value);
		pause_ms(POLL_MS);
	}
}

size_t gateway_proc_status_number(const struct gateway_proc *g,
				  const char *name)
{
	char path[64], line[256];
	size_t len = strlen(name), number = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)g->pid);
	f = fopen(path, "r");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f) != NULL) {
		if (strncmp(line, name, len) == 0 && line[len] == ':')
			number = strtoul(line + len + 1, NULL, 10);
	}
	fclose(f);
	return number;
}

size_t gateway_proc_rss_kib(const struct gateway_proc *g)
{
	return gateway_proc_status_number(g, "VmRSS");
}

size_t gateway_proc_fds(const struct gateway_proc *g)
{
	char path[64];
	size_t n = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)g->pid);
	dir = opendir(path);
	assert_non_null(dir);
	for (struct dirent *e = readdir(dir); e != NULL; e = readdir(dir))
		n += e->d_name[0] != '.';
	closedir(dir);
	return n;
}

/* ---- the end ------------------------------------------------------------- */

void gateway_proc_signal(const struct gateway_proc *g, int sig)
{
	assert_true(g->pid > 0);
	kill(g->pid, sig);
}

static void must_be_clean(const struct gateway_proc *g)
{
	static const char *const reports[] = {"ERROR: AddressSanitizer",
					      "ERROR: LeakSanitizer",
					      "WARNING: ThreadSanitizer",
					      "runtime error:",
					      "broken contract:"};
	char *log = gateway_proc_log(g);

	for (size_t i = 0; i < sizeof(reports) / sizeof(reports[0]); i++) {
		const char *at = strstr(log, reports[i]);

		if (at != NULL)
			fail_msg("the program reported:\n%.4000s", at);
	}
	free(log);
}

int gateway_proc_wait_exit(struct gateway_proc *g, int timeout_ms)
{
	uint64_t deadline = test_deadline_ms((uint64_t)timeout_ms);
	int status = 0;

	assert_true(g->pid > 0);
	while (!has_ended(g, &status)) {
		if (test_now_ms() > deadline)
			fail_msg("it has not ended after %d ms:\n%s",
				 timeout_ms, log_tail(g));
		pause_ms(POLL_MS);
	}
	must_be_clean(g);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void gateway_proc_stop(struct gateway_proc *g)
{
	int status;

	if (g->pid == 0)
		return;
	gateway_proc_signal(g, SIGTERM);
	status = gateway_proc_wait_exit(g, GATEWAY_PROC_WAIT_MS);
	if (status != 0)
		fail_msg("it ended with status %d:\n%s", status, log_tail(g));
}

static int on_tree_entry(const char *path, const struct stat *st, int type,
			 struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

void gateway_proc_finish(struct gateway_proc *g)
{
	if (g->pid > 0) {
		kill(g->pid, SIGKILL);
		waitpid(g->pid, NULL, 0);
	}
	if (g->log_fd > 0) {
		fprintf(stderr, "---- the program's log ends:\n%s----\n",
			log_tail(g));
		close(g->log_fd);
		close(g->out_fd);
	}
	if (g->home[0] != '\0')
		nftw(g->home, on_tree_entry, 16, FTW_DEPTH | FTW_PHYS);
	*g = (struct gateway_proc){0};
}
