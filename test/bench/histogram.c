#include "histogram.h"

/* Values below 2^(BITS + 1) have a slot each. Above, the highest BITS + 1 bits
 * are kept: with `shift` bits cut off, what is left lies in [2^BITS,
 * 2^(BITS + 1)), and each octave's slots follow those of the one before. */

static size_t slot_of(uint64_t ns)
{
	unsigned shift;

	if (ns >> HISTOGRAM_TOP != 0)
		return HISTOGRAM_SLOTS - 1;
	if (ns >> HISTOGRAM_BITS == 0)
		return (size_t)ns;
	shift = 63U - (unsigned)__builtin_clzll(ns) - HISTOGRAM_BITS;
	return ((size_t)shift << HISTOGRAM_BITS) + (size_t)(ns >> shift);
}

uint64_t histogram_slot_top(size_t slot)
{
	size_t shift = slot >> HISTOGRAM_BITS;
	uint64_t kept;

	if (shift <= 1)
		return slot;
	shift--;
	kept = slot - (shift << HISTOGRAM_BITS);
	return ((kept + 1) << shift) - 1;
}

void histogram_add(struct histogram *h, uint64_t ns)
{
	h->n++;
	if (ns > h->max)
		h->max = ns;
	h->slots[slot_of(ns)]++;
}

/* Number of values at or below the percentile: rounded up, 1 at least. */
static uint64_t rank_of(uint64_t n, double percent)
{
	double exact = (double)n * percent / 100.0;
	uint64_t rank = (uint64_t)exact;

	if ((double)rank < exact)
		rank++;
	return rank == 0 ? 1 : rank;
}

uint64_t histogram_percentile(const struct histogram *h, double percent)
{
	uint64_t rank = rank_of(h->n, percent);
	uint64_t seen = 0;

	if (h->n == 0)
		return 0;
	if (rank >= h->n)
		return h->max;
	for (size_t i = 0; i < HISTOGRAM_SLOTS; i++) {
		uint64_t top = histogram_slot_top(i);

		seen += h->slots[i];
		if (seen >= rank)
			return top < h->max ? top : h->max;
	}
	return h->max;
}
