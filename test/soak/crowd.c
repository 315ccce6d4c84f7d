#include "crowd.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	SILENT_MS = 6 * GATE_PING_MS, /* pings must come meanwhile */
	LATE_S = 180,		      /* behind for so long is stuck */
	SLEEPER_RCVBUF = 16384,
};

static struct dice *dice(struct crowd *c)
{
	return c->room.dice;
}

/* ---- who they are -------------------------------------------------------- */

/* Of twenty: twelve steady, four that churn, two slow, two that sleep. The slow
 * and the sleepers follow the subjects that have much. */
static void cast(struct crowd *c, struct member *m, unsigned i)
{
	const struct ledger *l = c->room.ledger;
	struct reader *r = &m->reader;
	unsigned turn = i % 20;

	r->room = &c->room;
	r->number = i;
	r->deliver = "";
	m->kind = turn < 12   ? MEMBER_STEADY
		  : turn < 16 ? MEMBER_CHURN
		  : turn < 18 ? MEMBER_SLOW
			      : MEMBER_SLEEPER;
	if (m->kind >= MEMBER_SLOW) {
		r->subject = i % l->n_hot;
		r->rcvbuf = SLEEPER_RCVBUF;
	} else {
		r->subject =
			turn == 0 ? i / 20 % l->n_hot
				  : l->n_hot + i % (l->n_subjects - l->n_hot);
	}
	r->http10 = turn % 8 == 3;
	m->here = true;
}

void crowd_init(struct crowd *c, const struct reader_room *room,
		struct gate *gates, unsigned n_gates, unsigned n_staying)
{
	*c = (struct crowd){.room = *room,
			    .gates = gates,
			    .n_gates = n_gates,
			    .n_staying = n_staying,
			    .n = n_staying + CROWD_GUESTS};
	c->members = calloc(c->n, sizeof(*c->members));
	if (c->members == NULL)
		abort();
	for (unsigned i = 0; i < c->n; i++) {
		struct member *m = &c->members[i];

		cast(c, m, i);
		m->due_ms = room->now_ms + dice_range(dice(c), 0, n_staying);
		if (i < n_staying)
			continue;
		m->kind = MEMBER_GUEST;
		m->here = false;
	}
}

static void half_end(struct half *h)
{
	if (h->fd > 0)
		close(h->fd);
	h->fd = 0;
}

void crowd_finish(struct crowd *c)
{
	crowd_leave(c);
	free(c->members);
	c->members = NULL;
	c->n = 0;
}

/* ---- coming and going ---------------------------------------------------- */

static struct gate *choose_gate(struct crowd *c, struct reader *r)
{
	r->gate = dice_range(dice(c), 0, c->n_gates - 1);
	if (!c->gates[r->gate].open)
		r->gate = (r->gate + 1) % c->n_gates;
	return &c->gates[r->gate];
}

static void come(struct crowd *c, struct member *m)
{
	struct gate *g = choose_gate(c, &m->reader);
	uint64_t now = c->room.now_ms;

	/* Should it not come to pass. */
	m->due_ms = now + dice_range(dice(c), 50, 2000);
	if (!g->open)
		return;
	reader_connect(&m->reader, &g->at);
	m->since_ms = now;
	m->leave_ms = 0;
	if (m->kind == MEMBER_CHURN && !c->calm)
		m->leave_ms = now + dice_range(dice(c), 500, 20000);
	if (m->kind == MEMBER_GUEST)
		m->leave_ms = now + dice_range(dice(c), 500, 10000);
}

static void go(struct crowd *c, struct member *m)
{
	reader_leave(&m->reader, dice_one_in(dice(c), 2));
	m->leave_ms = 0;
	m->due_ms = c->room.now_ms + dice_range(dice(c), 0, 5000);
	m->here = m->kind != MEMBER_GUEST;
}

static void set_mode(struct crowd *c, struct member *m, enum member_mode mode,
		     unsigned min_ms, unsigned max_ms)
{
	if (m->mode != mode)
		m->since_ms = c->room.now_ms;
	m->mode = mode;
	m->mode_ms = c->room.now_ms + dice_range(dice(c), min_ms, max_ms);
	m->sip_ms = c->room.now_ms;
}

static void next_mode(struct crowd *c, struct member *m)
{
	if (m->mode != MODE_READ || c->calm)
		set_mode(c, m, MODE_READ, 2000, 20000);
	else if (m->kind == MEMBER_SLOW)
		set_mode(c, m, MODE_SIP, 10000, 40000);
	else if (m->kind == MEMBER_SLEEPER)
		set_mode(c, m, MODE_SLEEP, 5000, 90000);
}

static void sip(struct crowd *c, struct member *m)
{
	m->sip_ms = c->room.now_ms + dice_range(dice(c), 100, 800);
	reader_read(&m->reader, dice_range(dice(c), 1, 4096));
}

static void member_turn(struct crowd *c, struct member *m)
{
	struct reader *r = &m->reader;
	uint64_t now = c->room.now_ms;

	if (r->state == READER_AWAY) {
		/* A guest whose stream was ended does not come back. */
		if (m->kind == MEMBER_GUEST && r->n_connects > 0)
			m->here = false;
		if (m->here && now >= m->due_ms)
			come(c, m);
		return;
	}
	if (m->leave_ms != 0 && now >= m->leave_ms) {
		go(c, m);
		return;
	}
	if (now >= m->mode_ms)
		next_mode(c, m);
	reader_watch(r, m->mode == MODE_READ);
	if (m->mode == MODE_SIP && now >= m->sip_ms)
		sip(c, m);
}

/* ---- who waits for too long ---------------------------------------------- */

static bool reads(const struct member *m)
{
	return m->reader.state != READER_AWAY && m->mode == MODE_READ &&
	       m->kind != MEMBER_SLOW && m->kind != MEMBER_SLEEPER;
}

/* For how many sweeps the sequence has been settled. */
static unsigned sweeps_since(const struct crowd *c, uint64_t seq)
{
	unsigned kept = c->n_marks < CROWD_MARKS ? c->n_marks : CROWD_MARKS;
	unsigned n = 0;

	while (n < kept && c->marks[(c->n_marks - 1 - n) % CROWD_MARKS] >= seq)
		n++;
	return n;
}

static void judge_wait(struct crowd *c, struct member *m)
{
	struct reader *r = &m->reader;
	struct address_counter *t = c->room.tally;
	uint32_t counter;
	uint64_t seq;
	unsigned late_s;

	if (r->heard_ms < m->since_ms)
		r->heard_ms = m->since_ms;
	if (c->room.now_ms - r->heard_ms > SILENT_MS) {
		address_counter_wrong(
			t, WRONG_STUCK,
			"reader %u of gateway %u: nothing for %" PRIu64
			" ms (state %d, status %d, cursor %s)",
			r->number, r->gate, c->room.now_ms - r->heard_ms,
			(int)r->state, r->http.status, r->cursor);
		r->heard_ms = c->room.now_ms;
	}
	if (!reader_awaits(r, &counter))
		return;
	seq = c->room.ledger->subjects[r->subject].seqs[counter];
	if (seq <= c->room.ledger->purged)
		return;
	late_s = sweeps_since(c, seq) * CROWD_SWEEP_MS / 1000;
	if (late_s > (c->room.now_ms - m->since_ms) / 1000)
		late_s = (unsigned)(c->room.now_ms - m->since_ms) / 1000;
	if (late_s > t->late_s)
		t->late_s = late_s;
	if (late_s >= LATE_S)
		address_counter_wrong(
			t, WRONG_STUCK,
			"reader %u of gateway %u waits for %" PRIu64
			" (cursor %s, %" PRIu64 " connects)",
			r->number, r->gate, seq, r->cursor, r->n_connects);
}

static void sweep(struct crowd *c)
{
	c->sweep_ms = c->room.now_ms + CROWD_SWEEP_MS;
	c->marks[c->n_marks++ % CROWD_MARKS] = c->room.ledger->settled;
	for (unsigned i = 0; i < c->n; i++) {
		if (reads(&c->members[i]))
			judge_wait(c, &c->members[i]);
	}
}

void crowd_turn(struct crowd *c, uint64_t now_ms)
{
	c->room.now_ms = now_ms;
	for (unsigned i = 0; i < c->n; i++)
		member_turn(c, &c->members[i]);
	for (unsigned i = 0; i < CROWD_HALVES; i++) {
		if (now_ms >= c->halves[i].until_ms)
			half_end(&c->halves[i]);
	}
	if (now_ms >= c->sweep_ms)
		sweep(c);
}

/* ---- trouble ------------------------------------------------------------- */

static struct member *any_staying(struct crowd *c)
{
	return &c->members[dice_range(dice(c), 0, c->n_staying - 1)];
}

void crowd_reset_some(struct crowd *c, unsigned n)
{
	while (n-- > 0) {
		struct member *m = any_staying(c);

		reader_leave(&m->reader, true);
		m->due_ms = c->room.now_ms + dice_range(dice(c), 0, 1000);
	}
}

void crowd_slow_some(struct crowd *c, unsigned n)
{
	while (n-- > 0)
		set_mode(c, any_staying(c), MODE_SIP, 2000, 20000);
}

void crowd_stop_some(struct crowd *c, unsigned n)
{
	while (n-- > 0)
		set_mode(c, any_staying(c), MODE_SLEEP, 5000, 60000);
}

void crowd_burst(struct crowd *c, unsigned n)
{
	static const char *const delivers[] = {"new", "last", "all"};

	for (unsigned i = c->n_staying; i < c->n && n > 0; i++) {
		struct member *m = &c->members[i];
		struct reader *r = &m->reader;

		if (m->here || r->state != READER_AWAY)
			continue;
		reader_forget(r);
		r->n_connects = 0;
		r->subject =
			dice_range(dice(c), 0, c->room.ledger->n_subjects - 1);
		r->deliver = delivers[dice_range(dice(c), 0, 2)];
		m->here = true;
		set_mode(c, m, MODE_READ, 20000, 20000);
		come(c, m);
		n--;
	}
}

static int send_half(const struct sockaddr_in *to, unsigned len)
{
	static const char head[] = "GET /api/v1/events HTTP/1.1\r\n"
				   "Host: soak\r\nuser_id: u1\r\nAccept: "
				   "text/event-stream\r\nX-More: and no end";
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		abort();
	connect(fd, (const struct sockaddr *)to, sizeof(*to));
	send(fd, head, len % sizeof(head), MSG_NOSIGNAL);
	return fd;
}

void crowd_half_heads(struct crowd *c, unsigned n)
{
	for (unsigned i = 0; i < CROWD_HALVES && n > 0; i++) {
		struct half *h = &c->halves[i];

		if (h->fd > 0)
			continue;
		h->fd = send_half(&c->gates[i % c->n_gates].at,
				  dice_range(dice(c), 0, 200));
		h->until_ms = c->room.now_ms + dice_range(dice(c), 0, 12000);
		n--;
	}
}

/* ---- the end ------------------------------------------------------------- */

void crowd_calm(struct crowd *c)
{
	c->calm = true;
	for (unsigned i = 0; i < c->n; i++) {
		struct member *m = &c->members[i];

		if (m->kind == MEMBER_GUEST) {
			reader_leave(&m->reader, false);
			m->here = false;
		}
		m->leave_ms = 0;
		m->due_ms = c->room.now_ms;
		set_mode(c, m, MODE_READ, 0, 0);
	}
	for (unsigned i = 0; i < CROWD_HALVES; i++)
		half_end(&c->halves[i]);
}

void crowd_hasten(struct crowd *c)
{
	for (unsigned i = 0; i < c->n_staying; i++) {
		struct member *m = &c->members[i];

		if (reader_is_done(&m->reader))
			continue;
		m->reader.rcvbuf = 0;
		reader_leave(&m->reader, false);
	}
}

unsigned crowd_n_behind(const struct crowd *c)
{
	unsigned n = 0;

	for (unsigned i = 0; i < c->n_staying; i++)
		n += !reader_is_done(&c->members[i].reader);
	return n;
}

void crowd_judge(struct crowd *c)
{
	for (unsigned i = 0; i < c->n_staying; i++) {
		const struct reader *r = &c->members[i].reader;
		const struct ledger_subject *s =
			&c->room.ledger->subjects[r->subject];

		if (reader_is_done(r))
			continue;
		address_counter_wrong(
			c->room.tally, WRONG_LOST,
			"reader %u of gateway %u (state %d, subject %u, "
			"cursor %s) is at %d of %u at the end",
			r->number, r->gate, (int)r->state, r->subject,
			r->cursor, r->has_last ? (int)r->last + 1 : 0, s->n);
	}
}

void crowd_leave(struct crowd *c)
{
	for (unsigned i = 0; i < c->n; i++) {
		reader_leave(&c->members[i].reader, false);
		c->members[i].here = false;
	}
	for (unsigned i = 0; i < CROWD_HALVES; i++)
		half_end(&c->halves[i]);
}
