#include "client_pool.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	SILENT_MS = 6 * SOAK_GATEWAY_PING_MS, /* pings must come meanwhile */
	LATE_S = 180,			      /* behind for so long is stuck */
	SLEEPER_RCVBUF = 16384,
};

static struct seeded_random *pool_random(struct client_pool *c)
{
	return c->context.random;
}

/* ---- members ------------------------------------------------------------- */

/* Of twenty: twelve steady, four that churn, two slow, two that sleep. The slow
 * and the sleepers follow the subjects that have much. */
static void cast(struct client_pool *c, struct member *m, unsigned i)
{
	const struct expected_messages *l = c->context.expected;
	struct soak_client *r = &m->client;
	unsigned turn = i % 20;

	r->context = &c->context;
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

void client_pool_init(struct client_pool *c, const struct soak_context *context,
		      struct soak_gateway *gateways, unsigned n_gateways,
		      unsigned n_staying)
{
	*c = (struct client_pool){.context = *context,
				  .gateways = gateways,
				  .n_gateways = n_gateways,
				  .n_staying = n_staying,
				  .n = n_staying + CLIENT_POOL_GUESTS};
	c->members = calloc(c->n, sizeof(*c->members));
	if (c->members == NULL)
		abort();
	for (unsigned i = 0; i < c->n; i++) {
		struct member *m = &c->members[i];

		cast(c, m, i);
		m->due_ms = context->now_ms +
			    seeded_random_range(pool_random(c), 0, n_staying);
		if (i < n_staying)
			continue;
		m->kind = MEMBER_GUEST;
		m->here = false;
	}
}

static void half_end(struct half_request *h)
{
	if (h->fd > 0)
		close(h->fd);
	h->fd = 0;
}

void client_pool_finish(struct client_pool *c)
{
	client_pool_leave(c);
	free(c->members);
	c->members = NULL;
	c->n = 0;
}

/* ---- coming and going ---------------------------------------------------- */

static struct soak_gateway *choose_gate(struct client_pool *c,
					struct soak_client *r)
{
	r->gateway = seeded_random_range(pool_random(c), 0, c->n_gateways - 1);
	if (!c->gateways[r->gateway].open)
		r->gateway = (r->gateway + 1) % c->n_gateways;
	return &c->gateways[r->gateway];
}

static void come(struct client_pool *c, struct member *m)
{
	struct soak_gateway *g = choose_gate(c, &m->client);
	uint64_t now = c->context.now_ms;

	/* Should it not come to pass. */
	m->due_ms = now + seeded_random_range(pool_random(c), 50, 2000);
	if (!g->open)
		return;
	soak_client_connect(&m->client, &g->at);
	m->since_ms = now;
	m->leave_ms = 0;
	if (m->kind == MEMBER_CHURN && !c->calm)
		m->leave_ms =
			now + seeded_random_range(pool_random(c), 500, 20000);
	if (m->kind == MEMBER_GUEST)
		m->leave_ms =
			now + seeded_random_range(pool_random(c), 500, 10000);
}

static void go(struct client_pool *c, struct member *m)
{
	soak_client_leave(&m->client, seeded_random_one_in(pool_random(c), 2));
	m->leave_ms = 0;
	m->due_ms = c->context.now_ms +
		    seeded_random_range(pool_random(c), 0, 5000);
	m->here = m->kind != MEMBER_GUEST;
}

static void set_mode(struct client_pool *c, struct member *m,
		     enum member_mode mode, unsigned min_ms, unsigned max_ms)
{
	if (m->mode != mode)
		m->since_ms = c->context.now_ms;
	m->mode = mode;
	m->mode_ms = c->context.now_ms +
		     seeded_random_range(pool_random(c), min_ms, max_ms);
	m->sip_ms = c->context.now_ms;
}

static void next_mode(struct client_pool *c, struct member *m)
{
	if (m->mode != MODE_READ || c->calm)
		set_mode(c, m, MODE_READ, 2000, 20000);
	else if (m->kind == MEMBER_SLOW)
		set_mode(c, m, MODE_SIP, 10000, 40000);
	else if (m->kind == MEMBER_SLEEPER)
		set_mode(c, m, MODE_SLEEP, 5000, 90000);
}

static void sip(struct client_pool *c, struct member *m)
{
	m->sip_ms = c->context.now_ms +
		    seeded_random_range(pool_random(c), 100, 800);
	soak_client_read(&m->client,
			 seeded_random_range(pool_random(c), 1, 4096));
}

static void member_turn(struct client_pool *c, struct member *m)
{
	struct soak_client *r = &m->client;
	uint64_t now = c->context.now_ms;

	if (r->state == SOAK_CLIENT_AWAY) {
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
	soak_client_watch(r, m->mode == MODE_READ);
	if (m->mode == MODE_SIP && now >= m->sip_ms)
		sip(c, m);
}

/* ---- clients that wait for too long -------------------------------------- */

static bool reads(const struct member *m)
{
	return m->client.state != SOAK_CLIENT_AWAY && m->mode == MODE_READ &&
	       m->kind != MEMBER_SLOW && m->kind != MEMBER_SLEEPER;
}

/* For how many sweeps the sequence has been settled. */
static unsigned sweeps_since(const struct client_pool *c, uint64_t seq)
{
	unsigned kept =
		c->n_marks < CLIENT_POOL_MARKS ? c->n_marks : CLIENT_POOL_MARKS;
	unsigned n = 0;

	while (n < kept &&
	       c->marks[(c->n_marks - 1 - n) % CLIENT_POOL_MARKS] >= seq)
		n++;
	return n;
}

static void judge_wait(struct client_pool *c, struct member *m)
{
	struct soak_client *r = &m->client;
	struct soak_report *t = c->context.report;
	uint32_t counter;
	uint64_t seq;
	unsigned late_s;

	if (r->heard_ms < m->since_ms)
		r->heard_ms = m->since_ms;
	if (c->context.now_ms - r->heard_ms > SILENT_MS) {
		soak_report_violation(
			t, VIOLATION_STUCK,
			"client %u of gateway %u: nothing for %" PRIu64
			" ms (state %d, status %d, cursor %s)",
			r->number, r->gateway, c->context.now_ms - r->heard_ms,
			(int)r->state, r->http.status, r->cursor);
		r->heard_ms = c->context.now_ms;
	}
	if (!soak_client_awaits(r, &counter))
		return;
	seq = c->context.expected->subjects[r->subject].seqs[counter];
	if (seq <= c->context.expected->purged)
		return;
	late_s = sweeps_since(c, seq) * CLIENT_POOL_SWEEP_MS / 1000;
	if (late_s > (c->context.now_ms - m->since_ms) / 1000)
		late_s = (unsigned)(c->context.now_ms - m->since_ms) / 1000;
	if (late_s > t->late_s)
		t->late_s = late_s;
	if (late_s >= LATE_S)
		soak_report_violation(
			t, VIOLATION_STUCK,
			"client %u of gateway %u waits for %" PRIu64
			" (cursor %s, %" PRIu64 " connects)",
			r->number, r->gateway, seq, r->cursor, r->n_connects);
}

static void sweep(struct client_pool *c)
{
	c->sweep_ms = c->context.now_ms + CLIENT_POOL_SWEEP_MS;
	c->marks[c->n_marks++ % CLIENT_POOL_MARKS] =
		c->context.expected->settled;
	for (unsigned i = 0; i < c->n; i++) {
		if (reads(&c->members[i]))
			judge_wait(c, &c->members[i]);
	}
}

void client_pool_turn(struct client_pool *c, uint64_t now_ms)
{
	c->context.now_ms = now_ms;
	for (unsigned i = 0; i < c->n; i++)
		member_turn(c, &c->members[i]);
	for (unsigned i = 0; i < CLIENT_POOL_HALVES; i++) {
		if (now_ms >= c->halves[i].until_ms)
			half_end(&c->halves[i]);
	}
	if (now_ms >= c->sweep_ms)
		sweep(c);
}

/* ---- faults -------------------------------------------------------------- */

static struct member *any_staying(struct client_pool *c)
{
	return &c->members[seeded_random_range(pool_random(c), 0,
					       c->n_staying - 1)];
}

void client_pool_reset_some(struct client_pool *c, unsigned n)
{
	while (n-- > 0) {
		struct member *m = any_staying(c);

		soak_client_leave(&m->client, true);
		m->due_ms = c->context.now_ms +
			    seeded_random_range(pool_random(c), 0, 1000);
	}
}

void client_pool_slow_some(struct client_pool *c, unsigned n)
{
	while (n-- > 0)
		set_mode(c, any_staying(c), MODE_SIP, 2000, 20000);
}

void client_pool_stop_some(struct client_pool *c, unsigned n)
{
	while (n-- > 0)
		set_mode(c, any_staying(c), MODE_SLEEP, 5000, 60000);
}

void client_pool_burst(struct client_pool *c, unsigned n)
{
	static const char *const delivers[] = {"new", "last", "all"};

	for (unsigned i = c->n_staying; i < c->n && n > 0; i++) {
		struct member *m = &c->members[i];
		struct soak_client *r = &m->client;

		if (m->here || r->state != SOAK_CLIENT_AWAY)
			continue;
		soak_client_forget(r);
		r->n_connects = 0;
		r->subject = seeded_random_range(
			pool_random(c), 0, c->context.expected->n_subjects - 1);
		r->deliver =
			delivers[seeded_random_range(pool_random(c), 0, 2)];
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

void client_pool_half_heads(struct client_pool *c, unsigned n)
{
	for (unsigned i = 0; i < CLIENT_POOL_HALVES && n > 0; i++) {
		struct half_request *h = &c->halves[i];

		if (h->fd > 0)
			continue;
		h->fd = send_half(&c->gateways[i % c->n_gateways].at,
				  seeded_random_range(pool_random(c), 0, 200));
		h->until_ms = c->context.now_ms +
			      seeded_random_range(pool_random(c), 0, 12000);
		n--;
	}
}

/* ---- the end ------------------------------------------------------------- */

void client_pool_calm(struct client_pool *c)
{
	c->calm = true;
	for (unsigned i = 0; i < c->n; i++) {
		struct member *m = &c->members[i];

		if (m->kind == MEMBER_GUEST) {
			soak_client_leave(&m->client, false);
			m->here = false;
		}
		m->leave_ms = 0;
		m->due_ms = c->context.now_ms;
		set_mode(c, m, MODE_READ, 0, 0);
	}
	for (unsigned i = 0; i < CLIENT_POOL_HALVES; i++)
		half_end(&c->halves[i]);
}

void client_pool_hasten(struct client_pool *c)
{
	for (unsigned i = 0; i < c->n_staying; i++) {
		struct member *m = &c->members[i];

		if (soak_client_is_done(&m->client))
			continue;
		m->client.rcvbuf = 0;
		soak_client_leave(&m->client, false);
	}
}

unsigned client_pool_n_behind(const struct client_pool *c)
{
	unsigned n = 0;

	for (unsigned i = 0; i < c->n_staying; i++)
		n += !soak_client_is_done(&c->members[i].client);
	return n;
}

void client_pool_judge(struct client_pool *c)
{
	for (unsigned i = 0; i < c->n_staying; i++) {
		const struct soak_client *r = &c->members[i].client;
		const struct expected_subject *s =
			&c->context.expected->subjects[r->subject];

		if (soak_client_is_done(r))
			continue;
		soak_report_violation(
			c->context.report, VIOLATION_LOST,
			"client %u of gateway %u (state %d, subject %u, "
			"cursor %s) is at %d of %u at the end",
			r->number, r->gateway, (int)r->state, r->subject,
			r->cursor, r->has_last ? (int)r->last + 1 : 0, s->n);
	}
}

void client_pool_leave(struct client_pool *c)
{
	for (unsigned i = 0; i < c->n; i++) {
		soak_client_leave(&c->members[i].client, false);
		c->members[i].here = false;
	}
	for (unsigned i = 0; i < CLIENT_POOL_HALVES; i++)
		half_end(&c->halves[i]);
}
