/* Reads the answer to a request for an event stream, cut anywhere, with as
 * little as possible for each byte and for each stream: head, chunks, lines,
 * events. It looks only at what a benchmark needs, and takes the beginning of a
 * line for the line. What a client must get right is tested elsewhere. */
#ifndef BENCH_SSE_SCAN_H
#define BENCH_SSE_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stamp.h"

enum {
	SSE_SCAN_LINE = 48, /* kept of a line that comes in pieces */
	SSE_SCAN_ID = 32,   /* longest cursor, with its NUL */
};

enum sse_scan_kind {
	SSE_SCAN_STAMPED, /* a message of a publisher of ours */
	SSE_SCAN_PING,
	SSE_SCAN_GAP,
	SSE_SCAN_OTHER,
	SSE_SCAN_OPENING, /* on_event() does not get it */
};

struct sse_scan_event {
	enum sse_scan_kind kind;
	struct stamp stamp; /* of a STAMPED one */
};

typedef void (*sse_scan_cb)(void *arg, const struct sse_scan_event *ev);

/* Zeroed is a start. */
struct sse_scan {
	uint8_t state;
	uint8_t line_kept;
	bool chunked;
	bool has_data;
	bool has_id;
	bool is_gap;
	uint16_t status; /* 0: the head has not begun */
	uint32_t line_len;
	uint64_t chunk_left;
	struct sse_scan_event event;
	char line[SSE_SCAN_LINE];
	char id[SSE_SCAN_ID];	   /* of the event that is being read */
	char last_id[SSE_SCAN_ID]; /* what a client would resume from */
};

/* 0, or -EPROTO for what is no such answer. */
int sse_scan_feed(struct sse_scan *s, const char *bytes, size_t len,
		  sse_scan_cb on_event, void *arg);
/* The head is whole; s->status says what it is. */
bool sse_scan_has_head(const struct sse_scan *s);
/* The body has come to its end. */
bool sse_scan_has_ended(const struct sse_scan *s);

#endif
