/* Random numbers that a seed repeats (splitmix64). */
#ifndef SOAK_DICE_H
#define SOAK_DICE_H

#include <stdbool.h>
#include <stdint.h>

struct dice {
	uint64_t state;
};

static inline uint64_t dice_mix(uint64_t x)
{
	x += 0x9E3779B97F4A7C15U;
	x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9U;
	x = (x ^ (x >> 27)) * 0x94D049BB133111EBU;
	return x ^ (x >> 31);
}

static inline uint64_t dice_next(struct dice *d)
{
	d->state += 0x9E3779B97F4A7C15U;
	return dice_mix(d->state);
}

/* lo to hi, both included. */
static inline unsigned dice_range(struct dice *d, unsigned lo, unsigned hi)
{
	return lo + (unsigned)(dice_next(d) % ((uint64_t)hi - lo + 1));
}

static inline bool dice_one_in(struct dice *d, unsigned n)
{
	return dice_next(d) % n == 0;
}

#endif
