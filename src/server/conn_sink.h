/* How the hub writes to connections. */
#ifndef SLUICE_CONN_SINK_H
#define SLUICE_CONN_SINK_H

#include "delivery/hub_sink.h"

const struct hub_sink *conn_sink(void);

#endif
