#include "flood_publisher.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "bytes.h"
#include "test_clock.h"

/* Nothing in the thread fails the test. When a connection ends, what was not
 * yet taken from it is forgotten: the numbers go on. Behind each SPAN messages
 * goes a PING, and only a few may be unanswered: what the server can't take at
 * once is not piled up in its sockets. The last PONG says that all were taken.
 */

enum {
	TURN_MS = 5,
	BURST = 400, /* messages made in a turn, at most */
	SPAN = 250,
	PINGS_MAX = 8,
	PAYLOAD = 400,
	LINES = PAYLOAD + 64,
	WAIT_MS = 30000,
};

struct flood_publisher {
	pthread_t thread;
	struct sockaddr_in to;
	unsigned n_subjects;
	unsigned rate;
	bool stop;	  /* atomic */
	unsigned wait_ms; /* for the end; set before */
	uint64_t sent;	  /* atomic */
	uint64_t turn_ms; /* the last turn that made messages */
	uint64_t owed;	  /* thousandths of a message, not yet made */
	int fd;		  /* -1: none */
	unsigned pings;	  /* not answered */
	uint64_t pinged;  /* what was sent before the last */
	bool taken;	  /* all, at the end */
	struct bytes out;
	struct bytes in; /* a line's begin */
};

static void hang_up(struct flood_publisher *f)
{
	if (f->fd >= 0)
		close(f->fd);
	f->fd = -1;
	f->pings = 0;
	bytes_clear(&f->out);
	bytes_clear(&f->in);
}

static void dial(struct flood_publisher *f)
{
	static const char hello[] = "CONNECT {\"verbose\":false}\r\n";

	f->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (f->fd < 0)
		return;
	if (connect(f->fd, (struct sockaddr *)&f->to, sizeof(f->to)) != 0) {
		hang_up(f);
		return;
	}
	bytes_add(&f->out, hello, strlen(hello));
}

static void make_message(struct flood_publisher *f)
{
	uint64_t i = f->sent;
	char text[LINES];
	int len;

	len = snprintf(text, sizeof(text), "PUB events.u%u %d\r\n%-*llu\r\n",
		       (unsigned)(i % f->n_subjects), PAYLOAD, PAYLOAD,
		       (unsigned long long)(i / f->n_subjects + 1));
	bytes_add(&f->out, text, (size_t)len);
	__atomic_store_n(&f->sent, i + 1, __ATOMIC_RELAXED);
}

static void ping(struct flood_publisher *f)
{
	bytes_add(&f->out, "PING\r\n", 6);
	f->pinged = f->sent;
	f->pings++;
}

static void make_messages(struct flood_publisher *f)
{
	uint64_t now = test_now_ms();

	f->owed += (now - f->turn_ms) * f->rate;
	f->turn_ms = now;
	if (f->owed > (uint64_t)BURST * 1000)
		f->owed = (uint64_t)BURST * 1000;
	while (f->fd >= 0 && f->owed >= 1000 && f->pings < PINGS_MAX) {
		make_message(f);
		f->owed -= 1000;
		if (f->sent - f->pinged >= SPAN)
			ping(f);
	}
}

static void write_out(struct flood_publisher *f)
{
	ssize_t n =
		send(f->fd, f->out.at, f->out.len, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (n < 0) {
		if (errno != EAGAIN && errno != EINTR)
			hang_up(f);
		return;
	}
	memmove(f->out.at, f->out.at + n, f->out.len - (size_t)n);
	f->out.len -= (size_t)n;
}

static void take_line(struct flood_publisher *f, const char *line)
{
	if (strncmp(line, "PING", 4) == 0)
		bytes_add(&f->out, "PONG\r\n", 6);
	if (strncmp(line, "PONG", 4) == 0 && f->pings > 0)
		f->pings--;
}

static void read_in(struct flood_publisher *f)
{
	char buf[4096];
	ssize_t n = recv(f->fd, buf, sizeof(buf), MSG_DONTWAIT);

	if (n <= 0) {
		if (n == 0 || (errno != EAGAIN && errno != EINTR))
			hang_up(f);
		return;
	}
	for (ssize_t i = 0; i < n; i++) {
		bytes_add_char(&f->in, buf[i]);
		if (buf[i] == '\n') {
			take_line(f, f->in.at);
			bytes_clear(&f->in);
		}
	}
}

static void turn(struct flood_publisher *f, bool stop)
{
	struct pollfd p;

	if (f->fd < 0)
		dial(f);
	if (!stop)
		make_messages(f);
	else if (f->fd >= 0 && f->pinged != f->sent)
		ping(f);
	if (f->fd >= 0 && f->out.len > 0)
		write_out(f);
	p = (struct pollfd){.fd = f->fd, .events = POLLIN};
	if (f->out.len > 0)
		p.events |= POLLOUT;
	if (poll(&p, 1, TURN_MS) > 0)
		read_in(f);
}

static void *run(void *arg)
{
	struct flood_publisher *f = arg;
	uint64_t deadline = 0;

	for (;;) {
		bool stop = __atomic_load_n(&f->stop, __ATOMIC_ACQUIRE);

		if (stop && deadline == 0)
			deadline = test_now_ms() + f->wait_ms;
		turn(f, stop);
		f->taken = stop && f->fd >= 0 && f->pings == 0 &&
			   f->pinged == f->sent;
		if (f->taken || (stop && test_now_ms() > deadline))
			return NULL;
	}
}

struct flood_publisher *flood_publisher_start(int port, unsigned n_subjects,
					      unsigned rate)
{
	struct flood_publisher *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	f->to.sin_family = AF_INET;
	f->to.sin_port = htons((uint16_t)port);
	f->to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	f->n_subjects = n_subjects;
	f->rate = rate;
	f->fd = -1;
	f->turn_ms = test_now_ms();
	assert_int_equal(pthread_create(&f->thread, NULL, run, f), 0);
	return f;
}

uint64_t flood_publisher_sent(struct flood_publisher *f)
{
	return __atomic_load_n(&f->sent, __ATOMIC_RELAXED);
}

void flood_publisher_wait(struct flood_publisher *f, uint64_t n)
{
	uint64_t deadline = test_deadline_ms(WAIT_MS);

	while (flood_publisher_sent(f) < n) {
		if (test_now_ms() > deadline)
			fail_msg("the flood stands still");
		poll(NULL, 0, TURN_MS);
	}
}

bool flood_publisher_stop(struct flood_publisher *f, unsigned wait_ms)
{
	bool taken;

	if (f == NULL)
		return true;
	f->wait_ms = wait_ms;
	__atomic_store_n(&f->stop, true, __ATOMIC_RELEASE);
	pthread_join(f->thread, NULL);
	taken = f->taken;
	hang_up(f);
	bytes_free(&f->out);
	bytes_free(&f->in);
	free(f);
	return taken;
}
