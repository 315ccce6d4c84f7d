#include "upstream/nats_codec.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <sodium.h>

#include "base/check.h"
#include "nats/js_ack.h"
#include "nats/js_response.h"
#include "nats/js_status.h"

/* The JSON of the API's answers is read here, in NATS's thread, so that the
 * loop gets numbers. Each letter is a struct below and, where it says so, bytes
 * behind it. */

enum {
	MESSAGE_STATUS =
		1000,	 /* the others' kinds are enum jetstream_event_kind */
	RANDOM_LEN = 22, /* of 62 letters: 130 bits */
	PAYLOAD_MAX = 64 * 1024 * 1024,
};

struct packed_head {
	uint64_t session;
	struct request_id request;
	int err; /* if not 0, the rest is the server's text, with its NUL */
};

struct packed_message {
	struct packed_head head;
	uint64_t seq;
	uint64_t cseq;
	uint64_t pending;
	uint64_t time_ns;
	size_t subject_len;
	size_t len;
	bool internal;
	/* subject, data */
};

struct packed_info {
	struct packed_head head;
	uint64_t first_seq;
	uint64_t last_seq;
	uint64_t messages;
	size_t created_len;
	bool filter_covers_all;
	bool work_queue;
	bool no_leader;
	bool before_2_10;
	bool filter_matches_none;
	bool all_follow;
	uint32_t leader;
	uint64_t max_inactive_ms;
	/* created */
};

struct packed_created {
	struct packed_head head;
	uint64_t num_pending;
};

struct packed_pull_status {
	struct packed_head head;
	struct jetstream_status status; /* without its text */
					/* text, NUL */
};

struct packed_status {
	enum nats_status_kind kind;
	uint32_t server_len;
	/* server, NUL, text, NUL */
};

/* ---- addresses ----------------------------------------------------------- */

static void put_random_name(char *out)
{
	static const char messages[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				       "abcdefghijklmnopqrstuvwxyz";

	for (size_t i = 0; i < RANDOM_LEN; i++)
		out[i] = messages[randombytes_uniform(sizeof(messages) - 1)];
	out[RANDOM_LEN] = '\0';
}

void nats_address_init(struct nats_address *a, uint64_t session,
		       const char *prefix)
{
	char random[RANDOM_LEN + 1];

	a->session = session;
	put_random_name(random);
	a->inbox_len = (size_t)snprintf(a->inbox, sizeof(a->inbox), "%s.%s",
					prefix, random);
	MUST(a->inbox_len < sizeof(a->inbox));
	put_random_name(random);
	a->consumer_len = (size_t)snprintf(a->consumer, sizeof(a->consumer),
					   "sluice_%s", random);
}

void nats_address_wildcard(const struct nats_address *a, char *out)
{
	snprintf(out, NATS_ADDRESS_MAX, "%s.>", a->inbox);
}

void nats_address_reply(const struct nats_address *a,
			enum nats_command_kind kind, struct request_id request,
			uint32_t number, char *out)
{
	snprintf(out, NATS_ADDRESS_MAX,
		 "%s.%d.%" PRIu32 ".%" PRIu32 ".%" PRIu32, a->inbox, (int)kind,
		 request.owner, request.generation, number);
}

void nats_address_consumer(const struct nats_address *a,
			   struct request_id request, char *out)
{
	snprintf(out, NATS_CONSUMER_MAX, "%s_%" PRIu32 "_%" PRIu32, a->consumer,
		 request.owner, request.generation);
}

/* Decimal numbers, each behind a `separator`, to the end of the text. */
static int read_numbers(uint32_t *out, size_t n, char separator,
			const char *text, size_t len)
{
	const char *end = text + len;

	for (size_t i = 0; i < n; i++) {
		uint64_t value = 0;
		const char *first;

		if (text == end || *text != separator)
			return -EINVAL;
		first = ++text;
		for (; text < end && *text >= '0' && *text <= '9'; text++) {
			value = value * 10 + (unsigned)(*text - '0');
			if (value > UINT32_MAX)
				return -EINVAL;
		}
		if (text == first)
			return -EINVAL;
		out[i] = (uint32_t)value;
	}
	return text == end ? 0 : -EINVAL;
}

static int request_of_consumer(struct request_id *ret,
			       const struct nats_address *a, const char *name,
			       size_t len)
{
	uint32_t numbers[2];

	if (len < a->consumer_len ||
	    memcmp(name, a->consumer, a->consumer_len) != 0 ||
	    read_numbers(numbers, 2, '_', name + a->consumer_len,
			 len - a->consumer_len) < 0)
		return -EINVAL;
	*ret = (struct request_id){.owner = numbers[0],
				   .generation = numbers[1]};
	return 0;
}

/* What a reply subject of ours says. */
struct reply_to {
	uint32_t kind;
	struct request_id request;
	uint32_t number;
};

static int read_reply_to(struct reply_to *ret, const struct nats_address *a,
			 const char *subject)
{
	size_t len = strlen(subject);
	uint32_t numbers[4];

	if (len < a->inbox_len ||
	    memcmp(subject, a->inbox, a->inbox_len) != 0 ||
	    read_numbers(numbers, 4, '.', subject + a->inbox_len,
			 len - a->inbox_len) < 0)
		return -EINVAL;
	*ret = (struct reply_to){
		.kind = numbers[0],
		.request = {.owner = numbers[1], .generation = numbers[2]},
		.number = numbers[3],
	};
	return 0;
}

/* ---- posting ------------------------------------------------------------- */

/* One letter of a struct and what stands behind it. A letter that can't be
 * posted (no memory, or the loop has closed the mailbox) is as good as one lost
 * on the network: those who wait have their time-outs, and the count of the
 * consumer shows a message that is missing. Only nats_codec_session() looks.
 */
static int post_message(struct mailbox *to, uint32_t kind, const void *head,
			size_t head_len, const void *first, size_t first_len,
			const void *second, size_t second_len)
{
	size_t len = head_len + first_len + second_len;
	char *body;
	void *at;
	int rc = mailbox_reserve(to, kind, len, MAILBOX_WAIT, &at);

	if (rc < 0)
		return rc;
	body = at;
	memcpy(body, head, head_len);
	if (first_len > 0)
		memcpy(body + head_len, first, first_len);
	if (second_len > 0)
		memcpy(body + head_len + first_len, second, second_len);
	mailbox_commit(to, len);
	return 0;
}

static void post_api_error(struct mailbox *to, enum jetstream_event_kind kind,
			   const struct packed_head *head, const char *text)
{
	post_message(to, kind, head, sizeof(*head), text, strlen(text) + 1,
		     NULL, 0);
}

int nats_codec_session(struct mailbox *to, enum jetstream_event_kind kind,
		       uint64_t session)
{
	struct packed_head head = {.session = session};

	return post_message(to, kind, &head, sizeof(head), NULL, 0, NULL, 0);
}

void nats_codec_note(struct mailbox *to, enum nats_status_kind kind,
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

/* ---- arrivals ------------------------------------------------------------ */

static void take_info_answer(struct mailbox *to, struct packed_head head,
			     const char *filter, const struct nats_arrival *in)
{
	struct packed_info message;
	struct js_info info;

	js_info_parse(&info, in->data, in->len, filter);
	head.err = info.error.err;
	if (head.err != 0) {
		post_api_error(to, JETSTREAM_INFO, &head, info.error.text);
		return;
	}
	message = (struct packed_info){
		.head = head,
		.first_seq = info.first_seq,
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
	};
	post_message(to, JETSTREAM_INFO, &message, sizeof(message),
		     info.created, info.created_len, NULL, 0);
}

static void take_stored_answer(struct mailbox *to, struct packed_head head,
			       const struct nats_arrival *in)
{
	struct packed_message message;
	struct js_message found;

	js_message_parse(&found, in->data, in->len, PAYLOAD_MAX);
	head.err = found.error.err;
	if (head.err != 0) {
		post_api_error(to, JETSTREAM_FOUND, &head, found.error.text);
	} else {
		message = (struct packed_message){
			.head = head,
			.seq = found.seq,
			.time_ns = found.time_ns,
			.subject_len = found.subject_len,
			.len = buf_unread(&found.data),
			.internal = found.internal,
		};
		post_message(to, JETSTREAM_FOUND, &message, sizeof(message),
			     found.subject, found.subject_len,
			     buf_data(&found.data), message.len);
	}
	js_message_finish(&found);
}

static void take_created(struct mailbox *to, struct packed_head head,
			 const struct nats_arrival *in)
{
	struct packed_created message;
	struct js_created created;

	js_created_parse(&created, in->data, in->len);
	head.err = created.error.err;
	if (head.err != 0) {
		post_api_error(to, JETSTREAM_CREATED, &head,
			       created.error.text);
		return;
	}
	message = (struct packed_created){.head = head,
					  .num_pending = created.num_pending};
	post_message(to, JETSTREAM_CREATED, &message, sizeof(message), NULL, 0,
		     NULL, 0);
}

static void take_pull_status(struct mailbox *to, struct packed_head head,
			     uint32_t number, const struct js_status *st)
{
	struct packed_pull_status message = {
		.head = head,
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

static enum jetstream_event_kind request_of_subject(uint32_t kind)
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

/* Nobody answers, or (never seen) another status in an answer's place. */
static void take_no_answer(struct mailbox *to, struct packed_head head,
			   uint32_t kind, const struct js_status *st)
{
	head.err = st->code == 503 ? JETSTREAM_ERR_NO_RESPONDERS
				   : JETSTREAM_ERR_MALFORMED;
	post_api_error(to, request_of_subject(kind), &head,
		       st->code == 503 ? "no responders" : "a status");
}

static void take_api_answer(struct mailbox *to, struct packed_head head,
			    uint32_t kind, const char *filter,
			    const struct nats_arrival *in)
{
	switch (kind) {
	case NATS_COMMAND_INFO:
		take_info_answer(to, head, filter, in);
		break;
	case NATS_COMMAND_GET_NEXT:
	case NATS_COMMAND_GET:
	case NATS_COMMAND_GET_LAST:
		take_stored_answer(to, head, in);
		break;
	case NATS_COMMAND_CREATE:
		take_created(to, head, in);
		break;
	default: /* a pull has statuses, forget needs no answer */
		break;
	}
}

static void take_reply_subject(struct mailbox *to, const struct nats_address *a,
			       const char *filter,
			       const struct nats_arrival *in)
{
	struct packed_head head = {.session = a->session};
	struct js_status status;
	struct reply_to reply;

	if (read_reply_to(&reply, a, in->subject) < 0 ||
	    reply.kind >= NATS_COMMAND_DELETE_CONSUMER)
		return;
	head.request = reply.request;
	if (in->status == NULL) {
		take_api_answer(to, head, reply.kind, filter, in);
		return;
	}
	if (js_status_parse(&status, in->status, in->description,
			    in->pending_msgs, in->last_consumer) < 0 ||
	    js_status_last_stream(&status, in->last_stream) < 0)
		return;
	if (reply.kind == NATS_COMMAND_PULL)
		take_pull_status(to, head, reply.number, &status);
	else
		take_no_answer(to, head, reply.kind, &status);
}

static void take_message(struct mailbox *to, const struct nats_address *a,
			 const struct js_ack *ack,
			 const struct nats_arrival *in)
{
	struct packed_message message = {
		.head = {.session = a->session},
		.seq = ack->stream_seq,
		.cseq = ack->consumer_seq,
		.pending = ack->pending,
		.time_ns = ack->time_ns,
		.subject_len = strlen(in->subject),
		.len = in->len,
		.internal = in->internal,
	};

	if (request_of_consumer(&message.head.request, a, ack->consumer,
				ack->consumer_len) < 0)
		return;
	post_message(to, JETSTREAM_MESSAGE, &message, sizeof(message),
		     in->subject, message.subject_len, in->data, in->len);
}

void nats_codec_arrival(struct mailbox *to, const struct nats_address *a,
			const char *filter, const struct nats_arrival *in)
{
	struct js_ack ack;

	if (in->reply != NULL &&
	    js_ack_parse(&ack, in->reply, strlen(in->reply)) == 0)
		take_message(to, a, &ack, in);
	else
		take_reply_subject(to, a, filter, in);
}

/* ---- reading ------------------------------------------------------------- */

static void read_message(struct jetstream_event *ev, const void *body)
{
	const struct packed_message *m = body;
	const char *behind = (const char *)(m + 1);

	ev->msg = (struct jetstream_message){
		.seq = m->seq,
		.cseq = m->cseq,
		.pending = m->pending,
		.time_ns = m->time_ns,
		.subject = behind,
		.subject_len = m->subject_len,
		.data = behind + m->subject_len,
		.len = m->len,
		.internal = m->internal,
	};
}

static void read_packed_info(struct jetstream_event *ev, const void *body)
{
	const struct packed_info *i = body;

	ev->info = (struct jetstream_info){
		.first_seq = i->first_seq,
		.last_seq = i->last_seq,
		.messages = i->messages,
		.created = (const char *)(i + 1),
		.created_len = i->created_len,
		.filter_covers_all = i->filter_covers_all,
		.work_queue = i->work_queue,
		.no_leader = i->no_leader,
		.all_follow = i->all_follow,
		.leader = i->leader,
		.before_2_10 = i->before_2_10,
		.filter_matches_none = i->filter_matches_none,
		.max_inactive_ms = i->max_inactive_ms,
	};
}

static void read_status(struct jetstream_event *ev, const void *body)
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
		     const struct mailbox_message *l)
{
	const void *body = mailbox_body(l);
	const struct packed_head *head = body;
	struct jetstream_event *ev = &ret->event;

	*ret = (struct nats_codec_message){.is_note =
						   l->kind == MESSAGE_STATUS};
	if (ret->is_note) {
		read_packed_status(&ret->status, body);
		return;
	}
	ret->session = head->session;
	ev->kind = (enum jetstream_event_kind)l->kind;
	ev->request = head->request;
	ev->err = head->err;
	if (ev->err != 0)
		ev->err_text = (const char *)(head + 1);
	else if (ev->kind == JETSTREAM_MESSAGE || ev->kind == JETSTREAM_FOUND)
		read_message(ev, body);
	else if (ev->kind == JETSTREAM_INFO)
		read_packed_info(ev, body);
	else if (ev->kind == JETSTREAM_CREATED)
		ev->num_pending =
			((const struct packed_created *)body)->num_pending;
	else if (ev->kind == JETSTREAM_STATUS)
		read_status(ev, body);
}
