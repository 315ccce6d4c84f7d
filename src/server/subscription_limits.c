/* How many streams one identity and one address may have, and for how long.
 *
 * Ages are from 80 to 100 % of --max-subscription-age, by chance: so the
 * streams that came at once do not go at once. Whatever else ends a stream by
 * the clock is in the same heap, with its reason; the soonest of a stream's
 * ends is the one that counts. */
#include "server/conn_internal.h"

#include <sodium.h>

#include "base/check.h"

enum {
	CONN_ENDED = 256,	/* in one turn */
	CONN_NOTICE_MS = 10000, /* before a token's end */
	CONN_CLOCKS_MS = 1000,	/* between two looks at the clocks */
	CONN_CLOCKS_APART_MS = 500,
	CONN_AGES = 64,	     /* that a stream can reach */
	CONN_AGE_SPREAD = 5, /* the youngest are this part younger */
};

/* ---- how many ------------------------------------------------------------ */

enum reject_reason conn_over_limit(const struct conn *c,
				   const struct identity *id)
{
	const struct conn_set *s = c->set;
	struct address party = address_party(&c->address);

	if (s->cfg.max_per_id > 0 &&
	    hub_subscriptions_of(s->cfg.hub, id->id, id->len) >=
		    s->cfg.max_per_id)
		return REJECT_MAX_SUBSCRIPTIONS_PER_ID;
	if (s->by_address != NULL && address_known(&party) &&
	    address_counter_count(s->by_address, &party) >=
		    s->cfg.max_per_address)
		return REJECT_MAX_SUBSCRIPTIONS_PER_ADDRESS;
	return REJECT_NONE;
}

/* ---- for how long -------------------------------------------------------- */

static uint64_t jittered_max_age(const struct conn_set *s, unsigned which)
{
	uint64_t most = s->cfg.max_age_ms;

	return most - most / CONN_AGE_SPREAD * which / (CONN_AGES - 1);
}

int conn_reserve_end(struct conn_set *s)
{
	return timer_heap_reserve(&s->ends);
}

/* In the heap it has the time of its notice, until that is out. */
static bool is_to_be_warned(const struct conn *c)
{
	return c->deadline_reason == CLOSE_TOKEN_EXPIRED && !c->warned;
}

static uint64_t conn_of_deadline(const struct conn *c)
{
	return is_to_be_warned(c) ? c->end.ms + CONN_NOTICE_MS : c->end.ms;
}

void conn_end_by(struct conn *c, uint64_t ms, enum close_reason why)
{
	if (c->state != CONN_SUBSCRIPTION) {
		conn_note_fault(c, "an end for what is no stream");
		return;
	}
	if (c->end.at != 0 && conn_of_deadline(c) <= ms)
		return;
	/* Told once is enough, whatever the end. */
	if (c->deadline_reason != why)
		c->warned = false;
	c->deadline_reason = (uint8_t)why;
	if (is_to_be_warned(c))
		ms = ms > CONN_NOTICE_MS ? ms - CONN_NOTICE_MS : 0;
	timer_heap_set(&c->set->ends, &c->end, ms);
}

/* Both clocks at one moment: the loop's is that of the turn's beginning, and in
 * a long turn a token's stream would end too soon. */
static uint64_t read_clocks(const struct conn_set *s, uint64_t *wall_ms)
{
	uv_update_time(s->cfg.loop);
	*wall_ms = s->cfg.wall_ms();
	return conn_now_ms(s);
}

/* By the monotonic clock, as everything; the wall clock's end is kept. */
static void end_by_wall(struct conn *c, uint64_t now_ms, uint64_t wall_ms)
{
	uint64_t left_ms = c->token_ms > wall_ms ? c->token_ms - wall_ms : 0;

	conn_end_by(c, now_ms + left_ms, CLOSE_TOKEN_EXPIRED);
}

void conn_end_with_token(struct conn *c, uint64_t end_ms)
{
	uint64_t wall_ms, now_ms = read_clocks(c->set, &wall_ms);

	c->token_ms = end_ms;
	end_by_wall(c, now_ms, wall_ms);
}

uint64_t conn_next_clocks_ms(const struct conn_set *s)
{
	return s->cfg.tokens != NULL && s->n_in[CONN_SUBSCRIPTION] > 0
		       ? s->clocks_due_ms
		       : UINT64_MAX;
}

void conn_compare_clocks(struct conn_set *s, uint64_t now_ms)
{
	uint64_t wall_ms;
	int64_t beyond_end_ms, moved_ms;

	if (now_ms < conn_next_clocks_ms(s))
		return;
	s->clocks_due_ms = now_ms + CONN_CLOCKS_MS;
	now_ms = read_clocks(s, &wall_ms);
	beyond_end_ms = (int64_t)(wall_ms - now_ms);
	moved_ms = beyond_end_ms - s->wall_ahead_ms;
	if (moved_ms <= CONN_CLOCKS_APART_MS &&
	    moved_ms >= -CONN_CLOCKS_APART_MS)
		return;
	s->wall_ahead_ms = beyond_end_ms;
	for (struct list *at = s->in[CONN_SUBSCRIPTION].next;
	     at != &s->in[CONN_SUBSCRIPTION]; at = at->next) {
		struct conn *c = LIST_ENTRY(at, struct conn, link);

		if (c->token_ms != 0)
			end_by_wall(c, now_ms, wall_ms);
	}
}

/* Then the end. The words are the last that is done: where the write of them
 * fails, the stream is doomed. */
static void warn_of_expiry(struct conn *c, uint64_t now_ms)
{
	uint64_t end_ms = conn_of_deadline(c);

	c->warned = true;
	timer_heap_set(&c->set->ends, &c->end, end_ms);
	hub_say_expiry(c->set->cfg.hub, &c->cursor, now_ms);
}

static struct conn *first_to_end(const struct conn_set *s)
{
	struct timer_node *first = timer_heap_first(&s->ends);

	return first == NULL ? NULL : CONTAINER_OF(first, struct conn, end);
}

uint64_t conn_next_end_ms(const struct conn_set *s)
{
	const struct conn *c = first_to_end(s);

	return c == NULL ? UINT64_MAX : c->end.ms;
}

void conn_end_due(struct conn_set *s, uint64_t now_ms)
{
	struct conn *c;

	for (int i = 0; i < CONN_ENDED && (c = first_to_end(s)) != NULL &&
			c->end.ms <= now_ms;
	     i++) {
		if (is_to_be_warned(c))
			warn_of_expiry(c, now_ms);
		else
			conn_end_subscription(c, (enum close_reason)
							 c->deadline_reason);
	}
}

/* ---- begin and end ------------------------------------------------------- */

void conn_subscription_begins(struct conn *c)
{
	struct conn_set *s = c->set;
	struct address party = address_party(&c->address);

	if (s->cfg.max_age_ms > 0)
		conn_end_by(c,
			    conn_now_ms(s) +
				    jittered_max_age(s, randombytes_uniform(
								CONN_AGES)),
			    CLOSE_MAX_AGE);
	c->address_counted = s->by_address != NULL && address_known(&party) &&
			     address_counter_add(s->by_address, &party) == 0;
}

void conn_subscription_ends(struct conn *c)
{
	struct address party = address_party(&c->address);

	timer_heap_remove(&c->set->ends, &c->end);
	c->token_ms = 0;
	if (c->address_counted &&
	    address_counter_take(c->set->by_address, &party) < 0)
		conn_note_fault(c, "an address was not counted");
	c->address_counted = false;
}

int conn_limits_init(struct conn_set *s)
{
	return s->cfg.max_per_address > 0 ? address_counter_new(&s->by_address)
					  : 0;
}

void conn_limits_finish(struct conn_set *s)
{
	timer_heap_finish(&s->ends);
	address_counter_free(s->by_address);
	s->by_address = NULL;
}
