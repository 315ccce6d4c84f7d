/* Live subscriptions of core NATS, on a real server. */
#include "e2e.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "raw_publisher.h"
#include "test_clock.h"

enum { CLIENTS = 300 };

static void start_live(struct e2e *f)
{
	e2e_gateway(f, "--allow-sub", "live.>", "--allow-pub", "live.>", NULL);
}

static void core_publish(struct e2e *f, const char *subject, const void *data,
			 size_t len)
{
	raw_publish(f->nats.port, subject, "NATS/1.0\r\n\r\n", 12, data, len);
}

/* Its head comes when the server has the subscription. */
static void open_live(struct e2e *f, struct sse_client *c, const char *path)
{
	char request[256];

	sse_client_connect(c, f->gw.address);
	snprintf(request, sizeof(request),
		 "GET /api/v1/subjects/%s HTTP/1.1\r\nHost: h\r\n"
		 "user_id: alice\r\n\r\n",
		 path);
	sse_client_send_text(c, request);
	sse_client_wait_head(c);
	assert_int_equal(c->status, 200);
}

static struct sse_client *live_client(struct e2e *f, const char *path)
{
	struct sse_client *c = e2e_client(f);

	open_live(f, c, path);
	return c;
}

static void clients_share_one_subscription(void **state)
{
	struct e2e *f = *state;
	struct sse_client *cs[CLIENTS], *metrics;

	start_live(f);
	for (size_t i = 0; i < CLIENTS; i++)
		cs[i] = live_client(f, "live.*");
	core_publish(f, "live.a", "x", 1);
	for (size_t i = 0; i < CLIENTS; i++)
		e2e_expect(cs[i], 1, "x");
	metrics = e2e_client(f);
	sse_client_get(metrics, f->gw.admin, "/metrics", NULL);
	sse_client_wait_reply(metrics);
	assert_non_null(strstr(bytes_text(&metrics->body),
			       "sluice_core_subscriptions 300\n"));
	assert_non_null(strstr(bytes_text(&metrics->body),
			       "sluice_core_nats_subscriptions 1\n"));
}

static bool has_message(const struct sse_client *c)
{
	return sse_client_message(c, 0) != NULL;
}

static void a_group_gets_each_message_once(void **state)
{
	struct e2e *f = *state;
	struct sse_client *a, *b, *all;
	size_t n = 0;
	char text[16];

	start_live(f);
	a = live_client(f, "live.work?queue=w");
	b = live_client(f, "live.work?queue=w");
	all = live_client(f, "live.work");
	for (int i = 0; i < 40; i++) {
		snprintf(text, sizeof(text), "%d", i);
		core_publish(f, "live.work", text, strlen(text));
	}
	sse_client_wait_message(all, 40);
	for (uint64_t end = test_deadline_ms(5000); n < 40;) {
		sse_client_step(a, 1);
		sse_client_step(b, 1);
		n = 0;
		for (size_t i = 0; sse_client_message(a, i) != NULL; i++)
			n++;
		for (size_t i = 0; sse_client_message(b, i) != NULL; i++)
			n++;
		if (test_now_ms() > end)
			fail_msg("the group got %zu of 40 messages", n);
	}
	assert_int_equal(n, 40);
	assert_true(has_message(a) && has_message(b));
}

static bool has_text(const struct sse_client *c, void *text)
{
	return strstr(bytes_text(&c->body), text) != NULL;
}

static void wait_text(struct sse_client *c, const char *text, int timeout_ms)
{
	assert_true(sse_client_until(c, has_text, (void *)(uintptr_t)text,
				     timeout_ms));
}

static void a_restart_of_the_server_is_a_gap(void **state)
{
	struct e2e *f = *state;
	struct sse_client *c;

	start_live(f);
	c = live_client(f, "live.>");
	core_publish(f, "live.a", "before", 6);
	e2e_expect(c, 1, "before");
	nats_server_kill(&f->nats, SIGKILL);
	nats_server_again(&f->nats);
	wait_text(c, "{\"system\":\"gap\",\"reason\":\"away\"}", 20000);
	core_publish(f, "live.a", "after", 5);
	wait_text(c, "data: after", 5000);
}

static void a_slow_client_learns_what_it_missed(void **state)
{
	enum { LEN = 64 * 1024, MESSAGES = 400 };
	struct e2e *f = *state;
	static char payload[LEN];
	struct sse_client *slow, *fast;

	start_live(f);
	memset(payload, 'x', sizeof(payload));
	fast = live_client(f, "live.a");
	slow = e2e_client(f);
	slow->rcvbuf = 4096;
	open_live(f, slow, "live.a");
	for (size_t i = 1; i <= MESSAGES; i++) {
		core_publish(f, "live.a", payload, LEN);
		sse_client_wait_message(fast, i);
	}
	wait_text(slow, "{\"system\":\"gap\",\"reason\":\"slow\",\"dropped\":",
		  20000);
	assert_null(strstr(bytes_text(&fast->body), "\"gap\""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		E2E_TEST(clients_share_one_subscription),
		E2E_TEST(a_group_gets_each_message_once),
		E2E_TEST(a_restart_of_the_server_is_a_gap),
		E2E_TEST(a_slow_client_learns_what_it_missed),
	};

	return cmocka_run_group_tests(tests, e2e_group_setup,
				      e2e_group_teardown);
}
