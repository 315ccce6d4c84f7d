/* The body of a request (RFC 9112, sections 6 and 7), fed in any cut. The bytes
 * of the body are handed out as they come, without copying; the caller bounds
 * what it keeps.
 *
 * Own code, and not llhttp's: its releases differ in what they let through
 * behind a chunk's size. Here a chunked body is sizes, CR LF, data, CR LF, and
 * "0", CR LF, CR LF at its end. Chunk extensions and trailers are rejected:
 * proxies disagree about where they end. Tests and
 * the fuzz target compare each accepted body with what llhttp makes of the same
 * bytes. */
#ifndef SLUICE_REQUEST_BODY_H
#define SLUICE_REQUEST_BODY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"
#include "http/request_parser.h"

enum body_part {
	BODY_DATA, /* of a length, or of a chunk */
	BODY_SIZE,
	BODY_SIZE_LF,
	BODY_DATA_CR,
	BODY_DATA_LF,
	BODY_END_CR, /* of the empty line behind the last chunk */
	BODY_END_LF,
	BODY_OVER,
	BODY_REJECTED,
};

struct request_body {
	enum body_part part;
	bool is_chunked;
	bool expects_continue;
	bool has_bytes;	   /* something of it was fed */
	unsigned n_digits; /* of the chunk's size */
	uint64_t left;	   /* bytes of this length or chunk */
	uint64_t room;	   /* bytes that the chunks to come may have */
	uint64_t max;
	struct http_error error;
};

/* The request has a parser with request_parser_take_bodies(). `max`: bytes of
 * the body. 0, or -EINVAL with *why (413): the length is above it. Then the
 * connection must close: the body is not read. */
int request_body_init(struct request_body *b, struct http_error *why,
		      const struct request *req, uint64_t max);

/* True when the client waits for 100 (Continue), and nothing of the body has
 * come. Send response_continue() once, or a final response and close. */
bool request_body_wants_continue(const struct request_body *b);

/* *used: bytes of this body; *data: those of them that are its content,
 * borrowed from `bytes`, may be empty. MORE: feed the rest, or more bytes.
 * READY: the body is over, the rest is the next request. REJECT:
 * request_body_error(); all bytes are used; close the connection. Verdict,
 * content and end do not depend on the cuts.
 *
 * An empty body is READY without a byte: feed it once with none. */
enum http_verdict request_body_feed(struct request_body *b, const void *bytes,
				    size_t len, size_t *used,
				    struct span *data);
/* After VERDICT_REJECT. */
const struct http_error *request_body_error(const struct request_body *b);

#endif
