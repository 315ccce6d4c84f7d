/* The result: one JSON object, printed as text and written to a file. */
#ifndef BENCH_REPORT_H
#define BENCH_REPORT_H

#include <jansson.h>

#include "histogram.h"

/* Percentiles in milliseconds, and in "slots" pairs of a slot's top in
 * nanoseconds and its count, so that histograms can be merged. */
json_t *report_histogram(const struct histogram *h);
/* CPU seconds and peak memory of this process. */
json_t *report_self(void);
/* A line "p50 1.234 p90 ..." in milliseconds, in static memory. */
const char *report_percentiles(const struct histogram *h);
/* Prints all but the slots, and writes the file when `path` is not NULL. 0, or
 * -EIO. Takes ownership of `result`. */
int report_end(json_t *result, const char *path);

#endif
