/* Times in nanoseconds, HDR-style: the width of the slots grows with the value,
 * so that each value has an error below 1 %, from 1 ns to hours. */
#ifndef BENCH_HISTOGRAM_H
#define BENCH_HISTOGRAM_H

#include <stddef.h>
#include <stdint.h>

enum {
	HISTOGRAM_BITS = 7, /* 128 slots an octave */
	HISTOGRAM_TOP = 44, /* higher values are counted as 2^44 ns */
	HISTOGRAM_SLOTS = (HISTOGRAM_TOP - HISTOGRAM_BITS + 1)
			  << HISTOGRAM_BITS,
};

/* All zero: empty. */
struct histogram {
	uint64_t n;
	uint64_t max;
	uint64_t slots[HISTOGRAM_SLOTS];
};

void histogram_add(struct histogram *h, uint64_t ns);
/* The value that `percent` of all do not exceed; 0 when empty. 100: the exact
 * maximum. */
uint64_t histogram_percentile(const struct histogram *h, double percent);
/* The highest value of the slot. */
uint64_t histogram_slot_top(size_t slot);

#endif
