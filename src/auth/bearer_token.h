/* Where a request has its token: a header, a query parameter or a cookie. */
#ifndef SLUICE_BEARER_TOKEN_H
#define SLUICE_BEARER_TOKEN_H

#include <stddef.h>

#include "auth/jwt.h"
#include "http/http_error.h"
#include "http/request.h"

/* Names of where it may be, beside "Authorization: Bearer"; NULL: not there. */
struct token_sources {
	const char *cookie;
	const char *query;
};

/* Inside of the request, or of `decoded`. */
struct bearer_token {
	const char *at;
	size_t len;
	char decoded[JWT_MAX + 1];
};

/* `query`: the value of the parameter as it was sent (route_parse() has found
 * its percent signs good), NULL when absent.
 *
 * 0, or -EINVAL with *why: 401 where there is none, 400 where there is one in
 * the header and one in the query, or a cookie twice. A cookie comes with every
 * request of a browser whether meant or not: so it counts where there is
 * nothing else. Another scheme than Bearer is somebody else's. */
int bearer_token_find(struct bearer_token *ret, struct http_error *why,
		      const struct token_sources *places,
		      const struct request *h, const char *query,
		      size_t query_len);

#endif
