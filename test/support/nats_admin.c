#include "nats_server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>
#include <nats/nats.h>

#include <cmocka.h>

#include "test_clock.h"

/* A test kills its server and goes on: so no reconnect of the library's, which
 * could answer late, but a new connection at the next call. */

enum { TIMEOUT_MS = 10000, CONNECT_TRIES = 100, WINDOW = 1000 };

struct nats_admin {
	natsOptions *options;
	natsConnection *conn;
};

static void must(natsStatus rc, const char *what)
{
	if (rc != NATS_OK)
		fail_msg("%s: %s (%s)", what, natsStatus_GetText(rc),
			 nats_GetLastError(NULL));
}

static natsConnection *connected(struct nats_admin *a)
{
	natsStatus rc = NATS_OK;

	if (a->conn != NULL && !natsConnection_IsClosed(a->conn))
		return a->conn;
	natsConnection_Destroy(a->conn);
	a->conn = NULL;
	for (int i = 0; i < CONNECT_TRIES; i++) {
		rc = natsConnection_Connect(&a->conn, a->options);
		if (rc == NATS_OK)
			return a->conn;
		nats_Sleep(20);
	}
	must(rc, "admin: connect");
	return NULL;
}

natsConnection *nats_server_dial(const char *url, int64_t timeout_ms)
{
	natsConnection *conn = NULL;
	natsOptions *options = NULL;

	if (natsOptions_Create(&options) == NATS_OK &&
	    natsOptions_SetURL(options, url) == NATS_OK &&
	    natsOptions_SetAllowReconnect(options, false) == NATS_OK &&
	    natsOptions_SetTimeout(options, timeout_ms) == NATS_OK)
		natsConnection_Connect(&conn, options);
	natsOptions_Destroy(options);
	return conn;
}

struct nats_admin *nats_admin_open(const char *url)
{
	struct nats_admin *a = calloc(1, sizeof(*a));

	assert_non_null(a);
	must(natsOptions_Create(&a->options), "natsOptions_Create");
	must(natsOptions_SetURL(a->options, url), url);
	must(natsOptions_SetAllowReconnect(a->options, false), url);
	connected(a);
	return a;
}

void nats_admin_close(struct nats_admin *a)
{
	if (a == NULL)
		return;
	natsConnection_Destroy(a->conn);
	natsOptions_Destroy(a->options);
	free(a);
}

/* The JSON of an answer; an error in it fails the test. To json_decref(). */
static json_t *answer_json(const char *what, const char *text, size_t len)
{
	json_error_t err;
	json_t *json = json_loadb(text, len, 0, &err);

	if (json == NULL)
		fail_msg("%s: not JSON: %s", what, err.text);
	if (json_object_get(json, "error") != NULL)
		fail_msg("%s: %.*s", what, (int)len, text);
	return json;
}

/* The response to a request of the API, to free(). */
static char *request_text(struct nats_admin *a, const char *full,
			  const char *json)
{
	natsMsg *msg = NULL;
	char *text;

	must(natsConnection_RequestString(&msg, connected(a), full,
					  json == NULL ? "" : json, TIMEOUT_MS),
	     full);
	text = strndup(natsMsg_GetData(msg),
		       (size_t)natsMsg_GetDataLength(msg));
	natsMsg_Destroy(msg);
	assert_non_null(text);
	return text;
}

char *nats_admin_api(struct nats_admin *a, const char *subject,
		     const char *json)
{
	char full[1024];
	char *text;

	snprintf(full, sizeof(full), "$JS.API.%s", subject);
	text = request_text(a, full, json);
	json_decref(answer_json(full, text, strlen(text)));
	return text;
}

void nats_admin_try(struct nats_admin *a, const char *subject, const char *json)
{
	char full[1024];
	natsMsg *msg = NULL;

	snprintf(full, sizeof(full), "$JS.API.%s", subject);
	must(natsConnection_RequestString(&msg, connected(a), full,
					  json == NULL ? "" : json, TIMEOUT_MS),
	     full);
	natsMsg_Destroy(msg);
}

void nats_admin_stream(struct nats_admin *a, const char *config_json)
{
	json_t *config =
		answer_json("stream", config_json, strlen(config_json));
	const char *name = json_string_value(json_object_get(config, "name"));
	uint64_t deadline = test_deadline_ms(TIMEOUT_MS);
	char subject[512], *text;

	assert_non_null(name);
	snprintf(subject, sizeof(subject), "$JS.API.STREAM.CREATE.%s", name);
	text = request_text(a, subject, config_json);
	/* "error creating store": nats-server 2.10 still removes the files of
	 * the stream of this name that was deleted. */
	while (strstr(text, "\"err_code\":10049") != NULL &&
	       test_now_ms() < deadline) {
		free(text);
		text = request_text(a, subject, config_json);
	}
	json_decref(answer_json(subject, text, strlen(text)));
	free(text);
	json_decref(config);
}

static unsigned long long ack_seq(const char *subject, const natsMsg *msg)
{
	json_t *json = answer_json(subject, natsMsg_GetData(msg),
				   (size_t)natsMsg_GetDataLength(msg));
	json_int_t seq = json_integer_value(json_object_get(json, "seq"));

	json_decref(json);
	if (seq <= 0)
		fail_msg("publish to %s: no sequence", subject);
	return (unsigned long long)seq;
}

unsigned long long nats_admin_publish(struct nats_admin *a, const char *subject,
				      const void *data, size_t len)
{
	natsMsg *msg = NULL;
	unsigned long long seq;

	must(natsConnection_Request(&msg, connected(a), subject, data, (int)len,
				    TIMEOUT_MS),
	     subject);
	seq = ack_seq(subject, msg);
	natsMsg_Destroy(msg);
	return seq;
}

static unsigned long long take_ack(natsSubscription *sub, const char *subject)
{
	natsMsg *msg = NULL;
	unsigned long long seq;

	must(natsSubscription_NextMsg(&msg, sub, TIMEOUT_MS), subject);
	seq = ack_seq(subject, msg);
	natsMsg_Destroy(msg);
	return seq;
}

unsigned long long nats_admin_publish_many(struct nats_admin *a,
					   const char *subject,
					   const char *prefix, size_t n)
{
	natsConnection *conn = connected(a);
	natsSubscription *sub = NULL;
	natsInbox *inbox = NULL;
	unsigned long long last = 0;
	char data[256];

	must(natsInbox_Create(&inbox), "natsInbox_Create");
	must(natsConnection_SubscribeSync(&sub, conn, inbox), inbox);
	for (size_t sent = 0, acked = 0; acked < n;) {
		if (sent < n && sent - acked < WINDOW) {
			int len = snprintf(data, sizeof(data), "%s-%zu", prefix,
					   sent++);

			must(natsConnection_PublishRequest(conn, subject, inbox,
							   data, len),
			     subject);
		} else {
			unsigned long long seq = take_ack(sub, subject);

			last = seq > last ? seq : last;
			acked++;
		}
	}
	natsSubscription_Destroy(sub);
	natsInbox_Destroy(inbox);
	return last;
}

/* Up to the one behind which nothing is pending. */
static void read_messages(natsSubscription *sub, nats_admin_read_cb cb,
			  void *arg)
{
	uint64_t pending = 1;

	while (pending > 0) {
		jsMsgMetaData *meta = NULL;
		natsMsg *msg = NULL;

		must(natsSubscription_NextMsg(&msg, sub, TIMEOUT_MS), "read");
		must(natsMsg_GetMetaData(&meta, msg), "natsMsg_GetMetaData");
		cb(arg, meta->Sequence.Stream, natsMsg_GetSubject(msg),
		   natsMsg_GetData(msg), (size_t)natsMsg_GetDataLength(msg));
		pending = meta->NumPending;
		jsMsgMetaData_Destroy(meta);
		natsMsg_Destroy(msg);
	}
}

void nats_admin_read(struct nats_admin *a, const char *stream,
		     const char *filter, nats_admin_read_cb cb, void *arg)
{
	natsSubscription *sub = NULL;
	jsSubOptions options;
	jsCtx *js = NULL;

	must(natsConnection_JetStream(&js, connected(a), NULL), "JetStream");
	must(jsSubOptions_Init(&options), "jsSubOptions_Init");
	options.Stream = stream;
	options.Ordered = true;
	options.Config.DeliverPolicy = js_DeliverAll;
	must(js_SubscribeSync(&sub, js, filter, NULL, &options, NULL), stream);
	must(natsSubscription_SetPendingLimits(sub, -1, -1), stream);
	read_messages(sub, cb, arg);
	natsSubscription_Destroy(sub);
	jsCtx_Destroy(js);
}

long long nats_admin_stream_number(struct nats_admin *a, const char *stream,
				   const char *path)
{
	char subject[512], key[64];
	json_t *json, *at;
	char *text;
	long long value;

	snprintf(subject, sizeof(subject), "STREAM.INFO.%s", stream);
	text = nats_admin_api(a, subject, NULL);
	json = answer_json(subject, text, strlen(text));
	free(text);
	at = json;
	for (const char *p = path; *p != '\0';) {
		size_t len = strcspn(p, ".");

		snprintf(key, sizeof(key), "%.*s", (int)len, p);
		at = json_object_get(at, key);
		p += len + (p[len] == '.' ? 1 : 0);
	}
	if (!json_is_integer(at))
		fail_msg("%s: no number %s", subject, path);
	value = (long long)json_integer_value(at);
	json_decref(json);
	return value;
}
