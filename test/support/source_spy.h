/* A nats_source on a loop, whose events and notes are kept. Every wait has a
 * deadline, and fails the test. */
#ifndef TEST_SOURCE_SPY_H
#define TEST_SOURCE_SPY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uv.h>

#include "upstream/nats_source.h"

enum { SPY_TEXT_MAX = 512 };

/* A copy of an event. */
struct spy_event {
	enum jetstream_event_kind kind;
	struct request_id request;
	int err;
	char err_text[SPY_TEXT_MAX];
	uint64_t num_pending;
	struct jetstream_message msg; /* data owned, and ends with a NUL */
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
	struct spy_event **events;
	size_t n_events;
	size_t cap;
	size_t next; /* the first that no wait has passed */
	size_t n_turns;
	char notes[64 * 1024]; /* a line each: "kind server text" */
	size_t notes_len;
	bool counting;	    /* messages are counted and not kept */
	uint64_t n_counted; /* as long as none is missing */
	size_t close_at;    /* closes itself at this event; 0: never */
	bool closed;
	bool late; /* the deadline has passed */
};

/* Up to the first answer of the loop nothing has come. Fails the test when the
 * settings are refused. */
void spy_start(struct spy *s, uv_loop_t *loop,
	       const struct nats_settings *settings);
/* Closes and waits for it; the milliseconds that took. Twice is fine. */
uint64_t spy_stop(struct spy *s);
/* Stops, frees. */
void spy_finish(struct spy *s);

/* The next event of the kind that no wait has passed; lives as long as the spy.
 */
const struct spy_event *spy_wait(struct spy *s, enum jetstream_event_kind kind);
/* Until the notes hold the text, or a text behind what was there at `from`. */
void spy_wait_note(struct spy *s, size_t from, const char *text);
/* Runs the loop until the condition holds. */
void spy_until(struct spy *s, bool (*is_so)(void *arg), void *arg);
/* Runs the loop for what is ready, without waiting. */
void spy_turn(struct spy *s);

#endif
