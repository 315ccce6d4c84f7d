#include "server/stream_publish.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nats/js_request.h"
#include "nats/js_response.h"
#include "server/conn_internal.h"

enum {
	LOOKUP_MESSAGE_MAX = 64 * 1024 * 1024,
	LOOKUP_MAX = 256, /* bytes of a request for a message */
};

static struct stream_publish *publish_of(struct outgoing *o)
{
	return CONTAINER_OF(o, struct stream_publish, outgoing);
}

static const struct conn_writing *writing_of_publish(
	const struct stream_publish *p)
{
	return &p->conns->cfg.writing;
}

static enum publish_failure request_by_messenger(
	struct stream_publish *p, const struct outgoing_cbs *cbs,
	const struct messenger_message *message, bool is_publish)
{
	const struct conn_writing *cfg = writing_of_publish(p);
	const struct flight_options options = {
		.is_publish = is_publish,
		.timeout_ms = cfg->publish_timeout_ms,
		.replies = 1,
	};

	return messenger_request(cfg->messenger, &p->outgoing, cbs, message,
				 &options, conn_now_ms(p->conns));
}

static void end_publish(struct stream_publish *p, enum publish_failure failure)
{
	free(p->lookup_subject);
	p->lookup_subject = NULL;
	p->on_end(p, failure);
}

/* ---- a duplicate --------------------------------------------------------- */

static void on_lookup_reply(struct outgoing *o,
			    const struct publisher_event *reply)
{
	struct stream_publish *p = publish_of(o);
	struct js_message found;

	js_message_parse(&found, reply->data.at, reply->data.len,
			 LOOKUP_MESSAGE_MAX);
	p->is_other_message =
		found.error.err == 0 &&
		(found.subject_len != p->subject.len ||
		 memcmp(found.subject, p->subject.at, p->subject.len) != 0);
	js_message_finish(&found);
}

/* Without an answer the acknowledgement counts. */
static void on_lookup_end(struct outgoing *o, enum publish_failure failure)
{
	struct stream_publish *p = publish_of(o);

	(void)failure;
	end_publish(p, p->is_other_message ? PUBLISH_OTHER_MESSAGE
					   : PUBLISH_FAILURES);
}

static bool send_lookup(struct stream_publish *p, const struct buf *body)
{
	static const struct outgoing_cbs cbs = {on_lookup_reply, on_lookup_end};
	const struct messenger_message message = {
		.subject = span_of(p->lookup_subject),
		.data = {(const char *)buf_data(body), buf_unread(body)},
	};

	return request_by_messenger(p, &cbs, &message, false) ==
	       PUBLISH_FAILURES;
}

/* False: it cannot be looked up. */
static bool look_up_duplicate(struct stream_publish *p)
{
	static const char format[] = "%s.STREAM.MSG.GET.%s";
	const struct conn_writing *cfg = writing_of_publish(p);
	size_t size =
		strlen(cfg->api_prefix) + strlen(cfg->stream) + sizeof(format);
	struct buf body;
	bool is_sent = false;

	p->lookup_subject = malloc(size);
	if (p->lookup_subject == NULL)
		return false;
	snprintf(p->lookup_subject, size, format, cfg->api_prefix, cfg->stream);
	buf_init(&body, LOOKUP_MAX);
	if (js_request_get(&body, p->ack.seq) == 0)
		is_sent = send_lookup(p, &body);
	buf_finish(&body);
	return is_sent;
}

/* ---- the acknowledgement ------------------------------------------------- */

static void on_ack(struct outgoing *o, const struct publisher_event *reply)
{
	struct stream_publish *p = publish_of(o);

	js_pub_ack_parse(&p->ack, reply->data.at, reply->data.len,
			 writing_of_publish(p)->stream);
}

static void on_publish_end(struct outgoing *o, enum publish_failure failure)
{
	struct stream_publish *p = publish_of(o);

	if (failure == PUBLISH_FAILURES && p->ack.error.err == 0 &&
	    p->ack.duplicate && look_up_duplicate(p))
		return;
	end_publish(p, failure);
}

enum publish_failure stream_publish_start(
	struct stream_publish *p, struct conn_set *conns,
	const struct messenger_message *message, stream_publish_cb on_end)
{
	static const struct outgoing_cbs cbs = {on_ack, on_publish_end};

	*p = (struct stream_publish){
		.conns = conns,
		.on_end = on_end,
		.subject = message->subject,
	};
	return request_by_messenger(p, &cbs, message, true);
}

void stream_publish_cancel(struct stream_publish *p)
{
	if (p->conns == NULL)
		return;
	messenger_cancel(writing_of_publish(p)->messenger, &p->outgoing);
	free(p->lookup_subject);
	p->lookup_subject = NULL;
}

/* ---- results ------------------------------------------------------------- */

static void count_publish(struct conn_set *conns, enum metric which)
{
	metric_add(conns->cfg.metrics, which, 1);
}

void stream_publish_count_error(struct conn_set *conns,
				const struct publish_error *e)
{
	count_publish(conns, e->is_unknown ? METRIC_PUBLISHED_UNKNOWN
					   : METRIC_PUBLISHED_REJECTED);
}

bool stream_publish_is_stored(const struct stream_publish *p,
			      enum publish_failure failure, bool is_conditional,
			      struct publish_error *ret)
{
	if (failure == PUBLISH_FAILURES && p->ack.error.err == 0) {
		count_publish(p->conns, p->ack.duplicate
						? METRIC_PUBLISHED_DUPLICATE
						: METRIC_PUBLISHED_STORED);
		return true;
	}
	if (failure != PUBLISH_FAILURES)
		publish_error_of(ret, failure);
	else
		publish_error_of_ack(ret, &p->ack, is_conditional);
	stream_publish_count_error(p->conns, ret);
	return false;
}
