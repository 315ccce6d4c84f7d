/* Tells a service manager how we are (sd_notify(3)): datagrams to the socket
 * that NOTIFY_SOCKET names. What it does not take at once is said again. */
#ifndef SLUICE_NOTIFY_H
#define SLUICE_NOTIFY_H

struct uv_loop_s;
struct notify;

enum { NOTIFY_STATUS_MAX = 160, NOTIFY_ERROR_MAX = 256 };

/* How we are, in one line (NOTIFY_STATUS_MAX bytes). */
typedef void (*notify_status_cb)(void *arg, char *out);

/* By the environment: NOTIFY_SOCKET (a path, or an abstract name behind '@'),
 * and WATCHDOG_USEC with WATCHDOG_PID. Without the first 0 and *ret NULL, which
 * all others take. From now on the loop tells the status when it has changed,
 * and that it turns, twice in the watchdog's time. Negative errno with `err`.
 */
int notify_new(struct notify **ret, struct uv_loop_s *loop,
	       notify_status_cb status, void *arg, char *err);
void notify_ready(struct notify *n);
void notify_stopping(struct notify *n);
/* Asynchronous: the memory is freed in the loop. */
void notify_close(struct notify *n);

#endif
