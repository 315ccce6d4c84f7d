#include "soak_publisher.h"

#include <stdio.h>
#include <string.h>

#include "test_clock.h"

enum { RETRY_MS = 100, TIMER_HEAP_MAX = 1000, HOT_PERCENT = 10 };

static void on_message(void *arg, const char *subject, int status,
		       const char *data, size_t len);

void soak_publisher_init(struct soak_publisher *p, int port, unsigned rate)
{
	p->port = port;
	p->rate = rate;
	p->consumers = -1;
	p->tick_ms = test_now_ms();
	p->wire.on_message = on_message;
	p->wire.arg = p;
}

void soak_publisher_close(struct soak_publisher *p)
{
	nats_wire_close(&p->wire);
}

bool soak_publisher_is_up(const struct soak_publisher *p)
{
	return p->wire.open && p->wire.up;
}

bool soak_publisher_is_settled(const struct soak_publisher *p)
{
	return p->head == p->next;
}

/* ---- publishing ---------------------------------------------------------- */

static void send_slot(struct soak_publisher *p, uint64_t number)
{
	const struct soak_publisher_slot *s =
		&p->slots[number % SOAK_PUBLISHER_WINDOW];
	char subject[32], reply[64], id[32],
		payload[EXPECTED_MESSAGES_PAYLOAD_MAX];
	bool binary;
	size_t len = expected_messages_payload(p->expected, s->subject,
					       s->counter, payload, &binary);

	snprintf(subject, sizeof(subject), "events.u%u", s->subject);
	snprintf(reply, sizeof(reply), "_S.%u.a.%llu", p->session,
		 (unsigned long long)number);
	snprintf(id, sizeof(id), "%u-%u", s->subject, s->counter);
	nats_wire_publish(&p->wire, subject, reply, id, payload, len);
}

void soak_publisher_one(struct soak_publisher *p, unsigned subject)
{
	p->slots[p->next % SOAK_PUBLISHER_WINDOW] =
		(struct soak_publisher_slot){
			.subject = subject,
			.counter = expected_messages_add(p->expected, subject),
		};
	send_slot(p, p->next++);
}

static unsigned choose_subject(struct soak_publisher *p)
{
	const struct expected_messages *l = p->expected;

	if (seeded_random_range(p->random, 1, 100) <= HOT_PERCENT)
		return seeded_random_range(p->random, 0, l->n_hot - 1);
	return seeded_random_range(p->random, l->n_hot, l->n_subjects - 1);
}

static void publish_due(struct soak_publisher *p, uint64_t now_ms)
{
	p->due += (double)(now_ms - p->tick_ms) * p->rate / 1000.0;
	if (p->due > TIMER_HEAP_MAX)
		p->due = TIMER_HEAP_MAX;
	p->tick_ms = now_ms;
	while (p->due >= 1 && p->next - p->head < SOAK_PUBLISHER_WINDOW) {
		soak_publisher_one(p, choose_subject(p));
		p->due--;
	}
}

/* ---- answers ------------------------------------------------------------- */

static void settle(struct soak_publisher *p)
{
	while (p->head < p->next) {
		const struct soak_publisher_slot *s =
			&p->slots[p->head % SOAK_PUBLISHER_WINDOW];

		if (s->seq == 0)
			return;
		if (s->seq > p->expected->settled)
			p->expected->settled = s->seq;
		p->head++;
	}
}

/* {"stream":"Events","seq":4711,"duplicate": true} */
static void on_ack(struct soak_publisher *p, uint64_t number, const char *text)
{
	const char *at = strstr(text, "\"seq\":");
	uint64_t seq = at == NULL ? 0 : strtoull(at + 6, NULL, 10);
	struct soak_publisher_slot *s =
		&p->slots[number % SOAK_PUBLISHER_WINDOW];

	if (number < p->head || number >= p->next || s->seq != 0)
		return;
	if (seq == 0) {
		/* What follows must not overtake it: all again. */
		nats_wire_close(&p->wire);
		return;
	}
	s->seq = seq;
	p->report->published++;
	if (!expected_messages_stored(p->expected, s->subject, s->counter, seq))
		soak_report_violation(
			p->report, VIOLATION_STORE,
			"subject %u, counter %u acknowledged as %llu, "
			"known as %llu",
			s->subject, s->counter, (unsigned long long)seq,
			(unsigned long long)p->expected->subjects[s->subject]
				.seqs[s->counter]);
	settle(p);
}

/* "consumers":["a","b"] */
static void on_consumers(struct soak_publisher *p, const char *text)
{
	const char *at = strstr(text, "\"consumers\":[");
	char names[128][SOAK_PUBLISHER_NAME_MAX], subject[128];
	unsigned n = 0;

	if (at == NULL)
		return;
	at += strlen("\"consumers\":[");
	while (*at == '"' && n < 128) {
		size_t len = strcspn(at + 1, "\"");

		if (len < SOAK_PUBLISHER_NAME_MAX)
			snprintf(names[n++], SOAK_PUBLISHER_NAME_MAX, "%.*s",
				 (int)len, at + 1);
		at += len + 2;
		at += *at == ',';
	}
	p->consumers = (int)n;
	if (!p->deletes_consumer || n == 0)
		return;
	p->deletes_consumer = false;
	snprintf(subject, sizeof(subject), "$JS.API.CONSUMER.DELETE.Events.%s",
		 names[seeded_random_range(p->random, 0, n - 1)]);
	nats_wire_publish(&p->wire, subject, "_S.none", NULL, "", 0);
}

static void on_message(void *arg, const char *subject, int status,
		       const char *data, size_t len)
{
	struct soak_publisher *p = arg;
	struct bytes text = {0};
	unsigned session;
	unsigned long long number;

	bytes_add(&text, data, len);
	if (sscanf(subject, "_S.%u.a.%llu", &session, &number) == 2 &&
	    session == p->session)
		on_ack(p, number, status == 0 ? text.at : "");
	else if (strstr(subject, ".names") != NULL && status == 0)
		on_consumers(p, text.at);
	bytes_free(&text);
}

/* ---- life ---------------------------------------------------------------- */

static void open_again(struct soak_publisher *p, uint64_t now_ms)
{
	char inbox[32];

	p->retry_ms = now_ms + RETRY_MS;
	snprintf(inbox, sizeof(inbox), "_S.%u.>", ++p->session);
	if (!nats_wire_open(&p->wire, p->port, inbox))
		return;
	for (uint64_t i = p->head; i < p->next; i++) {
		if (p->slots[i % SOAK_PUBLISHER_WINDOW].seq != 0)
			continue;
		send_slot(p, i);
		p->report->resent++;
	}
}

void soak_publisher_turn(struct soak_publisher *p, uint64_t now_ms)
{
	if (!p->wire.open && now_ms >= p->retry_ms)
		open_again(p, now_ms);
	if (soak_publisher_is_up(p))
		publish_due(p, now_ms);
	p->tick_ms = now_ms;
	if (p->wire.open && !nats_wire_turn(&p->wire))
		nats_wire_close(&p->wire);
}

/* ---- requests ------------------------------------------------------------ */

static void ask(struct soak_publisher *p, const char *subject, const char *what,
		const char *json)
{
	char reply[64];

	if (!soak_publisher_is_up(p))
		return;
	snprintf(reply, sizeof(reply), "_S.%u.%s", p->session, what);
	nats_wire_publish(&p->wire, subject, reply, NULL, json, strlen(json));
}

void soak_publisher_purge(struct soak_publisher *p, uint64_t before_seq)
{
	char json[64];

	expected_messages_purge(p->expected, before_seq - 1);
	snprintf(json, sizeof(json), "{\"seq\":%llu}",
		 (unsigned long long)before_seq);
	ask(p, "$JS.API.STREAM.PURGE.Events", "none", json);
}

void soak_publisher_delete(struct soak_publisher *p, uint64_t seq)
{
	char json[64];

	expected_messages_delete(p->expected, seq);
	snprintf(json, sizeof(json), "{\"seq\":%llu,\"no_erase\":true}",
		 (unsigned long long)seq);
	ask(p, "$JS.API.STREAM.MSG.DELETE.Events", "none", json);
}

void soak_publisher_ask_consumers(struct soak_publisher *p)
{
	ask(p, "$JS.API.CONSUMER.NAMES.Events", "names", "");
}

void soak_publisher_delete_consumer(struct soak_publisher *p)
{
	p->deletes_consumer = true;
	soak_publisher_ask_consumers(p);
}
