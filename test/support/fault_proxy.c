#include "fault_proxy.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "fault_thread.h"
#include "test_clock.h"

enum { BACKLOG = 128, POLL_MS = 1 };

/* ---- life ---------------------------------------------------------------- */

static struct sockaddr_in parse(const char *to)
{
	const char *scheme = strstr(to, "://");
	const char *host = scheme == NULL ? to : scheme + 3;
	struct sockaddr_in addr = {.sin_family = AF_INET};
	char text[16], end = '\0';
	int port = 0, n;

	n = sscanf(host, "%15[0-9.]:%5d%c", text, &port, &end);
	if (n < 2 || (n == 3 && end != '/') || port < 1 || port > 65535 ||
	    inet_pton(AF_INET, text, &addr.sin_addr) != 1)
		fail_msg("no address to pass on to: \"%s\"", to);
	addr.sin_port = htons((uint16_t)port);
	return addr;
}

static int listen_somewhere(struct fault_proxy *p)
{
	struct sockaddr_in at = {.sin_family = AF_INET,
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&at, len) != 0 ||
	    listen(fd, BACKLOG) != 0 ||
	    getsockname(fd, (struct sockaddr *)&at, &len) != 0)
		fail_msg("fault proxy: listen: %s", strerror(errno));
	p->port = ntohs(at.sin_port);
	snprintf(p->address, sizeof(p->address), "127.0.0.1:%d", p->port);
	snprintf(p->url, sizeof(p->url), "nats://%s", p->address);
	return fd;
}

void fault_proxy_start(struct fault_proxy *p, const char *to)
{
	struct sockaddr_in addr = parse(to);
	struct fault_proxy_thread *t;

	if (p->thread != NULL)
		fail_msg("the fault proxy runs already");
	t = calloc(1, sizeof(*t));
	assert_non_null(t);
	t->to = addr;
	t->rcvbuf = p->rcvbuf;
	t->listener = listen_somewhere(p);
	/* Inherited by what is accepted, before the first byte comes. */
	fault_thread_set_options(t, t->listener);
	t->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	assert_true(t->bell >= 0);
	assert_int_equal(pthread_mutex_init(&t->lock, NULL), 0);
	assert_int_equal(pthread_create(&t->id, NULL, fault_thread_run, t), 0);
	p->thread = t;
}

static void ring(struct fault_proxy_thread *t)
{
	uint64_t one = 1;

	if (write(t->bell, &one, sizeof(one)) != sizeof(one))
		abort();
}

static struct fault_proxy_thread *lock(const struct fault_proxy *p)
{
	if (p->thread == NULL)
		fail_msg("the fault proxy does not run");
	pthread_mutex_lock(&p->thread->lock);
	return p->thread;
}

static void unlock(struct fault_proxy_thread *t)
{
	ring(t);
	pthread_mutex_unlock(&t->lock);
}

void fault_proxy_stop(struct fault_proxy *p)
{
	struct fault_proxy_thread *t;

	if (p->thread == NULL)
		return;
	t = lock(p);
	t->stopping = true;
	unlock(t);
	pthread_join(t->id, NULL);
	pthread_mutex_destroy(&t->lock);
	close(t->listener);
	close(t->bell);
	free(t);
	*p = (struct fault_proxy){.rcvbuf = p->rcvbuf};
}

/* ---- what happens -------------------------------------------------------- */

static size_t index_of(enum fault_way way)
{
	if (way != FAULT_TO_SERVER && way != FAULT_TO_CLIENT)
		fail_msg("%d is not one way", (int)way);
	return way == FAULT_TO_SERVER ? TO_SERVER : TO_CLIENT;
}

void fault_proxy_rule(struct fault_proxy *p, enum fault_way ways,
		      const struct fault_rule *rule)
{
	struct fault_proxy_thread *t;

	if (ways < FAULT_TO_SERVER || ways > FAULT_BOTH)
		fail_msg("%d is no way", (int)ways);
	t = lock(p);
	for (size_t i = 0; i < WAYS; i++) {
		if (ways & (i == TO_SERVER ? FAULT_TO_SERVER : FAULT_TO_CLIENT))
			t->rules[i] =
				rule == NULL ? (struct fault_rule){0} : *rule;
	}
	unlock(t);
}

void fault_proxy_door(struct fault_proxy *p, enum fault_door door)
{
	struct fault_proxy_thread *t;

	if (door > FAULT_BLACKHOLE)
		fail_msg("%d is no state of a door", (int)door);
	t = lock(p);
	t->door = door;
	unlock(t);
}

/* The newest connection if it is open, locked; else the test fails. */
static struct fault_conn *present(struct fault_proxy_thread *t)
{
	struct fault_conn *c = t->conns;

	while (c != NULL && c->number != t->counts.connections)
		c = c->next;
	if (c == NULL || c->over || c->number == 0) {
		unlock(t);
		fail_msg("no connection is open");
	}
	return c;
}

static void set_point(struct fault_proxy *p, bool cut, enum fault_way way,
		      enum fault_which which, struct fault_point point)
{
	size_t i = index_of(way);
	struct fault_proxy_thread *t = lock(p);

	point.armed = true;
	if (which == FAULT_PRESENT) {
		struct fault_flow *f = &present(t)->flows[i];

		point.at += f->passed;
		*(cut ? &f->cut : &f->pause) = point;
	} else {
		t->next_cut[i] = cut ? point : t->next_cut[i];
		t->next_pause[i] = cut ? t->next_pause[i] : point;
	}
	unlock(t);
}

void fault_proxy_cut(struct fault_proxy *p, enum fault_way way,
		     enum fault_which which, uint64_t after, enum fault_end end)
{
	set_point(p, true, way, which,
		  (struct fault_point){.at = after, .end = end});
}

void fault_proxy_pause(struct fault_proxy *p, enum fault_way way,
		       enum fault_which which, uint64_t after, unsigned ms)
{
	if (ms == 0)
		fail_msg("a pause of nothing");
	set_point(p, false, way, which,
		  (struct fault_point){.at = after,
				       .wait_ns = (uint64_t)ms * 1000000});
}

void fault_proxy_half_close(struct fault_proxy *p, enum fault_way way)
{
	size_t i = index_of(way);
	struct fault_proxy_thread *t = lock(p);

	for (struct fault_conn *c = t->conns; c != NULL; c = c->next) {
		if (c->number > 0 && !c->connecting)
			fault_flow_shut(&c->flows[i]);
	}
	unlock(t);
}

void fault_proxy_end(struct fault_proxy *p, enum fault_end end)
{
	struct fault_proxy_thread *t = lock(p);

	for (struct fault_conn *c = t->conns; c != NULL; c = c->next)
		fault_conn_end(t, c, end);
	unlock(t);
}

void fault_proxy_heal(struct fault_proxy *p)
{
	struct fault_proxy_thread *t = lock(p);

	t->door = FAULT_OPEN;
	for (size_t i = 0; i < WAYS; i++) {
		t->rules[i] = (struct fault_rule){0};
		t->next_cut[i].armed = t->next_pause[i].armed = false;
		for (struct fault_conn *c = t->conns; c != NULL; c = c->next)
			c->flows[i].cut.armed = c->flows[i].pause.armed = false;
	}
	unlock(t);
}

/* ---- counts -------------------------------------------------------------- */

struct fault_counts fault_proxy_counts(const struct fault_proxy *p)
{
	struct fault_proxy_thread *t = lock(p);
	struct fault_counts counts = t->counts;

	pthread_mutex_unlock(&t->lock);
	return counts;
}

void fault_proxy_until(const struct fault_proxy *p, fault_proxy_done done,
		       uint64_t arg, const char *what)
{
	uint64_t deadline = test_deadline_ms(FAULT_WAIT_MS);

	for (;;) {
		struct fault_counts c = fault_proxy_counts(p);

		if (done(&c, arg))
			return;
		if (test_now_ms() > deadline)
			fail_msg("%s: not %llu; %llu connections, %llu open, "
				 "%llu cuts",
				 what, (unsigned long long)arg,
				 (unsigned long long)c.connections,
				 (unsigned long long)c.open,
				 (unsigned long long)c.cuts);
		poll(NULL, 0, POLL_MS);
	}
}

static bool has_connections(const struct fault_counts *c, uint64_t n)
{
	return c->connections >= n;
}

static bool has_cuts(const struct fault_counts *c, uint64_t n)
{
	return c->cuts >= n;
}

static bool has_open(const struct fault_counts *c, uint64_t n)
{
	return c->open == n;
}

void fault_proxy_wait_connections(const struct fault_proxy *p, uint64_t n)
{
	fault_proxy_until(p, has_connections, n, "connections");
}

void fault_proxy_wait_cuts(const struct fault_proxy *p, uint64_t n)
{
	fault_proxy_until(p, has_cuts, n, "cuts");
}

void fault_proxy_wait_open(const struct fault_proxy *p, uint64_t n)
{
	fault_proxy_until(p, has_open, n, "open connections");
}
