/* Whether a request of a browser comes from a page of the gateway's own origin
 * (RFC 6454): protection against cross-site requests that carry a cookie. */
#ifndef SLUICE_SAME_ORIGIN_H
#define SLUICE_SAME_ORIGIN_H

#include <stdbool.h>

#include "base/span.h"
#include "http/request.h"

/* The scheme and the host that the client addressed. */
struct own_origin {
	struct span scheme;
	struct span host; /* with its port, if any; empty: unknown */
};

/* What the request itself says; the gateway does not speak TLS. `by_proxy`: it
 * comes from a trusted proxy, which may name others in X-Forwarded-Proto and
 * X-Forwarded-Host, or in Forwarded (RFC 7239: proto, host). Of a list the
 * first one counts: it is what the client addressed. Where the two kinds of
 * headers disagree, the host is unknown. (A page of another site cannot set
 * these headers.) */
struct own_origin own_origin_of(const struct request *h, bool by_proxy);

/* `origin`: header of the request, any bytes. True when it is own->scheme://
 * own->host; hosts are compared without case, and the default port of http and
 * https is the same as none. "null" is no origin. */
bool same_origin(const struct own_origin *own, struct span origin);

#endif
