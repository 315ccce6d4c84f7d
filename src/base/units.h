/* Text forms of settings: durations, sizes, counts, bools, file modes. */
#ifndef SLUICE_UNITS_H
#define SLUICE_UNITS_H

#include <stdbool.h>
#include <stdint.h>

enum { UNITS_TEXT_MAX = 32 };

/* "250ms", "30s", "5m", "1h", "0". -EINVAL for another form and beyond 64 bits.
 */
int units_duration(const char *text, uint64_t *ms);

/* "64KiB", "8MiB", "1GiB", or bytes. -EINVAL. */
int units_size(const char *text, uint64_t *bytes);

/* Decimal digits only. -EINVAL. */
int units_count(const char *text, uint64_t *n);

/* "1" or "0". -EINVAL. */
int units_bool(const char *text, bool *ret);

/* The shortest exact form, to `out` (UNITS_TEXT_MAX bytes). */
void units_duration_text(uint64_t ms, char *out);

void units_size_text(uint64_t bytes, char *out);

/* Octal permissions: "660", "0660". -EINVAL. */
int units_mode(const char *text, int *ret);

#endif
