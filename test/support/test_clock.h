/* Time for tests' deadlines. */
#ifndef TEST_CLOCK_H
#define TEST_CLOCK_H

#include <stdint.h>
#include <time.h>

/* Monotonic milliseconds. */
static inline uint64_t test_now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

/* What is left until a deadline, for poll(). */
static inline int test_ms_left(uint64_t deadline_ms)
{
	uint64_t now = test_now_ms();

	return now >= deadline_ms ? 0 : (int)(deadline_ms - now);
}

#endif
