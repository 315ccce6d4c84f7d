/* Records the events of a publisher. */
#ifndef TEST_PUBLISHER_SPY_H
#define TEST_PUBLISHER_SPY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "nats/publisher.h"

struct publisher_spy_item;

struct publisher_spy {
	struct publisher_spy_item *first;
	struct publisher_spy_item **last;
	struct publisher_spy_item *next; /* first that was not passed */
	size_t n;
	uint64_t last_sent; /* id of the last PUBLISHER_SENT */
	/* Messages are counted, not recorded. */
	bool counting;
	uint64_t n_counted;
	uint64_t n_dropped;   /* sum of `dropped` */
	uint64_t last_number; /* the payload of the last one begins with */
};

/* A copy; texts end with a NUL. */
void publisher_spy_record(struct publisher_spy *s,
			  const struct publisher_event *ev);
/* The first of this kind among those not passed, with this id unless it is 0;
 * NULL: none. It lives as long as the spy. */
const struct publisher_event *publisher_spy_find(const struct publisher_spy *s,
						 enum publisher_event_kind kind,
						 uint64_t id);
/* The first of those not passed, which this passes; NULL: none. */
const struct publisher_event *publisher_spy_next(struct publisher_spy *s);
/* Those after `ev` are next. */
void publisher_spy_pass(struct publisher_spy *s,
			const struct publisher_event *ev);
void publisher_spy_print(const struct publisher_spy *s);
void publisher_spy_finish(struct publisher_spy *s);

#endif
