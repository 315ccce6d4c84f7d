/* A JetStream in memory behind nats/jetstream.h, for conversations: one stream,
 * whose messages are said by the script. It answers in the loop's next turn, in
 * order, and loses nothing; sim_js has the faults. */
#ifndef WIRE_FAKE_JS_H
#define WIRE_FAKE_JS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "http/sse.h"
#include "nats/jetstream.h"

struct fake_js;

enum { FAKE_JS_HEARTBEAT_MS = 1000 };

struct fake_js *fake_js_new(void);
void fake_js_free(struct fake_js *js);
struct jetstream *fake_js_source(struct fake_js *js);
/* The tag of the stream's first, second ... incarnation. */
struct sse_tag fake_js_tag(unsigned epoch);

/* The connection. */
void fake_js_up(struct fake_js *js);
void fake_js_down(struct fake_js *js);
/* Requests go unanswered. */
void fake_js_set_deaf(struct fake_js *js, bool deaf);

/* The stream. False: a sequence that is not above the last one. */
bool fake_js_store(struct fake_js *js, uint64_t seq, const char *subject,
		   const void *data, size_t len);
/* The newest message is one that JetStream wrote for itself. */
void fake_js_mark(struct fake_js *js);
/* All messages up to `upto` go, as by limits or a purge. */
void fake_js_purge(struct fake_js *js, uint64_t upto);
void fake_js_delete(struct fake_js *js, uint64_t seq);
/* Deleted with its consumers; with `anew` there is an empty one at once. */
void fake_js_drop_stream(struct fake_js *js, bool anew);
void fake_js_make_stream(struct fake_js *js);

/* The server says that it is there to who waits. */
void fake_js_heartbeat(struct fake_js *js);
/* Hands over what is due; false when there was nothing. */
bool fake_js_turn(struct fake_js *js,
		  void (*to)(void *arg, const struct jetstream_event *ev),
		  void *arg);

#endif
