#include "gateway/systemd.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <uv.h>

#include "base/check.h"

enum {
	FIRST_SOCKET = 3,
	STATUS_PERIOD_MS = 1000,
	MIN_PERIOD_MS = 10,
};

struct systemd {
	uv_timer_t timer;
	int fd;
	struct sockaddr_un to;
	socklen_t to_len;
	systemd_status_cb status;
	void *arg;
	bool watchdog;
	bool ready_due;	   /* to be sent */
	bool stopping_due; /* to be sent */
	char sent_status[SYSTEMD_STATUS_MAX];
};

/* ---- sockets ------------------------------------------------------------- */

/* The value of a variable; false if it is no number. */
static bool read_env_number(const char *name, long *ret)
{
	const char *text = getenv(name);
	char *end;

	if (text == NULL || *text < '0' || *text > '9')
		return false;
	errno = 0;
	*ret = strtol(text, &end, 10);
	return errno == 0 && *end == '\0';
}

/* Whether name `n` (from 0) of "a:admin:b" is "admin". */
static bool is_admin_name(const char *names, int n)
{
	static const char admin_name[] = "admin";
	size_t len;

	for (; names != NULL && n > 0; n--) {
		names = strchr(names, ':');
		if (names != NULL)
			names++;
	}
	if (names == NULL)
		return false;
	len = strcspn(names, ":");
	return len == strlen(admin_name) && memcmp(names, admin_name, len) == 0;
}

static int read_listen_variables(struct systemd_socket *out, char *err)
{
	long pid, n;

	if (getenv("LISTEN_PID") == NULL || getenv("LISTEN_FDS") == NULL)
		return 0;
	if (!read_env_number("LISTEN_PID", &pid) ||
	    !read_env_number("LISTEN_FDS", &n)) {
		snprintf(err, SYSTEMD_ERROR_MAX,
			 "LISTEN_PID or LISTEN_FDS is not a number");
		return -EINVAL;
	}
	if (pid != getpid())
		return 0; /* meant for another process */
	if (n > SYSTEMD_SOCKETS_MAX) {
		snprintf(err, SYSTEMD_ERROR_MAX,
			 "LISTEN_FDS: more than %d sockets",
			 SYSTEMD_SOCKETS_MAX);
		return -E2BIG;
	}
	for (int i = 0; i < (int)n; i++) {
		int fd = FIRST_SOCKET + i;

		if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0) {
			int rc = -errno;

			snprintf(err, SYSTEMD_ERROR_MAX,
				 "LISTEN_FDS: descriptor %d: %s", fd,
				 strerror(-rc));
			return rc;
		}
		out[i].fd = fd;
		out[i].admin = is_admin_name(getenv("LISTEN_FDNAMES"), i);
	}
	return (int)n;
}

int systemd_take_sockets(struct systemd_socket *out, char *err)
{
	int rc = read_listen_variables(out, err);

	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
	return rc;
}

/* ---- notifications ------------------------------------------------------- */

/* A datagram is sent whole or not at all, and the loop does not wait for the
 * manager to read. */
static void send_notification(struct systemd *s)
{
	char status[SYSTEMD_STATUS_MAX] = "";
	char text[SYSTEMD_STATUS_MAX + 64];
	bool changed;
	int len;

	s->status(s->arg, status);
	changed = strcmp(status, s->sent_status) != 0;
	len = snprintf(text, sizeof(text), "%s%s%s%s%s%s",
		       s->ready_due ? "READY=1\n" : "",
		       s->stopping_due ? "STOPPING=1\n" : "",
		       s->watchdog ? "WATCHDOG=1\n" : "",
		       changed ? "STATUS=" : "", changed ? status : "",
		       changed ? "\n" : "");
	if (len == 0 ||
	    sendto(s->fd, text, (size_t)len, MSG_DONTWAIT | MSG_NOSIGNAL,
		   (const struct sockaddr *)&s->to, s->to_len) != len)
		return;
	s->ready_due = s->stopping_due = false;
	strcpy(s->sent_status, status);
}

static void on_timer(uv_timer_t *timer)
{
	send_notification(CONTAINER_OF(timer, struct systemd, timer));
}

static int set_notify_address(struct systemd *s, const char *path)
{
	size_t len = strlen(path);

	if ((path[0] != '/' && path[0] != '@') || len < 2)
		return -EAFNOSUPPORT;
	if (len >= sizeof(s->to.sun_path))
		return -ENAMETOOLONG;
	s->to.sun_family = AF_UNIX;
	memcpy(s->to.sun_path, path, len);
	/* An abstract name begins with a NUL and does not end with one. */
	if (path[0] == '@')
		s->to.sun_path[0] = '\0';
	s->to_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
	return 0;
}

/* Half of the watchdog's time; 0: there is no watchdog. */
static uint64_t watchdog_period_ms(void)
{
	const char *pid = getenv("WATCHDOG_PID");
	const char *usec = getenv("WATCHDOG_USEC");
	uint64_t ms;

	if (usec == NULL ||
	    (pid != NULL && strtol(pid, NULL, 10) != (long)getpid()))
		return 0;
	ms = strtoull(usec, NULL, 10) / 2000;
	return ms > 0 && ms < MIN_PERIOD_MS ? MIN_PERIOD_MS : ms;
}

static int open_notify_socket(struct systemd *s, const char *path)
{
	int rc = set_notify_address(s, path);

	if (rc < 0)
		return rc;
	s->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	return s->fd < 0 ? -errno : 0;
}

int systemd_new(struct systemd **ret, struct uv_loop_s *loop,
		systemd_status_cb status, void *arg, char *err)
{
	const char *path = getenv("NOTIFY_SOCKET");
	uint64_t ms = watchdog_period_ms();
	struct systemd *s;
	int rc;

	*ret = NULL;
	if (path == NULL || *path == '\0')
		return 0;
	s = calloc(1, sizeof(*s));
	rc = s == NULL ? -ENOMEM : open_notify_socket(s, path);
	if (rc < 0) {
		snprintf(err, SYSTEMD_ERROR_MAX, "NOTIFY_SOCKET: %s",
			 strerror(-rc));
		free(s);
		return rc;
	}
	s->status = status;
	s->arg = arg;
	s->watchdog = ms > 0;
	if (ms == 0 || ms > STATUS_PERIOD_MS)
		ms = STATUS_PERIOD_MS;
	uv_timer_init(loop, &s->timer);
	uv_timer_start(&s->timer, on_timer, ms, ms);
	*ret = s;
	return 0;
}

void systemd_ready(struct systemd *s)
{
	if (s == NULL)
		return;
	s->ready_due = true;
	send_notification(s);
}

void systemd_stopping(struct systemd *s)
{
	if (s == NULL)
		return;
	s->stopping_due = true;
	send_notification(s);
}

static void on_closed(uv_handle_t *h)
{
	free(CONTAINER_OF((uv_timer_t *)h, struct systemd, timer));
}

void systemd_close(struct systemd *s)
{
	if (s == NULL)
		return;
	close(s->fd);
	uv_close((uv_handle_t *)&s->timer, on_closed);
}
