/* --healthcheck: asks a running gateway with the same options whether it is
 * live or ready. Blocks for a few seconds at most: for a program that does
 * nothing else. */
#ifndef SLUICE_HEALTHCHECK_H
#define SLUICE_HEALTHCHECK_H

#include <stdbool.h>

#include "config/options.h"

enum { HEALTHCHECK_LINE_MAX = 384 };

/* GET /livez, or with HEALTHCHECK_READY /readyz, on the first admin listener,
 * or else on the first public one. `line` (HEALTHCHECK_LINE_MAX bytes) gets the
 * result for the operator. */
bool healthcheck_ask(const struct options *o, char *line);

#endif
