/* The client behind proxies, by the headers that they add: X-Forwarded-For and
 * Forwarded (RFC 7239). */
#ifndef SLUICE_FORWARDED_H
#define SLUICE_FORWARDED_H

#include <stdbool.h>
#include <stddef.h>

#include "base/address.h"
#include "http/request.h"

/* Limit of evaluated hops, from the nearest one. */
enum { FORWARDED_HOPS = 32 };

/* Which of the two headers each proxy adds, learnt from its requests. A proxy
 * adds its header to every request, and clients can only add others: a request
 * with one of the headers alone proves that the proxy does not add the other
 * one. The latest FORWARDED_PROXIES proxies are kept. Zeroed: nothing
 * learnt. */
enum { FORWARDED_PROXIES = 64 };

struct forwarded_proxies {
	struct forwarded_proxy {
		struct address peer;
		bool list_alone;      /* seen: X-Forwarded-For alone */
		bool forwarded_alone; /* seen: Forwarded alone */
	} at[FORWARDED_PROXIES];
	size_t n; /* all ever added; a ring */
};

/* The client of a request from `peer`. Only trusted addresses are believed:
 * from right to left, each proxy names the address of its peer, and the first
 * one that is not trusted is the client. When all are trusted it is the
 * leftmost. Where a proxy names no address ("unknown", "_hidden", a malformed
 * value), the client is that proxy.
 *
 * A proxy adds to one header and forwards the other one as the client sent it.
 * When both are there and disagree, the header decides that this peer is known
 * to add; while that is unknown (or both were seen alone, from one address with
 * several proxies), the client is `peer`. */
struct address forwarded_client(struct forwarded_proxies *proxies,
				const struct request *h,
				const struct address *peer,
				const struct address_range *trusted, size_t n);

#endif
