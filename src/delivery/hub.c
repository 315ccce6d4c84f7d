/* The hub's life, what JetStream tells it, its time, and its streams. */
#include "delivery/hub_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"

enum {
	HUB_PINGS = 2000,  /* at most, for each tick */
	HUB_TICK_MS = 100, /* while anyone waits for an answer */
	HUB_ASKS = 16,
	HUB_CONSUMERS = 16,
	HUB_CLOCK_WRITES = 32, /* after which the clock is looked at again */
};

int hub_new(struct hub **ret, const struct hub_config *cfg,
	    struct jetstream *src, const struct hub_sink *sink,
	    struct metrics *metrics)
{
	struct hub *h = calloc(1, sizeof(*h));

	if (h == NULL)
		return -ENOMEM;
	h->cfg = *cfg;
	h->source = src;
	h->sink = sink;
	h->metrics = metrics;
	list_init(&h->running);
	list_init(&h->idle);
	list_init(&h->dirty);
	list_init(&h->evicted);
	list_init(&h->waiting);
	list_init(&h->pings);
	hub_ndjson_init(h);
	h->replays = calloc(cfg->max_replays, sizeof(*h->replays));
	if (h->replays == NULL ||
	    event_buffer_new(&h->buffer, cfg->buffer_size) < 0) {
		free(h->replays);
		free(h);
		return -ENOMEM;
	}
	limiter_init(&h->turns.asks,
		     cfg->max_asks > 0 ? cfg->max_asks : HUB_ASKS);
	limiter_init(&h->turns.consumers, cfg->max_consumers > 0
						  ? cfg->max_consumers
						  : HUB_CONSUMERS);
	leader_init(&h->leader, src, h->buffer, &h->patience, metrics);
	tail_init(&h->tail, src, h->buffer, &h->leader, &h->cfg.subject,
		  &h->patience, metrics);
	for (size_t i = 0; i < cfg->max_replays; i++) {
		replay_init(&h->replays[i], (uint32_t)i + 1, src, h->buffer,
			    &h->tail.tag, &h->leader.word, &h->patience,
			    &h->turns, metrics);
		list_push_back(&h->idle, &h->replays[i].link);
	}
	*ret = h;
	return 0;
}

void hub_end(struct hub *h)
{
	MUST(h->n_subscriptions == 0);
	tail_end(&h->tail);
}

void hub_free(struct hub *h)
{
	if (h == NULL)
		return;
	MUST(h->n_subscriptions == 0);
	tail_finish(&h->tail);
	event_buffer_free(h->buffer);
	hub_ndjson_finish(h);
	free(h->replays);
	free(h);
}

const struct event_buffer *hub_buffer(const struct hub *h)
{
	return h->buffer;
}

const struct sse_tag *hub_tag(const struct hub *h)
{
	return h->tail.known ? &h->tail.tag : NULL;
}

const struct list *hub_watchers(const struct hub *h, const char *id,
				size_t id_len)
{
	char subject[SUBJECT_MAX];
	size_t len = subject_render(&h->cfg.subject, id, id_len, subject);
	const struct buffer_subject *s =
		event_buffer_find(h->buffer, subject, len);

	return s == NULL || list_empty(&s->watchers) ? NULL : &s->watchers;
}

const char *hub_identity(const struct hub *h, const struct cursor *c,
			 const char **id, size_t *id_len)
{
	const struct subject_template *t = &h->cfg.subject;

	*id = c->subject->name + t->prefix_len;
	*id_len = c->subject->len - t->prefix_len - t->suffix_len;
	return c->subject->name;
}

bool hub_ready(const struct hub *h, const char **why)
{
	*why = h->tail.why;
	return tail_ready(&h->tail);
}

bool hub_take_status_message(struct hub *h, struct hub_status_message *ret)
{
	if (!h->tail.has_news)
		return false;
	h->tail.has_news = false;
	ret->warn = h->tail.news_warn;
	memcpy(ret->text, h->tail.news, sizeof(ret->text));
	return true;
}

static void look_at_clock(struct hub *h)
{
	if (h->cfg.now_ns != NULL)
		h->now_ns = h->cfg.now_ns();
}

/* `then_ns` 0: of nothing. The server's clock may be ahead of ours. */
static uint64_t message_age_us(const struct hub *h, uint64_t then_ns)
{
	return then_ns == 0 || then_ns > h->now_ns
		       ? 0
		       : (h->now_ns - then_ns) / 1000;
}

void hub_gauges(struct hub *h)
{
	struct metrics *m = h->metrics;

	metric_set(m, METRIC_SUBSCRIPTIONS_LIVE, h->in_state[CURSOR_LIVE]);
	metric_set(m, METRIC_SUBSCRIPTIONS_EVICTED_NOW,
		   h->in_state[CURSOR_EVICTED]);
	metric_set(m, METRIC_SUBSCRIPTIONS_REPLAY, h->in_state[CURSOR_REPLAY]);
	metric_set(m, METRIC_SUBSCRIPTIONS_WAITING,
		   h->in_state[CURSOR_WAITING]);
	metric_set(m, METRIC_SUBSCRIPTIONS_SLOW, h->n_slow);
	metric_set(m, METRIC_REPLAYS_RUNNING, h->n_running);
	metric_set(m, METRIC_REPLAYS_WAITING, h->n_evicted);
	metric_set(m, METRIC_REPLAYS_MAX, h->cfg.max_replays);
	metric_set(m, METRIC_BUFFER_BYTES, event_buffer_bytes(h->buffer));
	metric_set(m, METRIC_BUFFER_FRAMES, event_buffer_count(h->buffer));
	metric_set(m, METRIC_TAIL_LAST_SEQ, event_buffer_last_seq(h->buffer));
	metric_set(m, METRIC_TAIL_OUTSTANDING, h->tail.credit);
	metric_set(m, METRIC_TAIL_LAG, h->tail.lag);
	look_at_clock(h);
	m->time_us[METRIC_TIME_BUFFER_AGE] =
		message_age_us(h, event_buffer_oldest_ns(h->buffer));
}

/* ---- events -------------------------------------------------------------- */

/* Only beside a live tail: until it is, the tail asks by itself. */
static void ask_leader(struct hub *h, uint64_t now_ms)
{
	if (tail_live(&h->tail))
		leader_ask(&h->leader, now_ms);
}

static void on_subject_changed(struct hub *h, struct buffer_subject *s,
			       uint64_t seq)
{
	struct list *n;

	for (n = s->watchers.next; n != &s->watchers; n = n->next) {
		struct cursor *c = LIST_ENTRY(n, struct cursor, watch);

		if (c->state != CURSOR_LIVE || seq <= c->sent)
			continue;
		cursor_fall_behind(c, seq - 1);
		hub_mark_dirty(h, c);
	}
}

struct gap_notice {
	struct hub *hub;
	enum cursor_gap gap;
	uint64_t head; /* before */
};

static void notify_gap(struct list *node, void *arg)
{
	const struct gap_notice *t = arg;
	struct hub *h = t->hub;
	struct cursor *c = LIST_ENTRY(node, struct cursor, watch);

	if (c->state == CURSOR_WAITING)
		return;
	cursor_fall_behind(c, t->head);
	if (t->gap == GAP_EXPIRED &&
	    h->leader.word.first_seq <= c->covered + 1) {
		if (c->gap == GAP_NONE)
			hub_settle(h, c);
		return;
	}
	hub_owe_gap(h, c, t->gap);
}

/* Those who had more than is left go on from its end; the others lack nothing,
 * and read it from the stream. */
static void tell_back(struct list *node, void *arg)
{
	const struct gap_notice *t = arg;
	struct hub *h = t->hub;
	struct cursor *c = LIST_ENTRY(node, struct cursor, watch);
	uint64_t end = event_buffer_last_seq(h->buffer);

	if (c->state == CURSOR_WAITING)
		return;
	cursor_fall_behind(c, t->head);
	c->at = 0;
	if (c->covered > end || c->gap == GAP_BACK) {
		if (c->sent > end || c->gap != GAP_BACK)
			c->sent = end;
		hub_owe_gap(h, c, GAP_BACK);
	} else if (c->gap == GAP_NONE) {
		hub_settle(h, c);
	}
}

/* Those who have passed over a hole, or over the first of several. Whoever
 * began behind it has not; and who has not come to it yet reads it from the
 * stream, where the gap is seen. */
static void tell_late(struct list *node, void *arg)
{
	const struct gap_notice *t = arg;
	struct hub *h = t->hub;
	struct cursor *c = LIST_ENTRY(node, struct cursor, watch);
	uint64_t covered = cursor_covered(c, h->buffer), upto = h->late.upto;
	bool fresh =
		c->events == 0 && c->sent >= (covered < upto ? covered : upto);

	if (c->state == CURSOR_WAITING || c->gap >= GAP_BACK || fresh ||
	    covered <= h->late.after)
		return;
	c->late_gap = true;
	if (c->state == CURSOR_LIVE)
		hub_mark_dirty(h, c);
}

static void note_late(struct list *node, void *arg)
{
	bool *waits = arg;

	*waits |= LIST_ENTRY(node, struct cursor, watch)->late_gap;
}

/* One text for all: where some have still to be told of another gap, of both.
 */
static void on_late_gap(struct hub *h, struct gap_notice *t)
{
	struct tail_gap before = h->late;
	bool waits = false;

	h->late = h->tail.gap;
	event_buffer_each_watcher(h->buffer, note_late, &waits);
	if (waits && before.after < h->late.after)
		h->late.after = before.after;
	event_buffer_each_watcher(h->buffer, tell_late, t);
}

static void on_outcome(struct hub *h, unsigned bits, uint64_t head_before,
		       uint64_t now_ms)
{
	struct gap_notice t = {.hub = h, .head = head_before};

	if (bits & (TAIL_RESET | TAIL_OVERTAKEN)) {
		hub_abort_replays(h);
		t.gap = bits & TAIL_RESET ? GAP_RESET : GAP_EXPIRED;
		event_buffer_each_watcher(h->buffer, notify_gap, &t);
	}
	if (bits & TAIL_BACK) {
		hub_abort_replays(h);
		event_buffer_each_watcher(h->buffer, tell_back, &t);
	}
	if (bits & TAIL_GAP)
		on_late_gap(h, &t);
	if (bits & TAIL_CONTACT)
		hub_place_waiting(h, false, now_ms);
	if (!list_empty(&h->waiting))
		leader_want_info(&h->leader);
}

/* Messages that waited may go on, when an answer has come. */
static void take_on(struct hub *h, uint64_t now_ms)
{
	struct buffer_subject *touched;
	unsigned bits;
	uint64_t seq, head = event_buffer_last_seq(h->buffer);

	while ((bits = tail_next(&h->tail, now_ms, &touched, &seq)) != 0) {
		if (touched != NULL)
			on_subject_changed(h, touched, seq);
		if (bits & ~(unsigned)TAIL_FRAME)
			on_outcome(h, bits, head, now_ms);
		head = event_buffer_last_seq(h->buffer);
	}
}

static void on_leader_info(struct hub *h, const struct jetstream_event *ev,
			   uint64_t now_ms)
{
	unsigned answer = leader_on_info(&h->leader, ev, now_ms), bits;
	uint64_t head = event_buffer_last_seq(h->buffer);

	if (answer & LEADER_RIVAL)
		hub_invalidate_replays(h);
	if ((answer & LEADER_OURS) == 0 ||
	    !tail_same_stream(&h->tail, ev, h->leader.head, now_ms))
		return;
	bits = tail_on_leader_info(&h->tail, ev->request.generation, now_ms);
	if (bits != 0)
		on_outcome(h, bits, head, now_ms);
	take_on(h, now_ms);
	hub_check_replays(h, ev, now_ms);
	hub_place_waiting(h, true, now_ms);
}

static void on_tail_event(struct hub *h, const struct jetstream_event *ev,
			  uint64_t now_ms)
{
	uint64_t head = event_buffer_last_seq(h->buffer);
	struct buffer_subject *touched;
	unsigned bits = tail_on_event(&h->tail, ev, now_ms, &touched);

	if (touched != NULL)
		on_subject_changed(h, touched, ev->msg.seq);
	if (bits & ~(unsigned)TAIL_FRAME)
		on_outcome(h, bits, head, now_ms);
	take_on(h, now_ms);
}

/* Asking again is what counts, not the time that nobody could be asked. */
static void forget_ahead(struct hub *h)
{
	struct list *n = h->waiting.next;

	for (; n != &h->waiting; n = n->next)
		LIST_ENTRY(n, struct cursor, queue)->beyond_end_ms = 0;
}

/* Replays rest on the tail: no tail, no replay. */
static void on_tail_lost(struct hub *h, uint64_t now_ms)
{
	hub_abort_replays(h);
	forget_ahead(h);
	leader_forget_question(&h->leader);
	if (!list_empty(&h->waiting))
		leader_want_info(&h->leader);
	hub_send_retry_waiting(h, now_ms);
}

/* A time-out was too short, when its answer comes after all. */
static void look_whether_late(struct hub *h, const struct jetstream_event *ev,
			      uint64_t now_ms)
{
	struct adaptive_timeout_expired *l = &h->leader.late;
	struct adaptive_timeout *p = &h->patience;

	if (ev->kind == JETSTREAM_UP || ev->kind == JETSTREAM_DOWN)
		return;
	if (ev->request.owner == TAIL_SLOT) {
		l = &h->tail.late;
	} else if (ev->request.owner <= h->cfg.max_replays) {
		l = &h->replays[ev->request.owner - 1].late;
		p = &h->replays[ev->request.owner - 1].search;
	}
	if (!adaptive_timeout_expired_take(l, ev->request.generation))
		return;
	metric_add(h->metrics, METRIC_LATE_RESPONSES, 1);
	adaptive_timeout_on_late(p, now_ms);
}

void hub_on_event(struct hub *h, const struct jetstream_event *ev,
		  uint64_t now_ms)
{
	bool was_live = tail_live(&h->tail);

	look_whether_late(h, ev, now_ms);
	if (ev->kind == JETSTREAM_UP || ev->kind == JETSTREAM_DOWN) {
		metric_set(h->metrics, METRIC_NATS_CONNECTED,
			   ev->kind == JETSTREAM_UP);
		if (ev->kind == JETSTREAM_UP)
			metric_add(h->metrics, METRIC_NATS_SESSIONS, 1);
		hub_abort_replays(h);
		on_tail_event(h, ev, now_ms);
	} else if (ev->request.owner == TAIL_SLOT) {
		on_tail_event(h, ev, now_ms);
	} else if (ev->request.owner == LEADER_SLOT) {
		if (ev->kind == JETSTREAM_INFO)
			on_leader_info(h, ev, now_ms);
	} else if (ev->request.owner <= h->cfg.max_replays) {
		struct replay *r = &h->replays[ev->request.owner - 1];

		if (r->phase != REPLAY_IDLE)
			hub_outcome(h, r, replay_on_event(r, ev, now_ms),
				    now_ms);
	}
	if (was_live && !tail_live(&h->tail))
		on_tail_lost(h, now_ms);
}

bool hub_flush(struct hub *h, uint64_t now_ms, size_t max)
{
	const struct list *last = h->dirty.prev, *n = NULL;
	unsigned writes = 0;

	/* One that has more coming stands behind `last`: its next turn. */
	while (n != last && max-- > 0 && !list_empty(&h->dirty)) {
		struct cursor *c =
			LIST_ENTRY(h->dirty.next, struct cursor, queue);

		if (writes++ % HUB_CLOCK_WRITES == 0)
			look_at_clock(h);
		n = &c->queue;
		hub_unqueue(h, c);
		hub_pump(h, c, now_ms);
	}
	hub_ndjson_written(h);
	hub_start_replays(h, now_ms);
	ask_leader(h, now_ms);
	return !list_empty(&h->dirty);
}

void hub_tick(struct hub *h, uint64_t now_ms)
{
	bool was_live = tail_live(&h->tail);
	struct list *n;

	h->tick_ms = now_ms;
	h->no_memory = false;
	for (int i = 0; i < HUB_PINGS && !list_empty(&h->pings); i++) {
		struct cursor *c =
			LIST_ENTRY(h->pings.next, struct cursor, ping);

		if (c->ping_due_ms > now_ms)
			break;
		list_remove(&c->ping);
		list_push_back(&h->pings, &c->ping);
		c->ping_due_ms = now_ms + h->cfg.ping_ms;
		c->ping_waits = true;
		hub_pump(h, c, now_ms);
	}
	n = h->running.next; /* not before: a ping's write may end a replay */
	while (n != &h->running) {
		struct list *next = n->next;

		hub_tick_replay(h, LIST_ENTRY(n, struct replay, link), now_ms);
		n = next;
	}
	tail_tick(&h->tail, now_ms);
	if (was_live && !tail_live(&h->tail))
		on_tail_lost(h, now_ms);
	if (tail_live(&h->tail))
		leader_tick(&h->leader, now_ms);
	hub_start_replays(h, now_ms);
	ask_leader(h, now_ms);
}

uint64_t hub_next_ms(const struct hub *h)
{
	uint64_t next = tail_due(&h->tail);

	if (tail_live(&h->tail) && leader_due(&h->leader) < next)
		next = leader_due(&h->leader);
	if ((h->n_running > 0 || h->no_memory) &&
	    h->tick_ms + HUB_TICK_MS < next)
		next = h->tick_ms + HUB_TICK_MS;
	if (!list_empty(&h->pings)) {
		const struct cursor *c =
			LIST_ENTRY(h->pings.next, struct cursor, ping);

		if (c->ping_due_ms < next)
			next = c->ping_due_ms;
	}
	return next;
}

/* ---- streams ------------------------------------------------------------- */

static int watch_subject(struct hub *h, struct cursor *c,
			 const struct hub_open *open)
{
	char subject[SUBJECT_MAX];
	size_t len = subject_render(&h->cfg.subject, open->id, open->id_len,
				    subject);

	c->subject = event_buffer_watch(h->buffer, subject, len, &c->watch);
	return c->subject == NULL ? -ENOMEM : 0;
}

size_t hub_subscriptions_of(const struct hub *h, const char *id, size_t id_len)
{
	char subject[SUBJECT_MAX];
	size_t len = subject_render(&h->cfg.subject, id, id_len, subject);
	const struct buffer_subject *s =
		event_buffer_find(h->buffer, subject, len);

	return s == NULL ? 0 : s->n_watchers;
}

static void set_cursor_start(struct cursor *c, const struct hub_open *open)
{
	c->start = (uint8_t)open->start;
	c->chunked = open->chunked;
	c->limited = open->limit > 0;
	c->left = open->limit;
	c->ndjson = open->ndjson;
	c->json = open->json;
	c->system = open->system;
	if (open->start != START_RESUME)
		return;
	c->covered = c->sent = open->seq;
	c->has_tag = open->has_tag;
	if (open->has_tag)
		c->tag = (uint32_t)strtoul(open->tag.hex, NULL, 16);
}

int hub_open(struct hub *h, struct cursor *c, const struct hub_open *open,
	     uint64_t now_ms)
{
	int rc;

	MUST(c->state == CURSOR_CLOSED);
	list_init(&c->watch);
	list_init(&c->queue);
	list_init(&c->ping);
	rc = watch_subject(h, c, open);
	if (rc < 0)
		return rc;
	set_cursor_start(c, open);
	h->n_subscriptions++;
	h->in_state[CURSOR_CLOSED]++;
	hub_set_state(h, c, CURSOR_WAITING);
	if (h->cfg.ping_ms > 0) {
		c->ping_due_ms = now_ms + h->cfg.ping_ms;
		list_push_back(&h->pings, &c->ping);
	}
	if (h->tail.known)
		hub_place(h, c);
	else
		hub_enqueue(h, c, LISTED_WAITING);
	h->text = open->start == START_RESUME ? open->text : NULL;
	hub_pump(h, c, now_ms);
	h->text = NULL;
	hub_start_replays(h, now_ms);
	ask_leader(h, now_ms);
	return 0;
}

void hub_set_blocked(struct hub *h, struct cursor *c, bool blocked)
{
	if (c->blocked == blocked)
		return;
	c->blocked = blocked;
	c->live_since_write = false;
	if (blocked && c->listed == LISTED_EVICTED)
		hub_unqueue(h, c); /* hub_writable() brings it back */
	if (blocked)
		h->n_slow++;
	else
		h->n_slow--;
}

void hub_writable(struct hub *h, struct cursor *c, uint64_t now_ms)
{
	if (c->state == CURSOR_CLOSED)
		return;
	hub_count_bytes(h, c, c->held);
	c->held = 0;
	hub_set_blocked(h, c, false);
	if (c->replay != NULL) {
		c->replay->blocked_ms = 0;
		hub_check_again(h, c->replay);
	}
	if (c->state == CURSOR_EVICTED ||
	    (c->state == CURSOR_WAITING && c->start == START_LAST &&
	     c->replay == NULL && c->rides == RIDES_NOT && h->tail.known))
		hub_wait_for_replay(h, c);
	hub_pump(h, c, now_ms);
	hub_start_replays(h, now_ms);
	ask_leader(h, now_ms);
}

void hub_close(struct hub *h, struct cursor *c, uint64_t now_ms)
{
	if (c->state == CURSOR_CLOSED)
		return;
	hub_unqueue(h, c);
	hub_set_blocked(h, c, false);
	if (c->replay != NULL)
		hub_end_replay(h, c->replay);
	list_remove(&c->ping);
	event_buffer_unwatch(h->buffer, c->subject, &c->watch);
	c->subject = NULL;
	c->rides = RIDES_NOT;
	hub_set_state(h, c, CURSOR_CLOSED);
	h->in_state[CURSOR_CLOSED]--;
	h->n_subscriptions--;
	hub_start_replays(h, now_ms);
}
