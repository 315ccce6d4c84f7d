/* How a stream gets its bytes: whatever it has coming (an opening, a gap, a
 * ping, frames of the log or of its replay) is gathered by pump() into one
 * write. What the socket does not take of a frame that was begun is held by the
 * sink; everything else stays where it is, in the log. */
#include "hub.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "mutation.h"
#include "replay.h"
#include "tail.h"

enum {
	HUB_SLOT = 0x7fffffff, /* who asks, for the hub's own STREAM.INFO */
	HUB_PINGS = 2000,      /* at most, for each tick */
	HUB_TICK_MS = 100,     /* while anyone waits for an answer */
	HUB_ANSWER_MS = 2000,
	HUB_RECHECK_MS = 250,  /* a cursor above the stream's end: ask again */
	HUB_AHEAD_MS = 1000,   /* and believe it after so long */
	HUB_BLOCKED_MS = 2000, /* a blocked replay gives its place away */
};

struct hub {
	struct hub_config cfg;
	struct source *source;
	const struct hub_sink *sink;
	struct metrics *metrics;
	struct log *log;
	struct tail tail;

	struct replay *replays; /* slots 1.. are replays[0..] */
	struct list running;	/* struct replay.link */
	struct list idle;
	size_t n_running;

	struct list dirty;   /* struct cursor.queue: written at the flush */
	struct list lagged;  /* wait for a replay's place */
	struct list waiting; /* for a STREAM.INFO, or the first contact */
	struct list pings;   /* struct cursor.ping, in due order */
	size_t n_lagged;
	size_t n_streams;
	size_t in_state[CURSOR_STATES];

	uint32_t info_no; /* of the last STREAM.INFO asked */
	bool info_wanted;
	bool info_asked;
	uint64_t info_due_ms;  /* its answer is late */
	uint64_t info_from_ms; /* not before */
	uint64_t info_head;    /* the log's, when it was asked */
	uint64_t info_seen_ms; /* the last answer */

	uint64_t tick_ms; /* the last hub_tick() */
	const char *text; /* of the resume that is being opened */
};

static void outcome(struct hub *h, struct replay *r, enum replay_outcome what,
		    uint64_t now_ms);

int hub_new(struct hub **ret, const struct hub_config *cfg, struct source *src,
	    const struct hub_sink *sink, struct metrics *metrics)
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
	list_init(&h->lagged);
	list_init(&h->waiting);
	list_init(&h->pings);
	h->replays = calloc(cfg->max_replays, sizeof(*h->replays));
	if (h->replays == NULL || log_new(&h->log, cfg->tail_memory) < 0) {
		free(h->replays);
		free(h);
		return -ENOMEM;
	}
	tail_init(&h->tail, src, h->log, &h->cfg.subject, metrics);
	for (size_t i = 0; i < cfg->max_replays; i++) {
		replay_init(&h->replays[i], (uint32_t)i + 1, src, h->log,
			    &h->tail.tag, &h->tail.word, metrics);
		list_push_back(&h->idle, &h->replays[i].link);
	}
	*ret = h;
	return 0;
}

void hub_end(struct hub *h)
{
	MUST(h->n_streams == 0);
	tail_end(&h->tail);
}

void hub_free(struct hub *h)
{
	if (h == NULL)
		return;
	MUST(h->n_streams == 0);
	log_free(h->log);
	free(h->replays);
	free(h);
}

const struct log *hub_log(const struct hub *h)
{
	return h->log;
}

const struct sse_tag *hub_tag(const struct hub *h)
{
	return h->tail.known ? &h->tail.tag : NULL;
}

bool hub_ready(const struct hub *h, const char **why)
{
	*why = h->tail.why;
	return tail_live(&h->tail);
}

bool hub_take_news(struct hub *h, struct hub_news *ret)
{
	if (!h->tail.has_news)
		return false;
	h->tail.has_news = false;
	ret->warn = h->tail.news_warn;
	memcpy(ret->text, h->tail.news, sizeof(ret->text));
	return true;
}

void hub_gauges(struct hub *h)
{
	struct metrics *m = h->metrics;

	metric_set(m, METRIC_STREAMS_LIVE, h->in_state[CURSOR_LIVE]);
	metric_set(m, METRIC_STREAMS_LAGGED, h->in_state[CURSOR_LAGGED]);
	metric_set(m, METRIC_STREAMS_REPLAY, h->in_state[CURSOR_REPLAY]);
	metric_set(m, METRIC_STREAMS_WAITING, h->in_state[CURSOR_WAITING]);
	metric_set(m, METRIC_REPLAYS_RUNNING, h->n_running);
	metric_set(m, METRIC_REPLAYS_WAITING, h->n_lagged);
	metric_set(m, METRIC_LOG_BYTES, log_bytes(h->log));
	metric_set(m, METRIC_LOG_FRAMES, log_count(h->log));
	metric_set(m, METRIC_TAIL_HEAD, log_head(h->log));
}

/* ---- lists and states ---------------------------------------------------- */

static void set_state(struct hub *h, struct cursor *c, enum cursor_state to)
{
	h->in_state[c->state]--;
	h->in_state[to]++;
	c->state = (uint8_t)to;
}

/* A cursor is in one of dirty, lagged and waiting, or in none. */
static void unqueue(struct hub *h, struct cursor *c)
{
	if (c->listed == LISTED_LAGGED)
		h->n_lagged--;
	list_remove(&c->queue);
	c->listed = LISTED_NOWHERE;
}

static void enqueue(struct hub *h, struct cursor *c, enum cursor_list which)
{
	struct list *to = which == LISTED_DIRTY	   ? &h->dirty
			  : which == LISTED_LAGGED ? &h->lagged
						   : &h->waiting;

	unqueue(h, c);
	list_push_back(to, &c->queue);
	c->listed = (uint8_t)which;
	if (which == LISTED_LAGGED)
		h->n_lagged++;
}

static void mark_dirty(struct hub *h, struct cursor *c)
{
	if (c->listed != LISTED_DIRTY && !c->blocked && !c->dead)
		enqueue(h, c, LISTED_DIRTY);
}

/* A blocked one has no use for a replay; hub_writable() brings it back. */
static void wait_for_replay(struct hub *h, struct cursor *c)
{
	if (c->blocked || c->dead)
		unqueue(h, c);
	else
		enqueue(h, c, LISTED_LAGGED);
}

static uint32_t want_info(struct hub *h)
{
	h->info_wanted = true;
	return h->info_no + 1;
}

/* Not at once. */
static void ask_info_again(struct hub *h, uint64_t now_ms)
{
	want_info(h);
	h->info_from_ms = now_ms + HUB_RECHECK_MS;
}

static void wait_for_info(struct hub *h, struct cursor *c)
{
	enqueue(h, c, LISTED_WAITING);
	want_info(h);
}

static void end_replay(struct hub *h, struct replay *r)
{
	list_remove(&r->link);
	list_push_back(&h->idle, &r->link);
	h->n_running--;
	replay_end(r);
}

/* By its coverage: to the log, or to a replay. */
static void settle(struct hub *h, struct cursor *c)
{
	if (cursor_joins(c, h->log)) {
		set_state(h, c, CURSOR_LIVE);
		c->fell_off = false;
		mark_dirty(h, c);
		return;
	}
	set_state(h, c, CURSOR_LAGGED);
	wait_for_replay(h, c);
}

/* ---- writing ------------------------------------------------------------- */

struct words {
	char text[4 * SSE_TEXT_MAX];
	size_t len;
};

static void dead(struct hub *h, struct cursor *c)
{
	c->dead = true;
	unqueue(h, c);
}

static void given(struct hub *h, struct cursor *c, size_t len)
{
	c->bytes += len;
	metric_add(h->metrics, METRIC_BYTES_SENT, len);
}

static void hold(struct hub *h, struct cursor *c, const void *rest, size_t len)
{
	if (len == 0)
		return;
	if (h->sink->hold(c, rest, len) < 0) {
		dead(h, c);
		return;
	}
	c->blocked = true;
	given(h, c, len);
}

static void advance(struct hub *h, struct cursor *c, struct cursor_batch *b,
		    size_t written)
{
	const uint8_t *rest = NULL;
	uint64_t before = c->events;
	size_t len = 0;

	if (c->state == CURSOR_REPLAY) {
		replay_advance(c->replay, b, written, &rest, &len);
	} else {
		cursor_advance(c, h->log, b, written, &rest, &len);
		metric_add(h->metrics, METRIC_EVENTS_LOG, c->events - before);
	}
	hold(h, c, rest, len);
}

/* One write of words and frames. */
static void give(struct hub *h, struct cursor *c, const struct words *w,
		 struct cursor_batch *b)
{
	struct iovec *iov = &b->iov[1];
	int n = b->n;
	ssize_t wrote;

	if (w->len > 0) {
		iov = &b->iov[0];
		iov->iov_base = (void *)(uintptr_t)w->text;
		iov->iov_len = w->len;
		n++;
	}
	if (n == 0)
		return;
	wrote = h->sink->write(c, iov, n);
	if (wrote < 0) {
		dead(h, c);
		return;
	}
	given(h, c, (size_t)wrote);
	if ((size_t)wrote < w->len) {
		hold(h, c, w->text + wrote, w->len - (size_t)wrote);
		return;
	}
	if (b->bytes > 0)
		advance(h, c, b, (size_t)wrote - w->len);
}

static void say_cursor(struct hub *h, struct cursor *c, char *out)
{
	sse_cursor_format(out, cursor_covered(c, h->log), &h->tail.tag);
}

/* retry: and id:, in one block when the start is known, else as soon as it is.
 * Who waits for an answer that is on its way waits with both. */
static void say_opening(struct hub *h, struct cursor *c, struct words *w)
{
	char text[SSE_CURSOR_MAX];
	const char *cursor = NULL;

	if (h->text != NULL) {
		cursor = h->text;
	} else if (c->state != CURSOR_WAITING) {
		/* where it starts: a probe may have covered more since */
		sse_cursor_format(text, c->sent, &h->tail.tag);
		cursor = text;
	}
	if (!c->greeted) {
		if (cursor == NULL && tail_live(&h->tail) && !c->ping_waits)
			return;
		w->len += sse_put_opening(w->text + w->len, c->chunked,
					  h->cfg.retry_ms, cursor);
	} else if (cursor != NULL) {
		w->len += sse_put_cursor(w->text + w->len, c->chunked, cursor);
	}
	c->greeted = true;
	c->opened = cursor != NULL;
}

/* After it the stream goes on with the oldest message there is. */
static void say_gap(struct hub *h, struct cursor *c, struct words *w,
		    uint64_t now_ms)
{
	bool reset = c->gap == GAP_RESET;
	uint64_t first = h->tail.word.first_seq;
	uint64_t after = cursor_covered(c, h->log);

	c->gap = GAP_NONE;
	if (!reset && first <= after + 1)
		return;
	w->len += sse_put_gap(w->text + w->len, c->chunked,
			      reset ? "reset" : "expired", after, first,
			      &h->tail.tag);
	metric_add(h->metrics, reset ? METRIC_GAPS_RESET : METRIC_GAPS_EXPIRED,
		   1);
	c->covered = c->sent = first - 1;
	c->caught_up = false;
	c->at = 0;
	c->fell_off = false;
	if (c->replay == NULL)
		settle(h, c);
	else if (cursor_joins(c, h->log))
		outcome(h, c->replay, REPLAY_JOINS, now_ms);
	else
		replay_again(c->replay, now_ms);
}

static void say_ping(struct hub *h, struct cursor *c, struct words *w)
{
	char text[SSE_CURSOR_MAX];
	bool known = c->opened && c->state != CURSOR_WAITING;

	if (known)
		say_cursor(h, c, text);
	w->len += sse_put_ping(w->text + w->len, c->chunked,
			       h->cfg.ping_comment, known ? text : NULL);
	c->ping_waits = false;
	metric_add(h->metrics, METRIC_PINGS, 1);
}

static void gather(struct hub *h, struct cursor *c, struct cursor_batch *b)
{
	b->n = 0;
	b->bytes = 0;
	b->first = 0;
	if (c->state == CURSOR_LIVE) {
		if (cursor_covered(c, h->log) < log_floor(h->log) &&
		    !MUTATED(NO_FALL_OFF) && !MUTATED(FIRST_FRAME)) {
			c->fell_off = true;
			set_state(h, c, CURSOR_LAGGED);
			wait_for_replay(h, c);
			return;
		}
		if (!c->caught_up)
			cursor_gather(c, h->log, b);
	} else if (c->state == CURSOR_REPLAY) {
		replay_gather(c->replay, b);
	}
}

/* What is next, when all that was gathered is on the socket. */
static void after_write(struct hub *h, struct cursor *c, uint64_t now_ms)
{
	if (c->dead || c->blocked)
		return;
	if (c->state == CURSOR_REPLAY) {
		outcome(h, c->replay, replay_step(c->replay, now_ms), now_ms);
	} else if (c->state == CURSOR_LIVE && !c->caught_up) {
		if (log_next(h->log, c->subject, c->covered, c->at) == 0)
			c->caught_up = true;
		else
			mark_dirty(h, c);
	}
}

static void pump(struct hub *h, struct cursor *c, uint64_t now_ms)
{
	struct cursor_batch b;
	struct words w = {.len = 0};

	if (c->blocked || c->dead)
		return;
	if (!c->opened)
		say_opening(h, c, &w);
	if (c->gap != GAP_NONE && c->opened && c->state != CURSOR_WAITING)
		say_gap(h, c, &w, now_ms);
	if (c->ping_waits)
		say_ping(h, c, &w);
	gather(h, c, &b);
	give(h, c, &w, &b);
	after_write(h, c, now_ms);
}

/* ---- replays ------------------------------------------------------------- */

static void start_replays(struct hub *h, uint64_t now_ms)
{
	while (tail_live(&h->tail) && !list_empty(&h->lagged) &&
	       !list_empty(&h->idle)) {
		struct cursor *c = LIST_ENTRY(list_first(&h->lagged),
					      struct cursor, queue);
		struct replay *r =
			LIST_ENTRY(h->idle.next, struct replay, link);

		unqueue(h, c);
		if (c->state == CURSOR_LAGGED && cursor_joins(c, h->log)) {
			settle(h, c);
			continue;
		}
		if (replay_begin(r, c, now_ms) < 0) {
			wait_for_replay(h, c);
			return;
		}
		list_remove(&r->link);
		list_push_back(&h->running, &r->link);
		h->n_running++;
		if (c->state == CURSOR_LAGGED)
			set_state(h, c, CURSOR_REPLAY);
	}
}

static void outcome(struct hub *h, struct replay *r, enum replay_outcome what,
		    uint64_t now_ms)
{
	struct cursor *c = r->cursor;

	(void)now_ms;
	switch (what) {
	case REPLAY_WAIT:
		break;
	case REPLAY_WANT_INFO:
		r->info_no = want_info(h);
		break;
	case REPLAY_STARTED:
		set_state(h, c, CURSOR_REPLAY);
		mark_dirty(h, c);
		break;
	case REPLAY_HAS_DATA:
		mark_dirty(h, c);
		break;
	case REPLAY_GAP:
		c->gap = GAP_EXPIRED;
		mark_dirty(h, c);
		break;
	case REPLAY_JOINS:
		end_replay(h, r);
		set_state(h, c, CURSOR_LIVE);
		c->fell_off = false;
		mark_dirty(h, c);
		break;
	}
}

/* Its consumer, its answers: gone. The cursor waits for another place. */
static void abort_replay(struct hub *h, struct replay *r)
{
	struct cursor *c = r->cursor;

	end_replay(h, r);
	if (c->state == CURSOR_REPLAY)
		set_state(h, c, CURSOR_LAGGED);
	wait_for_replay(h, c);
}

static void abort_replays(struct hub *h)
{
	while (!list_empty(&h->running))
		abort_replay(h,
			     LIST_ENTRY(h->running.next, struct replay, link));
}

/* A check that came while the socket was blocked is asked for again. */
static void check_again(struct hub *h, struct replay *r)
{
	if (r->phase == REPLAY_CHECK || r->phase == REPLAY_CHECK_CONSUMER)
		r->info_no = want_info(h);
}

static void tick_replay(struct hub *h, struct replay *r, uint64_t now_ms)
{
	if (!r->cursor->blocked) {
		replay_tick(r, now_ms);
	} else if (r->blocked_ms == 0) {
		r->blocked_ms = now_ms;
	} else if (now_ms - r->blocked_ms > HUB_BLOCKED_MS) {
		abort_replay(h, r);
	}
}

/* ---- where a stream starts ----------------------------------------------- */

static bool same_tag(const struct hub *h, const struct cursor *c)
{
	struct sse_tag t = h->tail.tag;

	return !c->has_tag || strtoul(t.hex, NULL, 16) == c->tag;
}

static void start_at(struct hub *h, struct cursor *c, uint64_t seq)
{
	c->covered = c->sent = seq;
	c->at = 0;
	settle(h, c);
}

static bool start_last_from_log(struct hub *h, struct cursor *c)
{
	if (c->subject->last == 0)
		return false;
	start_at(h, c, log_frame(h->log, c->subject->last)->seq - 1);
	return true;
}

/* The stream is known: a start, or the list that waits for what it lacks. */
static void place(struct hub *h, struct cursor *c)
{
	switch (c->start) {
	case START_NEW:
		start_at(h, c, log_head(h->log));
		break;
	case START_ALL:
		wait_for_info(h, c);
		break;
	case START_LAST:
		if (!start_last_from_log(h, c))
			wait_for_replay(h, c);
		break;
	case START_RESUME:
		if (!same_tag(h, c) || c->sent > log_head(h->log))
			wait_for_info(h, c);
		else
			start_at(h, c, c->sent);
		break;
	}
}

static void start_with_reset(struct hub *h, struct cursor *c)
{
	unqueue(h, c);
	c->gap = GAP_RESET;
	set_state(h, c, CURSOR_LIVE);
	mark_dirty(h, c);
}

/* A cursor above the stream's end: another gateway was ahead, or a new leader
 * is behind for a moment, or the stream is not what it was. */
static void place_ahead(struct hub *h, struct cursor *c, uint64_t now_ms)
{
	if (h->tail.word.last_seq >= c->sent) {
		start_at(h, c, c->sent);
		return;
	}
	if (!c->ahead)
		c->ahead_ms = (uint32_t)now_ms;
	c->ahead = true;
	if ((uint32_t)now_ms - c->ahead_ms >= HUB_AHEAD_MS) {
		start_with_reset(h, c);
		return;
	}
	ask_info_again(h, now_ms);
}

/* With a STREAM.INFO at hand. */
static void place_informed(struct hub *h, struct cursor *c, uint64_t now_ms)
{
	if (c->start == START_ALL) {
		start_at(h, c, h->tail.word.first_seq - 1);
	} else if (!same_tag(h, c)) {
		start_with_reset(h, c);
	} else {
		place_ahead(h, c, now_ms);
	}
}

static void place_waiting(struct hub *h, bool informed, uint64_t now_ms)
{
	struct list all;

	list_take_all(&all, &h->waiting);
	while (!list_empty(&all)) {
		struct cursor *c =
			LIST_ENTRY(list_first(&all), struct cursor, queue);

		enqueue(h, c, LISTED_WAITING);
		if (informed)
			place_informed(h, c, now_ms);
		else
			place(h, c);
		if (!c->opened && c->state != CURSOR_WAITING)
			pump(h, c, now_ms);
	}
}

static void greet_list(struct hub *h, struct list *which, uint64_t now_ms)
{
	struct list *n = which->next;

	while (n != which) {
		struct cursor *c = LIST_ENTRY(n, struct cursor, queue);

		n = n->next;
		if (!c->greeted)
			pump(h, c, now_ms);
	}
}

/* Those who wait and can't be answered soon get their retry: at least. */
static void greet_waiting(struct hub *h, uint64_t now_ms)
{
	greet_list(h, &h->waiting, now_ms);
	greet_list(h, &h->lagged, now_ms);
}

/* ---- events -------------------------------------------------------------- */

static void ask_info(struct hub *h, uint64_t now_ms)
{
	struct source_who who = {.slot = HUB_SLOT};

	if (!h->info_wanted || h->info_asked || !tail_live(&h->tail) ||
	    now_ms < h->info_from_ms)
		return;
	who.gen = ++h->info_no;
	h->info_wanted = false;
	h->info_asked = true;
	h->info_due_ms = now_ms + HUB_ANSWER_MS;
	h->info_head = log_head(h->log);
	h->source->ops->info(h->source, who);
}

static void check_replays(struct hub *h, const struct source_event *ev,
			  uint64_t now_ms)
{
	struct list all;

	list_take_all(&all, &h->running);
	while (!list_empty(&all)) {
		struct replay *r =
			LIST_ENTRY(list_pop(&all), struct replay, link);

		list_push_back(&h->running, &r->link);
		if ((r->phase != REPLAY_CHECK &&
		     r->phase != REPLAY_CHECK_CONSUMER) ||
		    r->info_no > ev->who.gen || r->cursor->blocked)
			continue;
		outcome(h, r, replay_check(r, &ev->info, now_ms), now_ms);
	}
}

static void on_hub_info(struct hub *h, const struct source_event *ev,
			uint64_t now_ms)
{
	if (!h->info_asked || ev->who.gen != h->info_no)
		return;
	h->info_asked = false;
	h->info_seen_ms = now_ms;
	if (ev->err != 0)
		metric_add(h->metrics, METRIC_API_ERRORS, 1);
	if (ev->err != 0 || ev->info.unled)
		ask_info_again(h, now_ms);
	if (!tail_same_stream(&h->tail, ev, h->info_head, now_ms))
		return;
	check_replays(h, ev, now_ms);
	place_waiting(h, true, now_ms);
}

static void on_touched(struct hub *h, struct log_subject *s, uint64_t seq)
{
	struct list *n;

	for (n = s->watchers.next; n != &s->watchers; n = n->next) {
		struct cursor *c = LIST_ENTRY(n, struct cursor, watch);

		if (c->state != CURSOR_LIVE || seq <= c->sent)
			continue;
		if (c->caught_up && c->covered < seq)
			c->covered = seq - 1;
		c->caught_up = false;
		mark_dirty(h, c);
	}
}

struct told {
	struct hub *hub;
	enum cursor_gap gap;
	uint64_t head; /* before */
};

static void tell(struct list *node, void *arg)
{
	const struct told *t = arg;
	struct hub *h = t->hub;
	struct cursor *c = LIST_ENTRY(node, struct cursor, watch);

	if (c->state == CURSOR_WAITING)
		return;
	if (c->caught_up && c->covered < t->head)
		c->covered = t->head;
	c->caught_up = false;
	if (t->gap == GAP_EXPIRED && h->tail.word.first_seq <= c->covered + 1) {
		if (c->gap == GAP_NONE)
			settle(h, c);
		return;
	}
	if (c->gap != GAP_RESET)
		c->gap = (uint8_t)t->gap;
	c->at = 0;
	unqueue(h, c);
	set_state(h, c, CURSOR_LIVE);
	mark_dirty(h, c);
}

static void on_outcome(struct hub *h, unsigned bits, uint64_t head_before,
		       uint64_t now_ms)
{
	struct told t = {.hub = h, .head = head_before};

	if (bits & (TAIL_RESET | TAIL_OVERTAKEN)) {
		abort_replays(h);
		t.gap = bits & TAIL_RESET ? GAP_RESET : GAP_EXPIRED;
		log_each_watcher(h->log, tell, &t);
	}
	if (bits & TAIL_CONTACT)
		place_waiting(h, false, now_ms);
	if (!list_empty(&h->waiting))
		want_info(h);
}

static void on_tail_event(struct hub *h, const struct source_event *ev,
			  uint64_t now_ms)
{
	uint64_t head = log_head(h->log);
	struct log_subject *touched;
	unsigned bits = tail_on_event(&h->tail, ev, now_ms, &touched);

	if (touched != NULL)
		on_touched(h, touched, ev->msg.seq);
	if (bits & ~(unsigned)TAIL_FRAME)
		on_outcome(h, bits, head, now_ms);
}

/* Asking again is what counts, not the time that nobody could be asked. */
static void forget_ahead(struct hub *h)
{
	struct list *n = h->waiting.next;

	for (; n != &h->waiting; n = n->next)
		LIST_ENTRY(n, struct cursor, queue)->ahead = false;
}

/* Replays rest on the tail: no tail, no replay. */
static void on_tail_lost(struct hub *h, uint64_t now_ms)
{
	abort_replays(h);
	forget_ahead(h);
	h->info_asked = false;
	if (!list_empty(&h->waiting))
		want_info(h);
	greet_waiting(h, now_ms);
}

void hub_on_event(struct hub *h, const struct source_event *ev, uint64_t now_ms)
{
	bool was_live = tail_live(&h->tail);

	if (ev->kind == SOURCE_UP || ev->kind == SOURCE_DOWN) {
		metric_set(h->metrics, METRIC_NATS_CONNECTED,
			   ev->kind == SOURCE_UP);
		if (ev->kind == SOURCE_UP)
			metric_add(h->metrics, METRIC_NATS_SESSIONS, 1);
		abort_replays(h);
		on_tail_event(h, ev, now_ms);
	} else if (ev->who.slot == TAIL_SLOT) {
		on_tail_event(h, ev, now_ms);
	} else if (ev->who.slot == HUB_SLOT) {
		if (ev->kind == SOURCE_INFO)
			on_hub_info(h, ev, now_ms);
	} else if (ev->who.slot <= h->cfg.max_replays) {
		struct replay *r = &h->replays[ev->who.slot - 1];

		if (r->phase != REPLAY_IDLE)
			outcome(h, r, replay_on_event(r, ev, now_ms), now_ms);
	}
	if (was_live && !tail_live(&h->tail))
		on_tail_lost(h, now_ms);
}

bool hub_flush(struct hub *h, uint64_t now_ms, size_t max)
{
	const struct list *last = h->dirty.prev, *n = NULL;

	/* One that has more coming stands behind `last`: its next turn. */
	while (n != last && max-- > 0 && !list_empty(&h->dirty)) {
		struct cursor *c =
			LIST_ENTRY(h->dirty.next, struct cursor, queue);

		n = &c->queue;
		unqueue(h, c);
		pump(h, c, now_ms);
	}
	start_replays(h, now_ms);
	ask_info(h, now_ms);
	return !list_empty(&h->dirty);
}

/* The leader has still to come to where the log was. */
static bool is_in_doubt(const struct hub *h)
{
	return tail_live(&h->tail) && tail_ahead(&h->tail);
}

void hub_tick(struct hub *h, uint64_t now_ms)
{
	bool was_live = tail_live(&h->tail);
	struct list *n;

	h->tick_ms = now_ms;
	for (int i = 0; i < HUB_PINGS && !list_empty(&h->pings); i++) {
		struct cursor *c =
			LIST_ENTRY(h->pings.next, struct cursor, ping);

		if (c->ping_due_ms > now_ms)
			break;
		list_remove(&c->ping);
		list_push_back(&h->pings, &c->ping);
		c->ping_due_ms = now_ms + h->cfg.ping_ms;
		c->ping_waits = true;
		pump(h, c, now_ms);
	}
	n = h->running.next; /* not before: a ping's write may end a replay */
	while (n != &h->running) {
		struct list *next = n->next;

		tick_replay(h, LIST_ENTRY(n, struct replay, link), now_ms);
		n = next;
	}
	tail_tick(&h->tail, now_ms);
	if (was_live && !tail_live(&h->tail))
		on_tail_lost(h, now_ms);
	if (h->info_asked && now_ms >= h->info_due_ms) {
		h->info_asked = false;
		want_info(h);
	}
	if (is_in_doubt(h) && now_ms - h->info_seen_ms >= HUB_RECHECK_MS)
		want_info(h);
	start_replays(h, now_ms);
	ask_info(h, now_ms);
}

uint64_t hub_next_ms(const struct hub *h)
{
	uint64_t next = tail_due(&h->tail);

	if (h->n_running > 0 || h->info_asked || h->info_wanted ||
	    is_in_doubt(h))
		next = next < h->tick_ms + HUB_TICK_MS
			       ? next
			       : h->tick_ms + HUB_TICK_MS;
	if (!list_empty(&h->pings)) {
		const struct cursor *c =
			LIST_ENTRY(h->pings.next, struct cursor, ping);

		if (c->ping_due_ms < next)
			next = c->ping_due_ms;
	}
	return next;
}

/* ---- streams ------------------------------------------------------------- */

static int watch(struct hub *h, struct cursor *c, const struct hub_open *open)
{
	char subject[SUBJECT_MAX];
	size_t len = subject_render(&h->cfg.subject, open->id, open->id_len,
				    subject);

	c->subject = log_watch(h->log, subject, len, &c->watch);
	return c->subject == NULL ? -ENOMEM : 0;
}

static void set_start(struct cursor *c, const struct hub_open *open)
{
	c->start = (uint8_t)open->start;
	c->chunked = open->chunked;
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
	rc = watch(h, c, open);
	if (rc < 0)
		return rc;
	set_start(c, open);
	h->n_streams++;
	h->in_state[CURSOR_CLOSED]++;
	set_state(h, c, CURSOR_WAITING);
	if (h->cfg.ping_ms > 0) {
		c->ping_due_ms = now_ms + h->cfg.ping_ms;
		list_push_back(&h->pings, &c->ping);
	}
	if (h->tail.known)
		place(h, c);
	else
		enqueue(h, c, LISTED_WAITING);
	h->text = open->start == START_RESUME ? open->text : NULL;
	pump(h, c, now_ms);
	h->text = NULL;
	start_replays(h, now_ms);
	ask_info(h, now_ms);
	return 0;
}

void hub_writable(struct hub *h, struct cursor *c, uint64_t now_ms)
{
	if (c->state == CURSOR_CLOSED)
		return;
	c->blocked = false;
	if (c->replay != NULL) {
		c->replay->blocked_ms = 0;
		check_again(h, c->replay);
	}
	if (c->state == CURSOR_LAGGED ||
	    (c->state == CURSOR_WAITING && c->start == START_LAST &&
	     c->replay == NULL && h->tail.known))
		wait_for_replay(h, c);
	pump(h, c, now_ms);
	start_replays(h, now_ms);
	ask_info(h, now_ms);
}

void hub_close(struct hub *h, struct cursor *c, uint64_t now_ms)
{
	if (c->state == CURSOR_CLOSED)
		return;
	unqueue(h, c);
	if (c->replay != NULL)
		end_replay(h, c->replay);
	list_remove(&c->ping);
	log_unwatch(h->log, c->subject, &c->watch);
	c->subject = NULL;
	set_state(h, c, CURSOR_CLOSED);
	h->in_state[CURSOR_CLOSED]--;
	h->n_streams--;
	start_replays(h, now_ms);
}
