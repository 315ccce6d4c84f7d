/* The faults: one every few seconds, chosen at random. What lasts for a while
 * (a server that is down, a frozen connection, a gateway that drains) is ended
 * when its time is over. */
#ifndef SOAK_FAULT_INJECTOR_H
#define SOAK_FAULT_INJECTOR_H

#include "client_pool.h"
#include "nats_server.h"
#include "soak_publisher.h"

struct fault_injector {
	struct nats_server *nats;
	struct soak_gateway
		*gateways; /* the first is never restarted, the last is */
	unsigned n_gateways;
	struct soak_publisher *publisher;
	struct client_pool *clients;
	struct seeded_random *random;
	struct soak_report *report;
	unsigned pause_ms; /* from one fault to the next, on average */

	uint64_t now_ms;
	uint64_t next_ms;
	uint64_t nats_ms;     /* down or stopped until then; 0: it runs */
	uint64_t rule_ms[2];  /* a proxy's rule holds until then; 0: none */
	uint64_t n_by_itself; /* ends of the server without a fault */
};

void fault_injector_turn(struct fault_injector *t, uint64_t now_ms, bool more);
/* Nothing is left of any fault. */
bool fault_injector_is_over(const struct fault_injector *t);
void fault_injector_heal(struct fault_injector *t);

#endif
