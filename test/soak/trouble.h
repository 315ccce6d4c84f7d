/* The faults: one every few seconds, chosen at random. What lasts for a while
 * (a server that is down, a frozen connection, a gateway that drains) is ended
 * when its time is over. */
#ifndef SOAK_TROUBLE_H
#define SOAK_TROUBLE_H

#include "crowd.h"
#include "nats_server.h"
#include "press.h"

struct trouble {
	struct nats_server *nats;
	struct gate *gates; /* the first is never restarted, the last is */
	unsigned n_gates;
	struct press *press;
	struct crowd *crowd;
	struct dice *dice;
	struct address_counter *tally;
	unsigned pause_ms; /* from one fault to the next, on average */

	uint64_t now_ms;
	uint64_t next_ms;
	uint64_t nats_ms;     /* down or stopped until then; 0: it runs */
	uint64_t rule_ms[2];  /* a proxy's rule holds until then; 0: none */
	uint64_t n_by_itself; /* ends of the server that nobody wanted */
};

void trouble_turn(struct trouble *t, uint64_t now_ms, bool more);
/* Nothing is left of any fault. */
bool trouble_is_over(const struct trouble *t);
void trouble_heal(struct trouble *t);

#endif
