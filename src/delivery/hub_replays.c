#include "delivery/hub_replays.h"

#include <errno.h>
#include <stdlib.h>

#include "base/mutation.h"

enum {
	REPLAYS_ASKS = 16,
	REPLAYS_CONSUMERS = 16,
	REPLAYS_BLOCKED_MS = 2000, /* a blocked replay then loses its slot */
	REPLAYS_SLOT_MS = 3000,	   /* and any other, when others wait */
};

int hub_replays_init(struct hub_replays *p,
		     const struct hub_replays_config *cfg,
		     struct hub_subscriptions *subscriptions, struct tail *tail,
		     struct metrics *metrics)
{
	*p = (struct hub_replays){.subscriptions = subscriptions,
				  .buffer = tail->buffer,
				  .tail = tail,
				  .leader = tail->leader,
				  .metrics = metrics,
				  .n_slots = cfg->max};
	list_init(&p->running);
	list_init(&p->idle);
	p->slots = calloc(cfg->max, sizeof(*p->slots));
	if (p->slots == NULL)
		return -ENOMEM;
	limiter_init(&p->limiters.asks,
		     cfg->max_asks > 0 ? cfg->max_asks : REPLAYS_ASKS);
	limiter_init(&p->limiters.consumers, cfg->max_consumers > 0
						     ? cfg->max_consumers
						     : REPLAYS_CONSUMERS);
	for (size_t i = 0; i < cfg->max; i++) {
		struct replay_group *g = &p->slots[i];

		replay_init(&g->one, (uint32_t)i + 1, tail->source,
			    tail->buffer, &tail->tag, &tail->leader->state,
			    tail->timeout, &p->limiters, metrics);
		g->one.sink = subscriptions->sink;
		replay_group_init(g, (uint32_t)cfg->max);
		list_push_back(&p->idle, &g->link);
	}
	return 0;
}

void hub_replays_finish(struct hub_replays *p)
{
	free(p->slots);
	p->slots = NULL;
}

/* The slot of the replay with requests of this owner, and its part. */
static struct replay_group *find_group(struct hub_replays *p, uint32_t owner,
				       size_t *part)
{
	if (owner == 0)
		return NULL;
	*part = (owner - 1) / p->n_slots;
	return &p->slots[(owner - 1) % p->n_slots];
}

struct replay *hub_replays_find(struct hub_replays *p, uint32_t owner)
{
	size_t part;
	struct replay_group *g = find_group(p, owner, &part);

	if (g == NULL)
		return NULL;
	if (part < g->n_parts)
		return &g->parts[part];
	return part == 0 ? &g->one : NULL; /* the last one, which is over */
}

/* ---- one answer for many (deliver=last) ---------------------------------- */

/* One encoding serves all subscriptions of the same form. */
static uint8_t form_bit(const struct cursor *c)
{
	_Static_assert(CURSOR_FORMS <= 8, "bits of `asking`");
	return (uint8_t)(1u << cursor_form(c));
}

static bool waits_for_last(const struct cursor *c)
{
	return c->state == CURSOR_WAITING && c->start == START_LAST &&
	       c->replay == NULL;
}

/* The waiting subscriptions of the same subject and form share the answer to
 * the question that `g` is about to ask. */
static void add_sharers(struct hub_replays *p, struct replay_group *g)
{
	struct cursor *asks = g->cursor;
	const struct list *all = cursor_watchers(asks);

	g->shares = true;
	*cursor_asking(asks) |= form_bit(asks);
	for (struct list *n = all->next; n != all; n = n->next) {
		struct cursor *c = LIST_ENTRY(n, struct cursor, watch);

		if (!waits_for_last(c) || c->listed != LISTED_EVICTED ||
		    form_bit(c) != form_bit(asks))
			continue;
		hub_subscriptions_unqueue(p->subscriptions, c);
		c->shares = SHARES_THIS;
	}
}

/* The answer to a question in flight may lack messages stored since: waits for
 * the end of that question. */
static bool waits_for_question(struct hub_replays *p, struct cursor *c)
{
	if (!waits_for_last(c) || (*cursor_asking(c) & form_bit(c)) == 0)
		return false;
	hub_subscriptions_unqueue(p->subscriptions, c);
	c->shares = SHARES_NEXT;
	return true;
}

/* The question is over. The subscriptions that share its answer go to
 * `answered`, or with NULL (there is no answer) to the line. */
static void release_sharers(struct hub_replays *p, struct replay_group *g,
			    struct list *answered)
{
	struct cursor *asks = g->cursor;
	const struct list *all = cursor_watchers(asks);

	if (!g->shares)
		return;
	g->shares = false;
	*cursor_asking(asks) &= (uint8_t)~form_bit(asks);
	for (struct list *n = all->next; n != all; n = n->next) {
		struct cursor *c = LIST_ENTRY(n, struct cursor, watch);
		enum cursor_shares shares = c->shares;

		if (shares == SHARES_NONE || form_bit(c) != form_bit(asks))
			continue;
		c->shares = SHARES_NONE;
		if (shares == SHARES_THIS && answered != NULL)
			list_push_back(answered, &c->queue);
		else
			hub_subscriptions_wait_for_replay(p->subscriptions, c);
	}
}

void hub_replays_take_sharers(struct hub_replays *p, struct replay_group *g,
			      struct list *ret)
{
	release_sharers(p, g, replay_has_last(&g->one) ? ret : NULL);
	for (struct list *n = ret->next; n != ret; n = n->next) {
		struct cursor *c = LIST_ENTRY(n, struct cursor, queue);

		hub_subscriptions_start_at(p->subscriptions, c,
					   g->cursor->covered);
		hub_subscriptions_set_state(p->subscriptions, c,
					    CURSOR_EVICTED);
	}
}

/* ---- slots --------------------------------------------------------------- */

static void grant_permits(struct limiter *l, uint64_t now_ms)
{
	struct permit *permit;

	while ((permit = limiter_next(l)) != NULL)
		replay_on_permit(LIST_ENTRY(permit, struct replay, permit),
				 now_ms);
}

/* False: no memory. */
static bool start_replay(struct hub_replays *p, struct cursor *c,
			 uint64_t now_ms)
{
	struct replay_group *g =
		LIST_ENTRY(p->idle.next, struct replay_group, link);

	hub_subscriptions_unqueue(p->subscriptions, c);
	if (replay_group_begin(g, c, now_ms) < 0) {
		hub_replays_wait_for_memory(p, c);
		return false;
	}
	if (c->state == CURSOR_WAITING && !g->snapshot)
		add_sharers(p, g);
	list_remove(&g->link);
	list_push_back(&p->running, &g->link);
	p->n_running += g->n_parts;
	p->n_merged += g->n_parts > 1;
	if (c->state == CURSOR_EVICTED)
		hub_subscriptions_set_state(p->subscriptions, c, CURSOR_REPLAY);
	return true;
}

/* Consumers with messages that wait for another part go to replays that wait
 * for a consumer. */
static void yield_waiting_parts(struct hub_replays *p)
{
	struct list *n = p->running.next;

	if (p->n_merged == 0 || !limiter_has_waiters(&p->limiters.consumers))
		return;
	for (; n != &p->running; n = n->next)
		replay_group_yield_waiting(
			LIST_ENTRY(n, struct replay_group, link));
}

/* The first of the line; NULL: the line is empty. */
static struct cursor *first_evicted(const struct hub_replays *p)
{
	const struct list *evicted = &p->subscriptions->evicted;

	return list_empty(evicted)
		       ? NULL
		       : LIST_ENTRY(evicted->next, struct cursor, queue);
}

static bool has_room_for(const struct hub_replays *p, const struct cursor *c)
{
	return p->n_running == 0 ||
	       p->n_running + cursor_n_patterns(c) <= p->n_slots;
}

void hub_replays_start(struct hub_replays *p, uint64_t now_ms)
{
	struct cursor *c;

	yield_waiting_parts(p);
	grant_permits(&p->limiters.asks, now_ms);
	grant_permits(&p->limiters.consumers, now_ms);
	while (!p->no_memory && tail_live(p->tail) &&
	       (c = first_evicted(p)) != NULL) {
		if (waits_for_question(p, c))
			continue;
		if (c->state == CURSOR_EVICTED && cursor_joins(c, p->buffer))
			hub_subscriptions_settle(p->subscriptions, c);
		else if (!has_room_for(p, c) || !start_replay(p, c, now_ms))
			return;
	}
}

void hub_replays_wait_for_memory(struct hub_replays *p, struct cursor *c)
{
	p->no_memory = true;
	hub_subscriptions_wait_for_replay(p->subscriptions, c);
}

void hub_replays_end(struct hub_replays *p, struct replay_group *g)
{
	release_sharers(p, g, NULL);
	list_remove(&g->link);
	list_push_back(&p->idle, &g->link);
	p->n_running -= g->n_parts;
	p->n_merged -= g->n_parts > 1;
	replay_group_end(g);
}

/* Its consumer and its answers are gone: the cursor waits for another slot. */
static void abort_replay(struct hub_replays *p, struct replay_group *g)
{
	struct cursor *c = g->cursor;

	hub_replays_end(p, g);
	if (c->state == CURSOR_REPLAY)
		hub_subscriptions_set_state(p->subscriptions, c,
					    CURSOR_EVICTED);
	hub_subscriptions_wait_for_replay(p->subscriptions, c);
}

void hub_replays_abort(struct hub_replays *p)
{
	while (!list_empty(&p->running))
		abort_replay(p, LIST_ENTRY(p->running.next, struct replay_group,
					   link));
}

/* ---- what a replay says -------------------------------------------------- */

void hub_replays_join(struct hub_replays *p, struct replay_group *g,
		      uint64_t now_ms)
{
	struct cursor *c = g->cursor;

	metrics_observe(p->metrics, METRIC_SPREAD_REPLAY_TIME,
			(now_ms - g->begun_ms) * 1000, 1);
	hub_replays_end(p, g);
	hub_subscriptions_set_state(p->subscriptions, c, CURSOR_LIVE);
	c->evicted = false;
	hub_subscriptions_mark_dirty(p->subscriptions, c);
}

/* `r`: of which the outcome is; only for REPLAY_WANT_INFO. */
static void act_on_outcome(struct hub_replays *p, struct replay_group *g,
			   struct replay *r, enum replay_outcome what,
			   uint64_t now_ms)
{
	struct cursor *c = g->cursor;

	switch (what) {
	case REPLAY_WAIT:
		return;
	case REPLAY_WANT_INFO:
		r->info_no = leader_want_info(p->leader);
		return;
	case REPLAY_STARTED:
		hub_subscriptions_start_at(p->subscriptions, c,
					   replay_group_start(g));
		hub_subscriptions_set_state(p->subscriptions, c, CURSOR_REPLAY);
		break;
	case REPLAY_HAS_DATA:
		break;
	case REPLAY_GAP:
		c->gap = GAP_EXPIRED;
		break;
	case REPLAY_JOINS:
		hub_replays_join(p, g, now_ms);
		return;
	}
	hub_subscriptions_mark_dirty(p->subscriptions, c);
}

void hub_replays_on_event(struct hub_replays *p,
			  const struct jetstream_event *ev, uint64_t now_ms)
{
	size_t part;
	struct replay_group *g = find_group(p, ev->request.owner, &part);
	struct replay *r;

	if (g == NULL || part >= g->n_parts)
		return;
	r = &g->parts[part];
	act_on_outcome(p, g, r, replay_group_on_event(g, r, ev, now_ms),
		       now_ms);
}

/* To the end of the line: it has had its slot for some seconds, others wait,
 * and nothing that it asked for would be lost. */
static bool rotate_slot(struct hub_replays *p, struct replay_group *g,
			uint64_t now_ms)
{
	const struct cursor *next = first_evicted(p);

	if (now_ms - g->begun_ms < REPLAYS_SLOT_MS || next == NULL ||
	    has_room_for(p, next) || !replay_group_may_rotate(g) ||
	    MUTATED(NO_ROTATION))
		return false;
	abort_replay(p, g);
	return true;
}

void hub_replays_on_written(struct hub_replays *p, struct replay_group *g,
			    uint64_t now_ms)
{
	if (!rotate_slot(p, g, now_ms))
		act_on_outcome(p, g, NULL, replay_group_step(g, now_ms),
			       now_ms);
}

void hub_replays_invalidate(struct hub_replays *p)
{
	for (struct list *n = p->running.next; n != &p->running; n = n->next)
		replay_group_invalidate(
			LIST_ENTRY(n, struct replay_group, link));
}

/* A check that came while the socket was blocked is asked for again. */
void hub_replays_on_writable(struct hub_replays *p, struct replay_group *g)
{
	g->blocked_ms = 0;
	for (size_t i = 0; i < g->n_parts; i++)
		if (replay_awaits_check(&g->parts[i]))
			g->parts[i].info_no = leader_want_info(p->leader);
}

static void tick_replay(struct hub_replays *p, struct replay_group *g,
			uint64_t now_ms)
{
	if (!g->cursor->blocked) {
		if (!rotate_slot(p, g, now_ms))
			act_on_outcome(p, g, NULL, replay_group_tick(g, now_ms),
				       now_ms);
	} else if (g->blocked_ms == 0) {
		g->blocked_ms = now_ms;
		replay_group_yield(g);
	} else if (now_ms - g->blocked_ms > REPLAYS_BLOCKED_MS) {
		abort_replay(p, g);
	}
}

void hub_replays_tick(struct hub_replays *p, uint64_t now_ms)
{
	struct list *n = p->running.next;

	p->no_memory = false;
	while (n != &p->running) {
		struct list *next = n->next;

		tick_replay(p, LIST_ENTRY(n, struct replay_group, link),
			    now_ms);
		n = next;
	}
}

static void check_parts(struct hub_replays *p, struct replay_group *g,
			const struct jetstream_event *ev, uint64_t now_ms)
{
	struct cursor *c = g->cursor;

	/* It may end, or wait until its gap is reported. */
	for (size_t i = 0; c->replay == g && i < g->n_parts; i++) {
		struct replay *r = &g->parts[i];

		if (!replay_awaits_check(r) ||
		    (int32_t)(ev->request.generation - r->info_no) < 0)
			continue;
		act_on_outcome(p, g, r,
			       replay_group_check(g, r, &ev->info, now_ms),
			       now_ms);
		if (c->gap != GAP_NONE)
			return;
	}
}

void hub_replays_on_info(struct hub_replays *p,
			 const struct jetstream_event *ev, uint64_t now_ms)
{
	struct list all;

	list_take_all(&all, &p->running);
	while (!list_empty(&all)) {
		struct replay_group *g =
			LIST_ENTRY(list_pop(&all), struct replay_group, link);

		list_push_back(&p->running, &g->link);
		if (!g->cursor->blocked)
			check_parts(p, g, ev, now_ms);
	}
}

/* ---- invariants ---------------------------------------------------------- */

const char *hub_replays_check(const struct hub_replays *p)
{
	size_t n_running = 0, n_idle = 0, n_groups = 0;

	for (struct list *n = p->running.next; n != &p->running; n = n->next) {
		const struct replay_group *g =
			LIST_ENTRY(n, struct replay_group, link);

		n_groups++;
		n_running += g->n_parts;
		if (g->n_parts == 0 || g->cursor == NULL ||
		    g->cursor->replay != g)
			return "a running replay has no cursor";
		for (size_t i = 0; i < g->n_parts; i++)
			if (g->parts[i].phase == REPLAY_IDLE ||
			    g->parts[i].covered < g->cursor->covered)
				return "a replay is behind its cursor";
	}
	for (struct list *n = p->idle.next; n != &p->idle; n = n->next) {
		const struct replay_group *g =
			LIST_ENTRY(n, struct replay_group, link);

		n_idle++;
		if (g->one.phase != REPLAY_IDLE || g->parts != NULL ||
		    g->cursor != NULL || g->shares || g->one.has_consumer)
			return "an idle slot is not idle";
	}
	if (n_running != p->n_running || n_groups + n_idle != p->n_slots)
		return "slots are lost";
	return NULL;
}
