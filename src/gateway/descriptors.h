/* The file descriptors of the process, as far as a gateway needs them. */
#ifndef SLUICE_DESCRIPTORS_H
#define SLUICE_DESCRIPTORS_H

#include <stddef.h>

#include "base/log.h"
#include "config/options.h"

struct uv_loop_s;

/* --max-connections; by default as many as the soft limit of descriptors allows
 * besides the gateway's other descriptors. */
size_t descriptors_max_connections(const struct options *o,
				   const struct log *log);
/* Makes room in the kernel's table for so many connections. For the start,
 * before there are many threads. */
void descriptors_enlarge_table(struct uv_loop_s *loop, size_t connections);

#endif
