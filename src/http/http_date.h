/* Dates of HTTP (RFC 9110, section 5.6.7). */
#ifndef SLUICE_HTTP_DATE_H
#define SLUICE_HTTP_DATE_H

#include <stdint.h>

enum { HTTP_DATE_MAX = 30 };

/* Writes the IMF-fixdate of `seconds` since 1970, "Sun, 06 Nov 1994 08:49:37
 * GMT", to `out` (HTTP_DATE_MAX bytes). -ERANGE: a year of more than four
 * digits. */
int http_date_format(char *out, uint64_t seconds);

#endif
