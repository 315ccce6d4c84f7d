/* What can happen to a gateway, its JetStream and its clients: one event of a
 * random kind for each step, by the weights of the seed. world_check() holds
 * the invariants after each of them. */
#include "sim.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"

static const char *id_of(int subject)
{
	return sim_subjects[subject] + strlen("ev.");
}

void sim_on_event(void *arg, const struct jetstream_event *ev)
{
	struct sim *s = arg;

	sim_say(s, "event kind %d slot %u err %d seq %" PRIu64 " last %" PRIu64,
		ev->kind, ev->request.owner, ev->err,
		ev->kind == JETSTREAM_INFO ? ev->info.first_seq
		: ev->kind == JETSTREAM_MESSAGE || ev->kind == JETSTREAM_FOUND
			? ev->msg.seq
			: (uint64_t)ev->status.code,
		ev->kind == JETSTREAM_INFO ? ev->info.last_seq : 0);
	hub_on_event(s->hub, ev, s->now_ms);
}

/* Number of stream changes that the hub has counted. */
static uint64_t times_back(const struct sim *s)
{
	return s->metrics.value[METRIC_CHANGE_ROLLED_BACK] +
	       s->metrics.value[METRIC_CHANGE_RECREATED];
}

/* The client has read all that the hub had to report of roll-backs. */
static bool knows(const struct sim *s, const struct client *c)
{
	return s->rolled_from == 0 && c->cursor.gap == GAP_NONE &&
	       !c->cursor.late_gap && c->cursor.state != CURSOR_WAITING &&
	       c->held_len == 0 && c->n_bytes == 0;
}

void world_check(struct sim *s)
{
	const struct event_buffer *l = hub_buffer(s->hub);
	const char *broken = hub_check(s->hub);

	if (broken != NULL)
		sim_fail(s, "broken: %s", broken);
	for (int i = 0; i < s->n_clients; i++) {
		struct client *c = &s->clients[i];

		broken = cursor_check(&c->cursor, l);
		if (broken != NULL)
			sim_fail(s, "client %d: broken: %s", i, broken);
		if (!c->open)
			continue;
		/* A blocked subscription notices when it goes on. */
		if (c->cursor.state == CURSOR_LIVE && c->cursor.caught_up &&
		    cursor_covered(&c->cursor, l) < event_buffer_floor(l))
			sim_fail(s, "LIVE below floor");
		if (c->doomed != 0 && knows(s, c))
			c->doomed = 0;
	}
	if (event_buffer_floor(l) > event_buffer_last_seq(l))
		sim_fail(s, "floor above head");
	if (s->rolled_from != 0 && (event_buffer_last_seq(l) < s->rolled_from ||
				    times_back(s) != s->times_back))
		s->rolled_from = 0; /* it has noticed */
}

void sim_close(struct sim *s, struct client *c)
{
	sim_say(s, "close %ld", client_no(s, c));
	c->stale = c->stale || s->rolled_from != 0;
	hub_close(s->hub, &c->cursor, s->now_ms);
	free(c->held);
	c->held = NULL;
	c->held_len = 0;
	c->n_bytes = 0;
	c->open = false;
	/* Reports that were due to it are lost with it. */
	memset(c->owed, 0, SIM_MAX_SEQ + 1);
}

/* Closes clients whose sink has failed, or whose limit is reached. */
void world_close_ended(struct sim *s)
{
	for (int i = 0; i < s->n_clients; i++)
		if (s->clients[i].open && s->clients[i].over)
			sim_close(s, &s->clients[i]);
}

void sim_open(struct sim *s, struct client *c, const struct hub_open *open)
{
	struct hub_open o = *open;

	o.id = id_of(c->subject);
	o.id_len = strlen(o.id);
	o.selection = c->wide ? &c->selection : NULL;
	c->policy = o.start;
	c->chunked = o.chunked;
	c->limit = o.limit;
	c->ndjson = o.ndjson;
	c->json_events = o.json_events;
	c->system = o.system;
	c->messages = 0;
	c->over = c->stuck = false;
	sim_say(s, "open %ld id %s policy %d cursor %s", client_no(s, c), o.id,
		c->policy, o.start == START_RESUME ? o.text : "-");
	memset(&c->cursor, 0, sizeof(c->cursor));
	c->open = true;
	MUST(hub_open(s->hub, &c->cursor, &o, s->now_ms) == 0);
}

/* Another client, or one with an invented event id. */
static void become_new(struct sim *s, struct client *c, char *text, size_t size)
{
	uint64_t beyond = 0;

	memset(c->got, 0, UIDS_MAX);
	c->subject = sim_subject_of((int)sim_rnd(s, (uint64_t)s->n_ids));
	client_choose_subjects(s, c);
	c->policy = (enum cursor_start)sim_rnd(s, 4);
	c->stale = false;
	c->epoch = 0; /* its first tag says */
	c->started = false;
	c->tag[0] = '\0';
	c->start = 0;
	if (sim_rnd(s, 8) == 0)
		beyond = 5;
	snprintf(text, size, "%" PRIu64,
		 sim_rnd(s, s->js.last_seq + 1 + beyond));
	if (sim_has(s, FEATURE_BEHIND) && s->js.applied < s->js.last_seq) {
		/* of a gateway that was ahead of this one */
		c->policy = START_RESUME;
		snprintf(text, size, "%" PRIu64, s->js.last_seq);
	}
	if (sim_has(s, FEATURE_BEYOND) && sim_rnd(s, 4) == 0)
		snprintf(text, size, "%" PRIu64,
			 sim_rnd(s, 2) ? UINT64_MAX - sim_rnd(s, 2)
				       : s->js.last_seq + 1 + sim_rnd(s, 2000));
	if (c->policy == START_RESUME && sim_rnd(s, 2) == 0)
		snprintf(text + strlen(text), size - strlen(text), "-%s",
			 fake_jetstream_tag(s->js.epoch).hex);
}

static void choose_form(struct sim *s, struct hub_open *o)
{
	o->chunked = sim_rnd(s, 2) == 0;
	if (sim_has(s, FEATURE_LIMITS) && sim_rnd(s, 3) == 0)
		o->limit = 1 + (uint32_t)sim_rnd(s, 6);
	if (!sim_has(s, FEATURE_LINES) || sim_rnd(s, 2) == 0)
		return;
	o->ndjson = true;
	o->json = sim_rnd(s, 2) == 0;
	o->system = sim_rnd(s, 3) > 0;
	if (sim_rnd(s, 3) > 0)
		return;
	o->ndjson = o->system = false;
	o->json_events = true;
}

static void open_client(struct sim *s, struct client *c)
{
	struct hub_open o = {0};
	struct sse_event_id cur = {0};
	char text[SSE_EVENT_ID_MAX + 8];
	bool resume = c->started && !c->stale && sim_rnd(s, 3) > 0;

	if (resume) { /* on this gateway again, with what it has seen */
		snprintf(text, sizeof(text),
			 c->tag[0] ? "%" PRIu64 "-%s" : "%" PRIu64 "%s", c->id,
			 c->tag);
		c->policy = START_RESUME;
	} else {
		become_new(s, c, text, sizeof(text));
	}
	o.start = c->policy;
	if (!resume)
		c->snapshot_to = 0;
	else if (c->snapshot_to > c->id)
		c->snapshot_to = c->id;
	choose_form(s, &o);
	c->id = c->sent = 0;
	if (o.start == START_RESUME) {
		MUST(sse_event_id_parse(&cur, text, strlen(text)) == 0);
		o.seq = cur.seq;
		o.has_tag = cur.has_tag;
		o.tag = cur.tag;
		o.text = text;
		if (resume) {
			c->id = cur.seq;
			c->sent = cur.seq;
		} else if (o.ndjson && !o.system) { /* it is not repeated */
			c->id = c->sent = c->start = cur.seq;
			c->started = true;
		}
	}
	c->doomed = s->rolled_from != 0;
	c->sound = 0;
	/* Its event id is of this stream, which the gateway knows. */
	if (hub_tag(s->hub) != NULL && cur.seq <= s->js.last_seq &&
	    (!resume || c->epoch == s->js.epoch) &&
	    client_epoch(s, hub_tag(s->hub)->hex) == s->js.epoch)
		c->sound = s->js.epoch;
	sim_open(s, c, &o);
}

static struct client *pick(struct sim *s, bool open)
{
	for (int i = 0; i < 4; i++) {
		struct client *c =
			&s->clients[sim_rnd(s, (uint64_t)s->n_clients)];

		if (c->open == open)
			return c;
	}
	return NULL;
}

/* A roll-back that is not yet noticed: until then only growing changes the
 * stream. */
static bool is_still(const struct sim *s)
{
	return s->rolled_from != 0 && !sim_has(s, FEATURE_GROW);
}

static int any_subject(struct sim *s)
{
	if (sim_rnd(s, 6) == 0)
		return SIM_OTHER;
	return sim_subject_of((int)sim_rnd(s, (uint64_t)s->n_ids));
}

void world_publish_some(struct sim *s)
{
	uint64_t n = sim_rnd(s, 3) == 0 ? 5 : 1;

	while (n-- > 0 && !is_still(s))
		sim_publish(s, any_subject(s));
}

static void recreate(struct sim *s)
{
	sim_say(s, "the stream is recreated");
	sim_recreate(s);
	s->rolled_from = s->rolled_to = 0;
	for (uint64_t n = sim_rnd(s, 10); n > 0; n--)
		world_publish_some(s);
}

/* If the tail's last message is not in the buffer, messages that were rolled
 * back and grew again cannot be distinguished from the earlier ones. */
static bool is_recognisable(const struct sim *s)
{
	const struct event_buffer *l = hub_buffer(s->hub);
	uint64_t head = event_buffer_last_seq(l);
	size_t uid = fake_jetstream_at(&s->js, head);

	return event_buffer_count(l) > 0 && uid != 0 &&
	       s->subjects[uid] != SIM_OTHER;
}

/* A crash that lost what was not on the disk: the server was gone, too. */
static void roll_back(struct sim *s)
{
	uint64_t back = 1 + sim_rnd(s, 4);
	uint64_t head = event_buffer_last_seq(hub_buffer(s->hub));

	if (s->js.last_seq <= back || s->rolled_from != 0 || s->js.no_leader ||
	    s->js.last_seq - back >= head)
		return;
	if (sim_has(s, FEATURE_GROW) && !is_recognisable(s))
		return;
	s->rolled_to = s->js.last_seq - back;
	sim_say(s, "the stream rolls back to %" PRIu64, s->rolled_to);
	fake_jetstream_step_down(&s->js); /* it has what the others lost */
	fake_jetstream_down(&s->js);
	sim_roll_back(s, s->rolled_to);
	/* An event id beyond the end names no message: no gateway can tell. */
	for (int i = 0; i < s->n_clients; i++) {
		s->clients[i].stale = true;
		s->clients[i].doomed++;
	}
	s->rolled_from = head;
	s->times_back = times_back(s);
	if (sim_has(s, FEATURE_GROW))
		for (uint64_t n = sim_rnd(s, 8); n > 0; n--)
			sim_publish(s, any_subject(s));
	sim_up(s);
}

static void lag_some(struct sim *s)
{
	for (unsigned i = 0; i < FAKE_MAX_CONSUMERS; i++)
		if (s->js.consumers[i].alive)
			s->js.consumers[i].lag =
				s->cluster ? (unsigned)sim_rnd(s, 24) : 0;
}

static uint64_t last_seq_less(const struct sim *s, uint64_t n)
{
	return s->js.last_seq > n ? s->js.last_seq - n : 0;
}

/* A leader that is behind a replica catches up soon, and is behind once only,
 * or it would be a roll-back. A leader that is cut off may stay behind. */
static void change_leader(struct sim *s)
{
	uint64_t back = sim_rnd(s, 6);

	if (s->js.former_leader) {
		fake_jetstream_step_down(&s->js);
	} else if (s->js.no_leader || s->rolled_from != 0) {
		fake_jetstream_lead(&s->js);
	} else if (s->cluster &&
		   (sim_rnd(s, 3) == 0 || sim_has(s, FEATURE_ORDER))) {
		/* A former leader that is back learns of the other within a
		 * second. */
		s->former_to_ms = s->now_ms + sim_rnd(s, 1000);
		fake_jetstream_lead(&s->js);
		fake_jetstream_return_former(&s->js, last_seq_less(s, back));
	} else if (sim_rnd(s, 2) == 0) {
		fake_jetstream_cut_off(&s->js, s->js.last_seq);
	} else if (!s->had_behind) {
		s->had_behind = true;
		s->behind_to_ms =
			s->now_ms +
			sim_rnd(s, sim_has(s, FEATURE_BEHIND) ? 4000 : 400);
		if (sim_rnd(s, 2) == 0)
			fake_jetstream_stand_still(&s->js);
		else
			fake_jetstream_lead_behind(&s->js,
						   last_seq_less(s, back));
	}
	sim_say(s, "leader %u, no leader %d, behind %d, former leader %d",
		s->js.leader, s->js.no_leader, s->js.applied < s->js.last_seq,
		s->js.former_leader);
}

/* A new session may be with a server that is cut off. */
static void restart(struct sim *s)
{
	uint64_t back = sim_rnd(s, 20);

	sim_say(s, "session %s", s->js.up ? "down" : "up");
	if (s->js.up) {
		fake_jetstream_down(&s->js);
		return;
	}
	fake_jetstream_lead(&s->js);
	fake_jetstream_step_down(&s->js);
	if (s->cluster && s->rolled_from == 0 && sim_rnd(s, 3) == 0)
		fake_jetstream_cut_off(&s->js, last_seq_less(s, back));
	sim_up(s);
}

void world_set_clock(struct sim *s, uint64_t now_ms)
{
	s->now_ms = s->js.now_ms = now_ms;
}

static void advance_clock(struct sim *s)
{
	world_set_clock(s, s->now_ms + 1 +
				   sim_rnd(s, sim_rnd(s, 10) == 0 ? 3000 : 60));
	if (!s->js.no_leader && s->now_ms >= s->behind_to_ms)
		s->js.applied = FAKE_ALL;
	if (s->js.former_leader && s->now_ms >= s->former_to_ms)
		fake_jetstream_step_down(&s->js);
	hub_tick(s->hub, s->now_ms);
}

enum what {
	PUBLISH,
	DELETE,
	PURGE,
	ANSWER,
	SERVE,
	WIRE,
	OPEN,
	BLOCK,
	CLOSE,
	RESTART,
	LOSE,
	RECREATE,
	ROLL_BACK,
	EXPIRE,
	HEARTBEAT,
	LAG,
	LEADER,
	LATE,
	CLOCK,
	FLUSH,
	DRAIN,
	PURGE_SUBJECT,
	MORE_CONSUMERS,
	DELETE_CONSUMER,
	DROP_INFOS,
	N_WHAT
};

/* How far the gateway has read the stream as it is now. */
static uint64_t read_to(const struct sim *s)
{
	const struct sse_tag *tag = hub_tag(s->hub);

	if (tag == NULL || s->rolled_from != 0 ||
	    client_epoch(s, tag->hex) != s->js.epoch)
		return 0;
	return event_buffer_last_seq(hub_buffer(s->hub));
}

/* What happens to the stream. */
static void happen_in_stream(struct sim *s, enum what what)
{
	if (is_still(s))
		return;
	if (what == DELETE && s->js.last_seq > 0)
		fake_jetstream_delete(&s->js, 1 + sim_rnd(s, s->js.last_seq));
	else if (what == PURGE)
		fake_jetstream_purge(&s->js,
				     sim_rnd(s, 2)
					     ? s->js.last_seq
					     : sim_rnd(s, s->js.last_seq + 1));
	else if (what == PURGE_SUBJECT)
		fake_jetstream_purge_subject(&s->js,
					     sim_subjects[any_subject(s)]);
}

static struct fake_consumer *any_consumer(struct sim *s)
{
	return fake_jetstream_consumer(&s->js, sim_rnd(s, 64));
}

static void delete_consumer(struct sim *s)
{
	bool statuses = sim_rnd(s, 2) == 0;

	fake_jetstream_delete_consumer(&s->js, any_consumer(s), statuses);
}

static void happen(struct sim *s, enum what what)
{
	struct client *c;

	s->removed.read_to = read_to(s);
	if (s->features != 0)
		world_close_ended(s);
	switch (what) {
	case PUBLISH:
		world_publish_some(s);
		break;
	case DELETE:
	case PURGE:
	case PURGE_SUBJECT:
		happen_in_stream(s, what);
		break;
	case ANSWER:
		fake_jetstream_serve_request(&s->js,
					     s->cluster || s->js.faults.shuffles
						     ? (unsigned)sim_rnd(s, 3)
						     : 0);
		break;
	case SERVE:
		fake_jetstream_serve_consumer(&s->js, any_consumer(s));
		break;
	case WIRE:
		for (uint64_t n = 1 + sim_rnd(s, 3); n > 0; n--)
			fake_jetstream_deliver(&s->js, sim_on_event, s);
		break;
	case OPEN:
		if ((c = pick(s, false)) != NULL)
			open_client(s, c);
		break;
	case BLOCK:
		if ((c = pick(s, true)) != NULL)
			c->stuck = !c->stuck;
		break;
	case CLOSE:
		if ((c = pick(s, true)) != NULL)
			sim_close(s, c);
		break;
	case RESTART:
		restart(s);
		break;
	case LOSE:
		fake_jetstream_lose_event(&s->js, sim_rnd(s, FAKE_MAX_EVENTS));
		break;
	case RECREATE:
		if (!s->js.no_leader)
			recreate(s);
		break;
	case ROLL_BACK:
		roll_back(s);
		break;
	case EXPIRE:
		fake_jetstream_expire_pull(&s->js, any_consumer(s));
		break;
	case HEARTBEAT:
		fake_jetstream_beat(&s->js, any_consumer(s));
		break;
	case LAG:
		lag_some(s);
		break;
	case LEADER:
		change_leader(s);
		break;
	case LATE:
		fake_jetstream_deliver_late(&s->js, sim_rnd(s, 2));
		break;
	case CLOCK:
		advance_clock(s);
		break;
	case FLUSH:
		hub_flush(s->hub, s->now_ms, 1 + sim_rnd(s, 8));
		break;
	case DRAIN:
		if ((c = pick(s, true)) != NULL && !c->stuck)
			sim_drain(s, c);
		break;
	case MORE_CONSUMERS:
		s->js.faults.max_consumers = (unsigned)sim_rnd(s, 5);
		break;
	case DELETE_CONSUMER:
		delete_consumer(s);
		break;
	case DROP_INFOS:
		fake_jetstream_drop_infos(&s->js);
		break;
	case N_WHAT:
		break;
	}
}

void world_choose_weights(struct sim *s)
{
	unsigned *w = s->weights;
	static const unsigned publishes[] = {1, 4, 12};

	memset(w, 0, sizeof(s->weights));
	w[PUBLISH] = publishes[sim_rnd(s, 3)];
	w[DELETE] = (unsigned)sim_rnd(s, 4);
	w[PURGE] = sim_rnd(s, 3) == 0;
	w[ANSWER] = 10;
	w[SERVE] = 4 + (unsigned)sim_rnd(s, 16);
	w[WIRE] = 4 + (unsigned)sim_rnd(s, 16);
	w[OPEN] = 2;
	w[BLOCK] = 2;
	w[CLOSE] = 1;
	w[RESTART] = sim_rnd(s, 3) == 0;
	w[LOSE] = sim_rnd(s, 2) == 0;
	w[RECREATE] = sim_rnd(s, 4) == 0;
	w[ROLL_BACK] = sim_rnd(s, 4) == 0;
	w[EXPIRE] = 1;
	w[HEARTBEAT] = 1;
	w[LAG] = s->cluster ? 6 : 0;
	w[LEADER] = s->cluster ? 2 : 0;
	w[LATE] = s->cluster ? 12 : 0;
	w[CLOCK] = 4;
	w[FLUSH] = 10;
	w[DRAIN] = 3;
	w[PURGE_SUBJECT] = sim_has(s, FEATURE_JUMPS);
	w[MORE_CONSUMERS] = sim_has(s, FEATURE_CONSUMER_LIMIT);
	w[DELETE_CONSUMER] = sim_has(s, FEATURE_PULLS);
	if (sim_has(s, FEATURE_OVERTAKE))
		w[PURGE] = 2;
	if (sim_has(s, FEATURE_GROW))
		w[ROLL_BACK] = 2;
	if (sim_has(s, FEATURE_ORDER)) {
		w[LATE] = 12;
		w[LEADER] = s->cluster ? 4 : 0;
		w[DROP_INFOS] = s->cluster ? 4 : 0;
	}
}

/* Rare things are rarer than one step in a hundred. */
static enum what choose(struct sim *s)
{
	unsigned total = 0, at;

	for (int i = 0; i < N_WHAT; i++)
		total += s->weights[i];
	for (;;) {
		enum what what = 0;

		at = (unsigned)sim_rnd(s, total);
		while (at >= s->weights[what])
			at -= s->weights[what++];
		if ((what == RESTART || what == RECREATE || what == ROLL_BACK ||
		     what == PURGE || what == LOSE || what == PURGE_SUBJECT) &&
		    sim_rnd(s, what == LOSE ? 3 : 8) != 0)
			continue;
		return what;
	}
}

void world_step(struct sim *s)
{
	happen(s, choose(s));
}
