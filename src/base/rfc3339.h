/* Times of JetStream's JSON (RFC 3339). */
#ifndef SLUICE_RFC3339_H
#define SLUICE_RFC3339_H

#include <stddef.h>
#include <stdint.h>

/* RFC 3339 with up to nine decimals of a second and 'Z' or an offset, as
 * nanoseconds since 1970. -EINVAL, also for a time that 64 bits cannot hold. */
int rfc3339_parse(uint64_t *ret, const char *text, size_t len);

enum { RFC3339_MAX = 31 };
/* Writes "2026-11-28T08:31:50.000000001Z" to `out` (RFC3339_MAX bytes). */
void rfc3339_format(char *out, uint64_t ns);

#endif
