/* The headers of a reply from NATS as those of an HTTP response:
 *
 *	Trace: a	->	NatsH-Trace: a
 *
 * A responder chooses any bytes (message_headers.h). Left out: names that are
 * no token (RFC 9110, section 5.6.2), values with a control character or a byte
 * that is not ASCII, and those for which there is no room. */
#ifndef SLUICE_REPLY_HEADERS_H
#define SLUICE_REPLY_HEADERS_H

#include "base/buf.h"
#include "base/span.h"

enum { REPLY_HEADERS_MAX = 16 * 1024 }; /* bytes of all lines */

/* Appends the lines, each with its CRLF. -ENOMEM or 0. */
int reply_headers_put(struct buf *out, struct span block);

#endif
