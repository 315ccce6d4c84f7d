#include "delivery/hub_gaps.h"

void hub_gaps_init(struct hub_gaps *g, struct hub_subscriptions *subscriptions,
		   struct hub_replays *replays, struct tail *tail)
{
	*g = (struct hub_gaps){.subscriptions = subscriptions,
			       .replays = replays,
			       .buffer = tail->buffer,
			       .tail = tail};
}

void hub_gaps_add(struct hub_gaps *g, struct cursor *c, enum cursor_gap gap)
{
	if (c->gap < gap)
		c->gap = (uint8_t)gap;
	if (c->gap == GAP_RESET) {
		c->late_gap = false; /* of the stream before */
		cursor_cut_snapshot(c, 0);
	}
	c->at = 0;
	hub_subscriptions_unqueue(g->subscriptions, c);
	hub_subscriptions_set_state(g->subscriptions, c, CURSOR_EVICTED);
	hub_subscriptions_mark_dirty(g->subscriptions, c);
}

/* ---- for all subscriptions ----------------------------------------------- */

struct gap_notice {
	struct hub_gaps *gaps;
	enum cursor_gap gap;
	uint64_t last_seq; /* of the buffer, before */
};

static void notify_gap(struct list *node, void *arg)
{
	const struct gap_notice *t = arg;
	struct hub_gaps *g = t->gaps;
	struct cursor *c = LIST_ENTRY(node, struct cursor, watch);

	if (c->state == CURSOR_WAITING)
		return;
	cursor_fall_behind(c, t->last_seq);
	if (t->gap == GAP_RESET ||
	    g->tail->leader->state.first_seq > c->covered + 1)
		hub_gaps_add(g, c, t->gap);
	else if (c->gap == GAP_NONE)
		hub_subscriptions_settle(g->subscriptions, c);
}

/* Subscriptions that had more than is left go on from the stream's new end. The
 * others lack nothing, and read it from the stream. */
static void notify_rollback(struct list *node, void *arg)
{
	const struct gap_notice *t = arg;
	struct hub_gaps *g = t->gaps;
	struct cursor *c = LIST_ENTRY(node, struct cursor, watch);
	uint64_t end = event_buffer_last_seq(g->buffer);

	if (c->state == CURSOR_WAITING)
		return;
	cursor_fall_behind(c, t->last_seq);
	cursor_cut_snapshot(c, end);
	c->at = 0;
	if (c->covered > end || c->gap == GAP_ROLLED_BACK) {
		if (c->sent > end || c->gap != GAP_ROLLED_BACK)
			c->sent = end;
		hub_gaps_add(g, c, GAP_ROLLED_BACK);
	} else if (c->gap == GAP_NONE) {
		hub_subscriptions_settle(g->subscriptions, c);
	}
}

/* Subscriptions that went on behind a hole, or behind the first of several.
 * One that started behind it misses nothing; one that has not come to it reads
 * it from the stream, where the gap is seen. */
static void notify_late_gap(struct list *node, void *arg)
{
	struct hub_gaps *g = arg;
	struct cursor *c = LIST_ENTRY(node, struct cursor, watch);
	uint64_t covered = cursor_covered(c, g->buffer), upto = g->late.upto;
	bool fresh =
		c->events == 0 && c->sent >= (covered < upto ? covered : upto);

	if (c->state == CURSOR_WAITING || c->gap >= GAP_ROLLED_BACK || fresh ||
	    covered <= g->late.after)
		return;
	c->late_gap = true;
	if (c->state == CURSOR_LIVE)
		hub_subscriptions_mark_dirty(g->subscriptions, c);
}

static void find_late_gap(struct list *node, void *arg)
{
	bool *found = arg;

	*found |= LIST_ENTRY(node, struct cursor, watch)->late_gap;
}

/* One report for all: it covers an earlier gap that is not yet reported. */
static void on_late_gap(struct hub_gaps *g)
{
	struct tail_gap before = g->late;
	bool untold = false;

	g->late = g->tail->gap;
	event_buffer_each_watcher(g->buffer, find_late_gap, &untold);
	if (untold && before.after < g->late.after)
		g->late.after = before.after;
	event_buffer_each_watcher(g->buffer, notify_late_gap, g);
}

void hub_gaps_on_tail(struct hub_gaps *g, unsigned bits, uint64_t last_seq)
{
	struct gap_notice t = {.gaps = g, .last_seq = last_seq};

	if (bits & (TAIL_RESET | TAIL_TRIMMED | TAIL_ROLLED_BACK))
		hub_replays_abort(g->replays);
	if (bits & (TAIL_RESET | TAIL_TRIMMED)) {
		t.gap = bits & TAIL_RESET ? GAP_RESET : GAP_EXPIRED;
		event_buffer_each_watcher(g->buffer, notify_gap, &t);
	}
	if (bits & TAIL_ROLLED_BACK)
		event_buffer_each_watcher(g->buffer, notify_rollback, &t);
	if (bits & TAIL_LATE_GAP)
		on_late_gap(g);
}

/* ---- for one subscription ------------------------------------------------ */

/* The oldest message that is available, in the stream or in the buffer; after a
 * roll-back the one behind the end of what was left. */
static uint64_t first_after_gap(const struct hub_gaps *g,
				const struct cursor *c)
{
	uint64_t first = g->tail->leader->state.first_seq;

	if (c->gap == GAP_ROLLED_BACK)
		return c->sent + 1;
	if (c->gap == GAP_EXPIRED && event_buffer_floor(g->buffer) + 1 < first)
		return event_buffer_floor(g->buffer) + 1;
	return first;
}

static void go_on_after(struct hub_gaps *g, struct cursor *c, uint64_t seq,
			uint64_t now_ms)
{
	cursor_fall_behind(c, seq);
	c->covered = c->sent = seq;
	c->at = 0;
	c->evicted = false;
	c->live_since_write = false;
	if (c->replay == NULL) {
		hub_subscriptions_settle(g->subscriptions, c);
		return;
	}
	if (cursor_joins(c, g->buffer))
		hub_replays_join(g->replays, c->replay, now_ms);
	else
		replay_group_restart(c->replay, now_ms);
}

bool hub_gaps_take(struct hub_gaps *g, struct cursor *c, struct hub_gap *ret,
		   uint64_t now_ms)
{
	bool expired = c->gap == GAP_EXPIRED;

	*ret = (struct hub_gap){.reset = c->gap >= GAP_ROLLED_BACK,
				.after = cursor_covered(c, g->buffer),
				.first = first_after_gap(g, c)};
	c->gap = GAP_NONE;
	if (expired && ret->first <= ret->after + 1) {
		go_on_after(g, c, ret->after, now_ms);
		return false;
	}
	ret->id = ret->first - 1;
	hub_sink_step(g->subscriptions->sink, c, STEP_GAP, ret->id);
	go_on_after(g, c, ret->id, now_ms);
	return true;
}

void hub_gaps_take_late(struct hub_gaps *g, struct cursor *c,
			struct hub_gap *ret)
{
	c->late_gap = false;
	*ret = (struct hub_gap){.after = g->late.after,
				.first = g->late.first,
				.id = cursor_covered(c, g->buffer)};
}
