#include "delivery/core_backlog.h"

#include <string.h>

#include "delivery/selection.h"

void core_backlog_init(struct core_backlog *b, struct core_encoder *encoder,
		       struct core_writer *writer, struct metrics *metrics)
{
	*b = (struct core_backlog){.encoder = encoder,
				   .writer = writer,
				   .metrics = metrics};
	list_init(&b->by_age);
	list_init(&b->dirty);
}

static struct core_queue *queue_in_feed(struct list *at)
{
	return LIST_ENTRY(at, struct core_queue, in_feed);
}

/* ---- bounds -------------------------------------------------------------- */

/* Returns how many were written, at most `max`. */
static size_t write_ready(struct core_backlog *b, struct core_node *n,
			  size_t max)
{
	struct list *first;
	size_t wrote = 0;

	for (; wrote < max && (first = list_first(&n->ready)) != NULL; wrote++)
		core_writer_write(b->writer,
				  LIST_ENTRY(first, struct core_subscription,
					     at_node));
	return wrote;
}

/* The subscriptions at the first node get their frames now, or miss them. */
static void give_up_first(struct core_backlog *b, struct core_queue *q)
{
	write_ready(b, core_queue_first(q), SIZE_MAX);
	metric_add(b->metrics, METRIC_CORE_DROPPED, core_queue_skip_first(q));
}

static void bound_queue(struct core_backlog *b, struct core_queue *q)
{
	while (core_queue_first(q) != NULL &&
	       core_queue_behind(q) > b->behind_max)
		give_up_first(b, q);
}

/* The oldest frames go first, then the subscriptions that have been in the
 * middle of one for the longest time. */
struct core_subscription *core_backlog_excess(struct core_backlog *b)
{
	struct core_subscription *s;
	struct list *first;

	while (b->encoder->used > b->memory_max &&
	       (first = list_first(&b->by_age)) != NULL)
		give_up_first(
			b, LIST_ENTRY(first, struct core_node, by_age)->queue);
	first = list_first(&b->writer->pinned);
	if (b->encoder->used <= b->memory_max || first == NULL)
		return NULL;
	s = LIST_ENTRY(first, struct core_subscription, pinned);
	core_writer_drop_rest(s);
	s->is_cut = true;
	return s;
}

/* ---- frames -------------------------------------------------------------- */

/* Takes the frame; NULL: there was no memory. False: it is lost. */
static bool append_frame(struct core_backlog *b, struct core_queue *q,
			 struct core_frame *frame)
{
	if (frame == NULL)
		return false;
	if (core_queue_append(q, frame) < 0) {
		core_frame_unref(frame);
		return false;
	}
	if (list_empty(&q->dirty))
		list_push_back(&b->dirty, &q->dirty);
	bound_queue(b, q);
	return true;
}

static void append_lost(struct core_backlog *b, struct core_queue *q)
{
	if (q->lost > 0 &&
	    append_frame(b, q,
			 core_encoder_gap(b->encoder, CORE_LOST, q->lost,
					  core_queue_forms(q))))
		q->lost = 0;
}

static void count_lost(struct core_backlog *b, struct core_queue *q, uint64_t n)
{
	q->lost += n;
	metric_add(b->metrics, METRIC_CORE_DROPPED, n * q->n_subscriptions);
}

/* Subscriptions that are not open yet have missed nothing. */
static void skip_away(struct core_feed *f)
{
	for (struct list *at = f->waiting.next; at != &f->waiting;
	     at = at->next) {
		struct core_subscription *s =
			LIST_ENTRY(at, struct core_subscription, waiting);

		if (s->next->frame != NULL && s->next->frame->kind == CORE_AWAY)
			core_queue_advance(s);
	}
}

void core_backlog_add_away(struct core_backlog *b, struct core_feed *f)
{
	f->is_gap_due = false;
	for (struct list *at = f->queues.next; at != &f->queues;
	     at = at->next) {
		struct core_queue *q = queue_in_feed(at);

		append_frame(b, q,
			     core_encoder_gap(b->encoder, CORE_AWAY, 0,
					      core_queue_forms(q)));
	}
	skip_away(f);
}

static unsigned forms_of_subject(const struct core_feed *f, struct span subject)
{
	unsigned forms = 0;

	for (struct list *at = f->queues.next; at != &f->queues; at = at->next)
		if (!selection_denies(queue_in_feed(at)->selection, subject))
			forms |= core_queue_forms(queue_in_feed(at));
	return forms;
}

/* One frame for all queues of the feed. */
static void append_message(struct core_backlog *b, struct core_feed *f,
			   const struct core_content *m, unsigned forms)
{
	struct core_frame *frame = core_encoder_message(b->encoder, m, forms);

	for (struct list *at = f->queues.next; at != &f->queues;
	     at = at->next) {
		struct core_queue *q = queue_in_feed(at);

		if (selection_denies(q->selection, m->subject))
			continue;
		append_lost(b, q);
		if (!append_frame(b, q,
				  frame == NULL ? NULL : core_frame_ref(frame)))
			count_lost(b, q, 1);
	}
	core_frame_unref(frame);
}

/* What a consumer of JetStream delivers to an inbox keeps its own subject, so
 * the inbox is not seen: a pattern such as > would get the messages of the tail
 * and of replays again. Only the reply subject differs from that of a
 * publish. */
static bool is_of_consumer(const struct publisher_event *ev)
{
	static const char acks[] = "$JS.ACK.";
	size_t len = sizeof(acks) - 1;

	return ev->reply.len > len && memcmp(ev->reply.at, acks, len) == 0;
}

void core_backlog_add(struct core_backlog *b, struct core_feed *f,
		      const struct publisher_event *ev)
{
	const struct core_content m = {
		.subject = ev->subject,
		.headers = ev->headers,
		.data = ev->data,
	};
	unsigned forms =
		is_of_consumer(ev) ? 0 : forms_of_subject(f, ev->subject);

	if (ev->dropped > 0)
		for (struct list *at = f->queues.next; at != &f->queues;
		     at = at->next)
			count_lost(b, queue_in_feed(at), ev->dropped);
	if (forms != 0)
		append_message(b, f, &m, forms);
}

/* ---- flush --------------------------------------------------------------- */

/* Those that were caught up are at the first of the new nodes. */
static size_t flush_queue(struct core_queue *q, struct core_backlog *b,
			  size_t max)
{
	struct core_node *n = core_queue_first(q);
	size_t wrote = 0;

	for (; n != NULL && n->frame != NULL; n = core_queue_next(q, n)) {
		wrote += write_ready(b, n, max - wrote);
		if (wrote == max)
			return wrote;
	}
	list_remove(&q->dirty);
	core_queue_trim(q);
	return wrote;
}

size_t core_backlog_flush(struct core_backlog *b, size_t max)
{
	struct list *first;
	size_t n = 0;

	while (n < max && (first = list_first(&b->dirty)) != NULL)
		n += flush_queue(LIST_ENTRY(first, struct core_queue, dirty), b,
				 max - n);
	return n;
}
