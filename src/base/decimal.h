/* Unsigned decimal numbers of a given length. */
#ifndef SLUICE_DECIMAL_H
#define SLUICE_DECIMAL_H

#include <stddef.h>
#include <stdint.h>

/* Digits and nothing else, at most 20. -EINVAL, also for more than 64 bits. */
int decimal_parse(uint64_t *ret, const char *text, size_t len);

#endif
