#include "followers.h"

#include <inttypes.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "test_clock.h"

/* The thread must not fail the test itself: it says what is wrong, and ends;
 * the test's thread looks from time to time. */

enum {
	TURN_MS = 10,
	HOP_MIN_MS = 50,
	HOP_MAX_MS = 2500,
	REPLAY_MIN_MS = 8000, /* between the beginnings of two replays */
	POLL_MS = 20,
};

#define GET(x)	  __atomic_load_n(&(x), __ATOMIC_ACQUIRE)
#define SET(x, v) __atomic_store_n(&(x), (v), __ATOMIC_RELEASE)

static const char *const habits[] = {"stays", "replays", "hops"};

static struct sse_client *socket_of(struct followers_client *m)
{
	return &m->followers->sockets[m - m->followers->clients];
}

/* Only the first fault is reported. */
static void __attribute__((format(printf, 2, 3)))
wrong(struct followers_client *m, const char *fmt, ...)
{
	struct followers *c = m->followers;
	size_t len;
	va_list ap;

	if (c->failed)
		return;
	len = (size_t)snprintf(
		c->what, sizeof(c->what),
		"client %td (user %u, %s), on gateway %d since %" PRIu64
		" ms, from \"%s\", opening %u, last count %" PRIu64
		" with sequence %" PRIu64 ", last id \"%s\": ",
		m - c->clients, m->user, habits[m->habit], m->gateway,
		test_now_ms() - m->opened_ms, m->from, m->openings, m->counted,
		m->seq, sse_client_last_id(socket_of(m)));
	va_start(ap, fmt);
	vsnprintf(c->what + len, sizeof(c->what) - len, fmt, ap);
	va_end(ap);
	c->failed_seq = m->seq;
	SET(c->failed, 1);
}

/* ---- what comes ---------------------------------------------------------- */

static void on_event(void *arg, const struct sse_event *ev)
{
	struct followers_client *m = arg;
	uint64_t count, seq = sse_id_seq(ev->id);
	unsigned user;

	if (sse_event_is_ping(ev))
		return;
	m->events++;
	if (strcmp(ev->type, "message") != 0 ||
	    sscanf(ev->data, "%u %" SCNu64, &user, &count) != 2)
		wrong(m, "%s \"%s\" with id %s", ev->type, ev->data, ev->id);
	else if (user != m->user || count != m->counted + 1 || seq <= m->seq)
		wrong(m, "then \"%s\" with id %s", ev->data, ev->id);
	m->seq = seq;
	SET(m->counted, count);
}

/* ---- connections --------------------------------------------------------- */

static uint64_t pick(struct followers *c, unsigned min, unsigned max)
{
	return min + (unsigned)rand_r(&c->seed) % (max - min);
}

/* With the cursor in m->from; "": from the stream's start, or live. */
static void enter(struct followers_client *m)
{
	struct sse_client *s = socket_of(m);
	char text[512];

	*s = (struct sse_client){.fd = -1, .sink = on_event, .sink_arg = m};
	m->openings++;
	m->opened_ms = test_now_ms();
	m->leaves_ms =
		m->opened_ms + pick(m->followers, HOP_MIN_MS, HOP_MAX_MS);
	if (!sse_client_try(s, m->followers->addresses[m->gateway])) {
		wrong(m, "can't connect: %s", strerror(s->error));
		return;
	}
	snprintf(text, sizeof(text),
		 "GET /api/v1/events%s HTTP/1.1\r\nHost: test\r\n"
		 "user_id: u%u\r\n%s%s%s\r\n",
		 m->habit == FOLLOWERS_REPLAYS ? "?deliver=all" : "", m->user,
		 m->from[0] == '\0' ? "" : "Last-Event-ID: ", m->from,
		 m->from[0] == '\0' ? "" : "\r\n");
	sse_client_send_text(s, text);
}

static void hop(struct followers_client *m)
{
	struct sse_client *s = socket_of(m);

	if (test_now_ms() < m->leaves_ms || s->decoder.last_id.len == 0)
		return;
	snprintf(m->from, sizeof(m->from), "%s", sse_client_last_id(s));
	sse_client_close(s);
	m->gateway = (m->gateway + 1) % FOLLOWERS_GATEWAYS;
	enter(m);
}

/* When it has caught up. */
static void replay_restart(struct followers_client *m)
{
	if (test_now_ms() - m->opened_ms < REPLAY_MIN_MS ||
	    m->counted <
		    acked_publisher_user_acked(m->followers->feed, m->user))
		return;
	sse_client_close(socket_of(m));
	m->seq = 0;
	SET(m->counted, 0);
	enter(m);
}

static void look_after(struct followers_client *m)
{
	const struct sse_client *s = socket_of(m);

	if (s->bad[0] != '\0' || s->eof ||
	    (s->state != SSE_CLIENT_HEAD && s->status != 200)) {
		wrong(m, "status %d, end %d, framing \"%s\"", s->status, s->eof,
		      s->bad);
		return;
	}
	if (m->habit == FOLLOWERS_HOPS && !GET(m->followers->home))
		hop(m);
	else if (m->habit == FOLLOWERS_REPLAYS && !GET(m->followers->settled))
		replay_restart(m);
}

/* ---- the thread ---------------------------------------------------------- */

static bool never(const struct sse_client *s, void *arg)
{
	(void)s;
	(void)arg;
	return false;
}

static void *run(void *arg)
{
	struct followers *c = arg;

	while (!GET(c->stop) && !c->failed) {
		sse_clients_until(c->sockets, c->n, never, NULL, TURN_MS);
		for (unsigned i = 0; i < c->n; i++)
			look_after(&c->clients[i]);
	}
	return NULL;
}

void followers_add(struct followers *c, enum followers_habit habit,
		   unsigned user)
{
	struct followers_client *m = &c->clients[c->n];

	assert_true(c->n < FOLLOWERS_MAX);
	*m = (struct followers_client){.followers = c,
				       .habit = habit,
				       .user = user,
				       .gateway = habit == FOLLOWERS_STAYS ? 0
									   : 1};
	c->n++;
}

void followers_start(struct followers *c, const struct acked_publisher *feed,
		     const char *const addresses[FOLLOWERS_GATEWAYS],
		     unsigned seed)
{
	c->feed = feed;
	c->seed = seed;
	for (int i = 0; i < FOLLOWERS_GATEWAYS; i++)
		snprintf(c->addresses[i], sizeof(c->addresses[i]), "%s",
			 addresses[i]);
	for (unsigned i = 0; i < c->n; i++) {
		enter(&c->clients[i]);
		followers_check(c);
		sse_client_wait_any_id(&c->sockets[i]);
	}
	assert_int_equal(pthread_create(&c->thread, NULL, run, c), 0);
	c->runs = 1;
}

void followers_check(const struct followers *c)
{
	if (GET(c->failed))
		fail_msg("%s", c->what);
}

static bool has_all(struct followers_client *m)
{
	return GET(m->counted) >=
	       acked_publisher_user_acked(m->followers->feed, m->user);
}

/* The deadline is for one that gets nothing: a long replay takes its time. */
static void wait_for_all(struct followers_client *m, int timeout_ms)
{
	uint64_t seen = 0, deadline = test_deadline_ms((uint64_t)timeout_ms);

	while (!has_all(m)) {
		uint64_t counted = GET(m->counted);

		followers_check(m->followers);
		if (counted != seen)
			deadline = test_deadline_ms((uint64_t)timeout_ms);
		seen = counted;
		if (test_now_ms() > deadline)
			fail_msg("client %td (user %u, %s, gateway %d, from "
				 "\"%s\") has %" PRIu64 " events of %" PRIu64,
				 m - m->followers->clients, m->user,
				 habits[m->habit], m->gateway, m->from, counted,
				 acked_publisher_user_acked(m->followers->feed,
							    m->user));
		poll(NULL, 0, POLL_MS);
	}
}

void followers_settle(struct followers *c)
{
	SET(c->settled, 1);
}

void followers_wait_all(struct followers *c, int timeout_ms)
{
	followers_settle(c);
	SET(c->home, 1);
	for (unsigned i = 0; i < c->n; i++)
		wait_for_all(&c->clients[i], timeout_ms);
	followers_check(c);
}

void followers_totals(const struct followers *c, unsigned *openings,
		      uint64_t *events)
{
	*openings = 0;
	*events = 0;
	for (unsigned i = 0; i < c->n; i++) {
		*openings += c->clients[i].openings;
		*events += c->clients[i].events;
	}
}

void followers_stop(struct followers *c)
{
	if (c->runs) {
		SET(c->stop, 1);
		pthread_join(c->thread, NULL);
	}
	for (unsigned i = 0; i < c->n; i++)
		sse_client_close(&c->sockets[i]);
	c->runs = 0;
}
