/* Where a stream goes on: in the log, by a replay, or in the list that waits
 * for a replay's place or for the leader's word. A cursor is in one list at
 * most. */
#include "delivery/hub_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/mutation.h"

enum {
	HUB_BLOCKED_MS = 2000, /* a blocked replay gives its slot away */
	HUB_SLOT_MS = 3000,    /* ... and any other, when others wait */
};

/* ---- lists and states ---------------------------------------------------- */

void hub_set_state(struct hub *h, struct cursor *c, enum cursor_state to)
{
	h->in_state[c->state]--;
	h->in_state[to]++;
	c->state = (uint8_t)to;
	if (to != CURSOR_LIVE)
		c->live_since_write = false;
}

/* A cursor is in one of dirty, lagged and waiting, or in none. */
void hub_unqueue(struct hub *h, struct cursor *c)
{
	if (c->listed == LISTED_EVICTED)
		h->n_evicted--;
	list_remove(&c->queue);
	c->listed = LISTED_NOWHERE;
}

void hub_enqueue(struct hub *h, struct cursor *c, enum cursor_list which)
{
	struct list *to = which == LISTED_DIRTY	    ? &h->dirty
			  : which == LISTED_EVICTED ? &h->evicted
						    : &h->waiting;

	hub_unqueue(h, c);
	list_push_back(to, &c->queue);
	c->listed = (uint8_t)which;
	if (which == LISTED_EVICTED)
		h->n_evicted++;
}

void hub_mark_dirty(struct hub *h, struct cursor *c)
{
	if (c->listed != LISTED_DIRTY && !c->blocked && !c->failed)
		hub_enqueue(h, c, LISTED_DIRTY);
}

/* A blocked one has no use for a replay; hub_writable() brings it back. */
void hub_wait_for_replay(struct hub *h, struct cursor *c)
{
	if (c->blocked || c->failed)
		hub_unqueue(h, c);
	else
		hub_enqueue(h, c, LISTED_EVICTED);
}

void hub_wait_for_memory(struct hub *h, struct cursor *c)
{
	h->no_memory = true;
	hub_set_state(h, c, CURSOR_EVICTED);
	hub_wait_for_replay(h, c);
}

static void wait_for_info(struct hub *h, struct cursor *c)
{
	hub_enqueue(h, c, LISTED_WAITING);
	leader_want_info(&h->leader);
}

/* ---- deliver=last: one question for many -----------------------------------
 */

/* A message is encoded once for all who take it in one form. */
static uint8_t form_of(const struct cursor *c)
{
	return (uint8_t)(1u << (c->ndjson ? 1 + c->json : 0));
}

static bool waits_for_last(const struct cursor *c)
{
	return c->state == CURSOR_WAITING && c->start == START_LAST &&
	       c->replay == NULL;
}

/* All that wait for the same ride on the question that `r` is about to ask. */
static void take_riders(struct hub *h, struct replay *r)
{
	struct cursor *asks = r->cursor;
	const struct list *all = &asks->subject->watchers;

	r->shares = true;
	asks->subject->asking |= form_of(asks);
	for (struct list *n = all->next; n != all; n = n->next) {
		struct cursor *c = LIST_ENTRY(n, struct cursor, watch);

		if (!waits_for_last(c) || c->listed != LISTED_EVICTED ||
		    form_of(c) != form_of(asks))
			continue;
		hub_unqueue(h, c);
		c->rides = RIDES_NOW;
	}
}

/* What is stored by now is not in the answer to a question that is out. */
static bool rides_next(struct hub *h, struct cursor *c)
{
	if (!waits_for_last(c) || (c->subject->asking & form_of(c)) == 0)
		return false;
	hub_unqueue(h, c);
	c->rides = RIDES_NEXT;
	return true;
}

static void start_rider(struct hub *h, struct cursor *c, const struct replay *r,
			uint64_t now_ms)
{
	c->covered = c->sent = r->cursor->covered;
	c->at = 0;
	hub_set_state(h, c, CURSOR_EVICTED);
	if (r->found && !c->blocked && !c->failed) {
		hub_pump_found(h, c, r, now_ms);
		return;
	}
	hub_settle(h, c);
	hub_pump(h, c, now_ms);
}

/* The question has its answer (`answered`), or it will have none. */
static void drop_riders(struct hub *h, struct replay *r, bool answered,
			uint64_t now_ms)
{
	struct cursor *asks = r->cursor;
	const struct list *all = &asks->subject->watchers;

	if (!r->shares)
		return;
	r->shares = false;
	asks->subject->asking &= (uint8_t)~form_of(asks);
	for (struct list *n = all->next; n != all; n = n->next) {
		struct cursor *c = LIST_ENTRY(n, struct cursor, watch);
		enum cursor_rides rides = c->rides;

		if (rides == RIDES_NOT || form_of(c) != form_of(asks))
			continue;
		c->rides = RIDES_NOT;
		if (rides == RIDES_NOW && answered)
			start_rider(h, c, r, now_ms);
		else
			hub_wait_for_replay(h, c);
	}
}

void hub_end_replay(struct hub *h, struct replay *r)
{
	drop_riders(h, r, false, 0);
	list_remove(&r->link);
	list_push_back(&h->idle, &r->link);
	h->n_running--;
	replay_end(r);
}

/* By its coverage: to the log, or to a replay. */
void hub_settle(struct hub *h, struct cursor *c)
{
	hub_unqueue(h, c); /* a blocked one would stay where it waits */
	if (cursor_joins(c, h->buffer)) {
		hub_set_state(h, c, CURSOR_LIVE);
		c->evicted = false;
		hub_mark_dirty(h, c);
		return;
	}
	hub_set_state(h, c, CURSOR_EVICTED);
	hub_wait_for_replay(h, c);
}

/* ---- replays ------------------------------------------------------------- */

static void grant_permits(struct limiter *ts, uint64_t now_ms)
{
	struct permit *t;

	while ((t = limiter_next(ts)) != NULL)
		replay_go(LIST_ENTRY(t, struct replay, turn), now_ms);
}

void hub_start_replays(struct hub *h, uint64_t now_ms)
{
	grant_permits(&h->turns.asks, now_ms);
	grant_permits(&h->turns.consumers, now_ms);
	if (h->no_memory)
		return;
	while (tail_live(&h->tail) && !list_empty(&h->evicted) &&
	       !list_empty(&h->idle)) {
		struct cursor *c = LIST_ENTRY(list_first(&h->evicted),
					      struct cursor, queue);
		struct replay *r =
			LIST_ENTRY(h->idle.next, struct replay, link);

		if (rides_next(h, c))
			continue;
		hub_unqueue(h, c);
		if (c->state == CURSOR_EVICTED && cursor_joins(c, h->buffer)) {
			hub_settle(h, c);
			continue;
		}
		if (replay_begin(r, c, now_ms) < 0) {
			h->no_memory = true;
			hub_wait_for_replay(h, c);
			return;
		}
		if (c->state == CURSOR_WAITING)
			take_riders(h, r);
		list_remove(&r->link);
		list_push_back(&h->running, &r->link);
		h->n_running++;
		if (c->state == CURSOR_EVICTED)
			hub_set_state(h, c, CURSOR_REPLAY);
	}
}

void hub_outcome(struct hub *h, struct replay *r, enum replay_outcome what,
		 uint64_t now_ms)
{
	struct cursor *c = r->cursor;

	switch (what) {
	case REPLAY_WAIT:
		break;
	case REPLAY_WANT_INFO:
		r->info_no = leader_want_info(&h->leader);
		break;
	case REPLAY_STARTED:
		drop_riders(h, r, true, now_ms);
		hub_set_state(h, c, CURSOR_REPLAY);
		hub_mark_dirty(h, c);
		break;
	case REPLAY_HAS_DATA:
		hub_mark_dirty(h, c);
		break;
	case REPLAY_GAP:
		c->gap = GAP_EXPIRED;
		hub_mark_dirty(h, c);
		break;
	case REPLAY_JOINS:
		metrics_observe(h->metrics, METRIC_SPREAD_REPLAY_TIME,
				(now_ms - r->begun_ms) * 1000, 1);
		hub_end_replay(h, r);
		hub_set_state(h, c, CURSOR_LIVE);
		c->evicted = false;
		hub_mark_dirty(h, c);
		break;
	}
}

/* Its consumer, its answers: gone. The cursor waits for another place. */
static void abort_replay(struct hub *h, struct replay *r)
{
	struct cursor *c = r->cursor;

	hub_end_replay(h, r);
	if (c->state == CURSOR_REPLAY)
		hub_set_state(h, c, CURSOR_EVICTED);
	hub_wait_for_replay(h, c);
}

void hub_abort_replays(struct hub *h)
{
	while (!list_empty(&h->running))
		abort_replay(h,
			     LIST_ENTRY(h->running.next, struct replay, link));
}

void hub_invalidate_replays(struct hub *h)
{
	struct list *n;

	for (n = h->running.next; n != &h->running; n = n->next)
		replay_invalidate(LIST_ENTRY(n, struct replay, link));
}

/* ---- gaps ---------------------------------------------------------------- */

void hub_owe_gap(struct hub *h, struct cursor *c, enum cursor_gap gap)
{
	if (c->gap < gap)
		c->gap = (uint8_t)gap;
	if (c->gap == GAP_RESET)
		c->late_gap = false; /* of the stream before */
	c->at = 0;
	hub_unqueue(h, c);
	hub_set_state(h, c, CURSOR_EVICTED);
	hub_mark_dirty(h, c);
}

/* The oldest message there is, in the store or in the log; after a roll-back
 * the one behind the end of what was left. */
static uint64_t first_behind_gap(const struct hub *h, const struct cursor *c)
{
	uint64_t first = h->leader.word.first_seq;

	if (c->gap == GAP_BACK)
		return c->sent + 1;
	if (c->gap == GAP_EXPIRED && event_buffer_floor(h->buffer) + 1 < first)
		return event_buffer_floor(h->buffer) + 1;
	return first;
}

/* In the log, or by a replay. */
static void go_on_after(struct hub *h, struct cursor *c, uint64_t seq,
			uint64_t now_ms)
{
	cursor_fall_behind(c, seq);
	c->covered = c->sent = seq;
	c->at = 0;
	c->evicted = false;
	c->live_since_write = false;
	if (c->replay == NULL) {
		hub_settle(h, c);
		return;
	}
	replay_told(c->replay);
	if (cursor_joins(c, h->buffer))
		hub_outcome(h, c->replay, REPLAY_JOINS, now_ms);
	else
		replay_again(c->replay, now_ms);
}

void hub_pass_late_gap(struct hub *h, struct cursor *c, struct hub_gap *ret)
{
	c->late_gap = false;
	*ret = (struct hub_gap){.after = h->late.after,
				.first = h->late.first,
				.id = cursor_covered(c, h->buffer)};
}

bool hub_pass_gap(struct hub *h, struct cursor *c, struct hub_gap *ret,
		  uint64_t now_ms)
{
	struct hub_gap g = {.reset = c->gap >= GAP_BACK,
			    .after = cursor_covered(c, h->buffer),
			    .first = first_behind_gap(h, c)};
	bool none = c->gap == GAP_EXPIRED && g.first <= g.after + 1;

	c->gap = GAP_NONE;
	g.id = none ? g.after : g.first - 1;
	go_on_after(h, c, g.id, now_ms);
	*ret = g;
	return !none;
}

/* A check that came while the socket was blocked is asked for again. */
void hub_check_again(struct hub *h, struct replay *r)
{
	if (replay_awaits_check(r))
		r->info_no = leader_want_info(&h->leader);
}

bool hub_rotate_replay(struct hub *h, struct replay *r, uint64_t now_ms)
{
	if (now_ms - r->begun_ms < HUB_SLOT_MS || list_empty(&h->evicted) ||
	    !list_empty(&h->idle) || !replay_may_rotate(r) ||
	    MUTATED(NO_ROTATION))
		return false;
	abort_replay(h, r);
	return true;
}

void hub_tick_replay(struct hub *h, struct replay *r, uint64_t now_ms)
{
	if (!r->cursor->blocked) {
		if (!hub_rotate_replay(h, r, now_ms))
			replay_tick(r, now_ms);
	} else if (r->blocked_ms == 0) {
		r->blocked_ms = now_ms;
		replay_yield(r);
	} else if (now_ms - r->blocked_ms > HUB_BLOCKED_MS) {
		abort_replay(h, r);
	}
}

void hub_check_replays(struct hub *h, const struct jetstream_event *ev,
		       uint64_t now_ms)
{
	struct list all;

	list_take_all(&all, &h->running);
	while (!list_empty(&all)) {
		struct replay *r =
			LIST_ENTRY(list_pop(&all), struct replay, link);

		list_push_back(&h->running, &r->link);
		if (!replay_awaits_check(r) || r->cursor->blocked ||
		    (int32_t)(ev->request.generation - r->info_no) < 0)
			continue;
		hub_outcome(h, r, replay_check(r, &ev->info, now_ms), now_ms);
	}
}

/* ---- where a stream starts ----------------------------------------------- */

static bool has_stream_tag(const struct hub *h, const struct cursor *c)
{
	struct sse_tag t = h->tail.tag;

	return !c->has_tag || strtoul(t.hex, NULL, 16) == c->tag;
}

static void start_cursor_at(struct hub *h, struct cursor *c, uint64_t seq)
{
	c->covered = c->sent = seq;
	c->at = 0;
	hub_settle(h, c);
}

/* The stream is known: a start, or the list that waits for what it lacks. */
void hub_place(struct hub *h, struct cursor *c)
{
	switch (c->start) {
	case START_NEW:
		start_cursor_at(h, c, event_buffer_last_seq(h->buffer));
		break;
	case START_ALL:
		wait_for_info(h, c);
		break;
	case START_LAST: /* the log may have what the stream has no more */
		hub_wait_for_replay(h, c);
		break;
	case START_RESUME:
		if (!has_stream_tag(h, c) ||
		    c->sent > event_buffer_last_seq(h->buffer))
			wait_for_info(h, c);
		else
			start_cursor_at(h, c, c->sent);
		break;
	}
}

/* A cursor above the stream's end: another gateway was ahead, or a new leader
 * is behind for a moment, or the stream is not what it was. */
static void start_beyond_end(struct hub *h, struct cursor *c, uint64_t now_ms)
{
	if (h->leader.word.last_seq >= c->sent) {
		start_cursor_at(h, c, c->sent);
		return;
	}
	if (leader_had_grace(&h->leader, &c->beyond_end_ms, now_ms))
		hub_owe_gap(h, c, GAP_RESET);
	else
		leader_want_info_by(&h->leader, now_ms + LEADER_RECHECK_MS);
}

/* With a STREAM.INFO at hand. */
static void place_informed(struct hub *h, struct cursor *c, uint64_t now_ms)
{
	if (c->start == START_ALL) {
		start_cursor_at(h, c, h->leader.word.first_seq - 1);
	} else if (!has_stream_tag(h, c)) {
		hub_owe_gap(h, c, GAP_RESET);
	} else {
		start_beyond_end(h, c, now_ms);
	}
}

void hub_place_waiting(struct hub *h, bool informed, uint64_t now_ms)
{
	struct list all;

	list_take_all(&all, &h->waiting);
	while (!list_empty(&all)) {
		struct cursor *c =
			LIST_ENTRY(list_first(&all), struct cursor, queue);

		hub_enqueue(h, c, LISTED_WAITING);
		if (informed)
			place_informed(h, c, now_ms);
		else
			hub_place(h, c);
		if (!c->id_sent && c->state != CURSOR_WAITING)
			hub_pump(h, c, now_ms);
	}
}

static void send_retry_to_list(struct hub *h, struct list *which,
			       uint64_t now_ms)
{
	struct list *n = which->next;

	while (n != which) {
		struct cursor *c = LIST_ENTRY(n, struct cursor, queue);

		n = n->next;
		if (!c->retry_sent)
			hub_pump(h, c, now_ms);
	}
}

/* Those who wait and can't be answered soon get their retry: at least. */
void hub_send_retry_waiting(struct hub *h, uint64_t now_ms)
{
	send_retry_to_list(h, &h->waiting, now_ms);
	send_retry_to_list(h, &h->evicted, now_ms);
}
