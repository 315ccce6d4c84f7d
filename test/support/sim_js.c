#include "sim_js_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "nats/subject.h"

enum {
	SIM_ERR_UNAVAILABLE = 10008,
	SIM_TOO_BIG = -1, /* 409 Message Size Exceeds MaxBytes */
};

const char *const sim_subjects[SIM_SUBJECTS] = {"ev.a", "ev.b", "other.x",
						"ev.c", "ev.d", "ev.e",
						"ev.f", "ev.g"};

static struct sim_js *sim_of(struct jetstream *s)
{
	return CONTAINER_OF(s, struct sim_js, source);
}

static uint64_t below(struct sim_js *s, uint64_t n)
{
	uint64_t z = (s->random += 0x9e3779b97f4a7c15ull);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return (z ^ (z >> 31)) % n;
}

/* No random number is drawn without a chance. */
bool sim_happens(struct sim_js *s, unsigned chance)
{
	return chance != 0 && below(s, 256) < chance;
}

static void count_refusal(struct sim_js *s, struct request_id request)
{
	s->refused[request.owner < SIM_SLOTS - 1 ? request.owner
						 : SIM_SLOTS - 1]++;
}

static int ask(struct sim_js *s, struct sim_request r)
{
	if (!s->up)
		return -1;
	MUST(s->asked_to - s->asked_from < SIM_MAX_QUEUE);
	s->requests[r.kind]++;
	r.asked_ms = s->now_ms;
	s->asked[s->asked_to++ % SIM_MAX_QUEUE] = r;
	return 0;
}

static int ask_info(struct jetstream *src, struct request_id request)
{
	return ask(sim_of(src), (struct sim_request){.kind = SIM_ASK_INFO,
						     .request = request});
}

static int ask_find(struct jetstream *src, struct request_id request,
		    uint64_t seq, const char *subject)
{
	struct sim_request r = {.kind = SIM_ASK_FIND,
				.request = request,
				.seq = seq};

	snprintf(r.subject, sizeof(r.subject), "%s", subject);
	return ask(sim_of(src), r);
}

static int ask_get(struct jetstream *src, struct request_id request,
		   uint64_t seq)
{
	struct sim_request r = {.kind = SIM_ASK_GET,
				.request = request,
				.seq = seq};

	return ask(sim_of(src), r);
}

static int ask_last(struct jetstream *src, struct request_id request,
		    const char *subject)
{
	struct sim_request r = {.kind = SIM_ASK_LAST, .request = request};

	snprintf(r.subject, sizeof(r.subject), "%s", subject);
	return ask(sim_of(src), r);
}

static int ask_create(struct jetstream *src, const struct jetstream_consumer *c)
{
	struct sim_request r = {.kind = SIM_ASK_CREATE,
				.request = c->request,
				.seq = c->start_seq,
				.inactive_ms = c->inactive_ms};

	snprintf(r.subject, sizeof(r.subject), "%s",
		 c->filter != NULL ? c->filter : "");
	return ask(sim_of(src), r);
}

static int ask_pull(struct jetstream *src, const struct jetstream_pull *p)
{
	struct sim_request r = {.kind = SIM_ASK_PULL, .request = p->request};

	r.pull.number = p->number;
	r.pull.left = p->batch;
	r.pull.no_wait = p->no_wait;
	r.pull.bounded = p->max_bytes > 0;
	r.pull.expires_ms = p->expires_ms;
	r.pull.heartbeat_ms = p->heartbeat_ms;
	return ask(sim_of(src), r);
}

static int ask_forget(struct jetstream *src, struct request_id request)
{
	return ask(sim_of(src), (struct sim_request){.kind = SIM_ASK_FORGET,
						     .request = request});
}

static const struct jetstream_ops sim_ops = {
	.info = ask_info,
	.get_next = ask_find,
	.get = ask_get,
	.get_last = ask_last,
	.create = ask_create,
	.pull = ask_pull,
	.delete_consumer = ask_forget,
};

void sim_js_init(struct sim_js *s, uint64_t limit)
{
	memset(s, 0, sizeof(*s));
	s->source.ops = &sim_ops;
	s->epoch = 1;
	s->first = 1;
	s->leader = 1;
	s->applied = SIM_ALL;
	s->limit = limit;
	s->n_messages = 1; /* uid 0 is none */
	s->cap_messages = 1024;
	s->messages = calloc(s->cap_messages, sizeof(*s->messages));
	MUST(s->messages != NULL);
}

void sim_js_finish(struct sim_js *s)
{
	free(s->messages);
}

/* ---- the wire ------------------------------------------------------------ */

static void post(struct sim_js *s, const struct sim_letter *l)
{
	MUST(s->wire_to - s->wire_from < SIM_MAX_QUEUE);
	s->wire[s->wire_to++ % SIM_MAX_QUEUE] = *l;
}

static bool is_late(const struct sim_js *s)
{
	return s->late[0].from != s->late[0].to ||
	       s->late[1].from != s->late[1].to;
}

/* A response of the leader (0) or of the former leader (1). */
static void answer(struct sim_js *s, int server, const struct sim_letter *l)
{
	struct sim_late *late = &s->late[server];

	if (!s->rival && !is_late(s) && !s->faults.shuffles) {
		post(s, l);
		return;
	}
	if (late->to - late->from == SIM_MAX_LATE)
		sim_late(s, (unsigned)server);
	late->letters[late->to++ % SIM_MAX_LATE] = *l;
}

bool sim_late(struct sim_js *s, unsigned which)
{
	struct sim_late *late = &s->late[which % 2];
	unsigned n = late->to - late->from;

	if (n == 0)
		return false;
	if (s->faults.shuffles) { /* several workers: one of the first */
		unsigned i = late->from + (unsigned)below(s, n < 3 ? n : 3);
		struct sim_letter l = late->letters[i % SIM_MAX_LATE];

		late->letters[i % SIM_MAX_LATE] =
			late->letters[late->from % SIM_MAX_LATE];
		late->letters[late->from % SIM_MAX_LATE] = l;
	}
	post(s, &late->letters[late->from++ % SIM_MAX_LATE]);
	return true;
}

unsigned sim_on_wire(const struct sim_js *s)
{
	return s->wire_to - s->wire_from;
}

void sim_up(struct sim_js *s)
{
	if (s->up)
		return;
	s->up = true;
	post(s, &(struct sim_letter){.kind = JETSTREAM_UP});
}

void sim_down(struct sim_js *s)
{
	if (!s->up)
		return;
	s->up = false;
	s->asked_from = s->asked_to;
	s->wire_from = s->wire_to;
	memset(s->late, 0, sizeof(s->late));
	sim_consumers_gone(s);
	post(s, &(struct sim_letter){.kind = JETSTREAM_DOWN});
}

bool sim_lose(struct sim_js *s, unsigned which)
{
	unsigned n = sim_on_wire(s);
	struct sim_letter *l;

	if (n == 0)
		return false;
	l = &s->wire[(s->wire_from + which % n) % SIM_MAX_QUEUE];
	if (l->kind == JETSTREAM_UP || l->kind == JETSTREAM_DOWN)
		return false;
	/* Responses of the former leader come whole or not at all, as by TCP;
	 * the second differs from the leader's by the first. */
	if (l->kind == JETSTREAM_INFO && l->info.no_leader &&
	    !s->faults.shuffles)
		return false;
	for (unsigned i = s->wire_from + which % n; i + 1 != s->wire_to; i++)
		s->wire[i % SIM_MAX_QUEUE] = s->wire[(i + 1) % SIM_MAX_QUEUE];
	s->wire_to--;
	return true;
}

void sim_drop_infos(struct sim_js *s)
{
	struct sim_late *late = &s->late[1];
	unsigned to = s->asked_from;

	for (unsigned i = s->asked_from; i != s->asked_to; i++)
		if (s->asked[i % SIM_MAX_QUEUE].kind != SIM_ASK_INFO)
			s->asked[to++ % SIM_MAX_QUEUE] =
				s->asked[i % SIM_MAX_QUEUE];
	s->asked_to = to;
	to = late->from;
	for (unsigned i = late->from; i != late->to; i++)
		if (late->letters[i % SIM_MAX_LATE].kind != JETSTREAM_INFO)
			late->letters[to++ % SIM_MAX_LATE] =
				late->letters[i % SIM_MAX_LATE];
	late->to = to;
}

static void event_message(const struct sim_js *s, const struct sim_letter *l,
			  struct jetstream_event *ev, char *payload,
			  size_t size)
{
	const struct sim_message *m = &s->messages[l->uid];

	snprintf(payload, size, "%llu", (unsigned long long)l->uid);
	ev->msg = (struct jetstream_message){
		.seq = m->seq,
		.cseq = l->cseq,
		.pending = l->pending,
		.time_ns = m->time_ns,
		.subject = sim_subjects[m->subject],
		.subject_len = strlen(sim_subjects[m->subject]),
		.data = payload,
		.len = strlen(payload),
	};
}

bool sim_deliver(struct sim_js *s,
		 void (*to)(void *arg, const struct jetstream_event *ev),
		 void *arg)
{
	struct jetstream_event ev;
	struct sim_letter l;
	char payload[32];

	if (s->wire_from == s->wire_to)
		return false;
	l = s->wire[s->wire_from++ % SIM_MAX_QUEUE];
	memset(&ev, 0, sizeof(ev));
	ev.kind = l.kind;
	ev.request = l.request;
	ev.err = l.err;
	if (l.kind == JETSTREAM_INFO) {
		ev.info = l.info;
		ev.info.created = l.created;
		ev.info.created_len = strlen(l.created);
	} else if (l.kind == JETSTREAM_STATUS) {
		ev.status = l.status;
	} else if (l.kind == JETSTREAM_MESSAGE ||
		   (l.kind == JETSTREAM_FOUND && l.err == 0)) {
		event_message(s, &l, &ev, payload, sizeof(payload));
	}
	to(arg, &ev);
	return true;
}

/* ---- the server ---------------------------------------------------------- */

static struct sim_consumer *consumer_of(struct sim_js *s, struct request_id w)
{
	for (unsigned i = 0; i < SIM_MAX_CONSUMERS; i++) {
		struct sim_consumer *c = &s->consumers[i];

		if (c->alive && c->request.owner == w.owner &&
		    c->request.generation == w.generation)
			return c;
	}
	return NULL;
}

unsigned sim_alive(const struct sim_js *s)
{
	unsigned n = 0;

	for (unsigned i = 0; i < SIM_MAX_CONSUMERS; i++)
		n += s->consumers[i].alive;
	return n;
}

static struct sim_consumer *nth_alive(struct sim_js *s, unsigned which)
{
	unsigned n = sim_alive(s);

	if (n == 0)
		return NULL;
	which %= n;
	for (unsigned i = 0; i < SIM_MAX_CONSUMERS; i++)
		if (s->consumers[i].alive && which-- == 0)
			return &s->consumers[i];
	return NULL;
}

static uint64_t pending_of(const struct sim_js *s, const struct sim_consumer *c,
			   uint64_t upto)
{
	uint64_t n = 0, q = c->pos, uid;

	while ((uid = sim_next(s, q, c->filter, upto)) != 0) {
		q = s->messages[uid].seq;
		n++;
	}
	return n;
}

uint64_t sim_applied(const struct sim_js *s, const struct sim_consumer *c)
{
	uint64_t last = s->no_leader ? sim_leaders_last(s) : s->last;

	return last > c->lag ? last - c->lag : 0;
}

static uint64_t known_to(const struct sim_js *s, int server)
{
	uint64_t last = sim_leaders_last(s);

	return server == 0 || last < s->rival_last ? last : s->rival_last;
}

/* An error in place of a response. */
static bool refuse(struct sim_js *s, const struct sim_request *r, int server,
		   enum jetstream_event_kind kind)
{
	struct sim_letter l = {.kind = kind, .request = r->request};

	if (!sim_happens(s, s->faults.errors))
		return false;
	l.err = below(s, 2) ? SIM_ERR_UNAVAILABLE : JETSTREAM_ERR_NO_RESPONDERS;
	count_refusal(s, r->request);
	answer(s, server, &l);
	return true;
}

/* A message of another subject: what no server should send. */
static uint64_t another(struct sim_js *s, uint64_t uid, const char *filter)
{
	uint64_t q;

	if (uid == 0 || !sim_is_literal(filter) ||
	    !sim_happens(s, s->faults.foreign))
		return uid;
	q = s->messages[uid].seq;
	while (++q <= s->last)
		if (s->at[q] != 0 &&
		    s->messages[s->at[q]].subject != s->messages[uid].subject)
			return s->at[q];
	return uid;
}

static void serve_info(struct sim_js *s, const struct sim_request *r,
		       int server)
{
	struct sim_letter l = {.kind = JETSTREAM_INFO, .request = r->request};

	if (refuse(s, r, server, JETSTREAM_INFO))
		return;
	l.info.filter_covers_all = s->covers_all;
	l.info.last_seq = known_to(s, server);
	l.info.first_seq = s->first > 0 ? s->first : 1;
	if (l.info.first_seq > l.info.last_seq + 1)
		l.info.first_seq = l.info.last_seq + 1;
	l.info.leader = s->leader + (uint32_t)server * 1000;
	l.info.no_leader = s->no_leader || server != 0;
	/* A former leader that is back has not answered the new one. */
	l.info.all_follow = !l.info.no_leader && !s->rival;
	l.info.messages = sim_count(s);
	l.info.before_2_10 = s->faults.jumps;
	snprintf(l.created, sizeof(l.created), "created-%u", s->epoch);
	answer(s, server, &l);
}

static void serve_find(struct sim_js *s, const struct sim_request *r,
		       int server)
{
	struct sim_letter l = {.kind = JETSTREAM_FOUND, .request = r->request};
	uint64_t last = known_to(s, server);

	if (refuse(s, r, server, JETSTREAM_FOUND))
		return;
	if (r->kind == SIM_ASK_FIND) {
		l.uid = sim_next(s, r->seq - 1, r->subject, last);
	} else if (r->kind == SIM_ASK_GET) {
		l.uid = r->seq <= last ? s->at[r->seq] : 0;
	} else {
		uint64_t q = 0, uid;

		while ((uid = sim_next(s, q, r->subject, last)) != 0) {
			l.uid = uid;
			q = s->messages[uid].seq;
		}
	}
	if (l.uid == 0)
		l.err = JETSTREAM_ERR_NO_MESSAGE;
	if (r->kind != SIM_ASK_GET)
		l.uid = another(s, l.uid, r->subject);
	answer(s, server, &l);
}

static void serve_create(struct sim_js *s, const struct sim_request *r)
{
	struct sim_letter l = {.kind = JETSTREAM_CREATED,
			       .request = r->request};
	struct sim_consumer *c = s->consumers;

	if (refuse(s, r, 0, JETSTREAM_CREATED))
		return;
	if (s->consumers_max != 0 && sim_alive(s) >= s->consumers_max) {
		l.err = JETSTREAM_ERR_MAX_CONSUMERS;
		count_refusal(s, r->request);
		post(s, &l);
		return;
	}
	while (c->alive)
		MUST(++c < s->consumers + SIM_MAX_CONSUMERS);
	memset(c, 0, sizeof(*c));
	c->alive = true;
	c->request = r->request;
	c->pos = r->seq - 1;
	c->inactive_ms = r->inactive_ms;
	c->used_ms = s->now_ms;
	memcpy(c->filter, r->subject, sizeof(c->filter));
	post(s, &l);
}

static void end_pull(struct sim_js *s, struct sim_consumer *c, int n, int code)
{
	struct sim_letter l = {.kind = JETSTREAM_STATUS, .request = c->request};

	c->used_ms = s->now_ms;
	l.status.number = c->pulls[n].number;
	l.status.too_big = code == SIM_TOO_BIG;
	l.status.code = l.status.too_big ? 409 : code;
	l.status.has_pending = true;
	l.status.pending_msgs = c->pulls[n].left;
	memmove(c->pulls + n, c->pulls + n + 1,
		(size_t)(c->n_pulls - n - 1) * sizeof(c->pulls[0]));
	c->n_pulls--;
	post(s, &l);
}

/* Without the headers that say how much is pending. */
static void refuse_pull(struct sim_js *s, const struct sim_request *r, int code)
{
	struct sim_letter l = {.kind = JETSTREAM_STATUS, .request = r->request};

	l.status.number = r->pull.number;
	l.status.code = code;
	if (code == 409 && s->faults.max_batch < r->pull.left)
		l.status.max_batch = s->faults.max_batch; /* 0: none */
	count_refusal(s, r->request);
	post(s, &l);
}

static void serve_pull(struct sim_js *s, const struct sim_request *r)
{
	static const int codes[] = {400, 409, 503};
	struct sim_consumer *c = consumer_of(s, r->request);
	struct sim_pull *p;

	if (c == NULL) { /* silence, as 2.9.10 does, or 503 */
		if (s->faults.says_503)
			refuse_pull(s, r, 503);
		return;
	}
	c->used_ms = s->now_ms;
	if (s->faults.max_batch != 0 && r->pull.left > s->faults.max_batch) {
		refuse_pull(s, r, 409);
		return;
	}
	if (sim_happens(s, s->faults.pulls)) {
		refuse_pull(s, r, codes[below(s, 3)]);
		return;
	}
	MUST(c->n_pulls < 8);
	p = &c->pulls[c->n_pulls++];
	*p = r->pull;
	p->sent_ms = p->heard_ms = s->now_ms;
}

bool sim_serve_request(struct sim_js *s, unsigned which)
{
	unsigned n = s->asked_to - s->asked_from;
	struct sim_request r;
	unsigned i;

	if (n == 0)
		return false;
	i = s->asked_from + which % n;
	r = s->asked[i % SIM_MAX_QUEUE];
	for (; i != s->asked_from; i--)
		s->asked[i % SIM_MAX_QUEUE] = s->asked[(i - 1) % SIM_MAX_QUEUE];
	s->asked_from++;
	for (int server = 0; server <= s->rival; server++) {
		if (r.kind == SIM_ASK_INFO)
			serve_info(s, &r, server);
		else if (r.kind == SIM_ASK_FIND || r.kind == SIM_ASK_GET ||
			 r.kind == SIM_ASK_LAST)
			serve_find(s, &r, server);
	}
	switch (r.kind) {
	case SIM_ASK_INFO:
	case SIM_ASK_FIND:
	case SIM_ASK_GET:
	case SIM_ASK_LAST:
		break;
	case SIM_ASK_CREATE:
		serve_create(s, &r);
		break;
	case SIM_ASK_PULL:
		serve_pull(s, &r);
		break;
	case SIM_ASK_FORGET:
		if (consumer_of(s, r.request) != NULL)
			consumer_of(s, r.request)->alive = false;
		break;
	}
	return true;
}

bool sim_serve_consumer(struct sim_js *s, unsigned which)
{
	struct sim_consumer *c = nth_alive(s, which);
	struct sim_letter l = {.kind = JETSTREAM_MESSAGE};
	uint64_t upto;

	if (c == NULL || c->n_pulls == 0)
		return false;
	upto = sim_applied(s, c);
	l.uid = sim_next(s, c->pos, c->filter, upto);
	if (l.uid == 0) {
		if (!c->pulls[0].no_wait)
			return false;
		end_pull(s, c, 0, 404);
		return true;
	}
	if (s->messages[l.uid].big && c->pulls[0].bounded) {
		end_pull(s, c, 0, SIM_TOO_BIG);
		return true;
	}
	c->pos = s->messages[l.uid].seq;
	c->used_ms = c->pulls[0].heard_ms = s->now_ms;
	l.uid = another(s, l.uid, c->filter);
	l.request = c->request;
	l.cseq = ++c->cseq;
	l.pending = pending_of(s, c, upto);
	post(s, &l);
	if (--c->pulls[0].left == 0) {
		memmove(c->pulls, c->pulls + 1,
			(size_t)(c->n_pulls - 1) * sizeof(c->pulls[0]));
		c->n_pulls--;
	}
	return true;
}

bool sim_expire_pull(struct sim_js *s, unsigned which)
{
	struct sim_consumer *c = nth_alive(s, which);

	if (c == NULL || c->n_pulls == 0)
		return false;
	end_pull(s, c, 0, 408);
	return true;
}

static bool beat(struct sim_js *s, struct sim_consumer *c)
{
	struct sim_letter l = {.kind = JETSTREAM_STATUS};

	if (c == NULL || c->n_pulls == 0 || c->pulls[0].no_wait)
		return false;
	c->pulls[0].heard_ms = s->now_ms;
	l.request = c->request;
	l.status.code = 100;
	l.status.number = c->pulls[0].number;
	l.status.has_last_consumer = true;
	l.status.last_consumer = c->cseq;
	l.status.has_last_stream = true;
	l.status.last_stream = c->pos;
	post(s, &l);
	return true;
}

bool sim_heartbeat(struct sim_js *s, unsigned which)
{
	return beat(s, nth_alive(s, which));
}

bool sim_delete_consumer(struct sim_js *s, unsigned which, bool told)
{
	struct sim_consumer *c = nth_alive(s, which);
	struct sim_letter l = {.kind = JETSTREAM_STATUS};

	if (c == NULL)
		return false;
	l.request = c->request;
	l.status.code = 409;
	l.status.consumer_gone = true;
	for (int i = 0; i < c->n_pulls && told; i++) {
		l.status.number = c->pulls[i].number;
		post(s, &l);
	}
	c->alive = false;
	return true;
}

/* ---- time ---------------------------------------------------------------- */

static bool is_due(const struct sim_js *s, const struct sim_request *r)
{
	bool searches = r->kind == SIM_ASK_FIND || r->kind == SIM_ASK_GET ||
			r->kind == SIM_ASK_LAST;

	return s->now_ms >=
	       r->asked_ms + (searches ? s->search_ms : s->answer_ms);
}

void sim_serve_due(struct sim_js *s)
{
	for (unsigned i = s->asked_from; i != s->asked_to; i++)
		if (is_due(s, &s->asked[i % SIM_MAX_QUEUE]))
			sim_serve_request(s, i - s->asked_from);
}

static uint64_t pull_due(const struct sim_pull *p)
{
	uint64_t due =
		p->expires_ms > 0 ? p->sent_ms + p->expires_ms : UINT64_MAX;
	uint64_t beat_ms = p->heartbeat_ms > 0 ? p->heard_ms + p->heartbeat_ms
					       : UINT64_MAX;

	return due < beat_ms ? due : beat_ms;
}

static uint64_t consumer_due(const struct sim_consumer *c)
{
	if (!c->alive)
		return UINT64_MAX;
	if (c->n_pulls > 0)
		return pull_due(&c->pulls[0]);
	return c->used_ms + c->inactive_ms;
}

uint64_t sim_due(const struct sim_js *s)
{
	uint64_t due = UINT64_MAX;

	for (unsigned i = 0; i < SIM_MAX_CONSUMERS; i++)
		if (consumer_due(&s->consumers[i]) < due)
			due = consumer_due(&s->consumers[i]);
	return due;
}

void sim_tick(struct sim_js *s)
{
	for (unsigned i = 0; i < SIM_MAX_CONSUMERS; i++) {
		struct sim_consumer *c = &s->consumers[i];

		if (s->now_ms < consumer_due(c))
			continue;
		if (c->n_pulls == 0)
			c->alive = false;
		else if (s->now_ms >=
			 c->pulls[0].sent_ms + c->pulls[0].expires_ms)
			end_pull(s, c, 0, 408);
		else
			beat(s, c);
	}
}

static bool can_deliver(const struct sim_js *s, const struct sim_consumer *c)
{
	return c->alive && c->n_pulls > 0 &&
	       (c->pulls[0].no_wait ||
		sim_next(s, c->pos, c->filter, sim_applied(s, c)) != 0);
}

bool sim_idle(const struct sim_js *s)
{
	if (s->wire_from != s->wire_to || is_late(s))
		return false;
	for (unsigned i = 0; i < SIM_MAX_CONSUMERS; i++)
		if (can_deliver(s, &s->consumers[i]))
			return false;
	return true;
}
