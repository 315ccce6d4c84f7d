/* The body of a request that is kept whole, as the payload of one message. Its
 * memory counts for --max-body-memory. */
#ifndef SLUICE_REQUEST_PAYLOAD_H
#define SLUICE_REQUEST_PAYLOAD_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/span.h"

struct conn_work;

struct request_payload {
	struct buf bytes;
	size_t besides; /* memory of the request that counts, too */
};

/* `max`: --max-body. */
void request_payload_init(struct request_payload *p, size_t max);
void request_payload_finish(struct request_payload *p);

/* A piece of the body. Without room the work is rejected (503), and gone when
 * this returns. */
void request_payload_add(struct request_payload *p, struct conn_work *w,
			 struct span piece);
struct span request_payload_span(const struct request_payload *p);
/* The payload is sent: its memory is free. */
void request_payload_release(struct request_payload *p, struct conn_work *w);

#endif
