/* Two gateways on a cluster of three, a replicated stream, and a feed that goes
 * on while a node is cut off, the leader is killed, and all nodes are restarted
 * one after the other: every client gets every event, in order, once, whichever
 * gateway it resumes on.
 *
 * SLUICE_TEST_EVENTS: how many events there are to be (100,000, fewer on a
 * machine that takes long for the faults); for each so many the faults come
 * once more. SLUICE_TEST_SEED: of the hoppers' moods. */
#include "e2e.h"

#include <inttypes.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "followers.h"
#include "nats_cluster.h"
#include "test_clock.h"

enum {
	EVENTS = 100000,
	PER_S = 2000, /* while there are faults */
	POLL_MS = 20,
	WAIT_MS = 60000,
	NEAR = 200,	 /* sequences, around a fault */
	LONG_MS = 90000, /* for the faults; an idle machine takes half of it */
};

struct cluster_test {
	struct nats_cluster cluster;
	struct gateway_proc gateways[FOLLOWERS_GATEWAYS];
	struct acked_publisher feed;
	struct followers followers;
	uint64_t begin_ms;
	jmp_buf out;
};

/* The servers themselves hold different streams: nothing can be proven. */
static bool is_void;

/* ---- fixture ------------------------------------------------------------- */

static int setup(void **state)
{
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
	return 0;
}

static int setup_if_void(void **state)
{
	static struct cluster_test none;

	*state = &none;
	return is_void ? setup(state) : 0;
}

/* When a client has found a fault: is it the servers'? nats-server 2.9.10
 * sometimes stores different messages under the same sequences when a leader is
 * replaced, for good: then one gateway serves what the other does not have. */
static bool replicas_are_same(struct cluster_test *t)
{
	struct nats_cluster *c = &t->cluster;
	uint64_t seq = t->followers.failed_seq;

	for (int i = 0; i < NATS_CLUSTER_NODES; i++) {
		if (c->nodes[i].pid == 0)
			nats_cluster_again(c, i);
		if (c->cut[i])
			nats_cluster_heal(c, i);
	}
	nats_cluster_wait_whole(c, "Events");
	return nats_cluster_same(c, "Events", seq > NEAR ? seq - NEAR : 1,
				 seq + NEAR);
}

static void check(struct cluster_test *t)
{
	if (t->followers.failed && !replicas_are_same(t)) {
		fprintf(stderr, "so this run proves nothing: %s\n",
			t->followers.what);
		is_void = true;
		longjmp(t->out, 1);
	}
	followers_check(&t->followers);
}

static int teardown(void **state)
{
	struct cluster_test *t = *state;

	followers_stop(&t->followers);
	acked_publisher_stop(&t->feed);
	for (int i = 0; i < FOLLOWERS_GATEWAYS; i++)
		gateway_proc_finish(&t->gateways[i]);
	nats_cluster_stop(&t->cluster);
	return 0;
}

static unsigned long number_from(const char *name, unsigned long otherwise)
{
	const char *text = getenv(name);

	return text == NULL || *text == '\0' ? otherwise
					     : strtoul(text, NULL, 10);
}

static void say(const struct cluster_test *t, const char *what)
{
	fprintf(stderr, "%6.1f s, %" PRIu64 " events: %s\n",
		(double)(test_now_ms() - t->begin_ms) / 1000,
		acked_publisher_acked(&t->feed), what);
}

/* ---- gateways ------------------------------------------------------------ */

/* The log of recent events holds a second or two: a client that resumes may
 * find its place in memory, and may need a replay. */
static void start_gateway(struct cluster_test *t, int which)
{
	static const char *const args[] = {"--buffer-size", "256KiB",
					   "--ping-interval", "1s", NULL};

	gateway_proc_start(&t->gateways[which], t->cluster.urls, args);
	gateway_proc_wait_ready(&t->gateways[which]);
}

/* The node that it was connected to last, by its log. */
static int node_of(const struct cluster_test *t, int which)
{
	char *log = gateway_proc_log(&t->gateways[which]);
	const char *at = log, *next;
	int node = -1;

	while ((next = strstr(at + 1, "connected to NATS\" server=")) != NULL)
		at = next;
	for (int i = 0; i < NATS_CLUSTER_NODES; i++) {
		const char *url = strstr(at, t->cluster.nodes[i].url);

		if (url != NULL && url < at + strcspn(at, "\n"))
			node = i;
	}
	free(log);
	if (node < 0)
		fail_msg("the log does not say where gateway %d is", which);
	return node;
}

/* On two nodes: then one of them can be cut off, and the other not. */
static void start_gateways(struct cluster_test *t)
{
	start_gateway(t, 0);
	start_gateway(t, 1);
	while (node_of(t, 0) == node_of(t, 1)) {
		gateway_proc_stop(&t->gateways[1]);
		start_gateway(t, 1);
	}
}

static void fill_followers(struct cluster_test *t)
{
	const char *const addresses[] = {t->gateways[0].address,
					 t->gateways[1].address};
	unsigned seed = (unsigned)number_from("SLUICE_TEST_SEED",
					      (unsigned long)test_now_ms());

	fprintf(stderr, "SLUICE_TEST_SEED=%u\n", seed);
	for (unsigned u = 0; u < ACKED_PUBLISHER_USERS; u++) {
		followers_add(&t->followers, FOLLOWERS_HOPS, u);
		followers_add(&t->followers,
			      u % 4 == 1 ? FOLLOWERS_REPLAYS : FOLLOWERS_STAYS,
			      u);
	}
	followers_start(&t->followers, &t->feed, addresses, seed);
}

/* ---- the feed ------------------------------------------------------------ */

/* Until there are so many, or it is done. However long it takes: but for
 * WAIT_MS at the most nothing can be published. */
static void wait_acked(struct cluster_test *t, uint64_t until)
{
	uint64_t seen = 0, deadline = 0;

	while (acked_publisher_acked(&t->feed) < until &&
	       !acked_publisher_done(&t->feed)) {
		check(t);
		if (acked_publisher_acked(&t->feed) > seen || deadline == 0)
			deadline = test_deadline_ms(WAIT_MS);
		seen = acked_publisher_acked(&t->feed);
		if (test_now_ms() > deadline)
			fail_msg("nothing can be published");
		poll(NULL, 0, POLL_MS);
	}
}

/* Until n more are acknowledged: the stream goes on. */
static void wait_published(struct cluster_test *t, uint64_t n)
{
	wait_acked(t, acked_publisher_acked(&t->feed) + n);
}

/* ---- faults -------------------------------------------------------------- */

/* A node that comes back refuses to make consumers for a while. */
static void wait_ready(struct cluster_test *t, int which)
{
	uint64_t deadline = test_deadline_ms(WAIT_MS);

	while (gateway_proc_status_of(&t->gateways[which], false, "/readyz") !=
	       200) {
		if (test_now_ms() > deadline)
			fail_msg("gateway %d is not ready", which);
		poll(NULL, 0, POLL_MS);
	}
}

static void settle(struct cluster_test *t)
{
	nats_cluster_wait_whole(&t->cluster, "Events");
	for (int i = 0; i < FOLLOWERS_GATEWAYS; i++)
		wait_ready(t, i);
	wait_published(t, PER_S / 2);
}

static void kill_the_leader(struct cluster_test *t)
{
	int leader = nats_cluster_wait_leader(&t->cluster, "Events", -1);

	say(t, "the leader is killed");
	nats_cluster_kill(&t->cluster, leader, SIGKILL);
	nats_cluster_wait_leader(&t->cluster, "Events", leader);
	wait_published(t, PER_S);
	say(t, "and started again");
	nats_cluster_again(&t->cluster, leader);
	settle(t);
}

static void restart_all(struct cluster_test *t)
{
	for (int i = 0; i < NATS_CLUSTER_NODES; i++) {
		say(t, "a node is restarted");
		nats_cluster_kill(&t->cluster, i, SIGTERM);
		nats_cluster_again(&t->cluster, i);
		settle(t);
	}
}

/* Of all nodes the stream's leader, on which the second gateway is: for a while
 * it still takes itself for the leader, and answers with what it has, while the
 * others have another one and go on.
 *
 * The feed stands by at both moments, and does not publish to the one that is
 * cut off: nats-server 2.9.10, as a leader that has taken a message which most
 * replicas don't get to know, afterwards stores other messages than they do
 * under the same sequences, for good. */
static void cut_the_leader_off(struct cluster_test *t)
{
	struct nats_cluster *c = &t->cluster;
	int node = node_of(t, 1);
	char others[128];

	snprintf(others, sizeof(others), "%s,%s",
		 c->nodes[(node + 1) % NATS_CLUSTER_NODES].url,
		 c->nodes[(node + 2) % NATS_CLUSTER_NODES].url);
	nats_cluster_lead(c, "Events", node);
	wait_published(t, PER_S);
	acked_publisher_hold(&t->feed);
	nats_cluster_wait_whole(c, "Events");
	say(t, "the leader is cut off");
	nats_cluster_cut(c, node);
	acked_publisher_go_on(&t->feed, others);
	nats_cluster_wait_leader(c, "Events", node);
	wait_published(t, 4 * PER_S);
	acked_publisher_hold(&t->feed);
	say(t, "and healed");
	nats_cluster_heal(c, node);
	nats_cluster_wait_whole(c, "Events");
	acked_publisher_go_on(&t->feed, c->urls);
	settle(t);
}

/* ---- the end ------------------------------------------------------------- */

/* Everything is stored, once: else it is no matter of the gateway. */
static void expect_stored(struct cluster_test *t, struct nats_admin *a)
{
	assert_int_equal(nats_admin_stream_number(a, "Events",
						  "state.messages"),
			 acked_publisher_acked(&t->feed));
}

/* By the word of the cluster's leader: with 2.9.10 the stream's may go on
 * counting, in STREAM.INFO, what has been deleted while it was down. */
static long long count_consumers(struct nats_admin *a, char **names)
{
	static const char total[] = "\"total\":";
	const char *at;

	free(*names);
	*names = nats_admin_api(a, "CONSUMER.NAMES.Events", NULL);
	at = strstr(*names, total);
	assert_non_null(at);
	return strtoll(at + strlen(total), NULL, 10);
}

/* A consumer of a lost node, or with a lost delete request, goes by itself:
 * when its last pull has expired, and no pull has come for so long as the
 * gateway said, each half a minute, by the server's own clocks. (2.9.10 now and
 * then forgets to forget.) */
static void wait_consumers(struct nats_admin *a, long long n)
{
	uint64_t deadline = test_now_ms() + 2 * WAIT_MS;
	char *names = NULL;

	while (count_consumers(a, &names) != n) {
		if (test_now_ms() > deadline) {
			bool known = nats_server_installed() < 21000;

			fprintf(stderr, "not %lld consumers: %s\n", n, names);
			free(names);
			assert_true(known);
			return;
		}
		poll(NULL, 0, POLL_MS);
	}
	free(names);
}

static void expect_quiet_end(struct cluster_test *t)
{
	struct nats_admin *a = nats_admin_open(t->cluster.nodes[0].url);
	unsigned openings;
	uint64_t events;

	expect_stored(t, a);
	followers_wait_all(&t->followers, WAIT_MS);
	say(t, "every client has them all");
	wait_consumers(a, FOLLOWERS_GATEWAYS);
	check(t);
	say(t, "each gateway has one consumer");
	followers_stop(&t->followers);
	followers_totals(&t->followers, &openings, &events);
	fprintf(stderr,
		"%u clients, %u openings, %" PRIu64 " events; the feed: "
		"%lu retries, %lu duplicates, %lu connections, at most "
		"%" PRIu64 " ms for one\n",
		t->followers.n, openings, events, t->feed.retries,
		t->feed.duplicates, t->feed.connections, t->feed.slowest_ms);
	nats_admin_close(a);
	for (int i = 0; i < FOLLOWERS_GATEWAYS; i++)
		gateway_proc_stop(&t->gateways[i]);
}

static void faults_without_end(void **state)
{
	struct cluster_test *t = *state;
	unsigned long n = number_from("SLUICE_TEST_EVENTS", EVENTS);
	unsigned long soon;

	is_void = false;
	if (setjmp(t->out) != 0)
		return;
	start_gateways(t);
	fill_followers(t);
	t->begin_ms = test_now_ms();
	acked_publisher_start(&t->feed, t->cluster.urls, PER_S);
	for (unsigned long i = 0; i == 0 || i < n / EVENTS; i++) {
		cut_the_leader_off(t);
		kill_the_leader(t);
		restart_all(t);
	}
	say(t, "no more faults");
	followers_settle(&t->followers);
	acked_publisher_finish(&t->feed, n);
	/* The faults are what is tried: on a busy machine the rest need not
	 * take minutes. */
	if (getenv("SLUICE_TEST_EVENTS") == NULL) {
		while (acked_publisher_acked(&t->feed) < n &&
		       test_now_ms() - t->begin_ms < LONG_MS)
			poll(NULL, 0, POLL_MS);
		soon = (unsigned long)acked_publisher_acked(&t->feed) + PER_S;
		acked_publisher_finish(&t->feed, soon < n ? soon : n);
	}
	wait_acked(t, UINT64_MAX);
	say(t, "all are published");
	expect_quiet_end(t);
}

static void again_if_that_was_void(void **state)
{
	if (is_void)
		faults_without_end(state);
	assert_false(is_void);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(faults_without_end, setup,
						teardown),
		cmocka_unit_test_setup_teardown(again_if_that_was_void,
						setup_if_void, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
