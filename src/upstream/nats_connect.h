/* A connect in a thread of its own, because it can take long where no time-out
 * of nats.c reaches: in the name's resolution, in a TLS handshake, and (before
 * 3.8) between the server's INFO and its PONG. nats.c gives no way to end it.
 *
 * One that takes too long is hung: the worker keeps it in a list, goes on with
 * other servers, and with this one when the connect has returned. One that
 * still hangs when its gateway ends is left to its thread, which frees it. */
#ifndef SLUICE_NATS_CONNECT_H
#define SLUICE_NATS_CONNECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "loop/mailbox.h"
#include "upstream/nats_options.h"

struct __natsConnection; /* natsConnection */
struct nats_connect;

enum { NATS_CONNECT_ERROR_MAX = NATS_OPTIONS_ERROR_MAX };

/* Takes the natsOptions over, also on
 * failure; they may refer to `o`, of which a reference is taken. `wake` is
 * borrowed until the end, and woken when it is done. NULL with `err`. */
struct nats_connect *nats_connect_new(const struct nats_servers_item *server,
				      struct nats_options *o,
				      struct __natsOptions *nats_options,
				      struct mailbox *wake, char *err);
bool nats_connect_done(struct nats_connect *d);
/* Of one that is done: frees it, and returns the connection, or NULL with
 * `err`. */
struct __natsConnection *nats_connect_end(struct nats_connect *d, char *err);

/* ---- those that hang ----------------------------------------------------- */

enum {
	NATS_HUNG_MAX = 128,
	/* For each server; the second one is tried after NATS_HUNG_AGAIN_MS,
	 * since a server that died without a word never ends the first. */
	NATS_HUNG_PER_SERVER = 2,
	NATS_HUNG_AGAIN_MS = 5 * 60 * 1000,
	/* For each server in the whole process, of gateways that have ended. */
	NATS_HUNG_ENDED_MAX = 2,
};

/* Of one gateway; the worker's. Zeroed at first. */
struct nats_hung {
	struct nats_connect *dials[NATS_HUNG_MAX];
	size_t n;
};

/* Keeps it, unless it is done: then it is freed. */
void nats_hung_add(struct nats_hung *h, struct nats_connect *d,
		   uint64_t now_ms);
/* The server is not to be tried now. */
bool nats_hung_skips(const struct nats_hung *h, const char *server,
		     uint64_t now_ms);
/* Frees one that has returned: its server into `out`. False: there is none. */
bool nats_hung_take(struct nats_hung *h, char *out, size_t size);
/* The gateway ends: those left are their threads'. */
void nats_hung_finish(struct nats_hung *h);
/* How many connects to the server (NULL: to any) hang in the process, of
 * gateways that have ended. */
unsigned nats_hung_ended(const char *server);

/* What the calling thread's last call of nats.c has to say. */
void nats_connect_error(char *err, int status);

#endif
