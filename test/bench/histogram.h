/* Times in nanoseconds, HDR-style: counters whose width grows with the value,
 * so that every one is known to better than 1 %, from 1 ns to hours. */
#ifndef BENCH_HISTOGRAM_H
#define BENCH_HISTOGRAM_H

#include <stddef.h>
#include <stdint.h>

enum {
	HISTOGRAM_BITS = 7, /* 128 counters an octave */
	HISTOGRAM_TOP = 44, /* values from 2^44 ns on are counted as that */
	HISTOGRAM_SLOTS = (HISTOGRAM_TOP - HISTOGRAM_BITS + 1)
			  << HISTOGRAM_BITS,
};

/* Zeroed is an empty one. */
struct histogram {
	uint64_t n;
	uint64_t max;
	uint64_t slots[HISTOGRAM_SLOTS];
};

void histogram_add(struct histogram *h, uint64_t ns);
/* The value that `percent` of all are not above; 0 when there is none. 100 is
 * the maximum, exactly. */
uint64_t histogram_percentile(const struct histogram *h, double percent);
/* The highest value that is counted in the slot. */
uint64_t histogram_slot_top(size_t slot);

#endif
