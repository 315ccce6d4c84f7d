/* Publishes by the protocol's text, so that a message can have any bytes as its
 * headers. */
#ifndef TEST_RAW_PUBLISHER_H
#define TEST_RAW_PUBLISHER_H

#include <stddef.h>

/* On a connection of its own; returns when the server has taken the message.
 * `block`: the headers, sent as they are. */
void raw_publish(int port, const char *subject, const void *block,
		 size_t block_len, const void *data, size_t len);

#endif
