/* How much of a batch may be on its way to NATS. */
#ifndef SLUICE_BATCH_WINDOW_H
#define SLUICE_BATCH_WINDOW_H

#include <stdbool.h>
#include <stddef.h>

enum {
	BATCH_WINDOW = 64, /* messages */
	/* Bytes of headers and payloads. One message may have more. */
	BATCH_WINDOW_BYTES = 1024 * 1024,
};

/* Room for one more message of these bytes. */
static inline bool batch_window_has_room(size_t messages, size_t bytes,
					 size_t more)
{
	return messages == 0 ||
	       (messages < BATCH_WINDOW && bytes + more <= BATCH_WINDOW_BYTES);
}

#endif
