#include "delivery/hub_start.h"

#include <stdlib.h>

void hub_start_init(struct hub_start *s,
		    struct hub_subscriptions *subscriptions,
		    struct hub_gaps *gaps, struct tail *tail)
{
	*s = (struct hub_start){.subscriptions = subscriptions,
				.gaps = gaps,
				.tail = tail,
				.leader = tail->leader};
}

static void wait_for_info(struct hub_start *s, struct cursor *c)
{
	hub_subscriptions_wait_for_info(s->subscriptions, c);
	leader_want_info(s->leader);
}

static bool has_stream_tag(const struct hub_start *s, const struct cursor *c)
{
	return !c->has_tag || strtoul(s->tail->tag.hex, NULL, 16) == c->tag;
}

static void start_cursor_at(struct hub_start *s, struct cursor *c, uint64_t seq)
{
	hub_subscriptions_start_at(s->subscriptions, c, seq);
	hub_subscriptions_settle(s->subscriptions, c);
	if (!c->id_sent) /* the client learns at once where it starts */
		hub_subscriptions_mark_dirty(s->subscriptions, c);
}

void hub_start_begin(struct hub_start *s, struct cursor *c)
{
	uint64_t last_seq = event_buffer_last_seq(s->tail->buffer);

	if (!s->tail->known) {
		hub_subscriptions_wait_for_info(s->subscriptions, c);
		return;
	}
	switch (c->start) {
	case START_NEW:
		start_cursor_at(s, c, last_seq);
		break;
	case START_ALL:
		wait_for_info(s, c);
		break;
	case START_LAST: /* the buffer may have what the stream has no more */
		hub_subscriptions_wait_for_replay(s->subscriptions, c);
		break;
	case START_RESUME:
		if (!has_stream_tag(s, c) || c->sent > last_seq)
			wait_for_info(s, c);
		else
			start_cursor_at(s, c, c->sent);
		break;
	}
}

/* A cursor beyond the stream's end: another gateway was ahead, or a new leader
 * is behind for a moment, or the stream is another one or was rolled back. */
static void start_beyond_end(struct hub_start *s, struct cursor *c,
			     uint64_t now_ms)
{
	if (s->leader->state.last_seq >= c->sent)
		start_cursor_at(s, c, c->sent);
	else if (leader_had_grace(s->leader, &c->beyond_end_ms, now_ms))
		hub_gaps_add(s->gaps, c, GAP_RESET);
	else
		leader_want_info_by(s->leader, now_ms + LEADER_RECHECK_MS);
}

static void start_informed(struct hub_start *s, struct cursor *c,
			   uint64_t now_ms)
{
	if (c->start == START_ALL)
		start_cursor_at(s, c, s->leader->state.first_seq - 1);
	else if (!has_stream_tag(s, c))
		hub_gaps_add(s->gaps, c, GAP_RESET);
	else
		start_beyond_end(s, c, now_ms);
}

/* Takes one of `all` back into the list that waits. */
static struct cursor *next_waiting(struct hub_start *s, struct list *all)
{
	struct cursor *c;

	if (list_empty(all))
		return NULL;
	c = LIST_ENTRY(all->next, struct cursor, queue);
	hub_subscriptions_wait_for_info(s->subscriptions, c);
	return c;
}

void hub_start_on_contact(struct hub_start *s)
{
	struct list all;
	struct cursor *c;

	list_take_all(&all, &s->subscriptions->waiting);
	while ((c = next_waiting(s, &all)) != NULL)
		hub_start_begin(s, c);
}

void hub_start_on_info(struct hub_start *s, uint64_t now_ms)
{
	struct list all;
	struct cursor *c;

	list_take_all(&all, &s->subscriptions->waiting);
	while ((c = next_waiting(s, &all)) != NULL)
		start_informed(s, c, now_ms);
}

static void mark_without_retry(struct hub_start *s, const struct list *which)
{
	for (struct list *n = which->next; n != which; n = n->next) {
		struct cursor *c = LIST_ENTRY(n, struct cursor, queue);

		c->beyond_end_ms =
			0; /* asking again is what counts, not time */
		if (!c->retry_sent)
			hub_subscriptions_mark_dirty(s->subscriptions, c);
	}
}

void hub_start_on_tail_lost(struct hub_start *s)
{
	mark_without_retry(s, &s->subscriptions->waiting);
	mark_without_retry(s, &s->subscriptions->evicted);
}
