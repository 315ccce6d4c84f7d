/* The loop fills one buffer while the thread writes the other; when the thread
 * is through they change places. `lock` guards what both touch, and is held
 * over no call that can wait.
 *
 * What is no regular file is polled for room, and gets at most PIPE_BUF bytes
 * at once. So the thread can be asked to end, or to reopen, while a reader
 * stalls, and the lines of two descriptors of one pipe do not mix. O_NONBLOCK
 * is not set on an inherited descriptor, since other processes share it. */
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
	LOOK_MS = 100,	 /* how often a thread that stalls looks up */
	STALL_MS = 1000, /* then a reopen gives the rest up */
	LEAVE_MS = 300,	 /* for the thread to look up, at the end */
};

struct log_file {
	uv_mutex_t lock;
	uv_cond_t wake; /* of the thread */
	/* Under the lock. */
	char *filling;
	size_t len;	 /* bytes in `filling` */
	uint64_t lost;	 /* by the thread, and not yet counted by the loop */
	unsigned owners; /* the thread and the loop; the last one frees */
	int write_rc;	 /* news */
	int reopen_rc;	 /* news, with `reopened` */
	bool reopened;
	bool reopen_due;
	bool crowded; /* a line has found no room since the last change */
	bool failing; /* the last write failed */
	bool asleep;  /* the thread waits for `wake` */
	bool ending;  /* the thread writes what there is, and ends */
	bool give_up; /* the thread ends at once */
	bool ended;   /* the thread can be joined without waiting */
	bool silent;  /* the thread may not ring: no bell */

	/* The thread's, and the loop's before there is a thread. */
	int fd;
	bool own_fd; /* to be closed */
	bool regular;
	bool torn; /* the last line was written in part */
	char *writing;

	/* The loop's. */
	uv_thread_t thread;
	char *path;	   /* NULL: standard error; constant */
	uint64_t *counter; /* borrowed */
	uint64_t untold;   /* lost lines that were not yet news */
	bool unwoken;	   /* lines were put, and the thread not woken */
	struct log_file_cbs cbs;
	struct handles handles;
	uv_async_t wakeup;
	uv_timer_t timer; /* for the end */
};

/* ---- files --------------------------------------------------------------- */

/* The descriptor that a name of the system means, or -1. */
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

/* A standard descriptor is not opened by its name: that fails for a socket, as
 * under systemd, and would give a regular file an offset of its own, with which
 * the lines of others would be overwritten. O_NONBLOCK: a named pipe without a
 * reader is an error, and is not waited for. */
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

static void set_fd(struct log_file *f, int fd, bool own)
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

static uint64_t now_ms(void)
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

/* What goes out at once or not at all: whole lines. */
static size_t piece_len(const struct log_file *f, const char *at, size_t len)
{
	const char *end;

	if (f->regular || len <= PIPE_BUF)
		return len;
	end = memrchr(at, '\n', PIPE_BUF);
	return end == NULL ? PIPE_BUF : (size_t)(end - at) + 1;
}

/* False: the loop has something else for the thread to do. */
static bool may_wait(struct log_file *f, uint64_t since_ms)
{
	bool may;

	uv_mutex_lock(&f->lock);
	may = !f->give_up &&
	      !(f->reopen_due && now_ms() - since_ms >= STALL_MS);
	uv_mutex_unlock(&f->lock);
	return may;
}

/* 0 when the descriptor takes bytes. */
static int await_room(struct log_file *f)
{
	struct pollfd p = {.fd = f->fd, .events = POLLOUT};
	uint64_t since_ms = now_ms();

	if (f->regular)
		return 0;
	while (poll(&p, 1, LOOK_MS) <= 0)
		if (!may_wait(f, since_ms))
			return -ETIMEDOUT;
	return 0;
}

/* 0 when all went out; `done` has how much did. */
static int write_log_bytes(struct log_file *f, const char *at, size_t len,
			   size_t *done)
{
	*done = 0;
	while (*done < len) {
		int rc = await_room(f);
		ssize_t n;

		if (rc < 0)
			return rc;
		n = write(f->fd, at + *done,
			  piece_len(f, at + *done, len - *done));
		if (n > 0)
			*done += (size_t)n;
		else if (n == 0)
			return -EIO;
		else if (errno != EINTR && errno != EAGAIN)
			return -errno;
	}
	return 0;
}

/* A line that was cut off ends before the next one begins. 0, or a negative
 * errno with the number of lines that are lost. */
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

static void wake(struct log_file *f)
{
	if (!f->silent)
		uv_async_send(&f->wakeup);
}

/* These two are called with the lock, and let go of it meanwhile. */

static void write_filled(struct log_file *f)
{
	char *full = f->filling;
	size_t len = f->len, lost;
	int rc;

	f->filling = f->writing;
	f->writing = full;
	f->len = 0;
	if (f->crowded)
		wake(f);
	f->crowded = false;
	uv_mutex_unlock(&f->lock);
	rc = write_lines(f, len, &lost);
	uv_mutex_lock(&f->lock);
	f->lost += lost;
	if (rc < 0 && !f->failing)
		f->write_rc = rc;
	if (rc < 0 || f->failing)
		wake(f);
	f->failing = rc < 0;
}

static void reopen(struct log_file *f)
{
	int fd;

	f->reopen_due = false;
	uv_mutex_unlock(&f->lock);
	fd = open_log_path(f->path);
	if (fd >= 0)
		set_fd(f, fd, true);
	uv_mutex_lock(&f->lock);
	f->reopen_rc = fd < 0 ? fd : 0;
	f->reopened = true;
	wake(f);
}

static void work(struct log_file *f)
{
	while (!f->give_up) {
		bool reopens = f->reopen_due;

		/* What was put before goes into the old file. */
		if (f->len > 0)
			write_filled(f);
		else if (!reopens && f->ending)
			break;
		else if (!reopens) {
			f->asleep = true;
			uv_cond_wait(&f->wake, &f->lock);
			f->asleep = false;
		}
		if (reopens)
			reopen(f);
	}
	f->lost += count_lines(f->filling, f->len);
	f->len = 0;
}

/* With the lock, which is gone then. */
static void drop_owner(struct log_file *f)
{
	bool last = --f->owners == 0;

	uv_mutex_unlock(&f->lock);
	if (!last)
		return;
	if (f->own_fd)
		close(f->fd);
	uv_cond_destroy(&f->wake);
	uv_mutex_destroy(&f->lock);
	free(f->filling);
	free(f->writing);
	free(f->path);
	free(f);
}

static void run(void *arg)
{
	struct log_file *f = arg;
	sigset_t all;

	/* SIGPIPE above all: what write() says is enough. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, NULL);
	uv_mutex_lock(&f->lock);
	work(f);
	f->ended = true;
	wake(f);
	drop_owner(f);
}

/* ---- the loop ------------------------------------------------------------ */

static void wake_thread(struct log_file *f)
{
	if (f->asleep)
		uv_cond_signal(&f->wake);
}

/* What the thread has lost, into the counter. With the lock. */
static void count_lost_lines(struct log_file *f)
{
	*f->counter += f->lost;
	f->untold += f->lost;
	f->lost = 0;
}

static void end_handles(struct log_file *f)
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
	drop_owner(f);
	cbs.on_closed(cbs.arg);
}

static struct log_file *file_of(void *data)
{
	return CONTAINER_OF((struct handles *)data, struct log_file, handles);
}

static void on_wakeup(uv_async_t *wakeup)
{
	struct log_file *f = file_of(wakeup->data);
	bool ended;

	uv_mutex_lock(&f->lock);
	ended = f->ended;
	uv_mutex_unlock(&f->lock);
	if (!ended) {
		f->cbs.on_news(f->cbs.arg);
		return;
	}
	uv_thread_join(&f->thread);
	end_handles(f);
}

/* It stands still in the kernel. */
static void on_left(uv_timer_t *timer)
{
	struct log_file *f = file_of(timer->data);
	bool ended;

	uv_mutex_lock(&f->lock);
	ended = f->ended;
	f->silent = true;
	uv_mutex_unlock(&f->lock);
	if (ended)
		uv_thread_join(&f->thread);
	else
		pthread_detach(f->thread);
	end_handles(f);
}

static void on_late(uv_timer_t *timer)
{
	struct log_file *f = file_of(timer->data);

	uv_mutex_lock(&f->lock);
	f->give_up = true;
	wake_thread(f);
	uv_mutex_unlock(&f->lock);
	uv_timer_start(timer, on_left, LEAVE_MS, 0);
}

void log_file_close(struct log_file *f)
{
	if (f == NULL)
		return;
	uv_mutex_lock(&f->lock);
	f->ending = true;
	wake_thread(f);
	uv_mutex_unlock(&f->lock);
	uv_update_time(f->timer.loop);
	uv_timer_start(&f->timer, on_late, LOG_FILE_LAST_MS, 0);
}

/* Memory, and the file. */
static int prepare(struct log_file *f, const char *path)
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
	set_fd(f, fd, path != NULL);
	return 0;
}

static void free_unstarted(struct log_file *f)
{
	if (f->own_fd)
		close(f->fd);
	free(f->filling);
	free(f->writing);
	free(f->path);
	free(f);
}

/* A thread that has not rung yet, and no bell for it. */
static void end_thread(struct log_file *f)
{
	uv_mutex_lock(&f->lock);
	f->give_up = true;
	wake_thread(f);
	uv_mutex_unlock(&f->lock);
	uv_thread_join(&f->thread);
	uv_mutex_lock(&f->lock);
	drop_owner(f);
}

/* Has the log_file when it succeeds, and frees it when it does not. */
static int start_thread(struct log_file *f, struct uv_loop_s *loop)
{
	int rc;

	MUST(uv_mutex_init(&f->lock) == 0);
	MUST(uv_cond_init(&f->wake) == 0);
	f->owners = 2;
	f->silent = true;
	rc = uv_thread_create(&f->thread, run, f);
	if (rc < 0) {
		uv_cond_destroy(&f->wake);
		uv_mutex_destroy(&f->lock);
		free_unstarted(f);
		return rc;
	}
	rc = uv_async_init(loop, &f->wakeup, on_wakeup);
	if (rc < 0) {
		end_thread(f);
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
	rc = prepare(f, path);
	if (rc < 0) {
		free_unstarted(f);
		return rc;
	}
	rc = start_thread(f, loop);
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
	wake_thread(f);
	uv_mutex_unlock(&f->lock);
}

/* ---- lines --------------------------------------------------------------- */

bool log_file_take_news(struct log_file *f, struct log_file_news *ret)
{
	bool losing;

	*ret = (struct log_file_news){0};
	uv_mutex_lock(&f->lock);
	count_lost_lines(f);
	ret->write_rc = f->write_rc;
	ret->reopened = f->reopened;
	ret->reopen_rc = f->reopen_rc;
	f->write_rc = 0;
	f->reopened = false;
	losing = f->failing || f->crowded;
	uv_mutex_unlock(&f->lock);
	if (!losing) {
		ret->lost = f->untold;
		f->untold = 0;
	}
	return ret->lost > 0 || ret->write_rc < 0 || ret->reopened;
}

static void put(struct log_file *f, const char *line, size_t len, bool now)
{
	uv_mutex_lock(&f->lock);
	if (len <= LOG_FILE_BYTES - f->len) {
		memcpy(f->filling + f->len, line, len);
		f->len += len;
	} else {
		f->crowded = true;
		f->lost++;
		count_lost_lines(f);
	}
	if (now)
		wake_thread(f);
	uv_mutex_unlock(&f->lock);
	f->unwoken = !now;
}

void log_file_put(void *arg, const char *line, size_t len)
{
	put(arg, line, len, false);
}

void log_file_put_now(void *arg, const char *line, size_t len)
{
	put(arg, line, len, true);
}

void log_file_flush(struct log_file *f)
{
	if (!f->unwoken)
		return;
	f->unwoken = false;
	uv_mutex_lock(&f->lock);
	wake_thread(f);
	uv_mutex_unlock(&f->lock);
}
