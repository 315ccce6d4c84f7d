#include "http_publishers.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "test_clock.h"

enum {
	POLL_MS = 50,
	RETRY_MS = 50,
	ANSWER_MS = 30000, /* every request gets a response within it */
	STALL_MS = 60000,
};

#define GET(x)	  __atomic_load_n(&(x), __ATOMIC_ACQUIRE)
#define SET(x, v) __atomic_store_n(&(x), (v), __ATOMIC_RELEASE)

/* ---- one client ---------------------------------------------------------- */

static void hang_up(struct http_publisher *c)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	c->sent_ms = 0;
	c->len = 0;
}

static void retry(struct http_publisher *c)
{
	c->sent_ms = 0;
	c->len = 0;
	c->pause_ms = test_now_ms() + RETRY_MS;
}

static void report_bad(struct http_publishers *p, struct http_publisher *c,
		       const char *what)
{
	if (GET(p->is_bad))
		return;
	snprintf(p->bad, sizeof(p->bad),
		 "client %td, message %" PRIu64 ": %s: %.300s", c - p->clients,
		 c->acked + 1, what, c->response);
	SET(p->is_bad, 1);
}

/* To the next gateway. */
static bool dial(struct http_publishers *p, struct http_publisher *c)
{
	const char *address = p->gateways[c->gateway++ % p->n_gateways];
	const char *port = strrchr(address, ':') + 1;
	struct sockaddr_in to = {.sin_family = AF_INET,
				 .sin_port = htons((uint16_t)atoi(port)),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int on = 1;

	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd < 0 ||
	    connect(c->fd, (struct sockaddr *)&to, sizeof(to)) < 0) {
		hang_up(c);
		return false;
	}
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	p->counts.connects++;
	return true;
}

static void send_message(struct http_publishers *p, struct http_publisher *c)
{
	char text[64], request[512];
	int n, client = (int)(c - p->clients);

	snprintf(text, sizeof(text), "%d %" PRIu64, client, c->acked + 1);
	n = snprintf(request, sizeof(request),
		     "POST /api/v1/events HTTP/1.1\r\nHost: h\r\n"
		     "user_id: u%d\r\nIdempotency-Key: %" PRIu64
		     "\r\nContent-Length: %zu\r\n\r\n%s",
		     client, c->acked + 1, strlen(text), text);
	if (c->fd < 0 && !dial(p, c)) {
		retry(c);
		return;
	}
	c->sent_ms = test_now_ms();
	if (send(c->fd, request, (size_t)n, MSG_NOSIGNAL) != n) {
		p->counts.lost++;
		hang_up(c);
		retry(c);
	}
}

static void take_ack(struct http_publishers *p, struct http_publisher *c)
{
	uint64_t took = test_now_ms() - c->sent_ms;

	if (took > p->counts.slowest_ms)
		p->counts.slowest_ms = took;
	c->acked++;
	c->sent_ms = 0;
	c->len = 0;
	SET(p->n_acked, p->n_acked + 1);
}

static void take_status(struct http_publishers *p, struct http_publisher *c,
			int status)
{
	switch (status) {
	case 200:
	case 201:
		*(status == 201 ? &p->counts.created : &p->counts.duplicates) +=
			1;
		take_ack(p, c);
		return;
	case 503:
		p->counts.away++;
		break;
	case 504:
		p->counts.unknown++;
		break;
	case 409: /* its first try is being stored */
		if (strstr(c->response, "10158") != NULL) {
			p->counts.busy++;
			break;
		}
		/* Fall through. */
	default:
		report_bad(p, c, "an unexpected response");
		break;
	}
	if (p->n_gateways > 1)
		hang_up(c);
	retry(c);
}

/* Is the response whole? */
static bool is_whole(const struct http_publisher *c)
{
	const char *end = strstr(c->response, "\r\n\r\n");
	const char *length = strstr(c->response, "Content-Length: ");

	return end != NULL && length != NULL && length < end &&
	       (size_t)(end + 4 - c->response) +
			       strtoul(length + 16, NULL, 10) ==
		       c->len;
}

static void read_response(struct http_publishers *p, struct http_publisher *c)
{
	ssize_t n = recv(c->fd, c->response + c->len,
			 sizeof(c->response) - 1 - c->len, MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		p->counts.lost += c->sent_ms != 0;
		hang_up(c);
		retry(c);
		return;
	}
	c->len += (size_t)n;
	c->response[c->len] = '\0';
	if (!is_whole(c))
		return;
	if (c->sent_ms == 0)
		report_bad(p, c, "a response without a request");
	else
		take_status(p, c, atoi(c->response + strlen("HTTP/1.1 ")));
}

/* ---- all ----------------------------------------------------------------- */

static void turn(struct http_publishers *p)
{
	struct pollfd fds[HTTP_PUBLISHERS_MAX];
	uint64_t now = test_now_ms();

	for (size_t i = 0; i < p->n; i++) {
		struct http_publisher *c = &p->clients[i];

		if (c->sent_ms == 0 && now >= c->pause_ms)
			send_message(p, c);
		else if (c->sent_ms != 0 && now > c->sent_ms + ANSWER_MS)
			report_bad(p, c, "no response");
		fds[i] = (struct pollfd){.fd = c->fd, .events = POLLIN};
	}
	poll(fds, p->n, POLL_MS);
	for (size_t i = 0; i < p->n; i++)
		if (fds[i].revents != 0)
			read_response(p, &p->clients[i]);
}

static void *run(void *arg)
{
	struct http_publishers *p = arg;

	while (!GET(p->stop) && !GET(p->is_bad))
		turn(p);
	return NULL;
}

void http_publishers_start(struct http_publishers *p, const char *one,
			   const char *two, size_t n)
{
	*p = (struct http_publishers){.gateways = {one, two},
				      .n_gateways = two == NULL ? 1 : 2,
				      .n = n};
	assert_true(n <= HTTP_PUBLISHERS_MAX);
	for (size_t i = 0; i < n; i++) {
		p->clients[i].fd = -1;
		p->clients[i].gateway = i;
	}
	assert_int_equal(pthread_create(&p->thread, NULL, run, p), 0);
	p->runs = true;
}

uint64_t http_publishers_acked(struct http_publishers *p)
{
	if (GET(p->is_bad))
		fail_msg("%s", p->bad);
	return GET(p->n_acked);
}

void http_publishers_wait(struct http_publishers *p, uint64_t acked)
{
	uint64_t last = 0, now, since = test_now_ms();

	while ((now = http_publishers_acked(p)) < acked) {
		if (now != last)
			since = test_now_ms();
		else if (test_now_ms() > since + STALL_MS)
			fail_msg("nothing is acknowledged any more after "
				 "%" PRIu64,
				 now);
		last = now;
		poll(NULL, 0, POLL_MS);
	}
}

static void join(struct http_publishers *p)
{
	SET(p->stop, 1);
	if (p->runs)
		pthread_join(p->thread, NULL);
	p->runs = false;
}

/* What is in flight is acknowledged by one turn after the other. */
void http_publishers_finish(struct http_publishers *p)
{
	uint64_t deadline = test_deadline_ms(STALL_MS);

	join(p);
	for (size_t i = 0; i < p->n; i++) {
		struct http_publisher *c = &p->clients[i];
		uint64_t last = c->acked;

		while (c->sent_ms != 0 && c->acked == last && c->fd >= 0) {
			struct pollfd fd = {.fd = c->fd, .events = POLLIN};

			assert_true(test_now_ms() < deadline);
			poll(&fd, 1, POLL_MS);
			if (fd.revents != 0)
				read_response(p, c);
		}
	}
	http_publishers_acked(p);
	http_publishers_stop(p);
}

void http_publishers_stop(struct http_publishers *p)
{
	join(p);
	for (size_t i = 0; i < p->n; i++)
		hang_up(&p->clients[i]);
}

/* ---- what the stream has ------------------------------------------------- */

struct reading {
	struct http_publishers *p;
	uint64_t last[HTTP_PUBLISHERS_MAX];
	uint64_t n, faults;
};

static void report_fault(struct reading *r, unsigned long long seq,
			 const char *what, unsigned client, uint64_t count)
{
	if (r->faults++ < 20)
		fprintf(stderr, "%llu: %s: client %u, message %" PRIu64 "\n",
			seq, what, client, count);
}

static void on_stored(void *arg, unsigned long long seq, const char *subject,
		      const char *data, size_t len)
{
	struct reading *r = arg;
	unsigned client = HTTP_PUBLISHERS_MAX;
	uint64_t count = 0;

	(void)subject, (void)len;
	r->n++;
	if (sscanf(data, "%u %" SCNu64, &client, &count) != 2 ||
	    client >= r->p->n)
		fail_msg("%llu: %s", seq, data);
	if (count <= r->last[client])
		report_fault(r, seq, "stored twice, or late", client, count);
	else if (count != r->last[client] + 1)
		report_fault(r, seq, "messages before it are lost", client,
			     count);
	r->last[client] = count;
}

bool http_publishers_check(struct http_publishers *p, struct nats_admin *a)
{
	const struct http_publishers_counts *n = &p->counts;
	struct reading r = {.p = p};

	nats_admin_read(a, "Events", "events.*", on_stored, &r);
	for (size_t i = 0; i < p->n; i++) {
		uint64_t acked = p->clients[i].acked;

		if (r.last[i] < acked)
			report_fault(&r, 0, "lost at the end", (unsigned)i,
				     acked);
		else if (r.last[i] > acked + 1)
			report_fault(&r, 0, "stored, never sent", (unsigned)i,
				     r.last[i]);
	}
	fprintf(stderr,
		"%" PRIu64 " acknowledged, %" PRIu64 " stored, %" PRIu64
		" faults; 201: %" PRIu64 ", 200: %" PRIu64 ", 503: %" PRIu64
		", 504: %" PRIu64 ", 409: %" PRIu64
		", connections lost: %" PRIu64 " of %" PRIu64
		", slowest acknowledgement %" PRIu64 " ms\n",
		p->n_acked, r.n, r.faults, n->created, n->duplicates, n->away,
		n->unknown, n->busy, n->lost, n->connects, n->slowest_ms);
	return r.faults == 0;
}
