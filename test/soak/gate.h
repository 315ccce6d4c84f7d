/* A gateway of the soak, with a fault proxy between it and the server. */
#ifndef SOAK_GATE_H
#define SOAK_GATE_H

#include <netinet/in.h>

#include "fault_proxy.h"
#include "gateway_proc.h"

enum { GATE_PING_MS = 5000, GATE_MAX_REPLAYS = 32 };

struct gate {
	struct gateway_proc proc;
	struct fault_proxy proxy;
	struct sockaddr_in at; /* of the public listener */
	bool open;	       /* clients may connect */
	bool ending;	       /* it was told to, and has not yet */
};

void gate_start(struct gate *g);
/* It has ended by itself, or by a signal; gateway_proc_wait_exit() is next. */
bool gate_has_ended(const struct gate *g);

#endif
