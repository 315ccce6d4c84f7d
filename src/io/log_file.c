#include "log_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void log_file_init(struct log_file *f, uint64_t *lost)
{
	f->fd = STDERR_FILENO;
	f->path = NULL;
	f->lost = lost;
	f->len = 0;
	f->torn = false;
}

/* Not blocking: a pipe that nobody reads must not stop the loop. */
static int open_path(const char *path)
{
	int fd = open(path,
		      O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK |
			      O_NOCTTY,
		      0640);

	return fd < 0 ? -errno : fd;
}

int log_file_open(struct log_file *f, const char *path)
{
	char *copy = strdup(path);
	int fd = copy == NULL ? -ENOMEM : open_path(path);

	if (fd < 0) {
		free(copy);
		return fd;
	}
	f->fd = fd;
	f->path = copy;
	return 0;
}

int log_file_reopen(struct log_file *f)
{
	int fd;

	if (f->path == NULL)
		return 0;
	log_file_flush(f);
	fd = open_path(f->path);
	if (fd < 0)
		return fd;
	close(f->fd);
	f->fd = fd;
	f->torn = false;
	return 0;
}

void log_file_finish(struct log_file *f)
{
	log_file_flush(f);
	if (f->path != NULL)
		close(f->fd);
	free(f->path);
	f->path = NULL;
	f->fd = STDERR_FILENO;
}

static void count_lost(struct log_file *f, const char *at, const char *end)
{
	while (at < end &&
	       (at = memchr(at, '\n', (size_t)(end - at))) != NULL) {
		(*f->lost)++;
		at++;
	}
}

/* How much went out. */
static size_t write_all(const struct log_file *f, const char *at, size_t len)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = write(f->fd, at + done, len - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		done += (size_t)n;
	}
	return done;
}

/* A line that is cut off ends before the next one begins. */
void log_file_flush(struct log_file *f)
{
	size_t len = f->len, done;

	f->len = 0;
	if (len == 0)
		return;
	if (f->torn && write_all(f, "\n", 1) == 0) {
		count_lost(f, f->bytes, f->bytes + len);
		return;
	}
	done = write_all(f, f->bytes, len);
	f->torn = done > 0 && f->bytes[done - 1] != '\n';
	count_lost(f, f->bytes + done, f->bytes + len);
}

void log_file_put(void *arg, const char *line, size_t len)
{
	struct log_file *f = arg;

	if (len > sizeof(f->bytes) - f->len)
		log_file_flush(f);
	if (len > sizeof(f->bytes))
		return;
	memcpy(f->bytes + f->len, line, len);
	f->len += len;
}

void log_file_put_now(void *arg, const char *line, size_t len)
{
	log_file_put(arg, line, len);
	log_file_flush(arg);
}
