/* Why a server does not take a connection, in its own words. */
#ifndef SLUICE_NATS_REASON_H
#define SLUICE_NATS_REASON_H

#include <stddef.h>

/* nats.c loses an error that comes in one segment with INFO, or in its place:
 * "Expected 'PONG', got ''". If `err` (`size` bytes) is such a text, the server
 * is asked once more, by a connection that only reads, for 2 s at most; what it
 * says replaces `err`. `url` is nats://HOST:PORT. For the thread of a connect:
 * it blocks. */
void nats_reason_find(const char *url, const char *host, char *err,
		      size_t size);

#endif
