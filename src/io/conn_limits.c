/* How many streams one identity and one address may have, and for how long.
 *
 * An age is one of a few, from 80 to 100 % of --max-stream-age, by chance: so
 * the streams that came at once do not go at once, and those of one age are in
 * due order in a list of their own, without a timer for each. */
#include "conn_inside.h"

#include <sodium.h>

enum {
	CONN_AGED = 256,     /* ended in one turn */
	CONN_AGE_SPREAD = 5, /* the youngest are this part younger */
};

/* ---- how many ------------------------------------------------------------ */

enum refusal_reason conn_over_limit(const struct conn *c,
				    const struct identity *id)
{
	const struct conn_set *s = c->set;
	struct address party = address_party(&c->address);

	if (s->cfg.max_per_id > 0 &&
	    hub_streams_of(s->cfg.hub, id->id, id->len) >= s->cfg.max_per_id)
		return REFUSAL_ID_FULL;
	if (s->parties != NULL && address_known(&party) &&
	    tally_count(s->parties, &party) >= s->cfg.max_per_address)
		return REFUSAL_ADDRESS_FULL;
	return REFUSAL_NONE;
}

/* ---- for how long -------------------------------------------------------- */

static uint64_t age_of(const struct conn_set *s, unsigned which)
{
	uint64_t most = s->cfg.max_age_ms;

	return most - most / CONN_AGE_SPREAD * which / (CONN_AGES - 1);
}

static void set_age(struct conn *c)
{
	struct conn_set *s = c->set;
	unsigned which = randombytes_uniform(CONN_AGES);

	c->end_ms = conn_now_ms(s) + age_of(s, which);
	list_push_back(&s->ages[which], &c->age);
	if (c->end_ms < s->aged_ms)
		s->aged_ms = c->end_ms;
}

static struct conn *first_aged(const struct conn_set *s, unsigned which)
{
	struct list *first = list_first(&s->ages[which]);

	return first == NULL ? NULL : LIST_ENTRY(first, struct conn, age);
}

static uint64_t next_aged_ms(const struct conn_set *s)
{
	uint64_t next = UINT64_MAX;

	for (unsigned i = 0; i < CONN_AGES; i++) {
		const struct conn *c = first_aged(s, i);

		if (c != NULL && c->end_ms < next)
			next = c->end_ms;
	}
	return next;
}

void conn_end_aged(struct conn_set *s, uint64_t now_ms)
{
	unsigned ended = 0;
	struct conn *c;

	if (s->aged_ms > now_ms)
		return;
	for (unsigned i = 0; i < CONN_AGES; i++) {
		while (ended < CONN_AGED && (c = first_aged(s, i)) != NULL &&
		       c->end_ms <= now_ms) {
			conn_end_stream(c, ENDING_MAX_AGE);
			ended++;
		}
	}
	s->aged_ms = next_aged_ms(s);
}

/* ---- begin and end ------------------------------------------------------- */

void conn_stream_begins(struct conn *c)
{
	struct conn_set *s = c->set;
	struct address party = address_party(&c->address);

	if (s->cfg.max_age_ms > 0)
		set_age(c);
	c->tallied = s->parties != NULL && address_known(&party) &&
		     tally_add(s->parties, &party) == 0;
}

void conn_stream_ends(struct conn *c)
{
	struct address party = address_party(&c->address);

	list_remove(&c->age);
	if (c->tallied)
		tally_take(c->set->parties, &party);
	c->tallied = false;
}

int conn_limits_init(struct conn_set *s)
{
	for (int i = 0; i < CONN_AGES; i++)
		list_init(&s->ages[i]);
	s->aged_ms = UINT64_MAX;
	return s->cfg.max_per_address > 0 ? tally_new(&s->parties) : 0;
}

void conn_limits_finish(struct conn_set *s)
{
	tally_free(s->parties);
	s->parties = NULL;
}
