/* Which Host the admin listener answers to. A page of another site can make a
 * browser send requests to a name of its own that leads here (DNS rebinding):
 * so only addresses, "localhost" and --admin-host are allowed. */
#ifndef SLUICE_ADMIN_HOST_H
#define SLUICE_ADMIN_HOST_H

#include <stdbool.h>
#include <stddef.h>

#include "http/request.h"

bool admin_host_is_allowed(const struct request *h, char *const *names,
			   size_t n);

#endif
