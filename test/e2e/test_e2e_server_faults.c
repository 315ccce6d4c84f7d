/* Servers that fail for real, under a flood of 20,000 messages a second: they
 * are killed, stand still, lose their store; the stream is purged, recreated,
 * thinned out, given other subjects, full of consumers. Clients of all policies
 * and tempers then have what the stream holds: each message once, in order. */
#include "mixed_clients.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test_clock.h"

/* So much is more than the slow clients' sockets hold and the log together. */
enum { RATE = 20000, ENOUGH = 50000 };

struct servers {
	struct e2e e2e; /* first: its fixture's functions take this, too */
	struct mixed_clients clients;
};

#define SERVERS_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

static int group_setup(void **state)
{
	static struct servers s;

	s = (struct servers){0};
	*state = &s;
	nats_server_start(&s.e2e.nats, NULL);
	s.e2e.admin = nats_admin_open(s.e2e.nats.url);
	return 0;
}

static int setup(void **state)
{
	struct servers *s = *state;

	nats_server_kill(&s->e2e.nats, SIGCONT);
	mixed_clients_close(&s->clients);
	return e2e_setup(state);
}

static int teardown(void **state)
{
	struct servers *s = *state;

	mixed_clients_close(&s->clients);
	return e2e_teardown(state);
}

/* The log is a second's worth: evicted clients need replays. */
static void begin(struct servers *s, unsigned rate)
{
	mixed_clients_flood(&s->clients, &s->e2e, rate);
	e2e_gateway(&s->e2e, "--ping-interval", "200ms", "--buffer-size",
		    "4MiB", NULL);
	mixed_clients_gather(&s->clients);
	mixed_clients_read(&s->clients, 1000);
}

static void restart(struct servers *s, int sig)
{
	nats_server_kill(&s->e2e.nats, sig);
	mixed_clients_read(&s->clients, 300);
	nats_server_again(&s->e2e.nats);
	mixed_clients_read(&s->clients, 1500);
}

static void expect_unready(struct e2e *f, const char *reason)
{
	uint64_t deadline = test_deadline_ms(SSE_CLIENT_WAIT_MS);
	struct sse_client *c;

	for (;;) {
		c = e2e_ask(f, "GET /readyz HTTP/1.1\r\nHost: a\r\n\r\n");
		if (c->status == 503 &&
		    strstr(bytes_text(&c->body), reason) != NULL)
			return;
		if (test_now_ms() > deadline)
			fail_msg("/readyz never said \"%s\": %s", reason,
				 sse_client_describe(c));
		poll(NULL, 0, 50);
	}
}

/* ---- servers ------------------------------------------------------------- */

static void killed_three_times(void **state)
{
	struct servers *s = *state;

	begin(s, RATE);
	s->clients.lossy = true; /* what was on its way to the server is lost */
	for (int i = 0; i < 3; i++)
		restart(s, SIGKILL);
	mixed_clients_check(&s->clients);
	assert_int_equal(mixed_clients_expired(&s->clients), 0);
	assert_int_equal(mixed_clients_resets(&s->clients), 0);
	assert_true(gateway_proc_metric(&s->e2e.gw,
					"sluice_nats_sessions_total") >= 4);
}

/* Five seconds: clients see no more than a delay. Twenty: the gateway looks for
 * another connection, and its clients see no more than that either. */
static void stands_still(void **state)
{
	struct servers *s = *state;
	struct gateway_proc *gw = &s->e2e.gw;
	double resets;

	begin(s, RATE / 4);
	resets = gateway_proc_metric(gw, "sluice_tail_resets_total");
	nats_server_kill(&s->e2e.nats, SIGSTOP);
	mixed_clients_read(&s->clients, 5000);
	assert_int_equal(gateway_proc_status_of(gw, false, "/readyz"), 200);
	nats_server_kill(&s->e2e.nats, SIGCONT);
	mixed_clients_read(&s->clients, 1000);
	assert_true(gateway_proc_metric(gw, "sluice_tail_resets_total") ==
		    resets);
	assert_true(gateway_proc_metric(gw, "sluice_nats_sessions_total") == 1);

	nats_server_kill(&s->e2e.nats, SIGSTOP);
	mixed_clients_read(&s->clients, 20000);
	assert_int_equal(gateway_proc_status_of(gw, false, "/readyz"), 503);
	assert_int_equal(gateway_proc_status_of(gw, false, "/livez"), 200);
	assert_true(gateway_proc_metric(gw, "sluice_nats_connected") == 0);
	nats_server_kill(&s->e2e.nats, SIGCONT);
	gateway_proc_wait_ready(gw);
	mixed_clients_check(&s->clients);
	assert_int_equal(mixed_clients_expired(&s->clients), 0);
	assert_int_equal(mixed_clients_resets(&s->clients), 0);
}

/* The stream that is made then is another: every client gets a reset, once. */
static void comes_back_empty(void **state)
{
	struct servers *s = *state;
	struct e2e *f = &s->e2e;

	begin(s, RATE);
	nats_server_kill(&f->nats, SIGKILL);
	nats_server_empty_store(&f->nats);
	mixed_clients_read(&s->clients, 300);
	nats_server_again(&f->nats);
	f->has_stream = false;
	mixed_clients_read(&s->clients, 500);
	assert_int_equal(gateway_proc_status_of(&f->gw, false, "/readyz"), 503);
	mixed_clients_add(&s->clients, MIXED_CLIENTS_QUICK, 4, "deliver=all",
			  NULL);
	e2e_make_stream(f, NULL);
	gateway_proc_wait_ready(&f->gw);
	mixed_clients_read(&s->clients, 1000);
	mixed_clients_check(&s->clients);
	for (size_t i = 0; i < s->clients.n; i++)
		assert_int_equal(s->clients.clients[i].resets,
				 i + 1 < s->clients.n);
	assert_int_equal(mixed_clients_expired(&s->clients), 0);
}

/* ---- the stream ---------------------------------------------------------- */

/* Slow clients have missed messages, and get a gap; no client misses what is
 * left.
 */
static void purged(void **state)
{
	struct servers *s = *state;

	begin(s, RATE);
	mixed_clients_read_until(&s->clients, ENOUGH);
	for (int i = 0; i < 4; i++) {
		e2e_purge(&s->e2e, i % 2 == 0 ? NULL : "{\"keep\": 100}");
		mixed_clients_purged(&s->clients);
		mixed_clients_read(&s->clients, 400);
	}
	mixed_clients_check(&s->clients);
	assert_true(mixed_clients_expired(&s->clients) > 0);
	assert_int_equal(mixed_clients_resets(&s->clients), 0);
}

static void made_anew_twice(void **state)
{
	struct servers *s = *state;

	begin(s, RATE);
	for (int i = 0; i < 2; i++) {
		e2e_make_stream(&s->e2e, NULL);
		mixed_clients_read(&s->clients, 1500);
	}
	mixed_clients_check(&s->clients);
	for (size_t i = 0; i < s->clients.n; i++)
		assert_in_range(s->clients.clients[i].resets, 1, 2);
	assert_int_equal(mixed_clients_expired(&s->clients), 0);
}

/* Single messages here and there, and all of a subject up to some sequence:
 * messages that were not read are gone, without a gap. */
static void thinned_out(void **state)
{
	struct servers *s = *state;
	struct e2e *f = &s->e2e;

	begin(s, RATE);
	s->clients.lossy = true;
	for (int i = 0; i < 200; i++) {
		long long last = e2e_stream_number(f, "state.last_seq");
		char json[96];

		snprintf(json, sizeof(json), "{\"seq\": %lld}",
			 i % 2 == 0 ? last - 200 : 10 + i);
		nats_admin_try(f->admin, "STREAM.MSG.DELETE.Events", json);
		if (i % 100 == 0)
			e2e_purge(f, "{\"filter\": \"events.u2\", "
				     "\"keep\": 50}");
		mixed_clients_read(&s->clients, 4);
	}
	mixed_clients_check(&s->clients);
	assert_int_equal(mixed_clients_resets(&s->clients), 0);
}

static void update_subjects(struct e2e *f, const char *subjects)
{
	char config[256];

	snprintf(config, sizeof(config),
		 "{\"name\": \"Events\", \"subjects\": [%s], "
		 "\"retention\": \"limits\", \"num_replicas\": 1, "
		 "\"storage\": \"file\"}",
		 subjects);
	free(nats_admin_api(f->admin, "STREAM.UPDATE.Events", config));
}

/* Others join the gateway's, the gateway's go and come. */
static void subjects_changed(void **state)
{
	struct servers *s = *state;
	struct e2e *f = &s->e2e;

	begin(s, RATE);
	update_subjects(f, "\"events.*\", \"other.>\"");
	for (int i = 0; i < 100; i++) {
		nats_admin_publish(f->admin, "other.u0", "1", 1);
		nats_admin_publish(f->admin, "other.a.b", "1", 1);
		mixed_clients_read(&s->clients, 5);
	}
	s->clients.lossy = true;
	update_subjects(f, "\"other.>\"");
	nats_admin_publish_many(f->admin, "other.u0", "m", 100);
	restart(s, SIGTERM);	     /* it looks at the stream as it is now */
	if (f->nats.version < 21000) /* refuses a consumer of no subject */
		expect_unready(f, "consumer");
	update_subjects(f, "\"events.*\", \"other.>\"");
	gateway_proc_wait_ready(&f->gw);
	mixed_clients_read(&s->clients, 1000);
	mixed_clients_check(&s->clients);
	assert_int_equal(mixed_clients_expired(&s->clients), 0);
	assert_int_equal(mixed_clients_resets(&s->clients), 0);
}

/* ---- consumers ----------------------------------------------------------- */

/* Deletes all that the stream has, as an operator may; how many. */
static int delete_consumers(struct e2e *f)
{
	char *names = nats_admin_api(f->admin, "CONSUMER.NAMES.Events", NULL);
	const char *at = strstr(names, "\"sluice_");
	int n = 0;

	for (; at != NULL; at = strstr(at + 1, "\"sluice_"), n++) {
		char subject[256];

		snprintf(subject, sizeof(subject),
			 "CONSUMER.DELETE.Events.%.*s",
			 (int)strcspn(at + 1, "\""), at + 1);
		nats_admin_try(f->admin, subject, NULL);
	}
	free(names);
	return n;
}

static void consumers_deleted_by_an_operator(void **state)
{
	struct servers *s = *state;
	double resets;
	int deleted = 0;

	begin(s, RATE);
	for (int i = 0; i < 12; i++) {
		deleted += delete_consumers(&s->e2e);
		mixed_clients_read(&s->clients, 200);
	}
	mixed_clients_check(&s->clients);
	resets = gateway_proc_metric(&s->e2e.gw, "sluice_tail_resets_total");
	assert_in_range(resets, 1, deleted);
	assert_int_equal(mixed_clients_expired(&s->clients), 0);
	assert_int_equal(mixed_clients_resets(&s->clients), 0);
}

static void add_foreign(struct e2e *f, unsigned n)
{
	char subject[64], json[160];

	snprintf(subject, sizeof(subject), "CONSUMER.DURABLE.CREATE.Events.f%u",
		 n);
	snprintf(json, sizeof(json),
		 "{\"stream_name\": \"Events\", \"config\": {\"durable_name\": "
		 "\"f%u\", \"ack_policy\": \"none\"}}",
		 n);
	free(nats_admin_api(f->admin, subject, json));
}

static void remove_foreign(struct e2e *f, unsigned n)
{
	char subject[64];

	snprintf(subject, sizeof(subject), "CONSUMER.DELETE.Events.f%u", n);
	free(nats_admin_api(f->admin, subject, NULL));
}

/* No place for the tail: said once, and it comes when there is one. One place:
 * replays go by probes. */
static void the_consumer_limit(void **state)
{
	enum { N = 60 };
	struct e2e *f = *state;
	struct sse_client *all, *resuming, *held = e2e_client(f);

	e2e_make_stream(f, "\"max_consumers\": 3");
	for (unsigned i = 0; i < 3; i++)
		add_foreign(f, i);
	e2e_publish_many(f, "alice", "m", N);
	e2e_gateway_unready(f, "--ping-interval", "200ms", NULL);
	sse_client_stream(held, f->gw.address, "alice", NULL);
	expect_unready(f, "consumer");
	sse_client_wait_ping(held, 5);
	assert_int_equal(e2e_count_in_log(f, "maximum consumers"), 1);
	assert_int_equal(gateway_proc_status_of(&f->gw, false, "/readyz"), 503);

	remove_foreign(f, 1);
	gateway_proc_wait_ready(&f->gw);
	all = e2e_open(f, "alice", "deliver=all");
	resuming = e2e_resume(f, "alice", "20");
	e2e_expect_many(all, 0, "m", N);
	e2e_expect(resuming, 1, "m-20");
	sse_client_wait_message(resuming, N - 20);
	e2e_expect_marker(f, all, "alice", N + 1);
	e2e_expect_marker(f, resuming, "alice", N - 20 + 2);
	e2e_expect(held, 1, "marker");
	assert_int_equal(e2e_stream_number(f, "state.consumer_count"), 3);

	/* Its own place is free for it again, too. */
	assert_int_equal(delete_consumers(f), 1);
	e2e_publish(f, "alice", "after");
	e2e_expect(held, 3, "after");
	gateway_proc_wait_ready(&f->gw);
}

/* ---- retention ----------------------------------------------------------- */

static void work_queue_retention(void **state)
{
	static const char queue[] =
		"{\"name\": \"Events\", \"subjects\": [\"events.*\"], "
		"\"retention\": \"workqueue\", \"num_replicas\": 1, "
		"\"storage\": \"file\"}";
	struct e2e *f = *state;
	struct sse_client *c = e2e_client(f);

	e2e_delete_stream(f);
	nats_admin_stream(f->admin, queue);
	f->has_stream = true;
	e2e_publish(f, "alice", "job");
	e2e_gateway_unready(f, "--ping-interval", "200ms", NULL);
	sse_client_stream(c, f->gw.address, "alice", "deliver=all");
	expect_unready(f, "work-queue");
	sse_client_wait_ping(c, 30); /* longer than it waits for another try */
	assert_int_equal(e2e_count_in_log(f, "level=warn"), 1);
	assert_int_equal(e2e_count_in_log(f, "work-queue retention"), 1);
	assert_int_equal(c->n_messages, 0);
	assert_int_equal(e2e_stream_number(f, "state.messages"), 1);
	assert_int_equal(e2e_stream_number(f, "state.consumer_count"), 0);

	e2e_make_stream(f, NULL);
	e2e_publish(f, "alice", "first");
	gateway_proc_wait_ready(&f->gw);
	e2e_expect(c, 1, "first");
	e2e_expect_marker(f, c, "alice", 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SERVERS_TEST(killed_three_times),
		SERVERS_TEST(stands_still),
		SERVERS_TEST(comes_back_empty),
		SERVERS_TEST(purged),
		SERVERS_TEST(made_anew_twice),
		SERVERS_TEST(thinned_out),
		SERVERS_TEST(subjects_changed),
		SERVERS_TEST(consumers_deleted_by_an_operator),
		SERVERS_TEST(the_consumer_limit),
		SERVERS_TEST(work_queue_retention),
	};

	return cmocka_run_group_tests(tests, group_setup, e2e_group_teardown);
}
