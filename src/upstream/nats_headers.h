/* The headers of a received message as the server has sent them: the block of
 * nats/message_headers.h. */
#ifndef SLUICE_NATS_HEADERS_H
#define SLUICE_NATS_HEADERS_H

#include "base/buf.h"
#include "base/span.h"

struct __natsMsg; /* natsMsg */

/* Once for all threads, before the first message. */
void nats_headers_init(void);
/* The block with its first line, where a server's status stands. No
 * natsMsgHeader_...() may have been called for the message: the first of them
 * writes into the block. Borrowed from the message, or made in `room`. Empty:
 * no headers, or no memory. */
struct span nats_headers_of(struct __natsMsg *msg, struct buf *room);
/* The block made of what nats.c's functions return. */
struct span nats_headers_build(struct __natsMsg *msg, struct buf *room);

#endif
