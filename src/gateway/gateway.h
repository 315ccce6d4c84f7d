/* Builds the parts of one gateway, wires them by callbacks, and ends them in
 * order. `struct sluice` of the public interface is the gateway. */
#ifndef SLUICE_GATEWAY_H
#define SLUICE_GATEWAY_H

#include <stdbool.h>
#include <stddef.h>

#include "config/options.h"
#include "gateway/systemd.h"
#include "sluice.h"

/* sluice_start() for parsed options, and with `n` inherited listening sockets,
 * which belong to the gateway from here on: public ones take the place of
 * --listen, admin ones that of --admin-listen. */
int gateway_start(struct sluice **ret, struct uv_loop_s *loop,
		  const struct options *o, const struct systemd_socket *sockets,
		  size_t n, char *err);
/* As sluice_drain(), sluice_stop(), sluice_reopen(). */
void gateway_drain(struct sluice *gw, sluice_done_cb done, void *arg);
void gateway_stop(struct sluice *gw, sluice_done_cb done, void *arg);
void gateway_reopen(struct sluice *gw);

/* As sluice_address(). */
int gateway_address(const struct sluice *gw, size_t index, char *out,
		    size_t size);
/* False sets `why`, a constant. */
bool gateway_ready(const struct sluice *gw, const char **why);
size_t gateway_subscriptions(const struct sluice *gw);
/* One line for the operator: "12 subscriptions, ready". */
void gateway_status(const struct sluice *gw, char *out, size_t size);

#endif
