/* Bodies of JetStream API requests, as JSON. Each appends to `out`, or leaves
 * it as it was. 0, -ENOBUFS or -ENOMEM. */
#ifndef SLUICE_JS_REQUEST_H
#define SLUICE_JS_REQUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

int js_request_get_next(struct buf *out, uint64_t seq, const char *subject);
int js_request_get(struct buf *out, uint64_t seq);
int js_request_get_last(struct buf *out, const char *subject);
/* Pages (js_page.h): subjects of a stream, and names of streams, that match a
 * pattern. */
int js_request_subjects(struct buf *out, const char *pattern, uint64_t offset);
int js_request_names(struct buf *out, const char *pattern, uint64_t offset);

struct js_consumer {
	const char *stream;
	const char *name;
	const char *filter; /* NULL: none */
	uint64_t start_seq;
	uint64_t inactive_ms;
	bool last_per_subject; /* needs a filter; without start_seq */
	bool headers_only;
};
int js_request_create(struct buf *out, const struct js_consumer *c);

struct js_pull {
	uint32_t batch;
	uint64_t max_bytes;
	uint64_t expires_ms;
	uint64_t heartbeat_ms;
	bool no_wait;
};
int js_request_pull(struct buf *out, const struct js_pull *p);

#endif
