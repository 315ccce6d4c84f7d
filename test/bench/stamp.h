/* The first bytes of each message of a benchmark: its number among those of its
 * id, and its time of publishing. Sixteen bytes, to fit the smallest payload;
 * digits of base 64: text that is parsed without a division. */
#ifndef BENCH_STAMP_H
#define BENCH_STAMP_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

enum { STAMP_LEN = 16 };

struct stamp {
	uint64_t number; /* from 1; below 2^36 */
	uint64_t ns;	 /* CLOCK_MONOTONIC; below 2^54 */
};

void stamp_put(char out[STAMP_LEN], const struct stamp *s);
/* False: the bytes are not a stamp. */
bool stamp_get(const char in[STAMP_LEN], struct stamp *s);

static inline uint64_t stamp_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000U + (uint64_t)ts.tv_nsec;
}

#endif
