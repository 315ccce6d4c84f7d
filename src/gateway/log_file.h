/* The destination of a log: standard error, or a file. Lines are queued on the
 * loop and written by a thread, so that a stalled destination (a pipe without a
 * reader, a slow file system) does not stall the loop.
 *
 * The queue has LOG_FILE_BYTES. A line that does not fit, or that cannot be
 * written (a full disk), is lost and counted. Lines stay whole and in order. */
#ifndef SLUICE_LOG_FILE_H
#define SLUICE_LOG_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct uv_loop_s;
struct log_file;

enum {
	/* Size of the queue; as much again is being written. */
	LOG_FILE_BYTES = 512 * 1024,
	/* Time for the last lines, when it is closed. */
	LOG_FILE_LAST_MS = 1000,
};

/* What has happened since the last report. */
struct log_file_report {
	uint64_t lost; /* lines; 0 while more are being lost */
	int write_rc;  /* 0, or a negative errno: lines began to be lost */
	bool reopened; /* a log_file_reopen() has ended */
	int reopen_rc; /* 0, or a negative errno: the old file is kept */
};

/* Both are called on the loop. */
struct log_file_cbs {
	void (*on_report)(void *arg); /* see log_file_take_report() */
	void (*on_closed)(void *arg);
	void *arg;
};

/* Standard error (path NULL), or a file to append to, created with mode 0640.
 * /dev/stdout and /dev/stderr are the process's descriptors, whatever they are.
 * `lost`, a counter of lines, is borrowed. A negative errno: of the file, or
 * there is no thread. */
int log_file_new(struct log_file **ret, struct uv_loop_s *loop,
		 const char *path, uint64_t *lost,
		 const struct log_file_cbs *cbs);
/* Opens the path again, in the thread, since the file may have been moved away.
 * The result is reported. Without effect for standard error. */
void log_file_reopen(struct log_file *f);
/* Asynchronous: writes the queued lines, for LOG_FILE_LAST_MS at most, then
 * calls on_closed and frees the memory. A thread that hangs in the kernel is
 * abandoned. Accepts NULL. */
void log_file_close(struct log_file *f);

/* Lets the thread write the queued lines. */
void log_file_flush(struct log_file *f);
/* False: nothing to report. */
bool log_file_take_report(struct log_file *f, struct log_file_report *ret);

/* Log sinks with a struct log_file as argument. The line waits for the flush,
 * or is written at once, with all before it. */
void log_file_put(void *arg, const char *line, size_t len);
void log_file_put_now(void *arg, const char *line, size_t len);

/* The path means the file that standard error is. */
bool log_file_is_stderr(const char *path);

#endif
