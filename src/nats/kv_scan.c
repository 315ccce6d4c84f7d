#include "nats/kv_scan.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/decimal.h"
#include "nats/js_ack.h"
#include "nats/js_request.h"
#include "nats/js_response.h"

enum {
	/* Entries of a pull. No limit of bytes: a consumer of the last entries
	 * loses the one that exceeds it (run with nats-server 2.9.10). */
	SCAN_BATCH = 64,
	SCAN_HEADERS_BATCH = 512,
	SCAN_INACTIVE_MS = 60000, /* the consumer of a gateway that is gone */
	SCAN_TIME_MS = 600000,	  /* of all */
	SCAN_MORE = 100000,	  /* entries written meanwhile */
	SCAN_REQUEST_MAX = 4096,
};

/* ---- the end ------------------------------------------------------------- */

static void delete_consumer(struct kv_scan *s, uint64_t now_ms)
{
	char subject[KV_SCAN_SUBJECT_MAX];
	struct messenger_message message = {0};

	snprintf(subject, sizeof(subject), "%s.CONSUMER.DELETE.%s.%s",
		 s->options.api_prefix, s->options.stream, s->consumer);
	message.subject = span_of(subject);
	messenger_post(s->messenger, &message, s->options.timeout_ms, now_ms);
}

void kv_scan_cancel(struct kv_scan *s, uint64_t now_ms)
{
	if (s->cbs == NULL)
		return;
	messenger_cancel(s->messenger, &s->create);
	messenger_cancel(s->messenger, &s->pull);
	s->cbs = NULL;
	delete_consumer(s, now_ms);
}

/* The owner may free the scan. */
static void end_scan(struct kv_scan *s, enum publish_failure failure,
		     const struct js_error *e)
{
	static const struct js_error none = {0};
	const struct kv_scan_cbs *cbs = s->cbs;

	/* It needs no time: the message goes out with the next ones. */
	kv_scan_cancel(s, s->create.sent_ms);
	cbs->on_end(s, failure, e == NULL ? &none : e);
}

/* ---- entries ------------------------------------------------------------- */

static void take_created(struct kv_scan *s, struct span data)
{
	struct js_created created;

	js_created_parse(&created, data.at, data.len);
	if (created.error.err != 0) {
		end_scan(s, PUBLISH_FAILURES, &created.error);
		return;
	}
	s->is_created = true;
	s->pending = created.num_pending;
	s->max_read = 2 * s->pending + SCAN_MORE;
	if (s->pending == 0)
		end_scan(s, PUBLISH_FAILURES, NULL);
	else
		s->cbs->on_batch(s);
}

static void end_pull(struct kv_scan *s)
{
	messenger_cancel(s->messenger, &s->pull);
	s->awaited = 0;
	if (s->n_read > s->max_read)
		end_scan(s, PUBLISH_BUSY, NULL);
	else
		s->cbs->on_batch(s);
}

static void take_delivered(struct kv_scan *s,
			   const struct publisher_event *message)
{
	struct kv_entry e;
	struct js_ack ack;

	if (js_ack_parse(&ack, message->reply.at, message->reply.len) < 0 ||
	    s->awaited == 0)
		return;
	s->awaited--;
	s->n_pulled++;
	s->n_read++;
	s->pending = ack.pending;
	if (kv_entry_init(&e, message->subject, message->headers,
			  message->data)) {
		e.revision = ack.stream_seq;
		e.time_ns = ack.time_ns;
		if (!s->cbs->on_entry(s, &e))
			return;
	}
	if (s->pending == 0)
		end_scan(s, PUBLISH_FAILURES, NULL);
	else if (s->awaited == 0)
		end_pull(s);
}

static void on_scan_reply(struct outgoing *o,
			  const struct publisher_event *reply)
{
	struct kv_scan *s = CONTAINER_OF(o, struct kv_scan, create);

	if (reply->reply.len > 0)
		take_delivered(s, reply);
	else if (!s->is_created)
		take_created(s, reply->data);
}

static void on_scan_end(struct outgoing *o, enum publish_failure failure)
{
	struct kv_scan *s = CONTAINER_OF(o, struct kv_scan, create);

	end_scan(s, failure == PUBLISH_FAILURES ? PUBLISH_NO_REPLY : failure,
		 NULL);
}

/* ---- pulls --------------------------------------------------------------- */

/* Of "NATS/1.0 409 Exceeded MaxRequestBatch of 100". */
static uint64_t status_of(struct span block, struct span *text)
{
	static const char version[] = "NATS/1.0 ";
	size_t len = sizeof(version) - 1;
	const char *end;
	uint64_t code;

	if (block.len < len + 3 || memcmp(block.at, version, len) != 0 ||
	    decimal_parse(&code, block.at + len, 3) < 0)
		return 0;
	*text = (struct span){block.at + len + 3, block.len - len - 3};
	end = memmem(text->at, text->len, "\r\n", 2);
	if (end != NULL)
		text->len = (size_t)(end - text->at);
	return code;
}

static bool has_words(struct span text, const char *words)
{
	return memmem(text.at, text.len, words, strlen(words)) != NULL;
}

/* A pull is over before all of it has come. */
static void take_pull_status(struct kv_scan *s, uint64_t code, struct span text)
{
	switch (code) {
	case 404:
	case 408:
		/* Entries were removed, or the server is slow. */
		if (s->n_pulled == 0)
			end_scan(s, PUBLISH_FAILURES, NULL);
		else
			end_pull(s);
		return;
	case 409:
		break;
	default:
		end_scan(s, PUBLISH_BAD_ACK, NULL);
		return;
	}
	if (!has_words(text, "MaxRequestBatch") || s->batch == 1) {
		end_scan(s, PUBLISH_NO_REPLY, NULL);
		return;
	}
	s->batch = s->batch < 8 ? 1 : s->batch / 4;
	end_pull(s);
}

static void on_pull_reply(struct outgoing *o,
			  const struct publisher_event *reply)
{
	struct kv_scan *s = CONTAINER_OF(o, struct kv_scan, pull);
	struct span text;
	uint64_t code = status_of(reply->headers, &text);

	if (code != 100) /* no heartbeat */
		take_pull_status(s, code, text);
}

static void on_pull_end(struct outgoing *o, enum publish_failure failure)
{
	struct kv_scan *s = CONTAINER_OF(o, struct kv_scan, pull);

	end_scan(s, failure == PUBLISH_FAILURES ? PUBLISH_NO_REPLY : failure,
		 NULL);
}

static enum publish_failure send_scan_request(
	struct kv_scan *s, struct outgoing *o, const struct outgoing_cbs *cbs,
	const char *subject, const struct buf *body, uint64_t timeout_ms,
	uint64_t further_ms, uint64_t now_ms)
{
	const struct messenger_message message = {
		.subject = span_of(subject),
		.data = {(const char *)buf_data(body), buf_unread(body)},
	};
	const struct flight_options options = {.timeout_ms = timeout_ms,
					       .further_ms = further_ms,
					       .replies = UINT32_MAX};

	return messenger_request(s->messenger, o, cbs, &message, &options,
				 now_ms);
}

void kv_scan_next(struct kv_scan *s, uint64_t now_ms)
{
	static const struct outgoing_cbs cbs = {on_pull_reply, on_pull_end};
	struct js_pull pull = {.batch = s->batch,
			       .expires_ms = s->options.timeout_ms};
	enum publish_failure failure = PUBLISH_BUSY;
	struct buf body;

	MUST(s->is_created && s->awaited == 0);
	if (pull.batch > s->pending)
		pull.batch = (uint32_t)s->pending;
	s->awaited = pull.batch;
	s->n_pulled = 0;
	buf_init(&body, SCAN_REQUEST_MAX);
	if (js_request_pull(&body, &pull) == 0)
		failure = send_scan_request(s, &s->pull, &cbs, s->pull_subject,
					    &body, 2 * s->options.timeout_ms, 0,
					    now_ms);
	buf_finish(&body);
	if (failure != PUBLISH_FAILURES)
		end_scan(s, failure, NULL);
}

/* ---- begin --------------------------------------------------------------- */

static void format_scan_subjects(struct kv_scan *s)
{
	const struct kv_scan_options *o = &s->options;

	consumer_name_format(s->consumer, messenger_next_id(s->messenger));
	snprintf(s->create_subject, sizeof(s->create_subject),
		 "%s.CONSUMER.CREATE.%s.%s", o->api_prefix, o->stream,
		 s->consumer);
	snprintf(s->pull_subject, sizeof(s->pull_subject),
		 "%s.CONSUMER.MSG.NEXT.%s.%s", o->api_prefix, o->stream,
		 s->consumer);
}

enum publish_failure kv_scan_start(struct kv_scan *s,
				   struct messenger *messenger,
				   const struct kv_scan_options *options,
				   const struct kv_scan_cbs *cbs,
				   uint64_t now_ms)
{
	static const struct outgoing_cbs create_cbs = {on_scan_reply,
						       on_scan_end};
	enum publish_failure failure = PUBLISH_BUSY;
	struct js_consumer consumer;
	struct buf body;

	*s = (struct kv_scan){
		.messenger = messenger,
		.options = *options,
		.batch =
			options->headers_only ? SCAN_HEADERS_BATCH : SCAN_BATCH,
	};
	format_scan_subjects(s);
	consumer = (struct js_consumer){
		.stream = options->stream,
		.name = s->consumer,
		.filter = options->filter,
		.inactive_ms = SCAN_INACTIVE_MS,
		.last_per_subject = !options->is_history,
		.headers_only = options->headers_only,
	};
	buf_init(&body, SCAN_REQUEST_MAX);
	if (js_request_create(&body, &consumer) == 0)
		failure = send_scan_request(s, &s->create, &create_cbs,
					    s->create_subject, &body,
					    options->timeout_ms, SCAN_TIME_MS,
					    now_ms);
	buf_finish(&body);
	if (failure == PUBLISH_FAILURES)
		s->cbs = cbs;
	return failure;
}
