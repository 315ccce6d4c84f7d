/* A histogram with fixed bounds, as Prometheus wants it: how many values lie at
 * or below each bound, and their sum. Values are microseconds, and are shown as
 * seconds. */
#ifndef SLUICE_HISTOGRAM_H
#define SLUICE_HISTOGRAM_H

#include <stddef.h>
#include <stdint.h>

enum { HISTOGRAM_MAX = 16 };

/* Rising; `text` is the same in seconds, as it stands in the label "le". */
struct histogram_bound {
	uint64_t us;
	const char *text;
};

struct histogram {
	uint64_t count[HISTOGRAM_MAX +
		       1]; /* of each alone; the last: above all */
	uint64_t sum_us;
};

/* `n` values of `us` each. At most HISTOGRAM_MAX bounds. */
static inline void histogram_add(struct histogram *b,
				 const struct histogram_bound *bounds,
				 size_t n_bounds, uint64_t us, uint64_t n)
{
	size_t i = 0;

	while (i < n_bounds && us > bounds[i].us)
		i++;
	b->count[i] += n;
	b->sum_us += us * n;
}

#endif
