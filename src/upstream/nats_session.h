/* One connection to one server: a session. Called by the worker alone; what
 * comes in goes straight from nats.c's threads into the events mailbox. */
#ifndef SLUICE_NATS_SESSION_H
#define SLUICE_NATS_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "loop/mailbox.h"
#include "upstream/nats_options.h"
#include "upstream/nats_servers.h"

struct nats_hung;
struct nats_session;

enum { NATS_SESSION_ERROR_MAX = NATS_OPTIONS_ERROR_MAX };

enum nats_session_state {
	NATS_SESSION_CONNECTING,
	NATS_SESSION_OPEN,
	NATS_SESSION_OVER, /* couldn't connect, or is disconnected */
};

/* Begins to connect. The mailboxes, the options and `hung` (which gets a
 * connect that has not returned when the session ends) are borrowed until the
 * end; whenever the state may have changed, `wake` is woken. NULL with `err`.
 */
struct nats_session *nats_session_new(struct nats_options *o,
				      const struct nats_servers_item *server,
				      struct mailbox *events,
				      struct mailbox *wake,
				      struct nats_hung *hung, char *err);
/* The state now. On the way to OPEN this subscribes, and waits for the server
 * to have done it (bounded). `err`, when OVER: why. */
enum nats_session_state nats_session_look(struct nats_session *s, char *err);
/* Of every session of the process another one. */
uint64_t nats_session_number(const struct nats_session *s);
/* The server has said that it will go away. */
bool nats_session_lame(struct nats_session *s);
/* What a server tells of others. */
void nats_session_discover(struct nats_session *s, struct nats_servers *into,
			   const struct nats_servers_item *from);
/* Carries out a command; one of another session is dropped. False when the
 * connection takes no more. */
bool nats_session_send(struct nats_session *s, const struct mailbox_message *l);
/* Waits (bounded) until the server has what was sent. */
void nats_session_flush(struct nats_session *s);
/* Ends it; afterwards nothing of it comes into the mailbox. Bounded, but for a
 * writer that waits in `events`. NULL is fine. */
void nats_session_free(struct nats_session *s);

/* A thread that has called these ends: what nats.c keeps for it is freed. */
void nats_session_leave_thread(void);

#endif
