/* Which of many sockets can be read or written: an epoll set of our own, behind
 * one uv_poll_t. A handle of libuv's for each socket would be 160 bytes of it
 * and one system call more at its end (docs/decisions/own-sockets.md).
 *
 * The set is told the descriptor, never an address: a socket that some child
 * process still holds open goes on being reported after its close(), and then
 * nobody is found under its number, or somebody who has no use for it. So what
 * is reported is a hint. Whoever gets one tries, and may get EAGAIN. */
#ifndef SLUICE_POLLER_H
#define SLUICE_POLLER_H

struct uv_loop_s;
struct poller;

enum poller_events { POLLER_IN = 1, POLLER_OUT = 2 };

struct poller_cbs {
	/* `events` are of enum poller_events: those that were asked for, all of
	 * them after an error or an end of both sides, which reading or writing
	 * will say; 0 where none were. Any socket may be added or removed. */
	void (*on_events)(void *watcher, unsigned events);
	/* After poller_close(), from the loop. */
	void (*on_closed)(void *arg);
	void *arg;
};

/* Negative errno: no descriptor, no memory. */
int poller_new(struct poller **ret, struct uv_loop_s *loop,
	       const struct poller_cbs *cbs);
/* Asks for POLLER_IN. `watcher` is borrowed until poller_remove(). -ENOMEM,
 * -ENOSPC at the system's limit (fs.epoll.max_user_watches), or another
 * negative errno. */
int poller_add(struct poller *p, int fd, void *watcher);
/* Of one that was added: `events` is all that is asked for from now on. A
 * negative errno: nothing was changed, and the socket must be closed, since its
 * events are not what its owner waits for. */
int poller_change(struct poller *p, int fd, unsigned events);
/* Its watcher is not called any more, not even for what has been found already.
 * Nothing happens for one that was not added.
 * close(fd) must follow at once: it is what takes the socket out of the set. */
void poller_remove(struct poller *p, int fd);
/* All must have been removed. on_closed comes once, and frees it. */
void poller_close(struct poller *p);

#endif
