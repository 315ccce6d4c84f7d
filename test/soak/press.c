#include "press.h"

#include <stdio.h>
#include <string.h>

#include "test_clock.h"

enum { RETRY_MS = 100, TIMER_HEAP_MAX = 1000, HOT_PERCENT = 10 };

static void on_message(void *arg, const char *subject, int status,
		       const char *data, size_t len);

void press_init(struct press *p, int port, unsigned rate)
{
	p->port = port;
	p->rate = rate;
	p->consumers = -1;
	p->tick_ms = test_now_ms();
	p->wire.on_message = on_message;
	p->wire.arg = p;
}

void press_close(struct press *p)
{
	nats_wire_close(&p->wire);
}

bool press_is_up(const struct press *p)
{
	return p->wire.open && p->wire.up;
}

bool press_is_settled(const struct press *p)
{
	return p->head == p->next;
}

/* ---- publishing ---------------------------------------------------------- */

static void send_slot(struct press *p, uint64_t number)
{
	const struct press_slot *s = &p->slots[number % PRESS_WINDOW];
	char subject[32], reply[64], id[32], payload[LEDGER_PAYLOAD_MAX];
	bool binary;
	size_t len = ledger_payload(p->ledger, s->subject, s->counter, payload,
				    &binary);

	snprintf(subject, sizeof(subject), "events.u%u", s->subject);
	snprintf(reply, sizeof(reply), "_S.%u.a.%llu", p->session,
		 (unsigned long long)number);
	snprintf(id, sizeof(id), "%u-%u", s->subject, s->counter);
	nats_wire_publish(&p->wire, subject, reply, id, payload, len);
}

void press_one(struct press *p, unsigned subject)
{
	p->slots[p->next % PRESS_WINDOW] = (struct press_slot){
		.subject = subject,
		.counter = ledger_add(p->ledger, subject),
	};
	send_slot(p, p->next++);
}

static unsigned choose_subject(struct press *p)
{
	const struct ledger *l = p->ledger;

	if (dice_range(p->dice, 1, 100) <= HOT_PERCENT)
		return dice_range(p->dice, 0, l->n_hot - 1);
	return dice_range(p->dice, l->n_hot, l->n_subjects - 1);
}

static void publish_due(struct press *p, uint64_t now_ms)
{
	p->due += (double)(now_ms - p->tick_ms) * p->rate / 1000.0;
	if (p->due > TIMER_HEAP_MAX)
		p->due = TIMER_HEAP_MAX;
	p->tick_ms = now_ms;
	while (p->due >= 1 && p->next - p->head < PRESS_WINDOW) {
		press_one(p, choose_subject(p));
		p->due--;
	}
}

/* ---- answers ------------------------------------------------------------- */

static void settle(struct press *p)
{
	while (p->head < p->next) {
		const struct press_slot *s = &p->slots[p->head % PRESS_WINDOW];

		if (s->seq == 0)
			return;
		if (s->seq > p->ledger->settled)
			p->ledger->settled = s->seq;
		p->head++;
	}
}

/* {"stream":"Events","seq":4711,"duplicate": true} */
static void on_ack(struct press *p, uint64_t number, const char *text)
{
	const char *at = strstr(text, "\"seq\":");
	uint64_t seq = at == NULL ? 0 : strtoull(at + 6, NULL, 10);
	struct press_slot *s = &p->slots[number % PRESS_WINDOW];

	if (number < p->head || number >= p->next || s->seq != 0)
		return;
	if (seq == 0) {
		/* What follows must not overtake it: all again. */
		nats_wire_close(&p->wire);
		return;
	}
	s->seq = seq;
	p->tally->published++;
	if (!ledger_stored(p->ledger, s->subject, s->counter, seq))
		address_counter_wrong(
			p->tally, WRONG_STORE,
			"subject %u, counter %u acknowledged as %llu, "
			"known as %llu",
			s->subject, s->counter, (unsigned long long)seq,
			(unsigned long long)p->ledger->subjects[s->subject]
				.seqs[s->counter]);
	settle(p);
}

/* "consumers":["a","b"] */
static void on_consumers(struct press *p, const char *text)
{
	const char *at = strstr(text, "\"consumers\":[");
	char names[128][PRESS_NAME_MAX], subject[128];
	unsigned n = 0;

	if (at == NULL)
		return;
	at += strlen("\"consumers\":[");
	while (*at == '"' && n < 128) {
		size_t len = strcspn(at + 1, "\"");

		if (len < PRESS_NAME_MAX)
			snprintf(names[n++], PRESS_NAME_MAX, "%.*s", (int)len,
				 at + 1);
		at += len + 2;
		at += *at == ',';
	}
	p->consumers = (int)n;
	if (!p->deletes_consumer || n == 0)
		return;
	p->deletes_consumer = false;
	snprintf(subject, sizeof(subject), "$JS.API.CONSUMER.DELETE.Events.%s",
		 names[dice_range(p->dice, 0, n - 1)]);
	nats_wire_publish(&p->wire, subject, "_S.none", NULL, "", 0);
}

static void on_message(void *arg, const char *subject, int status,
		       const char *data, size_t len)
{
	struct press *p = arg;
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

static void open_again(struct press *p, uint64_t now_ms)
{
	char inbox[32];

	p->retry_ms = now_ms + RETRY_MS;
	snprintf(inbox, sizeof(inbox), "_S.%u.>", ++p->session);
	if (!nats_wire_open(&p->wire, p->port, inbox))
		return;
	for (uint64_t i = p->head; i < p->next; i++) {
		if (p->slots[i % PRESS_WINDOW].seq != 0)
			continue;
		send_slot(p, i);
		p->tally->resent++;
	}
}

void press_turn(struct press *p, uint64_t now_ms)
{
	if (!p->wire.open && now_ms >= p->retry_ms)
		open_again(p, now_ms);
	if (press_is_up(p))
		publish_due(p, now_ms);
	p->tick_ms = now_ms;
	if (p->wire.open && !nats_wire_turn(&p->wire))
		nats_wire_close(&p->wire);
}

/* ---- requests ------------------------------------------------------------ */

static void ask(struct press *p, const char *subject, const char *what,
		const char *json)
{
	char reply[64];

	if (!press_is_up(p))
		return;
	snprintf(reply, sizeof(reply), "_S.%u.%s", p->session, what);
	nats_wire_publish(&p->wire, subject, reply, NULL, json, strlen(json));
}

void press_purge(struct press *p, uint64_t before_seq)
{
	char json[64];

	ledger_purge(p->ledger, before_seq - 1);
	snprintf(json, sizeof(json), "{\"seq\":%llu}",
		 (unsigned long long)before_seq);
	ask(p, "$JS.API.STREAM.PURGE.Events", "none", json);
}

void press_delete(struct press *p, uint64_t seq)
{
	char json[64];

	ledger_delete(p->ledger, seq);
	snprintf(json, sizeof(json), "{\"seq\":%llu,\"no_erase\":true}",
		 (unsigned long long)seq);
	ask(p, "$JS.API.STREAM.MSG.DELETE.Events", "none", json);
}

void press_ask_consumers(struct press *p)
{
	ask(p, "$JS.API.CONSUMER.NAMES.Events", "names", "");
}

void press_delete_consumer(struct press *p)
{
	p->deletes_consumer = true;
	press_ask_consumers(p);
}
