#include "fault_injector.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>

#include <cmocka.h>

enum {
	KEPT_MIN = 1500, /* messages that no purge and no delete reaches */
	EXIT_MS = 20000,
};

#define SAY(t, ...) soak_report_log((t)->report, __VA_ARGS__)

static unsigned roll(struct fault_injector *t, unsigned lo, unsigned hi)
{
	return seeded_random_range(t->random, lo, hi);
}

/* Mostly short; now and then longer than the pings bear. */
static unsigned outage_ms(struct fault_injector *t)
{
	return seeded_random_one_in(t->random, 5) ? roll(t, 5000, 20000)
						  : roll(t, 100, 3000);
}

static unsigned any_gate(struct fault_injector *t)
{
	return roll(t, 0, t->n_gateways - 1);
}

/* ---- the server ---------------------------------------------------------- */

static bool kill_server(struct fault_injector *t)
{
	unsigned ms = roll(t, 0, 3000);

	if (t->nats_ms != 0)
		return false;
	SAY(t, "the server is killed, for %u ms", ms);
	nats_server_kill(t->nats, SIGKILL);
	t->nats_ms = t->now_ms + ms;
	return true;
}

static bool stop_server(struct fault_injector *t)
{
	unsigned ms = outage_ms(t);

	if (t->nats_ms != 0)
		return false;
	SAY(t, "the server stands still for %u ms", ms);
	nats_server_kill(t->nats, SIGSTOP);
	t->nats_ms = t->now_ms + ms;
	return true;
}

static void server_turn(struct fault_injector *t)
{
	if (t->nats_ms != 0 && t->now_ms >= t->nats_ms) {
		t->nats_ms = 0;
		if (t->nats->pid != 0)
			nats_server_kill(t->nats, SIGCONT);
		else
			nats_server_spawn(t->nats);
	}
	/* Its port may be taken for a moment; else it has died. */
	if (t->nats->pid != 0 &&
	    waitpid(t->nats->pid, NULL, WNOHANG) == t->nats->pid) {
		SAY(t, "the server has ended by itself");
		t->nats->pid = 0;
		t->n_by_itself++;
		t->nats_ms = t->now_ms + 100;
	}
}

/* ---- the connections to it ----------------------------------------------- */

static bool cut(struct fault_injector *t)
{
	unsigned i = any_gate(t), bits = roll(t, 0, 20);
	uint64_t after = seeded_random_next(t->random) & ((1U << bits) - 1);
	enum fault_way way = seeded_random_one_in(t->random, 4)
				     ? FAULT_TO_SERVER
				     : FAULT_TO_CLIENT;
	struct fault_proxy *p = &t->gateways[i].proxy;

	if (t->rule_ms[i] != 0)
		return false;
	if (way == FAULT_TO_SERVER)
		after %= 4096;
	SAY(t, "gateway %u: its connection is cut, the next at byte %llu", i,
	    (unsigned long long)after);
	fault_proxy_cut(p, way, FAULT_NEXT, after,
			seeded_random_one_in(t->random, 2) ? FAULT_RST
							   : FAULT_FIN);
	fault_proxy_end(p, seeded_random_one_in(t->random, 2) ? FAULT_RST
							      : FAULT_FIN);
	return true;
}

static bool rule(struct fault_injector *t, const struct fault_rule *r,
		 const char *what)
{
	static const enum fault_way ways[] = {FAULT_BOTH, FAULT_TO_SERVER,
					      FAULT_TO_CLIENT};
	unsigned i = any_gate(t), ms = outage_ms(t);

	if (t->rule_ms[i] != 0)
		return false;
	SAY(t, "gateway %u: its connection %s for %u ms", i, what, ms);
	fault_proxy_rule(&t->gateways[i].proxy, ways[roll(t, 0, 2)], r);
	t->rule_ms[i] = t->now_ms + ms;
	return true;
}

static bool freeze(struct fault_injector *t)
{
	return rule(t, &(struct fault_rule){.frozen = true}, "is frozen");
}

static bool hinder(struct fault_injector *t)
{
	const struct fault_rule delay = {.delay_ms = roll(t, 5, 300)};
	const struct fault_rule pieces = {.piece = roll(t, 1, 700)};

	return seeded_random_one_in(t->random, 2)
		       ? rule(t, &delay, "is late")
		       : rule(t, &pieces, "is in pieces");
}

static void proxies_turn(struct fault_injector *t)
{
	for (unsigned i = 0; i < t->n_gateways; i++) {
		if (t->rule_ms[i] == 0 || t->now_ms < t->rule_ms[i])
			continue;
		t->rule_ms[i] = 0;
		fault_proxy_rule(&t->gateways[i].proxy, FAULT_BOTH, NULL);
	}
}

/* ---- the store ----------------------------------------------------------- */

static bool delete_consumer(struct fault_injector *t)
{
	if (!soak_publisher_is_up(t->publisher))
		return false;
	SAY(t, "a consumer is deleted");
	soak_publisher_delete_consumer(t->publisher);
	return true;
}

/* A stretch of sequences, or single ones all over the store. */
static bool delete_messages(struct fault_injector *t)
{
	struct expected_messages *l = t->publisher->expected;
	uint64_t top = l->settled, low = l->purged + 1, at;
	unsigned n = roll(t, 1, 60);
	bool stretch = seeded_random_one_in(t->random, 2);

	if (!soak_publisher_is_up(t->publisher) || top < low + 2 * KEPT_MIN)
		return false;
	SAY(t, "%u messages are deleted", n);
	top -= KEPT_MIN;
	at = low + seeded_random_next(t->random) % (top - low);
	for (; n > 0 && at < top; n--) {
		soak_publisher_delete(t->publisher, at);
		at = stretch ? at + 1
			     : low + seeded_random_next(t->random) %
					       (top - low);
	}
	return true;
}

static bool purge(struct fault_injector *t)
{
	struct expected_messages *l = t->publisher->expected;
	unsigned kept = seeded_random_one_in(t->random, 2)
				? roll(t, KEPT_MIN, 4 * KEPT_MIN)
				: roll(t, KEPT_MIN, 60000);

	if (!soak_publisher_is_up(t->publisher) ||
	    l->settled < l->purged + 2 * kept)
		return false;
	SAY(t, "purged but for the last %u", kept);
	soak_publisher_purge(t->publisher, l->settled - kept);
	return true;
}

/* ---- the gateway --------------------------------------------------------- */

static bool end_gateway(struct fault_injector *t)
{
	struct soak_gateway *g = &t->gateways[t->n_gateways - 1];
	bool hard = seeded_random_one_in(t->random, 4);

	if (g->ending)
		return false;
	SAY(t, "gateway %u is %s", t->n_gateways - 1,
	    hard ? "killed" : "drained");
	/* While it drains it is asked still: that is part of it. */
	g->ending = true;
	g->open = hard ? false : seeded_random_one_in(t->random, 2);
	gateway_proc_signal(&g->proc, hard ? SIGKILL : SIGTERM);
	return true;
}

static void gateways_turn(struct fault_injector *t)
{
	for (unsigned i = 0; i < t->n_gateways; i++) {
		struct soak_gateway *g = &t->gateways[i];
		int status;

		if (!soak_gateway_has_ended(g))
			continue;
		status = gateway_proc_wait_exit(&g->proc, EXIT_MS);
		g->open = false;
		if (i + 1 < t->n_gateways ||
		    (status != 0 && status != 128 + SIGKILL))
			fail_msg("gateway %u has ended with status %d", i,
				 status);
		soak_gateway_start(g);
		SAY(t, "gateway %u is there again", i);
	}
}

/* ---- the clients --------------------------------------------------------- */

static unsigned share(const struct fault_injector *t, unsigned percent)
{
	return t->clients->n_staying * percent / 100 + 1;
}

static bool reset_clients(struct fault_injector *t)
{
	unsigned n = roll(t, 1, share(t, 20));

	SAY(t, "%u clients reset", n);
	client_pool_reset_some(t->clients, n);
	return true;
}

static bool slow_clients(struct fault_injector *t)
{
	unsigned n = roll(t, 1, share(t, 10));

	SAY(t, "%u clients are slow", n);
	client_pool_slow_some(t->clients, n);
	return true;
}

static bool stop_clients(struct fault_injector *t)
{
	unsigned n = roll(t, 1, share(t, 10));

	SAY(t, "%u clients stop reading", n);
	client_pool_stop_some(t->clients, n);
	return true;
}

static bool burst(struct fault_injector *t)
{
	unsigned n = roll(t, 1, share(t, 15));

	SAY(t, "%u clients come at once", n);
	client_pool_burst(t->clients, n);
	return true;
}

static bool half_heads(struct fault_injector *t)
{
	unsigned n = roll(t, 1, 100);

	SAY(t, "%u half heads", n);
	client_pool_half_heads(t->clients, n);
	return true;
}

/* ---- one after the other ------------------------------------------------- */

static bool (*const faults[])(struct fault_injector *t) = {
	kill_server,	 stop_server, cut,	     freeze,
	hinder,		 purge,	      end_gateway,   delete_consumer,
	delete_messages, burst,	      reset_clients, slow_clients,
	stop_clients,	 half_heads,
};

enum { FAULTS = sizeof(faults) / sizeof(faults[0]) };

static void next_fault(struct fault_injector *t)
{
	/* One that can't be now makes room for another. */
	while (!faults[roll(t, 0, FAULTS - 1)](t))
		;
	t->report->faults++;
	t->next_ms = t->now_ms + roll(t, t->pause_ms / 2, t->pause_ms * 3 / 2);
}

void fault_injector_turn(struct fault_injector *t, uint64_t now_ms, bool more)
{
	t->now_ms = now_ms;
	server_turn(t);
	proxies_turn(t);
	gateways_turn(t);
	if (more && now_ms >= t->next_ms)
		next_fault(t);
}

void fault_injector_heal(struct fault_injector *t)
{
	for (unsigned i = 0; i < t->n_gateways; i++) {
		fault_proxy_heal(&t->gateways[i].proxy);
		t->rule_ms[i] = 0;
	}
	if (t->nats_ms != 0)
		t->nats_ms = t->now_ms;
}

bool fault_injector_is_over(const struct fault_injector *t)
{
	for (unsigned i = 0; i < t->n_gateways; i++) {
		if (t->gateways[i].ending)
			return false;
	}
	return t->nats_ms == 0 && t->nats->pid != 0;
}
