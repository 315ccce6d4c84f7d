/* JSON for the subscriptions that want it: lines, or events with a line as
 * their data. The buffer holds plain events, as nearly all clients take them,
 * so a line is made of its event when it is written, in memory that all
 * subscriptions share. An idle or slow subscription holds nothing but the rest
 * of one cut line, as others do of a cut event. */
#ifndef SLUICE_SUBSCRIPTION_NDJSON_H
#define SLUICE_SUBSCRIPTION_NDJSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "delivery/cursor.h"
#include "delivery/event_buffer.h"
#include "http/sse.h"

enum {
	SUBSCRIPTION_NDJSON_LINES = 64, /* in one write */
};

/* Lines of the last batch of one form. Subscriptions at the same place share
 * them: a frame's number is never used for another frame. */
struct json_batch {
	struct buf bytes;
	uint64_t first; /* number of the first frame; 0: no lines */
	uint64_t last;
	uint64_t more;	    /* the frame behind the last, as of then; 0: none */
	uint64_t selection; /* its id; 0: of one subject */
	size_t n;
	uint32_t len[SUBSCRIPTION_NDJSON_LINES];
};

struct subscription_ndjson {
	const struct event_buffer *buffer;
	const struct sse_tag *tag;
	struct buf payload;			    /* of one line */
	struct json_batch batches[CURSOR_FORMS][2]; /* without chunks, with */
};

/* Buffer and tag are borrowed. */
void subscription_ndjson_init(struct subscription_ndjson *s,
			      const struct event_buffer *buffer,
			      const struct sse_tag *tag);
void subscription_ndjson_finish(struct subscription_ndjson *s);
/* As cursor_gather() and cursor_advance(); the batch holds until the next
 * gather. False: no memory. */
bool subscription_ndjson_gather(struct subscription_ndjson *s,
				const struct cursor *c,
				struct cursor_batch *ret);
void subscription_ndjson_advance(const struct subscription_ndjson *s,
				 struct cursor *c, const struct cursor_batch *b,
				 size_t written, const uint8_t **rest,
				 size_t *rest_len);
/* Frees the memory of large batches: call it after each flush. */
void subscription_ndjson_trim(struct subscription_ndjson *s);

#endif
