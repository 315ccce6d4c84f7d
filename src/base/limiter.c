#include "base/limiter.h"

#include <stddef.h>

#include "base/check.h"

void limiter_init(struct limiter *l, unsigned max)
{
	*l = (struct limiter){.limit = max, .max = max};
	list_init(&l->waiting);
}

static void grant_permit(struct limiter *l, struct permit *p)
{
	l->in_use++;
	p->held = true;
}

bool permit_acquire(struct limiter *l, struct permit *p)
{
	MUST(p->limiter == NULL);
	p->limiter = l;
	if (l->in_use < l->limit && list_empty(&l->waiting)) {
		grant_permit(l, p);
		return true;
	}
	list_push_back(&l->waiting, &p->link);
	return false;
}

void permit_release(struct permit *p)
{
	if (p->limiter == NULL)
		return;
	if (p->held)
		p->limiter->in_use--;
	else
		list_remove(&p->link);
	p->limiter = NULL;
	p->held = false;
}

struct permit *limiter_next(struct limiter *l)
{
	struct permit *p;

	if (l->in_use >= l->limit || list_empty(&l->waiting))
		return NULL;
	p = LIST_ENTRY(list_pop(&l->waiting), struct permit, link);
	grant_permit(l, p);
	return p;
}

bool limiter_has_waiters(const struct limiter *l)
{
	return !list_empty(&l->waiting);
}

static unsigned lower_bound(unsigned n, const struct limiter *l)
{
	unsigned least = l->max < LIMITER_LEAST ? l->max : LIMITER_LEAST;

	return n > least ? n : least;
}

void permit_record_latency(struct permit *p, uint64_t ms)
{
	struct limiter *l = p->limiter;

	if (l == NULL || !p->held)
		return;
	if (ms >= LIMITER_LATE_MS) {
		l->limit = lower_bound(l->limit / 2, l);
		l->in_time = 0;
	} else if (++l->in_time >= l->limit && l->limit < l->max) {
		l->limit++;
		l->in_time = 0;
	}
}
