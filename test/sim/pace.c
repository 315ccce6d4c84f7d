/* How long things take: scenes in which the server answers within milliseconds
 * and only figures are random, so that a standstill, or a repetition without a
 * pause, shows in simulated time. */
#include "sim.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"

enum {
	HISTORY = 1000,
	REFUSALS_MAX = 12, /* a second and slot */
};

struct pace {
	struct sim s;
	uint64_t judged_ms; /* refusals are counted since */
};

static void set_clock(struct sim *s, uint64_t now_ms)
{
	s->now_ms = s->js.now_ms = now_ms;
}

static void judge_refusals(struct pace *p)
{
	struct sim *s = &p->s;

	if (s->now_ms - p->judged_ms < 1000)
		return;
	p->judged_ms = s->now_ms;
	for (int i = 0; i < FAKE_MAX_OWNERS; i++) {
		if (s->js.rejected[i] > REFUSALS_MAX)
			sim_fail(s, "slot %d: refused %u times in a second", i,
				 s->js.rejected[i]);
		s->js.rejected[i] = 0;
	}
}

static void serve_consumers(struct sim *s)
{
	bool more = true;

	while (more) {
		more = false;
		for (size_t k = fake_jetstream_count_consumers(&s->js); k > 0;
		     k--)
			more |= fake_jetstream_serve_consumer(
				&s->js, fake_jetstream_consumer(&s->js, k - 1));
	}
}

static void run_ms(struct pace *p, uint64_t ms)
{
	struct sim *s = &p->s;
	uint64_t until = s->now_ms + ms;

	while (s->now_ms < until && !s->failed) {
		set_clock(s, s->now_ms + 1);
		for (int i = 0; i < s->n_clients; i++) {
			struct client *c = &s->clients[i];

			c->room += c->rate;
			if (c->open)
				sim_drain(s, c);
		}
		fake_jetstream_serve_due(&s->js);
		serve_consumers(s);
		while (fake_jetstream_deliver(&s->js, sim_on_event, s))
			;
		sim_flush_all(s);
		fake_jetstream_tick(&s->js);
		if (s->now_ms >= hub_next_ms(s->hub))
			hub_tick(s->hub, s->now_ms);
		judge_refusals(p);
	}
}

/* Runs until the client has so many messages. */
static void await_messages(struct pace *p, const struct client *c, unsigned n,
			   uint64_t within_ms)
{
	struct sim *s = &p->s;
	uint64_t until = s->now_ms + within_ms;

	while (c->messages < n && s->now_ms < until && !s->failed)
		run_ms(p, 1);
	if (c->messages < n)
		sim_fail(s,
			 "client %ld has %u of %u messages after %" PRIu64
			 " ms",
			 client_no(s, c), c->messages, n, within_ms);
}

static struct client *open_one(struct pace *p, int no, int id,
			       enum cursor_start start, uint64_t seq)
{
	struct client *c = &p->s.clients[no];
	struct hub_open o = {.start = start, .seq = seq};
	char text[SSE_EVENT_ID_MAX];

	if (c->open)
		sim_close(&p->s, c);
	client_init(c, no);
	c->started = false;
	c->epoch = 0;
	c->id = c->sent = c->start = c->room = 0;
	c->tag[0] = '\0';
	c->subject = sim_subject_of(id);
	c->follows = 1u << c->subject;
	snprintf(text, sizeof(text), "%" PRIu64, seq);
	o.text = text;
	sim_open(&p->s, c, &o);
	return c;
}

static void publish(struct pace *p, int id, uint64_t n)
{
	while (n-- > 0)
		sim_publish(&p->s, sim_subject_of(id));
}

static void begin(struct pace *p, uint64_t seed, size_t max_replays)
{
	struct sim *s = &p->s;
	struct hub_config cfg = {.ping_ms = 30000,
				 .retry_ms = 3000,
				 .buffer_size = 2048,
				 .max_replays = max_replays};

	s->random = seed * 7919 + 29;
	sim_init_stream(s);
	s->js.random = s->random;
	s->js.answer_ms = s->js.search_ms = 1 + sim_rnd(s, 3);
	s->js.covers_all = sim_rnd(s, 2) == 0;
	s->js.faults.says_503 = sim_rnd(s, 2) == 0;
	set_clock(s, 1000);
	p->judged_ms = s->now_ms;
	s->n_clients = MAX_CLIENTS;
	s->n_ids = 6;
	sim_begin(s, &cfg, SIM_MAX_SEQ);
	sim_up(s);
}

/* ---- the scenes ---------------------------------------------------------- */

/* A cursor far beyond the end, again and again, delays its own client alone. */
static void scene_beyond(struct pace *p)
{
	publish(p, 0, HISTORY);
	run_ms(p, 100);
	for (int i = 0; i < 3 && !p->s.failed; i++) {
		open_one(p, 0, 1, START_RESUME, UINT64_MAX);
		run_ms(p, 20);
		await_messages(p, open_one(p, 1, 0, START_ALL, 0), HISTORY,
			       1000);
	}
}

/* A server that accepts no large pulls: smaller ones are requested, and the
 * same one is not repeated. */
static void scene_batch(struct pace *p)
{
	struct client *live, *all;

	p->s.js.faults.max_batch = 1 + (unsigned)sim_rnd(&p->s, 4000);
	publish(p, 0, 300);
	live = open_one(p, 0, 0, START_NEW, 0);
	run_ms(p, 5000);
	publish(p, 0, 10);
	await_messages(p, live, 10, 5000);
	all = open_one(p, 1, 0, START_ALL, 0);
	await_messages(p, all, 310, 8000);
}

/* For a while everything is rejected: nothing is repeated without a pause, and
 * afterwards all goes on. */
static void scene_refused(struct pace *p)
{
	bool errors = sim_rnd(&p->s, 2) == 0;
	struct client *live, *all;

	publish(p, 0, 300);
	live = open_one(p, 0, 0, START_NEW, 0);
	run_ms(p, 200);
	publish(p, 0, 10);
	await_messages(p, live, 10, 1000);
	all = open_one(p, 1, 0, START_ALL, 0);
	p->s.js.faults.errors = errors ? 256 : 0;
	p->s.js.faults.pulls = errors ? 0 : 256;
	run_ms(p, 10000);
	p->s.js.faults.errors = p->s.js.faults.pulls = 0;
	publish(p, 0, 10);
	await_messages(p, live, 20, 8000);
	await_messages(p, all, 320, 15000);
}

/* No consumer but the tail's: message by message, without a standstill. */
static void scene_probes(struct pace *p)
{
	p->s.js.faults.max_consumers = 1;
	publish(p, 0, HISTORY);
	run_ms(p, 100);
	open_one(p, 0, 0, START_ALL, 0);
	for (unsigned n = 100; n <= HISTORY; n += 100)
		await_messages(p, &p->s.clients[0], n, 1500);
}

/* A consumer that is rejected once is tried again. */
static void scene_create(struct pace *p)
{
	p->s.js.answer_ms = p->s.js.search_ms = 10;
	publish(p, 0, HISTORY);
	run_ms(p, 200);
	p->s.js.faults.max_consumers = 1;
	open_one(p, 0, 0, START_ALL, 0);
	run_ms(p, 300);
	p->s.js.faults.max_consumers = 0;
	await_messages(p, &p->s.clients[0], HISTORY, 8000);
}

/* Slots of replays rotate: a later client with little to read gets it soon. */
static void scene_slots(struct pace *p, size_t slots)
{
	publish(p, 0, HISTORY);
	publish(p, 1, 20);
	publish(p, 2, 300); /* nothing of the others' is in memory */
	run_ms(p, 200);
	for (int i = 0; i < (int)slots; i++) {
		struct client *c = open_one(p, i, 0, START_ALL, 0);

		c->rate = 1;
	}
	run_ms(p, 1000);
	await_messages(p, open_one(p, (int)slots, 1, START_ALL, 0), 20, 15000);
}

/* Slow searches of some clients do not lengthen the tail's timeouts: a consumer
 * that is gone silently is noticed as soon as before. */
static void scene_slow(struct pace *p)
{
	struct sim *s = &p->s;
	struct client *live;

	s->js.faults.says_503 = false;
	publish(p, 0, 100);
	publish(p, 1, 100);
	run_ms(p, 100);
	live = open_one(p, 0, 0, START_NEW, 0);
	run_ms(p, 100);
	s->js.search_ms = 4000 + sim_rnd(s, 2000);
	for (int i = 1; i < 4; i++) {
		open_one(p, i, 1, START_RESUME, (uint64_t)i);
		run_ms(p, 2500);
	}
	run_ms(p, 10000);
	for (unsigned i = 0; i < FAKE_MAX_CONSUMERS; i++)
		if (s->js.consumers[i].request.owner == 0)
			s->js.consumers[i].alive = false;
	publish(p, 0, 1);
	await_messages(p, live, 1, 12000);
}

bool pace_run(enum scene scene, uint64_t seed, bool verbose, char *why,
	      size_t size)
{
	static struct pace p;
	size_t slots = 1 + seed % 4;

	memset(&p, 0, sizeof(p));
	p.s.verbose = verbose;
	begin(&p, seed, slots);
	switch (scene) {
	case SCENE_BEYOND:
		scene_beyond(&p);
		break;
	case SCENE_BATCH:
		scene_batch(&p);
		break;
	case SCENE_REFUSED:
		scene_refused(&p);
		break;
	case SCENE_PROBES:
		scene_probes(&p);
		break;
	case SCENE_CREATE:
		scene_create(&p);
		break;
	case SCENE_SLOTS:
		scene_slots(&p, slots);
		break;
	case SCENE_SLOW:
		scene_slow(&p);
		break;
	case SCENE_COUNT:
		break;
	}
	snprintf(why, size, "%s", p.s.why);
	sim_end(&p.s);
	return !p.s.failed;
}
