#include "fault_thread.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

/* ---- a connection's end -------------------------------------------------- */

static void close_socket(int fd, enum fault_end end)
{
	struct linger now = {.l_onoff = 1};

	if (fd < 0)
		return;
	if (end == FAULT_RST)
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(fd);
}

static void close_conn(struct fault_proxy_thread *t, struct fault_conn *c,
		       enum fault_end end)
{
	if (c->over)
		return;
	close_socket(c->client, end);
	close_socket(c->server, end);
	c->over = true;
	if (c->number > 0)
		t->counts.open--;
}

void fault_conn_end(struct fault_proxy_thread *t, struct fault_conn *c,
		    enum fault_end end)
{
	if (end == FAULT_RST || c->number == 0) {
		close_conn(t, c, end);
		return;
	}
	/* A close() with unread bytes would be a reset: so it goes on until
	 * both have ended their side. */
	for (size_t i = 0; i < WAYS; i++)
		fault_flow_shut(&c->flows[i]);
}

static void close_if_done(struct fault_proxy_thread *t, struct fault_conn *c)
{
	if (c->flows[0].shut && c->flows[0].ended && c->flows[1].shut &&
	    c->flows[1].ended)
		close_conn(t, c, FAULT_FIN);
}

static void sweep(struct fault_proxy_thread *t)
{
	struct fault_conn **at = &t->conns;

	while (*at != NULL) {
		struct fault_conn *c = *at;

		if (!c->over) {
			at = &c->next;
			continue;
		}
		*at = c->next;
		free(c);
		t->n_conns--;
	}
}

/* ---- a connection's start ------------------------------------------------ */

void fault_thread_set_options(const struct fault_proxy_thread *t, int fd)
{
	int one = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (t->rcvbuf > 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &t->rcvbuf,
			   sizeof(t->rcvbuf));
}

static struct fault_conn *add_conn(struct fault_proxy_thread *t, int client)
{
	struct fault_conn *c = calloc(1, sizeof(*c));

	if (c == NULL)
		abort();
	c->client = client;
	c->server = -1;
	c->next = t->conns;
	t->conns = c;
	t->n_conns++;
	return c;
}

static void count_anew(struct fault_proxy_thread *t, struct fault_conn *c)
{
	c->number = ++t->counts.connections;
	t->counts.open++;
	t->counts.to_server = t->counts.to_client = 0;
}

/* If it has failed, reading says so. */
static void end_connecting(struct fault_conn *c)
{
	c->connecting = false;
	for (size_t i = 0; i < WAYS; i++) {
		/* Closed before the peer was connected. */
		if (c->flows[i].shut)
			fault_flow_shut(&c->flows[i]);
	}
}

static void start_connecting(struct fault_proxy_thread *t, struct fault_conn *c)
{
	struct pollfd p = {.fd = c->server, .events = POLLOUT};

	c->connecting = true;
	if (connect(c->server, (struct sockaddr *)&t->to, sizeof(t->to)) != 0 &&
	    errno != EINPROGRESS)
		close_conn(t, c, FAULT_RST);
	/* On the loopback it is mostly connected by now. */
	else if (poll(&p, 1, 0) > 0)
		end_connecting(c);
}

/* Joins the two sockets and connects the one of the server. */
static void join(struct fault_proxy_thread *t, struct fault_conn *c)
{
	count_anew(t, c);
	for (size_t i = 0; i < WAYS; i++) {
		c->flows[i].cut = t->next_cut[i];
		c->flows[i].pause = t->next_pause[i];
		t->next_cut[i].armed = t->next_pause[i].armed = false;
	}
	c->server =
		socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (c->server < 0)
		abort();
	fault_thread_set_options(t, c->server);
	c->flows[TO_SERVER].from = c->flows[TO_CLIENT].to = c->client;
	c->flows[TO_SERVER].to = c->flows[TO_CLIENT].from = c->server;
	start_connecting(t, c);
}

static void take_client(struct fault_proxy_thread *t)
{
	int fd = accept4(t->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct fault_conn *c;

	if (fd < 0)
		return;
	fault_thread_set_options(t, fd);
	if (t->door == FAULT_REFUSE || t->n_conns == FAULT_MAX_CONNS) {
		t->counts.turned_away++;
		close_socket(fd, FAULT_RST);
		return;
	}
	c = add_conn(t, fd);
	if (t->door == FAULT_BLACKHOLE)
		t->counts.turned_away++;
	else
		join(t, c);
}

/* ---- passing on ---------------------------------------------------------- */

static void count_bytes(struct fault_proxy_thread *t,
			const struct fault_conn *c, size_t way, uint64_t n)
{
	bool newest = c->number == t->counts.connections;

	if (way == TO_SERVER) {
		t->counts.all_to_server += n;
		t->counts.to_server += newest ? n : 0;
	} else {
		t->counts.all_to_client += n;
		t->counts.to_client += newest ? n : 0;
	}
}

static void pass_way(struct fault_proxy_thread *t, struct fault_conn *c,
		     size_t way)
{
	struct fault_flow *f = &c->flows[way];
	uint64_t pauses = f->n_pauses, n;
	enum fault_end end = f->cut.end;
	enum fault_verdict verdict =
		fault_flow_pass(f, &t->rules[way], now_ns(), &n);

	count_bytes(t, c, way, n);
	t->counts.pauses += f->n_pauses - pauses;
	if (verdict == FAULT_FLOW_BROKEN) {
		close_conn(t, c, FAULT_RST);
	} else if (verdict == FAULT_FLOW_CUT) {
		t->counts.cuts++;
		fault_conn_end(t, c, end);
	}
}

static void pass_conn(struct fault_proxy_thread *t, struct fault_conn *c)
{
	if (c->connecting || c->number == 0)
		return;
	for (size_t i = 0; i < WAYS && !c->over; i++)
		pass_way(t, c, i);
	if (!c->over)
		close_if_done(t, c);
}

static uint64_t conn_due_ns(const struct fault_proxy_thread *t,
			    const struct fault_conn *c)
{
	uint64_t due = UINT64_MAX;

	if (c->connecting || c->number == 0)
		return due;
	for (size_t i = 0; i < WAYS; i++) {
		uint64_t at = fault_flow_due_ns(&c->flows[i], &t->rules[i]);

		due = at < due ? at : due;
	}
	return due;
}

/* ---- the thread ---------------------------------------------------------- */

static void watch(struct fault_proxy_thread *t, int fd, int events)
{
	/* Without a wish not even an error is wanted: it would come at once,
	 * again and again. */
	t->polled[t->n_polled++] = (struct pollfd){.fd = events == 0 ? -1 : fd,
						   .events = (short)events};
}

/* What the socket is to be watched for, that flow `in` reads and flow `out`
 * writes. */
static int wishes(const struct fault_proxy_thread *t,
		  const struct fault_conn *c, size_t in, size_t out)
{
	int events = 0;

	if (fault_flow_wants_input(&c->flows[in], &t->rules[in]))
		events |= POLLIN;
	if (c->flows[out].blocked && !c->flows[out].shut &&
	    !t->rules[out].frozen)
		events |= POLLOUT;
	return events;
}

static void watch_conn(struct fault_proxy_thread *t, const struct fault_conn *c)
{
	if (c->number == 0) {
		watch(t, c->client, POLLRDHUP);
		watch(t, c->server, 0);
	} else if (c->connecting) {
		watch(t, c->client, 0);
		watch(t, c->server, POLLOUT);
	} else {
		watch(t, c->client, wishes(t, c, TO_SERVER, TO_CLIENT));
		watch(t, c->server, wishes(t, c, TO_CLIENT, TO_SERVER));
	}
}

/* Passes on what may go now, and says what is waited for. */
static uint64_t work(struct fault_proxy_thread *t)
{
	uint64_t due = UINT64_MAX;

	for (struct fault_conn *c = t->conns; c != NULL; c = c->next) {
		pass_conn(t, c);
		if (!c->over && conn_due_ns(t, c) < due)
			due = conn_due_ns(t, c);
	}
	sweep(t);
	t->n_polled = 0;
	watch(t, t->bell, POLLIN);
	watch(t, t->listener, POLLIN);
	for (struct fault_conn *c = t->conns; c != NULL; c = c->next)
		watch_conn(t, c);
	return due;
}

static void take_side(struct fault_proxy_thread *t, struct fault_conn *c,
		      int revents, size_t in, size_t out)
{
	if (revents & (POLLOUT | POLLERR | POLLHUP))
		c->flows[out].blocked = false;
	if ((revents & (POLLIN | POLLERR | POLLHUP)) &&
	    fault_flow_wants_input(&c->flows[in], &t->rules[in]))
		fault_flow_take(&c->flows[in], &t->rules[in], now_ns());
}

static void take_conn(struct fault_proxy_thread *t, struct fault_conn *c,
		      const struct pollfd *polled)
{
	int client = polled[0].revents, server = polled[1].revents;

	if (c->over)
		return; /* by the test's thread, meanwhile */
	if (c->number == 0) {
		if (client != 0)
			close_conn(t, c, FAULT_RST);
	} else if (c->connecting) {
		if (server != 0)
			end_connecting(c);
	} else {
		take_side(t, c, client, TO_SERVER, TO_CLIENT);
		take_side(t, c, server, TO_CLIENT, TO_SERVER);
	}
}

/* What ppoll() has found, in the order of work(). */
static void take(struct fault_proxy_thread *t)
{
	const struct pollfd *polled = t->polled + 2;
	uint64_t rings;

	for (struct fault_conn *c = t->conns; c != NULL;
	     c = c->next, polled += 2)
		take_conn(t, c, polled);
	if (t->polled[0].revents != 0 &&
	    read(t->bell, &rings, sizeof(rings)) < 0)
		abort();
	if (t->polled[1].revents != 0)
		take_client(t);
}

static void wait_until(struct fault_proxy_thread *t, uint64_t due_ns)
{
	uint64_t now = now_ns(), ns = due_ns > now ? due_ns - now : 0;
	struct timespec wait = {.tv_sec = (time_t)(ns / 1000000000),
				.tv_nsec = (long)(ns % 1000000000)};

	if (ppoll(t->polled, t->n_polled, due_ns == UINT64_MAX ? NULL : &wait,
		  NULL) < 0) {
		if (errno != EINTR)
			abort();
		for (size_t i = 0; i < t->n_polled; i++)
			t->polled[i].revents = 0;
	}
}

void *fault_thread_run(void *arg)
{
	struct fault_proxy_thread *t = arg;

	pthread_mutex_lock(&t->lock);
	while (!t->stopping) {
		uint64_t due = work(t);

		pthread_mutex_unlock(&t->lock);
		wait_until(t, due);
		pthread_mutex_lock(&t->lock);
		take(t);
	}
	for (struct fault_conn *c = t->conns; c != NULL; c = c->next)
		close_conn(t, c, FAULT_RST);
	sweep(t);
	pthread_mutex_unlock(&t->lock);
	return NULL;
}
