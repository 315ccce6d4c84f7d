/* Time for tests' deadlines. */
#ifndef TEST_CLOCK_H
#define TEST_CLOCK_H

#include <stdint.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/* Monotonic milliseconds. */
static inline uint64_t test_now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

/* When a wait for a condition fails, `ms` from now on a machine that is idle.
 * One with other work gets the more time, the more processes share a processor;
 * up to eight times. Not for what must be done within a time. */
static inline uint64_t test_deadline_ms(uint64_t ms)
{
	long processors = sysconf(_SC_NPROCESSORS_ONLN);
	double load = 0, factor;

	if (getloadavg(&load, 1) != 1 || processors < 1)
		load = 0;
	factor = 1 + load / (double)(processors < 1 ? 1 : processors);
	return test_now_ms() +
	       (uint64_t)((double)ms * (factor > 8 ? 8 : factor));
}

/* What is left until a deadline, for poll(). */
static inline int test_ms_left(uint64_t deadline_ms)
{
	uint64_t now = test_now_ms();

	return now >= deadline_ms ? 0 : (int)(deadline_ms - now);
}

#endif
