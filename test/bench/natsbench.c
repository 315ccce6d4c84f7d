/* Publishes to JetStream with acknowledgements.
 *
 *	natsbench --server nats://127.0.0.1:4222 --messages 100000 --ids 1000
 *
 * A server acknowledges the messages of one connection in order. With
 * --ack-every N only each N-th message (and the last) requests an
 * acknowledgement, which covers those before it. */
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <nats/nats.h>

#include "histogram.h"
#include "messages.h"
#include "report.h"
#include "stamp.h"
#include "target.h"

enum { TIMEOUT_S = 30, SUBJECT_MAX = 128 };

static struct {
	const char *server, *subject, *json;
	struct messages_config messages;
	uint64_t ack_every, in_flight;
} options = {
	.server = "nats://127.0.0.1:4222",
	.subject = "events.{id}",
	.messages = {.messages = 1000, .n_ids = 1, .first = 1, .bytes = 128},
	.ack_every = 1,
	.in_flight = 1024};

static const struct arg table[] = {
	{"server", ARG_TEXT, &options.server, "nats://ADDRESS:PORT"},
	{"subject", ARG_TEXT, &options.subject,
	 "to publish to; {id}: the identity"},
	{"messages", ARG_NUMBER, &options.messages.messages,
	 "number of messages"},
	{"rate", ARG_NUMBER, &options.messages.rate,
	 "messages a second; 0: no limit"},
	{"ids", ARG_NUMBER, &options.messages.n_ids,
	 "number of identities, in turn"},
	{"first-id", ARG_NUMBER, &options.messages.first_id,
	 "number of the first identity"},
	{"first", ARG_NUMBER, &options.messages.first,
	 "number of the first message"},
	{"bytes", ARG_NUMBER, &options.messages.bytes, "size of a payload"},
	{"one-count", ARG_FLAG, &options.messages.one_count,
	 "number the messages of all identities together"},
	{"ack-every", ARG_NUMBER, &options.ack_every,
	 "messages an acknowledgement"},
	{"in-flight", ARG_NUMBER, &options.in_flight,
	 "messages without an acknowledgement"},
	{"json", ARG_TEXT, &options.json, "file for the result"},
	{0}};

struct bench {
	struct messages messages;
	natsConnection *conn;
	natsSubscription *sub;
	char inbox[SUBJECT_MAX];
	uint64_t ended_ns;

	pthread_mutex_t lock;
	pthread_cond_t ack_received;
	uint64_t acked; /* up to this message */
	uint64_t errors;
	char error[128];
	uint64_t first_seq;
	uint64_t last_seq;
	struct histogram acks;
};

static void check(natsStatus s, const char *what)
{
	if (s == NATS_OK)
		return;
	fprintf(stderr, "natsbench: %s: %s\n", what, natsStatus_GetText(s));
	exit(1);
}

/* ---- acknowledgements ---------------------------------------------------- */

/* {"stream":"Events", "seq":4711}, or with an "error". */
static void take_ack(struct bench *b, const char *text, int len)
{
	char copy[256];
	const char *seq;

	snprintf(copy, sizeof(copy), "%.*s", len, text);
	seq = strstr(copy, "\"seq\":");
	if (seq == NULL || strstr(copy, "\"error\"") != NULL) {
		b->errors++;
		snprintf(b->error, sizeof(b->error), "%.*s", len, text);
		return;
	}
	b->last_seq = strtoull(seq + strlen("\"seq\":"), NULL, 10);
	if (b->first_seq == 0)
		b->first_seq = b->last_seq;
}

/* The subject of an acknowledgement: INBOX.MESSAGE.NANOSECONDS */
static void on_ack(natsConnection *conn, natsSubscription *sub, natsMsg *msg,
		   void *arg)
{
	struct bench *b = arg;
	const char *rest = natsMsg_GetSubject(msg) + strlen(b->inbox) + 1;
	uint64_t number = 0, sent_ns = 0;

	(void)conn;
	(void)sub;
	sscanf(rest, "%" SCNu64 ".%" SCNu64, &number, &sent_ns);
	pthread_mutex_lock(&b->lock);
	take_ack(b, natsMsg_GetData(msg), natsMsg_GetDataLength(msg));
	if (number > b->acked)
		b->acked = number;
	histogram_add(&b->acks, stamp_now() - sent_ns);
	pthread_cond_signal(&b->ack_received);
	pthread_mutex_unlock(&b->lock);
	natsMsg_Destroy(msg);
}

/* Waits until at most `open` messages have no acknowledgement. */
static void wait_acks(struct bench *b, uint64_t open)
{
	struct timespec until;
	int rc = 0;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += TIMEOUT_S;
	pthread_mutex_lock(&b->lock);
	while (rc == 0 && b->messages.n - b->acked > open)
		rc = pthread_cond_timedwait(&b->ack_received, &b->lock, &until);
	pthread_mutex_unlock(&b->lock);
	if (rc != 0)
		check(NATS_TIMEOUT, "acknowledgements");
}

/* ---- publishing ---------------------------------------------------------- */

static bool wants_ack(const struct bench *b)
{
	return b->messages.n % options.ack_every == 0 ||
	       messages_is_over(&b->messages);
}

static void publish_one(struct bench *b)
{
	char subject[SUBJECT_MAX], reply[SUBJECT_MAX + 48];
	unsigned id = messages_make(&b->messages);
	int len = (int)options.messages.bytes;
	natsStatus s;

	if (target_expand(subject, sizeof(subject), options.subject, id) < 0)
		check(NATS_INVALID_ARG, "--subject");
	if (wants_ack(b)) {
		snprintf(reply, sizeof(reply), "%s.%" PRIu64 ".%" PRIu64,
			 b->inbox, b->messages.n, stamp_now());
		s = natsConnection_PublishRequest(b->conn, subject, reply,
						  b->messages.payload, len);
	} else {
		s = natsConnection_Publish(b->conn, subject,
					   b->messages.payload, len);
	}
	check(s, "publish");
}

static void publish_all(struct bench *b)
{
	messages_begin(&b->messages);
	while (!messages_is_over(&b->messages)) {
		uint64_t wait_ns = messages_wait_ns(&b->messages);
		struct timespec nap = {(time_t)(wait_ns / 1000000000),
				       (long)(wait_ns % 1000000000)};

		if (wait_ns > 0)
			nanosleep(&nap, NULL);
		if (b->messages.n % options.ack_every == 0)
			wait_acks(b, options.in_flight);
		publish_one(b);
	}
	wait_acks(b, 0);
	b->ended_ns = stamp_now();
}

/* ---- start and end ------------------------------------------------------- */

static void connect_nats(struct bench *b)
{
	natsOptions *opts = NULL;
	natsInbox *inbox = NULL;
	char all[SUBJECT_MAX + 2];

	check(natsOptions_Create(&opts), "options");
	check(natsOptions_SetURL(opts, options.server), "--server");
	/* At a rate each message is written alone; a flood is written in large
	 * pieces, the default of the library. */
	check(natsOptions_SetSendAsap(opts, options.messages.rate > 0),
	      "options");
	check(natsConnection_Connect(&b->conn, opts), options.server);
	natsOptions_Destroy(opts);
	check(natsInbox_Create(&inbox), "inbox");
	snprintf(b->inbox, sizeof(b->inbox), "%s", (const char *)inbox);
	natsInbox_Destroy(inbox);
	snprintf(all, sizeof(all), "%s.>", b->inbox);
	check(natsConnection_Subscribe(&b->sub, b->conn, all, on_ack, b),
	      "subscribe");
	check(natsSubscription_SetPendingLimits(b->sub, -1, -1), "subscribe");
	check(natsConnection_Flush(b->conn), "flush");
}

static json_t *result_of(const struct bench *b)
{
	double s = (double)(b->ended_ns - b->messages.begun_ns) / 1e9;

	return json_pack("{s:I,s:f,s:f,s:I,s:s,s:I,s:o,s:o}", "messages",
			 (json_int_t)b->messages.n, "seconds", s,
			 "messages_per_s", (double)b->messages.n / s, "errors",
			 (json_int_t)b->errors, "error", b->error, "last_seq",
			 (json_int_t)b->last_seq, "ack_ms",
			 report_histogram(&b->acks), "self", report_self());
}

int main(int argc, char **argv)
{
	static struct bench b = {.lock = PTHREAD_MUTEX_INITIALIZER,
				 .ack_received = PTHREAD_COND_INITIALIZER};
	int rc;

	args_parse(table, argc, argv);
	if (options.ack_every == 0 || options.messages.messages == 0 ||
	    messages_init(&b.messages, &options.messages) < 0) {
		fprintf(stderr,
			"natsbench: see --help; the least payload is %d "
			"bytes\n",
			STAMP_LEN);
		return 2;
	}
	connect_nats(&b);
	publish_all(&b);
	natsSubscription_Destroy(b.sub);
	natsConnection_Destroy(b.conn);
	nats_Close();
	rc = report_end(result_of(&b), options.json);
	messages_finish(&b.messages);
	return rc == 0 && b.errors == 0 ? 0 : 1;
}
