/* The worker's side of publishes, requests and core subscriptions: takes
 * messages out of the outbox in pieces, and sends them. */
#ifndef SLUICE_NATS_SENDER_H
#define SLUICE_NATS_SENDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "loop/mailbox.h"
#include "upstream/nats_inbox.h"

struct nats_fence;
struct nats_subscriptions;
struct __natsConnection; /* natsConnection */

enum {
	/* The kind of a reply subject; above those of enum nats_command_kind.
	 */
	NATS_SENDER_REPLY = 100,
	NATS_SENDER_MESSAGES = 128, /* of a piece */
	NATS_SENDER_BYTES = 128 * 1024,
};

struct nats_sender {
	struct __natsConnection *conn;
	const struct nats_inbox *inbox;
	struct mailbox *events;
	struct nats_fence *fence;
	struct nats_subscriptions *subscriptions;
	struct buf scratch;
	/* The piece being sent. */
	const struct mailbox_message *messages[NATS_SENDER_MESSAGES];
	size_t n;
	size_t next;
};

/* All borrowed. */
void nats_sender_init(struct nats_sender *s, struct __natsConnection *conn,
		      const struct nats_inbox *inbox, struct mailbox *events,
		      struct nats_fence *fence,
		      struct nats_subscriptions *subscriptions);
void nats_sender_finish(struct nats_sender *s);

/* Posts PUBLISHER_UP; as nats_codec_session(). */
int nats_sender_post_up(struct nats_sender *s);
/* Takes the next piece, and posts PUBLISHER_SENT for its messages. False: the
 * batch is at its end, or nothing can be posted: then nothing of the batch is
 * sent any more. The messages live until the batch is returned. */
bool nats_sender_take(struct nats_sender *s, struct mailbox_batch *batch,
		      uint64_t now_ms);
/* Sends the next message of the piece. 1; 0 at its end; negative when the
 * connection takes no more. */
int nats_sender_send(struct nats_sender *s);
/* After a batch, and when there was none: sends a fence if one is wanted, and
 * writes at once what nats.c would keep for a millisecond. */
void nats_sender_flush(struct nats_sender *s, bool any_sent);

/* The id of a request by its reply subject. -EINVAL: of something else. */
int nats_sender_read_reply(uint64_t *ret, const struct nats_inbox *inbox,
			   const char *subject);
/* Posts PUBLISHER_REPLY, or PUBLISHER_FAILED for the server's status "no
 * responders"; may wait for room. `headers`: the raw block. */
void nats_sender_post_reply(struct mailbox *events,
			    const struct nats_inbox *inbox, uint64_t id,
			    struct span subject, struct span headers,
			    struct span data);

#endif
