#include "http/kv_json.h"

#include <errno.h>

#include "base/base64.h"
#include "base/check.h"
#include "base/encode.h"
#include "base/json_string.h"
#include "base/rfc3339.h"
#include "base/utf8.h"
#include "http/chunked.h"

#define LEN(literal)	  (sizeof(literal) - 1)
#define PUT(out, literal) encode_bytes(out, literal, LEN(literal))

#define EVENT_DATA "data: "
#define BUCKET	   "{\"bucket\":\""
#define KEY	   "\",\"key\":\""
#define VALUE	   ",\"value\":\""
#define BASE64	   ",\"encoding\":\"base64\"" VALUE
#define EVENT_ID   "id: "

enum ndjson_data kv_json_kind(struct span value)
{
	return value.len == 0 || utf8_is_valid(value.at, value.len)
		       ? NDJSON_TEXT
		       : NDJSON_BINARY;
}

/* ---- one entry ----------------------------------------------------------- */

static struct span value_of(const struct kv_json *j)
{
	struct span value = j->e.entry->value;

	return value.len > 0 ? value : span_of("");
}

static void put_entry_middle(struct kv_json *j)
{
	const struct kv_entry *entry = j->e.entry;
	const char *operation = kv_operation_name(entry->operation);
	uint8_t *p = PUT((uint8_t *)j->middle, "\",\"revision\":");

	_Static_assert(sizeof(j->middle) > RFC3339_MAX + 20 + 64,
		       "room for all of it");
	p = encode_decimal(p, entry->revision);
	p = PUT(p, ",\"created\":\"");
	rfc3339_format((char *)p, entry->time_ns);
	p += RFC3339_MAX - 1;
	p = PUT(p, "\",\"operation\":\"");
	p = encode_bytes(p, operation, strlen(operation));
	p = PUT(p, "\"");
	j->middle_len = (size_t)(p - (uint8_t *)j->middle);
}

static size_t value_member_len(const struct kv_json *j)
{
	struct span value = value_of(j);

	if (!j->has_value)
		return 0;
	switch (j->e.kind) {
	case NDJSON_BINARY:
		return LEN(BASE64) + base64_encoded_len(value.len) + 1;
	case NDJSON_BASE64:
		return LEN(BASE64) + value.len + 1;
	case NDJSON_TEXT:
	case NDJSON_JSON:
		break;
	}
	return LEN(VALUE) + json_string_len(value.at, value.len) + 1;
}

static uint8_t *put_value_member(uint8_t *p, const struct kv_json *j)
{
	struct span value = value_of(j);

	if (!j->has_value)
		return p;
	if (j->e.kind == NDJSON_TEXT) {
		p = PUT(p, VALUE);
		p = json_string_put(p, value.at, value.len);
	} else {
		p = PUT(p, BASE64);
		p = j->e.kind == NDJSON_BASE64
			    ? encode_bytes(p, value.at, value.len)
			    : base64_encode(p, (const uint8_t *)value.at,
					    value.len);
	}
	return PUT(p, "\"");
}

static size_t event_parts_len(const struct kv_json *j)
{
	char id[SSE_EVENT_ID_MAX];

	if (j->e.tag == NULL)
		return 0;
	return LEN(EVENT_DATA) + LEN(EVENT_ID) +
	       sse_event_id_format(id, j->e.entry->revision, j->e.tag) +
	       LEN("\n\n");
}

void kv_json_measure(struct kv_json *j, const struct kv_json_entry *e)
{
	const struct kv_entry *entry = e->entry;

	MUST(e->kind != NDJSON_JSON);
	j->e = *e;
	j->has_value = !e->no_value && kv_entry_has_value(entry);
	put_entry_middle(j);
	j->body_len = event_parts_len(j) + LEN(BUCKET) + e->bucket.len +
		      LEN(KEY) +
		      json_text_len(entry->name.key.at, entry->name.key.len) +
		      j->middle_len + value_member_len(j) + LEN("}\n");
	j->size_line_len = chunk_size_len(j->body_len) + LEN("\r\n");
	j->total = j->size_line_len + j->body_len + SSE_CHUNK_TAIL;
}

static uint8_t *put_event_end(uint8_t *p, const struct kv_json *j)
{
	char id[SSE_EVENT_ID_MAX];
	size_t len = sse_event_id_format(id, j->e.entry->revision, j->e.tag);

	p = PUT(p, EVENT_ID);
	p = encode_bytes(p, id, len);
	return PUT(p, "\n\n");
}

void kv_json_encode(const struct kv_json *j, uint8_t *out)
{
	const struct kv_entry *entry = j->e.entry;
	uint8_t *p = encode_chunk_size_line(out, j->body_len);

	if (j->e.tag != NULL)
		p = PUT(p, EVENT_DATA);
	p = PUT(p, BUCKET);
	p = encode_bytes(p, j->e.bucket.at, j->e.bucket.len);
	p = PUT(p, KEY);
	p = json_text_put(p, entry->name.key.at, entry->name.key.len);
	p = encode_bytes(p, j->middle, j->middle_len);
	p = put_value_member(p, j);
	p = PUT(p, "}\n");
	if (j->e.tag != NULL)
		p = put_event_end(p, j);
	p = encode_bytes(p, "\r\n", SSE_CHUNK_TAIL);
	MUST((size_t)(p - out) == j->total);
}

/* ---- lists of names ------------------------------------------------------ */

int kv_json_begin_list(struct buf *out)
{
	return buf_putc(out, '[');
}

int kv_json_add_name(struct buf *out, bool first, struct span name)
{
	size_t len = json_text_len(name.at, name.len);
	int rc = buf_reserve(out, len + LEN(",\"\""));

	if (rc < 0)
		return rc;
	buf_puts(out, first ? "\"" : ",\"");
	json_text_put(buf_tail(out), name.at, name.len);
	buf_added(out, len);
	return buf_putc(out, '"');
}

int kv_json_end_list(struct buf *out)
{
	return buf_puts(out, "]\n");
}
