/* The kernel's counters of this process, for the metrics process_*. */
#ifndef SLUICE_PROCESS_STATS_H
#define SLUICE_PROCESS_STATS_H

#include "base/metrics.h"

/* State between two readings. Zeroed at first. */
struct process_stats {
	uint64_t boot_us;   /* time of the system's start, since 1970 */
	uint64_t other_fds; /* descriptors besides connections, last counted */
};

/* Sets the gauges that can be read; the others stay as they are. `connections`:
 * number of clients' descriptors. */
void process_stats_gauges(struct process_stats *stats, struct metrics *m,
			  uint64_t connections);

#endif
