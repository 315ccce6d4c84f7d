/* The bucket -> Direct Get -> response. A bucket without allow_direct, and one
 * that no replica answers for, is read by STREAM.MSG.GET, from the stream's
 * leader. */
#include "server/kv_get.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "http/etag.h"
#include "http/http_date.h"
#include "http/kv_json.h"
#include "nats/kv_entry.h"
#include "server/conn_internal.h"
#include "server/kv_work.h"

enum {
	ENTRY_MESSAGE_MAX = 64 * 1024 * 1024,
	ENTRY_LINES_MAX = 256,
};

struct kv_get {
	struct kv_work kv;
	bool is_json;
	bool from_leader;
	bool is_nowhere; /* no replica has an answer */
	struct etag_conditions conditions;
	char key[KV_SUBJECT_MAX];
	struct kv_read read;
};

static struct kv_get *kv_get_of(struct kv_work *w)
{
	return CONTAINER_OF(w, struct kv_get, kv);
}

static struct kv_get *kv_get_of_outgoing(struct outgoing *o)
{
	return kv_get_of(CONTAINER_OF(o, struct kv_work, outgoing));
}

static void free_kv_get(struct kv_get *g)
{
	kv_work_finish(&g->kv);
	free(g);
}

static void on_get_gone(struct conn_work *w)
{
	struct kv_get *g = kv_get_of(CONTAINER_OF(w, struct kv_work, work));

	kv_work_release(&g->kv);
	free_kv_get(g);
}

/* ---- the response -------------------------------------------------------- */

static void reject_failed_condition(struct kv_get *g, uint64_t revision)
{
	struct http_error why;
	const struct problem p = {.error = &why,
				  .has_current = true,
				  .current = revision};

	http_error_set(&why, 412, REJECT_NOT_PUBLISHED,
		       "the precondition has failed, the revision is another "
		       "one");
	kv_work_reject(&g->kv, &p);
}

static void reject_missing_entry(struct kv_get *g, const char *text)
{
	if (etag_judge(&g->conditions, 0) == ETAG_FAILED)
		reject_failed_condition(g, 0);
	else
		kv_work_reject_missing(&g->kv, "key", span_of(g->key), text);
}

/* The tag is that of the value alone: a strong tag has one representation. */
static void format_entry_lines(const struct kv_get *g, const struct kv_entry *e,
			       char *out)
{
	char tag[ETAG_MAX] = "", date[HTTP_DATE_MAX];
	int len = 0;

	etag_format(tag, e->revision);
	if (!g->is_json)
		len = snprintf(out, ENTRY_LINES_MAX, "ETag: %s\r\n", tag);
	if (http_date_format(date, e->time_ns / 1000000000) == 0)
		len += snprintf(out + len, (size_t)(ENTRY_LINES_MAX - len),
				"Last-Modified: %s\r\n", date);
	snprintf(out + len, (size_t)(ENTRY_LINES_MAX - len),
		 "Nats-Revision: %" PRIu64 "\r\n", e->revision);
}

static void respond_with_json(struct kv_get *g, const struct kv_entry *e,
			      const char *lines)
{
	const struct kv_json_entry entry = {
		.entry = e,
		.bucket = kv_work_bucket(&g->kv),
		.kind = kv_json_kind(e->value),
	};
	struct kv_json j;
	uint8_t *text;

	kv_json_measure(&j, &entry);
	text = malloc(j.total);
	if (text == NULL) {
		kv_work_abort(&g->kv);
		return;
	}
	kv_json_encode(&j, text);
	kv_work_respond_value(&g->kv, "application/json", lines,
			      text + j.size_line_len, j.body_len);
	free(text);
}

/* The marker of a deleted key is an entry for a client that names its
 * revision. */
static bool shows_entry(const struct kv_get *g, const struct kv_entry *e)
{
	return kv_entry_has_value(e) || (g->is_json && g->read.revision > 0);
}

static void respond_with_entry(struct kv_get *g, const struct kv_entry *e)
{
	char lines[ENTRY_LINES_MAX];

	if (!shows_entry(g, e)) {
		reject_missing_entry(g, "is deleted");
		return;
	}
	format_entry_lines(g, e, lines);
	switch (etag_judge(&g->conditions, e->revision)) {
	case ETAG_SEND:
		break;
	case ETAG_NOT_MODIFIED:
		kv_work_respond_value(&g->kv, NULL, lines, NULL, 0);
		return;
	case ETAG_FAILED:
		reject_failed_condition(g, e->revision);
		return;
	}
	if (g->is_json)
		respond_with_json(g, e, lines);
	else
		kv_work_respond_value(&g->kv, "application/octet-stream", lines,
				      e->value.at, e->value.len);
}

/* ---- NATS ---------------------------------------------------------------- */

static void read_entry(struct kv_get *g);

static void take_read_answer(struct kv_get *g, const struct kv_read_answer *a)
{
	switch (a->result) {
	case KV_READ_FOUND:
		respond_with_entry(g, &a->entry);
		return;
	case KV_READ_NONE:
		reject_missing_entry(g, g->read.revision > 0
						? "does not have this revision"
						: "does not exist");
		return;
	case KV_READ_NO_BUCKET:
		kv_work_reject_missing_bucket(&g->kv);
		return;
	case KV_READ_NO_DIRECT:
	case KV_READ_FAILED:
		break;
	}
	/* A mirror may have answered, with the name of its own stream. */
	if (g->read.direct)
		g->is_nowhere = true; /* on_entry_end() follows */
	else
		kv_work_reject_api(&g->kv, &a->error);
}

static void on_entry(struct outgoing *o, const struct publisher_event *reply)
{
	struct kv_get *g = kv_get_of_outgoing(o);
	struct kv_read_answer a;

	kv_read_response(&a, &g->read, reply->headers, reply->data,
			 ENTRY_MESSAGE_MAX);
	take_read_answer(g, &a);
	kv_read_finish(&a);
}

static void on_entry_end(struct outgoing *o, enum publish_failure failure)
{
	struct kv_get *g = kv_get_of_outgoing(o);

	/* nats-server 2.9 does not answer for a stream that is gone. */
	if (g->read.direct &&
	    (g->is_nowhere || failure == PUBLISH_NO_RESPONDERS ||
	     (failure == PUBLISH_NO_REPLY && g->kv.is_cached))) {
		g->read.direct = false;
		read_entry(g);
	} else {
		kv_work_fail(&g->kv, failure);
	}
}

static void read_entry(struct kv_get *g)
{
	static const struct outgoing_cbs cbs = {on_entry, on_entry_end};

	kv_work_send_read(&g->kv, &cbs, &g->read);
}

static void on_get_bucket(struct kv_work *w)
{
	struct kv_get *g = kv_get_of(w);

	g->read.api_prefix = kv_work_config(w)->api_prefix;
	g->read.bucket = kv_work_bucket(w);
	g->read.origin = span_of(w->info.origin);
	g->read.key = span_of(g->key);
	g->read.direct = !g->from_leader && w->info.allow_direct;
	read_entry(g);
}

/* ---- begin --------------------------------------------------------------- */

static void on_get_begin(struct conn_work *w)
{
	struct kv_work *kv = CONTAINER_OF(w, struct kv_work, work);

	if (kv_work_take_slot(kv))
		kv_work_find_bucket(kv, on_get_bucket);
}

static const struct conn_work_ops get_ops = {
	.on_body_end = on_get_begin,
	.on_gone = on_get_gone,
};

int kv_get_start(struct conn *c, const struct exchange *x,
		 const struct kv_get_request *request, struct http_error *why)
{
	const struct kv_work_request work = {
		.exchange = x,
		.id = request->id,
		.bucket = request->bucket,
		.kind = KV_KIND_READ,
	};
	struct kv_get *g = calloc(1, sizeof(*g));
	int rc;

	if (g == NULL)
		return -ENOMEM;
	MUST(request->key.len < sizeof(g->key));
	memcpy(g->key, request->key.at, request->key.len);
	g->is_json = request->query->form == KV_FORM_JSON;
	g->from_leader = request->query->from_leader;
	g->read.revision = request->query->revision;
	rc = etag_read_conditions(&g->conditions, why, x->request);
	if (rc == 0)
		rc = kv_work_begin(&g->kv, &get_ops, c, &work, why);
	if (rc < 0) {
		free_kv_get(g);
		return rc;
	}
	conn_work_start(&g->kv.work);
	return 0;
}
