/* The gateway inside another program's loop: examples/embed.c as a process,
 * against a real nats-server. */
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway_proc.h"
#include "nats_server.h"
#include "sse_client.h"
#include "test_clock.h"

enum { POLL_MS = 10 };

struct fixture {
	struct nats_server nats;
	struct nats_admin *admin;
	struct gateway_proc app;
	struct gateway_proc refused;
	struct sse_client client;
};

static int group_setup(void **state)
{
	static struct fixture f;

	*state = &f;
	nats_server_start(&f.nats, NULL);
	f.admin = nats_admin_open(f.nats.url);
	nats_admin_stream(f.admin, "{\"name\": \"Events\", \"subjects\": "
				   "[\"events.*\"]}");
	return 0;
}

static int group_teardown(void **state)
{
	struct fixture *f = *state;

	nats_admin_close(f->admin);
	nats_server_stop(&f->nats);
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	sse_client_close(&f->client);
	gateway_proc_finish(&f->app);
	gateway_proc_finish(&f->refused);
	return 0;
}

/* Until standard output has a line that begins with `text`; its rest, to
 * free(). */
static char *wait_output(struct fixture *f, const char *text)
{
	uint64_t deadline = test_deadline_ms(GATEWAY_PROC_WAIT_MS);
	char *rest = NULL;

	while (rest == NULL) {
		char *out = gateway_proc_output(&f->app);
		const char *at = strstr(out, text);

		if (at != NULL && strchr(at, '\n') != NULL)
			rest = strndup(at + strlen(text),
				       strcspn(at, "\n") - strlen(text));
		else if (test_now_ms() > deadline)
			fail_msg("no \"%s\" in the output:\n%s", text, out);
		else
			poll(NULL, 0, POLL_MS);
		free(out);
	}
	return rest;
}

static void expect_output(struct fixture *f, const char *text)
{
	free(wait_output(f, text));
}

/* The server comes by the environment, the rest by arguments. */
static void start(struct fixture *f, const char *drain_delay)
{
	char server[96];
	const char *args[] = {"listen=127.0.0.1:0", "admin-listen=off",
			      "drain-timeout=1s", drain_delay, NULL};
	const char *env[] = {server, NULL};
	char *address;

	snprintf(server, sizeof(server), "SLUICE_SERVER=%s", f->nats.url);
	gateway_proc_spawn(&f->app, args, env);
	address = wait_output(f, "listening ");
	snprintf(f->app.address, sizeof(f->app.address), "%s", address);
	free(address);
	gateway_proc_wait_ready(&f->app);
}

static void open_stream(struct fixture *f)
{
	sse_client_stream(&f->client, f->app.address, "alice", NULL);
	sse_client_wait_any_id(&f->client);
}

/* The gateway serves, the program's own timer runs beside it, and both end: the
 * program closes its loop, and says so if anything was left open in it. */
static void serves_and_drains(void **state)
{
	struct fixture *f = *state;

	start(f, "drain-delay=0s");
	open_stream(f);
	expect_output(f, "subscriptions 1");
	nats_admin_publish(f->admin, "events.alice", "hello", 5);
	assert_string_equal(sse_client_wait_message(&f->client, 1)->data,
			    "hello");
	gateway_proc_signal(&f->app, SIGTERM);
	sse_client_wait_reply(&f->client);
	assert_true(f->client.last_chunk);
	assert_int_equal(gateway_proc_wait_exit(&f->app, GATEWAY_PROC_WAIT_MS),
			 0);
}

/* The second signal cuts a drain short. */
static void stops_at_the_second_signal(void **state)
{
	struct fixture *f = *state;
	uint64_t begun;

	start(f, "drain-delay=60s");
	open_stream(f);
	gateway_proc_signal(&f->app, SIGINT);
	gateway_proc_wait_unready(&f->app);
	begun = test_now_ms();
	gateway_proc_signal(&f->app, SIGINT);
	assert_int_equal(gateway_proc_wait_exit(&f->app, GATEWAY_PROC_WAIT_MS),
			 0);
	assert_in_range(test_now_ms() - begun, 0, 10000);
}

static void expect_refused(struct fixture *f, const char *arg, int status,
			   const char *text)
{
	const char *args[] = {"admin-listen=off", arg, NULL};
	char *log;

	gateway_proc_spawn(&f->refused, args, NULL);
	assert_int_equal(gateway_proc_wait_exit(&f->refused,
						GATEWAY_PROC_WAIT_MS),
			 status);
	log = gateway_proc_log(&f->refused);
	if (strstr(log, text) == NULL)
		fail_msg("\"%s\" is not in:\n%s", text, log);
	free(log);
	gateway_proc_finish(&f->refused);
}

/* Before anything is started; nothing leaks. */
static void says_what_is_wrong(void **state)
{
	struct fixture *f = *state;

	expect_refused(f, "ping-interval=soon", 2, "soon");
	expect_refused(f, "pong-interval=1s", 2, "pong-interval");
	expect_refused(f, "nonsense", 2, "NAME=VALUE");
}

/* What the start had begun is undone, and the loop closes. */
static void says_that_it_can_not_listen(void **state)
{
	struct fixture *f = *state;
	char taken[160];

	start(f, "drain-delay=0s");
	snprintf(taken, sizeof(taken), "listen=%s", f->app.address);
	expect_refused(f, taken, 1, f->app.address);
	gateway_proc_stop(&f->app);
}

#define TEST(fn) cmocka_unit_test_teardown(fn, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(serves_and_drains),
		TEST(stops_at_the_second_signal),
		TEST(says_what_is_wrong),
		TEST(says_that_it_can_not_listen),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
