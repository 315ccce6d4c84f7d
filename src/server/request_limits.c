#include "server/request_limits.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"

struct request_party {
	struct hash_node in_table;
	size_t in_flight;
	bool is_address; /* otherwise an identity, which may have these bytes */
	size_t len;
	uint8_t key[];
};

int request_limits_init(struct request_limits *l, size_t max,
			size_t max_per_party)
{
	*l = (struct request_limits){.max = max,
				     .max_per_party = max_per_party};
	return hash_table_init(&l->parties);
}

void request_limits_finish(struct request_limits *l)
{
	MUST(l->in_flight == 0 && l->parties.n == 0);
	hash_table_finish(&l->parties);
}

/* ---- parties ------------------------------------------------------------- */

static struct request_party *find_party(const struct request_limits *l,
					struct span key, bool is_address,
					uint32_t hash)
{
	struct hash_node *at = hash_table_bucket(&l->parties, hash);

	for (; at != NULL; at = at->next) {
		struct request_party *p =
			CONTAINER_OF(at, struct request_party, in_table);

		if (at->hash == hash && p->is_address == is_address &&
		    p->len == key.len && memcmp(p->key, key.at, key.len) == 0)
			return p;
	}
	return NULL;
}

static struct request_party *find_or_add_party(struct request_limits *l,
					       struct span key, bool is_address)
{
	uint32_t hash = hash_table_hash(&l->parties, key.at, key.len);
	struct request_party *p = find_party(l, key, is_address, hash);

	if (p != NULL)
		return p;
	p = calloc(1, sizeof(*p) + key.len);
	if (p == NULL)
		return NULL;
	p->is_address = is_address;
	p->len = key.len;
	memcpy(p->key, key.at, key.len);
	hash_table_add(&l->parties, &p->in_table, hash);
	return p;
}

/* ---- slots --------------------------------------------------------------- */

static int reject_over_all(struct http_error *why)
{
	return http_error_set(why, 503, REJECT_MAX_REQUESTS,
			      "too many requests in flight");
}

static int take_party_slot(struct request_limits *l, struct request_slot *slot,
			   struct span key, bool is_address,
			   struct http_error *why)
{
	struct request_party *p = find_or_add_party(l, key, is_address);

	if (p == NULL)
		return reject_over_all(why);
	if (p->in_flight >= l->max_per_party)
		return http_error_set(
			why, 429, REJECT_MAX_REQUESTS_PER_ID,
			"too many requests in flight for this %s (limit %zu)",
			is_address ? "address" : "identity", l->max_per_party);
	p->in_flight++;
	slot->party = p;
	return 0;
}

static int take_slot_of(struct request_limits *l, struct request_slot *slot,
			struct span id, const struct address *client,
			struct http_error *why)
{
	struct address party = address_party(client);
	const struct span bytes = {(const char *)party.bytes,
				   sizeof(party.bytes)};

	if (l->max_per_party == 0)
		return 0;
	if (id.len > 0)
		return take_party_slot(l, slot, id, false, why);
	return address_known(&party)
		       ? take_party_slot(l, slot, bytes, true, why)
		       : 0;
}

int request_limits_acquire(struct request_limits *l, struct request_slot *slot,
			   struct span id, const struct address *client,
			   struct http_error *why)
{
	int rc;

	*slot = (struct request_slot){0};
	if (l->in_flight >= l->max)
		return reject_over_all(why);
	rc = take_slot_of(l, slot, id, client, why);
	if (rc < 0)
		return rc;
	slot->is_taken = true;
	l->in_flight++;
	return 0;
}

void request_limits_release(struct request_limits *l, struct request_slot *slot)
{
	struct request_party *p = slot->party;

	if (!slot->is_taken)
		return;
	MUST(l->in_flight > 0);
	l->in_flight--;
	if (p != NULL && --p->in_flight == 0) {
		hash_table_remove(&l->parties, &p->in_table);
		free(p);
	}
	*slot = (struct request_slot){0};
}
