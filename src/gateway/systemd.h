/* The two halves of a service manager's protocol, both found in the
 * environment: listening sockets that it opened for the process
 * (sd_listen_fds(3)), and the process's state as datagrams to it
 * (sd_notify(3)). */
#ifndef SLUICE_SYSTEMD_H
#define SLUICE_SYSTEMD_H

#include <stdbool.h>

struct uv_loop_s;
struct systemd;

enum {
	SYSTEMD_SOCKETS_MAX = 64,
	SYSTEMD_STATUS_MAX = 160,
	SYSTEMD_ERROR_MAX = 256,
};

/* ---- sockets ------------------------------------------------------------- */

struct systemd_socket {
	int fd;	    /* close-on-exec */
	bool admin; /* its name is "admin" */
};

/* The sockets for this process (LISTEN_PID, LISTEN_FDS, LISTEN_FDNAMES), into
 * `out` (SYSTEMD_SOCKETS_MAX). Returns their number, or a negative errno with
 * `err`. Removes the variables, so that it works once. */
int systemd_take_sockets(struct systemd_socket *out, char *err);

/* ---- notifications ------------------------------------------------------- */

/* The state in one line, into `out` (SYSTEMD_STATUS_MAX bytes). */
typedef void (*systemd_status_cb)(void *arg, char *out);

/* Opens NOTIFY_SOCKET: a path, or an abstract name after '@'. If it is not set,
 * *ret is NULL, which the other functions accept. From now on a timer of the
 * loop sends the status when it has changed, and with WATCHDOG_USEC (and
 * WATCHDOG_PID) a keep-alive twice in that time. What the manager does not take
 * is sent again. Negative errno with `err`. */
int systemd_new(struct systemd **ret, struct uv_loop_s *loop,
		systemd_status_cb status, void *arg, char *err);
void systemd_ready(struct systemd *s);
void systemd_stopping(struct systemd *s);
/* Asynchronous: the memory is freed in the loop. */
void systemd_close(struct systemd *s);

#endif
