/* What a request asks for: path, method, query, Accept, Last-Event-ID. */
#ifndef SLUICE_ROUTE_H
#define SLUICE_ROUTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "http/http_error.h"

enum route_kind {
	ROUTE_EVENTS,  /* /api/v1/events */
	ROUTE_OPTIONS, /* the same, or *, asked by OPTIONS what may be done */
	ROUTE_LIVEZ,   /* /livez, /healthz */
	ROUTE_READYZ,
	ROUTE_UI, /* / */
	/* admin listener only: */
	ROUTE_METRICS,
	ROUTE_SUBSCRIPTIONS, /* /subscriptions */
	ROUTE_SUBSCRIPTION,  /* /subscriptions/NUMBER */
};

enum route_deliver { DELIVER_NEW, DELIVER_ALL, DELIVER_LAST };

/* Which streams of the list; the first four are those of a cursor. */
enum route_state {
	STATE_ANY,
	STATE_LIVE,
	STATE_EVICTED,
	STATE_REPLAY,
	STATE_WAITING,
	STATE_SLOW, /* the socket is full */
};

/* The request as route_parse() wants it; all borrowed, NUL-terminated. The
 * strings come from struct request. NULL: no such header. */
struct route_request {
	const char *method;
	const char *target;
	const char *accept;	   /* all Accept headers, joined by ',' */
	const char *last_event_id; /* header */
	const char *id_query;	   /* name of the query parameter that may
				      carry the identity; NULL for none */
	const char *token_query;   /* ... a token; NULL for none */
	bool ui;		   /* the live page is switched on */
	bool admin;		   /* came to the admin listener */
	bool cors;		   /* OPTIONS of events has an answer */
};

struct route {
	enum route_kind kind;
	enum route_deliver deliver;
	bool has_cursor; /* a resume */
	uint64_t cursor_seq;
	bool cursor_has_tag;
	char cursor_text[28]; /* as the client gave it (checked form) */
	bool has_query_id;    /* the identity parameter was there ... */
	char query_id[512];   /* ... once, decoded; longer is refused */
	size_t query_id_len;
	const char *token; /* inside of the target, as it was sent (its percent
			      signs are good); NULL: not there */
	size_t token_len;
	uint32_t limit;	     /* events; 0: no end */
	uint64_t timeout_ms; /* 0: none */
	bool ndjson;	     /* by Accept: lines of JSON and not events */
	bool json;	     /* ... payloads that are JSON stand as JSON */
	bool system;	     /* ... with the lines that only say how it is */
	/* ROUTE_SUBSCRIPTIONS: the identity, if any, is query_id. */
	bool is_delete;
	enum route_state state;
	bool has_after;
	uint64_t after;
	uint64_t number; /* ROUTE_SUBSCRIPTION */
};

/* 0, or -EINVAL with *why filled in. What is checked, in this order:
 *
 * - Path and method. The path is compared as sent, byte for byte: no
 *   percent-decoding, no dot segments, so that a proxy's rule for a path and
 *   ours are about the same bytes.
 * - For events only, and not with OPTIONS, Accept and the query. Names and
 * values are percent-decoded once; '+' stays '+'; a broken '%' or a NUL is 400
 * anywhere; unknown parameters are ignored. A bad or doubled lastEventId is 400
 * even where the header wins; so is a doubled `deliver` or identity parameter,
 * and a `limit`, `timeout`, `json` or `system` that is bad or doubled.
 * - For /subscriptions its parameters: an unknown one is 400 here, since DELETE
 * must never end more than was meant. DELETE takes an id, and nothing else.
 * - Last-Event-ID. An empty one is none; else it wins over the query.
 *
 * `deliver` is what the query says, also where has_cursor overrides it. */
int route_parse(struct route *ret, struct http_error *why,
		const struct route_request *req);

/* Does an Accept value allow `type`/`subtype` (RFC 9110 12.5.1: q=0 rules out,
 * the most specific range wins)? Malformed ranges are ignored, and without any
 * good one (NULL, empty) all is allowed. Parameters are not compared: no type
 * of ours has variants. Of equal ranges one with q above 0 decides. */
bool route_accepts(const char *accept, const char *type, const char *subtype);
/* Is the type named in full (not by a wildcard), q above 0? */
bool route_accepts_exactly(const char *accept, const char *type,
			   const char *subtype);

#endif
