/* Content negotiation: the Accept header (RFC 9110, section 12.5.1).
 *
 * Malformed ranges are ignored; without any good one (NULL, empty) everything
 * is acceptable. The most specific range wins, q=0 rules out; of equal ranges
 * one with q above 0 decides. Parameters are not compared: no type here has
 * variants. */
#ifndef SLUICE_ACCEPT_H
#define SLUICE_ACCEPT_H

#include <stdbool.h>
#include <stddef.h>

/* `accept`: all headers of that name, joined by ','; NULL for none. */
bool accept_allows(const char *accept, const char *type, const char *subtype);
/* True when the type is named in full, not by a wildcard, with q above 0. */
bool accept_names(const char *accept, const char *type, const char *subtype);
/* True when application/x-ndjson is named, and text/event-stream is not named
 * with the same or a higher weight: a client that takes anything gets events.
 */
bool accept_prefers_ndjson(const char *accept);

struct accept_offer {
	const char *type, *subtype;
};

/* Index of the offer with the highest weight; of equal ones a type that is
 * named in full comes before others, then the first one. -1: all are ruled
 * out. */
int accept_best(const char *accept, const struct accept_offer *offers,
		size_t n);

#endif
