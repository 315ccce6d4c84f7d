/* A message on its way into the stream: it is published, acknowledged and, as
 * the duplicate of a key, compared with the message that the stream has: a key
 * belongs to one subject. At most one publish, no retries. */
#ifndef SLUICE_STREAM_PUBLISH_H
#define SLUICE_STREAM_PUBLISH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"
#include "nats/js_pub_ack.h"
#include "nats/messenger.h"
#include "nats/publish_error.h"

struct conn_set;
struct stream_publish;

/* The last call; the memory is the owner's again. PUBLISH_FAILURES: `ack` has
 * the acknowledgement, or JetStream's error. */
typedef void (*stream_publish_cb)(struct stream_publish *p,
				  enum publish_failure failure);

/* Part of its owner's struct. Zeroed: none. */
struct stream_publish {
	struct outgoing outgoing;
	struct conn_set *conns;
	stream_publish_cb on_end;
	struct span subject;   /* borrowed until on_end() */
	struct js_pub_ack ack; /* after on_end() */
	char *lookup_subject;  /* of the API; NULL: none */
	bool is_other_message; /* found by the look-up of a duplicate */
};

/* Headers and data are borrowed for the call, the subject until on_end(), which
 * comes later and never inside of the call. PUBLISH_FAILURES: it is on its way;
 * another value: surely not sent, and no callback comes. */
enum publish_failure stream_publish_start(
	struct stream_publish *p, struct conn_set *conns,
	const struct messenger_message *message, stream_publish_cb on_end);
/* No callback comes any more; a no-op for one that is zeroed, or has ended. */
void stream_publish_cancel(struct stream_publish *p);

/* Of on_end(): false with *ret for a message that is not stored, or not known
 * to be. Its text is borrowed from `p`. Counts the result. */
bool stream_publish_is_stored(const struct stream_publish *p,
			      enum publish_failure failure, bool is_conditional,
			      struct publish_error *ret);
/* Counts a message that did not get so far. */
void stream_publish_count_error(struct conn_set *conns,
				const struct publish_error *e);

#endif
