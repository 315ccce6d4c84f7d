/* Answers: heads and short bodies (RFC 9110, 9112).
 *
 * Each is put whole, or nothing of it: 0, -ENOBUFS or -ENOMEM; -EINVAL when the
 * caller broke a rule that is stated here, which ends one connection.
 *
 * Every answer has the Date that the caller gives, the time at which it is made
 * (RFC 9110, 6.6.1). */
#ifndef SLUICE_RESPONSE_H
#define SLUICE_RESPONSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "http/http_error.h"

/* How the connection of the request goes on, and what the head must say. */
struct response_to {
	int minor;	   /* HTTP/1.minor of the request; 1 when unknown */
	bool is_head;	   /* HEAD: the same head, no body */
	bool keep_alive;   /* false: "Connection: close" */
	const char *date;  /* http_date.h; NULL: there is no clock */
	const char *type;  /* of a stream; NULL: text/event-stream */
	const char *lines; /* further header lines, each with its CRLF, of any
			      answer to this request; NULL: none */
};

/* "200 OK" ..., for every status that we send; NULL for others. */
const char *response_reason(int status);

/* The head of an event stream (docs/http.md): chunked for HTTP/1.1. It says
 * "Connection: close" whatever to->keep_alive is, but for HEAD: the gateway
 * closes after the stream, and a proxy must not send another request in the
 * meantime. */
int response_subscription(struct buf *out, const struct response_to *to);

/* A whole short answer with Content-Length, not to be stored. `type` is the
 * Content-Type; `extra` is header lines of this answer alone, each with its
 * CRLF, or NULL. 204 has neither type nor body (RFC 9110, 8.6). */
int response_short(struct buf *out, const struct response_to *to, int status,
		   const char *type, const char *extra, const void *body,
		   size_t len);

/* A document for people. Browsers may keep it, and ask each time whether it is
 * still the same. `policy` is its Content-Security-Policy. */
struct response_page {
	const char *type;
	const char *policy;
	const char *etag; /* with its quotes */
};

int response_page(struct buf *out, const struct response_to *to,
		  const struct response_page *page, const void *body,
		  size_t len);
/* 304: the one that the client has is it. */
int response_unchanged(struct buf *out, const struct response_to *to,
		       const struct response_page *page);

/* text/plain; charset=utf-8, one line; Allow (405), Retry-After (503, 429),
 * WWW-Authenticate (401) and Vary (406) where the status wants them. */
int response_error(struct buf *out, const struct response_to *to,
		   const struct http_error *r, unsigned retry_after_s);

/* The browser-safe refusal: 200, "retry: MS" and the end of the stream. An
 * EventSource gives up for good on any other status. */
int response_come_back(struct buf *out, const struct response_to *to,
		       uint64_t retry_ms);

#endif
