/* Request heads of HTTP/1.0 and 1.1 (RFC 9112), fed in any cut: llhttp with no
 * lenient mode, plus our own refusals (docs/http.md lists them). A parser holds
 * one head; it exists only while a head is being read. */
#ifndef SLUICE_REQUEST_PARSER_H
#define SLUICE_REQUEST_PARSER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "http/http_error.h"
#include "http/request.h"

struct request_parser;

enum http_verdict {
	VERDICT_MORE,	/* feed on */
	VERDICT_READY,	/* the head is whole; request_parser_head() */
	VERDICT_REJECT, /* request_parser_refusal(); end the connection */
};

/* More header lines: 431; more empty lines before a request: 400. */
enum { HEAD_MAX_FIELDS = 100, HEAD_MAX_LEADING_CRLF = 4 };

/* `id_header`: the identity header's name, which may come only once; borrowed.
 * `max_bytes`: of the whole head (431; a target alone over it: 414).
 * -ENOMEM or 0. */
int request_parser_new(struct request_parser **ret, size_t max_bytes,
		       const char *id_header);
/* As new, for another head; keeps its memory, if that is not much. */
void request_parser_again(struct request_parser *p);
void request_parser_free(struct request_parser *p);
/* Its memory. NULL: 0. */
size_t request_parser_bytes(const struct request_parser *p);

/* Takes bytes; *used says how many belong to this head (what is left is the
 * next request, or data that must not be there). How the bytes are cut makes no
 * difference. A rejected parser stays so and uses up all that it is fed; a
 * ready one uses up nothing more. A chunked body of a GET or HEAD is read here
 * when it is empty, and else refused. */
enum http_verdict request_parser_feed(struct request_parser *p,
				      const void *bytes, size_t len,
				      size_t *used);
/* The method is HEAD, as far as it is known: a rejection then has no content.
 */
bool request_parser_is_head(const struct request_parser *p);
/* True once a byte of a request has come (leading CRLF do not count). */
bool request_parser_started(const struct request_parser *p);
/* Only after VERDICT_READY. */
const struct request *request_parser_head(const struct request_parser *p);
/* Only after VERDICT_REJECT. */
const struct http_error *request_parser_refusal(const struct request_parser *p);

#endif
