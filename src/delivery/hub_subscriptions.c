#include "delivery/hub_subscriptions.h"

#include "base/check.h"

void hub_subscriptions_init(struct hub_subscriptions *s,
			    const struct event_buffer *buffer,
			    const struct hub_sink *sink)
{
	*s = (struct hub_subscriptions){.buffer = buffer, .sink = sink};
	list_init(&s->dirty);
	list_init(&s->evicted);
	list_init(&s->waiting);
	list_init(&s->pings);
}

void hub_subscriptions_add(struct hub_subscriptions *s, struct cursor *c)
{
	MUST(c->state == CURSOR_CLOSED);
	s->n++;
	c->state = CURSOR_WAITING;
	s->in_state[CURSOR_WAITING]++;
}

void hub_subscriptions_remove(struct hub_subscriptions *s, struct cursor *c)
{
	hub_subscriptions_unqueue(s, c);
	hub_subscriptions_set_blocked(s, c, false);
	list_remove(&c->dirty);
	list_remove(&c->ping);
	hub_subscriptions_set_state(s, c, CURSOR_CLOSED);
	s->in_state[CURSOR_CLOSED]--;
	s->n--;
}

void hub_subscriptions_start_at(struct hub_subscriptions *s, struct cursor *c,
				uint64_t seq)
{
	c->covered = c->sent = seq;
	c->at = 0;
	hub_sink_step(s->sink, c, STEP_START, seq);
}

static void report_state(const struct hub_subscriptions *s, struct cursor *c,
			 enum cursor_state to)
{
	static const enum subscription_step steps[CURSOR_STATES] = {
		[CURSOR_CLOSED] = STEP_END,
		[CURSOR_LIVE] = STEP_LIVE,
		[CURSOR_EVICTED] = STEP_EVICTED,
		[CURSOR_REPLAY] = STEP_REPLAY,
	};

	if (c->state != to)
		hub_sink_step(s->sink, c, steps[to],
			      cursor_covered(c, s->buffer));
}

void hub_subscriptions_set_state(struct hub_subscriptions *s, struct cursor *c,
				 enum cursor_state to)
{
	report_state(s, c, to);
	s->in_state[c->state]--;
	s->in_state[to]++;
	c->state = (uint8_t)to;
	if (to != CURSOR_LIVE)
		c->live_since_write = false;
}

void hub_subscriptions_set_blocked(struct hub_subscriptions *s,
				   struct cursor *c, bool blocked)
{
	if (c->blocked == blocked)
		return;
	c->blocked = blocked;
	c->live_since_write = false;
	if (!blocked) {
		s->n_slow--;
		return;
	}
	s->n_slow++;
	list_remove(&c->dirty);
	if (c->listed == LISTED_EVICTED)
		hub_subscriptions_unqueue(s, c);
}

void hub_subscriptions_set_failed(struct hub_subscriptions *s, struct cursor *c)
{
	c->failed = true;
	list_remove(&c->dirty);
	hub_subscriptions_unqueue(s, c);
}

void hub_subscriptions_mark_dirty(struct hub_subscriptions *s, struct cursor *c)
{
	if (list_empty(&c->dirty) && !c->blocked && !c->failed)
		list_push_back(&s->dirty, &c->dirty);
}

void hub_subscriptions_unqueue(struct hub_subscriptions *s, struct cursor *c)
{
	if (c->listed == LISTED_EVICTED)
		s->n_evicted--;
	list_remove(&c->queue);
	c->listed = LISTED_NOWHERE;
}

void hub_subscriptions_wait_for_info(struct hub_subscriptions *s,
				     struct cursor *c)
{
	hub_subscriptions_unqueue(s, c);
	list_push_back(&s->waiting, &c->queue);
	c->listed = LISTED_WAITING;
}

void hub_subscriptions_wait_for_replay(struct hub_subscriptions *s,
				       struct cursor *c)
{
	hub_subscriptions_unqueue(s, c);
	if (c->blocked || c->failed)
		return;
	list_push_back(&s->evicted, &c->queue);
	c->listed = LISTED_EVICTED;
	s->n_evicted++;
}

void hub_subscriptions_settle(struct hub_subscriptions *s, struct cursor *c)
{
	if (!cursor_joins(c, s->buffer)) {
		hub_subscriptions_set_state(s, c, CURSOR_EVICTED);
		hub_subscriptions_wait_for_replay(s, c);
		return;
	}
	hub_subscriptions_unqueue(s, c);
	hub_subscriptions_set_state(s, c, CURSOR_LIVE);
	c->evicted = false;
	hub_subscriptions_mark_dirty(s, c);
}

/* ---- invariants ---------------------------------------------------------- */

static const char *check_dirty_list(const struct hub_subscriptions *s)
{
	for (struct list *n = s->dirty.next; n != &s->dirty; n = n->next) {
		const struct cursor *c = LIST_ENTRY(n, struct cursor, dirty);

		if (c->blocked || c->failed || c->state == CURSOR_CLOSED)
			return "a dirty subscription cannot be written";
	}
	return NULL;
}

static const char *check_queue(const struct list *queue, enum cursor_list which,
			       size_t *n)
{
	*n = 0;
	for (struct list *at = queue->next; at != queue; at = at->next) {
		if (LIST_ENTRY(at, struct cursor, queue)->listed != which)
			return "a cursor is not in the list that it names";
		++*n;
	}
	return NULL;
}

static const char *check_pings(const struct hub_subscriptions *s)
{
	uint64_t before_ms = 0;

	for (struct list *n = s->pings.next; n != &s->pings; n = n->next) {
		const struct cursor *c = LIST_ENTRY(n, struct cursor, ping);

		if (c->ping_due_ms < before_ms)
			return "pings are out of order";
		before_ms = c->ping_due_ms;
	}
	return NULL;
}

const char *hub_subscriptions_check(const struct hub_subscriptions *s)
{
	size_t n_states = 0, n_evicted, n_waiting;
	const char *broken = check_dirty_list(s);

	if (broken == NULL)
		broken = check_pings(s);
	if (broken == NULL)
		broken = check_queue(&s->evicted, LISTED_EVICTED, &n_evicted);
	if (broken == NULL)
		broken = check_queue(&s->waiting, LISTED_WAITING, &n_waiting);
	if (broken != NULL)
		return broken;
	for (int i = 0; i < CURSOR_STATES; i++)
		n_states += s->in_state[i];
	if (n_states != s->n || s->in_state[CURSOR_CLOSED] != 0)
		return "the states do not add up to the subscriptions";
	if (n_evicted != s->n_evicted)
		return "n_evicted is not the length of its list";
	if (n_waiting > s->in_state[CURSOR_WAITING] || s->n_slow > s->n)
		return "more wait than there are";
	return NULL;
}
