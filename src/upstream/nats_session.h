/* A session: one connection to one server. Only the worker's thread calls these
 * functions; messages go from nats.c's threads straight to the events mailbox.
 */
#ifndef SLUICE_NATS_SESSION_H
#define SLUICE_NATS_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "loop/mailbox.h"
#include "upstream/nats_options.h"
#include "upstream/nats_servers.h"

struct nats_hung;
struct nats_sender;
struct nats_session;

enum { NATS_SESSION_ERROR_MAX = NATS_OPTIONS_ERROR_MAX };

enum nats_session_state {
	NATS_SESSION_CONNECTING,
	NATS_SESSION_OPEN,
	NATS_SESSION_OVER, /* the connect failed, or the connection is lost */
};

/* Starts to connect. The mailboxes, the options and `hung` are borrowed; `hung`
 * gets the connect if it has not returned when the session is freed. `wake` is
 * woken when the state may have changed. NULL with `err`. */
struct nats_session *nats_session_new(struct nats_options *o,
				      const struct nats_servers_item *server,
				      struct mailbox *events,
				      struct mailbox *wake,
				      struct nats_hung *hung, char *err);
/* The current state. On the way to OPEN this subscribes, and waits a bounded
 * time until the server has processed that. OVER sets `err`. */
enum nats_session_state nats_session_poll(struct nats_session *s, char *err);
/* Unique in the process. */
uint64_t nats_session_number(const struct nats_session *s);
/* The server has announced its shutdown. */
bool nats_session_is_lame_duck(struct nats_session *s);
/* Adds the servers that this one has announced. */
void nats_session_discover(struct nats_session *s, struct nats_servers *into,
			   const struct nats_servers_item *from);
/* Sends the request of a command; one for another session is dropped. False
 * when the connection takes no more. */
bool nats_session_send(struct nats_session *s, const struct mailbox_message *m);
/* For messages of the outbox; of an open session. */
struct nats_sender *nats_session_sender(struct nats_session *s);
/* Waits a bounded time until the server has processed what was sent. */
void nats_session_flush(struct nats_session *s);
/* Closes it; no event follows. Bounded, except for a writer that waits in
 * `events`. Accepts NULL. */
void nats_session_free(struct nats_session *s);

/* Frees what nats.c keeps for the calling thread, before that ends. */
void nats_session_release_thread(void);

#endif
