/* Polls many sockets: an epoll set of our own, behind one uv_poll_t. A libuv
 * handle for each socket would cost 160 bytes and one more system call at its
 * close (docs/decisions/own-sockets.md).
 *
 * An event is a hint: a watcher tries to read or write, and may get EAGAIN. The
 * set holds descriptors, never addresses: a socket that a child process still
 * has open is reported after its close(), and then its number has no watcher,
 * or another one. */
#ifndef SLUICE_POLLER_H
#define SLUICE_POLLER_H

struct uv_loop_s;
struct poller;

enum poller_events { POLLER_IN = 1, POLLER_OUT = 2 };

struct poller_cbs {
	/* `events` are of enum poller_events: those that are polled for. After
	 * an error, or when both sides are shut down, all of them (0 where none
	 * are polled for); reading or writing then tells the error. The
	 * callback may add and remove sockets. */
	void (*on_events)(void *watcher, unsigned events);
	/* After poller_close(), from the loop. */
	void (*on_closed)(void *arg);
	void *arg;
};

/* Negative errno: no descriptor, no memory. */
int poller_new(struct poller **ret, struct uv_loop_s *loop,
	       const struct poller_cbs *cbs);
/* Polls for POLLER_IN. `watcher` is borrowed until poller_remove(). -ENOMEM,
 * -ENOSPC at the system's limit (fs.epoll.max_user_watches), or another
 * negative errno. */
int poller_add(struct poller *p, int fd, void *watcher);
/* Polls an added socket for `events` from now on. A negative errno: nothing
 * changed, and the owner must close the socket, since the events it waits for
 * will not come. */
int poller_change(struct poller *p, int fd, unsigned events);
/* The watcher is not called any more, not even for events found already. A
 * no-op for a socket that was not added. close(fd) must follow at once: it
 * takes the socket out of the epoll set. */
void poller_remove(struct poller *p, int fd);
/* All sockets must have been removed. Freed when on_closed is called. */
void poller_close(struct poller *p);

#endif
