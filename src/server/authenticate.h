/* The identity of a request: by a header or a query parameter, or by a token
 * (--auth jwt). */
#ifndef SLUICE_AUTHENTICATE_H
#define SLUICE_AUTHENTICATE_H

#include <stdint.h>

#include "auth/identity.h"
#include "http/events_query.h"
#include "http/http_error.h"
#include "http/request.h"

struct conn_config;

struct authentication {
	struct identity id; /* empty: none */
	uint64_t end_ms;    /* of its token, since 1970; UINT64_MAX: never */
	char *rights;	    /* struct jwt.rights; owned */
};

/* The identity is empty with --auth none. 0, -ENOMEM, or -EINVAL with *why. */
int authenticate(const struct conn_config *cfg, const struct request *h,
		 const struct events_query *q, struct authentication *ret,
		 struct http_error *why);
void authentication_finish(struct authentication *a);

#endif
