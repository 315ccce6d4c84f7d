#include "fake_source.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/check.h"

/* ---- requests ------------------------------------------------------------ */

static struct asked *write_down(struct jetstream *s, enum asked_kind kind,
				struct request_id request)
{
	struct fake_source *f = CONTAINER_OF(s, struct fake_source, source);
	struct asked *a;

	if (f->n == ARRAY_LEN(f->asked)) {
		MUST(f->seen == f->n);
		f->n = f->seen = 0;
	}
	a = &f->asked[f->n++];
	memset(a, 0, sizeof(*a));
	a->kind = kind;
	a->request = request;
	return a;
}

static int said(const struct jetstream *s)
{
	return CONTAINER_OF(s, struct fake_source, source)->rc;
}

static void set_subject(struct asked *a, const char *subject)
{
	MUST(strlen(subject) < sizeof(a->subject));
	strcpy(a->subject, subject);
}

static int ask_info(struct jetstream *s, struct request_id request)
{
	write_down(s, ASKED_INFO, request);
	return said(s);
}

static int ask_find(struct jetstream *s, struct request_id request,
		    uint64_t seq, const char *subject)
{
	struct asked *a = write_down(s, ASKED_FIND, request);

	a->seq = seq;
	set_subject(a, subject);
	return said(s);
}

static int ask_get(struct jetstream *s, struct request_id request, uint64_t seq)
{
	write_down(s, ASKED_GET, request)->seq = seq;
	return said(s);
}

static int ask_last(struct jetstream *s, struct request_id request,
		    const char *subject)
{
	set_subject(write_down(s, ASKED_LAST, request), subject);
	return said(s);
}

static int ask_create(struct jetstream *s, const struct jetstream_consumer *c)
{
	struct asked *a = write_down(s, ASKED_CREATE, c->request);

	a->seq = c->start_seq;
	set_subject(a, c->filter == NULL ? "" : c->filter);
	a->inactive_ms = c->inactive_ms;
	return said(s);
}

static int ask_pull(struct jetstream *s, const struct jetstream_pull *p)
{
	write_down(s, ASKED_PULL, p->request)->pull = *p;
	return said(s);
}

static int ask_forget(struct jetstream *s, struct request_id request)
{
	write_down(s, ASKED_FORGET, request);
	return said(s);
}

static const struct jetstream_ops ops = {
	.info = ask_info,
	.find = ask_find,
	.get = ask_get,
	.last = ask_last,
	.create = ask_create,
	.pull = ask_pull,
	.forget = ask_forget,
};

void fake_source_init(struct fake_source *f)
{
	memset(f, 0, sizeof(*f));
	f->source.ops = &ops;
}

static const char *name_of(enum asked_kind kind)
{
	static const char *const names[] = {"info",   "find", "get",   "last",
					    "create", "pull", "forget"};

	return names[kind];
}

const struct asked *fake_asked(struct fake_source *f, enum asked_kind kind)
{
	const struct asked *a = &f->asked[f->seen];

	if (f->seen == f->n)
		fail_msg("nothing was asked, %s was to be", name_of(kind));
	if (a->kind != kind)
		fail_msg("asked %s, not %s", name_of(a->kind), name_of(kind));
	f->seen++;
	return a;
}

void fake_quiet(const struct fake_source *f)
{
	if (f->seen != f->n)
		fail_msg("asked %s, and nothing was to be",
			 name_of(f->asked[f->seen].kind));
}

size_t fake_waiting(const struct fake_source *f)
{
	return f->n - f->seen;
}

/* ---- events -------------------------------------------------------------- */

struct jetstream_event event_up(void)
{
	return (struct jetstream_event){.kind = JETSTREAM_UP};
}

struct jetstream_event event_down(void)
{
	return (struct jetstream_event){.kind = JETSTREAM_DOWN};
}

struct jetstream_event event_info(struct request_id request,
				  const char *created, uint64_t first,
				  uint64_t last)
{
	return (struct jetstream_event){
		.kind = JETSTREAM_INFO,
		.request = request,
		.info = {.first_seq = first,
			 .last_seq = last,
			 .messages = last + 1 - first,
			 .created = created,
			 .created_len = strlen(created),
			 .filter_covers_all = true},
	};
}

struct jetstream_event event_error(enum jetstream_event_kind kind,
				   struct request_id request, int err)
{
	return (struct jetstream_event){.kind = kind,
					.request = request,
					.err = err,
					.err_text = "no luck"};
}

struct jetstream_event event_created(struct request_id request)
{
	return (struct jetstream_event){.kind = JETSTREAM_CREATED,
					.request = request};
}

static struct jetstream_event with_message(enum jetstream_event_kind kind,
					   struct request_id request,
					   uint64_t seq, const char *subject,
					   const char *text)
{
	return (struct jetstream_event){
		.kind = kind,
		.request = request,
		.msg = {.seq = seq,
			.subject = subject,
			.subject_len = strlen(subject),
			.data = text,
			.len = strlen(text)},
	};
}

struct jetstream_event event_found(struct request_id request, uint64_t seq,
				   const char *subject, const char *text)
{
	return with_message(JETSTREAM_FOUND, request, seq, subject, text);
}

struct jetstream_event event_message(struct request_id request, uint64_t seq,
				     uint64_t cseq, const char *subject,
				     const char *text)
{
	struct jetstream_event ev =
		with_message(JETSTREAM_MESSAGE, request, seq, subject, text);

	ev.msg.cseq = cseq;
	return ev;
}

struct jetstream_event event_status(struct request_id request, uint32_t number,
				    int code)
{
	return (struct jetstream_event){
		.kind = JETSTREAM_STATUS,
		.request = request,
		.status = {.number = number, .code = code},
	};
}

struct jetstream_event event_pending(struct request_id request, uint32_t number,
				     int code, uint64_t pending)
{
	struct jetstream_event ev = event_status(request, number, code);

	ev.status.has_pending = true;
	ev.status.pending_msgs = pending;
	return ev;
}
