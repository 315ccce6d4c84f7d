/* What a request asks for: path, method, query, Accept, Last-Event-ID. */
#ifndef SLUICE_ROUTE_H
#define SLUICE_ROUTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "refusal.h"

enum route_kind {
	ROUTE_EVENTS,  /* /api/v1/events */
	ROUTE_LIVEZ,   /* /livez, /healthz */
	ROUTE_READYZ,
	ROUTE_METRICS, /* admin listener only */
};

enum route_deliver { DELIVER_NEW, DELIVER_ALL, DELIVER_LAST };

/* The request as route_parse() wants it; all borrowed, NUL-terminated. The
 * strings come from struct http_head. NULL: no such header. */
struct route_request {
	const char *method;
	const char *target;
	const char *accept;	   /* all Accept headers, joined by ',' */
	const char *last_event_id; /* header */
	const char *id_query;	   /* name of the query parameter that may
				      carry the identity; NULL for none */
	bool admin;		   /* came to the admin listener */
};

struct route {
	enum route_kind kind;
	enum route_deliver deliver;
	bool has_cursor;	 /* a resume */
	uint64_t cursor_seq;
	bool cursor_has_tag;
	char cursor_text[28];	 /* as the client gave it (checked form) */
	bool has_query_id;	 /* the identity parameter was there ... */
	char query_id[512];	 /* ... once, decoded; longer is refused */
	size_t query_id_len;
};

/* 0, or -EINVAL with *why filled in. Percent-decoding happens once; '+' stays
 * '+'; a broken '%' is 400; unknown parameters are ignored; names and values
 * are decoded. A bad or doubled lastEventId is 400 even where the header wins;
 * so is a doubled `deliver` or identity parameter. Rules: docs/http.md. */
int route_parse(struct route *ret, struct refusal *why,
		const struct route_request *req);

/* Does an Accept value allow `type`/`subtype` (RFC 9110 12.5.1: q=0 rules out,
 * the most specific range wins; NULL or empty allows all)? */
bool route_accepts(const char *accept, const char *type, const char *subtype);
/* Is the type named in full (not by a wildcard), q above 0? */
bool route_accepts_exactly(const char *accept, const char *type,
			   const char *subtype);

#endif
