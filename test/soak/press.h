/* The publisher: so many messages a second over all subjects, each stored once
 * whatever happens to the server. What has no acknowledgement when a connection
 * ends is published again on the next one, in order and under the same
 * Nats-Msg-Id. So the sequences are in the order of publishing, and what stands
 * before the oldest that is open is known. */
#ifndef SOAK_PRESS_H
#define SOAK_PRESS_H

#include "dice.h"
#include "ledger.h"
#include "nats_wire.h"
#include "tally.h"

enum { PRESS_WINDOW = 2048, PRESS_NAME_MAX = 64 };

struct press_slot {
	unsigned subject;
	uint32_t counter;
	uint64_t seq; /* 0: not acknowledged */
};

struct press {
	struct ledger *ledger;
	struct address_counter *tally;
	struct dice *dice;
	int port;
	unsigned rate; /* messages a second; 0: none */

	struct nats_wire wire;
	unsigned session;
	uint64_t retry_ms; /* not opened before */
	uint64_t tick_ms;
	double due; /* messages to be published */
	struct press_slot slots[PRESS_WINDOW];
	uint64_t head; /* the oldest number that is open */
	uint64_t next;

	bool deletes_consumer; /* one of those that the answer names */
	int consumers;	       /* by the last answer; -1: none yet */
};

void press_init(struct press *p, int port, unsigned rate);
void press_close(struct press *p);
/* Publishes what is due and takes in what came. */
void press_turn(struct press *p, uint64_t now_ms);
void press_one(struct press *p, unsigned subject);
bool press_is_up(const struct press *p);
bool press_is_settled(const struct press *p); /* all is acknowledged */

/* Requests whose answers do not matter, or come when they come. */
void press_purge(struct press *p, uint64_t before_seq);
void press_delete(struct press *p, uint64_t seq);
void press_ask_consumers(struct press *p);
void press_delete_consumer(struct press *p);

#endif
