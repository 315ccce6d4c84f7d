/* Request heads of HTTP/1.0 and 1.1 (RFC 9112), fed in any cut: llhttp with no
 * lenient mode, plus our own refusals (docs/http.md lists them). A parser holds
 * one head; it exists only while a head is being read. */
#ifndef SLUICE_HTTP_PARSER_H
#define SLUICE_HTTP_PARSER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "refusal.h"

struct http_parser;

enum http_verdict {
	VERDICT_MORE,   /* feed on */
	VERDICT_READY,  /* the head is whole; http_parser_head() */
	VERDICT_REJECT, /* http_parser_refusal(); end the connection */
};

enum { HEAD_MAX_FIELDS = 100, HEAD_MAX_LEADING_CRLF = 4 };

struct http_header {
	const char *name; /* as sent; compare without case */
	const char *value; /* blanks around it are gone */
	size_t name_len;
	size_t value_len;
};

/* Everything points into the parser and lives as long as it. All strings are
 * NUL-terminated and hold no NUL. */
struct http_head {
	const char *method; /* "GET" */
	const char *target; /* origin form: "/path?query"; of an absolute-form
			       target the scheme and authority are cut off */
	size_t target_len;
	const char *host;   /* of Host, or of an absolute-form target */
	int minor;	    /* HTTP/1.minor: 0 or 1 */
	bool is_head;	    /* method HEAD */
	bool keep_alive;    /* what the client asks for, RFC 9112 9.3 */
	size_t n_headers;
	const struct http_header *headers;
};

/* `id_header`: the identity header's name, which may come only once; borrowed.
 * `max_bytes`: of the whole head (431; a target alone over it: 414).
 * -ENOMEM or 0. */
int http_parser_new(struct http_parser **ret, size_t max_bytes,
		    const char *id_header);
void http_parser_free(struct http_parser *p);

/* Takes bytes; *used says how many belong to this head (what is left is the
 * next request, or data that must not be there). A rejected parser stays so. */
enum http_verdict http_parser_feed(struct http_parser *p, const void *bytes,
				   size_t len, size_t *used);
/* True once a byte of a request has come (leading CRLF do not count). */
bool http_parser_started(const struct http_parser *p);
const struct http_head *http_parser_head(const struct http_parser *p);
const struct refusal *http_parser_refusal(const struct http_parser *p);

/* The value of a header by name (no case); NULL when absent. Names with '_' and
 * '-' are different names. */
const char *http_head_find(const struct http_head *h, const char *name,
			   size_t *len);
/* How often it is there. */
size_t http_head_count(const struct http_head *h, const char *name);

#endif
