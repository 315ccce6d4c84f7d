#include "nats/kv_read.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "nats/jetstream.h"
#include "nats/js_request.h"

int kv_read_request(const struct kv_read *r, char *subject, struct buf *body)
{
	char stream[KV_STREAM_MAX], of_key[KV_SUBJECT_MAX];
	struct span last = {of_key, kv_subject(of_key, r->origin, r->key)};

	MUST(kv_key_fault(r->bucket, r->key) == NULL);
	kv_stream(stream, r->bucket);
	buf_clear(body);
	if (r->direct) {
		if (r->revision > 0)
			last.len = 0;
		js_direct_subject(subject, r->api_prefix, stream, last);
		return r->revision > 0 ? js_request_get(body, r->revision) : 0;
	}
	MUST(subject_prefix_ok(r->api_prefix));
	snprintf(subject, JS_DIRECT_SUBJECT_MAX, "%s.STREAM.MSG.GET.%s",
		 r->api_prefix, stream);
	return r->revision > 0 ? js_request_get(body, r->revision)
			       : js_request_get_last(body, of_key);
}

/* ---- the response -------------------------------------------------------- */

static void fail_read(struct kv_read_answer *a, int err, const char *text)
{
	a->result = KV_READ_FAILED;
	js_error_set(&a->error, err, text);
}

static bool is_subject_of(const struct kv_read *r, struct span subject)
{
	char own[KV_SUBJECT_MAX];
	size_t len = kv_subject(own, r->origin, r->key);

	return subject.len == len && memcmp(subject.at, own, len) == 0;
}

struct read_message {
	struct span subject;
	struct span block; /* its headers */
	struct span value;
	uint64_t seq;
	uint64_t time_ns;
};

/* A revision is the sequence of any message of the bucket: that of another key
 * is none, since the rights are those of this key. */
static void take_entry(struct kv_read_answer *a, const struct kv_read *r,
		       const struct read_message *m)
{
	bool is_entry = is_subject_of(r, m->subject) &&
			(r->revision == 0 || r->revision == m->seq);

	if (is_entry) {
		MUST(kv_entry_init(&a->entry, m->subject, m->block, m->value));
		a->entry.revision = m->seq;
		a->entry.time_ns = m->time_ns;
		a->result = KV_READ_FOUND;
	} else if (r->revision > 0) {
		a->result = KV_READ_NONE;
	} else {
		fail_read(a, JS_JSON_MALFORMED, "a message of another subject");
	}
}

static void take_direct(struct kv_read_answer *a, const struct kv_read *r,
			struct span headers, struct span data)
{
	char stream[KV_STREAM_MAX];
	struct js_direct d;

	kv_stream(stream, r->bucket);
	js_direct_parse(&d, headers, data.len, stream);
	switch (d.result) {
	case JS_DIRECT_FOUND:
		take_entry(a, r,
			   &(struct read_message){d.subject, d.headers, data,
						  d.seq, d.time_ns});
		break;
	case JS_DIRECT_NONE:
		a->result = KV_READ_NONE;
		break;
	case JS_DIRECT_NOWHERE:
		a->result = KV_READ_NO_DIRECT;
		break;
	case JS_DIRECT_REJECTED:
		fail_read(a, d.code, "the request was rejected");
		break;
	case JS_DIRECT_MALFORMED:
		fail_read(a, JS_JSON_MALFORMED, "not a stored message");
		break;
	}
}

static struct span span_of_buf(const struct buf *b)
{
	return (struct span){(const char *)buf_data(b), buf_unread(b)};
}

static void take_stored(struct kv_read_answer *a, const struct kv_read *r,
			struct span data, size_t max)
{
	struct js_message *m = &a->stored;

	js_message_parse(m, data.at, data.len, max);
	switch (m->error.err) {
	case 0:
		take_entry(a, r,
			   &(struct read_message){{m->subject, m->subject_len},
						  span_of_buf(&m->headers),
						  span_of_buf(&m->data),
						  m->seq,
						  m->time_ns});
		break;
	case JETSTREAM_ERR_NO_MESSAGE:
		a->result = KV_READ_NONE;
		break;
	case JETSTREAM_ERR_NO_STREAM:
		a->result = KV_READ_NO_BUCKET;
		break;
	default:
		a->result = KV_READ_FAILED;
		a->error = m->error;
	}
}

void kv_read_response(struct kv_read_answer *ret, const struct kv_read *r,
		      struct span headers, struct span data, size_t max)
{
	memset(ret, 0, sizeof(*ret));
	if (r->direct)
		take_direct(ret, r, headers, data);
	else
		take_stored(ret, r, data, max);
}

void kv_read_finish(struct kv_read_answer *a)
{
	js_message_finish(&a->stored);
}
