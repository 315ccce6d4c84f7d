/* A gateway in this program's own loop: what its owner may ask, and when. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <uv.h>

#include "temp_folder.h"
#include "sluice.h"
#include "sse_client.h"

struct owner {
	uv_loop_t loop;
	uv_idle_t idle; /* asks in each turn */
	struct sluice *gateway;
	size_t asked_after_stop;
	bool stopped;
	int done;
	char err[SLUICE_ERROR_MAX];
};

static void ask(uv_idle_t *idle)
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
	o->asked_after_stop++;
}

static void on_done(struct sluice *gateway, void *arg)
{
	struct owner *o = arg;

	assert_ptr_equal(gateway, o->gateway);
	o->done++;
	uv_close((uv_handle_t *)&o->idle, NULL);
}

/* No server has to be there: the gateway goes on asking for one. */
static void start(struct owner *o)
{
	static const char *const options[][2] = {
		{"listen", "127.0.0.1:0"},
		{"admin-listen", "off"},
		{"server", "nats://127.0.0.1:1"},
		{"log-level", "error"},
	};
	struct sluice_options *set;

	assert_int_equal(uv_loop_init(&o->loop), 0);
	assert_int_equal(sluice_options_new(&set), 0);
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		assert_int_equal(sluice_options_set(set, options[i][0],
						    options[i][1], o->err),
				 0);
	assert_int_equal(sluice_start(&o->gateway, &o->loop, set, o->err), 0);
	sluice_options_free(set);
	uv_idle_init(&o->loop, &o->idle);
	o->idle.data = o;
	uv_idle_start(&o->idle, ask);
}

static void finish(struct owner *o)
{
	uv_run(&o->loop, UV_RUN_DEFAULT);
	assert_int_equal(o->done, 1);
	assert_int_equal(uv_loop_close(&o->loop), 0);
}

/* Its parts end in different turns, the connections before the NATS source. */
static void may_be_asked_until_done(void **state)
{
	struct owner o = {.done = 0};

	(void)state;
	start(&o);
	for (int i = 0; i < 100; i++)
		uv_run(&o.loop, UV_RUN_NOWAIT);
	sluice_stop(o.gateway, on_done, &o);
	o.stopped = true;
	finish(&o);
	assert_true(o.asked_after_stop > 0);
}

/* The drain's callback is the stop's then, and is called once. */
static void is_done_once(void **state)
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

/* ---- several in one process ---------------------------------------------- */

/* A gateway with a loop and a thread of its own. */
struct tenant {
	uv_thread_t thread;
	uv_loop_t loop;
	uv_async_t quit;
	struct sluice *gateway;
	char admin[160];
};

static void on_tenant_done(struct sluice *gateway, void *arg)
{
	struct tenant *t = arg;

	(void)gateway;
	uv_close((uv_handle_t *)&t->quit, NULL);
}

static void on_quit(uv_async_t *quit)
{
	struct tenant *t = quit->data;

	sluice_stop(t->gateway, on_tenant_done, t);
}

static void run_tenant(void *arg)
{
	struct tenant *t = arg;

	uv_run(&t->loop, UV_RUN_DEFAULT);
}

static void start_tenant(struct tenant *t, const char *folder, int number)
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
	assert_int_equal(uv_thread_create(&t->thread, run_tenant, t), 0);
}

/* Nothing of one is the other's: ThreadSanitizer looks on. */
static void two_in_two_threads(void **state)
{
	enum { N = 2, TIMES = 10 };
	struct tenant tenants[N];
	struct temp_folder folder;

	(void)state;
	assert_int_equal(temp_folder_make(&folder), 0);
	for (int i = 0; i < N; i++)
		start_tenant(&tenants[i], folder.path, i);
	for (int i = 0; i < TIMES; i++) {
		struct sse_client cs[N] = {0};

		/* Both are asked before one is read. */
		for (int k = 0; k < N; k++)
			sse_client_get(&cs[k], tenants[k].admin, "/metrics",
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
		uv_async_send(&tenants[i].quit);
	for (int i = 0; i < N; i++) {
		uv_thread_join(&tenants[i].thread);
		assert_int_equal(uv_loop_close(&tenants[i].loop), 0);
	}
	temp_folder_remove(&folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(may_be_asked_until_done),
		cmocka_unit_test(is_done_once),
		cmocka_unit_test(two_in_two_threads),
	};

	return cmocka_run_group_tests_name("gateway", tests, NULL, NULL);
}
