/* The thread that fetches keys: results, and stops at any moment. */
#include <dlfcn.h>
#include <netdb.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <uv.h>

#include "gateway/jwks_fetch.h"
#include "key_server.h"
#include "test_clock.h"

#define KEYS                                                             \
	"{\"keys\": [{\"kty\": \"OKP\", \"crv\": \"Ed25519\", \"kid\": " \
	"\"a\", \"x\": \"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}]}\n"

enum { STOP_MS = 2000, WAIT_MS = 30000 };

struct fixture {
	uv_loop_t loop;
	uv_async_t wakeup;
	struct key_server server;
	struct jwks_fetch *fetch;
	struct jwks_fetched fetched;
	int results;
	bool stopped;
};

static struct fixture f;

/* ---- a resolver that hangs ------------------------------------------------
 */

#define HANGING "hangs.test"

static _Atomic int resolving, resolved;

/* libcurl's calls end here. */
__attribute__((visibility("default"))) int getaddrinfo(
	const char *name, const char *service, const struct addrinfo *hints,
	struct addrinfo **ret)
{
	int (*real)(const char *, const char *, const struct addrinfo *,
		    struct addrinfo **) = dlsym(RTLD_NEXT, "getaddrinfo");

	if (name == NULL || strcmp(name, HANGING) != 0)
		return real(name, service, hints, ret);
	resolving++;
	usleep(2 * STOP_MS * 1000);
	resolved++;
	return EAI_AGAIN;
}

/* ---- the thread ------------------------------------------------------------
 */

static void on_wakeup(uv_async_t *wakeup)
{
	if (!f.stopped && jwks_fetch_take(f.fetch, &f.fetched))
		f.results++;
	if (f.stopped && jwks_fetch_has_ended(f.fetch) &&
	    !uv_is_closing((uv_handle_t *)wakeup)) {
		jwks_fetch_free(f.fetch);
		uv_close((uv_handle_t *)wakeup, NULL);
	}
}

static void begin(void)
{
	const struct jwks_fetch_config cfg = {
		.url = f.server.url,
		.authorities = f.server.authority,
		.wakeup = &f.wakeup,
	};

	assert_int_equal(uv_loop_init(&f.loop), 0);
	assert_int_equal(uv_async_init(&f.loop, &f.wakeup, on_wakeup), 0);
	f.results = 0;
	f.stopped = false;
	assert_int_equal(jwks_fetch_new(&f.fetch, &cfg), 0);
}

/* Prompt, whatever the server does. */
static void stop(void)
{
	uint64_t deadline = test_deadline_ms(STOP_MS);

	f.stopped = true;
	jwks_fetch_stop(f.fetch);
	jwks_fetch_stop(f.fetch);
	uv_run(&f.loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&f.loop), 0);
	assert_true(test_now_ms() < deadline);
}

/* The keys of the result are the caller's. */
static void fetch_once(void)
{
	int before = f.results;
	uint64_t deadline = test_deadline_ms(WAIT_MS);

	jwks_fetch_begin(f.fetch);
	while (f.results == before) {
		assert_true(test_now_ms() < deadline);
		uv_run(&f.loop, UV_RUN_ONCE);
	}
}

static int setup(void **state)
{
	(void)state;
	memset(&f, 0, sizeof(f));
	key_server_start(&f.server);
	key_server_set_keys(&f.server, KEYS);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	key_server_finish(&f.server);
	return 0;
}

static void it_says_what_has_changed(void **state)
{
	(void)state;
	begin();
	key_server_set_cache(&f.server, "public, max-age=300");
	fetch_once();
	assert_non_null(f.fetched.keys);
	assert_int_equal(jwks_count(f.fetched.keys), 1);
	assert_true(jwks_has_kid(f.fetched.keys, "a"));
	assert_false(f.fetched.unchanged);
	assert_int_equal(f.fetched.lifetime_s, 300);
	jwks_free(f.fetched.keys);
	key_server_set_cache(&f.server, NULL);
	fetch_once();
	assert_true(f.fetched.unchanged);
	assert_true(f.fetched.lifetime_s == UINT64_MAX);
	jwks_free(f.fetched.keys);
	key_server_set_mode(&f.server, "html");
	fetch_once();
	assert_null(f.fetched.keys);
	assert_non_null(strstr(f.fetched.err, "neither PEM nor JWKS"));
	/* Since the last good one. */
	key_server_set_mode(&f.server, "keys");
	fetch_once();
	assert_true(f.fetched.unchanged);
	jwks_free(f.fetched.keys);
	key_server_set_keys(&f.server, KEYS " ");
	fetch_once();
	assert_false(f.fetched.unchanged);
	jwks_free(f.fetched.keys);
	stop();
}

static void it_stops_without_a_fetch(void **state)
{
	(void)state;
	for (int i = 0; i < 20; i++) {
		begin();
		if (i % 2 == 1)
			usleep(1000);
		stop();
	}
}

/* From before the connect until after the end. */
static void it_stops_at_any_moment(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 40; i++) {
		begin();
		jwks_fetch_begin(f.fetch);
		usleep(i * 1000);
		stop();
	}
}

static void it_stops_while_the_server_hangs(void **state)
{
	static const char *const modes[] = {"silent", "no-head", "no-body",
					    "endless", "endless-head"};

	(void)state;
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		key_server_set_mode(&f.server, modes[i]);
		begin();
		jwks_fetch_begin(f.fetch);
		key_server_wait_count(&f.server, i + 1);
		/* libcurl wakes itself in the first 200 ms. */
		usleep(300000);
		stop();
	}
}

static void wait_until(const _Atomic int *flag)
{
	uint64_t deadline = test_deadline_ms(WAIT_MS);

	while (*flag == 0) {
		assert_true(test_now_ms() < deadline);
		usleep(1000);
	}
}

static void it_stops_while_a_name_is_resolved(void **state)
{
	(void)state;
	snprintf(f.server.url, sizeof(f.server.url), "https://" HANGING "/");
	begin();
	jwks_fetch_begin(f.fetch);
	wait_until(&resolving);
	usleep(300000);
	stop();
	assert_int_equal(resolved, 0);
	/* libcurl's thread ends before the program does. */
	wait_until(&resolved);
	usleep(100000);
}

/* A result that was not taken is freed. */
static void it_stops_with_a_result(void **state)
{
	(void)state;
	begin();
	jwks_fetch_begin(f.fetch);
	key_server_wait_count(&f.server, 1);
	usleep(100000);
	stop();
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(it_says_what_has_changed),
		TEST(it_stops_without_a_fetch),
		TEST(it_stops_at_any_moment),
		TEST(it_stops_while_the_server_hangs),
		TEST(it_stops_while_a_name_is_resolved),
		TEST(it_stops_with_a_result),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
