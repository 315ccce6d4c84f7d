/* Where the lines of a log go: standard error, or a file. Lines are queued on
 * the loop and written by a thread, so that nothing that stalls (a pipe that is
 * not read, a slow file system) holds up the loop.
 *
 * The queue has LOG_FILE_BYTES; a line that finds no room there, or that cannot
 * be written (a disk that is full), is lost and counted. Lines stay whole and
 * in order. */
#ifndef SLUICE_LOG_FILE_H
#define SLUICE_LOG_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct uv_loop_s;
struct log_file;

enum {
	/* Of the queue, and as much again for what is being written. */
	LOG_FILE_BYTES = 512 * 1024,
	/* For the last lines, when it is closed. */
	LOG_FILE_LAST_MS = 1000,
};

/* What there is to report, once. */
struct log_file_news {
	uint64_t lost; /* lines, since the last report; writing works again */
	int write_rc;  /* 0, or a negative errno: lines began to be lost */
	bool reopened; /* log_file_reopen() is through */
	int reopen_rc; /* 0, or a negative errno: the old file goes on */
};

/* Both are called on the loop. */
struct log_file_cbs {
	void (*on_news)(void *arg); /* log_file_take_news() may have some */
	void (*on_closed)(void *arg);
	void *arg;
};

/* Standard error (path NULL), or appends to this file, which is made with the
 * mode 0640. /dev/stdout and /dev/stderr are the descriptors that the process
 * has, whatever they are. `lost` counts lines and is borrowed. A negative
 * errno: of the file, or there is no thread. */
int log_file_new(struct log_file **ret, struct uv_loop_s *loop,
		 const char *path, uint64_t *lost,
		 const struct log_file_cbs *cbs);
/* Opens the same name again, in the thread, since the file may have been moved
 * away. The result is news. Nothing for standard error. */
void log_file_reopen(struct log_file *f);
/* Asynchronous: writes what is queued, at most for LOG_FILE_LAST_MS, then
 * on_closed is called and the memory is freed. A thread that stands still in
 * the kernel is left behind. NULL is fine. */
void log_file_close(struct log_file *f);

/* Lets the thread write what was put. */
void log_file_flush(struct log_file *f);
/* False: no news. Lost lines are none as long as more are being lost. */
bool log_file_take_news(struct log_file *f, struct log_file_news *ret);

/* Both are a log_sink with a struct log_file: the line waits for the flush;
 * the line is written with all before it. */
void log_file_put(void *arg, const char *line, size_t len);
void log_file_put_now(void *arg, const char *line, size_t len);

/* The path means the file that standard error is. */
bool log_file_is_stderr(const char *path);

#endif
