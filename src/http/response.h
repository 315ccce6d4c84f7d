/* Responses: heads and short bodies (RFC 9110, RFC 9112).
 *
 * Each is put whole or not at all: 0, -ENOBUFS or -ENOMEM. -EINVAL: the caller
 * broke a rule that is stated here; close that connection.
 *
 * Every response has a Date, the time at which it is written (RFC 9110, section
 * 6.6.1); the caller provides it. */
#ifndef SLUICE_RESPONSE_H
#define SLUICE_RESPONSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "http/http_error.h"
#include "http/problem_json.h"

/* What the head of a response depends on besides its content. */
struct response_to {
	int minor;	   /* HTTP/1.minor of the request; 1 when unknown */
	bool is_head;	   /* HEAD: same head, no body */
	bool keep_alive;   /* false: "Connection: close" */
	bool problems;	   /* errors are application/problem+json */
	const char *date;  /* http_date.h; NULL: no clock */
	const char *type;  /* of a subscription; NULL: text/event-stream */
	const char *lines; /* more header lines, each with its CRLF, of every
			      response to this request; NULL: none */
};

/* 100 (Continue): the client may send the body. */
int response_continue(struct buf *out);

/* The head of a subscription (docs/http.md), chunked for HTTP/1.1. It has
 * "Connection: close" whatever to->keep_alive is, except for HEAD: the gateway
 * closes after the last event, and a proxy must not send another request
 * before. */
int response_subscription(struct buf *out, const struct response_to *to);

/* A short response with Content-Length and no-store. `type`: Content-Type.
 * `extra`: header lines of this response, each with its CRLF, or NULL. 204 has
 * neither type nor body (RFC 9110, section 8.6). */
int response_short(struct buf *out, const struct response_to *to, int status,
		   const char *type, const char *extra, const void *body,
		   size_t len);

/* The head of a response with a body in pieces: chunked for HTTP/1.1,
 * else until the close. No-store. `type`, `extra`: as of response_short(). */
int response_open(struct buf *out, const struct response_to *to, int status,
		  const char *type, const char *extra);

/* An HTML document, which browsers may cache and must revalidate. `policy`:
 * Content-Security-Policy. */
struct response_page {
	const char *type;
	const char *policy;
	const char *etag; /* with quotes */
};

int response_page(struct buf *out, const struct response_to *to,
		  const struct response_page *page, const void *body,
		  size_t len);
/* 304: the cached document is current. */
int response_unchanged(struct buf *out, const struct response_to *to,
		       const struct response_page *page);

/* A value that a private cache may keep, and must revalidate. `type`, `extra`:
 * as of response_short(); `extra` has the ETag. Its type depends on Accept. */
int response_value(struct buf *out, const struct response_to *to,
		   const char *type, const char *extra, const void *body,
		   size_t len);
/* 304: the cached value is current. The same `extra`. */
int response_value_unchanged(struct buf *out, const struct response_to *to,
			     const char *extra);

/* text/plain; charset=utf-8, one line; Allow (405), Retry-After (503, 429),
 * WWW-Authenticate (401) and Vary (406) where the status requires them. */
int response_error(struct buf *out, const struct response_to *to,
		   const struct http_error *r, unsigned retry_after_s);

/* The same error as application/problem+json (RFC 9457). */
int response_problem(struct buf *out, const struct response_to *to,
		     const struct problem *p, unsigned retry_after_s);

/* An error for browsers: 200, "retry: MS" and the end. An EventSource stops for
 * good on any other status. */
int response_come_back(struct buf *out, const struct response_to *to,
		       uint64_t retry_ms);

#endif
