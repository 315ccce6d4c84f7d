/* The server's reason to reject a connection. */
#ifndef SLUICE_NATS_REASON_H
#define SLUICE_NATS_REASON_H

#include <stddef.h>

/* nats.c loses an error that comes in one segment with INFO, or in its place:
 * "Expected 'PONG', got ''". If `err` (`size` bytes) is such a text, this opens
 * another connection, which only reads, for 2 s at most, and replaces `err` by
 * the server's text. `url` is nats://HOST:PORT. Blocks: for the thread of a
 * connect. */
void nats_reason_find(const char *url, const char *host, char *err,
		      size_t size);

#endif
