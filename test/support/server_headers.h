/* How nats-server finds a header in a block, old and new: slow and obvious, to
 * compare with. */
#ifndef TEST_SERVER_HEADERS_H
#define TEST_SERVER_HEADERS_H

#include <stdbool.h>

#include "base/span.h"

/* getHeader() of server/client.go in 2.9.10 and 2.10.27: only the first place
 * of the name counts. False: none. */
bool old_server_finds(struct span block, const char *name, struct span *ret);
/* The line that begins with the name and a colon, as 2.15 finds it. */
bool new_server_finds(struct span block, const char *name, struct span *ret);

/* Ends the program unless both find the same for each control header, and
 * nothing for those that a client may not set. */
void must_agree_on_control_headers(struct span block);

#endif
