/* The example configurations of examples/proxies, in the real programs, before
 * two gateways: an event is there at once, the proxy names the identity, a
 * gateway that is away ends no subscription, and while NATS is away clients
 * are let in to wait. */
#include "e2e.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "reverse_proxy.h"
#include "test_clock.h"

enum { IN_TIME_MS = 2000 };

/* "alice:secret" */
#define ALICE "Authorization: Basic YWxpY2U6c2VjcmV0\r\nuser_id: bob\r\n"

static const char *const names[] = {"nginx", "haproxy", "caddy"};

enum { FRONTS = sizeof(names) / sizeof(names[0]) };

static struct reverse_proxy fronts[FRONTS];
static struct gateway_proc other;

static int teardown(void **state)
{
	for (size_t i = 0; i < FRONTS; i++)
		reverse_proxy_stop(&fronts[i]);
	gateway_proc_finish(&other);
	return e2e_teardown(state);
}

static void start(struct e2e *f)
{
	static const char *const args[] = {"--ping-interval", "200ms", NULL};

	e2e_gateway(f, args[0], args[1], NULL);
	gateway_proc_start(&other, f->nats.url, args);
	gateway_proc_wait_ready(&other);
	for (size_t i = 0; i < FRONTS; i++)
		reverse_proxy_start_example(&fronts[i], names[i], f->gw.address,
					    other.address);
}

static struct sse_client *ask(struct e2e *f, size_t front, const char *headers,
			      int status)
{
	struct sse_client *c = e2e_client(f);

	sse_client_get(c,
		       reverse_proxy_address(&fronts[front],
					     REVERSE_PROXY_EXAMPLE),
		       "/api/v1/events", headers);
	sse_client_wait_head(c);
	if (c->status != status)
		fail_msg("%s: %s", names[front], sse_client_describe(c));
	return c;
}

static void is_at_once(struct e2e *f, size_t front)
{
	uint64_t begun = test_now_ms();
	struct sse_client *c = ask(f, front, ALICE, 200);
	char text[32];

	sse_client_wait_any_id(c);
	for (size_t i = 1; i <= 20; i++) {
		snprintf(text, sizeof(text), "event %zu", i);
		e2e_publish(f, "bob", "for bob alone");
		e2e_publish(f, "alice", text);
		e2e_expect(c, i, text);
		assert_true(test_now_ms() - begun < IN_TIME_MS);
	}
	sse_client_wait_ping(c, c->n_pings + 2);
	sse_client_close(c);
}

/* Twice as many as there are gateways, so that the one that is away is tried.
 */
static void one_is_enough(struct e2e *f, size_t front)
{
	for (int i = 0; i < 4; i++) {
		struct sse_client *c = ask(f, front, ALICE, 200);

		sse_client_wait_any_id(c);
		e2e_publish(f, "alice", "of the other one");
		e2e_expect(c, 1, "of the other one");
	}
}

static void streams(void **state)
{
	struct e2e *f = *state;

	start(f);
	for (size_t i = 0; i < FRONTS; i++) {
		if (fronts[i].pid == 0)
			continue;
		sse_client_close(ask(f, i, NULL, 401));
		sse_client_close(ask(f, i, "user_id: alice\r\n", 401));
		is_at_once(f, i);
	}
	gateway_proc_signal(&other, SIGKILL);
	for (size_t i = 0; i < FRONTS; i++)
		if (fronts[i].pid != 0)
			one_is_enough(f, i);
}

/* Long enough for every proxy to see that no gateway is ready. */
static void let_in_without_nats(void **state)
{
	struct e2e *f = *state;
	uint64_t begun;

	start(f);
	nats_server_kill(&f->nats, SIGKILL);
	gateway_proc_wait_unready(&f->gw);
	gateway_proc_wait_unready(&other);
	begun = test_now_ms();
	while (test_now_ms() - begun < 4000) {
		for (size_t i = 0; i < FRONTS; i++)
			if (fronts[i].pid != 0)
				sse_client_close(ask(f, i, ALICE, 200));
		poll(NULL, 0, 100);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(streams, e2e_setup, teardown),
		cmocka_unit_test_setup_teardown(let_in_without_nats, e2e_setup,
						teardown),
	};

	return cmocka_run_group_tests(tests, e2e_group_setup,
				      e2e_group_teardown);
}
