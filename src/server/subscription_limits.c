#include "server/subscription_limits.h"

#include <sodium.h>

#include "base/address_counter.h"
#include "base/check.h"

enum {
	WARNING_MS = 10000, /* before a token's end */
	CLOCK_CHECK_MS = 1000,
	CLOCK_MOVED_MS = 500, /* less is drift */
	/* Ages are spread over 80 to 100 % of the largest one: subscriptions
	 * that were opened together do not end together. */
	AGE_STEPS = 64,
	AGE_SPREAD = 5, /* the shortest age is this part shorter */
};

/* ---- how many ------------------------------------------------------------ */

enum reject_reason subscription_limits_reject(
	const struct subscription_limits *l, size_t n_of_id,
	const struct address *client)
{
	struct address party = address_party(client);

	if (l->max_per_id > 0 && n_of_id >= l->max_per_id)
		return REJECT_MAX_SUBSCRIPTIONS_PER_ID;
	if (l->by_address != NULL && address_known(&party) &&
	    address_counter_count(l->by_address, &party) >= l->max_per_address)
		return REJECT_MAX_SUBSCRIPTIONS_PER_ADDRESS;
	return REJECT_NONE;
}

/* ---- for how long -------------------------------------------------------- */

static uint64_t spread_max_age(const struct subscription_limits *l,
			       unsigned step)
{
	uint64_t most = l->max_age_ms;

	return most - most / AGE_SPREAD * step / (AGE_STEPS - 1);
}

int subscription_limits_reserve(struct subscription_limits *l)
{
	return timer_heap_reserve(&l->deadlines);
}

/* Until the warning is out, the timer is that of the warning. */
static bool needs_warning(const struct subscription_deadline *d)
{
	return d->reason == CLOSE_TOKEN_EXPIRED && !d->warned;
}

static uint64_t deadline_end_ms(const struct subscription_deadline *d)
{
	return needs_warning(d) ? d->timer.ms + WARNING_MS : d->timer.ms;
}

void subscription_limits_set(struct subscription_limits *l,
			     struct subscription_deadline *d, uint64_t ms,
			     enum close_reason why)
{
	if (d->timer.index != 0 && deadline_end_ms(d) <= ms)
		return;
	/* One warning is enough, also when the deadline moves. */
	if (d->reason != why)
		d->warned = false;
	d->reason = (uint8_t)why;
	if (needs_warning(d))
		ms = ms > WARNING_MS ? ms - WARNING_MS : 0;
	timer_heap_set(&l->deadlines, &d->timer, ms);
}

void subscription_limits_recompute(struct subscription_limits *l,
				   struct subscription_deadline *d,
				   const struct clocks *now)
{
	uint64_t left_ms = d->token_end_ms > now->wall_ms
				   ? d->token_end_ms - now->wall_ms
				   : 0;

	if (d->token_end_ms != 0)
		subscription_limits_set(l, d, now->now_ms + left_ms,
					CLOSE_TOKEN_EXPIRED);
}

void subscription_limits_set_token(struct subscription_limits *l,
				   struct subscription_deadline *d,
				   uint64_t end_ms, const struct clocks *now)
{
	d->token_end_ms = end_ms;
	subscription_limits_recompute(l, d, now);
}

uint64_t subscription_limits_next_clock_ms(const struct subscription_limits *l)
{
	return l->tokens ? l->clock_check_ms : UINT64_MAX;
}

bool subscription_limits_clock_moved(struct subscription_limits *l,
				     const struct clocks *now)
{
	int64_t offset_ms = (int64_t)(now->wall_ms - now->now_ms);
	int64_t moved_ms = offset_ms - l->wall_offset_ms;

	l->clock_check_ms = now->now_ms + CLOCK_CHECK_MS;
	if (moved_ms <= CLOCK_MOVED_MS && moved_ms >= -CLOCK_MOVED_MS)
		return false;
	l->wall_offset_ms = offset_ms;
	return true;
}

static struct subscription_deadline *first_deadline(
	const struct subscription_limits *l)
{
	struct timer_node *first = timer_heap_first(&l->deadlines);

	return first == NULL ? NULL
			     : CONTAINER_OF(first, struct subscription_deadline,
					    timer);
}

uint64_t subscription_limits_next_ms(const struct subscription_limits *l)
{
	const struct subscription_deadline *d = first_deadline(l);

	return d == NULL ? UINT64_MAX : d->timer.ms;
}

enum subscription_due subscription_limits_next(
	struct subscription_limits *l, uint64_t now_ms,
	struct subscription_deadline **ret)
{
	struct subscription_deadline *d = first_deadline(l);
	uint64_t end_ms;

	if (d == NULL || d->timer.ms > now_ms)
		return SUBSCRIPTION_DUE_NONE;
	*ret = d;
	if (!needs_warning(d))
		return SUBSCRIPTION_DUE_END;
	end_ms = deadline_end_ms(d);
	d->warned = true;
	/* The hub writes the warning when it flushes; the end comes after. */
	timer_heap_set(&l->deadlines, &d->timer,
		       end_ms > now_ms ? end_ms : now_ms + 1);
	return SUBSCRIPTION_DUE_WARNING;
}

/* ---- begin and end ------------------------------------------------------- */

void subscription_limits_begin(struct subscription_limits *l,
			       struct subscription_deadline *d,
			       const struct address *client, uint64_t now_ms)
{
	struct address party = address_party(client);

	if (l->max_age_ms > 0)
		subscription_limits_set(
			l, d,
			now_ms + spread_max_age(l,
						randombytes_uniform(AGE_STEPS)),
			CLOSE_MAX_AGE);
	d->address_counted = l->by_address != NULL && address_known(&party) &&
			     address_counter_add(l->by_address, &party) == 0;
}

bool subscription_limits_end(struct subscription_limits *l,
			     struct subscription_deadline *d,
			     const struct address *client)
{
	struct address party = address_party(client);
	bool found = !d->address_counted ||
		     address_counter_take(l->by_address, &party) == 0;

	timer_heap_remove(&l->deadlines, &d->timer);
	d->token_end_ms = 0;
	d->address_counted = false;
	return found;
}

int subscription_limits_init(struct subscription_limits *l)
{
	return l->max_per_address > 0 ? address_counter_new(&l->by_address) : 0;
}

void subscription_limits_finish(struct subscription_limits *l)
{
	timer_heap_finish(&l->deadlines);
	address_counter_free(l->by_address);
	l->by_address = NULL;
}
