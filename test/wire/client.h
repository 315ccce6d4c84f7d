/* One client of a conversation: its socket, and all that came by it. */
#ifndef WIRE_CLIENT_H
#define WIRE_CLIENT_H

#include <stdbool.h>
#include <stddef.h>

#include "bytes.h"
#include "sse_decoder.h"

enum client_end { CLIENT_OPEN, CLIENT_EOF, CLIENT_RESET };

struct client {
	char name[32];
	int fd; /* -1: closed by itself */
	enum client_end end;
	bool end_seen; /* an expectation has named it */
	bool deaf;     /* reads no more than `wants` */
	size_t wants;
	struct bytes in;

	/* How far the expectations are: see expect.c. */
	size_t at;	/* in `in` */
	size_t head_at; /* of the last head: its first header line */
	size_t head_end;
	bool chunked;
	size_t chunk_left;
	struct sse_decoder decoder;
};

void client_init(struct client *c, const char *name, int fd);
void client_finish(struct client *c);
/* False when the bytes do not fit its socket. A connection that the other side
 * has ended takes bytes as the network does: they are lost. */
bool client_send(struct client *c, const char *bytes, size_t len);
/* Reads what is there, at most `max` bytes; false when nothing was. */
bool client_read(struct client *c, size_t max);
/* All that was sent has been taken by the other side, or never will be. */
bool client_sent_all(const struct client *c);
/* Ends its sending half. */
void client_shutdown(struct client *c);
void client_close(struct client *c);

#endif
