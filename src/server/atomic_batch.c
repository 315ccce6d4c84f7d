/* Each message goes out with the batch's id and its number in it, and gets an
 * empty reply or an error. The last one commits the batch; JetStream
 * acknowledges it for all. So a message is sent when the next line, or the end
 * of the body, is known; and the commit when all others have their reply: until
 * then any error means that nothing is stored. The server drops a batch without
 * a commit. */
#include "server/atomic_batch.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/list.h"
#include "http/sse.h"
#include "nats/js_pub_ack.h"
#include "nats/messenger.h"
#include "server/batch_input.h"
#include "server/batch_window.h"
#include "server/conn_internal.h"
#include "server/conn_work.h"

enum {
	ATOMIC_MAX = 1000, /* messages; of nats-server */
	BATCH_ID_BYTES = 16,
	RESULT_MAX = 1024,
};

struct atomic_batch {
	struct conn_work work;
	struct request_slot slot;
	struct batch_input input;
	char id[2 * BATCH_ID_BYTES + 1];
	struct list on_way; /* of struct atomic_message */
	size_t n_on_way;
	size_t bytes_on_way;
	/* The line before the one of the input; it is sent next. */
	bool has_pending;
	bool is_numbered; /* `pending` has the headers of the batch */
	struct batch_line pending;
	char subject[PATTERN_MAX]; /* of `pending` */
	size_t subject_len;
	uint64_t n_sent;
	bool is_over;	       /* no more lines */
	bool is_committed;     /* the commit was sent */
	struct js_pub_ack ack; /* the commit's, or an error of another one */
};

struct atomic_message {
	struct list in_way;
	struct outgoing outgoing;
	struct atomic_batch *batch;
	size_t bytes;
	size_t subject_len;
	char subject[];
};

/* What a part of the loop below has come to. */
enum atomic_step { ATOMIC_ON, ATOMIC_WAIT, ATOMIC_GONE };

static struct atomic_batch *atomic_of(struct conn_work *w)
{
	return CONTAINER_OF(w, struct atomic_batch, work);
}

static struct conn_set *set_of_atomic(const struct atomic_batch *b)
{
	return b->work.conn->set;
}

/* ---- the end ------------------------------------------------------------- */

static void drop_pending(struct atomic_batch *b)
{
	if (b->has_pending)
		batch_line_finish(&b->pending);
	b->has_pending = false;
}

static void free_atomic(struct atomic_batch *b)
{
	drop_pending(b);
	batch_input_finish(&b->input);
	conn_work_finish(&b->work);
	free(b);
}

static void on_atomic_gone(struct conn_work *w)
{
	struct atomic_batch *b = atomic_of(w);
	struct conn_set *s = set_of_atomic(b);
	struct list *node;

	while ((node = list_pop(&b->on_way)) != NULL) {
		struct atomic_message *m =
			CONTAINER_OF(node, struct atomic_message, in_way);

		messenger_cancel(s->cfg.writing.messenger, &m->outgoing);
		free(m);
	}
	request_limits_release(&s->requests, &b->slot);
	free_atomic(b);
}

static void count_atomic(const struct atomic_batch *b, enum metric which)
{
	metric_add(set_of_atomic(b)->cfg.metrics, which, b->input.n_lines);
}

/* Of a line, or of the whole. */
static void reject_atomic_line(struct atomic_batch *b,
			       const struct http_error *why)
{
	struct http_error at_line;

	http_error_set(&at_line, why->status, why->reason,
		       "line %" PRIu64 ": %s", b->input.n_lines, why->text);
	count_atomic(b, METRIC_PUBLISHED_REJECTED);
	conn_work_reject_error(&b->work, &at_line);
}

static void reject_atomic_publish(struct atomic_batch *b,
				  struct publish_error *e)
{
	struct http_error why;
	struct problem problem;

	/* Without the commit nothing is stored, except by a server that does
	 * not know batches. */
	if (e->status == 504 && !b->is_committed) {
		e->status = 503;
		e->is_unknown = false;
		e->retry_after = true;
	}
	problem = problem_of_publish(&why, e);
	count_atomic(b, e->is_unknown ? METRIC_PUBLISHED_UNKNOWN
				      : METRIC_PUBLISHED_REJECTED);
	conn_work_reject(&b->work, &problem);
}

static void respond_with_count(struct atomic_batch *b)
{
	const struct conn_config *cfg = &set_of_atomic(b)->cfg;
	char event_id[SSE_EVENT_ID_MAX];
	struct buf out;

	buf_init(&out, RESULT_MAX);
	sse_event_id_format(event_id, b->ack.seq, hub_tag(cfg->hub));
	count_atomic(b, METRIC_PUBLISHED_STORED);
	if (buf_printf(&out,
		       "{\"stream\":\"%s\",\"seq\":%" PRIu64 ",\"id\":\"%s\","
		       "\"count\":%" PRIu64 "}\n",
		       cfg->writing.stream, b->ack.seq, event_id,
		       b->ack.count) < 0)
		conn_work_abort(&b->work);
	else
		conn_work_respond(&b->work, 201, "application/json", NULL,
				  buf_data(&out), buf_unread(&out));
	buf_finish(&out);
}

/* ---- replies ------------------------------------------------------------- */

static void advance_atomic(struct atomic_batch *b);

static void on_atomic_reply(struct outgoing *o,
			    const struct publisher_event *reply)
{
	struct atomic_message *m =
		CONTAINER_OF(o, struct atomic_message, outgoing);
	struct atomic_batch *b = m->batch;

	if (reply->data.len == 0 && !b->is_committed)
		return;
	js_pub_ack_parse(&b->ack, reply->data.at, reply->data.len,
			 set_of_atomic(b)->cfg.writing.stream);
	/* A server that does not know batches stores each message. */
	if (b->ack.error.err == 0 &&
	    (!b->is_committed || b->ack.count != b->n_sent))
		js_error_set(&b->ack.error, JS_JSON_MALFORMED,
			     "not an acknowledgement of the batch");
}

static void on_atomic_end(struct outgoing *o, enum publish_failure failure)
{
	struct atomic_message *m =
		CONTAINER_OF(o, struct atomic_message, outgoing);
	struct atomic_batch *b = m->batch;
	struct publish_error e;

	list_remove(&m->in_way);
	b->n_on_way--;
	b->bytes_on_way -= m->bytes;
	free(m);
	if (failure != PUBLISH_FAILURES) {
		publish_error_of(&e, failure);
		reject_atomic_publish(b, &e);
	} else if (b->ack.error.err != 0) {
		publish_error_of_ack(&e, &b->ack, false);
		reject_atomic_publish(b, &e);
	} else if (b->is_committed) {
		respond_with_count(b);
	} else {
		advance_atomic(b);
	}
}

/* ---- messages ------------------------------------------------------------ */

static bool reserve_atomic(struct atomic_batch *b)
{
	size_t message = sizeof(struct atomic_message) + PATTERN_MAX;

	b->input.other_bytes = sizeof(*b) + (b->n_on_way + 1) * message;
	if (b->has_pending)
		b->input.other_bytes +=
			b->pending.room.cap + b->pending.headers.block.cap;
	return batch_input_reserve(&b->input, 0);
}

static enum publish_failure request_atomic(struct atomic_batch *b,
					   struct atomic_message *m)
{
	static const struct outgoing_cbs cbs = {on_atomic_reply, on_atomic_end};
	const struct conn_writing *cfg = &set_of_atomic(b)->cfg.writing;
	const struct buf *headers = &b->pending.headers.block;
	const struct flight_options options = {
		.is_publish = true,
		.timeout_ms = cfg->publish_timeout_ms,
		.replies = 1,
	};
	const struct messenger_message message = {
		.subject = {m->subject, m->subject_len},
		.headers = {(const char *)buf_data(headers),
			    buf_unread(headers)},
		.data = b->pending.data,
	};

	m->bytes = message.headers.len + message.data.len;
	return messenger_request(cfg->messenger, &m->outgoing, &cbs, &message,
				 &options, conn_now_ms(set_of_atomic(b)));
}

static struct atomic_message *new_atomic_message(struct atomic_batch *b)
{
	struct atomic_message *m = calloc(1, sizeof(*m) + b->subject_len);

	if (m == NULL)
		return NULL;
	m->batch = b;
	memcpy(m->subject, b->subject, b->subject_len);
	m->subject_len = b->subject_len;
	return m;
}

static enum atomic_step fail_for_memory(struct atomic_batch *b)
{
	struct http_error why;

	batch_input_no_memory(&b->input, &why);
	reject_atomic_line(b, &why);
	return ATOMIC_GONE;
}

static enum atomic_step start_atomic_message(struct atomic_batch *b,
					     struct atomic_message *m)
{
	enum publish_failure failure = request_atomic(b, m);
	struct publish_error e;

	if (failure != PUBLISH_FAILURES) {
		free(m);
		if (failure == PUBLISH_BUSY && b->n_on_way > 0)
			return ATOMIC_WAIT;
		publish_error_of(&e, failure);
		reject_atomic_publish(b, &e);
		return ATOMIC_GONE;
	}
	list_push_back(&b->on_way, &m->in_way);
	b->n_on_way++;
	b->bytes_on_way += m->bytes;
	b->n_sent++;
	b->is_committed = b->is_over && !b->input.has_message;
	drop_pending(b);
	return ATOMIC_ON;
}

static enum atomic_step send_pending(struct atomic_batch *b)
{
	bool is_last = b->is_over && !b->input.has_message;
	struct atomic_message *m;
	struct http_error why;
	int rc = 0;

	if (!batch_window_has_room(b->n_on_way, b->bytes_on_way,
				   b->pending.data.len) ||
	    (is_last && b->n_on_way > 0))
		return ATOMIC_WAIT;
	if (!b->is_numbered)
		rc = publish_headers_batch(&b->pending.headers, &why, b->id,
					   b->n_sent + 1, is_last);
	if (rc == -EINVAL) {
		reject_atomic_line(b, &why);
		return ATOMIC_GONE;
	}
	b->is_numbered = true;
	m = rc == 0 && reserve_atomic(b) ? new_atomic_message(b) : NULL;
	return m == NULL ? fail_for_memory(b) : start_atomic_message(b, m);
}

/* ---- lines --------------------------------------------------------------- */

static enum atomic_step reject_number(struct atomic_batch *b)
{
	struct http_error why;

	if (b->input.n_lines == 0)
		http_error_set(&why, 400, REJECT_BAD_BODY,
			       "the batch has no message");
	else
		http_error_set(&why, 413, REJECT_BAD_BODY,
			       "an atomic batch has more than %d messages",
			       ATOMIC_MAX);
	count_atomic(b, METRIC_PUBLISHED_REJECTED);
	conn_work_reject_error(&b->work, &why);
	return ATOMIC_GONE;
}

static enum atomic_step take_next_line(struct atomic_batch *b)
{
	struct http_error why;

	switch (batch_input_next(&b->input, &why)) {
	case BATCH_INPUT_MORE:
		return ATOMIC_WAIT;
	case BATCH_INPUT_FAULT:
		reject_atomic_line(b, &why);
		return ATOMIC_GONE;
	case BATCH_INPUT_OVER:
		b->is_over = true;
		return b->input.n_lines == 0 ? reject_number(b) : ATOMIC_ON;
	case BATCH_INPUT_MESSAGE:
		break;
	}
	return b->input.n_lines > ATOMIC_MAX ? reject_number(b) : ATOMIC_ON;
}

static void move_to_pending(struct atomic_batch *b)
{
	struct batch_input *in = &b->input;

	b->pending = in->line;
	memcpy(b->subject, in->subject.at, in->subject.len);
	b->subject_len = in->subject.len;
	b->has_pending = true;
	b->is_numbered = false;
	in->has_message = false;
}

static enum atomic_step step_atomic(struct atomic_batch *b)
{
	if (b->is_committed)
		return ATOMIC_WAIT;
	if (!b->input.has_message && !b->is_over)
		return take_next_line(b);
	if (b->has_pending)
		return send_pending(b);
	move_to_pending(b);
	return ATOMIC_ON;
}

/* The last call of each callback: the batch may be gone when it returns. */
static void advance_atomic(struct atomic_batch *b)
{
	enum atomic_step step;

	while ((step = step_atomic(b)) == ATOMIC_ON)
		continue;
	if (step == ATOMIC_GONE)
		return;
	reserve_atomic(b);
	if (b->input.is_over || !batch_input_is_empty(&b->input))
		conn_work_pause(&b->work);
	else
		conn_work_resume(&b->work);
}

/* ---- the body ------------------------------------------------------------ */

static void on_atomic_bytes(struct conn_work *w, struct span bytes)
{
	struct atomic_batch *b = atomic_of(w);

	if (!batch_input_put(&b->input, bytes))
		conn_work_abort(w);
	else
		advance_atomic(b);
}

static void on_atomic_body_end(struct conn_work *w)
{
	struct atomic_batch *b = atomic_of(w);

	batch_input_end(&b->input);
	advance_atomic(b);
}

/* ---- begin --------------------------------------------------------------- */

static const struct conn_work_ops ops = {
	.on_body = on_atomic_bytes,
	.on_body_end = on_atomic_body_end,
	.on_gone = on_atomic_gone,
};

static int begin_atomic(struct atomic_batch *b, struct conn *c,
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

static int check_api_level(const struct conn *c, struct http_error *why)
{
	const struct hub *hub = c->set->cfg.hub;
	struct publish_error e;

	if (hub_api_level(hub) >= JETSTREAM_LEVEL_BATCH)
		return 0;
	/* Before the first contact the level is not known. */
	publish_error_of(&e, hub_tag(hub) == NULL ? PUBLISH_AWAY
						  : PUBLISH_NO_BATCH);
	problem_of_publish(why, &e);
	return -EINVAL;
}

int atomic_batch_start(struct conn *c, const struct exchange *x,
		       const struct publish_query *q,
		       const struct authentication *caller,
		       struct http_error *why)
{
	uint8_t id[BATCH_ID_BYTES];
	struct atomic_batch *b;
	int rc = check_api_level(c, why);

	if (rc < 0)
		return rc;
	b = calloc(1, sizeof(*b));
	if (b == NULL)
		return -ENOMEM;
	list_init(&b->on_way);
	randombytes_buf(id, sizeof(id));
	sodium_bin2hex(b->id, sizeof(b->id), id, sizeof(id));
	rc = begin_atomic(b, c, x, q, caller, why);
	if (rc < 0) {
		request_limits_release(&c->set->requests, &b->slot);
		free_atomic(b);
		return rc;
	}
	conn_work_start(&b->work);
	return 0;
}
