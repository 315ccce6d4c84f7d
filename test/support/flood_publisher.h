/* A publisher that lives through everything that happens to its server: a
 * thread that writes PUB lines to a plain socket, at a steady rate, and
 * connects again, for ever, when the server goes away. What was under way then
 * may be stored or not: ask the stream. As long as the server is not killed,
 * all of it is. */
#ifndef TEST_FLOOD_PUBLISHER_H
#define TEST_FLOOD_PUBLISHER_H

#include <stdbool.h>
#include <stdint.h>

struct flood_publisher;

/* To the subjects "events.u0" to "events.u(n-1)" in turn, `rate` messages a
 * second in all. A payload begins with its number: 1, 2, 3 ... for each
 * subject. */
struct flood_publisher *flood_publisher_start(int port, unsigned n_subjects,
					      unsigned rate);
/* How many were written so far. */
uint64_t flood_publisher_sent(struct flood_publisher *f);
/* Until that many were written. */
void flood_publisher_wait(struct flood_publisher *f, uint64_t n);
/* Ends it, and frees. Waits so long for the server to take what was written;
 * false when it did not. NULL is fine. */
bool flood_publisher_stop(struct flood_publisher *f, unsigned wait_ms);

#endif
