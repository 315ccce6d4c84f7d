#include "gateway/notify.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <uv.h>

#include "base/check.h"

enum { NOTIFY_STATUS_MS = 1000, NOTIFY_SOONEST_MS = 10 };

struct notify {
	uv_timer_t timer;
	int fd;
	struct sockaddr_un to;
	socklen_t to_len;
	notify_status_cb status;
	void *arg;
	bool watched;
	bool ready_due;	   /* to be said */
	bool stopping_due; /* to be said */
	char said[NOTIFY_STATUS_MAX];
};

/* A datagram goes whole or not at all; the loop waits for nobody. */
static void send_notification(struct notify *n)
{
	char status[NOTIFY_STATUS_MAX] = "";
	char text[NOTIFY_STATUS_MAX + 64];
	bool news;
	int len;

	n->status(n->arg, status);
	news = strcmp(status, n->said) != 0;
	len = snprintf(text, sizeof(text), "%s%s%s%s%s%s",
		       n->ready_due ? "READY=1\n" : "",
		       n->stopping_due ? "STOPPING=1\n" : "",
		       n->watched ? "WATCHDOG=1\n" : "", news ? "STATUS=" : "",
		       news ? status : "", news ? "\n" : "");
	if (len == 0 ||
	    sendto(n->fd, text, (size_t)len, MSG_DONTWAIT | MSG_NOSIGNAL,
		   (const struct sockaddr *)&n->to, n->to_len) != len)
		return;
	n->ready_due = n->stopping_due = false;
	strcpy(n->said, status);
}

static void on_timer(uv_timer_t *timer)
{
	send_notification(CONTAINER_OF(timer, struct notify, timer));
}

static int set_notify_address(struct notify *n, const char *path)
{
	size_t len = strlen(path);

	if ((path[0] != '/' && path[0] != '@') || len < 2)
		return -EAFNOSUPPORT;
	if (len >= sizeof(n->to.sun_path))
		return -ENAMETOOLONG;
	n->to.sun_family = AF_UNIX;
	memcpy(n->to.sun_path, path, len);
	/* An abstract name begins with a NUL and has no other. */
	if (path[0] == '@')
		n->to.sun_path[0] = '\0';
	n->to_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
	return 0;
}

/* Milliseconds between two signs of life; 0: nobody watches. */
static uint64_t watchdog_period_ms(void)
{
	const char *pid = getenv("WATCHDOG_PID");
	const char *usec = getenv("WATCHDOG_USEC");
	uint64_t ms;

	if (usec == NULL ||
	    (pid != NULL && strtol(pid, NULL, 10) != (long)getpid()))
		return 0;
	ms = strtoull(usec, NULL, 10) / 2000;
	return ms > 0 && ms < NOTIFY_SOONEST_MS ? NOTIFY_SOONEST_MS : ms;
}

int notify_new(struct notify **ret, struct uv_loop_s *loop,
	       notify_status_cb status, void *arg, char *err)
{
	const char *path = getenv("NOTIFY_SOCKET");
	uint64_t ms = watchdog_period_ms();
	struct notify *n;
	int rc;

	*ret = NULL;
	if (path == NULL || *path == '\0')
		return 0;
	n = calloc(1, sizeof(*n));
	rc = n == NULL ? -ENOMEM : set_notify_address(n, path);
	if (rc == 0) {
		n->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		rc = n->fd < 0 ? -errno : 0;
	}
	if (rc < 0) {
		snprintf(err, NOTIFY_ERROR_MAX, "NOTIFY_SOCKET: %s",
			 strerror(-rc));
		free(n);
		return rc;
	}
	n->status = status;
	n->arg = arg;
	n->watched = ms > 0;
	if (ms == 0 || ms > NOTIFY_STATUS_MS)
		ms = NOTIFY_STATUS_MS;
	uv_timer_init(loop, &n->timer);
	uv_timer_start(&n->timer, on_timer, ms, ms);
	*ret = n;
	return 0;
}

void notify_ready(struct notify *n)
{
	if (n == NULL)
		return;
	n->ready_due = true;
	send_notification(n);
}

void notify_stopping(struct notify *n)
{
	if (n == NULL)
		return;
	n->stopping_due = true;
	send_notification(n);
}

static void on_closed(uv_handle_t *h)
{
	free(CONTAINER_OF((uv_timer_t *)h, struct notify, timer));
}

void notify_close(struct notify *n)
{
	if (n == NULL)
		return;
	close(n->fd);
	uv_close((uv_handle_t *)&n->timer, on_closed);
}
