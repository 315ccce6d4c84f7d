/* The frames of the buffer that a selection accepts, in order. */
#ifndef SLUICE_SELECTION_READER_H
#define SLUICE_SELECTION_READER_H

#include <stdbool.h>
#include <stdint.h>

#include "delivery/event_buffer.h"
#include "delivery/selection.h"

/* Frames that one call compares at most: some 100 us. */
enum { SELECTION_SCAN_MAX = 2048 };

/* Makes the index reach back to frame `number`, as far as one call may. A
 * selection of literal subjects follows their frames alone. True: it does, or
 * it is full; false: call it again. */
bool selection_reader_prepare(struct selection *s, const struct event_buffer *b,
			      uint64_t number);
/* The first frame from `number` on that the selection accepts; 0: none up to
 * the newest. Compares at most *scan frames that the index lacks, and counts
 * them down: at 0 there may be more. */
uint64_t selection_reader_next(const struct selection *s,
			       const struct event_buffer *b, uint64_t number,
			       unsigned *scan);

#endif
