#include "source_spy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { DEADLINE_MS = 30000 };

static void keep_message(struct spy_event *to,
			 const struct jetstream_message *m)
{
	size_t len = jetstream_message_bytes(m);
	char *bytes = malloc(len + 1);

	assert_non_null(bytes);
	assert_true(m->subject_len < sizeof(to->subject));
	memcpy(to->subject, m->subject, m->subject_len);
	jetstream_message_copy(m, bytes);
	bytes[len] = '\0';
	to->msg = *m;
	jetstream_message_place(&to->msg, bytes);
}

static bool has_message(const struct spy_event *ev)
{
	return ev->kind == JETSTREAM_MESSAGE ||
	       (ev->kind == JETSTREAM_FOUND && ev->err == 0);
}

static void on_event(void *arg, const struct jetstream_event *ev)
{
	struct spy *s = arg;
	struct spy_event *to;

	if (s->counting && ev->kind == JETSTREAM_MESSAGE) {
		s->n_counted += ev->msg.cseq == s->n_counted + 1;
		return;
	}
	if (s->n_events == s->cap) {
		s->cap = s->cap * 2 + 64;
		s->events = realloc(s->events, s->cap * sizeof(*s->events));
		assert_non_null(s->events);
	}
	to = calloc(1, sizeof(*to));
	assert_non_null(to);
	s->events[s->n_events++] = to;
	to->kind = ev->kind;
	to->request = ev->request;
	to->err = ev->err;
	to->num_pending = ev->num_pending;
	if (ev->err_text != NULL)
		snprintf(to->err_text, sizeof(to->err_text), "%s",
			 ev->err_text);
	if (has_message(to))
		keep_message(to, &ev->msg);
	if (ev->kind == JETSTREAM_STATUS)
		to->status = ev->status;
	if (ev->kind == JETSTREAM_INFO && ev->err == 0) {
		to->info = ev->info;
		snprintf(to->created, sizeof(to->created), "%.*s",
			 (int)ev->info.created_len, ev->info.created);
	}
	if (s->n_events == s->close_at)
		nats_source_close(s->source);
}

static void on_publisher_event(void *arg, const struct publisher_event *ev)
{
	publisher_spy_record(&((struct spy *)arg)->published, ev);
}

static void on_flush(void *arg)
{
	((struct spy *)arg)->n_flushes++;
}

static void on_status(void *arg, const struct nats_status *n)
{
	static const char *const kinds[] = {
		[NATS_STATUS_CONNECTED] = "connected",
		[NATS_STATUS_DISCONNECTED] = "disconnected",
		[NATS_STATUS_FAILED] = "failed",
		[NATS_STATUS_ERROR] = "error",
		[NATS_STATUS_LAME_DUCK] = "lame-duck",
		[NATS_STATUS_HUNG] = "hung",
		[NATS_STATUS_RETURNED] = "returned",
	};
	struct spy *s = arg;
	size_t room = sizeof(s->notes) - s->notes_len;
	int len = snprintf(s->notes + s->notes_len, room, "%s %s %s\n",
			   kinds[n->kind], n->server, n->text);

	if ((size_t)len < room)
		s->notes_len += (size_t)len;
}

static void on_closed(void *arg)
{
	((struct spy *)arg)->closed = true;
}

void spy_start(struct spy *s, uv_loop_t *loop,
	       const struct nats_settings *settings)
{
	const struct nats_source_cbs cbs = {
		.on_event = on_event,
		.on_publisher_event = on_publisher_event,
		.on_flush = on_flush,
		.on_status = on_status,
		.on_closed = on_closed,
		.arg = s,
	};
	char err[NATS_SOURCE_ERROR_MAX] = "";

	memset(s, 0, sizeof(*s));
	s->loop = loop;
	if (nats_source_new(&s->source, loop, settings, &cbs, err) < 0)
		fail_msg("nats_source_new: %s", err);
	s->js = nats_source_jetstream(s->source);
	s->publisher = nats_source_publisher(s->source);
	assert_int_equal(uv_timer_init(loop, &s->timer), 0);
	s->timer.data = s;
	assert_int_equal(s->n_events, 0);
}

static void on_deadline(uv_timer_t *t)
{
	((struct spy *)t->data)->late = true;
}

static const char *kind_of(const struct spy_event *ev)
{
	static const char *const names[] = {
		[JETSTREAM_UP] = "up",
		[JETSTREAM_DOWN] = "down",
		[JETSTREAM_INFO] = "info",
		[JETSTREAM_FOUND] = "found",
		[JETSTREAM_CREATED] = "created",
		[JETSTREAM_MESSAGE] = "message",
		[JETSTREAM_STATUS] = "status",
	};

	return names[ev->kind];
}

static void fail_late(const struct spy *s)
{
	for (size_t i = 0; i < s->n_events && i < 20; i++)
		print_message("event %s err %d status %d\n",
			      kind_of(s->events[i]), s->events[i]->err,
			      s->events[i]->status.code);
	publisher_spy_print(&s->published);
	fail_msg("waited in vain; %zu events, notes:\n%s", s->n_events,
		 s->notes);
}

void spy_until(struct spy *s, bool (*is_so)(void *arg), void *arg)
{
	s->late = false;
	uv_timer_start(&s->timer, on_deadline, DEADLINE_MS, 0);
	while (!is_so(arg) && !s->late)
		uv_run(s->loop, UV_RUN_ONCE);
	uv_timer_stop(&s->timer);
	if (!is_so(arg))
		fail_late(s);
}

struct of_kind {
	struct spy *spy;
	enum jetstream_event_kind kind;
};

static bool has_kind(void *arg)
{
	const struct of_kind *k = arg;
	const struct spy *s = k->spy;

	for (size_t i = s->next; i < s->n_events; i++)
		if (s->events[i]->kind == k->kind)
			return true;
	return false;
}

const struct spy_event *spy_wait(struct spy *s, enum jetstream_event_kind kind)
{
	struct of_kind k = {s, kind};

	spy_until(s, has_kind, &k);
	while (s->events[s->next]->kind != kind)
		s->next++;
	return s->events[s->next++];
}

struct published {
	struct publisher_spy *spy;
	enum publisher_event_kind kind;
	uint64_t id;
};

static bool is_published(void *arg)
{
	const struct published *p = arg;

	return publisher_spy_find(p->spy, p->kind, p->id) != NULL;
}

const struct publisher_event *spy_wait_published(struct spy *s,
						 enum publisher_event_kind kind,
						 uint64_t id)
{
	struct published p = {&s->published, kind, id};
	const struct publisher_event *ev;

	spy_until(s, is_published, &p);
	ev = publisher_spy_find(&s->published, kind, id);
	publisher_spy_pass(&s->published, ev);
	return ev;
}

struct with_note {
	struct spy *spy;
	size_t from;
	const char *text;
};

static bool has_note(void *arg)
{
	const struct with_note *n = arg;

	return strstr(n->spy->notes + n->from, n->text) != NULL;
}

void spy_wait_note(struct spy *s, size_t from, const char *text)
{
	struct with_note n = {s, from, text};

	spy_until(s, has_note, &n);
}

void spy_turn(struct spy *s)
{
	uv_run(s->loop, UV_RUN_NOWAIT);
}

static bool is_closed(void *arg)
{
	return ((struct spy *)arg)->closed;
}

uint64_t spy_stop(struct spy *s)
{
	uint64_t begin = uv_hrtime();

	nats_source_close(s->closed ? NULL : s->source);
	spy_until(s, is_closed, s);
	return (uv_hrtime() - begin) / 1000000;
}

static void on_timer_closed(uv_handle_t *timer)
{
	timer->data = NULL;
}

void spy_finish(struct spy *s)
{
	if (s->loop == NULL)
		return;
	spy_stop(s);
	uv_close((uv_handle_t *)&s->timer, on_timer_closed);
	while (s->timer.data != NULL)
		uv_run(s->loop, UV_RUN_ONCE);
	for (size_t i = 0; i < s->n_events; i++) {
		free((void *)s->events[i]->msg.subject);
		free(s->events[i]);
	}
	free(s->events);
	publisher_spy_finish(&s->published);
	memset(s, 0, sizeof(*s));
}
