/* The reply subject of a message that a consumer delivers (ADR-15): it carries
 * the counts of the stream and of the consumer. */
#ifndef SLUICE_JS_ACK_H
#define SLUICE_JS_ACK_H

#include <stddef.h>
#include <stdint.h>

struct js_ack {
	const char *consumer; /* borrowed of the subject; not NUL-terminated */
	size_t consumer_len;
	uint64_t delivered;
	uint64_t stream_seq;
	uint64_t consumer_seq;
	uint64_t time_ns;
	uint64_t pending;
};

/* $JS.ACK.<stream>.<consumer>.<delivered>.<sseq>.<cseq>.<ts>.<pending> (9
 * tokens), or with <domain>.<account> after $JS.ACK and maybe more tokens at
 * the end (11 or more). -EINVAL for anything else. */
int js_ack_parse(struct js_ack *ret, const char *reply, size_t len);

#endif
