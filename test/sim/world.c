/* What can happen to a gateway, its JetStream and its clients, one thing after
 * the other in random order: client.c judges after each of them. In the end
 * everything is mended, and all must come to rest. */
#include "sim.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"

enum {
	STEPS_MIN = 200,
	STEPS_MORE = 700,
	SETTLE_MS = 300 * 1000, /* several time-outs of the longest kind */
	REST_MS = 40 * 1000,	/* a question may be lost, and be late then */
	SPINS_MAX = 20000,	/* steps in which no time passes */
};

static struct sim *the_sim; /* the sink has no argument of its own */

int sim_subject_of(int id)
{
	return id < SIM_OTHER ? id : id + 1;
}

static const char *id_of(int subject)
{
	return sim_subjects[subject] + strlen("ev.");
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

static ssize_t sink_write(struct cursor *cursor, const struct iovec *iov, int n)
{
	struct sim *s = the_sim;
	struct client *c = client_of(cursor);
	size_t all = 0, some;
	ssize_t wrote = 0;

	MUST(c->held_len == 0 && c->open);
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

/* ---- what can happen ----------------------------------------------------- */

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

/* How often the hub has seen that the stream is another one. */
static uint64_t times_back(const struct sim *s)
{
	return s->metrics.value[METRIC_CHANGE_ROLLED_BACK] +
	       s->metrics.value[METRIC_CHANGE_RECREATED];
}

/* Whatever the hub had to tell it of roll-backs, it has read. */
static bool knows(const struct sim *s, const struct client *c)
{
	return s->rolled_from == 0 && c->cursor.gap == GAP_NONE &&
	       !c->cursor.late_gap && c->cursor.state != CURSOR_WAITING &&
	       c->held_len == 0 && c->n_bytes == 0;
}

static void check_invariants(struct sim *s)
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
		/* One that is blocked finds out when it goes on. */
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
	/* What was to be told is told to nobody. */
	memset(c->owed, 0, SIM_MAX_SEQ + 1);
}

/* Those whose sink has failed, or who have all of their limit. */
static void close_over(struct sim *s)
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
	c->policy = o.start;
	c->chunked = o.chunked;
	c->limit = o.limit;
	c->ndjson = o.ndjson;
	c->system = o.system;
	c->messages = 0;
	c->over = c->stuck = false;
	sim_say(s, "open %ld id %s policy %d cursor %s", client_no(s, c), o.id,
		c->policy, o.start == START_RESUME ? o.text : "-");
	memset(&c->cursor, 0, sizeof(c->cursor));
	c->open = true;
	MUST(hub_open(s->hub, &c->cursor, &o, s->now_ms) == 0);
}

static struct sse_tag tag_of_epoch(unsigned epoch)
{
	char created[32];

	snprintf(created, sizeof(created), "created-%u", epoch);
	return sse_tag_of(created, strlen(created));
}

/* Another client, or one with a cursor of its own making. */
static void become_new(struct sim *s, struct client *c, char *text, size_t size)
{
	uint64_t beyond = 0;

	memset(c->got, 0, UIDS_MAX);
	c->subject = sim_subject_of((int)sim_rnd(s, (uint64_t)s->n_ids));
	c->policy = (enum cursor_start)sim_rnd(s, 4);
	c->stale = false;
	c->epoch = 0; /* its first tag says */
	c->started = false;
	c->tag[0] = '\0';
	c->start = 0;
	if (sim_rnd(s, 8) == 0)
		beyond = 5;
	snprintf(text, size, "%" PRIu64, sim_rnd(s, s->js.last + 1 + beyond));
	if (sim_has(s, FEATURE_BEHIND) && s->js.applied < s->js.last) {
		/* another gateway was ahead of this one */
		c->policy = START_RESUME;
		snprintf(text, size, "%" PRIu64, s->js.last);
	}
	if (sim_has(s, FEATURE_BEYOND) && sim_rnd(s, 4) == 0)
		snprintf(text, size, "%" PRIu64,
			 sim_rnd(s, 2) ? UINT64_MAX - sim_rnd(s, 2)
				       : s->js.last + 1 + sim_rnd(s, 2000));
	if (c->policy == START_RESUME && sim_rnd(s, 2) == 0)
		snprintf(text + strlen(text), size - strlen(text), "-%s",
			 tag_of_epoch(s->js.epoch).hex);
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
	/* Its cursor is of this stream, which the gateway knows. */
	if (hub_tag(s->hub) != NULL && cur.seq <= s->js.last &&
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

/* A roll-back that nobody has noticed: what happens to the stream now is of
 * another one, and of no use to those who do not grow it. */
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

static void publish_some(struct sim *s)
{
	uint64_t n = sim_rnd(s, 3) == 0 ? 5 : 1;

	while (n-- > 0 && !is_still(s))
		sim_publish(&s->js, any_subject(s));
}

static void recreate(struct sim *s)
{
	sim_say(s, "the stream is made anew");
	sim_recreate(&s->js);
	s->rolled_from = s->rolled_to = 0;
	for (uint64_t n = sim_rnd(s, 10); n > 0; n--)
		publish_some(s);
}

/* Where what the tail has last seen is not in the log, what was rolled back
 * and has grown again can't be told from what was there. */
static bool is_recognisable(const struct sim *s)
{
	const struct event_buffer *l = hub_buffer(s->hub);
	uint64_t head = event_buffer_last_seq(l);
	uint64_t uid = head <= s->js.last ? s->js.at[head] : 0;

	return event_buffer_count(l) > 0 && uid != 0 &&
	       s->js.messages[uid].subject != SIM_OTHER;
}

/* A crash that lost what was not on the disk: the server was gone, too. */
static void registry_back(struct sim *s)
{
	uint64_t back = 1 + sim_rnd(s, 4);
	uint64_t head = event_buffer_last_seq(hub_buffer(s->hub));

	if (s->js.last <= back || s->rolled_from != 0 || s->js.no_leader ||
	    s->js.last - back >= head)
		return;
	if (sim_has(s, FEATURE_GROW) && !is_recognisable(s))
		return;
	s->rolled_to = s->js.last - back;
	sim_say(s, "the stream rolls back to %" PRIu64, s->rolled_to);
	sim_down(&s->js);
	sim_roll_back(&s->js, s->rolled_to);
	/* A cursor beyond it names what never was: nobody can tell. */
	for (int i = 0; i < s->n_clients; i++) {
		s->clients[i].stale = true;
		s->clients[i].doomed++;
	}
	s->rolled_from = head;
	s->times_back = times_back(s);
	if (sim_has(s, FEATURE_GROW))
		for (uint64_t n = sim_rnd(s, 8); n > 0; n--)
			sim_publish(&s->js, any_subject(s));
	sim_up(&s->js);
}

static void lag_some(struct sim *s)
{
	for (unsigned i = 0; i < SIM_MAX_CONSUMERS; i++)
		if (s->js.consumers[i].alive)
			s->js.consumers[i].lag =
				s->cluster ? (unsigned)sim_rnd(s, 24) : 0;
}

/* A leader that is behind what a replica has is soon there, and it is so once,
 * or it would be a roll-back. One that is cut off may stay behind. */
static void change_leader(struct sim *s)
{
	uint64_t back = sim_rnd(s, 6);

	if (s->js.rival) {
		sim_step_down(&s->js);
	} else if (s->js.no_leader || s->rolled_from != 0) {
		sim_lead(&s->js);
	} else if (s->cluster &&
		   (sim_rnd(s, 3) == 0 || sim_has(s, FEATURE_ORDER))) {
		/* A leader of before that is back hears of the other within a
		 * second. */
		s->rival_to_ms = s->now_ms + sim_rnd(s, 1000);
		sim_lead(&s->js);
		sim_rival(&s->js, s->js.last > back ? s->js.last - back : 0);
	} else if (sim_rnd(s, 2) == 0) {
		sim_cut_off(&s->js, s->js.last);
	} else if (!s->had_behind) {
		s->had_behind = true;
		s->behind_to_ms =
			s->now_ms +
			sim_rnd(s, sim_has(s, FEATURE_BEHIND) ? 4000 : 400);
		if (sim_rnd(s, 2) == 0)
			sim_stand_still(&s->js);
		else
			sim_lead_behind(&s->js, s->js.last > back
							? s->js.last - back
							: 0);
	}
	sim_say(s, "leader %u, led %d, behind %d, rival %d", s->js.leader,
		!s->js.no_leader, s->js.applied < s->js.last, s->js.rival);
}

/* A new session may be with a server that is cut off. */
static void restart(struct sim *s)
{
	uint64_t back = sim_rnd(s, 20);

	sim_say(s, "session %s", s->js.up ? "down" : "up");
	if (s->js.up) {
		sim_down(&s->js);
		return;
	}
	sim_lead(&s->js);
	sim_step_down(&s->js);
	if (s->cluster && s->rolled_from == 0 && sim_rnd(s, 3) == 0)
		sim_cut_off(&s->js, s->js.last > back ? s->js.last - back : 0);
	sim_up(&s->js);
}

static void set_clock(struct sim *s, uint64_t now_ms)
{
	s->now_ms = s->js.now_ms = now_ms;
}

static void advance_clock(struct sim *s)
{
	set_clock(s,
		  s->now_ms + 1 + sim_rnd(s, sim_rnd(s, 10) == 0 ? 3000 : 60));
	if (!s->js.no_leader && s->now_ms >= s->behind_to_ms)
		s->js.applied = SIM_ALL;
	if (s->js.rival && s->now_ms >= s->rival_to_ms)
		sim_step_down(&s->js);
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
	REGISTRY_BACK,
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
	if (what == DELETE && s->js.last > 0)
		sim_delete(&s->js, 1 + sim_rnd(s, s->js.last));
	else if (what == PURGE)
		sim_purge(&s->js, sim_rnd(s, 2) ? s->js.last
						: sim_rnd(s, s->js.last + 1));
	else if (what == PURGE_SUBJECT)
		sim_purge_subject(&s->js, any_subject(s));
}

static void happen(struct sim *s, enum what what)
{
	struct client *c;

	s->js.read_to = read_to(s);
	if (s->features != 0)
		close_over(s);
	switch (what) {
	case PUBLISH:
		publish_some(s);
		break;
	case DELETE:
	case PURGE:
	case PURGE_SUBJECT:
		happen_in_stream(s, what);
		break;
	case ANSWER:
		sim_serve_request(&s->js, s->cluster || s->js.faults.shuffles
						  ? (unsigned)sim_rnd(s, 3)
						  : 0);
		break;
	case SERVE:
		sim_serve_consumer(&s->js, (unsigned)sim_rnd(s, 64));
		break;
	case WIRE:
		for (uint64_t n = 1 + sim_rnd(s, 3); n > 0; n--)
			sim_deliver(&s->js, sim_on_event, s);
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
		sim_lose(&s->js, (unsigned)sim_rnd(s, SIM_MAX_QUEUE));
		break;
	case RECREATE:
		if (!s->js.no_leader)
			recreate(s);
		break;
	case REGISTRY_BACK:
		registry_back(s);
		break;
	case EXPIRE:
		sim_expire_pull(&s->js, (unsigned)sim_rnd(s, 64));
		break;
	case HEARTBEAT:
		sim_heartbeat(&s->js, (unsigned)sim_rnd(s, 64));
		break;
	case LAG:
		lag_some(s);
		break;
	case LEADER:
		change_leader(s);
		break;
	case LATE:
		sim_late(&s->js, (unsigned)sim_rnd(s, 2));
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
		s->js.consumers_max = (unsigned)sim_rnd(s, 5);
		break;
	case DELETE_CONSUMER:
		sim_delete_consumer(&s->js, (unsigned)sim_rnd(s, 64),
				    sim_rnd(s, 2) == 0);
		break;
	case DROP_INFOS:
		sim_drop_infos(&s->js);
		break;
	case N_WHAT:
		break;
	}
}

static void choose_weights(struct sim *s)
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
	w[REGISTRY_BACK] = sim_rnd(s, 4) == 0;
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
		w[REGISTRY_BACK] = 2;
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
		if ((what == RESTART || what == RECREATE ||
		     what == REGISTRY_BACK || what == PURGE || what == LOSE ||
		     what == PURGE_SUBJECT) &&
		    sim_rnd(s, what == LOSE ? 3 : 8) != 0)
			continue;
		return what;
	}
}

/* ---- a whole run --------------------------------------------------------- */

/* What the gateway had seen last before a roll-back may be gone from the
 * stream, or all of it: then nothing is left to tell it by. */
static bool waits_for_roll_back(const struct sim *s)
{
	return s->rolled_from != 0 && s->js.first <= s->rolled_from &&
	       s->js.at[s->rolled_from] != 0;
}

static void forget_roll_back(struct sim *s)
{
	if (s->rolled_from == 0 || s->js.first <= s->rolled_from)
		return;
	memset(s->js.gone, 0, (s->rolled_from + 1) * sizeof(s->js.gone[0]));
	s->rolled_from = 0;
}

static bool is_under_way(const struct sim *s)
{
	return sim_on_wire(&s->js) > 0 || s->js.asked_from != s->js.asked_to;
}

static bool at_rest(const struct sim *s)
{
	const struct event_buffer *l = hub_buffer(s->hub);
	const char *why;

	if (!hub_ready(s->hub, &why) ||
	    sim_next(&s->js, event_buffer_last_seq(l), "ev.*", s->js.last) !=
		    0 ||
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

/* Whatever is wrong is mended, but for what a server may be like for ever. */
static void mend_all(struct sim *s)
{
	sim_lead(&s->js);
	sim_step_down(&s->js);
	s->js.faults.errors = s->js.faults.pulls = s->js.faults.foreign = 0;
	s->js.faults.shuffles = false;
	s->features &= ~(1u << FEATURE_SINKS);
	sim_up(&s->js);
	if (sim_has(s, FEATURE_CONSUMER_LIMIT) && s->js.consumers_max == 0)
		s->js.consumers_max = (unsigned)sim_rnd(s, 3);
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
	close_over(s);
	for (int k = 0; k < s->n_clients; k++)
		if (s->clients[k].open)
			sim_drain(s, &s->clients[k]);
	for (unsigned k = 0; k < SIM_MAX_CONSUMERS; k++)
		s->js.consumers[k].lag = 0;
	sim_serve_request(&s->js, 0);
	for (unsigned k = 0; k < SIM_MAX_CONSUMERS; k++)
		sim_serve_consumer(&s->js, k);
	while (sim_late(&s->js, 0) || sim_late(&s->js, 1))
		;
	while (sim_deliver(&s->js, sim_on_event, s))
		;
	sim_flush_all(s);
	check_invariants(s);
}

/* Nothing comes but by time: it is when somebody has set an alarm for. */
static void sleep_on(struct sim *s)
{
	uint64_t next = hub_next_ms(s->hub), due = sim_due(&s->js);

	next = due < next ? due : next;
	if (next == UINT64_MAX)
		sim_fail(s, "nobody waits for anything");
	else if (next > s->now_ms)
		set_clock(s, next);
	sim_tick(&s->js);
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
		"tail %s, consumers %u of %u, wire %u, asked %u, rolled "
		"%" PRIu64,
		hub_ready(s->hub, &why) ? "live" : why, sim_alive(&s->js),
		s->js.consumers_max, sim_on_wire(&s->js),
		s->js.asked_to - s->js.asked_from, s->rolled_from);
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
		if (s->js.asked_from == s->js.asked_to && sim_idle(&s->js))
			sleep_on(s);
		else if (spins % 16 == 0)
			set_clock(s, s->now_ms + 1);
		if (s->now_ms > before + 1)
			spins = 0;
	}
	say_where(s);
	sim_fail(s, "not at rest: head %" PRIu64 ", stream's last %" PRIu64,
		 event_buffer_last_seq(hub_buffer(s->hub)), s->js.last);
}

static void check_all_caught_up(struct sim *s)
{
	forget_roll_back(s);
	set_clock(s, s->now_ms + 60000); /* a ping tells each its cursor */
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

/* What is wrong only where there are replicas need not be looked for elsewhere.
 */
static bool needs_cluster(enum mutation m)
{
	return m == MUTATION_NO_LEADER || m == MUTATION_NO_FOLLOWERS ||
	       m == MUTATION_LEADER_BEHIND || m == MUTATION_ONE_PROBE;
}

/* What needs many things to happen in one order is seen where nothing else
 * does: a second answer, another probe or a gap on its way mend it as well. */
static bool needs_plain_world(enum mutation m)
{
	return m == MUTATION_NO_LEADER || m == MUTATION_LEADER_BEHIND ||
	       m == MUTATION_ONE_PROBE || m == MUTATION_PULL_UNCHECKED;
}

/* Which of the features this seed has: of their own random numbers, so that
 * what a seed does without them stays as it is. */
static void choose_features(struct sim *s, uint64_t seed)
{
	unsigned may = needs_plain_world(mutation_now) ? 0 : sim_features;
	bool one = (may & (may - 1)) == 0;
	struct sim_faults *f = &s->js.faults;
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
	sim_js_finish(&s->js);
}

static void world_begin(struct sim *s, uint64_t seed)
{
	static const uint64_t limits[] = {5, 20, 60, SIM_MAX_SEQ};
	static const size_t memories[] = {64, 256, 384, 512, 1024, 2048, 8192};
	struct hub_config cfg = {.ping_ms = 30000, .retry_ms = 3000};
	uint64_t limit, before;

	s->random = seed * 7919 + 17;
	limit = limits[sim_rnd(s, 4)];
	sim_js_init(&s->js, limit);
	set_clock(s, 1000);
	choose_features(s, seed);
	s->cluster = sim_rnd(s, 2) == 0 || needs_cluster(mutation_now);
	s->js.leader = s->cluster;
	cfg.buffer_size = memories[sim_rnd(s, 7)];
	cfg.max_replays = 1 + sim_rnd(s, 4);
	cfg.max_asks = 1 + (unsigned)sim_rnd(s, 3);
	cfg.max_consumers = 1 + (unsigned)sim_rnd(s, 3);
	if (sim_rnd(s, 6) == 0)
		s->js.consumers_max = 1 + (unsigned)sim_rnd(s, 3);
	choose_weights(s);
	if (sim_has(s, FEATURE_OVERTAKE) && limit == 5)
		limit = 1 + seed % 3;
	sim_begin(s, &cfg, limit);
	before = sim_has(s, FEATURE_HISTORY) ? 400 : 40;
	for (uint64_t n = sim_rnd(s, before); n > 0; n--)
		publish_some(s);
	if (sim_rnd(s, 4) > 0)
		sim_up(&s->js);
}

bool world_run(uint64_t seed, bool verbose, char *why, size_t size)
{
	static struct sim s;
	uint64_t steps;
	bool ok;

	memset(&s, 0, sizeof(s));
	s.verbose = verbose;
	world_begin(&s, seed);
	steps = STEPS_MIN + sim_rnd(&s, STEPS_MORE);
	while (steps-- > 0 && !s.failed) {
		happen(&s, choose(&s));
		check_invariants(&s);
	}
	settle_all(&s);
	if (!s.failed)
		check_all_caught_up(&s);
	ok = !s.failed;
	snprintf(why, size, "%s", s.why);
	sim_end(&s);
	return ok;
}
