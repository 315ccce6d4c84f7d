/* The headers of a NATS message (ADR-4): a block of lines that end with \r\n,
 *
 *	NATS/1.0
 *	Name: value
 *	(empty line)
 *
 * nats-server checks none of it and stores any bytes, so names and values are
 * hostile:
 *
 * - The block ends at its first empty line. A lone \r or \n ends no line.
 * - A line that begins with a blank or a tab continues the value before it; the
 *   value keeps the line end between them.
 * - A line without a colon, or without a name before it, is no header.
 * - A name is taken as it is: NATS's clients compare its case. A value has no
 *   white space around it.
 * - A block that does not begin with NATS/1.0 has no headers. */
#ifndef SLUICE_MESSAGE_HEADERS_H
#define SLUICE_MESSAGE_HEADERS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/span.h"

struct message_header {
	struct span name;  /* not empty */
	struct span value; /* inside the block */
};

/* What follows the first line; empty for a block without headers. */
struct span message_headers_begin(struct span block);
/* The next header: true, with *rest moved behind it. False after the last
 * one. */
bool message_headers_next(struct span *rest, struct message_header *ret);
/* The first value of this exact name. */
bool message_headers_find(struct span block, const char *name,
			  struct span *ret);

enum { MESSAGE_EVENT_MAX = 64 };

/* The first value of this exact name, if it can name a client's event: 1 to
 * MESSAGE_EVENT_MAX of [A-Za-z0-9._:-], and no name with a meaning in the
 * gateway's streams or for EventSource (open, error, message, gap, system,
 * base64). */
bool message_headers_event(struct span block, const char *name,
			   struct span *ret);
/* The message was written by JetStream itself: a delete marker, or the
 * definition of a schedule. */
bool message_headers_are_internal(struct span block);

/* Appends the members of a JSON object that show the headers, each with a comma
 * behind it, or nothing where there is none to show:
 *
 *	"headers":{"Trace":["a","b"]},"headers_base64":{"Key":["/w=="]},
 *
 * Names and values of a name have the order of the block. A name with a value
 * that is not UTF-8 has all of its values in headers_base64. Left out: names
 * that begin with Nats- in any case, since they are for JetStream and its
 * clients, and names that are not UTF-8. -ENOMEM, -ENOBUFS or 0. */
int message_headers_json(struct buf *to, struct span block);

#endif
