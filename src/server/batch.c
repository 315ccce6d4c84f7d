/* Lines become messages as long as the window has room: so many messages on
 * their way, and so many bytes. The body is paused while it is full, and while
 * the client does not read its results. So the memory of a batch does not
 * depend on its size.
 *
 * Each event (bytes of the body, its end, a result, a socket that takes more)
 * does its own part, then advance_batch():
 *
 *	publish_lines()     until the window is full, or no line is left
 *	send_results()      opens the response, writes what is known in order
 *	settle_batch()      reads on, waits, or ends
 */
#include "server/batch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "http/batch_results.h"
#include "http/publish_headers.h"
#include "server/atomic_batch.h"
#include "server/batch_input.h"
#include "server/batch_window.h"
#include "server/conn_internal.h"
#include "server/conn_work.h"
#include "server/stream_publish.h"

enum {
	/* Without a failure the status waits for so many lines. */
	LINES_BEFORE_STATUS = 10000,
	/* Results are written at the latest with so many bytes or ms. */
	WRITE_BYTES = 16 * 1024,
	WRITE_MS = 10,
	/* Lines wait while the open response has so much to write. */
	RESULTS_BYTES = 64 * 1024,
	/* The rest of a body may be many short lines with an error each. */
	RESULTS_MAX = 32 * 1024 * 1024,
};

static const char ndjson_type[] = "application/x-ndjson";

struct batch {
	struct conn_work work;
	struct request_slot slot;
	struct batch_input input;
	struct batch_results results;
	size_t n_on_way; /* messages */
	size_t bytes_on_way;
	uint64_t written_ms;	 /* time of the last write */
	bool is_short_of_memory; /* of results before the status */
	bool is_failed;		 /* it ends as soon as it may */
};

/* A line whose result is not written yet. */
struct batch_message {
	struct batch_place place;
	struct stream_publish publish;
	struct batch *batch;
	size_t bytes;
	size_t subject_len;
	char subject[];
};

static struct conn_set *set_of_batch(const struct batch *b)
{
	return b->work.conn->set;
}

static struct batch_message *message_of(struct batch_place *place)
{
	return CONTAINER_OF(place, struct batch_message, place);
}

/* ---- the end ------------------------------------------------------------- */

static void free_batch(struct batch *b)
{
	struct batch_place *place;

	while ((place = batch_results_drop(&b->results)) != NULL) {
		stream_publish_cancel(&message_of(place)->publish);
		free(message_of(place));
	}
	batch_results_finish(&b->results);
	batch_input_finish(&b->input);
	conn_work_finish(&b->work);
	free(b);
}

static void on_batch_gone(struct conn_work *w)
{
	struct batch *b = CONTAINER_OF(w, struct batch, work);

	request_limits_release(&set_of_batch(b)->requests, &b->slot);
	free_batch(b);
}

/* ---- memory -------------------------------------------------------------- */

/* False: there is not as much, and the reserved memory is as before. */
static bool reserve_batch(struct batch *b, size_t more)
{
	b->input.other_bytes =
		sizeof(*b) + b->results.out.cap +
		b->results.n_places *
			(sizeof(struct batch_message) + PATTERN_MAX);
	return batch_input_reserve(&b->input, more);
}

/* ---- results ------------------------------------------------------------- */

/* `place`: NULL for a line that never had one. */
static void put_batch_problem(struct batch *b, struct batch_place *place,
			      const struct publish_error *e)
{
	struct http_error why;
	struct problem problem = problem_of_publish(&why, e);

	if (batch_results_problem(&b->results, place, &problem) < 0)
		b->is_failed = true;
}

static struct batch_message *new_message(struct batch *b, struct span subject)
{
	struct batch_message *m =
		calloc(1, sizeof(struct batch_message) + subject.len);

	if (m == NULL)
		return NULL;
	m->batch = b;
	memcpy(m->subject, subject.at, subject.len);
	m->subject_len = subject.len;
	batch_results_add(&b->results, &m->place);
	return m;
}

/* Behind lines that have no result yet, its result needs a place. */
static void fail_line(struct batch *b, const struct http_error *why)
{
	const struct problem problem = {.error = why};
	struct batch_message *m = NULL;

	metric_add(set_of_batch(b)->cfg.metrics, METRIC_PUBLISHED_REJECTED, 1);
	if (b->results.n_places > 0)
		m = new_message(b, (struct span){"", 0});
	if ((b->results.n_places > 0 && m == NULL) ||
	    batch_results_problem(&b->results, m == NULL ? NULL : &m->place,
				  &problem) < 0)
		b->is_failed = true;
}

/* Results in order, from the first one without. */
static void collect_results(struct batch *b)
{
	struct batch_place *place;
	int rc;

	while ((place = batch_results_take(&b->results, &rc)) != NULL) {
		free(message_of(place));
		if (rc < 0)
			b->is_failed = true;
	}
	if (!reserve_batch(b, 0))
		b->is_short_of_memory = true;
}

/* ---- messages ------------------------------------------------------------ */

static void advance_batch(struct batch *b);

static void on_message_end(struct stream_publish *p,
			   enum publish_failure failure)
{
	struct batch_message *m =
		CONTAINER_OF(p, struct batch_message, publish);
	struct batch *b = m->batch;
	struct publish_error e;

	b->n_on_way--;
	b->bytes_on_way -= m->bytes;
	if (!stream_publish_is_stored(p, failure, false, &e))
		put_batch_problem(b, &m->place, &e);
	else if (batch_results_stored(&b->results, &m->place, p->ack.seq,
				      hub_tag(set_of_batch(b)->cfg.hub),
				      p->ack.duplicate) < 0)
		b->is_failed = true;
	collect_results(b);
	advance_batch(b);
}

static enum publish_failure start_message(struct batch *b,
					  struct batch_message *m)
{
	const struct batch_line *line = &b->input.line;
	const struct messenger_message message = {
		.subject = {m->subject, m->subject_len},
		.headers = {(const char *)buf_data(&line->headers.block),
			    buf_unread(&line->headers.block)},
		.data = line->data,
	};

	m->bytes = message.headers.len + message.data.len;
	return stream_publish_start(&m->publish, set_of_batch(b), &message,
				    on_message_end);
}

static void fail_message(struct batch *b, struct batch_message *m,
			 enum publish_failure failure)
{
	struct publish_error e;

	publish_error_of(&e, failure);
	stream_publish_count_error(set_of_batch(b), &e);
	put_batch_problem(b, &m->place, &e);
}

static bool has_window(const struct batch *b)
{
	const struct batch_line *line = &b->input.line;
	size_t bytes = line->data.len + buf_unread(&line->headers.block);

	return batch_window_has_room(b->n_on_way, b->bytes_on_way, bytes);
}

/* No memory for the line's message: it waits for earlier messages, if there are
 * any. */
static bool wait_or_fail_line(struct batch *b)
{
	struct http_error why;

	if (b->n_on_way > 0)
		return false;
	batch_input_no_memory(&b->input, &why);
	batch_input_release(&b->input);
	fail_line(b, &why);
	return true;
}

/* False: the line waits for the end of a message on its way. A full queue is
 * one that this batch may have filled itself: the message is surely not sent.
 */
static bool publish_line(struct batch *b)
{
	enum publish_failure failure;
	struct batch_message *m;

	if (!has_window(b))
		return false;
	if (!reserve_batch(b, sizeof(*m) + PATTERN_MAX))
		return wait_or_fail_line(b);
	m = new_message(b, b->input.subject);
	if (m == NULL)
		return wait_or_fail_line(b);
	failure = start_message(b, m);
	if (failure == PUBLISH_BUSY && b->n_on_way > 0) {
		batch_results_cancel(&b->results, &m->place);
		free(m);
		return false;
	}
	batch_input_release(&b->input);
	if (failure != PUBLISH_FAILURES) {
		fail_message(b, m, failure);
		return true;
	}
	b->n_on_way++;
	b->bytes_on_way += m->bytes;
	return true;
}

/* ---- lines --------------------------------------------------------------- */

static bool needs_status(const struct batch *b)
{
	return !b->work.is_open && (b->results.has_failure ||
				    b->results.n_lines > LINES_BEFORE_STATUS ||
				    b->is_short_of_memory);
}

/* When the body is over, all that is left of it is small. */
static bool must_hold_lines(const struct batch *b)
{
	if (b->is_failed || b->results.n_places >= BATCH_WINDOW)
		return true;
	if (b->input.is_over)
		return false;
	return needs_status(b) || conn_work_is_blocked(&b->work) ||
	       (b->work.is_open &&
		buf_unread(&b->results.out) >= RESULTS_BYTES);
}

static void publish_lines(struct batch *b)
{
	struct http_error why;

	while (!must_hold_lines(b)) {
		if (!b->input.has_message) {
			enum batch_input_verdict verdict =
				batch_input_next(&b->input, &why);

			if (verdict == BATCH_INPUT_FAULT)
				fail_line(b, &why);
			else if (verdict != BATCH_INPUT_MESSAGE)
				return;
		}
		if (b->input.has_message && !publish_line(b))
			return;
		collect_results(b);
	}
}

/* ---- the response -------------------------------------------------------- */

static bool is_batch_over(const struct batch *b)
{
	return b->input.is_ended && !b->input.has_message &&
	       b->results.n_places == 0;
}

static bool is_write_due(const struct batch *b)
{
	size_t unwritten = buf_unread(&b->results.out);

	if (unwritten == 0 || conn_work_is_blocked(&b->work))
		return false;
	return b->n_on_way == 0 || unwritten >= WRITE_BYTES ||
	       conn_now_ms(set_of_batch(b)) >= b->written_ms + WRITE_MS;
}

/* False: the batch is gone. */
static bool send_results(struct batch *b)
{
	struct buf *out = &b->results.out;

	if (needs_status(b) &&
	    !conn_work_open(&b->work, 207, ndjson_type, NULL))
		return false;
	if (!b->work.is_open || !is_write_due(b))
		return true;
	if (!conn_work_write(&b->work, buf_data(out), buf_unread(out)))
		return false;
	buf_finish(out);
	b->written_ms = conn_now_ms(set_of_batch(b));
	/* The client has the time of the body to read them. */
	if (conn_work_is_blocked(&b->work))
		conn_work_touch(&b->work);
	return true;
}

static void end_batch(struct batch *b)
{
	const struct buf *out = &b->results.out;

	if (b->work.is_open) {
		if (conn_work_write(&b->work, buf_data(out), buf_unread(out)))
			conn_work_end(&b->work);
		return;
	}
	conn_work_respond(&b->work, 200, ndjson_type, NULL, buf_data(out),
			  buf_unread(out));
}

static void settle_batch(struct batch *b)
{
	if (b->is_failed)
		conn_work_abort(&b->work);
	else if (is_batch_over(b))
		end_batch(b);
	else if (b->input.is_over || !batch_input_is_empty(&b->input) ||
		 conn_work_is_blocked(&b->work))
		conn_work_pause(&b->work);
	else
		conn_work_resume(&b->work);
}

/* The last call of each callback: the batch may be gone when it returns. */
static void advance_batch(struct batch *b)
{
	do {
		publish_lines(b);
		if (!send_results(b))
			return;
	} while (!must_hold_lines(b) && !b->input.has_message &&
		 !batch_input_is_empty(&b->input));
	settle_batch(b);
}

/* ---- the body ------------------------------------------------------------ */

static void on_batch_bytes(struct conn_work *w, struct span bytes)
{
	struct batch *b = CONTAINER_OF(w, struct batch, work);

	if (!batch_input_put(&b->input, bytes))
		b->is_failed = true;
	advance_batch(b);
}

static void on_batch_end(struct conn_work *w)
{
	struct batch *b = CONTAINER_OF(w, struct batch, work);

	batch_input_end(&b->input);
	advance_batch(b);
}

/* The results of the lines before are not lost. */
static bool on_batch_broken(struct conn_work *w, const struct http_error *why)
{
	struct batch *b = CONTAINER_OF(w, struct batch, work);

	if (b->input.n_lines == 0)
		return false;
	batch_input_break(&b->input, why);
	advance_batch(b);
	return true;
}

static void on_batch_writable(struct conn_work *w)
{
	advance_batch(CONTAINER_OF(w, struct batch, work));
}

/* ---- begin --------------------------------------------------------------- */

static const struct conn_work_ops ops = {
	.on_body = on_batch_bytes,
	.on_body_end = on_batch_end,
	.on_body_broken = on_batch_broken,
	.on_writable = on_batch_writable,
	.on_gone = on_batch_gone,
};

/* The size of a batch has no limit. */
static int begin_batch(struct batch *b, struct conn *c,
		       const struct exchange *x, const struct publish_query *q,
		       const struct authentication *caller,
		       struct http_error *why)
{
	int rc = conn_work_begin(&b->work, &ops, c, x, UINT64_MAX, why);

	if (rc == 0)
		rc = batch_input_init(&b->input, &b->work, &b->slot, q, caller,
				      why);
	return rc;
}

int batch_start(struct conn *c, const struct exchange *x,
		const struct publish_query *q,
		const struct authentication *caller, struct http_error *why)
{
	struct batch *b;
	int rc = publish_headers_none(x->request, why);

	if (rc < 0)
		return rc;
	if (q->atomic)
		return atomic_batch_start(c, x, q, caller, why);
	b = calloc(1, sizeof(*b));
	if (b == NULL)
		return -ENOMEM;
	batch_results_init(&b->results, RESULTS_MAX);
	rc = begin_batch(b, c, x, q, caller, why);
	if (rc < 0) {
		request_limits_release(&c->set->requests, &b->slot);
		free_batch(b);
		return rc;
	}
	conn_work_start(&b->work);
	return 0;
}
