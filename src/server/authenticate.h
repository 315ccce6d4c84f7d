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

/* 0 or -EINVAL with *why. *end_ms: when a subscription with this token ends, in
 * ms since 1970; UINT64_MAX: never. */
int authenticate(const struct conn_config *cfg, const struct request *h,
		 const struct events_query *q, struct identity *ret,
		 uint64_t *end_ms, struct http_error *why);

#endif
