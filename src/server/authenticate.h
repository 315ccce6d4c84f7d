/* The identity of a request: by a header or a query parameter, or by a token
 * (--auth jwt). */
#ifndef SLUICE_AUTHENTICATE_H
#define SLUICE_AUTHENTICATE_H

#include <stdbool.h>
#include <stdint.h>

#include "auth/identity.h"
#include "http/http_error.h"
#include "http/query.h"
#include "http/request.h"

struct conn_config;

struct authentication {
	struct identity id; /* empty: none */
	uint64_t end_ms;    /* of its token, since 1970; UINT64_MAX: never */
	char *rights;	    /* struct jwt.rights; owned */
	bool by_cookie;	    /* a browser may have sent it by itself */
};

/* The identity is empty with --auth none. 0, -ENOMEM, or with *why: -EINVAL, or
 * -ENOKEY where newer keys may verify the token. */
int authenticate(const struct conn_config *cfg, const struct request *h,
		 const struct query_credentials *q, struct authentication *ret,
		 struct http_error *why);
void authentication_finish(struct authentication *a);

#endif
