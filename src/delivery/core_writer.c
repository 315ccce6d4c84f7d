#include "delivery/core_writer.h"

#include "base/check.h"
#include "delivery/core_queue.h"
#include "http/ndjson.h"

enum {
	WRITER_IOV = 64,
	HEAD_MAX = 64 * 1024,
};

void core_writer_init(struct core_writer *w, const struct core_sink *sink,
		      struct core_encoder *encoder, struct metrics *metrics)
{
	*w = (struct core_writer){.sink = sink,
				  .encoder = encoder,
				  .metrics = metrics};
	list_init(&w->pinned);
	buf_init(&w->head, HEAD_MAX);
}

void core_writer_finish(struct core_writer *w)
{
	buf_finish(&w->head);
}

/* ---- the rest of a cut frame --------------------------------------------- */

void core_writer_drop_rest(struct core_subscription *s)
{
	s->rest = core_frame_unref(s->rest);
	list_remove(&s->pinned);
}

/* Takes the reference. */
static void pin_rest(struct core_writer *w, struct core_subscription *s,
		     struct core_frame *frame, struct span bytes)
{
	s->rest = frame;
	s->rest_bytes = bytes;
	list_push_back(&w->pinned, &s->pinned);
}

/* ---- one write ----------------------------------------------------------- */

struct core_control { /* two gaps, ping, expiry; or a head, and the opening */
	const void *bytes;
	size_t len;
	char text[4 * SSE_TEXT_MAX];
};

struct core_batch {
	struct iovec iov[WRITER_IOV];
	int n;
	size_t bytes;
};

static void add_to_core_batch(struct core_batch *b, const void *at, size_t len)
{
	if (len == 0)
		return;
	b->iov[b->n++] = (struct iovec){(void *)(uintptr_t)at, len};
	b->bytes += len;
}

static struct span bytes_for(const struct core_subscription *s,
			     const struct core_frame *f)
{
	return core_frame_bytes(f, (enum cursor_form)s->form, s->chunked);
}

static bool takes_more(const struct core_subscription *s)
{
	return s->next != NULL && (!s->limited || s->left > 0);
}

static void gather_frames(const struct core_subscription *s,
			  struct core_batch *b)
{
	const struct core_node *n = takes_more(s) ? s->next : NULL;
	uint32_t left = s->limited ? s->left : UINT32_MAX;

	for (; n != NULL && n->frame != NULL && left > 0 && b->n < WRITER_IOV;
	     n = core_queue_next(s->queue, n)) {
		struct span bytes = bytes_for(s, n->frame);

		add_to_core_batch(b, bytes.at, bytes.len);
		left -= n->frame->kind == CORE_MESSAGE;
	}
}

static void fail_write(struct core_subscription *s)
{
	core_queue_detach(s);
	core_writer_drop_rest(s);
	s->state = CORE_ENDED;
	s->is_blocked = true;
}

/* Each takes its part of what the socket took. False: that was all. */

static bool advance_rest(struct core_subscription *s, size_t *written)
{
	size_t n = s->rest_bytes.len;

	if (s->rest == NULL)
		return true;
	if (*written < n) {
		s->rest_bytes.at += *written;
		s->rest_bytes.len -= *written;
		return false;
	}
	*written -= n;
	core_writer_drop_rest(s);
	return true;
}

static bool advance_control(struct core_writer *w, struct core_subscription *s,
			    const struct core_control *control, size_t *written)
{
	size_t left;
	struct core_frame *f;

	if (*written >= control->len) {
		*written -= control->len;
		return true;
	}
	left = control->len - *written;
	f = core_encoder_bytes(w->encoder,
			       (const char *)control->bytes + *written, left);
	if (f == NULL)
		fail_write(s);
	else
		pin_rest(w, s, f, core_frame_bytes(f, FORM_EVENTS, true));
	return false;
}

static void hand_out(struct core_writer *w, struct core_subscription *s,
		     const struct core_frame *f)
{
	if (f->kind == CORE_AWAY)
		metric_add(w->metrics, METRIC_GAPS_AWAY, 1);
	if (f->kind == CORE_LOST)
		metric_add(w->metrics, METRIC_GAPS_SLOW, 1);
	if (f->kind == CORE_MESSAGE) {
		s->events++;
		s->left -= s->limited;
		metric_add(w->metrics, METRIC_CORE_SENT, 1);
	}
	core_queue_advance(s);
}

static void advance_frames(struct core_writer *w, struct core_subscription *s,
			   size_t written)
{
	while (written > 0) {
		struct core_frame *f = s->next->frame;
		struct span bytes = bytes_for(s, f);

		if (written < bytes.len) {
			pin_rest(w, s, core_frame_ref(f),
				 (struct span){bytes.at + written,
					       bytes.len - written});
			written = bytes.len;
		}
		written -= bytes.len;
		hand_out(w, s, f);
	}
}

static void set_blocked(struct core_writer *w, struct core_subscription *s)
{
	s->is_blocked = true;
	core_queue_place(s);
	w->sink->blocked(s);
}

static bool has_control(const struct core_subscription *s)
{
	return s->away_waits || s->dropped > 0 || s->ping_waits ||
	       s->expiry_waits;
}

/* False: nothing more can be written now. */
static bool write_core_batch(struct core_writer *w, struct core_subscription *s,
			     const struct core_control *control)
{
	struct core_batch b = {.n = 0};
	size_t left;
	ssize_t wrote;

	if (s->rest != NULL)
		add_to_core_batch(&b, s->rest_bytes.at, s->rest_bytes.len);
	add_to_core_batch(&b, control->bytes, control->len);
	/* Control frames come before messages, and after a rest. */
	if (!has_control(s))
		gather_frames(s, &b);
	if (b.n == 0)
		return false;
	wrote = w->sink->write(s, b.iov, b.n);
	if (wrote < 0) {
		fail_write(s);
		return false;
	}
	s->bytes += (size_t)wrote;
	metric_add(w->metrics, METRIC_BYTES_SENT, (size_t)wrote);
	left = (size_t)wrote;
	if (advance_rest(s, &left) && advance_control(w, s, control, &left))
		advance_frames(w, s, left);
	if ((size_t)wrote == b.bytes || s->state == CORE_ENDED)
		return s->state != CORE_ENDED;
	set_blocked(w, s);
	return false;
}

/* ---- control frames ------------------------------------------------------ */

static void put_core_gaps(struct core_writer *w, struct core_subscription *s,
			  struct core_control *to)
{
	if (s->away_waits) {
		to->len += sse_put_core_gap(to->text + to->len, s->chunked,
					    s->ndjson, "away", 0);
		metric_add(w->metrics, METRIC_GAPS_AWAY, 1);
	}
	if (s->dropped > 0) {
		to->len += sse_put_core_gap(to->text + to->len, s->chunked,
					    s->ndjson, "slow", s->dropped);
		metric_add(w->metrics, METRIC_GAPS_SLOW, 1);
	}
	s->away_waits = false;
	s->dropped = 0;
}

static void put_core_ping(struct core_writer *w, struct core_subscription *s,
			  struct core_control *to)
{
	char *out = to->text + to->len;

	if (!s->ping_waits)
		return;
	s->ping_waits = false;
	if (!s->ndjson)
		to->len += sse_put_ping(out, s->chunked, w->ping, NULL);
	else if (s->system)
		to->len += ndjson_put_system(out, s->chunked, "ping", NULL);
	else
		to->len += ndjson_put_blank(out, s->chunked);
	metric_add(w->metrics, METRIC_PINGS, 1);
}

static void put_core_expiry(struct core_subscription *s,
			    struct core_control *to)
{
	char *out = to->text + to->len;

	if (!s->expiry_waits)
		return;
	s->expiry_waits = false;
	if (!s->ndjson)
		to->len += sse_put_system(out, s->chunked, "expired", NULL);
	else if (s->system)
		to->len += ndjson_put_system(out, s->chunked, "expired", NULL);
}

static void put_control(struct core_writer *w, struct core_subscription *s,
			struct core_control *to)
{
	put_core_gaps(w, s, to);
	put_core_ping(w, s, to);
	put_core_expiry(s, to);
}

static void report_done(struct core_writer *w, struct core_subscription *s)
{
	if (s->state == CORE_OPEN && s->limited && s->left == 0 &&
	    s->rest == NULL) {
		core_queue_detach(s);
		s->state = CORE_ENDED;
		w->sink->done(s);
	}
}

void core_writer_write(struct core_writer *w, struct core_subscription *s)
{
	struct core_control control;

	while (s->state == CORE_OPEN && !s->is_blocked) {
		control.bytes = control.text;
		control.len = 0;
		if (s->rest == NULL)
			put_control(w, s, &control);
		if (!write_core_batch(w, s, &control))
			break;
	}
	report_done(w, s);
}

/* ---- the opening --------------------------------------------------------- */

/* -ENOMEM, -ENOBUFS or 0. */
static int make_opening(struct core_writer *w, struct core_subscription *s)
{
	char text[SSE_TEXT_MAX];
	size_t len = 0;
	int rc;

	buf_clear(&w->head);
	rc = w->sink->open(s, &w->head);
	if (rc < 0)
		return rc;
	if (!s->ndjson)
		len = sse_put_core_opening(text, s->chunked, w->retry_ms);
	else if (s->system)
		len = ndjson_put_system(text, s->chunked, "open", NULL);
	return buf_put(&w->head, text, len);
}

int core_writer_open(struct core_writer *w, struct core_subscription *s)
{
	struct core_control control;
	int rc = make_opening(w, s);

	if (rc < 0)
		return rc;
	s->state = CORE_OPEN;
	s->is_blocked = false;
	core_queue_place(s);
	control.bytes = buf_data(&w->head);
	control.len = buf_unread(&w->head);
	if (write_core_batch(w, s, &control))
		core_writer_write(w, s);
	else
		report_done(w, s);
	return 0;
}
