/* A hub whose tail is live after sequence 10: the buffer begins there. */
#ifndef TEST_HUB_REPLAY_RIG_H
#define TEST_HUB_REPLAY_RIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hub_rig.h"

#define PING	     "data: {\"system\": \"ping\"}\n"
#define ECHO(cursor) RIG_OPENING(cursor)
#define OLD(seq)     "data: old\nid: " #seq "-@\n\n"
#define EVENT(seq)   "data: x\nid: " #seq "-@\n\n"
#define GAP(reason, after, first, id)                                   \
	"event: gap\ndata: {\"system\": \"gap\", \"reason\": \"" reason \
	"\", \"after\": " #after ", \"first\": " #first "}\nid: " id "\n\n"

int setup_with(void **state, size_t max_replays, size_t memory,
	       uint64_t ping_ms);
int setup(void **state);
int setup_with_pings(void **state);
int setup_with_one_replay(void **state);
int setup_with_a_small_buffer(void **state);
int teardown(void **state);
struct rig *fresh(void **state);
/* The next probe and the check of its answer. */
void answer(struct rig *r, uint64_t from, uint64_t seq);

#endif
