/* The list of open subscriptions as JSON:
 *
 *	{"subscriptions": [{"subscription": 17, "id": "alice", ...}, ...],
 *	 "next": null}
 */
#ifndef SLUICE_SUBSCRIPTIONS_JSON_H
#define SLUICE_SUBSCRIPTIONS_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/span.h"

/* Texts are borrowed. */
struct subscriptions_json_entry {
	uint64_t number;
	struct span id; /* empty: none */
	const struct span *subjects;
	size_t n_subjects;
	const char *address;
	const char *state;  /* "live" ... */
	const char *opened; /* RFC 3339 */
	uint64_t age_ms;
	bool slow;
	uint64_t sequence; /* everything up to it is covered */
	uint64_t lag;	   /* sequences behind the newest known one */
	uint64_t unsent_bytes;
	uint64_t events;
	uint64_t bytes;
};

/* Puts one entry as an object. All return 0, -ENOBUFS or -ENOMEM. */
int subscriptions_json_put(struct buf *out,
			   const struct subscriptions_json_entry *e);

/* Begin, subscriptions_json_put() for each entry (`first`: the first one), end.
 * `next`: where the next page begins; 0: no more. */
int subscriptions_json_begin(struct buf *out);
int subscriptions_json_add(struct buf *out, bool first,
			   const struct subscriptions_json_entry *e);
int subscriptions_json_end(struct buf *out, uint64_t next);

#endif
