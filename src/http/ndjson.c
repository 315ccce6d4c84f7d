#include "http/ndjson.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/base64.h"
#include "base/check.h"
#include "base/encode.h"
#include "base/json_compact.h"
#include "base/json_string.h"
#include "base/rfc3339.h"
#include "http/chunked.h"

#define LEN(literal) (sizeof(literal) - 1)

/* ---- messages ------------------------------------------------------------ */

#define PUT(out, literal) encode_bytes(out, literal, LEN(literal))

static void put_object_begin(struct ndjson_line *l)
{
	const struct ndjson_message *m = &l->m;
	uint8_t *p = (uint8_t *)l->begin;

	MUST(m->event.len <= SSE_EVENT_MAX);
	if (m->is_event && m->event.len > 0) {
		p = PUT(p, "event: ");
		p = encode_bytes(p, m->event.at, m->event.len);
		p = PUT(p, "\n");
	}
	if (m->is_event)
		p = PUT(p, "data: ");
	p = PUT(p, "{");
	if (!m->is_core) {
		p = PUT(p, "\"seq\":");
		p = encode_decimal(p, m->seq);
		p = PUT(p, ",");
	}
	p = PUT(p, "\"subject\":\"");
	l->begin_len = (size_t)(p - (uint8_t *)l->begin);
}

static void put_object_middle(struct ndjson_line *l, const char *event_id,
			      size_t event_id_len)
{
	uint8_t *p = (uint8_t *)l->middle;

	if (!l->m.is_core || l->m.time_ns != 0) {
		p = PUT(p, "\",\"time\":\"");
		rfc3339_format((char *)p, l->m.time_ns);
		p += RFC3339_MAX - 1;
	}
	if (!l->m.is_core) {
		p = PUT(p, "\",\"id\":\"");
		p = encode_bytes(p, event_id, event_id_len);
	}
	p = PUT(p, "\",");
	l->middle_len = (size_t)(p - (uint8_t *)l->middle);
}

static void put_object_end(struct ndjson_line *l, const char *event_id,
			   size_t event_id_len)
{
	uint8_t *p = (uint8_t *)l->end;

	if (l->m.kind != NDJSON_JSON)
		p = PUT(p, "\"");
	p = PUT(p, "}\n");
	if (l->m.is_event && !l->m.is_core) {
		p = PUT(p, "id: ");
		p = encode_bytes(p, event_id, event_id_len);
		p = PUT(p, "\n");
	}
	if (l->m.is_event)
		p = PUT(p, "\n");
	l->end_len = (size_t)(p - (uint8_t *)l->end);
}

static const char *data_member_of(enum ndjson_data kind)
{
	switch (kind) {
	case NDJSON_BINARY:
	case NDJSON_BASE64:
		return "\"encoding\":\"base64\",\"data\":\"";
	case NDJSON_TEXT:
		return "\"data\":\"";
	case NDJSON_JSON:
		break;
	}
	return "\"data\":";
}

static size_t data_member_len(const struct ndjson_message *m)
{
	switch (m->kind) {
	case NDJSON_TEXT:
		return json_string_len(m->data, m->len);
	case NDJSON_BINARY:
		return base64_encoded_len(m->len);
	case NDJSON_BASE64:
		return m->len;
	case NDJSON_JSON:
		break;
	}
	return json_compact_len(m->data, m->len);
}

void ndjson_measure(struct ndjson_line *l, const struct ndjson_message *m,
		    bool json)
{
	char event_id[SSE_EVENT_ID_MAX];
	size_t event_id_len = 0;

	l->m = *m;
	if (m->data == NULL)
		l->m.data = "";
	if (json && m->kind == NDJSON_TEXT &&
	    json_compact_len(l->m.data, m->len) > 0)
		l->m.kind = NDJSON_JSON;
	if (!m->is_core)
		event_id_len = sse_event_id_format(event_id, m->seq, m->tag);
	put_object_begin(l);
	put_object_middle(l, event_id, event_id_len);
	put_object_end(l, event_id, event_id_len);
	l->body_len = l->begin_len + json_text_len(m->subject, m->subject_len) +
		      l->middle_len + m->headers.len +
		      strlen(data_member_of(l->m.kind)) +
		      data_member_len(&l->m) + l->end_len;
	l->size_line_len = chunk_size_len(l->body_len) + LEN("\r\n");
	l->total = l->size_line_len + l->body_len + SSE_CHUNK_TAIL;
}

static uint8_t *put_data_member(uint8_t *p, const struct ndjson_message *m)
{
	const char *name = data_member_of(m->kind);

	p = encode_bytes(p, name, strlen(name));
	switch (m->kind) {
	case NDJSON_TEXT:
		return json_string_put(p, m->data, m->len);
	case NDJSON_BINARY:
		return base64_encode(p, m->data, m->len);
	case NDJSON_BASE64:
		return encode_bytes(p, m->data, m->len);
	case NDJSON_JSON:
		break;
	}
	return json_compact_put(p, m->data, m->len);
}

void ndjson_encode(const struct ndjson_line *l, uint8_t *out)
{
	uint8_t *p = encode_chunk_size_line(out, l->body_len);

	p = encode_bytes(p, l->begin, l->begin_len);
	p = json_text_put(p, l->m.subject, l->m.subject_len);
	p = encode_bytes(p, l->middle, l->middle_len);
	if (l->m.headers.len > 0)
		p = encode_bytes(p, l->m.headers.at, l->m.headers.len);
	p = put_data_member(p, &l->m);
	p = encode_bytes(p, l->end, l->end_len);
	p = encode_bytes(p, "\r\n", SSE_CHUNK_TAIL);
	MUST((size_t)(p - out) == l->total);
}

/* ---- the short ones ------------------------------------------------------ */

size_t ndjson_put_system(char *out, bool chunked, const char *what,
			 const char *event_id)
{
	char body[SSE_BODY_MAX + 1];
	int len = snprintf(body, sizeof(body), "{\"system\":\"%s\"%s%s%s}\n",
			   what, event_id != NULL ? ",\"id\":\"" : "",
			   event_id != NULL ? event_id : "",
			   event_id != NULL ? "\"" : "");

	return sse_put_body(out, chunked, body, len);
}

size_t ndjson_put_blank(char *out, bool chunked)
{
	return sse_put_body(out, chunked, "\n", 1);
}

size_t ndjson_put_gap(char *out, bool chunked, const char *reason,
		      uint64_t after, uint64_t first, uint64_t id,
		      const struct sse_tag *tag)
{
	char body[SSE_BODY_MAX + 1], event_id[SSE_EVENT_ID_MAX];
	int len;

	sse_event_id_format(event_id, id, tag);
	len = snprintf(
		body, sizeof(body),
		"{\"system\":\"gap\",\"reason\":\"%s\",\"after\":%" PRIu64
		",\"first\":%" PRIu64 ",\"id\":\"%s\"}\n",
		reason, after, first, event_id);
	return sse_put_body(out, chunked, body, len);
}
