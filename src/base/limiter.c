#include "base/limiter.h"

#include <stddef.h>

#include "base/check.h"

void limiter_init(struct limiter *ts, unsigned most)
{
	*ts = (struct limiter){.max = most, .most = most};
	list_init(&ts->waiting);
}

static void grant_permit(struct limiter *ts, struct permit *t)
{
	ts->taken++;
	t->taken = true;
}

bool permit_acquire(struct limiter *ts, struct permit *t)
{
	MUST(t->of == NULL);
	t->of = ts;
	if (ts->taken < ts->max && list_empty(&ts->waiting)) {
		grant_permit(ts, t);
		return true;
	}
	list_push_back(&ts->waiting, &t->link);
	return false;
}

void permit_release(struct permit *t)
{
	if (t->of == NULL)
		return;
	if (t->taken)
		t->of->taken--;
	else
		list_remove(&t->link);
	t->of = NULL;
	t->taken = false;
}

struct permit *limiter_next(struct limiter *ts)
{
	struct permit *t;

	if (ts->taken >= ts->max || list_empty(&ts->waiting))
		return NULL;
	t = LIST_ENTRY(list_pop(&ts->waiting), struct permit, link);
	grant_permit(ts, t);
	return t;
}

bool limiter_has_waiters(const struct limiter *ts)
{
	return !list_empty(&ts->waiting);
}

static unsigned lower_bound(unsigned n, const struct limiter *ts)
{
	unsigned least = ts->most < LIMITER_LEAST ? ts->most : LIMITER_LEAST;

	return n > least ? n : least;
}

void permit_record_latency(struct permit *t, uint64_t ms)
{
	struct limiter *ts = t->of;

	if (ts == NULL || !t->taken)
		return;
	if (ms >= LIMITER_LATE_MS) {
		ts->max = lower_bound(ts->max / 2, ts);
		ts->in_time = 0;
	} else if (++ts->in_time >= ts->max && ts->max < ts->most) {
		ts->max++;
		ts->in_time = 0;
	}
}
