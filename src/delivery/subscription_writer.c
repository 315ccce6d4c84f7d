#include "delivery/subscription_writer.h"

#include "base/check.h"
#include "base/mutation.h"
#include "http/ndjson.h"

void subscription_writer_init(struct subscription_writer *w,
			      const struct hub_sink *sink,
			      struct hub_subscriptions *subscriptions,
			      const struct tail *tail, struct metrics *metrics)
{
	*w = (struct subscription_writer){.sink = sink,
					  .subscriptions = subscriptions,
					  .buffer = tail->buffer,
					  .tail = tail,
					  .metrics = metrics};
	subscription_ndjson_init(&w->ndjson, tail->buffer, &tail->tag);
}

void subscription_writer_finish(struct subscription_writer *w)
{
	subscription_ndjson_finish(&w->ndjson);
}

void subscription_writer_count_bytes(struct subscription_writer *w,
				     struct cursor *c, size_t len)
{
	c->bytes += len;
	PROBE2(bytes_written, c, len);
	metric_add(w->metrics, METRIC_BYTES_SENT, len);
}

static void buffer_rest(struct subscription_writer *w, struct cursor *c,
			const void *rest, size_t len)
{
	if (len == 0)
		return;
	if (w->sink->hold(c, rest, len) < 0) {
		hub_subscriptions_set_failed(w->subscriptions, c);
		return;
	}
	c->held = (uint32_t)len;
	hub_subscriptions_set_blocked(w->subscriptions, c, true);
}

/* Counts only subscriptions that had everything before these messages, on
 * sockets that had room: what a resume or a slow client asks for late says
 * nothing about the gateway. All events of one write count with the age of the
 * oldest. */
static void observe_latency(struct subscription_writer *w,
			    const struct cursor *c, uint64_t stored_ns,
			    uint64_t n)
{
	uint64_t age_ns = w->now_ns > stored_ns ? w->now_ns - stored_ns : 0;

	if (c->live_since_write && w->now_ns != 0)
		metrics_observe(w->metrics, METRIC_SPREAD_LATENCY,
				age_ns / 1000, n);
}

static void advance_cursor(struct subscription_writer *w, struct cursor *c,
			   struct cursor_batch *b, size_t written)
{
	const uint8_t *rest = NULL;
	uint64_t before = c->events, oldest_ns;
	size_t len = 0;

	if (c->state == CURSOR_REPLAY) {
		replay_group_advance(c->replay, b, written, &rest, &len);
		metric_add(w->metrics, METRIC_BYTES_REPLAY, written + len);
	} else {
		oldest_ns = event_buffer_frame(w->buffer, b->first)->time_ns;
		if (cursor_form(c) != FORM_EVENTS)
			subscription_ndjson_advance(&w->ndjson, c, b, written,
						    &rest, &len);
		else
			cursor_advance(c, w->buffer, b, written, &rest, &len);
		observe_latency(w, c, oldest_ns, c->events - before);
		metric_add(w->metrics, METRIC_EVENTS_BUFFER,
			   c->events - before);
		metric_add(w->metrics, METRIC_BYTES_BUFFER, written + len);
	}
	buffer_rest(w, c, rest, len);
}

/* One write of control frames and events. Returns how many bytes of the events
 * the socket took, or -1 when it did not take all of the control frames. */
static ssize_t write_all(struct subscription_writer *w, struct cursor *c,
			 const struct control_frames *first,
			 struct cursor_batch *b)
{
	struct iovec *iov = &b->iov[1];
	int n = b->n;
	ssize_t wrote;

	if (first->len > 0) {
		iov = &b->iov[0];
		iov->iov_base = (void *)(uintptr_t)first->text;
		iov->iov_len = first->len;
		n++;
	}
	if (n == 0 && first->header == NULL)
		return 0;
	wrote = w->sink->write(c, first->header, iov, n);
	if (wrote < 0) {
		hub_subscriptions_set_failed(w->subscriptions, c);
		return -1;
	}
	subscription_writer_count_bytes(w, c, (size_t)wrote);
	if ((size_t)wrote < first->len) {
		buffer_rest(w, c, first->text + wrote,
			    first->len - (size_t)wrote);
		return -1;
	}
	return wrote - (ssize_t)first->len;
}

static void write_batch(struct subscription_writer *w, struct cursor *c,
			const struct control_frames *first,
			struct cursor_batch *b)
{
	ssize_t wrote = write_all(w, c, first, b);

	if (wrote >= 0 && b->bytes > 0)
		advance_cursor(w, c, b, (size_t)wrote);
}

static void put_cursor_block(struct subscription_writer *w, struct cursor *c,
			     char *out)
{
	sse_event_id_format(out, cursor_covered(c, w->buffer), &w->tail->tag);
	if (c->replay != NULL)
		replay_group_commit(c->replay);
}

void subscription_writer_put_opening(struct subscription_writer *w,
				     struct cursor *c, const char *resumed,
				     struct control_frames *to)
{
	char text[SSE_EVENT_ID_MAX];
	const char *id = resumed;

	if (c->id_sent)
		return;
	if (id == NULL && c->state != CURSOR_WAITING) {
		/* where it starts: a probe may have covered more since */
		sse_event_id_format(text, c->sent, &w->tail->tag);
		id = text;
	}
	if (c->ndjson) {
		if (id != NULL && c->system)
			to->len += ndjson_put_system(to->text + to->len,
						     c->chunked, "open", id);
	} else if (!c->retry_sent) {
		if (id == NULL && tail_live(w->tail) && !c->ping_waits &&
		    !c->expiry_waits)
			return;
		to->len += sse_put_opening(to->text + to->len, c->chunked,
					   w->retry_ms, id);
	} else if (id != NULL) {
		to->len += sse_put_system(to->text + to->len, c->chunked,
					  "open", id);
	}
	c->retry_sent = true;
	c->id_sent = id != NULL;
}

void subscription_writer_put_gap(struct subscription_writer *w,
				 const struct cursor *c,
				 const struct hub_gap *g,
				 struct control_frames *to)
{
	to->len += (c->ndjson ? ndjson_put_gap
			      : sse_put_gap)(to->text + to->len, c->chunked,
					     g->reset ? "reset" : "expired",
					     g->after, g->first, g->id,
					     &w->tail->tag);
	metric_add(w->metrics,
		   g->reset ? METRIC_GAPS_RESET : METRIC_GAPS_EXPIRED, 1);
}

static void put_ping_block(struct subscription_writer *w, struct cursor *c,
			   struct control_frames *to)
{
	char text[SSE_EVENT_ID_MAX];
	bool known = c->id_sent && c->state != CURSOR_WAITING;

	if (known)
		put_cursor_block(w, c, text);
	if (!c->ndjson)
		to->len += sse_put_ping(to->text + to->len, c->chunked, w->ping,
					known ? text : NULL);
	else if (c->system)
		to->len += ndjson_put_system(to->text + to->len, c->chunked,
					     "ping", known ? text : NULL);
	else
		to->len += ndjson_put_blank(to->text + to->len, c->chunked);
	c->ping_waits = false;
	metric_add(w->metrics, METRIC_PINGS, 1);
}

static void put_expired_block(struct subscription_writer *w, struct cursor *c,
			      struct control_frames *to)
{
	char text[SSE_EVENT_ID_MAX];
	bool known = c->id_sent && c->state != CURSOR_WAITING;

	if (known)
		put_cursor_block(w, c, text);
	if (!c->ndjson)
		to->len += sse_put_system(to->text + to->len, c->chunked,
					  "expired", known ? text : NULL);
	else if (c->system)
		to->len += ndjson_put_system(to->text + to->len, c->chunked,
					     "expired", known ? text : NULL);
	c->expiry_waits = false;
}

/* WRITE_WAIT: the batch holds what there is. */
static enum write_outcome gather_batch(struct subscription_writer *w,
				       struct cursor *c, struct cursor_batch *b)
{
	b->n = 0;
	b->bytes = 0;
	b->first = 0;
	if (c->state == CURSOR_REPLAY)
		replay_group_gather(c->replay, b);
	if (c->state != CURSOR_LIVE || cursor_left(c) == 0)
		return WRITE_WAIT;
	if (cursor_covered(c, w->buffer) < event_buffer_floor(w->buffer) &&
	    !MUTATED(NO_EVICTION) && !MUTATED(FIRST_FRAME))
		return WRITE_EVICTED;
	if (c->caught_up)
		return WRITE_WAIT;
	if (!cursor_prepare(c, w->buffer))
		return WRITE_MORE;
	if (cursor_form(c) == FORM_EVENTS)
		cursor_gather(c, w->buffer, b);
	else if (!subscription_ndjson_gather(&w->ndjson, c, b))
		return WRITE_NO_MEMORY;
	return WRITE_WAIT;
}

/* Out of line: an own subject, the common case, needs none of it. */
static OUT_OF_LINE bool has_more_wide(struct subscription_writer *w,
				      struct cursor *c)
{
	unsigned scan = 1;

	return !cursor_prepare_wide(c, w->buffer) ||
	       cursor_next_wide(c, w->buffer, &scan) != 0 || scan == 0;
}

static bool has_more(struct subscription_writer *w, struct cursor *c)
{
	return c->wide ? has_more_wide(w, c)
		       : event_buffer_next(w->buffer, c->subject, c->covered,
					   c->at) != 0;
}

static inline enum write_outcome next_outcome(struct subscription_writer *w,
					      struct cursor *c)
{
	if (c->failed || c->blocked)
		return WRITE_WAIT;
	if (cursor_left(c) == 0)
		return WRITE_COMPLETE;
	if (c->state == CURSOR_REPLAY)
		return WRITE_REPLAY_NEXT;
	if (c->state != CURSOR_LIVE || c->caught_up)
		return WRITE_WAIT;
	if (has_more(w, c))
		return WRITE_MORE;
	c->caught_up = c->live_since_write = true;
	return WRITE_WAIT;
}

enum write_outcome subscription_writer_next(struct subscription_writer *w,
					    struct cursor *c)
{
	return next_outcome(w, c);
}

enum write_outcome subscription_writer_write(struct subscription_writer *w,
					     struct cursor *c,
					     struct control_frames *first)
{
	struct cursor_batch b;
	enum write_outcome gathered;

	if (c->ping_waits)
		put_ping_block(w, c, first);
	if (c->expiry_waits)
		put_expired_block(w, c, first);
	gathered = gather_batch(w, c, &b);
	write_batch(w, c, first, &b);
	return gathered != WRITE_WAIT ? gathered : next_outcome(w, c);
}

void subscription_writer_write_shared(struct subscription_writer *w,
				      struct cursor *c,
				      const struct control_frames *first,
				      const struct replay *from)
{
	struct cursor_batch b = {.n = 0};
	size_t len;
	const uint8_t *frame =
		replay_queue_first(&from->queue, c->chunked, &len);
	ssize_t wrote;

	cursor_batch_add(&b, frame, len);
	wrote = write_all(w, c, first, &b);
	if (wrote < 0)
		return;
	cursor_hand_out(c, replay_queue_next(&from->queue));
	if (c->covered < replay_evidence(from))
		c->covered = replay_evidence(from);
	metric_add(w->metrics, METRIC_EVENTS_REPLAY, 1);
	metric_add(w->metrics, METRIC_BYTES_REPLAY, len);
	buffer_rest(w, c, frame + wrote, len - (size_t)wrote);
}
