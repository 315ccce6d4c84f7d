/* Level-triggered, inside and outside: what one iteration of the loop leaves is
 * found in the next. The kernel moves reported sockets to the end of its list,
 * so none starves. */
#include "loop/poller.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <uv.h>

#include "base/check.h"

/* Sockets served in a row, before accepting, NATS and timers. */
enum { POLLER_BURST = 256 };

struct poller {
	uv_poll_t poll;
	struct poller_cbs cbs;
	int fd;
	int n_watchers;	 /* bounded by the limit of descriptors */
	void **watchers; /* by descriptor */
	struct epoll_event found[POLLER_BURST];
};

static uint32_t events_to_epoll(unsigned events)
{
	return (events & POLLER_IN ? (uint32_t)EPOLLIN : 0) |
	       (events & POLLER_OUT ? (uint32_t)EPOLLOUT : 0);
}

static unsigned events_from_epoll(uint32_t found)
{
	if (found & (EPOLLERR | EPOLLHUP))
		return POLLER_IN | POLLER_OUT;
	return (found & EPOLLIN ? POLLER_IN : 0U) |
	       (found & EPOLLOUT ? POLLER_OUT : 0U);
}

static void on_found(uv_poll_t *poll, int status, int events)
{
	struct poller *p = CONTAINER_OF(poll, struct poller, poll);
	int n = epoll_wait(p->fd, p->found, POLLER_BURST, 0);

	(void)status;
	(void)events;
	/* A watcher may close the poller: all are then removed, and the memory
	 * lives until on_poll_closed(). */
	for (int i = 0; i < n; i++) {
		int fd = p->found[i].data.fd;
		void *watcher = fd < p->n_watchers ? p->watchers[fd] : NULL;

		if (watcher != NULL)
			p->cbs.on_events(watcher,
					 events_from_epoll(p->found[i].events));
	}
}

static int grow_watchers(struct poller *p, int fd)
{
	int n = fd + fd / 8 + 64;
	void **more;

	if (fd < p->n_watchers)
		return 0;
	more = realloc(p->watchers, (size_t)n * sizeof(*more));
	if (more == NULL)
		return -ENOMEM;
	for (int i = p->n_watchers; i < n; i++)
		more[i] = NULL;
	p->watchers = more;
	p->n_watchers = n;
	return 0;
}

int poller_add(struct poller *p, int fd, void *watcher)
{
	struct epoll_event e = {.events = EPOLLIN, .data.fd = fd};
	int rc = grow_watchers(p, fd);

	if (rc < 0)
		return rc;
	if (p->watchers[fd] != NULL)
		return -EEXIST;
	if (epoll_ctl(p->fd, EPOLL_CTL_ADD, fd, &e) < 0)
		return -errno;
	p->watchers[fd] = watcher;
	return 0;
}

static bool is_watched(const struct poller *p, int fd)
{
	return fd >= 0 && fd < p->n_watchers && p->watchers[fd] != NULL;
}

int poller_change(struct poller *p, int fd, unsigned events)
{
	struct epoll_event e = {.events = events_to_epoll(events),
				.data.fd = fd};

	if (!is_watched(p, fd))
		return -ENOENT;
	return epoll_ctl(p->fd, EPOLL_CTL_MOD, fd, &e) < 0 ? -errno : 0;
}

void poller_remove(struct poller *p, int fd)
{
	if (is_watched(p, fd))
		p->watchers[fd] = NULL;
}

int poller_new(struct poller **ret, struct uv_loop_s *loop,
	       const struct poller_cbs *cbs)
{
	struct poller *p = calloc(1, sizeof(*p));
	int rc;

	if (p == NULL)
		return -ENOMEM;
	p->cbs = *cbs;
	p->fd = epoll_create1(EPOLL_CLOEXEC);
	rc = p->fd < 0 ? -errno : uv_poll_init(loop, &p->poll, p->fd);
	if (rc < 0) {
		if (p->fd >= 0)
			close(p->fd);
		free(p);
		return rc;
	}
	uv_poll_start(&p->poll, UV_READABLE, on_found);
	*ret = p;
	return 0;
}

static void on_poll_closed(uv_handle_t *h)
{
	struct poller *p = CONTAINER_OF((uv_poll_t *)h, struct poller, poll);
	struct poller_cbs cbs = p->cbs;

	free(p->watchers);
	free(p);
	cbs.on_closed(cbs.arg);
}

void poller_close(struct poller *p)
{
	uv_close((uv_handle_t *)&p->poll, on_poll_closed);
	/* uv_close() has stopped polling: the descriptor may be closed. */
	close(p->fd);
}
