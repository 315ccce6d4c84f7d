/* The hub's life, its events, its time and its subscriptions. It acts on what
 * the parts answer; only hub_flush() writes, and hub_open() its opening. */
#include "delivery/hub.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "delivery/hub_gaps.h"
#include "delivery/hub_replays.h"
#include "delivery/hub_start.h"
#include "delivery/hub_subscriptions.h"
#include "delivery/hub_watch.h"
#include "delivery/leader.h"
#include "delivery/subscription_writer.h"
#include "delivery/tail.h"

enum {
	HUB_PINGS = 2000,      /* at most, for each tick */
	HUB_TICK_MS = 100,     /* while an answer is awaited */
	HUB_CLOCK_WRITES = 32, /* between two looks at the wall clock */
};

struct hub {
	struct hub_config cfg;
	const struct hub_sink *sink;
	struct metrics *metrics;
	struct event_buffer *buffer;
	struct adaptive_timeout timeout; /* of the line to the server */
	struct leader leader;
	struct tail tail;
	struct hub_subscriptions subscriptions;
	struct hub_replays replays;
	struct hub_gaps gaps;
	struct hub_start start;
	struct subscription_writer writer;
	struct hub_watch watch;
	uint64_t tick_ms; /* the last hub_tick() */
};

static int init_hub_parts(struct hub *h, struct jetstream *src)
{
	struct hub_replays_config replays = {
		.max = h->cfg.max_replays,
		.max_asks = h->cfg.max_asks,
		.max_consumers = h->cfg.max_consumers,
	};

	leader_init(&h->leader, src, h->buffer, &h->timeout, h->metrics);
	tail_init(&h->tail, src, h->buffer, &h->leader, h->cfg.readable,
		  &h->timeout, h->metrics);
	hub_subscriptions_init(&h->subscriptions, h->buffer, h->sink);
	hub_gaps_init(&h->gaps, &h->subscriptions, &h->replays, &h->tail);
	hub_start_init(&h->start, &h->subscriptions, &h->gaps, &h->tail);
	subscription_writer_init(&h->writer, h->sink, &h->subscriptions,
				 &h->tail, h->metrics);
	h->writer.ping = h->cfg.ping;
	h->writer.retry_ms = h->cfg.retry_ms;
	return hub_replays_init(&h->replays, &replays, &h->subscriptions,
				&h->tail, h->metrics);
}

int hub_new(struct hub **ret, const struct hub_config *cfg,
	    struct jetstream *src, const struct hub_sink *sink,
	    struct metrics *metrics)
{
	struct hub *h = calloc(1, sizeof(*h));

	if (h == NULL)
		return -ENOMEM;
	h->cfg = *cfg;
	h->sink = sink;
	h->metrics = metrics;
	if (event_buffer_new(&h->buffer, cfg->buffer_size) < 0) {
		free(h);
		return -ENOMEM;
	}
	if (hub_watch_init(&h->watch, h->buffer,
			   h->cfg.no_own_subject ? NULL : &h->cfg.subject) <
		    0 ||
	    init_hub_parts(h, src) < 0) {
		hub_free(h);
		return -ENOMEM;
	}
	*ret = h;
	return 0;
}

void hub_end(struct hub *h)
{
	MUST(h->subscriptions.n == 0);
	tail_end(&h->tail);
}

void hub_free(struct hub *h)
{
	if (h == NULL)
		return;
	MUST(h->subscriptions.n == 0);
	tail_finish(&h->tail);
	subscription_writer_finish(&h->writer);
	hub_replays_finish(&h->replays);
	hub_watch_finish(&h->watch);
	event_buffer_free(h->buffer);
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

unsigned hub_api_level(const struct hub *h)
{
	return h->leader.state.api_level;
}

struct span hub_identity(const struct hub *h, const struct cursor *c)
{
	return hub_watch_identity(&h->watch, c);
}

size_t hub_subscriptions_of(const struct hub *h, struct span id)
{
	return hub_watch_count(&h->watch, id);
}

size_t hub_find_subscriptions(const struct hub *h, struct span id,
			      struct cursor **ret, size_t max)
{
	return hub_watch_find(&h->watch, id, ret, max);
}

bool hub_ready(const struct hub *h, const char **why)
{
	*why = h->tail.why;
	return tail_ready(&h->tail);
}

bool hub_take_status_message(struct hub *h, struct hub_status_message *ret)
{
	if (!h->tail.has_report)
		return false;
	h->tail.has_report = false;
	ret->warn = h->tail.report_warn;
	memcpy(ret->text, h->tail.report, sizeof(ret->text));
	return true;
}

static void read_wall_clock(struct hub *h)
{
	if (h->cfg.now_ns != NULL)
		h->writer.now_ns = h->cfg.now_ns();
}

/* `then_ns` 0: no message. The server's clock may be ahead of ours. */
static uint64_t message_age_us(const struct hub *h, uint64_t then_ns)
{
	uint64_t now_ns = h->writer.now_ns;

	return then_ns == 0 || then_ns > now_ns ? 0 : (now_ns - then_ns) / 1000;
}

void hub_gauges(struct hub *h)
{
	const struct hub_subscriptions *all = &h->subscriptions;
	struct metrics *m = h->metrics;

	metric_set(m, METRIC_SUBSCRIPTIONS_LIVE, all->in_state[CURSOR_LIVE]);
	metric_set(m, METRIC_SUBSCRIPTIONS_EVICTED_NOW,
		   all->in_state[CURSOR_EVICTED]);
	metric_set(m, METRIC_SUBSCRIPTIONS_REPLAY,
		   all->in_state[CURSOR_REPLAY]);
	metric_set(m, METRIC_SUBSCRIPTIONS_WAITING,
		   all->in_state[CURSOR_WAITING]);
	metric_set(m, METRIC_SUBSCRIPTIONS_SLOW, all->n_slow);
	metric_set(m, METRIC_REPLAYS_RUNNING, h->replays.n_running);
	metric_set(m, METRIC_REPLAYS_WAITING, all->n_evicted);
	metric_set(m, METRIC_REPLAYS_MAX, h->cfg.max_replays);
	metric_set(m, METRIC_BUFFER_BYTES, event_buffer_bytes(h->buffer));
	metric_set(m, METRIC_BUFFER_FRAMES, event_buffer_count(h->buffer));
	metric_set(m, METRIC_TAIL_LAST_SEQ, event_buffer_last_seq(h->buffer));
	metric_set(m, METRIC_TAIL_OUTSTANDING, h->tail.credit);
	metric_set(m, METRIC_TAIL_LAG, h->tail.lag);
	read_wall_clock(h);
	m->time_us[METRIC_TIME_BUFFER_AGE] =
		message_age_us(h, event_buffer_oldest_ns(h->buffer));
}

/* ---- events -------------------------------------------------------------- */

/* Only while the tail is live; before, the tail asks. */
static void ask_leader(struct hub *h, uint64_t now_ms)
{
	if (tail_live(&h->tail))
		leader_ask(&h->leader, now_ms);
}

static void mark_watchers(struct hub *h, const struct list *watchers,
			  uint64_t seq)
{
	for (struct list *n = watchers->next; n != watchers; n = n->next) {
		struct cursor *c = LIST_ENTRY(n, struct cursor, watch);

		if (c->state != CURSOR_LIVE || seq <= c->sent)
			continue;
		cursor_fall_behind(c, seq - 1);
		hub_subscriptions_mark_dirty(&h->subscriptions, c);
	}
}

/* The message `seq` is processed. `touched`: its subject, if it has watchers;
 * else NULL. */
static void on_message_processed(struct hub *h, struct buffer_subject *touched,
				 uint64_t seq)
{
	struct selection *s;

	if (touched != NULL)
		mark_watchers(h, &touched->watchers, seq);
	while ((s = event_buffer_take_touched(h->buffer)) != NULL)
		mark_watchers(h, &s->watchers, s->touched_seq);
}

static void on_outcome(struct hub *h, unsigned bits, uint64_t last_seq)
{
	hub_gaps_on_tail(&h->gaps, bits, last_seq);
	if (bits & TAIL_CONTACT)
		hub_start_on_contact(&h->start);
	if (!list_empty(&h->subscriptions.waiting))
		leader_want_info(&h->leader);
}

/* Stores the held messages that the leader has answered for. */
static void store_held_messages(struct hub *h, uint64_t now_ms)
{
	struct buffer_subject *touched;
	unsigned bits;
	uint64_t seq, last_seq = event_buffer_last_seq(h->buffer);

	while ((bits = tail_next(&h->tail, now_ms, &touched, &seq)) != 0) {
		on_message_processed(h, touched, seq);
		if (bits & ~(unsigned)TAIL_FRAME)
			on_outcome(h, bits, last_seq);
		last_seq = event_buffer_last_seq(h->buffer);
	}
}

static void on_leader_info(struct hub *h, const struct jetstream_event *ev,
			   uint64_t now_ms)
{
	unsigned answer = leader_on_info(&h->leader, ev, now_ms), bits;
	uint64_t last_seq = event_buffer_last_seq(h->buffer);

	if (answer & LEADER_OTHER)
		hub_replays_invalidate(&h->replays);
	if ((answer & LEADER_OURS) == 0 ||
	    !tail_same_stream(&h->tail, ev, h->leader.asked_last_seq, now_ms))
		return;
	bits = tail_on_leader_info(&h->tail, ev->request.generation, now_ms);
	if (bits != 0)
		on_outcome(h, bits, last_seq);
	store_held_messages(h, now_ms);
	hub_replays_on_info(&h->replays, ev, now_ms);
	hub_start_on_info(&h->start, now_ms);
}

static void on_tail_event(struct hub *h, const struct jetstream_event *ev,
			  uint64_t now_ms)
{
	uint64_t last_seq = event_buffer_last_seq(h->buffer);
	struct buffer_subject *touched;
	unsigned bits = tail_on_event(&h->tail, ev, now_ms, &touched);

	on_message_processed(h, touched, ev->msg.seq);
	if (bits & ~(unsigned)TAIL_FRAME)
		on_outcome(h, bits, last_seq);
	store_held_messages(h, now_ms);
}

/* Without a live tail there are no replays. */
static void on_tail_lost(struct hub *h)
{
	hub_replays_abort(&h->replays);
	leader_forget_question(&h->leader);
	if (!list_empty(&h->subscriptions.waiting))
		leader_want_info(&h->leader);
	hub_start_on_tail_lost(&h->start);
}

/* A response after its timeout: the timeout was too short. */
static void note_late_response(struct hub *h, const struct jetstream_event *ev,
			       uint64_t now_ms)
{
	struct replay *r = hub_replays_find(&h->replays, ev->request.owner);
	struct adaptive_timeout_expired *l = &h->leader.late;
	struct adaptive_timeout *p = &h->timeout;

	if (ev->kind == JETSTREAM_UP || ev->kind == JETSTREAM_DOWN)
		return;
	if (ev->request.owner == TAIL_SLOT) {
		l = &h->tail.late;
	} else if (r != NULL) {
		l = &r->late;
		p = &r->search_timeout;
	}
	if (!adaptive_timeout_expired_take(l, ev->request.generation))
		return;
	metric_add(h->metrics, METRIC_LATE_RESPONSES, 1);
	adaptive_timeout_on_late(p, now_ms);
}

static void on_session_event(struct hub *h, const struct jetstream_event *ev,
			     uint64_t now_ms)
{
	metric_set(h->metrics, METRIC_NATS_CONNECTED, ev->kind == JETSTREAM_UP);
	if (ev->kind == JETSTREAM_UP)
		metric_add(h->metrics, METRIC_NATS_SESSIONS, 1);
	hub_replays_abort(&h->replays);
	on_tail_event(h, ev, now_ms);
}

void hub_on_event(struct hub *h, const struct jetstream_event *ev,
		  uint64_t now_ms)
{
	bool was_live = tail_live(&h->tail);

	note_late_response(h, ev, now_ms);
	if (ev->kind == JETSTREAM_UP || ev->kind == JETSTREAM_DOWN) {
		on_session_event(h, ev, now_ms);
	} else if (ev->request.owner == TAIL_SLOT) {
		on_tail_event(h, ev, now_ms);
	} else if (ev->request.owner == LEADER_SLOT) {
		if (ev->kind == JETSTREAM_INFO)
			on_leader_info(h, ev, now_ms);
	} else {
		hub_replays_on_event(&h->replays, ev, now_ms);
	}
	if (was_live && !tail_live(&h->tail))
		on_tail_lost(h);
}

/* ---- writing ------------------------------------------------------------- */

static void act_on_write(struct hub *h, struct cursor *c,
			 enum write_outcome what, uint64_t now_ms)
{
	switch (what) {
	case WRITE_WAIT:
		break;
	case WRITE_MORE:
		hub_subscriptions_mark_dirty(&h->subscriptions, c);
		break;
	case WRITE_COMPLETE:
		h->sink->done(c);
		break;
	case WRITE_REPLAY_NEXT:
		hub_replays_on_written(&h->replays, c->replay, now_ms);
		break;
	case WRITE_EVICTED:
		c->evicted = true;
		metric_add(h->metrics, METRIC_SUBSCRIPTIONS_EVICTED, 1);
		hub_subscriptions_set_state(&h->subscriptions, c,
					    CURSOR_EVICTED);
		hub_subscriptions_wait_for_replay(&h->subscriptions, c);
		break;
	case WRITE_NO_MEMORY:
		hub_subscriptions_set_state(&h->subscriptions, c,
					    CURSOR_EVICTED);
		hub_replays_wait_for_memory(&h->replays, c);
		break;
	}
}

/* Everything that the subscription has coming goes into one write. */
/* `opening`: the subscription is being opened; else NULL. */
static void write_subscription(struct hub *h, struct cursor *c,
			       const struct hub_open *opening, uint64_t now_ms)
{
	struct control_frames first;
	const char *resumed = NULL;
	struct hub_gap gap;

	list_remove(&c->dirty);
	if (c->blocked || c->failed)
		return;
	first.len = 0; /* zeroing the text would cost more than most writes */
	first.header = NULL;
	if (opening != NULL && opening->start == START_RESUME)
		resumed = opening->text;
	if (opening != NULL && opening->header.iov_len > 0)
		first.header = &opening->header;
	if (!c->id_sent)
		subscription_writer_put_opening(&h->writer, c, resumed, &first);
	if (c->late_gap && c->id_sent) {
		hub_gaps_take_late(&h->gaps, c, &gap);
		subscription_writer_put_gap(&h->writer, c, &gap, &first);
	}
	if (c->gap != GAP_NONE && c->id_sent &&
	    hub_gaps_take(&h->gaps, c, &gap, now_ms))
		subscription_writer_put_gap(&h->writer, c, &gap, &first);
	act_on_write(h, c, subscription_writer_write(&h->writer, c, &first),
		     now_ms);
}

/* Each of them starts with the message that the replay has found. */
static void write_shared_answer(struct hub *h, struct replay_group *g,
				uint64_t now_ms)
{
	const struct replay *r = &g->one;
	struct list sharers;

	list_init(&sharers);
	hub_replays_take_sharers(&h->replays, g, &sharers);
	while (!list_empty(&sharers)) {
		struct cursor *c =
			LIST_ENTRY(list_pop(&sharers), struct cursor, queue);
		struct control_frames first = {.len = 0};

		if (r->found && !c->blocked && !c->failed) {
			subscription_writer_put_opening(&h->writer, c, NULL,
							&first);
			subscription_writer_write_shared(&h->writer, c, &first,
							 r);
		}
		if (c->failed)
			continue;
		hub_subscriptions_settle(&h->subscriptions, c);
		act_on_write(h, c, subscription_writer_next(&h->writer, c),
			     now_ms);
	}
}

static void flush_subscription(struct hub *h, struct cursor *c, uint64_t now_ms)
{
	/* before its own write takes the message out of the replay's queue */
	if (c->replay != NULL && c->replay->shares && c->state == CURSOR_REPLAY)
		write_shared_answer(h, c->replay, now_ms);
	write_subscription(h, c, NULL, now_ms);
}

bool hub_flush(struct hub *h, uint64_t now_ms, size_t max)
{
	const struct list *dirty = &h->subscriptions.dirty;
	const struct list *last = dirty->prev, *n = NULL;
	unsigned writes = 0;

	/* A subscription that has more coming is behind `last`: next flush. */
	while (n != last && max-- > 0 && !list_empty(dirty)) {
		struct cursor *c =
			LIST_ENTRY(dirty->next, struct cursor, dirty);

		if (writes++ % HUB_CLOCK_WRITES == 0)
			read_wall_clock(h);
		n = &c->dirty;
		flush_subscription(h, c, now_ms);
	}
	subscription_ndjson_trim(&h->writer.ndjson);
	hub_replays_start(&h->replays, now_ms);
	ask_leader(h, now_ms);
	return !list_empty(dirty);
}

/* ---- time ---------------------------------------------------------------- */

static void mark_pings_due(struct hub *h, uint64_t now_ms)
{
	struct list *pings = &h->subscriptions.pings;

	for (int i = 0; i < HUB_PINGS && !list_empty(pings); i++) {
		struct cursor *c = LIST_ENTRY(pings->next, struct cursor, ping);

		if (c->ping_due_ms > now_ms)
			break;
		list_remove(&c->ping);
		list_push_back(pings, &c->ping);
		c->ping_due_ms = now_ms + h->cfg.ping_ms;
		c->ping_waits = true;
		hub_subscriptions_mark_dirty(&h->subscriptions, c);
	}
}

void hub_tick(struct hub *h, uint64_t now_ms)
{
	bool was_live = tail_live(&h->tail);

	h->tick_ms = now_ms;
	mark_pings_due(h, now_ms);
	hub_replays_tick(&h->replays, now_ms);
	tail_tick(&h->tail, now_ms);
	if (was_live && !tail_live(&h->tail))
		on_tail_lost(h);
	if (tail_live(&h->tail))
		leader_tick(&h->leader, now_ms);
	hub_replays_start(&h->replays, now_ms);
	ask_leader(h, now_ms);
}

uint64_t hub_next_ms(const struct hub *h)
{
	const struct list *pings = &h->subscriptions.pings;
	uint64_t next = tail_due(&h->tail);

	if (tail_live(&h->tail) && leader_due(&h->leader) < next)
		next = leader_due(&h->leader);
	if ((h->replays.n_running > 0 || h->replays.no_memory) &&
	    h->tick_ms + HUB_TICK_MS < next)
		next = h->tick_ms + HUB_TICK_MS;
	if (!list_empty(pings)) {
		const struct cursor *c =
			LIST_ENTRY(pings->next, struct cursor, ping);

		if (c->ping_due_ms < next)
			next = c->ping_due_ms;
	}
	return next;
}

/* ---- streams ------------------------------------------------------------- */

static void set_cursor_start(struct cursor *c, const struct hub_open *open)
{
	c->start = (uint8_t)open->start;
	c->chunked = open->chunked;
	c->limited = open->limit > 0;
	c->left = open->limit;
	c->ndjson = open->ndjson;
	c->json_events = open->json_events;
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
	list_init(&c->dirty);
	list_init(&c->queue);
	list_init(&c->ping);
	rc = hub_watch_begin(&h->watch, c,
			     (struct span){open->id, open->id_len},
			     open->selection);
	if (rc < 0)
		return rc;
	set_cursor_start(c, open);
	hub_subscriptions_add(&h->subscriptions, c);
	if (h->cfg.ping_ms > 0) {
		c->ping_due_ms = now_ms + h->cfg.ping_ms;
		list_push_back(&h->subscriptions.pings, &c->ping);
	}
	hub_start_begin(&h->start, c);
	write_subscription(h, c, open, now_ms);
	hub_replays_start(&h->replays, now_ms);
	ask_leader(h, now_ms);
	return 0;
}

/* Blocked subscriptions are in no line for a replay. */
static bool lacks_replay(const struct hub *h, const struct cursor *c)
{
	if (c->replay != NULL)
		return false;
	if (c->state == CURSOR_EVICTED)
		return c->gap == GAP_NONE; /* else once the gap is reported */
	return c->state == CURSOR_WAITING && c->start == START_LAST &&
	       c->shares == SHARES_NONE && h->tail.known;
}

void hub_writable(struct hub *h, struct cursor *c)
{
	if (c->state == CURSOR_CLOSED)
		return;
	subscription_writer_count_bytes(&h->writer, c, c->held);
	c->held = 0;
	hub_subscriptions_set_blocked(&h->subscriptions, c, false);
	if (c->replay != NULL)
		hub_replays_on_writable(&h->replays, c->replay);
	if (lacks_replay(h, c))
		hub_subscriptions_wait_for_replay(&h->subscriptions, c);
	hub_subscriptions_mark_dirty(&h->subscriptions, c);
}

void hub_warn_of_expiry(struct hub *h, struct cursor *c)
{
	c->expiry_waits = true;
	hub_subscriptions_mark_dirty(&h->subscriptions, c);
}

void hub_close(struct hub *h, struct cursor *c, uint64_t now_ms)
{
	if (c->state == CURSOR_CLOSED)
		return;
	if (c->replay != NULL)
		hub_replays_end(&h->replays, c->replay);
	c->shares = SHARES_NONE;
	hub_subscriptions_remove(&h->subscriptions, c);
	hub_watch_end(&h->watch, c);
	hub_replays_start(&h->replays, now_ms);
}

/* ---- invariants ---------------------------------------------------------- */

struct cursor_checks {
	const struct event_buffer *buffer;
	const char *broken;
};

static void check_watcher(struct list *node, void *arg)
{
	struct cursor_checks *k = arg;

	if (k->broken == NULL)
		k->broken = cursor_check(LIST_ENTRY(node, struct cursor, watch),
					 k->buffer);
}

const char *hub_check(const struct hub *h)
{
	struct cursor_checks k = {.buffer = h->buffer};

	k.broken = hub_subscriptions_check(&h->subscriptions);
	if (k.broken == NULL)
		k.broken = hub_replays_check(&h->replays);
	if (k.broken == NULL)
		k.broken = event_buffer_check(h->buffer);
	event_buffer_each_watcher(h->buffer, check_watcher, &k);
	return k.broken;
}
