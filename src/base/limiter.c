#include "base/limiter.h"

#include <stddef.h>

#include "base/check.h"

void turns_init(struct turns *ts, unsigned most)
{
	*ts = (struct turns){.max = most, .most = most};
	list_init(&ts->waiting);
}

static void give(struct turns *ts, struct turn *t)
{
	ts->taken++;
	t->taken = true;
}

bool turn_take(struct turns *ts, struct turn *t)
{
	MUST(t->of == NULL);
	t->of = ts;
	if (ts->taken < ts->max && list_empty(&ts->waiting)) {
		give(ts, t);
		return true;
	}
	list_push_back(&ts->waiting, &t->link);
	return false;
}

void turn_end(struct turn *t)
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

struct turn *turns_next(struct turns *ts)
{
	struct turn *t;

	if (ts->taken >= ts->max || list_empty(&ts->waiting))
		return NULL;
	t = LIST_ENTRY(list_pop(&ts->waiting), struct turn, link);
	give(ts, t);
	return t;
}

bool turns_wanted(const struct turns *ts)
{
	return !list_empty(&ts->waiting);
}

static unsigned at_least(unsigned n, const struct turns *ts)
{
	unsigned least = ts->most < TURNS_LEAST ? ts->most : TURNS_LEAST;

	return n > least ? n : least;
}

void turn_took(struct turn *t, uint64_t ms)
{
	struct turns *ts = t->of;

	if (ts == NULL || !t->taken)
		return;
	if (ms >= TURNS_LATE_MS) {
		ts->max = at_least(ts->max / 2, ts);
		ts->in_time = 0;
	} else if (++ts->in_time >= ts->max && ts->max < ts->most) {
		ts->max++;
		ts->in_time = 0;
	}
}
