/* Results: one JSON object, as text for people and as a file for programs. */
#ifndef BENCH_REPORT_H
#define BENCH_REPORT_H

#include <jansson.h>

#include "histogram.h"

/* Percentiles in milliseconds, and under "slots" pairs of a slot's top in
 * nanoseconds and its count, so that several can be put together. */
json_t *report_histogram(const struct histogram *h);
/* What this process has used: CPU seconds, peak memory. */
json_t *report_self(void);
/* One line "p50 1.234 p90 ..." in milliseconds, static. */
const char *report_percentiles(const struct histogram *h);
/* Prints all but the slots, and writes the file when `path` is not NULL. 0, or
 * -EIO. Takes the reference. */
int report_end(json_t *result, const char *path);

#endif
