/* How a stream gets its bytes: whatever it has coming (an opening, a gap, a
 * ping, frames of the log or of its replay) is gathered by hub_pump() into one
 * write. What the socket does not take of a frame that was begun is held by the
 * sink; everything else stays where it is, in the log. */
#include "delivery/hub_internal.h"

#include "base/mutation.h"
#include "http/ndjson.h"

struct words { /* opening, two gaps, ping, expiry */
	char text[5 * SSE_TEXT_MAX];
	size_t len;
};

static void mark_failed(struct hub *h, struct cursor *c)
{
	c->failed = true;
	hub_unqueue(h, c);
}

void hub_count_bytes(struct hub *h, struct cursor *c, size_t len)
{
	c->bytes += len;
	metric_add(h->metrics, METRIC_BYTES_SENT, len);
}

static void buffer_rest(struct hub *h, struct cursor *c, const void *rest,
			size_t len)
{
	if (len == 0)
		return;
	if (h->sink->hold(c, rest, len) < 0) {
		mark_failed(h, c);
		return;
	}
	c->held = (uint32_t)len;
	hub_set_blocked(h, c, true);
}

/* Only of streams that had everything before these messages, on sockets that
 * had room: what a resume or a slow client asks for late says nothing of us.
 * All of one write count with the age of the oldest among them. */
static void observe_latency(struct hub *h, const struct cursor *c,
			    uint64_t stored_ns, uint64_t n)
{
	uint64_t age_ns = h->now_ns > stored_ns ? h->now_ns - stored_ns : 0;

	if (c->live_since_write && h->now_ns != 0)
		metrics_observe(h->metrics, METRIC_SPREAD_LATENCY,
				age_ns / 1000, n);
}

static void advance_cursor(struct hub *h, struct cursor *c,
			   struct cursor_batch *b, size_t written)
{
	const uint8_t *rest = NULL;
	uint64_t before = c->events, oldest_ns;
	size_t len = 0;

	if (c->state == CURSOR_REPLAY) {
		replay_advance(c->replay, b, written, &rest, &len);
		metric_add(h->metrics, METRIC_BYTES_REPLAY, written + len);
	} else {
		oldest_ns = event_buffer_frame(h->buffer, b->first)->time_ns;
		if (c->ndjson)
			hub_ndjson_advance(h, c, b, written, &rest, &len);
		else
			cursor_advance(c, h->buffer, b, written, &rest, &len);
		observe_latency(h, c, oldest_ns, c->events - before);
		metric_add(h->metrics, METRIC_EVENTS_BUFFER,
			   c->events - before);
		metric_add(h->metrics, METRIC_BYTES_BUFFER, written + len);
	}
	buffer_rest(h, c, rest, len);
}

/* One write of words and frames: how many bytes of the frames it took, or -1
 * when the words were not through. */
static ssize_t write_all(struct hub *h, struct cursor *c, const struct words *w,
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
		return 0;
	wrote = h->sink->write(c, iov, n);
	if (wrote < 0) {
		mark_failed(h, c);
		return -1;
	}
	hub_count_bytes(h, c, (size_t)wrote);
	if ((size_t)wrote < w->len) {
		buffer_rest(h, c, w->text + wrote, w->len - (size_t)wrote);
		return -1;
	}
	return wrote - (ssize_t)w->len;
}

static void write_batch(struct hub *h, struct cursor *c, const struct words *w,
			struct cursor_batch *b)
{
	ssize_t wrote = write_all(h, c, w, b);

	if (wrote >= 0 && b->bytes > 0)
		advance_cursor(h, c, b, (size_t)wrote);
}

static void put_cursor_block(struct hub *h, struct cursor *c, char *out)
{
	sse_cursor_format(out, cursor_covered(c, h->buffer), &h->tail.tag);
	if (c->replay != NULL)
		replay_told(c->replay);
}

/* retry: and the block with the id: at once when the start is known, else the
 * block as soon as it is. Who waits for an answer that is on its way waits with
 * both. */
static void put_opening_block(struct hub *h, struct cursor *c, struct words *w)
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
	if (c->ndjson) {
		if (cursor != NULL && c->system)
			w->len += ndjson_put_system(w->text + w->len,
						    c->chunked, "open", cursor);
	} else if (!c->retry_sent) {
		if (cursor == NULL && tail_live(&h->tail) && !c->ping_waits &&
		    !c->expiry_waits)
			return;
		w->len += sse_put_opening(w->text + w->len, c->chunked,
					  h->cfg.retry_ms, cursor);
	} else if (cursor != NULL) {
		w->len += sse_put_system(w->text + w->len, c->chunked, "open",
					 cursor);
	}
	c->retry_sent = true;
	c->id_sent = cursor != NULL;
}

static void put_gap_block(struct hub *h, const struct cursor *c,
			  const struct hub_gap *g, struct words *w)
{
	w->len += (c->ndjson ? ndjson_put_gap
			     : sse_put_gap)(w->text + w->len, c->chunked,
					    g->reset ? "reset" : "expired",
					    g->after, g->first, g->id,
					    &h->tail.tag);
	metric_add(h->metrics,
		   g->reset ? METRIC_GAPS_RESET : METRIC_GAPS_EXPIRED, 1);
}

static void put_ping_block(struct hub *h, struct cursor *c, struct words *w)
{
	char text[SSE_CURSOR_MAX];
	bool known = c->id_sent && c->state != CURSOR_WAITING;

	if (known)
		put_cursor_block(h, c, text);
	if (!c->ndjson)
		w->len += sse_put_ping(w->text + w->len, c->chunked,
				       h->cfg.ping, known ? text : NULL);
	else if (c->system)
		w->len += ndjson_put_system(w->text + w->len, c->chunked,
					    "ping", known ? text : NULL);
	else
		w->len += ndjson_put_blank(w->text + w->len, c->chunked);
	c->ping_waits = false;
	metric_add(h->metrics, METRIC_PINGS, 1);
}

static void put_expired_block(struct hub *h, struct cursor *c, struct words *w)
{
	char text[SSE_CURSOR_MAX];
	bool known = c->id_sent && c->state != CURSOR_WAITING;

	if (known)
		put_cursor_block(h, c, text);
	if (!c->ndjson)
		w->len += sse_put_system(w->text + w->len, c->chunked,
					 "expired", known ? text : NULL);
	else if (c->system)
		w->len += ndjson_put_system(w->text + w->len, c->chunked,
					    "expired", known ? text : NULL);
	c->expiry_waits = false;
}

static void mark_evicted(struct hub *h, struct cursor *c)
{
	c->evicted = true;
	metric_add(h->metrics, METRIC_SUBSCRIPTIONS_EVICTED, 1);
	hub_set_state(h, c, CURSOR_EVICTED);
	hub_wait_for_replay(h, c);
}

static void gather_batch(struct hub *h, struct cursor *c,
			 struct cursor_batch *b)
{
	b->n = 0;
	b->bytes = 0;
	b->first = 0;
	if (c->state == CURSOR_LIVE) {
		if (cursor_covered(c, h->buffer) <
			    event_buffer_floor(h->buffer) &&
		    !MUTATED(NO_EVICTION) && !MUTATED(FIRST_FRAME)) {
			mark_evicted(h, c);
			return;
		}
		if (c->caught_up)
			return;
		if (!c->ndjson)
			cursor_gather(c, h->buffer, b);
		else if (!hub_ndjson_gather(h, c, b))
			hub_wait_for_memory(h, c);
	} else if (c->state == CURSOR_REPLAY) {
		replay_gather(c->replay, b);
	}
}

/* What is next, when all that was gathered is on the socket. */
static void finish_write(struct hub *h, struct cursor *c, uint64_t now_ms)
{
	if (c->failed || c->blocked)
		return;
	if (cursor_left(c) == 0) {
		h->sink->done(c);
		return;
	}
	if (c->state == CURSOR_REPLAY) {
		if (hub_rotate_replay(h, c->replay, now_ms))
			return;
		hub_outcome(h, c->replay, replay_step(c->replay, now_ms),
			    now_ms);
	} else if (c->state == CURSOR_LIVE && !c->caught_up) {
		if (event_buffer_next(h->buffer, c->subject, c->covered,
				      c->at) == 0)
			c->caught_up = c->live_since_write = true;
		else
			hub_mark_dirty(h, c);
	}
}

void hub_pump(struct hub *h, struct cursor *c, uint64_t now_ms)
{
	struct cursor_batch b;
	struct words w = {.len = 0};
	struct hub_gap gap;

	if (c->blocked || c->failed)
		return;
	if (!c->id_sent)
		put_opening_block(h, c, &w);
	if (c->late_gap && c->id_sent) {
		hub_pass_late_gap(h, c, &gap);
		put_gap_block(h, c, &gap, &w);
	}
	if (c->gap != GAP_NONE && c->id_sent &&
	    hub_pass_gap(h, c, &gap, now_ms))
		put_gap_block(h, c, &gap, &w);
	if (c->ping_waits)
		put_ping_block(h, c, &w);
	if (c->expiry_waits)
		put_expired_block(h, c, &w);
	gather_batch(h, c, &b);
	write_batch(h, c, &w, &b);
	finish_write(h, c, now_ms);
}

void hub_pump_found(struct hub *h, struct cursor *c, const struct replay *from,
		    uint64_t now_ms)
{
	const uint8_t *frame;
	struct cursor_batch b = {.n = 0};
	struct words w = {.len = 0};
	size_t len;
	ssize_t wrote;

	if (!c->id_sent)
		put_opening_block(h, c, &w);
	frame = replay_queue_first(&from->queue, c->chunked, &len);
	cursor_batch_add(&b, frame, len);
	wrote = write_all(h, c, &w, &b);
	if (wrote >= 0) {
		cursor_hand_out(c, replay_queue_next(&from->queue));
		if (c->covered < replay_evidence(from))
			c->covered = replay_evidence(from);
		metric_add(h->metrics, METRIC_EVENTS_REPLAY, 1);
		metric_add(h->metrics, METRIC_BYTES_REPLAY, len);
		buffer_rest(h, c, frame + wrote, len - (size_t)wrote);
	}
	if (c->failed)
		return;
	hub_settle(h, c);
	finish_write(h, c, now_ms);
}

void hub_say_expiry(struct hub *h, struct cursor *c, uint64_t now_ms)
{
	c->expiry_waits = true;
	hub_pump(h, c, now_ms);
}
