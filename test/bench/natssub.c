/* A plain subscriber of nats.c, to compare the gateway's latency with: to the
 * subject, or by an ordered consumer of the stream.
 *
 *	natssub --server nats://127.0.0.1:4222 --subject events.u0 --events 1000
 *
 * With --answer it is a service: it answers each message with what natsbench
 * takes for an acknowledgement.
 *
 * Prints "ready" when the subscription is made. */
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <nats/nats.h>

#include "args.h"
#include "histogram.h"
#include "report.h"
#include "stamp.h"

static struct {
	const char *server, *subject, *json;
	uint64_t events, warm_up, seconds_ns;
	bool jetstream;
	bool answer;
} options = {.server = "nats://127.0.0.1:4222",
	     .subject = "events.u0",
	     .events = 1000,
	     .seconds_ns = 60000000000};

static const struct arg table[] = {
	{"server", ARG_TEXT, &options.server, "nats://ADDRESS:PORT"},
	{"subject", ARG_TEXT, &options.subject, "to subscribe to"},
	{"events", ARG_NUMBER, &options.events, "number of events"},
	{"warm-up", ARG_NUMBER, &options.warm_up,
	 "number of the last event without a latency"},
	{"seconds", ARG_SECONDS, &options.seconds_ns, "time limit"},
	{"jetstream", ARG_FLAG, &options.jetstream, "use an ordered consumer"},
	{"answer", ARG_FLAG, &options.answer, "answer each message"},
	{"json", ARG_TEXT, &options.json, "file for the result"},
	{0}};

struct bench {
	pthread_mutex_t lock;
	pthread_cond_t done;
	uint64_t events;
	uint64_t next;
	uint64_t wrong;
	struct histogram latency;
};

static void check(natsStatus s, const char *what)
{
	if (s == NATS_OK)
		return;
	fprintf(stderr, "natssub: %s: %s\n", what, natsStatus_GetText(s));
	exit(1);
}

static void take(struct bench *b, const struct stamp *s, uint64_t now_ns)
{
	if (b->next != 0 && s->number != b->next)
		b->wrong++;
	b->next = s->number + 1;
	if (s->number > options.warm_up && now_ns > s->ns)
		histogram_add(&b->latency, now_ns - s->ns);
	if (++b->events == options.events)
		pthread_cond_signal(&b->done);
}

static void answer_message(natsConnection *conn, natsMsg *msg)
{
	const char *reply = natsMsg_GetReply(msg);

	if (reply != NULL)
		check(natsConnection_PublishString(conn, reply, "{\"seq\":1}"),
		      "answer");
}

static void on_message(natsConnection *conn, natsSubscription *sub,
		       natsMsg *msg, void *arg)
{
	uint64_t now_ns = stamp_now();
	struct bench *b = arg;
	struct stamp s;

	(void)sub;
	if (options.answer)
		answer_message(conn, msg);
	if (natsMsg_GetDataLength(msg) >= STAMP_LEN &&
	    stamp_get(natsMsg_GetData(msg), &s)) {
		pthread_mutex_lock(&b->lock);
		take(b, &s, now_ns);
		pthread_mutex_unlock(&b->lock);
	}
	natsMsg_Destroy(msg);
}

static void subscribe(struct bench *b, natsConnection *conn, jsCtx **js,
		      natsSubscription **sub)
{
	jsSubOptions how;

	if (!options.jetstream) {
		check(natsConnection_Subscribe(sub, conn, options.subject,
					       on_message, b),
		      "subscribe");
		return;
	}
	check(natsConnection_JetStream(js, conn, NULL), "JetStream");
	check(jsSubOptions_Init(&how), "options");
	how.Ordered = true;
	how.Config.DeliverPolicy = js_DeliverNew;
	check(js_Subscribe(sub, *js, options.subject, on_message, b, NULL, &how,
			   NULL),
	      "ordered consumer");
}

/* False: the time limit is over. */
static bool wait_events(struct bench *b)
{
	struct timespec until;
	int rc = 0;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += (time_t)(options.seconds_ns / 1000000000) + 1;
	pthread_mutex_lock(&b->lock);
	while (rc == 0 && b->events < options.events)
		rc = pthread_cond_timedwait(&b->done, &b->lock, &until);
	pthread_mutex_unlock(&b->lock);
	return rc == 0;
}

static json_t *result_of(const struct bench *b, bool whole)
{
	return json_pack("{s:I,s:I,s:b,s:o,s:o}", "events",
			 (json_int_t)b->events, "wrong", (json_int_t)b->wrong,
			 "timed_out", !whole, "latency_ms",
			 report_histogram(&b->latency), "self", report_self());
}

int main(int argc, char **argv)
{
	static struct bench b = {.lock = PTHREAD_MUTEX_INITIALIZER,
				 .done = PTHREAD_COND_INITIALIZER};
	natsConnection *conn = NULL;
	natsSubscription *sub = NULL;
	jsCtx *js = NULL;
	bool whole;

	args_parse(table, argc, argv);
	check(natsConnection_ConnectTo(&conn, options.server), options.server);
	subscribe(&b, conn, &js, &sub);
	check(natsConnection_Flush(conn), "flush");
	puts("ready");
	fflush(stdout);
	whole = wait_events(&b);
	natsSubscription_Destroy(sub);
	jsCtx_Destroy(js);
	natsConnection_Destroy(conn);
	nats_Close();
	return report_end(result_of(&b, whole), options.json) == 0 ? 0 : 1;
}
