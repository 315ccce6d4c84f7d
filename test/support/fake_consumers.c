/* The fake's consumers: pulls, messages, statuses, and what time brings. */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "fake_jetstream_internal.h"

enum { STATUS_TOO_BIG = -1 }; /* 409 Message Size Exceeds MaxBytes */

static struct fake_consumer *find_consumer(struct fake_jetstream *js,
					   struct request_id request)
{
	for (size_t i = 0; i < FAKE_MAX_CONSUMERS; i++) {
		struct fake_consumer *c = &js->consumers[i];

		if (c->alive && c->request.owner == request.owner &&
		    c->request.generation == request.generation)
			return c;
	}
	return NULL;
}

size_t fake_jetstream_count_consumers(const struct fake_jetstream *js)
{
	size_t n = 0;

	for (size_t i = 0; i < FAKE_MAX_CONSUMERS; i++)
		n += js->consumers[i].alive;
	return n;
}

struct fake_consumer *fake_jetstream_consumer(struct fake_jetstream *js,
					      size_t which)
{
	size_t n = fake_jetstream_count_consumers(js);

	if (n == 0)
		return NULL;
	which %= n;
	for (size_t i = 0; i < FAKE_MAX_CONSUMERS; i++)
		if (js->consumers[i].alive && which-- == 0)
			return &js->consumers[i];
	return NULL;
}

void fake_jetstream_lose_consumers(struct fake_jetstream *js)
{
	for (size_t i = 0; i < FAKE_MAX_CONSUMERS; i++)
		free(js->consumers[i].newest);
	memset(js->consumers, 0, sizeof(js->consumers));
}

/* Last sequence that the consumer's replica has. */
static uint64_t consumer_last(const struct fake_jetstream *js,
			      const struct fake_consumer *c)
{
	uint64_t last = js->no_leader ? fake_known_to(js, 0) : js->last_seq;

	return last > c->lag ? last - c->lag : 0;
}

static bool has_subject(const struct fake_jetstream *js,
			const struct fake_consumer *c, const char *subject)
{
	for (size_t i = 0; i < c->n_newest; i++)
		if (strcmp(js->messages[c->newest[i]].subject, subject) == 0)
			return true;
	return false;
}

static void turn_around(size_t *list, size_t n)
{
	for (size_t i = 0; i < n / 2; i++) {
		size_t other = list[i];

		list[i] = list[n - 1 - i];
		list[n - 1 - i] = other;
	}
}

/* The newest message of each subject that its replica has. */
static void find_newest(struct fake_jetstream *js, struct fake_consumer *c)
{
	uint64_t upto = consumer_last(js, c);
	size_t n = fake_jetstream_place_above(js, upto);

	c->newest = malloc((n + 1) * sizeof(*c->newest));
	MUST(c->newest != NULL);
	while (n-- > 0) {
		const char *subject = js->messages[js->stored[n]].subject;

		if (fake_matches(c->filter, subject) &&
		    !has_subject(js, c, subject))
			c->newest[c->n_newest++] = js->stored[n];
	}
	turn_around(c->newest, c->n_newest);
	c->pos = c->resume = upto;
}

void fake_create_consumer(struct fake_jetstream *js,
			  const struct fake_request *a)
{
	struct fake_consumer *c = js->consumers;

	while (c->alive)
		MUST(++c < js->consumers + FAKE_MAX_CONSUMERS);
	free(c->newest);
	*c = (struct fake_consumer){.alive = true,
				    .request = a->request,
				    .pos = a->seq > 0 ? a->seq - 1 : 0,
				    .lag = js->behind,
				    .inactive_ms = a->inactive_ms,
				    .used_ms = js->now_ms};
	strcpy(c->filter, a->subject);
	if (a->last_per_subject)
		find_newest(js, c);
}

void fake_end_consumer(struct fake_jetstream *js, struct request_id id)
{
	struct fake_consumer *c = find_consumer(js, id);

	if (c != NULL)
		c->alive = false;
}

/* ---- pulls --------------------------------------------------------------- */

static struct fake_event status_of(struct request_id request,
				   const struct jetstream_pull *p, int code)
{
	return (struct fake_event){
		.ev = {.kind = JETSTREAM_STATUS,
		       .request = request,
		       .status = {.number = p->number, .code = code}}};
}

/* Without the headers that say how much is pending. */
static void reject_pull(struct fake_jetstream *js, const struct fake_request *a,
			int code)
{
	struct fake_event e = status_of(a->request, &a->pull, code);

	if (code == 409 && js->faults.max_batch < a->pull.batch)
		e.ev.status.max_batch = js->faults.max_batch;
	fake_count_rejection(js, a->request);
	fake_post(js, &e);
}

void fake_take_pull(struct fake_jetstream *js, const struct fake_request *a)
{
	static const int codes[] = {400, 409, 503};
	struct fake_consumer *c = find_consumer(js, a->request);
	unsigned max = js->faults.max_batch;

	if (c == NULL) { /* silence, as nats-server 2.9, or 503 */
		if (js->faults.says_503)
			reject_pull(js, a, 503);
		return;
	}
	c->used_ms = js->now_ms;
	if (max != 0 && a->pull.batch > max) {
		reject_pull(js, a, 409);
		return;
	}
	if (fake_happens(js, js->faults.pulls)) {
		reject_pull(js, a, codes[fake_random_below(js, 3)]);
		return;
	}
	MUST(c->n_pulls < FAKE_MAX_PULLS);
	c->pulls[c->n_pulls++] = (struct fake_pull){.pull = a->pull,
						    .sent_ms = js->now_ms,
						    .heard_ms = js->now_ms};
}

static void remove_pull(struct fake_consumer *c)
{
	c->n_pulls--;
	memmove(c->pulls, c->pulls + 1, c->n_pulls * sizeof(c->pulls[0]));
}

/* The consumer's first pull ends with a status. */
static void end_pull(struct fake_jetstream *js, struct fake_consumer *c,
		     int code)
{
	const struct jetstream_pull *p = &c->pulls[0].pull;
	bool too_big = code == STATUS_TOO_BIG;
	struct fake_event e = status_of(c->request, p, too_big ? 409 : code);

	c->used_ms = js->now_ms;
	e.ev.status.too_big = too_big;
	e.ev.status.has_pending = true;
	e.ev.status.pending_msgs = p->batch;
	remove_pull(c);
	fake_post(js, &e);
}

bool fake_jetstream_expire_pull(struct fake_jetstream *js,
				struct fake_consumer *c)
{
	if (c == NULL || c->n_pulls == 0)
		return false;
	end_pull(js, c, 408);
	return true;
}

bool fake_jetstream_delete_consumer(struct fake_jetstream *js,
				    struct fake_consumer *c, bool statuses)
{
	if (c == NULL)
		return false;
	for (size_t i = 0; i < c->n_pulls && statuses; i++) {
		struct fake_event e =
			status_of(c->request, &c->pulls[i].pull, 409);

		e.ev.status.consumer_gone = true;
		fake_post(js, &e);
	}
	c->alive = false;
	return true;
}

bool fake_jetstream_beat(struct fake_jetstream *js, struct fake_consumer *c)
{
	struct fake_event e;

	if (c == NULL || c->n_pulls == 0 || c->pulls[0].pull.no_wait)
		return false;
	c->pulls[0].heard_ms = js->now_ms;
	e = status_of(c->request, &c->pulls[0].pull, 100);
	e.ev.status.has_last_consumer = true;
	e.ev.status.last_consumer = c->cseq;
	e.ev.status.has_last_stream = true;
	e.ev.status.last_stream = c->pos;
	fake_post(js, &e);
	return true;
}

void fake_jetstream_heartbeat(struct fake_jetstream *js)
{
	for (size_t i = 0; i < FAKE_MAX_CONSUMERS && !js->faults.silent; i++) {
		struct fake_consumer *c = &js->consumers[i];

		if (c->alive && c->n_pulls > 0 &&
		    c->pulls[0].pull.heartbeat_ms > 0)
			fake_jetstream_beat(js, c);
	}
}

/* ---- messages ------------------------------------------------------------ */

/* The next message; 0: none. *gone: one of the newest has left the stream,
 * which ends the pull. */
static size_t next_message(const struct fake_jetstream *js,
			   const struct fake_consumer *c, bool *gone)
{
	size_t m = c->n_newest > 0 ? c->newest[0] : 0;

	*gone = m != 0 && fake_jetstream_at(js, js->messages[m].seq) != m;
	if (c->n_newest > 0)
		return *gone ? 0 : m;
	return fake_jetstream_next(js, c->pos, c->filter, consumer_last(js, c));
}

/* Its place is behind the message that it had next. */
static void move_consumer(struct fake_consumer *c, uint64_t seq)
{
	if (c->n_newest == 0) {
		c->pos = seq;
		return;
	}
	c->n_newest--;
	memmove(c->newest, c->newest + 1, c->n_newest * sizeof(*c->newest));
	c->pos = c->resume;
}

static void send_message(struct fake_jetstream *js, struct fake_consumer *c,
			 size_t message, uint64_t upto)
{
	struct fake_pull *p = &c->pulls[0];
	struct fake_event e = {
		.ev = {.kind = JETSTREAM_MESSAGE, .request = c->request}};

	move_consumer(c, js->messages[message].seq);
	c->used_ms = p->heard_ms = js->now_ms;
	e.message = fake_mix_up(js, message, c->filter);
	e.ev.msg.cseq = ++c->cseq;
	e.ev.msg.pending =
		c->n_newest + fake_count(js, c->pos, c->filter, upto);
	fake_post(js, &e);
	if (--p->pull.batch == 0)
		remove_pull(c);
}

/* A consumer of the newest messages loses this one (nats-server 2.9 to 2.15):
 * it has taken it out of its list, and only moves its sequence back. */
static void end_too_big(struct fake_jetstream *js, struct fake_consumer *c)
{
	if (c->n_newest > 0)
		move_consumer(c, 0);
	end_pull(js, c, STATUS_TOO_BIG);
}

bool fake_jetstream_serve_consumer(struct fake_jetstream *js,
				   struct fake_consumer *c)
{
	const struct jetstream_pull *p;
	bool gone;
	size_t m;

	if (c == NULL || !c->alive || c->n_pulls == 0 || js->faults.silent)
		return false;
	p = &c->pulls[0].pull;
	m = next_message(js, c, &gone);
	if (gone)
		move_consumer(c, 0);
	if (m == 0 && !p->no_wait)
		return false;
	if (m == 0)
		end_pull(js, c, 404);
	else if (js->messages[m].big && p->max_bytes > 0)
		end_too_big(js, c);
	else
		send_message(js, c, m, consumer_last(js, c));
	return true;
}

/* ---- time ---------------------------------------------------------------- */

static uint64_t pull_due(const struct fake_pull *p)
{
	uint64_t expires_ms = p->pull.expires_ms > 0
				      ? p->sent_ms + p->pull.expires_ms
				      : UINT64_MAX;
	uint64_t beat_ms = p->pull.heartbeat_ms > 0
				   ? p->heard_ms + p->pull.heartbeat_ms
				   : UINT64_MAX;

	return expires_ms < beat_ms ? expires_ms : beat_ms;
}

static uint64_t consumer_due(const struct fake_consumer *c)
{
	if (!c->alive)
		return UINT64_MAX;
	if (c->n_pulls > 0)
		return pull_due(&c->pulls[0]);
	return c->used_ms + c->inactive_ms;
}

uint64_t fake_jetstream_due(const struct fake_jetstream *js)
{
	uint64_t due = UINT64_MAX;

	for (size_t i = 0; i < FAKE_MAX_CONSUMERS; i++)
		if (consumer_due(&js->consumers[i]) < due)
			due = consumer_due(&js->consumers[i]);
	return due;
}

void fake_jetstream_tick(struct fake_jetstream *js)
{
	for (size_t i = 0; i < FAKE_MAX_CONSUMERS; i++) {
		struct fake_consumer *c = &js->consumers[i];

		if (js->now_ms < consumer_due(c))
			continue;
		if (c->n_pulls == 0)
			c->alive = false;
		else if (js->now_ms >=
			 c->pulls[0].sent_ms + c->pulls[0].pull.expires_ms)
			end_pull(js, c, 408);
		else
			fake_jetstream_beat(js, c);
	}
}

static bool can_deliver(const struct fake_jetstream *js,
			const struct fake_consumer *c)
{
	bool gone;

	return c->alive && c->n_pulls > 0 &&
	       (c->pulls[0].pull.no_wait || next_message(js, c, &gone) != 0);
}

bool fake_jetstream_idle(const struct fake_jetstream *js)
{
	if (js->events_from != js->events_to || fake_has_late(js))
		return false;
	for (size_t i = 0; i < FAKE_MAX_CONSUMERS; i++)
		if (can_deliver(js, &js->consumers[i]))
			return false;
	return true;
}
