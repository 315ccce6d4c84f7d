#include "streams.h"

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
	SIP_BYTES = 1024, /* that a stalled stream reads for its head */
	LOOPBACK = 0x7f000000,
	/* A connection of the loopback has segments of 64 KiB, and for those
	 * the kernel takes megabytes before a writer must wait. A stalled
	 * stream gets segments and a window as they are in a network. */
	STALLED_MSS = 1460,
	STALLED_RCVBUF = 4096,
	WATCHED = UINT32_MAX,
};

/* What the scanner's callback works on. */
struct reading {
	struct streams *s;
	struct stream *stream;
	uint64_t now_ns;
};

static unsigned index_of(const struct streams *s, const struct stream *stream)
{
	return (unsigned)(stream - s->all);
}

static bool is_stalled(const struct streams *s, const struct stream *stream)
{
	return index_of(s, stream) < s->cfg.n_stalled;
}

/* ---- events -------------------------------------------------------------- */

static void check_number(struct streams *s, struct stream *stream,
			 uint64_t number)
{
	if (number >= stream->next) {
		if (stream->next != 0)
			s->counts.missing += number - stream->next;
		stream->next = number + 1;
	} else if (number + 1 == stream->next) {
		s->counts.doubled++;
	} else {
		s->counts.disordered++;
	}
}

static void on_stamped(struct reading *r, const struct stamp *stamp)
{
	struct streams *s = r->s;

	check_number(s, r->stream, stamp->number);
	if (s->counts.events++ == 0 || stamp->ns < s->first_stamp_ns)
		s->first_stamp_ns = stamp->ns;
	s->last_event_ns = r->now_ns;
	if (stamp->number > s->cfg.warm_up && r->now_ns > stamp->ns)
		histogram_add(&s->latency, r->now_ns - stamp->ns);
	if (++r->stream->n_events == s->goal)
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

/* ---- the life of a stream ------------------------------------------------ */

static void leave(struct streams *s, struct stream *stream)
{
	if (stream->state == STREAM_CONNECTING || stream->state == STREAM_ASKED)
		s->n_asked--;
	else
		s->n_open--;
	close(stream->fd);
	stream->fd = -1;
	stream->state = STREAM_AWAY;
}

/* It has ended, and not because we wanted it to. */
static void lose(struct streams *s, struct stream *stream, int error)
{
	if (stream->state == STREAM_OPEN || stream->state == STREAM_STALLED) {
		s->counts.ended++;
	} else {
		s->counts.failed++;
		s->last_error = error;
	}
	leave(s, stream);
}

static void watch(struct streams *s, struct stream *stream, int op,
		  uint32_t events)
{
	struct epoll_event ev = {.events = events,
				 .data.u32 = index_of(s, stream)};

	if (epoll_ctl(s->epoll, op, stream->fd, &ev) < 0)
		abort();
}

static void on_head(struct streams *s, struct stream *stream, uint64_t now_ns)
{
	s->n_asked--;
	s->n_open++;
	stream->state = STREAM_OPEN;
	if (stream->scan.status != 200) {
		s->counts.failed++;
		s->last_status = stream->scan.status;
		leave(s, stream);
		return;
	}
	s->counts.opened++;
	s->opened_ns = now_ns;
	histogram_add(&s->setup, now_ns - stream->since_ns);
	if (s->cfg.leave) {
		leave(s, stream);
	} else if (is_stalled(s, stream)) {
		stream->state = STREAM_STALLED;
		watch(s, stream, EPOLL_CTL_DEL, 0);
	}
}

static void read_stream(struct streams *s, struct stream *stream)
{
	size_t room = is_stalled(s, stream) ? SIP_BYTES : BUFFER_BYTES;
	ssize_t n = recv(stream->fd, s->buffer, room, 0);
	struct reading r = {s, stream, stamp_now()};

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		lose(s, stream, n < 0 ? errno : ECONNRESET);
		return;
	}
	s->counts.bytes += (uint64_t)n;
	if (sse_scan_feed(&stream->scan, s->buffer, (size_t)n, on_event, &r) <
	    0) {
		lose(s, stream, EPROTO);
		return;
	}
	if (stream->state == STREAM_ASKED && sse_scan_has_head(&stream->scan))
		on_head(s, stream, r.now_ns);
	if (stream->fd >= 0 && sse_scan_has_ended(&stream->scan))
		lose(s, stream, ECONNRESET);
}

/* ---- opening ------------------------------------------------------------- */

static int open_socket(const struct streams *s, const struct stream *stream)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int mss = STALLED_MSS, rcvbuf = STALLED_RCVBUF;

	if (fd >= 0 && is_stalled(s, stream)) {
		setsockopt(fd, IPPROTO_TCP, TCP_MAXSEG, &mss, sizeof(mss));
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &rcvbuf, sizeof(rcvbuf));
	}
	return fd;
}

/* Without a port: connect() then finds one that is free for this pair of
 * addresses, and not for all. */
static int bind_source(const struct streams *s, const struct stream *stream,
		       int fd)
{
	unsigned x =
		s->cfg.first_source + index_of(s, stream) % s->cfg.n_sources;
	struct sockaddr_in from = {.sin_family = AF_INET,
				   .sin_addr.s_addr = htonl(LOOPBACK + x)};
	int on = 1;

	setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
	return bind(fd, (struct sockaddr *)&from, sizeof(from));
}

/* The loopback has often connected before connect() returns, so that the
 * request can go at once; false when it can't yet. */
static bool send_request(struct streams *s, struct stream *stream)
{
	char request[TARGET_REQUEST_MAX + SSE_SCAN_ID + 32];
	unsigned id = s->cfg.first_id + index_of(s, stream) % s->cfg.n_ids;
	int len = target_request(s->cfg.target, id, stream->scan.last_id,
				 request, sizeof(request));
	char last_id[SSE_SCAN_ID];
	ssize_t n;

	if (len < 0)
		abort();
	n = send(stream->fd, request, (size_t)len, MSG_NOSIGNAL);
	if (n < 0 && (errno == EAGAIN || errno == ENOTCONN))
		return false;
	memcpy(last_id, stream->scan.last_id, sizeof(last_id));
	memset(&stream->scan, 0, sizeof(stream->scan));
	memcpy(stream->scan.last_id, last_id, sizeof(last_id));
	stream->state = STREAM_ASKED;
	return true;
}

static void fail_to_open(struct streams *s, int fd)
{
	s->counts.failed++;
	s->last_error = errno;
	if (fd >= 0)
		close(fd);
}

static void open_stream(struct streams *s, struct stream *stream)
{
	const struct sockaddr_in *to = &s->cfg.target->at;
	int fd;

	stream->since_ns = stamp_now();
	fd = open_socket(s, stream);
	if (fd < 0 || bind_source(s, stream, fd) < 0 ||
	    (connect(fd, (const struct sockaddr *)to, sizeof(*to)) < 0 &&
	     errno != EINPROGRESS)) {
		fail_to_open(s, fd);
		return;
	}
	stream->fd = fd;
	stream->state = STREAM_CONNECTING;
	s->n_asked++;
	watch(s, stream, EPOLL_CTL_ADD,
	      send_request(s, stream) ? EPOLLIN : EPOLLOUT);
}

static void open_some(struct streams *s)
{
	while (s->n_asked < s->cfg.in_flight && s->next < s->cfg.n)
		open_stream(s, &s->all[s->next++]);
}

static void on_ready(struct streams *s, struct stream *stream)
{
	if (stream->state != STREAM_CONNECTING) {
		read_stream(s, stream);
		return;
	}
	if (send_request(s, stream))
		watch(s, stream, EPOLL_CTL_MOD, EPOLLIN);
}

/* ---- the interface ------------------------------------------------------- */

int streams_init(struct streams *s, const struct streams_config *cfg)
{
	memset(s, 0, sizeof(*s));
	s->cfg = *cfg;
	s->next = cfg->n;
	s->all = calloc(cfg->n, sizeof(*s->all));
	s->buffer = malloc(BUFFER_BYTES);
	s->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (s->all == NULL || s->buffer == NULL || s->epoll < 0) {
		streams_finish(s);
		return -ENOMEM;
	}
	for (unsigned i = 0; i < cfg->n; i++) {
		s->all[i].fd = -1;
		s->all[i].next = cfg->first;
	}
	return 0;
}

void streams_finish(struct streams *s)
{
	if (s->all != NULL)
		streams_drop(s);
	if (s->epoll > 0)
		close(s->epoll);
	free(s->all);
	free(s->buffer);
	memset(s, 0, sizeof(*s));
}

void streams_open(struct streams *s)
{
	s->next = 0;
	s->begun_ns = stamp_now();
	open_some(s);
}

bool streams_are_open(const struct streams *s)
{
	return s->next == s->cfg.n && s->n_asked == 0;
}

void streams_expect(struct streams *s, uint32_t goal)
{
	s->goal = goal;
	s->n_done = 0;
	for (unsigned i = 0; i < s->cfg.n; i++)
		if (s->all[i].n_events >= goal)
			s->n_done++;
}

bool streams_are_done(const struct streams *s)
{
	return s->n_done >= s->cfg.n - s->cfg.n_stalled;
}

void streams_drop(struct streams *s)
{
	s->next = s->cfg.n;
	for (unsigned i = 0; i < s->cfg.n; i++)
		if (s->all[i].fd >= 0)
			leave(s, &s->all[i]);
}

int streams_watch(struct streams *s, int fd, bool *ready)
{
	struct epoll_event ev = {.events = EPOLLIN, .data.u32 = WATCHED};

	s->watched = ready;
	return epoll_ctl(s->epoll, EPOLL_CTL_ADD, fd, &ev) < 0 ? -errno : 0;
}

void streams_turn(struct streams *s, int timeout_ms)
{
	struct epoll_event evs[BATCH];
	int n = epoll_wait(s->epoll, evs, BATCH, timeout_ms);

	for (int i = 0; i < n; i++) {
		if (evs[i].data.u32 == WATCHED)
			*s->watched = true;
		else
			on_ready(s, &s->all[evs[i].data.u32]);
	}
	open_some(s);
}
