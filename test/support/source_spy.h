/* Runs a nats_source on a loop, and records its events and statuses. Each wait
 * has a deadline, after which the test fails. */
#ifndef TEST_SOURCE_SPY_H
#define TEST_SOURCE_SPY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uv.h>

#include "publisher_spy.h"
#include "upstream/nats_source.h"

enum { SPY_TEXT_MAX = 512 };

/* A copy of an event. */
struct spy_event {
	enum jetstream_event_kind kind;
	struct request_id request;
	int err;
	char err_text[SPY_TEXT_MAX];
	uint64_t num_pending;
	struct jetstream_message msg; /* owned; the data end with a NUL */
	struct jetstream_info info;
	struct jetstream_status status;
	char subject[SPY_TEXT_MAX];
	char created[SPY_TEXT_MAX];
};

struct spy {
	uv_loop_t *loop;
	uv_timer_t timer;
	struct nats_source *source;
	struct jetstream *js;
	struct publisher *publisher;
	struct publisher_spy published; /* its events */
	struct spy_event **events;
	size_t n_events;
	size_t cap;
	size_t next; /* first event that spy_wait() has not passed */
	size_t n_flushes;
	char notes[64 * 1024]; /* statuses as lines: "kind server text" */
	size_t notes_len;
	bool counting;	    /* messages are counted, not recorded */
	uint64_t n_counted; /* stops at a missing one */
	size_t close_at;    /* number of the event that closes it; 0: none */
	bool closed;
	bool late; /* after the deadline */
};

/* Fails the test when the settings are rejected. */
void spy_start(struct spy *s, uv_loop_t *loop,
	       const struct nats_settings *settings);
/* Closes it, and returns the milliseconds that this took. Twice is a no-op. */
uint64_t spy_stop(struct spy *s);
/* Stops and frees. */
void spy_finish(struct spy *s);

/* The next event of the kind; it lives as long as the spy. */
const struct spy_event *spy_wait(struct spy *s, enum jetstream_event_kind kind);
/* Runs the loop until the notes after position `from` contain the text. */
void spy_wait_note(struct spy *s, size_t from, const char *text);
/* The next event of the publisher of this kind, with this id unless it is 0. */
const struct publisher_event *spy_wait_published(struct spy *s,
						 enum publisher_event_kind kind,
						 uint64_t id);
/* Runs the loop until the condition holds. */
void spy_until(struct spy *s, bool (*is_so)(void *arg), void *arg);
/* Runs the loop once without waiting. */
void spy_turn(struct spy *s);

#endif
