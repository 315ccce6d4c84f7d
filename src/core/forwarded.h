/* Who is behind the proxies, by the headers that they add: X-Forwarded-For, and
 * Forwarded (RFC 7239). */
#ifndef SLUICE_FORWARDED_H
#define SLUICE_FORWARDED_H

#include <stddef.h>

#include "address.h"
#include "http_head.h"

/* The nearest ones; what stands before so many is not looked at. */
enum { FORWARDED_HOPS = 32 };

/* The client of a request that came from `peer`. Whom a header names is
 * believed only to the word of a trusted one: from right to left, each proxy
 * names who came to it, and the first that is not trusted is the client. When
 * all are, it is the leftmost. Where one is named that is no address
 * ("unknown", "_hidden", a malformed value), the client is the proxy that said
 * so.
 *
 * A proxy adds to one header and passes the other on as the client sent it: so
 * when both are there and don't agree, neither is believed, and it is `peer`.
 */
struct address forwarded_client(const struct http_head *h,
				const struct address *peer,
				const struct address_range *trusted, size_t n);

#endif
