/* A file that lines of a log go to, or standard error. Lines are gathered, and
 * written by log_file_flush(), once a turn of the loop. What can't be written
 * (a disk that is full) is lost and counted: it holds nobody up. */
#ifndef SLUICE_LOG_FILE_H
#define SLUICE_LOG_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { LOG_FILE_BYTES = 64 * 1024 };

struct log_file {
	int fd;
	char *path;	/* NULL: standard error */
	uint64_t *lost; /* counts lines; borrowed */
	size_t len;
	bool torn; /* the last line was written in part */
	char bytes[LOG_FILE_BYTES];
};

/* Standard error until log_file_open(). */
void log_file_init(struct log_file *f, uint64_t *lost);
/* Appends to this file (copied; made with the mode 0640). A negative errno. */
int log_file_open(struct log_file *f, const char *path);
/* The same name anew, for it may have been moved away. On failure it goes on
 * with the old one. */
int log_file_reopen(struct log_file *f);
void log_file_finish(struct log_file *f);

void log_file_flush(struct log_file *f);

/* Both are a logging_sink with a struct log_file: the line waits for the flush;
 * the line is written with all before it. */
void log_file_put(void *arg, const char *line, size_t len);
void log_file_put_now(void *arg, const char *line, size_t len);

#endif
