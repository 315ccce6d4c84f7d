/* Who is behind the proxies, by the headers that they add: X-Forwarded-For, and
 * Forwarded (RFC 7239). */
#ifndef SLUICE_FORWARDED_H
#define SLUICE_FORWARDED_H

#include <stdbool.h>
#include <stddef.h>

#include "base/address.h"
#include "http/request.h"

/* The nearest ones; what stands before so many is not looked at. */
enum { FORWARDED_HOPS = 32 };

/* Which of the two headers each proxy sends, learnt from its requests. A proxy
 * adds its header to every request, and clients can only add others: so a
 * request with one of the headers alone proves that the proxy adds no other.
 * Only the latest FORWARDED_PROXIES are kept. Zeroed: nothing learnt yet. */
enum { FORWARDED_PROXIES = 64 };

struct forwarded_proxies {
	struct forwarded_proxy {
		struct address peer;
		bool list_alone;      /* seen with X-Forwarded-For alone */
		bool forwarded_alone; /* seen with Forwarded alone */
	} at[FORWARDED_PROXIES];
	size_t n; /* all that were ever added; a ring */
};

/* The client of a request that came from `peer`. Whom a header names is
 * believed only to the word of a trusted one: from right to left, each proxy
 * names who came to it, and the first that is not trusted is the client. When
 * all are, it is the leftmost. Where one is named that is no address
 * ("unknown", "_hidden", a malformed value), the client is the proxy that said
 * so.
 *
 * A proxy adds to one header and passes the other on as the client sent it. So
 * when both are there and do not agree, the one that this peer was seen to send
 * alone is believed; while that is not known (or both were seen alone, by one
 * address with several proxies behind it), the client is `peer`. */
struct address forwarded_client(struct forwarded_proxies *proxies,
				const struct request *h,
				const struct address *peer,
				const struct address_range *trusted, size_t n);

#endif
