/* The messages of several replays in the order of the stream, each once. */
#ifndef SLUICE_REPLAY_MERGE_H
#define SLUICE_REPLAY_MERGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "delivery/replay.h"

/* Sequence of the first message that may be handed out: each other replay has a
 * later one, or has covered it. 0: none. */
uint64_t replay_merge_next(const struct replay *parts, size_t n);
/* The frames that may be handed out, up to the batch's limits. */
void replay_merge_gather(const struct replay *parts, size_t n,
			 struct cursor_batch *ret);
/* As cursor_advance(). */
void replay_merge_advance(struct replay *parts, size_t n,
			  const struct cursor_batch *b, size_t written,
			  const uint8_t **rest, size_t *rest_len);

#endif
