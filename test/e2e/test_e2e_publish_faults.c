/* Messages through faults of nats-servers: clients publish with idempotency
 * keys, and retry what was not acknowledged. Afterwards the stream has every
 * message that was answered with 2xx, and none twice.
 *
 * SLUICE_TEST_POSTS: acknowledged messages of each test (10,000); the faults
 * are repeated until then. */
#include "e2e.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http_publishers.h"
#include "nats_cluster.h"

enum { POSTS = 10000, CLIENTS = 32, CALM_MS = 1000, WAIT_MS = 60000 };

static struct http_publishers publishers;

static uint64_t n_posts(void)
{
	const char *text = getenv("SLUICE_TEST_POSTS");

	return text == NULL ? POSTS : strtoull(text, NULL, 10);
}

static void calm(int ms)
{
	uint64_t before = http_publishers_acked(&publishers);

	poll(NULL, 0, ms);
	http_publishers_wait(&publishers, before + 10 * CLIENTS);
}

/* ---- one server ---------------------------------------------------------- */

static int teardown(void **state)
{
	struct e2e *f = *state;

	http_publishers_stop(&publishers);
	if (f->nats.pid != 0)
		nats_server_kill(&f->nats, SIGCONT);
	return e2e_teardown(state);
}

static void kill_server(struct e2e *f, int away_ms)
{
	nats_server_kill(&f->nats, SIGKILL);
	poll(NULL, 0, away_ms);
	nats_server_again(&f->nats);
}

/* Longer than --publish-timeout, or shorter. */
static void freeze_server(struct e2e *f, int ms)
{
	nats_server_kill(&f->nats, SIGSTOP);
	poll(NULL, 0, ms);
	nats_server_kill(&f->nats, SIGCONT);
}

static void a_server_is_killed_and_frozen(void **state)
{
	struct e2e *f = *state;
	int rounds = 0;

	e2e_gateway(f, "--allow-pub", "events.{id}", "--publish-timeout", "2s",
		    NULL);
	http_publishers_start(&publishers, f->gw.address, NULL, CLIENTS);
	do {
		calm(CALM_MS);
		kill_server(f, 300);
		calm(CALM_MS);
		freeze_server(f, 1000);
		calm(CALM_MS);
		freeze_server(f, 3000);
		/* What the server has not read yet is lost with it. */
		calm(CALM_MS);
		nats_server_kill(&f->nats, SIGSTOP);
		poll(NULL, 0, 500);
		kill_server(f, 0);
		rounds++;
	} while (http_publishers_acked(&publishers) < n_posts());
	http_publishers_finish(&publishers);
	fprintf(stderr, "%d rounds of faults\n", rounds);
	assert_true(publishers.counts.away + publishers.counts.unknown > 0);
	assert_true(http_publishers_check(&publishers, f->admin));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_server_is_killed_and_frozen,
						e2e_setup, teardown),
	};

	return cmocka_run_group_tests(tests, e2e_group_setup,
				      e2e_group_teardown);
}
