/* An event stream as a browser reads it: the WHATWG HTML standard, 9.2.6
 * "Interpreting an event stream", for bytes cut anywhere. */
#ifndef TEST_SSE_DECODER_H
#define TEST_SSE_DECODER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bytes.h"

struct sse_event {
	char *type; /* "message" where the stream named none */
	char *data;
	size_t len;
	char *id;	/* the last event id when it was dispatched */
	uint64_t at_ms; /* when it came (monotonic); 0 from the decoder */
};

/* The event is borrowed for the time of the call. */
typedef void (*sse_event_cb)(void *arg, const struct sse_event *ev);

/* Zeroed but for the callback is a start. */
struct sse_decoder {
	sse_event_cb on_event;
	void *arg;
	struct bytes line;
	struct bytes data;
	struct bytes type;
	struct bytes id;      /* the buffer: becomes last_id at an empty line */
	struct bytes last_id; /* what a browser would send to resume */
	bool had_cr;
	bool begun; /* the first line's byte order mark is looked for once */
	bool has_retry;
	uint64_t retry_ms;
	size_t n_comments;
	size_t n_events;
};

void sse_decoder_feed(struct sse_decoder *d, const void *bytes, size_t len);
void sse_decoder_finish(struct sse_decoder *d);

#endif
