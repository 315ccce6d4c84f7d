/* Random numbers that a seed repeats (splitmix64). */
#ifndef SOAK_SEEDED_RANDOM_H
#define SOAK_SEEDED_RANDOM_H

#include <stdbool.h>
#include <stdint.h>

struct seeded_random {
	uint64_t state;
};

static inline uint64_t seeded_random_mix(uint64_t x)
{
	x += 0x9E3779B97F4A7C15U;
	x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9U;
	x = (x ^ (x >> 27)) * 0x94D049BB133111EBU;
	return x ^ (x >> 31);
}

static inline uint64_t seeded_random_next(struct seeded_random *d)
{
	d->state += 0x9E3779B97F4A7C15U;
	return seeded_random_mix(d->state);
}

/* lo to hi, both included. */
static inline unsigned seeded_random_range(struct seeded_random *d, unsigned lo,
					   unsigned hi)
{
	return lo + (unsigned)(seeded_random_next(d) % ((uint64_t)hi - lo + 1));
}

static inline bool seeded_random_one_in(struct seeded_random *d, unsigned n)
{
	return seeded_random_next(d) % n == 0;
}

#endif
