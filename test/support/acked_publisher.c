#include "acked_publisher.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <nats/nats.h>

#include "nats_server.h"
#include "test_clock.h"

enum {
	CONNECT_MS = 1000,
	CONNECT_PAUSE_MS = 50,
	ACK_WAIT_MS = 10,
	RETRY_MS = 1000,  /* then it is published again */
	LEAVE_MS = 2500,  /* nothing was heard: another server */
	REFUSED_MS = 100, /* after an error of JetStream's */
};

#define GET(x)	  __atomic_load_n(&(x), __ATOMIC_ACQUIRE)
#define SET(x, v) __atomic_store_n(&(x), (v), __ATOMIC_RELEASE)

struct line {
	natsConnection *conn;
	natsSubscription *sub;
	char inbox[64];
};

/* ---- the connection ------------------------------------------------------ */

/* The n-th, around and around, of a list with commas. */
static void pick_url(const char *urls, size_t n, char *out, size_t size)
{
	size_t count = 1;

	for (const char *at = urls; (at = strchr(at, ',')) != NULL; at++)
		count++;
	for (n %= count; n > 0; n--)
		urls = strchr(urls, ',') + 1;
	snprintf(out, size, "%.*s", (int)strcspn(urls, ","), urls);
}

static void hang_up(struct line *l)
{
	natsSubscription_Destroy(l->sub);
	natsConnection_Destroy(l->conn);
	*l = (struct line){0};
}

/* To the next server; acknowledgements of before are not heard any more. */
static void call(struct acked_publisher *f, struct line *l)
{
	char url[128], subject[80];
	natsInbox *inbox = NULL;

	hang_up(l);
	pick_url(f->urls, f->server++, url, sizeof(url));
	l->conn = nats_server_dial(url, CONNECT_MS);
	if (l->conn == NULL || natsInbox_Create(&inbox) != NATS_OK) {
		hang_up(l);
		poll(NULL, 0, CONNECT_PAUSE_MS);
		return;
	}
	snprintf(l->inbox, sizeof(l->inbox), "%s", inbox);
	natsInbox_Destroy(inbox);
	snprintf(subject, sizeof(subject), "%s.*.*", l->inbox);
	if (natsConnection_SubscribeSync(&l->sub, l->conn, subject) !=
	    NATS_OK) {
		hang_up(l);
		return;
	}
	f->connections++;
	f->heard_ms = test_now_ms();
	for (unsigned u = 0; u < ACKED_PUBLISHER_USERS; u++)
		if (f->users[u].sent_ms != 0)
			f->users[u].sent_ms = 1; /* again, at once */
}

/* ---- publishing ---------------------------------------------------------- */

static bool publish(struct line *l, unsigned user, uint64_t count)
{
	char subject[32], reply[128], data[64], id[64];
	natsMsg *msg = NULL;
	bool ok;

	snprintf(subject, sizeof(subject), "events.u%u", user);
	snprintf(reply, sizeof(reply), "%s.%u.%llu", l->inbox, user,
		 (unsigned long long)count);
	snprintf(data, sizeof(data), "%u %llu", user,
		 (unsigned long long)count);
	snprintf(id, sizeof(id), "u%u-%llu", user, (unsigned long long)count);
	ok = natsMsg_Create(&msg, subject, reply, data, (int)strlen(data)) ==
		     NATS_OK &&
	     natsMsgHeader_Set(msg, "Nats-Msg-Id", id) == NATS_OK &&
	     natsConnection_PublishMsg(l->conn, msg) == NATS_OK;
	natsMsg_Destroy(msg);
	return ok;
}

/* What is due: new events, and those that were not acknowledged in time. */
static bool publish_due(struct acked_publisher *f, struct line *l,
			uint64_t begin_ms)
{
	uint64_t now = test_now_ms(), target = GET(f->target);
	uint64_t limit = target;

	if (GET(f->hold))
		limit = 0;
	else if (target == UINT64_MAX)
		limit = (now - begin_ms) * f->per_s / 1000;
	for (unsigned u = 0; u < ACKED_PUBLISHER_USERS; u++) {
		struct acked_publisher_user *at = &f->users[u];
		bool fresh = at->sent_ms == 0;

		if (fresh ? f->n_begun >= limit : now - at->sent_ms < RETRY_MS)
			continue;
		if (!publish(l, u, at->acked + 1))
			return false;
		at->sent_ms = now;
		if (fresh)
			at->begun_ms = now;
		f->n_begun += fresh;
		f->retries += !fresh;
	}
	return true;
}

/* "INBOX.USER.COUNT", and {"stream":"Events","seq":4711}. */
static void take_ack(struct acked_publisher *f, const struct line *l,
		     const natsMsg *msg)
{
	const char *subject = natsMsg_GetSubject(msg) + strlen(l->inbox);
	unsigned long long count = 0;
	struct acked_publisher_user *at;
	unsigned user = 0;
	char text[256];

	snprintf(text, sizeof(text), "%.*s", natsMsg_GetDataLength(msg),
		 natsMsg_GetData(msg));
	if (sscanf(subject, ".%u.%llu", &user, &count) != 2 ||
	    user >= ACKED_PUBLISHER_USERS)
		return;
	at = &f->users[user];
	if (at->sent_ms == 0 || count != at->acked + 1)
		return; /* of one that was sent twice */
	if (strstr(text, "\"error\"") != NULL) {
		at->sent_ms = test_now_ms() - RETRY_MS + REFUSED_MS;
		return;
	}
	f->heard_ms = test_now_ms();
	if (f->heard_ms - at->begun_ms > f->slowest_ms)
		f->slowest_ms = f->heard_ms - at->begun_ms;
	f->duplicates += strstr(text, "\"duplicate\"") != NULL;
	at->acked++;
	at->sent_ms = 0;
	SET(f->user_acked[user], at->acked);
	SET(f->n_acked, f->n_acked + 1);
}

/* All that are there; false when the connection is over. */
static bool take_acks(struct acked_publisher *f, struct line *l)
{
	int64_t wait_ms = ACK_WAIT_MS;

	for (;;) {
		natsMsg *msg = NULL;
		natsStatus rc = natsSubscription_NextMsg(&msg, l->sub, wait_ms);

		if (rc == NATS_OK)
			take_ack(f, l, msg);
		natsMsg_Destroy(msg);
		if (rc == NATS_TIMEOUT || rc == NATS_NO_RESPONDERS)
			return true;
		if (rc != NATS_OK)
			return false;
		wait_ms = 0;
	}
}

/* An event that is under way, and nothing comes. */
static bool is_left_alone(const struct acked_publisher *f)
{
	bool waits = false;

	for (unsigned u = 0; u < ACKED_PUBLISHER_USERS; u++)
		waits = waits || f->users[u].sent_ms != 0;
	return waits && test_now_ms() - f->heard_ms > LEAVE_MS;
}

/* Nothing is under way, and nothing is to begin. */
static void stand_by(struct acked_publisher *f, struct line *l)
{
	hang_up(l);
	SET(f->held, 1);
	while (GET(f->hold) && !GET(f->stop))
		poll(NULL, 0, ACK_WAIT_MS);
	SET(f->held, 0);
}

static bool is_over(const struct acked_publisher *f)
{
	return f->n_acked == f->n_begun && f->n_acked >= GET(f->target);
}

static void *run(void *arg)
{
	struct acked_publisher *f = arg;
	struct line l = {0};
	uint64_t begin_ms = test_now_ms();

	while (!GET(f->stop) && !is_over(f)) {
		if (GET(f->hold) && f->n_acked == f->n_begun)
			stand_by(f, &l);
		if (l.conn == NULL || is_left_alone(f))
			call(f, &l);
		if (l.conn != NULL &&
		    (!publish_due(f, &l, begin_ms) || !take_acks(f, &l)))
			hang_up(&l);
	}
	hang_up(&l);
	SET(f->done, 1);
	nats_ReleaseThreadMemory();
	return NULL;
}

/* ---- from outside -------------------------------------------------------- */

void acked_publisher_start(struct acked_publisher *f, const char *urls,
			   unsigned per_s)
{
	*f = (struct acked_publisher){.urls = urls,
				      .per_s = per_s,
				      .target = UINT64_MAX};
	if (pthread_create(&f->thread, NULL, run, f) != 0)
		abort();
	f->runs = 1;
}

void acked_publisher_hold(struct acked_publisher *f)
{
	SET(f->hold, 1);
	while (!GET(f->held) && !GET(f->done))
		poll(NULL, 0, ACK_WAIT_MS);
}

void acked_publisher_go_on(struct acked_publisher *f, const char *urls)
{
	f->urls = urls; /* its thread stands by */
	SET(f->hold, 0);
}

void acked_publisher_finish(struct acked_publisher *f, uint64_t target)
{
	SET(f->target, target);
}

void acked_publisher_stop(struct acked_publisher *f)
{
	if (!f->runs)
		return;
	SET(f->stop, 1);
	pthread_join(f->thread, NULL);
	f->runs = 0;
}

uint64_t acked_publisher_acked(const struct acked_publisher *f)
{
	return GET(f->n_acked);
}

uint64_t acked_publisher_user_acked(const struct acked_publisher *f,
				    unsigned user)
{
	return GET(f->user_acked[user]);
}

int acked_publisher_done(const struct acked_publisher *f)
{
	return GET(f->done);
}
