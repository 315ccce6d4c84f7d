/* A NATS behind nats/publisher.h, in memory, for tests. Calls are queued; the
 * test lets the worker and the server take steps, and the session end, in any
 * order. Events wait in the order in which the real mailbox has them.
 *
 * A call that the loop makes before it takes PUBLISHER_DOWN is lost with the
 * session.
 *
 *	fake_publisher_send()      the worker takes the oldest call, posts SENT,
 *	                           and the message is with the server
 *	arrived                    what the server got, in order
 *	fake_publisher_answer()    a reply is posted
 *	fake_publisher_take_event()  what the loop gets next
 */
#ifndef TEST_FAKE_PUBLISHER_H
#define TEST_FAKE_PUBLISHER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "nats/publisher.h"

enum { FAKE_PUBLISHER_MAX = 256 };

enum fake_call_kind {
	FAKE_PUBLISH,
	FAKE_REQUEST,
	FAKE_SUBSCRIBE,
};

/* Copies; for the test to read. */
struct fake_call {
	enum fake_call_kind kind;
	uint64_t id;
	uint64_t deadline_ms;
	char *subject;
	char *reply; /* or the queue group */
	char *data;
	size_t len;
	char *headers;
	size_t headers_len;
	bool is_forgotten;
};

struct fake_publisher {
	struct publisher base;
	bool is_up;
	bool seems_up;	/* to the loop, which takes events later */
	size_t n_turns; /* UP and DOWN events that wait */
	uint64_t max_payload;
	size_t max_queued; /* calls beyond get -ENOBUFS */
	struct fake_call queued[FAKE_PUBLISHER_MAX];
	size_t n_queued;
	struct fake_call arrived[FAKE_PUBLISHER_MAX];
	size_t n_arrived;
	struct {
		struct publisher_event event;
		char *data; /* freed when taken */
	} events[FAKE_PUBLISHER_MAX];
	size_t n_events;
	char *taken;
};

void fake_publisher_init(struct fake_publisher *p);
void fake_publisher_finish(struct fake_publisher *p);

/* A new session: -> PUBLISHER_UP. */
void fake_publisher_up(struct fake_publisher *p);
/* The session ends: queued calls are dropped, -> PUBLISHER_DOWN. */
void fake_publisher_down(struct fake_publisher *p);
/* False: nothing is queued. A call over its deadline is answered with
 * PUBLISHER_FAILED. */
bool fake_publisher_send(struct fake_publisher *p, uint64_t now_ms);
/* Drops everything that has arrived. */
void fake_publisher_clear(struct fake_publisher *p);
/* Nothing is posted without a session. */
void fake_publisher_answer(struct fake_publisher *p, uint64_t id,
			   const char *data);
/* The same with a block of headers (message_headers.h). */
void fake_publisher_reply(struct fake_publisher *p, uint64_t id,
			  const char *headers, const char *data);
void fake_publisher_fail(struct fake_publisher *p, uint64_t id,
			 enum publish_failure failure);
/* Any other event without texts. */
void fake_publisher_post(struct fake_publisher *p,
			 const struct publisher_event *event);
/* A message of a subscription. */
void fake_publisher_message(struct fake_publisher *p, uint64_t id,
			    const char *subject, const char *data);
/* False: none. Borrowed until the next call. */
bool fake_publisher_take_event(struct fake_publisher *p,
			       struct publisher_event *ret);

#endif
