/* Sessions with servers that are absent, killed, frozen, silent or hanging: the
 * source reconnects, tries other servers, and ends in bounded time. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>
#include <nats/version.h>
#include <uv.h>

#include "base/check.h"
#include "nats_server.h"
#include "readable_of.h"
#include "source_spy.h"
#include "upstream/nats_codec.h"
#include "upstream/nats_hung.h"

enum { CLOSE_MS = 4500 };

struct fixture {
	uv_loop_t loop;
	struct nats_server nats;
	struct nats_admin *admin; /* NULL: not opened by the test */
	const char *servers[2];
	struct nats_settings settings;
	struct spy spy;
	int listener; /* of a peer that is not a server; -1: none */
	int peer;     /* a connection that it accepted; -1: none */
};

static const struct request_id request = {3, 9};
static const char stream[] = "{\"name\":\"EV\",\"subjects\":[\"ev.>\"]}";

static int setup_without_server(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	*state = f;
	f->listener = -1;
	f->peer = -1;
	assert_int_equal(uv_loop_init(&f->loop), 0);
	f->settings = (struct nats_settings){
		.servers = f->servers,
		.n_servers = 1,
		.stream = "EV",
		.readable = readable_of("ev.*"),
	};
	return 0;
}

static int setup(void **state)
{
	struct fixture *f;

	setup_without_server(state);
	f = *state;
	nats_server_start(&f->nats, NULL);
	f->servers[0] = f->nats.url;
	f->admin = nats_admin_open(f->nats.url);
	nats_admin_stream(f->admin, stream);
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	spy_finish(&f->spy);
	readable_unref(f->settings.readable);
	assert_int_equal(uv_loop_close(&f->loop), 0);
	nats_admin_close(f->admin);
	nats_server_stop(&f->nats);
	if (f->listener >= 0)
		close(f->listener);
	if (f->peer >= 0)
		close(f->peer);
	free(f);
	return 0;
}

static void start(struct fixture *f)
{
	spy_start(&f->spy, &f->loop, &f->settings);
}

static void start_up(struct fixture *f)
{
	start(f);
	spy_wait(&f->spy, JETSTREAM_UP);
}

static void assert_answers(struct spy *s)
{
	assert_int_equal(s->js->ops->info(s->js, request), 0);
	assert_int_equal(spy_wait(s, JETSTREAM_INFO)->err, 0);
}

/* ---- servers that come and go -------------------------------------------- */

static void the_server_starts_later(void **state)
{
	struct fixture *f = *state;

	nats_server_kill(&f->nats, SIGKILL);
	start(f);
	spy_wait_note(&f->spy, 0, "failed nats://127.0.0.1:");
	assert_int_equal(f->spy.js->ops->info(f->spy.js, request), -ENOTCONN);
	nats_server_again(&f->nats);
	spy_wait(&f->spy, JETSTREAM_UP);
	spy_wait_note(&f->spy, 0, "connected nats://127.0.0.1:");
	assert_answers(&f->spy);
}

/* The program is linked with --wrap=nats_codec_session. */
static _Atomic int ups_to_lose;

int __real_nats_codec_session(struct mailbox *to,
			      enum jetstream_event_kind kind, uint64_t session);
int __wrap_nats_codec_session(struct mailbox *to,
			      enum jetstream_event_kind kind, uint64_t session);

int __wrap_nats_codec_session(struct mailbox *to,
			      enum jetstream_event_kind kind, uint64_t session)
{
	if (kind == JETSTREAM_UP && ups_to_lose > 0) {
		ups_to_lose--;
		return -ENOMEM;
	}
	return __real_nats_codec_session(to, kind, session);
}

/* The loop would ignore the events of a session without JETSTREAM_UP: the
 * session ends, and another one starts. */
static void a_session_without_up_is_replaced(void **state)
{
	struct fixture *f = *state;

	ups_to_lose = 2;
	start_up(f);
	assert_int_equal(ups_to_lose, 0);
	spy_wait_note(&f->spy, 0, "out of memory");
	assert_answers(&f->spy);
}

static void the_server_is_killed_and_restarted(void **state)
{
	struct fixture *f = *state;

	start_up(f);
	for (int i = 0; i < 3; i++) {
		size_t from = f->spy.notes_len;

		assert_answers(&f->spy);
		nats_server_kill(&f->nats, SIGKILL);
		spy_wait(&f->spy, JETSTREAM_DOWN);
		assert_int_equal(f->spy.js->ops->info(f->spy.js, request),
				 -ENOTCONN);
		spy_wait_note(&f->spy, from, "disconnected nats://");
		nats_server_again(&f->nats);
		spy_wait(&f->spy, JETSTREAM_UP);
		assert_answers(&f->spy);
	}
}

/* Events of a session never arrive after its end. */
static void no_event_between_down_and_up(void **state)
{
	enum { N = 20000 };
	const struct jetstream_consumer c = {.request = request,
					     .start_seq = 1,
					     .inactive_ms = 60000};
	const struct jetstream_pull pull = {.request = request,
					    .batch = N,
					    .expires_ms = 30000};
	struct fixture *f = *state;
	bool up = false;

	nats_admin_publish_many(f->admin, "ev.alice", "m", N);
	start_up(f);
	f->spy.js->ops->create(f->spy.js, &c);
	spy_wait(&f->spy, JETSTREAM_CREATED);
	f->spy.js->ops->pull(f->spy.js, &pull);
	spy_wait(&f->spy, JETSTREAM_MESSAGE);
	nats_server_kill(&f->nats, SIGKILL);
	nats_server_again(&f->nats);
	spy_wait(&f->spy, JETSTREAM_UP);
	assert_answers(&f->spy);
	for (size_t i = 0; i < f->spy.n_events; i++) {
		enum jetstream_event_kind kind = f->spy.events[i]->kind;

		assert_int_equal(up, kind != JETSTREAM_UP);
		up = kind != JETSTREAM_DOWN;
	}
}

static void a_frozen_server_is_disconnected(void **state)
{
	struct fixture *f = *state;
	uint64_t begin;

	start_up(f);
	nats_server_kill(&f->nats, SIGSTOP);
	begin = uv_hrtime();
	spy_wait(&f->spy, JETSTREAM_DOWN);
	assert_true(uv_hrtime() - begin < 16ull * 1000000000);
	nats_server_kill(&f->nats, SIGCONT);
	spy_wait(&f->spy, JETSTREAM_UP);
}

static void a_lame_duck_is_left_for_another_server(void **state)
{
	struct fixture *f = *state;
	struct nats_server other;
	size_t from;

	nats_server_kill(&f->nats, SIGKILL);
	nats_server_start(&other, "lame_duck_duration: \"30s\"\n"
				  "lame_duck_grace_period: \"1s\"\n");
	f->servers[1] = other.url;
	f->settings.n_servers = 2;
	start_up(f);
	nats_server_again(&f->nats);
	from = f->spy.notes_len;
	nats_server_kill(&other, SIGUSR2);
	spy_wait(&f->spy, JETSTREAM_DOWN);
	spy_wait_note(&f->spy, from, "lame-duck nats://");
	spy_wait_note(&f->spy, from, f->nats.url);
	spy_wait(&f->spy, JETSTREAM_UP);
	assert_answers(&f->spy);
	nats_server_stop(&other);
}

static void a_dead_server_is_skipped(void **state)
{
	struct fixture *f = *state;

	/* port 1 */
	f->servers[1] = "nats://127.0.0.1:1";
	f->settings.n_servers = 2;
	for (int i = 0; i < 4; i++) {
		start_up(f);
		assert_answers(&f->spy);
		spy_finish(&f->spy);
	}
}

/* ---- silent peers -------------------------------------------------------- */

/* Its URL; static. */
static const char *listen_without_response(struct fixture *f)
{
	static char url[64];
	struct sockaddr_in at = {.sin_family = AF_INET,
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(at);

	f->listener = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(f->listener, (struct sockaddr *)&at, len), 0);
	assert_int_equal(listen(f->listener, 16), 0);
	getsockname(f->listener, (struct sockaddr *)&at, &len);
	snprintf(url, sizeof(url), "nats://127.0.0.1:%d", ntohs(at.sin_port));
	return url;
}

static void a_silent_peer_times_out(void **state)
{
	struct fixture *f = *state;

	f->servers[0] = listen_without_response(f);
	start(f);
	spy_wait_note(&f->spy, 0, "failed nats://127.0.0.1:");
	spy_wait_note(&f->spy, f->spy.notes_len, "failed nats://127.0.0.1:");
	assert_true(spy_stop(&f->spy) < CLOSE_MS);
	assert_int_equal(f->spy.n_events, 0);
}

static const char info[] =
	"INFO {\"server_id\":\"X\",\"version\":\"2.9.10\","
	"\"proto\":1,\"headers\":true,\"max_payload\":1048576}\r\n";

static void wait_for_abandoned_connects(void)
{
	while (nats_connect_abandoned(NULL) > 0)
		uv_sleep(1);
}

/* nats.c below 3.8 waits forever for the PONG. */
static void a_peer_that_stops_after_info_times_out(void **state)
{
	struct fixture *f = *state;

	f->servers[0] = listen_without_response(f);
	start(f);
	f->peer = accept(f->listener, NULL, NULL);
	assert_true(f->peer >= 0);
	assert_true(send(f->peer, info, sizeof(info) - 1, 0) > 0);
	spy_wait_note(&f->spy, 0, "failed nats://127.0.0.1:");
	assert_true(spy_stop(&f->spy) < CLOSE_MS);
	/* The PONG ends an abandoned connect. In nats.c 3.10 the connect has
	 * ended by itself, and the connection is closed. */
	(void)send(f->peer, "PONG\r\n", 6, MSG_NOSIGNAL);
	close(f->listener);
	f->listener = -1;
	wait_for_abandoned_connects();
}

/* As a server that hangs after its first line. */
static int accept_and_hang(struct fixture *f)
{
	int peer = accept(f->listener, NULL, NULL);

	assert_true(peer >= 0);
	assert_true(send(peer, info, sizeof(info) - 1, MSG_NOSIGNAL) > 0);
	return peer;
}

/* A hung connect affects its own server only, and its own gateway only. */
static void a_hung_connect_delays_no_other_server(void **state)
{
	struct fixture *f = *state;
	struct nats_settings settings = f->settings;
	struct pollfd waiting = {.events = POLLIN};
	struct spy other;

	nats_server_kill(&f->nats, SIGKILL);
	f->servers[1] = listen_without_response(f);
	f->settings.n_servers = 2;
	start(f);
	f->peer = accept_and_hang(f);
	waiting.fd = f->listener;
	spy_wait_note(&f->spy, 0, f->servers[1]);
	nats_server_again(&f->nats);
	spy_wait(&f->spy, JETSTREAM_UP);
	assert_answers(&f->spy);
	/* While the connect hangs, there is no other to its server. */
	if (nats_source_hung(f->spy.source) > 0) {
		assert_int_equal(poll(&waiting, 1, 0), 0);
		assert_non_null(
			strstr(f->spy.notes, "returns, or in 5 minutes\n"));
	}

	spy_start(&other, &f->loop, &settings);
	spy_wait(&other, JETSTREAM_UP);
	assert_answers(&other);
	spy_finish(&other);

	/* It is counted while it hangs (from nats.c 3.8 on it does not hang),
	 * and then the server is retried. */
	close(f->peer);
	f->peer = -1;
	while (nats_source_hung(f->spy.source) > 0)
		spy_turn(&f->spy);
}

/* Gateways that start and stop against such a server leave a bounded number of
 * threads behind. */
static void abandoned_connects_are_bounded(void **state)
{
	enum { ROUNDS = NATS_HUNG_ABANDONED_MAX + 3 };
	struct fixture *f = *state;
	int peers[ROUNDS], n = 0;

	f->servers[0] = listen_without_response(f);
	for (int i = 0; i < ROUNDS; i++) {
		bool may = nats_connect_abandoned(f->servers[0]) <
			   NATS_HUNG_ABANDONED_MAX;

		start(f);
		if (may)
			peers[n++] = accept_and_hang(f);
#if NATS_VERSION_NUMBER < 0x030800
		else
			spy_wait_note(&f->spy, 0, "connects of earlier");
#endif
		assert_true(spy_stop(&f->spy) < CLOSE_MS);
		spy_finish(&f->spy);
		assert_true(nats_connect_abandoned(NULL) <=
			    NATS_HUNG_ABANDONED_MAX);
	}
	while (n > 0)
		close(peers[--n]);
	close(f->listener);
	f->listener = -1;
	wait_for_abandoned_connects();
}

/* ---- the close -------------------------------------------------------------
 */

static void a_frozen_server_does_not_delay_the_close(void **state)
{
	struct fixture *f = *state;

	start_up(f);
	nats_server_kill(&f->nats, SIGSTOP);
	f->spy.js->ops->info(f->spy.js, request);
	f->spy.js->ops->delete_consumer(f->spy.js, request);
	assert_true(spy_stop(&f->spy) < CLOSE_MS);
}

/* Requests until neither the socket nor the mailbox takes more. */
static void a_full_socket_does_not_delay_the_close(void **state)
{
	struct fixture *f = *state;
	int rc;

	start_up(f);
	nats_server_kill(&f->nats, SIGSTOP);
	do {
		rc = f->spy.js->ops->get_last(f->spy.js, request, "ev.alice");
		spy_turn(&f->spy);
	} while (rc == 0);
	assert_int_equal(rc, -ENOBUFS);
	assert_true(spy_stop(&f->spy) < CLOSE_MS);
}

static void it_closes_at_once_while_connecting(void **state)
{
	struct fixture *f = *state;

	f->servers[0] = listen_without_response(f);
	start(f);
	f->peer = accept(f->listener, NULL, NULL);
	assert_true(spy_stop(&f->spy) < CLOSE_MS);
	assert_int_equal(f->spy.notes_len, 0);
}

static void it_closes_after_any_number_of_iterations(void **state)
{
	struct fixture *f = *state;

	for (int iterations = 0; iterations < 40; iterations++) {
		start(f);
		for (int i = 0; i < iterations; i++) {
			if (i % 8 == 7)
				uv_sleep(1);
			spy_turn(&f->spy);
		}
		assert_true(spy_stop(&f->spy) < CLOSE_MS);
		spy_finish(&f->spy);
	}
}

static void it_closes_during_delivery(void **state)
{
	enum { N = 30000 };
	const struct jetstream_consumer c = {.request = request,
					     .start_seq = 1,
					     .inactive_ms = 60000};
	const struct jetstream_pull pull = {.request = request,
					    .batch = N,
					    .expires_ms = 30000};
	struct fixture *f = *state;

	nats_admin_publish_many(f->admin, "ev.alice", "m", N);
	for (size_t at = 3; at < 2000; at = at * 3 + 1) {
		start_up(f);
		f->spy.js->ops->create(f->spy.js, &c);
		spy_wait(&f->spy, JETSTREAM_CREATED);
		f->spy.js->ops->pull(f->spy.js, &pull);
		f->spy.close_at = at;
		while (!f->spy.closed)
			uv_run(&f->loop, UV_RUN_ONCE);
		assert_int_equal(f->spy.n_events, at);
		spy_finish(&f->spy);
	}
}

/* The source closes while nats.c waits for room in the mailbox. */
static void it_closes_while_the_mailbox_is_full(void **state)
{
	static char big[512 * 1024];
	const struct jetstream_consumer c = {.request = request,
					     .start_seq = 1,
					     .inactive_ms = 60000};
	const struct jetstream_pull pull = {.request = request,
					    .batch = 100,
					    .expires_ms = 30000};
	struct fixture *f = *state;

	for (int i = 0; i < 40; i++)
		nats_admin_publish(f->admin, "ev.alice", big, sizeof(big));
	start_up(f);
	f->spy.js->ops->create(f->spy.js, &c);
	spy_wait(&f->spy, JETSTREAM_CREATED);
	f->spy.js->ops->pull(f->spy.js, &pull);
	/* The loop does not run while the server sends all of them. */
	while (nats_admin_stream_number(f->admin, "EV",
					"state.consumer_count") != 1)
		;
	uv_sleep(300);
	assert_true(spy_stop(&f->spy) < CLOSE_MS);
}

static void many_sources_in_one_process(void **state)
{
	enum { N = 5 };
	struct fixture *f = *state;
	struct spy spies[N];

	for (int i = 0; i < N; i++)
		spy_start(&spies[i], &f->loop, &f->settings);
	for (int i = 0; i < N; i++)
		spy_wait(&spies[i], JETSTREAM_UP);
	for (int i = 0; i < N; i++) {
		assert_answers(&spies[i]);
		spy_finish(&spies[i]);
		if (i + 1 < N)
			assert_answers(&spies[i + 1]);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define TEST_ALONE(name) \
	cmocka_unit_test_setup_teardown(name, setup_without_server, teardown)

/* test_nats_connect [silent]: what waits for a peer that says nothing takes
 * time and no processor, and is a test of its own, beside the others. */
int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(the_server_starts_later),
		TEST(the_server_is_killed_and_restarted),
		TEST(a_session_without_up_is_replaced),
		TEST(no_event_between_down_and_up),
		TEST(a_lame_duck_is_left_for_another_server),
		TEST(a_dead_server_is_skipped),
		TEST(a_frozen_server_does_not_delay_the_close),
		TEST(a_full_socket_does_not_delay_the_close),
		TEST_ALONE(it_closes_at_once_while_connecting),
		TEST(it_closes_after_any_number_of_iterations),
		TEST(it_closes_during_delivery),
		TEST(it_closes_while_the_mailbox_is_full),
		TEST(many_sources_in_one_process),
	};
	const struct CMUnitTest silent[] = {
		TEST(a_frozen_server_is_disconnected),
		TEST_ALONE(a_silent_peer_times_out),
		TEST_ALONE(a_peer_that_stops_after_info_times_out),
		TEST(a_hung_connect_delays_no_other_server),
		TEST_ALONE(abandoned_connects_are_bounded),
	};

	if (argc > 1 && strcmp(argv[1], "silent") == 0)
		return cmocka_run_group_tests(silent, NULL, NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
