/* The test server itself: what the other end-to-end tests stand on. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>
#include <nats/nats.h>

#include "nats_server.h"

static const char stream[] =
	"{\"name\":\"EV\",\"subjects\":[\"ev.*\"],\"storage\":\"file\"}";

static int setup(void **state)
{
	struct nats_server *s = calloc(1, sizeof(*s));

	*state = s;
	nats_server_start(s, NULL);
	return 0;
}

static int teardown(void **state)
{
	struct nats_server *s = *state;
	char dir[sizeof(s->dir)];
	struct stat st;

	strcpy(dir, s->dir);
	nats_server_stop(s);
	assert_int_not_equal(stat(dir, &st), 0);
	free(s);
	return 0;
}

static void test_streams_survive_a_kill(void **state)
{
	struct nats_server *s = *state;
	struct nats_admin *a = nats_admin_open(s->url);
	int port = s->port;

	nats_admin_stream(a, stream);
	assert_int_equal(nats_admin_publish(a, "ev.1", "a", 1), 1);
	assert_int_equal(nats_admin_publish_many(a, "ev.2", "m", 3000), 3001);
	nats_server_kill(s, SIGKILL);
	nats_server_again(s);
	assert_int_equal(s->port, port);
	assert_int_equal(nats_admin_publish(a, "ev.1", "b", 1), 3002);
	assert_int_equal(nats_admin_stream_number(a, "EV", "state.messages"),
			 3002);
	nats_admin_close(a);
}

static void test_an_emptied_store_has_no_stream(void **state)
{
	struct nats_server *s = *state;
	struct nats_admin *a = nats_admin_open(s->url);
	char *text;

	nats_admin_stream(a, stream);
	nats_server_kill(s, SIGTERM);
	nats_server_empty_store(s);
	nats_server_again(s);
	text = nats_admin_api(a, "STREAM.NAMES", NULL);
	assert_null(strstr(text, "\"EV\""));
	free(text);
	nats_admin_close(a);
}

static void test_a_stopped_server_can_be_killed(void **state)
{
	struct nats_server *s = *state;

	nats_server_kill(s, SIGSTOP);
	nats_server_kill(s, SIGTERM);
	assert_int_equal(s->pid, 0);
}

static void test_a_domain_needs_no_store_line(void **state)
{
	struct nats_server s;

	(void)state;
	nats_server_start(&s, "jetstream { domain: hub }");
	assert_true(s.version >= 20900);
	nats_server_stop(&s);
}

static int close_library(void **state)
{
	(void)state;
	return nats_CloseAndWait(10000) == NATS_OK ? 0 : -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_streams_survive_a_kill,
						setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_an_emptied_store_has_no_stream, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_a_stopped_server_can_be_killed, setup, teardown),
		cmocka_unit_test(test_a_domain_needs_no_store_line),
	};

	return cmocka_run_group_tests(tests, NULL, close_library);
}
