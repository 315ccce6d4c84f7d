/* The bucket -> Direct Get -> response. A bucket without allow_direct, and one
 * that no replica answers for, is read by STREAM.MSG.GET, from the stream's
 * leader. */
#include "server/kv_read.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "http/etag.h"
#include "http/http_date.h"
#include "http/kv_json.h"
#include "nats/js_request.h"
#include "nats/js_response.h"
#include "nats/kv_entry.h"
#include "server/conn_internal.h"
#include "server/kv_work.h"

enum {
	ENTRY_MESSAGE_MAX = 64 * 1024 * 1024,
	ENTRY_LINES_MAX = 256,
	ENTRY_REQUEST_MAX = 512,
};

struct kv_read {
	struct kv_work kv;
	bool is_json;
	bool from_leader;
	bool is_nowhere; /* no replica has an answer */
	uint64_t revision;
	struct etag_conditions conditions;
	char key[KV_SUBJECT_MAX];
	char entry[KV_SUBJECT_MAX]; /* the subject */
	size_t entry_len;
};

static struct kv_read *kv_read_of(struct kv_work *w)
{
	return CONTAINER_OF(w, struct kv_read, kv);
}

static struct kv_read *kv_read_of_outgoing(struct outgoing *o)
{
	return kv_read_of(CONTAINER_OF(o, struct kv_work, outgoing));
}

static void free_kv_read(struct kv_read *r)
{
	kv_work_finish(&r->kv);
	free(r);
}

static void on_read_gone(struct conn_work *w)
{
	struct kv_read *r = kv_read_of(CONTAINER_OF(w, struct kv_work, work));

	kv_work_release(&r->kv);
	free_kv_read(r);
}

/* ---- the response -------------------------------------------------------- */

static void reject_failed_condition(struct kv_read *r, uint64_t revision)
{
	struct http_error why;
	const struct problem p = {.error = &why,
				  .has_current = true,
				  .current = revision};

	http_error_set(&why, 412, REJECT_NOT_PUBLISHED,
		       "the precondition has failed, the revision is another "
		       "one");
	kv_work_reject(&r->kv, &p);
}

static void reject_missing_entry(struct kv_read *r, const char *text)
{
	if (etag_judge(&r->conditions, 0) == ETAG_FAILED)
		reject_failed_condition(r, 0);
	else
		kv_work_reject_missing(&r->kv, "key", span_of(r->key), text);
}

/* The tag is that of the value alone: a strong tag has one representation. */
static void format_entry_lines(const struct kv_read *r,
			       const struct kv_entry *e, char *out)
{
	char tag[ETAG_MAX] = "", date[HTTP_DATE_MAX];
	int len = 0;

	etag_format(tag, e->revision);
	if (!r->is_json)
		len = snprintf(out, ENTRY_LINES_MAX, "ETag: %s\r\n", tag);
	if (http_date_format(date, e->time_ns / 1000000000) == 0)
		len += snprintf(out + len, (size_t)(ENTRY_LINES_MAX - len),
				"Last-Modified: %s\r\n", date);
	snprintf(out + len, (size_t)(ENTRY_LINES_MAX - len),
		 "Nats-Revision: %" PRIu64 "\r\nVary: Accept\r\n", e->revision);
}

static void respond_with_json(struct kv_read *r, const struct kv_entry *e,
			      const char *lines)
{
	const struct kv_json_entry entry = {
		.entry = e,
		.bucket = kv_work_bucket(&r->kv),
		.kind = kv_json_kind(e->value),
	};
	struct kv_json j;
	uint8_t *text;

	kv_json_measure(&j, &entry);
	text = malloc(j.total);
	if (text == NULL) {
		kv_work_abort(&r->kv);
		return;
	}
	kv_json_encode(&j, text);
	kv_work_respond(&r->kv, 200, "application/json", lines,
			text + j.size_line_len, j.body_len);
	free(text);
}

/* The marker of a deleted key is an entry for a client that names its
 * revision. */
static bool shows_entry(const struct kv_read *r, const struct kv_entry *e)
{
	return kv_entry_has_value(e) || (r->is_json && r->revision > 0);
}

static void respond_with_entry(struct kv_read *r, const struct kv_entry *e)
{
	char lines[ENTRY_LINES_MAX];

	if (!shows_entry(r, e)) {
		reject_missing_entry(r, "is deleted");
		return;
	}
	format_entry_lines(r, e, lines);
	/* A browser may keep it, and must ask each time. */
	r->kv.work.to.cache = "private, no-cache";
	switch (etag_judge(&r->conditions, e->revision)) {
	case ETAG_SEND:
		break;
	case ETAG_NOT_MODIFIED:
		kv_work_respond(&r->kv, 304, NULL, lines, NULL, 0);
		return;
	case ETAG_FAILED:
		reject_failed_condition(r, e->revision);
		return;
	}
	if (r->is_json)
		respond_with_json(r, e, lines);
	else
		kv_work_respond(&r->kv, 200, "application/octet-stream", lines,
				e->value.at, e->value.len);
}

/* A stored message, or that of another key, by its revision. */
static void take_stored(struct kv_read *r, struct span subject,
			struct span headers, struct span value, uint64_t seq,
			uint64_t time_ns)
{
	struct kv_entry e;

	if (subject.len != r->entry_len ||
	    memcmp(subject.at, r->entry, r->entry_len) != 0 ||
	    !kv_entry_init(&e, subject, headers, value)) {
		reject_missing_entry(r, "does not have this revision");
		return;
	}
	e.revision = seq;
	e.time_ns = time_ns;
	respond_with_entry(r, &e);
}

static void reject_not_stored(struct kv_read *r)
{
	reject_missing_entry(r, r->revision > 0 ? "does not have this revision"
						: "does not exist");
}

/* ---- STREAM.MSG.GET ------------------------------------------------------ */

static void on_stored(struct outgoing *o, const struct publisher_event *reply)
{
	static const int no_message = 10037;
	struct kv_read *r = kv_read_of_outgoing(o);
	struct js_message m;

	js_message_parse(&m, reply->data.at, reply->data.len,
			 ENTRY_MESSAGE_MAX);
	if (m.error.err == no_message)
		reject_not_stored(r);
	else if (m.error.err != 0)
		kv_work_reject_api(&r->kv, &m.error);
	else
		take_stored(r, (struct span){m.subject, m.subject_len},
			    (struct span){(const char *)buf_data(&m.headers),
					  buf_unread(&m.headers)},
			    (struct span){(const char *)buf_data(&m.data),
					  buf_unread(&m.data)},
			    m.seq, m.time_ns);
	js_message_finish(&m);
}

static void on_stored_end(struct outgoing *o, enum publish_failure failure)
{
	kv_work_fail(&kv_read_of_outgoing(o)->kv, failure);
}

static int put_entry_request(struct buf *out, const struct kv_read *r)
{
	return r->revision > 0 ? js_request_get(out, r->revision)
			       : js_request_get_last(out, r->entry);
}

static void send_entry_request(struct kv_read *r,
			       const struct outgoing_cbs *cbs)
{
	struct buf body;

	buf_init(&body, ENTRY_REQUEST_MAX);
	if (put_entry_request(&body, r) < 0)
		kv_work_fail(&r->kv, PUBLISH_BUSY);
	else
		kv_work_send(&r->kv, cbs, (struct span){0},
			     (struct span){(const char *)buf_data(&body),
					   buf_unread(&body)},
			     false);
	buf_finish(&body);
}

static void get_from_leader(struct kv_read *r)
{
	static const struct outgoing_cbs cbs = {on_stored, on_stored_end};

	kv_work_api_subject(&r->kv, ".STREAM.MSG.GET.");
	send_entry_request(r, &cbs);
}

/* ---- Direct Get ---------------------------------------------------------- */

static void on_direct(struct outgoing *o, const struct publisher_event *reply)
{
	struct kv_read *r = kv_read_of_outgoing(o);
	struct js_direct d;

	js_direct_parse(&d, reply->headers, reply->data.len, r->kv.stream);
	switch (d.result) {
	case JS_DIRECT_FOUND:
		take_stored(r, d.subject, d.headers, reply->data, d.seq,
			    d.time_ns);
		return;
	case JS_DIRECT_NONE:
		reject_not_stored(r);
		return;
	/* A mirror of the bucket answers with its own name. */
	case JS_DIRECT_MALFORMED:
	case JS_DIRECT_NOWHERE:
	case JS_DIRECT_REJECTED:
		r->is_nowhere = true;
		return; /* on_direct_end() follows */
	}
}

static void on_direct_end(struct outgoing *o, enum publish_failure failure)
{
	struct kv_read *r = kv_read_of_outgoing(o);

	if (r->is_nowhere || failure == PUBLISH_NO_RESPONDERS)
		get_from_leader(r);
	else
		kv_work_fail(&r->kv, failure);
}

static void get_directly(struct kv_read *r)
{
	static const struct outgoing_cbs cbs = {on_direct, on_direct_end};
	const char *prefix = kv_work_config(&r->kv)->api_prefix;
	struct span subject = {r->entry, r->entry_len};

	if (r->revision > 0) {
		js_direct_subject(r->kv.subject, prefix, r->kv.stream,
				  (struct span){0});
		send_entry_request(r, &cbs);
	} else {
		js_direct_subject(r->kv.subject, prefix, r->kv.stream, subject);
		kv_work_send(&r->kv, &cbs, (struct span){0}, (struct span){0},
			     false);
	}
}

/* ---- begin --------------------------------------------------------------- */

static void on_read_bucket(struct kv_work *w)
{
	struct kv_read *r = kv_read_of(w);

	r->entry_len =
		kv_subject(r->entry, span_of(w->info.origin), span_of(r->key));
	if (r->from_leader || !w->info.allow_direct)
		get_from_leader(r);
	else
		get_directly(r);
}

static void on_read_begin(struct conn_work *w)
{
	struct kv_work *kv = CONTAINER_OF(w, struct kv_work, work);

	if (kv_work_take_slot(kv))
		kv_work_find_bucket(kv, on_read_bucket);
}

static const struct conn_work_ops read_ops = {
	.on_body_end = on_read_begin,
	.on_gone = on_read_gone,
};

int kv_read_start(struct conn *c, const struct exchange *x,
		  const struct kv_read_request *request, struct http_error *why)
{
	const struct kv_work_request work = {
		.exchange = x,
		.id = request->id,
		.bucket = request->bucket,
		.kind = KV_KIND_READ,
	};
	struct kv_read *r = calloc(1, sizeof(*r));
	int rc;

	if (r == NULL)
		return -ENOMEM;
	MUST(request->key.len < sizeof(r->key));
	memcpy(r->key, request->key.at, request->key.len);
	r->is_json = request->query->form == KV_FORM_JSON;
	r->from_leader = request->query->from_leader;
	r->revision = request->query->revision;
	rc = etag_read_conditions(&r->conditions, why, x->request);
	if (rc == 0)
		rc = kv_work_begin(&r->kv, &read_ops, c, &work, why);
	if (rc < 0) {
		free_kv_read(r);
		return rc;
	}
	conn_work_start(&r->kv.work);
	return 0;
}
