/* The token of a request: in a header, a query parameter or a cookie. */
#ifndef SLUICE_BEARER_TOKEN_H
#define SLUICE_BEARER_TOKEN_H

#include <stdbool.h>
#include <stddef.h>

#include "auth/jwt.h"
#include "http/http_error.h"
#include "http/request.h"

/* Names of its places beside "Authorization: Bearer"; NULL: not allowed. */
struct token_sources {
	const char *cookie;
	const char *query;
};

/* The token, in the request or in `decoded`. */
struct bearer_token {
	const char *at;
	size_t len;
	bool by_cookie;
	char decoded[JWT_MAX + 1];
};

/* `query`: value of the parameter as sent, with valid percent signs (see
 * events_query.h); NULL when absent.
 *
 * 0, or -EINVAL with *why: 401 without a token, 400 for one in the header and
 * one in the query, or a cookie twice. A browser sends cookies with every
 * request, so a cookie counts only without the others. Other schemes than
 * Bearer are ignored. */
int bearer_token_find(struct bearer_token *ret, struct http_error *why,
		      const struct token_sources *sources,
		      const struct request *h, const char *query,
		      size_t query_len);

#endif
