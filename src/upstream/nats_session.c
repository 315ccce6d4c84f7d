#include "upstream/nats_session.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <nats/nats.h>

#include "base/buf.h"
#include "base/check.h"
#include "nats/consumer_name.h"
#include "nats/js_request.h"
#include "upstream/nats_backlog.h"
#include "upstream/nats_codec.h"
#include "upstream/nats_connect.h"
#include "upstream/nats_denied.h"
#include "upstream/nats_guard.h"
#include "upstream/nats_headers.h"
#include "upstream/nats_hung.h"
#include "upstream/nats_publisher_codec.h"
#include "upstream/nats_publishing.h"

/* The happy path: options, a thread that connects, a subscription to the
 * session's inbox, a flush; requests out, messages in; destroy. */

enum {
	FLUSH_MS = 2000,
	LAST_FLUSH_MS = 500,
	DENIED_REPORT_MS = 1000,
	REQUEST_MAX = 16 * 1024,
	API_SUBJECT_MAX = 4096, /* the server's limit of a protocol line */
	HEADERS_MAX = 64 * 1024 * 1024,
};

struct nats_session {
	struct nats_guard guard;
	pthread_mutex_t lock; /* of the next three */
	bool lame_duck;
	uint64_t denied_ms; /* time of the last report of a denied subject */
	char error[NATS_SESSION_ERROR_MAX]; /* the last asynchronous one */
	char *server;			    /* its URL, for status messages */

	struct nats_options *options;
	struct mailbox *events;
	struct mailbox *wake;
	struct nats_hung *hung;
	struct nats_connect *connect;
	natsConnection *conn;
	natsSubscription *sub; /* of the inbox */
	struct nats_backlog backlog;
	struct nats_inbox inbox;
	/* Of reply subjects of the stream's consumers, outside of domains. */
	char ack_prefix[SUBJECT_MAX];
	size_t ack_prefix_len;
	struct buf request;
	struct nats_publishing publishing;
};

static pthread_once_t library_once = PTHREAD_ONCE_INIT;

/* Once for all threads. It is never closed: other code of the process may use
 * nats.c too. */
static void open_library(void)
{
	nats_Open(-1);
	nats_headers_init();
}

/* ---- callbacks of nats.c ------------------------------------------------- */

/* Until leave_session(). NULL: it was freed. */
static struct nats_session *enter_session(void *arg)
{
	struct nats_guard *g = nats_guard_enter(arg);

	return g == NULL ? NULL : CONTAINER_OF(g, struct nats_session, guard);
}

static void leave_session(struct nats_session *s)
{
	nats_guard_leave(&s->guard);
}

static const char *get_msg_header(natsMsg *msg, const char *key)
{
	const char *value = NULL;

	return natsMsgHeader_Get(msg, key, &value) == NATS_OK ? value : NULL;
}

/* Of a publish or a request. */
static bool post_if_reply(struct nats_session *s, natsMsg *msg)
{
	/* of versions of nats.c without a block */
	struct buf headers = {.max = HEADERS_MAX};
	const char *subject = natsMsg_GetSubject(msg);
	uint64_t id;

	if (nats_sender_read_reply(&id, &s->inbox, subject) < 0)
		return false;
	nats_sender_post_reply(s->events, &s->inbox, id, span_of(subject),
			       nats_headers_of(msg, &headers),
			       (struct span){natsMsg_GetData(msg),
					     (size_t)natsMsg_GetDataLength(
						     msg)});
	buf_finish(&headers);
	return true;
}

/* A message of a consumer that belongs to a request. */
static bool post_if_delivered(struct nats_session *s, natsMsg *msg)
{
	/* of versions of nats.c without a block */
	struct buf headers = {.max = HEADERS_MAX};
	const char *reply = natsMsg_GetReply(msg);
	struct publisher_event ev = {.kind = PUBLISHER_REPLY};

	if (consumer_name_request(&ev.id, reply) < 0)
		return false;
	ev.subject = span_of(natsMsg_GetSubject(msg));
	ev.reply = span_of(reply);
	ev.headers = nats_headers_of(msg, &headers);
	ev.data = (struct span){natsMsg_GetData(msg),
				(size_t)natsMsg_GetDataLength(msg)};
	nats_publisher_event_post(s->events, s->inbox.session, &ev,
				  MAILBOX_WAIT);
	buf_finish(&headers);
	return true;
}

static void post_arrival(struct nats_session *s, natsMsg *msg)
{
	struct nats_arrival in = {
		.subject = natsMsg_GetSubject(msg),
		.reply = natsMsg_GetReply(msg),
		.data = natsMsg_GetData(msg),
		.len = (size_t)natsMsg_GetDataLength(msg),
		.event_header = s->options->event_header,
	};
	/* of versions of nats.c without a block */
	struct buf headers = {.max = HEADERS_MAX};

	/* A stored message may have headers of any name: only a message without
	 * data and without a reply subject can be a status. */
	if (in.len == 0 && in.reply == NULL) {
		in.status = get_msg_header(msg, "Status");
		in.description = get_msg_header(msg, "Description");
		in.pending_msgs = get_msg_header(msg, "Nats-Pending-Messages");
		in.last_consumer = get_msg_header(msg, "Nats-Last-Consumer");
		in.last_stream = get_msg_header(msg, "Nats-Last-Stream");
	}
	if (in.reply != NULL)
		in.headers = nats_headers_of(msg, &headers);
	nats_codec_arrival(s->events, &s->inbox, s->options->readable, &in);
	buf_finish(&headers);
}

/* May wait for room. */
/* Of the tail and the replays, as most messages are. */
static bool is_of_stream(const struct nats_session *s, natsMsg *msg)
{
	const char *reply = natsMsg_GetReply(msg);

	return reply != NULL &&
	       strncmp(reply, s->ack_prefix, s->ack_prefix_len) == 0;
}

static void post_session_message(void *arg, natsMsg *msg)
{
	struct nats_session *s = arg;

	if (is_of_stream(s, msg) ||
	    (!post_if_reply(s, msg) && !post_if_delivered(s, msg)))
		post_arrival(s, msg);
}

static void on_message(natsConnection *conn, natsSubscription *sub,
		       natsMsg *msg, void *arg)
{
	struct nats_session *s = enter_session(arg);

	(void)conn;
	(void)sub;
	if (s == NULL) {
		natsMsg_Destroy(msg);
		return;
	}
	if (nats_backlog_is_empty(&s->backlog) && mailbox_has_half(s->events)) {
		post_session_message(s, msg);
		natsMsg_Destroy(msg);
	} else {
		nats_backlog_put(&s->backlog, msg);
	}
	leave_session(s);
}

static void on_closed(natsConnection *conn, void *arg)
{
	struct nats_session *s = enter_session(arg);

	(void)conn;
	if (s == NULL)
		return;
	mailbox_wake(s->wake);
	leave_session(s);
}

static void on_lame_duck(natsConnection *conn, void *arg)
{
	struct nats_session *s = enter_session(arg);

	(void)conn;
	if (s == NULL)
		return;
	pthread_mutex_lock(&s->lock);
	s->lame_duck = true;
	pthread_mutex_unlock(&s->lock);
	mailbox_wake(s->wake);
	leave_session(s);
}

/* A request that the server rejects is rejected each time; errors about
 * consumers differ in the consumer's name only. */
static bool is_same_error(const char *a, const char *b)
{
	static const char name[] = ".sluice_";
	const char *at = strstr(a, name);

	if (at == NULL)
		return strcmp(a, b) == 0;
	return strncmp(a, b, (size_t)(at - a) + strlen(name)) == 0;
}

static void on_core_message(natsConnection *conn, natsSubscription *sub,
			    natsMsg *msg, void *arg)
{
	struct nats_session *s = enter_session(arg);

	(void)conn;
	if (s != NULL) {
		nats_publishing_message(&s->publishing, sub, msg);
		leave_session(s);
	}
	natsMsg_Destroy(msg);
}

/* Of a client's message or subscription, not of the gateway's own requests. */
static bool is_clients_error(const struct nats_session *s, const char *text)
{
	const char *prefix = s->options->api_prefix;
	struct nats_denied denied;

	return nats_denied_parse(&denied, text) == 0 &&
	       strncmp(denied.subject, prefix, strlen(prefix)) != 0;
}

/* Repeated errors are not reported again. Clients can name ever other denied
 * subjects: of those one is reported in DENIED_REPORT_MS. */
static bool is_error_reported(struct nats_session *s, const char *text)
{
	uint64_t now_ms = uv_hrtime() / 1000000;
	bool is_reported;

	pthread_mutex_lock(&s->lock);
	is_reported = !is_same_error(text, s->error);
	if (is_reported && is_clients_error(s, text)) {
		is_reported = now_ms - s->denied_ms >= DENIED_REPORT_MS;
		if (is_reported)
			s->denied_ms = now_ms;
	}
	if (is_reported)
		snprintf(s->error, sizeof(s->error), "%s", text);
	pthread_mutex_unlock(&s->lock);
	return is_reported;
}

/* One that finds no room in the mailbox is dropped: it is for the log only. */
static void on_error(natsConnection *conn, natsSubscription *sub,
		     natsStatus status, void *arg)
{
	char text[NATS_SESSION_ERROR_MAX];
	struct nats_session *s;

	(void)conn;
	nats_connect_error(text, (int)status);
	s = enter_session(arg);
	if (s == NULL)
		return;
	if (!nats_publishing_error(&s->publishing, sub, text) &&
	    is_error_reported(s, text))
		nats_codec_status(s->events, NATS_STATUS_ERROR, s->server, text,
				  MAILBOX_FAIL);
	leave_session(s);
}

/* ---- life ---------------------------------------------------------------- */

static natsStatus set_callbacks(natsOptions *o, void *arg)
{
	natsStatus status = natsOptions_SetClosedCB(o, on_closed, arg);

	if (status == NATS_OK)
		status = natsOptions_SetErrorHandler(o, on_error, arg);
	if (status == NATS_OK)
		status = natsOptions_SetLameDuckModeCB(o, on_lame_duck, arg);
	return status;
}

/* NULL with `err`. */
static natsOptions *build_server_options(struct nats_session *s,
					 const struct nats_servers_item *server,
					 char *err)
{
	natsOptions *o = nats_options_build(s->options, server, err);
	natsStatus status;

	if (o == NULL)
		return NULL;
	status = set_callbacks(o, nats_guard_argument(&s->guard));
	if (status == NATS_OK)
		return o;
	natsOptions_Destroy(o);
	nats_connect_error(err, status);
	return NULL;
}

static struct nats_connect *begin_connect(
	struct nats_session *s, const struct nats_servers_item *server,
	char *err)
{
	natsOptions *o = build_server_options(s, server, err);

	if (o == NULL)
		return NULL;
	return nats_connect_new(server, s->options, o, s->wake, err);
}

struct nats_session *nats_session_new(struct nats_options *o,
				      const struct nats_servers_item *server,
				      struct mailbox *events,
				      struct mailbox *wake,
				      struct nats_hung *hung, char *err)
{
	struct nats_session *s = calloc(1, sizeof(*s));

	pthread_once(&library_once, open_library);
	if (s != NULL)
		s->server = strdup(server->url);
	if (s == NULL || s->server == NULL) {
		free(s);
		snprintf(err, NATS_SESSION_ERROR_MAX, "out of memory");
		return NULL;
	}
	s->options = o;
	s->events = events;
	s->wake = wake;
	s->hung = hung;
	buf_init(&s->request, REQUEST_MAX);
	s->backlog.post = post_session_message;
	s->backlog.arg = s;
	nats_backlog_init(&s->backlog);
	nats_publishing_init(&s->publishing, &s->inbox, events, wake);
	pthread_mutex_init(&s->lock, NULL);
	nats_guard_register(&s->guard);
	nats_inbox_init(&s->inbox, s->guard.number, o->inbox_prefix);
	s->ack_prefix_len =
		(size_t)snprintf(s->ack_prefix, sizeof(s->ack_prefix),
				 "$JS.ACK.%s.%s_", o->stream,
				 s->inbox.consumer);
	s->connect = begin_connect(s, server, err);
	if (s->connect == NULL) {
		nats_session_free(s);
		return NULL;
	}
	return s;
}

/* Without pending limits: the pull requests bound what can arrive. */
static natsStatus subscribe_inbox(struct nats_session *s)
{
	char subject[NATS_INBOX_SUBJECT_MAX];
	natsStatus status;

	nats_inbox_wildcard(&s->inbox, subject);
	if (nats_backlog_start(&s->backlog) < 0)
		return NATS_NO_MEMORY;
	status = natsConnection_Subscribe(&s->sub, s->conn, subject, on_message,
					  nats_guard_argument(&s->guard));
	if (status == NATS_OK)
		status = natsSubscription_SetPendingLimits(s->sub, -1, -1);
	if (status == NATS_OK)
		status = natsConnection_FlushTimeout(s->conn, FLUSH_MS);
	return status;
}

static enum nats_session_state finish_connect(struct nats_session *s, char *err)
{
	natsStatus status;

	if (!nats_connect_done(s->connect))
		return NATS_SESSION_CONNECTING;
	s->conn = nats_connect_finish(s->connect, err);
	s->connect = NULL;
	if (s->conn == NULL)
		return NATS_SESSION_OVER;
	status = nats_publishing_open(&s->publishing, s->conn, on_core_message,
				      nats_guard_argument(&s->guard));
	if (status == NATS_OK)
		status = subscribe_inbox(s);
	if (status == NATS_OK)
		return NATS_SESSION_OPEN;
	nats_connect_error(err, status);
	return NATS_SESSION_OVER;
}

/* A denied subject ends no session, but nats.c keeps its text. */
static bool is_reason(const char *text)
{
	struct nats_denied denied;

	return text != NULL && *text != '\0' &&
	       nats_denied_parse(&denied, text) < 0;
}

/* The reason of the end: the server's text, or else nats.c's. */
static void set_session_error(struct nats_session *s, char *err)
{
	const char *text = NULL;
	natsStatus status = natsConnection_GetLastError(s->conn, &text);

	pthread_mutex_lock(&s->lock);
	snprintf(err, NATS_SESSION_ERROR_MAX, "%s",
		 is_reason(text)       ? text
		 : is_reason(s->error) ? s->error
				       : natsStatus_GetText(status));
	pthread_mutex_unlock(&s->lock);
}

enum nats_session_state nats_session_poll(struct nats_session *s, char *err)
{
	if (s->connect != NULL)
		return finish_connect(s, err);
	if (s->conn == NULL || s->sub == NULL)
		return NATS_SESSION_OVER;
	if (!natsConnection_IsClosed(s->conn))
		return NATS_SESSION_OPEN;
	set_session_error(s, err);
	return NATS_SESSION_OVER;
}

uint64_t nats_session_number(const struct nats_session *s)
{
	return s->guard.number;
}

bool nats_session_is_lame_duck(struct nats_session *s)
{
	bool lame_duck;

	pthread_mutex_lock(&s->lock);
	lame_duck = s->lame_duck;
	pthread_mutex_unlock(&s->lock);
	return lame_duck;
}

void nats_session_discover(struct nats_session *s, struct nats_servers *into,
			   const struct nats_servers_item *from)
{
	char **urls = NULL;
	int n = 0;

	if (s->conn == NULL ||
	    natsConnection_GetDiscoveredServers(s->conn, &urls, &n) != NATS_OK)
		return;
	nats_servers_discovered(into, from, (const char *const *)urls,
				(size_t)n);
	for (int i = 0; i < n; i++)
		free(urls[i]);
	free(urls);
}

void nats_session_release_thread(void)
{
	nats_ReleaseThreadMemory();
}

struct nats_sender *nats_session_sender(struct nats_session *s)
{
	return &s->publishing.sender;
}

void nats_session_flush(struct nats_session *s)
{
	if (s->conn != NULL)
		natsConnection_FlushTimeout(s->conn, LAST_FLUSH_MS);
}

void nats_session_free(struct nats_session *s)
{
	if (s == NULL)
		return;
	if (s->connect != NULL)
		nats_hung_add(s->hung, s->connect, uv_hrtime() / 1000000);
	natsConnection_Destroy(s->conn);
	nats_guard_unregister(&s->guard);
	nats_backlog_finish(&s->backlog);
	natsSubscription_Destroy(s->sub);
	nats_publishing_finish(&s->publishing);
	buf_finish(&s->request);
	pthread_mutex_destroy(&s->lock);
	free(s->server);
	free(s);
}

/* ---- requests ------------------------------------------------------------ */

static int put_create_request(struct nats_session *s,
			      const struct nats_command *c,
			      const char *consumer)
{
	const struct js_consumer create = {
		.stream = s->options->stream,
		.name = consumer,
		.filter = c->has_subject ? c->subject : NULL,
		.start_seq = c->seq,
		.inactive_ms = c->inactive_ms,
		.last_per_subject = c->last_per_subject,
	};

	return js_request_create(&s->request, &create);
}

static int put_pull_request(struct nats_session *s,
			    const struct nats_command *c)
{
	const struct js_pull pull = {
		.batch = c->pull.batch,
		.max_bytes = c->pull.max_bytes,
		.expires_ms = c->pull.expires_ms,
		.heartbeat_ms = c->pull.heartbeat_ms,
		.no_wait = c->pull.no_wait,
	};

	return js_request_pull(&s->request, &pull);
}

/* The request's JSON, and the API subject without its prefix into `api`:
 * "STREAM.INFO.Events". */
static int put_api_request(struct nats_session *s, enum nats_command_kind kind,
			   const struct nats_command *c, char *api, size_t size)
{
	const char *stream = s->options->stream;
	char consumer[NATS_INBOX_CONSUMER_MAX];

	nats_inbox_consumer(&s->inbox, c->request, consumer);
	switch (kind) {
	case NATS_COMMAND_INFO:
		snprintf(api, size, "STREAM.INFO.%s", stream);
		return 0;
	case NATS_COMMAND_GET_NEXT:
		snprintf(api, size, "STREAM.MSG.GET.%s", stream);
		return js_request_get_next(&s->request, c->seq, c->subject);
	case NATS_COMMAND_GET:
		snprintf(api, size, "STREAM.MSG.GET.%s", stream);
		return js_request_get(&s->request, c->seq);
	case NATS_COMMAND_GET_LAST:
		snprintf(api, size, "STREAM.MSG.GET.%s", stream);
		return js_request_get_last(&s->request, c->subject);
	case NATS_COMMAND_CREATE:
		snprintf(api, size, "CONSUMER.CREATE.%s.%s%s%s", stream,
			 consumer, c->has_subject ? "." : "",
			 c->has_subject ? c->subject : "");
		return put_create_request(s, c, consumer);
	case NATS_COMMAND_PULL:
		snprintf(api, size, "CONSUMER.MSG.NEXT.%s.%s", stream,
			 consumer);
		return put_pull_request(s, c);
	case NATS_COMMAND_DELETE_CONSUMER:
		snprintf(api, size, "CONSUMER.DELETE.%s.%s", stream, consumer);
		return 0;
	}
	return 0;
}

/* A request that cannot be encoded is treated as lost: the hub has a timeout
 * for each. */
bool nats_session_send(struct nats_session *s, const struct mailbox_message *m)
{
	const struct nats_command *c = mailbox_body(m);
	enum nats_command_kind kind = (enum nats_command_kind)m->kind;
	char api[API_SUBJECT_MAX], subject[API_SUBJECT_MAX];
	char reply[NATS_INBOX_SUBJECT_MAX];
	int len;

	if (c->session != s->guard.number || s->sub == NULL)
		return true;
	buf_clear(&s->request);
	if (put_api_request(s, kind, c, api, sizeof(api)) < 0)
		return true;
	len = snprintf(subject, sizeof(subject), "%s.%s",
		       s->options->api_prefix, api);
	if (len >= (int)sizeof(subject))
		return true;
	nats_inbox_reply_subject(&s->inbox,
				 &(struct nats_inbox_reply){
					 .kind = kind,
					 .request = c->request,
					 .number = c->pull.number,
				 },
				 reply);
	return natsConnection_PublishRequest(s->conn, subject, reply,
					     buf_data(&s->request),
					     (int)buf_unread(&s->request)) ==
	       NATS_OK;
}
