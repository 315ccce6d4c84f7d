/* Headers that may come more than once. */
#ifndef SLUICE_JOINED_HEADERS_H
#define SLUICE_JOINED_HEADERS_H

#include "http/request.h"

/* All headers of the name as one value, joined by ',' (RFC 9110, 5.3); NULL for
 * none. *owned is to be freed. -ENOMEM or 0. */
int joined_headers(const struct request *h, const char *name, const char **ret,
		   char **owned);

#endif
