/* Builds and wires every object of one gateway; the order of drain and stop.
 * The public functions of include/sluice.h are here too. */
#ifndef SLUICE_GATEWAY_H
#define SLUICE_GATEWAY_H

#include "config/options.h"
#include "gateway/inherited.h"
#include "sluice.h"

/* sluice_start() for options that the program has parsed itself, and with `n`
 * sockets that listen already, which are the gateway's from here on: the public
 * ones stand in place of --listen, the admin's in place of --admin-listen. */
int gateway_start(struct sluice **ret, struct uv_loop_s *loop,
		  const struct options *o, const struct inherited *sockets,
		  size_t n, char *err);
/* How it is, for people: "12 subscriptions, ready". */
void gateway_status(const struct sluice *gw, char *out, size_t size);

#endif
