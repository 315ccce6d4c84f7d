#include "gateway/descriptors.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <uv.h>

enum {
	/* Files, NATS, listeners, short responses, the admin listeners. */
	OTHER_DESCRIPTORS = 64 + 128 + 128,
	MIN_CONNECTIONS = 16,	/* however low the limit is */
	MAX_TABLE = 128 * 1024, /* entries: 1 MiB of kernel memory */
};

size_t descriptors_max_connections(const struct options *o,
				   const struct log *log)
{
	struct rlimit lim = {.rlim_cur = 1024};
	size_t fit;

	getrlimit(RLIMIT_NOFILE, &lim);
	fit = lim.rlim_cur > OTHER_DESCRIPTORS + MIN_CONNECTIONS
		      ? (size_t)lim.rlim_cur - OTHER_DESCRIPTORS
		      : MIN_CONNECTIONS;
	if (o->max_connections == 0)
		return fit;
	if (o->max_connections > fit)
		LOG(log, LOG_WARN, "too few descriptors for --max-connections",
		    LOG_U64("max_connections", o->max_connections),
		    LOG_U64("limit", lim.rlim_cur), LOG_U64("enough_for", fit));
	return (size_t)o->max_connections;
}

/* The kernel doubles the table of a process when it is full. In a process with
 * threads this waits for all processors, some 20 ms each time, in which no
 * connection is accepted. Duplicating a descriptor to a high number enlarges it
 * at once. */
void descriptors_enlarge_table(struct uv_loop_s *loop, size_t connections)
{
	size_t n = connections + OTHER_DESCRIPTORS;
	struct rlimit lim;
	int fd;

	if (getrlimit(RLIMIT_NOFILE, &lim) < 0)
		return;
	if (n > lim.rlim_cur)
		n = (size_t)lim.rlim_cur;
	if (n > MAX_TABLE)
		n = MAX_TABLE;
	fd = fcntl(uv_backend_fd(loop), F_DUPFD_CLOEXEC, (int)n - 1);
	if (fd >= 0)
		close(fd);
}
