#include "upstream/nats_sender.h"

#include <errno.h>
#include <string.h>

#include <nats/nats.h>

#include "nats/message_headers.h"
#include "nats/publisher.h"
#include "upstream/nats_fence.h"
#include "upstream/nats_publisher_codec.h"
#include "upstream/nats_subscriptions.h"

enum {
	SCRATCH_MAX = 1024 * 1024, /* of headers */
	FLUSH_MS = 1,
};

void nats_sender_init(struct nats_sender *s, natsConnection *conn,
		      const struct nats_inbox *inbox, struct mailbox *events,
		      struct nats_fence *fence,
		      struct nats_subscriptions *subscriptions)
{
	*s = (struct nats_sender){.conn = conn,
				  .inbox = inbox,
				  .events = events,
				  .fence = fence,
				  .subscriptions = subscriptions};
	buf_init(&s->scratch, SCRATCH_MAX);
}

void nats_sender_finish(struct nats_sender *s)
{
	buf_finish(&s->scratch);
}

/* ---- a piece ------------------------------------------------------------- */

static int post_sender_event(struct nats_sender *s,
			     const struct publisher_event *ev)
{
	return nats_publisher_event_post(s->events, s->inbox->session, ev,
					 MAILBOX_WAIT);
}

static int fail_outgoing(struct nats_sender *s, uint64_t id,
			 enum publish_failure failure)
{
	const struct publisher_event ev = {.kind = PUBLISHER_FAILED,
					   .id = id,
					   .failure = failure};

	return post_sender_event(s, &ev);
}

int nats_sender_post_up(struct nats_sender *s)
{
	const struct publisher_event up = {
		.kind = PUBLISHER_UP,
		.max_payload = (uint64_t)natsConnection_GetMaxPayload(s->conn),
	};

	return post_sender_event(s, &up);
}

/* Adds a message to the piece. Negative: nothing can be posted. */
static int add_to_piece(struct nats_sender *s, const struct mailbox_message *m,
			uint64_t now_ms, uint64_t *last_id)
{
	struct nats_outgoing out;

	nats_outgoing_read(&out, m);
	if (out.session != s->inbox->session)
		return 0;
	if (now_ms > out.deadline_ms)
		return fail_outgoing(s, out.id, PUBLISH_BUSY);
	if (out.kind == NATS_OUTGOING_PUBLISH ||
	    out.kind == NATS_OUTGOING_REQUEST)
		*last_id = out.id;
	s->messages[s->n++] = m;
	return 0;
}

bool nats_sender_take(struct nats_sender *s, struct mailbox_batch *batch,
		      uint64_t now_ms)
{
	struct publisher_event sent = {.kind = PUBLISHER_SENT};
	const struct mailbox_message *m = NULL;
	size_t bytes = 0;

	s->n = 0;
	s->next = 0;
	while (s->n < NATS_SENDER_MESSAGES && bytes < NATS_SENDER_BYTES &&
	       (m = mailbox_next(batch)) != NULL) {
		bytes += m->len;
		if (add_to_piece(s, m, now_ms, &sent.id) < 0)
			return false;
	}
	if (s->n == 0)
		return m != NULL;
	return sent.id == 0 || post_sender_event(s, &sent) == 0;
}

/* ---- a message ----------------------------------------------------------- */

static int put_msg_header_text(struct buf *to, struct span text)
{
	int rc = buf_put(to, text.at, text.len);

	if (rc < 0)
		return rc;
	/* As nats.c does; it takes texts that end with a NUL. */
	for (size_t i = to->end - text.len; i < to->end; i++)
		if (to->data[i] == '\r' || to->data[i] == '\n' ||
		    to->data[i] == '\0')
			to->data[i] = ' ';
	return 0;
}

static int put_msg_header_line(struct buf *to, const struct message_header *h)
{
	int rc = put_msg_header_text(to, h->name);

	if (rc == 0)
		rc = buf_puts(to, ": ");
	if (rc == 0)
		rc = put_msg_header_text(to, h->value);
	return rc == 0 ? buf_puts(to, "\r\n") : rc;
}

/* nats.c has no function for a block of headers, writes headers in the order of
 * a hash table, and walks all values of a name to add one: a client's message
 * with 10,000 lines of one name would keep the worker for a third of a second.
 * No version checks names. So all lines but the last value are one name. */
static natsStatus set_header_lines(struct nats_sender *s, natsMsg *msg,
				   struct span block)
{
	struct span rest = message_headers_begin(block);
	struct message_header last, h;
	struct buf *b = &s->scratch;
	size_t name_len;
	int rc = 0;

	buf_clear(b);
	if (!message_headers_next(&rest, &last))
		return NATS_OK;
	while (rc == 0 && message_headers_next(&rest, &h)) {
		rc = put_msg_header_line(b, &last);
		last = h;
	}
	if (rc == 0)
		rc = put_msg_header_text(b, last.name);
	name_len = buf_unread(b);
	if (rc < 0 || buf_putc(b, '\0') < 0 ||
	    put_msg_header_text(b, last.value) < 0 || buf_putc(b, '\0') < 0)
		return NATS_NO_MEMORY;
	return natsMsgHeader_Set(msg, (const char *)buf_data(b),
				 (const char *)buf_data(b) + name_len + 1);
}

static natsStatus send_with_headers(struct nats_sender *s,
				    const struct nats_outgoing *out,
				    const char *reply)
{
	natsMsg *msg;
	natsStatus status = natsMsg_Create(&msg, out->subject.at, reply,
					   out->data.at, (int)out->data.len);

	if (status != NATS_OK)
		return status;
	status = set_header_lines(s, msg, out->headers);
	if (status == NATS_OK)
		status = natsConnection_PublishMsg(s->conn, msg);
	natsMsg_Destroy(msg);
	return status;
}

static natsStatus send_message(struct nats_sender *s,
			       const struct nats_outgoing *out,
			       const char *reply)
{
	if (out->headers.len > 0)
		return send_with_headers(s, out, reply);
	if (reply != NULL)
		return natsConnection_PublishRequest(s->conn, out->subject.at,
						     reply, out->data.at,
						     (int)out->data.len);
	return natsConnection_Publish(s->conn, out->subject.at, out->data.at,
				      (int)out->data.len);
}

static void make_reply_subject(const struct nats_sender *s, uint64_t id,
			       char *out)
{
	const struct nats_inbox_reply reply = {
		.kind = NATS_SENDER_REPLY,
		.request = {.owner = (uint32_t)(id >> 32),
			    .generation = (uint32_t)id},
	};

	nats_inbox_reply_subject(s->inbox, &reply, out);
}

static natsStatus send_publish(struct nats_sender *s,
			       const struct nats_outgoing *out)
{
	natsStatus status =
		send_message(s, out, out->reply.len > 0 ? out->reply.at : NULL);

	if (status == NATS_OK)
		nats_fence_want(s->fence, out->id);
	return status;
}

static natsStatus send_request(struct nats_sender *s,
			       const struct nats_outgoing *out)
{
	char reply[NATS_INBOX_SUBJECT_MAX];

	make_reply_subject(s, out->id, reply);
	return send_message(s, out, reply);
}

static natsStatus send_by_kind(struct nats_sender *s,
			       const struct nats_outgoing *out)
{
	switch (out->kind) {
	case NATS_OUTGOING_PUBLISH:
		return send_publish(s, out);
	case NATS_OUTGOING_REQUEST:
		return send_request(s, out);
	case NATS_OUTGOING_SUBSCRIBE:
		return nats_subscriptions_add(s->subscriptions, out,
					      nats_fence_want(s->fence, 0));
	case NATS_OUTGOING_UNSUBSCRIBE:
		nats_subscriptions_remove(s->subscriptions, out->id);
		return NATS_OK;
	}
	return NATS_OK;
}

/* nats.c rejected it before a byte of it was written. */
static bool is_rejected(natsStatus status, enum publish_failure *why)
{
	switch (status) {
	case NATS_MAX_PAYLOAD:
		*why = PUBLISH_TOO_LARGE;
		return true;
	case NATS_NO_SERVER_SUPPORT: /* of headers */
	case NATS_NO_MEMORY:
	case NATS_INVALID_ARG:
	case NATS_INVALID_SUBJECT:
	case NATS_INVALID_QUEUE_NAME:
		*why = PUBLISH_BUSY;
		return true;
	default:
		return false;
	}
}

int nats_sender_send(struct nats_sender *s)
{
	enum publish_failure why;
	struct nats_outgoing out;
	natsStatus status;

	if (s->next == s->n)
		return 0;
	nats_outgoing_read(&out, s->messages[s->next++]);
	status = send_by_kind(s, &out);
	if (status == NATS_OK)
		return 1;
	if (!is_rejected(status, &why))
		return -ENOTCONN;
	fail_outgoing(s, out.id, why);
	return 1;
}

/* Most of the time this waits for the server's PONG, while further messages
 * collect in the outbox. */
void nats_sender_flush(struct nats_sender *s, bool any_sent)
{
	nats_subscriptions_reap(s->subscriptions);
	if (nats_fence_is_wanted(s->fence))
		any_sent = nats_fence_send(s->fence);
	if (any_sent)
		natsConnection_FlushTimeout(s->conn, FLUSH_MS);
}

/* ---- replies ------------------------------------------------------------- */

int nats_sender_read_reply(uint64_t *ret, const struct nats_inbox *inbox,
			   const char *subject)
{
	struct nats_inbox_reply reply;

	if (nats_inbox_read_reply(&reply, inbox, subject) < 0 ||
	    reply.kind != NATS_SENDER_REPLY)
		return -EINVAL;
	*ret = (uint64_t)reply.request.owner << 32 | reply.request.generation;
	return 0;
}

/* The server's own status stands in the first line. A header "Status: 503" may
 * come from any responder. */
static bool is_no_responders(struct span headers, struct span data)
{
	static const char line[] = "NATS/1.0 503";
	size_t len = sizeof(line) - 1;

	return data.len == 0 && headers.len > len &&
	       memcmp(headers.at, line, len) == 0 &&
	       (headers.at[len] == '\r' || headers.at[len] == ' ');
}

void nats_sender_post_reply(struct mailbox *events,
			    const struct nats_inbox *inbox, uint64_t id,
			    struct span subject, struct span headers,
			    struct span data)
{
	struct publisher_event ev = {
		.kind = PUBLISHER_REPLY,
		.id = id,
		.subject = subject,
		.headers = headers,
		.data = data,
	};

	if (is_no_responders(headers, data))
		ev = (struct publisher_event){.kind = PUBLISHER_FAILED,
					      .id = id,
					      .failure = PUBLISH_NO_RESPONDERS};
	nats_publisher_event_post(events, inbox->session, &ev, MAILBOX_WAIT);
}
