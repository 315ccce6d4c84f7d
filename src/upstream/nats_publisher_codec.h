/* The messages of publishes, requests and core subscriptions between the loop
 * and the threads of NATS, as nats_codec.h has those of JetStream: flat structs
 * with bytes after them. nats.c is not called. */
#ifndef SLUICE_NATS_PUBLISHER_CODEC_H
#define SLUICE_NATS_PUBLISHER_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"
#include "loop/mailbox.h"
#include "nats/publisher.h"

/* ---- loop -> worker ------------------------------------------------------ */

enum nats_outgoing_kind {
	NATS_OUTGOING_PUBLISH,
	NATS_OUTGOING_REQUEST,
	NATS_OUTGOING_SUBSCRIBE,
	NATS_OUTGOING_UNSUBSCRIBE,
};

/* Subject and reply end with a NUL behind their length. */
struct nats_outgoing {
	enum nats_outgoing_kind kind;
	uint64_t session; /* dropped in any other session */
	uint64_t id;
	uint64_t deadline_ms;
	struct span subject;
	struct span reply; /* SUBSCRIBE: the queue group */
	struct span headers;
	struct span data;
};

/* Copies it into the mailbox. -EINVAL: a NUL in the subject or the reply;
 * -ENOBUFS: full; or as mailbox_reserve(). */
int nats_outgoing_post(struct mailbox *to, const struct nats_outgoing *out);
/* `ret` points into `m`. */
void nats_outgoing_read(struct nats_outgoing *ret,
			const struct mailbox_message *m);

/* ---- NATS's threads -> loop ---------------------------------------------- */

/* The bytes of an event are bounded by nats.c, which has 31 bits for them. 0,
 * or as mailbox_reserve(). */
int nats_publisher_event_post(struct mailbox *to, uint64_t session,
			      const struct publisher_event *ev,
			      enum mailbox_full full);
/* The mailbox has other messages, too. */
bool nats_publisher_event_is(const struct mailbox_message *m);
/* Returns the session; `ret` points into `m`. */
uint64_t nats_publisher_event_read(struct publisher_event *ret,
				   const struct mailbox_message *m);

#endif
