/* The session, the record of requests, and the responses. The stream's content
 * is in fake_stream.c. */
#include "fake_jetstream.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/check.h"

/* ---- requests ------------------------------------------------------------ */

static struct fake_jetstream *fake_of(struct jetstream *s)
{
	return CONTAINER_OF(s, struct fake_jetstream, source);
}

/* All but the last of those that were taken. */
static void discard_seen(struct fake_jetstream *js)
{
	size_t from = js->seen - 1;

	MUST(js->seen > 1);
	js->n -= from;
	js->seen = 1;
	memmove(js->asked, js->asked + from, js->n * sizeof(*js->asked));
}

static int record(struct jetstream *s, const struct asked *a,
		  const char *subject)
{
	struct fake_jetstream *js = fake_of(s);
	struct asked *new;

	if (!js->up)
		return -ENOTCONN;
	if (js->faults.silent)
		return 0;
	if (js->n == FAKE_MAX_REQUESTS)
		discard_seen(js);
	new = &js->asked[js->n++];
	*new = *a;
	MUST(strlen(subject) < sizeof(new->subject));
	strcpy(new->subject, subject);
	return js->faults.error;
}

static int ask_info(struct jetstream *s, struct request_id request)
{
	return record(s, &(struct asked){ASKED_INFO, .request = request}, "");
}

static int ask_find(struct jetstream *s, struct request_id request,
		    uint64_t seq, const char *subject)
{
	struct asked a = {ASKED_FIND, .request = request, .seq = seq};

	return record(s, &a, subject);
}

static int ask_get(struct jetstream *s, struct request_id request, uint64_t seq)
{
	struct asked a = {ASKED_GET, .request = request, .seq = seq};

	return record(s, &a, "");
}

static int ask_last(struct jetstream *s, struct request_id request,
		    const char *subject)
{
	struct asked a = {ASKED_LAST, .request = request};

	return record(s, &a, subject);
}

static int ask_create(struct jetstream *s, const struct jetstream_consumer *c)
{
	struct asked a = {ASKED_CREATE, .request = c->request,
			  .seq = c->start_seq, .inactive_ms = c->inactive_ms};

	return record(s, &a, c->filter == NULL ? "" : c->filter);
}

static int ask_pull(struct jetstream *s, const struct jetstream_pull *p)
{
	struct asked a = {ASKED_PULL, .request = p->request, .pull = *p};

	return record(s, &a, "");
}

static int ask_forget(struct jetstream *s, struct request_id request)
{
	return record(s, &(struct asked){ASKED_FORGET, .request = request}, "");
}

static const struct jetstream_ops ops = {
	.info = ask_info,
	.get_next = ask_find,
	.get = ask_get,
	.get_last = ask_last,
	.create = ask_create,
	.pull = ask_pull,
	.delete_consumer = ask_forget,
};

void fake_jetstream_init(struct fake_jetstream *js)
{
	memset(js, 0, sizeof(*js));
	js->source.ops = &ops;
	js->up = js->has_stream = true;
	js->epoch = 1;
	js->n_messages = 1;
	js->asked = malloc(FAKE_MAX_REQUESTS * sizeof(*js->asked));
	js->events = malloc(FAKE_MAX_EVENTS * sizeof(*js->events));
	MUST(js->asked != NULL && js->events != NULL);
}

void fake_jetstream_finish(struct fake_jetstream *js)
{
	for (size_t i = 1; i < js->n_messages; i++) {
		free(js->messages[i].subject);
		free(js->messages[i].data);
	}
	free(js->messages);
	free(js->stored);
	free(js->events);
	free(js->asked);
	memset(js, 0, sizeof(*js));
}

/* ---- the record ---------------------------------------------------------- */

static const char *name_of(enum asked_kind kind)
{
	static const char *const names[] = {"info",   "find", "get",   "last",
					    "create", "pull", "forget"};

	return names[kind];
}

const struct asked *fake_asked(struct fake_jetstream *js, enum asked_kind kind)
{
	const struct asked *a = &js->asked[js->seen];

	if (js->seen == js->n)
		fail_msg("no request, expected %s", name_of(kind));
	if (a->kind != kind)
		fail_msg("request %s, expected %s", name_of(a->kind),
			 name_of(kind));
	js->seen++;
	return a;
}

void fake_quiet(const struct fake_jetstream *js)
{
	if (js->seen != js->n)
		fail_msg("request %s, expected none",
			 name_of(js->asked[js->seen].kind));
}

size_t fake_waiting(const struct fake_jetstream *js)
{
	return js->n - js->seen;
}

/* ---- events -------------------------------------------------------------- */

static struct fake_event *post(struct fake_jetstream *js,
			       enum jetstream_event_kind kind,
			       struct request_id request)
{
	struct fake_event *e = &js->events[js->events_to++ % FAKE_MAX_EVENTS];

	MUST(js->events_to - js->events_from <= FAKE_MAX_EVENTS);
	*e = (struct fake_event){.ev = {.kind = kind, .request = request}};
	return e;
}

static void fill_message(const struct fake_message *m,
			 struct jetstream_message *msg)
{
	msg->seq = m->seq;
	msg->time_ns = m->time_ns;
	msg->subject = m->subject;
	msg->subject_len = strlen(m->subject);
	msg->data = m->data;
	msg->len = m->len;
	msg->internal = m->internal;
}

bool fake_jetstream_deliver(struct fake_jetstream *js, fake_event_cb to,
			    void *arg)
{
	struct fake_event e;

	if (js->events_from == js->events_to)
		return false;
	e = js->events[js->events_from++ % FAKE_MAX_EVENTS];
	if (e.message != 0)
		fill_message(&js->messages[e.message], &e.ev.msg);
	if (e.ev.kind == JETSTREAM_INFO && e.ev.err == 0) {
		e.ev.info.created = e.created;
		e.ev.info.created_len = strlen(e.created);
	}
	to(arg, &e.ev);
	return true;
}

/* ---- the connection ------------------------------------------------------ */

void fake_jetstream_up(struct fake_jetstream *js)
{
	js->up = true;
	post(js, JETSTREAM_UP, (struct request_id){0});
}

void fake_jetstream_down(struct fake_jetstream *js)
{
	if (!js->up)
		return;
	js->up = false;
	js->n = js->seen = 0;
	js->events_from = js->events_to;
	memset(js->consumers, 0, sizeof(js->consumers));
	post(js, JETSTREAM_DOWN, (struct request_id){0});
}

/* ---- consumers ----------------------------------------------------------- */

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

static void send_status(struct fake_jetstream *js,
			const struct fake_consumer *c,
			const struct jetstream_pull *p, int code)
{
	struct jetstream_status *s =
		&post(js, JETSTREAM_STATUS, c->request)->ev.status;

	s->code = code;
	s->number = p->number;
	if (code == 100) {
		s->has_last_consumer = true;
		s->last_consumer = c->cseq;
	} else if (code == 409) {
		s->consumer_gone = true;
	} else {
		s->has_pending = true;
		s->pending_msgs = p->batch;
	}
}

static void end_pull(struct fake_consumer *c)
{
	c->n_pulls--;
	memmove(c->pulls, c->pulls + 1, c->n_pulls * sizeof(c->pulls[0]));
}

static uint64_t count_pending(const struct fake_jetstream *js,
			      const struct fake_consumer *c)
{
	uint64_t n = 0, seq = c->pos;
	size_t m;

	while ((m = fake_jetstream_next(js, seq, c->filter)) != 0) {
		seq = js->messages[m].seq;
		n++;
	}
	return n;
}

void fake_jetstream_heartbeat(struct fake_jetstream *js)
{
	for (size_t i = 0; i < FAKE_MAX_CONSUMERS && !js->faults.silent; i++) {
		struct fake_consumer *c = &js->consumers[i];

		if (c->alive && c->n_pulls > 0 && c->pulls[0].heartbeat_ms > 0)
			send_status(js, c, &c->pulls[0], 100);
	}
}

/* One message, or the end of a pull that does not wait for one. */
bool fake_jetstream_serve_consumer(struct fake_jetstream *js,
				   struct fake_consumer *c)
{
	size_t m = fake_jetstream_next(js, c->pos, c->filter);
	struct fake_event *e;

	if (!c->alive || c->n_pulls == 0 || js->faults.silent ||
	    (m == 0 && !c->pulls[0].no_wait))
		return false;
	if (m == 0) {
		send_status(js, c, &c->pulls[0], 404);
		end_pull(c);
		return true;
	}
	c->pos = js->messages[m].seq;
	e = post(js, JETSTREAM_MESSAGE, c->request);
	e->message = m;
	e->ev.msg.cseq = ++c->cseq;
	e->ev.msg.pending = count_pending(js, c);
	if (--c->pulls[0].batch == 0)
		end_pull(c);
	return true;
}

/* ---- the server ---------------------------------------------------------- */

static void created_text(unsigned epoch, char *out, size_t size)
{
	snprintf(out, size, "2026-01-0%uT00:00:00Z", epoch % 10);
}

struct sse_tag fake_jetstream_tag(unsigned epoch)
{
	char text[32];

	created_text(epoch, text, sizeof(text));
	return sse_tag_of(text, strlen(text));
}

static void answer_info(struct fake_jetstream *js, struct fake_event *e)
{
	struct jetstream_info *info = &e->ev.info;

	created_text(js->epoch, e->created, sizeof(e->created));
	info->first_seq = js->n_stored > 0 ? js->messages[js->stored[0]].seq
					   : js->last_seq + 1;
	info->last_seq = js->last_seq;
	info->messages = js->n_stored;
	info->filter_covers_all = true;
}

static void answer_find(struct fake_jetstream *js, const struct asked *a,
			struct fake_event *e)
{
	uint64_t seq = a->kind == ASKED_LAST ? 0 : a->seq - 1;
	size_t m = fake_jetstream_next(js, seq, a->subject), next = m;

	while (a->kind == ASKED_LAST && next != 0) {
		m = next;
		next = fake_jetstream_next(js, js->messages[m].seq, a->subject);
	}
	if (m == 0 || (a->kind == ASKED_GET && js->messages[m].seq != a->seq))
		e->ev.err = JETSTREAM_ERR_NO_MESSAGE;
	else
		e->message = m;
}

static void create_consumer(struct fake_jetstream *js, const struct asked *a)
{
	struct fake_consumer *c = js->consumers;

	while (c->alive)
		MUST(++c < js->consumers + FAKE_MAX_CONSUMERS);
	*c = (struct fake_consumer){.alive = true,
				    .request = a->request,
				    .pos = a->seq - 1};
	strcpy(c->filter, a->subject);
}

static void take_pull(struct fake_jetstream *js, const struct asked *a)
{
	struct fake_consumer *c = find_consumer(js, a->request);

	if (c == NULL)
		return; /* silence, as nats-server 2.9 */
	MUST(c->n_pulls < FAKE_MAX_PULLS);
	c->pulls[c->n_pulls++] = a->pull;
}

static void delete_consumer(struct fake_jetstream *js, struct request_id id)
{
	struct fake_consumer *c = find_consumer(js, id);

	if (c != NULL)
		c->alive = false;
}

/* INFO, FIND, GET, LAST, CREATE. */
static void respond(struct fake_jetstream *js, const struct asked *a)
{
	static const enum jetstream_event_kind kinds[] = {JETSTREAM_INFO,
							  JETSTREAM_FOUND,
							  JETSTREAM_FOUND,
							  JETSTREAM_FOUND,
							  JETSTREAM_CREATED};
	struct fake_event *e = post(js, kinds[a->kind], a->request);

	if (!js->has_stream) {
		e->ev.err = JETSTREAM_ERR_NO_STREAM;
		e->ev.err_text = "stream not found";
	} else if (a->kind == ASKED_INFO) {
		answer_info(js, e);
	} else if (a->kind == ASKED_CREATE) {
		create_consumer(js, a);
	} else {
		answer_find(js, a, e);
	}
}

bool fake_jetstream_serve_request(struct fake_jetstream *js, size_t which)
{
	struct asked a;

	if (js->seen + which >= js->n)
		return false;
	a = js->asked[js->seen + which];
	memmove(&js->asked[js->seen + 1], &js->asked[js->seen],
		which * sizeof(a));
	js->seen++;
	if (a.kind == ASKED_PULL)
		take_pull(js, &a);
	else if (a.kind == ASKED_FORGET)
		delete_consumer(js, a.request);
	else
		respond(js, &a);
	return true;
}

void fake_jetstream_drop_stream(struct fake_jetstream *js)
{
	fake_jetstream_purge(js, UINT64_MAX);
	js->has_stream = false;
	for (size_t i = 0; i < FAKE_MAX_CONSUMERS; i++) {
		struct fake_consumer *c = &js->consumers[i];

		for (size_t n = 0; c->alive && n < c->n_pulls; n++)
			send_status(js, c, &c->pulls[n], 409);
		c->alive = false;
	}
}

bool fake_jetstream_turn(struct fake_jetstream *js, fake_event_cb to, void *arg)
{
	bool did = false;

	for (size_t n = fake_waiting(js); n > 0; n--)
		fake_jetstream_serve_request(js, 0);
	while (fake_jetstream_deliver(js, to, arg))
		did = true;
	for (size_t i = 0; i < FAKE_MAX_CONSUMERS; i++)
		while (fake_jetstream_serve_consumer(js, &js->consumers[i]))
			did |= fake_jetstream_deliver(js, to, arg);
	return did;
}
