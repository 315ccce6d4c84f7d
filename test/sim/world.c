/* A whole run: a gateway with random features lives through random events
 * (world_events.c), and client.c judges what its clients receive. In the end
 * everything is repaired, and all subscriptions must come to rest. */
#include "sim.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/check.h"
#include "readable_of.h"

enum {
	STEPS_MIN = 200,
	STEPS_MORE = 700,
	SETTLE_MS = 300 * 1000, /* several of the longest timeouts */
	REST_MS = 40 * 1000,	/* a question may be lost, and be late then */
	SPINS_MAX = 20000,	/* steps in which no time passes */
};

static struct sim *the_sim; /* the sink has no argument of its own */

int sim_subject_of(int id)
{
	return id < SIM_OTHER ? id : id + 1;
}

/* ---- the sink ------------------------------------------------------------ */

static struct client *client_of(struct cursor *c)
{
	return CONTAINER_OF(c, struct client, cursor);
}

static bool sink_fails(struct sim *s)
{
	return sim_has(s, FEATURE_SINKS) && sim_rnd(s, 40) == 0;
}

static size_t room_of(struct sim *s, const struct client *c, size_t all)
{
	if (c->rate > 0)
		return c->room < all ? c->room : all;
	if (!c->stuck)
		return all;
	return sim_rnd(s, 3) == 0 ? sim_rnd(s, all + 1) : 0;
}

static ssize_t sink_write(struct cursor *cursor, const struct iovec *header,
			  const struct iovec *iov, int n)
{
	struct sim *s = the_sim;
	struct client *c = client_of(cursor);
	size_t all = 0, some;
	ssize_t wrote = 0;

	MUST(c->held_len == 0 && c->open && header == NULL);
	if (c->over && c->limit == 0)
		sim_fail(s, "client %ld: a write on a socket that has failed",
			 client_no(s, c));
	if (sink_fails(s)) {
		c->over = true;
		return -EPIPE;
	}
	for (int i = 0; i < n; i++)
		all += iov[i].iov_len;
	some = room_of(s, c, all);
	if (c->rate > 0)
		c->room -= some;
	for (int i = 0; i < n && some > 0; i++) {
		size_t len = iov[i].iov_len < some ? iov[i].iov_len : some;

		client_take(s, c, iov[i].iov_base, len);
		some -= len;
		wrote += (ssize_t)len;
	}
	return wrote;
}

static int sink_hold(struct cursor *cursor, const void *bytes, size_t len)
{
	struct client *c = client_of(cursor);

	MUST(c->held_len == 0 && len > 0);
	if (sink_fails(the_sim)) {
		c->over = true;
		return -ENOMEM;
	}
	c->held = malloc(len);
	MUST(c->held != NULL);
	memcpy(c->held, bytes, len);
	c->held_len = len;
	return 0;
}

static void sink_done(struct cursor *cursor)
{
	struct sim *s = the_sim;
	struct client *c = client_of(cursor);

	if (c->limit == 0 || c->messages != c->limit)
		sim_fail(s, "client %ld is done with %u of %u messages",
			 client_no(s, c), c->messages, c->limit);
	c->over = true;
}

static const struct hub_sink sink = {
	.write = sink_write,
	.hold = sink_hold,
	.done = sink_done,
};

void sim_drain(struct sim *s, struct client *c)
{
	uint8_t *held = c->held;
	size_t len = c->held_len;

	if (len == 0)
		return;
	if (c->rate > 0) {
		if (c->room < len)
			return;
		c->room -= len;
	}
	c->held = NULL;
	c->held_len = 0;
	client_take(s, c, held, len);
	free(held);
	hub_writable(s->hub, &c->cursor);
}

/* ---- a whole run --------------------------------------------------------- */

/* The gateway's last message before a roll-back may be gone from the stream, or
 * all of them: then nothing proves the roll-back. */
static bool waits_for_roll_back(const struct sim *s)
{
	return s->rolled_from != 0 &&
	       fake_jetstream_at(&s->js, s->rolled_from) != 0;
}

static void forget_roll_back(struct sim *s)
{
	if (s->rolled_from == 0 ||
	    fake_jetstream_first_seq(&s->js) <= s->rolled_from)
		return;
	memset(s->removed.messages, 0,
	       (s->rolled_from + 1) * sizeof(s->removed.messages[0]));
	s->rolled_from = 0;
}

static bool is_under_way(const struct sim *s)
{
	return fake_jetstream_count_events(&s->js) > 0 ||
	       requests_unread(&s->js) > 0;
}

static bool at_rest(const struct sim *s)
{
	const struct event_buffer *l = hub_buffer(s->hub);
	const char *why;

	if (!hub_ready(s->hub, &why) ||
	    fake_jetstream_next(&s->js, event_buffer_last_seq(l), "ev.*",
				FAKE_ALL) != 0 ||
	    hub_tag(s->hub) == NULL || waits_for_roll_back(s) ||
	    client_epoch(s, hub_tag(s->hub)->hex) != s->js.epoch)
		return false;
	for (int i = 0; i < s->n_clients; i++) {
		const struct client *c = &s->clients[i];

		if (c->open &&
		    (c->cursor.state != CURSOR_LIVE || !c->cursor.caught_up))
			return false;
	}
	return true;
}

/* Repairs everything, except what a server may be like forever. */
static void mend_all(struct sim *s)
{
	fake_jetstream_lead(&s->js);
	fake_jetstream_step_down(&s->js);
	s->js.faults.errors = s->js.faults.pulls = s->js.faults.foreign = 0;
	s->js.faults.shuffles = false;
	s->features &= ~(1u << FEATURE_SINKS);
	sim_up(s);
	if (sim_has(s, FEATURE_CONSUMER_LIMIT) &&
	    s->js.faults.max_consumers == 0)
		s->js.faults.max_consumers = (unsigned)sim_rnd(s, 3);
	/* Without a consumer beside the tail's there is no snapshot. */
	if (sim_has(s, FEATURE_SELECTIONS) && s->js.faults.max_consumers == 1)
		s->js.faults.max_consumers = 2;
	for (int k = 0; k < s->n_clients; k++)
		s->clients[k].stuck = false;
}

bool sim_flush_all(struct sim *s)
{
	for (int i = 0; i < 1000; i++)
		if (!hub_flush(s->hub, s->now_ms, 100))
			return true;
	sim_fail(s, "the hub has always more to write");
	return false;
}

static void settle_step(struct sim *s)
{
	world_close_ended(s);
	for (int k = 0; k < s->n_clients; k++)
		if (s->clients[k].open)
			sim_drain(s, &s->clients[k]);
	for (unsigned k = 0; k < FAKE_MAX_CONSUMERS; k++)
		s->js.consumers[k].lag = 0;
	fake_jetstream_serve_request(&s->js, 0);
	for (unsigned k = 0; k < FAKE_MAX_CONSUMERS; k++)
		fake_jetstream_serve_consumer(&s->js,
					      fake_jetstream_consumer(&s->js,
								      k));
	while (fake_jetstream_deliver_late(&s->js, 0) ||
	       fake_jetstream_deliver_late(&s->js, 1))
		;
	while (fake_jetstream_deliver(&s->js, sim_on_event, s))
		;
	sim_flush_all(s);
	world_check(s);
}

/* Nothing happens but by time: goes to the next timer. */
static void sleep_on(struct sim *s)
{
	uint64_t next = hub_next_ms(s->hub), due = fake_jetstream_due(&s->js);

	next = due < next ? due : next;
	if (next == UINT64_MAX)
		sim_fail(s, "nobody waits for anything");
	else if (next > s->now_ms)
		world_set_clock(s, next);
	fake_jetstream_tick(&s->js);
	hub_tick(s->hub, s->now_ms);
}

static void say_where(struct sim *s)
{
	const char *why;

	for (int i = 0; i < s->n_clients; i++) {
		const struct cursor *c = &s->clients[i].cursor;

		if (s->clients[i].open)
			sim_say(s,
				"client %d state %d caught_up %d covered "
				"%" PRIu64 " start %d listed %d blocked %d "
				"gap %d",
				i, c->state, c->caught_up, c->covered, c->start,
				c->listed, c->blocked, c->gap);
	}
	sim_say(s,
		"tail %s, consumers %zu of %u, events %zu, requests %zu, "
		"rolled %" PRIu64,
		hub_ready(s->hub, &why) ? "live" : why,
		fake_jetstream_count_consumers(&s->js),
		s->js.faults.max_consumers, fake_jetstream_count_events(&s->js),
		requests_unread(&s->js), s->rolled_from);
}

static void settle_all(struct sim *s)
{
	uint64_t until = s->now_ms + SETTLE_MS, before, rests_ms = s->now_ms;
	unsigned spins = 0;

	mend_all(s);
	while (s->now_ms < until && !s->failed && spins++ < SPINS_MAX) {
		before = s->now_ms;
		settle_step(s);
		if (!at_rest(s))
			rests_ms = s->now_ms;
		else if (s->now_ms - rests_ms >= REST_MS && !is_under_way(s))
			return;
		if (requests_unread(&s->js) == 0 && fake_jetstream_idle(&s->js))
			sleep_on(s);
		else if (spins % 16 == 0)
			world_set_clock(s, s->now_ms + 1);
		if (s->now_ms > before + 1)
			spins = 0;
	}
	say_where(s);
	sim_fail(s, "not at rest: head %" PRIu64 ", stream's last %" PRIu64,
		 event_buffer_last_seq(hub_buffer(s->hub)), s->js.last_seq);
}

static void check_all_caught_up(struct sim *s)
{
	forget_roll_back(s);
	world_set_clock(s,
			s->now_ms +
				60000); /* a ping carries each one's event id */
	hub_tick(s->hub, s->now_ms);
	sim_flush_all(s);
	for (int i = 0; i < s->n_clients && !s->failed; i++) {
		struct client *c = &s->clients[i];
		bool silent = c->ndjson && !c->system;

		if (!c->open || c->over)
			continue;
		if (!silent &&
		    c->id < event_buffer_last_seq(hub_buffer(s->hub)))
			sim_fail(s,
				 "client %d stays at %" PRIu64 " of %" PRIu64,
				 i, c->id,
				 event_buffer_last_seq(hub_buffer(s->hub)));
		if (!silent && c->epoch != s->js.epoch)
			sim_fail(s,
				 "client %d does not know the present stream",
				 i);
		if (silent && c->started)
			c->id = event_buffer_last_seq(hub_buffer(s->hub));
		client_check_owed(s, c);
		client_check_told(s, c);
	}
}

/* Rules that matter only with replicas are tried only with them. */
static bool needs_cluster(enum mutation m)
{
	return m == MUTATION_NO_LEADER || m == MUTATION_NO_FOLLOWERS ||
	       m == MUTATION_LEADER_BEHIND || m == MUTATION_ONE_PROBE;
}

/* A mistake that needs many events in one order shows best where nothing else
 * happens: a second answer, another probe or a gap would repair it. */
static bool needs_plain_world(enum mutation m)
{
	return m == MUTATION_NO_LEADER || m == MUTATION_LEADER_BEHIND ||
	       m == MUTATION_ONE_PROBE || m == MUTATION_PULL_UNCHECKED;
}

/* The features of this seed, by random numbers of their own: without them the
 * seed stays the same. */
static void choose_features(struct sim *s, uint64_t seed)
{
	unsigned may = needs_plain_world(mutation_now) ? 0 : sim_features;
	bool one = (may & (may - 1)) == 0;
	struct fake_faults *f = &s->js.faults;
	uint64_t kept = s->random;

	s->random = seed * 104729 + 71;
	for (unsigned i = 0; i < FEATURE_COUNT; i++)
		if ((may >> i & 1) != 0 && (one || sim_rnd(s, 2) == 0))
			s->features |= 1u << i;
	s->js.random = s->random;
	s->random = kept;
	s->n_clients = sim_has(s, FEATURE_CROWD) ? MAX_CLIENTS : FEW_CLIENTS;
	s->n_ids = sim_has(s, FEATURE_CROWD) ? 6 : 2;
	f->errors = sim_has(s, FEATURE_ERRORS) ? 24 : 0;
	f->pulls = sim_has(s, FEATURE_PULLS) ? 64 : 0;
	f->says_503 = sim_has(s, FEATURE_PULLS) && seed % 4 < 2;
	f->max_batch =
		sim_has(s, FEATURE_BATCH) ? 1 + (unsigned)(seed % 2000) : 0;
	f->big = sim_has(s, FEATURE_BIG) ? 48 : 0;
	f->foreign = sim_has(s, FEATURE_FOREIGN) ? 8 : 0;
	f->jumps = sim_has(s, FEATURE_JUMPS);
	f->shuffles = sim_has(s, FEATURE_ORDER);
	s->js.covers_all = sim_has(s, FEATURE_UNFILTERED);
}

void sim_begin(struct sim *s, const struct hub_config *cfg, uint64_t limit)
{
	struct hub_config with = *cfg;
	const char *why;

	with.readable = s->readable = readable_of("ev.{id}");
	MUST(subject_template_parse(&with.subject, "ev.{id}", &why) == 0);
	for (int i = 0; i < s->n_clients; i++)
		client_init(&s->clients[i], i);
	s->js.limit = limit;
	the_sim = s;
	MUST(hub_new(&s->hub, &with, &s->js.source, &sink, &s->metrics) == 0);
}

void sim_end(struct sim *s)
{
	for (int i = 0; i < s->n_clients; i++)
		if (s->clients[i].open)
			sim_close(s, &s->clients[i]);
	hub_free(s->hub);
	readable_unref(s->readable);
	fake_jetstream_finish(&s->js);
}

static void world_begin(struct sim *s, uint64_t seed)
{
	static const uint64_t limits[] = {5, 20, 60, SIM_MAX_SEQ};
	static const size_t memories[] = {64, 256, 384, 512, 1024, 2048, 8192};
	struct hub_config cfg = {.ping_ms = 30000, .retry_ms = 3000};
	uint64_t limit, before;

	s->random = seed * 7919 + 17;
	limit = limits[sim_rnd(s, 4)];
	sim_init_stream(s);
	world_set_clock(s, 1000);
	choose_features(s, seed);
	s->cluster = sim_rnd(s, 2) == 0 || needs_cluster(mutation_now);
	s->js.leader = s->cluster;
	cfg.buffer_size = memories[sim_rnd(s, 7)];
	cfg.max_replays = 1 + sim_rnd(s, 4);
	cfg.max_asks = 1 + (unsigned)sim_rnd(s, 3);
	cfg.max_consumers = 1 + (unsigned)sim_rnd(s, 3);
	if (sim_rnd(s, 6) == 0)
		s->js.faults.max_consumers = 1 + (unsigned)sim_rnd(s, 3);
	world_choose_weights(s);
	if (sim_has(s, FEATURE_OVERTAKE) && limit == 5)
		limit = 1 + seed % 3;
	sim_begin(s, &cfg, limit);
	before = sim_has(s, FEATURE_HISTORY) ? 400 : 40;
	for (uint64_t n = sim_rnd(s, before); n > 0; n--)
		world_publish_some(s);
	if (sim_rnd(s, 4) > 0)
		sim_up(s);
}

/* The programs are linked with --wrap=crypto_shorthash_keygen: the key of the
 * buffer decides the order of its subjects, and a seed must replay exactly. */
static uint64_t key_seed;

void __wrap_crypto_shorthash_keygen(
	unsigned char key[crypto_shorthash_KEYBYTES]);

void __wrap_crypto_shorthash_keygen(
	unsigned char key[crypto_shorthash_KEYBYTES])
{
	for (size_t i = 0; i < crypto_shorthash_KEYBYTES; i++)
		key[i] = (unsigned char)(key_seed >> (i % 8 * 8)) ^
			 (unsigned char)i;
}

bool world_run(uint64_t seed, bool verbose, char *why, size_t size)
{
	static struct sim s;
	uint64_t steps;
	bool ok;

	memset(&s, 0, sizeof(s));
	s.verbose = verbose;
	key_seed = seed * 0x9E3779B97F4A7C15; /* as in splitmix64 */
	world_begin(&s, seed);
	steps = STEPS_MIN + sim_rnd(&s, STEPS_MORE);
	while (steps-- > 0 && !s.failed) {
		world_step(&s);
		world_check(&s);
	}
	settle_all(&s);
	if (!s.failed)
		check_all_caught_up(&s);
	ok = !s.failed;
	snprintf(why, size, "%s", s.why);
	sim_end(&s);
	return ok;
}
