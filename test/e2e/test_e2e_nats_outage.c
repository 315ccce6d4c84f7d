/* NATS goes and comes, its stream too: requests are held, streams stay open,
 * and nothing is lost or comes twice. */
#include "e2e.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

/* Opens a stream while NATS is away: its head comes at once. */
static struct sse_client *open_unready(struct e2e *f, const char *id)
{
	struct sse_client *c = e2e_client(f);

	sse_client_stream(c, f->gw.address, id, NULL);
	return c;
}

static void nats_absent_at_the_start(void **state)
{
	struct e2e *f = *state;
	struct sse_client *c, *resuming = e2e_client(f);

	e2e_publish_many(f, "alice", "old", 3);
	nats_server_kill(&f->nats, SIGTERM);
	e2e_gateway_unready(f, "--ping-interval", "200ms", NULL);
	assert_int_equal(gateway_proc_status_of(&f->gw, false, "/readyz"), 503);
	assert_int_equal(gateway_proc_status_of(&f->gw, false, "/livez"), 200);
	c = open_unready(f, "alice");
	/* "retry:" at once, pings without an id: none is known yet. */
	sse_client_wait_ping(c, 1);
	assert_true(strncmp(bytes_text(&c->body), "retry: 3000\n\n", 13) == 0);
	assert_string_equal(sse_client_last_id(c), "");
	/* A client that resumes gets its own cursor back at once. */
	sse_client_resume(resuming, f->gw.address, "alice", "1");
	sse_client_wait_id(resuming, "1");

	nats_server_again(&f->nats);
	sse_client_wait_any_id(c);
	gateway_proc_wait_ready(&f->gw);
	e2e_publish(f, "alice", "fresh");
	e2e_expect(c, 1, "fresh");
	e2e_expect(resuming, 1, "old-1");
	e2e_expect(resuming, 2, "old-2");
	e2e_expect(resuming, 3, "fresh");
}

/* An absent stream is logged once, not with every try. */
static void absent_nats_is_said_once(void **state)
{
	struct e2e *f = *state;
	char *log;
	int warned = 0;

	nats_server_kill(&f->nats, SIGTERM);
	e2e_gateway_unready(f, "--ping-interval", "1s", NULL);
	sse_client_wait_ping(open_unready(f, "alice"), 3);
	log = gateway_proc_log(&f->gw);
	for (const char *at = log; (at = strstr(at, "level=warn")) != NULL;
	     at++)
		warned++;
	assert_int_equal(warned, 1);
	free(log);
	nats_server_again(&f->nats);
	gateway_proc_wait_ready(&f->gw);
}

static void stream_missing_then_made(void **state)
{
	struct e2e *f = *state;
	struct sse_client *c;

	e2e_delete_stream(f);
	e2e_gateway_unready(f, "--ping-interval", "300ms", NULL);
	c = open_unready(f, "alice");
	sse_client_wait_ping(c, 1);
	assert_int_equal(gateway_proc_status_of(&f->gw, false, "/readyz"), 503);
	e2e_make_stream(f, NULL);
	sse_client_wait_any_id(c);
	gateway_proc_wait_ready(&f->gw);
	e2e_publish(f, "alice", "first");
	e2e_expect(c, 1, "first");
}

/* What was stored before the gateway saw the stream is not for deliver=new,
 * and all of it for deliver=all. */
static void all_is_held_until_there_is_a_stream(void **state)
{
	struct e2e *f = *state;
	struct sse_client *c = e2e_client(f);

	e2e_publish_many(f, "alice", "m", 4);
	nats_server_kill(&f->nats, SIGTERM);
	e2e_gateway_unready(f, NULL);
	sse_client_stream(c, f->gw.address, "alice", "deliver=all");
	nats_server_again(&f->nats);
	e2e_expect_many(c, 0, "m", 4);
	e2e_expect_marker(f, c, "alice", 5);
}

static void nats_killed_in_mid_stream(void **state)
{
	struct e2e *f = *state;
	struct sse_client *alice, *bob;
	size_t n = 0;

	e2e_gateway(f, NULL);
	alice = e2e_open(f, "alice", NULL);
	bob = e2e_open(f, "bob", NULL);
	for (int round = 0; round < 4; round++) {
		char prefix[16];

		snprintf(prefix, sizeof(prefix), "r%d", round);
		e2e_publish_many(f, "alice", prefix, 500);
		e2e_publish_many(f, "bob", prefix, 500);
		nats_server_kill(&f->nats, SIGKILL);
		nats_server_again(&f->nats);
	}
	for (int round = 0; round < 4; round++, n += 500) {
		char prefix[16];

		snprintf(prefix, sizeof(prefix), "r%d", round);
		e2e_expect_many(alice, n, prefix, 500);
		e2e_expect_many(bob, n, prefix, 500);
	}
	e2e_expect_marker(f, alice, "alice", n + 1);
	e2e_expect_marker(f, bob, "bob", n + 1);
	assert_null(sse_client_event(alice, "gap", 0));
	assert_true(gateway_proc_metric(&f->gw, "sluice_nats_sessions_total") >=
		    2);
}

/* In the middle of a long replay, too. */
static void nats_killed_in_a_replay(void **state)
{
	enum { N = 30000 };
	struct e2e *f = *state;
	struct sse_client *c = e2e_client(f);

	e2e_publish_many(f, "alice", "m", N);
	e2e_gateway(f, NULL);
	c->rcvbuf = 4096;
	sse_client_stream(c, f->gw.address, "alice", "deliver=all");
	sse_client_wait_message(c, 1000);
	nats_server_kill(&f->nats, SIGKILL);
	nats_server_again(&f->nats);
	e2e_expect_many(c, 0, "m", N);
	e2e_expect_marker(f, c, "alice", N + 1);
	assert_null(sse_client_event(c, "gap", 0));
	e2e_wait_consumers(f, 1);
}

static void requests_held_while_nats_is_away(void **state)
{
	struct e2e *f = *state;
	struct sse_client *before, *during, *resuming;
	char id[64];

	e2e_publish_many(f, "alice", "old", 3);
	e2e_gateway(f, "--ping-interval", "200ms", NULL);
	before = e2e_open(f, "alice", NULL);
	snprintf(id, sizeof(id), "%s", sse_client_last_id(before));
	nats_server_kill(&f->nats, SIGTERM);
	gateway_proc_wait_unready(&f->gw);
	gateway_proc_wait_metric(&f->gw, "sluice_nats_connected", 0);
	during = e2e_open(f, "alice", NULL);
	resuming = e2e_resume(f, "alice", e2e_id(1, id));
	assert_string_equal(sse_client_last_id(during), id);
	assert_string_equal(sse_client_wait_ping(during, 2)->id, id);

	nats_server_again(&f->nats);
	e2e_publish_many(f, "alice", "fresh", 3);
	e2e_expect_many(before, 0, "fresh", 3);
	e2e_expect_many(during, 0, "fresh", 3);
	e2e_expect(resuming, 1, "old-1");
	e2e_expect(resuming, 2, "old-2");
	e2e_expect_many(resuming, 2, "fresh", 3);
	gateway_proc_wait_ready(&f->gw);
	gateway_proc_wait_metric(&f->gw, "sluice_nats_connected", 1);
}

/* Not ready while away, ready again after, as often as it comes and goes. */
static void ready_follows_nats(void **state)
{
	struct e2e *f = *state;

	e2e_gateway(f, NULL);
	for (int i = 0; i < 2; i++) {
		nats_server_kill(&f->nats, SIGTERM);
		gateway_proc_wait_unready(&f->gw);
		nats_server_again(&f->nats);
		gateway_proc_wait_ready(&f->gw);
	}
	e2e_delete_stream(f);
	gateway_proc_wait_unready(&f->gw);
	e2e_make_stream(f, NULL);
	gateway_proc_wait_ready(&f->gw);
}

/* Its consumer is deleted by another program: it makes another, and misses
 * nothing. */
static void the_tails_consumer_is_deleted(void **state)
{
	struct e2e *f = *state;
	struct sse_client *c;
	char *names, *at, subject[256];

	e2e_gateway(f, NULL);
	c = e2e_open(f, "alice", NULL);
	e2e_publish(f, "alice", "before");
	names = nats_admin_api(f->admin, "CONSUMER.NAMES.Events", NULL);
	at = strstr(names, "\"consumers\":[\"");
	assert_non_null(at);
	at += strlen("\"consumers\":[\"");
	snprintf(subject, sizeof(subject), "CONSUMER.DELETE.Events.%.*s",
		 (int)strcspn(at, "\""), at);
	free(names);
	free(nats_admin_api(f->admin, subject, NULL));
	e2e_publish(f, "alice", "after");
	e2e_expect(c, 1, "before");
	e2e_expect(c, 2, "after");
	e2e_expect_marker(f, c, "alice", 3);
	e2e_wait_consumers(f, 1);
}

/* A server that stands still is left, and taken again when it goes on. */
static void a_frozen_server(void **state)
{
	struct e2e *f = *state;
	struct sse_client *c;

	e2e_gateway(f, NULL);
	c = e2e_open(f, "alice", NULL);
	nats_server_kill(&f->nats, SIGSTOP);
	gateway_proc_wait_metric(&f->gw, "sluice_nats_connected", 0);
	assert_int_equal(gateway_proc_status_of(&f->gw, false, "/livez"), 200);
	nats_server_kill(&f->nats, SIGCONT);
	gateway_proc_wait_ready(&f->gw);
	e2e_publish_many(f, "alice", "m", 10);
	e2e_expect_many(c, 0, "m", 10);
	e2e_expect_marker(f, c, "alice", 11);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		E2E_TEST(nats_absent_at_the_start),
		E2E_TEST(absent_nats_is_said_once),
		E2E_TEST(stream_missing_then_made),
		E2E_TEST(all_is_held_until_there_is_a_stream),
		E2E_TEST(nats_killed_in_mid_stream),
		E2E_TEST(nats_killed_in_a_replay),
		E2E_TEST(requests_held_while_nats_is_away),
		E2E_TEST(ready_follows_nats),
		E2E_TEST(the_tails_consumer_is_deleted),
		E2E_TEST(a_frozen_server),
	};

	return cmocka_run_group_tests(tests, e2e_group_setup,
				      e2e_group_teardown);
}
