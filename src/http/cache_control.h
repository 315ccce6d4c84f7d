/* Cache-Control of a response (RFC 9111, section 5.2.2). */
#ifndef SLUICE_CACHE_CONTROL_H
#define SLUICE_CACHE_CONTROL_H

#include <stdint.h>

/* Seconds that a private cache may use the response: max-age; 0 with no-cache
 * or no-store; UINT64_MAX without any of them. Of several the least counts. */
uint64_t cache_control_lifetime_s(const char *value);

#endif
