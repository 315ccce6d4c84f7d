/* The endpoint of a request, by path and method, with the parameters of it. */
#ifndef SLUICE_ROUTE_H
#define SLUICE_ROUTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "http/events_query.h"
#include "http/http_error.h"
#include "http/subscriptions_query.h"

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
	struct events_query events;		  /* ROUTE_EVENTS */
	struct subscriptions_query subscriptions; /* ROUTE_SUBSCRIPTIONS */
	uint64_t number;			  /* ROUTE_SUBSCRIPTION */
};

/* 0, or -EINVAL with *why. First the path, which is compared as sent, byte for
 * byte: no percent-decoding, no dot segments, so that a proxy's rule for a path
 * and this one see the same bytes. Then the method. Then, for events and for
 * the list of subscriptions, their query (events_query.h,
 * subscriptions_query.h); other paths ignore theirs. */
int route_parse(struct route *ret, struct http_error *why,
		const struct route_request *req);

#endif
