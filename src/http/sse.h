/* Server-Sent Events (WHATWG HTML, section 9.2).
 *
 * A frame is one event on the wire, inside one HTTP chunk:
 *
 *	23\r\n data: the payload\n id: 4711-9f31c2\n \n \r\n
 *	|size|                body                    |tail|
 *
 * HTTP/1.0 clients get the body alone. Encoding has two steps, so that a frame
 * can be written in place (a ring, a buffer): sse_measure(), then sse_encode()
 * into exactly that much room. */
#ifndef SLUICE_SSE_H
#define SLUICE_SSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"
#include "nats/message_headers.h"

enum {
	SSE_TAG_LEN = 6,
	SSE_TEXT_MAX = 256, /* room that every sse_put_*() below needs */
	SSE_EVENT_ID_MAX = 20 + 1 + SSE_TAG_LEN + 1,
	SSE_CHUNK_TAIL = 2, /* "\r\n" after the body of a chunk */
	/* The longest body that fits into SSE_TEXT_MAX as a chunk. */
	SSE_BODY_MAX = SSE_TEXT_MAX - 2 - 2 - SSE_CHUNK_TAIL,
};

/* Identifies the stream in an event id: six lower-case hexadecimal digits. */
struct sse_tag {
	char hex[SSE_TAG_LEN + 1];
};

/* Hash of the text of the stream's creation time. */
struct sse_tag sse_tag_of(const char *created, size_t len);

struct sse_frame {
	const void *data; /* borrowed until sse_encode() */
	size_t len;
	uint64_t seq;
	const struct sse_tag *tag; /* NULL: the event has no id */
	struct span event;	   /* see sse_extend() */
	struct span headers;	   /* see sse_extend() */
	bool base64;		   /* not UTF-8; set by sse_measure() */
	size_t line_ends;	   /* to be kept; 0 when all are \n */
	size_t kept;	      /* bytes that sse_keep() writes; 0 for most */
	size_t body_len;      /* bytes of the event */
	size_t size_line_len; /* bytes of the chunk's size line */
	size_t total;	      /* size line, body, SSE_CHUNK_TAIL */
};

/* Sets all fields of `f`. The payload is split at \n, \r\n and a lone \r. A
 * payload that is not UTF-8 (RFC 3629: no surrogates, no overlong forms) is
 * sent as base64 with "event: base64". The id is the last line; an event of
 * core NATS has none (`tag` NULL). */
void sse_measure(struct sse_frame *f, const void *data, size_t len,
		 uint64_t seq, const struct sse_tag *tag);
enum { SSE_EVENT_MAX = MESSAGE_EVENT_MAX }; /* bytes of an event's name */

/* Measures what most frames lack; both may be empty. `event`: the event's name,
 * unless the payload is sent as base64. `headers`: kept behind the frame. Both
 * are borrowed until sse_keep(). */
void sse_extend(struct sse_frame *f, struct span event, struct span headers);
/* Writes exactly f->total bytes. */
void sse_encode(const struct sse_frame *f, uint8_t *out);

/* An event does not show its message's headers, nor which line ends its payload
 * had, nor its name beside "base64". Where it has them, and some line ends are
 * not \n, sse_keep() writes f->kept bytes by which sse_decode() restores
 * them. */
void sse_keep(const struct sse_frame *f, uint8_t *out);

struct sse_payload {
	const uint8_t *at; /* in the event or in the room */
	size_t len;
	bool base64; /* not UTF-8: the base64 of the payload */
	struct span event;
	struct span headers;
};

/* Restores the payload of an event. `body`: its body_len bytes; `kept`: what
 * sse_keep() wrote (NULL: f->kept was 0); `room` has `len` bytes. */
void sse_decode(struct sse_payload *ret, const uint8_t *body, size_t len,
		const uint8_t *kept, uint8_t *room);

/* Puts a body that snprintf() wrote (`len` is its result), as a chunk or as it
 * is, without NUL. Returns the length. */
size_t sse_put_body(char *out, bool chunked, const char *body, int len);

/* Short blocks. Each writes at most SSE_TEXT_MAX bytes to `out`, as a chunk or
 * as it is, and returns their number. `event_id` may be NULL where noted. */

/* "retry: MS\n" and the fields of sse_put_system("open"). `event_id` is NULL
 * while the start position is unknown: then "retry: MS\n\n" alone. */
size_t sse_put_opening(char *out, bool chunked, uint64_t retry_ms,
		       const char *event_id);
/* The opening of a subscription without ids: "retry: MS" and the fields of
 * sse_put_system("open"). */
size_t sse_put_core_opening(char *out, bool chunked, uint64_t retry_ms);
/* event: system, data {"system": "WHAT"}, and the id. `event_id` may be NULL.
 *	open	the start position, once it is known. It has data because some
 *		clients ignore the id of a block without (docs/browsers.md), and
 *		a type because events without one reach onmessage
 *	expired	the token of the subscription is about to expire
 *	ping	see sse_put_ping() */
size_t sse_put_system(char *out, bool chunked, const char *what,
		      const char *event_id);

enum sse_ping {
	SSE_PING_MESSAGE, /* data {"system": "ping"}, for onmessage */
	SSE_PING_COMMENT, /* ": ping" and the id, no data */
	SSE_PING_EVENT,	  /* like MESSAGE, with event: system */
};

/* `event_id` may be NULL. */
size_t sse_put_ping(char *out, bool chunked, enum sse_ping style,
		    const char *event_id);
/* event: gap. `reason`: "expired" or "reset"; `id`: first - 1, or the
 * subscription's own in a gap that is reported late. */
size_t sse_put_gap(char *out, bool chunked, const char *reason, uint64_t after,
		   uint64_t first, uint64_t id, const struct sse_tag *tag);
/* A gap in core NATS: an event, or a line of JSON (`is_line`). `reason`: "away"
 * or "slow"; `dropped`: messages, 0 for an unknown number. */
size_t sse_put_core_gap(char *out, bool chunked, bool is_line,
			const char *reason, uint64_t dropped);
/* "retry: MS\n\n" alone, before the gateway closes a subscription. */
size_t sse_put_retry(char *out, bool chunked, uint64_t retry_ms);
/* The last chunk, "0\r\n\r\n"; nothing without chunks. */
size_t sse_put_end(char *out, bool chunked);

/* Writes "4711-9f31c2" to `out` (SSE_EVENT_ID_MAX bytes), NUL-terminated. */
size_t sse_event_id_format(char *out, uint64_t seq, const struct sse_tag *tag);

/* An event id, as a client sends it back. */
struct sse_event_id {
	uint64_t seq;
	bool has_tag;
	struct sse_tag tag;
};

/* `[0-9]{1,20}` below 2^64, optionally '-' and six lower-case hex digits.
 * 0, or -EINVAL, also for an empty text. */
int sse_event_id_parse(struct sse_event_id *ret, const char *text, size_t len);

#endif
