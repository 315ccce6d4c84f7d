#include "subscriptions.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	BATCH = 512,
	BUFFER_BYTES = 512 * 1024,
	STALLED_BYTES = 1024, /* read size of a stalled one, for its head */
	LOOPBACK = 0x7f000000,
	/* Over the loopback, segments have 64 KiB and the kernel buffers
	 * megabytes before a writer must wait. A stalled subscription gets the
	 * segment size and window of a network. */
	STALLED_MSS = 1460,
	STALLED_RCVBUF = 4096,
	WATCHED = UINT32_MAX, /* epoll data of subscriptions_watch() */
};

/* Context of the scanner's callback. */
struct reading {
	struct subscriptions *s;
	struct subscription *sub;
	uint64_t now_ns;
};

static unsigned index_of(const struct subscriptions *s,
			 const struct subscription *sub)
{
	return (unsigned)(sub - s->all);
}

static bool is_stalled(const struct subscriptions *s,
		       const struct subscription *sub)
{
	return index_of(s, sub) < s->cfg.n_stalled;
}

/* ---- events -------------------------------------------------------------- */

static void check_number(struct subscriptions *s, struct subscription *sub,
			 uint64_t number)
{
	if (number >= sub->next) {
		if (sub->next != 0)
			s->counts.missing += number - sub->next;
		sub->next = number + 1;
	} else if (number + 1 == sub->next) {
		s->counts.duplicates++;
	} else {
		s->counts.disordered++;
	}
}

static void on_stamped(struct reading *r, const struct stamp *stamp)
{
	struct subscriptions *s = r->s;

	check_number(s, r->sub, stamp->number);
	if (s->counts.events++ == 0 || stamp->ns < s->first_stamp_ns)
		s->first_stamp_ns = stamp->ns;
	s->last_event_ns = r->now_ns;
	if (stamp->number > s->cfg.warm_up && r->now_ns > stamp->ns)
		histogram_add(&s->latency, r->now_ns - stamp->ns);
	if (++r->sub->n_events == s->goal)
		s->n_done++;
}

static void on_event(void *arg, const struct sse_scan_event *ev)
{
	struct reading *r = arg;

	switch (ev->kind) {
	case SSE_SCAN_STAMPED:
		on_stamped(r, &ev->stamp);
		break;
	case SSE_SCAN_PING:
		r->s->counts.pings++;
		break;
	case SSE_SCAN_GAP:
		r->s->counts.gaps++;
		break;
	case SSE_SCAN_OTHER:
		r->s->counts.others++;
		break;
	case SSE_SCAN_OPENING:
		break;
	}
}

/* ---- states -------------------------------------------------------------- */

static void close_subscription(struct subscriptions *s,
			       struct subscription *sub)
{
	if (sub->state == SUBSCRIPTION_CONNECTING ||
	    sub->state == SUBSCRIPTION_REQUESTED)
		s->n_requested--;
	else
		s->n_open--;
	close(sub->fd);
	sub->fd = -1;
	sub->state = SUBSCRIPTION_CLOSED;
}

/* Closes a subscription that failed or that the server ended. */
static void fail_subscription(struct subscriptions *s, struct subscription *sub,
			      int error)
{
	if (sub->state == SUBSCRIPTION_OPEN ||
	    sub->state == SUBSCRIPTION_STALLED) {
		s->counts.ended++;
	} else {
		s->counts.failed++;
		s->last_error = error;
	}
	close_subscription(s, sub);
}

static void watch(struct subscriptions *s, struct subscription *sub, int op,
		  uint32_t events)
{
	struct epoll_event ev = {.events = events,
				 .data.u32 = index_of(s, sub)};

	if (epoll_ctl(s->epoll, op, sub->fd, &ev) < 0)
		abort();
}

static void on_response_head(struct subscriptions *s, struct subscription *sub,
			     uint64_t now_ns)
{
	s->n_requested--;
	s->n_open++;
	sub->state = SUBSCRIPTION_OPEN;
	if (sub->scan.status != 200) {
		s->counts.failed++;
		s->last_status = sub->scan.status;
		close_subscription(s, sub);
		return;
	}
	s->counts.opened++;
	s->opened_ns = now_ns;
	histogram_add(&s->setup, now_ns - sub->since_ns);
	if (s->cfg.close_at_once) {
		close_subscription(s, sub);
	} else if (is_stalled(s, sub)) {
		sub->state = SUBSCRIPTION_STALLED;
		watch(s, sub, EPOLL_CTL_DEL, 0);
	}
}

static void read_subscription(struct subscriptions *s, struct subscription *sub)
{
	size_t room = is_stalled(s, sub) ? STALLED_BYTES : BUFFER_BYTES;
	ssize_t n = recv(sub->fd, s->buffer, room, 0);
	struct reading r = {s, sub, stamp_now()};

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		fail_subscription(s, sub, n < 0 ? errno : ECONNRESET);
		return;
	}
	s->counts.bytes += (uint64_t)n;
	if (sse_scan_feed(&sub->scan, s->buffer, (size_t)n, on_event, &r) < 0) {
		fail_subscription(s, sub, EPROTO);
		return;
	}
	if (sub->state == SUBSCRIPTION_REQUESTED &&
	    sse_scan_has_head(&sub->scan))
		on_response_head(s, sub, r.now_ns);
	if (sub->fd >= 0 && sse_scan_has_ended(&sub->scan))
		fail_subscription(s, sub, ECONNRESET);
}

/* ---- opening ------------------------------------------------------------- */

static int open_socket(const struct subscriptions *s,
		       const struct subscription *sub)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int mss = STALLED_MSS, rcvbuf = STALLED_RCVBUF;

	if (fd >= 0 && is_stalled(s, sub)) {
		setsockopt(fd, IPPROTO_TCP, TCP_MAXSEG, &mss, sizeof(mss));
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &rcvbuf, sizeof(rcvbuf));
	}
	return fd;
}

/* Binds no port: connect() then finds one that is free for this pair of
 * addresses, rather than for all addresses. */
static int bind_source(const struct subscriptions *s,
		       const struct subscription *sub, int fd)
{
	unsigned x = s->cfg.first_source + index_of(s, sub) % s->cfg.n_sources;
	struct sockaddr_in from = {.sin_family = AF_INET,
				   .sin_addr.s_addr = htonl(LOOPBACK + x)};
	int on = 1;

	setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
	return bind(fd, (struct sockaddr *)&from, sizeof(from));
}

/* Over the loopback the connection is often there before connect() returns, so
 * the request is sent at once. False: the connection is not there yet. */
static bool send_request(struct subscriptions *s, struct subscription *sub)
{
	char request[TARGET_REQUEST_MAX + SSE_SCAN_ID + 32];
	unsigned id = s->cfg.first_id + index_of(s, sub) % s->cfg.n_ids;
	int len = target_request(s->cfg.target, id, sub->scan.last_id, request,
				 sizeof(request));
	char last_id[SSE_SCAN_ID];
	ssize_t n;

	if (len < 0)
		abort();
	n = send(sub->fd, request, (size_t)len, MSG_NOSIGNAL);
	if (n < 0 && (errno == EAGAIN || errno == ENOTCONN))
		return false;
	memcpy(last_id, sub->scan.last_id, sizeof(last_id));
	memset(&sub->scan, 0, sizeof(sub->scan));
	memcpy(sub->scan.last_id, last_id, sizeof(last_id));
	sub->state = SUBSCRIPTION_REQUESTED;
	return true;
}

static void count_failed_open(struct subscriptions *s, int fd)
{
	s->counts.failed++;
	s->last_error = errno;
	if (fd >= 0)
		close(fd);
}

static void open_subscription(struct subscriptions *s, struct subscription *sub)
{
	const struct sockaddr_in *to = &s->cfg.target->at;
	int fd;

	sub->since_ns = stamp_now();
	fd = open_socket(s, sub);
	if (fd < 0 || bind_source(s, sub, fd) < 0 ||
	    (connect(fd, (const struct sockaddr *)to, sizeof(*to)) < 0 &&
	     errno != EINPROGRESS)) {
		count_failed_open(s, fd);
		return;
	}
	sub->fd = fd;
	sub->state = SUBSCRIPTION_CONNECTING;
	s->n_requested++;
	watch(s, sub, EPOLL_CTL_ADD, send_request(s, sub) ? EPOLLIN : EPOLLOUT);
}

static void open_next(struct subscriptions *s)
{
	while (s->n_requested < s->cfg.in_flight && s->next < s->cfg.n)
		open_subscription(s, &s->all[s->next++]);
}

static void on_ready(struct subscriptions *s, struct subscription *sub)
{
	if (sub->state != SUBSCRIPTION_CONNECTING) {
		read_subscription(s, sub);
		return;
	}
	if (send_request(s, sub))
		watch(s, sub, EPOLL_CTL_MOD, EPOLLIN);
}

/* ---- the interface ------------------------------------------------------- */

int subscriptions_init(struct subscriptions *s,
		       const struct subscriptions_config *cfg)
{
	memset(s, 0, sizeof(*s));
	s->cfg = *cfg;
	s->next = cfg->n;
	s->all = calloc(cfg->n, sizeof(*s->all));
	s->buffer = malloc(BUFFER_BYTES);
	s->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (s->all == NULL || s->buffer == NULL || s->epoll < 0) {
		subscriptions_finish(s);
		return -ENOMEM;
	}
	for (unsigned i = 0; i < cfg->n; i++) {
		s->all[i].fd = -1;
		s->all[i].next = cfg->first;
	}
	return 0;
}

void subscriptions_finish(struct subscriptions *s)
{
	if (s->all != NULL)
		subscriptions_close(s);
	if (s->epoll > 0)
		close(s->epoll);
	free(s->all);
	free(s->buffer);
	memset(s, 0, sizeof(*s));
}

void subscriptions_open(struct subscriptions *s)
{
	s->next = 0;
	s->begun_ns = stamp_now();
	open_next(s);
}

bool subscriptions_are_open(const struct subscriptions *s)
{
	return s->next == s->cfg.n && s->n_requested == 0;
}

void subscriptions_expect(struct subscriptions *s, uint32_t goal)
{
	s->goal = goal;
	s->n_done = 0;
	for (unsigned i = 0; i < s->cfg.n; i++)
		if (s->all[i].n_events >= goal)
			s->n_done++;
}

bool subscriptions_are_done(const struct subscriptions *s)
{
	return s->n_done >= s->cfg.n - s->cfg.n_stalled;
}

void subscriptions_close(struct subscriptions *s)
{
	s->next = s->cfg.n;
	for (unsigned i = 0; i < s->cfg.n; i++)
		if (s->all[i].fd >= 0)
			close_subscription(s, &s->all[i]);
}

int subscriptions_watch(struct subscriptions *s, int fd, bool *ready)
{
	struct epoll_event ev = {.events = EPOLLIN, .data.u32 = WATCHED};

	s->watched = ready;
	return epoll_ctl(s->epoll, EPOLL_CTL_ADD, fd, &ev) < 0 ? -errno : 0;
}

void subscriptions_run_once(struct subscriptions *s, int timeout_ms)
{
	struct epoll_event evs[BATCH];
	int n = epoll_wait(s->epoll, evs, BATCH, timeout_ms);

	for (int i = 0; i < n; i++) {
		if (evs[i].data.u32 == WATCHED)
			*s->watched = true;
		else
			on_ready(s, &s->all[evs[i].data.u32]);
	}
	open_next(s);
}
