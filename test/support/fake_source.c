#include "fake_source.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/check.h"

/* ---- requests ------------------------------------------------------------ */

static struct asked *write_down(struct source *s, enum asked_kind kind,
				struct source_who who)
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
	a->who = who;
	return a;
}

static int said(const struct source *s)
{
	return CONTAINER_OF(s, struct fake_source, source)->rc;
}

static void set_subject(struct asked *a, const char *subject)
{
	MUST(strlen(subject) < sizeof(a->subject));
	strcpy(a->subject, subject);
}

static int ask_info(struct source *s, struct source_who who)
{
	write_down(s, ASKED_INFO, who);
	return said(s);
}

static int ask_find(struct source *s, struct source_who who, uint64_t seq,
		    const char *subject)
{
	struct asked *a = write_down(s, ASKED_FIND, who);

	a->seq = seq;
	set_subject(a, subject);
	return said(s);
}

static int ask_get(struct source *s, struct source_who who, uint64_t seq)
{
	write_down(s, ASKED_GET, who)->seq = seq;
	return said(s);
}

static int ask_last(struct source *s, struct source_who who,
		    const char *subject)
{
	set_subject(write_down(s, ASKED_LAST, who), subject);
	return said(s);
}

static int ask_create(struct source *s, const struct source_consumer *c)
{
	struct asked *a = write_down(s, ASKED_CREATE, c->who);

	a->seq = c->start_seq;
	set_subject(a, c->filter == NULL ? "" : c->filter);
	a->inactive_ms = c->inactive_ms;
	return said(s);
}

static int ask_pull(struct source *s, const struct source_pull *p)
{
	write_down(s, ASKED_PULL, p->who)->pull = *p;
	return said(s);
}

static int ask_forget(struct source *s, struct source_who who)
{
	write_down(s, ASKED_FORGET, who);
	return said(s);
}

static const struct source_ops ops = {
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

struct source_event event_up(void)
{
	return (struct source_event){.kind = SOURCE_UP};
}

struct source_event event_down(void)
{
	return (struct source_event){.kind = SOURCE_DOWN};
}

struct source_event event_info(struct source_who who, const char *created,
			       uint64_t first, uint64_t last)
{
	return (struct source_event){
		.kind = SOURCE_INFO,
		.who = who,
		.info = {.first_seq = first,
			 .last_seq = last,
			 .messages = last + 1 - first,
			 .created = created,
			 .created_len = strlen(created),
			 .filter_covers_all = true},
	};
}

struct source_event event_error(enum source_kind kind, struct source_who who,
				int err)
{
	return (struct source_event){.kind = kind,
				     .who = who,
				     .err = err,
				     .err_text = "no luck"};
}

struct source_event event_created(struct source_who who)
{
	return (struct source_event){.kind = SOURCE_CREATED, .who = who};
}

static struct source_event with_message(enum source_kind kind,
					struct source_who who, uint64_t seq,
					const char *subject, const char *text)
{
	return (struct source_event){
		.kind = kind,
		.who = who,
		.msg = {.seq = seq,
			.subject = subject,
			.subject_len = strlen(subject),
			.data = text,
			.len = strlen(text)},
	};
}

struct source_event event_found(struct source_who who, uint64_t seq,
				const char *subject, const char *text)
{
	return with_message(SOURCE_FOUND, who, seq, subject, text);
}

struct source_event event_message(struct source_who who, uint64_t seq,
				  uint64_t cseq, const char *subject,
				  const char *text)
{
	struct source_event ev =
		with_message(SOURCE_MESSAGE, who, seq, subject, text);

	ev.msg.cseq = cseq;
	return ev;
}

struct source_event event_status(struct source_who who, uint32_t number,
				 int code)
{
	return (struct source_event){
		.kind = SOURCE_STATUS,
		.who = who,
		.status = {.number = number, .code = code},
	};
}

struct source_event event_pending(struct source_who who, uint32_t number,
				  int code, uint64_t pending)
{
	struct source_event ev = event_status(who, number, code);

	ev.status.has_pending = true;
	ev.status.pending_msgs = pending;
	return ev;
}
