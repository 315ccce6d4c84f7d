/* A JetStream in memory behind nats/jetstream.h, for tests: one stream, its
 * servers, consumers and their pulls. Every request is recorded, in order.
 * Nothing is answered inside the call; how it is answered is the test's choice:
 *
 * - by script: expect_request() takes the oldest request, and the test hands
 *   the code under test an event of its own (jetstream_events.h).
 * - step by step: fake_jetstream_serve_request() and _serve_consumer() answer
 *   one, in any order, from the stream; _deliver() hands over one event.
 * - at once: fake_jetstream_turn() does both for all.
 * - by the clock: fake_jetstream_serve_due() and _tick(), with `now_ms`.
 *
 * Faults are switched on by the fields of `faults`, or happen by calls.
 *
 *	fake_requests.c   the record, the session, events on their way
 *	fake_stream.c     the stream's content
 *	fake_responses.c  what the servers answer
 *	fake_consumers.c  consumers, their pulls, time
 *	fake_cluster.c    the leader, a former leader, late responses
 *	fake_expect.c     expect_request(), for unit tests */
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
	FAKE_MAX_LATE = 64,
	FAKE_MAX_CONSUMERS = 64,
	FAKE_MAX_PULLS = 8,
	FAKE_MAX_OWNERS = 32, /* of counted rejections */
	FAKE_HEARTBEAT_MS = 1000,
};
#define FAKE_ALL UINT64_MAX

enum fake_request_kind {
	REQUEST_INFO,
	REQUEST_GET_NEXT,
	REQUEST_GET,
	REQUEST_GET_LAST,
	REQUEST_CREATE,
	REQUEST_PULL,
	REQUEST_DELETE_CONSUMER,
	REQUEST_KINDS
};

struct fake_request {
	enum fake_request_kind kind;
	struct request_id request;
	uint64_t seq;			/* GET_NEXT, GET, CREATE */
	char subject[FAKE_MAX_SUBJECT]; /* "": no filter */
	uint64_t inactive_ms;		/* CREATE */
	bool last_per_subject;		/* CREATE */
	struct jetstream_pull pull;
	uint64_t sent_ms;
};

/* A message that was ever published. */
struct fake_message {
	uint64_t seq;
	uint64_t time_ns;
	char *subject;
	char *data;
	size_t len;
	bool internal; /* JetStream's own */
	char *block;   /* its headers; NULL: none */
	size_t block_len;
	struct buf headers; /* as JSON */
	bool big;	    /* exceeds the max_bytes of any pull that has one */
};

struct fake_pull {
	struct jetstream_pull pull; /* batch: what is left */
	uint64_t sent_ms;
	uint64_t heard_ms; /* time of its last message or heartbeat */
};

struct fake_consumer {
	bool alive;
	struct request_id request;
	uint64_t pos; /* last sequence that it has looked at */
	/* last_per_subject: numbers of the messages that are not yet
	 * delivered, and the sequence behind which it goes on. */
	size_t *newest;
	size_t n_newest;
	uint64_t resume;
	uint64_t cseq;
	unsigned lag; /* number of messages by which its replica is behind */
	uint64_t inactive_ms;
	uint64_t used_ms;
	char filter[FAKE_MAX_SUBJECT];
	struct fake_pull pulls[FAKE_MAX_PULLS];
	size_t n_pulls;
};

/* An event on its way. A message is named by its number, since it may leave the
 * stream meanwhile. */
struct fake_event {
	struct jetstream_event ev;
	size_t message;
	unsigned epoch; /* INFO: of the stream */
};

/* A chance is a number of 256. Without one, no random number is drawn. */
struct fake_faults {
	int error;	  /* each request returns it and is recorded */
	bool silent;	  /* requests are lost, consumers and heartbeats stop */
	unsigned errors;  /* chance of an error as INFO, FOUND, CREATED */
	unsigned pulls;	  /* chance that a pull gets 400, 409 or 503 */
	unsigned foreign; /* chance of another subject's message */
	unsigned big;	  /* chance that a new message exceeds max_bytes */
	unsigned max_batch;	/* larger pulls get 409; 0: no limit */
	unsigned max_consumers; /* more get 10026; 0: no limit */
	bool says_503;		/* to pulls of consumers that are gone: 2.10 */
	bool jumps;		/* 2.9: see fake_jetstream_purge_subject() */
	bool forgets;  /* below 2.11: the newest message of a wildcard was
			* deleted: there is none */
	bool shuffles; /* responses wait for fake_jetstream_deliver_late(),
			* which changes their order */
};

/* Responses of one server that are not yet on their way. */
struct fake_late {
	struct fake_event events[FAKE_MAX_LATE];
	size_t from, to;
};

struct fake_jetstream {
	struct jetstream source; /* for the code under test */
	struct fake_faults faults;
	uint64_t random; /* state of the faults' random numbers */
	uint64_t now_ms; /* set by the test */

	struct fake_request *requests; /* in the order of the calls */
	size_t n_requests;
	size_t read; /* the first that was neither read nor answered */
	/* Time until fake_jetstream_serve_due() answers a request; of a search
	 * for a message. */
	uint64_t answer_ms, search_ms;

	bool up; /* else requests are not taken (-ENOTCONN) */
	struct fake_event *events;
	size_t events_from, events_to;

	bool has_stream;
	bool covers_all; /* the template's filter covers all subjects */
	unsigned epoch;	 /* the stream's number: another `created` */
	uint64_t last_seq;
	uint64_t limit; /* messages that the stream keeps; 0: all */
	struct fake_message *messages; /* all that ever were; 0 is none */
	size_t n_messages, cap_messages;
	size_t *stored; /* numbers of those in the stream, by sequence */
	size_t n_stored;
	/* Called for each message that leaves the stream; NULL for none. It
	 * expired when limits or a purge removed it. */
	void (*on_removed)(struct fake_jetstream *js, size_t message,
			   bool expired);

	const char *event_header; /* that names events; NULL: none */
	char *next_block; /* of the next message to be stored; or NULL */
	size_t next_block_len;
	uint32_t leader;  /* 0: one server, which is no cluster */
	bool no_leader;	  /* the server that responds has no followers */
	uint64_t applied; /* last sequence that it has; FAKE_ALL: all */
	/* The former leader responds as well, with the stream up to a sequence.
	 * The responses of both go by different ways: either may be late. */
	bool former_leader;
	uint64_t former_last;
	struct fake_late late[2];

	unsigned behind; /* `lag` of new consumers */
	struct fake_consumer consumers[FAKE_MAX_CONSUMERS];
	/* Number of rejections by owner, the last for all others; reset by the
	 * test. */
	unsigned rejected[FAKE_MAX_OWNERS];
	unsigned served[REQUEST_KINDS]; /* number of requests; reset likewise */
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
/* The next message to be stored gets this block of headers. */
void fake_jetstream_set_headers(struct fake_jetstream *js, const void *block,
				size_t len);
/* The newest message becomes one that JetStream wrote for itself. */
void fake_jetstream_mark_internal(struct fake_jetstream *js);
/* All messages up to `upto` go, as by limits or a purge. */
void fake_jetstream_purge(struct fake_jetstream *js, uint64_t upto);
/* All messages of one subject go. With `jumps`, each consumer whose filter is
 * no literal subject skips to the end of the stream. */
void fake_jetstream_purge_subject(struct fake_jetstream *js,
				  const char *subject);
void fake_jetstream_delete(struct fake_jetstream *js, uint64_t seq);
/* The stream ends at `last` once more; its consumers are lost. */
void fake_jetstream_roll_back(struct fake_jetstream *js, uint64_t last);
/* With its consumers, whose pulls get a 409. */
void fake_jetstream_drop_stream(struct fake_jetstream *js);
/* An empty one, if there is none. */
void fake_jetstream_make_stream(struct fake_jetstream *js);
/* last_seq + 1 for an empty stream. */
uint64_t fake_jetstream_first_seq(const struct fake_jetstream *js);
/* The place in `stored` of the first message above `seq`. */
size_t fake_jetstream_place_above(const struct fake_jetstream *js,
				  uint64_t seq);
/* The number of the stored message with this sequence; 0: none. */
size_t fake_jetstream_at(const struct fake_jetstream *js, uint64_t seq);
/* The number of the next stored message of a subject ("" for all) in
 * (seq, upto]; 0: none. */
size_t fake_jetstream_next(const struct fake_jetstream *js, uint64_t seq,
			   const char *subject, uint64_t upto);

/* ---- the cluster --------------------------------------------------------- */

/* Another leader, with the whole stream; with the stream up to a sequence. */
void fake_jetstream_lead(struct fake_jetstream *js);
void fake_jetstream_lead_behind(struct fake_jetstream *js, uint64_t applied);
/* The leader gets no more messages. */
void fake_jetstream_stand_still(struct fake_jetstream *js);
/* The server that responds has no followers, and neither it nor its consumers
 * get messages above a sequence. */
void fake_jetstream_cut_off(struct fake_jetstream *js, uint64_t applied);
/* The former leader is back with the stream up to a sequence, and does not know
 * that it no longer leads; then it steps down. */
void fake_jetstream_return_former(struct fake_jetstream *js, uint64_t last);
void fake_jetstream_step_down(struct fake_jetstream *js);

/* ---- consumers ----------------------------------------------------------- */

size_t fake_jetstream_count_consumers(const struct fake_jetstream *js);
/* The n-th of them, modulo their number; NULL: none. */
struct fake_consumer *fake_jetstream_consumer(struct fake_jetstream *js,
					      size_t which);
/* All consumers vanish without a status. */
void fake_jetstream_lose_consumers(struct fake_jetstream *js);
/* The calls on one consumer return false when there was nothing to do, or no
 * consumer. The first: a pull ends with 408, though messages may be there. */
bool fake_jetstream_expire_pull(struct fake_jetstream *js,
				struct fake_consumer *c);
/* Another client deletes it; its pulls get a status, or not. */
bool fake_jetstream_delete_consumer(struct fake_jetstream *js,
				    struct fake_consumer *c, bool statuses);
bool fake_jetstream_beat(struct fake_jetstream *js, struct fake_consumer *c);
/* To each consumer with a pull that wants heartbeats. */
void fake_jetstream_heartbeat(struct fake_jetstream *js);

/* ---- answers ------------------------------------------------------------- */

typedef void (*fake_event_cb)(void *arg, const struct jetstream_event *ev);

/* Steps. False: there was nothing to do. The request is the n-th of the unread
 * ones, modulo their number. */
bool fake_jetstream_serve_request(struct fake_jetstream *js, size_t which);
/* One message, or the end of a pull that does not wait for one. */
bool fake_jetstream_serve_consumer(struct fake_jetstream *js,
				   struct fake_consumer *c);
bool fake_jetstream_deliver(struct fake_jetstream *js, fake_event_cb to,
			    void *arg);
/* All that is due; false when there was nothing. What an event's receiver asks
 * for is answered in the next turn. */
bool fake_jetstream_turn(struct fake_jetstream *js, fake_event_cb to,
			 void *arg);

/* A late response of the leader (0) or the former leader (1) is on its way. */
bool fake_jetstream_deliver_late(struct fake_jetstream *js, size_t server);
/* Loses the n-th event on its way, of any kind but UP and DOWN. */
bool fake_jetstream_lose_event(struct fake_jetstream *js, size_t which);
size_t fake_jetstream_count_events(const struct fake_jetstream *js);
/* The servers drop their queues of STREAM.INFO (2.14). */
void fake_jetstream_drop_infos(struct fake_jetstream *js);

/* ---- time ---------------------------------------------------------------- */

/* Answers the requests that have waited for answer_ms or search_ms. */
void fake_jetstream_serve_due(struct fake_jetstream *js);
/* Heartbeats, and the ends of pulls and of unused consumers, that are due. */
void fake_jetstream_tick(struct fake_jetstream *js);
/* When fake_jetstream_tick() next has work. */
uint64_t fake_jetstream_due(const struct fake_jetstream *js);
/* No event is on its way, and no consumer has one. */
bool fake_jetstream_idle(const struct fake_jetstream *js);

#endif
