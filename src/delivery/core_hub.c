#include "delivery/core_hub.h"

#include <errno.h>
#include <stdlib.h>

#include "base/check.h"
#include "delivery/core_backlog.h"
#include "delivery/core_feed.h"
#include "delivery/core_queue.h"
#include "delivery/core_writer.h"
#include "delivery/identities.h"
#include "delivery/selection.h"

enum { PINGS_MAX = 4096 }; /* in one tick */

struct core_hub {
	struct core_hub_config cfg;
	struct metrics *metrics;
	struct core_encoder encoder;
	struct core_writer writer;
	struct core_backlog backlog;
	struct core_feeds feeds;
	struct hash_table identities;
	struct selection_budget no_index; /* selections need no index here */
	struct list opening;  /* struct core_subscription.waiting: ACTIVE */
	struct list failing;  /* the same: to be reported */
	struct list timeouts; /* struct core_subscription.timed: OPENING */
	struct list pings;    /* the same: OPEN */
	size_t n;	      /* subscriptions */
};

/* ---- begin and end ------------------------------------------------------- */

static void init_core_lists(struct core_hub *h)
{
	list_init(&h->opening);
	list_init(&h->failing);
	list_init(&h->timeouts);
	list_init(&h->pings);
}

int core_hub_new(struct core_hub **ret, const struct core_hub_config *cfg,
		 struct publisher *publisher, const struct core_sink *sink,
		 struct metrics *metrics)
{
	struct core_hub *h = calloc(1, sizeof(*h));

	if (h == NULL)
		return -ENOMEM;
	h->cfg = *cfg;
	h->metrics = metrics;
	init_core_lists(h);
	core_encoder_init(&h->encoder, cfg->event_header);
	core_writer_init(&h->writer, sink, &h->encoder, metrics);
	h->writer.ping = cfg->ping;
	h->writer.retry_ms = cfg->retry_ms;
	core_backlog_init(&h->backlog, &h->encoder, &h->writer, metrics);
	h->backlog.behind_max =
		cfg->behind_max > 0 ? cfg->behind_max : CORE_BEHIND_MAX;
	h->backlog.memory_max =
		cfg->memory_max > 0 ? cfg->memory_max : CORE_MEMORY_MAX;
	if (hash_table_init(&h->identities) < 0)
		goto fail_hub;
	if (core_feeds_init(&h->feeds, publisher) < 0)
		goto fail_identities;
	*ret = h;
	return 0;

fail_identities:
	hash_table_finish(&h->identities);
fail_hub:
	free(h);
	return -ENOMEM;
}

void core_hub_free(struct core_hub *h)
{
	if (h == NULL)
		return;
	MUST(h->n == 0);
	core_feeds_finish(&h->feeds);
	hash_table_finish(&h->identities);
	core_writer_finish(&h->writer);
	core_encoder_finish(&h->encoder);
	free(h);
}

/* ---- the end of a subscription ------------------------------------------- */

/* The next flush reports it to its owner. */
static void fail_subscription(struct core_hub *h, struct core_subscription *s,
			      enum publish_failure failure)
{
	if (s->state == CORE_ENDED)
		return;
	core_queue_detach(s);
	list_remove(&s->waiting);
	list_remove(&s->timed);
	s->is_blocked = true;
	s->failure = (uint8_t)failure;
	s->state = CORE_ENDED;
	list_push_back(&h->failing, &s->waiting);
}

static struct core_subscription *waiting_subscription(struct list *node)
{
	return LIST_ENTRY(node, struct core_subscription, waiting);
}

static void fail_waiting(struct core_hub *h, struct core_feed *f,
			 enum publish_failure failure)
{
	struct list *first;

	while ((first = list_first(&f->waiting)) != NULL)
		fail_subscription(h, waiting_subscription(first), failure);
}

static void fail_all_at(struct core_hub *h, struct list *at_node,
			enum publish_failure failure)
{
	struct list *first;

	while ((first = list_first(at_node)) != NULL)
		fail_subscription(h,
				  LIST_ENTRY(first, struct core_subscription,
					     at_node),
				  failure);
}

static void fail_feed(struct core_hub *h, struct core_feed *f,
		      enum publish_failure failure)
{
	fail_waiting(h, f, failure);
	for (struct list *at = f->queues.next; at != &f->queues;
	     at = at->next) {
		struct core_queue *q =
			LIST_ENTRY(at, struct core_queue, in_feed);
		struct core_node *n =
			LIST_ENTRY(q->nodes.next, struct core_node, in_queue);

		for (; n != NULL; n = core_queue_next(q, n)) {
			fail_all_at(h, &n->ready, failure);
			fail_all_at(h, &n->blocked, failure);
		}
		core_queue_trim(q);
	}
}

static void leave_feed(struct core_hub *h, struct core_subscription *s)
{
	struct core_queue *q = s->queue;
	struct core_feed *f = q->feed;

	core_queue_leave(s);
	if (q->n_subscriptions > 0)
		return;
	core_queue_free(q);
	if (list_empty(&f->queues))
		core_feeds_remove(&h->feeds, f);
}

int core_hub_close(struct core_hub *h, struct core_subscription *s,
		   struct buf *rest)
{
	int rc = 0;

	if (s->state == CORE_CLOSED)
		return 0;
	if (s->rest != NULL && rest != NULL)
		rc = buf_put(rest, s->rest_bytes.at, s->rest_bytes.len);
	core_writer_drop_rest(s);
	list_remove(&s->waiting);
	list_remove(&s->timed);
	if (s->identity != NULL)
		identities_remove(&h->identities, s->identity, &s->of_identity);
	s->identity = NULL;
	leave_feed(h, s);
	s->state = CORE_CLOSED;
	h->n--;
	return rc;
}

/* ---- sessions ------------------------------------------------------------ */

static void subscribe_away_feeds(struct core_hub *h, uint64_t now_ms)
{
	struct list *at = h->feeds.all.next;

	h->feeds.retry_ms = UINT64_MAX;
	for (; at != &h->feeds.all; at = at->next) {
		struct core_feed *f =
			LIST_ENTRY(at, struct core_feed, in_feeds);

		if (f->state == CORE_FEED_AWAY &&
		    core_feeds_subscribe(&h->feeds, f, now_ms) < 0)
			return;
	}
}

static void lose_feeds(struct core_hub *h)
{
	struct list *at = h->feeds.all.next;

	h->feeds.is_up = false;
	h->feeds.retry_ms = UINT64_MAX;
	for (; at != &h->feeds.all; at = at->next) {
		struct core_feed *f =
			LIST_ENTRY(at, struct core_feed, in_feeds);

		core_feeds_lose(&h->feeds, f);
		fail_waiting(h, f, PUBLISH_AWAY);
	}
}

static void report_away(struct core_hub *h, struct core_feed *f)
{
	if (f->is_gap_due)
		core_backlog_add_away(&h->backlog, f);
}

static void activate_feed(struct core_hub *h, struct core_feed *f)
{
	struct list *at;

	f->state = CORE_FEED_ACTIVE;
	report_away(h, f);
	while ((at = list_pop(&f->waiting)) != NULL)
		list_push_back(&h->opening, at);
}

/* Only a right is missing for good. */
static void take_core_failure(struct core_hub *h, struct core_feed *f,
			      enum publish_failure failure, uint64_t now_ms)
{
	core_feeds_fail(&h->feeds, f, now_ms);
	if (failure == PUBLISH_DENIED)
		fail_feed(h, f, failure);
	else
		fail_waiting(h, f, failure);
}

static void take_core_message(struct core_hub *h, struct core_feed *f,
			      const struct publisher_event *ev)
{
	struct core_subscription *s;

	/* It may come before PUBLISHER_ACTIVE. */
	report_away(h, f);
	core_backlog_add(&h->backlog, f, ev);
	while ((s = core_backlog_excess(&h->backlog)) != NULL)
		fail_subscription(h, s, PUBLISH_BUSY);
}

void core_hub_on_event(struct core_hub *h, const struct publisher_event *ev,
		       uint64_t now_ms)
{
	struct core_feed *f = NULL;

	if (ev->kind == PUBLISHER_UP) {
		h->feeds.is_up = true;
		subscribe_away_feeds(h, now_ms);
	} else if (ev->kind == PUBLISHER_DOWN) {
		lose_feeds(h);
	} else {
		f = core_feeds_find(&h->feeds, ev->id);
	}
	if (f == NULL)
		return;
	if (ev->kind == PUBLISHER_ACTIVE)
		activate_feed(h, f);
	else if (ev->kind == PUBLISHER_FAILED)
		take_core_failure(h, f, ev->failure, now_ms);
	else if (ev->kind == PUBLISHER_MESSAGE)
		take_core_message(h, f, ev);
}

/* ---- opening ------------------------------------------------------------- */

static struct core_queue *queue_of(struct list *in_feed)
{
	return LIST_ENTRY(in_feed, struct core_queue, in_feed);
}

static struct core_queue *find_queue(const struct core_feed *f,
				     const struct rights_selection *selection)
{
	for (struct list *at = f->queues.next; at != &f->queues; at = at->next)
		if (selection_is(queue_of(at)->selection, selection))
			return queue_of(at);
	return NULL;
}

static struct core_queue *add_queue(struct core_hub *h, struct core_feed *f,
				    const struct rights_selection *selection)
{
	struct core_queue *q = find_queue(f, selection);
	struct selection *own;

	if (q != NULL)
		return q;
	own = selection_new(selection, &h->no_index, 0);
	if (own == NULL)
		return NULL;
	if (core_queue_new(&q, f, own, &h->backlog.by_age) < 0) {
		selection_free(own);
		return NULL;
	}
	list_push_back(&f->queues, &q->in_feed);
	return q;
}

/* -ENOMEM or 0. */
static int join_feed(struct core_hub *h, struct core_subscription *s,
		     const struct core_open *open)
{
	struct core_feed *f =
		core_feeds_add(&h->feeds, open->selection->patterns[0],
			       open->group);
	struct core_queue *q;

	if (f == NULL)
		return -ENOMEM;
	q = add_queue(h, f, open->selection);
	if (q == NULL) {
		if (list_empty(&f->queues))
			core_feeds_remove(&h->feeds, f);
		return -ENOMEM;
	}
	core_queue_join(q, s);
	h->n++;
	s->state = CORE_OPENING;
	return 0;
}

static int add_core_identity(struct core_hub *h, struct core_subscription *s,
			     struct span id)
{
	if (id.len == 0)
		return 0;
	s->identity = identities_add(&h->identities, id, &s->of_identity);
	return s->identity == NULL ? -ENOMEM : 0;
}

static int wait_for_feed(struct core_hub *h, struct core_subscription *s,
			 uint64_t now_ms)
{
	struct core_feed *f = s->queue->feed;
	int rc = 0;

	if (f->state == CORE_FEED_AWAY)
		rc = core_feeds_subscribe(&h->feeds, f, now_ms);
	if (rc < 0)
		return rc;
	list_push_back(f->state == CORE_FEED_ACTIVE ? &h->opening : &f->waiting,
		       &s->waiting);
	s->due_ms = now_ms + h->cfg.open_timeout_ms;
	list_push_back(&h->timeouts, &s->timed);
	return 0;
}

int core_hub_open(struct core_hub *h, struct core_subscription *s,
		  const struct core_open *open, uint64_t now_ms)
{
	int rc;

	MUST(open->selection->n_patterns == 1);
	*s = (struct core_subscription){
		.form = (uint8_t)cursor_form_of(open->ndjson, open->json_events,
						open->json),
		.chunked = open->chunked,
		.ndjson = open->ndjson,
		.system = open->system,
		.limited = open->limit > 0,
		.left = open->limit,
		.is_blocked = true,
	};
	if (!h->feeds.is_up)
		return -ENOTCONN;
	rc = join_feed(h, s, open);
	if (rc == 0)
		rc = add_core_identity(h, s, open->id);
	if (rc == 0)
		rc = wait_for_feed(h, s, now_ms);
	if (rc < 0)
		core_hub_close(h, s, NULL);
	return rc;
}

static void open_subscription_now(struct core_hub *h,
				  struct core_subscription *s, uint64_t now_ms)
{
	list_remove(&s->timed);
	if (core_writer_open(&h->writer, s) < 0)
		fail_subscription(h, s, PUBLISH_BUSY);
	core_queue_trim(s->queue);
	if (s->state != CORE_OPEN || h->cfg.ping_ms == 0)
		return;
	s->due_ms = now_ms + h->cfg.ping_ms;
	list_push_back(&h->pings, &s->timed);
}

/* ---- flush --------------------------------------------------------------- */

static size_t flush_waiting(struct core_hub *h, uint64_t now_ms, size_t max)
{
	struct list *at;
	size_t n = 0;

	for (; n < max && (at = list_pop(&h->failing)) != NULL; n++) {
		struct core_subscription *s = waiting_subscription(at);

		h->writer.sink->failed(s, (enum publish_failure)s->failure);
	}
	for (; n < max && (at = list_pop(&h->opening)) != NULL; n++)
		open_subscription_now(h, waiting_subscription(at), now_ms);
	return n;
}

static bool has_core_work(const struct core_hub *h)
{
	return !list_empty(&h->failing) || !list_empty(&h->opening) ||
	       !list_empty(&h->backlog.dirty);
}

bool core_hub_flush(struct core_hub *h, uint64_t now_ms, size_t max)
{
	size_t n;

	if (!has_core_work(h))
		return false;
	n = flush_waiting(h, now_ms, max);
	core_backlog_flush(&h->backlog, max - n);
	return has_core_work(h);
}

void core_hub_writable(struct core_hub *h, struct core_subscription *s)
{
	struct core_queue *q = s->queue;

	if (s->state != CORE_OPEN || !s->is_blocked)
		return;
	s->is_blocked = false;
	core_queue_place(s);
	core_writer_write(&h->writer, s);
	core_queue_trim(q);
}

void core_hub_warn_of_expiry(struct core_hub *h, struct core_subscription *s)
{
	s->expiry_waits = true;
	core_writer_write(&h->writer, s);
	if (s->queue != NULL)
		core_queue_trim(s->queue);
}

/* ---- timers -------------------------------------------------------------- */

static struct core_subscription *first_timed(const struct list *all)
{
	struct list *first = list_first(all);

	return first == NULL
		       ? NULL
		       : LIST_ENTRY(first, struct core_subscription, timed);
}

static void send_core_pings(struct core_hub *h, uint64_t now_ms)
{
	struct core_subscription *s;

	for (int i = 0; i < PINGS_MAX; i++) {
		s = first_timed(&h->pings);
		if (s == NULL || s->due_ms > now_ms)
			return;
		list_remove(&s->timed);
		if (s->state != CORE_OPEN)
			continue;
		s->due_ms = now_ms + h->cfg.ping_ms;
		list_push_back(&h->pings, &s->timed);
		s->ping_waits = true;
		core_writer_write(&h->writer, s);
		core_queue_trim(s->queue);
	}
}

void core_hub_tick(struct core_hub *h, uint64_t now_ms)
{
	struct core_subscription *s;

	while ((s = first_timed(&h->timeouts)) != NULL && s->due_ms <= now_ms)
		fail_subscription(h, s, PUBLISH_BUSY);
	send_core_pings(h, now_ms);
	if (h->feeds.retry_ms <= now_ms)
		subscribe_away_feeds(h, now_ms);
}

uint64_t core_hub_next_ms(const struct core_hub *h)
{
	const struct core_subscription *ping = first_timed(&h->pings);
	const struct core_subscription *timeout = first_timed(&h->timeouts);
	uint64_t next_ms = h->feeds.retry_ms;

	if (ping != NULL && ping->due_ms < next_ms)
		next_ms = ping->due_ms;
	if (timeout != NULL && timeout->due_ms < next_ms)
		next_ms = timeout->due_ms;
	return next_ms;
}

/* ---- what there is ------------------------------------------------------- */

struct span core_hub_subject(const struct core_subscription *s)
{
	return s->queue->feed->subject;
}

struct span core_hub_identity(const struct core_subscription *s)
{
	return s->identity == NULL
		       ? (struct span){"", 0}
		       : (struct span){s->identity->text, s->identity->len};
}

size_t core_hub_subscriptions_of(const struct core_hub *h, struct span id)
{
	const struct identity_entry *e = identities_find(&h->identities, id);

	return e == NULL ? 0 : e->n_subscriptions;
}

size_t core_hub_find_subscriptions(const struct core_hub *h, struct span id,
				   struct core_subscription **ret, size_t max)
{
	const struct identity_entry *e = identities_find(&h->identities, id);
	size_t n = 0;

	if (e == NULL)
		return 0;
	for (struct list *at = e->subscriptions.next; at != &e->subscriptions;
	     at = at->next, n++)
		if (n < max)
			ret[n] = LIST_ENTRY(at, struct core_subscription,
					    of_identity);
	return n;
}

size_t core_hub_subscriptions(const struct core_hub *h)
{
	return h->n;
}

void core_hub_gauges(struct core_hub *h)
{
	metric_set(h->metrics, METRIC_CORE_SUBSCRIPTIONS, h->n);
	metric_set(h->metrics, METRIC_CORE_FEEDS, h->feeds.n);
	metric_set(h->metrics, METRIC_CORE_BYTES, h->encoder.used);
}

/* ---- invariants ---------------------------------------------------------- */

struct core_sums {
	size_t subscriptions;
	size_t feeds;
};

static const char *check_at_node(const struct core_node *n,
				 const struct list *all, bool is_blocked)
{
	for (const struct list *at = all->next; at != all; at = at->next) {
		const struct core_subscription *s =
			LIST_ENTRY(at, struct core_subscription, at_node);

		if (s->next != n || s->queue != n->queue)
			return "a subscription in the list of another node";
		if (s->is_blocked != is_blocked)
			return "ready, or blocked, in the other list";
		if (s->rest != NULL && !s->is_blocked)
			return "the rest of a frame, and not blocked";
		if (s->state != CORE_OPEN && s->state != CORE_OPENING)
			return "at a node, and closed or ended";
	}
	return NULL;
}

static const char *check_core_queue(const struct core_queue *q)
{
	const struct core_node *n =
		LIST_ENTRY(q->nodes.next, struct core_node, in_queue);
	const struct core_node *next;
	const char *fault = NULL;

	if (n->frame != NULL && list_empty(&n->ready) &&
	    list_empty(&n->blocked) && list_empty(&q->dirty))
		return "a first frame that no subscription needs";
	for (; n != NULL && fault == NULL; n = next) {
		next = core_queue_next(q, n);
		if ((n->frame == NULL) != (next == NULL))
			return "the end of a queue";
		if (n->frame != NULL && !list_empty(&n->ready) &&
		    list_empty(&q->dirty))
			return "a frame for a ready subscription, not dirty";
		fault = check_at_node(n, &n->ready, false);
		if (fault == NULL)
			fault = check_at_node(n, &n->blocked, true);
	}
	return fault;
}

static const char *check_core_feed(const struct core_feed *f,
				   struct core_sums *sums)
{
	const char *fault = NULL;

	if ((f->number != 0) != (f->state != CORE_FEED_AWAY))
		return "an id if and only if it is not AWAY";
	if (f->state != CORE_FEED_OPENING && !list_empty(&f->waiting))
		return "subscriptions that wait for no feed";
	for (struct list *at = f->queues.next;
	     at != &f->queues && fault == NULL; at = at->next) {
		fault = check_core_queue(queue_of(at));
		sums->subscriptions += queue_of(at)->n_subscriptions;
	}
	sums->feeds++;
	return fault;
}

const char *core_hub_check(const struct core_hub *h)
{
	struct core_sums sums = {0};
	const char *fault = NULL;

	for (struct list *at = h->feeds.all.next;
	     at != &h->feeds.all && fault == NULL; at = at->next)
		fault = check_core_feed(LIST_ENTRY(at, struct core_feed,
						   in_feeds),
					&sums);
	if (fault != NULL)
		return fault;
	if (sums.subscriptions != h->n || sums.feeds != h->feeds.n)
		return "the number of subscriptions, or of feeds";
	if (h->n == 0 && h->encoder.used > 0)
		return "frames without subscriptions";
	return NULL;
}
