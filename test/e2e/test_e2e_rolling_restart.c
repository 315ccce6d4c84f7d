/* A rolling restart as an operator does it: two gateways behind the nginx and
 * the HAProxy of examples/proxies, one after the other ended by SIGTERM and
 * started again, twice, while events are published and clients that are like a
 * browser's EventSource follow them. Each gets every event once and in order,
 * and no request is refused.
 *
 * SLUICE_TEST_CLIENTS=2000 for more of them. */
#include "e2e.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "reverse_proxy.h"
#include "test_clock.h"

enum {
	CLIENTS = 60,
	TURN_MS = 20, /* between two events */
	SETTLE_MS = 500,
	END_MS = 30000,
	FRONTS = 2,
};

static const char *const names[FRONTS] = {"nginx", "haproxy"};
static struct reverse_proxy fronts[FRONTS];

struct follower {
	size_t front;
	uint64_t counted; /* events, in order */
	unsigned openings;
	char from[64];	   /* its cursor */
	uint64_t retry_ms; /* the last retry: that it got */
	uint64_t back_ms;  /* when it comes again; 0: it is there */
};

static struct sse_client *sockets;
static struct follower *followers;
static size_t n_clients;
static uint64_t published;

static struct gateway_proc other;

static int setup(void **state)
{
	const char *text = getenv("SLUICE_TEST_CLIENTS");
	struct rlimit lim;

	n_clients = text == NULL ? CLIENTS : strtoul(text, NULL, 10);
	sockets = calloc(n_clients, sizeof(*sockets));
	followers = calloc(n_clients, sizeof(*followers));
	published = 0;
	getrlimit(RLIMIT_NOFILE, &lim);
	lim.rlim_cur = lim.rlim_max;
	setrlimit(RLIMIT_NOFILE, &lim);
	return e2e_setup(state);
}

static int teardown(void **state)
{
	for (size_t i = 0; i < n_clients; i++)
		sse_client_close(&sockets[i]);
	free(sockets);
	free(followers);
	for (size_t i = 0; i < FRONTS; i++)
		reverse_proxy_stop(&fronts[i]);
	gateway_proc_finish(&other);
	other = (struct gateway_proc){0};
	return e2e_teardown(state);
}

/* ---- clients ------------------------------------------------------------- */

static void on_event(void *arg, const struct sse_event *ev)
{
	struct follower *m = arg;
	uint64_t count = 0;

	if (sse_event_is_ping(ev))
		return;
	if (strcmp(ev->type, "message") != 0 ||
	    sscanf(ev->data, "%" SCNu64, &count) != 1 ||
	    count != m->counted + 1)
		fail_msg("client %td: after %" PRIu64 " came %s \"%s\"",
			 m - followers, m->counted, ev->type, ev->data);
	m->counted = count;
}

static void enter(size_t i)
{
	struct follower *m = &followers[i];
	char headers[256];

	sockets[i] =
		(struct sse_client){.fd = -1, .sink = on_event, .sink_arg = m};
	/* "alice:secret" */
	snprintf(headers, sizeof(headers),
		 "Accept: text/event-stream\r\n"
		 "Authorization: Basic YWxpY2U6c2VjcmV0\r\n%s%s%s",
		 m->from[0] == '\0' ? "" : "Last-Event-ID: ", m->from,
		 m->from[0] == '\0' ? "" : "\r\n");
	sse_client_get(&sockets[i],
		       reverse_proxy_address(&fronts[m->front],
					     REVERSE_PROXY_EXAMPLE),
		       "/api/v1/events", headers);
	m->back_ms = 0;
	m->openings++;
}

/* What an EventSource does: any answer but 200 is the end of it, and when the
 * stream ends it comes back after its reconnection time. */
static void look_after(size_t i)
{
	struct sse_client *c = &sockets[i];
	struct follower *m = &followers[i];

	if (m->back_ms != 0) {
		if (test_now_ms() >= m->back_ms)
			enter(i);
		return;
	}
	if (c->state != SSE_CLIENT_HEAD && c->status != 200)
		fail_msg("client %zu by %s is refused: %s", i, names[m->front],
			 sse_client_describe(c));
	if (c->state != SSE_CLIENT_DONE && c->state != SSE_CLIENT_GONE)
		return;
	if (c->state == SSE_CLIENT_GONE)
		fail_msg("client %zu by %s was cut off: %s", i, names[m->front],
			 sse_client_describe(c));
	if (c->decoder.has_retry)
		m->retry_ms = c->decoder.retry_ms;
	if (c->decoder.last_id.len > 0)
		snprintf(m->from, sizeof(m->from), "%s", sse_client_last_id(c));
	sse_client_close(c);
	m->back_ms = test_now_ms() + m->retry_ms;
}

static bool never(const struct sse_client *c, void *arg)
{
	(void)c, (void)arg;
	return false;
}

static bool has_all(void)
{
	for (size_t i = 0; i < n_clients; i++)
		if (followers[i].counted < published)
			return false;
	return true;
}

/* One event more, and a turn for all clients. */
static void turn(struct e2e *f, bool publish)
{
	char text[32];

	if (publish) {
		snprintf(text, sizeof(text), "%" PRIu64, published + 1);
		e2e_publish(f, "alice", text);
		published++;
	}
	sse_clients_until(sockets, n_clients, never, NULL, TURN_MS);
	for (size_t i = 0; i < n_clients; i++)
		look_after(i);
}

static void turns(struct e2e *f, uint64_t ms)
{
	uint64_t until = test_now_ms() + ms;

	while (test_now_ms() < until)
		turn(f, true);
}

/* ---- gateways ------------------------------------------------------------ */

static void start_gateway(struct e2e *f, struct gateway_proc *g,
			  const char *address)
{
	const char *args[] = {"--server",
			      f->nats.url,
			      "--listen",
			      address,
			      "--admin-listen",
			      "127.0.0.1:0",
			      "--retry",
			      "200ms",
			      "--ping-interval",
			      "500ms",
			      "--drain-delay",
			      "1500ms",
			      "--drain-timeout",
			      "1s",
			      NULL};

	gateway_proc_spawn(g, args, NULL);
	gateway_proc_wait_listening(g);
}

/* While it drains and is away, life goes on. */
static void restart(struct e2e *f, struct gateway_proc *g)
{
	uint64_t deadline = test_now_ms() + END_MS;
	char address[128];
	int status = 0;

	snprintf(address, sizeof(address), "%s", g->address);
	gateway_proc_signal(g, SIGTERM);
	while (waitpid(g->pid, &status, WNOHANG) == 0) {
		assert_true(test_now_ms() < deadline);
		turn(f, true);
	}
	g->pid = 0;
	assert_int_equal(status, 0);
	turns(f, SETTLE_MS);
	start_gateway(f, g, address);
	while (gateway_proc_status_of(g, true, "/readyz") != 200) {
		assert_true(test_now_ms() < deadline);
		turn(f, true);
	}
	/* Until the proxies have seen it. */
	turns(f, 2 * SETTLE_MS);
}

static void rolls(void **state)
{
	struct e2e *f = *state;
	uint64_t begun, deadline;
	unsigned openings = 0;

	start_gateway(f, &f->gw, "127.0.0.1:0");
	start_gateway(f, &other, "127.0.0.1:0");
	gateway_proc_wait_ready(&f->gw);
	gateway_proc_wait_ready(&other);
	for (size_t i = 0; i < FRONTS; i++)
		if (!reverse_proxy_start_example(&fronts[i], names[i],
						 f->gw.address, other.address))
			return;
	begun = test_now_ms();
	for (size_t i = 0; i < n_clients; i++) {
		followers[i].front = i % FRONTS;
		enter(i);
	}
	for (size_t i = 0; i < n_clients; i++)
		sse_client_wait_any_id(&sockets[i]);
	turns(f, SETTLE_MS);
	for (int i = 0; i < 2; i++) {
		restart(f, &f->gw);
		restart(f, &other);
	}
	deadline = test_now_ms() + END_MS;
	while (!has_all()) {
		if (test_now_ms() > deadline)
			fail_msg("not all have all %" PRIu64 " events",
				 published);
		turn(f, false);
	}
	for (size_t i = 0; i < n_clients; i++)
		openings += followers[i].openings;
	fprintf(stderr,
		"%zu clients: each all %" PRIu64 " events in %" PRIu64
		" ms, by %u requests\n",
		n_clients, published, test_now_ms() - begun, openings);
	/* Each has lost its stream at least once, and come back. */
	assert_true(openings >= 2 * n_clients);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(rolls, setup, teardown),
	};

	return cmocka_run_group_tests(tests, e2e_group_setup,
				      e2e_group_teardown);
}
