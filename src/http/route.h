/* Routing: from the path and the method of a request to a row of a table of
 * endpoints. The gateway's table is server/endpoints.h. */
#ifndef SLUICE_ROUTE_H
#define SLUICE_ROUTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"
#include "http/http_error.h"

enum route_flags {
	ROUTE_PUBLIC = 1,	 /* on the public listener */
	ROUTE_ADMIN = 2,	 /* on the admin listener */
	ROUTE_WITH_PAGE = 4,	 /* only where the live page is switched on */
	ROUTE_CROSS_ORIGIN = 8,	 /* OPTIONS too, where CORS is configured */
	ROUTE_WITH_WRITING = 16, /* only where writing is switched on */
	ROUTE_PROBLEMS = 32,	 /* errors are application/problem+json */
	ROUTE_WITH_KV = 64,	 /* only where key-value is switched on */
};

/* In a path "{number}" stands for any number, "{subject}" and "{bucket}" for
 * any text without '/', and "{key}" for the rest of the path. A path may have
 * several rows, one after the other, with different methods. */
struct route {
	const char *path;
	const char *methods; /* as in Allow: "GET, HEAD" */
	unsigned flags;
};

/* Borrowed, NUL-terminated. */
struct route_request {
	const char *method;
	const char *target;
	bool admin;   /* came to the admin listener */
	bool page;    /* the live page is switched on */
	bool cors;    /* CORS is configured */
	bool writing; /* writing is switched on */
	bool kv;      /* key-value is switched on */
};

struct route_match {
	size_t row;
	bool options;	 /* respond to OPTIONS, for any row */
	bool problems;	 /* ROUTE_PROBLEMS of the row */
	uint64_t number; /* of "{number}" */
	/* Percent-encoded. */
	struct span subject; /* of "{subject}" */
	struct span bucket;  /* of "{bucket}" */
	struct span key;     /* of "{key}" */
	const char *query;   /* in the target, after the '?'; "" for none */
	/* With `options`: all methods of the path. */
	char allow[HTTP_ERROR_ALLOW_MAX];
};

/* 0, or -EINVAL with *why: 404 with the paths of this listener, 405 with Allow,
 * 501. Then ret->problems alone is set: of the path. The path is compared as
 * sent, byte for byte: no percent-decoding, no dot segments, so that a proxy's
 * rule for a path and this one see the same bytes.
 */
int route_find(struct route_match *ret, struct http_error *why,
	       const struct route *rows, size_t n,
	       const struct route_request *req);

#endif
