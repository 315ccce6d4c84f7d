/* The connects of one gateway that take too long. The worker goes on with the
 * other servers, and returns to a server when its connect has returned. */
#ifndef SLUICE_NATS_HUNG_H
#define SLUICE_NATS_HUNG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "upstream/nats_connect.h"

enum {
	NATS_HUNG_MAX = 128,
	/* For each server. The second one may start after NATS_HUNG_RETRY_MS:
	 * the first never returns if the server died silently. */
	NATS_HUNG_PER_SERVER = 2,
	NATS_HUNG_RETRY_MS = 5 * 60 * 1000,
	/* For each server in the whole process: connects that were abandoned
	 * by gateways that have ended. */
	NATS_HUNG_ABANDONED_MAX = 2,
};

struct nats_hung_connect {
	struct nats_connect *connect;
	uint64_t since_ms;
};

/* Used by the worker's thread only. Zeroed at first. */
struct nats_hung {
	struct nats_hung_connect items[NATS_HUNG_MAX];
	size_t n;
};

/* Takes over a connect that the worker does not wait for any longer. */
void nats_hung_add(struct nats_hung *h, struct nats_connect *c,
		   uint64_t now_ms);
/* How many connects to the server hang. */
unsigned nats_hung_count(const struct nats_hung *h, const char *server);
/* The server is to be skipped for now. */
bool nats_hung_skips(const struct nats_hung *h, const char *server,
		     uint64_t now_ms);
/* Frees one connect that has returned, and copies its server to `out`. False:
 * none has. */
bool nats_hung_take_returned(struct nats_hung *h, char *out, size_t size);
/* Abandons all. */
void nats_hung_finish(struct nats_hung *h);

#endif
