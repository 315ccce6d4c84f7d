/* Sends messages by a publisher (publisher.h), and reports to each sender what
 * became of its own: acknowledged, replied to, failed, unknown. One for each
 * gateway. Pure: events and time come in as calls, and nothing is reported
 * inside of a sender's call. */
#ifndef SLUICE_MESSENGER_H
#define SLUICE_MESSENGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/metrics.h"
#include "base/span.h"
#include "nats/flights.h"
#include "nats/publisher.h"

struct outgoing;

struct outgoing_cbs {
	/* A reply: of a request, the acknowledgement of a JetStream publish.
	 * All borrowed. More may follow, then on_end(). */
	void (*on_reply)(struct outgoing *o,
			 const struct publisher_event *reply);
	/* Once, the last call: the outgoing is in the messenger no more and may
	 * be freed. PUBLISH_FAILURES: all is done. A reply that is the last
	 * one by number is followed by this call at once. */
	void (*on_end)(struct outgoing *o, enum publish_failure failure);
};

/* A message on its way; part of its sender's struct. Zeroed: none. */
struct outgoing {
	struct flight flight;
	const struct outgoing_cbs *cbs;
	struct span subject; /* borrowed until on_end() */
	uint64_t sent_ms;
	bool is_core; /* by messenger_publish() */
};

struct messenger {
	struct publisher *publisher;
	struct metrics *metrics;
	struct flights flights;
	struct outgoing
		*replying; /* in its on_reply(); NULL: cancelled there */
	bool is_up;
	uint64_t max_payload; /* of the server; 0: no session */
};

/* The publisher and the metrics are borrowed. `max`: messages on their way. */
void messenger_init(struct messenger *m, struct publisher *publisher,
		    struct metrics *metrics, size_t max);
/* No message is left. */
void messenger_finish(struct messenger *m);

/* All borrowed, for the call, but the subject. */
struct messenger_message {
	struct span subject;
	struct span reply; /* of a publish */
	struct span headers;
	struct span data;
};

/* PUBLISH_FAILURES: it is on its way, and on_end() comes later. Another value:
 * it was not sent, and no callback comes. */

/* A core publish: on_end() when the server has processed it. */
enum publish_failure messenger_publish(struct messenger *m, struct outgoing *o,
				       const struct outgoing_cbs *cbs,
				       const struct messenger_message *message,
				       uint64_t timeout_ms, uint64_t now_ms);
/* A request, or a JetStream publish (options->is_publish): on_reply() for each
 * reply. */
enum publish_failure messenger_request(struct messenger *m, struct outgoing *o,
				       const struct outgoing_cbs *cbs,
				       const struct messenger_message *message,
				       const struct flight_options *options,
				       uint64_t now_ms);
/* A core publish of which nothing is reported. */
void messenger_post(struct messenger *m,
		    const struct messenger_message *message,
		    uint64_t timeout_ms, uint64_t now_ms);
/* The id of the next message, for consumer_name.h: the replies of a request are
 * also the messages of the consumer with its id, which have a reply subject. */
uint64_t messenger_next_id(const struct messenger *m);
/* No callback comes any more; also from its on_reply(). A no-op after
 * on_end(), and for one that is zeroed. */
void messenger_cancel(struct messenger *m, struct outgoing *o);

/* Events of subscriptions are not for the messenger: false. */
bool messenger_on_event(struct messenger *m, const struct publisher_event *ev,
			uint64_t now_ms);
void messenger_tick(struct messenger *m, uint64_t now_ms);
/* When messenger_tick() next has work; UINT64_MAX: never. */
uint64_t messenger_next_ms(const struct messenger *m);
/* Messages on their way. */
size_t messenger_in_flight(const struct messenger *m);

#endif
