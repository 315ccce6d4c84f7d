/* One line of a batch: a message to publish, in the form that the gateway's own
 * NDJSON has (http/ndjson.h):
 *
 *	{"subject":"orders.7","headers":{"Trace":["a"]},"data":"text"}
 *	{"data":"/w==","encoding":"base64","key":"k-1"}
 *	{"data":{"a":1},"expect":{"last_sequence":9}}
 *
 * | member | |
 * | subject | a string; absent: that of the request |
 * | data | required: the text of the payload; with encoding, its base64; any
 *	    other value than a string: its JSON on one line |
 * | encoding | "base64" |
 * | headers | names to a value, or to a list of values |
 * | headers_base64 | the same, values in base64 |
 * | expect | last sequence of the subject; {"last_subject_sequence": N} or
 *	    {"last_sequence": N} (of the stream) |
 * | key | idempotency key |
 * | seq, time, id | of a line of the gateway; ignored |
 *
 * Any other member is an error, and so is a doubled one, since a misspelt
 * "expect" would check nothing. */
#ifndef SLUICE_BATCH_LINE_H
#define SLUICE_BATCH_LINE_H

#include "base/buf.h"
#include "base/span.h"
#include "http/http_error.h"
#include "http/publish_headers.h"
#include "nats/pattern.h"

struct batch_line {
	/* Not checked (publish_rights_check()); empty: of the request. */
	struct span subject;
	struct span data;
	struct publish_headers headers; /* ended */
	struct buf room;		/* has the bytes of both */
	/* Members that are known already. */
	unsigned seen;
};

/* The line has no LF. `stream`, `identity`: publish_headers_init(). 0, -ENOMEM,
 * or -EINVAL with *why (400; 431). On success batch_line_finish() afterwards;
 * `line` may go. */
int batch_line_parse(struct batch_line *ret, struct http_error *why,
		     struct span line, struct span stream,
		     struct span identity);
void batch_line_finish(struct batch_line *l);

#endif
