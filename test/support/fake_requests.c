/* The fake's session, the record of requests, and the events on their way. */
#include "fake_jetstream_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
	new->sent_ms = js->now_ms;
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
				 .inactive_ms = c->inactive_ms,
				 .last_per_subject = c->last_per_subject};

	MUST(!c->last_per_subject || (c->filter != NULL && c->start_seq == 0));

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
	js->up = js->has_stream = js->covers_all = true;
	js->applied = FAKE_ALL;
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
		free(js->messages[i].block);
		buf_finish(&js->messages[i].headers);
	}
	free(js->next_block);
	fake_jetstream_lose_consumers(js);
	free(js->messages);
	free(js->stored);
	free(js->events);
	free(js->requests);
	memset(js, 0, sizeof(*js));
}

size_t requests_unread(const struct fake_jetstream *js)
{
	return js->n_requests - js->read;
}

/* ---- events -------------------------------------------------------------- */

void fake_post(struct fake_jetstream *js, const struct fake_event *e)
{
	MUST(js->events_to - js->events_from < FAKE_MAX_EVENTS);
	js->events[js->events_to++ % FAKE_MAX_EVENTS] = *e;
}

size_t fake_jetstream_count_events(const struct fake_jetstream *js)
{
	return js->events_to - js->events_from;
}

bool fake_jetstream_lose_event(struct fake_jetstream *js, size_t which)
{
	size_t n = fake_jetstream_count_events(js);
	size_t at = js->events_from + (n > 0 ? which % n : 0);
	const struct jetstream_event *ev = &js->events[at % FAKE_MAX_EVENTS].ev;

	if (n == 0 || ev->kind == JETSTREAM_UP || ev->kind == JETSTREAM_DOWN)
		return false;
	/* Both responses of two leaders come, or none, as by TCP: only the
	 * first tells that the second is the former leader's. */
	if (ev->kind == JETSTREAM_INFO && ev->info.no_leader &&
	    !js->faults.shuffles)
		return false;
	for (; at + 1 != js->events_to; at++)
		js->events[at % FAKE_MAX_EVENTS] =
			js->events[(at + 1) % FAKE_MAX_EVENTS];
	js->events_to--;
	return true;
}

static void created_text(unsigned epoch, char *out, size_t size)
{
	snprintf(out, size, "2026-01-%02uT00:00:00Z", epoch);
}

struct sse_tag fake_jetstream_tag(unsigned epoch)
{
	char text[32];

	created_text(epoch, text, sizeof(text));
	return sse_tag_of(text, strlen(text));
}

static void fill_message(const struct fake_jetstream *js,
			 struct fake_message *m, struct jetstream_message *msg)
{
	msg->seq = m->seq;
	msg->time_ns = m->time_ns;
	msg->subject = m->subject;
	msg->subject_len = strlen(m->subject);
	msg->data = m->data;
	msg->len = m->len;
	buf_clear(&m->headers);
	MUST(jetstream_message_set_headers(msg,
					   (struct span){m->block,
							 m->block_len},
					   js->event_header, &m->headers) == 0);
	msg->internal |= m->internal;
}

bool fake_jetstream_deliver(struct fake_jetstream *js, fake_event_cb to,
			    void *arg)
{
	struct fake_event e;
	char created[32];

	if (js->events_from == js->events_to)
		return false;
	e = js->events[js->events_from++ % FAKE_MAX_EVENTS];
	if (e.message != 0)
		fill_message(js, &js->messages[e.message], &e.ev.msg);
	if (e.ev.kind == JETSTREAM_INFO && e.ev.err == 0) {
		created_text(e.epoch, created, sizeof(created));
		e.ev.info.created = created;
		e.ev.info.created_len = strlen(created);
	}
	to(arg, &e.ev);
	return true;
}

/* ---- the connection ------------------------------------------------------ */

static void post_session(struct fake_jetstream *js,
			 enum jetstream_event_kind kind)
{
	fake_post(js, &(struct fake_event){.ev = {.kind = kind}});
}

void fake_jetstream_up(struct fake_jetstream *js)
{
	js->up = true;
	post_session(js, JETSTREAM_UP);
}

void fake_jetstream_down(struct fake_jetstream *js)
{
	if (!js->up)
		return;
	js->up = false;
	js->n_requests = js->read = 0;
	js->events_from = js->events_to;
	memset(js->late, 0, sizeof(js->late));
	fake_jetstream_lose_consumers(js);
	post_session(js, JETSTREAM_DOWN);
}
