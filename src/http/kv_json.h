/* Entries of key-value buckets as JSON objects: on lines of their own, or as
 * the data of the events of a watch.
 *
 *	{"bucket":"cfg","key":"a.b","revision":17,"created":"2026-12-01T...Z",
 *	 "operation":"PUT","value":"the value"}
 *
 * (without the line break and the blank in the middle). A value that is not
 * UTF-8 is base64, with "encoding":"base64" before it. A marker (DEL, PURGE)
 * has no value.
 *
 * As in ndjson.h an object is encoded in two steps, as one HTTP chunk or as it
 * is. */
#ifndef SLUICE_KV_JSON_H
#define SLUICE_KV_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "http/ndjson.h"
#include "nats/kv_entry.h"

/* All borrowed until kv_json_encode(). */
struct kv_json_entry {
	const struct kv_entry *entry;
	struct span bucket;    /* as requested: a mirror's subjects have another
				  one */
	enum ndjson_data kind; /* of the value: TEXT, BINARY, BASE64 */
	bool no_value;	       /* not requested */
	const struct sse_tag *tag; /* of an event's id; NULL: a line */
};

struct kv_json {
	struct kv_json_entry e;
	bool has_value;
	char middle[128]; /* between key and value */
	size_t middle_len;
	size_t body_len;      /* bytes of the line, or of the event */
	size_t size_line_len; /* bytes of the chunk's size line */
	size_t total;	      /* size line, body, SSE_CHUNK_TAIL */
};

/* TEXT for UTF-8, otherwise BINARY. */
enum ndjson_data kv_json_kind(struct span value);

/* Sets all fields of `j`. */
void kv_json_measure(struct kv_json *j, const struct kv_json_entry *e);
/* Writes exactly j->total bytes. Without chunks, the line alone is what lies
 * between size_line_len and SSE_CHUNK_TAIL. */
void kv_json_encode(const struct kv_json *j, uint8_t *out);

/* Lists of names: `["a","b"]` and a line end. Begin, add each (`first`: the
 * first one), end. A name has any bytes. -ENOMEM, -ENOBUFS (nothing was added)
 * or 0. */
int kv_json_begin_list(struct buf *out);
int kv_json_add_name(struct buf *out, bool first, struct span name);
int kv_json_end_list(struct buf *out);

#endif
