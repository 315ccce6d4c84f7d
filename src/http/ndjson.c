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

/* Everything before the data, with the opening quote. */
static void put_line_begin(struct ndjson_line *l,
			   const struct ndjson_message *m)
{
	char subject[2 * SUBJECT_MAX], time[RFC3339_MAX];
	char event_id[SSE_EVENT_ID_MAX];
	uint8_t *end;
	int len;

	MUST(json_string_len(m->subject, m->subject_len) < sizeof(subject));
	end = json_string_put((uint8_t *)subject, m->subject, m->subject_len);
	*end = '\0';
	rfc3339_format(time, m->time_ns);
	sse_event_id_format(event_id, m->seq, m->tag);
	len = snprintf(l->begin, sizeof(l->begin),
		       "{\"seq\":%" PRIu64
		       ",\"subject\":\"%s\",\"time\":\"%s\","
		       "\"id\":\"%s\",%s\"data\":%s",
		       m->seq, subject, time, event_id,
		       l->kind == NDJSON_BINARY || l->kind == NDJSON_BASE64
			       ? "\"encoding\":\"base64\","
			       : "",
		       l->kind == NDJSON_JSON ? "" : "\"");
	MUST(len > 0 && (size_t)len < sizeof(l->begin));
	l->begin_len = (size_t)len;
}

static size_t data_member_len(const struct ndjson_line *l)
{
	switch (l->kind) {
	case NDJSON_TEXT:
		return json_string_len(l->data, l->len) + LEN("\"");
	case NDJSON_BINARY:
		return base64_encoded_len(l->len) + LEN("\"");
	case NDJSON_BASE64:
		return l->len + LEN("\"");
	case NDJSON_JSON:
		break;
	}
	return json_compact_len(l->data, l->len);
}

void ndjson_measure(struct ndjson_line *l, const struct ndjson_message *m,
		    bool json)
{
	l->data = m->data != NULL ? m->data : "";
	l->len = m->len;
	l->kind = m->kind;
	if (json && m->kind == NDJSON_TEXT &&
	    json_compact_len(l->data, l->len) > 0)
		l->kind = NDJSON_JSON;
	put_line_begin(l, m);
	l->body_len = l->begin_len + data_member_len(l) + LEN("}\n");
	l->size_line_len = chunk_size_len(l->body_len) + LEN("\r\n");
	l->total = l->size_line_len + l->body_len + SSE_CHUNK_TAIL;
}

void ndjson_encode(const struct ndjson_line *l, uint8_t *out)
{
	uint8_t *p = encode_chunk_size_line(out, l->body_len);

	p = encode_bytes(p, l->begin, l->begin_len);
	switch (l->kind) {
	case NDJSON_TEXT:
		p = json_string_put(p, l->data, l->len);
		break;
	case NDJSON_BINARY:
		p = base64_encode(p, l->data, l->len);
		break;
	case NDJSON_BASE64:
		p = encode_bytes(p, l->data, l->len);
		break;
	case NDJSON_JSON:
		p = json_compact_put(p, l->data, l->len);
		break;
	}
	if (l->kind != NDJSON_JSON)
		*p++ = '"';
	p = encode_bytes(p, "}\n\r\n", 4);
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
