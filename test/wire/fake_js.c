/* Requests and server events are noted in the order in which they come, and
 * become answers in fake_js_turn(): so nothing answers inside the call. */
#include "fake_js.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "nats/subject.h"

enum {
	MAX_MESSAGES = 1024,
	MAX_CONSUMERS = 16,
	MAX_PULLS = 8,
	MAX_NOTES = 128,
	MAX_SUBJECT = 192,
};

struct message {
	uint64_t seq;
	char *subject;
	char *data;
	size_t len;
	bool internal;
};

struct consumer {
	bool alive;
	struct request_id request;
	uint64_t pos; /* last sequence looked at */
	uint64_t cseq;
	char filter[MAX_SUBJECT];
	struct jetstream_pull pulls[MAX_PULLS];
	size_t n_pulls;
};

enum note_kind {
	NOTE_UP,
	NOTE_DOWN,
	NOTE_INFO,
	NOTE_FIND,
	NOTE_GET,
	NOTE_LAST,
	NOTE_CREATE,
	NOTE_PULL,
	NOTE_GONE, /* a consumer went with its stream */
};

struct note {
	enum note_kind kind;
	struct request_id request;
	uint64_t seq;
	char subject[MAX_SUBJECT];
	struct jetstream_pull pull;
};

struct fake_js {
	struct jetstream source;
	bool up;
	bool deaf;
	bool has_stream;
	unsigned epoch;
	uint64_t last_seq;
	struct message messages[MAX_MESSAGES]; /* by sequence */
	size_t n_messages;
	struct consumer consumers[MAX_CONSUMERS];
	struct note notes[MAX_NOTES];
	size_t n_notes;
};

typedef void (*event_to)(void *arg, const struct jetstream_event *ev);

static void created_text(unsigned epoch, char *out, size_t size)
{
	snprintf(out, size, "2026-01-0%uT00:00:00Z", epoch % 10);
}

struct sse_tag fake_js_tag(unsigned epoch)
{
	char text[32];

	created_text(epoch, text, sizeof(text));
	return sse_tag_of(text, strlen(text));
}

/* ---- requests ------------------------------------------------------------ */

static struct fake_js *fake_of(struct jetstream *s)
{
	return CONTAINER_OF(s, struct fake_js, source);
}

static void note(struct fake_js *js, const struct note *n)
{
	MUST(js->n_notes < MAX_NOTES);
	js->notes[js->n_notes++] = *n;
}

static int ask(struct jetstream *src, const struct note *n, const char *subject)
{
	struct fake_js *js = fake_of(src);

	if (!js->up)
		return -ENOTCONN;
	if (js->deaf)
		return 0;
	note(js, n);
	if (subject != NULL)
		snprintf(js->notes[js->n_notes - 1].subject, MAX_SUBJECT, "%s",
			 subject);
	return 0;
}

static int ask_info(struct jetstream *src, struct request_id request)
{
	return ask(src, &(struct note){.kind = NOTE_INFO, .request = request},
		   NULL);
}

static int ask_find(struct jetstream *src, struct request_id request,
		    uint64_t seq, const char *subject)
{
	return ask(src,
		   &(struct note){.kind = NOTE_FIND,
				  .request = request,
				  .seq = seq},
		   subject);
}

static int ask_get(struct jetstream *src, struct request_id request,
		   uint64_t seq)
{
	return ask(src,
		   &(struct note){.kind = NOTE_GET,
				  .request = request,
				  .seq = seq},
		   NULL);
}

static int ask_last(struct jetstream *src, struct request_id request,
		    const char *subject)
{
	return ask(src, &(struct note){.kind = NOTE_LAST, .request = request},
		   subject);
}

static int ask_create(struct jetstream *src, const struct jetstream_consumer *c)
{
	struct note n = {.kind = NOTE_CREATE,
			 .request = c->request,
			 .seq = c->start_seq};

	return ask(src, &n, c->filter);
}

static int ask_pull(struct jetstream *src, const struct jetstream_pull *p)
{
	struct note n = {.kind = NOTE_PULL, .request = p->request, .pull = *p};

	return ask(src, &n, NULL);
}

static struct consumer *find_consumer(struct fake_js *js,
				      struct request_id request)
{
	for (size_t i = 0; i < MAX_CONSUMERS; i++) {
		struct consumer *c = &js->consumers[i];

		if (c->alive && c->request.owner == request.owner &&
		    c->request.generation == request.generation)
			return c;
	}
	return NULL;
}

static int ask_forget(struct jetstream *src, struct request_id request)
{
	struct consumer *c = find_consumer(fake_of(src), request);

	if (c != NULL)
		c->alive = false;
	return 0;
}

static const struct jetstream_ops fake_ops = {
	.info = ask_info,
	.find = ask_find,
	.get = ask_get,
	.last = ask_last,
	.create = ask_create,
	.pull = ask_pull,
	.forget = ask_forget,
};

/* ---- the stream ---------------------------------------------------------- */

struct fake_js *fake_js_new(void)
{
	struct fake_js *js = calloc(1, sizeof(*js));

	MUST(js != NULL);
	js->source.ops = &fake_ops;
	js->has_stream = true;
	js->epoch = 1;
	return js;
}

struct jetstream *fake_js_source(struct fake_js *js)
{
	return &js->source;
}

static void remove_at(struct fake_js *js, size_t i)
{
	free(js->messages[i].subject);
	free(js->messages[i].data);
	memmove(js->messages + i, js->messages + i + 1,
		(js->n_messages - i - 1) * sizeof(*js->messages));
	js->n_messages--;
}

void fake_js_purge(struct fake_js *js, uint64_t upto)
{
	while (js->n_messages > 0 && js->messages[0].seq <= upto)
		remove_at(js, 0);
}

void fake_js_delete(struct fake_js *js, uint64_t seq)
{
	for (size_t i = 0; i < js->n_messages; i++)
		if (js->messages[i].seq == seq)
			remove_at(js, i--);
}

void fake_js_free(struct fake_js *js)
{
	if (js == NULL)
		return;
	fake_js_purge(js, UINT64_MAX);
	free(js);
}

bool fake_js_store(struct fake_js *js, uint64_t seq, const char *subject,
		   const void *data, size_t len)
{
	struct message *m = &js->messages[js->n_messages];

	if (seq <= js->last_seq || !js->has_stream)
		return false;
	MUST(js->n_messages < MAX_MESSAGES);
	m->seq = js->last_seq = seq;
	m->subject = strdup(subject);
	m->data = malloc(len + 1);
	MUST(m->subject != NULL && m->data != NULL);
	memcpy(m->data, data, len);
	m->len = len;
	m->internal = false;
	js->n_messages++;
	return true;
}

void fake_js_mark(struct fake_js *js)
{
	js->messages[js->n_messages - 1].internal = true;
}

void fake_js_make_stream(struct fake_js *js)
{
	if (js->has_stream)
		return;
	js->has_stream = true;
	js->epoch++;
	js->last_seq = 0;
}

void fake_js_drop_stream(struct fake_js *js, bool anew)
{
	fake_js_purge(js, UINT64_MAX);
	js->has_stream = false;
	for (size_t i = 0; i < MAX_CONSUMERS; i++) {
		struct consumer *c = &js->consumers[i];

		if (c->alive && c->n_pulls > 0)
			note(js, &(struct note){.kind = NOTE_GONE,
						.request = c->request,
						.pull = c->pulls[0]});
		c->alive = false;
	}
	if (anew)
		fake_js_make_stream(js);
}

/* The next message of a subject ("" for all) above `seq`. */
static const struct message *next_message(const struct fake_js *js,
					  uint64_t seq, const char *subject)
{
	for (size_t i = 0; i < js->n_messages; i++) {
		const struct message *m = &js->messages[i];

		if (m->seq > seq &&
		    (subject[0] == '\0' || subject_covers(subject, m->subject)))
			return m;
	}
	return NULL;
}

/* ---- the connection ------------------------------------------------------ */

void fake_js_up(struct fake_js *js)
{
	if (!js->up)
		note(js, &(struct note){.kind = NOTE_UP});
	js->up = true;
}

void fake_js_down(struct fake_js *js)
{
	if (!js->up)
		return;
	js->up = false;
	js->n_notes = 0;
	memset(js->consumers, 0, sizeof(js->consumers));
	note(js, &(struct note){.kind = NOTE_DOWN});
}

void fake_js_set_deaf(struct fake_js *js, bool deaf)
{
	js->deaf = deaf;
}

void fake_js_heartbeat(struct fake_js *js)
{
	for (size_t i = 0; i < MAX_CONSUMERS && !js->deaf; i++) {
		struct consumer *c = &js->consumers[i];

		if (c->alive && c->n_pulls > 0 && c->pulls[0].heartbeat_ms > 0)
			note(js, &(struct note){.kind = NOTE_PULL,
						.request = c->request,
						.pull.number = 0});
	}
}

/* ---- answers ------------------------------------------------------------- */

static struct jetstream_message message_of(const struct message *m)
{
	return (struct jetstream_message){.seq = m->seq,
					  .time_ns = 1000000000,
					  .subject = m->subject,
					  .subject_len = strlen(m->subject),
					  .data = m->data,
					  .len = m->len,
					  .internal = m->internal};
}

static void answer_info(const struct fake_js *js, struct jetstream_event *ev,
			char *created, size_t size)
{
	created_text(js->epoch, created, size);
	ev->kind = JETSTREAM_INFO;
	ev->info.first_seq =
		js->n_messages > 0 ? js->messages[0].seq : js->last_seq + 1;
	ev->info.last_seq = js->last_seq;
	ev->info.messages = js->n_messages;
	ev->info.created = created;
	ev->info.created_len = strlen(created);
	ev->info.filter_covers_all = true;
}

static void answer_find(const struct fake_js *js, const struct note *n,
			struct jetstream_event *ev)
{
	uint64_t seq = n->kind == NOTE_LAST ? 0 : n->seq - 1;
	const struct message *m = next_message(js, seq, n->subject);
	const struct message *next = m;

	ev->kind = JETSTREAM_FOUND;
	while (n->kind == NOTE_LAST && next != NULL) {
		m = next;
		next = next_message(js, m->seq, n->subject);
	}
	if (m == NULL || (n->kind == NOTE_GET && m->seq != n->seq))
		ev->err = JETSTREAM_ERR_NO_MESSAGE;
	else
		ev->msg = message_of(m);
}

static void answer_create(struct fake_js *js, const struct note *n,
			  struct jetstream_event *ev)
{
	struct consumer *c = js->consumers;

	while (c->alive)
		MUST(++c < js->consumers + MAX_CONSUMERS);
	memset(c, 0, sizeof(*c));
	c->alive = true;
	c->request = n->request;
	c->pos = n->seq - 1;
	memcpy(c->filter, n->subject, sizeof(c->filter));
	ev->kind = JETSTREAM_CREATED;
}

/* A heartbeat, or the end of a pull. */
static void send_status(const struct consumer *c,
			const struct jetstream_pull *p, int code, event_to to,
			void *arg)
{
	struct jetstream_event ev = {.kind = JETSTREAM_STATUS,
				     .request = c->request};

	ev.status.code = code;
	ev.status.number = p->number;
	if (code == 100) {
		ev.status.has_last_consumer = true;
		ev.status.last_consumer = c->cseq;
	} else {
		ev.status.has_pending = true;
		ev.status.pending_msgs = p->batch;
	}
	to(arg, &ev);
}

static void take_pull(struct fake_js *js, const struct note *n, event_to to,
		      void *arg)
{
	struct consumer *c = find_consumer(js, n->request);

	if (c == NULL)
		return;
	if (n->pull.number == 0) {
		send_status(c, &n->pull, 100, to, arg);
		return;
	}
	MUST(c->n_pulls < MAX_PULLS);
	c->pulls[c->n_pulls++] = n->pull;
}

static void answer(struct fake_js *js, const struct note *n, event_to to,
		   void *arg)
{
	struct jetstream_event ev = {.request = n->request};
	char created[32];

	switch (n->kind) {
	case NOTE_UP:
		ev.kind = JETSTREAM_UP;
		break;
	case NOTE_DOWN:
		ev.kind = JETSTREAM_DOWN;
		break;
	case NOTE_GONE:
		ev.kind = JETSTREAM_STATUS;
		ev.status.code = 409;
		ev.status.number = n->pull.number;
		ev.status.consumer_gone = true;
		break;
	case NOTE_PULL:
		take_pull(js, n, to, arg);
		return;
	case NOTE_INFO:
		answer_info(js, &ev, created, sizeof(created));
		break;
	case NOTE_FIND:
	case NOTE_GET:
	case NOTE_LAST:
		answer_find(js, n, &ev);
		break;
	case NOTE_CREATE:
		if (js->has_stream)
			answer_create(js, n, &ev);
		else
			ev.kind = JETSTREAM_CREATED;
		break;
	}
	if (!js->has_stream && n->kind >= NOTE_INFO && n->kind <= NOTE_CREATE) {
		ev.err = JETSTREAM_ERR_NO_STREAM;
		ev.err_text = "stream not found";
	}
	to(arg, &ev);
}

/* ---- messages ------------------------------------------------------------ */

static uint64_t pending_of(const struct fake_js *js, const struct consumer *c)
{
	const struct message *m = next_message(js, c->pos, c->filter);
	uint64_t n = 0;

	for (; m != NULL; m = next_message(js, m->seq, c->filter))
		n++;
	return n;
}

static void end_pull(struct consumer *c)
{
	c->n_pulls--;
	memmove(c->pulls, c->pulls + 1, c->n_pulls * sizeof(c->pulls[0]));
}

/* The next message, or the end of a pull that does not wait for one. */
static bool serve(struct fake_js *js, struct consumer *c, event_to to,
		  void *arg)
{
	const struct message *m = next_message(js, c->pos, c->filter);
	struct jetstream_event ev = {.kind = JETSTREAM_MESSAGE,
				     .request = c->request};
	struct jetstream_pull p = c->pulls[0];

	if (m == NULL && !p.no_wait)
		return false;
	if (m == NULL) {
		end_pull(c);
		send_status(c, &p, 404, to, arg);
		return true;
	}
	c->pos = m->seq;
	ev.msg = message_of(m);
	ev.msg.cseq = ++c->cseq;
	ev.msg.pending = pending_of(js, c);
	if (--c->pulls[0].batch == 0)
		end_pull(c);
	to(arg, &ev);
	return true;
}

bool fake_js_turn(struct fake_js *js, event_to to, void *arg)
{
	struct note notes[MAX_NOTES];
	size_t n = js->n_notes;
	bool did = n > 0;

	memcpy(notes, js->notes, n * sizeof(notes[0]));
	js->n_notes = 0; /* what an answer asks for is for the next turn */
	for (size_t i = 0; i < n; i++)
		answer(js, &notes[i], to, arg);
	for (size_t i = 0; i < MAX_CONSUMERS; i++) {
		struct consumer *c = &js->consumers[i];

		while (c->alive && c->n_pulls > 0 && !js->deaf &&
		       serve(js, c, to, arg))
			did = true;
	}
	return did;
}
