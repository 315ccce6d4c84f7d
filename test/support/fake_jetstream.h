/* A JetStream in memory behind nats/jetstream.h, for tests: one stream, its
 * consumers and their pulls. Every request is recorded, in order. Nothing is
 * answered inside the call; how it is answered is the test's choice:
 *
 * - by script: expect_request() takes the oldest request, and the test hands
 * the code under test an event of its own (jetstream_events.h).
 * - step by step: fake_jetstream_serve_request() and _serve_consumer() answer
 *   one, in any order, from the stream; _deliver() hands over one event.
 * - at once: fake_jetstream_turn() does both for all.
 *
 * Faults are switched on by the fields of `faults`, or happen by calls (down,
 * purge, drop_stream). */
#ifndef TEST_FAKE_JETSTREAM_H
#define TEST_FAKE_JETSTREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "http/sse.h"
#include "nats/jetstream.h"

enum {
	FAKE_MAX_SUBJECT = 192,
	FAKE_MAX_REQUESTS = 8192,
	FAKE_MAX_EVENTS = 2048,
	FAKE_MAX_CONSUMERS = 64,
	FAKE_MAX_PULLS = 8,
	FAKE_HEARTBEAT_MS = 1000,
};

enum fake_request_kind {
	REQUEST_INFO,
	REQUEST_GET_NEXT,
	REQUEST_GET,
	REQUEST_GET_LAST,
	REQUEST_CREATE,
	REQUEST_PULL,
	REQUEST_DELETE_CONSUMER,
};

struct fake_request {
	enum fake_request_kind kind;
	struct request_id request;
	uint64_t seq;			/* GET_NEXT, GET, CREATE */
	char subject[FAKE_MAX_SUBJECT]; /* "": no filter */
	uint64_t inactive_ms;		/* CREATE */
	struct jetstream_pull pull;
};

/* A message that was ever published. */
struct fake_message {
	uint64_t seq;
	uint64_t time_ns;
	char *subject;
	char *data;
	size_t len;
	bool internal; /* JetStream's own */
};

struct fake_consumer {
	bool alive;
	struct request_id request;
	uint64_t pos; /* last sequence that it has looked at */
	uint64_t cseq;
	char filter[FAKE_MAX_SUBJECT];
	struct jetstream_pull pulls[FAKE_MAX_PULLS]; /* batch: what is left */
	size_t n_pulls;
};

/* An event on its way. A message is named by its number, since it may leave the
 * stream meanwhile. */
struct fake_event {
	struct jetstream_event ev;
	size_t message;
	char created[32];
};

struct fake_faults {
	int error;   /* each request returns it and is recorded */
	bool silent; /* requests are lost, consumers and heartbeats stop */
};

struct fake_jetstream {
	struct jetstream source; /* for the code under test */
	struct fake_faults faults;

	struct fake_request *requests; /* in the order of the calls */
	size_t n_requests;
	size_t read; /* the first that was neither read nor answered */

	bool up; /* else requests are not taken (-ENOTCONN) */
	struct fake_event *events;
	size_t events_from, events_to;

	bool has_stream;
	unsigned epoch; /* the stream's number: another `created` */
	uint64_t last_seq;
	struct fake_message *messages; /* all that ever were; 0 is none */
	size_t n_messages, cap_messages;
	size_t *stored; /* numbers of those in the stream, by sequence */
	size_t n_stored;
	struct fake_consumer consumers[FAKE_MAX_CONSUMERS];
};

/* Connected, with an empty stream. */
void fake_jetstream_init(struct fake_jetstream *js);
void fake_jetstream_finish(struct fake_jetstream *js);

/* ---- the record ---------------------------------------------------------- */

/* The next request, which must be of this kind; the test fails if there is
 * none. Good until 8000 requests later. */
const struct fake_request *expect_request(struct fake_jetstream *js,
					  enum fake_request_kind kind);
/* Every request was read. */
void expect_no_request(const struct fake_jetstream *js);
/* Requests that were not read yet. */
size_t requests_unread(const struct fake_jetstream *js);

/* ---- the connection ------------------------------------------------------ */

/* A new session, and its end: consumers, requests and events are lost. */
void fake_jetstream_up(struct fake_jetstream *js);
void fake_jetstream_down(struct fake_jetstream *js);

/* ---- the stream ---------------------------------------------------------- */

/* The tag of the stream's first, second ... incarnation. */
struct sse_tag fake_jetstream_tag(unsigned epoch);
/* False: a sequence that is not above the last one. */
bool fake_jetstream_store(struct fake_jetstream *js, uint64_t seq,
			  const char *subject, const void *data, size_t len);
/* The newest message becomes one that JetStream wrote for itself. */
void fake_jetstream_mark_internal(struct fake_jetstream *js);
/* All messages up to `upto` go, as by limits or a purge. */
void fake_jetstream_purge(struct fake_jetstream *js, uint64_t upto);
void fake_jetstream_delete(struct fake_jetstream *js, uint64_t seq);
/* With its consumers, whose pulls get a 409. */
void fake_jetstream_drop_stream(struct fake_jetstream *js);
/* An empty one, if there is none. */
void fake_jetstream_make_stream(struct fake_jetstream *js);
/* The number of the next stored message of a subject ("" for all) above `seq`;
 * 0: none. */
size_t fake_jetstream_next(const struct fake_jetstream *js, uint64_t seq,
			   const char *subject);

/* ---- answers ------------------------------------------------------------- */

typedef void (*fake_event_cb)(void *arg, const struct jetstream_event *ev);

/* Steps. False: there was nothing to do. */
bool fake_jetstream_serve_request(struct fake_jetstream *js, size_t which);
bool fake_jetstream_serve_consumer(struct fake_jetstream *js,
				   struct fake_consumer *c);
bool fake_jetstream_deliver(struct fake_jetstream *js, fake_event_cb to,
			    void *arg);
/* To each consumer with a pull that wants heartbeats. */
void fake_jetstream_heartbeat(struct fake_jetstream *js);
/* All that is due; false when there was nothing. What an event's receiver asks
 * for is answered in the next turn. */
bool fake_jetstream_turn(struct fake_jetstream *js, fake_event_cb to,
			 void *arg);

#endif
