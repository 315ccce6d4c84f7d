/* Request heads of HTTP/1.0 and 1.1 (RFC 9112), fed in any cut: llhttp without
 * lenient modes, plus stricter checks (docs/http.md lists them). A parser holds
 * one head, and exists only while a head is read. */
#ifndef SLUICE_REQUEST_PARSER_H
#define SLUICE_REQUEST_PARSER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "http/http_error.h"
#include "http/request.h"

struct request_parser;

enum http_verdict {
	VERDICT_MORE,	/* feed more bytes */
	VERDICT_READY,	/* the head is complete: request_parser_head() */
	VERDICT_REJECT, /* request_parser_error(); close the connection */
};

/* Limits: of headers (431), of empty lines before a request (400). */
enum { HEAD_MAX_FIELDS = 100, HEAD_MAX_LEADING_CRLF = 4 };

/* `id_header`: name of the identity header, which may occur only once;
 * borrowed. `max_bytes`: limit of the head (431; 414 when the target alone
 * exceeds it). -ENOMEM or 0. */
int request_parser_new(struct request_parser **ret, size_t max_bytes,
		       const char *id_header);
/* The caller reads bodies: see takes_body of struct request. Before the first
 * byte; for all heads from then on. */
void request_parser_take_bodies(struct request_parser *p);
/* Resets it for another head; keeps little memory. */
void request_parser_again(struct request_parser *p);
void request_parser_free(struct request_parser *p);
/* Bytes of memory in use. NULL: 0. */
size_t request_parser_bytes(const struct request_parser *p);

/* *used: bytes of this head; the rest is the next request, or unexpected data.
 * The verdict does not depend on the cuts. A parser that has rejected uses all
 * further bytes; one that is ready uses none. The chunked body of a GET or HEAD
 * is read here, and must be empty. */
enum http_verdict request_parser_feed(struct request_parser *p,
				      const void *bytes, size_t len,
				      size_t *used);
/* True when the method is known to be HEAD: an error response has no
 * content. */
bool request_parser_is_head(const struct request_parser *p);
/* True after the first byte of a request, leading CRLFs aside. */
bool request_parser_started(const struct request_parser *p);
/* After VERDICT_READY. */
const struct request *request_parser_head(const struct request_parser *p);
/* After VERDICT_REJECT. */
const struct http_error *request_parser_error(const struct request_parser *p);

#endif
