/* Checks of option values, and the distance between option names. */
#ifndef SLUICE_OPTION_CHECKS_H
#define SLUICE_OPTION_CHECKS_H

#include <stddef.h>

/* Each ..._fault() returns NULL for a good value, otherwise what is wrong
 * (static). */

/* Name of the identity header: a token (RFC 9110, section 5.6.2) of at most 64
 * bytes without another meaning in a request for events. */
const char *option_checks_header_fault(const char *name);

/* Name of a message's header: a token of at most 64 bytes. */
const char *option_checks_event_header_fault(const char *name);

/* Name of a cookie: a token of at most 64 bytes. */
const char *option_checks_cookie_fault(const char *name);

/* Name of a query parameter: 1 to 64 bytes that need no percent-encoding (RFC
 * 3986, section 2.3), and not one of events_query.h. */
const char *option_checks_query_fault(const char *name);

const char *option_checks_mode_fault(const char *text);

/* Edit distance: insertions, deletions and replacements; UINT_MAX above 64
 * bytes. */
unsigned option_checks_distance(const char *a, const char *b);

#endif
