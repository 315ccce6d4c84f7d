/* Server-Sent Events on the wire (WHATWG HTML, 9.2 "Server-sent events").
 *
 * A frame is one event as it goes on the wire, inside one HTTP chunk:
 *
 *	23\r\n data: the payload\n id: 4711-9f31c2\n \n \r\n
 *	|head|                body                    |tail|
 *
 * HTTP/1.0 clients get the body alone. Encoding is two steps, so that a frame
 * can be made in place (a ring, a buffer): sse_measure(), then sse_encode()
 * into exactly that much room. */
#ifndef SLUICE_SSE_H
#define SLUICE_SSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	SSE_TAG_LEN = 6,
	SSE_TEXT_MAX = 256, /* room that every sse_put_*() below needs */
	SSE_CURSOR_MAX = 20 + 1 + SSE_TAG_LEN + 1,
	SSE_CHUNK_TAIL = 2, /* "\r\n" behind every chunk's body */
	/* The longest body that fits into SSE_TEXT_MAX as a chunk. */
	SSE_BODY_MAX = SSE_TEXT_MAX - 2 - 2 - SSE_CHUNK_TAIL,
};

/* What stands for the JetStream stream's identity in an id: six lower-case hex
 * digits. */
struct sse_tag {
	char hex[SSE_TAG_LEN + 1];
};

/* A hash of the text of the time at which the stream was created. */
struct sse_tag sse_tag_of(const char *created, size_t len);

struct sse_frame {
	const void *data; /* borrowed until sse_encode() */
	size_t len;
	uint64_t seq;
	const struct sse_tag *tag;
	bool base64;	 /* not UTF-8: found by sse_measure() */
	size_t kept;	 /* bytes that sse_keep() writes; 0 for most */
	size_t body_len; /* bytes of the event itself */
	size_t head_len; /* bytes of the chunk's head */
	size_t total;	 /* head + body + SSE_CHUNK_TAIL */
};

/* Fills in all of f. The payload is split at \n, \r\n and a lone
 * \r; what is not UTF-8 (RFC 3629: no surrogates, no overlong forms) goes as
 * base64 with "event: base64". `id` stands last. */
void sse_measure(struct sse_frame *f, const void *data, size_t len,
		 uint64_t seq, const struct sse_tag *tag);
/* Writes exactly f->total bytes. */
void sse_encode(const struct sse_frame *f, uint8_t *out);

/* The event has lost which line ends its payload had. Where they are not all
 * \n, sse_keep() writes f->kept bytes by which sse_decode() finds them again.
 */
void sse_keep(const struct sse_frame *f, uint8_t *out);

struct sse_payload {
	const uint8_t *at; /* in the event, or in the room */
	size_t len;
	bool base64; /* not UTF-8: it is the base64 of the payload */
};

/* What an event was made of: `body` is its body_len bytes, `kept` what
 * sse_keep() wrote (NULL: f->kept was 0). `room` has `len` bytes. */
void sse_decode(struct sse_payload *ret, const uint8_t *body, size_t len,
		const uint8_t *kept, uint8_t *room);

/* A body that snprintf() made (`len` is its result), as a chunk or bare. Its
 * end needs no NUL. Returns the length. */
size_t sse_put_body(char *out, bool chunked, const char *body, int len);

/* The short ones. Each writes at most SSE_TEXT_MAX bytes to `out`, chunked or
 * bare, and returns how many. */

/* "retry: MS\n" and the fields of sse_put_system("open"). `cursor` may be NULL:
 * the start position is not known yet, and "retry: MS\n\n" goes alone. */
size_t sse_put_opening(char *out, bool chunked, uint64_t retry_ms,
		       const char *cursor);
/* event: system, data {"system": "WHAT"}, and the id. `cursor` may be NULL.
 *	open	the second half of an opening whose start was not known. It has
 *		data because some clients forget the id of a block without
 *		(docs/browsers.md), and a type because those without reach
 *		onmessage
 *	expired	the token of the stream is about to expire
 *	ping	see sse_put_ping() */
size_t sse_put_system(char *out, bool chunked, const char *what,
		      const char *cursor);

enum sse_ping {
	SSE_PING_MESSAGE, /* data {"system": "ping"}, for onmessage */
	SSE_PING_COMMENT, /* ": ping" and the id, without data */
	SSE_PING_EVENT,	  /* as MESSAGE, with event: system */
};

/* `cursor` may be NULL. */
size_t sse_put_ping(char *out, bool chunked, enum sse_ping style,
		    const char *cursor);
/* event: gap; `reason` is "expired" or "reset"; `id` is first - 1, or in a gap
 * that is told late the subscription's own. */
size_t sse_put_gap(char *out, bool chunked, const char *reason, uint64_t after,
		   uint64_t first, uint64_t id, const struct sse_tag *tag);
/* "retry: MS\n\n" alone, for a stream that is ended on purpose. */
size_t sse_put_retry(char *out, bool chunked, uint64_t retry_ms);
/* The last chunk, "0\r\n\r\n"; nothing when not chunked. */
size_t sse_put_end(char *out, bool chunked);

/* "4711-9f31c2" into `out` (SSE_CURSOR_MAX bytes), NUL-terminated. */
size_t sse_cursor_format(char *out, uint64_t seq, const struct sse_tag *tag);

/* What a client says it has seen. */
struct sse_cursor {
	uint64_t seq;
	bool has_tag;
	struct sse_tag tag;
};

/* `[0-9]{1,20}` below 2^64, optionally '-' and six lower-case hex digits.
 * 0, or -EINVAL. An empty text is the caller's matter (it is no cursor). */
int sse_cursor_parse(struct sse_cursor *ret, const char *text, size_t len);

#endif
