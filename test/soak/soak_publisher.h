/* The publisher: so many messages a second over all subjects, each stored once
 * whatever happens to the server. What has no acknowledgement when a connection
 * ends is published again on the next one, in order and under the same
 * Nats-Msg-Id. So the sequences are in the order of publishing, and what stands
 * before the oldest that is open is known. */
#ifndef SOAK_SOAK_PUBLISHER_H
#define SOAK_SOAK_PUBLISHER_H

#include "seeded_random.h"
#include "expected_messages.h"
#include "nats_wire.h"
#include "soak_report.h"

enum { SOAK_PUBLISHER_WINDOW = 2048, SOAK_PUBLISHER_NAME_MAX = 64 };

struct soak_publisher_slot {
	unsigned subject;
	uint32_t counter;
	uint64_t seq; /* 0: not acknowledged */
};

struct soak_publisher {
	struct expected_messages *expected;
	struct soak_report *report;
	struct seeded_random *random;
	int port;
	unsigned rate; /* messages a second; 0: none */

	struct nats_wire wire;
	unsigned session;
	uint64_t retry_ms; /* not opened before */
	uint64_t tick_ms;
	double due; /* messages to be published */
	struct soak_publisher_slot slots[SOAK_PUBLISHER_WINDOW];
	uint64_t head; /* the oldest number that is open */
	uint64_t next;

	bool deletes_consumer; /* one of those that the answer names */
	int consumers;	       /* by the last answer; -1: none yet */
};

void soak_publisher_init(struct soak_publisher *p, int port, unsigned rate);
void soak_publisher_close(struct soak_publisher *p);
/* Publishes what is due and takes in what came. */
void soak_publisher_turn(struct soak_publisher *p, uint64_t now_ms);
void soak_publisher_one(struct soak_publisher *p, unsigned subject);
bool soak_publisher_is_up(const struct soak_publisher *p);
bool soak_publisher_is_settled(
	const struct soak_publisher *p); /* all is acknowledged */

/* Requests whose answers do not matter, or come when they come. */
void soak_publisher_purge(struct soak_publisher *p, uint64_t before_seq);
void soak_publisher_delete(struct soak_publisher *p, uint64_t seq);
void soak_publisher_ask_consumers(struct soak_publisher *p);
void soak_publisher_delete_consumer(struct soak_publisher *p);

#endif
