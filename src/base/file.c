#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/check.h"

enum {
	FILE_MAX_BYTES = 1 << 20,
	READ_AT_LEAST = 512,
};

/* Reserves room for all of a regular file at once: realloc() would leave copies
 * of a secret in freed memory. */
static int reserve_file_size(int fd, struct buf *b)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || st.st_size > FILE_MAX_BYTES)
		return 0;
	return buf_reserve(b, (size_t)st.st_size + READ_AT_LEAST);
}

static int read_descriptor(int fd, struct buf *b)
{
	for (;;) {
		int rc = buf_reserve(b, READ_AT_LEAST);
		ssize_t n;

		if (rc < 0)
			return rc;
		n = read(fd, buf_tail(b), buf_room(b));
		if (n == 0)
			return 0;
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0)
			buf_added(b, (size_t)n);
	}
}

int file_read(const char *path, char **ret, size_t *len)
{
	/* O_NONBLOCK: do not wait for the writer of a FIFO. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct buf b;
	int rc;

	if (fd < 0)
		return -errno;
	/* Room for the longest file, to find its end, and for the NUL; a
	 * file of one byte more does not fit. */
	buf_init(&b, FILE_MAX_BYTES + READ_AT_LEAST);
	rc = reserve_file_size(fd, &b);
	if (rc == 0)
		rc = read_descriptor(fd, &b);
	close(fd);
	if (rc == 0)
		rc = buf_putc(&b, '\0');
	if (rc < 0) {
		buf_finish(&b);
		return rc == -ENOBUFS ? -EFBIG : rc;
	}
	MUST(b.start == 0);
	*len = buf_unread(&b) - 1;
	*ret = (char *)b.data;
	return 0;
}
