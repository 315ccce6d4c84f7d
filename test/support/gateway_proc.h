/* The program under test, as a process: started with arguments and environment
 * of the test's own (nothing is inherited but what sanitizers need), its log
 * kept, ended with the test (PR_SET_PDEATHSIG). */
#ifndef TEST_GATEWAY_PROC_H
#define TEST_GATEWAY_PROC_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum { GATEWAY_PROC_WAIT_MS = 30000, GATEWAY_PROC_INHERITED = 4 };

struct gateway_proc {
	pid_t pid; /* 0: not running */
	int log_fd;
	int out_fd;
	char address[128]; /* of the first public listener */
	char admin[128];   /* of the first admin listener */
	char home[128];	   /* its HOME, empty; removed at the end */
	const char *asan;  /* more ASAN_OPTIONS, or NULL */
	/* Environment for gateway_proc_start(), ending with NULL; or NULL. */
	const char *const *env;
	/* Standard descriptors that it begins without, bit 1 << fd. */
	unsigned closed;
	/* These in place of the memory files, borrowed; 0: the memory files. */
	int stdout_fd, stderr_fd;
	/* Sockets that it inherits as a service manager hands them over, with
	 * LISTEN_PID and LISTEN_FDS; the names are the test's to give. */
	int inherited[GATEWAY_PROC_INHERITED];
	size_t n_inherited;
};

/* The program's HOME, an empty folder; made here if it is not yet there. */
const char *gateway_proc_home(struct gateway_proc *g);
/* Starts the program with exactly these arguments (without argv[0]) and, over
 * PATH and HOME, this environment ("NAME=value"); both end with NULL, and `env`
 * may be NULL. Its log and output begin empty. */
void gateway_proc_spawn(struct gateway_proc *g, const char *const *args,
			const char *const *env);
/* Spawns it with "--listen 127.0.0.1:0 --admin-listen 127.0.0.1:0
 * --drain-delay 0s --drain-timeout 1s", "--server URL" and `args` (these win),
 * and waits until it listens; `args` may be NULL. */
void gateway_proc_start(struct gateway_proc *g, const char *url,
			const char *const *args);
/* Until it listens on both kinds; fills in the addresses. */
void gateway_proc_wait_listening(struct gateway_proc *g);
/* Until /readyz says 200. */
void gateway_proc_wait_ready(struct gateway_proc *g);
void gateway_proc_wait_unready(struct gateway_proc *g);
/* The status of a GET on the public or the admin listener; 0: no reply. */
int gateway_proc_status_of(const struct gateway_proc *g, bool admin,
			   const char *target);
/* Until the log has this text. */
void gateway_proc_wait_log(struct gateway_proc *g, const char *text);

void gateway_proc_signal(const struct gateway_proc *g, int sig);
/* Waits for the end by itself: the exit status, or 128 + the signal. Fails the
 * test when it goes on after timeout_ms, or a sanitizer has reported. */
int gateway_proc_wait_exit(struct gateway_proc *g, int timeout_ms);
/* SIGTERM, waits, status 0 expected, nothing reported. Not running is fine. */
void gateway_proc_stop(struct gateway_proc *g);
/* For a test's teardown: SIGKILL if it still runs, frees; shows the end of its
 * log on standard error, for the reader of a failed test. */
void gateway_proc_finish(struct gateway_proc *g);

/* What it has written to standard error and output so far; to free(). */
char *gateway_proc_log(const struct gateway_proc *g);
char *gateway_proc_output(const struct gateway_proc *g);

/* A metric's value, by its name and labels as they stand in /metrics
 * ("sluice_subscriptions{state=\"live\"}"), or the sum of all that have the
 * name alone; -1 when it is not there. */
double gateway_proc_metric(const struct gateway_proc *g, const char *name);
/* Until the metric has the value. */
void gateway_proc_wait_metric(struct gateway_proc *g, const char *name,
			      double value);
/* Of /proc: resident memory in KiB, open file descriptors. */
size_t gateway_proc_rss_kib(const struct gateway_proc *g);
/* A line of /proc/PID/status; 0: there is none of this name. */
size_t gateway_proc_status_number(const struct gateway_proc *g,
				  const char *name);
size_t gateway_proc_fds(const struct gateway_proc *g);

#endif
