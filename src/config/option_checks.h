/* Checks of option values, and the distance between option names. */
#ifndef SLUICE_OPTION_CHECKS_H
#define SLUICE_OPTION_CHECKS_H

#include <stddef.h>

/* A header's name: a token (RFC 9110, section 5.6.2) of at most 64 bytes that
 * has no other meaning in a request for a stream. */
const char *option_checks_header_fault(const char *name);

/* A cookie's name: a token of at most 64 bytes. */
const char *option_checks_cookie_fault(const char *name);

/* A query parameter's name: 1 to 64 bytes that need no percent-encoding
 * (RFC 3986, section 2.3), and none of our own parameters. */
const char *option_checks_query_fault(const char *name);

const char *option_checks_mode_fault(const char *text);

/* How many insertions, deletions and replacements lead from a to b; UINT_MAX
 * for more than 64 bytes. */
unsigned option_checks_distance(const char *a, const char *b);

#endif
