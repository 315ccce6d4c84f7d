/* Times as JetStream writes them in its JSON. */
#ifndef SLUICE_JS_TIME_H
#define SLUICE_JS_TIME_H

#include <stddef.h>
#include <stdint.h>

/* RFC 3339 with up to nine digits of a second, 'Z' or an offset, to
 * nanoseconds since 1970. -EINVAL, also for what 64 bits can't hold. */
int js_time_parse(uint64_t *ret, const char *text, size_t len);

#endif
