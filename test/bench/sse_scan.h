/* Parses the response of a subscription: head, chunks, lines, events. The bytes
 * may be split anywhere. Cheap for each byte and each subscription: the parser
 * reads only what a benchmark needs, and only the beginning of a line. It is no
 * test of the protocol; test/wire and test/e2e are. */
#ifndef BENCH_SSE_SCAN_H
#define BENCH_SSE_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stamp.h"

enum {
	SSE_SCAN_LINE = 48, /* kept of a line that is split */
	SSE_SCAN_ID = 32,   /* longest event id, with its NUL */
};

enum sse_scan_kind {
	SSE_SCAN_STAMPED, /* a message with a stamp */
	SSE_SCAN_PING,
	SSE_SCAN_GAP,
	SSE_SCAN_OTHER,
	SSE_SCAN_OPENING, /* not reported to on_event() */
};

struct sse_scan_event {
	enum sse_scan_kind kind;
	struct stamp stamp; /* of a STAMPED one */
};

typedef void (*sse_scan_cb)(void *arg, const struct sse_scan_event *ev);

/* All zero: the initial state. */
struct sse_scan {
	uint8_t state;
	uint8_t line_kept;
	bool chunked;
	bool has_data;
	bool has_id;
	bool is_gap;
	uint16_t status; /* 0: no status line yet */
	uint32_t line_len;
	uint64_t chunk_left;
	struct sse_scan_event event;
	char line[SSE_SCAN_LINE];
	char id[SSE_SCAN_ID];	   /* of the current event */
	char last_id[SSE_SCAN_ID]; /* of the last complete event */
};

/* 0; -EPROTO: not such a response. */
int sse_scan_feed(struct sse_scan *s, const char *bytes, size_t len,
		  sse_scan_cb on_event, void *arg);
/* The response head is complete; its status is s->status. */
bool sse_scan_has_head(const struct sse_scan *s);
/* The body is complete. */
bool sse_scan_has_ended(const struct sse_scan *s);

#endif
