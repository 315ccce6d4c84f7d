#include "delivery/core_queue.h"

#include <errno.h>
#include <stdlib.h>

#include "base/check.h"
#include "delivery/selection.h"

/* ---- nodes --------------------------------------------------------------- */

static struct core_node *node_of(struct list *in_queue)
{
	return LIST_ENTRY(in_queue, struct core_node, in_queue);
}

static struct core_node *end_node(const struct core_queue *q)
{
	return node_of(q->nodes.prev);
}

static int push_end_node(struct core_queue *q)
{
	struct core_node *n = calloc(1, sizeof(*n));

	if (n == NULL)
		return -ENOMEM;
	n->queue = q;
	n->bytes_before = q->bytes;
	n->messages_before = q->messages;
	n->aways_before = q->aways;
	list_init(&n->ready);
	list_init(&n->blocked);
	list_push_back(&q->nodes, &n->in_queue);
	return 0;
}

static void free_core_node(struct core_node *n)
{
	list_remove(&n->in_queue);
	list_remove(&n->by_age);
	core_frame_unref(n->frame);
	free(n);
}

struct core_node *core_queue_first(const struct core_queue *q)
{
	struct core_node *n = node_of(q->nodes.next);

	return n->frame == NULL ? NULL : n;
}

struct core_node *core_queue_next(const struct core_queue *q,
				  const struct core_node *node)
{
	struct list *next = node->in_queue.next;

	return next == &q->nodes ? NULL : node_of(next);
}

/* ---- the queue ----------------------------------------------------------- */

int core_queue_new(struct core_queue **ret, struct core_feed *feed,
		   struct selection *selection, struct list *by_age)
{
	struct core_queue *q = calloc(1, sizeof(*q));

	if (q == NULL)
		return -ENOMEM;
	q->feed = feed;
	q->by_age = by_age;
	list_init(&q->nodes);
	if (push_end_node(q) < 0) {
		free(q);
		return -ENOMEM;
	}
	q->selection = selection;
	*ret = q;
	return 0;
}

void core_queue_free(struct core_queue *q)
{
	MUST(q->n_subscriptions == 0);
	while (!list_empty(&q->nodes))
		free_core_node(node_of(q->nodes.next));
	list_remove(&q->in_feed);
	list_remove(&q->dirty);
	selection_free(q->selection);
	free(q);
}

unsigned core_queue_forms(const struct core_queue *q)
{
	unsigned forms = 0;

	for (int i = 0; i < CURSOR_FORMS; i++)
		if (q->of_form[i] > 0)
			forms |= 1u << i;
	return forms;
}

int core_queue_append(struct core_queue *q, struct core_frame *frame)
{
	struct core_node *n = end_node(q);

	q->bytes += frame->longest;
	q->messages += frame->messages;
	q->aways += frame->kind == CORE_AWAY;
	if (push_end_node(q) < 0) {
		q->bytes -= frame->longest;
		q->messages -= frame->messages;
		q->aways -= frame->kind == CORE_AWAY;
		return -ENOMEM;
	}
	n->frame = frame;
	list_push_back(q->by_age, &n->by_age);
	return 0;
}

uint64_t core_queue_behind(const struct core_queue *q)
{
	return q->bytes - node_of(q->nodes.next)->bytes_before;
}

void core_queue_trim(struct core_queue *q)
{
	struct core_node *n;

	while ((n = core_queue_first(q)) != NULL && list_empty(&n->ready) &&
	       list_empty(&n->blocked))
		free_core_node(n);
}

/* ---- its subscriptions --------------------------------------------------- */

void core_queue_place(struct core_subscription *s)
{
	if (s->next == NULL)
		return;
	list_remove(&s->at_node);
	list_push_back(s->is_blocked ? &s->next->blocked : &s->next->ready,
		       &s->at_node);
}

void core_queue_join(struct core_queue *q, struct core_subscription *s)
{
	s->queue = q;
	s->next = end_node(q);
	q->n_subscriptions++;
	q->of_form[s->form]++;
	core_queue_place(s);
}

void core_queue_detach(struct core_subscription *s)
{
	list_remove(&s->at_node);
	s->next = NULL;
}

void core_queue_leave(struct core_subscription *s)
{
	struct core_queue *q = s->queue;

	core_queue_detach(s);
	q->n_subscriptions--;
	q->of_form[s->form]--;
	s->queue = NULL;
	core_queue_trim(q);
}

void core_queue_advance(struct core_subscription *s)
{
	s->next = core_queue_next(s->queue, s->next);
	core_queue_place(s);
}

uint64_t core_queue_skip_first(struct core_queue *q)
{
	struct core_node *n = core_queue_first(q), *end = end_node(q);
	uint64_t missed = q->messages - n->messages_before, all = 0;
	struct list *at;

	MUST(list_empty(&n->ready));
	while ((at = list_pop(&n->blocked)) != NULL) {
		struct core_subscription *s =
			LIST_ENTRY(at, struct core_subscription, at_node);

		s->dropped += missed;
		s->away_waits |= q->aways > n->aways_before;
		s->next = end;
		list_push_back(&end->blocked, &s->at_node);
		all += missed;
	}
	core_queue_trim(q);
	return all;
}
