#include "nats_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ftw.h>
#include <limits.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

/* The happy path: config file, fork, the ports file says where it listens, a
 * plain TCP connection reads INFO (which says whether JetStream is on) and,
 * where no credentials are asked for, gets an answer of $JS.API.INFO. A
 * server that listens has JetStream already; the request is for certainty.
 *
 * On the second start the port may be taken for a moment: then the process
 * ends, and wait_ready() starts it again until the deadline. */

enum { READY_MS = 30000, POLL_MS = 10, INFO_MAX = 8192, LOG_TAIL = 4096 };

static uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static void pause_ms(int ms)
{
	poll(NULL, 0, ms);
}

static void path_in(const struct nats_server *s, const char *name, char *out)
{
	snprintf(out, PATH_MAX, "%s/%s", s->dir, name);
}

/* ---- the folder ---------------------------------------------------------- */

static int on_tree_entry(const char *path, const struct stat *st, int type,
			 struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static void remove_tree(const char *path)
{
	nftw(path, on_tree_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static void make_dir(struct nats_server *s)
{
	const char *tmp = getenv("TMPDIR");

	if (tmp == NULL || *tmp == '\0' || strlen(tmp) > 64)
		tmp = "/tmp";
	snprintf(s->dir, sizeof(s->dir), "%s/sluice-nats-XXXXXX", tmp);
	if (mkdtemp(s->dir) == NULL) {
		int err = errno;

		s->dir[0] = '\0';
		fail_msg("mkdtemp in %s: %s", tmp, strerror(err));
	}
}

static void write_config(const struct nats_server *s)
{
	char path[PATH_MAX];
	FILE *f;
	bool own =
		s->config != NULL && (strncmp(s->config, "jetstream", 9) == 0 ||
				      strstr(s->config, "\njetstream") != NULL);

	path_in(s, "nats.conf", path);
	f = fopen(path, "w");
	if (f == NULL)
		fail_msg("%s: %s", path, strerror(errno));
	fprintf(f, "listen: \"127.0.0.1:%d\"\n", s->port != 0 ? s->port : -1);
	/* As an argument it would keep the server from reloading. */
	fprintf(f, "store_dir: \"%s/store\"\n", s->dir);
	if (!own)
		fprintf(f, "jetstream: enabled\n");
	if (s->config != NULL)
		fprintf(f, "%s\n", s->config);
	if (fclose(f) != 0)
		fail_msg("%s: %s", path, strerror(errno));
}

/* The end of the server's log, for a failure's text. Static. */
static const char *log_tail(const struct nats_server *s)
{
	static char text[LOG_TAIL + 1];
	char path[PATH_MAX];
	FILE *f;
	size_t n;

	text[0] = '\0';
	path_in(s, "log", path);
	f = fopen(path, "r");
	if (f == NULL)
		return text;
	if (fseek(f, -LOG_TAIL, SEEK_END) != 0)
		rewind(f);
	n = fread(text, 1, LOG_TAIL, f);
	text[n] = '\0';
	fclose(f);
	return text;
}

/* ---- the process --------------------------------------------------------- */

/* In the child: nothing but async-signal-safe calls. */
static void run_server(pid_t parent, int log, const char *const argv[])
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(126);
	dup2(log, STDOUT_FILENO);
	dup2(log, STDERR_FILENO);
	/* The test's sockets must not live on in the server. */
	close_range(3, ~0U, 0);
	execvp(argv[0], (char *const *)argv);
	_exit(127);
}

void nats_server_spawn(struct nats_server *s)
{
	char conf[PATH_MAX], log[PATH_MAX];
	const char *const argv[] = {"nats-server",	"-c",	conf,
				    "--ports_file_dir", s->dir, NULL};
	pid_t parent = getpid();
	int fd;

	assert_int_equal(s->pid, 0);
	write_config(s);
	path_in(s, "nats.conf", conf);
	path_in(s, "log", log);
	fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (fd < 0)
		fail_msg("%s: %s", log, strerror(errno));
	s->pid = fork();
	if (s->pid == 0)
		run_server(parent, fd, argv);
	close(fd);
	if (s->pid < 0) {
		s->pid = 0;
		fail_msg("fork: %s", strerror(errno));
	}
}

/* Did it end by itself? */
static bool has_ended(struct nats_server *s)
{
	if (s->pid != 0 && waitpid(s->pid, NULL, WNOHANG) != s->pid)
		return false;
	s->pid = 0;
	return true;
}

/* {"nats":["nats://127.0.0.1:4222"]}, maybe not yet written to its end. */
static int read_port(const struct nats_server *s)
{
	char name[64], path[PATH_MAX], text[512];
	const char *at;
	size_t n;
	FILE *f;

	snprintf(name, sizeof(name), "nats-server_%d.ports", (int)s->pid);
	path_in(s, name, path);
	f = fopen(path, "r");
	if (f == NULL)
		return 0;
	n = fread(text, 1, sizeof(text) - 1, f);
	text[n] = '\0';
	fclose(f);
	at = strstr(text, "127.0.0.1:");
	if (at == NULL || strchr(at, '}') == NULL)
		return 0;
	return atoi(at + strlen("127.0.0.1:"));
}

/* ---- is it ready? -------------------------------------------------------- */

static int dial(int port)
{
	struct sockaddr_in to = {.sin_family = AF_INET,
				 .sin_port = htons((uint16_t)port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct timeval limit = {.tv_sec = 2};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0) {
		close(fd);
		return -1;
	}
	return fd;
}

/* Reads until `needle` has come; `text` keeps everything. */
static bool read_until(int fd, char *text, size_t *len, const char *needle)
{
	while (strstr(text, needle) == NULL) {
		ssize_t n = read(fd, text + *len, INFO_MAX - 1 - *len);

		if (n <= 0)
			return false;
		*len += (size_t)n;
		text[*len] = '\0';
	}
	return true;
}

static bool speaks(const struct nats_server *s, int fd)
{
	static const char ask[] = "CONNECT {\"verbose\":false}\r\n"
				  "SUB _ready 1\r\n"
				  "PUB $JS.API.INFO _ready 0\r\n\r\n";
	char text[INFO_MAX] = "";
	size_t len = 0;

	/* Waits for a TLS hello, and says nothing before. */
	if (s->config != NULL && strstr(s->config, "handshake_first") != NULL)
		return true;
	if (!read_until(fd, text, &len, "\r\n"))
		return false;
	if (strstr(text, "\"jetstream\":true") == NULL)
		return false;
	if (strstr(text, "\"auth_required\":true") != NULL ||
	    strstr(text, "\"tls_required\":true") != NULL)
		return true;
	if (send(fd, ask, sizeof(ask) - 1, MSG_NOSIGNAL) < 0)
		return false;
	return read_until(fd, text, &len, "io.nats.jetstream.api.v1.account");
}

static bool answers(struct nats_server *s)
{
	int port = s->port != 0 ? s->port : read_port(s);
	bool ok;
	int fd;

	if (port == 0)
		return false;
	fd = dial(port);
	if (fd < 0)
		return false;
	ok = speaks(s, fd);
	close(fd);
	if (ok) {
		s->port = port;
		snprintf(s->url, sizeof(s->url), "nats://127.0.0.1:%d", port);
	}
	return ok;
}

/* "nats-server: v2.9.10" -> 20910 */
int nats_server_installed(void)
{
	int major = 0, minor = 0, patch = 0;
	FILE *f = popen("nats-server --version", "r");

	if (f == NULL ||
	    fscanf(f, "nats-server: v%d.%d.%d", &major, &minor, &patch) != 3)
		fail_msg("nats-server --version can't be read");
	pclose(f);
	return major * 10000 + minor * 100 + patch;
}

void nats_server_wait_ready(struct nats_server *s)
{
	bool first = s->port == 0;
	uint64_t until = now_ms() + READY_MS;

	for (;;) {
		bool ended = has_ended(s);

		if (!ended && answers(s))
			return;
		if (now_ms() > until || (ended && first))
			fail_msg("nats-server is not ready:\n%s", log_tail(s));
		if (ended)
			nats_server_spawn(s);
		pause_ms(POLL_MS);
	}
}

/* ---- life ---------------------------------------------------------------- */

static void take_config(struct nats_server *s, const char *config)
{
	free(s->config);
	s->config = config == NULL ? NULL : strdup(config);
	assert_true(config == NULL || s->config != NULL);
}

void nats_server_prepare(struct nats_server *s, int port, const char *config)
{
	*s = (struct nats_server){.jetstream = true, .port = port};
	take_config(s, config);
	make_dir(s);
	s->version = nats_server_installed();
}

void nats_server_start(struct nats_server *s, const char *config)
{
	nats_server_prepare(s, 0, config);
	nats_server_spawn(s);
	nats_server_wait_ready(s);
}

void nats_server_again(struct nats_server *s)
{
	nats_server_spawn(s);
	nats_server_wait_ready(s);
}

static bool lets_live(int sig)
{
	return sig == SIGSTOP || sig == SIGCONT || sig == SIGUSR2 ||
	       sig == SIGHUP;
}

void nats_server_kill(struct nats_server *s, int sig)
{
	if (s->pid == 0)
		return;
	kill(s->pid, sig);
	if (lets_live(sig))
		return;
	/* A stopped one would keep the signal for later. */
	kill(s->pid, SIGCONT);
	while (waitpid(s->pid, NULL, 0) < 0 && errno == EINTR)
		;
	s->pid = 0;
}

void nats_server_reload(struct nats_server *s, const char *config)
{
	take_config(s, config);
	write_config(s);
	nats_server_kill(s, SIGHUP);
}

void nats_server_restart(struct nats_server *s, int sig, const char *config)
{
	nats_server_kill(s, sig);
	take_config(s, config);
	nats_server_again(s);
}

void nats_server_empty_store(struct nats_server *s)
{
	char path[PATH_MAX];

	assert_int_equal(s->pid, 0);
	path_in(s, "store", path);
	remove_tree(path);
}

static void copy_tree(const char *from, const char *to)
{
	const char *const argv[] = {"cp", "-a", from, to, NULL};
	pid_t pid = fork();
	int status = -1;

	if (pid == 0) {
		execvp(argv[0], (char *const *)argv);
		_exit(127);
	}
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (status != 0)
		fail_msg("cp -a %s %s: status %d", from, to, status);
}

static void replace_tree(struct nats_server *s, const char *from,
			 const char *to)
{
	char from_path[PATH_MAX], to_path[PATH_MAX];

	assert_int_equal(s->pid, 0);
	path_in(s, from, from_path);
	path_in(s, to, to_path);
	remove_tree(to_path);
	copy_tree(from_path, to_path);
}

void nats_server_copy_store(struct nats_server *s)
{
	replace_tree(s, "store", "copy");
}

void nats_server_put_back_store(struct nats_server *s)
{
	replace_tree(s, "copy", "store");
}

void nats_server_stop(struct nats_server *s)
{
	nats_server_kill(s, SIGKILL);
	if (s->dir[0] != '\0')
		remove_tree(s->dir);
	free(s->config);
	*s = (struct nats_server){0};
}
