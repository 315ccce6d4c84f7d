/* A gateway of the soak, with a fault proxy between it and the server. */
#ifndef SOAK_SOAK_GATEWAY_H
#define SOAK_SOAK_GATEWAY_H

#include <netinet/in.h>

#include "fault_proxy.h"
#include "gateway_proc.h"

enum { SOAK_GATEWAY_PING_MS = 5000, SOAK_GATEWAY_MAX_REPLAYS = 32 };

struct soak_gateway {
	struct gateway_proc proc;
	struct fault_proxy proxy;
	struct sockaddr_in at; /* of the public listener */
	bool open;	       /* clients may connect */
	bool ending;	       /* it got a signal, and has not ended yet */
};

void soak_gateway_start(struct soak_gateway *g);
/* It has ended by itself, or by a signal; gateway_proc_wait_exit() is next. */
bool soak_gateway_has_ended(const struct soak_gateway *g);

#endif
