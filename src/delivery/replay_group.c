#include "delivery/replay_group.h"

#include <errno.h>
#include <stdlib.h>

#include "base/check.h"
#include "delivery/replay_merge.h"

void replay_group_init(struct replay_group *g, uint32_t stride)
{
	g->stride = stride;
	g->parts = NULL;
}

static bool is_merged(const struct replay_group *g)
{
	return g->n_parts > 1;
}

/* One part, of which everything is that of the subscription. */
static bool is_plain(const struct replay_group *g)
{
	return g->n_parts == 1 && !g->snapshot;
}

/* ---- begin and end ------------------------------------------------------- */

/* Copies of the idle `one`. Their generations go on where those of an earlier
 * part with the same owner have ended. */
static struct replay *new_parts(const struct replay_group *g, size_t n)
{
	struct replay *parts = calloc(n, sizeof(*parts));

	for (size_t i = 0; i < n && parts != NULL; i++) {
		parts[i] = g->one;
		parts[i].permit = (struct permit){0};
		parts[i].slot += (uint32_t)i * g->stride;
		parts[i].generation = g->generation;
	}
	return parts;
}

static int begin_parts(struct replay_group *g, struct cursor *c,
		       uint64_t now_ms)
{
	int rc = 0;

	for (size_t i = 0; i < g->n_parts && rc == 0; i++) {
		g->parts[i].snapshot = g->snapshot;
		rc = replay_begin(&g->parts[i], c, cursor_pattern(c, i).at,
				  now_ms);
	}
	return rc;
}

int replay_group_begin(struct replay_group *g, struct cursor *c,
		       uint64_t now_ms)
{
	size_t n = cursor_n_patterns(c);

	MUST(g->parts == NULL && c->replay == NULL);
	g->one.generation = g->generation;
	g->parts = n == 1 ? &g->one : new_parts(g, n);
	if (g->parts == NULL)
		return -ENOMEM;
	g->n_parts = n;
	g->cursor = c;
	g->begun_ms = now_ms;
	g->begun_covered = c->covered;
	g->blocked_ms = 0;
	g->snapshot = cursor_has_snapshot(c);
	if (c->state == CURSOR_WAITING)
		cursor_cut_snapshot(c, 0); /* of an earlier attempt */
	c->replay = g;
	if (begin_parts(g, c, now_ms) < 0) {
		replay_group_end(g);
		return -ENOMEM;
	}
	return 0;
}

void replay_group_end(struct replay_group *g)
{
	if (g->parts == NULL)
		return;
	for (size_t i = 0; i < g->n_parts; i++) {
		replay_end(&g->parts[i]);
		if ((int32_t)(g->parts[i].generation - g->generation) > 0)
			g->generation = g->parts[i].generation;
	}
	if (is_merged(g))
		free(g->parts);
	g->parts = NULL;
	g->n_parts = 0;
	g->cursor->replay = NULL;
	g->cursor = NULL;
}

/* ---- the position -------------------------------------------------------- */

/* Nothing of the part's pattern is left up to it, but what was handed out. */
static uint64_t bound_of(const struct replay *r)
{
	if (!replay_is_ready(r) || replay_queue_empty(&r->queue))
		return r->covered;
	return replay_queue_next(&r->queue) - 1;
}

uint64_t replay_group_start(const struct replay_group *g)
{
	uint64_t least = UINT64_MAX;

	for (size_t i = 0; i < g->n_parts; i++)
		if (bound_of(&g->parts[i]) < least)
			least = bound_of(&g->parts[i]);
	return least;
}

static void update_cursor(struct replay_group *g)
{
	uint64_t least = UINT64_MAX;

	for (size_t i = 0; i < g->n_parts; i++)
		if (g->parts[i].covered < least)
			least = g->parts[i].covered;
	if (g->cursor->state != CURSOR_WAITING)
		g->cursor->covered = least;
}

void replay_group_commit(struct replay_group *g)
{
	for (size_t i = 0; i < g->n_parts; i++)
		replay_commit(&g->parts[i]);
}

void replay_group_restart(struct replay_group *g, uint64_t now_ms)
{
	for (size_t i = 0; i < g->n_parts; i++)
		replay_restart_after(&g->parts[i], g->cursor->covered, now_ms);
}

/* ---- parts that wait for each other -------------------------------------- */

void replay_group_yield(struct replay_group *g)
{
	for (size_t i = 0; i < g->n_parts; i++)
		replay_yield(&g->parts[i]);
}

void replay_group_yield_waiting(struct replay_group *g)
{
	if (is_merged(g) && replay_merge_next(g->parts, g->n_parts) == 0)
		replay_group_yield(g);
}

/* ---- the snapshot -------------------------------------------------------- */

static bool is_placed(const struct replay_group *g)
{
	for (size_t i = 0; i < g->n_parts; i++)
		if (!g->parts[i].placed)
			return false;
	return true;
}

/* The newest message of all patterns, once that of each one is known. */
static bool find_snapshot_end(struct replay_group *g)
{
	uint64_t *end = &g->cursor->more->snapshot_end;

	if (*end != 0)
		return true;
	for (size_t i = 0; i < g->n_parts; i++)
		if (g->parts[i].phase != REPLAY_NEWEST && !g->parts[i].placed)
			return false;
	for (size_t i = 0; i < g->n_parts; i++)
		if (g->parts[i].newest > *end)
			*end = g->parts[i].newest;
	return true;
}

static bool awaits_snapshot_end(const struct replay_group *g)
{
	for (size_t i = 0; i < g->n_parts; i++)
		if (g->parts[i].phase == REPLAY_NEWEST)
			return true;
	return false;
}

/* Without one that awaits it the end stays: it may have been cut to 0. */
static void take_snapshots(struct replay_group *g, uint64_t now_ms)
{
	if (!awaits_snapshot_end(g) || !find_snapshot_end(g))
		return;
	for (size_t i = 0; i < g->n_parts; i++)
		if (g->parts[i].phase == REPLAY_NEWEST)
			replay_take_snapshot(&g->parts[i],
					     g->cursor->more->snapshot_end,
					     now_ms);
}

/* Each part that has no position yet goes on until it has one. */
static enum replay_outcome step_unplaced(struct replay_group *g,
					 uint64_t now_ms)
{
	for (size_t i = 0; i < g->n_parts; i++) {
		struct replay *r = &g->parts[i];

		if (replay_is_ready(r) && !r->placed)
			replay_step(r, now_ms);
	}
	return is_placed(g) ? REPLAY_STARTED : REPLAY_WAIT;
}

/* ---- parts that go on ---------------------------------------------------- */

/* Each part goes on as far as it can without the others. */
static void step_parts(struct replay_group *g, uint64_t now_ms)
{
	for (size_t i = 0; i < g->n_parts; i++) {
		struct replay *r = &g->parts[i];

		if (r->phase == REPLAY_COVERED && !replay_joins(r))
			replay_restart(r, now_ms);
		else if (replay_is_ready(r) &&
			 replay_step(r, now_ms) == REPLAY_JOINS)
			replay_rest(r);
	}
}

static enum replay_outcome step_merged(struct replay_group *g, uint64_t now_ms)
{
	struct cursor *c = g->cursor;

	if (c->gap != GAP_NONE)
		return REPLAY_WAIT; /* it restarts behind the gap */
	if (g->snapshot)
		take_snapshots(g, now_ms);
	if (c->state == CURSOR_WAITING)
		return step_unplaced(g, now_ms);
	step_parts(g, now_ms);
	update_cursor(g);
	if (cursor_would_join(c, g->one.buffer, replay_group_start(g))) {
		c->covered = replay_group_start(g);
		return REPLAY_JOINS;
	}
	if (replay_merge_next(g->parts, g->n_parts) != 0)
		return REPLAY_HAS_DATA;
	replay_group_yield(g);
	return REPLAY_WAIT;
}

/* ---- events and steps ---------------------------------------------------- */

static enum replay_outcome act_on_part(struct replay_group *g,
				       enum replay_outcome what,
				       uint64_t now_ms)
{
	update_cursor(g);
	if (is_plain(g))
		return what;
	switch (what) {
	case REPLAY_WAIT:
	case REPLAY_WANT_INFO:
	case REPLAY_GAP:
		return what;
	default:
		return step_merged(g, now_ms);
	}
}

enum replay_outcome replay_group_on_event(struct replay_group *g,
					  struct replay *part,
					  const struct jetstream_event *ev,
					  uint64_t now_ms)
{
	return act_on_part(g, replay_on_event(part, ev, now_ms), now_ms);
}

enum replay_outcome replay_group_check(struct replay_group *g,
				       struct replay *part,
				       const struct jetstream_info *info,
				       uint64_t now_ms)
{
	return act_on_part(g, replay_check(part, info, now_ms), now_ms);
}

enum replay_outcome replay_group_step(struct replay_group *g, uint64_t now_ms)
{
	if (!is_plain(g))
		return step_merged(g, now_ms);
	return act_on_part(g, replay_step(g->parts, now_ms), now_ms);
}

enum replay_outcome replay_group_tick(struct replay_group *g, uint64_t now_ms)
{
	for (size_t i = 0; i < g->n_parts; i++)
		replay_tick(&g->parts[i], now_ms);
	return is_plain(g) ? REPLAY_WAIT : step_merged(g, now_ms);
}

void replay_group_invalidate(struct replay_group *g)
{
	for (size_t i = 0; i < g->n_parts; i++)
		replay_invalidate(&g->parts[i]);
}

bool replay_group_may_rotate(const struct replay_group *g)
{
	if (is_merged(g) && g->cursor->covered > g->begun_covered)
		return true;
	for (size_t i = 0; i < g->n_parts; i++)
		if (!replay_may_rotate(&g->parts[i]))
			return false;
	return true;
}

/* ---- the queues ---------------------------------------------------------- */

void replay_group_gather(const struct replay_group *g, struct cursor_batch *ret)
{
	ret->n = 0;
	ret->bytes = 0;
	ret->first = 0;
	if (is_merged(g))
		replay_merge_gather(g->parts, g->n_parts, ret);
	else
		replay_gather(g->parts, ret);
}

void replay_group_advance(struct replay_group *g, const struct cursor_batch *b,
			  size_t written, const uint8_t **rest,
			  size_t *rest_len)
{
	if (is_merged(g))
		replay_merge_advance(g->parts, g->n_parts, b, written, rest,
				     rest_len);
	else
		replay_advance(g->parts, b, written, rest, rest_len);
	update_cursor(g);
}
