/* The hand-over protocol on the real core (log, cursor, tail, replay, hub),
 * with a simulated JetStream and a logical clock. Every seed is one random
 * interleaving of everything that can happen; what a client gets is decoded
 * from the bytes that its socket took, and checked after every step.
 *
 *	test_sim [--seeds N] [--from SEED] [--seed SEED] [--mutation NAME]
 *
 *	test_sim --suite SEEDS | --mutations SEEDS
 *
 * --seed replays one and says what happened; --mutation switches on one wrong
 * rule of core/mutation.h. TAP comes of --suite, in which all must hold, and of
 * --mutations, which tries each wrong rule until a seed has caught it. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "hub.h"
#include "mutation.h"
#include "sim_js.h"

enum mutation mutation_now;

enum {
	MAX_CLIENTS = 8,
	STEPS_MIN = 200,
	STEPS_MORE = 700,
	BYTES_MAX = 1 << 20,
};

struct client {
	struct cursor cursor;
	bool open;
	bool stuck; /* its socket takes nothing */
	int subject;
	enum cursor_start policy;
	bool chunked;

	uint8_t *held; /* the sink's */
	size_t held_len;

	char *bytes; /* not yet decoded */
	size_t n_bytes;

	bool stale;	/* its cursor may name what was rolled back */
	bool doomed;	/* ... and it will be told a reset */
	unsigned sound; /* no reset is due while this is the stream's epoch */
	bool started;	/* a first id has come */
	unsigned epoch; /* of the stream, as the client knows it */
	uint64_t start; /* everything behind it is owed */
	uint64_t id;	/* last id seen: the client's cursor */
	uint64_t sent;	/* last message seen */
	uint8_t *got;	/* by uid */
	char tag[SSE_TAG_LEN + 1];
};

struct sim {
	struct sim_js js;
	struct hub *hub;
	struct metrics metrics;
	struct client clients[MAX_CLIENTS];
	uint64_t now_ms;
	uint64_t random;
	uint64_t rolled_from; /* log head to wait for; 0: none */
	unsigned gaps;
	bool failed;
	bool verbose;
	char why[256];
	/* what this seed is like */
	unsigned weights[32];
	bool cluster;
	bool had_behind; /* a leader was behind once */
	uint64_t behind_to_ms;
};

static struct sim *the_sim; /* the sink has no argument of its own */

static uint64_t rnd(struct sim *s, uint64_t below)
{
	uint64_t z = (s->random += 0x9e3779b97f4a7c15ull);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return (z ^ (z >> 31)) % below;
}

static void __attribute__((format(printf, 2, 3)))
fail(struct sim *s, const char *fmt, ...)
{
	va_list ap;

	if (s->failed)
		return;
	s->failed = true;
	va_start(ap, fmt);
	vsnprintf(s->why, sizeof(s->why), fmt, ap);
	va_end(ap);
}

static void __attribute__((format(printf, 2, 3)))
say(struct sim *s, const char *fmt, ...)
{
	va_list ap;

	if (!s->verbose)
		return;
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
}

/* ---- what a client sees -------------------------------------------------- */

/* Everything of the client's subject in (start, id] that is still stored must
 * have come. */
static void check_owed(struct sim *s, struct client *c)
{
	if (!c->started || c->epoch != s->js.epoch || c->doomed ||
	    s->rolled_from != 0)
		return;
	for (uint64_t q = c->start + 1; q <= c->id && q <= s->js.last; q++) {
		uint64_t uid = s->js.at[q];

		if (uid != 0 && s->js.messages[uid].subject == c->subject &&
		    !c->got[uid])
			fail(s,
			     "client %ld lacks sequence %" PRIu64
			     ", its id is %" PRIu64,
			     (long)(c - s->clients), q, c->id);
	}
}

/* Nothing that limits or a purge took is passed over in silence. */
static void check_told(struct sim *s, struct client *c, uint64_t from,
		       uint64_t to)
{
	if (c->epoch != s->js.epoch || c->doomed || s->rolled_from != 0)
		return;
	for (uint64_t q = from + 1; q <= to && q <= SIM_MAX_SEQ; q++) {
		uint64_t uid = s->js.gone[q];

		if (uid != 0 && s->js.messages[uid].subject == c->subject &&
		    !c->got[uid])
			fail(s,
			     "client %ld goes from %" PRIu64 " to %" PRIu64
			     ", and is not told that %" PRIu64 " is gone",
			     (long)(c - s->clients), from, to, q);
	}
}

static void take_id(struct sim *s, struct client *c, const char *text)
{
	struct sse_cursor cur;

	if (sse_cursor_parse(&cur, text, strlen(text)) < 0) {
		fail(s, "bad id %s", text);
		return;
	}
	if (c->started && cur.seq < c->id)
		fail(s, "client %ld: id went back from %" PRIu64 " to %s",
		     (long)(c - s->clients), c->id, text);
	if (!c->started)
		c->start = c->sent = cur.seq;
	c->started = true;
	c->id = cur.seq;
	if (cur.has_tag)
		memcpy(c->tag, cur.tag.hex, sizeof(c->tag));
}

static void take_gap(struct sim *s, struct client *c, const char *data,
		     const char *id)
{
	unsigned long long after, first;
	char reason[16];

	if (sscanf(data,
		   "{\"system\": \"gap\", \"reason\": \"%15[a-z]\", "
		   "\"after\": %llu, \"first\": %llu}",
		   reason, &after, &first) != 3) {
		fail(s, "bad gap %s", data);
		return;
	}
	if (!c->started)
		fail(s, "a gap before the opening");
	if (strtoull(id, NULL, 10) != first - 1)
		fail(s, "gap's id %s, first %llu", id, first);
	if (strcmp(reason, "expired") == 0 && first <= after + 1)
		fail(s, "gap that is none: %s", data);
	say(s, "  client %ld: gap %s", (long)(c - s->clients), data);
	s->gaps++;
	if (strcmp(reason, "reset") == 0) {
		if (c->sound == s->js.epoch && !c->doomed)
			fail(s, "client %ld: a reset of nothing",
			     (long)(c - s->clients));
		memset(c->got, 0, s->js.cap_messages);
		c->doomed = false;
		c->epoch = 0; /* by the tag, below */
		c->id = c->sent = 0;
	}
	c->start = first - 1;
	if (c->sent < first - 1)
		c->sent = first - 1;
}

static void take_message(struct sim *s, struct client *c, const char *data,
			 const char *id)
{
	uint64_t uid = strtoull(data, NULL, 10);
	uint64_t seq = strtoull(id, NULL, 10);
	const struct sim_message *m;

	if (uid == 0 || uid >= s->js.n_messages) {
		fail(s, "foreign bytes: %s", data);
		return;
	}
	m = &s->js.messages[uid];
	say(s, "  client %ld: message %" PRIu64, (long)(c - s->clients), seq);
	if (m->seq != seq || m->subject != c->subject)
		fail(s,
		     "client %ld got another's message: uid %" PRIu64
		     " as id %s",
		     (long)(c - s->clients), uid, id);
	if (!c->started)
		fail(s, "a message before the opening");
	if (seq <= c->sent)
		fail(s, "client %ld got %" PRIu64 " after %" PRIu64,
		     (long)(c - s->clients), seq, c->sent);
	c->sent = seq;
	c->got[uid] = 1;
}

static unsigned epoch_of(const struct sim *s, const char *tag)
{
	for (unsigned e = s->js.epoch; e > 0; e--) {
		char created[32];
		struct sse_tag t;

		snprintf(created, sizeof(created), "created-%u", e);
		t = sse_tag_of(created, strlen(created));
		if (strcmp(t.hex, tag) == 0)
			return e;
	}
	return 0;
}

/* One block between empty lines. */
static void take_block(struct sim *s, struct client *c, char *block)
{
	const char *data = NULL, *id = NULL, *event = NULL;
	char *line, *save = NULL;

	say(s, "  client %ld <- %s", (long)(c - s->clients), block);

	for (line = strtok_r(block, "\n", &save); line != NULL;
	     line = strtok_r(NULL, "\n", &save)) {
		if (strncmp(line, "data: ", 6) == 0)
			data = line + 6;
		else if (strncmp(line, "id: ", 4) == 0)
			id = line + 4;
		else if (strncmp(line, "event: ", 7) == 0)
			event = line + 7;
		else if (strncmp(line, "retry: ", 7) != 0 && line[0] != ':')
			fail(s, "strange line: %s", line);
	}
	if (event != NULL && data != NULL && id != NULL)
		take_gap(s, c, data, id);
	else if (data != NULL && data[0] != '{' && id != NULL)
		take_message(s, c, data, id);
	if (id == NULL)
		return;
	if (event == NULL && c->started)
		check_told(s, c, c->id > c->start ? c->id : c->start,
			   strtoull(id, NULL, 10));
	take_id(s, c, id);
	if (c->epoch == 0)
		c->epoch = epoch_of(s, c->tag);
	check_owed(s, c);
}

static void decode(struct sim *s, struct client *c)
{
	char *end;

	while (c->n_bytes > 0 &&
	       (end = memmem(c->bytes, c->n_bytes, "\n\n", 2)) != NULL) {
		size_t len = (size_t)(end - c->bytes) + 2;

		end[1] = '\0';
		take_block(s, c, c->bytes);
		memmove(c->bytes, c->bytes + len, c->n_bytes - len);
		c->n_bytes -= len;
	}
}

/* Chunked or not, the decoder wants the bare events. */
static void socket_took(struct sim *s, struct client *c, const uint8_t *p,
			size_t len)
{
	MUST(c->n_bytes + len < BYTES_MAX);
	memcpy(c->bytes + c->n_bytes, p, len);
	c->n_bytes += len;
	if (c->chunked)
		return;
	decode(s, c);
}

/* Takes whole chunks off the front and leaves the rest. */
static void dechunk(struct sim *s, struct client *c)
{
	char *raw = c->bytes;
	size_t n = c->n_bytes;

	for (;;) {
		char *eol = memmem(raw, n, "\r\n", 2);
		size_t len, head;
		char one[4096];

		if (eol == NULL)
			break;
		head = (size_t)(eol - raw) + 2;
		len = strtoul(raw, NULL, 16);
		if (n < head + len + 2)
			break;
		MUST(len + 1 < sizeof(one));
		memcpy(one, raw + head, len);
		one[len] = '\0';
		if (len < 2 || memcmp(one + len - 2, "\n\n", 2) != 0)
			fail(s, "a chunk that is no whole block");
		if (memcmp(raw + head + len, "\r\n", 2) != 0)
			fail(s, "a chunk without its end");
		take_block(s, c, one);
		raw += head + len + 2;
		n -= head + len + 2;
	}
	memmove(c->bytes, raw, n);
	c->n_bytes = n;
}

/* ---- the sink ------------------------------------------------------------ */

static struct client *client_of(struct cursor *c)
{
	return CONTAINER_OF(c, struct client, cursor);
}

static void took(struct sim *s, struct client *c, const void *p, size_t len)
{
	socket_took(s, c, p, len);
	if (c->chunked)
		dechunk(s, c);
}

static ssize_t sink_write(struct cursor *cursor, const struct iovec *iov, int n)
{
	struct sim *s = the_sim;
	struct client *c = client_of(cursor);
	size_t all = 0, some;
	ssize_t wrote = 0;

	MUST(c->held_len == 0 && c->open);
	for (int i = 0; i < n; i++)
		all += iov[i].iov_len;
	some = all;
	if (c->stuck)
		some = rnd(s, 3) == 0 ? rnd(s, all + 1) : 0;
	for (int i = 0; i < n && some > 0; i++) {
		size_t len = iov[i].iov_len < some ? iov[i].iov_len : some;

		took(s, c, iov[i].iov_base, len);
		some -= len;
		wrote += (ssize_t)len;
	}
	return wrote;
}

static int sink_hold(struct cursor *cursor, const void *bytes, size_t len)
{
	struct client *c = client_of(cursor);

	MUST(c->held_len == 0 && len > 0);
	c->held = malloc(len);
	memcpy(c->held, bytes, len);
	c->held_len = len;
	return 0;
}

static const struct hub_sink sink = {.write = sink_write, .hold = sink_hold};

static void drain_socket(struct sim *s, struct client *c)
{
	uint8_t *held = c->held;
	size_t len = c->held_len;

	if (len == 0)
		return;
	c->held = NULL;
	c->held_len = 0;
	took(s, c, held, len);
	free(held);
	hub_writable(s->hub, &c->cursor, s->now_ms);
}

/* ---- what can happen ----------------------------------------------------- */

static void on_event(void *arg, const struct source_event *ev)
{
	struct sim *s = arg;

	say(s, "event kind %d slot %u err %d seq %" PRIu64 " last %" PRIu64,
	    ev->kind, ev->who.slot, ev->err,
	    ev->kind == SOURCE_INFO ? ev->info.first_seq
	    : ev->kind == SOURCE_MESSAGE || ev->kind == SOURCE_FOUND
		    ? ev->msg.seq
		    : (uint64_t)ev->status.code,
	    ev->kind == SOURCE_INFO ? ev->info.last_seq : 0);
	hub_on_event(s->hub, ev, s->now_ms);
}

static void check_invariants(struct sim *s)
{
	const struct log *l = hub_log(s->hub);

	for (int i = 0; i < MAX_CLIENTS; i++) {
		struct client *c = &s->clients[i];

		if (!c->open)
			continue;
		/* One that is blocked finds out when it goes on. */
		if (c->cursor.state == CURSOR_LIVE && c->cursor.caught_up &&
		    cursor_covered(&c->cursor, l) < log_floor(l))
			fail(s, "LIVE below floor");
	}
	if (log_floor(l) > log_head(l))
		fail(s, "floor above head");
	if (s->rolled_from != 0 && log_head(l) < s->rolled_from)
		s->rolled_from = 0; /* it has noticed */
}

static void close_client(struct sim *s, struct client *c)
{
	say(s, "close %ld", (long)(c - s->clients));
	c->stale = c->stale || s->rolled_from != 0;
	hub_close(s->hub, &c->cursor, s->now_ms);
	free(c->held);
	c->held = NULL;
	c->held_len = 0;
	c->n_bytes = 0;
	c->open = false;
}

static void open_client(struct sim *s, struct client *c)
{
	static const char *const ids[] = {"a", "b"};
	struct hub_open o = {0};
	struct sse_cursor cur = {0};
	char text[SSE_CURSOR_MAX];
	bool resume = c->started && !c->stale && rnd(s, 3) > 0;

	if (resume) { /* on this gateway again, with what it has seen */
		snprintf(text, sizeof(text),
			 c->tag[0] ? "%" PRIu64 "-%s" : "%" PRIu64 "%s", c->id,
			 c->tag);
		c->policy = START_RESUME;
	} else {
		memset(c->got, 0, s->js.cap_messages);
		c->subject = (int)rnd(s, 2);
		c->policy = (enum cursor_start)rnd(s, 4);
		c->stale = false;
		c->epoch = 0; /* its first tag says */
		c->started = false;
		c->tag[0] = '\0';
		snprintf(text, sizeof(text), "%" PRIu64,
			 rnd(s, s->js.last + 1 + (rnd(s, 8) == 0 ? 5 : 0)));
		if (c->policy == START_RESUME && rnd(s, 2) == 0) {
			char created[32];
			struct sse_tag t;

			snprintf(created, sizeof(created), "created-%u",
				 s->js.epoch);
			t = sse_tag_of(created, strlen(created));
			snprintf(text + strlen(text),
				 sizeof(text) - strlen(text), "-%s", t.hex);
		}
	}
	c->id = c->sent = 0;
	if (!resume)
		c->start = 0;
	o.id = ids[c->subject];
	o.id_len = 1;
	o.start = c->policy;
	o.chunked = c->chunked = rnd(s, 2) == 0;
	if (o.start == START_RESUME) {
		MUST(sse_cursor_parse(&cur, text, strlen(text)) == 0);
		o.seq = cur.seq;
		o.has_tag = cur.has_tag;
		o.tag = cur.tag;
		o.text = text;
		if (resume) {
			c->id = cur.seq;
			c->sent = cur.seq;
		}
	}
	say(s, "open %ld policy %d cursor %s", (long)(c - s->clients),
	    c->policy, o.start == START_RESUME ? text : "-");
	c->doomed = s->rolled_from != 0;
	c->sound = 0;
	/* Its cursor is of this stream, which the gateway knows. */
	if (hub_tag(s->hub) != NULL && cur.seq <= s->js.last &&
	    (!resume || c->epoch == s->js.epoch) &&
	    epoch_of(s, hub_tag(s->hub)->hex) == s->js.epoch)
		c->sound = s->js.epoch;
	memset(&c->cursor, 0, sizeof(c->cursor));
	c->open = true;
	c->stuck = false;
	MUST(hub_open(s->hub, &c->cursor, &o, s->now_ms) == 0);
}

static struct client *pick(struct sim *s, bool open)
{
	for (int i = 0; i < 4; i++) {
		struct client *c = &s->clients[rnd(s, MAX_CLIENTS)];

		if (c->open == open)
			return c;
	}
	return NULL;
}

static void publish_some(struct sim *s)
{
	uint64_t n = rnd(s, 3) == 0 ? 5 : 1;

	while (n-- > 0 && s->rolled_from == 0)
		sim_publish(&s->js, rnd(s, 6) == 0 ? 2 : (int)rnd(s, 2));
}

static void recreate(struct sim *s)
{
	say(s, "the stream is made anew");
	sim_recreate(&s->js);
	s->rolled_from = 0;
	for (uint64_t n = rnd(s, 10); n > 0; n--)
		publish_some(s);
}

/* A crash that lost what was not on the disk: the server was gone, too. */
static void roll_back(struct sim *s)
{
	uint64_t back = 1 + rnd(s, 4);
	uint64_t head = log_head(hub_log(s->hub));

	if (s->js.last <= back || s->rolled_from != 0 || s->js.unled ||
	    s->js.last - back >= head)
		return;
	say(s, "the stream rolls back to %" PRIu64, s->js.last - back);
	sim_down(&s->js);
	sim_roll_back(&s->js, s->js.last - back);
	/* A cursor beyond it names what never was: nobody can tell. */
	for (int i = 0; i < MAX_CLIENTS; i++)
		s->clients[i].stale = s->clients[i].doomed = true;
	s->rolled_from = head;
	sim_up(&s->js);
}

static void lag_some(struct sim *s)
{
	for (unsigned i = 0; i < SIM_MAX_CONSUMERS; i++)
		if (s->js.consumers[i].alive)
			s->js.consumers[i].lag =
				s->cluster ? (unsigned)rnd(s, 24) : 0;
}

/* A leader that is behind what a replica has is soon there, and it is so once,
 * or it would be a roll-back. One that is
 * cut off may stay behind. */
static void change_leader(struct sim *s)
{
	uint64_t back = rnd(s, 6);

	if (s->js.rival) {
		sim_step_down(&s->js);
	} else if (s->js.unled || s->rolled_from != 0) {
		sim_lead(&s->js);
	} else if (s->cluster && rnd(s, 3) == 0) {
		sim_lead(&s->js);
		sim_rival(&s->js, s->js.last > back ? s->js.last - back : 0);
	} else if (rnd(s, 2) == 0) {
		sim_cut_off(&s->js, s->js.last);
	} else if (!s->had_behind) {
		s->had_behind = true;
		s->behind_to_ms = s->now_ms + rnd(s, 400);
		if (rnd(s, 2) == 0)
			sim_stand_still(&s->js);
		else
			sim_lead_behind(&s->js, s->js.last > back
							? s->js.last - back
							: 0);
	}
	say(s, "leader %u, led %d, behind %d, rival %d", s->js.leader,
	    !s->js.unled, s->js.applied < s->js.last, s->js.rival);
}

/* A new session may be with a server that is cut off. */
static void restart(struct sim *s)
{
	uint64_t back = rnd(s, 20);

	say(s, "session %s", s->js.up ? "down" : "up");
	if (s->js.up) {
		sim_down(&s->js);
		return;
	}
	sim_lead(&s->js);
	sim_step_down(&s->js);
	if (s->cluster && s->rolled_from == 0 && rnd(s, 3) == 0)
		sim_cut_off(&s->js, s->js.last > back ? s->js.last - back : 0);
	sim_up(&s->js);
}

static void advance_clock(struct sim *s)
{
	s->now_ms += 1 + rnd(s, rnd(s, 10) == 0 ? 3000 : 60);
	if (!s->js.unled && s->now_ms >= s->behind_to_ms)
		s->js.applied = SIM_ALL;
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
	N_WHAT
};

static void happen(struct sim *s, enum what what)
{
	struct client *c;

	s->js.read_to = log_head(hub_log(s->hub));
	switch (what) {
	case PUBLISH:
		publish_some(s);
		break;
	case DELETE:
		if (s->js.last > 0 && s->rolled_from == 0)
			sim_delete(&s->js, 1 + rnd(s, s->js.last));
		break;
	case PURGE:
		if (s->rolled_from == 0)
			sim_purge(&s->js, rnd(s, 2) ? s->js.last
						    : rnd(s, s->js.last + 1));
		break;
	case ANSWER:
		sim_serve_request(&s->js, s->cluster ? (unsigned)rnd(s, 3) : 0);
		break;
	case SERVE:
		sim_serve_consumer(&s->js, (unsigned)rnd(s, 64));
		break;
	case WIRE:
		for (uint64_t n = 1 + rnd(s, 3); n > 0; n--)
			sim_deliver(&s->js, on_event, s);
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
			close_client(s, c);
		break;
	case RESTART:
		restart(s);
		break;
	case LOSE:
		sim_lose(&s->js, (unsigned)rnd(s, SIM_MAX_QUEUE));
		break;
	case RECREATE:
		if (!s->js.unled)
			recreate(s);
		break;
	case ROLL_BACK:
		roll_back(s);
		break;
	case EXPIRE:
		sim_expire_pull(&s->js, (unsigned)rnd(s, 64));
		break;
	case HEARTBEAT:
		sim_heartbeat(&s->js, (unsigned)rnd(s, 64));
		break;
	case LAG:
		lag_some(s);
		break;
	case LEADER:
		change_leader(s);
		break;
	case LATE:
		sim_late(&s->js, (unsigned)rnd(s, 2));
		break;
	case CLOCK:
		advance_clock(s);
		break;
	case FLUSH:
		hub_flush(s->hub, s->now_ms, 1 + rnd(s, 8));
		break;
	case DRAIN:
		if ((c = pick(s, true)) != NULL && !c->stuck)
			drain_socket(s, c);
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
	w[PUBLISH] = publishes[rnd(s, 3)];
	w[DELETE] = (unsigned)rnd(s, 4);
	w[PURGE] = rnd(s, 3) == 0;
	w[ANSWER] = 10;
	w[SERVE] = 4 + (unsigned)rnd(s, 16);
	w[WIRE] = 4 + (unsigned)rnd(s, 16);
	w[OPEN] = 2;
	w[BLOCK] = 2;
	w[CLOSE] = 1;
	w[RESTART] = rnd(s, 3) == 0;
	w[LOSE] = rnd(s, 2) == 0;
	w[RECREATE] = rnd(s, 4) == 0;
	w[ROLL_BACK] = rnd(s, 4) == 0;
	w[EXPIRE] = 1;
	w[HEARTBEAT] = 1;
	w[LAG] = s->cluster ? 6 : 0;
	w[LEADER] = s->cluster ? 2 : 0;
	w[LATE] = s->cluster ? 12 : 0;
	w[CLOCK] = 4;
	w[FLUSH] = 10;
	w[DRAIN] = 3;
}

/* Rare things are rarer than one step in a hundred. */
static enum what choose(struct sim *s)
{
	unsigned total = 0, at;

	for (int i = 0; i < N_WHAT; i++)
		total += s->weights[i];
	for (;;) {
		enum what what = 0;

		at = (unsigned)rnd(s, total);
		while (at >= s->weights[what])
			at -= s->weights[what++];
		if ((what == RESTART || what == RECREATE || what == ROLL_BACK ||
		     what == PURGE || what == LOSE) &&
		    rnd(s, what == LOSE ? 3 : 8) != 0)
			continue;
		return what;
	}
}

/* ---- a whole run --------------------------------------------------------- */

static bool at_rest(const struct sim *s)
{
	const struct log *l = hub_log(s->hub);

	if (sim_on_wire(&s->js) > 0 || s->js.asked_from != s->js.asked_to ||
	    sim_next(&s->js, log_head(l), "ev.*", s->js.last) != 0 ||
	    s->rolled_from != 0 || hub_tag(s->hub) == NULL ||
	    epoch_of(s, hub_tag(s->hub)->hex) != s->js.epoch)
		return false;
	for (int i = 0; i < MAX_CLIENTS; i++) {
		const struct client *c = &s->clients[i];

		if (c->open &&
		    (c->cursor.state != CURSOR_LIVE || !c->cursor.caught_up))
			return false;
	}
	return true;
}

static void settle_all(struct sim *s)
{
	const char *why;

	sim_lead(&s->js);
	sim_step_down(&s->js);
	sim_up(&s->js);
	for (int i = 0; i < 20000 && !s->failed; i++) {
		for (int k = 0; k < MAX_CLIENTS; k++) {
			s->clients[k].stuck = false;
			if (s->clients[k].open)
				drain_socket(s, &s->clients[k]);
		}
		for (unsigned k = 0; k < SIM_MAX_CONSUMERS; k++)
			s->js.consumers[k].lag = 0;
		sim_serve_request(&s->js, 0);
		for (unsigned k = 0; k < SIM_MAX_CONSUMERS; k++)
			sim_serve_consumer(&s->js, k);
		while (sim_late(&s->js, 0) || sim_late(&s->js, 1))
			;
		while (sim_deliver(&s->js, on_event, s))
			;
		hub_flush(s->hub, s->now_ms, 100);
		if (i % 512 == 0)
			sim_forget_inactive(&s->js);
		if (i % 16 == 0) {
			s->now_ms += 50;
			sim_heartbeat(&s->js, 0);
			hub_tick(s->hub, s->now_ms);
		}
		check_invariants(s);
		if (at_rest(s) && hub_ready(s->hub, &why))
			return;
	}
	for (int i = 0; i < MAX_CLIENTS; i++)
		if (s->clients[i].open)
			say(s,
			    "client %d state %d caught_up %d covered %" PRIu64
			    " start %d listed %d blocked %d gap %d",
			    i, s->clients[i].cursor.state,
			    s->clients[i].cursor.caught_up,
			    s->clients[i].cursor.covered,
			    s->clients[i].cursor.start,
			    s->clients[i].cursor.listed,
			    s->clients[i].cursor.blocked,
			    s->clients[i].cursor.gap);
	say(s,
	    "tail %s, consumers %u of %u, wire %u, asked %u, rolled %" PRIu64,
	    hub_ready(s->hub, &why) ? "live" : why, sim_alive(&s->js),
	    s->js.consumers_max, sim_on_wire(&s->js),
	    s->js.asked_to - s->js.asked_from, s->rolled_from);
	fail(s, "not at rest: head %" PRIu64 ", stream's last %" PRIu64,
	     log_head(hub_log(s->hub)), s->js.last);
}

static void check_all_caught_up(struct sim *s)
{
	s->now_ms += 60000; /* a ping tells each its cursor */
	hub_tick(s->hub, s->now_ms);
	for (int i = 0; i < MAX_CLIENTS && !s->failed; i++) {
		struct client *c = &s->clients[i];

		if (!c->open)
			continue;
		if (c->id < log_head(hub_log(s->hub)))
			fail(s, "client %d stays at %" PRIu64 " of %" PRIu64, i,
			     c->id, log_head(hub_log(s->hub)));
		if (c->epoch != s->js.epoch)
			fail(s, "client %d does not know the present stream",
			     i);
		check_owed(s, c);
	}
}

/* What is wrong only where there are replicas need not be looked for elsewhere.
 */
static bool needs_cluster(enum mutation m)
{
	return m == MUTATION_NO_LEADER || m == MUTATION_UNLED ||
	       m == MUTATION_LEADER_BEHIND || m == MUTATION_ONE_PROBE;
}

static void sim_start(struct sim *s, uint64_t seed)
{
	static const uint64_t limits[] = {5, 20, 60, SIM_MAX_SEQ};
	static const size_t memories[] = {64, 256, 384, 512, 1024, 2048, 8192};
	struct hub_config cfg = {.ping_ms = 30000, .retry_ms = 3000};
	const char *why;

	s->random = seed * 7919 + 17;
	s->now_ms = 1000;
	MUST(subject_template_parse(&cfg.subject, "ev.{id}", &why) == 0);
	sim_js_init(&s->js, limits[rnd(s, 4)]);
	s->cluster = rnd(s, 2) == 0 || needs_cluster(mutation_now);
	s->js.leader = s->cluster;
	cfg.tail_memory = memories[rnd(s, 7)];
	cfg.max_replays = 1 + rnd(s, 4);
	cfg.max_asks = 1 + (unsigned)rnd(s, 3);
	cfg.max_consumers = 1 + (unsigned)rnd(s, 3);
	if (rnd(s, 6) == 0)
		s->js.consumers_max = 1 + (unsigned)rnd(s, 3);
	choose_weights(s);
	for (int i = 0; i < MAX_CLIENTS; i++) {
		s->clients[i].bytes = malloc(BYTES_MAX);
		s->clients[i].got = calloc(1 << 16, 1);
	}
	for (uint64_t n = rnd(s, 40); n > 0; n--)
		publish_some(s);
	MUST(hub_new(&s->hub, &cfg, &s->js.source, &sink, &s->metrics) == 0);
	if (rnd(s, 4) > 0)
		sim_up(&s->js);
}

static void sim_end(struct sim *s)
{
	for (int i = 0; i < MAX_CLIENTS; i++) {
		if (s->clients[i].open)
			close_client(s, &s->clients[i]);
		free(s->clients[i].bytes);
		free(s->clients[i].got);
	}
	hub_free(s->hub);
	sim_js_finish(&s->js);
}

/* True when it held. */
static bool run_seed(uint64_t seed, bool verbose, char *why, size_t size)
{
	static struct sim s;
	uint64_t steps;
	bool ok;

	memset(&s, 0, sizeof(s));
	s.verbose = verbose;
	the_sim = &s;
	sim_start(&s, seed);
	steps = STEPS_MIN + rnd(&s, STEPS_MORE);
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

/* ---- the program --------------------------------------------------------- */

static const char *const mutation_names[] = {"NONE",
#define X(name, text) #name,
					     MUTATIONS(X)
#undef X
};

static bool run_seeds(uint64_t from, uint64_t n)
{
	uint64_t bad = 0;
	char why[256];

	for (uint64_t seed = from; seed < from + n; seed++) {
		if (run_seed(seed, false, why, sizeof(why)))
			continue;
		printf("# seed %" PRIu64 ": %s\n", seed, why);
		if (++bad == 20)
			break;
	}
	fflush(stdout);
	return bad == 0;
}

/* The seed that catches a mutation, or 0. */
static uint64_t caught_by(enum mutation m, uint64_t seeds, char *why,
			  size_t size)
{
	uint64_t seed;

	mutation_now = m;
	for (seed = 1; seed <= seeds; seed++)
		if (!run_seed(seed, false, why, size))
			break;
	mutation_now = MUTATION_NONE;
	return seed <= seeds ? seed : 0;
}

static int suite(uint64_t seeds)
{
	bool ok = run_seeds(1, seeds);

	printf("%sok 1 - %" PRIu64 " seeds hold\n1..1\n", ok ? "" : "not ",
	       seeds);
	return !ok;
}

static int mutations(uint64_t seeds)
{
	int bad = 0;

	printf("1..%d\n", MUTATION_COUNT - 1);
	for (int m = 1; m < MUTATION_COUNT; m++) {
		char why[256] = "";
		uint64_t seed =
			caught_by((enum mutation)m, seeds, why, sizeof(why));

		printf("%sok %d - %s is caught", seed ? "" : "not ", m,
		       mutation_names[m]);
		printf(seed ? " # seed %" PRIu64 ": %s\n" : "\n", seed, why);
		fflush(stdout);
		bad += seed == 0;
	}
	return bad != 0;
}

static enum mutation mutation_by_name(const char *name)
{
	for (int m = 0; m < MUTATION_COUNT; m++)
		if (strcmp(name, mutation_names[m]) == 0)
			return (enum mutation)m;
	fprintf(stderr, "no such mutation: %s\n", name);
	exit(2);
}

int main(int argc, char **argv)
{
	uint64_t seeds = 500, from = 1, one = 0;
	char why[256];

	for (int i = 1; i + 1 < argc; i += 2) {
		if (strcmp(argv[i], "--seeds") == 0)
			seeds = strtoull(argv[i + 1], NULL, 10);
		else if (strcmp(argv[i], "--from") == 0)
			from = strtoull(argv[i + 1], NULL, 10);
		else if (strcmp(argv[i], "--seed") == 0)
			one = strtoull(argv[i + 1], NULL, 10);
		else if (strcmp(argv[i], "--mutation") == 0)
			mutation_now = mutation_by_name(argv[i + 1]);
		else if (strcmp(argv[i], "--suite") == 0)
			return suite(strtoull(argv[i + 1], NULL, 10));
		else if (strcmp(argv[i], "--mutations") == 0)
			return mutations(strtoull(argv[i + 1], NULL, 10));
	}
	if (one != 0) {
		bool ok = run_seed(one, true, why, sizeof(why));

		printf("seed %" PRIu64 ": %s\n", one, ok ? "holds" : why);
		return !ok;
	}
	return !run_seeds(from, seeds);
}
