/* Limits of subscriptions: how many one identity and one address may have, and
 * how long each may live (--max-subscription-age, its token, a timeout).
 *
 * All deadlines are in one heap; the soonest deadline of a subscription counts.
 * Pure: the owner reads the clocks, asks what is due, and closes. */
#ifndef SLUICE_SUBSCRIPTION_LIMITS_H
#define SLUICE_SUBSCRIPTION_LIMITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/close_reason.h"
#include "base/reject_reason.h"
#include "base/timer_heap.h"

struct address_counter;

struct subscription_limits {
	size_t max_per_id;	/* 0: any number */
	size_t max_per_address; /* 0: any number */
	uint64_t max_age_ms;	/* 0: any age */
	bool tokens;		/* subscriptions may end with a token */
	struct timer_heap deadlines;
	struct address_counter *by_address; /* subscriptions; or NULL */
	int64_t wall_offset_ms;	 /* of the wall clock, when it last moved */
	uint64_t clock_check_ms; /* when to compare the clocks next */
};

/* Part of a subscription. Zeroed: no limit applies. */
struct subscription_deadline {
	struct timer_node timer;
	uint64_t token_end_ms; /* since 1970; 0: no token */
	uint8_t reason;	       /* enum close_reason, at `timer` */
	bool warned : 1;       /* of its token's end */
	bool address_counted : 1;
};

/* The two clocks at one moment. */
struct clocks {
	uint64_t now_ms;  /* monotonic */
	uint64_t wall_ms; /* since 1970 */
};

/* Takes the first four fields as given. -ENOMEM or 0. */
int subscription_limits_init(struct subscription_limits *l);
void subscription_limits_finish(struct subscription_limits *l);

/* REJECT_NONE, or why this client may not open another subscription. `n_of_id`:
 * open subscriptions of its identity. */
enum reject_reason subscription_limits_reject(
	const struct subscription_limits *l, size_t n_of_id,
	const struct address *client);

/* Room for the deadline of one more subscription. -ENOMEM or 0. */
int subscription_limits_reserve(struct subscription_limits *l);
/* The subscription begins: counts its address, sets its largest age. */
void subscription_limits_begin(struct subscription_limits *l,
			       struct subscription_deadline *d,
			       const struct address *client, uint64_t now_ms);
/* False: the address that `d` has counted was not in the counter. */
bool subscription_limits_end(struct subscription_limits *l,
			     struct subscription_deadline *d,
			     const struct address *client);
/* Ends at `ms` (monotonic) for `why`, unless its deadline is sooner. */
void subscription_limits_set(struct subscription_limits *l,
			     struct subscription_deadline *d, uint64_t ms,
			     enum close_reason why);
/* Ends with its token, at `end_ms` since 1970. */
void subscription_limits_set_token(struct subscription_limits *l,
				   struct subscription_deadline *d,
				   uint64_t end_ms, const struct clocks *now);

/* True when the wall clock was set, or the machine slept: the owner then calls
 * subscription_limits_recompute() for each subscription. */
bool subscription_limits_clock_moved(struct subscription_limits *l,
				     const struct clocks *now);
/* When to call it next; UINT64_MAX: never. */
uint64_t subscription_limits_next_clock_ms(const struct subscription_limits *l);
/* Moves a token's deadline forward, never back: the sooner of the two clocks
 * counts. */
void subscription_limits_recompute(struct subscription_limits *l,
				   struct subscription_deadline *d,
				   const struct clocks *now);

enum subscription_due {
	SUBSCRIPTION_DUE_NONE,
	SUBSCRIPTION_DUE_WARNING, /* tell the client that its token expires */
	SUBSCRIPTION_DUE_END,	  /* close it, for d->reason */
};

/* The next that is due. A warning is due once; an end until the owner calls
 * subscription_limits_end(). */
enum subscription_due subscription_limits_next(
	struct subscription_limits *l, uint64_t now_ms,
	struct subscription_deadline **ret);
/* When something is due; UINT64_MAX: never. */
uint64_t subscription_limits_next_ms(const struct subscription_limits *l);

#endif
