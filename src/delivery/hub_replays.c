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
		replay_init(&p->slots[i], (uint32_t)i + 1, tail->source,
			    tail->buffer, &tail->tag, &tail->leader->state,
			    tail->timeout, &p->limiters, metrics);
		p->slots[i].sink = subscriptions->sink;
		list_push_back(&p->idle, &p->slots[i].link);
	}
	return 0;
}

void hub_replays_finish(struct hub_replays *p)
{
	free(p->slots);
	p->slots = NULL;
}

struct replay *hub_replays_find(struct hub_replays *p, uint32_t owner)
{
	return owner == 0 || owner > p->n_slots ? NULL : &p->slots[owner - 1];
}

/* ---- one answer for many (deliver=last) ---------------------------------- */

/* One encoding serves all subscriptions that want the same form. */
static uint8_t form_of(const struct cursor *c)
{
	return (uint8_t)(1u << (c->ndjson ? 1 + c->json : 0));
}

static bool waits_for_last(const struct cursor *c)
{
	return c->state == CURSOR_WAITING && c->start == START_LAST &&
	       c->replay == NULL;
}

/* The waiting subscriptions of the same subject and form share the answer to
 * the question that `r` is about to ask. */
static void add_sharers(struct hub_replays *p, struct replay *r)
{
	struct cursor *asks = r->cursor;
	const struct list *all = cursor_watchers(asks);

	r->shares = true;
	*cursor_asking(asks) |= form_of(asks);
	for (struct list *n = all->next; n != all; n = n->next) {
		struct cursor *c = LIST_ENTRY(n, struct cursor, watch);

		if (!waits_for_last(c) || c->listed != LISTED_EVICTED ||
		    form_of(c) != form_of(asks))
			continue;
		hub_subscriptions_unqueue(p->subscriptions, c);
		c->shares = SHARES_THIS;
	}
}

/* The answer to a question in flight may lack messages stored since: waits for
 * the end of that question. */
static bool waits_for_question(struct hub_replays *p, struct cursor *c)
{
	if (!waits_for_last(c) || (*cursor_asking(c) & form_of(c)) == 0)
		return false;
	hub_subscriptions_unqueue(p->subscriptions, c);
	c->shares = SHARES_NEXT;
	return true;
}

/* The question is over. The subscriptions that share its answer go to
 * `answered`, or with NULL (there is no answer) to the line. */
static void release_sharers(struct hub_replays *p, struct replay *r,
			    struct list *answered)
{
	struct cursor *asks = r->cursor;
	const struct list *all = cursor_watchers(asks);

	if (!r->shares)
		return;
	r->shares = false;
	*cursor_asking(asks) &= (uint8_t)~form_of(asks);
	for (struct list *n = all->next; n != all; n = n->next) {
		struct cursor *c = LIST_ENTRY(n, struct cursor, watch);
		enum cursor_shares shares = c->shares;

		if (shares == SHARES_NONE || form_of(c) != form_of(asks))
			continue;
		c->shares = SHARES_NONE;
		if (shares == SHARES_THIS && answered != NULL)
			list_push_back(answered, &c->queue);
		else
			hub_subscriptions_wait_for_replay(p->subscriptions, c);
	}
}

void hub_replays_take_sharers(struct hub_replays *p, struct replay *r,
			      struct list *ret)
{
	release_sharers(p, r, replay_has_last(r) ? ret : NULL);
	for (struct list *n = ret->next; n != ret; n = n->next) {
		struct cursor *c = LIST_ENTRY(n, struct cursor, queue);

		hub_subscriptions_start_at(p->subscriptions, c,
					   r->cursor->covered);
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
	struct replay *r = LIST_ENTRY(p->idle.next, struct replay, link);

	hub_subscriptions_unqueue(p->subscriptions, c);
	if (replay_begin(r, c, now_ms) < 0) {
		hub_replays_wait_for_memory(p, c);
		return false;
	}
	if (c->state == CURSOR_WAITING)
		add_sharers(p, r);
	list_remove(&r->link);
	list_push_back(&p->running, &r->link);
	p->n_running++;
	if (c->state == CURSOR_EVICTED)
		hub_subscriptions_set_state(p->subscriptions, c, CURSOR_REPLAY);
	return true;
}

void hub_replays_start(struct hub_replays *p, uint64_t now_ms)
{
	struct hub_subscriptions *s = p->subscriptions;

	grant_permits(&p->limiters.asks, now_ms);
	grant_permits(&p->limiters.consumers, now_ms);
	while (!p->no_memory && tail_live(p->tail) &&
	       !list_empty(&s->evicted) && !list_empty(&p->idle)) {
		struct cursor *c =
			LIST_ENTRY(s->evicted.next, struct cursor, queue);

		if (waits_for_question(p, c))
			continue;
		if (c->state == CURSOR_EVICTED && cursor_joins(c, p->buffer))
			hub_subscriptions_settle(s, c);
		else if (!start_replay(p, c, now_ms))
			return;
	}
}

void hub_replays_wait_for_memory(struct hub_replays *p, struct cursor *c)
{
	p->no_memory = true;
	hub_subscriptions_wait_for_replay(p->subscriptions, c);
}

void hub_replays_end(struct hub_replays *p, struct replay *r)
{
	release_sharers(p, r, NULL);
	list_remove(&r->link);
	list_push_back(&p->idle, &r->link);
	p->n_running--;
	replay_end(r);
}

/* Its consumer and its answers are gone: the cursor waits for another slot. */
static void abort_replay(struct hub_replays *p, struct replay *r)
{
	struct cursor *c = r->cursor;

	hub_replays_end(p, r);
	if (c->state == CURSOR_REPLAY)
		hub_subscriptions_set_state(p->subscriptions, c,
					    CURSOR_EVICTED);
	hub_subscriptions_wait_for_replay(p->subscriptions, c);
}

void hub_replays_abort(struct hub_replays *p)
{
	while (!list_empty(&p->running))
		abort_replay(p,
			     LIST_ENTRY(p->running.next, struct replay, link));
}

/* ---- what a replay says -------------------------------------------------- */

static void join_buffer(struct hub_replays *p, struct replay *r,
			uint64_t now_ms)
{
	struct cursor *c = r->cursor;

	metrics_observe(p->metrics, METRIC_SPREAD_REPLAY_TIME,
			(now_ms - r->begun_ms) * 1000, 1);
	hub_replays_end(p, r);
	hub_subscriptions_set_state(p->subscriptions, c, CURSOR_LIVE);
	c->evicted = false;
}

void hub_replays_on_outcome(struct hub_replays *p, struct replay *r,
			    enum replay_outcome what, uint64_t now_ms)
{
	struct cursor *c = r->cursor;

	switch (what) {
	case REPLAY_WAIT:
		return;
	case REPLAY_WANT_INFO:
		r->info_no = leader_want_info(p->leader);
		return;
	case REPLAY_STARTED:
		hub_subscriptions_start_at(p->subscriptions, c, c->covered);
		hub_subscriptions_set_state(p->subscriptions, c, CURSOR_REPLAY);
		break;
	case REPLAY_HAS_DATA:
		break;
	case REPLAY_GAP:
		c->gap = GAP_EXPIRED;
		break;
	case REPLAY_JOINS:
		join_buffer(p, r, now_ms);
		break;
	}
	hub_subscriptions_mark_dirty(p->subscriptions, c);
}

/* To the end of the line: it has had its slot for some seconds, others wait,
 * and nothing that it asked for would be lost. */
static bool rotate_slot(struct hub_replays *p, struct replay *r,
			uint64_t now_ms)
{
	if (now_ms - r->begun_ms < REPLAYS_SLOT_MS ||
	    list_empty(&p->subscriptions->evicted) || !list_empty(&p->idle) ||
	    !replay_may_rotate(r) || MUTATED(NO_ROTATION))
		return false;
	abort_replay(p, r);
	return true;
}

void hub_replays_on_written(struct hub_replays *p, struct replay *r,
			    uint64_t now_ms)
{
	if (!rotate_slot(p, r, now_ms))
		hub_replays_on_outcome(p, r, replay_step(r, now_ms), now_ms);
}

void hub_replays_invalidate(struct hub_replays *p)
{
	for (struct list *n = p->running.next; n != &p->running; n = n->next)
		replay_invalidate(LIST_ENTRY(n, struct replay, link));
}

/* A check that came while the socket was blocked is asked for again. */
void hub_replays_on_writable(struct hub_replays *p, struct replay *r)
{
	r->blocked_ms = 0;
	if (replay_awaits_check(r))
		r->info_no = leader_want_info(p->leader);
}

static void tick_replay(struct hub_replays *p, struct replay *r,
			uint64_t now_ms)
{
	if (!r->cursor->blocked) {
		if (!rotate_slot(p, r, now_ms))
			replay_tick(r, now_ms);
	} else if (r->blocked_ms == 0) {
		r->blocked_ms = now_ms;
		replay_yield(r);
	} else if (now_ms - r->blocked_ms > REPLAYS_BLOCKED_MS) {
		abort_replay(p, r);
	}
}

void hub_replays_tick(struct hub_replays *p, uint64_t now_ms)
{
	struct list *n = p->running.next;

	p->no_memory = false;
	while (n != &p->running) {
		struct list *next = n->next;

		tick_replay(p, LIST_ENTRY(n, struct replay, link), now_ms);
		n = next;
	}
}

void hub_replays_on_info(struct hub_replays *p,
			 const struct jetstream_event *ev, uint64_t now_ms)
{
	struct list all;

	list_take_all(&all, &p->running);
	while (!list_empty(&all)) {
		struct replay *r =
			LIST_ENTRY(list_pop(&all), struct replay, link);

		list_push_back(&p->running, &r->link);
		if (!replay_awaits_check(r) || r->cursor->blocked ||
		    (int32_t)(ev->request.generation - r->info_no) < 0)
			continue;
		hub_replays_on_outcome(p, r, replay_check(r, &ev->info, now_ms),
				       now_ms);
	}
}

/* ---- invariants ---------------------------------------------------------- */

const char *hub_replays_check(const struct hub_replays *p)
{
	size_t n_running = 0, n_idle = 0;

	for (struct list *n = p->running.next; n != &p->running; n = n->next) {
		const struct replay *r = LIST_ENTRY(n, struct replay, link);

		n_running++;
		if (r->phase == REPLAY_IDLE || r->cursor == NULL ||
		    r->cursor->replay != r)
			return "a running replay has no cursor";
	}
	for (struct list *n = p->idle.next; n != &p->idle; n = n->next) {
		const struct replay *r = LIST_ENTRY(n, struct replay, link);

		n_idle++;
		if (r->phase != REPLAY_IDLE || r->cursor != NULL || r->shares ||
		    r->has_consumer)
			return "an idle slot is not idle";
	}
	if (n_running != p->n_running || n_running + n_idle != p->n_slots)
		return "slots are lost";
	return NULL;
}
