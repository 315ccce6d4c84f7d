/* Messages as JSON objects: on lines of their own (newline-delimited JSON, for
 * scripts), or as the data of events.
 *
 *	{"seq":4711,"subject":"events.alice","time":"2026-11-28T08:31:50.12...Z",
 *	 "id":"4711-9f31c2","headers":{"Trace":["a"]},"data":"the payload"}
 *
 * (without the line break and the blank in the middle). Lines that are not
 * messages have the member "system". As in sse.h a line is encoded in two
 * steps, as one HTTP chunk or as it is. */
#ifndef SLUICE_NDJSON_H
#define SLUICE_NDJSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/rfc3339.h"
#include "base/span.h"
#include "http/sse.h"

enum ndjson_data {
	NDJSON_TEXT,   /* UTF-8 */
	NDJSON_BINARY, /* any bytes: sent as base64 */
	NDJSON_BASE64, /* base64 already */
	NDJSON_JSON,   /* set by ndjson_measure() */
};

/* All borrowed until ndjson_encode(). */
struct ndjson_message {
	uint64_t seq;
	uint64_t time_ns;    /* since 1970; 0: unknown, of is_core alone */
	const char *subject; /* any bytes: those not UTF-8 become U+FFFD */
	size_t subject_len;
	const struct sse_tag *tag;
	struct span headers; /* members, each with a comma behind it; or empty
			      */
	enum ndjson_data kind;
	const void *data;
	size_t len;
	bool is_core;	   /* of no stream: without seq and id; no tag */
	bool is_event;	   /* the object is the data of an event */
	struct span event; /* of an event: its name; or empty */
};

enum {
	NDJSON_BEGIN_MAX = SSE_EVENT_MAX + 64,
	NDJSON_MIDDLE_MAX = RFC3339_MAX + SSE_EVENT_ID_MAX + 32,
	NDJSON_END_MAX = SSE_EVENT_ID_MAX + 16,
};

struct ndjson_line {
	struct ndjson_message m;
	char begin[NDJSON_BEGIN_MAX];	/* everything before the subject */
	char middle[NDJSON_MIDDLE_MAX]; /* between subject and headers */
	char end[NDJSON_END_MAX];	/* everything behind the data */
	size_t begin_len, middle_len, end_len;
	size_t body_len;      /* bytes of the line, or of the event */
	size_t size_line_len; /* bytes of the chunk's size line */
	size_t total;	      /* size line, body, SSE_CHUNK_TAIL */
};

/* Sets all fields of `l`. `json`: a payload that is JSON (json_compact.h) is
 * embedded as JSON, not as a string. */
void ndjson_measure(struct ndjson_line *l, const struct ndjson_message *m,
		    bool json);
/* Writes exactly l->total bytes. Without chunks, the line alone is what lies
 * between size_line_len and SSE_CHUNK_TAIL. */
void ndjson_encode(const struct ndjson_line *l, uint8_t *out);

/* Short lines: like sse_put_*(), at most SSE_TEXT_MAX bytes. */

/* {"system":"ping","id":"4711-9f31c2"}; `event_id` may be NULL. */
size_t ndjson_put_system(char *out, bool chunked, const char *what,
			 const char *event_id);
/* An empty line, which parsers of NDJSON skip. */
size_t ndjson_put_blank(char *out, bool chunked);
/* {"system":"gap","reason":"expired","after":1,"first":9,"id":"8-9f31c2"} */
size_t ndjson_put_gap(char *out, bool chunked, const char *reason,
		      uint64_t after, uint64_t first, uint64_t id,
		      const struct sse_tag *tag);

#endif
