#include "server/batch_input.h"

#include <errno.h>
#include <string.h>

#include "base/check.h"
#include "http/publish_query.h"
#include "server/authenticate.h"
#include "server/conn_internal.h"
#include "server/conn_work.h"

enum {
	/* JSON has at most this many bytes for each one of a payload or a
	 * header. */
	JSON_FACTOR = 6,
	/* Reading is paused while a backlog is there; a read has no more. */
	BACKLOG_MAX = 2 * CONN_READ_BYTES,
	RIGHTS_BYTES = 50 * 1024, /* publish_rights.h */
	/* The room of a splitter that is kept from line to line. */
	KEPT_BYTES = 16 * 1024,
};

/* ---- memory -------------------------------------------------------------- */

bool batch_input_reserve(struct batch_input *in, size_t more)
{
	size_t used = sizeof(*in) + RIGHTS_BYTES + in->lines.kept.cap +
		      in->backlog.cap + in->other_bytes;

	if (in->has_message)
		used += in->line.room.cap + in->line.headers.block.cap;
	return conn_work_reserve(in->work, used + more);
}

void batch_input_no_memory(const struct batch_input *in, struct http_error *why)
{
	http_error_set(why, 503, REJECT_MAX_BODY_MEMORY,
		       "the bodies of all requests take more than %zu bytes, "
		       "try again later",
		       in->cfg->max_body_memory);
}

/* ---- begin and end ------------------------------------------------------- */

static int make_batch_rights(struct batch_input *in,
			     const struct authentication *caller,
			     struct http_error *why)
{
	struct publish_rights_source source = in->cfg->rights;

	source.id = (struct span){in->id.id, in->id.len};
	if (caller->rights != NULL)
		source.claim = span_of(caller->rights);
	return publish_rights_new(&in->rights, why, &source);
}

/* The subject of the request must be allowed, since it is named. The template
 * matters to lines without a subject alone. */
static int take_default_subject(struct batch_input *in,
				const struct publish_query *q,
				struct http_error *why)
{
	struct span subject;
	int rc;

	if (q->has_subject) {
		/* Longer ones are cut, and too long all the same. */
		subject = query_text_kept(&q->subject);
		rc = publish_rights_check(in->rights, subject, why);
		if (rc < 0)
			return rc;
		MUST(subject.len <= sizeof(in->default_subject));
		memcpy(in->default_subject, subject.at, subject.len);
		in->default_len = subject.len;
		return 0;
	}
	rc = publish_subject_default(&subject, in->default_subject,
				     &in->no_default, in->cfg->default_subject,
				     (struct span){in->id.id, in->id.len});
	in->default_len = rc == 0 ? subject.len : 0;
	return 0;
}

int batch_input_init(struct batch_input *in, struct conn_work *work,
		     struct request_slot *slot, const struct publish_query *q,
		     const struct authentication *caller,
		     struct http_error *why)
{
	struct conn_set *set = work->conn->set;
	const struct conn_writing *cfg = &set->cfg.writing;
	int rc = request_limits_acquire(&set->requests, slot,
					(struct span){caller->id.id,
						      caller->id.len},
					&work->client, why);

	if (rc < 0)
		return rc;
	*in = (struct batch_input){
		.work = work,
		.cfg = cfg,
		.id = caller->id,
		.end_ms = caller->end_ms,
	};
	line_splitter_init(&in->lines,
			   JSON_FACTOR * (cfg->max_body + PUBLISH_HEADERS_MAX));
	buf_init(&in->backlog, BACKLOG_MAX);
	rc = make_batch_rights(in, caller, why);
	if (rc == 0)
		rc = take_default_subject(in, q, why);
	if (rc < 0 || batch_input_reserve(in, 0))
		return rc;
	batch_input_no_memory(in, why);
	return -EINVAL;
}

void batch_input_finish(struct batch_input *in)
{
	batch_input_release(in);
	line_splitter_finish(&in->lines);
	buf_finish(&in->backlog);
	publish_rights_free(in->rights);
	in->rights = NULL;
}

/* ---- the body ------------------------------------------------------------ */

bool batch_input_put(struct batch_input *in, struct span bytes)
{
	return buf_put(&in->backlog, bytes.at, bytes.len) == 0;
}

void batch_input_end(struct batch_input *in)
{
	in->is_over = true;
}

void batch_input_break(struct batch_input *in, const struct http_error *why)
{
	in->is_over = true;
	in->is_broken = true;
	in->broken = *why;
}

bool batch_input_is_empty(const struct batch_input *in)
{
	return !in->has_message && buf_unread(&in->backlog) == 0;
}

void batch_input_release(struct batch_input *in)
{
	if (!in->has_message)
		return;
	batch_line_finish(&in->line);
	in->has_message = false;
}

/* ---- lines --------------------------------------------------------------- */

static bool has_expired(const struct batch_input *in)
{
	return in->end_ms != UINT64_MAX &&
	       in->work->conn->set->cfg.wall_ms() >= in->end_ms;
}

static int check_line(struct batch_input *in, struct http_error *why)
{
	if (has_expired(in))
		return http_error_set(why, 401, REJECT_TOKEN_EXPIRED,
				      "the token has expired");
	in->subject = in->line.subject;
	if (in->subject.len == 0)
		in->subject =
			(struct span){in->default_subject, in->default_len};
	if (in->subject.len == 0) {
		*why = in->no_default;
		return -EINVAL;
	}
	if (in->line.data.len > in->cfg->max_body)
		return http_error_set(why, 413, REJECT_BAD_BODY,
				      "the message has more than %zu bytes",
				      in->cfg->max_body);
	return publish_rights_check(in->rights, in->subject, why);
}

static enum batch_input_verdict take_message_line(struct batch_input *in,
						  struct span line,
						  struct http_error *why)
{
	struct span id = {in->id.id, in->id.len};
	int rc = batch_line_parse(&in->line, why, line,
				  span_of(in->cfg->stream), id);

	in->has_message = rc == 0;
	if (rc == 0)
		rc = check_line(in, why);
	if (rc == 0 && !batch_input_reserve(in, 0))
		rc = -ENOMEM;
	if (rc == -ENOMEM)
		batch_input_no_memory(in, why);
	if (rc < 0)
		batch_input_release(in);
	return rc == 0 ? BATCH_INPUT_MESSAGE : BATCH_INPUT_FAULT;
}

static enum batch_input_verdict take_line_verdict(struct batch_input *in,
						  enum line_verdict verdict,
						  struct span line,
						  struct http_error *why)
{
	enum batch_input_verdict ret = BATCH_INPUT_FAULT;

	in->n_lines++;
	/* Progress of the body. */
	conn_work_touch(in->work);
	if (verdict == LINE_READY)
		ret = take_message_line(in, line, why);
	else if (verdict == LINE_NO_MEMORY)
		batch_input_no_memory(in, why);
	else
		http_error_set(why, 413, REJECT_BAD_BODY,
			       "the line has more than %zu bytes",
			       in->lines.kept.max);
	if (in->lines.kept.cap > KEPT_BYTES && buf_unread(&in->lines.kept) == 0)
		buf_finish(&in->lines.kept);
	return ret;
}

static enum batch_input_verdict end_batch_input(struct batch_input *in,
						struct http_error *why)
{
	enum line_verdict verdict = LINE_MORE;
	struct span line;

	if (!in->is_over)
		return BATCH_INPUT_MORE;
	if (in->is_ended)
		return BATCH_INPUT_OVER;
	in->is_ended = true;
	if (in->is_broken) {
		*why = in->broken;
		in->n_lines++;
		return BATCH_INPUT_FAULT;
	}
	verdict = line_splitter_end(&in->lines, &line);
	if (verdict == LINE_MORE)
		return BATCH_INPUT_OVER;
	return take_line_verdict(in, verdict, line, why);
}

/* The splitter keeps at most the whole backlog, in a buffer that may have twice
 * the size. */
static bool reserve_next_line(struct batch_input *in)
{
	const struct buf *kept = &in->lines.kept;
	size_t want = buf_unread(kept) + buf_unread(&in->backlog);

	if (in->lines.is_skipping || want <= kept->cap)
		return true;
	return batch_input_reserve(in, 2 * want);
}

enum batch_input_verdict batch_input_next(struct batch_input *in,
					  struct http_error *why)
{
	enum line_verdict verdict;
	struct span line = {"", 0};
	size_t used;

	MUST(!in->has_message);
	if (buf_unread(&in->backlog) == 0)
		return end_batch_input(in, why);
	if (!reserve_next_line(in)) {
		line_splitter_skip(&in->lines);
		return take_line_verdict(in, LINE_NO_MEMORY, line, why);
	}
	verdict = line_splitter_feed(&in->lines, buf_data(&in->backlog),
				     buf_unread(&in->backlog), &used, &line);
	if (verdict == LINE_MORE) {
		buf_finish(&in->backlog);
		return end_batch_input(in, why);
	}
	/* The line may lie in the backlog: its bytes stay until the next put.
	 */
	buf_consume(&in->backlog, used);
	return take_line_verdict(in, verdict, line, why);
}
