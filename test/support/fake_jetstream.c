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

/* All requests that were read, but the last. */
static void discard_read(struct fake_jetstream *js)
{
	size_t from = js->read - 1;

	MUST(js->read > 1);
	js->n_requests -= from;
	js->read = 1;
	memmove(js->requests, js->requests + from,
		js->n_requests * sizeof(*js->requests));
}

static int record(struct jetstream *s, const struct fake_request *a,
		  const char *subject)
{
	struct fake_jetstream *js = fake_of(s);
	struct fake_request *new;

	if (!js->up)
		return -ENOTCONN;
	if (js->faults.silent)
		return 0;
	if (js->n_requests == FAKE_MAX_REQUESTS)
		discard_read(js);
	new = &js->requests[js->n_requests++];
	*new = *a;
	MUST(strlen(subject) < sizeof(new->subject));
	strcpy(new->subject, subject);
	return js->faults.error;
}

static int request_info(struct jetstream *s, struct request_id request)
{
	return record(s,
		      &(struct fake_request){REQUEST_INFO, .request = request},
		      "");
}

static int request_get_next(struct jetstream *s, struct request_id request,
			    uint64_t seq, const char *subject)
{
	struct fake_request a = {REQUEST_GET_NEXT, .request = request,
				 .seq = seq};

	return record(s, &a, subject);
}

static int request_get(struct jetstream *s, struct request_id request,
		       uint64_t seq)
{
	struct fake_request a = {REQUEST_GET, .request = request, .seq = seq};

	return record(s, &a, "");
}

static int request_get_last(struct jetstream *s, struct request_id request,
			    const char *subject)
{
	struct fake_request a = {REQUEST_GET_LAST, .request = request};

	return record(s, &a, subject);
}

static int request_create(struct jetstream *s,
			  const struct jetstream_consumer *c)
{
	struct fake_request a = {REQUEST_CREATE, .request = c->request,
				 .seq = c->start_seq,
				 .inactive_ms = c->inactive_ms};

	return record(s, &a, c->filter == NULL ? "" : c->filter);
}

static int request_pull(struct jetstream *s, const struct jetstream_pull *p)
{
	struct fake_request a = {REQUEST_PULL, .request = p->request,
				 .pull = *p};

	return record(s, &a, "");
}

static int request_delete_consumer(struct jetstream *s,
				   struct request_id request)
{
	return record(s,
		      &(struct fake_request){REQUEST_DELETE_CONSUMER,
					     .request = request},
		      "");
}

static const struct jetstream_ops ops = {
	.info = request_info,
	.get_next = request_get_next,
	.get = request_get,
	.get_last = request_get_last,
	.create = request_create,
	.pull = request_pull,
	.delete_consumer = request_delete_consumer,
};

void fake_jetstream_init(struct fake_jetstream *js)
{
	memset(js, 0, sizeof(*js));
	js->source.ops = &ops;
	js->up = js->has_stream = true;
	js->epoch = 1;
	js->n_messages = 1;
	js->requests = malloc(FAKE_MAX_REQUESTS * sizeof(*js->requests));
	js->events = malloc(FAKE_MAX_EVENTS * sizeof(*js->events));
	MUST(js->requests != NULL && js->events != NULL);
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
	free(js->requests);
	memset(js, 0, sizeof(*js));
}

/* ---- the record ---------------------------------------------------------- */

static const char *name_of(enum fake_request_kind kind)
{
	static const char *const names[] = {
		"info", "get_next",	  "get", "get_last", "create",
		"pull", "delete_consumer"};

	return names[kind];
}

const struct fake_request *expect_request(struct fake_jetstream *js,
					  enum fake_request_kind kind)
{
	const struct fake_request *a = &js->requests[js->read];

	if (js->read == js->n_requests)
		fail_msg("no request, expected %s", name_of(kind));
	if (a->kind != kind)
		fail_msg("request %s, expected %s", name_of(a->kind),
			 name_of(kind));
	js->read++;
	return a;
}

void expect_no_request(const struct fake_jetstream *js)
{
	if (js->read != js->n_requests)
		fail_msg("request %s, expected none",
			 name_of(js->requests[js->read].kind));
}

size_t requests_unread(const struct fake_jetstream *js)
{
	return js->n_requests - js->read;
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
	js->n_requests = js->read = 0;
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

static void answer_find(struct fake_jetstream *js, const struct fake_request *a,
			struct fake_event *e)
{
	uint64_t seq = a->kind == REQUEST_GET_LAST ? 0 : a->seq - 1;
	size_t m = fake_jetstream_next(js, seq, a->subject), next = m;

	while (a->kind == REQUEST_GET_LAST && next != 0) {
		m = next;
		next = fake_jetstream_next(js, js->messages[m].seq, a->subject);
	}
	if (m == 0 || (a->kind == REQUEST_GET && js->messages[m].seq != a->seq))
		e->ev.err = JETSTREAM_ERR_NO_MESSAGE;
	else
		e->message = m;
}

static void create_consumer(struct fake_jetstream *js,
			    const struct fake_request *a)
{
	struct fake_consumer *c = js->consumers;

	while (c->alive)
		MUST(++c < js->consumers + FAKE_MAX_CONSUMERS);
	*c = (struct fake_consumer){.alive = true,
				    .request = a->request,
				    .pos = a->seq - 1};
	strcpy(c->filter, a->subject);
}

static void take_pull(struct fake_jetstream *js, const struct fake_request *a)
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
static void respond(struct fake_jetstream *js, const struct fake_request *a)
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
	} else if (a->kind == REQUEST_INFO) {
		answer_info(js, e);
	} else if (a->kind == REQUEST_CREATE) {
		create_consumer(js, a);
	} else {
		answer_find(js, a, e);
	}
}

bool fake_jetstream_serve_request(struct fake_jetstream *js, size_t which)
{
	struct fake_request a;

	if (js->read + which >= js->n_requests)
		return false;
	a = js->requests[js->read + which];
	memmove(&js->requests[js->read + 1], &js->requests[js->read],
		which * sizeof(a));
	js->read++;
	if (a.kind == REQUEST_PULL)
		take_pull(js, &a);
	else if (a.kind == REQUEST_DELETE_CONSUMER)
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

	for (size_t n = requests_unread(js); n > 0; n--)
		fake_jetstream_serve_request(js, 0);
	while (fake_jetstream_deliver(js, to, arg))
		did = true;
	for (size_t i = 0; i < FAKE_MAX_CONSUMERS; i++)
		while (fake_jetstream_serve_consumer(js, &js->consumers[i]))
			did |= fake_jetstream_deliver(js, to, arg);
	return did;
}
