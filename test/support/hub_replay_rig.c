#include "hub_replay_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/check.h"

static struct rig rig;

int setup_with(void **state, size_t max_replays, size_t memory,
	       uint64_t ping_ms)
{
	struct hub_config cfg = rig_config();

	cfg.max_replays = max_replays;
	cfg.buffer_size = memory;
	cfg.ping_ms = ping_ms;
	rig_start(&rig, &cfg);
	rig_live(&rig, 1, 10);
	*state = &rig;
	return 0;
}

int setup(void **state)
{
	return setup_with(state, 4, 1 << 20, 0);
}

int setup_with_pings(void **state)
{
	return setup_with(state, 4, 1 << 20, 1000);
}

int setup_with_one_replay(void **state)
{
	return setup_with(state, 1, 1 << 20, 0);
}

int setup_with_a_small_buffer(void **state)
{
	return setup_with(state, 4, 4096, 0);
}

int teardown(void **state)
{
	rig_finish(*state);
	return 0;
}

struct rig *fresh(void **state)
{
	teardown(state);
	setup(state);
	return *state;
}

void answer(struct rig *r, uint64_t from, uint64_t seq)
{
	rig_probe(r, from, seq);
	rig_info(r, RIG_STREAM, 1, 90);
	rig_flush(r);
}
