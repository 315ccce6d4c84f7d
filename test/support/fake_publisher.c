#include "fake_publisher.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"

static struct fake_publisher *fake_of(struct publisher *p)
{
	return CONTAINER_OF(p, struct fake_publisher, base);
}

/* Not by malloc(), which test_oom makes fail for the code under test. */
static char *new_text(size_t size)
{
	enum { ALIGNMENT = 16 };
	char *text = aligned_alloc(ALIGNMENT, (size + ALIGNMENT - 1) /
						      ALIGNMENT * ALIGNMENT);

	MUST(text != NULL);
	return text;
}

static char *copy_span(struct span text)
{
	char *copy = new_text(text.len + 1);

	copy[text.len] = '\0';
	if (text.len > 0)
		memcpy(copy, text.at, text.len);
	return copy;
}

static void finish_call(struct fake_call *c)
{
	free(c->subject);
	free(c->reply);
	free(c->data);
	free(c->headers);
	*c = (struct fake_call){0};
}

/* ---- events -------------------------------------------------------------- */

static void post_texts(struct fake_publisher *p, struct publisher_event event,
		       const char *subject, const char *headers,
		       const char *data)
{
	char *both = NULL;

	MUST(p->n_events < FAKE_PUBLISHER_MAX);
	if (data != NULL) {
		size_t n = strlen(subject), h = strlen(headers);
		size_t len = strlen(data);

		both = new_text(n + h + len + 1);
		memcpy(both, subject, n);
		memcpy(both + n, headers, h);
		memcpy(both + n + h, data, len + 1);
		event.subject = (struct span){both, n};
		event.headers = (struct span){both + n, h};
		event.data = (struct span){both + n + h, len};
	}
	p->events[p->n_events].event = event;
	p->events[p->n_events++].data = both;
}

static void post_event(struct fake_publisher *p, struct publisher_event event,
		       const char *subject, const char *data)
{
	post_texts(p, event, subject, "", data);
}

static void post_plain(struct fake_publisher *p, enum publisher_event_kind kind,
		       uint64_t id)
{
	const struct publisher_event event = {.kind = kind, .id = id};

	post_event(p, event, NULL, NULL);
}

bool fake_publisher_take_event(struct fake_publisher *p,
			       struct publisher_event *ret)
{
	free(p->taken);
	p->taken = NULL;
	if (p->n_events == 0)
		return false;
	*ret = p->events[0].event;
	p->taken = p->events[0].data;
	if (ret->kind == PUBLISHER_UP || ret->kind == PUBLISHER_DOWN) {
		p->seems_up = ret->kind == PUBLISHER_UP;
		p->n_turns--;
	}
	p->n_events--;
	memmove(p->events, p->events + 1, p->n_events * sizeof(p->events[0]));
	return true;
}

/* ---- calls --------------------------------------------------------------- */

static int queue_call(struct fake_publisher *p, struct fake_call call)
{
	if (p->n_turns > 0) {
		finish_call(&call);
		return 0;
	}
	MUST(p->n_queued < FAKE_PUBLISHER_MAX);
	p->queued[p->n_queued++] = call;
	return 0;
}

static int check_call(const struct fake_publisher *p, size_t bytes)
{
	if (!p->seems_up)
		return -ENOTCONN;
	if (bytes > p->max_payload)
		return -EMSGSIZE;
	return p->n_queued >= p->max_queued ? -ENOBUFS : 0;
}

static int queue_message(struct publisher *base,
			 const struct publisher_message *m,
			 enum fake_call_kind kind)
{
	struct fake_publisher *p = fake_of(base);
	int rc = check_call(p, m->headers.len + m->data.len);

	MUST(m->id > 0 && m->subject.len > 0);
	if (rc < 0)
		return rc;
	return queue_call(p,
			  (struct fake_call){.kind = kind,
					     .id = m->id,
					     .deadline_ms = m->deadline_ms,
					     .subject = copy_span(m->subject),
					     .reply = copy_span(m->reply),
					     .data = copy_span(m->data),
					     .len = m->data.len,
					     .headers = copy_span(m->headers),
					     .headers_len = m->headers.len});
}

static int publish(struct publisher *p, const struct publisher_message *m)
{
	return queue_message(p, m, FAKE_PUBLISH);
}

static int request(struct publisher *p, const struct publisher_message *m)
{
	return queue_message(p, m, FAKE_REQUEST);
}

/* The message itself goes out, or went out already. */
static void forget(struct publisher *base, uint64_t id)
{
	struct fake_publisher *p = fake_of(base);

	for (size_t i = 0; i < p->n_queued; i++)
		p->queued[i].is_forgotten |= p->queued[i].id == id;
	for (size_t i = 0; i < p->n_arrived; i++)
		p->arrived[i].is_forgotten |= p->arrived[i].id == id;
}

static int subscribe(struct publisher *base, uint64_t id, struct span subject,
		     struct span queue)
{
	struct fake_publisher *p = fake_of(base);
	int rc = check_call(p, 0);

	if (rc < 0)
		return rc;
	return queue_call(p, (struct fake_call){.kind = FAKE_SUBSCRIBE,
						.id = id,
						.deadline_ms = UINT64_MAX,
						.subject = copy_span(subject),
						.reply = copy_span(queue)});
}

void fake_publisher_init(struct fake_publisher *p)
{
	static const struct publisher_ops ops = {
		.publish = publish,
		.request = request,
		.forget = forget,
		.subscribe = subscribe,
		.unsubscribe = forget,
	};

	*p = (struct fake_publisher){.base.ops = &ops,
				     .max_payload = 1 << 20,
				     .max_queued = FAKE_PUBLISHER_MAX};
}

static void drop_queued(struct fake_publisher *p)
{
	while (p->n_queued > 0)
		finish_call(&p->queued[--p->n_queued]);
}

void fake_publisher_clear(struct fake_publisher *p)
{
	while (p->n_arrived > 0)
		finish_call(&p->arrived[--p->n_arrived]);
}

void fake_publisher_finish(struct fake_publisher *p)
{
	struct publisher_event event;

	drop_queued(p);
	fake_publisher_clear(p);
	while (fake_publisher_take_event(p, &event))
		;
}

/* ---- the worker and the server ------------------------------------------- */

void fake_publisher_up(struct fake_publisher *p)
{
	const struct publisher_event event = {.kind = PUBLISHER_UP,
					      .max_payload = p->max_payload};

	MUST(!p->is_up);
	p->is_up = true;
	p->n_turns++;
	post_event(p, event, NULL, NULL);
}

void fake_publisher_down(struct fake_publisher *p)
{
	MUST(p->is_up);
	p->is_up = false;
	p->n_turns++;
	drop_queued(p);
	post_plain(p, PUBLISHER_DOWN, 0);
}

bool fake_publisher_send(struct fake_publisher *p, uint64_t now_ms)
{
	struct fake_call call;

	if (p->n_queued == 0)
		return false;
	call = p->queued[0];
	p->n_queued--;
	memmove(p->queued, p->queued + 1, p->n_queued * sizeof(call));
	if (now_ms > call.deadline_ms) {
		fake_publisher_fail(p, call.id, PUBLISH_BUSY);
		finish_call(&call);
		return true;
	}
	if (!call.is_forgotten)
		post_plain(p,
			   call.kind == FAKE_SUBSCRIBE ? PUBLISHER_ACTIVE
						       : PUBLISHER_SENT,
			   call.id);
	MUST(p->n_arrived < FAKE_PUBLISHER_MAX);
	p->arrived[p->n_arrived++] = call;
	return true;
}

static bool is_wanted(const struct fake_publisher *p, uint64_t id)
{
	for (size_t i = 0; i < p->n_arrived; i++)
		if (p->arrived[i].id == id)
			return p->is_up && !p->arrived[i].is_forgotten;
	return p->is_up;
}

void fake_publisher_answer(struct fake_publisher *p, uint64_t id,
			   const char *data)
{
	fake_publisher_reply(p, id, "", data);
}

void fake_publisher_reply(struct fake_publisher *p, uint64_t id,
			  const char *headers, const char *data)
{
	const struct publisher_event event = {.kind = PUBLISHER_REPLY,
					      .id = id};

	if (is_wanted(p, id))
		post_texts(p, event, "_INBOX.reply", headers, data);
}

void fake_publisher_fail(struct fake_publisher *p, uint64_t id,
			 enum publish_failure failure)
{
	const struct publisher_event event = {.kind = PUBLISHER_FAILED,
					      .id = id,
					      .failure = failure};

	if (is_wanted(p, id))
		post_event(p, event, NULL, NULL);
}

void fake_publisher_post(struct fake_publisher *p,
			 const struct publisher_event *event)
{
	if (p->is_up)
		post_event(p, *event, NULL, NULL);
}

void fake_publisher_message(struct fake_publisher *p, uint64_t id,
			    const char *subject, const char *data)
{
	const struct publisher_event event = {.kind = PUBLISHER_MESSAGE,
					      .id = id};

	if (is_wanted(p, id))
		post_event(p, event, subject, data);
}
