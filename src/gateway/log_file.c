/* The loop fills one buffer while the thread writes the other; when the thread
 * has written its own, they are swapped. `lock` guards what both use, and is
 * not held over a call that can block.
 *
 * Anything but a regular file is polled for room, and gets at most PIPE_BUF
 * bytes at once. So the thread notices a request to end or reopen while a
 * reader stalls, and the lines of two descriptors of one pipe are not mixed.
 * O_NONBLOCK is not set on an inherited descriptor, since other processes share
 * it. */
#include "gateway/log_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <uv.h>

#include "base/check.h"
#include "loop/handles.h"

enum {
	POLL_MS = 100,	  /* between two checks of a stalled thread */
	STALL_MS = 1000,  /* then a reopen drops the lines of the old file */
	ABANDON_MS = 300, /* for a stalled thread to notice the end */
};

struct log_file {
	uv_mutex_t lock;
	uv_cond_t thread_wakeup;
	/* Under the lock. */
	char *filling;
	size_t len;	 /* bytes in `filling` */
	uint64_t lost;	 /* lines that the loop has not yet counted */
	unsigned owners; /* the thread and the loop; the last owner frees */
	int write_rc;	 /* to be reported */
	int reopen_rc;	 /* to be reported, with `reopened` */
	bool reopened;
	bool reopen_due;
	bool full;    /* a line did not fit since the last swap */
	bool failing; /* the last write failed */
	bool asleep;  /* the thread waits for `thread_wakeup` */
	bool ending;  /* the thread ends after the queued lines */
	bool give_up; /* the thread ends at once */
	bool ended;   /* the thread can be joined without waiting */
	bool silent;  /* `wakeup` may not be sent */

	/* The thread's, and the loop's before there is a thread. */
	int fd;
	bool own_fd; /* to be closed */
	bool regular;
	bool torn; /* the last line was written in part */
	char *writing;

	/* The loop's. */
	uv_thread_t thread;
	char *path;	     /* NULL: standard error; constant */
	uint64_t *counter;   /* borrowed */
	uint64_t unreported; /* lost lines */
	bool unflushed;	     /* lines were queued since the last flush */
	struct log_file_cbs cbs;
	struct handles handles;
	uv_async_t wakeup;
	uv_timer_t timer; /* for the end */
};

/* ---- files --------------------------------------------------------------- */

/* The standard descriptor that the path means, or -1. */
static int standard_fd(const char *path)
{
	static const struct {
		const char *path;
		int fd;
	} names[] = {
		{"/dev/stdout", STDOUT_FILENO},
		{"/dev/stderr", STDERR_FILENO},
		{"/dev/fd/1", STDOUT_FILENO},
		{"/dev/fd/2", STDERR_FILENO},
		{"/proc/self/fd/1", STDOUT_FILENO},
		{"/proc/self/fd/2", STDERR_FILENO},
	};

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (strcmp(path, names[i].path) == 0)
			return names[i].fd;
	return -1;
}

/* A standard descriptor is duplicated, not opened: opening fails for a socket
 * (under systemd), and would give a regular file a second offset, which would
 * overwrite lines. O_NONBLOCK: a named pipe without a reader is an error. */
static int open_log_path(const char *path)
{
	int standard = standard_fd(path), fd;

	if (standard >= 0)
		fd = fcntl(standard, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	else
		fd = open(path,
			  O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC |
				  O_NONBLOCK | O_NOCTTY,
			  0640);
	return fd < 0 ? -errno : fd;
}

bool log_file_is_stderr(const char *path)
{
	int standard = standard_fd(path);
	struct stat ours, theirs;

	if (fstat(STDERR_FILENO, &ours) < 0 ||
	    (standard >= 0 ? fstat(standard, &theirs) : stat(path, &theirs)) <
		    0)
		return false;
	return ours.st_dev == theirs.st_dev && ours.st_ino == theirs.st_ino;
}

static void set_log_fd(struct log_file *f, int fd, bool own)
{
	struct stat st;

	if (f->own_fd)
		close(f->fd);
	f->fd = fd;
	f->own_fd = own;
	f->torn = false;
	f->regular = fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
}

/* ---- the thread ---------------------------------------------------------- */

static uint64_t log_clock_ms(void)
{
	return uv_hrtime() / 1000000;
}

static size_t count_lines(const char *at, size_t len)
{
	const char *end = at + len;
	size_t n = 0;

	while (at < end &&
	       (at = memchr(at, '\n', (size_t)(end - at))) != NULL) {
		n++;
		at++;
	}
	return n;
}

/* Bytes that are written at once: whole lines. */
static size_t log_piece_len(const struct log_file *f, const char *at,
			    size_t len)
{
	const char *end;

	if (f->regular || len <= PIPE_BUF)
		return len;
	end = memrchr(at, '\n', PIPE_BUF);
	return end == NULL ? PIPE_BUF : (size_t)(end - at) + 1;
}

/* False: the thread is to end or to reopen. */
static bool may_thread_wait(struct log_file *f, uint64_t since_ms)
{
	bool may;

	uv_mutex_lock(&f->lock);
	may = !f->give_up &&
	      !(f->reopen_due && log_clock_ms() - since_ms >= STALL_MS);
	uv_mutex_unlock(&f->lock);
	return may;
}

/* 0 when the descriptor takes bytes. */
static int wait_for_room(struct log_file *f)
{
	struct pollfd p = {.fd = f->fd, .events = POLLOUT};
	uint64_t since_ms = log_clock_ms();

	if (f->regular)
		return 0;
	while (poll(&p, 1, POLL_MS) <= 0)
		if (!may_thread_wait(f, since_ms))
			return -ETIMEDOUT;
	return 0;
}

/* 0 or a negative errno; `done` is the number of bytes written. */
static int write_log_bytes(struct log_file *f, const char *at, size_t len,
			   size_t *done)
{
	*done = 0;
	while (*done < len) {
		int rc = wait_for_room(f);
		ssize_t n;

		if (rc < 0)
			return rc;
		n = write(f->fd, at + *done,
			  log_piece_len(f, at + *done, len - *done));
		if (n > 0)
			*done += (size_t)n;
		else if (n == 0)
			return -EIO;
		else if (errno != EINTR && errno != EAGAIN)
			return -errno;
	}
	return 0;
}

/* Ends a torn line first. 0, or a negative errno with the number of lost lines.
 */
static int write_lines(struct log_file *f, size_t len, size_t *lost)
{
	size_t done = 0;
	int rc = 0;

	if (f->torn)
		rc = write_log_bytes(f, "\n", 1, &done);
	if (rc == 0) {
		rc = write_log_bytes(f, f->writing, len, &done);
		f->torn = done > 0 && f->writing[done - 1] != '\n';
	}
	*lost = count_lines(f->writing + done, len - done);
	return rc;
}

static void wake_loop_for_log(struct log_file *f)
{
	if (!f->silent)
		uv_async_send(&f->wakeup);
}

/* These two are called with the lock held, and release it in between. */

static void write_filled_buffer(struct log_file *f)
{
	char *full = f->filling;
	size_t len = f->len, lost;
	int rc;

	f->filling = f->writing;
	f->writing = full;
	f->len = 0;
	if (f->full)
		wake_loop_for_log(f);
	f->full = false;
	uv_mutex_unlock(&f->lock);
	rc = write_lines(f, len, &lost);
	uv_mutex_lock(&f->lock);
	f->lost += lost;
	if (rc < 0 && !f->failing)
		f->write_rc = rc;
	if (rc < 0 || f->failing)
		wake_loop_for_log(f);
	f->failing = rc < 0;
}

static void reopen_log_path(struct log_file *f)
{
	int fd;

	f->reopen_due = false;
	uv_mutex_unlock(&f->lock);
	fd = open_log_path(f->path);
	if (fd >= 0)
		set_log_fd(f, fd, true);
	uv_mutex_lock(&f->lock);
	f->reopen_rc = fd < 0 ? fd : 0;
	f->reopened = true;
	wake_loop_for_log(f);
}

static void run_log_file(struct log_file *f)
{
	while (!f->give_up) {
		bool reopens = f->reopen_due;

		/* Lines queued before the reopen belong to the old file. */
		if (f->len > 0)
			write_filled_buffer(f);
		else if (!reopens && f->ending)
			break;
		else if (!reopens) {
			f->asleep = true;
			uv_cond_wait(&f->thread_wakeup, &f->lock);
			f->asleep = false;
		}
		if (reopens)
			reopen_log_path(f);
	}
	f->lost += count_lines(f->filling, f->len);
	f->len = 0;
}

/* Called with the lock held, releases it. */
static void drop_log_owner(struct log_file *f)
{
	bool last = --f->owners == 0;

	uv_mutex_unlock(&f->lock);
	if (!last)
		return;
	if (f->own_fd)
		close(f->fd);
	uv_cond_destroy(&f->thread_wakeup);
	uv_mutex_destroy(&f->lock);
	free(f->filling);
	free(f->writing);
	free(f->path);
	free(f);
}

static void run_log_thread(void *arg)
{
	struct log_file *f = arg;
	sigset_t all;

	/* SIGPIPE above all: write() returns the error. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, NULL);
	uv_mutex_lock(&f->lock);
	run_log_file(f);
	f->ended = true;
	wake_loop_for_log(f);
	drop_log_owner(f);
}

/* ---- the loop ------------------------------------------------------------ */

static void wake_log_thread(struct log_file *f)
{
	if (f->asleep)
		uv_cond_signal(&f->thread_wakeup);
}

/* Adds the lines that the thread lost to the counter. With the lock held. */
static void count_lost_lines(struct log_file *f)
{
	*f->counter += f->lost;
	f->unreported += f->lost;
	f->lost = 0;
}

static void end_log_handles(struct log_file *f)
{
	if (uv_is_closing((uv_handle_t *)&f->wakeup))
		return;
	handles_end(&f->handles);
	handles_close(&f->handles, (uv_handle_t *)&f->wakeup);
	handles_close(&f->handles, (uv_handle_t *)&f->timer);
}

static void on_handles_gone(struct handles *h)
{
	struct log_file *f = CONTAINER_OF(h, struct log_file, handles);
	struct log_file_cbs cbs = f->cbs;

	uv_mutex_lock(&f->lock);
	count_lost_lines(f);
	drop_log_owner(f);
	cbs.on_closed(cbs.arg);
}

static struct log_file *log_file_of_handle(void *data)
{
	return CONTAINER_OF((struct handles *)data, struct log_file, handles);
}

static void on_wakeup(uv_async_t *wakeup)
{
	struct log_file *f = log_file_of_handle(wakeup->data);
	bool ended;

	uv_mutex_lock(&f->lock);
	ended = f->ended;
	uv_mutex_unlock(&f->lock);
	if (!ended) {
		f->cbs.on_report(f->cbs.arg);
		return;
	}
	uv_thread_join(&f->thread);
	end_log_handles(f);
}

/* The thread hangs in the kernel. */
static void on_abandon_timeout(uv_timer_t *timer)
{
	struct log_file *f = log_file_of_handle(timer->data);
	bool ended;

	uv_mutex_lock(&f->lock);
	ended = f->ended;
	f->silent = true;
	uv_mutex_unlock(&f->lock);
	if (ended)
		uv_thread_join(&f->thread);
	else
		pthread_detach(f->thread);
	end_log_handles(f);
}

static void on_close_timeout(uv_timer_t *timer)
{
	struct log_file *f = log_file_of_handle(timer->data);

	uv_mutex_lock(&f->lock);
	f->give_up = true;
	wake_log_thread(f);
	uv_mutex_unlock(&f->lock);
	uv_timer_start(timer, on_abandon_timeout, ABANDON_MS, 0);
}

void log_file_close(struct log_file *f)
{
	if (f == NULL)
		return;
	uv_mutex_lock(&f->lock);
	f->ending = true;
	wake_log_thread(f);
	uv_mutex_unlock(&f->lock);
	uv_update_time(f->timer.loop);
	uv_timer_start(&f->timer, on_close_timeout, LOG_FILE_LAST_MS, 0);
}

/* Allocates the buffers and opens the file. */
static int open_log_file(struct log_file *f, const char *path)
{
	int fd = STDERR_FILENO;

	f->filling = malloc(LOG_FILE_BYTES);
	f->writing = malloc(LOG_FILE_BYTES);
	if (path != NULL)
		f->path = strdup(path);
	if (f->filling == NULL || f->writing == NULL ||
	    (path != NULL && f->path == NULL))
		return -ENOMEM;
	if (path != NULL)
		fd = open_log_path(path);
	if (fd < 0)
		return fd;
	set_log_fd(f, fd, path != NULL);
	return 0;
}

static void free_unstarted_log(struct log_file *f)
{
	if (f->own_fd)
		close(f->fd);
	free(f->filling);
	free(f->writing);
	free(f->path);
	free(f);
}

/* There is no wakeup yet. */
static void end_log_thread(struct log_file *f)
{
	uv_mutex_lock(&f->lock);
	f->give_up = true;
	wake_log_thread(f);
	uv_mutex_unlock(&f->lock);
	uv_thread_join(&f->thread);
	uv_mutex_lock(&f->lock);
	drop_log_owner(f);
}

/* Frees the log_file when it fails. */
static int start_log_thread(struct log_file *f, struct uv_loop_s *loop)
{
	int rc;

	MUST(uv_mutex_init(&f->lock) == 0);
	MUST(uv_cond_init(&f->thread_wakeup) == 0);
	f->owners = 2;
	f->silent = true;
	rc = uv_thread_create(&f->thread, run_log_thread, f);
	if (rc < 0) {
		uv_cond_destroy(&f->thread_wakeup);
		uv_mutex_destroy(&f->lock);
		free_unstarted_log(f);
		return rc;
	}
	rc = uv_async_init(loop, &f->wakeup, on_wakeup);
	if (rc < 0) {
		end_log_thread(f);
		return rc;
	}
	handles_init(&f->handles, on_handles_gone);
	handles_add(&f->handles, (uv_handle_t *)&f->wakeup);
	uv_timer_init(loop, &f->timer);
	handles_add(&f->handles, (uv_handle_t *)&f->timer);
	uv_mutex_lock(&f->lock);
	f->silent = false;
	uv_mutex_unlock(&f->lock);
	return 0;
}

int log_file_new(struct log_file **ret, struct uv_loop_s *loop,
		 const char *path, uint64_t *lost,
		 const struct log_file_cbs *cbs)
{
	struct log_file *f = calloc(1, sizeof(*f));
	int rc;

	if (f == NULL)
		return -ENOMEM;
	f->counter = lost;
	f->cbs = *cbs;
	rc = open_log_file(f, path);
	if (rc < 0) {
		free_unstarted_log(f);
		return rc;
	}
	rc = start_log_thread(f, loop);
	if (rc == 0)
		*ret = f;
	return rc;
}

void log_file_reopen(struct log_file *f)
{
	if (f->path == NULL)
		return;
	uv_mutex_lock(&f->lock);
	f->reopen_due = true;
	wake_log_thread(f);
	uv_mutex_unlock(&f->lock);
}

/* ---- lines --------------------------------------------------------------- */

bool log_file_take_report(struct log_file *f, struct log_file_report *ret)
{
	bool losing;

	*ret = (struct log_file_report){0};
	uv_mutex_lock(&f->lock);
	count_lost_lines(f);
	ret->write_rc = f->write_rc;
	ret->reopened = f->reopened;
	ret->reopen_rc = f->reopen_rc;
	f->write_rc = 0;
	f->reopened = false;
	losing = f->failing || f->full;
	uv_mutex_unlock(&f->lock);
	if (!losing) {
		ret->lost = f->unreported;
		f->unreported = 0;
	}
	return ret->lost > 0 || ret->write_rc < 0 || ret->reopened;
}

static void queue_line(struct log_file *f, const char *line, size_t len,
		       bool now)
{
	uv_mutex_lock(&f->lock);
	if (len <= LOG_FILE_BYTES - f->len) {
		memcpy(f->filling + f->len, line, len);
		f->len += len;
	} else {
		f->full = true;
		f->lost++;
		count_lost_lines(f);
	}
	if (now)
		wake_log_thread(f);
	uv_mutex_unlock(&f->lock);
	f->unflushed = !now;
}

void log_file_put(void *arg, const char *line, size_t len)
{
	queue_line(arg, line, len, false);
}

void log_file_put_now(void *arg, const char *line, size_t len)
{
	queue_line(arg, line, len, true);
}

void log_file_flush(struct log_file *f)
{
	if (!f->unflushed)
		return;
	f->unflushed = false;
	uv_mutex_lock(&f->lock);
	wake_log_thread(f);
	uv_mutex_unlock(&f->lock);
}
