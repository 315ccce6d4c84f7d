/* A histogram with fixed bounds, in the sense of Prometheus. Values are in
 * microseconds and shown in seconds. */
#ifndef SLUICE_HISTOGRAM_H
#define SLUICE_HISTOGRAM_H

#include <stddef.h>
#include <stdint.h>

enum { HISTOGRAM_MAX = 16 };

/* In rising order; `text` is the label "le", in seconds. */
struct histogram_bound {
	uint64_t us;
	const char *text;
};

struct histogram {
	/* Values up to each bound and above the one before; then the rest. */
	uint64_t count[HISTOGRAM_MAX + 1];
	uint64_t sum_us;
};

/* Adds `n` values of `us`. At most HISTOGRAM_MAX bounds. */
static inline void histogram_add(struct histogram *h,
				 const struct histogram_bound *bounds,
				 size_t n_bounds, uint64_t us, uint64_t n)
{
	size_t i = 0;

	while (i < n_bounds && us > bounds[i].us)
		i++;
	h->count[i] += n;
	h->sum_us += us * n;
}

#endif
