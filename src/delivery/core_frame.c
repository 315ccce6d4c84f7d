#include "delivery/core_frame.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/utf8.h"
#include "http/ndjson.h"
#include "http/sse.h"
#include "nats/message_headers.h"

/* Of one message, as JSON. nats-server takes 64 MiB at most. */
enum { HEADERS_MAX = 1 << 29, HEADERS_STAY = 64 * 1024 };

void core_encoder_init(struct core_encoder *e, const char *event_header)
{
	*e = (struct core_encoder){.event_header = event_header};
	buf_init(&e->headers, HEADERS_MAX);
}

void core_encoder_finish(struct core_encoder *e)
{
	MUST(e->used == 0);
	buf_finish(&e->headers);
}

/* ---- frames -------------------------------------------------------------- */

static struct core_frame *new_core_frame(struct core_encoder *e,
					 enum core_frame_kind kind, size_t len)
{
	struct core_frame *f = malloc(sizeof(*f) + len);

	if (f == NULL)
		return NULL;
	*f = (struct core_frame){.used = &e->used,
				 .size = sizeof(*f) + len,
				 .refs = 1,
				 .kind = (uint8_t)kind};
	e->used += f->size;
	return f;
}

struct core_frame *core_frame_ref(struct core_frame *f)
{
	f->refs++;
	return f;
}

struct core_frame *core_frame_unref(struct core_frame *f)
{
	if (f != NULL && --f->refs == 0) {
		*f->used -= f->size;
		free(f);
	}
	return NULL;
}

static void set_piece(struct core_frame *f, int form, struct core_piece piece)
{
	f->forms[form] = piece;
	if (piece.len > f->longest)
		f->longest = piece.len;
}

struct span core_frame_bytes(const struct core_frame *f, enum cursor_form form,
			     bool chunked)
{
	const struct core_piece *p = &f->forms[form];
	const char *at = (const char *)f->bytes + p->at;

	if (chunked || p->len == 0)
		return (struct span){at, p->len};
	return (struct span){at + p->size_line_len,
			     p->len - p->size_line_len - SSE_CHUNK_TAIL};
}

/* ---- messages ------------------------------------------------------------ */

static bool is_form_of_events(int form)
{
	return form != FORM_LINES && form != FORM_LINES_JSON;
}

static bool is_form_with_json(int form)
{
	return form == FORM_LINES_JSON || form == FORM_JSON_EVENTS_JSON;
}

/* The same message in all forms, measured. */
struct measured {
	unsigned forms;
	size_t total;
	struct sse_frame event;
	struct ndjson_line lines[CURSOR_FORMS]; /* but of FORM_EVENTS */
};

static bool has_form(unsigned forms, int form)
{
	return (forms & 1u << form) != 0;
}

static void measure_event(struct measured *to, const struct core_content *m,
			  struct span name)
{
	sse_measure(&to->event, m->data.at, m->data.len, 0, NULL);
	sse_extend(&to->event, name, (struct span){NULL, 0});
	to->total += to->event.total;
}

static void measure_lines(struct measured *to, const struct core_content *m,
			  struct span name, struct span headers)
{
	bool text = utf8_prefix_len(m->data.at, m->data.len) == m->data.len;
	struct ndjson_message line = {
		.subject = m->subject.at,
		.subject_len = m->subject.len,
		.headers = headers,
		.kind = text ? NDJSON_TEXT : NDJSON_BINARY,
		.data = m->data.at,
		.len = m->data.len,
		.is_core = true,
	};

	for (int form = 0; form < CURSOR_FORMS; form++) {
		if (form == FORM_EVENTS || !has_form(to->forms, form))
			continue;
		line.is_event = is_form_of_events(form);
		line.event = line.is_event ? name : (struct span){NULL, 0};
		ndjson_measure(&to->lines[form], &line,
			       is_form_with_json(form));
		to->total += to->lines[form].total;
	}
}

static void encode_measured(struct core_frame *f, const struct measured *from)
{
	size_t at = 0;

	for (int form = 0; form < CURSOR_FORMS; form++) {
		struct core_piece piece = {.at = at};

		if (!has_form(from->forms, form))
			continue;
		if (form == FORM_EVENTS) {
			sse_encode(&from->event, f->bytes + at);
			piece.len = from->event.total;
			piece.size_line_len = from->event.size_line_len;
		} else {
			ndjson_encode(&from->lines[form], f->bytes + at);
			piece.len = from->lines[form].total;
			piece.size_line_len = from->lines[form].size_line_len;
		}
		set_piece(f, form, piece);
		at += piece.len;
	}
	MUST(at == from->total);
}

/* -ENOMEM, -ENOBUFS or 0. */
static int make_headers(struct core_encoder *e, const struct core_content *m,
			struct span *ret)
{
	int rc;

	if (e->headers.cap > HEADERS_STAY)
		buf_finish(&e->headers);
	buf_clear(&e->headers);
	rc = message_headers_json(&e->headers, m->headers);
	*ret = (struct span){(const char *)buf_data(&e->headers),
			     buf_unread(&e->headers)};
	return rc;
}

struct core_frame *core_encoder_message(struct core_encoder *e,
					const struct core_content *m,
					unsigned forms)
{
	struct span name = {NULL, 0}, headers = {NULL, 0};
	struct measured measured;
	struct core_frame *f;

	measured.forms = forms;
	measured.total = 0;
	if (e->event_header != NULL && m->headers.len > 0 &&
	    !message_headers_event(m->headers, e->event_header, &name))
		name = (struct span){NULL, 0};
	if (has_form(forms, FORM_EVENTS))
		measure_event(&measured, m, name);
	if ((forms & ~(1u << FORM_EVENTS)) != 0) {
		if (m->headers.len > 0 && make_headers(e, m, &headers) < 0)
			return NULL;
		measure_lines(&measured, m, name, headers);
	}
	f = new_core_frame(e, CORE_MESSAGE, measured.total);
	if (f == NULL)
		return NULL;
	f->messages = 1;
	encode_measured(f, &measured);
	return f;
}

/* ---- gaps, and other bytes ----------------------------------------------- */

struct core_frame *core_encoder_gap(struct core_encoder *e,
				    enum core_frame_kind kind, uint64_t lost,
				    unsigned forms)
{
	struct core_frame *f =
		new_core_frame(e, kind, CURSOR_FORMS * SSE_TEXT_MAX);
	size_t at = 0;

	if (f == NULL)
		return NULL;
	f->messages = lost;
	for (int form = 0; form < CURSOR_FORMS; form++) {
		char *out = (char *)f->bytes + at;
		bool is_line = !is_form_of_events(form);
		const char *why = kind == CORE_AWAY ? "away" : "slow";
		size_t len, plain_len;

		if (!has_form(forms, form))
			continue;
		plain_len = sse_put_core_gap(out, false, is_line, why, lost);
		len = sse_put_core_gap(out, true, is_line, why, lost);
		set_piece(f, form,
			  (struct core_piece){at, len,
					      len - plain_len -
						      SSE_CHUNK_TAIL});
		at += len;
	}
	return f;
}

struct core_frame *core_encoder_bytes(struct core_encoder *e, const void *bytes,
				      size_t len)
{
	struct core_frame *f = new_core_frame(e, CORE_MESSAGE, len);

	if (f == NULL)
		return NULL;
	memcpy(f->bytes, bytes, len);
	for (int form = 0; form < CURSOR_FORMS; form++)
		set_piece(f, form, (struct core_piece){.len = len});
	return f;
}
