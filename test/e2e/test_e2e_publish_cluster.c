/* Messages through two gateways before a cluster of three servers, while the
 * stream's leader steps down, is killed, or does not answer: clients publish
 * with idempotency keys, and retry on the other gateway. Afterwards the stream
 * has every message that was answered with 2xx, and none twice.
 *
 * SLUICE_TEST_POSTS: acknowledged messages (6,000); the faults are repeated
 * until then. */
#include "e2e.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http_publishers.h"
#include "nats_cluster.h"

enum { POSTS = 6000, CLIENTS = 16, CALM_MS = 1000, GATEWAYS = 2 };

struct cluster_test {
	struct nats_cluster cluster;
	struct gateway_proc gateways[GATEWAYS];
	struct http_publishers publishers;
};

static uint64_t n_posts(void)
{
	const char *text = getenv("SLUICE_TEST_POSTS");

	return text == NULL ? POSTS : strtoull(text, NULL, 10);
}

static int setup(void **state)
{
	static const char *const args[] = {"--allow-pub", "events.{id}",
					   "--publish-timeout", "2s", NULL};
	static struct cluster_test t;

	t = (struct cluster_test){0};
	*state = &t;
	nats_cluster_start(&t.cluster);
	nats_cluster_stream(&t.cluster, "Events",
			    "{\"name\": \"Events\", "
			    "\"subjects\": [\"events.*\"], "
			    "\"retention\": \"limits\", "
			    "\"storage\": \"file\", \"num_replicas\": 3, "
			    "\"allow_direct\": true}");
	for (int i = 0; i < GATEWAYS; i++) {
		gateway_proc_start(&t.gateways[i], t.cluster.urls, args);
		gateway_proc_wait_ready(&t.gateways[i]);
	}
	return 0;
}

static int teardown(void **state)
{
	struct cluster_test *t = *state;

	http_publishers_stop(&t->publishers);
	for (int i = 0; i < GATEWAYS; i++)
		gateway_proc_finish(&t->gateways[i]);
	nats_cluster_stop(&t->cluster);
	return 0;
}

static void calm(struct cluster_test *t)
{
	uint64_t before = http_publishers_acked(&t->publishers);

	poll(NULL, 0, CALM_MS);
	http_publishers_wait(&t->publishers, before + 10 * CLIENTS);
}

static void settle(struct cluster_test *t)
{
	calm(t);
	nats_cluster_wait_whole(&t->cluster, "Events");
}

static void step_down(struct cluster_test *t)
{
	int leader = nats_cluster_wait_leader(&t->cluster, "Events", -1);

	nats_cluster_lead(&t->cluster, "Events",
			  (leader + 1) % NATS_CLUSTER_NODES);
	settle(t);
}

static void kill_the_leader(struct cluster_test *t)
{
	int leader = nats_cluster_wait_leader(&t->cluster, "Events", -1);

	nats_cluster_kill(&t->cluster, leader, SIGKILL);
	nats_cluster_wait_leader(&t->cluster, "Events", leader);
	calm(t);
	nats_cluster_again(&t->cluster, leader);
	settle(t);
}

/* Not long enough for another one, and longer than --publish-timeout. */
static void freeze_the_leader(struct cluster_test *t)
{
	int leader = nats_cluster_wait_leader(&t->cluster, "Events", -1);
	struct nats_server *s = &t->cluster.nodes[leader];

	nats_server_kill(s, SIGSTOP);
	poll(NULL, 0, 2500);
	nats_server_kill(s, SIGCONT);
	settle(t);
}

static void leaders_change(void **state)
{
	struct cluster_test *t = *state;
	struct http_publishers *p = &t->publishers;
	struct nats_admin *a;
	bool ok;

	http_publishers_start(p, t->gateways[0].address, t->gateways[1].address,
			      CLIENTS);
	calm(t);
	do {
		step_down(t);
		kill_the_leader(t);
		freeze_the_leader(t);
	} while (http_publishers_acked(p) < n_posts());
	http_publishers_finish(p);
	nats_cluster_wait_whole(&t->cluster, "Events");
	a = nats_admin_open(t->cluster.nodes[0].url);
	ok = http_publishers_check(p, a);
	nats_admin_close(a);
	assert_true(ok);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(leaders_change, setup,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
