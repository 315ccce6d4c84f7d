#include "gateway/inherited.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { INHERITED_FIRST = 3 };

static const char admin_name[] = "admin";

/* A variable's number; false for what is none. */
static bool env_number(const char *name, long *ret)
{
	const char *text = getenv(name);
	char *end;

	if (text == NULL || *text < '0' || *text > '9')
		return false;
	errno = 0;
	*ret = strtol(text, &end, 10);
	return errno == 0 && *end == '\0';
}

/* "a:admin:b": is the n-th one (from 0) the admin's? */
static bool is_admin_name(const char *names, int n)
{
	size_t len;

	for (; names != NULL && n > 0; n--) {
		names = strchr(names, ':');
		if (names != NULL)
			names++;
	}
	if (names == NULL)
		return false;
	len = strcspn(names, ":");
	return len == sizeof(admin_name) - 1 &&
	       memcmp(names, admin_name, len) == 0;
}

static int take_inherited(struct inherited *out, char *err)
{
	long pid, n;

	if (getenv("LISTEN_PID") == NULL || getenv("LISTEN_FDS") == NULL)
		return 0;
	if (!env_number("LISTEN_PID", &pid) || !env_number("LISTEN_FDS", &n)) {
		snprintf(err, INHERITED_ERROR_MAX,
			 "LISTEN_PID or LISTEN_FDS is no number");
		return -EINVAL;
	}
	if (pid != getpid())
		return 0; /* they are another's */
	if (n > INHERITED_MAX) {
		snprintf(err, INHERITED_ERROR_MAX,
			 "LISTEN_FDS: more than %d sockets", INHERITED_MAX);
		return -E2BIG;
	}
	for (int i = 0; i < (int)n; i++) {
		int fd = INHERITED_FIRST + i;

		if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0) {
			snprintf(err, INHERITED_ERROR_MAX,
				 "LISTEN_FDS: descriptor %d: %s", fd,
				 strerror(errno));
			return -errno;
		}
		out[i].fd = fd;
		out[i].admin = is_admin_name(getenv("LISTEN_FDNAMES"), i);
	}
	return (int)n;
}

int inherited_take(struct inherited *out, char *err)
{
	int rc = take_inherited(out, err);

	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
	return rc;
}
