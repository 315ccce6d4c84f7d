/* Builds and wires every object of one gateway; the order of drain and stop.
 * The public functions of include/sluice.h are here too. */
#ifndef SLUICE_GATEWAY_H
#define SLUICE_GATEWAY_H

#include "../include/sluice.h"
#include "core/options.h"

/* sluice_start() for options that the program has parsed itself. */
int gateway_start(struct sluice **ret, struct uv_loop_s *loop,
		  const struct options *o, char *err);

#endif
