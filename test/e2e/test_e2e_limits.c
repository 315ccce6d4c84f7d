/* Many clients, many that come and go, slow ones, too many: what each costs has
 * a bound, and none harms another. */
#include "e2e.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test_clock.h"

/* ---- many ---------------------------------------------------------------- */

static bool has_a_message(const struct sse_client *c, void *arg)
{
	(void)arg;
	return c->n_messages >= 1;
}

/* 300 live streams are one consumer on the JetStream stream. */
static void many_streams_one_consumer(void **state)
{
	enum { N = 300 };
	struct e2e *f = *state;
	static struct sse_client cs[N];
	char id[32];

	e2e_gateway(f, NULL);
	for (size_t i = 0; i < N; i++) {
		cs[i] = (struct sse_client){0};
		snprintf(id, sizeof(id), "user%zu", i);
		sse_client_stream(&cs[i], f->gw.address, id, NULL);
		sse_client_wait_any_id(&cs[i]);
	}
	assert_int_equal(e2e_stream_number(f, "state.consumer_count"), 1);
	gateway_proc_wait_metric(&f->gw, "sluice_subscriptions{state=\"live\"}",
				 N);
	for (size_t i = 0; i < N; i++) {
		snprintf(id, sizeof(id), "user%zu", i);
		e2e_publish(f, id, id);
	}
	assert_true(sse_clients_until(cs, N, has_a_message, NULL,
				      SSE_CLIENT_WAIT_MS));
	for (size_t i = 0; i < N; i++) {
		snprintf(id, sizeof(id), "user%zu", i);
		assert_string_equal(sse_client_message(&cs[i], 0)->data, id);
		assert_int_equal(cs[i].n_messages, 1);
		sse_client_close(&cs[i]);
	}
	assert_int_equal(e2e_stream_number(f, "state.consumer_count"), 1);
	gateway_proc_wait_metric(&f->gw, "sluice_subscriptions{state=\"live\"}",
				 0);
}

/* A process with threads stands still whenever the kernel has to make its table
 * of descriptors larger. */
static void descriptors_have_room_from_the_start(void **state)
{
	struct e2e *f = *state;

	e2e_gateway(f, "--max-connections", "600", NULL);
	assert_true(gateway_proc_status_number(&f->gw, "FDSize") >= 600);
}

static void replays_leave_no_consumer_behind(void **state)
{
	enum { N = 100 };
	struct e2e *f = *state;
	char id[32];

	for (size_t i = 0; i < 10; i++) {
		snprintf(id, sizeof(id), "user%zu", i);
		e2e_publish_many(f, id, "m", 200);
	}
	e2e_gateway(f, NULL);
	for (size_t i = 0; i < N; i++) {
		struct sse_client *c = e2e_client(f);

		snprintf(id, sizeof(id), "user%zu", i % 10);
		sse_client_stream(c, f->gw.address, id, "deliver=all");
		/* Some leave in the midst of it. */
		if (i % 3 == 0)
			sse_client_reset(c);
	}
	for (size_t i = 0; i < N; i++) {
		if (i % 3 != 0)
			e2e_expect_many(f->clients[i], 0, "m", 200);
	}
	e2e_wait_consumers(f, 1);
	gateway_proc_wait_metric(&f->gw, "sluice_replays_running", 0);
	gateway_proc_wait_metric(&f->gw, "sluice_replays_waiting", 0);
}

/* More replays than places: they take turns, with pings for waiting clients. */
static void replays_take_turns(void **state)
{
	enum { N = 40 };
	struct e2e *f = *state;
	double most = 0;

	e2e_publish_many(f, "alice", "m", 3000);
	e2e_gateway(f, "--max-replays", "2", NULL);
	for (size_t i = 0; i < N; i++)
		sse_client_stream(e2e_client(f), f->gw.address, "alice",
				  "deliver=all");
	for (size_t i = 0; i < N; i++) {
		double running =
			gateway_proc_metric(&f->gw, "sluice_replays_running");

		most = running > most ? running : most;
		e2e_expect_many(f->clients[i], 0, "m", 3000);
	}
	assert_true(most <= 2);
	e2e_publish(f, "alice", "live");
	for (size_t i = 0; i < N; i++)
		e2e_expect(f->clients[i], 3001, "live");
	e2e_wait_consumers(f, 1);
}

/* The tail has the stream's only consumer: history comes by probes, without
 * pauses between them. */
static void history_without_a_consumer(void **state)
{
	enum { N = 1000 };
	struct e2e *f = *state;
	struct sse_client *c;
	uint64_t deadline_ms;

	e2e_make_stream(f, "\"max_consumers\": 1");
	e2e_publish_many(f, "alice", "m", N);
	e2e_gateway(f, NULL);
	deadline_ms = test_deadline_ms(3000);
	c = e2e_open(f, "alice", "deliver=all");
	e2e_expect_many(c, 0, "m", N);
	assert_true(test_now_ms() < deadline_ms);
	assert_int_equal(e2e_stream_number(f, "state.consumer_count"), 1);
}

/* ---- coming and going ---------------------------------------------------- */

/* One visit of each kind: a stream that gets something, one that replays, half
 * a request, a short answer, a refusal, nothing at all. */
static void visit(struct e2e *f, int kind)
{
	struct sse_client *c = e2e_client(f);
	const char *at = f->gw.address;

	switch (kind % 6) {
	case 0:
		sse_client_stream(c, at, "alice", NULL);
		break;
	case 1:
		sse_client_stream(c, at, "alice", "deliver=all");
		break;
	case 2:
		sse_client_connect(c, at);
		sse_client_send_text(c, "GET /livez HTTP/1.1\r\nHo");
		break;
	case 3:
		sse_client_get(c, at, "/livez", NULL);
		sse_client_wait_reply(c);
		break;
	case 4:
		sse_client_get(c, at, "/api/v1/events", NULL);
		sse_client_wait_reply(c);
		break;
	default:
		sse_client_connect(c, at);
		break;
	}
	if (kind % 4 == 0)
		sse_client_reset(c);
	else
		sse_client_close(c);
	free(f->clients[--f->n_clients]);
}

static void wait_until_all_left(struct e2e *f)
{
	uint64_t deadline = test_deadline_ms(SSE_CLIENT_WAIT_MS);

	/* The one that asks for the metric may or may not count itself. */
	while (gateway_proc_metric(&f->gw, "sluice_connections") > 1) {
		assert_true(test_now_ms() < deadline);
		poll(NULL, 0, 10);
	}
}

/* The last to leave may still be there for a moment. */
static void wait_fds(struct e2e *f, size_t most)
{
	uint64_t deadline = test_deadline_ms(SSE_CLIENT_WAIT_MS);

	while (gateway_proc_fds(&f->gw) > most) {
		assert_true(test_now_ms() < deadline);
		poll(NULL, 0, 10);
	}
}

static void connects_and_disconnects(void **state)
{
	/* What the sanitizer keeps for itself is some of it: a build without
	 * one does not grow at all. */
	enum { WARM = 2000, N = 4000, GROWTH_KIB = 16 * 1024 };
	struct e2e *f = *state;
	size_t fds, rss;

	/* ASan keeps freed memory back; here the point is what is not freed. */
	f->gw.asan = "quarantine_size_mb=1:malloc_context_size=2";
	e2e_publish_many(f, "alice", "m", 20);
	e2e_gateway(f, NULL);
	for (int i = 0; i < WARM; i++)
		visit(f, i);
	wait_until_all_left(f);
	fds = gateway_proc_fds(&f->gw);
	rss = gateway_proc_rss_kib(&f->gw);
	for (int i = 0; i < N; i++)
		visit(f, i);
	wait_until_all_left(f);
	wait_fds(f, fds);
	assert_in_range(gateway_proc_rss_kib(&f->gw), 0, rss + GROWTH_KIB);
	e2e_wait_consumers(f, 1);
	gateway_proc_wait_metric(&f->gw, "sluice_subscriptions{state=\"live\"}",
				 0);
}

/* ---- slow clients -------------------------------------------------------- */

enum { BIG = 1 << 20, BIGS = 120 };

struct big_reader {
	size_t n;
	uint64_t last;
	bool wrong;
};

/* Message i is BIG bytes of 'a' + i % 26. */
static void on_big(void *arg, const struct sse_event *ev)
{
	struct big_reader *r = arg;

	if (!sse_event_is_message(ev))
		return;
	if (ev->len != BIG || ev->data[0] != (char)('a' + r->n % 26) ||
	    ev->data[BIG - 1] != ev->data[0] || sse_id_seq(ev->id) <= r->last)
		r->wrong = true;
	r->last = sse_id_seq(ev->id);
	r->n++;
}

static bool has_bigs(const struct sse_client *c, void *arg)
{
	(void)c;
	return ((struct big_reader *)arg)->n >= BIGS;
}

/* Reads nothing while its subject gets 120 MiB, then gets all of it; another
 * of the same subject does not wait meanwhile. */
static void a_slow_client_gets_everything(void **state)
{
	struct e2e *f = *state;
	struct sse_client *slow = e2e_client(f), *quick = e2e_client(f);
	struct big_reader slow_got = {0}, quick_got = {0};
	char *data = malloc(BIG);
	size_t rss;

	assert_non_null(data);
	f->gw.asan = "quarantine_size_mb=1";
	e2e_gateway(f, "--buffer-size", "8MiB", NULL);
	slow->rcvbuf = 4096;
	slow->sink = on_big;
	slow->sink_arg = &slow_got;
	quick->sink = on_big;
	quick->sink_arg = &quick_got;
	sse_client_stream(slow, f->gw.address, "alice", NULL);
	sse_client_stream(quick, f->gw.address, "alice", NULL);
	rss = gateway_proc_rss_kib(&f->gw);
	for (int i = 0; i < BIGS; i++) {
		memset(data, 'a' + i % 26, BIG);
		nats_admin_publish(f->admin, "events.alice", data, BIG);
		while (sse_client_step(quick, 0))
			;
	}
	free(data);
	assert_true(sse_client_until(quick, has_bigs, &quick_got,
				     SSE_CLIENT_WAIT_MS));
	assert_false(quick_got.wrong);
	assert_int_equal(slow_got.n, 0);
	/* The log, one batch, and what the sanitizer adds; not 120 MiB. */
	assert_in_range(gateway_proc_rss_kib(&f->gw), 0, rss + 64 * 1024);
	e2e_wait_consumers(f, 1);

	assert_true(sse_client_until(slow, has_bigs, &slow_got,
				     2 * SSE_CLIENT_WAIT_MS));
	assert_false(slow_got.wrong);
	assert_int_equal(slow_got.n, BIGS);
	e2e_wait_consumers(f, 1);
}

/* ---- too many ------------------------------------------------------------ */

static void full(void **state)
{
	struct e2e *f = *state;
	struct sse_client *c;
	char value[32];

	e2e_gateway(f, "--max-connections", "3", NULL);
	for (int i = 0; i < 3; i++)
		e2e_open(f, "alice", NULL);
	/* Health is exempt, wherever it is asked for. */
	assert_int_equal(gateway_proc_status_of(&f->gw, false, "/livez"), 200);
	assert_int_equal(gateway_proc_status_of(&f->gw, false, "/readyz"), 200);
	assert_int_equal(gateway_proc_status_of(&f->gw, true, "/metrics"), 200);

	c = e2e_ask(f, "GET /api/v1/events HTTP/1.1\r\nHost: a\r\n"
		       "user_id: alice\r\n\r\n");
	assert_int_equal(c->status, 503);
	assert_true(sse_client_header(c, "Retry-After", value, sizeof(value)));
	assert_true(atoi(value) > 0);

	/* A browser would give up for good on a 503. */
	c = e2e_ask(f, "GET /api/v1/events HTTP/1.1\r\nHost: a\r\n"
		       "user_id: alice\r\nAccept: text/event-stream\r\n\r\n");
	assert_int_equal(c->status, 200);
	sse_client_assert_header(c, "Content-Type", "text/event-stream");
	assert_true(c->decoder.has_retry);
	assert_int_equal(c->n_events, 0);
	assert_true(c->last_chunk);
	assert_true(gateway_proc_metric(&f->gw,
					"sluice_requests_rejected_total{reason="
					"\"max_connections\"}") == 2);

	/* A place that is free again is taken. */
	sse_client_close(f->clients[0]);
	gateway_proc_wait_metric(&f->gw, "sluice_subscriptions{state=\"live\"}",
				 2);
	e2e_expect_marker(f, e2e_open(f, "alice", NULL), "alice", 1);
}

/* ---- overload ------------------------------------------------------------ */

enum { EXTRA = 128, ADMINS = 128 };

/* A connection that is kept alive after one answer. */
static void keep_one(struct sse_client *c, const char *address)
{
	*c = (struct sse_client){0};
	sse_client_get(c, address, "/livez", NULL);
	sse_client_wait_reply(c);
	assert_int_equal(c->status, 200);
}

static void still_answers(struct sse_client *c)
{
	sse_client_next_reply(c);
	sse_client_send_text(c, "GET /livez HTTP/1.1\r\nHost: localhost\r\n"
				"\r\n");
	sse_client_wait_reply(c);
	assert_int_equal(c->status, 200);
}

#define DROPPED(reason) \
	"sluice_connections_dropped_total{reason=\"" reason "\"}"

/* Public connections make room for public ones. */
static void overload_spares_the_admin(void **state)
{
	enum { STREAMS = 4, MORE = 3 };
	static struct sse_client admins[2], idle[EXTRA + MORE];
	struct e2e *f = *state;
	struct sse_client *streams[STREAMS];

	e2e_gateway(f, "--max-connections", "4", NULL);
	for (size_t i = 0; i < 2; i++)
		keep_one(&admins[i], f->gw.admin);
	for (size_t i = 0; i < STREAMS; i++)
		streams[i] = e2e_open(f, "alice", NULL);
	for (size_t i = 0; i < EXTRA + MORE; i++)
		keep_one(&idle[i], f->gw.address);
	for (size_t i = 0; i < 2; i++)
		still_answers(&admins[i]);
	for (size_t i = MORE; i < EXTRA + MORE; i++)
		still_answers(&idle[i]);
	assert_true(gateway_proc_metric(&f->gw, DROPPED("public_full")) ==
		    MORE);
	gateway_proc_wait_log(&f->gw, "reason=public_full");
	e2e_publish(f, "alice", "m");
	for (size_t i = 0; i < STREAMS; i++)
		e2e_expect(streams[i], 1, "m");
	for (size_t i = 0; i < 2; i++)
		sse_client_close(&admins[i]);
	for (size_t i = 0; i < EXTRA + MORE; i++)
		sse_client_close(&idle[i]);
}

/* And the admin listener's for the next one there. */
static void idle_admins_make_room(void **state)
{
	static struct sse_client admins[ADMINS];
	struct e2e *f = *state;

	e2e_gateway(f, NULL);
	for (size_t i = 0; i < ADMINS; i++)
		keep_one(&admins[i], f->gw.admin);
	assert_int_equal(gateway_proc_status_of(&f->gw, true, "/livez"), 200);
	assert_true(gateway_proc_metric(&f->gw, DROPPED("admin_full")) >= 1);
	gateway_proc_wait_log(&f->gw, "reason=admin_full");
	for (size_t i = 0; i < ADMINS; i++)
		sse_client_close(&admins[i]);
}

/* Unfinished heads have 32 MiB together; the oldest go. */
static void unfinished_heads_are_bounded(void **state)
{
	enum { N = 40, SIZE = 1000000, KEPT = 32 * 1024 * 1024 / SIZE };
	static struct sse_client cs[N];
	struct e2e *f = *state;
	char *field = malloc(SIZE);
	uint64_t deadline;

	assert_non_null(field);
	memset(field, 'a', SIZE);
	e2e_gateway(f, "--max-header-bytes", "1MiB", "--header-timeout", "5m",
		    NULL);
	for (size_t i = 0; i < N; i++) {
		cs[i] = (struct sse_client){0};
		sse_client_connect(&cs[i], f->gw.address);
		sse_client_send_text(&cs[i], "GET /livez HTTP/1.1\r\n"
					     "Host: h\r\nX: ");
		sse_client_send(&cs[i], field, SIZE);
	}
	free(field);
	deadline = test_now_ms() + SSE_CLIENT_WAIT_MS;
	while (gateway_proc_metric(&f->gw, DROPPED("heads_full")) < N - KEPT) {
		assert_true(test_now_ms() < deadline);
		poll(NULL, 0, 10);
	}
	gateway_proc_wait_log(&f->gw, "reason=heads_full");
	/* The youngest is there, and can be ended. */
	sse_client_send_text(&cs[N - 1], "\r\n\r\n");
	sse_client_wait_reply(&cs[N - 1]);
	assert_int_equal(cs[N - 1].status, 200);
	for (size_t i = 0; i < N; i++)
		sse_client_close(&cs[i]);
}

static void a_bad_preface_is_logged(void **state)
{
	struct e2e *f = *state;
	struct sse_client *c = e2e_client(f);

	e2e_gateway_unready(f, "--proxy-protocol", NULL);
	sse_client_connect(c, f->gw.address);
	sse_client_send_text(c, "GET / HTTP/1.1\r\n");
	gateway_proc_wait_log(&f->gw,
			      "msg=\"request rejected\" address=127.0.0.1 "
			      "reason=bad_proxy_header");
}

/* ---- by address ---------------------------------------------------------- */

/* A client of a Unix socket has no address, and so no limit by it. */
static void by_unix_nobody_is_counted(void **state)
{
	struct e2e *f = *state;
	char inet[128], path[128];

	snprintf(path, sizeof(path), "unix:%.100s/public",
		 gateway_proc_home(&f->gw));
	e2e_gateway(f, "--listen", path, "--max-subscriptions-per-address", "1",
		    NULL);
	snprintf(inet, sizeof(inet), "%s", f->gw.address);
	snprintf(f->gw.address, sizeof(f->gw.address), "%s", path);
	for (int i = 0; i < 3; i++)
		e2e_open(f, "alice", NULL);
	snprintf(f->gw.address, sizeof(f->gw.address), "%s", inet);
	e2e_open(f, "alice", NULL);
	assert_int_equal(e2e_ask(f, "GET /api/v1/events HTTP/1.1\r\n"
				    "Host: h\r\nuser_id: bob\r\n"
				    "Connection: close\r\n\r\n")
				 ->status,
			 429);
}

/* A proxy that names no client (its own health check) has its own
 * address. */
static void who_says_nothing_is_himself(void **state)
{
	struct e2e *f = *state;
	struct sse_client *c = e2e_client(f);

	e2e_gateway_unready(f, "--proxy-protocol", NULL);
	sse_client_connect(c, f->gw.address);
	sse_client_send_text(c, "PROXY UNKNOWN\r\n"
				"GET /api/v1/events HTTP/1.1\r\n"
				"Host: h\r\nuser_id: alice\r\n\r\n");
	sse_client_wait_head(c);
	assert_int_equal(c->status, 200);
	gateway_proc_wait_log(&f->gw, "id=alice address=127.0.0.1 ");
}

/* Its requests are the operator's own, and no proxy is before it. */
static void the_admin_listener_believes_nobody(void **state)
{
	struct e2e *f = *state;
	struct sse_client *c = e2e_client(f);

	e2e_gateway(f, "--trusted-proxy", "127.0.0.1", NULL);
	sse_client_get(c, f->gw.admin, "/nowhere",
		       "X-Forwarded-For: 192.0.2.7\r\n");
	sse_client_wait_reply(c);
	assert_int_equal(c->status, 404);
	gateway_proc_wait_log(&f->gw,
			      "msg=\"request rejected\" address=127.0.0.1 ");
	assert_int_equal(e2e_count_in_log(f, "192.0.2.7"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		E2E_TEST(many_streams_one_consumer),
		E2E_TEST(descriptors_have_room_from_the_start),
		E2E_TEST(replays_leave_no_consumer_behind),
		E2E_TEST(replays_take_turns),
		E2E_TEST(history_without_a_consumer),
		E2E_TEST(connects_and_disconnects),
		E2E_TEST(a_slow_client_gets_everything),
		E2E_TEST(full),
		E2E_TEST(overload_spares_the_admin),
		E2E_TEST(idle_admins_make_room),
		E2E_TEST(unfinished_heads_are_bounded),
		E2E_TEST(a_bad_preface_is_logged),
		E2E_TEST(by_unix_nobody_is_counted),
		E2E_TEST(who_says_nothing_is_himself),
		E2E_TEST(the_admin_listener_believes_nobody),
	};

	return cmocka_run_group_tests(tests, e2e_group_setup,
				      e2e_group_teardown);
}
