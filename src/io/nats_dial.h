/* A connect in a thread of its own, because it can take long where no time-out
 * of nats.c reaches: in the name's resolution, in a TLS handshake, and (before
 * 3.8) between the server's INFO and its PONG. One that nobody waits for any
 * more is left behind; its thread frees all when it returns. */
#ifndef SLUICE_NATS_DIAL_H
#define SLUICE_NATS_DIAL_H

#include <stdbool.h>

#include "mailbox.h"
#include "nats_options.h"

struct __natsConnection; /* natsConnection */
struct nats_dial;

enum { NATS_DIAL_ERROR_MAX = NATS_OPTIONS_ERROR_MAX };

/* Takes the natsOptions over, also on failure; they may refer to `o`, of which
 * a reference is taken. `wake` is borrowed until the end, and woken when it is
 * done. NULL with `err`. */
struct nats_dial *nats_dial_new(struct nats_options *o,
				struct __natsOptions *nats_options,
				struct mailbox *wake, char *err);
bool nats_dial_done(struct nats_dial *d);
/* Frees it: the connection; or NULL, with `err` when it is done. One that is
 * not is left behind. */
struct __natsConnection *nats_dial_end(struct nats_dial *d, char *err);

/* How many of the process were left behind and have not returned. */
unsigned nats_dial_left_behind(void);
/* What the calling thread's last call of nats.c has to say. */
void nats_dial_error(char *err, int status);

#endif
