/* What the kernel says of this process, for the metrics process_*. */
#ifndef SLUICE_PROCESS_STATS_H
#define SLUICE_PROCESS_STATS_H

#include "base/metrics.h"

/* What a gateway remembers between two readings; zeroed at first. */
struct process_stats {
	uint64_t boot_us;   /* time of the system's start, since 1970 */
	uint64_t other_fds; /* descriptors that are no client's, last counted */
};

/* Sets those that can be read; the others stay as they are. `connections`: how
 * many descriptors are known to be clients'. */
void process_stats_gauges(struct process_stats *stats, struct metrics *m,
			  uint64_t connections);

#endif
