/* What the kernel says of this process, for the metrics process_*. */
#ifndef SLUICE_PROCESS_H
#define SLUICE_PROCESS_H

#include "../core/metrics.h"

/* Sets those that can be read; the others stay as they are. `connections`: how
 * many descriptors are known to be clients'. */
void process_gauges(struct metrics *m, uint64_t connections);

#endif
