/* A connect in a thread of its own: it can take long where no timeout of nats.c
 * applies, in name resolution, in a TLS handshake, and (before nats.c 3.8)
 * between the server's INFO and its PONG. nats.c cannot interrupt it. A caller
 * that does not wait any longer abandons it to its thread. */
#ifndef SLUICE_NATS_CONNECT_H
#define SLUICE_NATS_CONNECT_H

#include <stdbool.h>

#include "loop/mailbox.h"
#include "upstream/nats_options.h"

struct __natsConnection; /* natsConnection */
struct nats_connect;

enum { NATS_CONNECT_ERROR_MAX = NATS_OPTIONS_ERROR_MAX };

/* Starts to connect. Takes the natsOptions over, also on failure; they may
 * refer to `o`, of which a reference is taken. `wake` is woken when it is done,
 * and borrowed until finish or abandon. NULL with `err`. */
struct nats_connect *nats_connect_new(const struct nats_servers_item *server,
				      struct nats_options *o,
				      struct __natsOptions *nats_options,
				      struct mailbox *wake, char *err);
bool nats_connect_done(struct nats_connect *c);
/* The server's URL, without userinfo. */
const char *nats_connect_server(const struct nats_connect *c);
/* Frees one that is done. Returns the connection, or NULL with `err`. */
struct __natsConnection *nats_connect_finish(struct nats_connect *c, char *err);
/* Frees it with its result, or leaves that to its thread if it is not done. */
void nats_connect_abandon(struct nats_connect *c);
/* How many abandoned connects to the server (NULL: to any) the process still
 * has. */
unsigned nats_connect_abandoned(const char *server);

/* The error of the calling thread's last call of nats.c (`err` has
 * NATS_CONNECT_ERROR_MAX bytes). `status` is its natsStatus. */
void nats_connect_error(char *err, int status);

#endif
