/* The connection to NATS is cut at every byte of a delivery and of a session's
 * start, held in the middle, and frozen: every client gets its own messages,
 * all of them, in order, once, and no byte of another's. */
#include "gateway_farm.h"

#include <stdio.h>

#include "test_clock.h"

static int group_setup(void **state)
{
	static struct gateway_farm ls;

	ls = (struct gateway_farm){0};
	*state = &ls;
	nats_server_start(&ls.e2e.nats, NULL);
	ls.e2e.admin = nats_admin_open(ls.e2e.nats.url);
	return 0;
}

static void cut_at_every_byte(void **state)
{
	gateway_farm_start(*state, GATEWAY_FARM_MAX);
	gateway_farm_cut_everywhere(*state, 1);
}

/* A session's start is cut, too, at one offset after the other, while messages
 * come. */
static void cut_while_it_starts(void **state)
{
	enum { STEP = 37 };
	struct gateway_farm *ls = *state;
	uint64_t len, cuts = 0;

	gateway_farm_start(ls, GATEWAY_FARM_MAX);
	len = fault_proxy_counts(&ls->at[0].proxy).to_client;
	for (uint64_t k = 1; k < len; k += GATEWAY_FARM_MAX * STEP) {
		gateway_farm_rest();
		for (size_t i = 0; i < ls->n; i++) {
			struct fault_proxy *p = &ls->at[i].proxy;

			gateway_farm_wait_live(&ls->at[i]);
			fault_proxy_cut(p, FAULT_TO_CLIENT, FAULT_NEXT,
					k + i * STEP, FAULT_RST);
			fault_proxy_end(p, FAULT_RST);
		}
		gateway_farm_publish_round(ls);
		gateway_farm_expect_round(ls);
	}
	for (size_t i = 0; i < ls->n; i++)
		cuts += fault_proxy_counts(&ls->at[i].proxy).cuts;
	fprintf(stderr, "%u rounds, a start of %llu bytes, %llu cuts\n",
		ls->rounds, (unsigned long long)len, (unsigned long long)cuts);
	assert_true(cuts >= len / STEP);
	gateway_farm_expect_no_more(ls);
}

static void paused_in_a_message(void **state)
{
	gateway_farm_start(*state, 1);
	gateway_farm_pause_at_some(*state);
}

/* ---- frozen -------------------------------------------------------------- */

/* One gateway for each way to freeze, all at once: it takes its time. */
static void frozen_beyond_the_pings(void **state)
{
	enum { LEFT_MS = 15000, SLACK_MS = 1000 };
	static const enum fault_way ways[] = {FAULT_BOTH, FAULT_TO_SERVER,
					      FAULT_TO_CLIENT};
	static const struct fault_rule frozen = {.frozen = true};
	struct gateway_farm *ls = *state;
	uint64_t start;

	gateway_farm_start(ls, 3);
	gateway_farm_publish_round(ls);
	gateway_farm_expect_round(ls);
	start = test_now_ms();
	for (size_t i = 0; i < ls->n; i++)
		fault_proxy_rule(&ls->at[i].proxy, ways[i], &frozen);
	for (size_t i = 0; i < ls->n; i++) {
		gateway_proc_wait_metric(&ls->at[i].gw, "sluice_nats_connected",
					 0);
		assert_true(test_now_ms() - start < LEFT_MS + SLACK_MS);
		assert_int_equal(gateway_proc_status_of(&ls->at[i].gw, false,
							"/livez"),
				 200);
		assert_int_equal(gateway_proc_status_of(&ls->at[i].gw, false,
							"/readyz"),
				 503);
	}
	gateway_farm_publish_round(ls);
	for (size_t i = 0; i < ls->n; i++)
		fault_proxy_heal(&ls->at[i].proxy);
	gateway_farm_expect_round(ls);
	for (size_t i = 0; i < ls->n; i++)
		gateway_proc_wait_ready(&ls->at[i].gw);
	gateway_farm_expect_no_more(ls);
}

/* A freeze that is shorter is borne. */
static void frozen_for_a_while(void **state)
{
	struct gateway_farm *ls = *state;
	struct fault_proxy *p = &ls->at[0].proxy;

	gateway_farm_start(ls, 1);
	fault_proxy_rule(p, FAULT_BOTH, &(struct fault_rule){.frozen = true});
	gateway_farm_publish_round(ls);
	sse_client_wait_ping(&ls->clients[0], ls->clients[0].n_pings + 2);
	fault_proxy_heal(p);
	gateway_farm_expect_round(ls);
	assert_int_equal(fault_proxy_counts(p).connections, 1);
	gateway_farm_expect_no_more(ls);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		GATEWAY_FARM_TEST(cut_at_every_byte),
		GATEWAY_FARM_TEST(cut_while_it_starts),
		GATEWAY_FARM_TEST(paused_in_a_message),
		GATEWAY_FARM_TEST(frozen_beyond_the_pings),
		GATEWAY_FARM_TEST(frozen_for_a_while),
	};

	return cmocka_run_group_tests(tests, group_setup, e2e_group_teardown);
}
