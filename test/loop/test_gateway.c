/* A gateway on this program's loop: which calls its owner may make, and when
 * its callback comes. Several in one process share nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <uv.h>

#include "temp_folder.h"
#include "sluice.h"
#include "sse_client.h"
#include "test_clock.h"

struct owner {
	uv_loop_t loop;
	uv_idle_t idle; /* calls in each iteration */
	struct sluice *gateway;
	size_t calls_after_stop;
	bool stopped;
	int done;
	char err[SLUICE_ERROR_MAX];
};

static void call_state_functions(uv_idle_t *idle)
{
	struct owner *o = idle->data;
	char address[128];
	int rc = sluice_address(o->gateway, 0, address, sizeof(address));

	assert_int_equal(sluice_subscriptions(o->gateway), 0);
	assert_int_equal(sluice_ready(o->gateway), 0);
	if (!o->stopped) {
		assert_int_equal(rc, 0);
		return;
	}
	assert_int_equal(rc, -ENOENT);
	o->calls_after_stop++;
}

static void on_done(struct sluice *gateway, void *arg)
{
	struct owner *o = arg;

	assert_ptr_equal(gateway, o->gateway);
	o->done++;
	uv_close((uv_handle_t *)&o->idle, NULL);
}

/* There is no server: the gateway retries in the background. `key`: a URL, or
 * NULL. */
static void start_with_key(struct owner *o, const char *key)
{
	const char *const options[][2] = {
		{"listen", "127.0.0.1:0"},
		{"admin-listen", "off"},
		{"server", "nats://127.0.0.1:1"},
		{"log-level", "error"},
		{"auth", key == NULL ? "header" : "jwt"},
		{"jwt-key", key},
	};
	struct sluice_options *set;

	assert_int_equal(uv_loop_init(&o->loop), 0);
	assert_int_equal(sluice_options_new(&set), 0);
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		if (options[i][1] != NULL)
			assert_int_equal(sluice_options_set(set, options[i][0],
							    options[i][1],
							    o->err),
					 0);
	assert_int_equal(sluice_start(&o->gateway, &o->loop, set, o->err), 0);
	sluice_options_free(set);
	uv_idle_init(&o->loop, &o->idle);
	o->idle.data = o;
	uv_idle_start(&o->idle, call_state_functions);
}

static void start(struct owner *o)
{
	start_with_key(o, NULL);
}

static void finish(struct owner *o)
{
	uv_run(&o->loop, UV_RUN_DEFAULT);
	assert_int_equal(o->done, 1);
	assert_int_equal(uv_loop_close(&o->loop), 0);
}

/* The parts close in different iterations, the connections before the NATS
 * source. */
static void state_functions_work_until_done(void **state)
{
	struct owner o = {.done = 0};

	(void)state;
	start(&o);
	for (int i = 0; i < 100; i++)
		uv_run(&o.loop, UV_RUN_NOWAIT);
	sluice_stop(o.gateway, on_done, &o);
	o.stopped = true;
	finish(&o);
	assert_true(o.calls_after_stop > 0);
}

/* The stop's callback replaces the drain's, and is called once. */
static void done_is_called_once(void **state)
{
	struct owner o = {.done = 0};

	(void)state;
	start(&o);
	sluice_drain(o.gateway, on_done, &o);
	sluice_drain(o.gateway, on_done, &o);
	uv_run(&o.loop, UV_RUN_NOWAIT);
	sluice_stop(o.gateway, on_done, &o);
	sluice_stop(o.gateway, on_done, &o);
	o.stopped = true;
	finish(&o);
}

/* Connections are established by the kernel, and nothing answers them. */
static int listen_silently(char *url, size_t size)
{
	struct sockaddr_in at = {.sin_family = AF_INET};
	socklen_t len = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(fd, 64), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
	snprintf(url, size, "https://127.0.0.1:%u/", ntohs(at.sin_port));
	return fd;
}

static void a_stop_does_not_wait_for_keys(void **state)
{
	char url[64];
	int fd = listen_silently(url, sizeof(url));

	(void)state;
	for (int turns = 0; turns < 200; turns += 20) {
		struct owner o = {.done = 0};
		uint64_t deadline;

		start_with_key(&o, url);
		for (int i = 0; i < turns; i++)
			uv_run(&o.loop, UV_RUN_NOWAIT);
		if (turns == 180)
			uv_sleep(300);
		/* A fetch would end after 5 s. */
		deadline = test_deadline_ms(2000);
		sluice_stop(o.gateway, on_done, &o);
		o.stopped = true;
		finish(&o);
		assert_true(test_now_ms() < deadline);
	}
	close(fd);
}

/* ---- several in one process ---------------------------------------------- */

/* A gateway with a loop and a thread of its own. */
struct threaded_gateway {
	uv_thread_t thread;
	uv_loop_t loop;
	uv_async_t quit;
	struct sluice *gateway;
	char admin[160];
};

static void on_threaded_gateway_done(struct sluice *gateway, void *arg)
{
	struct threaded_gateway *t = arg;

	(void)gateway;
	uv_close((uv_handle_t *)&t->quit, NULL);
}

static void on_quit(uv_async_t *quit)
{
	struct threaded_gateway *t = quit->data;

	sluice_stop(t->gateway, on_threaded_gateway_done, t);
}

static void run_threaded_gateway(void *arg)
{
	struct threaded_gateway *t = arg;

	uv_run(&t->loop, UV_RUN_DEFAULT);
}

static void start_threaded_gateway(struct threaded_gateway *t,
				   const char *folder, int number)
{
	const char *const options[][2] = {
		{"listen", "127.0.0.1:0"},
		{"admin-listen", t->admin},
		{"server", "nats://127.0.0.1:1"},
		{"log-level", "error"},
	};
	struct sluice_options *set;
	char err[SLUICE_ERROR_MAX];

	snprintf(t->admin, sizeof(t->admin), "unix:%s/%d", folder, number);
	assert_int_equal(uv_loop_init(&t->loop), 0);
	assert_int_equal(uv_async_init(&t->loop, &t->quit, on_quit), 0);
	t->quit.data = t;
	assert_int_equal(sluice_options_new(&set), 0);
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		assert_int_equal(sluice_options_set(set, options[i][0],
						    options[i][1], err),
				 0);
	assert_int_equal(sluice_start(&t->gateway, &t->loop, set, err), 0);
	sluice_options_free(set);
	assert_int_equal(uv_thread_create(&t->thread, run_threaded_gateway, t),
			 0);
}

/* Gateways share no state without a lock: this test runs under
 * ThreadSanitizer, too. */
static void two_gateways_in_two_threads(void **state)
{
	enum { N = 2, TIMES = 10 };
	struct threaded_gateway gateways[N];
	struct temp_folder folder;

	(void)state;
	assert_int_equal(temp_folder_make(&folder), 0);
	for (int i = 0; i < N; i++)
		start_threaded_gateway(&gateways[i], folder.path, i);
	for (int i = 0; i < TIMES; i++) {
		struct sse_client cs[N] = {0};

		/* Both requests are sent before a response is read. */
		for (int k = 0; k < N; k++)
			sse_client_get(&cs[k], gateways[k].admin, "/metrics",
				       NULL);
		for (int k = 0; k < N; k++) {
			sse_client_wait_reply(&cs[k]);
			assert_int_equal(cs[k].status, 200);
			assert_non_null(strstr(bytes_text(&cs[k].body),
					       "process_open_fds "));
			sse_client_close(&cs[k]);
		}
	}
	for (int i = 0; i < N; i++)
		uv_async_send(&gateways[i].quit);
	for (int i = 0; i < N; i++) {
		uv_thread_join(&gateways[i].thread);
		assert_int_equal(uv_loop_close(&gateways[i].loop), 0);
	}
	temp_folder_remove(&folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(state_functions_work_until_done),
		cmocka_unit_test(done_is_called_once),
		cmocka_unit_test(a_stop_does_not_wait_for_keys),
		cmocka_unit_test(two_gateways_in_two_threads),
	};

	return cmocka_run_group_tests_name("gateway", tests, NULL, NULL);
}
