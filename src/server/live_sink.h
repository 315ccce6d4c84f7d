/* How the core_hub writes to connections. */
#ifndef SLUICE_LIVE_SINK_H
#define SLUICE_LIVE_SINK_H

struct core_sink;

const struct core_sink *live_sink(void);

#endif
