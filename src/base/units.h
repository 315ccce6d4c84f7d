/* The text forms of settings: durations, sizes, counts. Each is printed back in
 * the form that it is read in. */
#ifndef SLUICE_UNITS_H
#define SLUICE_UNITS_H

#include <stdbool.h>
#include <stdint.h>

enum { UNITS_TEXT_MAX = 32 };

/* "250ms", "30s", "5m", "1h", "0". -EINVAL for any other form and for what does
 * not fit. */
int units_duration(const char *text, uint64_t *ms);

/* "64KiB", "8MiB", "1GiB", plain bytes. -EINVAL. */
int units_size(const char *text, uint64_t *bytes);

/* Decimal digits only. -EINVAL. */
int units_count(const char *text, uint64_t *n);

/* "1" or "0". -EINVAL. */
int units_bool(const char *text, bool *ret);

/* The shortest form that is exact; `out` has UNITS_TEXT_MAX bytes. */
void units_duration_text(uint64_t ms, char *out);

void units_size_text(uint64_t bytes, char *out);

/* Permissions of a file in octal: "660", "0660". -EINVAL. */
int units_mode(const char *text, int *ret);

#endif
