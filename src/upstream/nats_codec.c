#include "upstream/nats_codec.h"

#include <errno.h>
#include <string.h>

#include "base/check.h"
#include "nats/js_ack.h"
#include "nats/js_response.h"
#include "nats/js_status.h"

/* The JSON of responses and the headers of messages are parsed here, in NATS's
 * thread: the loop gets numbers, and headers as JSON. Each message is one of
 * the structs below, with the bytes after it that its last comment names. */

enum {
	/* The other kinds are those of enum jetstream_event_kind. */
	MESSAGE_STATUS = 1000,
	PAYLOAD_MAX = 64 * 1024 * 1024,
	HEADERS_MAX = 8 * PAYLOAD_MAX, /* as JSON, which escapes bytes */
};

struct packed_header {
	uint64_t session;
	struct request_id request;
	int err; /* if not 0, followed by the server's text and NUL */
};

struct packed_message {
	struct packed_header header;
	struct jetstream_message msg; /* without its pointers */
				      /* jetstream_message_copy() */
};

struct packed_info {
	struct packed_header header;
	struct jetstream_info info; /* without its pointer; then created */
};

struct packed_created {
	struct packed_header header;
	uint64_t num_pending;
};

struct packed_pull_status {
	struct packed_header header;
	struct jetstream_status status; /* without its text */
					/* text, NUL */
};

struct packed_status {
	enum nats_status_kind kind;
	uint32_t server_len;
	/* server, NUL, text, NUL */
};

/* ---- messages ------------------------------------------------------------ */

/* One message: a struct and the bytes after it. One that cannot be posted (no
 * memory, or the mailbox is closed) is treated like one lost on the network:
 * requests have timeouts, and the consumer's count shows a missing message.
 * Only nats_codec_session() checks the result. */
static int post_message(struct mailbox *to, uint32_t kind, const void *header,
			size_t header_len, const void *first, size_t first_len,
			const void *second, size_t second_len)
{
	size_t len = header_len + first_len + second_len;
	char *body;
	void *at;
	int rc = mailbox_reserve(to, kind, len, MAILBOX_WAIT, &at);

	if (rc < 0)
		return rc;
	body = at;
	memcpy(body, header, header_len);
	if (first_len > 0)
		memcpy(body + header_len, first, first_len);
	if (second_len > 0)
		memcpy(body + header_len + first_len, second, second_len);
	mailbox_commit(to, len);
	return 0;
}

static void post_api_error(struct mailbox *to, enum jetstream_event_kind kind,
			   const struct packed_header *header, const char *text)
{
	post_message(to, kind, header, sizeof(*header), text, strlen(text) + 1,
		     NULL, 0);
}

int nats_codec_session(struct mailbox *to, enum jetstream_event_kind kind,
		       uint64_t session)
{
	struct packed_header header = {.session = session};

	return post_message(to, kind, &header, sizeof(header), NULL, 0, NULL,
			    0);
}

void nats_codec_status(struct mailbox *to, enum nats_status_kind kind,
		       const char *server, const char *text,
		       enum mailbox_full full)
{
	struct packed_status status = {.kind = kind,
				       .server_len = (uint32_t)strlen(server)};
	size_t text_len = strlen(text) + 1;
	size_t len = sizeof(status) + status.server_len + 1 + text_len;
	char *body;
	void *at;

	if (mailbox_reserve(to, MESSAGE_STATUS, len, full, &at) < 0)
		return;
	body = at;
	memcpy(body, &status, sizeof(status));
	memcpy(body + sizeof(status), server, status.server_len + 1);
	memcpy(body + sizeof(status) + status.server_len + 1, text, text_len);
	mailbox_commit(to, len);
}

/* ---- from the server ----------------------------------------------------- */

static void post_info(struct mailbox *to, struct packed_header header,
		      const struct readable *readable,
		      const struct nats_arrival *in)
{
	struct packed_info message;
	struct js_info info;

	js_info_parse(&info, in->data, in->len, readable);
	header.err = info.error.err;
	if (header.err != 0) {
		post_api_error(to, JETSTREAM_INFO, &header, info.error.text);
		return;
	}
	message = (struct packed_info){
		.header = header,
		.info = {.first_seq = info.first_seq,
			 .last_seq = info.last_seq,
			 .messages = info.messages,
			 .created_len = info.created_len,
			 .filter_covers_all = info.filter_covers_all,
			 .work_queue = info.work_queue,
			 .no_leader = info.no_leader,
			 .all_follow = info.all_follow,
			 .leader = info.leader,
			 .before_2_10 = info.before_2_10,
			 .filter_matches_none = info.filter_matches_none,
			 .max_inactive_ms = info.max_inactive_ms,
			 .api_level = info.api_level},
	};
	post_message(to, JETSTREAM_INFO, &message, sizeof(message),
		     info.created, info.created_len, NULL, 0);
}

/* Nothing is posted without memory: see post_message(). */
static void post_packed_message(struct mailbox *to, uint32_t kind,
				struct packed_message *message)
{
	const struct jetstream_message *m = &message->msg;
	size_t len = sizeof(*message) + jetstream_message_bytes(m);
	void *at;

	if (mailbox_reserve(to, kind, len, MAILBOX_WAIT, &at) < 0)
		return;
	memcpy(at, message, sizeof(*message));
	jetstream_message_copy(m, (char *)at + sizeof(*message));
	mailbox_commit(to, len);
}

static void post_stored_message(struct mailbox *to, uint32_t kind,
				struct packed_message *message,
				struct span headers, const char *event_header)
{
	struct buf room;

	if (headers.len == 0) {
		post_packed_message(to, kind, message);
		return;
	}
	buf_init(&room, HEADERS_MAX);
	if (jetstream_message_set_headers(&message->msg, headers, event_header,
					  &room) == 0)
		post_packed_message(to, kind, message);
	buf_finish(&room);
}

static void post_found(struct mailbox *to, struct packed_header header,
		       const struct nats_arrival *in)
{
	struct packed_message message;
	struct js_message found;

	js_message_parse(&found, in->data, in->len, PAYLOAD_MAX);
	header.err = found.error.err;
	if (header.err != 0) {
		post_api_error(to, JETSTREAM_FOUND, &header, found.error.text);
	} else {
		message = (struct packed_message){
			.header = header,
			.msg = {.seq = found.seq,
				.time_ns = found.time_ns,
				.subject = found.subject,
				.subject_len = found.subject_len,
				.data = buf_data(&found.data),
				.len = buf_unread(&found.data)},
		};
		post_stored_message(to, JETSTREAM_FOUND, &message,
				    (struct span){(const char *)buf_data(
							  &found.headers),
						  buf_unread(&found.headers)},
				    in->event_header);
	}
	js_message_finish(&found);
}

static void post_created(struct mailbox *to, struct packed_header header,
			 const struct nats_arrival *in)
{
	struct packed_created message;
	struct js_created created;

	js_created_parse(&created, in->data, in->len);
	header.err = created.error.err;
	if (header.err != 0) {
		post_api_error(to, JETSTREAM_CREATED, &header,
			       created.error.text);
		return;
	}
	message = (struct packed_created){.header = header,
					  .num_pending = created.num_pending};
	post_message(to, JETSTREAM_CREATED, &message, sizeof(message), NULL, 0,
		     NULL, 0);
}

static void post_pull_status(struct mailbox *to, struct packed_header header,
			     uint32_t number, const struct js_status *st)
{
	struct packed_pull_status message = {
		.header = header,
		.status = {.number = number,
			   .code = st->code,
			   .consumer_gone = st->consumer_gone,
			   .too_big = st->too_big,
			   .has_pending = st->has_pending,
			   .pending_msgs = st->pending_msgs,
			   .has_last_consumer = st->has_last_consumer,
			   .last_consumer = st->last_consumer,
			   .has_last_stream = st->has_last_stream,
			   .last_stream = st->last_stream,
			   .max_batch = st->max_batch,
			   .max_bytes = st->max_bytes,
			   .max_expires_ms = st->max_expires_ms},
	};

	post_message(to, JETSTREAM_STATUS, &message, sizeof(message), st->text,
		     strlen(st->text) + 1, NULL, 0);
}

static enum jetstream_event_kind event_of_command(uint32_t kind)
{
	switch (kind) {
	case NATS_COMMAND_INFO:
		return JETSTREAM_INFO;
	case NATS_COMMAND_CREATE:
		return JETSTREAM_CREATED;
	default:
		return JETSTREAM_FOUND;
	}
}

/* No responders, or (never seen) another status in place of a response. */
static void post_status_as_error(struct mailbox *to,
				 struct packed_header header, uint32_t kind,
				 const struct js_status *st)
{
	header.err = st->code == 503 ? JETSTREAM_ERR_NO_RESPONDERS
				     : JETSTREAM_ERR_MALFORMED;
	post_api_error(to, event_of_command(kind), &header,
		       st->code == 503 ? "no responders" : "a status");
}

static void post_response(struct mailbox *to, struct packed_header header,
			  uint32_t kind, const struct readable *readable,
			  const struct nats_arrival *in)
{
	switch (kind) {
	case NATS_COMMAND_INFO:
		post_info(to, header, readable, in);
		break;
	case NATS_COMMAND_GET_NEXT:
	case NATS_COMMAND_GET:
	case NATS_COMMAND_GET_LAST:
		post_found(to, header, in);
		break;
	case NATS_COMMAND_CREATE:
		post_created(to, header, in);
		break;
	default: /* pulls have statuses, deletions no response */
		break;
	}
}

static void post_inbox_message(struct mailbox *to,
			       const struct nats_inbox *inbox,
			       const struct readable *readable,
			       const struct nats_arrival *in)
{
	struct packed_header header = {.session = inbox->session};
	struct js_status status;
	struct nats_inbox_reply reply;

	if (nats_inbox_read_reply(&reply, inbox, in->subject) < 0 ||
	    reply.kind >= NATS_COMMAND_DELETE_CONSUMER)
		return;
	header.request = reply.request;
	if (in->status == NULL) {
		post_response(to, header, reply.kind, readable, in);
		return;
	}
	if (js_status_parse(&status, in->status, in->description,
			    in->pending_msgs, in->last_consumer) < 0 ||
	    js_status_last_stream(&status, in->last_stream) < 0)
		return;
	if (reply.kind == NATS_COMMAND_PULL)
		post_pull_status(to, header, reply.number, &status);
	else
		post_status_as_error(to, header, reply.kind, &status);
}

static void post_stream_message(struct mailbox *to,
				const struct nats_inbox *inbox,
				const struct js_ack *ack,
				const struct nats_arrival *in)
{
	struct packed_message message = {
		.header = {.session = inbox->session},
		.msg = {.seq = ack->stream_seq,
			.cseq = ack->consumer_seq,
			.pending = ack->pending,
			.time_ns = ack->time_ns,
			.subject = in->subject,
			.subject_len = strlen(in->subject),
			.data = in->data,
			.len = in->len},
	};

	if (nats_inbox_read_consumer(&message.header.request, inbox,
				     ack->consumer, ack->consumer_len) < 0)
		return;
	post_stored_message(to, JETSTREAM_MESSAGE, &message, in->headers,
			    in->event_header);
}

void nats_codec_arrival(struct mailbox *to, const struct nats_inbox *inbox,
			const struct readable *readable,
			const struct nats_arrival *in)
{
	struct js_ack ack;

	if (in->reply != NULL &&
	    js_ack_parse(&ack, in->reply, strlen(in->reply)) == 0)
		post_stream_message(to, inbox, &ack, in);
	else
		post_inbox_message(to, inbox, readable, in);
}

/* ---- to the loop --------------------------------------------------------- */

static void read_packed_message(struct jetstream_event *ev, const void *body)
{
	const struct packed_message *m = body;

	ev->msg = m->msg;
	jetstream_message_place(&ev->msg, (const char *)(m + 1));
}

static void read_packed_info(struct jetstream_event *ev, const void *body)
{
	const struct packed_info *i = body;

	ev->info = i->info;
	ev->info.created = (const char *)(i + 1);
}

static void read_packed_pull_status(struct jetstream_event *ev,
				    const void *body)
{
	const struct packed_pull_status *s = body;

	ev->status = s->status;
	ev->status.text = (const char *)(s + 1);
}

static void read_packed_status(struct nats_status *ret, const void *body)
{
	const struct packed_status *n = body;

	ret->kind = n->kind;
	ret->server = (const char *)(n + 1);
	ret->text = ret->server + n->server_len + 1;
}

void nats_codec_read(struct nats_codec_message *ret,
		     const struct mailbox_message *m)
{
	const void *body = mailbox_body(m);
	const struct packed_header *header = body;
	struct jetstream_event *ev = &ret->event;

	*ret = (struct nats_codec_message){.is_status =
						   m->kind == MESSAGE_STATUS};
	if (ret->is_status) {
		read_packed_status(&ret->status, body);
		return;
	}
	ret->session = header->session;
	ev->kind = (enum jetstream_event_kind)m->kind;
	ev->request = header->request;
	ev->err = header->err;
	if (ev->err != 0)
		ev->err_text = (const char *)(header + 1);
	else if (ev->kind == JETSTREAM_MESSAGE || ev->kind == JETSTREAM_FOUND)
		read_packed_message(ev, body);
	else if (ev->kind == JETSTREAM_INFO)
		read_packed_info(ev, body);
	else if (ev->kind == JETSTREAM_CREATED)
		ev->num_pending =
			((const struct packed_created *)body)->num_pending;
	else if (ev->kind == JETSTREAM_STATUS)
		read_packed_pull_status(ev, body);
}
