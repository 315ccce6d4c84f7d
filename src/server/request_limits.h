/* Limits of requests in flight that write (conn_work.h): in all, and of one
 * party: an identity, or without identities a client's address. A request takes
 * a slot before NATS sees anything of it, and gives it back with its end.
 *
 *	if (request_limits_acquire(&s->requests, &w->slot, id, &c->address,
 *				   &why) < 0)
 *		reject with `why`
 *	...
 *	request_limits_release(&s->requests, &w->slot);
 *
 * Memory is bounded: one small entry for each party with requests in flight.
 * Pure. */
#ifndef SLUICE_REQUEST_LIMITS_H
#define SLUICE_REQUEST_LIMITS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/address.h"
#include "base/hash_table.h"
#include "base/span.h"
#include "http/http_error.h"

struct request_party;

struct request_limits {
	size_t max;	      /* --max-requests */
	size_t max_per_party; /* --max-requests-per-id; 0: any number */
	size_t in_flight;
	struct hash_table parties;
};

/* Part of a request. Zeroed: it has none. */
struct request_slot {
	bool is_taken;
	struct request_party *party; /* NULL: not counted by party */
};

/* -ENOMEM or 0. */
int request_limits_init(struct request_limits *l, size_t max,
			size_t max_per_party);
/* All slots are given back. */
void request_limits_finish(struct request_limits *l);

/* `id`: the identity, borrowed; empty: `client` counts, of IPv6 the first 64
 * bits. A peer of a Unix socket has no address and is counted in all alone.
 * 0, or -EINVAL with *why: 503 (too many in all, or no memory) or 429 (too many
 * of this party); both responses have Retry-After. */
int request_limits_acquire(struct request_limits *l, struct request_slot *slot,
			   struct span id, const struct address *client,
			   struct http_error *why);
/* A no-op without a slot, so twice is one. */
void request_limits_release(struct request_limits *l,
			    struct request_slot *slot);

#endif
