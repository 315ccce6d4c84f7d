#include "nats/js_request.h"

#include <errno.h>
#include <inttypes.h>

#include <jansson.h>

static const uint64_t ns_per_ms = 1000000;

/* Writes into `out`. After the first failure writes are no-ops, and end_body()
 * removes what was written. */
struct body {
	struct buf *out;
	size_t unread_before;
	int rc;
};

static struct body begin_body(struct buf *out)
{
	return (struct body){out, buf_unread(out), 0};
}

static int end_body(struct body *b)
{
	if (b->rc < 0)
		buf_truncate(b->out, b->unread_before);
	return b->rc;
}

static void put_body_text(struct body *b, const char *text)
{
	if (b->rc == 0)
		b->rc = buf_puts(b->out, text);
}

static void put_number_member(struct body *b, const char *before,
			      uint64_t number)
{
	if (b->rc == 0)
		b->rc = buf_printf(b->out, "%s%" PRIu64, before, number);
}

static int on_piece(const char *text, size_t len, void *arg)
{
	struct body *b = arg;

	b->rc = buf_put(b->out, text, len);
	return b->rc;
}

/* A JSON string, escaped by jansson; must be UTF-8. */
static void put_string_member(struct body *b, const char *before,
			      const char *text)
{
	json_t *json = json_string(text);

	put_body_text(b, before);
	if (b->rc == 0 && json == NULL)
		b->rc = -ENOMEM;
	/* Without memory jansson fails without a call of on_piece(). */
	if (b->rc == 0 &&
	    json_dump_callback(json, on_piece, b, JSON_ENCODE_ANY) < 0 &&
	    b->rc == 0)
		b->rc = -ENOMEM;
	json_decref(json);
}

int js_request_get_next(struct buf *out, uint64_t seq, const char *subject)
{
	struct body b = begin_body(out);

	put_number_member(&b, "{\"seq\":", seq);
	put_string_member(&b, ",\"next_by_subj\":", subject);
	put_body_text(&b, "}");
	return end_body(&b);
}

int js_request_get(struct buf *out, uint64_t seq)
{
	struct body b = begin_body(out);

	put_number_member(&b, "{\"seq\":", seq);
	put_body_text(&b, "}");
	return end_body(&b);
}

int js_request_get_last(struct buf *out, const char *subject)
{
	struct body b = begin_body(out);

	put_string_member(&b, "{\"last_by_subj\":", subject);
	put_body_text(&b, "}");
	return end_body(&b);
}

static int put_page_request(struct buf *out, const char *before,
			    const char *pattern, uint64_t offset)
{
	struct body b = begin_body(out);

	put_string_member(&b, before, pattern);
	put_number_member(&b, ",\"offset\":", offset);
	put_body_text(&b, "}");
	return end_body(&b);
}

int js_request_subjects(struct buf *out, const char *pattern, uint64_t offset)
{
	return put_page_request(out, "{\"subjects_filter\":", pattern, offset);
}

int js_request_names(struct buf *out, const char *pattern, uint64_t offset)
{
	return put_page_request(out, "{\"subject\":", pattern, offset);
}

/* No num_replicas: 0 means one replica on a stream with limits, and is the only
 * value allowed on a stream with interest retention. With `action` an existing
 * name is an error and not an update (2.10 and later). */
int js_request_create(struct buf *out, const struct js_consumer *c)
{
	struct body b = begin_body(out);

	put_string_member(&b, "{\"stream_name\":", c->stream);
	put_string_member(&b, ",\"config\":{\"name\":", c->name);
	if (c->filter != NULL)
		put_string_member(&b, ",\"filter_subject\":", c->filter);
	if (c->last_per_subject) {
		put_body_text(&b, ",\"deliver_policy\":\"last_per_subject\"");
	} else {
		put_body_text(&b, ",\"deliver_policy\":\"by_start_sequence\"");
		put_number_member(&b, ",\"opt_start_seq\":",
				  c->start_seq == 0 ? 1 : c->start_seq);
	}
	if (c->headers_only)
		put_body_text(&b, ",\"headers_only\":true");
	put_body_text(&b,
		      ",\"ack_policy\":\"none\",\"replay_policy\":\"instant\""
		      ",\"mem_storage\":true");
	put_number_member(&b, ",\"inactive_threshold\":",
			  c->inactive_ms * ns_per_ms);
	put_body_text(&b, "},\"action\":\"create\"}");
	return end_body(&b);
}

int js_request_pull(struct buf *out, const struct js_pull *p)
{
	struct body b = begin_body(out);

	put_number_member(&b, "{\"batch\":", p->batch);
	if (p->max_bytes > 0)
		put_number_member(&b, ",\"max_bytes\":", p->max_bytes);
	if (p->expires_ms > 0)
		put_number_member(&b,
				  ",\"expires\":", p->expires_ms * ns_per_ms);
	if (p->heartbeat_ms > 0)
		put_number_member(&b, ",\"idle_heartbeat\":",
				  p->heartbeat_ms * ns_per_ms);
	if (p->no_wait)
		put_body_text(&b, ",\"no_wait\":true");
	put_body_text(&b, "}");
	return end_body(&b);
}
